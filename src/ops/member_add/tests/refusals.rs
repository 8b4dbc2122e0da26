//! Every refusal, by its id.

use std::collections::BTreeSet;

use super::facts::{CLUSTER, member, observed, request, unborn};
use crate::cluster::Alarm;
use crate::model::{ClusterId, MemberId, Topology};
use crate::node::{Account, DataDirState};
use crate::ops::Refusal;
use crate::ops::host_certificates::PairState;
use crate::ops::member_add::{
    CaFileState, MemberAddRequest, Observed, ObservedService, PortState, REFUSALS, plan,
};

/// Makes the members systemd services, and gives the first one's.
fn under_systemd<'a>(
    request: &mut MemberAddRequest,
    observed: &'a mut Observed,
) -> &'a mut ObservedService {
    request.spec.topology = Topology::External;
    for target in &mut observed.targets {
        target.service = Some(ObservedService {
            environment: None,
            binary_is_there: true,
            account: Some(Account { uid: 112, gid: 118 }),
        });
    }
    observed.targets[0].service.as_mut().unwrap()
}

/// A disturbance and the id it is refused with.
type Case = (&'static str, fn(&mut MemberAddRequest, &mut Observed));

const CASES: [Case; 39] = [
    ("program-missing", |r, o| {
        under_systemd(r, o).binary_is_there = false;
    }),
    ("user-unknown", |r, o| under_systemd(r, o).account = None),
    ("manifest-present", |r, o| {
        under_systemd(r, o).environment = Some("ETCD_NAME=other\n".into());
    }),
    ("no-quorum", |_, o| o.view.has_quorum = false),
    ("alarm-raised", |_, o| raise(o, "NOSPACE")),
    ("alarm-raised", |_, o| raise(o, "CORRUPT")),
    ("member-unhealthy", |_, o| {
        o.view.members[0].status = Err("connection refused".into());
    }),
    ("member-unhealthy", |_, o| {
        o.view.members[0].read = Err("no leader".into());
    }),
    ("member-unhealthy", |_, o| {
        let mut added_by_hand = unborn(14);
        added_by_hand.info.is_learner = false;
        o.view.members.push(added_by_hand);
    }),
    ("learner-limit", |_, o| {
        o.view.members.push(member("m9", 19, true));
    }),
    ("learner-limit", |_, o| o.view.members.push(unborn(19))),
    ("data-inconsistent", |_, o| {
        o.consistency = Err("members disagree".into());
    }),
    ("version-mismatch", |_, o| {
        o.version = Some("3.6.1".parse().unwrap());
    }),
    ("clock-skew", |_, o| o.clocks[0].1 = 4),
    ("clock-skew", |_, o| o.clocks[0].1 = -3600),
    ("unknown-member", |_, o| {
        o.targets[1].name = "m7".parse().unwrap();
    }),
    ("peer-url-in-use", |_, o| {
        o.view.members.push(member("other", 12, false));
    }),
    ("peer-url-in-use", |_, o| {
        o.view.members.push(member("other", 12, true));
    }),
    ("name-in-use", |_, o| {
        o.view.members.push(member("m2", 22, false));
    }),
    ("data-dir-occupied", |_, o| {
        o.targets[0].data_dir = DataDirState::Occupied(vec!["notes.txt".into()]);
    }),
    ("data-dir-occupied", |_, o| {
        o.targets[1].data_dir = data_of(99, CLUSTER);
    }),
    // A directory that a member began to make, but not one of this cluster.
    ("data-dir-occupied", |_, o| {
        o.targets[0].data_dir = DataDirState::Occupied(vec!["member".into()]);
    }),
    // The learner is ours, its data is that of its predecessor.
    ("data-dir-occupied", |_, o| {
        o.view.members.push(unborn(12));
        o.targets[0].data_dir = data_of(99, CLUSTER);
    }),
    ("data-dir-occupied", |_, o| {
        o.view.members.push(unborn(12));
        o.targets[0].data_dir = data_of(12, ClusterId(0xdead));
    }),
    ("port-in-use", |_, o| {
        o.targets[0].ports[0].1 = PortState::InUse;
    }),
    ("port-in-use", |_, o| {
        o.targets[1].ports[1].1 = PortState::InUse;
    }),
    ("host-unreachable", |_, o| {
        o.targets[0].ports[0].1 = PortState::Unreachable("timed out".into());
    }),
    ("manifest-present", |_, o| {
        o.targets[0].manifest = Some("apiVersion: v1".into());
    }),
    ("manifest-present", |_, o| {
        let other = "/etc/kubernetes/manifests/etcd.yaml.bak".to_owned();
        o.targets[0].other_etcd_manifests.push(other);
    }),
    ("certificate-invalid", |_, o| invalid(o)),
    ("certificate-invalid", |_, o| {
        o.targets[0].ca_file = CaFileState::Foreign;
    }),
    ("ca-unusable", |_, o| o.ca = Err("no key".into())),
    ("ca-unusable", |r, o| {
        r.replace_certificates = true;
        invalid(o);
        o.ca = Err("no key".into());
    }),
    ("disk-space", |_, o| o.targets[0].free_bytes = 551 << 20),
    ("two-voters", |r, o| {
        r.names.pop();
        o.targets.pop();
    }),
    ("two-voters", |r, o| {
        r.names.pop();
        o.targets.pop();
        o.view.members.push(unborn(12));
    }),
    ("template-unusable", |r, _| {
        r.spec.pki.extra_names.push("no name".into());
    }),
    ("manifest-impossible", |r, _| {
        r.spec.etcd.data_dir = "relative".into();
    }),
    // What concerns the whole cluster is said before what concerns one host.
    ("no-quorum", |_, o| {
        o.view.has_quorum = false;
        o.targets[0].ports[0].1 = PortState::InUse;
    }),
];

fn raise(observed: &mut Observed, kind: &str) {
    observed.view.alarms.push(Alarm {
        member: MemberId(11),
        kind: kind.into(),
    });
}

fn invalid(observed: &mut Observed) {
    let why = vec!["it is not valid for 10.0.0.12".to_owned()];
    observed.targets[0].certificates[0].1 = PairState::Invalid(why);
}

fn data_of(member: u64, cluster_id: ClusterId) -> DataDirState {
    DataDirState::Member {
        member_id: MemberId(member),
        cluster_id,
    }
}

fn refusal(disturb: fn(&mut MemberAddRequest, &mut Observed)) -> Option<Refusal> {
    let mut request = request();
    let mut observed = observed(&request);
    disturb(&mut request, &mut observed);
    plan(&request, &observed).err()
}

#[test]
fn every_reason_not_to_begin_has_its_id_and_says_what_to_do() {
    for (number, (id, disturb)) in CASES.iter().enumerate() {
        let refusal = refusal(*disturb);
        let found = refusal.as_ref().map(|refusal| refusal.id);
        assert_eq!(found, Some(*id), "case {number}: {refusal:?}");
        let refusal = refusal.unwrap();
        assert!(!refusal.what.is_empty() && !refusal.fix.is_empty());
        assert!(!refusal.what.ends_with('.'), "{refusal}");
    }
}

#[test]
fn list_cases_and_documentation_name_the_same_ids() {
    let listed: BTreeSet<_> = REFUSALS.into();
    assert_eq!(listed.len(), REFUSALS.len());
    let tested: BTreeSet<_> = CASES.iter().map(|(id, _)| *id).collect();
    assert_eq!(tested, listed, "each has a case");
    let document = include_str!("../../../../docs/refusals.md");
    for id in REFUSALS {
        let row = format!("| `{id}` | ");
        assert_eq!(document.matches(&row).count(), 1, "{id}");
    }
}

#[test]
fn what_is_no_reason_is_not_refused() {
    let fine: [fn(&mut MemberAddRequest, &mut Observed); 8] = [
        |_, o| o.clocks[0].1 = 3,
        |_, o| o.clocks.clear(),
        |_, o| o.version = Some("3.4.23".parse().unwrap()),
        |_, o| o.targets[0].free_bytes = 552 << 20,
        |r, o| {
            r.replace_certificates = true;
            invalid(o);
        },
        |r, o| {
            r.allow_two = true;
            r.names.pop();
            o.targets.pop();
        },
        // All certificates are there: the CA's key is not needed.
        |_, o| {
            o.ca = Err("no key".into());
            for target in &mut o.targets {
                super::facts::prepare(target, None);
            }
        },
        // The learner of an earlier run has begun to make its directory.
        |_, o| {
            o.view.members.push(unborn(12));
            super::facts::prepare(&mut o.targets[0], Some("apiVersion: v1".into()));
            o.targets[0].data_dir = DataDirState::Occupied(vec!["member".into()]);
            o.targets[0].ports[0].1 = PortState::InUse;
            o.targets[0].free_bytes = 0;
        },
    ];
    for (number, disturb) in fine.into_iter().enumerate() {
        assert_eq!(refusal(disturb), None, "case {number}");
    }
}
