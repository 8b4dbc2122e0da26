//! What is known of every write, and how is it proven?
//!
//! Invariant: every write that any member acknowledged is in the books, and every proof is held
//! against all of them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::debs::{Binaries, EtcdRelease};
use crate::demo::options::Options;
use crate::demo::stage;
use crate::etcd::{Acked, ClientTls};
use crate::exec;
use crate::verify::{self, Proof};
use crate::writer::Writer;

/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The stage of this play.
pub(super) type Stage = stage::Stage<Books>;

/// The writer, its writes, and the numbers of the summary.
#[derive(Debug)]
pub(in crate::demo) struct Books {
    /// Which etcd runs on the hosts.
    pub(super) release: EtcdRelease,
    /// Its full version, as the program says it.
    pub(super) version: String,
    /// What the writer and the proofs authenticate themselves with, once there is a cluster.
    pub(super) tls: Option<ClientTls>,
    /// The writer, once it was started.
    pub(super) writer: Option<Writer>,
    /// Every acknowledged write that is not in the books of the running writer.
    pub(super) acknowledged: Vec<Acked>,
    /// What the summary says.
    pub(super) facts: Facts,
}

/// The numbers of the summary.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// How often all acknowledged writes were proven.
    pub(super) proofs: usize,
    /// How many reads of a key and its value these proofs compared.
    pub(super) compared: usize,
    /// The longest time between two writes while the cluster grew.
    pub(super) growth_gap: Duration,
    /// The same while a member was killed and came back.
    pub(super) failure_gap: Duration,
}

impl Books {
    /// Opens them.
    pub(super) fn new(options: &Options) -> Result<Books> {
        let release = EtcdRelease::from(options.release);
        Ok(Books {
            release,
            version: version_of(&Binaries::find().etcd(release)?)?,
            tls: None,
            writer: None,
            acknowledged: Vec::new(),
            facts: Facts::default(),
        })
    }
}

impl Stage {
    /// Returns the client URLs of these members.
    pub(super) fn endpoints(&self, names: &[&str]) -> Vec<String> {
        let url = |name: &&str| format!("https://{}:2379", self.host(name).address());
        names.iter().map(url).collect()
    }

    /// Returns the writer.
    pub(super) fn writer(&self) -> Result<&Writer> {
        let writer = self.books.writer.as_ref();
        writer.context("the writer was not started")
    }

    /// Proves that each of these members has every write acknowledged so far, while more are made.
    pub(super) async fn prove(&mut self, names: &[&str]) -> Result<Proof> {
        let mut writes = self.books.acknowledged.clone();
        if let Some(writer) = &self.books.writer {
            writes.extend(writer.report().acked);
        }
        let tls = self.books.tls.as_ref();
        let proof = verify::acked(&self.endpoints(names), tls, &writes).await?;
        let facts = &mut self.books.facts;
        facts.proofs += 1;
        // Each member was asked for the cluster's data and for its own.
        facts.compared += 2 * names.len() * proof.keys;
        Ok(proof)
    }

    /// Ends the writer, takes over its books, and returns how many writes were not acknowledged.
    pub(super) fn stop_writer(&mut self) -> Result<usize> {
        let writer = self.books.writer.take();
        let report = writer.context("the writer was not started")?.stop();
        self.books.acknowledged.extend(report.acked);
        Ok(report.failed.len())
    }
}

fn version_of(etcd: &Path) -> Result<String> {
    let output = exec::run(std::process::Command::new(etcd).arg("--version"))?;
    let version = output.stdout.lines().next();
    let version = version.and_then(|line| line.strip_prefix("etcd Version: "));
    Ok(version
        .with_context(|| format!("etcd --version says {:?}", output.stdout))?
        .to_owned())
}
