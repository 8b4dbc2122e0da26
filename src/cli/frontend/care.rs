//! `etcdha frontend care`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::target::TargetArgs;
use crate::care::{Declaration, Event, reload_channel, run as look_after};
use crate::cli::args::GlobalArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::Output;
use crate::ops::frontend::trust;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Look after the front end until it is told to end
///
/// Asks every apiserver for its health and puts the kernel right: a dead one is deleted, so that its
/// connections are reset; one that is not ready keeps its connections and gets no new ones; when none
/// is good, all are tried. What others change is repaired. A changed file is taken over without a
/// restart, and so it is on SIGHUP. On SIGTERM the rules stay: only frontend clean removes them.
///
/// Example:
///   $ etcdha frontend care --config /etc/etcdha/frontend.yaml
///
/// Exit codes: 0 told to end, 1 failed
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CareArgs {
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) fn run(args: &CareArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let target = args.target.resolve(global)?;
    if target.frontend.services.is_empty() || args.target.lacks_servers() {
        return Err(CliError::usage("there is nothing to look after")
            .fix("name a virtual address and its apiservers"));
    }
    let trusted = trust(&target.frontend).map_err(CliError::from)?;
    // One thread: there is little to do, and it should not take memory for more.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| CliError::failed("start the runtime").cause(&error))?;
    runtime.block_on(async {
        let (send, reloads) = reload_channel();
        let watcher = Watcher {
            args,
            global,
            output,
            path: target.path,
            seen: None,
        };
        let declared = Declaration {
            frontend: target.frontend,
            trust: trusted,
        };
        let care = look_after(declared, reloads, ended()?, |event| {
            tell(output, &event);
        });
        tokio::select! {
            done = care => done.map_err(CliError::from)?,
            never = watcher.watch(send) => never?,
        }
        Ok(ExitCode::Done)
    })
}

/// Ends with SIGTERM or SIGINT.
fn ended() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn listen(kind: SignalKind) -> Result<Signal, CliError> {
    signal(kind).map_err(|error| CliError::failed("listen for signals").cause(&error))
}

/// Reads the file again when it changed, or when told to.
struct Watcher<'a> {
    args: &'a CareArgs,
    global: &'a GlobalArgs,
    output: &'a Output,
    path: Option<PathBuf>,
    seen: Option<(SystemTime, u64)>,
}

impl Watcher<'_> {
    /// Hands over what is declared anew; ends with an error only.
    async fn watch(mut self, send: mpsc::Sender<Declaration>) -> Result<(), CliError> {
        let mut hangup = listen(SignalKind::hangup())?;
        self.seen = self.stamp();
        let mut looks = tokio::time::interval(LOOK);
        loop {
            let told = tokio::select! {
                _ = hangup.recv() => true,
                _ = looks.tick() => false,
            };
            let stamp = self.stamp();
            // A file that is not there is about to be replaced, or a mistake that a restart would show.
            if !told && (stamp == self.seen || stamp.is_none()) {
                continue;
            }
            self.seen = stamp;
            match self.read() {
                // The receiver lives as long as this does.
                Ok(declared) => drop(send.send(declared).await),
                Err(error) => {
                    self.output
                        .warn("the new declaration is not taken over; the old one stays in force");
                    self.output.error(&error);
                }
            }
        }
    }

    fn read(&self) -> Result<Declaration, CliError> {
        let frontend = self.args.target.resolve(self.global)?.frontend;
        if frontend.services.is_empty() {
            return Err(CliError::usage("there is nothing to look after")
                .fix("to end it: etcdha frontend clean"));
        }
        let trust = trust(&frontend).map_err(CliError::from)?;
        Ok(Declaration { frontend, trust })
    }

    /// Time and size of the file.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata::<&Path>(self.path.as_deref()?).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }
}

/// One line for each change.
fn tell(output: &Output, event: &Event) {
    let line = match event {
        Event::Started { plane, servers } => {
            format!("looking after {servers} servers, plane {}", plane.as_str())
        }
        Event::Health {
            service,
            server,
            change,
        } => {
            let reason = change.reason.as_ref().map(|reason| format!(": {reason}"));
            let (from, to) = (change.from.as_str(), change.to.as_str());
            format!(
                "{service}: server {server} was {from}, is {to}{}",
                reason.unwrap_or_default()
            )
        }
        Event::Repaired {
            first,
            changes,
            others,
        } => {
            let culprit = match others {
                0 => String::new(),
                _ => format!(
                    "; {others} services of others are in the same table: kube-proxy in ipvs mode needs excludeCIDRs"
                ),
            };
            format!("repaired what somebody changed: {first} ({changes} changes){culprit}")
        }
        Event::FailedOpen(service) => format!("{service}: no server is ready, so all are tried"),
        Event::Recovered(service) => format!("{service}: a server is ready again"),
        Event::Failed(why) => format!("the kernel could not be put right, trying again: {why}"),
        Event::Works => "the kernel is put right again".to_owned(),
        Event::Reloaded => "the new declaration is in force".to_owned(),
    };
    let now = Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string();
    output.note(format!("{now} {}", crate::cli::output::clean(&line)));
}
