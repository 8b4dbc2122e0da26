//! M030–M039: do the addresses fit together?

use crate::manifest::Position;
use crate::manifest::etcd_pod::ADVERTISE_ANNOTATION;
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::{Workload, is_loopback, is_unspecified, serves};
use crate::manifest::pod::{Probe, ProbeAction};
use crate::model::{EtcdUrl, Host, Scheme};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M030",
        name: "bad-url",
        severity: Severity::Error,
        why: "etcd takes scheme://host:port and exits on anything else, a trailing slash included",
        fix: "write https://ADDRESS:PORT, IPv6 as https://[ADDRESS]:PORT",
        check: Check::Etcd(bad_url),
    },
    Rule {
        id: "M031",
        name: "listen-on-name",
        severity: Severity::Error,
        why: "etcd listens on addresses only and exits on a DNS name other than localhost",
        fix: "use the address of this host",
        check: Check::Etcd(listen_on_name),
    },
    Rule {
        id: "M032",
        name: "listen-loopback-only",
        severity: Severity::Error,
        why: "the member advertises an address on which nothing listens, so no other host reaches it",
        fix: "listen on the advertised address as well",
        check: Check::Etcd(listen_loopback_only),
    },
    Rule {
        id: "M033",
        name: "advertise-unreachable",
        severity: Severity::Error,
        why: "other members and clients dial what is advertised: 0.0.0.0 and localhost lead them to \
              themselves",
        fix: "advertise the address under which others reach this host",
        check: Check::Etcd(advertise_unreachable),
    },
    Rule {
        id: "M034",
        name: "probe-address",
        severity: Severity::Error,
        why: "the probe dials an address on which etcd does not listen, fails, and the kubelet kills \
              a healthy etcd again and again",
        fix: "listen on the probe's address (loopback as a rule), or let the probe dial the other",
        check: Check::Etcd(probe_address),
    },
    Rule {
        id: "M035",
        name: "probe-port",
        severity: Severity::Error,
        why: "nothing listens on the port the probe dials, so the kubelet kills a healthy etcd again \
              and again",
        fix: "probe the port of --listen-metrics-urls",
        check: Check::Etcd(probe_port),
    },
    Rule {
        id: "M036",
        name: "probe-scheme",
        severity: Severity::Error,
        why: "the probe speaks another protocol than the port, or a port that asks for a client \
              certificate, which the kubelet has not",
        fix: "probe http on --listen-metrics-urls",
        check: Check::Etcd(probe_scheme),
    },
    Rule {
        id: "M037",
        name: "advertise-not-listened",
        severity: Severity::Warning,
        why: "no listen URL takes connections to the advertised address and port; that only works \
              behind address translation",
        fix: "listen on the advertised address and port",
        check: Check::Etcd(advertise_not_listened),
    },
    Rule {
        id: "M038",
        name: "port-twice",
        severity: Severity::Error,
        why: "two listeners can't have one address and port: etcd exits",
        fix: "give clients, peers and metrics a port each (2379, 2380, 2381)",
        check: Check::Etcd(port_twice),
    },
    Rule {
        id: "M039",
        name: "advertise-annotation",
        severity: Severity::Warning,
        why: "kubeadm finds the cluster's members by this annotation: join, upgrade and reset miss \
              the member, or talk to another, when it is absent or wrong",
        fix: "set it to the value of --advertise-client-urls",
        check: Check::Etcd(advertise_annotation),
    },
];

const LISTEN: [&str; 4] = [
    "listen-client-urls",
    "listen-peer-urls",
    "listen-metrics-urls",
    "listen-client-http-urls",
];
const ADVERTISE: [(&str, &str); 2] = [
    ("advertise-client-urls", "listen-client-urls"),
    ("initial-advertise-peer-urls", "listen-peer-urls"),
];

fn bad_url(workload: &Workload<'_>, sink: &mut Sink) {
    let flags = LISTEN
        .iter()
        .copied()
        .chain(ADVERTISE.iter().map(|(advertise, _)| *advertise));
    for flag in flags {
        for url in workload.urls(flag) {
            let is_socket = url.text.starts_with("unix://") || url.text.starts_with("unixs://");
            let is_quoted = url.text.contains(['"', '\'']);
            if let (Err(error), false, false) = (&url.parsed, is_socket, is_quoted) {
                let message = format!("--{flag}: {:?}: {}", url.text, error.reason);
                sink.report(workload.at(flag), message, "write https://ADDRESS:PORT");
            }
        }
    }
}

fn listen_on_name(workload: &Workload<'_>, sink: &mut Sink) {
    for flag in LISTEN {
        for url in workload.good_urls(flag) {
            if matches!(url.host, Host::Dns(_)) && !is_loopback(&url.host) {
                let message =
                    format!("--{flag}: {url} names no address; etcd listens on addresses only");
                sink.report(workload.at(flag), message, "use the address of this host");
            }
        }
    }
}

fn listen_loopback_only(workload: &Workload<'_>, sink: &mut Sink) {
    for (advertise, listen) in ADVERTISE {
        let listeners = workload.good_urls(listen);
        let outward = workload
            .good_urls(advertise)
            .into_iter()
            .find(|url| !is_loopback(&url.host));
        let Some(url) = outward else {
            continue;
        };
        if !listeners.is_empty() && listeners.iter().all(|listener| is_loopback(&listener.host)) {
            let message = format!("--{listen} is loopback only, but {url} is advertised");
            sink.report(
                workload.at(listen),
                message,
                format!("add {url} to --{listen}"),
            );
        }
    }
}

fn advertise_unreachable(workload: &Workload<'_>, sink: &mut Sink) {
    for (flag, _) in ADVERTISE {
        for url in workload.good_urls(flag) {
            if is_loopback(&url.host) || is_unspecified(&url.host) {
                let message = match workload.flags.get(flag) {
                    Some(_) => format!("--{flag}: others that dial {url} reach themselves"),
                    None => format!("--{flag} is not set: etcd advertises {url}"),
                };
                sink.report(workload.at(flag), message, "advertise this host's address");
            }
        }
    }
}

fn advertise_not_listened(workload: &Workload<'_>, sink: &mut Sink) {
    for (advertise, listen) in ADVERTISE {
        let listeners = workload.good_urls(listen);
        // What is loopback or no address at all is the business of the rules above.
        let unclear = |url: &EtcdUrl| {
            is_loopback(&url.host) || is_unspecified(&url.host) || matches!(url.host, Host::Dns(_))
        };
        let known = !listeners.is_empty() && !listeners.iter().all(|url| is_loopback(&url.host));
        for url in workload
            .good_urls(advertise)
            .iter()
            .filter(|url| known && !unclear(url))
        {
            if !listeners
                .iter()
                .any(|listener| serves(listener, &url.host, url.port))
            {
                let message = format!("{url} is advertised, but --{listen} does not listen there");
                sink.report(
                    workload.at(advertise),
                    message,
                    format!("add {url} to --{listen}"),
                );
            }
        }
    }
}

fn port_twice(workload: &Workload<'_>, sink: &mut Sink) {
    let mut seen: Vec<(&str, EtcdUrl)> = Vec::new();
    for flag in LISTEN {
        for url in workload.good_urls(flag) {
            let clash = seen.iter().find(|(other, known)| {
                *other != flag && known.port == url.port && overlaps(&known.host, &url.host)
            });
            if let Some((other, known)) = clash {
                let message = format!("--{flag}: {url} and --{other}: {known} are one listener");
                sink.report(workload.at(flag), message, "give each its own port");
            }
            seen.push((flag, url));
        }
    }
}

fn overlaps(a: &Host, b: &Host) -> bool {
    a == b || is_unspecified(a) || is_unspecified(b) || (is_loopback(a) && is_loopback(b))
}

fn advertise_annotation(workload: &Workload<'_>, sink: &mut Sink) {
    let flag = "advertise-client-urls";
    if workload.is_unresolved(flag) {
        return;
    }
    let advertised = workload.flags.list(flag);
    let expected = advertised.first().copied().unwrap_or_default();
    match workload.file.pod.annotations.get(ADVERTISE_ANNOTATION) {
        Some(found) if advertised.contains(&found.value.as_str()) => {}
        Some(found) => {
            let message = format!(
                "the annotation says {}, but {expected} is advertised",
                found.value
            );
            sink.report(
                found.at,
                message,
                format!("{ADVERTISE_ANNOTATION}: {expected}"),
            );
        }
        None => {
            let message = "no annotation tells kubeadm this member's client URL".into();
            let fix = format!("add annotation {ADVERTISE_ANNOTATION}: {expected}");
            sink.report(workload.file.top(), message, fix);
        }
    }
}

/// One address a probe dials.
pub(super) struct Dialled {
    pub(super) url: EtcdUrl,
    pub(super) at: Position,
    /// By the kubelet, which has no client certificate.
    pub(super) by_kubelet: bool,
}

/// What the probes dial: HTTP requests, and the endpoints in a command such as `etcdctl`.
pub(super) fn dialled(workload: &Workload<'_>) -> Vec<Dialled> {
    let container = workload.container;
    let probes = [
        &container.liveness,
        &container.readiness,
        &container.startup,
    ];
    probes
        .into_iter()
        .flatten()
        .flat_map(|probe| dialled_by(workload, probe))
        .collect()
}

fn dialled_by(workload: &Workload<'_>, probe: &Probe) -> Vec<Dialled> {
    match &probe.action {
        ProbeAction::HttpGet(http) => {
            let scheme = if http.https {
                Scheme::Https
            } else {
                Scheme::Http
            };
            let host = http.host.as_ref().and_then(|host| host.value.parse().ok());
            let port = workload.container.port_number(&http.port.value);
            let url = host
                .zip(port)
                .map(|(host, port)| EtcdUrl { scheme, host, port });
            let at = http.host.as_ref().map_or(http.port.at, |host| host.at);
            url.into_iter()
                .map(|url| Dialled {
                    url,
                    at,
                    by_kubelet: true,
                })
                .collect()
        }
        ProbeAction::Exec(words) => {
            let urls = words.iter().flat_map(|word| urls_in(word));
            urls.map(|url| Dialled {
                url,
                at: probe.at,
                by_kubelet: false,
            })
            .collect()
        }
        _ => Vec::new(),
    }
}

/// The URLs inside a word of a command.
fn urls_in(word: &str) -> Vec<EtcdUrl> {
    let parts = word.split([',', ' ', '=', '"', '\'', ';']);
    parts.filter_map(|part| part.parse().ok()).collect()
}

fn listeners(workload: &Workload<'_>) -> Vec<EtcdUrl> {
    LISTEN
        .iter()
        .flat_map(|flag| workload.good_urls(flag))
        .collect()
}

fn probe_address(workload: &Workload<'_>, sink: &mut Sink) {
    let listeners = listeners(workload);
    for dialled in dialled(workload) {
        let (host, port) = (&dialled.url.host, dialled.url.port);
        let on_port: Vec<&EtcdUrl> = listeners.iter().filter(|url| url.port == port).collect();
        if !on_port.is_empty() && !on_port.iter().any(|url| serves(url, host, port)) {
            let shown: Vec<String> = on_port.iter().map(ToString::to_string).collect();
            let message = format!(
                "the probe dials {host}:{port}, but etcd listens on {}",
                shown.join(", ")
            );
            sink.report(
                dialled.at,
                message,
                format!("add {} to the listen URLs", dialled.url),
            );
        }
    }
}

fn probe_port(workload: &Workload<'_>, sink: &mut Sink) {
    let listeners = listeners(workload);
    for dialled in dialled(workload) {
        let port = dialled.url.port;
        if listeners.iter().all(|url| url.port != port) {
            let message = format!("the probe dials port {port}, where etcd does not listen");
            let metrics = workload.good_urls("listen-metrics-urls").into_iter().next();
            let fix = match metrics {
                Some(url) => format!("probe port {} of --listen-metrics-urls", url.port),
                None => format!("add --listen-metrics-urls=http://127.0.0.1:{port}"),
            };
            sink.report(dialled.at, message, fix);
        }
    }
}

fn probe_scheme(workload: &Workload<'_>, sink: &mut Sink) {
    let listeners = listeners(workload);
    let asks = workload.flags.get("trusted-ca-file").is_some()
        || workload.flags.is_true("client-cert-auth") == Some(true);
    for dialled in dialled(workload)
        .into_iter()
        .filter(|dialled| dialled.by_kubelet)
    {
        let (host, port) = (&dialled.url.host, dialled.url.port);
        let Some(listener) = listeners.iter().find(|url| serves(url, host, port)) else {
            continue;
        };
        let message = if listener.scheme != dialled.url.scheme {
            format!("the probe asks {}, but etcd serves {listener}", dialled.url)
        } else if listener.scheme == Scheme::Https && asks {
            format!("{listener} asks for a client certificate, and the kubelet has none")
        } else {
            continue;
        };
        sink.report(dialled.at, message, "probe http on --listen-metrics-urls");
    }
}
