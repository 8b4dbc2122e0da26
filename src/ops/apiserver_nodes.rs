//! The kube-apiservers of a cluster file: their manifests, their addresses, how they are asked, and
//! which etcd they use.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::apiserver::{EtcdFlags, ProcessMark, RunningApiserver, accepts};
use crate::manifest::apiserver::{ServersOverride, etcd_of};
use crate::manifest::flags::{Flags, Program};
use crate::manifest::pod::{PathInPod, StaticPod, VolumeSource};
use crate::model::{ApiserverUrl, ClientUrl, ClusterSpec, Host, MemberSpec, Role};
use crate::node::LocalNode;
use crate::plan::{ApiserverTarget, CredentialFiles, EtcdUse};
use crate::sys::files::{self, FileError};

use super::node_files::{MANIFEST_DIR, MANIFEST_MODE, OPERATOR};

/// Where kubeadm puts the administrator's kubeconfig.
const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// Where an apiserver keeps its objects unless told otherwise.
const DEFAULT_PREFIX: &str = "/registry";

/// The port an apiserver listens on unless told otherwise.
const DEFAULT_PORT: u16 = 6443;

/// Longest time of one request while looking.
pub(super) const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// The nodes that run an apiserver, in the file's order.
pub fn control_plane(spec: &ClusterSpec) -> impl Iterator<Item = &MemberSpec> {
    let members = spec.members.iter();
    members.filter(|member| member.roles.contains(&Role::ControlPlane))
}

/// What the manifest directory of a node holds.
#[derive(Clone, Debug)]
pub enum FoundManifest {
    /// No apiserver.
    None,
    /// Exactly one.
    One(Box<ApiserverManifest>),
    /// The kubelet would run them all.
    Several(Vec<PathBuf>),
    /// A file named like an apiserver's can't be read as a pod.
    Unreadable(PathBuf, String),
    /// One that advertises an address of another node: the root is not this node's.
    OfAnother(PathBuf, String),
}

/// The manifest of a kube-apiserver.
#[derive(Clone, Debug)]
pub struct ApiserverManifest {
    /// Where it is.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its text.
    pub text: String,
    /// What its text says.
    pub says: ManifestSays,
}

/// What a manifest says about its apiserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestSays {
    /// The etcd it uses.
    pub etcd: EtcdUse,
    /// Flags that name a file which is not the host's inside the pod, as (flag, path).
    pub outside: Vec<(String, String)>,
    /// Servers that can't be read as URLs.
    pub unreadable: Vec<String>,
    /// `--etcd-servers-overrides`, with where they are reached from here.
    pub overrides: Vec<(ServersOverride, Vec<ClientUrl>)>,
    /// What tells its process from others.
    pub process: ProcessMark,
    /// Where it answers.
    pub url: ApiserverUrl,
    /// On the host: the CA of its clients, which signs its own certificate, too, where kubeadm made
    /// it.
    client_ca: Option<PathBuf>,
    /// On the host: its own pair as a client of kubelets.
    kubelet_pair: Option<(PathBuf, PathBuf)>,
}

/// Looks for the apiserver's manifest. The kubelet reads every file there, whatever its name.
///
/// # Errors
/// Where the directory or a file can't be read.
pub fn find_manifest(
    node: &LocalNode,
    member: &MemberSpec,
    spec: &ClusterSpec,
) -> Result<FoundManifest, FileError> {
    find_manifest_in(Path::new(MANIFEST_DIR), node, member, spec)
}

/// As [`find_manifest`], in another directory of the node.
///
/// # Errors
/// As [`find_manifest`].
pub fn find_manifest_in(
    directory: &Path,
    node: &LocalNode,
    member: &MemberSpec,
    spec: &ClusterSpec,
) -> Result<FoundManifest, FileError> {
    let mut found = Vec::new();
    for name in files::list(&node.local(directory))? {
        let path = directory.join(&name);
        if name.starts_with('.') || node.local(&path).is_dir() {
            continue;
        }
        let bytes = node.read(&path)?.unwrap_or_default();
        // Read loosely, it would be written back with other bytes than it has.
        let Ok(text) = String::from_utf8(bytes) else {
            if name.contains("apiserver") {
                return Ok(FoundManifest::Unreadable(path, "it is no UTF-8".to_owned()));
            }
            continue;
        };
        match read_manifest(&text, member) {
            Ok(Some(says)) => found.push(ApiserverManifest {
                mode: node.mode(&path).unwrap_or(MANIFEST_MODE),
                path,
                text,
                says,
            }),
            Ok(None) => {}
            Err(why) if name.contains("apiserver") => {
                return Ok(FoundManifest::Unreadable(path, why));
            }
            Err(_) => {}
        }
    }
    Ok(match found.len() {
        0 => FoundManifest::None,
        1 => own(found.remove(0), member, spec),
        _ => FoundManifest::Several(found.into_iter().map(|manifest| manifest.path).collect()),
    })
}

/// Makes sure that the manifest is this node's: members without a root of their own share the host
/// that etcdha runs on.
fn own(manifest: ApiserverManifest, member: &MemberSpec, spec: &ClusterSpec) -> FoundManifest {
    let advertised = manifest.says.process.advertise_address.clone();
    let is_foreign = match &advertised {
        Some(address) => address
            .parse::<IpAddr>()
            .is_ok_and(|address| !member.addresses().any(|own| own == address)),
        None => {
            let mut others = control_plane(spec).filter(|other| other.name != member.name);
            others.any(|other| other.root() == member.root())
        }
    };
    match is_foreign {
        true => FoundManifest::OfAnother(manifest.path, advertised.unwrap_or_default()),
        false => FoundManifest::One(Box::new(manifest)),
    }
}

/// Reads a manifest; `None` where it is another pod.
///
/// # Errors
/// Where it is no pod, or its flags can't be seen.
pub fn read_manifest(text: &str, member: &MemberSpec) -> Result<Option<ManifestSays>, String> {
    let pod = StaticPod::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let (Some(container), Some(etcd)) = (Program::Apiserver.container(&pod), etcd_of(&pod)) else {
        return Ok(None);
    };
    let flags = Flags::of(container, Program::Apiserver.dialect());
    if flags.in_shell() {
        return Err("a shell starts the apiserver, so its flags can't be seen".to_owned());
    }
    let mut outside = Vec::new();
    let mut on_host = |flag: &str| {
        let file = flags.value(flag)?;
        match pod.locate(container, file) {
            PathInPod::Host { path, .. } => Some(PathBuf::from(path)),
            _ => {
                outside.push((flag.to_owned(), file.to_owned()));
                None
            }
        }
    };
    let (ca_file, cert_file) = (on_host("etcd-cafile"), on_host("etcd-certfile"));
    let key_file = on_host("etcd-keyfile");
    let aside = |flag: &str| match pod.locate(container, flags.value(flag)?) {
        PathInPod::Host { path, .. } => Some(PathBuf::from(path)),
        _ => None,
    };
    let client_ca = aside("client-ca-file");
    let kubelet_pair = aside("kubelet-client-certificate").zip(aside("kubelet-client-key"));
    let (dial, unreadable) = dial(&etcd.servers, member);
    let overrides = etcd.overrides.iter();
    let overrides = overrides.map(|part| (part.clone(), dial_all(&part.servers, member)));
    Ok(Some(ManifestSays {
        overrides: overrides.collect(),
        etcd: EtcdUse {
            flags: EtcdFlags {
                servers: etcd.servers.clone(),
                ca_file: etcd.ca_file,
                cert_file: etcd.cert_file,
                key_file: etcd.key_file,
            },
            prefix: etcd.prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
            dial,
            ca_file,
            cert_file,
            key_file,
        },
        outside,
        unreadable,
        process: ProcessMark {
            advertise_address: flags.value("advertise-address").map(str::to_owned),
            secure_port: flags.value("secure-port").map(str::to_owned),
        },
        url: url(&flags, member),
        client_ca,
        kubelet_pair,
    }))
}

/// The address it advertises, which its own certificate is for.
fn url(flags: &Flags<'_>, member: &MemberSpec) -> ApiserverUrl {
    let advertised = flags.value("advertise-address");
    let host = advertised.and_then(|address| address.parse().ok());
    let port = flags
        .value("secure-port")
        .and_then(|port| port.parse().ok());
    ApiserverUrl::https(
        host.unwrap_or(Host::Ip(member.address)),
        port.unwrap_or(DEFAULT_PORT),
    )
}

/// Where servers are reached from here, and what is no URL.
fn dial(servers: &[String], member: &MemberSpec) -> (Vec<ClientUrl>, Vec<String>) {
    let (mut urls, mut unreadable) = (Vec::new(), Vec::new());
    for server in servers {
        match server.parse::<ClientUrl>() {
            Ok(mut url) => {
                // Loopback of the node is not loopback here.
                if url.0.host.is_loopback() {
                    url.0.host = Host::Ip(member.address);
                }
                urls.push(url);
            }
            Err(_) => unreadable.push(server.clone()),
        }
    }
    (urls, unreadable)
}

fn dial_all(servers: &[String], member: &MemberSpec) -> Vec<ClientUrl> {
    dial(servers, member).0
}

/// Why a file that a flag names can't be used inside the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTrouble {
    /// The path is of the container's image, or of a volume that is not the host's.
    Outside,
    /// The host has no such file.
    Missing,
    /// It leads out of what is mounted.
    LeadsOut(PathBuf),
    /// It can't be read.
    Unreadable(String),
}

/// Looks whether the files of a manifest can be read where the pod looks for them.
pub fn file_troubles(
    node: &LocalNode,
    text: &str,
    says: &ManifestSays,
) -> Vec<(String, FileTrouble)> {
    let outside = says.outside.iter();
    let mut troubles: Vec<_> = outside
        .map(|(flag, path)| (format!("--{flag}={path}"), FileTrouble::Outside))
        .collect();
    let Ok(pod) = StaticPod::parse(text.as_bytes()) else {
        return troubles;
    };
    let files = [
        ("etcd-cafile", &says.etcd.flags.ca_file),
        ("etcd-certfile", &says.etcd.flags.cert_file),
        ("etcd-keyfile", &says.etcd.flags.key_file),
    ];
    for (flag, file) in files {
        let Some(file) = file else { continue };
        if let Some(trouble) = file_trouble(node, &pod, file) {
            troubles.push((format!("--{flag}={file}"), trouble));
        }
    }
    troubles
}

fn file_trouble(node: &LocalNode, pod: &StaticPod, file: &str) -> Option<FileTrouble> {
    let container = Program::Apiserver.container(pod)?;
    let PathInPod::Host { path, volume, .. } = pod.locate(container, file) else {
        // Told already.
        return None;
    };
    let reached = match node.follow(Path::new(&path)) {
        Ok(reached) => reached,
        Err(error) => return Some(FileTrouble::Unreadable(error.to_string())),
    };
    match node.read(&reached) {
        Ok(Some(_)) => {}
        Ok(None) => return Some(FileTrouble::Missing),
        Err(error) => return Some(FileTrouble::Unreadable(error.to_string())),
    }
    let VolumeSource::HostPath { path: mounted, .. } = &volume.source else {
        return None;
    };
    // Inside the pod a link leads to what is mounted there.
    let mounted = node.follow(Path::new(&mounted.value)).ok();
    let stays = mounted.is_some_and(|mounted| reached.starts_with(mounted));
    let reached_text = reached.to_string_lossy();
    let elsewhere = pod.locate(container, &reached_text);
    let is_seen = matches!(elsewhere, PathInPod::Host { path, .. } if path == reached_text);
    (!stays && !is_seen).then_some(FileTrouble::LeadsOut(reached))
}

/// Where credentials for an apiserver may be, best first.
pub fn credential_places(
    kubeconfig: Option<&Path>,
    own: &LocalNode,
    nodes: &[LocalNode],
    says: &ManifestSays,
) -> Vec<CredentialFiles> {
    if let Some(path) = kubeconfig {
        return vec![CredentialFiles::Kubeconfig {
            on: OPERATOR.to_owned(),
            path: path.to_owned(),
        }];
    }
    let has = |node: &LocalNode, path: &Path| node.local(path).is_file();
    let admin = Path::new(ADMIN_CONF);
    let others = nodes.iter().filter(|node| node.name != own.name);
    let mut places: Vec<_> = std::iter::once(own)
        .chain(others)
        .filter(|node| has(node, admin))
        .map(|node| CredentialFiles::Kubeconfig {
            on: node.name.to_string(),
            path: admin.to_owned(),
        })
        .collect();
    let Some(ca) = says.client_ca.clone().filter(|ca| has(own, ca)) else {
        return places;
    };
    let on = own.name.to_string();
    let pair = says.kubelet_pair.clone();
    let pair = pair.filter(|(cert, key)| has(own, cert) && has(own, key));
    if pair.is_some() {
        let (on, ca) = (on.clone(), ca.clone());
        places.push(CredentialFiles::Files { on, ca, pair });
    }
    places.push(CredentialFiles::Files { on, ca, pair: None });
    places
}

/// The apiserver with the first credentials that it accepts; where none is accepted, the first
/// that can be read.
pub async fn reach(
    member: &MemberSpec,
    says: &ManifestSays,
    places: Vec<CredentialFiles>,
    nodes: &[LocalNode],
) -> Option<ApiserverTarget> {
    let mut first = None;
    for credentials in places {
        let target = ApiserverTarget {
            name: member.name.clone(),
            url: says.url.clone(),
            process: says.process.clone(),
            credentials,
        };
        let Ok(access) = target.access(nodes, LOOK_PATIENCE) else {
            continue;
        };
        if accepts(&access).await {
            return Some(target);
        }
        first.get_or_insert(target);
    }
    first
}

/// The etcd flags of the apiserver's process, where one can be seen. Of several it is the youngest: an
/// old one that was told to end may serve its open watches for half a minute.
pub fn running_flags(node: &LocalNode, process: &ProcessMark) -> Option<EtcdFlags> {
    let processes = node.processes("kube-apiserver");
    let running = processes.iter().filter_map(|found| {
        let running = RunningApiserver::of(found.pid, &found.argv)?;
        (running.mark == *process).then_some((found.started, running))
    });
    let (_, youngest) = running.max_by_key(|(started, _)| *started)?;
    Some(youngest.etcd)
}
