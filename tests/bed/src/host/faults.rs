//! What can befall a test host: power failure, freeze, a pulled cable, a full disk, a wrong clock.
//!
//! Invariant: each fault has its opposite, and undoing it leaves nothing of it.

use std::fs::{self, File};
use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::process::Signal;

use super::boot::START_DEADLINE;
use super::machine::Host;
use crate::{clock, proc, wait};

/// What fills a disk to the last byte.
const BALLAST: &str = ".testbed-ballast";

impl Host {
    /// Kills every process of the host with SIGKILL and returns when none is left. Peers see closed
    /// connections; [`Host::cut`] the cable first for a power failure, where they see silence.
    pub fn kill_all(&self) {
        let mut state = self.state();
        if let Some(boot) = state.boot.take() {
            boot.kill();
        }
        if let Some(agent) = &mut state.agent {
            agent.collect();
            if agent.is_real() {
                self.forget_cgroup();
            }
        }
    }

    /// Stops every process of the host with SIGSTOP; its kernel still answers.
    ///
    /// # Errors
    /// The host is down, or processes appear faster than they can be stopped.
    pub fn freeze(&self) -> Result<()> {
        let init = self.init()?;
        wait::until_true("every process to be stopped", START_DEADLINE, || {
            let running: Vec<i32> = others(init)
                .into_iter()
                .filter(|pid| !proc::is_stopped_or_dead(*pid))
                .collect();
            for pid in &running {
                proc::signal(*pid, Signal::STOP);
            }
            running.is_empty()
        })
    }

    /// Lets a frozen host go on.
    ///
    /// # Errors
    /// The host is down.
    pub fn thaw(&self) -> Result<()> {
        let frozen = others(self.init()?);
        for pid in &frozen {
            proc::signal(*pid, Signal::CONT);
        }
        proc::wake_parents(&frozen);
        Ok(())
    }

    /// Pulls the host's network cable.
    ///
    /// # Errors
    /// `ip` fails.
    pub fn cut(&self) -> Result<()> {
        self.names.set_port(self.index, false)
    }

    /// Plugs the host's network cable in again.
    ///
    /// # Errors
    /// `ip` fails.
    pub fn heal(&self) -> Result<()> {
        self.names.set_port(self.index, true)
    }

    /// Loses every packet between this host and another of the same bed, in both directions.
    ///
    /// # Errors
    /// `ip` fails.
    pub fn partition(&self, other: &Host) -> Result<()> {
        self.names.lose_towards(self.name(), other.index)?;
        self.names.lose_towards(other.name(), self.index)
    }

    /// Undoes [`Host::partition`].
    ///
    /// # Errors
    /// There was no partition, or `ip` fails.
    pub fn reunite(&self, other: &Host) -> Result<()> {
        self.names.find_again(self.name(), other.index)?;
        self.names.find_again(other.name(), self.index)
    }

    /// Fills the disk under /var/lib/etcd until not one more byte fits.
    ///
    /// # Errors
    /// The host has no disk of its own ([`disk`](super::HostConfig::disk)).
    pub fn fill_disk(&self) -> Result<()> {
        if self.config.disk.is_none() {
            bail!(
                "{} shares the machine's disk: give it one with HostConfig::disk",
                self.name()
            );
        }
        let path = self.path("/var/lib/etcd").join(BALLAST);
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        let block = vec![0u8; 64 * 1024];
        loop {
            match file.write(&block) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(Errno::NOSPC.raw_os_error()) => {
                    return Ok(());
                }
                Err(error) => return Err(error).context("fill the disk"),
            }
        }
    }

    /// Frees what [`Host::fill_disk`] filled.
    ///
    /// # Errors
    /// The ballast cannot be removed, or was never there.
    pub fn free_disk(&self) -> Result<()> {
        let path = self.path("/var/lib/etcd").join(BALLAST);
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))
    }

    /// Sets the wall clock of all the host's processes this many seconds ahead, or back with a
    /// negative number, now and after each start; 0 makes it right again. A new process has the
    /// true time for its first milliseconds. Clocks that only measure durations go on as they are.
    ///
    /// # Errors
    /// The host is down, the machine is no x86_64, or its kernel forbids it.
    pub fn skew_clock(&self, seconds: i32) -> Result<()> {
        self.init()?;
        clock::wish(&self.dir, seconds)?;
        wait::until("the clock skew to be in force", START_DEADLINE, || {
            let found = clock::in_force(&self.dir)?;
            ensure!(found == seconds, "the skew is {found} s");
            Ok(())
        })
    }
}

/// Returns the processes of a host without its first one, which must never stop: it is the one
/// that notices the end of the bed's program.
fn others(init: i32) -> Vec<i32> {
    let mut pids = proc::inhabitants(init);
    pids.retain(|pid| *pid != init);
    pids
}
