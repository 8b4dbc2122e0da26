//! How does a master's etcd join: by kubeadm's own phase, and by etcdha?
//!
//! Invariant: both start from the same: a cluster of one member with a writer, and a host with
//! certificates and a kubelet.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::field::{Field, PATIENCE};
use crate::kubernetes::Kubernetes;
use crate::verify;

/// So many writes after the join show that the pause is over.
const MORE_WRITES: usize = 40;

/// Who lets a host join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Kubeadm,
    Etcdha,
}

/// What a join cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// From the start of the program to its end.
    pub(super) time: Duration,
    /// The part of it since the cluster was asked to take the member.
    pub(super) joining: Duration,
    /// The longest time between two writes.
    pub(super) pause: Duration,
    /// Writes that were not acknowledged.
    pub(super) failed: usize,
}

impl Way {
    /// Both.
    pub(super) const ALL: [Way; 2] = [Way::Kubeadm, Way::Etcdha];

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Kubeadm => "kubeadm",
            Way::Etcdha => "etcdha",
        }
    }

    /// Lets a host that is prepared join, proves that it holds the same data, and removes it again.
    pub(super) async fn run(self, field: &Field, host: &str) -> Result<Cost> {
        let command = match self {
            Way::Kubeadm => kubeadm(field, host)?,
            Way::Etcdha => etcdha(field, host)?,
        };
        let before = field.writer.report().failed.len();
        field.writer.forget_gaps();
        let (time, joining) = timed(command, self.begins()).await?;
        field.writer.wait_for(MORE_WRITES, PATIENCE).await?;
        let report = field.writer.report();
        let last = report.acked.last().context("there was no write")?;
        let endpoints = [field.url("m1"), field.url(host)];
        verify::same_hash(&endpoints, Some(&field.tls), last.revision).await?;
        Ok(Cost {
            time,
            joining,
            pause: report.longest_gap,
            failed: report.failed.len() - before,
        })
    }

    /// What it says when the cluster is about to be asked, or has just been.
    fn begins(self) -> &'static str {
        match self {
            Way::Kubeadm => "Announced new etcd member",
            Way::Etcdha => "add learner",
        }
    }
}

fn kubeadm(field: &Field, name: &str) -> Result<Command> {
    let host = field.host(name);
    let address = host.address();
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta2
kind: JoinConfiguration
nodeRegistration:
  name: {name}
  criSocket: /run/containerd/containerd.sock
discovery:
  file: {{kubeConfigPath: /etc/kubernetes/admin.conf}}
controlPlane:
  localAPIEndpoint: {{advertiseAddress: {address}, bindPort: 6443}}
"
    );
    let inside = "/etc/kubernetes/join.yaml";
    fs::write(host.path(inside), config).context("write kubeadm's configuration")?;
    let mut command = host.command(Kubernetes::find().program("kubeadm")?)?;
    command.args(["join", "phase", "control-plane-join", "etcd", "--config"]);
    command.arg(inside);
    Ok(Command::from(command))
}

fn etcdha(field: &Field, name: &str) -> Result<Command> {
    let dir = field.operator(name)?;
    let (image, version) = Field::image()?;
    let m1 = field.host("m1");
    let pki = m1.path("/etc/kubernetes/pki/etcd");
    let mut text = format!(
        "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: bench\n\
         etcd: {{version: {version}, image: '{image}'}}\n\
         pki:\n  ca: {{cert: {0}/ca.crt, key: {0}/ca.key}}\nmembers:\n",
        pki.display()
    );
    for host in [m1, field.host(name)] {
        text += &format!(
            "- {{name: {}, address: {}, root: {}}}\n",
            host.name(),
            host.address(),
            host.root().display()
        );
    }
    fs::write(dir.join("etcdha.yaml"), text).context("write the cluster file")?;
    let mut command = Command::new(&field.etcdha);
    command
        .args(["member", "add", name, "--yes", "--allow-two"])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("ETCDHA_STATE_DIR", dir.join("state"))
        .current_dir(dir);
    Ok(command)
}

/// Runs a program that must succeed. Returns its time, and its time since it said `begins` first.
async fn timed(mut command: Command, begins: &str) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start the program")?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("the program has no output");
    };
    let (mut out, mut err) = (
        BufReader::new(stdout).lines(),
        BufReader::new(stderr).lines(),
    );
    let (mut said, mut begun) = (String::new(), None);
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let line = tokio::select! {
            line = out.next_line(), if out_open => { out_open = matches!(line, Ok(Some(_))); line }
            line = err.next_line(), if err_open => { err_open = matches!(line, Ok(Some(_))); line }
        };
        let Some(line) = line.context("read the program's output")? else {
            continue;
        };
        // The plan names its steps, too, before any of them begins.
        if line.contains(begins) && (line.ends_with('…') || line.starts_with('[')) {
            begun.get_or_insert_with(Instant::now);
        }
        said += &line;
        said.push('\n');
    }
    let status = child.wait().await.context("wait for the program")?;
    let time = start.elapsed();
    ensure!(status.success(), "it ended with {status}:\n{said}");
    let begun = begun.with_context(|| format!("it never said {begins:?}:\n{said}"))?;
    Ok((time, begun.elapsed()))
}
