//! `etcdha snapshot save`: one member's database into a file that is proven to be the cluster.
//!
//! Invariant: the name shows a whole, verified snapshot or nothing. It is no plan of the engine: a
//! save changes nothing that a cluster depends on, so there is nothing to undo or to go on with.

mod choose;
mod fetch;
mod observe;
mod prove;
mod save;
mod store;
mod target;

pub use choose::Candidate;
pub use fetch::{FetchError, SpoolAt, Transfer};
pub use observe::{ObserveError, Observed, ObservedPlace, SaveRequest, observe};
pub use prove::{Answer, Proof};
pub use save::{Failed, SaveError, SaveEvents, Saved, save};
pub use target::{SavePlan, plan};
