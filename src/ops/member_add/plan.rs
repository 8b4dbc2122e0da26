//! The order of steps of `member add`. Pure: facts in, plan or refusal out.
//!
//! 1. certificates of all new hosts, while nothing is at stake yet;
//! 2. for each host: data directory, learner, manifest, started, caught up, promoted;
//! 3. proof that all members answer and hold the same data.
//!
//! A host that an earlier run left half way is picked up where it stands.

use crate::cluster::{MemberView, Quorum};
use crate::manifest::{self, EtcdPodConfig};
use crate::model::{MemberSpec, PeerUrl, bytes};
use crate::node::DataDirState;
use crate::ops::Refusal;
use crate::ops::host_certificates::PairState;
use crate::ops::issuing::{LeafPlace, leaf_issue};
use crate::ops::node_files::{MANIFEST_MODE, ca_in, etcd_manifest, pod_config};
use crate::plan::{
    Action, CaTarget, FileExpectation, JoinTarget, Plan, Step, VotersAfter, WriteFile,
};

use super::MemberAddRequest;
use super::observed::{CaFileState, Observed, ObservedTarget};
use super::preflight::{self, Membership};

/// How long every voter must have been connected before etcd takes another member (`HealthInterval`
/// in etcd's `server/etcdserver/server.go`). Waited for while the new one is a learner yet, so that
/// two members vote for a moment only.
const SETTLE_SECONDS: u64 = 5;

/// Plans the growth, or refuses it.
///
/// # Errors
/// A [`Refusal`] where growing now could harm the cluster or can't succeed.
pub fn plan(request: &MemberAddRequest, observed: &Observed) -> Result<Plan, Refusal> {
    preflight::check(request, observed)?;
    let mut builder = Builder {
        request,
        observed,
        quorum: observed.view.quorum(),
        members: listed_members(observed),
        steps: Vec::new(),
    };
    for target in builder.joining() {
        builder.prepare(target)?;
    }
    let joining = builder.joining();
    builder.stage_services(&joining)?;
    for (place, target) in joining.iter().enumerate() {
        let is_last = place + 1 == joining.len();
        builder.join(target, if is_last { 0 } else { SETTLE_SECONDS })?;
    }
    builder.finish();
    let notes = builder.notes();
    let headline = headline(request, observed, builder.joining().len());
    Ok(Plan {
        command: "member add".into(),
        headline,
        steps: builder.steps,
        checked: checked(request, observed),
        notes,
    })
}

/// Every listed member as `--initial-cluster` names it.
fn listed_members(observed: &Observed) -> Vec<(String, PeerUrl)> {
    let members = observed.view.members.iter();
    members
        .flat_map(|member| {
            let name = member.info.display_name();
            member
                .info
                .peer_urls
                .iter()
                .map(move |url| (name.clone(), url.clone()))
        })
        .collect()
}

pub(super) struct Builder<'a> {
    pub(super) request: &'a MemberAddRequest,
    observed: &'a Observed,
    quorum: Quorum,
    pub(super) members: Vec<(String, PeerUrl)>,
    steps: Vec<Step>,
}

impl<'a> Builder<'a> {
    /// The hosts that do not vote yet, in the order asked for, a started learner first: etcd
    /// allows one learner at a time.
    fn joining(&self) -> Vec<&'a ObservedTarget> {
        let mut joining: Vec<_> = self.observed.targets.iter().collect();
        joining.retain(|target| self.standing(target) != Membership::Voter);
        joining.sort_by_key(|target| self.standing(target) != Membership::Learner);
        joining
    }

    pub(super) fn spec(&self, target: &ObservedTarget) -> Option<&'a MemberSpec> {
        self.request.spec.member(&target.name)
    }

    fn standing(&self, target: &ObservedTarget) -> Membership {
        let url = self
            .spec(target)
            .map(|spec| self.request.spec.peer_url(spec));
        url.map_or(Membership::Stranger, |url| {
            preflight::membership(self.observed, &url)
        })
    }

    pub(super) fn push(&mut self, on: &str, action: Action) {
        let voters = VotersAfter {
            voters: self.quorum.voters,
            tolerates: self.quorum.tolerates(),
        };
        self.steps.push(Step {
            on: on.to_owned(),
            action,
            voters: Some(voters),
        });
    }

    pub(super) fn join_target(&self, target: &ObservedTarget) -> Option<JoinTarget> {
        let spec = self.spec(target)?;
        Some(JoinTarget {
            name: target.name.clone(),
            peer_url: self.request.spec.peer_url(spec),
            client_url: self.request.spec.client_url(spec),
        })
    }

    /// Certificates, before the cluster knows of the host.
    fn prepare(&mut self, target: &ObservedTarget) -> Result<(), Refusal> {
        let Some(spec) = self.spec(target) else {
            return Ok(());
        };
        let on = target.name.as_str();
        let directory = &self.request.spec.pki.host_dir;
        if target.ca_file == CaFileState::Missing {
            let path = ca_in(directory, &self.request.spec);
            let targets = vec![CaTarget {
                on: on.to_owned(),
                path,
            }];
            self.push(on, Action::InstallCa { targets });
        }
        let mut leaves = Vec::new();
        for (kind, state) in &target.certificates {
            let replace = match state {
                PairState::Valid => continue,
                PairState::Missing => false,
                PairState::Invalid(_) => true,
            };
            let place = LeafPlace {
                on,
                directory,
                replace,
            };
            let templates = &self.observed.templates;
            let leaf = leaf_issue(&self.request.spec, templates, spec, *kind, place);
            leaves.push(leaf.map_err(|error| {
                let fix = "correct the template or the cluster file";
                Refusal::new("template-unusable", error.to_string(), fix)
            })?);
        }
        if !leaves.is_empty() {
            self.push(on, Action::MakeLeaves { leaves });
        }
        Ok(())
    }

    pub(super) fn data_dir(&self, member: &JoinTarget) -> Action {
        Action::PrepareDataDir {
            path: self.request.spec.etcd.data_dir.clone(),
            member: member.clone(),
        }
    }

    /// Learner, manifest, waits, vote.
    fn join(&mut self, target: &ObservedTarget, settle_seconds: u64) -> Result<(), Refusal> {
        let (Some(spec), Some(member)) = (self.spec(target), self.join_target(target)) else {
            return Ok(());
        };
        let on = target.name.as_str();
        self.members.retain(|(_, url)| *url != member.peer_url);
        self.members.push((on.to_owned(), member.peer_url.clone()));
        let is_service = target.service.is_some();
        if !is_service {
            // After the steps of the member before it, so that going back reaches it.
            let data_dir = self.data_dir(&member);
            self.push(on, data_dir);
        }
        let via = self
            .observed
            .view
            .leader()
            .map(|leader| leader.info.display_name());
        let via = via.unwrap_or_else(|| "cluster".into());
        let add_learner = Action::AddLearner {
            member: member.clone(),
            listed: self.standing(target) == Membership::Learner,
        };
        self.push(&via, add_learner);
        if !is_service {
            let manifest = self.manifest(target, spec, &member)?;
            self.push(on, manifest);
        }
        let deadline_seconds = self.request.wait_seconds;
        self.push(
            on,
            Action::WaitStarted {
                member: member.clone(),
                deadline_seconds,
            },
        );
        let max_lag = self.request.max_lag;
        self.push(
            on,
            Action::WaitCaughtUp {
                member: member.clone(),
                max_lag,
                deadline_seconds,
                settle_seconds,
            },
        );
        self.quorum = self.quorum.grown();
        self.push(
            on,
            Action::Promote {
                member,
                deadline_seconds,
            },
        );
        Ok(())
    }

    fn manifest(
        &self,
        target: &ObservedTarget,
        spec: &MemberSpec,
        member: &JoinTarget,
    ) -> Result<Action, Refusal> {
        let state = manifest::ClusterState::Existing;
        let mut config = pod_config(&self.request.spec, spec, self.members.clone(), state);
        let render = |config: &EtcdPodConfig| {
            manifest::render(config).map_err(|error| {
                let fix = "correct the cluster file: etcdha config check";
                Refusal::new("manifest-impossible", error.to_string(), fix)
            })
        };
        let old = target.manifest.as_deref();
        config.attempt = old.and_then(manifest::attempt_of);
        let mut contents = render(&config)?;
        // A member that runs as it should is left running: another text would restart it.
        if old != Some(contents.as_str()) || !self.answers(&member.peer_url) {
            config.attempt = next_attempt(old, target.earlier_attempts);
            contents = render(&config)?;
        }
        let expect = match old {
            None => FileExpectation::Absent,
            Some(text) => FileExpectation::of(text.as_bytes()),
        };
        Ok(Action::WriteFile(WriteFile {
            what: format!("etcd.yaml (existing, {} members)", self.members.len()),
            path: etcd_manifest(),
            mode: MANIFEST_MODE,
            contents,
            expect,
            starts: Some(member.clone()),
        }))
    }

    /// True where the member with this URL has started and answers.
    pub(super) fn answers(&self, url: &PeerUrl) -> bool {
        let members = self.observed.view.members.iter();
        let mut listed = members.filter(|member| member.info.peer_urls.contains(url));
        listed.any(MemberView::is_healthy)
    }

    fn finish(&mut self) {
        if self.steps.is_empty() {
            return;
        }
        let voters = self.quorum.voters;
        self.push("all", Action::VerifyMembers { voters });
    }

    fn notes(&self) -> Vec<String> {
        let number = |wanted: fn(&Step) -> bool| self.steps.iter().position(wanted).map(|i| i + 1);
        let two = number(|s| s.voters.is_some_and(|v| v.voters == 2));
        let three = number(|s| s.voters.is_some_and(|v| v.voters == 3));
        let mut notes = Vec::new();
        if let (Some(two), Some(three)) = (two, three) {
            notes.push(format!(
                "From step {two} to step {three} two members vote: losing either stops writes. \
                 etcdha goes on at once."
            ));
        }
        let end = self.quorum.voters;
        if end.is_multiple_of(2) && !self.steps.is_empty() {
            let tolerates = self.quorum.tolerates();
            let fewer = end - 1;
            notes.push(format!(
                "{end} voting members tolerate {tolerates} failure(s), no more than {fewer} would."
            ));
        }
        notes
    }
}

/// The number of an attempt that follows others; none for the first.
///
/// A pod's UID is a hash of its manifest: one that crashed keeps its back-off of up to five minutes
/// unless the text differs, so each further attempt is numbered.
fn next_attempt(old: Option<&str>, earlier: u32) -> Option<u32> {
    let old = old.map(|text| manifest::attempt_of(text).unwrap_or(1));
    let last = old.unwrap_or(0).max(earlier);
    (last > 0).then(|| last.saturating_add(1))
}

fn headline(request: &MemberAddRequest, observed: &Observed, joining: usize) -> String {
    let quorum = observed.view.quorum();
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!(
        "add {} to cluster {} ({}, quorum {}, tolerates {})",
        plural(joining, "member"),
        request.spec.name,
        plural(quorum.voters, "voting member"),
        quorum.needed(),
        plural(quorum.tolerates(), "failure"),
    )
}

fn checked(request: &MemberAddRequest, observed: &Observed) -> Vec<String> {
    let view = &observed.view;
    let healthy = view
        .members
        .iter()
        .filter(|member| member.is_healthy())
        .count();
    let mut checked = vec![
        "quorum".to_owned(),
        format!("{healthy} of {} healthy", view.members.len()),
        "no alarms".to_owned(),
    ];
    if let Some(version) = &observed.version {
        let joining = &request.spec.etcd.version;
        checked.push(match version == joining {
            true => format!("etcd {version}"),
            false => format!("etcd {version}, joined by {joining}"),
        });
    }
    if let Some(skew) = observed.clocks.iter().map(|(_, skew)| skew.abs()).max() {
        checked.push(format!("clocks within {} s", skew.max(1)));
    }
    let mut targets = observed.targets.iter();
    if targets.all(|target| target.data_dir == DataDirState::Empty) {
        checked.push("ports free, data directories empty".to_owned());
    }
    if let Some(free) = observed
        .targets
        .iter()
        .map(|target| target.free_bytes)
        .min()
    {
        let db = view
            .members
            .iter()
            .filter_map(|m| Some(m.status.as_ref().ok()?.db_size))
            .max();
        checked.push(format!(
            "disk {} free (data {})",
            bytes(free),
            bytes(db.unwrap_or(0))
        ));
    }
    checked
}
