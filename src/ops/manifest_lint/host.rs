//! What the files on a host are, as far as the rules ask.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::manifest::lint::{
    CertificateFact, DataDirFact, Evidence, MemberIdentity, PathFact, Wanted,
};
use crate::model::NodeName;
use crate::node::{DataDirState, LocalNode};
use crate::pki::inspect::{self, CLIENT_AUTH, CertificateFacts, SERVER_AUTH, Why};
use crate::sys::files;

/// Where a host's root directory is here.
pub(super) struct HostRoot {
    path: PathBuf,
    /// The manifests are this host's. If not, only files that are there say anything.
    is_known: bool,
}

impl HostRoot {
    pub(super) fn known(path: PathBuf) -> Self {
        Self {
            path,
            is_known: true,
        }
    }

    /// A draft, perhaps for the host etcdha runs on.
    pub(super) fn perhaps_this() -> Self {
        Self {
            path: "/".into(),
            is_known: false,
        }
    }

    fn local(&self, host_path: &str) -> PathBuf {
        self.path.join(host_path.trim_start_matches('/'))
    }
}

/// Looks at everything the rules want to know of.
pub(super) fn gather(root: &HostRoot, wanted: &Wanted, evidence: &mut Evidence) {
    for path in &wanted.paths {
        match path_fact(&root.local(path)) {
            Some(PathFact::Missing) if !root.is_known => {}
            fact => evidence.paths.extend(fact.map(|fact| (path.clone(), fact))),
        }
    }
    for path in &wanted.certificates {
        let found = read(&root.local(path)).map(|bytes| certificate_fact(&bytes));
        evidence
            .certificates
            .extend(found.map(|fact| (path.clone(), fact)));
    }
    for (cert, ca) in &wanted.signatures {
        let signed = is_signed(&root.local(cert), &root.local(ca));
        evidence
            .signatures
            .extend(signed.map(|signed| ((cert.clone(), ca.clone()), signed)));
    }
    for (cert, key) in &wanted.key_pairs {
        let matches = is_pair(&root.local(cert), &root.local(key));
        evidence
            .key_pairs
            .extend(matches.map(|matches| ((cert.clone(), key.clone()), matches)));
    }
    // Whose data another host has, this one does not tell.
    for path in wanted.data_dirs.iter().filter(|_| root.is_known) {
        let fact = data_dir_fact(&root.path, path);
        evidence
            .data_dirs
            .extend(fact.map(|fact| (path.clone(), fact)));
    }
}

fn read(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    files::read(path).ok().map(Zeroizing::new)
}

fn path_fact(path: &Path) -> Option<PathFact> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Some(PathFact::Directory),
        Ok(metadata) if metadata.is_file() => Some(PathFact::File {
            mode: metadata.permissions().mode() & 0o7777,
        }),
        Ok(_) => Some(PathFact::Other),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(PathFact::Missing),
        Err(_) => None,
    }
}

fn certificate_fact(bytes: &[u8]) -> Result<CertificateFact, String> {
    let first = inspect::first_certificate(bytes).map_err(|error| error.to_string())?;
    let contents = inspect::read(bytes);
    let prints: Vec<String> = contents
        .certificates()
        .map(|facts| facts.fingerprint.to_string())
        .collect();
    Ok(CertificateFact {
        dns_names: first.extensions.names.dns.clone(),
        ip_addresses: first.extensions.names.ip.clone(),
        server_auth: first.extensions.allows_extended(SERVER_AUTH),
        client_auth: first.extensions.allows_extended(CLIENT_AUTH),
        is_ca: contents.certificates().all(CertificateFacts::is_ca),
        not_before: first.not_before,
        not_after: first.not_after,
        fingerprint: prints.join(" "),
    })
}

/// Whether a certificate of the second file signed the first of the first one.
fn is_signed(cert: &Path, ca: &Path) -> Option<bool> {
    let presented: Vec<CertificateFacts> = inspect::read(&read(cert)?)
        .certificates()
        .cloned()
        .collect();
    let trusted: Vec<CertificateFacts> =
        inspect::read(&read(ca)?).certificates().cloned().collect();
    let (leaf, intermediates) = presented.split_first()?;
    if trusted.is_empty() {
        return None;
    }
    match inspect::chain_to(leaf, intermediates, &trusted) {
        Ok(_) => Some(true),
        Err(why)
            if why
                .iter()
                .any(|why| matches!(why, Why::Unverifiable { .. })) =>
        {
            None
        }
        Err(_) => Some(false),
    }
}

fn is_pair(cert: &Path, key: &Path) -> Option<bool> {
    let certificate = inspect::first_certificate(&read(cert)?).ok()?;
    let contents = inspect::read(&read(key)?);
    let key = contents.private_keys().next()?;
    inspect::key_matches(&certificate, key)
}

fn data_dir_fact(root: &Path, path: &str) -> Option<DataDirFact> {
    let name: NodeName = "localhost".parse().ok()?;
    let node = LocalNode {
        name,
        root: root.to_owned(),
    };
    Some(match node.data_dir(Path::new(path)).ok()? {
        DataDirState::Empty => DataDirFact::Fresh,
        DataDirState::Member {
            member_id,
            cluster_id,
        } => DataDirFact::Member(Some(MemberIdentity {
            cluster: cluster_id,
            member: member_id,
        })),
        DataDirState::Occupied(names) if names.iter().any(|name| name == "member") => {
            DataDirFact::Member(None)
        }
        DataDirState::Occupied(_) => DataDirFact::Fresh,
    })
}
