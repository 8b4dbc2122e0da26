//! Carries out single actions. Each function is harmless when it runs a second time, because a
//! killed run may have done its work without recording it.

pub(super) mod apiserver;
pub(super) mod certs;
pub(super) mod cluster_restore;
pub(super) mod crl;
pub(super) mod files;
pub(super) mod membership;
pub(super) mod requests;
pub(super) mod restore;
pub(super) mod service;
pub(super) mod snapshots;
pub(super) mod wait;
pub(super) mod write_through;
