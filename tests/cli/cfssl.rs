//! Debian's cfssl as an independent judge and as a maker of what etcdha must take over.

#![expect(
    clippy::disallowed_methods,
    reason = "the ban on running programs is for etcdha itself"
)]

use std::process::Command;

use etcdha_testbed::Binaries;
use serde_json::Value;

use crate::harness::Sandbox;

/// Runs one of cfssl's programs in a directory of the sandbox and returns its standard output.
fn run(sandbox: &Sandbox, dir: &str, program: &str, words: &str, input: &[u8]) -> Vec<u8> {
    let path = Binaries::find().cfssl(program).unwrap();
    let mut command = assert_cmd::Command::from_std(Command::new(path));
    let output = command
        .args(words.split_whitespace())
        .current_dir(sandbox.path().join(dir))
        .write_stdin(input)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words}\n{complaint}");
    output.stdout
}

/// Demands that cfssl reads a certificate, and returns what it says about it.
pub(crate) fn certinfo(sandbox: &Sandbox, cert: &str) -> Value {
    let words = format!("certinfo -cert {cert}");
    serde_json::from_slice(&run(sandbox, "", "cfssl", &words, b"")).unwrap()
}

/// `cfssl gencert … | cfssljson -bare NAME` in a directory of the sandbox.
pub(crate) fn gencert(sandbox: &Sandbox, dir: &str, words: &str, name: &str) {
    let json = run(sandbox, dir, "cfssl", &format!("gencert {words}"), b"");
    run(sandbox, dir, "cfssljson", &format!("-bare {name}"), &json);
}
