//! `apiserver status`: which etcd each kube-apiserver uses, on disk and as it runs, whether it is
//! ready, which members nobody uses, and who leads among schedulers and controller managers.

use std::path::Path;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::apiserver::{ApiAccess, demand_ready, version};
use crate::cluster::{self, ClusterAccess, ClusterView};
use crate::model::{ApiserverUrl, ClientUrl, ClusterId, ClusterSpec, Host, MemberSpec};
use crate::node::LocalNode;
use crate::plan::{ApiserverTarget, CredentialFiles};

use super::apiserver_nodes::{
    ApiserverManifest, FoundManifest, LOOK_PATIENCE, control_plane, credential_places,
    find_manifest, reach, running_flags,
};
use super::leases::{LeaseRow, leases};
use super::node_files::{local_node, operator_node};

/// The apiservers at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiserverStatus {
    /// The cluster file's name.
    pub name: String,
    /// The cluster's id, where it answers.
    pub cluster_id: Option<ClusterId>,
    /// A row each.
    pub apiservers: Vec<ApiserverRow>,
    /// Members that no apiserver uses.
    pub unused: Vec<String>,
    /// True where all of those are on their way out.
    pub unused_leave: bool,
    /// Who leads.
    pub leases: Vec<LeaseRow>,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}

/// One apiserver at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiserverRow {
    /// The node.
    pub node: String,
    /// Where it answers.
    pub url: String,
    /// Its etcd as its manifest says, where that can be read.
    pub on_disk: Option<EtcdServers>,
    /// Its etcd as its process was told, where that can be seen.
    pub running: Option<EtcdServers>,
    /// Whether it is ready, or why not.
    pub ready: Result<(), String>,
    /// Its release, where it answers.
    pub version: Option<String>,
    /// What is wrong with its manifest.
    pub complaint: Option<String>,
}

/// A list of etcd servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdServers {
    /// As the flag has it.
    pub urls: Vec<String>,
    /// For people: members by name.
    pub label: String,
}

/// Looks at every apiserver of the cluster file, and at etcd.
pub async fn look(
    spec: &ClusterSpec,
    access: &ClusterAccess,
    kubeconfig: Option<&Path>,
    now: Timestamp,
) -> ApiserverStatus {
    let view = cluster::observe(access).await;
    let mut nodes: Vec<_> = control_plane(spec).map(local_node).collect();
    nodes.push(operator_node());
    let manifests: Vec<_> = control_plane(spec)
        .map(|member| (member, find_manifest(&local_node(member), member, spec)))
        .collect();
    let readable = || {
        manifests
            .iter()
            .filter_map(|(_, found)| one(found.as_ref().ok()?))
    };
    let prefix = readable()
        .map(|manifest| manifest.says.etcd.prefix.clone())
        .next();
    let mut looking = JoinSet::new();
    for (number, (member, found)) in manifests.iter().enumerate() {
        let (member, spec, nodes) = ((*member).clone(), spec.clone(), nodes.clone());
        let found = match found {
            Ok(found) => Ok(found.clone()),
            Err(error) => Err(format!("{error}: {}", error.source)),
        };
        let kubeconfig = kubeconfig.map(Path::to_owned);
        let looks = async move {
            (
                number,
                row(&spec, &member, found, &nodes, kubeconfig.as_deref()).await,
            )
        };
        looking.spawn(looks);
    }
    let mut rows = looking.join_all().await;
    rows.sort_by_key(|(number, _)| *number);
    let apiservers: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let used: Vec<ClientUrl> = readable().flat_map(|m| m.says.etcd.dial.clone()).collect();
    let prefix = prefix.unwrap_or_else(|| "/registry".to_owned());
    let leases = match &view {
        Ok(view) => leases(&access.with_endpoints(view.live_endpoints()), &prefix, now).await,
        Err(_) => Vec::new(),
    };
    let view = view.map_err(|error| error.to_string());
    let mut status = ApiserverStatus {
        name: spec.name.clone(),
        cluster_id: view.as_ref().ok().map(|view| view.cluster_id),
        unused: view.as_ref().map_or(Vec::new(), |view| unused(view, &used)),
        unused_leave: false,
        apiservers,
        leases,
        problems: view.err().into_iter().collect(),
    };
    // Where no manifest can be read, what is used can't be told.
    if used.is_empty() {
        status.unused.clear();
    }
    let leaves = |name: &String| {
        spec.leaving_members()
            .any(|member| member.name.as_str() == name)
    };
    status.unused_leave = status.unused.iter().all(leaves);
    let problems = problems(&status.apiservers, &status.leases);
    status.problems.extend(problems);
    status
}

fn one(found: &FoundManifest) -> Option<&ApiserverManifest> {
    match found {
        FoundManifest::One(manifest) => Some(manifest),
        _ => None,
    }
}

async fn row(
    spec: &ClusterSpec,
    member: &MemberSpec,
    found: Result<FoundManifest, String>,
    nodes: &[LocalNode],
    kubeconfig: Option<&Path>,
) -> ApiserverRow {
    let node = local_node(member);
    let url = ApiserverUrl::https(Host::Ip(member.address), spec.apiserver.port);
    let mut row = ApiserverRow {
        node: member.name.to_string(),
        url: url.to_string(),
        on_disk: None,
        running: None,
        ready: Err("it is not known how to verify it".to_owned()),
        version: None,
        complaint: None,
    };
    let manifest = match found {
        Ok(FoundManifest::One(manifest)) => manifest,
        Ok(other) => {
            row.complaint = complaint(&other);
            return asked(row, anonymous(url, nodes, kubeconfig)).await;
        }
        Err(why) => {
            row.complaint = Some(why);
            return row;
        }
    };
    let says = &manifest.says;
    row.url = says.url.to_string();
    row.on_disk = Some(servers(spec, member, &says.etcd.flags.servers));
    let running = running_flags(&node, &says.process);
    row.running = running.map(|flags| servers(spec, member, &flags.servers));
    let places = credential_places(kubeconfig, &node, nodes, says);
    let target = reach(member, says, places, nodes).await;
    let access =
        target.and_then(|target: ApiserverTarget| target.access(nodes, LOOK_PATIENCE).ok());
    asked(row, access).await
}

/// An apiserver whose manifest is not here, asked with any kubeconfig there is.
fn anonymous(
    url: ApiserverUrl,
    nodes: &[LocalNode],
    kubeconfig: Option<&Path>,
) -> Option<ApiAccess> {
    let own = kubeconfig.map(|path| CredentialFiles::Kubeconfig {
        on: operator_node().name.to_string(),
        path: path.to_owned(),
    });
    let admin = nodes.iter().map(|node| CredentialFiles::Kubeconfig {
        on: node.name.to_string(),
        path: "/etc/kubernetes/admin.conf".into(),
    });
    let mut loaded = own
        .into_iter()
        .chain(admin)
        .filter_map(|files| files.load(nodes).ok());
    let credentials = loaded.next()?;
    Some(ApiAccess {
        url,
        credentials,
        timeout: LOOK_PATIENCE,
    })
}

async fn asked(mut row: ApiserverRow, access: Option<ApiAccess>) -> ApiserverRow {
    if let Some(access) = access {
        row.ready = demand_ready(&access).await;
        row.version = version(&access).await.ok();
    }
    row
}

fn complaint(found: &FoundManifest) -> Option<String> {
    match found {
        FoundManifest::One(_) => None,
        // Its files are elsewhere; nothing is wrong with that.
        FoundManifest::OfAnother(..) => None,
        FoundManifest::None => Some("its manifest directory holds no kube-apiserver".to_owned()),
        FoundManifest::Several(paths) => Some(format!("{} manifests are apiservers", paths.len())),
        FoundManifest::Unreadable(path, why) => Some(format!("{}: {why}", path.display())),
    }
}

fn servers(spec: &ClusterSpec, member: &MemberSpec, urls: &[String]) -> EtcdServers {
    let name = |url: &String| match url.parse::<ClientUrl>() {
        Ok(mut parsed) => {
            if parsed.0.host.is_loopback() {
                parsed.0.host = Host::Ip(member.address);
            }
            super::apiserver_repoint::label(spec, &[parsed])
        }
        Err(_) => url.clone(),
    };
    EtcdServers {
        label: urls.iter().map(name).collect::<Vec<_>>().join(" "),
        urls: urls.to_vec(),
    }
}

/// Voting members of which no client URL is used.
fn unused(view: &ClusterView, used: &[ClientUrl]) -> Vec<String> {
    let voters = view.voters();
    voters
        .filter(|member| !member.info.client_urls.iter().any(|url| used.contains(url)))
        .map(|member| member.info.display_name())
        .collect()
}

/// What is wrong with these apiservers and leases, one line each.
pub fn problems(apiservers: &[ApiserverRow], leases: &[LeaseRow]) -> Vec<String> {
    let mut problems = Vec::new();
    for row in apiservers {
        let node = &row.node;
        if let Some(complaint) = &row.complaint {
            problems.push(format!("{node}: {complaint}"));
        }
        if let Err(why) = &row.ready {
            problems.push(format!("the apiserver of {node} is not ready: {why}"));
        }
        if let (Some(disk), Some(running)) = (&row.on_disk, &row.running)
            && disk.urls != running.urls
        {
            problems.push(format!(
                "the apiserver of {node} runs with {} although its manifest says {}",
                running.label, disk.label
            ));
        }
    }
    for row in leases {
        match &row.found {
            Ok(held) if held.is_abandoned => problems.push(format!(
                "nobody leads as {}: {} has not renewed its lease",
                row.name,
                if held.holder.is_empty() {
                    "the holder"
                } else {
                    &held.host
                }
            )),
            _ => {}
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::Lease;
    use crate::ops::leases::held;

    fn row(node: &str, disk: &str, running: Option<&str>) -> ApiserverRow {
        let servers = |label: &str| EtcdServers {
            urls: vec![label.to_owned()],
            label: label.to_owned(),
        };
        ApiserverRow {
            node: node.into(),
            url: "https://10.0.0.11:6443".into(),
            on_disk: Some(servers(disk)),
            running: running.map(servers),
            ready: Ok(()),
            version: None,
            complaint: None,
        }
    }

    #[test]
    fn only_what_is_wrong_is_a_problem() {
        let lease = |age: i64| {
            let now = Timestamp::from_second(1000).unwrap();
            let lease = Lease {
                holder: "m1_x".into(),
                renewed: Timestamp::from_second(1000 - age).ok(),
                seconds: 15,
            };
            LeaseRow {
                name: "kube-scheduler".into(),
                found: Ok(held(&lease, now)),
            }
        };
        let mut rows = vec![row("m1", "m1 m2", Some("m1 m2")), row("m2", "m2", None)];
        assert_eq!(problems(&rows, &[lease(3)]), Vec::<String>::new());
        rows[0].running = row("m1", "", Some("m1")).running;
        rows[1].ready = Err("/readyz?verbose answers 500".into());
        insta::assert_snapshot!(problems(&rows, &[lease(60)]).join("\n"), @r"
        the apiserver of m1 runs with m1 although its manifest says m1 m2
        the apiserver of m2 is not ready: /readyz?verbose answers 500
        nobody leads as kube-scheduler: m1 has not renewed its lease
        ");
    }
}
