//! The static pod of a member, wherever it is now: before the kubelet, or set aside by an earlier run.

use std::path::{Path, PathBuf};

use crate::manifest::flags::{Flags, Program};
use crate::manifest::pod::{PathInPod, StaticPod};
use crate::node::LocalNode;
use crate::ops::node_files::{MANIFEST_DIR, MANIFEST_MODE};
use crate::plan::SET_ASIDE;
use crate::sys::files::{self, FileError};

use super::observed::{EtcdPod, FoundEtcd};

/// Flags that name files without which etcd does not start.
const FILES: [&str; 6] = [
    "cert-file",
    "key-file",
    "trusted-ca-file",
    "peer-cert-file",
    "peer-key-file",
    "peer-trusted-ca-file",
];

/// Looks for it before the kubelet first.
pub(super) fn find(node: &LocalNode, backup_dir: &Path) -> Result<FoundEtcd, FileError> {
    match find_in(node, Path::new(MANIFEST_DIR))? {
        FoundEtcd::None => {}
        found => return Ok(found),
    }
    Ok(match find_in(node, &backup_dir.join(SET_ASIDE))? {
        FoundEtcd::One(mut pod) => {
            pod.path = Path::new(MANIFEST_DIR).join(pod.path.file_name().unwrap_or_default());
            pod.mode = MANIFEST_MODE;
            pod.is_aside = true;
            FoundEtcd::One(pod)
        }
        found => found,
    })
}

/// The kubelet reads every file there, whatever its name, but for those that begin with a dot.
fn find_in(node: &LocalNode, directory: &Path) -> Result<FoundEtcd, FileError> {
    let mut found: Vec<EtcdPod> = Vec::new();
    for name in files::list(&node.local(directory))? {
        let path = directory.join(&name);
        if name.starts_with('.') || node.local(&path).is_dir() {
            continue;
        }
        let bytes = node.read(&path)?.unwrap_or_default();
        let is_named_so = name.contains("etcd");
        let read = String::from_utf8(bytes).map_err(|error| error.to_string());
        match read.and_then(|text| read_pod(node, &path, text)) {
            Ok(Some(pod)) => found.push(pod),
            Ok(None) => {}
            Err(why) if is_named_so => return Ok(FoundEtcd::Unreadable(path, why)),
            Err(_) => {}
        }
    }
    Ok(match found.len() {
        0 => FoundEtcd::None,
        1 => FoundEtcd::One(Box::new(found.remove(0))),
        _ => FoundEtcd::Several(found.into_iter().map(|pod| pod.path).collect()),
    })
}

fn read_pod(node: &LocalNode, path: &Path, text: String) -> Result<Option<EtcdPod>, String> {
    let pod = StaticPod::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let Some(container) = Program::Etcd.container(&pod) else {
        return Ok(None);
    };
    let flags = Flags::of(container, Program::Etcd.dialect());
    if flags.in_shell() {
        return Err("a shell starts etcd, so its flags can't be seen".to_owned());
    }
    let on_host = |flag: &str| match pod.locate(container, flags.value(flag)?) {
        PathInPod::Host { path, .. } => Some(PathBuf::from(path)),
        _ => None,
    };
    let is_missing = |flag: &&str| {
        let is_there = |path: PathBuf| node.read_followed(&path).is_ok_and(|file| file.is_some());
        flags.value(flag).is_some() && !on_host(flag).is_some_and(is_there)
    };
    let missing = FILES.into_iter().filter(is_missing);
    let missing = missing.map(|flag| format!("--{flag}={}", flags.value(flag).unwrap_or_default()));
    let missing = missing.collect();
    let urls = flags.list("initial-advertise-peer-urls").into_iter();
    Ok(Some(EtcdPod {
        path: path.to_owned(),
        mode: node.mode(path).unwrap_or(MANIFEST_MODE),
        is_aside: false,
        name: flags.value("name").map(str::to_owned),
        peer_urls: urls.map(str::to_owned).collect(),
        data_dir: on_host("data-dir"),
        wal_dir: on_host("wal-dir"),
        missing,
        text,
    }))
}
