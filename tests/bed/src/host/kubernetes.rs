//! containerd and the real kubelet of a test host.
//!
//! Invariant: the kubelet starts when containerd answers and has the images.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::agent::Agent;
use super::daemon::Daemon;
use super::machine::Host;
use crate::debs::Binaries;
use crate::exec;
use crate::kubernetes::{self, Kubernetes, KubernetesConfig};
use crate::wait;

/// containerd and the kubelet answer within seconds; on a machine busy with compilers much later.
const DEADLINE: Duration = Duration::from_secs(120);

impl Host {
    /// Starts containerd and the real kubelet, now and whenever the host is started again. The kubelet
    /// watches `/etc/kubernetes/manifests` and has no apiserver of its own. Takes some seconds, most
    /// of them for unpacking images. Logs are `containerd` and `kubelet`.
    ///
    /// # Errors
    /// The host is down or has a kubelet already, `scripts/kubernetes` did not run, or one of the two
    /// does not start; the error tells its log.
    pub fn start_kubernetes(&self, config: KubernetesConfig) -> Result<()> {
        let init = self.init()?;
        if self.state().agent.is_some() {
            bail!("host {} has a kubelet already", self.name());
        }
        let daemons = self.spawn_kubernetes(init, &config)?;
        self.state().agent = Some(Agent::Real(config, daemons));
        Ok(())
    }

    /// Returns the log of a container of a pod in `kube-system` under the real kubelet, all its runs
    /// that the kubelet keeps one after the other.
    pub fn container_log(&self, pod: &str, container: &str) -> String {
        let name = format!("kube-system_{pod}-{}_", self.name());
        let pods = self.path("/var/log/pods");
        let mut files: Vec<PathBuf> = entries(&pods)
            .into_iter()
            .filter(|path| {
                path.file_name()
                    .is_some_and(|found| found.to_string_lossy().starts_with(&name))
            })
            .flat_map(|path| entries(&path.join(container)))
            .collect();
        files.sort();
        let texts = files.iter().filter_map(|file| fs::read(file).ok());
        texts
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect()
    }

    pub(super) fn spawn_kubernetes(
        &self,
        init: i32,
        config: &KubernetesConfig,
    ) -> Result<Vec<Daemon>> {
        self.seclude(init)?;
        let containerd = self.spawn_containerd(init)?;
        let ctr = Binaries::find().containerd("ctr")?;
        kubernetes::import(self, init, &ctr, &config.images)
            .with_context(|| self.log("containerd"))?;
        let kubelet = self.spawn_real_kubelet(init, config)?;
        Ok(vec![containerd, kubelet])
    }

    fn spawn_containerd(&self, init: i32) -> Result<Daemon> {
        let binaries = Binaries::find();
        let (program, runc) = (binaries.containerd("containerd")?, binaries.runc()?);
        let file = self.dir.join("containerd.toml");
        fs::write(&file, kubernetes::containerd_configuration(&runc))
            .context("write containerd's configuration")?;
        // It looks for its shim and its tools on PATH.
        let own = [program.parent(), runc.parent()]
            .into_iter()
            .flatten()
            .map(Path::to_owned);
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(own.chain(env::split_paths(&path))).context("encode PATH")?;
        let mut command = self.command_in(init, &program);
        command.arg("--config").arg(&file).env("PATH", path);
        let mut daemon = self.spawn_command("containerd", command)?;
        let ctr = binaries.containerd("ctr")?;
        wait::until("containerd to answer", DEADLINE, || {
            let ended = daemon.try_wait()?;
            ensure!(ended.is_none(), "containerd ended with {ended:?}");
            exec::run(
                self.command_in(init, &ctr)
                    .args(["--connect-timeout=2s", "version"]),
            )
        })
        .with_context(|| self.log("containerd"))?;
        Ok(daemon)
    }

    fn spawn_real_kubelet(&self, init: i32, config: &KubernetesConfig) -> Result<Daemon> {
        let kubernetes = Kubernetes::find();
        let file = self.dir.join("kubelet.yaml");
        fs::write(&file, kubernetes::kubelet_configuration())
            .context("write the kubelet's configuration")?;
        let mut command = self.command_in(init, kubernetes.program("kubelet")?);
        command.args(kubernetes::kubelet_arguments(
            kubernetes.version()?,
            &file.to_string_lossy(),
            self.name(),
            self.address(),
            config.is_registered,
        ));
        let mut daemon = self.spawn_command("kubelet", command)?;
        wait::until("the kubelet to answer", DEADLINE, || {
            let ended = daemon.try_wait()?;
            ensure!(ended.is_none(), "the kubelet ended with {ended:?}");
            kubernetes::get(init, "/pods")
        })
        .with_context(|| self.log("kubelet"))?;
        Ok(daemon)
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
