//! Reads a host that kubeadm, or somebody by hand, set up.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::certificates::adopt_names;
use super::control_plane::{self, ControlPlaneFacts, ControlPlaneFiles, drop_usual_names};
use super::error::InitError;
use super::etcd_pod::{self, EtcdPodFacts};
use super::merge::{merge, roles, said_of_etcd, shown};
use super::translate::{self, Translation};
use crate::manifest::pod::StaticPod;
use crate::model::{ClusterSpec, EtcdVersion, MemberSpec, NodeName};
use crate::pki::inspect;
use crate::sys::files;

/// Where the kubelet of a kubeadm host looks for static pods.
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// The administrator's kubeconfig that kubeadm writes.
const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// What was read from a host, or from several, and the cluster it amounts to.
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
    /// The nodes that were read.
    pub hosts: Vec<String>,
    /// The node that was read, and how a person tells it from others.
    pub(super) own: NodeName,
    pub(super) label: String,
    pub(super) root: PathBuf,
    pub(super) has_etcd: bool,
    pub(super) has_control_plane: bool,
    /// Members that `--initial-cluster` names beside this one.
    pub(super) neighbours: Vec<NodeName>,
    /// The servers that its apiserver uses.
    pub(super) etcd_servers: Vec<String>,
    /// What every host of the cluster must say alike.
    pub(super) said: Vec<(&'static str, String)>,
    pub(super) ca_key_is_missing: bool,
    pub(super) ca_notes: Vec<String>,
}

/// Reads the manifests and certificates below `root`, the host's root directory as seen from here.
/// `version` is for images whose tag does not name a release.
///
/// # Errors
/// [`InitError`]; nothing is guessed that decides how a member runs.
pub fn read_host(root: &Path, version: Option<EtcdVersion>) -> Result<HostReading, InitError> {
    let etcd = below(root, &Path::new(MANIFESTS).join("etcd.yaml"));
    if files::read_optional(&etcd)?.is_none() {
        return Err(InitError::NoManifest { path: etcd });
    }
    let mut reading = read_any(root, version)?;
    let lonely =
        "no kube-apiserver runs on this host: read as external where --topology is not given";
    let lonely = (!reading.has_control_plane).then_some(lonely);
    drop_usual_names(&mut reading.spec);
    Ok(conclude(reading, lonely))
}

/// Reads several hosts of one cluster, as [`read_host`] does one; a control plane node need not carry
/// etcd.
///
/// # Errors
/// [`InitError`]; among them that two hosts contradict each other.
pub fn read_hosts(
    roots: &[PathBuf],
    version: Option<&EtcdVersion>,
) -> Result<HostReading, InitError> {
    let readings = roots.iter().map(|root| read_any(root, version.cloned()));
    let readings = readings.collect::<Result<Vec<_>, _>>()?;
    if !readings.iter().any(|reading| reading.has_etcd) {
        return Err(InitError::NoEtcd);
    }
    let several = readings.len() > 1;
    let labelled = readings.into_iter().map(|mut reading| {
        let (label, root) = (&reading.label, reading.root.display().to_string());
        for note in &mut reading.notes {
            // Of one host, or with a path below its root, it is plain whose files are meant.
            if several && !note.starts_with(&root) {
                *note = format!("{label}: {note}");
            }
        }
        reading
    });
    merge(labelled.collect())
        .map(|reading| conclude(reading, None))
        .map_err(InitError::Disagree)
}

/// Says at last what only holds for all that was read.
fn conclude(mut reading: HostReading, topology: Option<&str>) -> HostReading {
    let names: Vec<_> = reading.neighbours.iter().map(NodeName::as_str).collect();
    let neighbours = (!names.is_empty()).then(|| {
        format!(
            "members from --initial-cluster, which etcd reads at its first start only: {}; compare \
             with etcdha member list",
            names.join(", ")
        )
    });
    let general = neighbours.into_iter().chain(topology.map(str::to_owned));
    let mut notes: Vec<_> = general.collect();
    notes.append(&mut reading.ca_notes);
    notes.append(&mut reading.notes);
    reading.notes = notes;
    reading
}

/// Reads a host with etcd, with a control plane, or with both.
fn read_any(root: &Path, version: Option<EtcdVersion>) -> Result<HostReading, InitError> {
    let mut manifests = Vec::new();
    let etcd = read_manifest(root, "etcd.yaml", &mut manifests)?;
    let apiserver = read_manifest(root, "kube-apiserver.yaml", &mut manifests)?;
    let control_plane = match &apiserver {
        Some(apiserver) => Some(control_plane(root, apiserver, &mut manifests)?),
        None => None,
    };
    let mut reading = match (etcd, &control_plane) {
        (Some(etcd), _) => with_etcd(root, &etcd, version, control_plane.is_some())?,
        (None, Some(facts)) => without_etcd(root, facts)?,
        (None, None) => {
            let path = below(root, Path::new(MANIFESTS));
            return Err(InitError::NoPods { path });
        }
    };
    if let Some(facts) = &control_plane {
        add_control_plane(&mut reading, facts);
    }
    reading.certificates = count_certificates(&below(root, &reading.spec.pki.host_dir))?;
    reading.manifests = manifests;
    Ok(reading)
}

/// A manifest that was read.
struct Manifest {
    seen: PathBuf,
    bytes: Vec<u8>,
    pod: StaticPod,
}

fn read_manifest(
    root: &Path,
    name: &str,
    manifests: &mut Vec<PathBuf>,
) -> Result<Option<Manifest>, InitError> {
    let path = Path::new(MANIFESTS).join(name);
    let seen = below(root, &path);
    let Some(bytes) = files::read_optional(&seen)? else {
        return Ok(None);
    };
    let pod = StaticPod::parse(&bytes).map_err(|error| InitError::Manifest {
        path: seen.clone(),
        error,
    })?;
    manifests.push(path);
    Ok(Some(Manifest { seen, bytes, pod }))
}

fn below(root: &Path, host_path: &Path) -> PathBuf {
    root.join(host_path.strip_prefix("/").unwrap_or(host_path))
}

fn control_plane(
    root: &Path,
    apiserver: &Manifest,
    manifests: &mut Vec<PathBuf>,
) -> Result<ControlPlaneFacts, InitError> {
    let manager = read_manifest(root, "kube-controller-manager.yaml", manifests)?;
    let admin_conf = files::read_optional(&below(root, Path::new(ADMIN_CONF)))?;
    // It holds the administrator's key.
    let admin_conf = admin_conf.map(zeroize::Zeroizing::new);
    let mut facts = control_plane::read(&ControlPlaneFiles {
        apiserver: &apiserver.pod,
        controller_manager: manager.as_ref().map(|manager| &manager.pod),
        admin_conf: admin_conf.as_ref().map(|bytes| bytes.as_slice()),
    });
    if let Some(path) = facts.certificate.clone() {
        let seen = below(root, &path);
        match files::read_optional(&seen)? {
            None => facts
                .notes
                .push(format!("{} does not exist", seen.display())),
            Some(pem) => {
                if let Err(why) = facts.adopt_certificate(&pem) {
                    facts.notes.push(format!("{}: {why}", seen.display()));
                }
            }
        }
    }
    Ok(facts)
}

fn with_etcd(
    root: &Path,
    manifest: &Manifest,
    version: Option<EtcdVersion>,
    with_control_plane: bool,
) -> Result<HostReading, InitError> {
    let facts = etcd_facts(manifest, version)?;
    let Translation {
        mut spec,
        mut notes,
    } = translate::of_etcd(&facts, with_control_plane);
    spec.etcd.resources = translate::resources(&manifest.bytes).unwrap_or_default();
    let mut said = said_of_etcd(&spec);
    let ca = adopt_ca(root, &facts, &mut spec)?;
    said.extend(ca.fingerprint.map(|fingerprint| ("pki.ca", fingerprint)));
    for member in &mut spec.members {
        if member.name == facts.name {
            member.root = (root != Path::new("/")).then(|| root.to_owned());
            adopt_leaves(root, &facts, member, &mut notes)?;
        }
    }
    let neighbours = facts.before.iter().chain(&facts.behind);
    Ok(HostReading {
        neighbours: neighbours.map(|(name, _)| name.clone()).collect(),
        hosts: vec![facts.name.to_string()],
        label: facts.name.to_string(),
        own: facts.name.clone(),
        root: root.to_owned(),
        has_etcd: true,
        has_control_plane: false,
        etcd_servers: Vec::new(),
        said,
        ca_key_is_missing: ca.key_is_missing,
        ca_notes: ca.notes,
        spec,
        notes,
        manifests: Vec::new(),
        certificates: 0,
    })
}

fn without_etcd(root: &Path, facts: &ControlPlaneFacts) -> Result<HostReading, InitError> {
    let hostname = files::read_optional(&below(root, Path::new("/etc/hostname")))?;
    let hostname = hostname.and_then(|bytes| String::from_utf8(bytes).ok());
    let name = facts.node_name(hostname.as_deref().map(str::trim));
    let unnamed = || InitError::NoName {
        path: below(root, facts.certificate.as_deref().unwrap_or(Path::new("/"))),
    };
    let name = name.ok_or_else(unnamed)?;
    let address = facts.address.ok_or_else(|| InitError::Says {
        path: below(root, &Path::new(MANIFESTS).join("kube-apiserver.yaml")),
        what: "--advertise-address is missing".to_owned(),
        fix: "set it, or name the members instead: etcdha init --member m1=10.0.0.11",
    })?;
    let mut spec = translate::of_control_plane(&name, address);
    for member in &mut spec.members {
        member.root = (root != Path::new("/")).then(|| root.to_owned());
    }
    Ok(HostReading {
        hosts: vec![name.to_string()],
        label: name.to_string(),
        own: name,
        root: root.to_owned(),
        has_etcd: false,
        has_control_plane: false,
        neighbours: Vec::new(),
        etcd_servers: Vec::new(),
        said: Vec::new(),
        ca_key_is_missing: true,
        ca_notes: Vec::new(),
        spec,
        notes: Vec::new(),
        manifests: Vec::new(),
        certificates: 0,
    })
}

/// Takes over what the node's control plane says.
fn add_control_plane(reading: &mut HostReading, facts: &ControlPlaneFacts) {
    reading.has_control_plane = true;
    let spec = &mut reading.spec;
    let mut own: Vec<IpAddr> = facts.address.into_iter().collect();
    for member in &mut spec.members {
        if member.name == reading.own {
            member.roles = roles(reading.has_etcd, true);
            own.extend(member.addresses());
        }
    }
    translate::add_control_plane(spec, facts, &own);
    let apiserver = &spec.apiserver;
    let endpoint = facts.server.as_ref().map(|_| {
        let endpoint = apiserver.control_plane_endpoint.as_ref();
        endpoint.map_or_else(|| "each node's own address".to_owned(), ToString::to_string)
    });
    let said = [
        ("name", facts.cluster_name.clone()),
        (
            "kubernetes.version",
            facts.version.as_ref().map(ToString::to_string),
        ),
        ("kubernetes.imageRepository", facts.repository.clone()),
        (
            "networking.serviceSubnet",
            facts.service_subnet.as_ref().map(ToString::to_string),
        ),
        (
            "networking.podSubnet",
            facts.pod_subnet.as_ref().map(ToString::to_string),
        ),
        ("networking.dnsDomain", facts.dns_domain.clone()),
        ("apiserver.port", facts.port.map(|port| port.to_string())),
        ("apiserver.controlPlaneEndpoint", endpoint),
        ("apiserver.extraArgs", Some(shown(&facts.extra_args))),
    ];
    let said = said.into_iter();
    reading
        .said
        .extend(said.filter_map(|(field, says)| Some((field, says?))));
    reading.etcd_servers.clone_from(&facts.etcd_servers);
    reading.notes.extend(facts.notes.iter().cloned());
}

fn etcd_facts(
    manifest: &Manifest,
    version: Option<EtcdVersion>,
) -> Result<EtcdPodFacts, InitError> {
    let says = |what, fix| InitError::Says {
        path: manifest.seen.clone(),
        what,
        fix,
    };
    let mut facts = etcd_pod::read(&manifest.pod).map_err(|what| {
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

/// The CA that a host's etcd trusts.
#[derive(Default)]
struct AdoptedCa {
    /// Of its certificate.
    fingerprint: Option<String>,
    key_is_missing: bool,
    notes: Vec<String>,
}

/// Takes over the CA that the host's etcd trusts.
fn adopt_ca(
    root: &Path,
    facts: &EtcdPodFacts,
    spec: &mut ClusterSpec,
) -> Result<AdoptedCa, InitError> {
    let mut adopted = AdoptedCa::default();
    let Some(trusted) = &facts.trusted_ca else {
        let note = "--trusted-ca-file is not set: etcdha will make a CA of its own";
        adopted.notes.push(note.to_owned());
        return Ok(adopted);
    };
    let ca = translate::ca_files(&below(root, trusted), spec.pki.layout);
    match files::read_optional(&ca.cert)? {
        None => adopted
            .notes
            .push(format!("{} does not exist", ca.cert.display())),
        Some(pem) => {
            let certificate = inspect::first_certificate(&pem).ok();
            let shown = |fingerprint| format!("the certificate {fingerprint}");
            adopted.fingerprint = certificate.map(|facts| shown(facts.fingerprint.to_string()));
        }
    }
    if files::read_optional(&ca.key)?.is_none() {
        adopted.key_is_missing = true;
        adopted.notes.push(format!(
            "{} does not exist: bring the CA's key there, or correct pki.ca.key",
            ca.key.display()
        ));
    }
    spec.pki.ca = Some(ca);
    Ok(adopted)
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
