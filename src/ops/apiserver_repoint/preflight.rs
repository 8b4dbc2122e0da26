//! What repointing refuses, before anything is changed.

use crate::model::ClusterId;
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{FileTrouble, FoundManifest};

use super::RepointRequest;
use super::observed::{Observed, ObservedNode, Serving, Wanted};

/// Every refusal of these commands; `docs/refusals.md` explains each.
pub const REFUSALS: [&str; 15] = [
    "apiserver-manifest-missing",
    "apiserver-manifest-ambiguous",
    "apiserver-manifest-foreign",
    "manifest-not-editable",
    "manifest-changed",
    "no-etcd-servers",
    "file-not-in-pod",
    "apiserver-unverifiable",
    "etcd-server-unusable",
    "etcd-server-learner",
    "override-unusable",
    "two-clusters",
    "foreign-etcd",
    "etcd-unknown",
    "migration-differs",
];

/// The first reason not to begin. Nodes on which nothing is to be done are left out.
pub(super) fn check(request: &RepointRequest, observed: &Observed) -> Result<(), Refusal> {
    for node in &observed.nodes {
        manifest_is_one(node)?;
        let Some(wanted) = &node.wanted else { continue };
        let wanted = wanted.as_ref().map_err(Clone::clone)?;
        if node.is_settled() {
            continue;
        }
        files_are_in_the_pod(node, wanted)?;
        apiserver_can_be_asked(node)?;
        servers_answer(node, wanted)?;
        data_is_the_same(request, node, wanted)?;
    }
    Ok(())
}

fn manifest_is_one(node: &ObservedNode) -> Result<(), Refusal> {
    let name = &node.name;
    match &node.manifest {
        FoundManifest::One(_) => Ok(()),
        FoundManifest::None => {
            let what = format!("{name} has no kube-apiserver in its manifest directory");
            let fix = "name the nodes that have one, or correct roles: in the cluster file";
            Err(Refusal::new("apiserver-manifest-missing", what, fix))
        }
        FoundManifest::Several(paths) => {
            let paths: Vec<_> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let what = format!("{name} has several kube-apiservers: {}", paths.join(", "));
            let fix = "the kubelet runs every file there: move all but one out of the directory";
            Err(Refusal::new("apiserver-manifest-ambiguous", what, fix))
        }
        FoundManifest::OfAnother(path, address) => {
            let path = path.display();
            let what = match address.as_str() {
                "" => format!("whether {path} is the manifest of {name} can't be told"),
                address => format!("{path} under the root of {name} advertises {address}"),
            };
            let fix = "name where each host's root is mounted: root: in the cluster file, or \
                       --member-root NAME=DIR; or name only the nodes that are here";
            Err(Refusal::new("apiserver-manifest-foreign", what, fix))
        }
        FoundManifest::Unreadable(path, why) => {
            let what = format!("{} on {name} can't be read: {why}", path.display());
            let fix = "correct it first: etcdha manifest lint shows its lines";
            Err(Refusal::new("manifest-not-editable", what, fix))
        }
    }
}

fn files_are_in_the_pod(node: &ObservedNode, wanted: &Wanted) -> Result<(), Refusal> {
    let Some((flag, trouble)) = wanted.troubles.first() else {
        return Ok(());
    };
    let name = &node.name;
    let (what, fix) = match trouble {
        FileTrouble::Outside => (
            format!("{flag} of {name} is in no mount of the host's files"),
            "name a file of the host: --etcd-cafile, --etcd-certfile, --etcd-keyfile",
        ),
        FileTrouble::Missing => (
            format!("{flag}: {name} has no such file"),
            "issue it (etcdha certs gen), or name another: --etcd-cafile, --etcd-certfile, --etcd-keyfile",
        ),
        FileTrouble::LeadsOut(path) => (
            format!(
                "{flag} of {name} is a link to {}, which the pod does not see",
                path.display()
            ),
            "put the file itself there, or mount the directory it is in",
        ),
        FileTrouble::Unreadable(why) => (
            format!("{flag} of {name} can't be read: {why}"),
            "run it as root, or repair the file",
        ),
    };
    Err(Refusal::new("file-not-in-pod", what, fix))
}

fn apiserver_can_be_asked(node: &ObservedNode) -> Result<(), Refusal> {
    let name = &node.name;
    let fix = "name a kubeconfig of an administrator: --kubeconfig /etc/kubernetes/admin.conf";
    if node.target.is_none() {
        let what = format!("there is no CA to verify the apiserver of {name} with");
        return Err(Refusal::new("apiserver-unverifiable", what, fix));
    }
    // It answers, but not to us: whether it is ready later could not be told either.
    let Err(why) = &node.ready else { return Ok(()) };
    let is_unknown = why.contains("answers 401") || why.contains("invalid peer certificate");
    match is_unknown {
        true => {
            let what = format!("the apiserver of {name}: {why}");
            Err(Refusal::new("apiserver-unverifiable", what, fix))
        }
        false => Ok(()),
    }
}

fn servers_answer(node: &ObservedNode, wanted: &Wanted) -> Result<(), Refusal> {
    let name = &node.name;
    if let Some(server) = wanted.says.unreadable.first() {
        let what = format!("{server:?} in the manifest of {name} is no URL of an etcd server");
        let fix = "write it as https://HOST:2379";
        return Err(Refusal::new("etcd-server-unusable", what, fix));
    }
    let mut ids: Vec<(ClusterId, String)> = Vec::new();
    for (url, answer) in &wanted.answers {
        let answer = answer.as_ref().map_err(|why| {
            let what = format!("with the files of {name}'s apiserver, {url} can't be used: {why}");
            let fix = "start it, or leave it out (--servers URL,…); name the files that it accepts: \
                       --etcd-cafile, --etcd-certfile, --etcd-keyfile";
            Refusal::new("etcd-server-unusable", what, fix)
        })?;
        if answer.is_learner {
            let what = format!("{url} is a learner and serves no reads");
            let fix = "promote it first, or leave it out: --servers URL,…";
            return Err(Refusal::new("etcd-server-learner", what, fix));
        }
        ids.push((answer.cluster_id, url.to_string()));
    }
    if let Some((resource, why)) = wanted.silent_overrides.first() {
        let what = format!(
            "the servers of --etcd-servers-overrides for {resource} share the files of {name}'s \
             apiserver, and with them {why}"
        );
        let fix = "choose files that they accept as well, or remove the override first";
        return Err(Refusal::new("override-unusable", what, fix));
    }
    let Some((first, first_url)) = ids.first() else {
        let what = format!("the manifest of {name} would name no etcd server");
        let fix = "name them: --servers https://HOST:2379,…";
        return Err(Refusal::new("no-etcd-servers", what, fix));
    };
    match ids.iter().find(|(id, _)| id != first) {
        Some((other, url)) => {
            let what = format!(
                "the servers are of two clusters: {first_url} of {first}, {url} of {other}"
            );
            let fix = "name servers of one cluster: an apiserver mixes the data of both";
            Err(Refusal::new("two-clusters", what, fix))
        }
        None => Ok(()),
    }
}

fn data_is_the_same(
    request: &RepointRequest,
    node: &ObservedNode,
    wanted: &Wanted,
) -> Result<(), Refusal> {
    let name = &node.name;
    let Some(target) = wanted.cluster_id() else {
        return Ok(());
    };
    let now = match &node.serving {
        Serving::Cluster(id) | Serving::MemberOf(id) if *id == target => return Ok(()),
        Serving::Cluster(id) | Serving::MemberOf(id) => id,
        Serving::Unknown(why) => {
            let what = format!(
                "which data the apiserver of {name} serves can't be told: its etcd does not \
                 answer: {why}"
            );
            let fix = "bring that etcd back first; an apiserver that gets another cluster's data \
                       shows an empty or an old cluster";
            return Err(Refusal::new("etcd-unknown", what, fix));
        }
    };
    if !request.migrate {
        let what = format!(
            "the apiserver of {name} serves the data of cluster {now}, and the servers are of \
             cluster {target}"
        );
        let fix = "name servers of the same cluster; where the data was moved there on purpose: \
                   --migrate";
        return Err(Refusal::new("foreign-etcd", what, fix));
    }
    migration_is_faithful(node, *now, target)
}

fn migration_is_faithful(
    node: &ObservedNode,
    now: ClusterId,
    target: ClusterId,
) -> Result<(), Refusal> {
    let fix = "stop what writes to the old cluster, then copy the data anew: take a snapshot of it and \
               restore that to the new one";
    let what = match &node.migration {
        Some(Ok(found)) if found.is_equal => match found.lost.as_slice() {
            [] => return Ok(()),
            [first, ..] => format!(
                "cluster {now} has changed since revision {}, which is all that cluster {target} \
                 has: lost would be {first} and {} more",
                found.revision,
                found.lost.len() - 1
            ),
        },
        Some(Ok(found)) => format!(
            "clusters {now} and {target} hold different data at revision {}",
            found.revision
        ),
        Some(Err(why)) => format!("clusters {now} and {target} can't be compared: {why}"),
        None => format!("clusters {now} and {target} were not compared"),
    };
    Err(Refusal::new("migration-differs", what, fix))
}
