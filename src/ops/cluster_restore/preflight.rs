//! What refuses the restore of a cluster. Everything that can be known is known before the first
//! program is stopped.

use crate::model::{EtcdUrl, NodeName, Topology, bytes};
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::FoundManifest;
use crate::ops::snapshot_restore::RestoredIds;

use super::observed::{EtcdPod, FoundEtcd, How, Observed, ObservedApiserver, ObservedMember};
use super::{BUMP, ClusterRestoreRequest};

/// Ids of the refusals, beside those of `snapshot restore` for one member.
pub const REFUSALS: [&str; 15] = [
    "host-root-missing",
    "hosts-share-root",
    "left-out-lives",
    "etcd-manifest-missing",
    "etcd-manifest-ambiguous",
    "etcd-manifest-differs",
    "manifest-not-editable",
    "file-not-in-pod",
    "apiserver-manifest-ambiguous",
    "apiserver-manifest-foreign",
    "apiserver-unverifiable",
    "no-etcd-servers",
    "restored-before",
    "cluster-lives",
    "bump-too-small",
];

/// What a cluster that lives may write between the look and its stop.
const MARGIN: i64 = 1_000_000;

/// Checks the hosts: what is not about the data.
pub(super) fn hosts(request: &ClusterRestoreRequest, observed: &Observed) -> Result<(), Refusal> {
    own_roots(observed)?;
    left_out(observed, request)?;
    for member in &observed.members {
        self::member(request, member)?;
    }
    for apiserver in &observed.apiservers {
        self::apiserver(request, apiserver)?;
    }
    Ok(())
}

/// Members without a root of their own would all be the host that etcdha runs on.
fn own_roots(observed: &Observed) -> Result<(), Refusal> {
    let members = observed.members.iter().map(|m| (&m.name, &m.root));
    let apiservers = observed.apiservers.iter().map(|a| (&a.name, &a.root));
    let mut seen: Vec<(&NodeName, &std::path::PathBuf)> = Vec::new();
    for (name, root) in members.chain(apiservers) {
        if let Some((other, _)) = seen
            .iter()
            .find(|(other, known)| *other != name && *known == root)
        {
            let what = format!(
                "{other} and {name} have one root directory: {}",
                root.display()
            );
            let fix = "say where each host's root is mounted here: root: DIR at each member";
            return Err(Refusal::new("hosts-share-root", what, fix));
        }
        seen.push((name, root));
    }
    Ok(())
}

fn left_out(observed: &Observed, request: &ClusterRestoreRequest) -> Result<(), Refusal> {
    let mut living = observed.living.iter().map(|member| (&member.name, "etcd"));
    let stray = observed.stray_apiservers.iter();
    let lives = living
        .find(|(name, _)| request.is_left_out(name))
        .or_else(|| stray.map(|name| (name, "apiserver")).next());
    let Some((name, what)) = lives else {
        return Ok(());
    };
    let what = format!(
        "{name} is to be left out, but its {what} answers: its clients would go on with the old data"
    );
    let fix = format!("switch {name} off, or restore it as well: leave it out of --without");
    Err(Refusal::new("left-out-lives", what, fix))
}

fn member(request: &ClusterRestoreRequest, member: &ObservedMember) -> Result<(), Refusal> {
    let name = &member.name;
    let Some(how) = &member.how else {
        let what = format!("{name}: its root {} is not there", member.root.display());
        let fix = format!("mount it; or, where {name} is lost for good: --without {name}");
        return Err(Refusal::new("host-root-missing", what, fix));
    };
    let pod = match how {
        How::Service(_) => return Ok(()),
        How::Pod(FoundEtcd::One(pod)) => pod,
        How::Pod(FoundEtcd::None) => {
            let what = format!("{name} has no manifest of etcd in /etc/kubernetes/manifests");
            let fix = format!(
                "put it back there, or write one: etcdha manifest etcd {name}; or leave {name} out: \
                 --without {name}"
            );
            return Err(Refusal::new("etcd-manifest-missing", what, fix));
        }
        How::Pod(FoundEtcd::Several(paths)) => {
            let paths: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
            let what = format!("{name} has several manifests of etcd: {}", paths.join(", "));
            let fix = "move all but one out of the directory";
            return Err(Refusal::new("etcd-manifest-ambiguous", what, fix));
        }
        How::Pod(FoundEtcd::Unreadable(path, why)) => {
            let what = format!("{} on {name} can't be read: {why}", path.display());
            return Err(Refusal::new(
                "manifest-not-editable",
                what,
                "correct it by hand",
            ));
        }
    };
    self::pod(request, member, pod)
}

/// The pod must be the cluster file's member, and able to start.
fn pod(
    request: &ClusterRestoreRequest,
    member: &ObservedMember,
    pod: &EtcdPod,
) -> Result<(), Refusal> {
    let (name, path) = (&member.name, pod.path.display());
    let differs = |what: String| {
        let fix = "make the cluster file and the manifest say the same";
        Err(Refusal::new("etcd-manifest-differs", what, fix))
    };
    let stated = pod.name.as_deref().unwrap_or("default");
    if stated != name.as_str() {
        return differs(format!(
            "{path} on {name} starts member {stated}, the cluster file says {name}"
        ));
    }
    if let Some(spec) = request.spec.member(name) {
        let wanted = request.spec.peer_url(spec);
        let urls = pod
            .peer_urls
            .iter()
            .filter_map(|url| url.parse::<EtcdUrl>().ok());
        if !urls.clone().any(|url| url == wanted.0) {
            return differs(format!(
                "{path} on {name} advertises {} to its peers, the cluster file says {wanted}",
                pod.peer_urls.join(",")
            ));
        }
    }
    if pod.data_dir.is_none() {
        return differs(format!(
            "{path} on {name}: its data directory is no directory of the host"
        ));
    }
    if !pod.missing.is_empty() {
        let what = format!(
            "{name} lacks files without which its etcd does not start: {}",
            pod.missing.join(" ")
        );
        let fix = "put them back, or issue them: etcdha certs gen; see etcdha certs check";
        return Err(Refusal::new("file-not-in-pod", what, fix));
    }
    Ok(())
}

fn apiserver(
    request: &ClusterRestoreRequest,
    apiserver: &ObservedApiserver,
) -> Result<(), Refusal> {
    let name = &apiserver.name;
    let manifest = match &apiserver.manifest {
        FoundManifest::None => return Ok(()),
        FoundManifest::One(manifest) => manifest,
        FoundManifest::Several(paths) => {
            let paths: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
            let what = format!("{name} has several apiservers: {}", paths.join(", "));
            let fix = "move all but one out of the directory";
            return Err(Refusal::new("apiserver-manifest-ambiguous", what, fix));
        }
        FoundManifest::Unreadable(path, why) => {
            let what = format!("{} on {name} can't be read: {why}", path.display());
            return Err(Refusal::new(
                "manifest-not-editable",
                what,
                "correct it by hand",
            ));
        }
        FoundManifest::OfAnother(path, address) => {
            let what = format!("{} of {name} advertises {address}", path.display());
            let fix = "name each host's root: root: DIR at each member";
            return Err(Refusal::new("apiserver-manifest-foreign", what, fix));
        }
    };
    let members: Vec<_> = request.members().collect();
    let is_served = manifest.says.etcd.dial.iter().any(|url| {
        let mut members = members.iter();
        members.any(|member| {
            let ip = |ip| url.0.host == crate::model::Host::Ip(ip);
            member.addresses().any(ip) && url.0.port == request.spec.client_url(member).0.port
        })
    });
    if !is_served {
        let what = format!(
            "the apiserver of {name} uses {}, none of which is restored",
            manifest.says.etcd.flags.servers.join(",")
        );
        let fix = "correct --etcd-servers in its manifest, or the cluster file";
        return Err(Refusal::new("no-etcd-servers", what, fix));
    }
    if apiserver.target.is_none() {
        let what = format!("there is nothing to verify the apiserver of {name} with");
        let fix = "name an administrator's kubeconfig: --kubeconfig FILE";
        return Err(Refusal::new("apiserver-unverifiable", what, fix));
    }
    Ok(())
}

/// This very restore was proven before, and some of its data has been lost since: those that are left
/// have gone on, and clients have seen what they handed out.
pub(super) fn not_restored_before(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    ids: &[RestoredIds],
) -> Result<(), Refusal> {
    let members = observed.members.iter().zip(ids);
    let mut lost = members.filter(|(member, ids)| !holds(member, ids));
    let Some((member, _)) = lost.next() else {
        return Ok(());
    };
    let mark = observed.members.iter().find_map(|m| m.mark.as_ref());
    let since = mark.map_or(String::new(), |mark| {
        format!(
            " on {}, with revisions from {} on",
            mark.proven_at, mark.first_revision
        )
    });
    let what = format!(
        "this snapshot was restored before{since}; {} has lost that data since",
        member.name
    );
    let more = request.bump.saturating_add(BUMP);
    let fix = format!(
        "to lose everything since then: --bump-revision {more} --mark-compacted; to keep it: let the \
         other members run, and add {} anew",
        member.name
    );
    Err(Refusal::new("restored-before", what, fix))
}

/// True where this restore's data is in place.
pub(super) fn holds(member: &ObservedMember, ids: &RestoredIds) -> bool {
    let data = member.data.as_ref();
    data.is_some_and(|data| data.has_member && data.identity == Some((ids.member, ids.cluster)))
}

/// A cluster that lives is replaced only on demand, and by revisions that it has not handed out.
pub(super) fn living(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    ids: &[RestoredIds],
    revisions: Revisions,
) -> Result<(), Refusal> {
    let Revisions { snapshot, first } = revisions;
    let new = ids.first().map(|ids| ids.cluster);
    let others = || {
        let living = observed.living.iter();
        living.filter(|member| Some(member.cluster_id) != new)
    };
    let Some(newest) = others().map(|member| member.revision.0).max() else {
        return Ok(());
    };
    if first < newest.saturating_add(MARGIN) {
        let needed = newest
            .saturating_sub(snapshot)
            .max(0)
            .saturating_add(MARGIN);
        let what = format!(
            "the restored cluster would begin with revision {first}, and revision {newest} has been \
             handed out: clients would miss changes without a word"
        );
        let bump = u64::try_from(needed).unwrap_or(BUMP).max(BUMP);
        let fix = format!("--bump-revision {bump} --mark-compacted");
        return Err(Refusal::new("bump-too-small", what, fix));
    }
    // Members that lost their data found a new cluster, all by themselves: it has nothing to lose.
    let lives = others().any(|member| member.has_quorum && member.revision.0 > snapshot);
    if request.replace_living || !lives {
        return Ok(());
    }
    let names: Vec<_> = others().map(|member| member.name.to_string()).collect();
    let what = format!(
        "the cluster lives: {} answer{}, at revision {newest}\n{} would be lost",
        names.join(", "),
        if names.len() == 1 { "s" } else { "" },
        lost(snapshot, newest)
    );
    let fix = "keep what it has first: etcdha snapshot save; to replace it all the same: \
               --replace-living";
    Err(Refusal::new("cluster-lives", what, fix))
}

/// An earlier restore has moved revisions on, too, and this snapshot is from before: what its cluster
/// has handed out since then nobody may be left to tell.
pub(super) fn beyond_earlier_restores(
    observed: &Observed,
    revisions: Revisions,
) -> Result<(), Refusal> {
    let Revisions { snapshot, first } = revisions;
    let marks = observed.members.iter().filter_map(|m| m.mark.as_ref());
    let later = marks.filter(|mark| mark.first_revision > snapshot);
    let Some(mark) = later.max_by_key(|mark| mark.first_revision) else {
        return Ok(());
    };
    let wanted = mark.first_revision.saturating_add_unsigned(BUMP);
    if first >= wanted {
        return Ok(());
    }
    let what = format!(
        "the restored cluster would begin with revision {first}, and since {} revisions from {} on \
         have been handed out, by a cluster restored from another snapshot: clients would miss \
         changes without a word",
        mark.proven_at, mark.first_revision
    );
    let fix = format!(
        "--bump-revision {} --mark-compacted",
        wanted.saturating_sub(snapshot)
    );
    Err(Refusal::new("bump-too-small", what, fix))
}

/// Revisions that decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revisions {
    /// What the snapshot's server had reached.
    pub(super) snapshot: i64,
    /// What the restored cluster begins with.
    pub(super) first: i64,
}

/// What came after the snapshot.
pub(super) fn lost(snapshot: i64, newest: i64) -> String {
    match newest - snapshot {
        1 => "1 revision after the snapshot".to_owned(),
        count => format!("{} revisions after the snapshot", count.max(0)),
    }
}

/// The room on a host for new data beside the old.
pub(super) fn free(member: &ObservedMember) -> Option<String> {
    let data = member.data.as_ref()?;
    Some(format!(
        "{} free on {}",
        bytes(data.data_dir.free_bytes),
        member.name
    ))
}

/// True where a person stops and starts the member.
pub(super) fn is_service(request: &ClusterRestoreRequest, name: &NodeName) -> bool {
    let member = request.spec.member(name);
    member.is_some_and(|member| request.spec.topology_of(member) == Topology::External)
}
