//! Keys that are written over and over, and a reader that watches them: does a read ever go back?
//!
//! Invariant: a write only ever raises a key's number (a transaction compares it first), so one whose
//! answer was lost and which takes effect late changes nothing. A linearizable read must therefore
//! show at least what was acknowledged before it began, and at least what an earlier read showed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use etcd_client::{Client, Compare, CompareOp, Txn, TxnOp};
use tokio::task::JoinHandle;

use crate::etcd::{ClientTls, connect};

const KEYS: usize = 20;

/// Pause between two writes, and between two reads.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a call may take before it counts as failed.
const CALL: Duration = Duration::from_secs(1);

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub struct RegistersReport {
    /// Acknowledged writes.
    pub writes: usize,
    /// Answered reads.
    pub reads: usize,
    /// Reads that showed less than they had to, in words.
    pub went_back: Vec<String>,
    /// The longest time without an answered read.
    pub longest_read_gap: Duration,
}

#[derive(Debug)]
struct Books {
    acked: [u64; KEYS],
    read: [u64; KEYS],
    last_read: Instant,
    report: RegistersReport,
}

/// The running writer and reader. They end when this value is dropped.
#[derive(Debug)]
pub struct Registers {
    books: Arc<Mutex<Books>>,
    tasks: [JoinHandle<()>; 2],
}

impl Registers {
    /// Makes the keys and starts to write and read them; each read asks the next endpoint.
    ///
    /// # Errors
    /// The first endpoint does not take the keys.
    pub async fn start(endpoints: Vec<String>, tls: ClientTls) -> Result<Registers> {
        let first = endpoints.first().context("there is no endpoint")?;
        let mut client = connect(first, Some(&tls), CALL).await?;
        for key in 0..KEYS {
            client.put(name(key), number(0), None).await?;
        }
        let books = Arc::new(Mutex::new(Books {
            acked: [0; KEYS],
            read: [0; KEYS],
            last_read: Instant::now(),
            report: RegistersReport::default(),
        }));
        let clients = || Clients::new(endpoints.clone(), tls.clone());
        let tasks = [
            tokio::spawn(write(clients(), Arc::clone(&books))),
            tokio::spawn(read(clients(), Arc::clone(&books))),
        ];
        Ok(Registers { books, tasks })
    }

    /// Returns what was seen so far.
    pub fn report(&self) -> RegistersReport {
        let mut books = lock(&self.books);
        books.note_gap();
        books.report.clone()
    }

    /// Begins to measure gaps anew.
    pub fn forget_gaps(&self) {
        let mut books = lock(&self.books);
        books.last_read = Instant::now();
        books.report.longest_read_gap = Duration::ZERO;
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Books {
    fn note_gap(&mut self) {
        let gap = self.last_read.elapsed();
        self.report.longest_read_gap = self.report.longest_read_gap.max(gap);
    }

    fn note_read(&mut self, key: usize, floor: u64, found: u64, endpoint: &str) {
        self.note_gap();
        self.last_read = Instant::now();
        self.report.reads += 1;
        if found < floor {
            let name = name(key);
            let told = format!("{endpoint} shows {found} for {name}, and {floor} was there before");
            self.report.went_back.push(told);
        }
        self.read[key] = self.read[key].max(found);
    }
}

/// A client of one endpoint at a time.
struct Clients {
    endpoints: Vec<String>,
    tls: ClientTls,
    made: Vec<Option<Client>>,
    turn: usize,
}

impl Clients {
    fn new(endpoints: Vec<String>, tls: ClientTls) -> Clients {
        Clients {
            made: endpoints.iter().map(|_| None).collect(),
            endpoints,
            tls,
            turn: 0,
        }
    }

    fn endpoint(&self) -> &str {
        &self.endpoints[self.turn % self.endpoints.len()]
    }

    fn next(&mut self) {
        self.turn += 1;
    }

    async fn client(&mut self) -> Result<&mut Client> {
        let place = self.turn % self.endpoints.len();
        if self.made[place].is_none() {
            let client = connect(&self.endpoints[place], Some(&self.tls), CALL).await?;
            self.made[place] = Some(client);
        }
        self.made[place].as_mut().context("a client was just made")
    }

    /// A connection that failed is made anew: the host may have another life behind it.
    fn forget(&mut self) {
        let place = self.turn % self.endpoints.len();
        self.made[place] = None;
    }
}

async fn write(mut clients: Clients, books: Arc<Mutex<Books>>) {
    for value in 1u64.. {
        for key in 0..KEYS {
            tokio::time::sleep(PAUSE).await;
            match within(raise(&mut clients, key, value)).await {
                Ok(()) => {
                    let mut books = lock(&books);
                    books.acked[key] = value;
                    books.report.writes += 1;
                }
                Err(_) => {
                    clients.forget();
                    clients.next();
                }
            }
        }
    }
}

async fn raise(clients: &mut Clients, key: usize, value: u64) -> Result<()> {
    let client = clients.client().await?;
    let lower = Compare::value(name(key), CompareOp::Less, number(value));
    let put = TxnOp::put(name(key), number(value), None);
    let answer = client.txn(Txn::new().when([lower]).and_then([put])).await?;
    ensure!(answer.succeeded(), "{} is higher already", name(key));
    Ok(())
}

async fn read(mut clients: Clients, books: Arc<Mutex<Books>>) {
    for turn in 0usize.. {
        tokio::time::sleep(PAUSE).await;
        let key = turn % KEYS;
        let floor = {
            let books = lock(&books);
            books.acked[key].max(books.read[key])
        };
        match within(look(&mut clients, key)).await {
            Ok(found) => lock(&books).note_read(key, floor, found, clients.endpoint()),
            Err(_) => clients.forget(),
        }
        clients.next();
    }
}

async fn look(clients: &mut Clients, key: usize) -> Result<u64> {
    let answer = clients.client().await?.get(name(key), None).await?;
    let pair = answer.kvs().first();
    // A key that is not there any more has gone back to nothing.
    pair.map_or(Ok(0), |pair| Ok(pair.value_str()?.parse()?))
}

async fn within<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(CALL, call)
        .await
        .unwrap_or_else(|_| Err(anyhow!("no answer within {CALL:?}")))
}

fn name(key: usize) -> String {
    format!("/testbed/register/{key:02}")
}

/// Padded, because etcd compares values as text.
fn number(value: u64) -> String {
    format!("{value:012}")
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
