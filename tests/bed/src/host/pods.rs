//! The kubelet of a test host, stand-in or real, and its static pods.
//!
//! Invariant: the kubelet never sees half a manifest that was written from here.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::agent::Agent;
use super::boot::{START_DEADLINE, enter};
use super::daemon::Daemon;
use super::machine::{Host, set_mode};
use crate::kubelet::{KubeletConfig, PodStatus, Status};
use crate::{kubernetes, wait};

impl Host {
    /// Starts the kubelet stand-in, now and whenever the host is started again. It watches
    /// `/etc/kubernetes/manifests`.
    ///
    /// # Errors
    /// The host is down or the stand-in cannot be started.
    pub fn start_kubelet(&self, config: KubeletConfig) -> Result<()> {
        let init = self.init()?;
        let daemon = self.spawn_kubelet(init, &config)?;
        self.state().agent = Some(Agent::StandIn(config, daemon));
        Ok(())
    }

    pub(super) fn spawn_kubelet(&self, init: i32, config: &KubeletConfig) -> Result<Daemon> {
        let _ = fs::remove_file(self.status_path());
        let mut arguments = vec![
            "kubelet".to_owned(),
            "--manifests=/etc/kubernetes/manifests".to_owned(),
            format!("--log-dir={}", self.logs().display()),
            format!("--status={}", self.status_path().display()),
            format!("--node={}", self.name()),
        ];
        arguments.extend(config.arguments());
        let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (program, arguments, environment) = self.program.parts(&borrowed)?;
        let mut command = enter(init, program);
        command.args(arguments).envs(environment);
        let daemon = self.spawn_command("kubelet", command)?;
        wait::until_true("the kubelet stand-in to be up", START_DEADLINE, || {
            self.status_path().exists()
        })
        .with_context(|| self.log("kubelet"))?;
        Ok(daemon)
    }

    fn status_path(&self) -> PathBuf {
        self.dir.join("kubelet.json")
    }

    /// Returns what the kubelet, or its stand-in, tells about its pods.
    ///
    /// # Errors
    /// Neither runs on this host, or the kubelet does not answer.
    pub fn status(&self) -> Result<Status> {
        let real = self.state().agent.as_ref().is_some_and(Agent::is_real);
        if real {
            return kubernetes::status(self.init()?, self.name());
        }
        let path = self.status_path();
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text).context("parse the kubelet stand-in's status")
    }

    /// Returns the state of the pod of this name, if there is one: of the wanted one, if another of
    /// its name is still ending.
    ///
    /// # Errors
    /// As [`Host::status`].
    pub fn pod(&self, name: &str) -> Result<Option<PodStatus>> {
        let status = self.status()?;
        let named = status.pods.into_iter().filter(|pod| pod.name == name);
        Ok(named.min_by_key(|pod| pod.terminating))
    }

    /// Puts a static pod manifest where the kubelet looks, complete from the first moment.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_manifest(&self, file: &str, text: &str) -> Result<()> {
        let place = self.manifest_path(file);
        let staged = self.path("/etc/kubernetes").join(format!(".{file}.new"));
        fs::write(&staged, text).with_context(|| format!("write {}", staged.display()))?;
        set_mode(&staged, 0o600)?;
        fs::rename(&staged, &place).with_context(|| format!("write {}", place.display()))
    }

    /// Takes a static pod manifest away.
    ///
    /// # Errors
    /// There is none.
    pub fn remove_manifest(&self, file: &str) -> Result<()> {
        let place = self.manifest_path(file);
        fs::remove_file(&place).with_context(|| format!("remove {}", place.display()))
    }

    /// Returns the place on the machine of a static pod manifest.
    pub fn manifest_path(&self, file: &str) -> PathBuf {
        self.path("/etc/kubernetes/manifests").join(file)
    }
}
