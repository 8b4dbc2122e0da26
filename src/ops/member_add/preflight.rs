//! What `member add` refuses, before anything is changed.

use crate::cluster::MemberView;
use crate::manifest::is_unit_of;
use crate::model::{MemberSpec, PeerUrl, bytes};
use crate::node::DataDirState;
use crate::ops::Refusal;
use crate::ops::host_certificates::PairState;

use super::MemberAddRequest;
use super::observed::{CaFileState, Observed, ObservedTarget, PortState};

/// Every refusal of this command; `docs/refusals.md` explains each.
pub const REFUSALS: [&str; 22] = [
    "no-quorum",
    "member-unhealthy",
    "alarm-raised",
    "data-inconsistent",
    "learner-limit",
    "version-mismatch",
    "clock-skew",
    "peer-url-in-use",
    "name-in-use",
    "data-dir-occupied",
    "port-in-use",
    "host-unreachable",
    "manifest-present",
    "certificate-invalid",
    "ca-unusable",
    "disk-space",
    "two-voters",
    "unknown-member",
    "template-unusable",
    "manifest-impossible",
    "user-unknown",
    "program-missing",
];

/// Most seconds by which clocks may differ. The measurement is good to one second; beyond this,
/// certificates and leases begin to disagree about what is valid.
const MAX_SKEW_SECONDS: i64 = 3;

/// A joining member needs room for the database, for a snapshot of it while it is received, and
/// for the write-ahead log (64 MB a segment, several kept).
const DISK_FACTOR: u64 = 2;

/// Room for the write-ahead log in bytes.
const WAL_ROOM: u64 = 512 * 1024 * 1024;

/// How a host stands towards the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// Not listed.
    Stranger,
    /// A learner, from an earlier run or added by hand.
    Learner,
    /// A voting member: nothing to do.
    Voter,
}

pub(super) fn membership(observed: &Observed, peer_url: &PeerUrl) -> Membership {
    match find(observed, peer_url) {
        None => Membership::Stranger,
        Some(member) if member.info.is_learner => Membership::Learner,
        Some(_) => Membership::Voter,
    }
}

fn find<'a>(observed: &'a Observed, peer_url: &PeerUrl) -> Option<&'a MemberView> {
    observed
        .view
        .members
        .iter()
        .find(|member| member.info.peer_urls.contains(peer_url))
}

/// The first reason not to begin.
pub(super) fn check(request: &MemberAddRequest, observed: &Observed) -> Result<(), Refusal> {
    cluster_is_sound(request, observed)?;
    for target in &observed.targets {
        let spec = request
            .spec
            .member(&target.name)
            .ok_or_else(|| unknown(target))?;
        let peer_url = request.spec.peer_url(spec);
        identity_is_free(target, &peer_url, observed)?;
        if membership(observed, &peer_url) == Membership::Voter {
            continue;
        }
        host_is_ready(request, spec, target, observed)?;
    }
    end_is_sensible(request, observed)
}

fn unknown(target: &ObservedTarget) -> Refusal {
    Refusal::new(
        "unknown-member",
        format!("{} is not in the cluster file", target.name),
        "add it under members: with its name and address",
    )
}

fn cluster_is_sound(request: &MemberAddRequest, observed: &Observed) -> Result<(), Refusal> {
    let view = &observed.view;
    if !view.has_quorum {
        let quorum = view.quorum();
        let what = format!(
            "the cluster has no quorum: {} of {} voting members are needed",
            quorum.needed(),
            quorum.voters
        );
        return Err(Refusal::new(
            "no-quorum",
            what,
            "bring the missing members back first",
        ));
    }
    if let Some(alarm) = view.alarms.first() {
        let what = format!(
            "member {} has raised the alarm {}",
            alarm.member, alarm.kind
        );
        let fix = match alarm.kind.as_str() {
            "NOSPACE" => "compact, defragment, then `etcdctl alarm disarm`",
            _ => "the member's data is damaged: replace it from a healthy one",
        };
        return Err(Refusal::new("alarm-raised", what, fix));
    }
    let joining: Vec<PeerUrl> = joining_urls(request);
    for member in &view.members {
        let ours = member
            .info
            .peer_urls
            .iter()
            .any(|url| joining.contains(url));
        // A learner by hand that never started is not healthy either, but this says more.
        if member.info.is_learner && !ours {
            let what = format!(
                "{} is a learner already, and etcd allows one at a time",
                member.info.display_name()
            );
            let fix = "finish or remove it first: etcdctl member promote | remove";
            return Err(Refusal::new("learner-limit", what, fix));
        }
        if let Some(why) = member.complaint().filter(|_| !ours) {
            let what = format!("{} is not healthy: {why}", member.info.display_name());
            let fix = "repair it first: a change of membership needs every voter";
            return Err(Refusal::new("member-unhealthy", what, fix));
        }
    }
    if let Err(why) = &observed.consistency {
        let fix = "find the member that differs and replace it before growing";
        return Err(Refusal::new("data-inconsistent", why.clone(), fix));
    }
    version_fits(request, observed)?;
    clocks_agree(observed)
}

fn joining_urls(request: &MemberAddRequest) -> Vec<PeerUrl> {
    let specs = request
        .names
        .iter()
        .filter_map(|name| request.spec.member(name));
    specs.map(|spec| request.spec.peer_url(spec)).collect()
}

/// etcd lets a member join whose minor release is the cluster's or the one after it.
fn version_fits(request: &MemberAddRequest, observed: &Observed) -> Result<(), Refusal> {
    let Some(cluster) = &observed.version else {
        return Ok(());
    };
    let (ours, theirs) = (request.spec.etcd.version.minor(), cluster.minor());
    if ours == theirs || ours == (theirs.0, theirs.1 + 1) {
        return Ok(());
    }
    let what = format!(
        "the cluster runs etcd {cluster}, the cluster file asks for {}",
        request.spec.etcd.version
    );
    let fix = format!("set etcd.version to {cluster} in the cluster file, or --etcd-version");
    Err(Refusal::new("version-mismatch", what, fix))
}

fn clocks_agree(observed: &Observed) -> Result<(), Refusal> {
    let far = observed
        .clocks
        .iter()
        .find(|(_, skew)| skew.abs() > MAX_SKEW_SECONDS);
    let Some((name, skew)) = far else {
        return Ok(());
    };
    let side = if *skew > 0 { "ahead of" } else { "behind" };
    let what = format!("the clock of {name} is {} s {side} this host's", skew.abs());
    Err(Refusal::new(
        "clock-skew",
        what,
        "synchronise the clocks (chrony, systemd-timesyncd)",
    ))
}

fn identity_is_free(
    target: &ObservedTarget,
    peer_url: &PeerUrl,
    observed: &Observed,
) -> Result<(), Refusal> {
    let name = target.name.as_str();
    if let Some(member) = find(observed, peer_url)
        && member.info.has_started()
        && member.info.name != name
    {
        let what = format!("{peer_url} is the peer URL of member {}", member.info.name);
        let fix = format!("give {name} an address of its own in the cluster file");
        return Err(Refusal::new("peer-url-in-use", what, fix));
    }
    let namesake = observed
        .view
        .members
        .iter()
        .find(|member| member.info.name == name);
    if let Some(member) = namesake.filter(|member| !member.info.peer_urls.contains(peer_url)) {
        let urls: Vec<_> = member
            .info
            .peer_urls
            .iter()
            .map(ToString::to_string)
            .collect();
        let what = format!(
            "a member named {name} exists with peer URL {}",
            urls.join(", ")
        );
        let fix = "choose another name, or correct the address in the cluster file";
        return Err(Refusal::new("name-in-use", what, fix));
    }
    Ok(())
}

fn host_is_ready(
    request: &MemberAddRequest,
    spec: &MemberSpec,
    target: &ObservedTarget,
    observed: &Observed,
) -> Result<(), Refusal> {
    let listed = find(observed, &request.spec.peer_url(spec));
    let resuming = listed.is_some();
    data_dir_is_free(request, target, listed, observed)?;
    for (port, state) in &target.ports {
        // A service that waits to be listed is started again and again.
        port_is_free(spec, *port, state, resuming || is_staged(target))?;
    }
    manifest_is_ours(request, target, resuming)?;
    service_can_run(request, target)?;
    certificates_fit(request, target, observed)?;
    disk_is_large(request, target, observed)
}

fn data_dir_is_free(
    request: &MemberAddRequest,
    target: &ObservedTarget,
    listed: Option<&MemberView>,
    observed: &Observed,
) -> Result<(), Refusal> {
    let found = match &target.data_dir {
        DataDirState::Empty => return Ok(()),
        DataDirState::Member {
            member_id,
            cluster_id,
        } => {
            let its_own = listed.is_some_and(|member| member.info.id == *member_id);
            if its_own && *cluster_id == observed.view.cluster_id {
                return Ok(());
            }
            format!("holds the data of member {member_id} of cluster {cluster_id}")
        }
        // The learner of an earlier run is just making its directory, or can't go on with it.
        unborn
            if (listed.is_some() && target.manifest.is_some() || is_staged(target))
                && unborn.is_unborn_member() =>
        {
            return Ok(());
        }
        DataDirState::Occupied(names) => format!("is not empty: {}", names.join(", ")),
    };
    let directory = request.spec.etcd.data_dir.display();
    let what = format!("the data directory {directory} of {} {found}", target.name);
    let fix = "etcd would start with that data instead of joining: move it away first";
    Err(Refusal::new("data-dir-occupied", what, fix))
}

fn port_is_free(
    spec: &MemberSpec,
    port: u16,
    state: &PortState,
    resuming: bool,
) -> Result<(), Refusal> {
    match state {
        PortState::Free => Ok(()),
        // The member of an earlier run may be up already.
        PortState::InUse if resuming => Ok(()),
        PortState::InUse => {
            let what = format!("something listens on port {port} of {} already", spec.name);
            let fix = format!(
                "stop it: ss -tlnp 'sport = :{port}' on {} names it",
                spec.name
            );
            Err(Refusal::new("port-in-use", what, fix))
        }
        PortState::Unreachable(_) if resuming => Ok(()),
        PortState::Unreachable(why) => {
            let what = format!("{} ({}) does not answer: {why}", spec.name, spec.address);
            let fix = "check address, network and firewall; members must reach each other";
            Err(Refusal::new("host-unreachable", what, fix))
        }
    }
}

fn manifest_is_ours(
    request: &MemberAddRequest,
    target: &ObservedTarget,
    resuming: bool,
) -> Result<(), Refusal> {
    let name = &target.name;
    if let Some(other) = target.other_etcd_manifests.first() {
        let what = format!("{other} on {name} holds an etcd pod as well");
        let fix = "the kubelet reads every file there: move it out of the manifest directory";
        return Err(Refusal::new("manifest-present", what, fix));
    }
    if let (Some(service), false) = (&target.service, resuming) {
        let spec = &request.spec.etcd.service;
        let unit = target.manifest.as_ref().map(|_| &spec.unit);
        if is_staged(target) {
            return Ok(());
        }
        let environment = service.environment.as_ref();
        let found = unit.or(environment.map(|_| &spec.environment_file));
        let Some(found) = found else { return Ok(()) };
        let what = format!("{name} has {} although it is no member", found.display());
        let fix = "stop that etcd and move the file away first";
        return Err(Refusal::new("manifest-present", what, fix));
    }
    if target.manifest.is_some() && !resuming {
        let what = format!("{name} has an etcd manifest although it is no member");
        let fix = "move etcd.yaml out of the manifest directory first";
        return Err(Refusal::new("manifest-present", what, fix));
    }
    Ok(())
}

/// True where an earlier run has written the unit: it does so before the member is listed.
fn is_staged(target: &ObservedTarget) -> bool {
    let unit = target
        .manifest
        .as_deref()
        .filter(|_| target.service.is_some());
    unit.is_some_and(|unit| is_unit_of(unit, &target.name))
}

/// systemd starts nothing without its program and its user.
fn service_can_run(request: &MemberAddRequest, target: &ObservedTarget) -> Result<(), Refusal> {
    let Some(found) = &target.service else {
        return Ok(());
    };
    let (name, service) = (&target.name, &request.spec.etcd.service);
    if !found.binary_is_there {
        let what = format!("{name} has no {}", service.binary.display());
        let fix = format!(
            "install etcd {} there, or set etcd.service.binary",
            request.spec.etcd.version
        );
        return Err(Refusal::new("program-missing", what, fix));
    }
    if found.account.is_none() {
        let user = &service.user;
        let what = format!("{name} has no user {user}, who is to run etcd");
        let fix = format!("on {name}: useradd --system --no-create-home {user}");
        return Err(Refusal::new("user-unknown", what, fix));
    }
    Ok(())
}

fn certificates_fit(
    request: &MemberAddRequest,
    target: &ObservedTarget,
    observed: &Observed,
) -> Result<(), Refusal> {
    let mut must_issue = target.ca_file == CaFileState::Missing;
    if target.ca_file == CaFileState::Foreign {
        let what = format!(
            "the CA file on {} is not the CA this cluster trusts",
            target.name
        );
        let fix = "move it away: etcdha puts the right one there";
        return Err(Refusal::new("certificate-invalid", what, fix));
    }
    for (kind, state) in &target.certificates {
        match state {
            PairState::Valid => {}
            PairState::Missing => must_issue = true,
            PairState::Invalid(_) if request.replace_certificates => must_issue = true,
            PairState::Invalid(why) => {
                let what = format!(
                    "the {kind} certificate of {}: {}",
                    target.name,
                    why.join("; ")
                );
                let fix = "--replace-certificates issues it anew";
                return Err(Refusal::new("certificate-invalid", what, fix));
            }
        }
    }
    match &observed.ca {
        Err(why) if must_issue => {
            let fix = "name the CA under pki.ca, or put valid certificates in place";
            Err(Refusal::new("ca-unusable", why.clone(), fix))
        }
        _ => Ok(()),
    }
}

fn disk_is_large(
    request: &MemberAddRequest,
    target: &ObservedTarget,
    observed: &Observed,
) -> Result<(), Refusal> {
    let sizes = observed.view.members.iter();
    let sizes = sizes.filter_map(|member| Some(member.status.as_ref().ok()?.db_size));
    let needed = sizes
        .max()
        .unwrap_or(0)
        .saturating_mul(DISK_FACTOR)
        .saturating_add(WAL_ROOM);
    // A member that is catching up has taken some of it already.
    if target.free_bytes >= needed || target.data_dir != DataDirState::Empty {
        return Ok(());
    }
    let what = format!(
        "{} has {} free at {}, and {} are needed",
        target.name,
        bytes(target.free_bytes),
        request.spec.etcd.data_dir.display(),
        bytes(needed)
    );
    Err(Refusal::new(
        "disk-space",
        what,
        "make room, or put the data directory elsewhere",
    ))
}

fn end_is_sensible(request: &MemberAddRequest, observed: &Observed) -> Result<(), Refusal> {
    let voters = voters_at_end(request, observed);
    if voters != 2 || request.allow_two || voters == observed.view.quorum().voters {
        return Ok(());
    }
    let what = "the cluster would have two voting members: both must live for any write, which \
                is worse than one";
    let fix = "add two members at once: etcdha member add NAME NAME (or --allow-two)";
    Err(Refusal::new("two-voters", what, fix))
}

/// How many members vote once everything is added.
pub(super) fn voters_at_end(request: &MemberAddRequest, observed: &Observed) -> usize {
    let joining = joining_urls(request);
    let new = joining
        .iter()
        .filter(|url| membership(observed, url) != Membership::Voter)
        .count();
    observed.view.quorum().voters + new
}
