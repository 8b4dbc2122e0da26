//! How is containerd configured on a test host, and how does it get its images?
//!
//! The file is containerd 1.6's, version 2 (`docs/cri/config.md` in its repository).
//!
//! Invariant: everything it writes lies in the host's private directories.

use std::path::Path;

use anyhow::{Context, Result};

use super::programs::Kubernetes;
use crate::exec;
use crate::host::Host;

/// The namespace in which the kubelet's containers and images live.
const NAMESPACE: &str = "k8s.io";

/// Returns containerd's configuration. `runc` is the program of this name.
pub(crate) fn configuration(runc: &Path) -> String {
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "registry.local/pause:testbed"
disable_apparmor = true
# Without CAP_SYS_RESOURCE runc may not make a process less likely to be killed for its memory.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{}"
"#,
        runc.display()
    )
}

/// Brings the images that containerd does not have yet. Takes a second for each 100 MB.
///
/// # Errors
/// An image was not made by `scripts/kubernetes`, or containerd refuses it.
pub(crate) fn import(host: &Host, init: i32, ctr: &Path, images: &[String]) -> Result<()> {
    let ctr = |arguments: &[&str]| {
        let mut command = host.command_in(init, ctr);
        command.args(["--namespace", NAMESPACE]).args(arguments);
        exec::run(&mut command)
    };
    let here = ctr(&["images", "list", "--quiet"])?.stdout;
    let kubernetes = Kubernetes::find();
    for image in images {
        let tar = kubernetes.image(image)?;
        let reference = kubernetes.reference(image)?;
        if here.lines().any(|known| known == reference) {
            continue;
        }
        ctr(&["images", "import", &tar.to_string_lossy()])
            .with_context(|| format!("import the image {image}"))?;
    }
    Ok(())
}
