//! `etcdha kubeadm config`.

use serde::Serialize;

/// A file for kubeadm.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubeadmConfig {
    /// The form of kubeadm's documents: `v1beta2`, `v1beta3` or `v1beta4`.
    pub api: &'static str,
    /// The node it is for; none for what all nodes share.
    pub node: Option<String>,
    /// The documents, in the file's order.
    pub documents: Vec<serde_json::Value>,
    /// The file's text, with comments.
    pub content: String,
}
