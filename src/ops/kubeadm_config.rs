//! `kubeadm config`: the declared cluster as kubeadm wants to read it.

use std::path::Path;

use super::Refusal;
use super::manifest_render::store_document;
use super::node_files::{ca_in, pod_config};
use crate::manifest::kubeadm::{
    KubeadmApi, KubeadmConfig, KubeadmError, KubeadmEtcd, KubeadmFile, render_kubeadm,
};
use crate::manifest::{ClusterState, RenderError, render};
use crate::model::{ClusterSpec, MemberSpec, NodeName, Role, Topology};
use crate::pki::check::extra_names;
use crate::pki::{CertificateKind, leaf_paths};
use crate::sys::files::FileError;

/// Which of kubeadm's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeadmKind {
    /// ClusterConfiguration and KubeProxyConfiguration.
    Cluster,
    /// What `kubeadm init --config` takes on the first control plane node.
    Init,
    /// What `kubeadm join --config` takes on another one.
    Join,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct KubeadmRequest<'a> {
    /// The declared cluster.
    pub spec: &'a ClusterSpec,
    /// Which file.
    pub kind: KubeadmKind,
    /// The form; the newest that the declared release reads where none is named.
    pub api: Option<KubeadmApi>,
    /// The node of an init or join file.
    pub node: Option<&'a NodeName>,
}

/// A file for kubeadm.
#[derive(Clone, Debug)]
pub struct RenderedKubeadm {
    /// The form it is in.
    pub api: KubeadmApi,
    /// The node it is for.
    pub node: Option<NodeName>,
    /// Its text.
    pub text: String,
}

/// Why there is no file for kubeadm.
#[derive(Debug, thiserror::Error)]
pub enum KubeadmConfigError {
    /// kubeadm's format can't say what is declared.
    #[error(transparent)]
    Format(#[from] KubeadmError),
    /// etcd would not start with what is declared.
    #[error(transparent)]
    Etcd(#[from] RenderError),
    /// The named node carries no control plane.
    #[error("{} is no control plane node of the cluster file", name)]
    NoSuchNode {
        /// The name.
        name: NodeName,
        /// Those that are.
        known: Vec<NodeName>,
    },
    /// No node is named, and several could be meant.
    #[error("which node is it for?")]
    WhichNode {
        /// The control plane nodes.
        known: Vec<NodeName>,
    },
    /// No node of the file carries a control plane.
    #[error("no member of the cluster file has the role control-plane")]
    NoControlPlane,
}

/// Renders a file: the same cluster gives the same bytes.
///
/// # Errors
/// [`KubeadmConfigError`].
pub fn render_kubeadm_config(
    request: &KubeadmRequest<'_>,
) -> Result<RenderedKubeadm, KubeadmConfigError> {
    let spec = request.spec;
    let newest = || KubeadmApi::newest_for(spec.kubernetes.version.as_ref());
    let api = request.api.unwrap_or_else(newest);
    let (file, node) = match request.kind {
        KubeadmKind::Cluster => (KubeadmFile::Cluster, None),
        KubeadmKind::Init => {
            let member = control_plane(request)?;
            (KubeadmFile::Init(member), Some(member))
        }
        KubeadmKind::Join => {
            let member = control_plane(request)?;
            (KubeadmFile::Join(member), Some(member))
        }
    };
    let etcd = etcd(spec)?;
    let config = KubeadmConfig { spec, api, etcd };
    Ok(RenderedKubeadm {
        api,
        node: node.map(|member| member.name.clone()),
        text: render_kubeadm(&config, file)?,
    })
}

/// Writes a file for the owner alone: a person fills a token in. An equal file is left as it is,
/// another only replaced by `force`.
///
/// # Errors
/// The file can't be read or written; a [`Refusal`] when another one is there.
pub fn store_kubeadm_config(
    path: &Path,
    text: &str,
    force: bool,
) -> Result<Result<(), Refusal>, FileError> {
    const MODE: u32 = 0o600;
    store_document(path, text, MODE, force)
}

/// The node of an init or join file. The first control plane node is the one that is initialised.
fn control_plane<'a>(request: &KubeadmRequest<'a>) -> Result<&'a MemberSpec, KubeadmConfigError> {
    let spec = request.spec;
    let known = || spec.control_planes().map(|member| member.name.clone());
    if let Some(name) = request.node {
        let member = spec.member(name);
        let member = member.filter(|member| member.roles.contains(&Role::ControlPlane));
        return member.ok_or_else(|| KubeadmConfigError::NoSuchNode {
            name: name.clone(),
            known: known().collect(),
        });
    }
    let mut nodes = spec.control_planes();
    match (nodes.next(), nodes.next(), request.kind) {
        (None, ..) => Err(KubeadmConfigError::NoControlPlane),
        (Some(first), _, KubeadmKind::Init) | (Some(first), None, _) => Ok(first),
        (Some(_), Some(_), _) => Err(KubeadmConfigError::WhichNode {
            known: known().collect(),
        }),
    }
}

fn etcd(spec: &ClusterSpec) -> Result<KubeadmEtcd, KubeadmConfigError> {
    match spec.topology {
        Topology::Stacked => {
            if let Some(member) = spec.staying_members().next() {
                let alone = vec![(member.name.to_string(), spec.peer_url(member))];
                render(&pod_config(spec, member, alone, ClusterState::New))?;
            }
            Ok(KubeadmEtcd::Local {
                server_sans: names_of_all(spec, CertificateKind::Server),
                peer_sans: names_of_all(spec, CertificateKind::Peer),
            })
        }
        Topology::External => Ok(external(spec)),
    }
}

/// kubeadm has one list for every node: whatever one of them needs.
fn names_of_all(spec: &ClusterSpec, kind: CertificateKind) -> Vec<String> {
    let mut names = Vec::new();
    for member in spec.staying_members() {
        let further = member.extra_addresses.iter().map(ToString::to_string);
        for name in further.chain(extra_names(spec, member, kind)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn external(spec: &ClusterSpec) -> KubeadmEtcd {
    let directory = &spec.pki.host_dir;
    // Only peer certificates are numbered.
    let pair = leaf_paths(spec.pki.layout, CertificateKind::ApiserverEtcdClient, 1);
    KubeadmEtcd::External {
        ca: ca_in(directory, spec),
        cert: directory.join(pair.cert),
        key: directory.join(pair.key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\n\
        etcd: {version: 3.5.16}\nfrontend: {vip: 10.0.0.100}\npki: {includeVip: true, extraNames: [e.x]}\n\
        members:\n- {name: m1, address: 10.0.0.11}\n\
        - {name: m2, address: 10.0.0.12, extraAddresses: ['fd00::12'], extraNames: [m2.x]}\n";

    fn spec(text: &str) -> ClusterSpec {
        ClusterSpec::parse(text).unwrap().spec
    }

    fn request(spec: &ClusterSpec, kind: KubeadmKind) -> KubeadmRequest<'_> {
        KubeadmRequest {
            spec,
            kind,
            api: None,
            node: None,
        }
    }

    #[test]
    fn every_certificate_is_good_for_what_any_node_needs() {
        let spec = spec(THREE);
        assert_eq!(
            names_of_all(&spec, CertificateKind::Server),
            ["e.x", "10.0.0.100", "fd00::12", "m2.x"]
        );
        assert_eq!(
            names_of_all(&spec, CertificateKind::Peer),
            ["e.x", "fd00::12", "m2.x"]
        );
    }

    #[test]
    fn the_first_node_is_initialised_and_a_joining_one_is_named() {
        let spec = spec(THREE);
        let init = render_kubeadm_config(&request(&spec, KubeadmKind::Init)).unwrap();
        assert_eq!(init.node.unwrap().as_str(), "m1");
        let error = render_kubeadm_config(&request(&spec, KubeadmKind::Join)).unwrap_err();
        assert!(matches!(error, KubeadmConfigError::WhichNode { known } if known.len() == 2));
        let name = "m3".parse().unwrap();
        let join = KubeadmRequest {
            node: Some(&name),
            ..request(&spec, KubeadmKind::Join)
        };
        let error = render_kubeadm_config(&join).unwrap_err();
        assert!(matches!(error, KubeadmConfigError::NoSuchNode { .. }));
    }

    #[test]
    fn an_etcd_that_would_not_start_is_told_before_kubeadm_finds_out() {
        let text = THREE.replace(
            "3.5.16}",
            "3.5.16, extraArgs: [{name: no-such-flag, value: x}]}",
        );
        let error = render_kubeadm_config(&request(&spec(&text), KubeadmKind::Init)).unwrap_err();
        assert!(matches!(error, KubeadmConfigError::Etcd(_)));
    }
}
