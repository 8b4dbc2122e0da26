//! Version 1 of the documents: one file a report, fields in camelCase, ids in hex, times in RFC 3339.

mod apiserver;
mod certs;
mod cluster;
mod cluster_file;
mod config_check;
mod frontend;
mod kubeadm;
mod manifest;
mod plan;
mod requests;
mod saved_snapshot;
mod snapshot;
mod snapshot_drill;
mod snapshot_restore;
mod topology;
mod version;

pub use apiserver::{
    Apiserver, ApiserverRepointResult, ApiserverStatus, Leader, RepointedApiserver,
};
pub use certs::{
    Certificate, CertificateCheck, CertificateFinding, CertificateIssue, CertificateItem,
    CertificateList, CertificateRequest, CheckedTree, Extensions, IssuedCa, IssuedCertificate,
    Names, PrivateKey, PublicKey, RevocationList, Revoked, TlsServer, UnreadableItem,
};
pub use cluster::{ClusterStatus, Member, MemberAddResult, MemberList};
pub use cluster_file::ClusterFile;
pub use config_check::{ConfigCheck, ConfigFinding};
pub use frontend::{
    FrontendAnswer, FrontendCheck, FrontendFinding, FrontendOperation, FrontendPlan,
    FrontendRemoval, FrontendServer, FrontendService, FrontendSetup, FrontendStatus,
};
pub use kubeadm::KubeadmConfig;
pub use manifest::{ManifestFinding, ManifestLint, SystemdUnit, UncheckedRule};
pub use plan::{Plan, PlanStep, UndoPlan};
pub use requests::{
    CertificateRequestList, CertificateRevocation, CertificateSigning, MadeRequest,
    RevokedCertificate, SignedRequest,
};
pub use saved_snapshot::{
    MemberReason, PlaceReason, PrunedSnapshot, SnapshotItem, SnapshotList, SnapshotPruning,
    SnapshotSavePlan, SnapshotSaved,
};
pub use snapshot::{
    SnapshotAlarm, SnapshotBucket, SnapshotFinding, SnapshotHashKv, SnapshotInspection,
    SnapshotKey, SnapshotLease, SnapshotMember, SnapshotPrefix, SnapshotStatus,
    SnapshotVerification,
};
pub use snapshot_drill::{DrillCheck, DrillSpotKey, SnapshotDrill, SnapshotDrillPlan};
pub use snapshot_restore::{
    OldData, RestoredClusterMember, SnapshotClusterRestore, SnapshotRestore,
};
pub use topology::TopologyMoveResult;
pub use version::Version;
