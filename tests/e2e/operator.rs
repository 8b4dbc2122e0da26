//! etcdha as an operator runs it, from the directory with the cluster file.

use std::path::Path;
use std::process::{Command, Stdio};

use etcdha_testbed::{Output, capture};

/// etcdha in the operator's directory, with an environment of its own.
pub(crate) fn etcdha(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdha"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("ETCDHA_STATE_DIR", dir.join("state"))
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

/// Runs etcdha there to its end and demands an exit code.
pub(crate) fn run_expecting(dir: &Path, code: i32, arguments: &[&str]) -> Output {
    let output = capture(&mut etcdha(dir, arguments)).unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "etcdha {}\n{}{}",
        arguments.join(" "),
        output.stdout,
        output.stderr
    );
    output
}
