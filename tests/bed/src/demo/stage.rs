//! What do the scenes of every play share? Hosts, the operator's directory, and what prints.
//!
//! Invariant: what is shown as typed is what was run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::show::Show;
use crate::bed::{Bed, BedConfig};
use crate::exec::Output;
use crate::host::Host;
use crate::program::Program;

/// Every host of the demo, in the order in which they become members.
pub(super) const HOSTS: [&str; 3] = ["m1", "m2", "m3"];

/// What the scenes share, and the books of their play.
#[derive(Debug)]
pub(super) struct Stage<B> {
    /// What the play keeps books of. Its clients end before the hosts do.
    pub(super) books: B,
    /// The hosts.
    pub(super) bed: Bed,
    /// Where the operator works.
    pub(super) dir: PathBuf,
    /// What prints.
    pub(super) show: Show,
    etcdha: PathBuf,
}

impl<B> Stage<B> {
    /// Makes the hosts and the operator's directory. `etcdha` is the program to show.
    pub(super) fn new(etcdha: &Path, books: B) -> Result<Stage<B>> {
        let found = etcdha.canonicalize();
        let etcdha = found.with_context(|| format!("find {}", etcdha.display()))?;
        let bed = Bed::new(BedConfig::new(Program::current()).hosts(HOSTS))?;
        let dir = bed.scratch()?;
        fs::create_dir(dir.join("hosts")).context("make the directory of the hosts")?;
        for host in bed.hosts() {
            let place = dir.join("hosts").join(host.name());
            symlink(host.root(), place).context("name a host's root directory")?;
        }
        Ok(Stage {
            books,
            bed,
            dir,
            show: Show::default(),
            etcdha,
        })
    }

    /// Returns a host by its name.
    pub(super) fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    /// Says which hosts there are.
    pub(super) fn introduce_hosts(&self) {
        let hosts = HOSTS.map(|name| format!("{name} ({})", self.host(name).address()));
        self.show.say(format!("Three hosts: {}.", hosts.join(", ")));
    }

    /// Runs etcdha in the operator's directory with the demo's own terminal, as it is typed, and
    /// demands an exit code.
    pub(super) async fn etcdha(&self, code: i32, arguments: &str) -> Result<()> {
        let typed = format!("etcdha {arguments}");
        self.run(code, &typed, &mut self.etcdha_command(arguments))
            .await
    }

    /// Runs etcdha there, unseen, and returns what it left.
    pub(super) async fn ask_etcdha(&self, arguments: &str) -> Result<Output> {
        let mut command = self.etcdha_command(arguments);
        command.current_dir(&self.dir).stdin(Stdio::null());
        let output = command.kill_on_drop(true).output().await;
        let output = output.with_context(|| format!("run etcdha {arguments}"))?;
        Ok(Output::from(output))
    }

    fn etcdha_command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.etcdha);
        // What the demo's caller tells an etcdha of their own is not for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCDHA_") {
                command.env_remove(name);
            }
        }
        command.env("ETCDHA_STATE_DIR", "state");
        command.args(arguments.split(' '));
        command
    }

    /// Runs a line of shell there, as it is typed; it must succeed.
    pub(super) async fn shell(&self, line: &str) -> Result<()> {
        self.run(0, line, Command::new("sh").args(["-c", line]))
            .await
    }

    /// Runs a command there, shows it as `typed`, and demands an exit code.
    pub(super) async fn run(&self, code: i32, typed: &str, command: &mut Command) -> Result<()> {
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
}
