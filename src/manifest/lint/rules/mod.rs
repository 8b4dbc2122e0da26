//! The rules, one file a theme. Ids are grouped by ten and never reused.

mod apiserver;
mod authentication;
mod certificates;
mod cluster;
mod flags;
mod mounts;
mod nodes;
mod pod;
mod probes;
mod storage;
mod urls;

use std::fmt::Write as _;

use super::rule::Rule;

pub(super) use apiserver::ETCD_FILES as APISERVER_FILES;
pub(super) use certificates::CHAINS;
pub(super) use mounts::file_flags;
pub(super) use pod::{UNREADABLE, shadows};

/// Every rule, in the order of ids.
pub(super) static RULES: [&[Rule]; 11] = [
    pod::RULES,
    mounts::RULES,
    authentication::RULES,
    urls::RULES,
    cluster::RULES,
    flags::RULES,
    probes::RULES,
    storage::RULES,
    certificates::RULES,
    apiserver::RULES,
    nodes::RULES,
];

/// Every rule with its documentation, in the order of ids.
pub fn all_rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().flatten()
}

/// The document `docs/lint-rules.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# What `etcdha manifest lint` finds\n\nAn id never changes its meaning. An error means that \
         the pod does not start, does not form the cluster, or lets strangers in; a warning, that it \
         runs but is unsafe or will fail in a case that comes. Rules that need files of the host are \
         skipped where those are not at hand.\n\n| Id | Name | Severity | Why | Fix |\n\
         |---|---|---|---|---|\n",
    );
    for rule in all_rules() {
        let Rule {
            id,
            name,
            severity,
            why,
            fix,
            ..
        } = rule;
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {id} | {name} | {severity} | {why} | {fix} |");
    }
    text
}
