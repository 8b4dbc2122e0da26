//! A client that writes all the time and keeps books.
//!
//! Invariant: every key is written once, so an acknowledged write is either there, as it was
//! written, or lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use etcd_client::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::etcd::{Acked, ClientTls, connect};

/// How a writer writes.
#[derive(Debug, Clone)]
pub struct WriterConfig {
    /// The members, of which one is used until a write to it fails.
    pub endpoints: Vec<String>,
    /// The client's certificate.
    pub tls: Option<ClientTls>,
    /// The beginning of every key.
    pub prefix: String,
    /// How many writes a second are tried, one after the other.
    pub rate: u32,
    /// How long a write may take before it counts as failed.
    pub deadline: Duration,
}

impl WriterConfig {
    /// Describes 80 writes a second, each of which may take a second.
    pub fn new(endpoints: Vec<String>, tls: Option<ClientTls>) -> WriterConfig {
        WriterConfig {
            endpoints,
            tls,
            prefix: "/testbed/writer/".to_owned(),
            rate: 80,
            deadline: Duration::from_secs(1),
        }
    }
}

/// What a writer has seen so far.
#[derive(Debug, Clone)]
pub struct WriterReport {
    /// Every acknowledged write.
    pub acked: Vec<Acked>,
    /// The errors of the writes that failed; these may have happened or not.
    pub failed: Vec<String>,
    /// The longest time between two acknowledged writes, or between the last one and now.
    pub longest_gap: Duration,
    /// When the longest gap began, counted from the writer's start.
    pub gap_at: Duration,
}

#[derive(Debug)]
struct Books {
    start: Instant,
    last: Instant,
    report: WriterReport,
}

/// A running writer. It ends when this value is dropped.
#[derive(Debug)]
pub struct Writer {
    books: Arc<Mutex<Books>>,
    endpoints: watch::Sender<Vec<String>>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts to write, and returns after the first acknowledged write.
    ///
    /// # Errors
    /// No write succeeds within 20 deadlines.
    pub async fn start(config: WriterConfig) -> Result<Writer> {
        let now = Instant::now();
        let books = Arc::new(Mutex::new(Books {
            start: now,
            last: now,
            report: WriterReport {
                acked: Vec::new(),
                failed: Vec::new(),
                longest_gap: Duration::ZERO,
                gap_at: Duration::ZERO,
            },
        }));
        let patience = config.deadline * 20;
        let (endpoints, receiver) = watch::channel(config.endpoints.clone());
        let task = tokio::spawn(write(config, receiver, Arc::clone(&books)));
        let writer = Writer {
            books,
            endpoints,
            task,
        };
        crate::wait::until_async("the first acknowledged write", patience, async || {
            let report = writer.report();
            let failure = report.failed.last().cloned().unwrap_or_default();
            (!report.acked.is_empty()).then_some(()).context(failure)
        })
        .await?;
        writer.forget_gaps();
        Ok(writer)
    }

    /// Gives the writer other members; it changes to them when its present one fails.
    pub fn set_endpoints(&self, endpoints: Vec<String>) {
        self.endpoints.send_replace(endpoints);
    }

    /// Returns what was seen so far, with a gap that is still open.
    pub fn report(&self) -> WriterReport {
        let mut books = lock(&self.books);
        let open = books.last.elapsed();
        if !self.task.is_finished() && open > books.report.longest_gap {
            books.report.longest_gap = open;
            books.report.gap_at = books.last - books.start;
        }
        books.report.clone()
    }

    /// Returns how many writes were acknowledged.
    pub fn acked(&self) -> usize {
        lock(&self.books).report.acked.len()
    }

    /// Begins to measure gaps anew.
    pub fn forget_gaps(&self) {
        lock(&self.books).report.longest_gap = Duration::ZERO;
    }

    /// Waits until `more` further writes are acknowledged.
    ///
    /// # Errors
    /// The deadline passed.
    pub async fn wait_for(&self, more: usize, deadline: Duration) -> Result<()> {
        let goal = self.acked() + more;
        let what = format!("{more} more acknowledged writes");
        crate::wait::until_async(&what, deadline, async || {
            let found = self.acked();
            (found >= goal)
                .then_some(())
                .with_context(|| format!("{} are missing", goal - found))
        })
        .await
    }

    /// Stops and returns everything that was seen. A write on its way is not waited for.
    pub fn stop(self) -> WriterReport {
        self.task.abort();
        self.report()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(
    config: WriterConfig,
    endpoints: watch::Receiver<Vec<String>>,
    books: Arc<Mutex<Books>>,
) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / config.rate.max(1));
    // After a gap the writer goes on at its rate instead of catching up in a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut client = None;
    let mut turn = 0usize;
    for number in 0u64.. {
        ticks.tick().await;
        let key = format!("{}{number:08}", config.prefix);
        let endpoint = {
            let endpoints = endpoints.borrow();
            endpoints.get(turn % endpoints.len().max(1)).cloned()
        };
        let put = put(&config, endpoint.as_deref(), &mut client, &key);
        let result = tokio::time::timeout(config.deadline, put)
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {:?}", config.deadline)));
        let mut books = lock(&books);
        match result {
            Ok(revision) => books.note(Acked {
                value: value_of(&key),
                key,
                revision,
            }),
            Err(error) => {
                let endpoint = endpoint.unwrap_or_default();
                books.report.failed.push(format!("{endpoint}: {error:#}"));
                client = None;
                turn += 1;
            }
        }
    }
}

async fn put(
    config: &WriterConfig,
    endpoint: Option<&str>,
    client: &mut Option<Client>,
    key: &str,
) -> Result<i64> {
    let endpoint = endpoint.context("the writer has no endpoint")?;
    let client = match client {
        Some(client) => client,
        None => client.insert(connect(endpoint, config.tls.as_ref(), config.deadline).await?),
    };
    let answer = client.put(key, value_of(key), None).await?;
    let header = answer.header().context("the answer has no header")?;
    Ok(header.revision())
}

fn value_of(key: &str) -> String {
    format!("value of {key}")
}

impl Books {
    fn note(&mut self, write: Acked) {
        let now = Instant::now();
        let gap = now - self.last;
        if gap > self.report.longest_gap {
            self.report.longest_gap = gap;
            self.report.gap_at = self.last - self.start;
        }
        self.last = now;
        self.report.acked.push(write);
    }
}
