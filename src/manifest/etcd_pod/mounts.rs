//! Which directories of the host does the pod need?
//!
//! Exactly those its flags point into, at the same paths inside, so that a flag's path means the
//! same file on the host and in the pod.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::flag_set::FlagSet;
use crate::manifest::etcd_flags::{self, Kind};

/// One directory and the volume's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) name: String,
    pub(super) path: String,
}

/// The mounts in kubeadm's order: data first, then certificates.
pub(super) fn mounts(flags: &FlagSet) -> Vec<Mount> {
    let data = flags.value("data-dir").map(PathBuf::from);
    let wal = flags.value("wal-dir").map(PathBuf::from);
    let mut covered: Vec<PathBuf> = Vec::new();
    let mut mounts = Vec::new();
    for (name, directory) in [("etcd-data", data), ("etcd-wal", wal)] {
        if let Some(directory) = directory.filter(|directory| !is_inside(directory, &covered)) {
            mounts.push(mount(name.to_owned(), &directory));
            covered.push(directory);
        }
    }
    let outer = outermost(certificate_directories(flags));
    let certificates = outer
        .into_iter()
        .filter(|directory| !is_inside(directory, &covered));
    for (index, directory) in certificates.enumerate() {
        let name = match index {
            0 => "etcd-certs".to_owned(),
            index => format!("etcd-certs-{}", index + 1),
        };
        mounts.push(mount(name, &directory));
    }
    mounts
}

fn mount(name: String, directory: &Path) -> Mount {
    Mount {
        name,
        path: directory.to_string_lossy().into_owned(),
    }
}

fn certificate_directories(flags: &FlagSet) -> BTreeSet<PathBuf> {
    let files = flags
        .iter()
        .filter(|(name, _)| etcd_flags::find(name).is_some_and(|flag| flag.kind == Kind::File));
    files
        .filter_map(|(_, path)| Path::new(path).parent().map(Path::to_owned))
        .collect()
}

/// Drops directories that lie inside another one of the set.
fn outermost(directories: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut outer: Vec<PathBuf> = Vec::new();
    // Sorted, a parent comes before what it holds.
    for directory in directories {
        if !is_inside(&directory, &outer) {
            outer.push(directory);
        }
    }
    outer
}

fn is_inside(directory: &Path, outer: &[PathBuf]) -> bool {
    outer.iter().any(|outer| directory.starts_with(outer))
}
