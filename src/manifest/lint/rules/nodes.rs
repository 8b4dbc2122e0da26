//! M090–M099: do the members agree with each other?

use crate::manifest::lint::evidence::{DataDirFact, MemberIdentity};
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::{Together, Workload};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M090",
        name: "initial-cluster-disagrees",
        severity: Severity::Error,
        why: "members that start with different initial clusters form different clusters, or refuse \
              each other",
        fix: "list the same members at the same URLs everywhere; a joining member lists all of them",
        check: Check::Together(initial_cluster_disagrees),
    },
    Rule {
        id: "M091",
        name: "name-on-two-nodes",
        severity: Severity::Error,
        why: "two members of one name take each other's entry in --initial-cluster",
        fix: "give every member its own name",
        check: Check::Together(name_on_two_nodes),
    },
    Rule {
        id: "M092",
        name: "url-on-two-nodes",
        severity: Severity::Error,
        why: "two members advertise one address, so clients and peers reach the wrong one",
        fix: "advertise each host's own address",
        check: Check::Together(url_on_two_nodes),
    },
    Rule {
        id: "M093",
        name: "token-differs",
        severity: Severity::Error,
        why: "the token goes into the cluster id: members that start a new cluster with different \
              tokens are of different clusters",
        fix: "use one --initial-cluster-token",
        check: Check::Together(token_differs),
    },
    Rule {
        id: "M094",
        name: "ca-differs",
        severity: Severity::Error,
        why: "members that trust different CAs refuse each other's certificates",
        fix: "install the same CA file on every host",
        check: Check::Together(ca_differs),
    },
    Rule {
        id: "M095",
        name: "releases-apart",
        severity: Severity::Error,
        why: "etcd supports members at most one minor release apart; a newer one refuses to join",
        fix: "upgrade one minor release at a time",
        check: Check::Together(releases_apart),
    },
    Rule {
        id: "M096",
        name: "data-of-two-clusters",
        severity: Severity::Error,
        why: "the data directories belong to different clusters, so the members refuse each other \
              whatever the flags say",
        fix: "move the wrong one away and let that member join with an empty directory",
        check: Check::Together(data_of_two_clusters),
    },
    Rule {
        id: "M097",
        name: "even-members",
        severity: Severity::Warning,
        why: "an even number of members tolerates no more failures than one fewer, and is one more \
              that can fail",
        fix: "use one, three or five members",
        check: Check::Together(even_members),
    },
    Rule {
        id: "M098",
        name: "new-on-join",
        severity: Severity::Error,
        why: "a member that is to join a running cluster but starts with state new makes a cluster of \
              its own out of the list, and the others refuse it",
        fix: "--initial-cluster-state=existing",
        check: Check::Together(new_on_join),
    },
    Rule {
        id: "M099",
        name: "data-copied",
        severity: Severity::Error,
        why: "two data directories of one member: both would act as it, and votes count twice",
        fix: "remove the copy, and let that host join as a member of its own",
        check: Check::Together(data_copied),
    },
];

const CLUSTER: &str = "initial-cluster";

fn initial_cluster_disagrees(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        let (a, b) = (first.initial_cluster(), second.initial_cluster());
        if a.is_empty() || b.is_empty() {
            continue;
        }
        let contradiction = b.iter().find_map(|(name, url)| {
            let listed: Vec<&str> = a
                .iter()
                .filter(|(n, _)| n == name)
                .map(|(_, url)| *url)
                .collect();
            (!listed.is_empty() && !listed.contains(url)).then(|| {
                format!(
                    "{name} is at {url} here, at {} in {}",
                    listed.join(" and "),
                    first.file.file
                )
            })
        });
        let message = contradiction.or_else(|| lists_diverge(first, second));
        if let Some(message) = message {
            let fix = "list the same members at the same URLs";
            sink.report_in(second.index, second.at(CLUSTER), message, fix);
        }
    }
}

/// Says how the lists differ, where neither can be an earlier state of the other: a member lists
/// those that were there when it joined, so one list may hold the other.
fn lists_diverge(first: &Workload<'_>, second: &Workload<'_>) -> Option<String> {
    let (a, b) = (first.initial_names(), second.initial_names());
    let lacks = |names: &[&str], others: &[&str]| names.iter().any(|name| !others.contains(name));
    // The list of a member that has started is history.
    let both_start = first.joins() == second.joins() && !first.has_data() && !second.has_data();
    (both_start && lacks(&a, &b) && lacks(&b, &a)).then(|| {
        format!(
            "lists {}, but {} lists {}",
            b.join(", "),
            first.file.file,
            a.join(", ")
        )
    })
}

fn name_on_two_nodes(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        if let (Some(a), Some(b)) = (first.member_name(), second.member_name())
            && a == b
        {
            let message = format!("{} is member {a:?} as well", first.file.file);
            sink.report_in(
                second.index,
                second.at("name"),
                message,
                "give it its own name",
            );
        }
    }
}

fn url_on_two_nodes(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        for flag in ["initial-advertise-peer-urls", "advertise-client-urls"] {
            // A default is the same everywhere, and another rule's business.
            if first.flags.get(flag).is_none() || second.flags.get(flag).is_none() {
                continue;
            }
            let known = first.good_urls(flag);
            if let Some(url) = second
                .good_urls(flag)
                .into_iter()
                .find(|url| known.contains(url))
            {
                let message = format!("{} advertises {url} as well", first.file.file);
                sink.report_in(
                    second.index,
                    second.at(flag),
                    message,
                    "advertise this host's address",
                );
            }
        }
    }
}

fn token_differs(together: &Together<'_>, sink: &mut Sink) {
    let flag = "initial-cluster-token";
    for (first, second) in together.member_pairs() {
        if first.is_unresolved(flag) || second.is_unresolved(flag) {
            continue;
        }
        let (a, b) = (first.flags.value(flag), second.flags.value(flag));
        let start_together = !first.joins() && !second.joins() && second.initial_names().len() > 1;
        let both_say = a.is_some() && b.is_some();
        let (a, b) = (a.unwrap_or("etcd-cluster"), b.unwrap_or("etcd-cluster"));
        if a != b && (start_together || both_say) {
            let message = format!("the token is {b:?} here, {a:?} in {}", first.file.file);
            sink.report_in(second.index, second.at(flag), message, "use one token");
        }
    }
}

fn ca_differs(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        for flag in ["trusted-ca-file", "peer-trusted-ca-file"] {
            match (first.certificate(flag), second.certificate(flag)) {
                (Some(a), Some(b)) if a.fingerprint != b.fingerprint => {
                    let message = format!("--{flag} holds another CA than in {}", first.file.file);
                    let fix = "install the same CA file on every host";
                    sink.report_in(second.index, second.at(flag), message, fix);
                }
                (Some(_), Some(_)) => {}
                _ => sink.unknown_in(second.index),
            }
        }
    }
}

fn releases_apart(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        let (Some(a), Some(b)) = (&first.version, &second.version) else {
            sink.unknown_in(second.index);
            continue;
        };
        if a.minor().1.abs_diff(b.minor().1) > 1 {
            let at = second
                .container
                .image
                .as_ref()
                .map_or(second.container.at, |image| image.at);
            let message = format!(
                "etcd {b} here, {a} in {}: more than one minor release",
                first.file.file
            );
            sink.report_in(
                second.index,
                at,
                message,
                "upgrade one minor release at a time",
            );
        }
    }
}

fn identity(workload: &Workload<'_>) -> Option<MemberIdentity> {
    match workload.data_dir()? {
        DataDirFact::Member(identity) => identity,
        DataDirFact::Fresh => None,
    }
}

fn data_of_two_clusters(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        if first.data_dir().is_none() || second.data_dir().is_none() {
            sink.unknown_in(second.index);
        }
        if let (Some(a), Some(b)) = (identity(first), identity(second))
            && a.cluster != b.cluster
        {
            let message = format!(
                "the data directory is of cluster {}, that of {} of cluster {}",
                b.cluster, first.file.file, a.cluster
            );
            let fix = "move the wrong one away and join anew";
            sink.report_in(second.index, second.at("data-dir"), message, fix);
        }
    }
}

fn data_copied(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in together.member_pairs() {
        if first.data_dir().is_none() || second.data_dir().is_none() {
            sink.unknown_in(second.index);
        }
        if let (Some(a), Some(b)) = (identity(first), identity(second))
            && a == b
        {
            let message = format!(
                "the data directory is member {}, as that of {}",
                b.member, first.file.file
            );
            let fix = "remove the copy and join as a member of its own";
            sink.report_in(second.index, second.at("data-dir"), message, fix);
        }
    }
}

fn even_members(together: &Together<'_>, sink: &mut Sink) {
    let members = together.members();
    let largest = members
        .iter()
        .max_by_key(|member| member.initial_names().len());
    let Some(member) = largest else {
        return;
    };
    let count = member.initial_names().len();
    if count > 0 && count.is_multiple_of(2) {
        let tolerates = (count - 1) / 2;
        let message = format!(
            "{count} members tolerate {tolerates} failures, no more than {} would",
            count - 1
        );
        sink.report_in(
            member.index,
            member.at(CLUSTER),
            message,
            "use an odd number of members",
        );
    }
}

fn new_on_join(together: &Together<'_>, sink: &mut Sink) {
    for member in together.members() {
        let names = member.initial_names();
        if member.joins() || member.has_data() || names.len() < 2 {
            continue;
        }
        let starts_empty = member.data_dir() == Some(DataDirFact::Fresh);
        let runs_without_it = |other: &&Workload<'_>| {
            let known = other.initial_names();
            let is_smaller = !known.is_empty()
                && known.len() < names.len()
                && !other.joins()
                && known.iter().all(|name| names.contains(name));
            let runs = other.joins() || other.has_data();
            other.index != member.index && (is_smaller || starts_empty && runs)
        };
        if let Some(other) = together.members().into_iter().find(runs_without_it) {
            let message = format!(
                "the member starts a new cluster, but {} belongs to one that runs already",
                other.file.file
            );
            let fix = "--initial-cluster-state=existing";
            sink.report_in(
                member.index,
                member.at("initial-cluster-state"),
                message,
                fix,
            );
        }
    }
}
