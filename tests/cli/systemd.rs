//! systemd as an independent judge of the units that etcdha writes.

#![expect(
    clippy::disallowed_methods,
    reason = "the ban on running programs is for etcdha itself"
)]

use std::process::Command;

use etcdha_testbed::require_tool;

use crate::harness::{Sandbox, expect};

/// What systemd finds wrong with a unit; nothing is the best it can say.
fn complaints(sandbox: &Sandbox, unit: &str) -> String {
    let program = require_tool("systemd-analyze", "systemd").unwrap();
    let output = Command::new(program)
        .args(["verify", "--man=no"])
        .arg(sandbox.path().join(unit))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

const EXTERNAL: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
topology: external
etcd:
  version: 3.5.24
  dataDir: /srv/etcd 50%/data
  # systemd wants the program to be there.
  service: {binary: /bin/true, unit: /etc/systemd/system/etcd-prod.service, user: daemon}
  extraArgs:
    - {name: log-outputs, value: stderr}
    - {name: log-outputs, value: '/var/log/50% $HOME \"x\".log'}
members:
  - {name: e1, address: 192.168.1.1}
  - {name: e2, address: 'fd00::2'}
";

#[test]
fn systemd_has_no_complaint_about_a_unit() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", EXTERNAL);
    for member in ["e1", "e2"] {
        let words = format!("manifest systemd {member} --out-dir {member}");
        expect(0, sandbox.run(&words));
        let unit = format!("{member}/etcd-prod.service");
        assert_eq!(complaints(&sandbox, &unit), "", "{}", sandbox.read(&unit));
        assert!(sandbox.has(&format!("{member}/etcd.env")));
    }
    let unit = sandbox.read("e1/etcd-prod.service");
    sandbox.file(
        "broken.service",
        &unit.replace("RestartSec=", "RestartSeconds="),
    );
    assert!(complaints(&sandbox, "broken.service").contains("RestartSeconds"));
}

#[test]
fn flags_win_over_the_file_and_a_place_must_be_one() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", EXTERNAL);
    let words = "manifest systemd e1 --run-as root --etcd-binary /opt/etcd";
    let run = expect(0, sandbox.run(words));
    assert!(
        run.stdout
            .starts_with("# /etc/systemd/system/etcd-prod.service\n")
    );
    assert!(run.stdout.contains("User=root\n") && run.stdout.contains("ExecStart=/opt/etcd "));
    let text = EXTERNAL
        .replace("etcd-prod.service", "etcd-prod.timer")
        .replace("binary: /bin/true", "binary: bin/true");
    sandbox.file("etcdha.yaml", &text);
    insta::assert_snapshot!(sandbox.run("config check").all());
}
