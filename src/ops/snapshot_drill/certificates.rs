//! A CA for one drill, so that the etcd that boots answers to this run and nobody else.
//!
//! Invariant: the CA's key and the client's key are never written; the server's, mode 0600, into the
//! scratch directory.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::cluster::TlsMaterial;
use crate::model::KeyAlgorithm;
use crate::pki::{
    CaRequest, CaSection, CertificateAuthority, IssueError, LeafRequest, PrivateKey, Profile, San,
    Subject, issue_ca, issue_leaf,
};
use crate::sys::files::{self, FileError};

/// Lifetime of all of them; no drill takes longer.
const LIFETIME: SignedDuration = SignedDuration::from_hours(48);

/// The name of the client: with authentication switched on, etcd takes it for its user `root`, which is
/// there then and may read everything.
const CLIENT: &str = "root";

/// Names of the server's files.
pub(super) const CA_FILE: &str = "ca.crt";
/// Its certificate.
pub(super) const CERT_FILE: &str = "server.crt";
/// Its key.
pub(super) const KEY_FILE: &str = "server.key";

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// They can't be issued.
    #[error("issue certificates for the drill")]
    Issue(#[from] IssueError),
    /// They can't be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Writes the server's files into `directory`, and returns what a client needs.
pub(super) fn make(directory: &Path, now: Timestamp) -> Result<TlsMaterial, CertificateError> {
    let (authority, ca) = authority(now)?;
    let ca = ca.into_bytes();
    let (cert, key) = leaf(&authority, "drill", now)?;
    files::write_new(&directory.join(CA_FILE), &ca, 0o600)?;
    files::write_new(&directory.join(CERT_FILE), &cert, 0o600)?;
    files::write_new(&directory.join(KEY_FILE), &key, 0o600)?;
    Ok(TlsMaterial {
        ca,
        identity: Some(leaf(&authority, CLIENT, now)?),
    })
}

fn authority(now: Timestamp) -> Result<(CertificateAuthority, String), IssueError> {
    let request = CaRequest {
        subject: Subject::common_name("etcdha-drill").to_name()?,
        sans: Vec::new(),
        ca: CaSection {
            expiry: LIFETIME,
            ..CaSection::default()
        },
        crl_url: None,
    };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    let (authority, issued) = issue_ca(&request, key, now)?;
    Ok((authority, issued.pem()))
}

/// A certificate and its key, both PEM. Servers call each other with theirs, so all have both usages.
type Pair = (Vec<u8>, Zeroizing<Vec<u8>>);

fn leaf(authority: &CertificateAuthority, name: &str, now: Timestamp) -> Result<Pair, IssueError> {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    let request = LeafRequest {
        subject: Subject::common_name(name).to_name()?,
        sans: vec![San::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST))],
        crl_url: None,
    };
    let profile = Profile {
        // What is left of the CA's.
        expiry: LIFETIME,
        ..Profile::built_in()
    };
    let issued = issue_leaf(authority, &profile, &request, key.public_key(), now)?;
    let key = Zeroizing::new(key.to_pem().as_bytes().to_vec());
    Ok((issued.pem().into_bytes(), key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_files_are_private_and_no_other_key_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let tls = make(dir.path(), Timestamp::now()).unwrap();
        let names = files::list(dir.path()).unwrap();
        assert_eq!(names, [CA_FILE, CERT_FILE, KEY_FILE]);
        for name in names {
            use std::os::unix::fs::PermissionsExt;
            let about = std::fs::metadata(dir.path().join(&name)).unwrap();
            assert_eq!(about.permissions().mode() & 0o7777, 0o600, "{name}");
        }
        let written = files::read(&dir.path().join(KEY_FILE)).unwrap();
        let (_, key) = tls.identity.unwrap();
        assert!(*key != written);
    }
}
