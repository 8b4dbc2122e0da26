//! What do the scenes share? Hosts, the operator's directory, the writer, and the books.
//!
//! Invariant: every write that any member acknowledged is in the books, and every proof is held
//! against all of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::options::Options;
use super::show::Show;
use crate::bed::{Bed, BedConfig};
use crate::debs::{Binaries, EtcdRelease};
use crate::etcd::{Acked, ClientTls};
use crate::exec;
use crate::host::Host;
use crate::program::Program;
use crate::verify::{self, Proof};
use crate::writer::Writer;

/// Every host of the demo, in the order in which they become members.
pub(super) const HOSTS: [&str; 3] = ["m1", "m2", "m3"];
/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What the scenes share.
#[derive(Debug)]
pub(super) struct Stage {
    /// The hosts.
    pub(super) bed: Bed,
    /// Which etcd runs on them.
    pub(super) release: EtcdRelease,
    /// Its full version, as the program says it.
    pub(super) version: String,
    /// Where the operator works.
    pub(super) dir: PathBuf,
    /// What the writer and the proofs authenticate themselves with, once there is a cluster.
    pub(super) tls: Option<ClientTls>,
    /// The writer, once it was started.
    pub(super) writer: Option<Writer>,
    /// Every acknowledged write that is not in the books of the running writer.
    pub(super) acknowledged: Vec<Acked>,
    /// What prints.
    pub(super) show: Show,
    /// What the summary says.
    pub(super) facts: Facts,
    etcdha: PathBuf,
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

impl Stage {
    /// Makes the hosts and the operator's directory.
    pub(super) fn new(options: &Options) -> Result<Stage> {
        let release = EtcdRelease::from(options.release);
        // Asked before anything is made: a missing program is to be told at once.
        let version = version_of(&Binaries::find().etcd(release)?)?;
        let etcdha = options.etcdha.canonicalize();
        let etcdha = etcdha.with_context(|| format!("find {}", options.etcdha.display()))?;
        let bed = Bed::new(BedConfig::new(Program::current()).hosts(HOSTS))?;
        let dir = bed.scratch()?;
        fs::create_dir(dir.join("hosts")).context("make the directory of the hosts")?;
        for host in bed.hosts() {
            let place = dir.join("hosts").join(host.name());
            symlink(host.root(), place).context("name a host's root directory")?;
        }
        Ok(Stage {
            bed,
            release,
            version,
            dir,
            tls: None,
            writer: None,
            acknowledged: Vec::new(),
            show: Show::default(),
            facts: Facts::default(),
            etcdha,
        })
    }

    /// Returns a host by its name.
    pub(super) fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    /// Returns the client URLs of these members.
    pub(super) fn endpoints(&self, names: &[&str]) -> Vec<String> {
        let url = |name: &&str| format!("https://{}:2379", self.host(name).address());
        names.iter().map(url).collect()
    }

    /// Runs etcdha in the operator's directory with the demo's own terminal, as it is typed, and
    /// demands an exit code.
    pub(super) async fn etcdha(&self, code: i32, arguments: &str) -> Result<()> {
        let typed = format!("etcdha {arguments}");
        let mut command = Command::new(&self.etcdha);
        // What the demo's caller tells an etcdha of their own is not for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCDHA_") {
                command.env_remove(name);
            }
        }
        command.env("ETCDHA_STATE_DIR", "state");
        command.args(arguments.split(' '));
        self.run(code, &typed, &mut command).await
    }

    /// Runs a line of shell there, as it is typed; it must succeed.
    pub(super) async fn shell(&self, line: &str) -> Result<()> {
        self.run(0, line, Command::new("sh").args(["-c", line]))
            .await
    }

    async fn run(&self, code: i32, typed: &str, command: &mut Command) -> Result<()> {
        self.show.typed(typed);
        command
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stderr(std::io::stdout())
            .kill_on_drop(true);
        let status = command
            .status()
            .await
            .with_context(|| format!("run {typed}"))?;
        ensure!(
            status.code() == Some(code),
            "{typed} ended with {status}, expected exit status {code}"
        );
        Ok(())
    }

    /// Returns the writer.
    pub(super) fn writer(&self) -> Result<&Writer> {
        self.writer.as_ref().context("the writer was not started")
    }

    /// Proves that each of these members has every write acknowledged so far, while more are made.
    pub(super) async fn prove(&mut self, names: &[&str]) -> Result<Proof> {
        let mut writes = self.acknowledged.clone();
        if let Some(writer) = &self.writer {
            writes.extend(writer.report().acked);
        }
        let proof = verify::acked(&self.endpoints(names), self.tls.as_ref(), &writes).await?;
        self.facts.proofs += 1;
        // Each member was asked for the cluster's data and for its own.
        self.facts.compared += 2 * names.len() * proof.keys;
        Ok(proof)
    }

    /// Ends the writer, takes over its books, and returns how many writes were not acknowledged.
    pub(super) fn stop_writer(&mut self) -> Result<usize> {
        let writer = self.writer.take().context("the writer was not started")?;
        let report = writer.stop();
        self.acknowledged.extend(report.acked);
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
