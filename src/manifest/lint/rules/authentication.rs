//! M020–M029: who may talk to etcd?

use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::{Workload, is_loopback};
use crate::model::{EtcdUrl, Scheme};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M020",
        name: "peer-client-cert-auth-off",
        severity: Severity::Error,
        why: "whoever reaches the peer port can send Raft messages and read snapshots of all data",
        fix: "--peer-client-cert-auth=true with --peer-trusted-ca-file",
        check: Check::Etcd(peer_client_cert_auth),
    },
    Rule {
        id: "M021",
        name: "client-cert-auth-off",
        severity: Severity::Error,
        why: "whoever reaches the client port can read and write every Secret; that etcd also asks \
              for certificates when only --trusted-ca-file is set is a side effect of its TLS setup",
        fix: "--client-cert-auth=true with --trusted-ca-file",
        check: Check::Etcd(client_cert_auth),
    },
    Rule {
        id: "M022",
        name: "trusted-ca-missing",
        severity: Severity::Error,
        why: "with --client-cert-auth but no CA etcd trusts the image's public CAs for client \
              certificates, so no client of yours gets in",
        fix: "--trusted-ca-file=…/ca.crt",
        check: Check::Etcd(trusted_ca),
    },
    Rule {
        id: "M023",
        name: "peer-trusted-ca-missing",
        severity: Severity::Error,
        why: "with --peer-client-cert-auth but no CA the members refuse each other",
        fix: "--peer-trusted-ca-file=…/ca.crt",
        check: Check::Etcd(peer_trusted_ca),
    },
    Rule {
        id: "M024",
        name: "client-http",
        severity: Severity::Error,
        why: "keys, values and Secrets cross the network in clear text, without authentication",
        fix: "https in --listen-client-urls and --advertise-client-urls",
        check: Check::Etcd(client_http),
    },
    Rule {
        id: "M025",
        name: "peer-http",
        severity: Severity::Error,
        why: "members replicate all data in clear text and accept anyone as a peer",
        fix: "https in --listen-peer-urls and --initial-advertise-peer-urls",
        check: Check::Etcd(peer_http),
    },
    Rule {
        id: "M026",
        name: "key-pair-missing",
        severity: Severity::Error,
        why: "etcd exits when an https URL has no certificate and key",
        fix: "--cert-file and --key-file, or --peer-cert-file and --peer-key-file",
        check: Check::Etcd(key_pair),
    },
    Rule {
        id: "M027",
        name: "self-signed-tls",
        severity: Severity::Error,
        why: "certificates etcd makes for itself are verified by nobody: traffic is encrypted to \
              whoever answers",
        fix: "certificates of a CA instead of --auto-tls and --peer-auto-tls",
        check: Check::Etcd(self_signed),
    },
    Rule {
        id: "M028",
        name: "metrics-exposed",
        severity: Severity::Warning,
        why: "metrics and health over http need no certificate and tell about keys, load and members",
        fix: "listen on loopback, or use https",
        check: Check::Etcd(metrics_exposed),
    },
    Rule {
        id: "M029",
        name: "san-check-off",
        severity: Severity::Warning,
        why: "any certificate of the peer CA is then a peer from any address",
        fix: "remove the flag and issue peer certificates with the right addresses",
        check: Check::Etcd(san_check_off),
    },
];

fn listens_with(workload: &Workload<'_>, flag: &str, scheme: Scheme) -> bool {
    workload
        .good_urls(flag)
        .iter()
        .any(|url| url.scheme == scheme)
}

fn is_off(workload: &Workload<'_>, flag: &str) -> bool {
    workload.flags.is_true(flag) == Some(false)
}

fn peer_client_cert_auth(workload: &Workload<'_>, sink: &mut Sink) {
    if listens_with(workload, "listen-peer-urls", Scheme::Https)
        && is_off(workload, "peer-client-cert-auth")
    {
        let address = reached_at(workload, "initial-advertise-peer-urls");
        let message = match workload.flags.get("peer-trusted-ca-file") {
            None => format!("anyone who reaches {address} can act as a peer and read all data"),
            Some(_) => format!(
                "--peer-client-cert-auth is off: only a side effect of --peer-trusted-ca-file keeps \
                 strangers away from {address}"
            ),
        };
        let at = workload.at("peer-client-cert-auth");
        sink.report(at, message, "add --peer-client-cert-auth=true");
    }
}

fn client_cert_auth(workload: &Workload<'_>, sink: &mut Sink) {
    if listens_with(workload, "listen-client-urls", Scheme::Https)
        && is_off(workload, "client-cert-auth")
    {
        let address = reached_at(workload, "advertise-client-urls");
        let message = match workload.flags.get("trusted-ca-file") {
            None => format!("anyone who reaches {address} can read and write every Secret"),
            Some(_) => format!(
                "--client-cert-auth is off: only a side effect of --trusted-ca-file keeps strangers \
                 away from {address} and every Secret"
            ),
        };
        let at = workload.at("client-cert-auth");
        sink.report(at, message, "add --client-cert-auth=true");
    }
}

/// The address of the first URL, for a message.
fn reached_at(workload: &Workload<'_>, flag: &str) -> String {
    let url = workload.good_urls(flag).into_iter().next();
    url.map_or_else(
        || "this host".into(),
        |url| format!("{}:{}", url.host, url.port),
    )
}

fn trusted_ca(workload: &Workload<'_>, sink: &mut Sink) {
    ca_for(workload, "client-cert-auth", "trusted-ca-file", sink);
}

fn peer_trusted_ca(workload: &Workload<'_>, sink: &mut Sink) {
    ca_for(
        workload,
        "peer-client-cert-auth",
        "peer-trusted-ca-file",
        sink,
    );
}

fn ca_for(workload: &Workload<'_>, auth: &str, ca: &str, sink: &mut Sink) {
    let is_on = workload.flags.is_true(auth) == Some(true);
    if is_on && workload.flags.get(ca).is_none() {
        let message = format!("--{auth} without --{ca}: no certificate of yours is accepted");
        sink.report(workload.at(auth), message, format!("add --{ca}=…/ca.crt"));
    }
}

fn client_http(workload: &Workload<'_>, sink: &mut Sink) {
    plain(
        workload,
        ["listen-client-urls", "advertise-client-urls"],
        sink,
    );
}

fn peer_http(workload: &Workload<'_>, sink: &mut Sink) {
    plain(
        workload,
        ["listen-peer-urls", "initial-advertise-peer-urls"],
        sink,
    );
}

fn plain(workload: &Workload<'_>, flags: [&str; 2], sink: &mut Sink) {
    for flag in flags {
        let urls = workload.good_urls(flag);
        let Some(url) = urls.iter().find(|url| url.scheme == Scheme::Http) else {
            continue;
        };
        let message = match workload.flags.get(flag) {
            Some(_) => format!("--{flag}: {url} is clear text without authentication"),
            None => {
                format!("--{flag} is not set: etcd takes {url}, clear text without authentication")
            }
        };
        sink.report(workload.at(flag), message, format!("use https in --{flag}"));
    }
}

fn key_pair(workload: &Workload<'_>, sink: &mut Sink) {
    let sides = [
        ("listen-client-urls", "auto-tls", ["cert-file", "key-file"]),
        (
            "listen-peer-urls",
            "peer-auto-tls",
            ["peer-cert-file", "peer-key-file"],
        ),
    ];
    for (listen, auto, pair) in sides {
        if !listens_with(workload, listen, Scheme::Https) || !is_off(workload, auto) {
            continue;
        }
        for flag in pair
            .iter()
            .filter(|flag| workload.flags.get(flag).is_none())
        {
            let message = format!("--{listen} is https but --{flag} is missing: etcd exits");
            sink.report(workload.at(listen), message, format!("add --{flag}"));
        }
    }
}

fn self_signed(workload: &Workload<'_>, sink: &mut Sink) {
    for flag in ["auto-tls", "peer-auto-tls"] {
        if workload.flags.is_true(flag) == Some(true) {
            let message = format!("--{flag}: etcd makes a certificate that nobody verifies");
            sink.report(workload.at(flag), message, "issue certificates from a CA");
        }
    }
}

fn metrics_exposed(workload: &Workload<'_>, sink: &mut Sink) {
    let flag = "listen-metrics-urls";
    let urls = workload.good_urls(flag);
    let exposed = |url: &&EtcdUrl| url.scheme == Scheme::Http && !is_loopback(&url.host);
    if let Some(url) = urls.iter().find(exposed) {
        let message = format!("{url} serves metrics to anyone who reaches it");
        sink.report(workload.at(flag), message, "listen on loopback");
    }
}

fn san_check_off(workload: &Workload<'_>, sink: &mut Sink) {
    let flags = [
        "peer-skip-client-san-verification",
        "experimental-peer-skip-client-san-verification",
    ];
    for flag in flags {
        if workload.flags.is_true(flag) == Some(true) {
            let message = format!("--{flag}: a peer's certificate is not held against its address");
            sink.report(workload.at(flag), message, format!("remove --{flag}"));
        }
    }
}
