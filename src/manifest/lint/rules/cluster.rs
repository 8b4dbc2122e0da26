//! M040–M049: does the member describe its cluster in one way?

use std::collections::HashMap;

use crate::manifest::lint::evidence::DataDirFact;
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::Workload;
use crate::model::EtcdUrl;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M040",
        name: "name-not-in-initial-cluster",
        severity: Severity::Error,
        why: "etcd looks itself up in --initial-cluster by --name and exits when it is not there",
        fix: "make --name one of the names in --initial-cluster",
        check: Check::Etcd(name_not_listed),
    },
    Rule {
        id: "M041",
        name: "member-twice",
        severity: Severity::Error,
        why: "two entries of one name are one member with two URLs to etcd, so that a member is \
              missing from the cluster that was meant",
        fix: "give every member its own name",
        check: Check::Etcd(member_twice),
    },
    Rule {
        id: "M042",
        name: "peer-url-twice",
        severity: Severity::Error,
        why: "two members can't have one peer URL: etcd exits",
        fix: "give every member its own address",
        check: Check::Etcd(peer_url_twice),
    },
    Rule {
        id: "M043",
        name: "peer-url-differs",
        severity: Severity::Error,
        why: "etcd compares the peer URLs it advertises with its entry in --initial-cluster and exits \
              when they differ",
        fix: "write the same URL in --initial-advertise-peer-urls and --initial-cluster",
        check: Check::Etcd(peer_url_differs),
    },
    Rule {
        id: "M044",
        name: "initial-cluster-malformed",
        severity: Severity::Error,
        why: "--initial-cluster is NAME=URL,NAME=URL without spaces in a URL; etcd exits on anything \
              else",
        fix: "write every entry as NAME=https://ADDRESS:2380",
        check: Check::Etcd(malformed),
    },
    Rule {
        id: "M045",
        name: "cluster-state-value",
        severity: Severity::Error,
        why: "--initial-cluster-state is new or existing; etcd exits on anything else",
        fix: "write new or existing",
        check: Check::Etcd(state_value),
    },
    Rule {
        id: "M046",
        name: "existing-alone",
        severity: Severity::Error,
        why: "on its first start a member that joins an existing cluster asks the others who belongs \
              to it; with none listed it exits",
        fix: "list every member, or start the first one with state new",
        check: Check::Etcd(existing_alone),
    },
    Rule {
        id: "M047",
        name: "new-with-data",
        severity: Severity::Info,
        why: "the data directory holds a member, so etcd ignores the initial cluster and its state",
        fix: "remove --initial-cluster-state, or write existing",
        check: Check::Etcd(new_with_data),
    },
    Rule {
        id: "M048",
        name: "data-of-another-cluster",
        severity: Severity::Error,
        why: "etcd goes on as the member its data directory belongs to, whatever the flags say, and \
              the other members refuse it",
        fix: "move the data directory away and let the member join with an empty one",
        check: Check::Etcd(data_of_another_cluster),
    },
    Rule {
        id: "M049",
        name: "initial-cluster-missing",
        severity: Severity::Error,
        why: "without --initial-cluster etcd takes itself at http://localhost:2380, which differs from \
              what it advertises, and exits",
        fix: "--initial-cluster=NAME=https://ADDRESS:2380",
        check: Check::Etcd(missing),
    },
];

const FLAG: &str = "initial-cluster";
const STATE: &str = "initial-cluster-state";

fn name_not_listed(workload: &Workload<'_>, sink: &mut Sink) {
    let names = workload.initial_names();
    let Some(name) = workload.member_name().filter(|name| !is_quoted(name)) else {
        return;
    };
    if !names.is_empty() && !names.contains(&name) {
        let message = format!(
            "--name={name} is not in --initial-cluster, which lists {}",
            names.join(", ")
        );
        let fix = match strsim_nearest(&names, name) {
            Some(near) => format!("--name={near}, or list {name}"),
            None => format!("list {name} in --initial-cluster"),
        };
        sink.report(workload.at("name"), message, fix);
    }
}

fn strsim_nearest<'n>(names: &[&'n str], name: &str) -> Option<&'n str> {
    let scored = names
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), *known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}

/// Literal quotes have a rule of their own.
fn is_quoted(text: &str) -> bool {
    text.contains(['"', '\''])
}

fn member_twice(workload: &Workload<'_>, sink: &mut Sink) {
    let advertised = workload.flags.list("initial-advertise-peer-urls");
    for name in workload.initial_names() {
        let entries = workload.initial_cluster();
        let urls: Vec<&str> = entries
            .iter()
            .filter(|(n, _)| *n == name)
            .map(|(_, url)| *url)
            .collect();
        let mut distinct = urls.clone();
        distinct.sort_unstable();
        distinct.dedup();
        // A member that advertises several peer URLs lists each.
        let is_own = workload.member_name() == Some(name)
            && distinct.iter().all(|url| advertised.contains(url));
        if distinct.len() > 1 && !is_own {
            let message = format!(
                "--initial-cluster lists {name} {} times: {}",
                urls.len(),
                urls.join(" and ")
            );
            sink.report(workload.at(FLAG), message, "give every member its own name");
        }
    }
}

fn peer_url_twice(workload: &Workload<'_>, sink: &mut Sink) {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for (name, url) in workload.initial_cluster() {
        match owners.insert(url, name) {
            Some(first) => {
                let message = format!("--initial-cluster gives {url} to {first} and to {name}");
                sink.report(
                    workload.at(FLAG),
                    message,
                    "give every member its own address",
                );
            }
            None => continue,
        }
    }
}

fn peer_url_differs(workload: &Workload<'_>, sink: &mut Sink) {
    let flag = "initial-advertise-peer-urls";
    let (Some(name), false) = (workload.member_name(), workload.is_unresolved(flag)) else {
        return;
    };
    let parsed = |url: &str| url.parse::<EtcdUrl>().ok();
    let listed: Vec<EtcdUrl> = workload
        .initial_cluster()
        .into_iter()
        .filter(|(listed, _)| *listed == name)
        .filter_map(|(_, url)| parsed(url))
        .collect();
    let advertised = workload.good_urls(flag);
    if listed.is_empty() || advertised.is_empty() {
        return;
    }
    let differs = advertised.iter().find(|url| !listed.contains(url));
    let missing = listed.iter().find(|url| !advertised.contains(url));
    if differs.is_some() || missing.is_some() {
        let show = |urls: &[EtcdUrl]| {
            let texts: Vec<String> = urls.iter().map(ToString::to_string).collect();
            texts.join(",")
        };
        let (listed, advertised) = (show(&listed), show(&advertised));
        let message =
            format!("{name} advertises {advertised}, but --initial-cluster lists it at {listed}");
        sink.report(workload.at(flag), message, "write the same URL in both");
    }
}

fn malformed(workload: &Workload<'_>, sink: &mut Sink) {
    for entry in workload
        .flags
        .list(FLAG)
        .into_iter()
        .filter(|entry| !is_quoted(entry))
    {
        let problem = match entry.split_once('=') {
            None => Some("no NAME= before the URL"),
            Some(("", _)) => Some("no name before ="),
            Some((_, url)) => url.parse::<EtcdUrl>().err().map(|error| error.reason),
        };
        if let Some(problem) = problem {
            let message = format!("--initial-cluster: {entry:?}: {problem}");
            sink.report(
                workload.at(FLAG),
                message,
                "write NAME=https://ADDRESS:2380",
            );
        }
    }
}

fn state_value(workload: &Workload<'_>, sink: &mut Sink) {
    if let Some(state) = workload.flags.value(STATE)
        && !is_quoted(state)
        && !["new", "existing"].contains(&state)
    {
        let message = format!("--{STATE}={state}: etcd takes new or existing");
        sink.report(workload.at(STATE), message, "write new or existing");
    }
}

fn existing_alone(workload: &Workload<'_>, sink: &mut Sink) {
    if workload.joins() && workload.initial_names().len() == 1 && !workload.has_data() {
        let message = "the member joins an existing cluster, but --initial-cluster lists only one";
        sink.report(
            workload.at(STATE),
            message.into(),
            "list every member, this one included",
        );
    }
}

fn new_with_data(workload: &Workload<'_>, sink: &mut Sink) {
    if workload.flags.value(STATE) != Some("new") {
        return;
    }
    match workload.data_dir() {
        Some(DataDirFact::Member(_)) => {
            let message = format!("--{STATE}=new is ignored: the data directory holds a member");
            sink.report(workload.at(STATE), message, format!("remove --{STATE}"));
        }
        Some(DataDirFact::Fresh) => {}
        None => sink.unknown(),
    }
}

fn data_of_another_cluster(workload: &Workload<'_>, sink: &mut Sink) {
    let identity = match workload.data_dir() {
        Some(DataDirFact::Member(identity)) => identity,
        Some(DataDirFact::Fresh) => return,
        None => return sink.unknown(),
    };
    let (Some(identity), Some(cluster)) = (identity, workload.file.evidence.cluster) else {
        return sink.unknown();
    };
    if identity.cluster != cluster {
        let message = format!(
            "the data directory is of cluster {}, not {cluster}",
            identity.cluster
        );
        sink.report(
            workload.at("data-dir"),
            message,
            "move the old data directory away",
        );
    }
}

fn missing(workload: &Workload<'_>, sink: &mut Sink) {
    let others = [
        "discovery",
        "discovery-srv",
        "discovery-endpoints",
        "discovery-token",
    ];
    let found_otherwise = others.iter().any(|flag| workload.flags.get(flag).is_some());
    if workload.flags.get(FLAG).is_none() && !found_otherwise && !workload.has_data() {
        let name = workload.member_name().unwrap_or("NAME");
        let url = workload
            .good_urls("initial-advertise-peer-urls")
            .into_iter()
            .next();
        let url = url.map_or_else(|| "https://ADDRESS:2380".into(), |url| url.to_string());
        let message = "--initial-cluster is not set";
        sink.report(
            workload.container.at,
            message.into(),
            format!("--{FLAG}={name}={url}"),
        );
    }
}
