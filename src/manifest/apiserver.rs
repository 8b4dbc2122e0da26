//! Which etcd does a kube-apiserver use, and how is it pointed at another?
//!
//! Invariant: only the etcd flags change, and a volume is added where a file would otherwise not
//! exist inside the pod; every other byte of the manifest stays.

use std::path::Path;

use super::flags::{Flags, Program};
use super::patch::{Edit, HostMount, PatchError, patch};
use super::pod::{Container, PathInPod, StaticPod, inside};
use crate::model::ClientUrl;

/// The etcd flags of a kube-apiserver as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiserverEtcd {
    /// `--etcd-servers`, every occurrence, split at commas.
    pub servers: Vec<String>,
    /// `--etcd-servers-overrides`: other servers for some resources.
    pub overrides: Vec<ServersOverride>,
    /// `--etcd-cafile`.
    pub ca_file: Option<String>,
    /// `--etcd-certfile`.
    pub cert_file: Option<String>,
    /// `--etcd-keyfile`.
    pub key_file: Option<String>,
    /// `--etcd-prefix`; the apiserver's default is `/registry`.
    pub prefix: Option<String>,
}

/// One part of `--etcd-servers-overrides`: `GROUP/RESOURCE#SERVER;SERVER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServersOverride {
    /// `group/resource`; the core group is empty (`/events`).
    pub resource: String,
    /// Its servers.
    pub servers: Vec<String>,
}

/// The etcd a kube-apiserver shall use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdEndpoints {
    /// Every endpoint, all of one cluster.
    pub servers: Vec<ClientUrl>,
    /// Trusted CA, as a path on the host; one that the pod names already is kept as it is.
    pub ca_file: String,
    /// Client certificate, as a path on the host.
    pub cert_file: String,
    /// Its key, as a path on the host.
    pub key_file: String,
}

/// The container that runs kube-apiserver and its etcd flags; `None` when the pod has none.
pub fn etcd_of(pod: &StaticPod) -> Option<ApiserverEtcd> {
    let container = Program::Apiserver.container(pod)?;
    let flags = Flags::of(container, Program::Apiserver.dialect());
    let every = |name: &str| -> Vec<String> {
        let given = flags.iter().filter(|flag| flag.name == name);
        let values = given.filter_map(|flag| flag.value.as_deref());
        let parts = values.flat_map(|value| value.split(','));
        parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let one = |name: &str| flags.value(name).map(str::to_owned);
    let overrides = every("etcd-servers-overrides");
    Some(ApiserverEtcd {
        servers: every("etcd-servers"),
        overrides: overrides
            .iter()
            .filter_map(|part| parse_override(part))
            .collect(),
        ca_file: one("etcd-cafile"),
        cert_file: one("etcd-certfile"),
        key_file: one("etcd-keyfile"),
        prefix: one("etcd-prefix"),
    })
}

/// Reads `group/resource#server;server`.
pub(crate) fn parse_override(text: &str) -> Option<ServersOverride> {
    let (resource, servers) = text.split_once('#')?;
    let servers: Vec<String> = servers.split(';').map(str::to_owned).collect();
    let is_whole = resource
        .split_once('/')
        .is_some_and(|(_, name)| !name.is_empty());
    let complete = is_whole && servers.iter().all(|server| !server.is_empty());
    complete.then(|| ServersOverride {
        resource: resource.to_owned(),
        servers,
    })
}

/// Points a kube-apiserver at `etcd`. Equal endpoints give the same text.
///
/// # Errors
/// When the text is no kube-apiserver pod, or is written in a way that can't be edited without
/// touching more than the etcd flags.
pub fn repoint(text: &str, etcd: &EtcdEndpoints) -> Result<String, PatchError> {
    let pod = StaticPod::parse(text.as_bytes())?;
    let Some(container) = Program::Apiserver.container(&pod) else {
        let found: Vec<&str> = pod
            .containers
            .iter()
            .map(|c| c.name.value.as_str())
            .collect();
        let (wanted, found) = ("kube-apiserver".into(), found.join(", "));
        return Err(PatchError::NoContainer { wanted, found });
    };
    let flags = Flags::of(container, Program::Apiserver.dialect());
    let servers: Vec<String> = etcd.servers.iter().map(ToString::to_string).collect();
    let wanted = [
        ("etcd-cafile", etcd.ca_file.clone()),
        ("etcd-certfile", etcd.cert_file.clone()),
        ("etcd-keyfile", etcd.key_file.clone()),
        ("etcd-servers", servers.join(",")),
    ];
    let mut edits = Vec::new();
    let mut neighbour = Some("etcd-servers".to_owned());
    for (name, value) in wanted {
        let container = container.name.value.clone();
        let given = flags.get(name).is_some();
        let (after, name) = (neighbour.replace(name.to_owned()), name.to_owned());
        edits.push(match given {
            true => Edit::SetFlag {
                container,
                name,
                value,
            },
            false => Edit::AddFlag {
                container,
                name,
                value,
                after,
            },
        });
    }
    edits.extend(mounts(&pod, container, etcd));
    patch(text, &edits)
}

/// A mount for each directory that holds a file and is not in the pod at the same path yet.
fn mounts(pod: &StaticPod, container: &Container, etcd: &EtcdEndpoints) -> Vec<Edit> {
    let mut directories: Vec<String> = Vec::new();
    let flags = Flags::of(container, Program::Apiserver.dialect());
    let files = [
        ("etcd-cafile", &etcd.ca_file),
        ("etcd-certfile", &etcd.cert_file),
        ("etcd-keyfile", &etcd.key_file),
    ];
    for (flag, file) in files {
        // A path that the pod names already is one inside the pod, wherever it is on the host.
        let is_kept = flags.value(flag) == Some(file.as_str());
        let is_there = matches!(
            pod.locate(container, file), PathInPod::Host { path, .. } if is_kept || path == *file
        );
        let directory = Path::new(file)
            .parent()
            .map(|parent| parent.to_string_lossy().into_owned());
        match directory {
            Some(directory) if !is_there && !directories.contains(&directory) => {
                directories.push(directory);
            }
            _ => {}
        }
    }
    let all = directories.clone();
    let is_within = |directory: &String| {
        all.iter()
            .any(|outer| outer != directory && inside(directory, outer).is_some())
    };
    directories.retain(|directory| !is_within(directory));
    let mut taken: Vec<String> = pod
        .volumes
        .iter()
        .map(|volume| volume.name.value.clone())
        .collect();
    directories
        .into_iter()
        .map(|directory| {
            let volume = free_name(&taken);
            taken.push(volume.clone());
            let mount = HostMount {
                volume,
                host_path: directory.clone(),
                // The files are there; an empty directory in their place would only hide a mistake.
                host_type: Some("Directory".into()),
                mount_path: directory,
                read_only: true,
            };
            Edit::AddMount {
                container: container.name.value.clone(),
                mount,
            }
        })
        .collect()
}

fn free_name(taken: &[String]) -> String {
    let name = |number: usize| match number {
        1 => "etcd-client-certs".to_owned(),
        number => format!("etcd-client-certs-{number}"),
    };
    let mut number = 1;
    while taken.contains(&name(number)) {
        number += 1;
    }
    name(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_HAND: &str = include_str!("../../tests/data/manifests/apiserver-by-hand.yaml");
    const KUBEADM: &str = include_str!("../../tests/data/manifests/apiserver-kubeadm-1.20.yaml");

    fn endpoints(directory: &str) -> EtcdEndpoints {
        let url = |host: &str| format!("https://{host}:2379").parse().unwrap();
        EtcdEndpoints {
            servers: vec![url("10.0.0.11"), url("10.0.0.12")],
            ca_file: format!("{directory}/etcd/ca.crt"),
            cert_file: format!("{directory}/apiserver-etcd-client.crt"),
            key_file: format!("{directory}/apiserver-etcd-client.key"),
        }
    }

    fn added(before: &str, after: &str) -> String {
        let old: Vec<&str> = before.lines().collect();
        let new: Vec<&str> = after.lines().filter(|line| !old.contains(line)).collect();
        new.join("\n")
    }

    #[test]
    fn the_flags_are_read_from_the_apiservers_own_container() {
        let pod = StaticPod::parse(BY_HAND.as_bytes()).unwrap();
        let etcd = etcd_of(&pod).unwrap();
        assert_eq!(etcd.servers, ["https://127.0.0.1:2379"]);
        assert_eq!(etcd.overrides[0].resource, "/events");
        assert_eq!(etcd.overrides[0].servers, ["https://127.0.0.1:4379"]);
        assert_eq!(
            etcd.ca_file.as_deref(),
            Some("/etc/kubernetes/pki/etcd/ca.crt")
        );
    }

    #[test]
    fn only_the_servers_change_where_the_files_stay() {
        let etcd = endpoints("/etc/kubernetes/pki");
        let after = repoint(KUBEADM, &etcd).unwrap();
        assert_eq!(
            added(KUBEADM, &after),
            "    - --etcd-servers=https://10.0.0.11:2379,https://10.0.0.12:2379"
        );
        assert_eq!(after.lines().count(), KUBEADM.lines().count());
        assert_eq!(repoint(&after, &etcd).unwrap(), after);
    }

    #[test]
    fn directories_outside_the_mounts_are_mounted_and_missing_flags_added() {
        let text = KUBEADM.replace(
            "    - --etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt\n",
            "",
        );
        let after = repoint(&text, &endpoints("/srv/etcd")).unwrap();
        insta::assert_snapshot!(added(&text, &after), @r#"
        - --etcd-cafile=/srv/etcd/etcd/ca.crt
        - --etcd-certfile=/srv/etcd/apiserver-etcd-client.crt
        - --etcd-keyfile=/srv/etcd/apiserver-etcd-client.key
        - --etcd-servers=https://10.0.0.11:2379,https://10.0.0.12:2379
        - mountPath: /srv/etcd
          name: etcd-client-certs
          path: /srv/etcd
          type: Directory
        name: etcd-client-certs
        "#);
        let again = repoint(BY_HAND, &endpoints("/srv/etcd")).unwrap();
        insta::assert_snapshot!(added(BY_HAND, &again), @r#"
                - "https://10.0.0.11:2379,https://10.0.0.12:2379"
                - /srv/etcd/etcd/ca.crt
                - '--etcd-certfile=/srv/etcd/apiserver-etcd-client.crt'
                - "--etcd-keyfile=/srv/etcd/apiserver-etcd-client.key"
                - mountPath: /srv/etcd
                  name: etcd-client-certs
                  readOnly: true
        - hostPath:
            path: /srv/etcd
            type: Directory
          name: etcd-client-certs
        "#);
    }

    #[test]
    fn a_path_the_pod_names_already_is_kept_wherever_it_is_on_the_host() {
        // The directory stands elsewhere on the host than in the pod.
        let text = KUBEADM.replace("path: /etc/kubernetes/pki\n", "path: /srv/kubernetes/pki\n");
        assert_ne!(text, KUBEADM);
        let after = repoint(&text, &endpoints("/etc/kubernetes/pki")).unwrap();
        assert_eq!(
            after.lines().count(),
            text.lines().count(),
            "no mount is added"
        );
        let moved = repoint(&text, &endpoints("/srv/etcd")).unwrap();
        assert!(moved.contains("- mountPath: /srv/etcd\n"), "{moved}");
    }

    #[test]
    fn line_ends_overrides_and_what_is_written_oddly_survive() {
        let etcd = endpoints("/etc/kubernetes/pki");
        let windows = KUBEADM.replace('\n', "\r\n");
        let after = repoint(&windows, &etcd).unwrap();
        assert_eq!(
            after,
            repoint(KUBEADM, &etcd).unwrap().replace('\n', "\r\n")
        );

        let after = repoint(BY_HAND, &etcd).unwrap();
        assert!(
            after.contains(
                "--etcd-servers-overrides=/events#https://127.0.0.1:4379   # events apart"
            )
        );
        assert!(after.contains("- --etcd-servers            # only the local one for now\n"));
        assert!(
            after.contains("'--etcd-servers=not-mine'"),
            "another container's flags"
        );

        let twice = KUBEADM.replace(
            "    - --etcd-servers=",
            "    - --etcd-servers=https://10.0.0.99:2379\n    - --etcd-servers=",
        );
        let pod = StaticPod::parse(repoint(&twice, &etcd).unwrap().as_bytes()).unwrap();
        let servers = etcd_of(&pod).unwrap().servers;
        assert_eq!(
            servers,
            ["https://10.0.0.11:2379", "https://10.0.0.12:2379"]
        );
    }

    #[test]
    fn what_can_not_be_kept_is_refused() {
        let etcd = endpoints("/etc/kubernetes/pki");
        let anchored = KUBEADM.replace(
            "- --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt",
            "- &ca --etcd-cafile=/old.crt",
        );
        assert_ne!(anchored, KUBEADM);
        let shell = KUBEADM.replace(
            "    - kube-apiserver\n",
            "    - sh\n    - -c\n    - kube-apiserver\n",
        );
        for (text, expected) in [
            (&anchored, "can't edit a value with an anchor"),
            (&shell, "starts through a shell"),
        ] {
            let error = repoint(text, &etcd).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_pod_without_an_apiserver_is_refused() {
        let text = include_str!("../../tests/data/manifests/etcd-by-hand.yaml");
        let error = repoint(text, &endpoints("/srv")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no container \"kube-apiserver\"; found etcd"
        );
    }
}
