//! `certs gen` and `certs renew`: the CA and every node's certificates.
//!
//! Existing material is respected: a CA is adopted and never overwritten, a valid leaf is kept, one
//! that is not is named and replaced only when asked. What is there and what should be there is
//! compared anew in each run, so a run that was killed is simply run again.

mod observe;
mod plan;

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::model::{ClusterSpec, NodeName};
use crate::ops::host_certificates::NearEnd;
use crate::pki::{CertificateKind, Strictness};

pub use observe::{CaState, GenError, LeafState, Looked, NodePlace, Observed, observe};
pub(in crate::ops) use plan::here;
pub use plan::plan;

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct CertsRequest {
    /// The cluster file.
    pub spec: ClusterSpec,
    /// Where the nodes' files are.
    pub place: Place,
    /// These nodes only; all where it is empty.
    pub nodes: Vec<NodeName>,
    /// These kinds only; all where it is empty.
    pub kinds: Vec<CertificateKind>,
    /// What becomes of certificates that are there.
    pub existing: Existing,
    /// When a certificate no longer counts as valid because its end is near.
    pub near_end: NearEnd,
    /// How mistakes in templates are treated that cfssl passes over.
    pub strictness: Strictness,
    /// Passphrase of the CA's key, where it is encrypted.
    pub passphrase: Option<Zeroizing<String>>,
}

/// Where the nodes' files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Below the operator's directory, `nodes/NAME`, to be carried to the nodes.
    Operator {
        /// The absolute path of that directory.
        directory: PathBuf,
    },
    /// On the hosts themselves.
    Hosts,
}

impl Existing {
    /// True where nothing new is made.
    pub fn only_renews(self) -> bool {
        matches!(self, Self::Renew | Self::RenewInvalid)
    }
}

/// What becomes of certificates that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// All are kept, those that are not valid are named.
    Keep,
    /// Those that are not valid are replaced.
    ReplaceInvalid,
    /// Every pair that is there is replaced; what is missing is left alone.
    Renew,
    /// Pairs that are there and not valid are replaced; what is missing is left alone.
    RenewInvalid,
}
