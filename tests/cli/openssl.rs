//! openssl as an independent judge of what etcdha writes.

#![expect(
    clippy::disallowed_methods,
    reason = "the ban on running programs is for etcdha itself"
)]

use std::process::Command;

use crate::harness::Sandbox;

/// What openssl said.
pub(crate) struct Verdict {
    pub(crate) is_good: bool,
    /// Both streams.
    pub(crate) text: String,
}

/// Runs openssl in the sandbox with these words, parted at spaces.
pub(crate) fn openssl(sandbox: &Sandbox, words: &str) -> Verdict {
    let output = Command::new("openssl")
        .args(words.split_whitespace())
        .env("OPENSSL_CONF", "/dev/null")
        .current_dir(sandbox.path())
        .output()
        .expect("openssl is there: apt-get install openssl");
    let text = [output.stdout, output.stderr].concat();
    Verdict {
        is_good: output.status.success(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

/// Demands that openssl agrees, and returns what it said.
pub(crate) fn demand(sandbox: &Sandbox, words: &str) -> String {
    let verdict = openssl(sandbox, words);
    assert!(verdict.is_good, "openssl {words}\n{}", verdict.text);
    verdict.text
}

/// The configuration of openssl's own little CA.
const MINI_CA: &str = "\
[ca]
default_ca = mini
[mini]
new_certs_dir = mini
database = mini/index
rand_serial = yes
default_md = sha256
unique_subject = no
policy = policy
[policy]
commonName = supplied
";

/// Signs a request to be valid between two dates such as `20200131000000Z`: openssl's little CA is the
/// one part of it that makes certificates of another time. `words` say what is signed by whom.
pub(crate) fn sign_between(sandbox: &Sandbox, from: &str, until: &str, words: &str) {
    sandbox.file("mini/ca.cnf", MINI_CA);
    sandbox.file("mini/index", "");
    let dates = format!("-startdate {from} -enddate {until}");
    demand(
        sandbox,
        &format!("ca -batch -notext -config mini/ca.cnf {dates} {words}"),
    );
}
