//! Killed at any moment: no certificate without its key, no pair that is none, and the next run
//! completes.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use x509_parser::prelude::{FromDer, X509Certificate};

use super::leaves::leaves;
use crate::harness::{Run, Sandbox, expect};
use crate::openssl::demand;

const NODES: usize = 75;
const KILLS: usize = 32;
/// Attempts that ended before their kill; each of them teaches how long a run takes.
const MISSES: usize = 200;

fn words(dir: &str) -> Vec<String> {
    let mut words: Vec<String> = ["certs", "gen", "--pki-dir", dir].map(str::to_owned).into();
    for number in 1..=NODES {
        words.push(format!("--member=m{number}=10.0.1.{number}"));
    }
    words
}

fn run(sandbox: &Sandbox, dir: &str) -> Run {
    let words = words(dir);
    sandbox.run_words(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn start(sandbox: &Sandbox, dir: &str) -> Child {
    let words = words(dir);
    sandbox.start(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After this share of the time an undisturbed run takes.
    Share(f64),
    /// As soon as this node's last certificate can be seen: the pairs appear all at once at the end,
    /// which a clock would hardly hit.
    Seen(usize),
}

impl Moment {
    /// The kills, spread evenly over the whole run in an order that jumps about.
    fn of(kill: usize) -> Self {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        let share = (kill as f64 * GOLDEN).fract();
        match kill % 2 {
            0 => Self::Share(share),
            _ => Self::Seen(1 + (share * NODES as f64) as usize),
        }
    }

    /// Waits for it; false where the run ended before.
    fn is_met(self, child: &mut Child, dir: &Path, whole: Duration) -> bool {
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            let is_now = match self {
                Self::Share(share) => started.elapsed() >= whole.mul_f64(share),
                Self::Seen(node) => dir
                    .join(format!("nodes/m{node}/apiserver-etcd-client.crt"))
                    .exists(),
            };
            if is_now {
                return true;
            }
            thread::sleep(Duration::from_micros(200));
        }
        false
    }
}

/// Certificate and key below `dir`, where there is a certificate, belong together and are whole.
/// Whatever else is there is whole or has a name that starts with a dot.
fn sound_pairs(sandbox: &Sandbox, dir: &str, when: &str) -> usize {
    let root = sandbox.path().join(dir);
    let mut pairs = 0;
    for file in sandbox.files_below(dir) {
        let path = root.join(&file);
        let name = path.file_name().unwrap().to_str().unwrap();
        if file.ends_with(".key") || name.contains(".key.") {
            let mode = sandbox.mode(&format!("{dir}/{file}"));
            assert_eq!(mode, 0o600, "{file} {when}");
        }
        if name.starts_with('.') {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if file.ends_with(".key") {
            assert!(rcgen::KeyPair::from_pem(&text).is_ok(), "{file} {when}");
            continue;
        }
        let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes())
            .unwrap_or_else(|error| panic!("{file} {when}: {error}"));
        let (_, cert) = X509Certificate::from_der(&pem.contents).unwrap();
        if file.starts_with("nodes/") && file.ends_with("/ca.crt") {
            continue;
        }
        let key = fs::read_to_string(path.with_extension("key"))
            .unwrap_or_else(|error| panic!("{file} without its key {when}: {error}"));
        let key = rcgen::KeyPair::from_pem(&key).unwrap();
        assert_eq!(
            rcgen::PublicKeyData::subject_public_key_info(&key),
            cert.public_key().raw,
            "{file} {when}"
        );
        pairs += 1;
    }
    pairs
}

/// The next run completes: every pair is there, nothing is left over, openssl verifies all.
fn completes(sandbox: &Sandbox, dir: &str, when: &str) {
    let ca = fs::read(sandbox.path().join(dir).join("etcd/ca.crt"));
    expect(0, run(sandbox, dir));
    assert_eq!(sound_pairs(sandbox, dir, when), 1 + 4 * NODES, "{when}");
    let files = sandbox.files_below(dir);
    assert_eq!(files.len(), 2 + 9 * NODES, "{when}");
    if let Ok(ca) = ca {
        let now = fs::read(sandbox.path().join(dir).join("etcd/ca.crt")).unwrap();
        assert_eq!(now, ca, "the CA was made anew {when}");
    }
    let all = (1..=NODES).flat_map(|node| {
        let leaves = leaves("kubeadm", 1).into_iter();
        leaves.map(move |leaf| format!("{dir}/nodes/m{node}/{}", leaf.cert))
    });
    let all: Vec<String> = all.collect();
    let ca = format!("-x509_strict -purpose sslclient -CAfile {dir}/etcd/ca.crt");
    demand(sandbox, &format!("verify {ca} {}", all.join(" ")));
}

/// Starts a run and kills it; false where it ended before.
fn kill(sandbox: &Sandbox, dir: &str, moment: Moment, whole: Duration) -> bool {
    let mut child = start(sandbox, dir);
    let is_met = moment.is_met(&mut child, &sandbox.path().join(dir), whole);
    let _ = child.kill();
    let is_killed = child.wait().unwrap().signal() == Some(9);
    is_met && is_killed
}

#[test]
fn a_kill_at_any_moment_leaves_whole_pairs_and_the_next_run_completes() {
    let sandbox = Sandbox::with_state();
    let started = Instant::now();
    expect(0, run(&sandbox, "undisturbed"));
    let mut whole = started.elapsed();
    let (mut kills, mut misses) = (0, 0);
    while kills < KILLS {
        let moment = Moment::of(kills + misses);
        let dir = format!("run{kills}.{misses}");
        let started = Instant::now();
        if !kill(&sandbox, &dir, moment, whole) {
            misses += 1;
            assert!(misses < MISSES, "runs end before they are killed");
            whole = whole.min(started.elapsed());
            continue;
        }
        kills += 1;
        let mut when = format!("after kill {kills}, {moment:?} of {whole:?}");
        sound_pairs(&sandbox, &dir, &when);
        // Every third is killed once more on its way to the end, with what the first one left.
        if kills.is_multiple_of(3) {
            let again = Moment::of(kills * 7);
            kill(&sandbox, &dir, again, whole);
            when = format!("{when} and again {again:?}");
            sound_pairs(&sandbox, &dir, &when);
        }
        if kills.is_multiple_of(2) {
            completes(&sandbox, &dir, &when);
        }
        fs::remove_dir_all(sandbox.path().join(&dir)).ok();
    }
    let again = expect(0, run(&sandbox, "undisturbed"));
    let kept = format!("{} kept.", 4 * NODES);
    assert!(again.stdout.contains(&kept), "{}", again.stdout);
}
