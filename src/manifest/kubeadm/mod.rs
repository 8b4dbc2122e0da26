//! kubeadm's configuration files for the declared cluster, in every form that kubeadm has had since 1.15.
//!
//! Invariant: the same cluster gives the same bytes, and the etcd that kubeadm sets up from them has
//! the flags of etcdha's own manifest; what kubeadm's format can't say is refused, never left out.
//! Formats: the types of kubeadm's API groups v1beta2, v1beta3 and v1beta4, and of kube-proxy.

mod api;
mod args;
mod cluster;
mod error;
mod etcd;
mod kubeconfig;
mod node;
mod proxy;
#[cfg(test)]
mod tests;

use crate::manifest::yaml::{Yaml, write};
use crate::model::{ClusterSpec, MemberSpec};

pub use api::KubeadmApi;
pub use error::KubeadmError;
pub use etcd::KubeadmEtcd;
pub use kubeconfig::{KubeconfigServerError, server_of};

/// What the files are made from.
#[derive(Clone, Debug)]
pub struct KubeadmConfig<'a> {
    /// The declared cluster.
    pub spec: &'a ClusterSpec,
    /// The form to write.
    pub api: KubeadmApi,
    /// The etcd that kubeadm sets up or uses.
    pub etcd: KubeadmEtcd,
}

/// Which file it is.
#[derive(Clone, Copy, Debug)]
pub enum KubeadmFile<'a> {
    /// What all nodes share.
    Cluster,
    /// `kubeadm init --config` on this node: its own part, then what all nodes share.
    Init(&'a MemberSpec),
    /// `kubeadm join --config` on this node, which becomes a control plane.
    Join(&'a MemberSpec),
}

/// Renders a file, one document after the other.
///
/// # Errors
/// [`KubeadmError`].
pub fn render_kubeadm(
    config: &KubeadmConfig<'_>,
    file: KubeadmFile<'_>,
) -> Result<String, KubeadmError> {
    api::check(config)?;
    let mut documents = Vec::new();
    match file {
        KubeadmFile::Join(member) => documents.push(node::join(config, member)?),
        KubeadmFile::Init(member) => {
            documents.push(node::init(config, member));
            documents.push(cluster::cluster(config)?);
            documents.extend(proxy::proxy(config.spec));
        }
        KubeadmFile::Cluster => {
            documents.push(cluster::cluster(config)?);
            documents.extend(proxy::proxy(config.spec));
        }
    }
    let documents: Vec<_> = documents.iter().map(write).collect();
    Ok(documents.join("---\n"))
}

/// A field.
type Field = (&'static str, Yaml);

/// The fields every document of kubeadm's begins with.
fn head(config: &KubeadmConfig<'_>, kind: &str) -> Vec<Field> {
    let version = format!("kubeadm.k8s.io/{}", config.api.as_str());
    vec![
        ("apiVersion", Yaml::text(version)),
        ("kind", Yaml::text(kind)),
    ]
}

fn comment(text: impl Into<String>) -> Field {
    ("", Yaml::Comment(text.into()))
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Yaml {
    let items = items.into_iter();
    Yaml::List(items.map(|item| Yaml::text(item.to_string())).collect())
}
