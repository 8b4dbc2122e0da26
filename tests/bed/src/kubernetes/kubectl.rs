//! How is an apiserver asked?
//!
//! Invariant: every question names its kubeconfig, so none of the machine's own is ever used.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::programs::Kubernetes;
use crate::exec::{self, Output};
use crate::host::Host;
use crate::wait;

/// How long one question of [`Kubectl::is_ready`] may take.
const ATTEMPT: &str = "--request-timeout=5s";
/// How long [`Kubectl::wait_ready`] waits before each question.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// kubectl on a host, with a client certificate.
#[derive(Debug, Clone)]
pub struct Kubectl<'a> {
    host: &'a Host,
    program: PathBuf,
    kubeconfig: PathBuf,
    server: Option<String>,
}

impl<'a> Kubectl<'a> {
    /// Takes the host's `/etc/kubernetes/admin.conf`, which kubeadm wrote, and so its apiserver.
    ///
    /// # Errors
    /// `scripts/kubernetes` did not run.
    pub fn admin(host: &'a Host) -> Result<Kubectl<'a>> {
        Ok(Kubectl {
            host,
            program: Kubernetes::find().program("kubectl")?,
            kubeconfig: PathBuf::from("/etc/kubernetes/admin.conf"),
            server: None,
        })
    }

    /// Asks another server of the same cluster, such as `https://198.18.1.12:6443`.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        self.server = Some(url.to_owned());
        self
    }

    /// Returns the command, to be run or spawned.
    ///
    /// # Errors
    /// The host is down.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.host.command(&self.program)?;
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            // kubectl otherwise writes what it learns about the API to the machine's HOME.
            .arg("--cache-dir=/run/kubectl")
            .env_remove("KUBECONFIG");
        if let Some(server) = &self.server {
            command.arg("--server").arg(server);
        }
        command.args(arguments);
        Ok(command)
    }

    /// Runs kubectl, which must succeed.
    ///
    /// # Errors
    /// The host is down, or kubectl fails.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        exec::run(&mut self.command(arguments)?)
    }

    /// Runs kubectl and returns what it left, whatever its exit status.
    ///
    /// # Errors
    /// The host is down.
    pub fn capture(&self, arguments: &[&str]) -> Result<Output> {
        exec::capture(&mut self.command(arguments)?)
    }

    /// Waits until the apiserver says `ok` to `/readyz`.
    ///
    /// # Errors
    /// The deadline passed; the error tells the last answer.
    pub fn wait_ready(&self, deadline: Duration) -> Result<()> {
        let what = format!("the apiserver of {} to be ready", self.host.name());
        wait::until(&what, deadline, || {
            // Each look is a program of its own, which would slow down what it waits for.
            thread::sleep(BETWEEN_LOOKS);
            self.is_ready()
        })
    }

    /// Succeeds when the apiserver says `ok` to `/readyz`.
    ///
    /// # Errors
    /// It says something else, or nothing within five seconds.
    pub fn is_ready(&self) -> Result<()> {
        let output = self.capture(&["get", "--raw", "/readyz", ATTEMPT])?;
        ensure!(
            output.status.success() && output.stdout.trim() == "ok",
            "{}{}",
            output.stdout,
            output.stderr
        );
        Ok(())
    }

    /// Returns the objects that `get` shows, as JSON.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn get_json(&self, what: &[&str]) -> Result<serde_json::Value> {
        let mut arguments = vec!["get", "--output=json"];
        arguments.extend(what);
        let output = self.run(&arguments)?;
        serde_json::from_str(&output.stdout).context("parse what kubectl printed")
    }
}
