//! What a job does and when: the flags that `install` writes into files and `run` reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::cli::args::{EtcdArgs, GlobalArgs};
use crate::cli::change::StateArgs;
use crate::cli::cluster_source;
use crate::cli::error::CliError;
use crate::cli::etcd;
use crate::cli::snapshot::pack_args::PackArgs;
use crate::cli::snapshot::prune::KeepArgs;
use crate::cli::snapshot::store_args::{StoreArgs, Style, place};
use crate::cluster::ClusterAccess;
use crate::model::{SnapshotPlace, parse_duration};
use crate::ops::snapshot_save::SaveRequest;
use crate::snapshot::schedule::Cadence;

/// A job.
#[derive(Args, Debug)]
pub(super) struct JobArgs {
    /// A directory, or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE", value_parser = place())]
    pub(super) place: SnapshotPlace,

    /// Put a copy into this directory or s3://BUCKET/PREFIX, too; may be repeated
    #[arg(long, value_name = "PLACE", value_parser = place(), help_heading = "Target")]
    pub(super) to: Vec<SnapshotPlace>,

    /// Time between two snapshots: a part of an hour or of a day
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = parse_duration, help_heading = "When")]
    every: Duration,

    /// First time of the day, UTC
    #[arg(long, value_name = "HH:MM", default_value = "00:00", value_parser = Cadence::time_of_day, help_heading = "When")]
    at: u32,

    /// Longest time by which each run is put off, by chance, so that hosts don't begin together
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration, help_heading = "When")]
    pub(super) jitter: Duration,

    /// File for node_exporter's textfile collector, replaced after each run
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) metrics_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) keep: KeepArgs,
    #[command(flatten)]
    pub(super) pack: PackArgs,
    #[command(flatten)]
    pub(super) etcd: EtcdArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) state: StateArgs,
}

impl JobArgs {
    /// When.
    ///
    /// # Errors
    /// No part of an hour or of a day. Exit 2.
    pub(super) fn cadence(&self) -> Result<Cadence, CliError> {
        Cadence::new(self.every, self.at)
            .map_err(|error| CliError::usage(format!("--every: {error}")))
    }

    /// The longest delay.
    ///
    /// # Errors
    /// One as long as the time between two. Exit 2.
    pub(super) fn jitter(&self) -> Result<Duration, CliError> {
        if self.jitter >= self.every {
            return Err(CliError::usage("--jitter: expected less than --every")
                .found(format!("{:?}", self.jitter)));
        }
        Ok(self.jitter)
    }

    /// All places.
    pub(super) fn places(&self) -> impl Iterator<Item = &SnapshotPlace> {
        [&self.place].into_iter().chain(&self.to)
    }

    /// The cluster and what is saved of it; its time is set for each run.
    ///
    /// # Errors
    /// As `snapshot save`.
    pub(super) fn resolve(
        &self,
        global: &GlobalArgs,
    ) -> Result<(ClusterAccess, SaveRequest), CliError> {
        let spec = cluster_source::load_if_there(global)?;
        let access = etcd::access(&self.etcd, spec.as_ref())?;
        let request = SaveRequest {
            place: self.place.clone(),
            copies: self.to.clone(),
            packing: self.pack.packing()?,
            scratch: self.pack.scratch.clone(),
            store: self.store.access(self.places())?,
            endpoint: None,
            cluster_name: spec.map(|spec| spec.name),
            now: Timestamp::now(),
        };
        Ok((access, request))
    }

    /// These flags as words of a command line. Paths become absolute.
    ///
    /// # Errors
    /// A secret among them, which a file that many read must not hold. Exit 2.
    pub(super) fn words(&self, global: &GlobalArgs) -> Result<Vec<String>, CliError> {
        if self.etcd.user.is_some() {
            return Err(
                CliError::usage("--user is a secret and is not written into files")
                    .fix("set ETCDHA_USER in the environment file or in the Secret"),
            );
        }
        let mut words = Words::default();
        words.place(&self.place)?;
        for copy in &self.to {
            words.0.push("--to".to_owned());
            words.place(copy)?;
        }
        words.flag("--every", Some(format!("{}m", self.every.as_secs() / 60)));
        words.flag(
            "--at",
            Some(format!("{:02}:{:02}", self.at / 60, self.at % 60)),
        );
        words.file("--metrics-file", self.metrics_file.as_deref())?;
        for (name, count) in self.keep.rules() {
            words.flag(name, (count > 0).then_some(count));
        }
        words.flag("--compress", self.pack.compress);
        for recipient in self.pack.packing()?.recipients {
            words.flag("--recipient", Some(recipient));
        }
        words.file("--scratch", self.pack.scratch.as_deref())?;
        words.file("--config", global.config.as_deref())?;
        let endpoints: Vec<_> = self
            .etcd
            .endpoints
            .iter()
            .map(ToString::to_string)
            .collect();
        words.flag(
            "--endpoints",
            (!endpoints.is_empty()).then(|| endpoints.join(",")),
        );
        words.file("--cacert", self.etcd.cacert.as_deref())?;
        words.file("--cert", self.etcd.cert.as_deref())?;
        words.file("--key", self.etcd.key.as_deref())?;
        words.flag("--s3-endpoint", self.store.s3_endpoint.as_ref());
        words.flag("--s3-region", self.store.s3_region.as_ref());
        words.flag(
            "--s3-style",
            self.store.s3_style.map(|style| match style {
                Style::Path => "path",
                Style::Host => "host",
            }),
        );
        words.file("--s3-ca", self.store.s3_ca.as_deref())?;
        words.file("--s3-credentials", self.store.s3_credentials.as_deref())?;
        Ok(words.0)
    }

    /// Files that a pod has to be shown, by their directories.
    pub(super) fn read_directories(&self, global: &GlobalArgs) -> Vec<PathBuf> {
        let named = [
            &self.etcd.cacert,
            &self.etcd.cert,
            &self.etcd.key,
            &self.store.s3_ca,
            &self.store.s3_credentials,
            &global.config,
        ];
        let mut found: Vec<_> = named
            .into_iter()
            .flatten()
            .filter_map(|file| std::path::absolute(file).ok()?.parent().map(Path::to_owned))
            .collect();
        if self.etcd.cacert.is_none() {
            found.push("/etc/kubernetes/pki/etcd".into());
        }
        found.sort();
        found.dedup();
        found
    }

    /// Directories that are written to.
    pub(super) fn write_directories(&self) -> Vec<PathBuf> {
        let metrics = self.metrics_file.as_deref().and_then(Path::parent);
        let places = self.places().filter_map(SnapshotPlace::path);
        let mut found: Vec<_> = places
            .chain(metrics)
            .filter_map(|directory| std::path::absolute(directory).ok())
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn flag(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.extend([name.to_owned(), value.to_string()]);
        }
    }

    fn file(&mut self, name: &str, path: Option<&Path>) -> Result<(), CliError> {
        let path = path.map(absolute).transpose()?;
        self.flag(name, path);
        Ok(())
    }

    fn place(&mut self, place: &SnapshotPlace) -> Result<(), CliError> {
        self.0.push(match place {
            SnapshotPlace::Path(path) => absolute(path)?,
            object @ SnapshotPlace::Object(_) => object.to_string(),
        });
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<String, CliError> {
    let path = std::path::absolute(path)
        .map_err(|error| CliError::failed(format!("find {}", path.display())).cause(&error))?;
    let shown = path.display().to_string();
    path.into_os_string().into_string().map_err(|_| {
        CliError::usage(format!(
            "{shown} is no text, and can't be written into a file"
        ))
    })
}
