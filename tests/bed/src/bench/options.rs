//! What the race is told on its command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What the race is told on its command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The etcdha to measure
    #[arg(long, value_name = "PATH")]
    pub(crate) etcdha: PathBuf,
    /// How often each way is measured
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) rounds: u8,
    /// How much data the cluster holds
    #[arg(long, value_name = "NUMBER", default_value = "200", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) megabytes: u32,
    /// Where a member that joins gets the data from
    #[arg(long, value_name = "SOURCE", default_value = "log")]
    pub(crate) from: Source,
}

/// Where a member that joins gets the data from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The leader's log still holds every write.
    Log,
    /// The log was cut since, and the leader sends its database.
    Snapshot,
}

impl Source {
    /// Says it for the report.
    pub(super) fn words(self) -> &'static str {
        match self {
            Source::Log => "by the leader's log",
            Source::Snapshot => "by a snapshot",
        }
    }
}
