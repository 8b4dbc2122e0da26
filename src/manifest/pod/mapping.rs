//! Which file of the host is a path inside the container?

use super::model::{Container, StaticPod, Volume, VolumeMount, VolumeSource};

/// Where a path inside a container leads.
#[derive(Clone, Debug)]
pub enum PathInPod<'a> {
    /// To the host.
    Host {
        /// The path on the host.
        path: String,
        /// The mount it goes through.
        mount: &'a VolumeMount,
        /// The volume behind it.
        volume: &'a Volume,
    },
    /// Into a volume that is not the host's.
    Volume {
        /// The mount it goes through.
        mount: &'a VolumeMount,
    },
    /// Into the container's own file system, which comes from the image and dies with it.
    Image,
}

impl StaticPod {
    /// Follows `path` through the mounts of `container`; the longest mount path counts.
    pub fn locate<'a>(&'a self, container: &'a Container, path: &str) -> PathInPod<'a> {
        let path = clean(path);
        let holding = container.mounts.iter().filter_map(|mount| {
            let inside = inside(&path, &clean(&mount.mount_path.value))?.to_owned();
            Some((mount, inside))
        });
        let longest = holding.max_by_key(|(mount, _)| clean(&mount.mount_path.value).len());
        let Some((mount, inside)) = longest else {
            return PathInPod::Image;
        };
        match self.volume(&mount.name.value) {
            Some(volume) => match &volume.source {
                VolumeSource::HostPath { path: host, .. } => {
                    let sub = mount.sub_path.as_ref().map_or("", |sub| sub.value.as_str());
                    let path = clean(&format!("{}/{sub}/{inside}", host.value));
                    PathInPod::Host {
                        path,
                        mount,
                        volume,
                    }
                }
                VolumeSource::Other(_) => PathInPod::Volume { mount },
            },
            None => PathInPod::Volume { mount },
        }
    }
}

/// Removes repeated and trailing slashes and `.`; `..` is resolved as text, as mounts are.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// What of `path` lies below `directory`; `Some("")` for the directory itself.
pub(crate) fn inside<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(directory.trim_end_matches('/'))?;
    if rest.is_empty() {
        Some("")
    } else {
        rest.strip_prefix('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_decides_and_sub_paths_count() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {}\nspec:\n  containers:\n  - name: a\n    \
            volumeMounts:\n    - {name: pki, mountPath: /etc/kubernetes/pki/}\n    - {name: etcd, \
            mountPath: /etc/kubernetes/pki/etcd, subPath: x}\n    - {name: tmp, mountPath: /tmp}\n    \
            - {name: gone, mountPath: /gone}\n  volumes:\n  - {name: pki, hostPath: {path: \
            /host/pki}}\n  - {name: etcd, hostPath: {path: /host/etcd}}\n  - {name: tmp, emptyDir: {}}\n";
        let pod = StaticPod::parse(text.as_bytes()).unwrap();
        let shown = |path: &str| match pod.locate(&pod.containers[0], path) {
            PathInPod::Host { path, .. } => path,
            PathInPod::Volume { mount } => format!("volume {}", mount.name.value),
            PathInPod::Image => "image".into(),
        };
        for (path, expected) in [
            ("/etc/kubernetes/pki/sa.pub", "/host/pki/sa.pub"),
            ("/etc/kubernetes/pki/etcd/ca.crt", "/host/etcd/x/ca.crt"),
            ("/etc/kubernetes//pki/./etcd/../sa.pub", "/host/pki/sa.pub"),
            ("/etc/kubernetes/pki", "/host/pki"),
            ("/etc/kubernetes/pkix/a", "image"),
            ("/tmp/a", "volume tmp"),
            ("/gone/a", "volume gone"),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
    }
}
