//! Whether the certificates on a host fit it: the rules of `pki::check`, one pair at a time.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::model::{ClusterSpec, MemberSpec};
use crate::node::LocalNode;
use crate::pki::check::{
    CheckRequest, ExpectedPair, NodeTree, Rule, Severity, TreeFile, check, extra_names,
};
use crate::pki::inspect::CertificateFacts;
use crate::pki::{CertificateKind, PairPaths};
use crate::sys::files::{self, FileError};
use crate::sys::pairs;

/// What is known of one certificate pair on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairState {
    /// No certificate.
    Missing,
    /// A pair that is valid for this host under this CA.
    Valid,
    /// A pair that is not; why.
    Invalid(Vec<String>),
}

/// When a certificate counts as about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearEnd {
    /// With fewer whole days left than these.
    Days(i64),
    /// In the last 30 days; of a short life in its last third. What was asked for short would
    /// otherwise be due as soon as it is made.
    LastThird,
}

impl NearEnd {
    /// Days before its end at which this certificate no longer fits; the general number where there
    /// is none.
    pub fn warn_days(self, certificate: Option<&CertificateFacts>) -> i64 {
        const USUAL: i64 = 30;
        const SECONDS: i64 = 24 * 60 * 60;
        match (self, certificate) {
            (Self::Days(days), _) => days,
            (Self::LastThird, None) => USUAL,
            (Self::LastThird, Some(facts)) => {
                let life = facts.not_after.as_second() - facts.not_before.as_second();
                USUAL.min(life / SECONDS / 3)
            }
        }
    }
}

/// Against what a pair is judged.
#[derive(Clone, Copy, Debug)]
pub struct Standard<'a> {
    /// The cluster file.
    pub spec: &'a ClusterSpec,
    /// The CAs that the cluster trusts.
    pub trusted: &'a [CertificateFacts],
    /// The present.
    pub now: Timestamp,
    /// Days before the end at which a certificate no longer fits.
    pub warn_days: i64,
}

/// Judges a pair on a node; paths are the node's own.
///
/// # Errors
/// Where a file can't be read.
pub fn judge(
    standard: Standard<'_>,
    node: &LocalNode,
    member: &MemberSpec,
    kind: CertificateKind,
    paths: &PairPaths,
) -> Result<PairState, FileError> {
    let (cert, key) = (node.local(&paths.cert), node.local(&paths.key));
    let cert_file = tree_file(&cert, &paths.cert)?;
    let key_file = tree_file(&key, &paths.key)?;
    match (&cert_file, &key_file) {
        (None, None) => return Ok(PairState::Missing),
        // Half of a commit that was killed: the next one puts it right.
        _ if pairs::is_interrupted(&key, &cert) && cert_file.is_none() => {
            return Ok(PairState::Missing);
        }
        _ => {}
    }
    let tree = NodeTree {
        node: Some(member.name.clone()),
        files: [cert_file, key_file].into_iter().flatten().collect(),
        expected: vec![ExpectedPair {
            used_as: kind.into(),
            cert: paths.cert.clone(),
            key: paths.key.clone(),
            extra_names: extra_names(standard.spec, member, kind),
        }],
        addresses: member.addresses().collect(),
        ..NodeTree::default()
    };
    let request = CheckRequest {
        nodes: vec![tree],
        trusted: standard.trusted.to_vec(),
        now: standard.now,
        warn_days: standard.warn_days,
    };
    let findings = check(&request);
    // A certificate that is about to end is only a warning to a monitor; here it no longer fits.
    let wrong = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error || finding.rule == Rule::ExpiresSoon);
    let wrong: Vec<_> = wrong.map(|finding| finding.message.clone()).collect();
    Ok(if wrong.is_empty() {
        PairState::Valid
    } else {
        PairState::Invalid(wrong)
    })
}

/// A file as the checks want it; `None` where there is none.
fn tree_file(local: &Path, shown: &Path) -> Result<Option<TreeFile>, FileError> {
    let Some(bytes) = files::read_optional(local)? else {
        return Ok(None);
    };
    let fail = |source| FileError {
        doing: "look at",
        path: local.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(local).map_err(fail)?;
    Ok(Some(TreeFile {
        path: shown.to_owned(),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        contents: Ok(Zeroizing::new(bytes)),
    }))
}
