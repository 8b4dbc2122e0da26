//! From when to when: encodings on both sides of 2050, and no leaf beyond its CA.

use super::leaves::{field, leaves};
use crate::harness::{Run, Sandbox, expect};
use crate::openssl::{demand, openssl};

const CERT: &str = "pki/nodes/m1/etcd/server.crt";
const CA: &str = "pki/etcd/ca.crt";

fn generate(sandbox: &Sandbox, words: &str) -> Run {
    expect(
        0,
        sandbox.run(&format!("certs gen --member m1=10.0.0.11 {words}")),
    )
}

/// How the two dates are encoded, as openssl's plain ASN.1 listing names it.
fn encodings(sandbox: &Sandbox, cert: &str) -> Vec<String> {
    let listing = demand(sandbox, &format!("asn1parse -in {cert}"));
    let times = listing.lines().filter(|line| line.contains("TIME"));
    let kinds = times.filter_map(|line| line.split_whitespace().find(|word| word.contains("TIME")));
    kinds
        .map(|kind| kind.trim_start_matches(':').to_owned())
        .collect()
}

/// RFC 5280 section 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050 on.
#[test]
fn dates_from_2050_on_are_generalized_times() {
    let sandbox = Sandbox::with_state();
    generate(&sandbox, "--ca-validity 99y --leaf-validity 99y");
    for cert in [CA, CERT] {
        assert_eq!(encodings(&sandbox, cert), ["UTCTIME", "GENERALIZEDTIME"]);
        let end = field(&sandbox, cert, "-enddate -dateopt iso_8601");
        let year: i32 = end[..4].parse().unwrap();
        let now: i32 = jiff::Timestamp::now()
            .strftime("%Y")
            .to_string()
            .parse()
            .unwrap();
        // 99 times 365 days end a month before 99 calendar years.
        assert!((now + 98..=now + 99).contains(&year), "{end}");
    }
    demand(
        &sandbox,
        &format!("verify -x509_strict -CAfile {CA} {CERT}"),
    );
    // Valid in 90 years, over in 99.
    let in_years = |years: u64| jiff::Timestamp::now().as_second() + years as i64 * 365 * 86_400;
    let at = |when: i64| {
        let words = format!("verify -x509_strict -attime {when} -CAfile {CA} {CERT}");
        openssl(&sandbox, &words).is_good
    };
    assert!(at(in_years(90)));
    assert!(!at(in_years(99)));
}

#[test]
fn dates_before_2050_are_utc_times() {
    let sandbox = Sandbox::with_state();
    generate(&sandbox, "--ca-validity 5y --leaf-validity 1y");
    for cert in [CA, CERT] {
        assert_eq!(encodings(&sandbox, cert), ["UTCTIME", "UTCTIME"]);
    }
}

#[test]
fn a_leaf_ends_with_its_ca_and_that_is_told() {
    let sandbox = Sandbox::with_state();
    let run = generate(&sandbox, "--ca-validity 5y --leaf-validity 10y");
    let notes = run.stdout.matches("ends with its CA instead of at").count();
    assert_eq!(notes, 4, "{}", run.stdout);
    let end = field(&sandbox, CA, "-enddate");
    for leaf in leaves("kubeadm", 1) {
        let cert = format!("pki/nodes/m1/{}", leaf.cert);
        assert_eq!(field(&sandbox, &cert, "-enddate"), end);
    }
    // Nothing is left to do: what a CA can't give is not asked for again.
    let run = generate(&sandbox, "--ca-validity 5y --leaf-validity 10y --replace");
    assert!(run.stdout.contains("4 kept."), "{}", run.stdout);
}

/// A short lifetime that was asked for is no defect: a certificate nears its end in the last third
/// of its life, not before.
#[test]
fn certificates_that_were_asked_for_short_are_not_near_their_end_at_once() {
    let sandbox = Sandbox::with_state();
    let words = "--leaf-validity 7d";
    generate(&sandbox, words);
    let before = sandbox.read(CERT);
    let run = generate(&sandbox, &format!("{words} --replace"));
    assert!(run.stdout.contains("4 kept."), "{}", run.stdout);
    // Who names a number of days gets it.
    let named = "certs gen --member m1=10.0.0.11 --leaf-validity 7d --expiring 8";
    let run = expect(5, sandbox.run(named));
    assert!(run.stdout.contains("it expires on"), "{}", run.stdout);
    assert_eq!(sandbox.read(CERT), before);
}

#[test]
fn lifetimes_that_are_none_are_refused_before_anything_is_written() {
    let sandbox = Sandbox::with_state();
    for (words, said) in [
        ("--leaf-validity 0s", "is no time at all"),
        ("--leaf-validity 101y", "is too long"),
        ("--ca-validity soon", "is no duration"),
        ("--leaf-validity -5m", "is no duration"),
    ] {
        let words = words.replacen(' ', "=", 1);
        let run = sandbox.run(&format!("certs gen --member m1=10.0.0.11 {words}"));
        let run = expect(2, run);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert!(!sandbox.has("pki"));
    }
}
