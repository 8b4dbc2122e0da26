//! Damage of every class, and every command that reads a snapshot: it ends soon, with 5 or a true answer,
//! names the file, and writes nothing. What `verify` finds of each byte is tested beside its code.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use etcdha::datadir::bolt::{BucketRoot, Image};
use sha2::{Digest, Sha256};

use crate::harness::{Run, Sandbox, expect};

const PAGE: usize = 4096;
const DIGEST: usize = 32;
/// Far more than any of these takes, also on a machine that is busy with compilers.
const PATIENCE: Duration = Duration::from_secs(20);

fn sample(name: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/snapshots");
    fs::read(data.join(name)).unwrap()
}

fn auth() -> Vec<u8> {
    sample("etcd-3.5-auth.snapshot.db")
}

/// The same with a digest that fits again, so that only the change tells.
fn with_digest(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - DIGEST);
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

struct Bench {
    sandbox: Sandbox,
}

impl Bench {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::with_state(),
        }
    }

    fn place(&self, bytes: &[u8]) {
        let path = self.sandbox.path().join("s.db");
        etcdha::sys::files::write_atomic(&path, bytes, 0o600).unwrap();
    }

    fn run(&self, words: &str, what: &str) -> Run {
        let since = Instant::now();
        let run = self.sandbox.run(words);
        assert!(since.elapsed() < PATIENCE, "{words}: {what}");
        assert!(matches!(run.code, 0 | 5), "{what}: {words}: {}", run.all());
        assert!(run.code == 0 || run.all().contains("s.db"), "{}", run.all());
        assert!(!run.stderr.contains("panicked"), "{what}: {}", run.all());
        run
    }

    /// `verify` and `restore` say that it is damaged, and nothing is written.
    fn is_refused(&self, bytes: &[u8], what: &str) {
        self.place(bytes);
        for words in ["status", "hashkv", "inspect"] {
            self.run(&format!("snapshot {words} s.db"), what);
        }
        let verify = self.run("snapshot verify s.db", what);
        assert_eq!(verify.code, 5, "{what}: {}", verify.all());
        let words = "snapshot restore s.db --yes --data-dir etcd --wal-dir wal";
        let restore = self.run(words, what);
        assert_eq!(restore.code, 5, "{what}: {}", restore.all());
        self.nothing_is_written(what);
    }

    fn nothing_is_written(&self, what: &str) {
        let names = etcdha::sys::files::list(self.sandbox.path()).unwrap();
        assert_eq!(names, ["s.db"], "{what}");
    }
}

/// Where the image's parts are, each with a name.
fn places(bytes: &[u8]) -> Vec<(&'static str, usize)> {
    let image = Image::open(bytes).unwrap();
    let newest = match image.meta().txid.is_multiple_of(2) {
        true => 0,
        false => PAGE,
    };
    let page = |id: u64| usize::try_from(id).unwrap() * PAGE;
    let root = page(image.meta().root);
    let buckets = image.buckets().unwrap();
    let key = buckets.iter().find(|bucket| bucket.name == b"key").unwrap();
    let BucketRoot::Page(key) = key.root else {
        panic!("the sample's keys have a page of their own")
    };
    let key = page(key);
    let value = bytes.windows(64).position(|run| run == [b'A'; 64]).unwrap();
    let user_key = bytes.windows(4).position(|run| run == b"auth").unwrap();
    vec![
        ("digest", bytes.len() - DIGEST),
        ("digest's end", bytes.len() - 1),
        ("page id of the newest meta", newest),
        ("magic", newest + 16),
        ("version", newest + 20),
        ("page size", newest + 24),
        ("root", newest + 32),
        ("freelist", newest + 48),
        ("high-water mark", newest + 56),
        ("txid", newest + 64),
        ("checksum of the meta", newest + 72),
        ("root's page id", root),
        ("root's flags", root + 8),
        ("root's count", root + 10),
        ("root's overflow", root + 12),
        ("root's first element, flags", root + 16),
        ("root's first element, position", root + 20),
        ("root's first element, key size", root + 24),
        ("root's first element, value size", root + 28),
        ("keys' page id", key),
        ("keys' flags", key + 8),
        ("keys' count", key + 10),
        ("keys' overflow", key + 12),
        ("keys' first element, flags", key + 16),
        ("keys' first element, position", key + 20),
        ("keys' first element, key size", key + 24),
        ("keys' first element, value size", key + 28),
        ("a bucket's name", user_key),
        ("a value", value + 7),
    ]
}

#[test]
fn a_flip_of_any_class_is_told_and_nothing_is_restored() {
    let bench = Bench::new();
    let whole = auth();
    for (number, (what, place)) in places(&whole).into_iter().enumerate() {
        let mut bytes = whole.clone();
        // A small change and a large one in turn.
        bytes[place] ^= [1, 0x40][number % 2];
        bench.is_refused(&bytes, what);
    }
}

#[test]
fn a_flip_that_no_digest_tells_never_ends_badly() {
    let bench = Bench::new();
    let whole = auth();
    for (what, place) in places(&whole) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x40;
        bench.place(&with_digest(bytes));
        for words in ["status", "hashkv", "inspect", "verify"] {
            bench.run(&format!("snapshot {words} s.db"), what);
        }
        let restored = bench.run("snapshot restore s.db --yes --data-dir etcd", what);
        match restored.code {
            0 => fs::remove_dir_all(bench.sandbox.path().join("etcd")).unwrap(),
            _ => assert!(!bench.sandbox.has("etcd"), "{what}"),
        }
        // The receipts of those that were restored.
        let _ = fs::remove_dir_all(bench.sandbox.path().join("state"));
        bench.nothing_is_written(what);
    }
}

#[test]
fn a_file_cut_at_any_boundary_is_told() {
    let bench = Bench::new();
    let whole = auth();
    let image = whole.len() - DIGEST;
    let mut cuts = vec![0, 1, 16, 79, 80, image, image + 1, whole.len() - 1];
    for page in 1..=image / PAGE {
        let at = page * PAGE;
        cuts.extend([at - 1, at + 16, at + DIGEST]);
        // A whole number of pages, which looks like a copy of a database.
        cuts.push(at);
    }
    cuts.retain(|cut| *cut < whole.len());
    cuts.sort_unstable();
    cuts.dedup();
    for cut in cuts {
        bench.is_refused(&whole[..cut], &format!("cut at {cut}"));
    }
}

#[test]
fn other_files_and_versions_are_told() {
    let bench = Bench::new();
    let whole = auth();
    let swapped = {
        // The pages of one snapshot with the digest of another.
        let other = sample("etcd-3.6-auth.snapshot.db");
        let image = whole.len() - DIGEST;
        [&whole[..image], &other[other.len() - DIGEST..]].concat()
    };
    let text = b"apiVersion: v1\n".repeat(2_000);
    let archive = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[7; 50_000]].concat();
    let future = with_version(&whole, 3);
    for (what, bytes) in [
        ("another's digest", swapped),
        ("text", text),
        ("an archive", archive),
        ("zeros", vec![0; 100_000]),
        ("twice", whole.repeat(2)),
        ("bbolt of another version", future),
    ] {
        bench.is_refused(&bytes, what);
    }
}

/// A bbolt image whose metas say, with checksums that fit, that it is of another version.
fn with_version(bytes: &[u8], version: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for meta in [16, PAGE + 16] {
        bytes[meta + 4..meta + 8].copy_from_slice(&version.to_le_bytes());
        // FNV-1a of what comes before it (bbolt's meta.sum64).
        let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in &bytes[meta..meta + 56] {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        bytes[meta + 56..meta + 64].copy_from_slice(&sum.to_le_bytes());
    }
    with_digest(bytes)
}

#[test]
fn what_is_swapped_in_a_directory_of_snapshots_is_told() {
    let sandbox = Sandbox::with_state();
    let place = |name: &str, bytes: &[u8]| {
        let path = sandbox.path().join(name);
        etcdha::sys::files::ensure_dir(path.parent().unwrap(), 0o755).unwrap();
        etcdha::sys::files::write_atomic(&path, bytes, 0o600).unwrap();
    };
    let whole = auth();
    place("b/a.db", &whole);
    expect(0, sandbox.run("snapshot list b"));
    place("b/a.db.json", b"{}");
    let run = expect(5, sandbox.run("snapshot list b"));
    assert!(run.stdout.contains("damaged"), "{}", run.all());
    place("b/a.db.json", &b"[".repeat(100_000));
    expect(5, sandbox.run("snapshot list b"));
    place("b/a.db", b"");
    fs::remove_file(sandbox.path().join("b/a.db.json")).unwrap();
    expect(5, sandbox.run("snapshot list b"));
}
