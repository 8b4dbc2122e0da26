//! The bad manifests, by theme as the rules.

use super::*;

mod apiserver;
mod authentication;
mod certificates;
mod cluster;
mod flags;
mod mounts;
mod nodes;
mod pod;
mod probes;
mod urls;

/// One bad run and the rule it breaks.
pub(super) struct Case {
    pub(super) rule: &'static str,
    pub(super) files: Vec<LintFile>,
}

type Edits<'a> = &'a [(&'a str, &'a str)];

/// An etcd manifest with a mistake in its text, everything on its host in order.
fn text(rule: &'static str, edits: Edits<'_>) -> Case {
    let files = vec![at_home("etcd.yaml", &edited(&etcd(), edits))];
    Case {
        rule,
        files: with_good_evidence(files),
    }
}

/// The same for another release of etcd.
fn text_of(rule: &'static str, version: &str, edits: Edits<'_>) -> Case {
    let good = render(&config("m3", &["m1", "m2", "m3"], version)).unwrap();
    let files = vec![at_home("etcd.yaml", &edited(&good, edits))];
    Case {
        rule,
        files: with_good_evidence(files),
    }
}

/// A good etcd manifest on a host with a mistake.
fn host(rule: &'static str, change: impl FnOnce(&mut Evidence)) -> Case {
    host_of(rule, &etcd(), change)
}

fn host_of(rule: &'static str, text: &str, change: impl FnOnce(&mut Evidence)) -> Case {
    let mut files = with_good_evidence(vec![at_home("etcd.yaml", text)]);
    change(&mut files[0].evidence);
    Case { rule, files }
}

/// A certificate of the good etcd manifest with a mistake.
fn certificate(rule: &'static str, name: &str, change: impl FnOnce(&mut CertificateFact)) -> Case {
    let path = format!("/etc/kubernetes/pki/etcd/{name}");
    host(rule, |evidence| {
        let fact = evidence.certificates.get_mut(&path).unwrap();
        change(fact.as_mut().unwrap());
    })
}

/// A kube-apiserver manifest with a mistake.
fn apiserver_text(rule: &'static str, edits: Edits<'_>) -> Case {
    let files = vec![at_home("kube-apiserver.yaml", &edited(APISERVER, edits))];
    Case {
        rule,
        files: with_good_evidence(files),
    }
}

/// A kube-apiserver and the etcd beside it.
fn stacked(rule: &'static str, etcd: &str, edits: Edits<'_>) -> Case {
    let apiserver = at_home("kube-apiserver.yaml", &edited(APISERVER, edits));
    Case {
        rule,
        files: with_good_evidence(vec![at_home("etcd.yaml", etcd), apiserver]),
    }
}

/// Three members, the last with a mistake in its text.
fn three(rule: &'static str, edits: Edits<'_>) -> Case {
    three_with(rule, edits, |_, _| {})
}

fn three_with(
    rule: &'static str,
    edits: Edits<'_>,
    change: impl FnOnce(&mut Evidence, &mut Evidence),
) -> Case {
    let files = vec![
        file("m1/etcd.yaml", &member("m1", &["m1"])),
        file("m2/etcd.yaml", &member("m2", &["m1", "m2"])),
        file("m3/etcd.yaml", &edited(&etcd(), edits)),
    ];
    let mut files = with_good_evidence(files);
    let (head, tail) = files.split_at_mut(2);
    change(&mut head[1].evidence, &mut tail[0].evidence);
    Case { rule, files }
}

pub(super) fn all() -> Vec<Case> {
    [
        pod::cases(),
        mounts::cases(),
        authentication::cases(),
        urls::cases(),
        cluster::cases(),
        flags::cases(),
        probes::cases(),
        certificates::cases(),
        apiserver::cases(),
        nodes::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
