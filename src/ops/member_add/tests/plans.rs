//! The order of steps, from the beginning and from every half-way state.

use super::facts::{CLUSTER, member, observed, prepare, request, unborn};
use crate::model::{MemberId, Topology};
use crate::node::{Account, DataDirState};
use crate::ops::member_add::{MemberAddRequest, Observed, ObservedService, PortState, plan};
use crate::pki::CertificateKind;
use crate::plan::{Action, FileExpectation, Plan, Undo, WriteFile};

/// One line a step, as a person sees it.
fn lines(plan: &Plan) -> String {
    let lines = plan.steps.iter().map(|step| {
        let voters = step.voters.unwrap();
        format!(
            "{:<56}{:<4} {} {}",
            step.action.to_string(),
            step.on,
            voters.voters,
            voters.tolerates
        )
        .trim_end()
        .to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn manifest_of<'a>(plan: &'a Plan, node: &str) -> &'a WriteFile {
    let mut steps = plan.steps.iter().filter(|step| step.on == node);
    let file = steps.find_map(|step| match &step.action {
        Action::WriteFile(file) => Some(file),
        _ => None,
    });
    file.unwrap()
}

/// The manifest that a first run writes on m2.
fn first_manifest(request: &MemberAddRequest) -> String {
    let plan = plan(request, &observed(request)).unwrap();
    manifest_of(&plan, "m2").contents.clone()
}

/// m2 has joined as a learner and runs.
fn learner_runs(request: &MemberAddRequest) -> Observed {
    let mut observed = observed(request);
    observed.view.members.push(member("m2", 12, true));
    let target = &mut observed.targets[0];
    prepare(target, Some(first_manifest(request)));
    target.data_dir = DataDirState::Member {
        member_id: MemberId(12),
        cluster_id: CLUSTER,
    };
    target.ports = vec![(2380, PortState::InUse), (2379, PortState::InUse)];
    observed
}

#[test]
fn from_one_to_three_everything_is_planned_before_the_first_step() {
    let request = request();
    let plan = plan(&request, &observed(&request)).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}\n\n{}\n\n{}", plan.headline, lines(&plan),
        plan.notes.join("\n"), plan.checked.join("\n")), @r"
    add 2 members to cluster prod (1 voting member, quorum 1, tolerates 0 failures)

    write the CA certificate                                m2   1 0
    write 4 certificates                                    m2   1 0
    write the CA certificate                                m3   1 0
    write 4 certificates                                    m3   1 0
    prepare data directory /var/lib/etcd                    m2   1 0
    add learner https://10.0.0.12:2380                      m1   1 0
    write etcd.yaml (existing, 2 members)                   m2   1 0
    wait until started (≤ 10m)                              m2   1 0
    wait until caught up (lag ≤ 1000, stalls ≤ 10m, ≥ 5s)   m2   1 0
    promote m2                                              m2   2 0
    prepare data directory /var/lib/etcd                    m3   2 0
    add learner https://10.0.0.13:2380                      m1   2 0
    write etcd.yaml (existing, 3 members)                   m3   2 0
    wait until started (≤ 10m)                              m3   2 0
    wait until caught up (lag ≤ 1000, stalls ≤ 10m)         m3   2 0
    promote m3                                              m3   3 1
    verify: 3 members equal at one revision                 all  3 1

    From step 10 to step 16 two members vote: losing either stops writes. etcdha goes on at once.

    quorum
    1 of 1 healthy
    no alarms
    etcd 3.5.16
    clocks within 1 s
    ports free, data directories empty
    disk 40 GiB free (data 20 MiB)
    ");
    // Whatever fails before the first vote is given, there is a way back from.
    let first_vote = plan
        .steps
        .iter()
        .position(|step| matches!(step.action.undo(), Undo::None(_)));
    assert_eq!(
        plan.steps[first_vote.unwrap()].action.to_string(),
        "promote m2"
    );
    let manifest = manifest_of(&plan, "m3");
    assert_eq!(manifest.expect, FileExpectation::Absent);
    assert_eq!(manifest.starts.as_ref().unwrap().name.as_str(), "m3");
    let joins = "--initial-cluster=m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380,\
                 m3=https://10.0.0.13:2380";
    assert!(manifest.contents.contains(joins), "{}", manifest.contents);
    assert!(!manifest.contents.contains("etcdha.dev/attempt"));
}

#[test]
fn certificates_that_are_there_are_not_made_again() {
    let request = request();
    let mut observed = observed(&request);
    prepare(&mut observed.targets[0], None);
    observed.targets[1].certificates[1].1 = crate::ops::host_certificates::PairState::Valid;
    let plan = plan(&request, &observed).unwrap();
    insta::assert_snapshot!(lines(&plan).lines().take(4).collect::<Vec<_>>().join("\n"), @r"
    write the CA certificate                                m3   1 0
    write 3 certificates                                    m3   1 0
    prepare data directory /var/lib/etcd                    m2   1 0
    add learner https://10.0.0.12:2380                      m1   1 0
    ");
}

#[test]
fn a_listed_learner_without_manifest_is_taken_over() {
    let request = request();
    let mut observed = observed(&request);
    observed.view.members.push(unborn(12));
    prepare(&mut observed.targets[0], None);
    let plan = plan(&request, &observed).unwrap();
    insta::assert_snapshot!(lines(&plan), @r"
    write the CA certificate                                m3   1 0
    write 4 certificates                                    m3   1 0
    prepare data directory /var/lib/etcd                    m2   1 0
    take over learner https://10.0.0.12:2380                m1   1 0
    write etcd.yaml (existing, 2 members)                   m2   1 0
    wait until started (≤ 10m)                              m2   1 0
    wait until caught up (lag ≤ 1000, stalls ≤ 10m, ≥ 5s)   m2   1 0
    promote m2                                              m2   2 0
    prepare data directory /var/lib/etcd                    m3   2 0
    add learner https://10.0.0.13:2380                      m1   2 0
    write etcd.yaml (existing, 3 members)                   m3   2 0
    wait until started (≤ 10m)                              m3   2 0
    wait until caught up (lag ≤ 1000, stalls ≤ 10m)         m3   2 0
    promote m3                                              m3   3 1
    verify: 3 members equal at one revision                 all  3 1
    ");
}

#[test]
fn a_learner_that_runs_is_left_running() {
    let request = request();
    let plan = plan(&request, &learner_runs(&request)).unwrap();
    assert_eq!(manifest_of(&plan, "m2").contents, first_manifest(&request));
}

#[test]
fn a_learner_that_does_not_run_gets_another_text_because_of_the_back_off() {
    let request = request();
    let mut observed = learner_runs(&request);
    observed.view.members[1].status = Err("connection refused".into());
    let plan = plan(&request, &observed).unwrap();
    let file = manifest_of(&plan, "m2");
    assert_eq!(
        file.contents.replace("    etcdha.dev/attempt: \"2\"\n", ""),
        first_manifest(&request)
    );
    assert_eq!(
        file.expect,
        FileExpectation::of(first_manifest(&request).as_bytes())
    );
}

#[test]
fn a_retry_after_manifests_that_were_taken_away_is_numbered() {
    let request = request();
    let mut observed = observed(&request);
    observed.targets[0].earlier_attempts = 4;
    let plan = plan(&request, &observed).unwrap();
    let text = &manifest_of(&plan, "m2").contents;
    assert!(text.contains("etcdha.dev/attempt: \"5\""), "{text}");
}

#[test]
fn with_two_voters_only_the_third_is_added() {
    let request = request();
    let mut observed = learner_runs(&request);
    observed.view.members[1] = member("m2", 12, false);
    observed.targets.remove(0);
    let plan = plan(&request, &observed).unwrap();
    insta::assert_snapshot!(lines(&plan), @r"
    write the CA certificate                                m3   2 0
    write 4 certificates                                    m3   2 0
    prepare data directory /var/lib/etcd                    m3   2 0
    add learner https://10.0.0.13:2380                      m1   2 0
    write etcd.yaml (existing, 3 members)                   m3   2 0
    wait until started (≤ 10m)                              m3   2 0
    wait until caught up (lag ≤ 1000, stalls ≤ 10m)         m3   2 0
    promote m3                                              m3   3 1
    verify: 3 members equal at one revision                 all  3 1
    ");
}

#[test]
fn a_learner_is_finished_first_whatever_the_order_asked_for() {
    let mut request = request();
    request.names.reverse();
    let mut observed = learner_runs(&request);
    observed.targets.reverse();
    let plan = plan(&request, &observed).unwrap();
    let promoted: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.action.to_string())
        .filter(|text| text.starts_with("promote"))
        .collect();
    assert_eq!(promoted, ["promote m2", "promote m3"]);
}

#[test]
fn with_three_voters_there_is_nothing_to_do() {
    let request = request();
    let mut observed = observed(&request);
    observed.view.members.push(member("m2", 12, false));
    observed.view.members.push(member("m3", 13, false));
    observed.targets.clear();
    assert!(plan(&request, &observed).unwrap().is_empty());
}

fn written_on(plan: &Plan, node: &str) -> Option<String> {
    Some(manifest_of(plan, node).contents.clone())
}

/// The same growth with members under systemd.
fn external() -> (MemberAddRequest, Observed) {
    let mut request = request();
    request.spec.topology = Topology::External;
    for member in &mut request.spec.members {
        member.roles = Topology::External.default_roles();
    }
    let mut observed = observed(&request);
    for target in &mut observed.targets {
        target
            .certificates
            .retain(|(kind, _)| *kind != CertificateKind::ApiserverEtcdClient);
        target.service = Some(ObservedService {
            environment: None,
            binary_is_there: true,
            account: Some(Account { uid: 112, gid: 118 }),
        });
    }
    (request, observed)
}

#[test]
fn under_systemd_a_person_starts_what_was_written() {
    let (request, observed) = external();
    let plan = plan(&request, &observed).unwrap();
    insta::assert_snapshot!(lines(&plan));
    let give = plan.steps.iter().find_map(|step| match &step.action {
        Action::GiveFiles(give) => Some(give),
        _ => None,
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(give.unwrap()).unwrap());
    let mut unit = plan.steps.iter().filter_map(|step| match &step.action {
        Action::WriteFile(file) => Some(file),
        _ => None,
    });
    let unit = unit.next().unwrap();
    assert_eq!(
        unit.path,
        std::path::Path::new("/etc/systemd/system/etcd.service")
    );
    assert!(unit.contents.contains("User=etcd\n"), "{}", unit.contents);
}

#[test]
fn a_service_that_runs_is_left_to_run_and_needs_nobody() {
    let (request, mut observed) = external();
    let first = plan(&request, &observed).unwrap();
    let written: Vec<_> = first
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::WriteFile(file) if step.on == "m2" => Some(file.contents.clone()),
            _ => None,
        })
        .collect();
    observed.view.members.push(member("m2", 12, true));
    let target = &mut observed.targets[0];
    prepare(target, Some(written[0].clone()));
    target.service.as_mut().unwrap().environment = Some(written[1].clone());
    target.data_dir = DataDirState::Member {
        member_id: MemberId(12),
        cluster_id: CLUSTER,
    };
    target.ports = vec![(2380, PortState::InUse), (2379, PortState::InUse)];
    let again = plan(&request, &observed).unwrap();
    let of_m2 = |wanted: fn(&Action) -> bool| {
        again
            .steps
            .iter()
            .any(|step| step.on == "m2" && wanted(&step.action))
    };
    assert!(!of_m2(|action| matches!(
        action,
        Action::StartService { .. }
    )));
    assert!(of_m2(|action| matches!(
        action,
        Action::WaitCaughtUp { .. }
    )));
    // m3 waits for its turn: staged by the first run, tried and not listed yet.
    observed.targets[1].manifest = written_on(&first, "m3");
    observed.targets[1].data_dir = DataDirState::Occupied(vec!["member".into()]);
    let again = plan(&request, &observed).unwrap();
    assert!(lines(&again).contains("promote m3"));
}
