//! A writer and a watcher of the Kubernetes API, which keep books: is every acknowledged object there,
//! and did the watch tell of it?
//!
//! Invariant: an object's name is used once. A write whose answer was lost is never tried again under
//! its name, so an acknowledged one is either there or lost.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use etcdha_testbed::{Host, capture, wait};

const MAPS: &str = "api/v1/namespaces/default/configmaps";

/// Pause between two writes.
const PAUSE: Duration = Duration::from_millis(100);

/// Seconds that a call may take; seconds after which a watch is asked for anew.
const CALL: &str = "5";
const WATCH: &str = "20";

/// How to reach the apiservers: kubeadm's client pair of the apiservers is in the group of masters.
#[derive(Clone)]
pub(super) struct Api {
    pki: PathBuf,
    servers: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Asks the apiservers of these hosts, with the files of the first.
    pub(super) fn of(hosts: &[&Host]) -> Api {
        let api = Api {
            pki: hosts[0].path("/etc/kubernetes/pki"),
            servers: Arc::default(),
        };
        api.use_hosts(hosts);
        api
    }

    /// Asks these from now on.
    pub(super) fn use_hosts(&self, hosts: &[&Host]) {
        let urls = hosts
            .iter()
            .map(|host| format!("https://{}:6443", host.address()));
        *lock(&self.servers) = urls.collect();
    }

    fn server(&self, turn: usize) -> String {
        let servers = lock(&self.servers);
        servers[turn % servers.len()].clone()
    }

    fn curl(&self) -> Command {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--no-buffer",
        ])
        .arg("--cacert")
        .arg(self.pki.join("ca.crt"))
        .arg("--cert")
        .arg(self.pki.join("apiserver-kubelet-client.crt"))
        .arg("--key")
        .arg(self.pki.join("apiserver-kubelet-client.key"));
        curl
    }

    fn create(&self, server: &str, name: &str) -> Result<()> {
        let body = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"by": "writer"}}, "data": {"name": name},
        });
        let mut curl = self.curl();
        curl.args([
            "--max-time",
            CALL,
            "--header",
            "Content-Type: application/json",
        ])
        .args(["--data", &body.to_string()])
        .arg(format!("{server}/{MAPS}"));
        let output = capture(&mut curl)?;
        ensure!(
            output.status.success(),
            "{}{}",
            output.stdout,
            output.stderr
        );
        Ok(())
    }

    /// The names of the writer's objects as one apiserver lists them, and the list's version.
    fn list(&self, server: &str) -> Result<(BTreeSet<String>, String)> {
        let mut curl = self.curl();
        curl.args(["--max-time", CALL])
            .arg(format!("{server}/{MAPS}?labelSelector=by%3Dwriter"));
        let output = capture(&mut curl)?;
        ensure!(
            output.status.success(),
            "{}{}",
            output.stdout,
            output.stderr
        );
        let list: serde_json::Value = serde_json::from_str(&output.stdout)?;
        let items = list["items"].as_array().context("a list has items")?;
        let names = items
            .iter()
            .filter_map(|item| item["metadata"]["name"].as_str());
        let version = list["metadata"]["resourceVersion"].as_str();
        Ok((
            names.map(str::to_owned).collect(),
            version.context("a list has a version")?.to_owned(),
        ))
    }
}

#[derive(Default)]
struct Books {
    acked: BTreeSet<String>,
    failed: Vec<String>,
    watched: BTreeSet<String>,
    watches: usize,
    broken: Vec<String>,
    last: Option<Instant>,
    longest_gap: Duration,
}

/// The running clients. They end when this value is dropped.
pub(super) struct ApiClients {
    api: Api,
    books: Arc<Mutex<Books>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl ApiClients {
    /// Starts to write and to watch.
    pub(super) fn start(api: Api) -> ApiClients {
        let (_, version) = api.list(&api.server(0)).unwrap();
        let books = Arc::new(Mutex::new(Books::default()));
        let over = Arc::new(AtomicBool::new(false));
        let run = |work: fn(&Api, &Mutex<Books>, &AtomicBool, String), with: String| {
            let (api, books, over) = (api.clone(), Arc::clone(&books), Arc::clone(&over));
            thread::spawn(move || work(&api, &books, &over, with))
        };
        let threads = vec![run(write, String::new()), run(watch, version)];
        ApiClients {
            api,
            books,
            over,
            threads,
        }
    }

    /// Waits until so many more objects are acknowledged.
    pub(super) fn wait_for(&self, more: usize, deadline: Duration) {
        let goal = lock(&self.books).acked.len() + more;
        wait::until("more acknowledged objects", deadline, || {
            let books = lock(&self.books);
            let last = books.failed.last().cloned().unwrap_or_default();
            ensure!(
                books.acked.len() >= goal,
                "{} of {goal}: {last}",
                books.acked.len()
            );
            Ok(())
        })
        .unwrap();
    }

    /// The longest time between two acknowledged objects since this was last asked.
    pub(super) fn longest_gap(&self) -> Duration {
        let mut books = lock(&self.books);
        let open = books.last.map(|last| last.elapsed()).unwrap_or_default();
        std::mem::take(&mut books.longest_gap).max(open)
    }

    /// Writes no more, and proves that each of these apiservers lists every acknowledged object and
    /// that the watch told of each.
    pub(super) fn prove(mut self, hosts: &[&Host], deadline: Duration) -> usize {
        let acked = lock(&self.books).acked.clone();
        wait::until("the watch to tell of every object", deadline, || {
            let books = lock(&self.books);
            let missed = acked.difference(&books.watched).next();
            ensure!(missed.is_none(), "{missed:?} of {} is missing", acked.len());
            Ok(())
        })
        .unwrap();
        self.end();
        for host in hosts {
            let server = format!("https://{}:6443", host.address());
            let (listed, _) = self.api.list(&server).unwrap();
            let lost: Vec<_> = acked.difference(&listed).collect();
            assert_eq!(
                lost,
                Vec::<&String>::new(),
                "lost as {} lists it",
                host.name()
            );
        }
        let books = lock(&self.books);
        assert_eq!(books.broken, [""; 0], "the watch went on without a gap");
        assert!(books.watches > 1, "the watch had to be asked for anew");
        acked.len()
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for ApiClients {
    fn drop(&mut self) {
        self.end();
    }
}

fn write(api: &Api, books: &Mutex<Books>, over: &AtomicBool, _: String) {
    let mut turn = 0;
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let (server, name) = (api.server(turn), format!("written-{number:05}"));
        match api.create(&server, &name) {
            Ok(()) => lock(books).note(name),
            Err(error) => {
                lock(books).failed.push(format!("{server}: {error:#}"));
                turn += 1;
            }
        }
        thread::sleep(PAUSE);
    }
}

impl Books {
    fn note(&mut self, name: String) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest_gap = self.longest_gap.max(now - last);
        }
        self.acked.insert(name);
    }
}

/// Watches on from the version it has seen, at whichever apiserver answers.
fn watch(api: &Api, books: &Mutex<Books>, over: &AtomicBool, mut version: String) {
    for turn in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let server = api.server(turn);
        let url = format!(
            "{server}/{MAPS}?watch=1&labelSelector=by%3Dwriter&timeoutSeconds={WATCH}&resourceVersion={version}"
        );
        let mut curl = api.curl();
        // A server that is cut off says nothing at all.
        curl.args(["--max-time", WATCH, &url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = curl.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some(seen) = lock(books).note_event(&line) {
                version = seen;
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
        lock(books).watches += 1;
        let _ = child.kill();
        let _ = child.wait();
        thread::sleep(PAUSE);
    }
}

impl Books {
    /// Takes an event and returns its version. The end of a line may have been lost with the server.
    fn note_event(&mut self, line: &str) -> Option<String> {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        match event["type"].as_str()? {
            "ADDED" => {
                let name = event["object"]["metadata"]["name"].as_str()?;
                self.watched.insert(name.to_owned());
            }
            "ERROR" => self.broken.push(line.to_owned()),
            _ => {}
        }
        let version = event["object"]["metadata"]["resourceVersion"].as_str()?;
        Some(version.to_owned())
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
