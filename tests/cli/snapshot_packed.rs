//! Snapshots that were packed by other programs: zstd, gzip and age of Debian.

#![expect(
    clippy::disallowed_methods,
    reason = "the programs of zstd, gzip and age are what it is held against"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Sandbox, expect};

const SNAPSHOT: &[u8] = include_bytes!("../data/snapshots/etcd-3.5-auth.snapshot.db");

fn shell(sandbox: &Sandbox, script: &str) {
    let ended = Command::new("sh")
        .args(["-euc", script])
        .current_dir(sandbox.path())
        .status();
    assert!(ended.unwrap().success(), "{script}");
}

/// A snapshot, packed in every way, and a key for those that are encrypted.
fn packed() -> Sandbox {
    let sandbox = Sandbox::with_state();
    put(&sandbox, "plain.db", SNAPSHOT);
    shell(
        &sandbox,
        "umask 077; age-keygen -o id 2>/dev/null; age-keygen -o other 2>/dev/null
         to=$(age-keygen -y id)
         zstd -q plain.db -o a; zstd -q -19 --long=27 plain.db -o b; gzip -c plain.db > c
         cat plain.db | zstd -q -c > d; age -r \"$to\" -o e plain.db; age -r \"$to\" -o f a
         age -r \"$(age-keygen -y other)\" -r \"$to\" -o g c; gzip -c f > h",
    );
    sandbox
}

fn put(sandbox: &Sandbox, name: &str, bytes: &[u8]) {
    etcdha::sys::files::write_atomic(&sandbox.path().join(name), bytes, 0o600).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_reader_takes_what_others_have_packed_whatever_its_name() {
    let sandbox = packed();
    let plain = |command: &str| expect(0, sandbox.run(&format!("{command} plain.db"))).stdout;
    let commands = ["snapshot status", "snapshot hashkv", "snapshot inspect"];
    for command in commands {
        let expected = plain(command);
        for file in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let found = sandbox.run(&format!("{command} {file} --identity id"));
            assert_eq!(expect(0, found).stdout, expected, "{command} {file}");
        }
    }
    expect(0, sandbox.run("snapshot verify f --identity id"));
    let restore = "snapshot restore f --identity id --data-dir data --yes";
    expect(0, sandbox.run(restore));
    expect(
        0,
        sandbox.run("snapshot verify data/member/snap/db --skip-hash-check"),
    );
    // Again: it is there, made of the same snapshot.
    expect(0, sandbox.run(restore));
}

#[test]
fn who_has_no_key_is_told_and_a_key_for_all_to_read_is_refused() {
    let sandbox = packed();
    let told = expect(1, sandbox.run("snapshot status e"));
    assert!(told.stderr.contains("--identity FILE"), "{}", told.stderr);
    let told = expect(1, sandbox.run("snapshot status e --identity other"));
    assert!(
        told.stderr.contains("encrypted to others"),
        "{}",
        told.stderr
    );
    mode(&sandbox.path().join("id"), 0o640);
    let told = expect(2, sandbox.run("snapshot status e --identity id"));
    assert!(told.stderr.contains("chmod 600 id"), "{}", told.stderr);
    sandbox.file("notes", "# keys\nhush\n");
    mode(&sandbox.path().join("notes"), 0o600);
    let told = expect(2, sandbox.run("snapshot status e --identity notes"));
    assert!(told.stderr.contains("notes: line 2"), "{}", told.stderr);
    assert!(!told.stderr.contains("hush"), "{}", told.stderr);
}

#[test]
fn damage_and_bombs_end_with_5_and_nothing_is_left() {
    let sandbox = packed();
    for file in ["a", "c", "e", "f"] {
        let mut bytes = fs::read(sandbox.path().join(file)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        put(&sandbox, "flipped", &bytes);
        let told = expect(5, sandbox.run("snapshot verify flipped --identity id"));
        assert!(
            told.stderr.contains("flipped is damaged"),
            "{}",
            told.stderr
        );
        bytes.truncate(middle);
        put(&sandbox, "cut", &bytes);
        expect(5, sandbox.run("snapshot status cut --identity id"));
    }
    // More comes out than the record says.
    let record = include_str!("../../fuzz/corpus/snapshot_record/proven.json");
    sandbox.file("bomb.json", record);
    shell(&sandbox, "head -c 100000000 /dev/zero | zstd -q -c > bomb");
    fs::create_dir(sandbox.path().join("scratch")).unwrap();
    let told = expect(5, sandbox.run("snapshot verify bomb --scratch scratch"));
    assert!(
        told.stderr.contains("than the 24608 bytes"),
        "{}",
        told.stderr
    );
    assert!(sandbox.files_below("scratch").is_empty());
    let told = expect(1, sandbox.run("snapshot verify a --scratch nowhere"));
    assert!(told.stderr.contains("nowhere"), "{}", told.stderr);
}

#[test]
fn places_and_packings_that_are_none_are_usage() {
    let sandbox = Sandbox::with_state();
    for words in [
        "snapshot list s3://",
        "snapshot list gs://bucket",
        "snapshot save . --compress xz",
        "snapshot save . --compress zstd:99",
        "snapshot save . --recipient age1nobody",
        "snapshot list s3://etcd/prod",
        "snapshot list s3://etcd/prod --s3-endpoint minio:9000",
    ] {
        expect(2, sandbox.run(words));
    }
    let secret = "AGE-SECRET-KEY-1QQQQQQQQQ";
    let told = expect(
        2,
        sandbox.run(&format!("snapshot save . --recipient {secret}")),
    );
    assert!(told.stderr.contains("a secret key"), "{}", told.stderr);
    sandbox.file("creds", "[default]\naws_access_key_id = A\n");
    let told = expect(
        2,
        sandbox.run("snapshot list s3://etcd --s3-credentials creds"),
    );
    assert!(told.stderr.contains("chmod 600"), "{}", told.stderr);
}
