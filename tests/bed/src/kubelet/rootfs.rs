//! A container's root directory, built from its mounts and its program, and nothing else.
//!
//! Invariant: a path of the host that no volume mounts does not exist for the container.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};
use serde::{Deserialize, Serialize};

/// What a container is to see and to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RootSpec {
    /// An empty directory of the host that the root is built on.
    pub(crate) root: PathBuf,
    /// Files of the host that belong to the image: source and place.
    pub(crate) image: Vec<(PathBuf, PathBuf)>,
    /// The volumes.
    pub(crate) mounts: Vec<Mount>,
    /// The program's path in the container.
    pub(crate) program: String,
    /// Its command line, which begins with the word by which it was asked for.
    pub(crate) argv: Vec<String>,
    /// The whole environment.
    pub(crate) env: Vec<(String, String)>,
    /// The working directory.
    pub(crate) directory: String,
}

/// A volume at its place.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mount {
    /// The directory or file on the host.
    pub(crate) source: PathBuf,
    /// The absolute path in the container.
    pub(crate) target: PathBuf,
    /// Whether the container may not write.
    pub(crate) read_only: bool,
}

/// What every image holds in /dev.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The files that the kubelet gives to every pod on the host's network.
const NODE_FILES: [&str; 3] = ["hosts", "resolv.conf", "hostname"];

/// Builds the root directory in this process's mount namespace, which must be its own, and becomes
/// the container's program.
pub(crate) fn enter(spec: &Path) -> Result<()> {
    let text = fs::read(spec).with_context(|| format!("read {}", spec.display()))?;
    let spec: RootSpec = serde_json::from_slice(&text).context("parse the container")?;
    build(&spec).context("build the container's root directory")?;
    let [name, arguments @ ..] = spec.argv.as_slice() else {
        bail!("the container has no command");
    };
    let error = Command::new(&spec.program)
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(spec.env)
        .current_dir(&spec.directory)
        .exec();
    Err(error).with_context(|| format!("start {}", spec.program))
}

fn build(spec: &RootSpec) -> Result<()> {
    let root = &spec.root;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .context("make the mounts private")?;
    special(root, "tmpfs", "mode=755")?;
    for (source, place) in &spec.image {
        bind(source, &below(root, place))?;
    }
    furnish(root)?;
    let mut mounts: Vec<&Mount> = spec.mounts.iter().collect();
    mounts.sort_by_key(|mount| mount.target.components().count());
    for volume in mounts {
        let target = below(root, &volume.target);
        bind(&volume.source, &target)?;
        if volume.read_only {
            mount_remount(&target, MountFlags::BIND | MountFlags::RDONLY, c"")
                .with_context(|| format!("make {} read-only", volume.target.display()))?;
        }
    }
    // pivot_root(2): with the same directory twice the old root lies over the new one, and is
    // taken away.
    rustix::process::chdir(root).context("enter the root directory")?;
    rustix::process::pivot_root(".", ".").context("turn the root")?;
    unmount(".", UnmountFlags::DETACH).context("leave the host's files")?;
    rustix::process::chdir("/").context("enter the root directory")
}

/// Adds what a container runtime adds to every image.
fn furnish(root: &Path) -> Result<()> {
    special(&root.join("proc"), "proc", "")?;
    special(&root.join("dev"), "tmpfs", "mode=755,size=64k")?;
    for device in DEVICES {
        bind(
            &Path::new("/dev").join(device),
            &root.join("dev").join(device),
        )?;
    }
    symlink("/proc/self/fd", root.join("dev/fd")).context("link /dev/fd")?;
    let tmp = root.join("tmp");
    make_directory(&tmp)?;
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).context("open /tmp")?;
    let etc = root.join("etc");
    make_directory(&etc)?;
    for file in NODE_FILES {
        let source = Path::new("/etc").join(file);
        let text = fs::read(&source).with_context(|| format!("read {}", source.display()))?;
        fs::write(etc.join(file), text).with_context(|| format!("write /etc/{file}"))?;
    }
    fs::write(etc.join("nsswitch.conf"), "hosts: files dns\n").context("write nsswitch.conf")
}

fn special(target: &Path, kind: &str, options: &str) -> Result<()> {
    make_directory(target)?;
    let options = CString::new(options).context("encode mount options")?;
    mount(kind, target, kind, MountFlags::empty(), options.as_c_str())
        .with_context(|| format!("mount {kind} on {}", target.display()))
}

/// Binds a file or a directory, and makes the place for it.
fn bind(source: &Path, target: &Path) -> Result<()> {
    let what = || format!("mount {} on {}", source.display(), target.display());
    let kind = fs::metadata(source).with_context(what)?;
    if kind.is_dir() {
        make_directory(target)?;
        return mount_bind_recursive(source, target).with_context(what);
    }
    if let Some(parent) = target.parent() {
        make_directory(parent)?;
    }
    // The place may be a file of a volume that is mounted already, perhaps read-only.
    if !target.exists() {
        fs::File::create(target).with_context(what)?;
    }
    mount_bind(source, target).with_context(what)
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
