//! One plan out of two that were put together by hand.

use super::plan::joined;
use crate::model::ClusterSpec;
use crate::plan::{Action, Plan, Step};

const FILE: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
topology: external
etcd: {version: 3.5.16}
members:
- {name: m1, address: 10.0.0.11, topology: stacked}
- {name: e1, address: 10.0.0.21}
- {name: e2, address: 10.0.0.22}
- {name: e3, address: 10.0.0.23}
";

fn part(command: &str, steps: usize) -> Plan {
    let step = Step {
        on: "all".into(),
        action: Action::VerifyMembers { voters: 4 },
        voters: None,
    };
    Plan {
        command: command.into(),
        headline: command.into(),
        steps: vec![step; steps],
        checked: vec![format!("what {command} checks")],
        notes: vec![format!("A note of {command}.")],
    }
}

#[test]
fn the_parts_follow_each_other_and_the_end_is_told() {
    let spec = ClusterSpec::parse(FILE).unwrap().spec;
    let plan = |add, repoint, left: &[&str]| {
        let left: Vec<_> = left.iter().map(ToString::to_string).collect();
        joined(
            &spec,
            part("member add", add),
            part("apiserver repoint", repoint),
            &left,
        )
    };
    let whole = plan(2, 3, &["m1"]);
    assert_eq!(
        (whole.command.as_str(), whole.steps.len()),
        ("topology move", 5)
    );
    insta::assert_snapshot!(format!("{}\n{}\n{}", whole.headline, whole.checked.join(", "),
        whole.notes.join("\n")), @r"
    move etcd of cluster prod to hosts of its own: add 0 members, point 0 apiservers at them
    what member add checks, what apiserver repoint checks
    A note of member add.
    A note of apiserver repoint.
    The plan ends there: m1 votes on until it is removed by hand (docs/topology.md).
    ");
    // A part in which nothing is left to do was not checked for this plan.
    assert_eq!(plan(0, 3, &[]).checked, ["what apiserver repoint checks"]);
    assert!(plan(0, 0, &["m1"]).is_empty());
}

#[test]
fn members_of_another_topology_are_on_their_way_out() {
    let spec = ClusterSpec::parse(FILE).unwrap().spec;
    let names = |members: Vec<&crate::model::MemberSpec>| -> Vec<String> {
        members
            .iter()
            .map(|member| member.name.to_string())
            .collect()
    };
    assert_eq!(names(spec.leaving_members().collect()), ["m1"]);
    assert_eq!(names(spec.staying_members().collect()), ["e1", "e2", "e3"]);
    assert_eq!(names(spec.control_planes().collect()), ["m1"]);
}
