//! A run of etcdha that is watched line by line, and ended from outside if a test wishes so.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::support::PATIENCE;

/// A running etcdha.
pub(crate) struct Run {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    patience: Duration,
}

/// What a line of a run without a terminal says about a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// It begins.
    Started(String),
    /// It has ended well.
    Done(String),
}

impl Run {
    /// Starts etcdha.
    pub(super) fn start(cluster: &Cluster, arguments: &[&str]) -> Run {
        Self::of(cluster.etcdha(arguments), PATIENCE)
    }

    /// Starts a command that may be silent for as long as `patience`.
    pub(crate) fn of(mut command: Command, patience: Duration) -> Run {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Run {
            child,
            lines,
            seen: Vec::new(),
            patience,
        }
    }

    /// The next step's mark; none once the run has ended.
    pub(crate) fn next(&mut self) -> Option<Mark> {
        while let Ok(line) = self.lines.recv_timeout(self.patience) {
            self.seen.push(line.clone());
            if let Some(mark) = mark(&line) {
                return Some(mark);
            }
        }
        None
    }

    /// Waits for a mark whose step contains all these words.
    pub(crate) fn wait_for(&mut self, started: bool, words: &[&str]) {
        while let Some(mark) = self.next() {
            let (is_start, step) = match &mark {
                Mark::Started(step) => (true, step),
                Mark::Done(step) => (false, step),
            };
            if is_start == started && words.iter().all(|word| step.contains(word)) {
                return;
            }
        }
        panic!("the run ended before {words:?}:\n{}", self.text());
    }

    /// Kills etcdha as a power failure would.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        while self.next().is_some() {}
        let status = self.child.wait().unwrap();
        (status, self.text())
    }

    fn text(&self) -> String {
        self.seen.join("\n")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads ` 7  add learner https://…  m1 …` and ` 7  add learner https://…  m1: done in 12 ms`. The
/// number is left out: it changes from plan to plan.
fn mark(line: &str) -> Option<Mark> {
    let (number, rest) = line.trim_start().split_once("  ")?;
    number.parse::<u32>().ok()?;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(step) = rest.strip_suffix(" …") {
        return Some(Mark::Started(words(step)));
    }
    let (step, _) = rest.split_once(": done in ")?;
    Some(Mark::Done(words(step)))
}
