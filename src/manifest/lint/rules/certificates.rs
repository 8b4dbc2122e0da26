//! M070–M079: will the certificates be accepted? Needs the host's files.

use jiff::{SignedDuration, Timestamp};

use crate::manifest::flags::Program;
use crate::manifest::lint::evidence::{CertificateFact, PathFact};
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::{Workload, is_unspecified};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M070",
        name: "san-lacks-advertised",
        severity: Severity::Error,
        why: "clients and members dial the advertised address and refuse a certificate that does not \
              name it",
        fix: "issue the certificate again with that address: etcdha certs renew",
        check: Check::Etcd(san_lacks_advertised),
    },
    Rule {
        id: "M071",
        name: "san-lacks-listened",
        severity: Severity::Error,
        why: "whoever dials that listen address (the local apiserver dials 127.0.0.1) refuses a \
              certificate that does not name it",
        fix: "issue the certificate again with that address: etcdha certs renew",
        check: Check::Etcd(san_lacks_listened),
    },
    Rule {
        id: "M072",
        name: "san-empty",
        severity: Severity::Error,
        why: "a certificate without subject alternative names is refused by every Go client since \
              1.15, common name or not",
        fix: "issue the certificate again with names: an empty host in a cfssl file gives none",
        check: Check::Etcd(san_empty),
    },
    Rule {
        id: "M073",
        name: "extended-key-usage",
        severity: Severity::Error,
        why: "peers are server and client to each other, and etcd's own gateway dials the server with \
              the server certificate: both need server auth and client auth",
        fix: "issue the certificate again with both usages",
        check: Check::Etcd(extended_key_usage),
    },
    Rule {
        id: "M074",
        name: "certificate-validity",
        severity: Severity::Error,
        why: "every TLS handshake with a certificate that is not valid now fails",
        fix: "etcdha certs renew; and check the host's clock",
        check: Check::Program(validity),
    },
    Rule {
        id: "M075",
        name: "certificate-expires",
        severity: Severity::Warning,
        why: "when it expires every TLS handshake fails at once",
        fix: "etcdha certs renew",
        check: Check::Program(expires),
    },
    Rule {
        id: "M076",
        name: "certificate-issuer",
        severity: Severity::Error,
        why: "the other side trusts that CA only and refuses the certificate",
        fix: "issue the certificate from that CA, or add its CA to the trusted file",
        check: Check::Etcd(issuer),
    },
    Rule {
        id: "M077",
        name: "key-mismatch",
        severity: Severity::Error,
        why: "etcd and kube-apiserver exit when the key is not the certificate's",
        fix: "install certificate and key from one issuing",
        check: Check::Program(key_mismatch),
    },
    Rule {
        id: "M078",
        name: "key-readable",
        severity: Severity::Warning,
        why: "who reads the key can act as this member",
        fix: "chmod 600",
        check: Check::Program(key_readable),
    },
    Rule {
        id: "M079",
        name: "not-a-certificate",
        severity: Severity::Error,
        why: "etcd and kube-apiserver exit when the file holds no certificate, and nothing verifies \
              against a trusted file whose certificates are no CAs",
        fix: "put the right file there",
        check: Check::Program(not_a_certificate),
    },
];

/// A certificate, its key and the CA it is checked against, as flags of a program.
pub(in crate::manifest::lint) struct Chain {
    pub(in crate::manifest::lint) program: Program,
    pub(in crate::manifest::lint) cert: &'static str,
    pub(in crate::manifest::lint) key: &'static str,
    pub(in crate::manifest::lint) ca: &'static str,
}

/// Every chain the programs have.
pub(in crate::manifest::lint) const CHAINS: [Chain; 4] = [
    SERVER,
    PEER,
    Chain {
        program: Program::Etcd,
        cert: "client-cert-file",
        key: "client-key-file",
        ca: "trusted-ca-file",
    },
    Chain {
        program: Program::Apiserver,
        cert: "etcd-certfile",
        key: "etcd-keyfile",
        ca: "etcd-cafile",
    },
];

const SERVER: Chain = Chain {
    program: Program::Etcd,
    cert: "cert-file",
    key: "key-file",
    ca: "trusted-ca-file",
};
const PEER: Chain = Chain {
    program: Program::Etcd,
    cert: "peer-cert-file",
    key: "peer-key-file",
    ca: "peer-trusted-ca-file",
};

/// Warn this long before a certificate expires.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

fn chains(workload: &Workload<'_>) -> impl Iterator<Item = &'static Chain> {
    let program = workload.program;
    CHAINS.iter().filter(move |chain| chain.program == program)
}

/// The certificate a flag names; notes when the flag is there but its file is not known.
fn certificate<'a>(
    workload: &Workload<'a>,
    flag: &str,
    sink: &mut Sink,
) -> Option<&'a CertificateFact> {
    let found = workload.certificate(flag);
    if found.is_none() && workload.flags.get(flag).is_some() {
        sink.unknown();
    }
    found
}

fn named<'a>(workload: &Workload<'a>, flag: &str, sink: &mut Sink) -> Option<&'a CertificateFact> {
    certificate(workload, flag, sink).filter(|fact| !fact.is_nameless())
}

fn san_lacks_advertised(workload: &Workload<'_>, sink: &mut Sink) {
    let sides = [
        ("cert-file", "advertise-client-urls"),
        ("peer-cert-file", "initial-advertise-peer-urls"),
    ];
    for (cert, advertise) in sides {
        let Some(fact) = named(workload, cert, sink) else {
            continue;
        };
        for url in workload.good_urls(advertise) {
            if !fact.covers(&url.host) {
                let message = format!(
                    "the certificate names {}, not {} that --{advertise} advertises",
                    fact.names(),
                    url.host
                );
                let fix = format!("issue it again with {}: etcdha certs renew", url.host);
                sink.report(workload.at(cert), message, fix);
            }
        }
    }
}

fn san_lacks_listened(workload: &Workload<'_>, sink: &mut Sink) {
    let Some(fact) = named(workload, "cert-file", sink) else {
        return;
    };
    let advertised = workload.good_urls("advertise-client-urls");
    for url in workload.good_urls("listen-client-urls") {
        // The rule above speaks of advertised ones.
        let is_advertised = advertised.iter().any(|other| other.host == url.host);
        if !is_unspecified(&url.host) && !is_advertised && !fact.covers(&url.host) {
            let message = format!(
                "the certificate names {}, not {} that etcd listens on",
                fact.names(),
                url.host
            );
            let fix = format!("issue it again with {}: etcdha certs renew", url.host);
            sink.report(workload.at("cert-file"), message, fix);
        }
    }
}

fn san_empty(workload: &Workload<'_>, sink: &mut Sink) {
    for flag in [SERVER.cert, PEER.cert] {
        if let Some(fact) = certificate(workload, flag, sink)
            && (fact.is_nameless() || fact.dns_names.iter().any(String::is_empty))
        {
            let message = match fact.is_nameless() {
                true => format!("--{flag}: the certificate has no subject alternative name"),
                false => format!("--{flag}: the certificate has an empty subject alternative name"),
            };
            sink.report(
                workload.at(flag),
                message,
                "issue it again with the host's names",
            );
        }
    }
}

fn extended_key_usage(workload: &Workload<'_>, sink: &mut Sink) {
    // The gateway takes another pair when there is one, and is not there when switched off.
    let gateway_off = workload.flags.get("enable-grpc-gateway").is_some()
        && workload.flags.is_true("enable-grpc-gateway") == Some(false);
    let gateway = workload.flags.get("client-cert-file").is_none() && !gateway_off;
    for (flag, needs_client) in [(SERVER.cert, gateway), (PEER.cert, true)] {
        let Some(fact) = certificate(workload, flag, sink) else {
            continue;
        };
        let missing = match (fact.server_auth, fact.client_auth || !needs_client) {
            (false, false) => "server auth and client auth",
            (false, true) => "server auth",
            (true, false) => "client auth",
            (true, true) => continue,
        };
        let message = format!("--{flag}: the certificate's extended key usage lacks {missing}");
        sink.report(
            workload.at(flag),
            message,
            "issue it again with server auth and client auth",
        );
    }
    if certificate(workload, "client-cert-file", sink).is_some_and(|fact| !fact.client_auth) {
        let message = "--client-cert-file: the certificate's extended key usage lacks client auth";
        let at = workload.at("client-cert-file");
        sink.report(at, message.into(), "issue it again with client auth");
    }
}

/// Every certificate flag of the workload, CAs included, each once.
fn certificate_flags(workload: &Workload<'_>) -> Vec<&'static str> {
    let mut flags: Vec<&'static str> = chains(workload)
        .flat_map(|chain| [chain.cert, chain.ca])
        .collect();
    flags.sort_unstable();
    flags.dedup();
    flags.retain(|flag| workload.flags.get(flag).is_some());
    flags
}

fn dated<'a>(
    workload: &Workload<'a>,
    sink: &mut Sink,
) -> Vec<(&'static str, &'a CertificateFact, Timestamp)> {
    let Some(now) = workload.file.evidence.now else {
        sink.unknown();
        return Vec::new();
    };
    let flags = certificate_flags(workload).into_iter();
    flags
        .filter_map(|flag| Some((flag, certificate(workload, flag, sink)?, now)))
        .collect()
}

fn validity(workload: &Workload<'_>, sink: &mut Sink) {
    for (flag, fact, now) in dated(workload, sink) {
        let message = if now > fact.not_after {
            format!(
                "--{flag}: the certificate expired on {}",
                day(fact.not_after)
            )
        } else if now < fact.not_before {
            format!(
                "--{flag}: the certificate is valid only from {}",
                fact.not_before
            )
        } else {
            continue;
        };
        sink.report(
            workload.at(flag),
            message,
            "etcdha certs renew; check the host's clock",
        );
    }
}

fn expires(workload: &Workload<'_>, sink: &mut Sink) {
    for (flag, fact, now) in dated(workload, sink) {
        let left = fact.not_after.duration_since(now);
        if left >= SignedDuration::ZERO && left < SOON {
            let days = left.as_hours() / 24;
            let message = format!(
                "--{flag}: the certificate expires on {}, in {days} days",
                day(fact.not_after)
            );
            sink.report(workload.at(flag), message, "etcdha certs renew");
        }
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn issuer(workload: &Workload<'_>, sink: &mut Sink) {
    for chain in chains(workload) {
        let pair = workload
            .host_path(chain.cert)
            .zip(workload.host_path(chain.ca));
        let Some(pair) = pair else {
            continue;
        };
        match workload.file.evidence.signatures.get(&pair) {
            Some(false) => {
                let message = format!(
                    "--{}: no certificate in --{} ({}) signed it",
                    chain.cert, chain.ca, pair.1
                );
                let fix = format!("issue it from the CA in {}", pair.1);
                sink.report(workload.at(chain.cert), message, fix);
            }
            Some(true) => {}
            None => sink.unknown(),
        }
    }
}

fn key_mismatch(workload: &Workload<'_>, sink: &mut Sink) {
    for chain in chains(workload) {
        let pair = workload
            .host_path(chain.cert)
            .zip(workload.host_path(chain.key));
        let Some(pair) = pair else {
            continue;
        };
        match workload.file.evidence.key_pairs.get(&pair) {
            Some(false) => {
                let message = format!("--{}: {} is not the key of {}", chain.key, pair.1, pair.0);
                sink.report(
                    workload.at(chain.key),
                    message,
                    "install both from one issuing",
                );
            }
            Some(true) => {}
            None => sink.unknown(),
        }
    }
}

fn key_readable(workload: &Workload<'_>, sink: &mut Sink) {
    for chain in chains(workload) {
        let Some(path) = workload.host_path(chain.key) else {
            continue;
        };
        match workload.file.evidence.paths.get(&path) {
            Some(PathFact::File { mode }) if mode & 0o077 != 0 => {
                let message = format!("--{}: {path} has mode {mode:04o}", chain.key);
                sink.report(workload.at(chain.key), message, format!("chmod 600 {path}"));
            }
            Some(_) => {}
            None => sink.unknown(),
        }
    }
}

fn not_a_certificate(workload: &Workload<'_>, sink: &mut Sink) {
    let authorities: Vec<&str> = chains(workload).map(|chain| chain.ca).collect();
    for flag in certificate_flags(workload) {
        let Some(path) = workload.host_path(flag) else {
            continue;
        };
        let message = match workload.file.evidence.certificates.get(&path) {
            Some(Err(why)) => format!("--{flag}: {path}: {why}"),
            Some(Ok(fact)) if authorities.contains(&flag) && !fact.is_ca => {
                format!("--{flag}: {path} holds a certificate that is no CA")
            }
            Some(Ok(_)) => continue,
            None => {
                sink.unknown();
                continue;
            }
        };
        sink.report(
            workload.at(flag),
            message,
            format!("put the right file at {path}"),
        );
    }
}
