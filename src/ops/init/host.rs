//! Reads a host that kubeadm, or somebody by hand, set up.

use std::path::{Path, PathBuf};

use super::certificates::adopt_names;
use super::error::InitError;
use super::etcd_pod::{self, EtcdPodFacts};
use super::translate::{self, Translation};
use crate::manifest::pod::StaticPod;
use crate::model::{ClusterSpec, EtcdVersion, MemberSpec};
use crate::pki::inspect;
use crate::sys::files;

/// Where the kubelet of a kubeadm host looks for static pods.
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// What was read from a host, and the cluster it amounts to.
#[derive(Clone, Debug)]
pub struct HostReading {
    /// The cluster.
    pub spec: ClusterSpec,
    /// Manifests that were read, as paths on the host.
    pub manifests: Vec<PathBuf>,
    /// How many certificates were read.
    pub certificates: usize,
    /// What a person should know or look at.
    pub notes: Vec<String>,
}

/// Reads the manifests and certificates below `root`, the host's root directory as seen from here.
/// `version` is for images whose tag does not name a release.
///
/// # Errors
/// [`InitError`]; nothing is guessed that decides how a member runs.
pub fn read_host(root: &Path, version: Option<EtcdVersion>) -> Result<HostReading, InitError> {
    let etcd_path = PathBuf::from(MANIFESTS).join("etcd.yaml");
    let etcd_seen = below(root, &etcd_path);
    let Some(bytes) = files::read_optional(&etcd_seen)? else {
        return Err(InitError::NoManifest { path: etcd_seen });
    };
    let facts = etcd_facts(&etcd_seen, &bytes, version)?;
    let resources = translate::resources(&bytes);
    let mut manifests = vec![etcd_path];
    let apiserver_path = PathBuf::from(MANIFESTS).join("kube-apiserver.yaml");
    let apiserver_seen = below(root, &apiserver_path);
    let apiserver = match files::read_optional(&apiserver_seen)? {
        Some(bytes) => {
            manifests.push(apiserver_path);
            Some(pod(&apiserver_seen, &bytes)?)
        }
        None => None,
    };
    let Translation {
        mut spec,
        mut notes,
    } = translate::cluster(&facts, apiserver.as_ref());
    spec.etcd.resources = resources.unwrap_or_default();
    adopt_ca(root, &facts, &mut spec, &mut notes)?;
    for member in &mut spec.members {
        if member.name == facts.name {
            member.root = (root != Path::new("/")).then(|| root.to_owned());
            adopt_leaves(root, &facts, member, &mut notes)?;
        }
    }
    let certificates = count_certificates(&below(root, &spec.pki.host_dir))?;
    Ok(HostReading {
        spec,
        manifests,
        certificates,
        notes,
    })
}

fn below(root: &Path, host_path: &Path) -> PathBuf {
    root.join(host_path.strip_prefix("/").unwrap_or(host_path))
}

fn pod(path: &Path, bytes: &[u8]) -> Result<StaticPod, InitError> {
    StaticPod::parse(bytes).map_err(|error| InitError::Manifest {
        path: path.to_owned(),
        error,
    })
}

fn etcd_facts(
    path: &Path,
    bytes: &[u8],
    version: Option<EtcdVersion>,
) -> Result<EtcdPodFacts, InitError> {
    let says = |what, fix| InitError::Says {
        path: path.to_owned(),
        what,
        fix,
    };
    let mut facts = etcd_pod::read(&pod(path, bytes)?).map_err(|what| {
        says(
            what,
            "name the members instead: etcdha init --member m1=10.0.0.11",
        )
    })?;
    facts.version = version.or(facts.version);
    if facts.version.is_none() {
        let image = facts.image.as_deref().unwrap_or("none");
        let what = format!("the image {image} does not name a release of etcd 3.4, 3.5 or 3.6");
        return Err(says(
            what,
            "name the release that runs: --etcd-version 3.5.24",
        ));
    }
    Ok(facts)
}

/// Takes over the CA that the host's etcd trusts.
fn adopt_ca(
    root: &Path,
    facts: &EtcdPodFacts,
    spec: &mut ClusterSpec,
    notes: &mut Vec<String>,
) -> Result<(), InitError> {
    let Some(trusted) = &facts.trusted_ca else {
        notes.push("--trusted-ca-file is not set: etcdha will make a CA of its own".to_owned());
        return Ok(());
    };
    let ca = translate::ca_files(&below(root, trusted), spec.pki.layout);
    if files::read_optional(&ca.cert)?.is_none() {
        notes.push(format!("{} does not exist", ca.cert.display()));
    }
    if files::read_optional(&ca.key)?.is_none() {
        notes.push(format!(
            "{} does not exist: bring the CA's key there, or correct pki.ca.key",
            ca.key.display()
        ));
    }
    spec.pki.ca = Some(ca);
    Ok(())
}

/// Takes over the names of the host's server and peer certificates.
fn adopt_leaves(
    root: &Path,
    facts: &EtcdPodFacts,
    member: &mut MemberSpec,
    notes: &mut Vec<String>,
) -> Result<(), InitError> {
    for path in [&facts.cert_file, &facts.peer_cert_file]
        .into_iter()
        .flatten()
    {
        let seen = below(root, path);
        match files::read_optional(&seen)? {
            None => notes.push(format!("{} does not exist", seen.display())),
            Some(pem) => {
                if let Err(why) = adopt_names(member, &pem) {
                    notes.push(format!("{}: {why}", seen.display()));
                }
            }
        }
    }
    Ok(())
}

/// Counts the files with a certificate in the certificate directory and its `etcd` folder.
fn count_certificates(dir: &Path) -> Result<usize, InitError> {
    let mut count = 0;
    for dir in [dir.to_owned(), dir.join("etcd")] {
        for name in files::list(&dir)? {
            let is_certificate = name.ends_with(".crt") || name.ends_with(".pem");
            if is_certificate && !name.ends_with("-key.pem") {
                let bytes = files::read(&dir.join(name))?;
                count += usize::from(inspect::first_certificate(&bytes).is_ok());
            }
        }
    }
    Ok(count)
}
