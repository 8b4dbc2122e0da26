//! A program that stays on a test host.
//!
//! Invariant: signals reach the program itself, not the `nsenter` that started it.

use std::process::{Child, ExitStatus};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::boot::id;
use crate::proc;

/// A program that was started on a host. It goes on when this value is dropped, until the host ends.
#[derive(Debug)]
pub struct Daemon {
    pub(super) nsenter: Child,
}

impl Daemon {
    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        // `nsenter` stays outside, as the parent of what it started inside.
        for pid in proc::children(id(&self.nsenter)) {
            proc::signal(pid, signal);
        }
    }

    /// Kills the program with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// Waiting fails.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Waits for the program's end.
    ///
    /// # Errors
    /// Waiting fails.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.nsenter.wait().context("wait for a program on a host")
    }

    /// Returns the exit status if the program has ended.
    ///
    /// # Errors
    /// Looking fails.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.nsenter
            .try_wait()
            .context("look at a program on a host")
    }
}
