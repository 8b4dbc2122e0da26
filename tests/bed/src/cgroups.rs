//! The control groups that the containers of test hosts leave behind.
//!
//! Each host with a real kubelet has, in every hierarchy of the machine, one group that serves as
//! its root group: see `host/seclusion.rs`.
//!
//! Invariant: only groups without a process can be removed, so no living container is hurt.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

/// Where the kernel shows control groups.
const ROOT: &str = "/sys/fs/cgroup";
/// How long killed processes may take to leave their groups.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes the machine's control groups of these names, with all that is in them.
pub(crate) fn remove(owned: impl Fn(&str) -> bool) -> Result<()> {
    // cgroups(7): with version 1 each hierarchy is a directory here, with version 2 there is one.
    let mut hierarchies = subdirectories(Path::new(ROOT));
    hierarchies.push(PathBuf::from(ROOT));
    for group in hierarchies.iter().flat_map(|path| subdirectories(path)) {
        let name = group.file_name().and_then(|name| name.to_str());
        if name.is_some_and(&owned) {
            wait::until("a control group to be empty", PATIENCE, || {
                remove_tree(&group)
            })?;
        }
    }
    Ok(())
}

fn remove_tree(group: &Path) -> Result<()> {
    for below in subdirectories(group) {
        remove_tree(&below)?;
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", group.display()))
        }
        _ => Ok(()),
    }
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        // Version 1 links hierarchies that are mounted together, such as cpu to cpu,cpuacct.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
