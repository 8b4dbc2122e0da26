//! `etcdha snapshot restore` on files that real servers wrote.

mod cluster;
mod every_step;
mod faults;
mod files;
mod killed;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Sandbox;

/// What the official tool restored of `etcd-VERSION-compact44tomb`.
const THREE: &str = "m1=http://127.0.0.1:7380,m2=http://127.0.0.1:7381,m3=http://127.0.0.1:7382";

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// A sandbox with a real snapshot as `s.db`.
fn sandbox(snapshot: &str) -> Sandbox {
    let sandbox = Sandbox::with_state();
    let bytes = fs::read(data("snapshots").join(snapshot)).unwrap();
    place(&sandbox, "s.db", &bytes);
    sandbox
}

fn place(sandbox: &Sandbox, name: &str, bytes: &[u8]) {
    etcdha::sys::files::write_atomic(&sandbox.path().join(name), bytes, 0o600).unwrap();
}

/// Names in the sandbox apart from its state directory and the snapshot.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let mut names = etcdha::sys::files::list(sandbox.path()).unwrap();
    names.retain(|name| name != "state" && name != "s.db");
    names
}
