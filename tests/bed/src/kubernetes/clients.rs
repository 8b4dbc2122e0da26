//! A writer and a watcher of the Kubernetes API, which keep books: is every acknowledged object there,
//! and did the watch tell of it?
//!
//! Invariant: an object's name is used once. A write whose answer was lost is never tried again under
//! its name, so an acknowledged one is either there or lost.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::api::{Api, url};
use crate::host::Host;
use crate::wait;

/// Pause between two writes, and between two watches.
const PAUSE: Duration = Duration::from_millis(100);
/// So often in a row the watch may be refused. An apiserver that has just started knows no events from
/// before ("too old resource version"), and the next one is asked.
const REFUSALS: u32 = 10;

#[derive(Debug, Default)]
struct Books {
    acked: BTreeSet<String>,
    failed: Vec<String>,
    watched: BTreeSet<String>,
    watches: usize,
    refused_in_a_row: u32,
    broken: Vec<String>,
    last: Option<Instant>,
    longest_gap: Duration,
}

/// What the clients and their owner share.
#[derive(Debug, Default)]
struct Shared {
    books: Mutex<Books>,
    over: AtomicBool,
    /// The program that watches, to be ended from outside.
    watching: Mutex<Option<Child>>,
}

/// What was proven of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiProof {
    /// Objects whose creation an apiserver acknowledged. Each is listed, and was told by the watch.
    pub acked: usize,
    /// Creations that were not acknowledged; these may have happened or not.
    pub failed: usize,
    /// How often the watch was asked for, each time from the event that was last seen.
    pub watches: usize,
}

/// The running clients. They end when this value is dropped.
#[derive(Debug)]
pub struct ApiClients {
    api: Api,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl ApiClients {
    /// Starts to write and to watch.
    ///
    /// # Errors
    /// The first apiserver does not answer.
    pub fn start(api: Api) -> Result<ApiClients> {
        let (_, version) = api.list(&api.server(0))?;
        let shared = Arc::new(Shared::default());
        let mut clients = ApiClients {
            api: api.clone(),
            shared: Arc::clone(&shared),
            threads: Vec::new(),
        };
        let (write_api, write_shared) = (api.clone(), Arc::clone(&shared));
        let writer = thread::spawn(move || write(&write_api, &write_shared));
        clients.threads.push(writer);
        let watcher = thread::spawn(move || watch(&api, &shared, version));
        clients.threads.push(watcher);
        Ok(clients)
    }

    /// Waits until so many more objects are acknowledged.
    ///
    /// # Errors
    /// The deadline passed; the error tells the last failure.
    pub async fn wait_for(&self, more: usize, deadline: Duration) -> Result<()> {
        let goal = self.acked() + more;
        wait::until_async("more acknowledged objects", deadline, async || {
            let books = lock(&self.shared.books);
            let last = books.failed.last().cloned().unwrap_or_default();
            let found = books.acked.len();
            ensure!(found >= goal, "{found} of {goal}: {last}");
            Ok(())
        })
        .await
    }

    /// Returns how many objects were acknowledged.
    pub fn acked(&self) -> usize {
        lock(&self.shared.books).acked.len()
    }

    /// Returns how many creations were not acknowledged.
    pub fn failed(&self) -> usize {
        lock(&self.shared.books).failed.len()
    }

    /// Returns the longest time between two acknowledged objects since this was last asked, or
    /// between the last one and now, and begins to measure anew.
    pub fn longest_gap(&self) -> Duration {
        let mut books = lock(&self.shared.books);
        let open = books.last.map(|last| last.elapsed()).unwrap_or_default();
        std::mem::take(&mut books.longest_gap).max(open)
    }

    /// Writes no more, and proves that each of these apiservers lists every acknowledged object and
    /// that the watch told of each.
    ///
    /// # Errors
    /// An object is lost, an event was missed, or the watch could not go on where it had ended.
    pub async fn prove(mut self, hosts: &[&Host], deadline: Duration) -> Result<ApiProof> {
        let acked = lock(&self.shared.books).acked.clone();
        wait::until_async("the watch to tell of every object", deadline, async || {
            let books = lock(&self.shared.books);
            let missed = acked.difference(&books.watched).next();
            ensure!(missed.is_none(), "{missed:?} of {} is missing", acked.len());
            Ok(())
        })
        .await?;
        self.are_stored(hosts)?;
        let books = lock(&self.shared.books);
        ensure!(
            books.broken.is_empty(),
            "the watch could not go on without a gap: {:?}",
            books.broken
        );
        Ok(ApiProof {
            acked: acked.len(),
            failed: books.failed.len(),
            watches: books.watches,
        })
    }

    /// Writes no more, and proves that each of these apiservers lists every acknowledged object; returns
    /// how many. Where there is one apiserver, a watch can't go on where it was: its cache begins with
    /// its process.
    ///
    /// # Errors
    /// An object is lost.
    pub fn prove_stored(mut self, hosts: &[&Host]) -> Result<usize> {
        self.are_stored(hosts)
    }

    fn are_stored(&mut self, hosts: &[&Host]) -> Result<usize> {
        self.end();
        let acked = lock(&self.shared.books).acked.clone();
        for host in hosts {
            let (listed, _) = self.api.list(&url(host))?;
            let lost: Vec<_> = acked.difference(&listed).collect();
            ensure!(
                lost.is_empty(),
                "{} of {} acknowledged objects are lost as {} lists them: {lost:?}",
                lost.len(),
                acked.len(),
                host.name()
            );
        }
        Ok(acked.len())
    }

    fn end(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(child) = lock(&self.shared.watching).as_mut() {
            let _ = child.kill();
        }
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

fn write(api: &Api, shared: &Shared) {
    let mut turn = 0;
    for number in 0.. {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        let (server, name) = (api.server(turn), format!("written-{number:05}"));
        let created = api.create(&server, &name);
        let mut books = lock(&shared.books);
        match created {
            Ok(()) => books.note(name),
            Err(error) => {
                books.failed.push(format!("{server}: {error:#}"));
                turn += 1;
            }
        }
        drop(books);
        thread::sleep(PAUSE);
    }
}

/// Watches on from the version it has seen, at whichever apiserver answers.
fn watch(api: &Api, shared: &Shared, mut version: String) {
    for turn in 0.. {
        if let Err(error) = watch_once(api, shared, turn, &mut version) {
            lock(&shared.books).broken.push(format!("{error:#}"));
        }
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(PAUSE);
    }
}

fn watch_once(api: &Api, shared: &Shared, turn: usize, version: &mut String) -> Result<()> {
    let mut child = api
        .watch(&api.server(turn), version)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start curl")?;
    let output = child.stdout.take().context("curl has an output")?;
    *lock(&shared.watching) = Some(child);
    // Whoever ended the clients just before saw no program yet.
    if !shared.over.load(Ordering::Relaxed) {
        lock(&shared.books).watches += 1;
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(seen) = lock(&shared.books).note_event(&line) {
                *version = seen;
            }
        }
    }
    if let Some(mut child) = lock(&shared.watching).take() {
        let _ = child.kill();
        let _ = child.wait();
    }
    Ok(())
}

impl Books {
    fn note(&mut self, name: String) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest_gap = self.longest_gap.max(now - last);
        }
        self.acked.insert(name);
    }

    /// Takes an event and returns its version. The end of a line may have been lost with the server.
    fn note_event(&mut self, line: &str) -> Option<String> {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        match event["type"].as_str()? {
            "ADDED" => {
                let name = event["object"]["metadata"]["name"].as_str()?;
                self.watched.insert(name.to_owned());
            }
            "ERROR" => {
                self.refused_in_a_row += 1;
                if self.refused_in_a_row > REFUSALS {
                    self.broken.push(line.to_owned());
                }
                return None;
            }
            _ => {}
        }
        self.refused_in_a_row = 0;
        let version = event["object"]["metadata"]["resourceVersion"].as_str()?;
        Some(version.to_owned())
    }
}

pub(super) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
