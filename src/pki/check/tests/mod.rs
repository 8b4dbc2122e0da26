//! One line per defect: what is done to a sound tree, and which findings that must yield.

mod tree;

use rcgen::{
    BasicConstraints, CidrSubnet, CustomExtension, ExtendedKeyUsagePurpose as Eku, GeneralSubtree,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose as Ku, NameConstraints, SanType, SerialNumber,
    date_time_ymd,
};

use self::tree::{
    CA, CLIENT, CLIENT_KEY, Ca, PEER, PEER_KEY, SERVER, SERVER_KEY, Tree, leaf, named, request,
    sans,
};
use super::*;
use crate::pki::inspect::{CertificateFacts, certificates};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/data/pki/", $name))
    };
}

fn run(nodes: Vec<NodeTree>, trusted: Vec<CertificateFacts>) -> Vec<Finding> {
    check(&CheckRequest {
        nodes,
        trusted,
        now: "2026-06-01T00:00:00Z".parse().unwrap(),
        warn_days: 30,
    })
}

fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        format!(
            "{} {severity} {}",
            finding.rule.id(),
            finding.path.display()
        )
    };
    findings.iter().map(line).collect()
}

/// A defect and the findings it must yield, all of them and no others.
type Case = (&'static str, fn(&mut Tree), &'static [&'static str]);

fn run_cases(cases: &[Case]) {
    for (name, damage, expected) in cases {
        let mut tree = Tree::sound();
        damage(&mut tree);
        let findings = run(vec![tree.node], tree.trusted);
        assert_eq!(lines(&findings), *expected, "{name}: {findings:#?}");
        for finding in &findings {
            let lower = finding
                .message
                .chars()
                .next()
                .is_some_and(|c| !c.is_uppercase() || finding.message.starts_with("CN"));
            assert!(
                lower && !finding.message.ends_with('.'),
                "{}",
                finding.message
            );
            assert!(!finding.fix.is_empty());
        }
    }
}

#[test]
fn a_sound_tree_has_no_findings() {
    run_cases(&[("sound", |_| {}, &[])]);
}

#[test]
#[rustfmt::skip]
fn defects_of_files() {
    run_cases(&[
        ("no CA", |t| t.remove(CA), &["P001 error etcd/ca.crt"]),
        ("no pair", |t| { t.remove(SERVER); t.remove(SERVER_KEY); }, &["P001 error etcd/server.crt"]),
        ("unreadable", |t| t.file(PEER).contents = Err("permission denied".into()), &["P002 error etcd/peer.crt"]),
        ("an unreadable directory", |t| { t.put("private", 0, ""); t.file("private").contents = Err("permission denied".into()); }, &["P002 error private"]),
        ("empty", |t| t.put(SERVER, 0o644, " \n"), &["P003 error etcd/server.crt"]),
        ("CA as DER", |t| { let der = t.der(CA); t.put_bytes(CA, 0o644, &der); }, &["P004 error etcd/ca.crt"]),
        ("certificate as DER", |t| { let der = t.der(PEER); t.put_bytes(PEER, 0o644, &der); }, &["P004 error etcd/peer.crt"]),
        ("key as DER", |t| { let der = t.der(PEER_KEY); t.put_bytes(PEER_KEY, 0o600, &der); }, &["P004 error etcd/peer.key"]),
        ("cut off", |t| t.edit(SERVER, |text| text.replace("-----END CERTIFICATE-----", "")), &["P005 error etcd/server.crt"]),
        ("garbage in base64", |t| t.edit(SERVER, |text| text.replacen("MII", "M?I", 1)), &["P005 error etcd/server.crt"]),
        ("garbage only", |t| t.put(SERVER, 0o644, "hello"), &["P005 error etcd/server.crt"]),
        ("byte order mark", |t| t.edit(CA, |text| format!("\u{feff}{text}")), &["P005 error etcd/ca.crt"]),
        ("torn BEGIN line", |t| t.edit(CA, |text| format!("{text}----BEGIN CERTIFICATE-----\n")), &["P005 error etcd/ca.crt"]),
        ("text around", |t| t.edit(SERVER, |text| format!("subject=m1\n{text}")), &["P006 warning etcd/server.crt"]),
        ("swapped", |t| { let (cert, key) = (t.text(PEER), t.text(PEER_KEY)); t.put(PEER, 0o600, &key); t.put(PEER_KEY, 0o600, &cert); }, &["P007 error etcd/peer.crt", "P007 error etcd/peer.key"]),
        ("certificate as key", |t| { let cert = t.text(PEER); t.put(PEER_KEY, 0o600, &cert); }, &["P007 error etcd/peer.key"]),
        ("request as certificate", |t| { t.put(PEER, 0o644, &request(vec![]).0); }, &["P007 error etcd/peer.crt"]),
        ("label of a leaf", |t| t.edit(PEER, |text| text.replace("CERTIFICATE", "X509 CERTIFICATE")), &["P007 error etcd/peer.crt"]),
        ("label that lies", |t| t.edit(PEER, |text| text.replace("CERTIFICATE", "X509 CRL")), &["P007 error etcd/peer.crt"]),
        ("request in the bundle", |t| { t.edit(CA, |text| text + &request(vec![]).0); }, &["P007 error etcd/ca.crt"]),
        ("no key", |t| t.remove(SERVER_KEY), &["P008 error etcd/server.crt"]),
        ("no certificate", |t| t.remove(SERVER), &["P009 error etcd/server.key"]),
        ("a stranger's certificate without key", |t| { let (pem, _) = t.ca.issue(&leaf(PairUse::Client)); t.put("admin.crt", 0o644, &pem); }, &["P008 warning admin.crt"]),
        ("a key of nothing", |t| t.put("old.key", 0o600, &KeyPair::generate().unwrap().serialize_pem()), &["P009 warning old.key"]),
        ("a service account pair", |t| { let key = KeyPair::generate().unwrap(); t.put("sa.key", 0o600, &key.serialize_pem()); t.put("sa.pub", 0o644, &key.public_key_pem()); }, &[]),
        ("a request under way", |t| { let (csr, key) = request(vec![]); t.put("x.key", 0o600, &key); t.put("x.csr", 0o600, &csr); }, &[]),
        ("files of other kinds", |t| { t.put("ca-config.json", 0o644, "{}"); t.put("README", 0o666, "text"); }, &[]),
    ]);
}

#[test]
#[rustfmt::skip]
fn defects_of_keys() {
    run_cases(&[
        ("another key", |t| t.put(SERVER_KEY, 0o600, &KeyPair::generate().unwrap().serialize_pem()), &["P010 error etcd/server.key"]),
        ("another key outside", |t| { let (pem, _) = t.ca.issue(&leaf(PairUse::Client)); t.put_pair("admin.crt", &pem, &KeyPair::generate().unwrap().serialize_pem()); }, &["P010 error admin.key"]),
        ("key for all", |t| t.mode(SERVER_KEY, 0o644), &["P011 error etcd/server.key"]),
        ("key for the group", |t| t.mode(SERVER_KEY, 0o640), &["P011 warning etcd/server.key"]),
        ("key the group may write", |t| t.mode(SERVER_KEY, 0o660), &["P011 error etcd/server.key"]),
        ("key read-only", |t| t.mode(SERVER_KEY, 0o400), &[]),
        ("a stray key for all", |t| { let text = t.text(PEER_KEY); t.put("backup.old", 0o644, &text); }, &["P011 error backup.old"]),
        ("encrypted", |t| t.put(PEER_KEY, 0o600, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"), &["P012 error etcd/peer.key"]),
        ("OpenSSH key", |t| t.put(PEER_KEY, 0o600, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), &["P082 error etcd/peer.key"]),
        ("broken key", |t| t.put(PEER_KEY, 0o600, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &["P005 error etcd/peer.key"]),
        ("key in the certificate's file", |t| { let key = t.text(PEER_KEY); t.edit(PEER, |text| text + &key); t.mode(PEER, 0o600); }, &["P013 warning etcd/peer.crt"]),
        ("key in the bundle", |t| { let key = t.ca.key.serialize_pem(); t.edit(CA, |text| text + &key); t.mode(CA, 0o600); t.node.keeps_ca_key = true; }, &["P013 error etcd/ca.crt"]),
        ("two keys", |t| { let more = KeyPair::generate().unwrap().serialize_pem(); t.edit(PEER_KEY, |text| text + &more); }, &["P014 warning etcd/peer.key"]),
        ("owner", |t| { t.node.key_owner = Some(0); t.file(PEER_KEY).uid = 1000; }, &["P015 warning etcd/peer.key"]),
        ("certificate for all to write", |t| t.mode(CA, 0o666), &["P016 error etcd/ca.crt"]),
        ("certificate for the group to write", |t| t.mode(PEER, 0o664), &["P016 warning etcd/peer.crt"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn defects_of_bundles_and_authorities() {
    run_cases(&[
        ("a stranger behind the leaf", |t| { let (pem, _) = t.ca.issue(&leaf(PairUse::Peer)); t.edit(PEER, |text| text + &pem); }, &["P020 warning etcd/peer.crt"]),
        ("two CAs", |t| { let other = Ca::new(|p| p.distinguished_name = named("new-ca").distinguished_name); t.edit(CA, |text| text + &other.pem()); }, &["P021 warning etcd/ca.crt"]),
        ("two CAs, the wrong one first", |t| { let other = Ca::new(|_| {}); t.edit(CA, |text| other.pem() + &text); }, &["P021 warning etcd/ca.crt"]),
        ("an intermediate in between", |t| { let (below, pem) = t.ca.below("lower"); let (leaf, key) = below.issue(&leaf(PairUse::Peer)); t.put_pair(PEER, &(leaf + &pem), &key); }, &[]),
        ("no CA", |t| *t = Tree::signed_by(Ca::new(|p| p.is_ca = IsCa::ExplicitNoCa)), &["P030 error etcd/ca.crt"]),
        ("no basic constraints", |t| *t = Tree::signed_by(Ca::new(|p| p.is_ca = IsCa::NoCa)), &["P030 error etcd/ca.crt"]),
        ("no cert sign", |t| *t = Tree::signed_by(Ca::new(|p| p.key_usages = vec![Ku::CrlSign])), &["P031 error etcd/ca.crt"]),
        ("no key usage at all", |t| *t = Tree::signed_by(Ca::new(|p| p.key_usages = vec![])), &[]),
        ("path length 0 and a leaf", |t| *t = Tree::signed_by(Ca::new(|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)))), &[]),
        ("path length 0 and an intermediate", |t| { *t = Tree::signed_by(Ca::new(|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)))); let (below, pem) = t.ca.below("lower"); let (leaf, key) = below.issue(&leaf(PairUse::Peer)); t.put_pair(PEER, &(leaf + &pem), &key); }, &["P032 error etcd/peer.crt"]),
        ("leaf is a CA", |t| t.server(|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), &["P033 error etcd/server.crt"]),
        ("CA for servers only", |t| *t = Tree::signed_by(Ca::new(|p| p.extended_key_usages = vec![Eku::ServerAuth])), &["P034 error etcd/ca.crt"]),
        ("a name that is barred", |t| *t = Tree::signed_by(Ca::new(|p| p.name_constraints = Some(NameConstraints { permitted_subtrees: vec![GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8))], excluded_subtrees: vec![] }))), &["P035 error etcd/peer.crt", "P035 error etcd/server.crt"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn defects_of_trust() {
    run_cases(&[
        ("another CA", |t| { let other = Ca::new(|p| p.distinguished_name = named("other").distinguished_name); let (pem, key) = other.issue(&leaf(PairUse::Client)); t.put_pair(CLIENT, &pem, &key); }, &["P040 error apiserver-etcd-client.crt"]),
        ("self-signed", |t| { let key = KeyPair::generate().unwrap(); let pem = leaf(PairUse::Client).self_signed(&key).unwrap().pem(); t.put_pair(CLIENT, &pem, &key.serialize_pem()); }, &["P040 error apiserver-etcd-client.crt"]),
        ("another CA of the same name", |t| { let (pem, key) = Ca::new(|_| {}).issue(&leaf(PairUse::Client)); t.put_pair(CLIENT, &pem, &key); }, &["P041 error apiserver-etcd-client.crt"]),
        ("an intermediate that is missing", |t| { let (below, _) = t.ca.below("lower"); let (pem, key) = below.issue(&leaf(PairUse::Peer)); t.put_pair(PEER, &pem, &key); }, &["P040 error etcd/peer.crt"]),
        ("another key id", |t| { let real = t.ca.params.clone(); t.ca.params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]); t.reissue(CLIENT, &leaf(PairUse::Client)); t.ca.params = real; }, &["P042 warning apiserver-etcd-client.crt"]),
        ("an unknown critical extension", |t| t.server(|p| { let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]); extension.set_criticality(true); p.custom_extensions = vec![extension]; }), &["P044 error etcd/server.crt"]),
        ("revoked", |t| { t.server(|p| p.serial_number = Some(SerialNumber::from(77_u64))); t.put("etcd/crl.pem", 0o644, &t.ca.crl(77, 2030)); }, &["P045 error etcd/server.crt"]),
        ("revoked by a stranger", |t| { let other = Ca::new(|p| p.distinguished_name = named("other").distinguished_name); t.server(|p| p.serial_number = Some(SerialNumber::from(77_u64))); t.put("etcd/crl.pem", 0o644, &other.crl(77, 2030)); }, &["P045 error etcd/server.crt"]),
        ("a CRL for others", |t| t.put("etcd/crl.pem", 0o644, &t.ca.crl(1, 2030)), &[]),
        ("a certificate of a CA that is not there", |t| { let other = Ca::new(|p| p.distinguished_name = named("other").distinguished_name); let (pem, key) = other.issue(&leaf(PairUse::Client)); t.put_pair("admin.crt", &pem, &key); }, &["P040 warning admin.crt"]),
        ("a certificate of another CA that is there", |t| { let other = Ca::new(|p| p.distinguished_name = named("kubernetes").distinguished_name); let (pem, key) = other.issue(&leaf(PairUse::Client)); t.put_pair("apiserver.crt", &pem, &key); t.put_pair("ca.crt", &other.pem(), &other.key.serialize_pem()); }, &[]),
        ("the trust given is another", |t| t.trusted = certificates(Ca::new(|_| {}).pem().as_bytes()).unwrap(), &["P041 error apiserver-etcd-client.crt", "P100 error etcd/ca.crt", "P041 error etcd/peer.crt", "P041 error etcd/server.crt"]),
        ("the trust given is its own", |t| t.trusted = certificates(t.ca.pem().as_bytes()).unwrap(), &[]),
    ]);
}

#[test]
#[rustfmt::skip]
fn defects_of_time() {
    run_cases(&[
        ("expired", |t| t.server(|p| p.not_after = date_time_ymd(2026, 5, 1)), &["P050 error etcd/server.crt"]),
        ("not yet valid", |t| t.server(|p| p.not_before = date_time_ymd(2026, 7, 1)), &["P051 error etcd/server.crt"]),
        ("expires in 29 days", |t| t.server(|p| p.not_after = date_time_ymd(2026, 6, 30)), &["P052 warning etcd/server.crt"]),
        ("expires in 30 days", |t| t.server(|p| p.not_after = date_time_ymd(2026, 7, 1)), &[]),
        ("CA expires", |t| *t = Tree::signed_by(Ca::new(|p| p.not_after = date_time_ymd(2026, 6, 10))), &["P053 warning apiserver-etcd-client.crt", "P052 warning etcd/ca.crt", "P053 warning etcd/peer.crt", "P053 warning etcd/server.crt"]),
        ("outlives its CA", |t| t.server(|p| p.not_after = date_time_ymd(2036, 1, 2)), &["P053 warning etcd/server.crt"]),
        ("an old CRL", |t| t.put("etcd/crl.pem", 0o644, &t.ca.crl(1, 2026)), &["P054 warning etcd/crl.pem"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn defects_of_names() {
    run_cases(&[
        ("no advertised address", |t| t.server(|p| p.subject_alt_names = sans(&["m1", "localhost", "127.0.0.1", "::1"])), &["P060 error etcd/server.crt"]),
        ("no advertised address in the peer's", |t| t.with(PEER, PairUse::Peer, |p| p.subject_alt_names = sans(&["m1", "localhost", "10.0.0.12", "127.0.0.1", "::1"])), &["P060 error etcd/peer.crt"]),
        ("the address as a DNS name", |t| t.server(|p| { p.subject_alt_names = sans(&["m1", "localhost", "127.0.0.1", "::1"]); p.subject_alt_names.push(SanType::DnsName("10.0.0.11".try_into().unwrap())); }), &["P060 error etcd/server.crt"]),
        ("no second address", |t| t.node.addresses.push("fd00::11".parse().unwrap()), &["P060 error etcd/peer.crt", "P060 error etcd/server.crt"]),
        ("no node name", |t| t.server(|p| p.subject_alt_names = sans(&["localhost", "10.0.0.11", "127.0.0.1", "::1"])), &["P061 warning etcd/server.crt"]),
        ("no extra name", |t| t.want("etcd.example.com"), &["P061 error etcd/peer.crt", "P061 error etcd/server.crt"]),
        ("extra names by wildcard", |t| { t.want("a.example.com"); for (path, used_as) in [(SERVER, PairUse::Server), (PEER, PairUse::Peer)] { t.with(path, used_as, |p| p.subject_alt_names.extend(sans(&["*.example.com"]))); } }, &[]),
        ("no localhost", |t| t.server(|p| p.subject_alt_names = sans(&["m1", "10.0.0.11", "127.0.0.1", "::1"])), &["P062 warning etcd/server.crt"]),
        ("no 127.0.0.1", |t| t.server(|p| p.subject_alt_names = sans(&["m1", "localhost", "10.0.0.11", "::1"])), &["P062 error etcd/server.crt"]),
        ("no ::1", |t| t.server(|p| p.subject_alt_names = sans(&["m1", "localhost", "10.0.0.11", "127.0.0.1"])), &["P062 warning etcd/server.crt"]),
        ("no 127.0.0.1 in the peer's", |t| t.with(PEER, PairUse::Peer, |p| p.subject_alt_names = sans(&["m1", "localhost", "10.0.0.11", "::1"])), &["P062 warning etcd/peer.crt"]),
        ("no ::1 on a node of IPv6", |t| { t.node.addresses = vec!["fd00::11".parse().unwrap()]; for (path, used_as) in [(SERVER, PairUse::Server), (PEER, PairUse::Peer)] { t.with(path, used_as, |p| p.subject_alt_names = sans(&["m1", "localhost", "fd00::11", "127.0.0.1"])); } }, &["P062 warning etcd/peer.crt", "P062 error etcd/server.crt"]),
        ("an empty name", |t| t.server(|p| p.subject_alt_names.extend(sans(&[""]))), &["P063 error etcd/server.crt"]),
        ("an empty name in a request", |t| { t.put("x.csr", 0o644, &request(sans(&[""])).0); }, &["P063 error x.csr"]),
        ("a name with an empty label", |t| t.server(|p| p.subject_alt_names.extend(sans(&["etcd..example.com"]))), &["P065 error etcd/server.crt"]),
        ("a name with a dot at its end", |t| t.server(|p| p.subject_alt_names.extend(sans(&["etcd.example.com."]))), &[]),
        ("no names", |t| t.server(|p| p.subject_alt_names = vec![]), &["P064 error etcd/server.crt"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn defects_of_usages() {
    run_cases(&[
        ("server without client auth", |t| t.server(|p| p.extended_key_usages = vec![Eku::ServerAuth]), &["P070 error etcd/server.crt"]),
        ("server without server auth", |t| t.server(|p| p.extended_key_usages = vec![Eku::ClientAuth]), &["P070 error etcd/server.crt"]),
        ("peer without client auth", |t| t.with(PEER, PairUse::Peer, |p| p.extended_key_usages = vec![Eku::ServerAuth]), &["P070 error etcd/peer.crt"]),
        ("client for servers", |t| t.with(CLIENT, PairUse::Client, |p| p.extended_key_usages = vec![Eku::ServerAuth]), &["P070 error apiserver-etcd-client.crt", "P071 warning apiserver-etcd-client.crt"]),
        ("client for both", |t| t.with(CLIENT, PairUse::Client, |p| p.extended_key_usages = vec![Eku::ServerAuth, Eku::ClientAuth]), &["P071 warning apiserver-etcd-client.crt"]),
        ("server for anything", |t| t.server(|p| p.extended_key_usages = vec![Eku::Any]), &[]),
        ("server that does not say", |t| t.server(|p| p.extended_key_usages = vec![]), &[]),
        ("key usage", |t| t.server(|p| p.key_usages = vec![Ku::KeyEncipherment]), &["P072 warning etcd/server.crt"]),
        ("no key usage", |t| t.server(|p| p.key_usages = vec![]), &[]),
    ]);
}

#[test]
#[rustfmt::skip]
fn duplicates() {
    run_cases(&[
        ("serial", |t| { t.server(|p| p.serial_number = Some(SerialNumber::from(5_u64))); t.with(PEER, PairUse::Peer, |p| p.serial_number = Some(SerialNumber::from(5_u64))); }, &["P090 warning etcd/peer.crt"]),
        ("key", |t| { let key = KeyPair::generate().unwrap(); for (path, used_as) in [(SERVER, PairUse::Server), (PEER, PairUse::Peer)] { let mut params = leaf(used_as); params.serial_number = Some(SerialNumber::from(path.len() as u64)); let pem = t.ca.sign(&params, &key); t.put_pair(path, &pem, &key.serialize_pem()); } }, &["P091 warning etcd/peer.crt"]),
        ("one certificate for two uses", |t| { let (cert, key) = (t.text(SERVER), t.text(SERVER_KEY)); t.put_pair(PEER, &cert, &key); }, &[]),
        ("the CA's key", |t| t.put("etcd/ca.key", 0o600, &t.ca.key.serialize_pem()), &["P101 warning etcd/ca.key"]),
        ("the CA's key under another name", |t| t.put("old-ca.key", 0o600, &t.ca.key.serialize_pem()), &["P101 warning old-ca.key"]),
        ("the CA's key where it belongs", |t| { t.put("etcd/ca.key", 0o600, &t.ca.key.serialize_pem()); t.node.keeps_ca_key = true; }, &[]),
        ("another CA's key", |t| { let (_, key) = t.ca.issue(&named("x")); t.put("etcd/ca.key", 0o600, &key); t.node.keeps_ca_key = true; }, &["P010 error etcd/ca.key"]),
    ]);
}

#[test]
fn old_and_odd_keys_and_signatures() {
    let check = |pem: &[u8]| {
        let mut tree = Tree::sound();
        tree.put_bytes("other.crt", 0o644, pem);
        lines(&run(vec![tree.node], Vec::new()))
    };
    for (pem, expected) in [
        (
            &data!("weak-ca.crt")[..],
            &["P080 error other.crt", "P081 warning other.crt"][..],
        ),
        (
            &data!("weak-leaf.crt")[..],
            &[
                "P008 warning other.crt",
                "P040 warning other.crt",
                "P080 error other.crt",
                "P081 error other.crt",
            ],
        ),
        (&data!("p224.crt")[..], &["P082 error other.crt"]),
        (&data!("pss-key.crt")[..], &["P082 error other.crt"]),
        (&data!("multi-valued.crt")[..], &[]),
    ] {
        // Made later than the tests' present.
        let found: Vec<_> = check(pem)
            .into_iter()
            .filter(|line| !line.starts_with("P051"))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_signature_that_cannot_be_verified_is_no_proof() {
    let mut tree = Tree::sound();
    let data = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    tree.put(CA, 0o644, &data(data!("weak-ca.crt")));
    tree.put(CLIENT, 0o644, &data(data!("md5-leaf.crt")));
    let findings = run(vec![tree.node], Vec::new());
    let of_client: Vec<_> = lines(&findings)
        .into_iter()
        .filter(|line| line.ends_with(CLIENT) && line.contains("P04"))
        .collect();
    assert_eq!(of_client, ["P043 error apiserver-etcd-client.crt"]);
}

#[test]
fn the_cluster_file_says_what_a_member_must_hold() {
    use crate::model::{PkiLayout, Role};
    let mut cluster = tree::cluster();
    cluster.pki.layout = PkiLayout::Cfssl;
    cluster.pki.extra_names = vec!["etcd.example.com".into()];
    cluster.pki.include_vip = true;
    cluster.frontend.vip = Some("10.0.0.10".parse().unwrap());
    let mut second = tree::m1();
    second.name = "m2".parse().unwrap();
    second.extra_names = vec!["m2.example.com".into()];
    cluster.members.push(second.clone());
    let tree = member_tree(&cluster, &second, "pki".as_ref());
    let pairs: Vec<_> = tree
        .expected
        .iter()
        .map(|pair| {
            format!(
                "{} {} {:?}",
                pair.used_as,
                pair.cert.display(),
                pair.extra_names
            )
        })
        .collect();
    assert_eq!(
        pairs,
        [
            "CA pki/ca.pem []",
            "server pki/server.pem [\"m2.example.com\", \"etcd.example.com\", \"10.0.0.10\"]",
            "peer pki/peer2.pem [\"m2.example.com\", \"etcd.example.com\"]",
            "client pki/client.pem []",
            "client pki/apiserver-etcd-client.pem []",
        ]
    );
    second.roles.remove(&Role::ControlPlane);
    assert_eq!(
        member_tree(&cluster, &second, "pki".as_ref())
            .expected
            .len(),
        4
    );
}

#[test]
fn every_rule_has_a_case() {
    let cases = include_str!("mod.rs");
    for rule in Rule::ALL {
        let found = cases.contains(&format!("{} error ", rule.id()))
            || cases.contains(&format!("{} warning ", rule.id()));
        assert!(found, "{} {}", rule.id(), rule.name());
    }
}

/// Sound trees for several nodes under one CA.
fn nodes(names: &[(&str, &str)]) -> Vec<Tree> {
    let ca = Ca::new(|_| {});
    let tree = |(name, address): &(&str, &str)| {
        let mut tree = Tree::sound();
        tree.ca = Ca {
            params: ca.params.clone(),
            key: KeyPair::from_pem(&ca.key.serialize_pem()).unwrap(),
        };
        tree.put(CA, 0o644, &ca.params.self_signed(&ca.key).unwrap().pem());
        tree.node.node = Some(name.parse().unwrap());
        tree.node.addresses = vec![address.parse().unwrap()];
        for (path, used_as) in [
            (SERVER, PairUse::Server),
            (PEER, PairUse::Peer),
            (CLIENT, PairUse::Client),
        ] {
            tree.with(path, used_as, |params| {
                if used_as.is_dialled() {
                    params.subject_alt_names =
                        sans(&[name, "localhost", address, "127.0.0.1", "::1"]);
                }
            });
        }
        tree
    };
    let mut trees: Vec<Tree> = names.iter().map(tree).collect();
    let bundle = trees[0].text(CA);
    trees
        .iter_mut()
        .for_each(|tree| tree.put(CA, 0o644, &bundle));
    trees
}

#[test]
fn nodes_are_compared_with_each_other() {
    let check = |trees: Vec<Tree>| {
        let findings = run(
            trees.into_iter().map(|tree| tree.node).collect(),
            Vec::new(),
        );
        let place = |finding: &Finding| format!("{} ", finding.node.as_ref().unwrap());
        let nodes: Vec<_> = findings.iter().map(place).collect();
        nodes
            .into_iter()
            .zip(lines(&findings))
            .map(|(node, line)| node + &line)
            .collect::<Vec<_>>()
    };
    let three = || nodes(&[("m1", "10.0.0.11"), ("m2", "10.0.0.12"), ("m3", "fd00::13")]);
    assert!(check(three()).is_empty());

    let mut trees = three();
    let ca = Ca::new(|_| {});
    trees[1] = Tree::signed_by(ca);
    trees[1].node.node = Some("m2".parse().unwrap());
    assert_eq!(
        check(trees),
        [
            "m2 P100 error etcd/ca.crt",
            "m2 P061 warning etcd/peer.crt",
            "m2 P061 warning etcd/server.crt",
        ]
    );

    let mut trees = three();
    let key = trees[0].ca.key.serialize_pem();
    trees
        .iter_mut()
        .for_each(|tree| tree.put("etcd/ca.key", 0o600, &key));
    trees[0].node.keeps_ca_key = true;
    assert_eq!(
        check(trees),
        ["m2 P101 warning etcd/ca.key", "m3 P101 warning etcd/ca.key"]
    );

    let mut trees = three();
    let (cert, key) = (trees[0].text(SERVER), trees[0].text(SERVER_KEY));
    trees[1].put_pair(SERVER, &cert, &key);
    assert_eq!(
        check(trees),
        [
            "m2 P060 error etcd/server.crt",
            "m2 P061 warning etcd/server.crt",
            "m2 P102 warning etcd/server.crt"
        ]
    );

    let mut trees = three();
    trees[0].with(PEER, PairUse::Peer, |p| {
        p.serial_number = Some(SerialNumber::from(9_u64));
    });
    trees[2].with(CLIENT, PairUse::Client, |p| {
        p.serial_number = Some(SerialNumber::from(9_u64));
    });
    assert_eq!(check(trees), ["m3 P090 warning apiserver-etcd-client.crt"]);
}

#[test]
fn a_finding_tells_what_was_found_what_was_expected_and_what_to_do() {
    let mut tree = Tree::sound();
    tree.server(|params| {
        params.subject_alt_names = sans(&["m1", "localhost", "10.0.0.1", "127.0.0.1", "::1"]);
        params.extended_key_usages = vec![Eku::ServerAuth];
    });
    tree.mode(SERVER_KEY, 0o644);
    let findings = run(vec![tree.node], Vec::new());
    insta::assert_snapshot!(serde_json::to_string_pretty(&findings).unwrap(), @r#"
    [
      {
        "rule": "P060",
        "name": "missing-address",
        "severity": "error",
        "node": "m1",
        "path": "etcd/server.crt",
        "line": null,
        "message": "the server certificate lacks the advertised address 10.0.0.11, found m1 localhost 10.0.0.1 127.0.0.1 ::1",
        "fix": "issue it anew with the names of the cluster file: etcdha certs renew"
      },
      {
        "rule": "P070",
        "name": "missing-usage",
        "severity": "error",
        "node": "m1",
        "path": "etcd/server.crt",
        "line": null,
        "message": "its extended key usage is server auth, a server certificate needs server auth and client auth, because etcd's gRPC gateway dials its own listener with it",
        "fix": "issue it anew: etcdha certs renew"
      },
      {
        "rule": "P011",
        "name": "key-exposed",
        "severity": "error",
        "node": "m1",
        "path": "etcd/server.key",
        "line": null,
        "message": "the private key has mode 0644, expected 0600: everybody on the host can read it",
        "fix": "chmod 600 etcd/server.key"
      }
    ]
    "#);
}

proptest::proptest! {
    #[test]
    fn arbitrary_files_never_panic(
        files in proptest::collection::vec(
            (0_usize..7, proptest::arbitrary::any::<u32>(), proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..64)),
            0..7,
        ),
    ) {
        let mut tree = Tree::sound();
        for (which, mode, bytes) in files {
            let path = [CA, SERVER, SERVER_KEY, PEER, PEER_KEY, CLIENT, CLIENT_KEY][which];
            tree.put_bytes(path, mode, &bytes);
        }
        let _ = run(vec![tree.node], Vec::new());
    }
}
