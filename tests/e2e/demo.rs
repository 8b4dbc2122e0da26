//! The demo plays to its end, and one that is told to end cleans up first.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use etcdha_testbed::capture;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::PROGRAM;

fn demo(release: &str) -> Command {
    let etcdha = env!("CARGO_BIN_EXE_etcdha");
    PROGRAM
        .command(["demo", "--release", release, "--etcdha", etcdha])
        .unwrap()
}

/// The number in the row of the demo's last table that begins so.
fn number(table: &str, row: &str) -> usize {
    let line = table.lines().find(|line| line.starts_with(row));
    let line = line.unwrap_or_else(|| panic!("no row {row}:\n{table}"));
    let number = line[row.len()..].trim().replace(',', "");
    number.parse().unwrap()
}

fn plays(release: &str) {
    let output = capture(&mut demo(release)).unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        output.stdout,
        output.stderr
    );
    let said = &output.stdout;
    for proof in [
        "10,000 keys are written",
        "no file of any host was made",
        "while it grew, none refused",
        "100 more writes without m1",
        "m1 has caught up",
    ] {
        assert!(said.contains(proof), "{proof} is missing:\n{said}");
    }
    let (_, table) = said.split_once("  Proven\n").unwrap();
    let acknowledged = number(table, "writes acknowledged");
    assert!(acknowledged > 10_000, "{table}");
    assert_eq!(number(table, "of these on m1, m2 and m3"), acknowledged);
    assert!(table.contains("longest write gap, growing"), "{table}");
    // A path or a URL is as long as it is.
    let mut words = said.lines().filter(|line| !line.contains('/'));
    let wide = words.find(|line| line.chars().count() > 100);
    assert_eq!(wide, None, "100 columns are enough");
    assert!(!said.contains('\x1b'), "no colours but on a terminal");
}

#[test]
fn it_plays_on_3_4() {
    plays("3.4");
}

#[test]
fn it_plays_on_3_5() {
    plays("3.5");
}

#[test]
fn one_that_is_told_to_end_removes_its_hosts() {
    let mut playing = demo("3.5")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(playing.stdout.take().unwrap()).lines();
    let hosts = lines.find_map(|line| line.ok().filter(|line| line.starts_with("Three hosts: ")));
    let hosts = hosts.unwrap();
    let (_, rest) = hosts.split_once("198.18.").unwrap();
    let (slot, _) = rest.split_once('.').unwrap();
    let dir = Path::new("/var/tmp/etcdha-testbed").join(slot);
    let before = dir.metadata().unwrap().ino();

    kill_process(Pid::from_child(&playing), Signal::TERM).unwrap();
    let output = playing.wait_with_output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("told to end"), "{said}");
    // Another bed may have taken the slot meanwhile, and made the directory anew.
    assert_ne!(dir.metadata().map(|now| now.ino()).ok(), Some(before));
}
