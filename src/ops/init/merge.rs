//! Several hosts, one cluster: what every host says alike, and where two contradict each other. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::control_plane::drop_usual_names;
use super::host::HostReading;
use super::translate::DEFAULT_NAME;
use crate::model::{ClusterSpec, EtcdSpec, ExtraArg, NodeName, Role, Topology};

/// Why hosts are no cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A thing that a cluster file says once, and two hosts say differently.
    Field {
        /// The field of the cluster file.
        field: &'static str,
        /// A host and what it says.
        first: (String, String),
        /// Another host and what that says.
        second: (String, String),
    },
    /// Two directories are of one host.
    SameHost {
        /// The host.
        name: NodeName,
        /// The directories.
        roots: [PathBuf; 2],
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field {
                field,
                first: (one, says),
                second: (other, differs),
            } => write!(f, "{field}: {one} says {says}, {other} says {differs}"),
            Self::SameHost {
                name,
                roots: [one, other],
            } => {
                let (one, other) = (one.display(), other.display());
                write!(f, "{one} and {other} are the same host: {name}")
            }
        }
    }
}

/// Makes one reading of those of several hosts, in the given order.
///
/// # Errors
/// Everything that two hosts say differently and a cluster file can say only once.
pub(super) fn merge(readings: Vec<HostReading>) -> Result<HostReading, Vec<Contradiction>> {
    let contradictions = contradictions(&readings);
    if !contradictions.is_empty() {
        return Err(contradictions);
    }
    let topology = topology(&readings);
    let names: Vec<_> = readings.iter().map(|reading| reading.own.clone()).collect();
    let mut readings = readings.into_iter();
    // There is always one: the caller names at least one root.
    let Some(mut merged) = readings.next() else {
        return Err(Vec::new());
    };
    for reading in readings {
        absorb(&mut merged, reading);
    }
    let spec = &mut merged.spec;
    spec.topology = topology;
    for member in &mut spec.members {
        if !names.contains(&member.name) {
            member.roles = topology.default_roles();
        }
    }
    merged.neighbours.retain(|name| !names.contains(name));
    unknown_endpoints(&mut merged);
    drop_usual_names(&mut merged.spec);
    Ok(merged)
}

/// Members are stacked where every host that was read carries both.
fn topology(readings: &[HostReading]) -> Topology {
    let both = |reading: &HostReading| reading.has_etcd && reading.has_control_plane;
    if readings.iter().all(both) {
        Topology::Stacked
    } else {
        Topology::External
    }
}

/// Takes over what another host adds.
fn absorb(merged: &mut HostReading, reading: HostReading) {
    let HostReading { spec, .. } = reading;
    let into = &mut merged.spec;
    for member in spec.members {
        let known = into
            .members
            .iter_mut()
            .find(|known| known.name == member.name);
        match known {
            // A host knows itself better than its neighbours do.
            Some(known) if member.name == reading.own => *known = member,
            Some(_) => {}
            None => into.members.push(member),
        }
    }
    if reading.has_etcd && !merged.has_etcd {
        into.etcd = spec.etcd;
        into.pki = spec.pki;
        merged.ca_key_is_missing = reading.ca_key_is_missing;
        merged.ca_notes = reading.ca_notes;
    } else if reading.has_etcd && merged.ca_key_is_missing && !reading.ca_key_is_missing {
        // The CA's key need not lie on every host.
        into.pki.ca = spec.pki.ca;
        merged.ca_key_is_missing = false;
        merged.ca_notes = reading.ca_notes;
    }
    if reading.has_control_plane {
        if into.name == DEFAULT_NAME {
            into.name = spec.name;
        }
        if merged.has_control_plane {
            into.apiserver.cert_sans.extend(spec.apiserver.cert_sans);
        } else {
            into.kubernetes = spec.kubernetes;
            into.networking = spec.networking;
            into.apiserver = spec.apiserver;
        }
    }
    merged.has_etcd |= reading.has_etcd;
    merged.has_control_plane |= reading.has_control_plane;
    merged.said.extend(reading.said);
    merged.etcd_servers.extend(reading.etcd_servers);
    merged.neighbours.extend(reading.neighbours);
    merged.manifests.extend(reading.manifests);
    merged.certificates += reading.certificates;
    merged.notes.extend(reading.notes);
    merged.hosts.extend(reading.hosts);
}

/// Members of an external etcd that only an apiserver knows.
fn unknown_endpoints(merged: &mut HostReading) {
    if merged.spec.topology == Topology::Stacked {
        return;
    }
    let spec = &merged.spec;
    let known: Vec<_> = spec
        .etcd_members()
        .map(|member| spec.client_url(member).to_string())
        .collect();
    let mut unknown: Vec<_> = merged.etcd_servers.clone();
    unknown.retain(|server| {
        !known.contains(server) && !server.contains("//127.") && !server.contains("//[::1]")
    });
    unknown.sort();
    unknown.dedup();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        merged.notes.push(format!(
            "the apiservers use {unknown}, which no host that was read advertises: add those members"
        ));
    }
}

fn contradictions(readings: &[HostReading]) -> Vec<Contradiction> {
    let mut found: Vec<Contradiction> = Vec::new();
    let mut said: Vec<(&'static str, &str, String)> = Vec::new();
    for reading in readings {
        for (field, says) in &reading.said {
            let first = said.iter().find(|(known, ..)| known == field);
            match first {
                None => said.push((field, &reading.label, says.clone())),
                Some((_, host, before)) if before != says => found.push(Contradiction::Field {
                    field,
                    first: ((*host).to_owned(), before.clone()),
                    second: (reading.label.clone(), says.clone()),
                }),
                Some(_) => {}
            }
        }
    }
    for (index, reading) in readings.iter().enumerate() {
        let mut before = readings[..index].iter();
        if let Some(twin) = before.find(|other| other.own == reading.own) {
            found.push(Contradiction::SameHost {
                name: reading.own.clone(),
                roots: [twin.root.clone(), reading.root.clone()],
            });
        }
    }
    found
}

/// What an etcd says that its fellows must say too.
pub(super) fn said_of_etcd(spec: &ClusterSpec) -> Vec<(&'static str, String)> {
    let EtcdSpec {
        version,
        image,
        data_dir,
        client_port,
        peer_port,
        metrics_port,
        cluster_token,
        quota_backend_bytes,
        snapshot_count,
        extra_args,
        resources: _,
        service: _,
    } = &spec.etcd;
    let or_default = |text: Option<String>| text.unwrap_or_else(|| "etcd's default".to_owned());
    vec![
        ("etcd.version", version.to_string()),
        ("etcd.image", image.clone()),
        ("etcd.dataDir", data_dir.display().to_string()),
        ("etcd.clientPort", client_port.to_string()),
        ("etcd.peerPort", peer_port.to_string()),
        ("etcd.metricsPort", metrics_port.to_string()),
        ("etcd.clusterToken", or_default(cluster_token.clone())),
        (
            "etcd.quotaBackendBytes",
            or_default(quota_backend_bytes.map(|bytes| bytes.to_string())),
        ),
        ("etcd.snapshotCount", snapshot_count.to_string()),
        ("etcd.extraArgs", shown(extra_args)),
        ("pki.layout", spec.pki.layout.as_str().to_owned()),
        ("pki.hostDir", spec.pki.host_dir.display().to_string()),
    ]
}

/// Flags in an order of their own: that of the manifest means nothing.
pub(super) fn shown(args: &[ExtraArg]) -> String {
    let mut shown: Vec<_> = args
        .iter()
        .map(|arg| format!("--{}={}", arg.name, arg.value))
        .collect();
    shown.sort();
    if shown.is_empty() {
        "none".to_owned()
    } else {
        shown.join(" ")
    }
}

/// The roles of a host that was read.
pub(super) fn roles(has_etcd: bool, has_control_plane: bool) -> BTreeSet<Role> {
    let etcd = has_etcd.then_some(Role::Etcd);
    let control_plane = has_control_plane.then_some(Role::ControlPlane);
    etcd.into_iter().chain(control_plane).collect()
}
