//! The vocabulary of change and its one engine.
//!
//! A plan is data: it is printed, saved in a receipt and applied, and applying decides nothing
//! that the plan doesn't say. Secrets are born while applying, so a plan or a receipt never
//! contains one.

mod action;
mod apiserver;
mod apply;
mod certificates;
mod cluster_restore;
mod describe;
mod engine;
mod receipt;
mod restore;
mod service;
mod snapshots;
mod step;
mod world;

pub use action::{Action, FileExpectation, JoinTarget, WriteFile};
pub use apiserver::{ApiserverTarget, CredentialFiles, EtcdUse, Repoint};
pub use certificates::{
    CaIssue, CaTarget, CrlOrder, CrlWrite, LeafIssue, LeafOrder, Order, RequestIssue, RequestSign,
    SignOrder,
};
pub use cluster_restore::{
    DataSwap, MARK, RestoreMark, RestoredCluster, RestoredMember, SET_ASIDE, StageData, StartPod,
    StopPod, SwapPlaces, WaitStopped,
};
pub use engine::{Applied, Events, Failure, Performer, Progress, apply, roll_back};
pub use receipt::{Receipt, ReceiptError, StepRecord, StepState};
pub use restore::{EmptyDir, FoundingPeer, OwnerIds, PlaceToBe, RestoreDataDir};
pub use service::GiveFiles;
pub use snapshots::{RemoveSnapshot, RemoveUpload};
pub use step::{Outcome, Plan, Step, StepError, Undo, VotersAfter};
pub use world::World;
