//! Starting and ending the processes that hold a test host's namespaces.
//!
//! Invariant: the host's first process ends with the bed's program, and with it all the others.

use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;

use super::machine::Host;
use crate::host_init::HostSpec;
use crate::{clock, exec, proc, wait};

/// A start takes some 50 ms; on a machine busy with compilers much longer.
pub(super) const START_DEADLINE: Duration = Duration::from_secs(30);

/// The processes that hold the host's namespaces.
#[derive(Debug)]
pub(super) struct Boot {
    /// `unshare`, whose standard input is the pipe that keeps the host alive.
    unshare: Child,
    /// The host's process 1, as numbered on the machine.
    pub(super) init: i32,
}

impl Host {
    pub(super) fn boot(&self) -> Result<Boot> {
        let ready = self.dir.join("ready");
        for stale in [&ready, &self.dir.join(clock::IN_FORCE)] {
            let _ = fs::remove_file(stale);
        }
        let spec = HostSpec {
            hostname: self.config.name.clone(),
            root: self.root(),
            directories: self.config.directories.clone(),
            ready: ready.clone(),
        };
        let spec_path = self.dir.join("host.json");
        let spec = serde_json::to_vec(&spec).context("encode the host's description")?;
        fs::write(&spec_path, spec).context("write the host's description")?;
        let (program, arguments, environment) = self
            .program
            .parts(&["host-init", &spec_path.to_string_lossy()])?;
        let log = self.open_log("host")?;
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.names.host(self.name())))
            .args(["--", "unshare", "--mount", "--uts", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc", "--propagation=private"])
            .arg("--")
            .arg(program)
            .args(arguments)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().context("share the host's log")?)
            .stderr(log);
        let mut unshare = command
            .spawn()
            .map_err(|error| exec::explain_start(&command, error))?;
        let started = wait::until("the host to be ready", START_DEADLINE, || {
            if let Some(status) = unshare.try_wait().context("look at unshare")? {
                return Ok(Err(anyhow!("unshare ended with {status}")));
            }
            let init = proc::children(id(&unshare)).first().copied();
            match (ready.exists(), init) {
                (true, Some(init)) => Ok(Ok(init)),
                _ => bail!("not yet"),
            }
        });
        match started.and_then(|inner| inner) {
            Ok(init) => Ok(Boot { unshare, init }),
            Err(error) => {
                let _ = unshare.kill();
                let _ = unshare.wait();
                Err(error.context(self.log("host")))
            }
        }
    }
}

impl Boot {
    /// Kills process 1; the kernel kills the others, and `unshare` ends after the last of them.
    pub(super) fn kill(mut self) {
        // The dead have no namespaces to be found by.
        let inhabitants = proc::inhabitants(self.init);
        proc::signal(self.init, Signal::KILL);
        while let Ok(None) = self.unshare.try_wait() {
            proc::wake_parents(&inhabitants);
            std::thread::sleep(wait::LOOK);
        }
    }
}

/// Builds a command that runs in the namespaces of a host's first process. `ip netns exec` is not
/// used: it mounts a fresh /sys, which hides the control groups.
pub(super) fn enter(init: i32, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--target={init}"))
        .args(["--net", "--mount", "--uts", "--pid", "--"])
        .arg(program);
    command
}

pub(super) fn id(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap_or(i32::MAX)
}
