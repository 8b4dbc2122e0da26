//! `etcdha snapshot schedule install`: what it writes, and that systemd takes it.

#![expect(clippy::disallowed_methods, reason = "systemd judges its units itself")]

use std::process::Command;

use crate::harness::{Sandbox, expect};

const JOB: &str = "snapshot schedule install /srv/etcd --to s3://etcd-backups/prod --every 6h \
                   --at 02:30 --keep-last 28 --compress zstd";

#[test]
fn units_are_written_once_and_systemd_takes_them() {
    let sandbox = Sandbox::with_state();
    sandbox.file("units/keep", "");
    let install = format!("{JOB} --as systemd --dir units --binary /bin/true");
    expect(0, sandbox.run(&format!("{install} --dry-run")));
    assert_eq!(sandbox.files_below("units"), ["keep"]);
    expect(0, sandbox.run(&format!("{install} --yes")));
    let again = expect(0, sandbox.run(&format!("{install} --yes")));
    assert!(again.stderr.contains("there already"), "{}", again.stderr);
    for unit in ["etcdha-snapshot.service", "etcdha-snapshot.timer"] {
        let path = sandbox.path().join("units").join(unit);
        let verified = Command::new("systemd-analyze")
            .arg("verify")
            .arg(path)
            .output();
        let verified = verified.expect("systemd-analyze, of Debian's package systemd");
        let told = String::from_utf8_lossy(&verified.stderr);
        assert!(
            verified.status.success() && !told.contains("etcdha-snapshot"),
            "{told}"
        );
    }
    let timer = sandbox.read("units/etcdha-snapshot.timer");
    let calendar = timer
        .lines()
        .find_map(|line| line.strip_prefix("OnCalendar="));
    let parsed = Command::new("systemd-analyze")
        .args(["calendar", calendar.unwrap()])
        .output();
    assert!(parsed.unwrap().status.success(), "{timer}");

    // Another schedule replaces it; a file of somebody else does not go.
    let other = install.replace("6h", "12h");
    expect(0, sandbox.run(&format!("{other} --yes")));
    assert!(
        sandbox
            .read("units/etcdha-snapshot.timer")
            .contains("02/12:30:00")
    );
    sandbox.file("units/etcdha-snapshot.timer", "[Timer]\n");
    let refused = expect(3, sandbox.run(&format!("{other} --yes")));
    assert!(
        refused.stderr.contains("[file-exists]"),
        "{}",
        refused.stderr
    );
}

#[test]
fn pods_are_printed_and_hold_no_secret() {
    let sandbox = Sandbox::with_state();
    let cron = format!("{JOB} --as cronjob --image registry/etcdha --secret etcdha-s3 --print");
    let shown = expect(0, sandbox.run(&cron)).stdout;
    assert!(shown.contains("schedule: 30 2-23/6 * * *"), "{shown}");
    assert!(shown.contains("secretRef"), "{shown}");
    let pod = format!("{JOB} --as static-pod --image registry/etcdha --print");
    let told = expect(2, sandbox.run(&pod));
    assert!(
        told.stderr.contains("--s3-credentials FILE"),
        "{}",
        told.stderr
    );
    sandbox.file("pods/keep", "");
    let pod = pod.replace(
        "--print",
        "--dir pods --yes --s3-credentials /etc/etcdha/s3",
    );
    expect(0, sandbox.run(&pod));
    expect(0, sandbox.run("manifest lint pods/etcdha-snapshot.yaml"));
}

#[test]
fn times_that_not_all_can_keep_and_secrets_are_refused() {
    let sandbox = Sandbox::with_state();
    for more in [
        "--every 7h",
        "--every 90m",
        "--at 25:00",
        "--jitter 7h",
        "--user root:hush",
    ] {
        let job = JOB.replace(" --every 6h --at 02:30", "");
        let told = expect(
            2,
            sandbox.run(&format!("{job} --as systemd --print {more}")),
        );
        assert!(!told.stderr.contains("hush"), "{}", told.stderr);
    }
    let told = expect(2, sandbox.run(&format!("{JOB} --as cronjob --print")));
    assert!(told.stderr.contains("--image"), "{}", told.stderr);
}
