//! What the demo is told on its command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::debs::EtcdRelease;

/// What the demo is told on its command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The etcdha to show
    #[arg(long, value_name = "PATH")]
    pub(crate) etcdha: PathBuf,
    /// The etcd release to show it on
    #[arg(long, value_name = "RELEASE", default_value = "3.5")]
    pub(crate) release: Release,
    /// Show it on a real Kubernetes: the API outlives each of its masters
    #[arg(long, conflicts_with = "release")]
    pub(crate) kubernetes: bool,
}

/// An etcd release by its number.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Release {
    /// etcd 3.4
    #[value(name = "3.4")]
    V3_4,
    /// etcd 3.5
    #[value(name = "3.5")]
    V3_5,
}

impl From<Release> for EtcdRelease {
    fn from(release: Release) -> EtcdRelease {
        match release {
            Release::V3_4 => EtcdRelease::V3_4,
            Release::V3_5 => EtcdRelease::V3_5,
        }
    }
}
