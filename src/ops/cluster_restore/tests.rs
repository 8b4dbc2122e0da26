//! Plans and refusals from facts alone.

use super::*;
use crate::model::{ClusterId, EtcdVersion, MemberId, Revision};
use crate::ops::apiserver_nodes::{ApiserverManifest, FoundManifest, read_manifest};
use crate::ops::snapshot_restore::{Digest, ObservedPlace, ObservedSnapshot, Occupancy};
use crate::plan::{
    Action, ApiserverTarget, CredentialFiles, OwnerIds, RestoreMark, SET_ASIDE, StartPod, Undo,
};
use crate::snapshot::HashKv;
use crate::snapshot::restore::Survey;

const FILE: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  version: 3.5.16
members:
- {name: m1, address: 10.0.0.11, root: /m1}
- {name: m2, address: 10.0.0.12, root: /m2}
- {name: m3, address: 10.0.0.13, root: /m3}
";
const APISERVER: &str = include_str!("../../../tests/data/manifests/apiserver-kubeadm-1.20.yaml");
const ETCD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  annotations:\n    a: b\n\
                    spec:\n  containers:\n  - name: etcd\n    command: [etcd]\n";
const ROOT: OwnerIds = OwnerIds { uid: 0, gid: 0 };
const REVISION: i64 = 5000;
const OLD: ClusterId = ClusterId(0xc1);

fn request() -> ClusterRestoreRequest {
    ClusterRestoreRequest {
        opened: None,
        spec: ClusterSpec::parse(FILE).unwrap().spec,
        snapshot: "/backup/etcd.db".into(),
        without: Vec::new(),
        bump: BUMP,
        skip_hash_check: false,
        allow_newer: false,
        replace_living: false,
        wait_seconds: 300,
        kubeconfig: None,
        backup_dir: "/var/lib/etcdha/backups".into(),
    }
}

fn member(spec: &MemberSpec) -> ObservedMember {
    let pod = EtcdPod {
        path: "/etc/kubernetes/manifests/etcd.yaml".into(),
        mode: 0o600,
        text: ETCD.into(),
        name: Some(spec.name.to_string()),
        peer_urls: vec![format!("https://{}:2380", spec.address)],
        data_dir: Some("/var/lib/etcd".into()),
        ..EtcdPod::default()
    };
    ObservedMember {
        name: spec.name.clone(),
        root: spec.root().to_owned(),
        how: Some(How::Pod(FoundEtcd::One(Box::new(pod)))),
        data: Some(ObservedData {
            data_dir: ObservedPlace {
                path: "/var/lib/etcd".into(),
                occupancy: Occupancy::Empty,
                found: None,
                free_bytes: 1 << 30,
                device: 1,
            },
            wal_dir: None,
            is_mount: false,
            is_wal_mount: false,
            has_member: false,
            identity: None,
            kept: Vec::new(),
            made: Vec::new(),
        }),
        owner: Ok(ROOT),
        mark: None,
    }
}

fn apiserver(spec: &MemberSpec) -> ObservedApiserver {
    let line = |line: &str| match line.contains("--advertise-address=") {
        true => format!("    - --advertise-address={}\n", spec.address),
        false => format!("{line}\n"),
    };
    let text: String = APISERVER.lines().map(line).collect();
    let says = read_manifest(&text, spec).unwrap().unwrap();
    let target = ApiserverTarget {
        name: spec.name.clone(),
        url: says.url.clone(),
        process: says.process.clone(),
        credentials: CredentialFiles::Files {
            on: spec.name.to_string(),
            ca: "/etc/kubernetes/pki/ca.crt".into(),
            pair: None,
        },
    };
    ObservedApiserver {
        name: spec.name.clone(),
        root: spec.root().to_owned(),
        manifest: FoundManifest::One(Box::new(ApiserverManifest {
            path: "/etc/kubernetes/manifests/kube-apiserver.yaml".into(),
            mode: 0o600,
            text,
            says,
        })),
        is_aside: false,
        target: Some(target),
        ready: Err("refused".into()),
    }
}

/// Everything is lost: manifests are there, data is not, nobody answers.
fn observed(request: &ClusterRestoreRequest) -> Observed {
    let first = REVISION + i64::try_from(request.bump).unwrap_or_default();
    let members: Vec<_> = request.members().collect();
    Observed {
        snapshot: SeenSnapshot {
            contents: Ok(ObservedSnapshot {
                survey: Survey {
                    revision: REVISION,
                    stored_revision: REVISION,
                    entries: 17,
                    cluster_version: Some("3.5.0".into()),
                    used_bytes: 4096,
                    ..Survey::default()
                },
                digest: Digest::Right,
                sha256: "0123456789abcdef0123".into(),
            }),
            foretold: Some(HashKv {
                hash: 77,
                revision: first,
                compact_revision: first,
                current_revision: first,
                live_keys: Some(3),
            }),
        },
        self_ids: ROOT,
        members: members.iter().map(|spec| member(spec)).collect(),
        apiservers: members.iter().map(|spec| apiserver(spec)).collect(),
        living: Vec::new(),
        stray_apiservers: Vec::new(),
    }
}

fn living(name: &str, cluster_id: ClusterId, revision: i64, has_quorum: bool) -> LivingMember {
    LivingMember {
        name: name.parse().unwrap(),
        cluster_id,
        revision: Revision(revision),
        has_quorum,
    }
}

fn id(request: &ClusterRestoreRequest, observed: &Observed) -> &'static str {
    plan(request, observed).unwrap_err().id
}

fn words(planned: &Planned) -> Vec<String> {
    let steps = planned.plan.steps.iter();
    steps
        .map(|step| format!("{} {}", step.on, step.action))
        .collect()
}

/// The facts once a plan was applied up to the proof, apiservers still aside.
fn after_the_proof(request: &ClusterRestoreRequest) -> Observed {
    let mut observed = observed(request);
    let done = plan(request, &observed).unwrap().cluster;
    for (member, restored) in observed.members.iter_mut().zip(&done.members) {
        let data = member.data.as_mut().unwrap();
        data.has_member = true;
        data.identity = Some((restored.id, done.cluster_id));
        member.mark = Some(RestoreMark {
            cluster_id: done.cluster_id,
            snapshot_sha256: done.snapshot_sha256.clone(),
            first_revision: done.first_revision,
            hash_kv: done.hash_kv,
            proven_at: jiff::Timestamp::UNIX_EPOCH,
            old_data: restored.before.clone(),
        });
        let name = restored.on.as_str();
        observed
            .living
            .push(living(name, done.cluster_id, done.first_revision + 9, true));
    }
    for apiserver in &mut observed.apiservers {
        apiserver.is_aside = true;
    }
    observed
}

#[test]
fn everything_that_can_fail_comes_before_the_first_stop() {
    let request = request();
    let planned = plan(&request, &observed(&request)).unwrap();
    let words = words(&planned);
    let kinds: Vec<&str> = words
        .iter()
        .map(|word| word.split_once(' ').unwrap().1)
        .map(|what| what.split(' ').next().unwrap())
        .collect();
    let expected = "make make make set set set wait set set set wait swap swap swap put put put \
                    wait prove: put wait prove: put wait prove: put wait prove:";
    assert_eq!(kinds.join(" "), expected, "{words:#?}");
    let notes = planned.plan.notes.join("\n");
    for word in ["no member answers", "clients list anew", "1000005000"] {
        assert!(notes.contains(word), "{word}: {notes}");
    }
    assert_eq!(planned.cluster.first_revision, 1_000_005_000);
    assert_eq!(planned.cluster.hash_kv, 77);
}

#[test]
fn the_way_back_ends_with_the_proof_and_with_nothing_before() {
    let request = request();
    let steps = plan(&request, &observed(&request)).unwrap().plan.steps;
    let is_end = |action: &Action| matches!(action.undo(), Undo::None(_));
    let end = steps.iter().position(|step| is_end(&step.action)).unwrap();
    assert!(matches!(steps[end].action, Action::ProveRestored(_)));
    for step in &steps[end..] {
        let undo = step.action.undo();
        assert!(
            matches!(undo, Undo::None(_) | Undo::Nothing),
            "{}",
            step.action
        );
    }
}

#[test]
fn pods_that_come_back_are_another_attempt_and_members_share_one_cluster() {
    let request = request();
    let planned = plan(&request, &observed(&request)).unwrap();
    let mut ids = Vec::new();
    for step in &planned.plan.steps {
        match &step.action {
            Action::StartPod(StartPod {
                contents, member, ..
            }) => {
                assert!(contents.contains("etcdha.dev/attempt: \"2\""), "{contents}");
                ids.extend(
                    member
                        .as_ref()
                        .map(|swap| (swap.member_id, swap.cluster_id)),
                );
            }
            Action::StageData(stage) => {
                assert_eq!(stage.order.first_revision, Some(1_000_005_000));
                let places = &stage.swap.data_dir;
                assert_eq!(stage.order.data_dir.path, places.new);
                assert_eq!(places.new.parent(), places.place.parent());
            }
            _ => {}
        }
    }
    assert_eq!(ids.len(), 3);
    assert!(
        ids.iter()
            .all(|(_, cluster)| *cluster == planned.cluster.cluster_id)
    );
    assert!(ids[0].0 != ids[1].0 && ids[1].0 != ids[2].0);
}

#[test]
fn a_mount_keeps_its_old_and_new_data_inside() {
    let request = request();
    let mut observed = observed(&request);
    observed.members[1].data.as_mut().unwrap().is_mount = true;
    let planned = plan(&request, &observed).unwrap();
    let before = &planned.cluster.members[1].before;
    assert!(before.starts_with("/var/lib/etcd/"), "{}", before.display());
    let before = &planned.cluster.members[0].before;
    assert!(
        !before.starts_with("/var/lib/etcd/"),
        "{}",
        before.display()
    );
}

#[test]
fn the_ids_depend_on_the_snapshot_the_bump_and_who_is_left_out() {
    let base = request();
    let id_of = |request: &ClusterRestoreRequest| {
        plan(request, &observed(request))
            .unwrap()
            .cluster
            .cluster_id
    };
    let bumped = ClusterRestoreRequest {
        bump: 2 * BUMP,
        ..request()
    };
    let without = ClusterRestoreRequest {
        without: vec!["m3".parse().unwrap()],
        ..request()
    };
    assert_eq!(id_of(&base), id_of(&request()));
    assert_ne!(id_of(&base), id_of(&bumped));
    assert_ne!(id_of(&base), id_of(&without));
    let two = plan(&without, &observed(&without)).unwrap();
    let notes = two.plan.notes.join("\n");
    assert!(notes.contains("Two members vote") && notes.contains("Left out for good: m3"));
}

#[test]
fn a_cluster_that_lives_is_replaced_on_demand_only() {
    let mut request = request();
    let mut observed = observed(&request);
    observed
        .living
        .push(living("m2", OLD, REVISION + 900, true));
    let refusal = plan(&request, &observed).unwrap_err();
    assert_eq!(refusal.id, "cluster-lives");
    assert!(
        refusal
            .what
            .contains("900 revisions after the snapshot would be lost")
    );
    request.replace_living = true;
    let notes = plan(&request, &observed).unwrap().plan.notes.join("\n");
    assert!(
        notes.contains("900 revisions after the snapshot will be lost"),
        "{notes}"
    );

    // Without a quorum nobody can use it.
    request.replace_living = false;
    observed.living[0].has_quorum = false;
    plan(&request, &observed).unwrap();
    // A member that lost its data founds an empty cluster by itself.
    observed.living[0] = living("m1", OLD, 3, true);
    plan(&request, &observed).unwrap();
}

#[test]
fn revisions_that_were_handed_out_are_never_handed_out_again() {
    let mut request = request();
    let mut observed = observed(&request);
    request.replace_living = true;
    observed.living = vec![living("m2", OLD, REVISION + 1_000_000_000, false)];
    let refusal = plan(&request, &observed).unwrap_err();
    assert_eq!(refusal.id, "bump-too-small");
    assert!(
        refusal.fix.contains("--bump-revision 1001000000"),
        "{}",
        refusal.fix
    );
}

#[test]
fn once_proven_only_what_is_missing_is_planned_and_no_data_changes_places() {
    let request = request();
    let mut observed = after_the_proof(&request);
    let planned = plan(&request, &observed).unwrap();
    let touches = |action: &Action| {
        matches!(
            action,
            Action::StageData(_) | Action::SwapData(_) | Action::StopPod(_)
        )
    };
    assert!(!planned.plan.steps.iter().any(|step| touches(&step.action)));
    assert_eq!(planned.plan.steps.len(), 1 + 3 * 3, "{:?}", words(&planned));

    for apiserver in &mut observed.apiservers {
        (apiserver.is_aside, apiserver.ready) = (false, Ok(()));
    }
    let planned = plan(&request, &observed).unwrap();
    assert!(planned.plan.is_empty(), "{:?}", words(&planned));
    assert_eq!(planned.proven_at, Some(jiff::Timestamp::UNIX_EPOCH));

    // Nobody answers for the moment: that is no reason to begin anew.
    observed.living.clear();
    let planned = plan(&request, &observed).unwrap();
    assert!(!planned.plan.steps.iter().any(|step| touches(&step.action)));
}

#[test]
fn data_that_was_lost_after_the_proof_is_not_made_of_the_snapshot_again() {
    let request = request();
    let mut observed = after_the_proof(&request);
    observed.members[2].data.as_mut().unwrap().has_member = false;
    let refusal = plan(&request, &observed).unwrap_err();
    assert_eq!(refusal.id, "restored-before");
    assert!(
        refusal.fix.contains("--bump-revision 2000000000"),
        "{}",
        refusal.fix
    );
    // All of it lost, and all marks but one.
    for member in &mut observed.members {
        member.data.as_mut().unwrap().has_member = false;
    }
    observed.living.clear();
    observed.members[0].mark = None;
    observed.members[1].mark = None;
    assert_eq!(id(&request, &observed), "restored-before");
    // The next bump is another cluster.
    let next = ClusterRestoreRequest {
        bump: 2 * BUMP,
        ..self::request()
    };
    observed.snapshot = self::observed(&next).snapshot;
    plan(&next, &observed).unwrap();
}

#[test]
fn an_older_snapshot_begins_beyond_what_an_earlier_restore_has_handed_out() {
    let request = request();
    let mut observed = after_the_proof(&request);
    observed.living.clear();
    // Another snapshot, older than the restored one.
    if let Ok(contents) = &mut observed.snapshot.contents {
        contents.sha256 = "fedcba98765432100123".into();
        contents.survey.revision = REVISION - 1000;
    }
    let foretold = observed.snapshot.foretold.as_mut().unwrap();
    foretold.current_revision -= 1000;
    let refusal = plan(&request, &observed).unwrap_err();
    assert_eq!(refusal.id, "bump-too-small");
    assert!(
        refusal.fix.contains("--bump-revision 2000001000"),
        "{}",
        refusal.fix
    );
    // One that was taken after that restore has seen its revisions.
    if let Ok(contents) = &mut observed.snapshot.contents {
        contents.survey.revision = REVISION + 1_000_000_100;
    }
    plan(&request, &observed).unwrap();
}

#[test]
fn a_run_that_was_killed_before_the_proof_is_planned_whole_again() {
    let request = request();
    let mut observed = after_the_proof(&request);
    for member in &mut observed.members {
        member.mark = None;
    }
    // The members serve, the apiservers are aside: only the proof is missing, and may be taken back.
    let planned = plan(&request, &observed).unwrap();
    let whole = plan(&request, &self::observed(&request)).unwrap();
    assert_eq!(planned.plan.steps.len(), whole.plan.steps.len());
}

#[test]
fn hosts_that_are_not_ready_are_refused() {
    let pod_of = |observed: &mut Observed, change: fn(&mut EtcdPod)| {
        if let Some(How::Pod(FoundEtcd::One(pod))) = &mut observed.members[1].how {
            change(pod);
        }
    };
    type Disturb = Box<dyn Fn(&mut Observed)>;
    let cases: Vec<(&str, Disturb)> = vec![
        ("host-root-missing", Box::new(|o| o.members[1].how = None)),
        (
            "etcd-manifest-missing",
            Box::new(|o| o.members[1].how = Some(How::Pod(FoundEtcd::None))),
        ),
        (
            "etcd-manifest-ambiguous",
            Box::new(|o| o.members[1].how = Some(How::Pod(FoundEtcd::Several(vec![])))),
        ),
        (
            "etcd-manifest-differs",
            Box::new(move |o| pod_of(o, |pod| pod.name = Some("other".into()))),
        ),
        (
            "etcd-manifest-differs",
            Box::new(move |o| pod_of(o, |pod| pod.peer_urls.clear())),
        ),
        (
            "file-not-in-pod",
            Box::new(move |o| pod_of(o, |pod| pod.missing = vec!["--cert-file=/x".into()])),
        ),
        (
            "hosts-share-root",
            Box::new(|o| o.members[1].root = "/m1".into()),
        ),
        (
            "apiserver-unverifiable",
            Box::new(|o| o.apiservers[1].target = None),
        ),
        (
            "apiserver-manifest-ambiguous",
            Box::new(|o| o.apiservers[1].manifest = FoundManifest::Several(vec![])),
        ),
        (
            "disk-space",
            Box::new(|o| o.members[1].data.as_mut().unwrap().data_dir.free_bytes = 1 << 20),
        ),
        (
            "user-unknown",
            Box::new(|o| o.members[1].owner = Err("user etcd".into())),
        ),
        (
            "data-dir-occupied",
            Box::new(|o| {
                let data = o.members[1].data.as_mut().unwrap();
                data.has_member = true;
                data.identity = Some((MemberId(1), OLD));
                let request = request();
                let planned = plan(&request, &observed(&request)).unwrap();
                data.kept = vec![planned.cluster.members[1].before.clone()];
            }),
        ),
    ];
    let request = request();
    for (expected, disturb) in cases {
        let mut observed = observed(&request);
        disturb(&mut observed);
        assert_eq!(id(&request, &observed), expected);
    }
}

#[test]
fn whoever_is_left_out_must_be_gone() {
    let without = ClusterRestoreRequest {
        without: vec!["m3".parse().unwrap()],
        ..request()
    };
    let mut observed = observed(&without);
    observed.stray_apiservers = vec!["m3".parse().unwrap()];
    assert_eq!(id(&without, &observed), "left-out-lives");
    observed.stray_apiservers.clear();
    observed.living = vec![living("m3", OLD, 1, false)];
    assert_eq!(id(&without, &observed), "left-out-lives");
}

#[test]
fn an_apiserver_of_another_etcd_is_refused_and_a_newer_snapshot_too() {
    let mut request = request();
    let mut seen = observed(&request);
    if let FoundManifest::One(manifest) = &mut seen.apiservers[0].manifest {
        manifest.says.etcd.dial = vec!["https://10.9.9.9:2379".parse().unwrap()];
    }
    assert_eq!(id(&request, &seen), "no-etcd-servers");
    request.spec.etcd.version = EtcdVersion::new(3, 4, 23);
    assert_eq!(id(&request, &observed(&request)), "snapshot-newer");
}

#[test]
fn what_is_set_aside_is_outside_the_manifest_directory() {
    let place = request().backup_dir.join(SET_ASIDE);
    assert!(!place.starts_with(crate::ops::node_files::MANIFEST_DIR));
}

#[test]
fn every_refusal_is_documented() {
    let documented = include_str!("../../../docs/refusals.md");
    for id in REFUSALS {
        assert!(documented.contains(&format!("`{id}`")), "{id}");
    }
}
