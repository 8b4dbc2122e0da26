//! What is known of the API's clients, and how is an apiserver asked?
//!
//! Invariant: a gap between two writes belongs to one scene, because each begins to measure anew.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::debs::EtcdRelease;
use crate::demo::stage::{self, HOSTS};
use crate::host::Host;
use crate::kubernetes::{Api, ApiClients, Kubectl, Kubernetes, Version};
use crate::wait;

/// The release of etcd that Kubernetes 1.20 asks for.
pub(super) const ETCD: EtcdRelease = EtcdRelease::V3_4;

/// An apiserver is there within 30 s; on a busy machine much later, and one crash of it costs a
/// back-off.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

/// So many more objects show that the API goes on.
pub(super) const MORE_WRITES: usize = 20;

/// The stage of this play.
pub(super) type Stage = stage::Stage<Books>;

/// The clients, and the numbers of the summary.
#[derive(Debug)]
pub(in crate::demo) struct Books {
    /// The clients, while they run. They end before the hosts do.
    pub(super) clients: Option<ApiClients>,
    /// Which apiservers they ask, once there is one.
    pub(super) api: Option<Api>,
    /// The release of Kubernetes.
    pub(super) version: Version,
    /// etcd's full version.
    pub(super) etcd: String,
    /// For each thing that happened the longest time between two writes.
    pub(super) gaps: Vec<(String, Duration)>,
    kubectl: PathBuf,
}

impl Books {
    /// Opens them.
    pub(super) fn new() -> Result<Books> {
        let kubernetes = Kubernetes::find();
        Ok(Books {
            clients: None,
            api: None,
            version: kubernetes.version()?,
            etcd: kubernetes.etcd_tag(ETCD)?,
            gaps: Vec::new(),
            kubectl: kubernetes.program("kubectl")?,
        })
    }
}

impl Stage {
    /// Returns all hosts.
    pub(super) fn hosts(&self) -> [&Host; 3] {
        HOSTS.map(|name| self.host(name))
    }

    /// Returns the clients.
    pub(super) fn clients(&self) -> Result<&ApiClients> {
        let clients = self.books.clients.as_ref();
        clients.context("the clients were not started")
    }

    /// Waits for more objects, and notes the longest time without one since this was last done.
    pub(super) async fn note_gap(&mut self, what: &str, more: usize) -> Result<Duration> {
        let clients = self.clients()?;
        clients.wait_for(more, PATIENCE).await?;
        let gap = clients.longest_gap();
        self.books.gaps.push((what.to_owned(), gap));
        Ok(gap)
    }

    /// Waits until a master's apiserver is ready.
    pub(super) async fn wait_ready(&self, name: &str) -> Result<()> {
        let kubectl = Kubectl::admin(self.host(name))?;
        let what = format!("the apiserver of {name} to be ready");
        wait::until_async(&what, PATIENCE, async || kubectl.is_ready()).await
    }

    /// Runs kubectl on the operator's machine with a master's own kubeconfig, as it is typed; it must
    /// succeed.
    pub(super) async fn kubectl(&self, name: &str, arguments: &str) -> Result<()> {
        let arguments = format!("--kubeconfig hosts/{name}/etc/kubernetes/admin.conf {arguments}");
        let mut command = Command::new(&self.books.kubectl);
        // It writes what it learns about the API there.
        command
            .env("HOME", &self.dir)
            .env_remove("KUBECONFIG")
            .args(arguments.split(' '));
        self.run(0, &format!("kubectl {arguments}"), &mut command)
            .await
    }
}
