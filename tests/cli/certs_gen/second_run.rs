//! The second run: nothing to do where all is well; what is not well is named, and replaced only when
//! asked.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::leaves::{LAYOUTS, demand_pair, leaves, verify};
use crate::harness::{Run, Sandbox, expect};
use crate::openssl::{demand, sign_between};

const MEMBERS: &str = "--member m1=10.0.0.11 --member m2=10.0.0.12";

fn generate(sandbox: &Sandbox, words: &str) -> Run {
    sandbox.run(&format!("certs gen {MEMBERS} {words}"))
}

/// Path, inode, time of the last change and contents of every file: what tells that none was touched.
type Traces = Vec<(String, u64, i64, i64, Vec<u8>)>;

fn traces(sandbox: &Sandbox) -> Traces {
    let files = sandbox.files_below("pki").into_iter();
    let trace = |file: String| {
        let path = sandbox.path().join("pki").join(&file);
        let metadata = fs::metadata(&path).unwrap();
        let contents = fs::read(path).unwrap();
        (
            file,
            metadata.ino(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            contents,
        )
    };
    files.map(trace).collect()
}

/// The files that differ.
fn touched(before: &Traces, after: &Traces) -> Vec<String> {
    assert_eq!(before.len(), after.len());
    let pairs = before.iter().zip(after);
    let touched = pairs.filter(|(before, after)| before != after);
    touched.map(|(before, _)| before.0.clone()).collect()
}

#[test]
fn where_all_is_well_nothing_is_touched() {
    for layout in LAYOUTS {
        let sandbox = Sandbox::with_state();
        let words = format!("--pki-layout {layout}");
        expect(0, generate(&sandbox, &words));
        let before = traces(&sandbox);
        for more in ["", " --replace", " --replace --yes", " --dry-run"] {
            let run = expect(0, generate(&sandbox, &format!("{words}{more}")));
            let said = run.stdout + &run.stderr;
            assert!(
                said.contains("8 kept.") || said.contains("othing to do"),
                "{said}"
            );
            assert_eq!(touched(&before, &traces(&sandbox)), [""; 0]);
        }
        // Nothing was due, and without a terminal nothing was asked.
        let run = expect(
            0,
            sandbox.run(&format!("certs gen {MEMBERS} {words} -o json")),
        );
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(json["ca"]["result"], "adopted");
        let all = json["certificates"].as_array().unwrap();
        assert!(all.iter().all(|row| row["result"] == "kept"), "{json}");
    }
}

/// openssl's extensions of a server certificate of m1, and one thing that is wrong with it.
struct Defect {
    extensions: &'static str,
    /// How long it is still valid, after 300 days.
    days: i64,
    /// Who signs: the CA, or another of the same name.
    ca: &'static str,
    said: &'static str,
}

const NAMES: &str = "subjectAltName=DNS:m1,DNS:localhost,IP:10.0.0.11,IP:127.0.0.1,IP:::1";
const BOTH: &str = "extendedKeyUsage=serverAuth,clientAuth";

const DEFECTS: [Defect; 5] = [
    Defect {
        extensions: "subjectAltName=DNS:m1,DNS:localhost,IP:10.0.0.99\nextendedKeyUsage=serverAuth,clientAuth",
        days: 365,
        ca: "pki/etcd/ca",
        said: "10.0.0.11",
    },
    Defect {
        extensions: "NAMES\nextendedKeyUsage=serverAuth",
        days: 365,
        ca: "pki/etcd/ca",
        said: "its extended key usage is server auth, a server certificate needs",
    },
    Defect {
        extensions: "NAMES\nBOTH",
        days: 365,
        ca: "other/etcd/ca",
        said: "the CA has the name of its issuer but another key",
    },
    Defect {
        extensions: "NAMES\nBOTH",
        days: 365,
        ca: "other/openssl",
        said: "reads like a trusted CA and is written in other bytes",
    },
    Defect {
        extensions: "NAMES\nBOTH",
        days: 9,
        ca: "pki/etcd/ca",
        said: "it expires on",
    },
];

const SERVER: &str = "pki/nodes/m1/etcd/server";

/// Puts a certificate in place of m1's, for the key that is there.
fn put(sandbox: &Sandbox, defect: &Defect) {
    let extensions = defect
        .extensions
        .replace("NAMES", NAMES)
        .replace("BOTH", BOTH);
    sandbox.file(
        "defect.cnf",
        &format!("{extensions}\nkeyUsage=digitalSignature\n"),
    );
    demand(
        sandbox,
        &format!("req -new -key {SERVER}.key -subj /CN=m1 -out defect.csr"),
    );
    let in_days = |days: i64| {
        let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        then.strftime("%Y%m%d%H%M%SZ").to_string()
    };
    let ca = defect.ca;
    let files = format!("-cert {ca}.crt -keyfile {ca}.key -extfile defect.cnf -in defect.csr");
    let words = format!("{files} -out {SERVER}.crt");
    sign_between(sandbox, &in_days(-300), &in_days(defect.days), &words);
}

/// Named, with exit 5; nothing is touched until that is asked for, and then that pair alone.
fn named_then_replaced(sandbox: &Sandbox, said: &str) {
    let before = traces(sandbox);
    let run = expect(5, generate(sandbox, ""));
    assert!(run.stdout.contains("8 kept."), "{}", run.stdout);
    let warning = format!("warning: m1 {}.crt: ", "etcd/server");
    let named = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("warning: "));
    let named: Vec<&str> = named.collect();
    assert!(!named.is_empty(), "{}", run.stdout);
    assert!(
        named.iter().all(|line| line.starts_with(&warning)),
        "{named:?}"
    );
    assert!(
        named.iter().any(|line| line.contains(said)),
        "no {said:?} in {named:?}"
    );
    assert!(run.stdout.contains("fix: --replace"), "{}", run.stdout);

    // Without a terminal a replacement is a change that needs --yes.
    let run = expect(2, generate(sandbox, "--replace"));
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    expect(0, generate(sandbox, "--replace --dry-run"));
    assert_eq!(touched(&before, &traces(sandbox)), [""; 0]);

    let run = expect(0, generate(sandbox, "--replace --yes"));
    assert!(run.stdout.contains("7 kept, 1 renewed."), "{}", run.stdout);
    let pair = ["nodes/m1/etcd/server.crt", "nodes/m1/etcd/server.key"];
    assert_eq!(touched(&before, &traces(sandbox)), pair);
    let (cert, key) = (format!("{SERVER}.crt"), format!("{SERVER}.key"));
    verify(sandbox, "pki/etcd/ca.crt", &cert, true);
    demand_pair(sandbox, &cert, &key);
    assert_eq!((sandbox.mode(&cert), sandbox.mode(&key)), (0o644, 0o600));
}

#[test]
fn a_certificate_that_does_not_fit_is_named_and_replaced_when_asked() {
    let sandbox = Sandbox::with_state();
    expect(0, generate(&sandbox, ""));
    // Both are called etcd-ca; openssl writes that as a UTF8String.
    expect(
        0,
        sandbox.run("certs gen --member m1=10.0.0.11 --pki-dir other"),
    );
    demand(
        &sandbox,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=etcd-ca \
         -addext basicConstraints=critical,CA:TRUE -keyout other/openssl.key -out other/openssl.crt",
    );
    for defect in DEFECTS {
        put(&sandbox, &defect);
        named_then_replaced(&sandbox, defect.said);
    }
}

#[test]
fn a_key_that_is_not_the_certificate_s_is_named_and_replaced_when_asked() {
    let sandbox = Sandbox::with_state();
    expect(0, generate(&sandbox, ""));
    demand(
        &sandbox,
        &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {SERVER}.key"),
    );
    named_then_replaced(&sandbox, "key");
}

#[test]
fn a_key_that_others_may_read_is_named_and_replaced_when_asked() {
    let sandbox = Sandbox::with_state();
    expect(0, generate(&sandbox, ""));
    let key = sandbox.path().join(format!("{SERVER}.key"));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(key, open).unwrap();
    named_then_replaced(&sandbox, "0644");
}

#[test]
fn what_is_missing_is_issued_and_the_others_stay() {
    for layout in LAYOUTS {
        let sandbox = Sandbox::with_state();
        let words = format!("--pki-layout {layout}");
        expect(0, generate(&sandbox, &words));
        let before = traces(&sandbox);
        let [_, peer, ..] = leaves(layout, 2);
        for file in [&peer.cert, &peer.key] {
            fs::remove_file(sandbox.path().join("pki/nodes/m2").join(file)).unwrap();
        }
        let run = expect(0, generate(&sandbox, &words));
        assert!(run.stdout.contains("7 kept, 1 issued."), "{}", run.stdout);
        let mut pair = [&peer.cert, &peer.key].map(|file| format!("nodes/m2/{file}"));
        pair.sort();
        assert_eq!(touched(&before, &traces(&sandbox)), pair);
    }
}

#[test]
fn a_certificate_without_its_key_is_named_and_never_replaced_unasked() {
    let sandbox = Sandbox::with_state();
    expect(0, generate(&sandbox, ""));
    fs::remove_file(sandbox.path().join(format!("{SERVER}.key"))).unwrap();
    let before = traces(&sandbox);
    let run = expect(5, generate(&sandbox, ""));
    assert!(run.stdout.contains("server.key"), "{}", run.stdout);
    assert_eq!(touched(&before, &traces(&sandbox)), [""; 0]);
    expect(0, generate(&sandbox, "--replace --yes"));
    demand_pair(&sandbox, &format!("{SERVER}.crt"), &format!("{SERVER}.key"));
}

/// Another CA's certificate in a node's folder: that node trusts another CA, which is nothing to
/// write over.
#[test]
fn another_ca_in_a_node_s_folder_is_refused() {
    let sandbox = Sandbox::with_state();
    expect(0, generate(&sandbox, ""));
    sandbox.file("other/x", "");
    demand(
        &sandbox,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=etcd-ca \
         -addext basicConstraints=critical,CA:TRUE -keyout other/ca.key \
         -out pki/nodes/m2/etcd/ca.crt",
    );
    let before = traces(&sandbox);
    for words in ["", "--replace --yes"] {
        let run = expect(3, generate(&sandbox, words));
        let said = "refused [foreign-ca]: nothing was changed\n  m2: ";
        assert!(run.stderr.starts_with(said), "{}", run.stderr);
        assert_eq!(touched(&before, &traces(&sandbox)), [""; 0]);
    }
}
