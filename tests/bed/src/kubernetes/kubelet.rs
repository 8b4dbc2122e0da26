//! How is the real kubelet configured on a test host, and how is it asked?
//!
//! It stands alone unless it is told to register: without a kubeconfig it runs the static pods and nothing
//! else. The file is `KubeletConfiguration` (`k8s.io/kubelet/config/v1beta1`).
//!
//! Invariant: everything it writes lies in the host's private directories and in what
//! `host/seclusion.rs` puts in the machine's place.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::programs::Version;

/// Where the kubelet tells about its pods to anyone, in plain HTTP. Each host has ports of its own.
const READ_ONLY_PORT: u16 = 10255;
/// How long the kubelet may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// Returns the configuration.
pub(crate) fn configuration() -> String {
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: /etc/kubernetes/manifests
authentication:
  anonymous: {{enabled: true}}
  webhook: {{enabled: false}}
authorization:
  mode: AlwaysAllow
readOnlyPort: {READ_ONLY_PORT}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
# A full disk of the machine is not what is tested.
evictionHard:
  memory.available: 1%
  nodefs.available: 1%
  nodefs.inodesFree: 1%
  imagefs.available: 1%
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
resolvConf: /etc/resolv.conf
"
    )
}

/// Returns the kubelet's command line after its name.
pub(crate) fn arguments(
    version: Version,
    config: &str,
    node: &str,
    address: Ipv4Addr,
    is_registered: bool,
) -> Vec<String> {
    let mut arguments = vec![
        format!("--config={config}"),
        format!("--hostname-override={node}"),
        format!("--node-ip={address}"),
        "--container-runtime-endpoint=unix:///run/containerd/containerd.sock".to_owned(),
        // The default is below /usr.
        "--volume-plugin-dir=/var/lib/kubelet/volume-plugins".to_owned(),
    ];
    if is_registered {
        arguments.push("--kubeconfig=/etc/kubernetes/kubelet.conf".to_owned());
    }
    // Needed until dockershim went in 1.24, and gone with 1.27.
    if version.minor < 24 {
        arguments.push("--container-runtime=remote".to_owned());
    }
    arguments
}

/// Asks the kubelet of the host whose first process is `init`, from within the host, so that a cut
/// cable does not matter.
pub(crate) fn get(init: i32, path: &str) -> Result<String> {
    let path = path.to_owned();
    // A namespace is entered by one thread, which then ends.
    thread::spawn(move || {
        let namespace =
            File::open(format!("/proc/{init}/ns/net")).context("open the host's network")?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .context("enter the host's network")?;
        ask(&path)
    })
    .join()
    .map_err(|_| anyhow!("the asking thread panicked"))?
}

fn ask(path: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, READ_ONLY_PORT))
        .context("connect to the kubelet")?;
    stream
        .set_read_timeout(Some(ANSWER))
        .context("set the time for an answer")?;
    // In HTTP/1.0 the answer ends with the connection, and is in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").context("ask the kubelet")?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .context("read the kubelet's answer")?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the kubelet's answer has no end of its headers")?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        bail!("the kubelet answered {status} to GET {path}: {body}");
    }
    Ok(body.to_owned())
}
