//! The first process of a test host: gives the host its own files, then waits for the end.
//!
//! It runs as process 1 of the host's PID namespace. Its standard input is a pipe whose other end
//! the bed's program holds: when that program ends, for whatever reason, the read returns, this
//! process ends, and the kernel kills every other process of the namespace.
//!
//! Invariant: nothing it mounts or writes is seen by the machine, except below the host's root.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};
use rustix::process::{WaitOptions, wait};
use serde::{Deserialize, Serialize};

use crate::clock;

/// What a host's first process must know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostSpec {
    /// The host's name.
    pub(crate) hostname: String,
    /// The directory on the machine that holds the host's private files.
    pub(crate) root: PathBuf,
    /// The private directories, as absolute paths on the host.
    pub(crate) directories: Vec<PathBuf>,
    /// Created when the host is ready.
    pub(crate) ready: PathBuf,
}

/// The private files in /etc. They are symbolic links into a mounted directory and not mounted one
/// by one, so that a program on the machine can replace them by rename.
pub(crate) const PRIVATE_FILES: [&str; 3] = ["hosts", "resolv.conf", "hostname"];

/// Where the host sees the directory that holds [`PRIVATE_FILES`].
const PRIVATE_ETC: &str = "/run/host-etc";

/// Sets the host up and stays until the bed's program ends.
pub(crate) fn main(spec: &Path) -> Result<()> {
    let text = fs::read(spec).with_context(|| format!("read {}", spec.display()))?;
    let spec: HostSpec = serde_json::from_slice(&text).context("parse the host's description")?;
    set_up(&spec).with_context(|| format!("set up host {}", spec.hostname))?;
    fs::write(&spec.ready, []).context("say that the host is ready")?;
    thread::spawn(reap_orphans);
    if let Some(host) = spec.ready.parent().map(Path::to_owned) {
        thread::spawn(move || clock::keep(&host));
    }
    io::stdin()
        .read_to_end(&mut Vec::new())
        .context("wait for the bed's program to end")?;
    Ok(())
}

fn set_up(spec: &HostSpec) -> Result<()> {
    rustix::system::sethostname(spec.hostname.as_bytes()).context("set the host name")?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .context("make the mounts private")?;
    mount_tmpfs(Path::new("/run"))?;
    // Mount points that the machine lacks are made in an overlay, so that the machine never sees
    // an empty /etc/kubernetes.
    cover(Path::new("/etc"))?;
    cover(Path::new("/var/lib"))?;
    // kubeadm's controller-manager mounts a directory that the kubelet makes in here.
    let libexec = Path::new("/usr/libexec");
    if libexec.is_dir() {
        cover(libexec)?;
    }
    let etc = Path::new(PRIVATE_ETC);
    bind(&spec.root.join("etc"), etc)?;
    for file in PRIVATE_FILES {
        let place = Path::new("/etc").join(file);
        remove_file(&place)?;
        symlink(etc.join(file), &place).with_context(|| format!("link {}", place.display()))?;
    }
    for directory in &spec.directories {
        let inside = directory.strip_prefix("/").unwrap_or(directory);
        bind(&spec.root.join(inside), directory)?;
    }
    // A container runtime on the host hands mounts on to its containers.
    mount_change(
        "/",
        MountPropagationFlags::SHARED | MountPropagationFlags::REC,
    )
    .context("make the mounts shared")
}

fn mount_tmpfs(target: &Path) -> Result<()> {
    mount("tmpfs", target, "tmpfs", MountFlags::empty(), c"mode=755")
        .with_context(|| format!("mount a tmpfs on {}", target.display()))
}

/// Lays a writable, vanishing layer over a directory of the machine.
fn cover(directory: &Path) -> Result<()> {
    let name = directory.to_string_lossy().replace('/', "-");
    let layer = Path::new("/run/overlay").join(name.trim_matches('-'));
    let (upper, work) = (layer.join("upper"), layer.join("work"));
    for path in [&upper, &work] {
        fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        directory.display(),
        upper.display(),
        work.display()
    );
    let options = std::ffi::CString::new(options).context("encode the overlay's options")?;
    mount(
        "overlay",
        directory,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .with_context(|| format!("lay an overlay over {}", directory.display()))
}

fn bind(source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("make {}", target.display()))?;
    mount_bind_recursive(source, target)
        .with_context(|| format!("bind {} to {}", source.display(), target.display()))
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Process 1 inherits the children of processes that died and must collect them.
fn reap_orphans() {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) => {}
            // No child at the moment; zombies can wait a little.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}
