//! An operator's own cfssl files: etcdha and Debian's cfssl make the same of them.

use std::collections::{BTreeMap, BTreeSet};

use super::leaves::{field, leaves};
use crate::cfssl::{certinfo, gencert};
use crate::harness::{Run, Sandbox, expect};
use crate::openssl::demand;

/// Older than what it signs: cfssl rounds to the minute, and a leaf begins no earlier than its CA.
const CA_CSR: &str = r#"{
  "CN": "Own CA",
  "key": {"algo": "rsa", "size": 2048},
  "names": [
    {"C": "DE", "ST": "BE", "L": "Berlin", "O": "first", "OU": "one"},
    {"O": "second", "OU": "two"}
  ],
  "ca": {"expiry": "876000h", "pathlen": 1, "backdate": "1h"}
}"#;

/// The profile and the request of a client certificate; `PROFILE` is put into [`CONFIG`].
struct Case {
    name: &'static str,
    profile: &'static str,
    csr: &'static str,
}

const CONFIG: &str = r#"{
  "signing": {
    "default": {"expiry": "43800h", "crl_url": "http://pki.example.com/default.crl"},
    "profiles": {
      "server": {"expiry": "8760h", "usages": ["signing", "key encipherment", "server auth", "client auth"]},
      "peer": {"expiry": "87600h", "usages": ["digital signature", "key agreement", "server auth", "client auth"]},
      "client": {PROFILE}
    }
  }
}"#;

const USAGES: &str = r#""usages": ["signing", "key encipherment", "client auth"]"#;

const CASES: [Case; 7] = [
    Case {
        name: "as in the guides",
        profile: r#""expiry": "43800h", USAGES"#,
        csr: r#"{"CN": "client", "hosts": [""], "key": {"algo": "ecdsa", "size": 256}}"#,
    },
    Case {
        name: "several O and OU, and every other attribute",
        profile: r#""expiry": "1h30m", USAGES"#,
        csr: r#"{"CN": "Jürgen", "serialnumber": "SN-1", "key": {"algo": "rsa", "size": 2048},
            "names": [
                {"C": "DE", "ST": "NRW", "L": "Köln", "O": "system:masters", "OU": "one"},
                {"O": "second", "OU": "two", "E": "ops@example.com"},
                {"O": "a third", "OID": {"2.5.4.9": "Main Street 1", "1.3.6.1.4.1.99999.1": "own"}},
                {"OID": {"2.5.4.17": "50667"}}]}"#,
    },
    Case {
        name: "names of every kind",
        profile: r#""expiry": "8760h", USAGES"#,
        csr: r#"{"CN": "c", "key": {"algo": "ecdsa", "size": 384},
            "hosts": ["c.example.com", "*.example.com", "10.0.0.1", "fd00::1", "ops@example.com",
                      "spiffe://example.com/c", "localhost"]}"#,
    },
    Case {
        name: "every usage that a client could have",
        profile: r#""expiry": "8760h", "usages": ["signing", "content commitment",
            "key encipherment", "key agreement", "data encipherment", "any", "client auth",
            "code signing", "email protection", "s/mime", "ipsec end system", "ipsec tunnel",
            "ipsec user", "timestamping", "ocsp signing"]"#,
        csr: r#"{"CN": "c", "key": {"algo": "ecdsa", "size": 521}}"#,
    },
    Case {
        name: "addresses of lists and of the issuer",
        profile: r#""expiry": "8760h", USAGES, "crl_url": "http://pki.example.com/ca.crl",
            "ocsp_url": "http://ocsp.example.com", "ocsp_no_check": true,
            "issuer_urls": ["http://pki.example.com/ca.crt", "http://other.example.com/ca.crt"]"#,
        csr: r#"{"CN": "c"}"#,
    },
    Case {
        name: "an end by date, and a beginning long ago",
        profile: r#""expiry": "8760h", USAGES, "not_after": "2090-01-31T12:00:00Z""#,
        csr: r#"{"CN": "c"}"#,
    },
    Case {
        name: "a name that the profile lets through, fields in other letters",
        profile: r#""expiry": "17520h", USAGES, "name_whitelist": "^[a-z]+\\.example\\.com$",
            "backdate": "0h3m""#,
        csr: r#"{"cn": "c.example.com", "Hosts": ["d.example.com", "10.0.0.1"],
            "KEY": {"Algo": "ecdsa", "size": 256}}"#,
    },
];

/// Puts the files in `own/`, as an operator has them.
fn put(sandbox: &Sandbox, profile: &str, csr: &str) {
    let profile = profile.replace("USAGES", USAGES);
    sandbox.file("own/ca-config.json", &CONFIG.replace("PROFILE", &profile));
    sandbox.file("own/ca-csr.json", CA_CSR);
    sandbox.file("own/client.json", csr);
}

fn generate(sandbox: &Sandbox, words: &str) -> Run {
    sandbox.run(&format!(
        "certs gen --member m1=10.0.0.11 --templates own {words}"
    ))
}

const ADOPT: &str = "--pki-ca-cert own/ca.pem --pki-ca-key own/ca-key.pem";

/// What a certificate says, apart from its key, its serial number and its dates: each part under the
/// heading that openssl prints it under, with lists in the order of the alphabet. Names are compared
/// as texts: an e-mail address is an IA5String here (RFC 5280 section 4.1.2.6), a UTF8String in cfssl.
fn described(sandbox: &Sandbox, cert: &str) -> BTreeMap<String, BTreeSet<String>> {
    const LEFT_OUT: &str = "no_header,no_version,no_serial,no_pubkey,no_sigdump,no_validity";
    let words = format!("x509 -noout -text -certopt {LEFT_OUT} -nameopt RFC2253,-esc_msb");
    let text = demand(sandbox, &format!("{words} -in {cert}"));
    let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        match line.strip_prefix("                ") {
            Some(value) => {
                let values = parts.entry(heading.clone()).or_default();
                values.extend(value.split(", ").map(|value| value.trim().to_owned()));
            }
            None => {
                heading = line.trim().to_owned();
                parts.entry(heading.clone()).or_default();
            }
        }
    }
    if let Some(id) = parts.get_mut("X509v3 Subject Key Identifier:") {
        id.clear();
    }
    parts
}

/// The seconds of its validity, and its end.
fn validity(sandbox: &Sandbox, cert: &str) -> (i64, jiff::Timestamp) {
    let date = |word: &str| -> jiff::Timestamp {
        let text = field(sandbox, cert, &format!("{word} -dateopt iso_8601"));
        text.replace(' ', "T").parse().unwrap()
    };
    let (start, end) = (date("-startdate"), date("-enddate"));
    (end.as_second() - start.as_second(), end)
}

/// Both certificates say the same.
fn compare(sandbox: &Sandbox, name: &str, ours: &str, theirs: &str) {
    assert_eq!(
        described(sandbox, ours),
        described(sandbox, theirs),
        "{name}: {ours} (left) and cfssl's {theirs} (right)"
    );
    let (our_length, our_end) = validity(sandbox, ours);
    let (their_length, their_end) = validity(sandbox, theirs);
    assert!(
        our_length == their_length || our_end == their_end,
        "{name}: valid for {our_length} s until {our_end}, cfssl's {their_length} s until {their_end}"
    );
    let (ours, theirs) = (certinfo(sandbox, ours), certinfo(sandbox, theirs));
    for key in ["subject", "issuer", "sigalg"] {
        assert_eq!(ours[key], theirs[key], "{name}: {key}");
    }
}

#[test]
fn cfssl_makes_the_same_of_every_file() {
    for case in CASES {
        let sandbox = Sandbox::with_state();
        put(&sandbox, case.profile, case.csr);
        gencert(&sandbox, "own", "-initca ca-csr.json", "ca");
        let signer = "-ca ca.pem -ca-key ca-key.pem -config ca-config.json -profile client";
        // cfssl writes "" as an empty DNS name, which no program built with a newer Go reads.
        let bare = case.csr.replace(r#", "hosts": [""]"#, "");
        sandbox.file("own/bare/csr.json", &bare);
        gencert(
            &sandbox,
            "own",
            &format!("{signer} bare/csr.json"),
            "client",
        );
        let run = generate(&sandbox, ADOPT);
        assert_eq!(run.code, 0, "{}\n{}", case.name, run.all());
        let leaves = leaves("kubeadm", 1);
        for leaf in leaves.iter().filter(|leaf| !leaf.is_dialled) {
            let ours = format!("pki/nodes/m1/{}", leaf.cert);
            compare(&sandbox, case.name, &ours, "own/client.pem");
        }
    }
}

#[test]
fn cfssl_makes_the_same_ca() {
    for ca in [
        r#""ca": {"expiry": "876000h", "pathlen": 1}"#,
        r#""ca": {"expiry": "87600h", "pathlen": 0, "pathlenzero": true}"#,
        r#""ca": {"expiry": "8760h", "pathlen": 0}"#,
        r#""ca": {"backdate": "1h"}"#,
        // cfssl keeps the addresses of a CA and drops its names; here all are kept.
        r#""hosts": ["10.0.0.1", "fd00::1"], "crl_url": "http://pki.example.com/ca.crl""#,
        r#""key": {"algo": "ecdsa", "size": 521}"#,
    ] {
        let sandbox = Sandbox::with_state();
        let names = &CA_CSR[..CA_CSR.find(r#""ca":"#).unwrap()];
        let names = match ca.contains("key") {
            true => names.replace(r#""key": {"algo": "rsa", "size": 2048},"#, ""),
            false => names.to_owned(),
        };
        sandbox.file("own/ca-csr.json", &format!("{names}{ca}}}"));
        gencert(&sandbox, "own", "-initca ca-csr.json", "ca");
        expect(0, generate(&sandbox, ""));
        compare(&sandbox, ca, "pki/etcd/ca.crt", "own/ca.pem");
    }
}

/// Server and peer certificates get the node's names in addition to the template's.
#[test]
fn a_server_s_file_is_taken_over_and_the_node_s_names_are_added() {
    let sandbox = Sandbox::with_state();
    put(
        &sandbox,
        &format!(r#""expiry": "8760h", {USAGES}"#),
        r#"{"CN": "c"}"#,
    );
    let csr = r#"{"CN": "etcd", "hosts": ["etcd.example.com", "10.9.9.9"],
        "key": {"algo": "ecdsa", "size": 384}, "names": [{"O": "first"}, {"O": "second"}]}"#;
    sandbox.file("own/server.json", csr);
    sandbox.file("own/member.json", csr);
    gencert(&sandbox, "own", "-initca ca-csr.json", "ca");
    expect(0, generate(&sandbox, ADOPT));
    for (profile, ours) in [("server", "server"), ("peer", "peer")] {
        let words = "-ca ca.pem -ca-key ca-key.pem -config ca-config.json";
        let csr = match profile {
            "server" => "server.json",
            _ => "member.json",
        };
        gencert(
            &sandbox,
            "own",
            &format!("{words} -profile {profile} {csr}"),
            profile,
        );
        let ours = format!("pki/nodes/m1/etcd/{ours}.crt");
        let theirs = format!("own/{profile}.pem");
        let names = "X509v3 Subject Alternative Name:";
        let (mut our, mut their) = (described(&sandbox, &ours), described(&sandbox, &theirs));
        let (our_names, their_names) = (our.remove(names).unwrap(), their.remove(names).unwrap());
        assert_eq!(our, their);
        assert!(
            our_names.is_superset(&their_names),
            "{our_names:?} {their_names:?}"
        );
        let own = [
            "DNS:m1",
            "DNS:localhost",
            "IP Address:10.0.0.11",
            "IP Address:127.0.0.1",
        ];
        assert!(
            own.iter().all(|own| our_names.contains(*own)),
            "{our_names:?}"
        );
        assert_eq!(validity(&sandbox, &ours).0, validity(&sandbox, &theirs).0);
    }
}

#[test]
fn a_key_that_stands_twice_is_a_warning_that_names_what_is_lost() {
    let sandbox = Sandbox::with_state();
    let profile = format!(r#""expiry": "8760h", {USAGES}"#);
    put(
        &sandbox,
        &profile,
        "{\n  \"CN\": \"lost\",\n  \"hosts\": [\"a\"],\n  \"cn\": \"kept\"\n}",
    );
    let run = expect(2, generate(&sandbox, "--strict"));
    let said = "own/client.json:4:3: cn is given twice: the value \"lost\" on line 2 is lost";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    assert!(!sandbox.has("pki"));
    let run = expect(0, generate(&sandbox, ""));
    assert!(
        run.stderr.contains(&format!("warning: {said}")),
        "{}",
        run.stderr
    );
    let cert = "pki/nodes/m1/apiserver-etcd-client.crt";
    let subject = field(&sandbox, cert, "-subject -nameopt RFC2253");
    assert_eq!(subject, "CN=kept");
    // That is what cfssl keeps, without a word.
    gencert(&sandbox, "own", "-initca client.json", "same");
    let subject = field(&sandbox, "own/same.pem", "-subject -nameopt RFC2253");
    assert_eq!(subject, "CN=kept");
}

#[test]
fn what_cfssl_would_pass_over_is_named() {
    for (profile, csr, said) in [
        (
            r#""expiry": "8760h", "expriy": "1h", USAGES"#,
            r#"{"CN": "c"}"#,
            "expriy is not known and has no effect; did you mean \"expiry\"?",
        ),
        (
            r#""expiry": "8760h", USAGES"#,
            r#"{"CN": "c", "host": ["x"]}"#,
            "host is not known and has no effect; did you mean \"hosts\"?",
        ),
        (
            r#""expiry": "8760h", USAGES"#,
            r#"{"CN": "c", "hosts": ["", "x"]}"#,
            "hosts[0]: is empty and left out",
        ),
        (r#""expiry": "365d", USAGES"#, r#"{"CN": "c"}"#, "cfssl"),
    ] {
        let sandbox = Sandbox::with_state();
        put(&sandbox, profile, csr);
        let run = expect(0, generate(&sandbox, ""));
        assert!(run.stderr.starts_with("warning: own/c"), "{}", run.stderr);
        assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
        let sandbox = Sandbox::with_state();
        put(&sandbox, profile, csr);
        let run = expect(2, generate(&sandbox, "--strict"));
        assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
        assert!(!sandbox.has("pki"));
    }
}

#[test]
fn what_is_not_offered_is_refused_by_name() {
    let good = r#""expiry": "8760h", USAGES"#;
    let lint = format!(r#"{good}, "lint_error_level": 3"#);
    let store = format!(r#"{good}, "cert_store": "certs.db""#);
    let policies = format!(r#"{good}, "Policies": [{{"ID": "1.2.3"}}]"#);
    for (code, profile, csr, said) in [
        (
            3,
            lint.as_str(),
            r#"{"CN": "c"}"#,
            "lint_error_level is not supported",
        ),
        (3, &store, r#"{"CN": "c"}"#, "cert_store is not supported"),
        (3, &policies, r#"{"CN": "c"}"#, "Policies is not supported"),
        (
            2,
            good,
            r#"{"CN": "c", "delegation_enabled": true}"#,
            "delegation_enabled is not supported",
        ),
        (
            2,
            good,
            r#"{"CN": "c", "ca": {"expiry": "1h"}}"#,
            "ca is not supported",
        ),
        (
            2,
            good,
            r#"{"CN": "c", "key": {"algo": "rsa", "size": 1024}}"#,
            "key.size: found 1024",
        ),
        (
            2,
            r#""expiry": "8760h", "usages": ["client-auth"]"#,
            r#"{"CN": "c"}"#,
            "\"client auth\"",
        ),
        (
            2,
            r#""expiry": "one year", USAGES"#,
            r#"{"CN": "c"}"#,
            "\"one year\"",
        ),
        (2, USAGES, r#"{"CN": "c"}"#, "expiry is missing"),
    ] {
        let sandbox = Sandbox::with_state();
        put(&sandbox, profile, csr);
        let run = expect(code, generate(&sandbox, ""));
        assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
        assert!(run.stderr.contains("own/c"), "no file in {}", run.stderr);
        assert!(!sandbox.has("pki"));
    }
}

#[test]
fn a_name_that_the_profile_keeps_out_is_refused_before_anything_is_written() {
    let sandbox = Sandbox::with_state();
    let profile = r#""expiry": "8760h", USAGES, "name_whitelist": "^[a-z]+\\.example\\.com$""#;
    put(&sandbox, profile, r#"{"CN": "c.example.org"}"#);
    let run = expect(3, generate(&sandbox, ""));
    assert!(run.stderr.contains("name_whitelist"), "{}", run.stderr);
    assert!(run.stderr.contains("\"c.example.org\""), "{}", run.stderr);
    assert!(!sandbox.has("pki"));
}

/// The guides' profile for servers lacks client auth. What the file says is issued, and what etcd will
/// make of it is told; issuing it anew from the same file would not help.
#[test]
fn a_profile_that_is_not_enough_for_etcd_is_named() {
    let sandbox = Sandbox::with_state();
    put(
        &sandbox,
        &format!(r#""expiry": "8760h", {USAGES}"#),
        r#"{"CN": "c"}"#,
    );
    let config = sandbox.read("own/ca-config.json");
    let guides = config.replacen(r#""server auth", "client auth"]"#, r#""server auth"]"#, 1);
    sandbox.file("own/ca-config.json", &guides);
    let run = expect(5, generate(&sandbox, ""));
    for said in [
        "m1 etcd/server.crt: its extended key usage is server auth, a server certificate needs",
        "fix: correct the profile or the request in the templates",
    ] {
        assert!(run.stdout.contains(said), "no {said:?} in {}", run.stdout);
    }
    assert!(!run.stdout.contains("fix: --replace"), "{}", run.stdout);
}

/// Guides that have one profile, called after the cluster, sign everything with it.
#[test]
fn the_only_profile_of_a_file_issues_everything_and_that_is_told() {
    let sandbox = Sandbox::with_state();
    let config = r#"{"signing": {"default": {"expiry": "8760h"}, "profiles": {"kubernetes": {
        "usages": ["signing", "key encipherment", "server auth", "client auth"],
        "expiry": "17520h"}}}}"#;
    sandbox.file("own/ca-config.json", config);
    sandbox.file("own/ca-csr.json", CA_CSR);
    sandbox.file(
        "own/client.json",
        r#"{"CN": "c", "names": [{"O": "system:masters"}]}"#,
    );
    let said = "own/ca-config.json:1:1: signing.profiles: \"kubernetes\" issues every certificate";
    let run = expect(2, generate(&sandbox, "--strict"));
    assert!(run.stderr.contains(said), "{}", run.stderr);
    gencert(&sandbox, "own", "-initca ca-csr.json", "ca");
    let run = expect(0, generate(&sandbox, ADOPT));
    assert!(
        run.stderr.contains(&format!("warning: {said}")),
        "{}",
        run.stderr
    );
    let signer = "-ca ca.pem -ca-key ca-key.pem -config ca-config.json -profile kubernetes";
    gencert(&sandbox, "own", &format!("{signer} client.json"), "client");
    let ours = "pki/nodes/m1/apiserver-etcd-client.crt";
    compare(&sandbox, "the only profile", ours, "own/client.pem");
}
