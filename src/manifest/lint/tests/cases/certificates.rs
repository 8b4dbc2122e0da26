//! Bad manifests for M070–M079.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let pair = |a: &str, b: &str| {
        let path = |name: &str| format!("/etc/kubernetes/pki/etcd/{name}");
        (path(a), path(b))
    };
    let drop_ip = |fact: &mut CertificateFact, ip: &str| {
        let ip: std::net::IpAddr = ip.parse().unwrap();
        fact.ip_addresses.retain(|known| *known != ip);
    };
    vec![
        certificate("M070", "server.crt", |fact| drop_ip(fact, "10.0.0.13")),
        certificate("M070", "peer.crt", |fact| drop_ip(fact, "10.0.0.13")),
        certificate("M071", "server.crt", |fact| drop_ip(fact, "127.0.0.1")),
        certificate("M072", "server.crt", |fact| {
            fact.ip_addresses.clear();
            fact.dns_names.clear();
        }),
        certificate("M072", "peer.crt", |fact| {
            fact.dns_names.push(String::new());
        }),
        certificate("M073", "server.crt", |fact| fact.client_auth = false),
        certificate("M073", "peer.crt", |fact| fact.server_auth = false),
        certificate("M074", "peer.crt", |fact| {
            fact.not_after = "2026-11-20T00:00:00Z".parse().unwrap();
        }),
        certificate("M074", "peer.crt", |fact| {
            fact.not_before = "2027-01-01T00:00:00Z".parse().unwrap();
        }),
        certificate("M075", "ca.crt", |fact| {
            fact.not_after = "2026-12-01T00:00:00Z".parse().unwrap();
        }),
        host("M076", |evidence| {
            evidence
                .signatures
                .insert(pair("peer.crt", "ca.crt"), false);
        }),
        host("M077", |evidence| {
            evidence
                .key_pairs
                .insert(pair("server.crt", "server.key"), false);
        }),
        host("M078", |evidence| {
            evidence
                .paths
                .insert(pair("server.key", "").0, PathFact::File { mode: 0o644 });
        }),
        host("M079", |evidence| {
            evidence
                .certificates
                .insert(pair("server.crt", "").0, Err("no PEM block".into()));
        }),
        certificate("M079", "ca.crt", |fact| fact.is_ca = false),
    ]
}
