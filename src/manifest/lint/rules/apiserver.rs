//! M080–M089: does kube-apiserver reach the etcd that is meant, and only that one?

use crate::manifest::apiserver::{etcd_of, parse_override};
use crate::manifest::flags::Program;
use crate::manifest::lint::evidence::DataDirFact;
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::{Together, Workload, is_loopback, serves};
use crate::model::{EtcdUrl, Host, Scheme};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M080",
        name: "etcd-servers-missing",
        severity: Severity::Error,
        why: "kube-apiserver exits without --etcd-servers",
        fix: "--etcd-servers=https://127.0.0.1:2379, or every member's client URL",
        check: Check::Apiserver(servers_missing),
    },
    Rule {
        id: "M081",
        name: "etcd-servers-http",
        severity: Severity::Error,
        why: "Secrets cross the wire in clear text, to an etcd that takes writes from anyone",
        fix: "https in --etcd-servers, and an etcd that demands certificates",
        check: Check::Apiserver(servers_http),
    },
    Rule {
        id: "M082",
        name: "etcd-servers-malformed",
        severity: Severity::Error,
        why: "kube-apiserver does not connect to what is no URL, and exits on a malformed override",
        fix: "https://ADDRESS:2379,… and GROUP/RESOURCE#https://ADDRESS:2379;…",
        check: Check::Apiserver(servers_malformed),
    },
    Rule {
        id: "M083",
        name: "etcd-cafile-missing",
        severity: Severity::Error,
        why: "without --etcd-cafile etcd's certificate is checked against the image's public CAs, and \
              no connection succeeds",
        fix: "--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt",
        check: Check::Apiserver(cafile_missing),
    },
    Rule {
        id: "M084",
        name: "etcd-client-pair-missing",
        severity: Severity::Error,
        why: "etcd demands a client certificate, and kube-apiserver has none to show",
        fix: "--etcd-certfile and --etcd-keyfile of apiserver-etcd-client",
        check: Check::Apiserver(client_pair_missing),
    },
    Rule {
        id: "M085",
        name: "etcd-client-usage",
        severity: Severity::Error,
        why: "etcd refuses a client certificate whose extended key usage lacks client auth",
        fix: "issue apiserver-etcd-client again with client auth",
        check: Check::Apiserver(client_usage),
    },
    Rule {
        id: "M086",
        name: "etcd-client-issuer",
        severity: Severity::Error,
        why: "etcd trusts certificates of its own CA only, and kube-apiserver etcd's certificate only \
              when --etcd-cafile holds its CA; a wrong CA takes the apiserver down for 20 s and more",
        fix: "issue apiserver-etcd-client from etcd's CA, and name that CA in --etcd-cafile",
        check: Check::Together(client_issuer),
    },
    Rule {
        id: "M087",
        name: "etcd-servers-unknown",
        severity: Severity::Error,
        why: "none of the members given serves clients there",
        fix: "use the members' advertised client URLs",
        check: Check::Together(servers_unknown),
    },
    Rule {
        id: "M088",
        name: "local-member-only",
        severity: Severity::Info,
        why: "stacked as kubeadm does it: this apiserver is down whenever its own member is, though \
              the cluster is not",
        fix: "list every member, the local one first: etcdha apiserver repoint",
        check: Check::Together(local_member_only),
    },
    Rule {
        id: "M089",
        name: "etcd-servers-mixed",
        severity: Severity::Error,
        why: "the servers belong to different clusters: reads and writes go to either, which is \
              silent corruption",
        fix: "list members of one cluster",
        check: Check::Together(servers_mixed),
    },
];

/// The flags of kube-apiserver that name its files for etcd.
pub(in crate::manifest::lint) const ETCD_FILES: [&str; 3] =
    ["etcd-cafile", "etcd-certfile", "etcd-keyfile"];

const SERVERS: &str = "etcd-servers";

/// Every server, overrides included.
fn servers(workload: &Workload<'_>) -> Vec<String> {
    let etcd = etcd_of(&workload.file.pod).unwrap_or_default();
    let overrides = etcd.overrides.into_iter().flat_map(|part| part.servers);
    etcd.servers.into_iter().chain(overrides).collect()
}

/// The servers of `--etcd-servers` that can be read.
fn good_servers(workload: &Workload<'_>) -> Vec<EtcdUrl> {
    let etcd = etcd_of(&workload.file.pod).unwrap_or_default();
    etcd.servers
        .iter()
        .filter_map(|server| server.parse().ok())
        .collect()
}

fn uses_https(workload: &Workload<'_>) -> bool {
    servers(workload)
        .iter()
        .any(|server| server.starts_with("https://"))
}

fn servers_missing(workload: &Workload<'_>, sink: &mut Sink) {
    let empty = etcd_of(&workload.file.pod)
        .unwrap_or_default()
        .servers
        .is_empty();
    if empty && !workload.is_unresolved(SERVERS) {
        let message = "--etcd-servers names no server";
        let fix = "add --etcd-servers=https://127.0.0.1:2379";
        sink.report(workload.at(SERVERS), message.into(), fix);
    }
}

fn servers_http(workload: &Workload<'_>, sink: &mut Sink) {
    for server in servers(workload)
        .iter()
        .filter(|server| server.starts_with("http://"))
    {
        let message = format!("{server}: clear text, from an etcd that takes writes from anyone");
        sink.report(workload.at(SERVERS), message, "use https");
    }
}

fn servers_malformed(workload: &Workload<'_>, sink: &mut Sink) {
    for server in servers(workload)
        .iter()
        .filter(|server| !server.contains(['"', '\'']))
    {
        if let Err(error) = server.parse::<EtcdUrl>() {
            let message = format!("--etcd-servers: {server:?}: {}", error.reason);
            sink.report(workload.at(SERVERS), message, "write https://ADDRESS:2379");
        }
    }
    let flag = "etcd-servers-overrides";
    for part in workload.flags.list(flag) {
        if parse_override(part).is_none() {
            let message = format!("--{flag}: {part:?} is not GROUP/RESOURCE#SERVERS");
            let fix = "write for example /events#https://127.0.0.1:2379";
            sink.report(workload.at(flag), message, fix);
        }
    }
}

fn cafile_missing(workload: &Workload<'_>, sink: &mut Sink) {
    if uses_https(workload) && workload.flags.get("etcd-cafile").is_none() {
        let message = "without --etcd-cafile etcd's certificate is checked against public CAs";
        let fix = "add --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt";
        sink.report(workload.at(SERVERS), message.into(), fix);
    }
}

fn client_pair_missing(workload: &Workload<'_>, sink: &mut Sink) {
    for flag in ["etcd-certfile", "etcd-keyfile"] {
        if uses_https(workload) && workload.flags.get(flag).is_none() {
            let message =
                format!("without --{flag} kube-apiserver shows etcd no client certificate");
            sink.report(workload.at(SERVERS), message, format!("add --{flag}"));
        }
    }
}

fn client_usage(workload: &Workload<'_>, sink: &mut Sink) {
    let flag = "etcd-certfile";
    match workload.certificate(flag) {
        Some(fact) if !fact.client_auth => {
            let message =
                format!("--{flag}: the certificate's extended key usage lacks client auth");
            sink.report(
                workload.at(flag),
                message,
                "issue it again with client auth",
            );
        }
        Some(_) => {}
        None if workload.flags.get(flag).is_some() => sink.unknown(),
        None => {}
    }
}

/// The etcd member whose manifest lies beside the apiserver's.
fn local_member<'t, 'a>(
    together: &'t Together<'a>,
    apiserver: &Workload<'a>,
) -> Option<&'t Workload<'a>> {
    together.workloads.iter().find(|workload| {
        workload.program == Program::Etcd
            && !workload.is_hidden()
            && workload.file.directory == apiserver.file.directory
            && workload.file.is_in_manifest_directory()
    })
}

fn client_issuer(together: &Together<'_>, sink: &mut Sink) {
    for apiserver in together.apiservers() {
        let signatures = &apiserver.file.evidence.signatures;
        let cert = apiserver.host_path("etcd-certfile");
        let ca = apiserver.host_path("etcd-cafile");
        let local = local_member(together, apiserver);
        let trusted = local
            .and_then(|etcd| etcd.host_path("trusted-ca-file"))
            .or(ca.clone());
        let server = local.and_then(|etcd| etcd.host_path("cert-file"));
        if let Some(pair) = cert.zip(trusted) {
            match signatures.get(&pair) {
                Some(false) => {
                    let message = format!(
                        "no certificate in {} signed {}: etcd refuses it",
                        pair.1, pair.0
                    );
                    let at = apiserver.at("etcd-certfile");
                    let fix = format!("issue it from the CA in {}", pair.1);
                    sink.report_in(apiserver.index, at, message, fix);
                }
                Some(true) => {}
                None => sink.unknown_in(apiserver.index),
            }
        }
        if let Some(pair) = server.zip(ca)
            && signatures.get(&pair) == Some(&false)
        {
            let message = format!("no certificate in {} signed etcd's {}", pair.1, pair.0);
            let fix = "name etcd's CA in --etcd-cafile";
            sink.report_in(apiserver.index, apiserver.at("etcd-cafile"), message, fix);
        }
    }
}

/// The members among those given that serve `server`.
fn serving<'t, 'a>(
    together: &'t Together<'a>,
    apiserver: &Workload<'a>,
    server: &EtcdUrl,
) -> Vec<&'t Workload<'a>> {
    let members = together
        .workloads
        .iter()
        .filter(|w| w.program == Program::Etcd && !w.is_hidden());
    members
        .filter(|member| {
            let is_local = member.file.directory == apiserver.file.directory;
            let advertised = member.good_urls("advertise-client-urls");
            let listened = member.good_urls("listen-client-urls");
            let by_loopback = is_loopback(&server.host)
                && is_local
                && listened
                    .iter()
                    .any(|url| serves(url, &server.host, server.port));
            let direct = advertised.iter().chain(&listened);
            let direct = direct.filter(|url| !is_loopback(&url.host));
            by_loopback
                || direct
                    .into_iter()
                    .any(|url| url.host == server.host && url.port == server.port)
        })
        .collect()
}

/// Hosts of members that are listed somewhere but whose manifests were not given.
fn listed_elsewhere(together: &Together<'_>) -> Vec<Host> {
    let members = together.members();
    let given: Vec<&str> = members
        .iter()
        .filter_map(|member| member.member_name())
        .collect();
    let entries = members.iter().flat_map(|member| member.initial_cluster());
    let absent = entries.filter(|(name, _)| !given.contains(name));
    absent
        .filter_map(|(_, url)| url.parse::<EtcdUrl>().ok())
        .map(|url| url.host)
        .collect()
}

fn servers_unknown(together: &Together<'_>, sink: &mut Sink) {
    let members = together.members();
    if members.is_empty() {
        return;
    }
    let elsewhere = listed_elsewhere(together);
    for apiserver in together.apiservers() {
        for server in good_servers(apiserver) {
            let judged = if is_loopback(&server.host) {
                local_member(together, apiserver).is_some()
            } else {
                !elsewhere.contains(&server.host)
            };
            if judged && serving(together, apiserver, &server).is_empty() {
                let urls = members
                    .iter()
                    .flat_map(|m| m.good_urls("advertise-client-urls"));
                let known: Vec<String> = urls.map(|url| url.to_string()).collect();
                let message = format!(
                    "{server} is no client URL of a member; known: {}",
                    known.join(", ")
                );
                let at = apiserver.at(SERVERS);
                sink.report_in(apiserver.index, at, message, "use the members' client URLs");
            }
        }
    }
}

fn local_member_only(together: &Together<'_>, sink: &mut Sink) {
    let members = together.members();
    let size = members
        .iter()
        .map(|member| member.initial_names().len())
        .max()
        .unwrap_or(0);
    for apiserver in together.apiservers() {
        let servers = good_servers(apiserver);
        if let ([server], true) = (servers.as_slice(), size > 1)
            && is_loopback(&server.host)
            && server.scheme == Scheme::Https
        {
            let message = format!("only the local member is used, of {size}");
            let fix = "list every member, the local one first: etcdha apiserver repoint";
            sink.report_in(apiserver.index, apiserver.at(SERVERS), message, fix);
        }
    }
}

fn servers_mixed(together: &Together<'_>, sink: &mut Sink) {
    for apiserver in together.apiservers() {
        let servers = good_servers(apiserver);
        let behind: Vec<(&EtcdUrl, &Workload<'_>)> = servers
            .iter()
            .filter_map(|server| {
                Some((
                    server,
                    serving(together, apiserver, server).into_iter().next()?,
                ))
            })
            .collect();
        let Some(((first, one), rest)) = behind.split_first() else {
            continue;
        };
        if let Some((second, _)) = rest.iter().find(|(_, other)| are_apart(one, other)) {
            let message = format!("{first} and {second} are members of different clusters");
            let at = apiserver.at(SERVERS);
            sink.report_in(apiserver.index, at, message, "list members of one cluster");
        }
    }
}

/// True for members that can't be of one cluster.
fn are_apart(a: &Workload<'_>, b: &Workload<'_>) -> bool {
    if let (Some(DataDirFact::Member(Some(a))), Some(DataDirFact::Member(Some(b)))) =
        (a.data_dir(), b.data_dir())
    {
        return a.cluster != b.cluster;
    }
    let (listed_a, listed_b) = (a.initial_names(), b.initial_names());
    let knows = |names: &[&str], other: &Workload<'_>| {
        other
            .member_name()
            .is_some_and(|name| names.contains(&name))
    };
    let listed = !listed_a.is_empty() && !listed_b.is_empty();
    listed && a.member_name() != b.member_name() && !knows(&listed_a, b) && !knows(&listed_b, a)
}
