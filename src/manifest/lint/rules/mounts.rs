//! M011–M019: do the paths of the flags exist inside the pod, and mean the same file outside?

use super::APISERVER_FILES;
use crate::manifest::etcd_flags::{self, Kind};
use crate::manifest::flags::Program;
use crate::manifest::lint::evidence::PathFact;
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::Workload;
use crate::manifest::pod::{PathInPod, VolumeMount, VolumeSource};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M011",
        name: "mount-without-volume",
        severity: Severity::Error,
        why: "the kubelet refuses a pod with a volumeMount that names no volume",
        fix: "add the volume, or correct the name",
        check: Check::Program(mount_without_volume),
    },
    Rule {
        id: "M012",
        name: "cert-outside-mounts",
        severity: Severity::Error,
        why: "a path that no volumeMount covers is looked up in the image, where the file is not",
        fix: "mount its directory, or move the file into a mounted one",
        check: Check::Program(cert_outside_mounts),
    },
    Rule {
        id: "M013",
        name: "mount-elsewhere",
        severity: Severity::Warning,
        why: "the path of the flag is another file on the host than in the pod, so tools that read \
              the manifest on the host (kubeadm, etcdctl by hand) take the wrong one or none",
        fix: "mount the directory at its own path",
        check: Check::Program(mount_elsewhere),
    },
    Rule {
        id: "M014",
        name: "file-missing",
        severity: Severity::Error,
        why: "etcd and kube-apiserver exit when a certificate or key they are told of is missing; \
              DirectoryOrCreate only makes an empty directory",
        fix: "create the file, or correct the flag or the mount",
        check: Check::Program(file_missing),
    },
    Rule {
        id: "M015",
        name: "not-a-file",
        severity: Severity::Error,
        why: "a directory stands where a file is expected, often because a mount created it",
        fix: "remove the directory and put the file there",
        check: Check::Program(not_a_file),
    },
    Rule {
        id: "M016",
        name: "data-dir-outside-mounts",
        severity: Severity::Error,
        why: "data in the container's own file system is gone with the container: the member comes \
              back empty, which the cluster takes for a failed disk or worse",
        fix: "mount the data directory from the host",
        check: Check::Etcd(data_dir_outside_mounts),
    },
    Rule {
        id: "M017",
        name: "host-path-type",
        severity: Severity::Error,
        why: "the kubelet checks the type before it starts the pod, and an unknown one is refused",
        fix: "use DirectoryOrCreate for data, Directory or DirectoryOrCreate for certificates",
        check: Check::Program(host_path_type),
    },
    Rule {
        id: "M018",
        name: "data-dir-read-only",
        severity: Severity::Error,
        why: "etcd can't write its data and exits",
        fix: "remove readOnly from the mount of the data directory",
        check: Check::Etcd(data_dir_read_only),
    },
    Rule {
        id: "M019",
        name: "mount-path-twice",
        severity: Severity::Error,
        why: "the kubelet refuses a container with two mounts at one path",
        fix: "remove one of them",
        check: Check::Program(mount_path_twice),
    },
];

/// The flags of a workload that name a file it reads.
pub(in crate::manifest::lint) fn file_flags<'w>(workload: &'w Workload<'_>) -> Vec<&'w str> {
    let is_file = |name: &str| match workload.program {
        Program::Etcd => etcd_flags::find(name).is_some_and(|flag| flag.kind == Kind::File),
        Program::Apiserver => APISERVER_FILES.contains(&name),
    };
    let names = workload
        .flags
        .names()
        .into_iter()
        .filter(|name| is_file(name));
    // A relative or quoted path is another rule's business.
    let absolute = |name: &&str| {
        workload
            .flags
            .value(name)
            .is_some_and(|path| path.starts_with('/'))
    };
    names.filter(absolute).collect()
}

fn mount_without_volume(workload: &Workload<'_>, sink: &mut Sink) {
    let pod = &workload.file.pod;
    for container in &pod.containers {
        for mount in container
            .mounts
            .iter()
            .filter(|mount| pod.volume(&mount.name.value).is_none())
        {
            let name = &mount.name.value;
            let message = format!("volumeMount {name:?} names no volume of this pod");
            let fix = match nearest_volume(workload, name) {
                Some(near) => format!("write name: {near}, or add a volume {name}"),
                None => format!("add a volume {name}"),
            };
            sink.report(mount.name.at, message, fix);
        }
    }
}

fn nearest_volume<'w>(workload: &'w Workload<'_>, name: &str) -> Option<&'w str> {
    const NEAR: f64 = 0.8;
    let names = workload
        .file
        .pod
        .volumes
        .iter()
        .map(|volume| volume.name.value.as_str());
    let scored = names.map(|known| (strsim::jaro_winkler(known, name), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= NEAR).then_some(best.1)
}

fn cert_outside_mounts(workload: &Workload<'_>, sink: &mut Sink) {
    for name in file_flags(workload) {
        if !matches!(workload.locate(name), Some(PathInPod::Image)) {
            continue;
        }
        let path = workload.flags.value(name).unwrap_or_default();
        let directory = path
            .rsplit_once('/')
            .map_or("/", |(directory, _)| directory);
        let message = format!("--{name}={path} is in no volumeMount of this container");
        let fix = match nearest_mount(&workload.container.mounts, directory) {
            Some(mount) => format!("mount {directory}, or use a path under {mount}"),
            None => format!("mount {directory}"),
        };
        sink.report(workload.at(name), message, fix);
    }
}

/// The mount path that shares the most leading components with `directory`, when any does.
fn nearest_mount<'m>(mounts: &'m [VolumeMount], directory: &str) -> Option<&'m str> {
    let common = |path: &str| {
        let pairs = path.split('/').zip(directory.split('/'));
        pairs.take_while(|(a, b)| a == b).count()
    };
    let paths = mounts.iter().map(|mount| mount.mount_path.value.as_str());
    // One component is the empty one before the first slash.
    paths
        .filter(|path| common(path) > 2)
        .max_by_key(|path| common(path))
}

fn mount_elsewhere(workload: &Workload<'_>, sink: &mut Sink) {
    let mut seen = Vec::new();
    for name in file_flags(workload) {
        let Some(PathInPod::Host {
            path: host, mount, ..
        }) = workload.locate(name)
        else {
            continue;
        };
        let path = workload.flags.value(name).unwrap_or_default();
        let exists = matches!(
            workload.file.evidence.paths.get(&host),
            Some(PathFact::File { .. })
        );
        if host == path || exists || seen.contains(&mount.mount_path.at) {
            continue;
        }
        seen.push(mount.mount_path.at);
        let message =
            format!("--{name}={path} is {host} on the host: the mount shows another directory");
        sink.report(
            mount.mount_path.at,
            message,
            "mount the directory the flags name, at the same path",
        );
    }
}

fn file_missing(workload: &Workload<'_>, sink: &mut Sink) {
    for name in file_flags(workload) {
        let Some(host) = workload.host_path(name) else {
            continue;
        };
        match workload.file.evidence.paths.get(&host) {
            Some(PathFact::Missing) => {
                let message = format!("--{name}: {host} does not exist on this host");
                sink.report(
                    workload.at(name),
                    message,
                    format!("create {host}, or correct the flag"),
                );
            }
            Some(_) => {}
            None => sink.unknown(),
        }
    }
}

fn not_a_file(workload: &Workload<'_>, sink: &mut Sink) {
    for name in file_flags(workload) {
        let Some(host) = workload.host_path(name) else {
            continue;
        };
        match workload.file.evidence.paths.get(&host) {
            Some(PathFact::Directory | PathFact::Other) => {
                let message = format!("--{name}: {host} is no file");
                sink.report(
                    workload.at(name),
                    message,
                    format!("put the file at {host}"),
                );
            }
            Some(_) => {}
            None => sink.unknown(),
        }
    }
}

fn data_dir_outside_mounts(workload: &Workload<'_>, sink: &mut Sink) {
    for name in ["data-dir", "wal-dir"] {
        if workload.is_unresolved(name) {
            continue;
        }
        let path = workload.flags.value(name).filter(|path| !path.is_empty());
        if path.is_none() && name == "wal-dir" {
            continue;
        }
        let on_host = path.is_some_and(|path| {
            path.starts_with('/') && matches!(workload.locate(name), Some(PathInPod::Host { .. }))
        });
        if !on_host {
            let message = match path {
                Some(path) => format!(
                    "--{name}={path} is on no hostPath mount: the data die with the container"
                ),
                None => {
                    "--data-dir is not set: the data go into the container and die with it".into()
                }
            };
            let directory = path
                .filter(|path| path.starts_with('/'))
                .unwrap_or("/var/lib/etcd");
            sink.report(
                workload.at(name),
                message,
                format!("mount {directory} from the host and name it"),
            );
        }
    }
}

const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
];

fn host_path_type(workload: &Workload<'_>, sink: &mut Sink) {
    for volume in &workload.file.pod.volumes {
        let VolumeSource::HostPath {
            path,
            kind: Some(kind),
        } = &volume.source
        else {
            continue;
        };
        let (host, kind_text) = (path.value.as_str(), kind.value.as_str());
        let message = match (kind_text, workload.file.evidence.paths.get(host)) {
            (unknown, _) if !HOST_PATH_TYPES.contains(&unknown) => {
                format!("hostPath type {unknown:?} does not exist")
            }
            ("File" | "FileOrCreate", Some(PathFact::Directory)) => {
                format!("{host} is a directory, but its hostPath type is {kind_text}")
            }
            ("Directory" | "DirectoryOrCreate", Some(PathFact::File { .. })) => {
                format!("{host} is a file, but its hostPath type is {kind_text}")
            }
            ("Directory" | "File", Some(PathFact::Missing)) => {
                format!("{host} does not exist, and hostPath type {kind_text} does not create it")
            }
            _ => continue,
        };
        sink.report(
            kind.at,
            message,
            "use the type that fits, such as DirectoryOrCreate",
        );
    }
}

fn data_dir_read_only(workload: &Workload<'_>, sink: &mut Sink) {
    for name in ["data-dir", "wal-dir"] {
        if let Some(PathInPod::Host { mount, .. }) = workload.locate(name)
            && mount.read_only
        {
            let message = format!("--{name} is mounted read-only: etcd can't write its data");
            sink.report(mount.mount_path.at, message, "remove readOnly: true");
        }
    }
}

fn mount_path_twice(workload: &Workload<'_>, sink: &mut Sink) {
    for container in &workload.file.pod.containers {
        for (index, mount) in container.mounts.iter().enumerate() {
            let path = &mount.mount_path;
            let earlier = container.mounts[..index].iter();
            if let Some(first) = earlier
                .map(|mount| &mount.mount_path)
                .find(|p| p.value == path.value)
            {
                let message = format!(
                    "{} is mounted on line {} already",
                    path.value, first.at.line
                );
                sink.report(path.at, message, "remove one of the two mounts");
            }
        }
    }
}
