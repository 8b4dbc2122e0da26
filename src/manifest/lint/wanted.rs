//! Which files of the host do the rules want to know about?

use std::collections::BTreeSet;

use super::rules::{CHAINS, file_flags};
use super::subject::{LintFile, Workload};
use crate::manifest::flags::Program;
use crate::manifest::pod::VolumeSource;

/// What to look at on the host of one manifest; every path is the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Files and directories: is something there, of what kind and mode?
    pub paths: BTreeSet<String>,
    /// Files that hold certificates.
    pub certificates: BTreeSet<String>,
    /// Certificate and CA: did one in the second sign the first?
    pub signatures: BTreeSet<(String, String)>,
    /// Certificate and key: do they belong together?
    pub key_pairs: BTreeSet<(String, String)>,
    /// Data directories.
    pub data_dirs: BTreeSet<String>,
}

/// Tells, for each file in its order, what evidence its rules can use.
pub fn wanted(files: &[LintFile]) -> Vec<Wanted> {
    let workloads: Vec<Workload<'_>> = files
        .iter()
        .enumerate()
        .filter_map(|(index, file)| Workload::of(index, file))
        .collect();
    let mut all = vec![Wanted::default(); files.len()];
    for workload in &workloads {
        all[workload.index] = of(workload, &workloads);
    }
    all
}

fn of(workload: &Workload<'_>, all: &[Workload<'_>]) -> Wanted {
    let mut wanted = Wanted::default();
    for flag in file_flags(workload) {
        wanted.paths.extend(workload.host_path(flag));
    }
    for volume in &workload.file.pod.volumes {
        if let VolumeSource::HostPath { path, .. } = &volume.source {
            wanted.paths.insert(path.value.clone());
        }
    }
    for chain in CHAINS
        .iter()
        .filter(|chain| chain.program == workload.program)
    {
        let (cert, key, ca) = (
            workload.host_path(chain.cert),
            workload.host_path(chain.key),
            workload.host_path(chain.ca),
        );
        wanted.certificates.extend(cert.clone());
        wanted.certificates.extend(ca.clone());
        wanted.signatures.extend(cert.clone().zip(ca));
        wanted.key_pairs.extend(cert.zip(key));
    }
    match workload.program {
        Program::Etcd => wanted.data_dirs.extend(workload.host_path("data-dir")),
        Program::Apiserver => with_local_etcd(workload, all, &mut wanted),
    }
    wanted
}

/// An apiserver and the etcd beside it check each other's certificates.
fn with_local_etcd(workload: &Workload<'_>, all: &[Workload<'_>], wanted: &mut Wanted) {
    let beside = all.iter().filter(|other| {
        other.program == Program::Etcd && other.file.directory == workload.file.directory
    });
    for etcd in beside {
        let client = workload.host_path("etcd-certfile");
        wanted
            .signatures
            .extend(client.zip(etcd.host_path("trusted-ca-file")));
        let server = etcd.host_path("cert-file");
        wanted
            .signatures
            .extend(server.zip(workload.host_path("etcd-cafile")));
    }
}
