//! What every etcd member shares.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::EtcdVersion;

/// The release of a new cluster for which none is named.
const DEFAULT_VERSION: (u64, u64, u64) = (3, 5, 24);

/// Where kubeadm's etcd image lives.
const IMAGE_REPOSITORY: &str = "registry.k8s.io/etcd";

/// What every etcd member shares.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct EtcdSpec {
    /// The server's release: decides flags and probes. Left out: read from the image's tag.
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^v?3\.[456]\.[0-9]+(-[0-9]+)?$")
    )]
    pub version: EtcdVersion,
    /// Image of the static pod. Left out: registry.k8s.io/etcd with the version as its tag.
    #[schemars(with = "Option<String>")]
    pub image: String,
    /// Data directory on each host.
    #[schemars(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// Port of client URLs.
    #[schemars(default = "default_client_port", range(min = 1))]
    pub client_port: u16,
    /// Port of peer URLs.
    #[schemars(default = "default_peer_port", range(min = 1))]
    pub peer_port: u16,
    /// Port on loopback that serves metrics and health without TLS.
    #[schemars(default = "default_metrics_port", range(min = 1))]
    pub metrics_port: u16,
    /// Token of a cluster that is made anew. Left out: the cluster's name.
    pub cluster_token: Option<String>,
    /// Largest size of the database, in bytes or as a quantity such as `8Gi`; etcd's own default is
    /// 2 GiB.
    #[schemars(schema_with = "quota_schema")]
    pub quota_backend_bytes: Option<u64>,
    /// Transactions between two snapshots of the raft log.
    #[schemars(default = "default_snapshot_count", range(min = 1))]
    pub snapshot_count: u64,
    /// More flags of etcd, in order; one of the same name overrides etcdha's.
    #[schemars(default)]
    pub extra_args: Vec<ExtraArg>,
    /// Requests and limits of the static pod's container.
    #[schemars(default)]
    pub resources: Resources,
    /// The systemd unit of each member in an external topology.
    #[schemars(default)]
    pub service: ServiceSpec,
}

/// A member under systemd. Paths are those on its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, default)]
pub struct ServiceSpec {
    /// The unit's file.
    pub unit: PathBuf,
    /// The file with etcd's flags as variables, which the unit names.
    pub environment_file: PathBuf,
    /// The etcd program.
    pub binary: PathBuf,
    /// The user that runs it: reads the keys and owns the data directory.
    pub user: String,
}

impl Default for ServiceSpec {
    fn default() -> Self {
        Self {
            unit: PathBuf::from("/etc/systemd/system/etcd.service"),
            environment_file: PathBuf::from("/etc/etcd/etcd.env"),
            binary: PathBuf::from("/usr/bin/etcd"),
            user: "etcd".to_owned(),
        }
    }
}

/// One flag of etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraArg {
    /// The flag without its dashes, such as `auto-compaction-retention`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Requests and limits of a container; quantities as Kubernetes writes them, such as `100m`, `1Gi`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// What the scheduler reserves; an amount left out is kubeadm's: 100m, 100Mi.
    pub requests: ResourceList,
    /// What the kernel enforces.
    pub limits: ResourceList,
}

/// Amounts of processor and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceList {
    /// Processor time, such as `100m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory, such as `100Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            requests: ResourceList {
                cpu: Some("100m".to_owned()),
                memory: Some("100Mi".to_owned()),
            },
            limits: ResourceList::default(),
        }
    }
}

impl EtcdSpec {
    /// Everything at its default for a release, as kubeadm would set it up.
    pub fn for_version(version: EtcdVersion) -> Self {
        Self {
            image: Self::default_image(&version),
            version,
            data_dir: default_data_dir(),
            client_port: default_client_port(),
            peer_port: default_peer_port(),
            metrics_port: default_metrics_port(),
            cluster_token: None,
            quota_backend_bytes: None,
            snapshot_count: default_snapshot_count(),
            extra_args: Vec::new(),
            resources: Resources::default(),
            service: ServiceSpec::default(),
        }
    }

    /// The image kubeadm uses for a release.
    pub fn default_image(version: &EtcdVersion) -> String {
        format!("{IMAGE_REPOSITORY}:{version}-0")
    }
}

impl Default for EtcdSpec {
    fn default() -> Self {
        let (major, minor, patch) = DEFAULT_VERSION;
        Self::for_version(EtcdVersion::new(major, minor, patch))
    }
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("/var/lib/etcd")
}

fn default_client_port() -> u16 {
    2379
}

fn default_peer_port() -> u16 {
    2380
}

fn default_metrics_port() -> u16 {
    2381
}

fn default_snapshot_count() -> u64 {
    10_000
}

fn quota_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["integer", "string", "null"],
        "minimum": 1,
        "pattern": "^[0-9.]+([mkMGTPE]|[KMGTPE]i)?$",
    })
}
