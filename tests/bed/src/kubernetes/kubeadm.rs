//! How does a test host get the very files that `kubeadm init` writes?
//!
//! The phases that write files run one by one, as what follows them in `kubeadm init` would wait
//! for a node that a kubelet without an apiserver is not.
//! Source of the format: kubeadm's `InitConfiguration` and `ClusterConfiguration`, v1beta2 to v1beta4.
//!
//! Invariant: kubeadm runs on the host, so it sees what it would see on a user's.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::programs::{Kubernetes, REGISTRY, Version};
use crate::debs::EtcdRelease;
use crate::exec::{self, Output};
use crate::host::Host;

/// Where kubeadm looks for certificates, and what the masters of a cluster have in common there.
const PKI: &str = "/etc/kubernetes/pki";
const AUTHORITIES: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.key",
    "sa.pub",
];

/// kubeadm on a host, with its configuration.
#[derive(Debug)]
pub struct Kubeadm<'a> {
    host: &'a Host,
    kubernetes: Kubernetes,
    version: Version,
    etcd_tag: String,
    endpoint: Option<String>,
    cert_sans: Vec<String>,
}

impl<'a> Kubeadm<'a> {
    /// Describes a master at the host's IPv4 address, with a stacked etcd.
    ///
    /// # Errors
    /// `scripts/kubernetes` did not run.
    pub fn new(host: &'a Host, etcd: EtcdRelease) -> Result<Kubeadm<'a>> {
        let kubernetes = Kubernetes::find();
        Ok(Kubeadm {
            host,
            version: kubernetes.version()?,
            etcd_tag: kubernetes.etcd_tag(etcd)?,
            kubernetes,
            endpoint: None,
            cert_sans: Vec::new(),
        })
    }

    /// Sets `controlPlaneEndpoint`, such as `198.18.1.100:6443`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// Adds a name or an address to the apiserver's certificate.
    #[must_use]
    pub fn cert_san(mut self, san: &str) -> Self {
        self.cert_sans.push(san.to_owned());
        self
    }

    /// Writes everything of a single master, as `kubeadm init` does. The kubelet, if it runs, takes
    /// up the manifests at once.
    ///
    /// # Errors
    /// kubeadm fails.
    pub fn init(&self) -> Result<()> {
        for phase in [
            ["certs", "all"],
            ["kubeconfig", "all"],
            ["etcd", "local"],
            ["control-plane", "all"],
        ] {
            self.phase(&phase)?;
        }
        Ok(())
    }

    /// Runs kubeadm on the host with other words than a phase of `init`, such as
    /// `["upgrade", "node"]`, whatever comes of it.
    ///
    /// # Errors
    /// kubeadm does not start.
    pub fn run(&self, words: &[&str]) -> Result<Output> {
        let mut command = self.host.command(self.kubernetes.program("kubeadm")?)?;
        exec::capture(command.args(words))
    }

    /// Runs one phase, such as `["certs", "all"]` or `["control-plane", "apiserver"]`.
    ///
    /// # Errors
    /// kubeadm fails.
    pub fn phase(&self, phase: &[&str]) -> Result<Output> {
        let config = self.write_configuration()?;
        let mut command = self.host.command(self.kubernetes.program("kubeadm")?)?;
        command
            .args(["init", "phase"])
            .args(phase)
            .arg("--config")
            .arg(config);
        exec::run(&mut command).with_context(|| format!("kubeadm on {}", self.host.name()))
    }

    /// Copies what the masters of a cluster share from another master, as an operator does before a
    /// join: the authorities with their keys, and the service accounts' keys.
    ///
    /// # Errors
    /// The other one has none.
    pub fn take_authorities(&self, from: &Host) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.host.path(PKI).join("etcd"))
            .context("make the directory for certificates")?;
        for file in AUTHORITIES {
            let (source, target) = (from.path(PKI).join(file), self.host.path(PKI).join(file));
            // The mode comes along.
            fs::copy(&source, &target)
                .with_context(|| format!("copy {} to {}", source.display(), self.host.name()))?;
        }
        Ok(())
    }

    /// Returns the configuration: `InitConfiguration` and `ClusterConfiguration`.
    pub fn configuration(&self) -> String {
        let api = match self.version.minor {
            ..=21 => "v1beta2",
            22..=30 => "v1beta3",
            _ => "v1beta4",
        };
        let (name, address) = (self.host.name(), self.host.address());
        let mut text = format!(
            "apiVersion: kubeadm.k8s.io/{api}
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: {address}
  bindPort: 6443
nodeRegistration:
  name: {name}
  criSocket: {}/run/containerd/containerd.sock
---
apiVersion: kubeadm.k8s.io/{api}
kind: ClusterConfiguration
kubernetesVersion: {}
clusterName: kubernetes
imageRepository: {REGISTRY}
etcd:
  local:
    imageTag: {}
",
            // kubeadm knew sockets by their paths only until 1.24.
            if self.version.minor < 24 {
                ""
            } else {
                "unix://"
            },
            self.version,
            self.etcd_tag,
        );
        if let Some(endpoint) = &self.endpoint {
            text += &format!("controlPlaneEndpoint: {endpoint}\n");
        }
        if !self.cert_sans.is_empty() {
            text += &format!("apiServer:\n  certSANs: [{}]\n", self.cert_sans.join(", "));
        }
        text
    }

    /// Writes the configuration where only the host sees it, and returns its path on the host.
    fn write_configuration(&self) -> Result<PathBuf> {
        let path = PathBuf::from("/etc/kubernetes/kubeadm.yaml");
        fs::write(self.host.path(&path), self.configuration())
            .context("write kubeadm's configuration")?;
        Ok(path)
    }
}
