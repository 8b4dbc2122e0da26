//! The demo plays to its end, and one that is told to end cleans up first.
//!
//! On Kubernetes it is the verdict, too: a single master becomes three, and the API outlives each.

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use etcdha_testbed::capture;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::PROGRAM;

const ON_3_5: &str = "--release=3.5";
const ON_KUBERNETES: &str = "--kubernetes";

fn demo(on: &str) -> Command {
    let etcdha = env!("CARGO_BIN_EXE_etcdha");
    PROGRAM.command(["demo", on, "--etcdha", etcdha]).unwrap()
}

/// Plays to the end and returns what was shown, which looks as it should.
fn play(on: &str, proofs: &[&str]) -> String {
    let output = capture(&mut demo(on)).unwrap();
    let said = output.stdout;
    assert!(output.status.success(), "{said}{}", output.stderr);
    for proof in proofs {
        assert!(said.contains(proof), "{proof} is missing:\n{said}");
    }
    // A path or a URL is as long as it is.
    let mut words = said.lines().filter(|line| !line.contains('/'));
    let wide = words.find(|line| line.chars().count() > 100);
    assert_eq!(wide, None, "100 columns are enough");
    assert!(!said.contains('\x1b'), "no colours but on a terminal");
    said
}

/// The number in the row of the demo's last table that begins so.
fn number(table: &str, row: &str) -> usize {
    let line = table.lines().find(|line| line.starts_with(row));
    let line = line.unwrap_or_else(|| panic!("no row {row}:\n{table}"));
    let number = line[row.len()..].trim().replace(',', "");
    number.parse().unwrap()
}

/// Returns how long the recovery took.
fn plays_on_etcd(on: &str) -> String {
    let said = play(
        on,
        &[
            "10,000 keys are written",
            "no file of any host was made",
            "while it grew, none refused",
            "100 more writes without m1",
            "m1 has caught up",
            "Recovery took ",
            "writes up to the snapshot are on all three again",
        ],
    );
    let (_, table) = said.split_once("  Proven\n").unwrap();
    let (table, restored) = table.split_once("  All three lose").unwrap();
    let acknowledged = number(table, "writes acknowledged");
    assert!(acknowledged > 10_000, "{table}");
    assert_eq!(number(table, "of these on m1, m2 and m3"), acknowledged);
    assert!(table.contains("longest write gap, growing"), "{table}");
    let mut lines = restored.lines();
    let recovery = lines.find(|line| line.starts_with("Recovery took "));
    recovery.unwrap().to_owned()
}

#[test]
fn it_plays_on_3_4() {
    let recovery = plays_on_etcd("--release=3.4");
    println!("{recovery}");
}

#[test]
fn it_plays_on_3_5() {
    let recovery = plays_on_etcd(ON_3_5);
    println!("{recovery}");
}

#[test]
fn on_kubernetes_a_single_master_becomes_three_and_the_api_outlives_each_of_them() {
    let said = play(
        ON_KUBERNETES,
        &[
            "Cluster prod: 3 voting members, tolerates 1 failure.",
            "etcd: m3 m1 m2",
            "objects written without m1",
            "objects written without m2",
            "objects written without m3",
        ],
    );
    let (_, table) = said.split_once("  Proven\n").unwrap();
    let acknowledged = number(table, "writes acknowledged");
    // Each master's death was outlived by 50.
    assert!(acknowledged > 150, "{table}");
    for row in ["of these on m1, m2 and m3", "of these told by the watch"] {
        assert_eq!(number(table, row), acknowledged);
    }
    assert!(number(table, "times the watch went on") > 0, "{table}");
    assert_eq!(number(table, "objects from before, on each"), 13);
    for what in [
        "apiservers repointed",
        "m1 killed",
        "m2 killed",
        "m3 killed",
    ] {
        assert!(table.contains(&format!("longest write gap, {what}")));
    }
    // The very last words are those of an apiserver that survives.
    let (_, last) = table.split_once("$ kubectl").unwrap();
    for object in ["boat.example.com/sloop", "secret/furniture-4"] {
        assert!(last.contains(object), "{last}");
    }
    // How long the gaps were.
    println!("{table}");
}

/// Starts a demo, and returns once it has hosts: it, its output, and the directory they are in.
fn playing(on: &str) -> (Child, Lines<BufReader<ChildStdout>>, PathBuf) {
    let mut playing = demo(on)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(playing.stdout.take().unwrap()).lines();
    let hosts = lines.find_map(|line| line.ok().filter(|line| line.starts_with("Three hosts: ")));
    let hosts = hosts.unwrap();
    let (_, rest) = hosts.split_once("198.18.").unwrap();
    let (slot, _) = rest.split_once('.').unwrap();
    let dir = PathBuf::from("/var/tmp/etcdha-testbed").join(slot);
    (playing, lines, dir)
}

/// Ends a demo once it has shown a line that begins so.
fn is_told_to_end_after(on: &str, line: &str) {
    let (playing, mut lines, dir) = playing(on);
    let before = dir.metadata().unwrap().ino();
    let shown = lines.find(|shown| shown.as_ref().is_ok_and(|shown| shown.starts_with(line)));
    assert!(shown.is_some(), "{line} was never shown");
    // Whoever reads no more must not keep it from cleaning up.
    drop(lines);

    kill_process(Pid::from_child(&playing), Signal::TERM).unwrap();
    let output = playing.wait_with_output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("told to end"), "{said}");
    // Another bed may have taken the slot meanwhile, and made the directory anew.
    assert_ne!(dir.metadata().map(|now| now.ino()).ok(), Some(before));
}

#[test]
fn one_that_is_told_to_end_removes_its_hosts() {
    is_told_to_end_after(ON_3_5, "m1 has kubeadm's certificates");
}

#[test]
fn one_on_kubernetes_that_is_told_to_end_removes_its_hosts() {
    is_told_to_end_after(ON_KUBERNETES, "Each has containerd");
}
