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
