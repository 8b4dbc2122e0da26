//! `etcdha version`.

use serde::Serialize;

/// Which etcdha this is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The release.
    pub version: &'static str,
    /// What it was built for, such as `linux/x86_64`.
    pub platform: String,
    /// The minor releases of etcd it manages.
    pub etcd: Vec<&'static str>,
}
