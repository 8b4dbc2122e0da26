//! The loop: probes on one side, the kernel on the other.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::health::{Moment, Transition};
use super::probe::watch;
use super::reconcile::{Care, CareError, Done};
use crate::model::{Frontend, PlaneChoice, ServiceKey};
use crate::sys::http_kept::Trust;

/// What is to be looked after, and whom its probes believe.
pub struct Declaration {
    /// The front end.
    pub frontend: Frontend,
    /// Whom the probes believe.
    pub trust: Trust,
}

/// Room for declarations that wait to be taken.
const RELOADS: usize = 4;

/// What is worth a line in a log.
#[derive(Clone, Debug)]
pub enum Event {
    /// It looks after so many servers now.
    Started {
        /// The plane.
        plane: PlaneChoice,
        /// How many servers.
        servers: usize,
    },
    /// A server's health changed.
    Health {
        /// The service.
        service: ServiceKey,
        /// The server.
        server: SocketAddr,
        /// From what to what.
        change: Transition,
    },
    /// Somebody else changed the kernel, and it was put right.
    Repaired {
        /// What had to be done.
        first: String,
        /// How many changes it took.
        changes: usize,
        /// Virtual services of others in the same table: kube-proxy is likely.
        others: usize,
    },
    /// No server of a service is good, so all are in.
    FailedOpen(ServiceKey),
    /// One is good again.
    Recovered(ServiceKey),
    /// The kernel could not be put right; it is tried again.
    Failed(String),
    /// The kernel can be put right again.
    Works,
    /// A new declaration is in force.
    Reloaded,
}

/// Who is being asked.
struct Probes {
    running: BTreeMap<SocketAddr, JoinHandle<()>>,
    tell: mpsc::UnboundedSender<(SocketAddr, super::health::Outcome)>,
}

impl Probes {
    /// Asks exactly these servers, this way.
    fn set(&mut self, frontend: &Frontend, trust: &Trust) {
        let servers: BTreeSet<_> = frontend
            .services
            .values()
            .flat_map(|service| service.servers.keys())
            .copied()
            .collect();
        // Another way to ask means to begin anew; so does a certificate that was replaced.
        for (_, probe) in std::mem::take(&mut self.running) {
            probe.abort();
        }
        for server in servers {
            let probe = watch(
                server,
                frontend.probe.clone(),
                trust.clone(),
                self.tell.clone(),
            );
            self.running.insert(server, tokio::spawn(probe));
        }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        for probe in self.running.values() {
            probe.abort();
        }
    }
}

/// Looks after a front end until `end`. What the kernel holds then stays. New declarations come through `reloads`.
///
/// # Errors
/// The kernel can't be asked at the beginning.
pub async fn run(
    declared: Declaration,
    mut reloads: mpsc::Receiver<Declaration>,
    end: impl Future<Output = ()>,
    mut tell: impl FnMut(Event),
) -> Result<(), CareError> {
    let began = Instant::now();
    let now = || -> Moment { began.elapsed() };
    let (send, mut answers) = mpsc::unbounded_channel();
    let mut probes = Probes {
        running: BTreeMap::new(),
        tell: send,
    };
    let mut care = Care::new(declared.frontend, now())?;
    let mut log = Log::default();
    log.done(care.reconcile(now()), &mut tell);
    probes.set(care.frontend(), &declared.trust);
    tell(Event::Started {
        plane: care.plane(),
        servers: probes.running.len(),
    });
    let mut ticks = ticks(care.frontend());
    tokio::pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return Ok(()),
            Some(Declaration { frontend, trust }) = reloads.recv() => {
                if let Err(error) = care.reload(frontend, now()) {
                    log.failed(&error, &mut tell);
                    continue;
                }
                probes.set(care.frontend(), &trust);
                ticks = self::ticks(care.frontend());
                tell(Event::Reloaded);
                log.done(care.reconcile(now()), &mut tell);
            }
            Some((server, outcome)) = answers.recv() => {
                let changes = care.observe(server, &outcome, now());
                let changed = !changes.is_empty();
                for (service, change) in changes {
                    tell(Event::Health { service, server, change });
                }
                if changed {
                    log.done(care.reconcile(now()), &mut tell);
                }
            }
            _ = ticks.tick() => log.done(care.reconcile(now()), &mut tell),
        }
    }
}

/// A channel for new declarations.
pub fn reload_channel() -> (mpsc::Sender<Declaration>, mpsc::Receiver<Declaration>) {
    mpsc::channel(RELOADS)
}

fn ticks(frontend: &Frontend) -> tokio::time::Interval {
    let mut ticks = interval(frontend.probe.interval.max(Duration::from_millis(50)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Tells changes only: what stays so is told once.
#[derive(Default)]
struct Log {
    failing: Option<String>,
    open: BTreeSet<ServiceKey>,
}

impl Log {
    fn done(&mut self, done: Result<Done, CareError>, tell: &mut impl FnMut(Event)) {
        let done = match done {
            Ok(done) => done,
            Err(error) => return self.failed(&error, tell),
        };
        if self.failing.take().is_some() {
            tell(Event::Works);
        }
        if let Some(first) = done.repairs.first() {
            tell(Event::Repaired {
                first: first.to_string(),
                changes: done.repairs.len(),
                others: done.others,
            });
        }
        let open: BTreeSet<_> = done.failed_open.into_iter().collect();
        for key in open.difference(&self.open) {
            tell(Event::FailedOpen(*key));
        }
        for key in self.open.difference(&open) {
            tell(Event::Recovered(*key));
        }
        self.open = open;
    }

    fn failed(&mut self, error: &CareError, tell: &mut impl FnMut(Event)) {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        if self.failing.as_ref() != Some(&text) {
            tell(Event::Failed(text.clone()));
            self.failing = Some(text);
        }
    }
}
