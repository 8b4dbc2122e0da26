//! Is a container alive, started, ready? The kubelet's rules for probes.
//!
//! Follows `pkg/kubelet/prober/worker.go`: a probe runs every period from the moment the container
//! runs, results count after the initial delay, and a verdict needs as many equal results in a row
//! as its threshold says. Until the startup probe has succeeded the other two do not run.
//!
//! Invariant: one probe of a kind runs at a time, and its result belongs to the container's run in
//! which it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::pod::{ContainerPort, ProbeSpec, Target};

/// The bytes of an answer's first line that matter: `HTTP/1.1 200`.
const STATUS_LINE: usize = 12;

/// What a probe has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Unknown,
    Success,
    Failure,
}

/// One probe of one run of a container.
#[derive(Debug)]
pub(crate) struct Probe {
    target: Target,
    delay: Duration,
    period: Duration,
    timeout: Duration,
    failures_needed: u32,
    successes_needed: u32,
    /// The grace period of a container that this probe condemns.
    pub(crate) grace: Option<Duration>,
    next: Instant,
    running: Option<Receiver<Result<()>>>,
    last: Verdict,
    in_a_row: u32,
    verdict: Verdict,
}

impl Probe {
    /// Begins to probe a container that started at `start`. Unset fields have the API's defaults.
    pub(crate) fn begin(
        spec: &ProbeSpec,
        ports: &[ContainerPort],
        node: &str,
        start: Instant,
    ) -> Result<Probe> {
        let mut target = spec.target(ports)?;
        target.host.get_or_insert_with(|| node.to_owned());
        Ok(Probe {
            target,
            delay: Duration::from_secs(spec.initial_delay_seconds),
            period: Duration::from_secs(spec.period_seconds.unwrap_or(10).max(1)),
            timeout: Duration::from_secs(spec.timeout_seconds.unwrap_or(1).max(1)),
            failures_needed: spec.failure_threshold.unwrap_or(3).max(1),
            successes_needed: spec.success_threshold.unwrap_or(1).max(1),
            grace: spec
                .termination_grace_period_seconds
                .map(Duration::from_secs),
            next: start,
            running: None,
            last: Verdict::Unknown,
            in_a_row: 0,
            verdict: Verdict::Unknown,
        })
    }

    /// Collects a result that is there, and asks again when it is time. Returns a failed probe's
    /// reason, for the log.
    pub(crate) fn poll(&mut self, start: Instant, now: Instant) -> Option<String> {
        let mut reason = None;
        if let Some(answer) = &self.running {
            match answer.try_recv() {
                Ok(result) => {
                    self.running = None;
                    reason = result.as_ref().err().map(|error| format!("{error:#}"));
                    self.count(result.is_ok());
                }
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => self.running = None,
            }
        }
        if now < self.next {
            return reason;
        }
        self.next = now + self.period;
        if now.saturating_duration_since(start) >= self.delay {
            let (sender, receiver) = channel();
            let (target, timeout) = (self.target.clone(), self.timeout);
            thread::spawn(move || sender.send(ask(&target, timeout)));
            self.running = Some(receiver);
        }
        reason
    }

    /// What is known by now.
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn count(&mut self, success: bool) {
        let result = if success {
            Verdict::Success
        } else {
            Verdict::Failure
        };
        self.in_a_row = if result == self.last {
            self.in_a_row.saturating_add(1)
        } else {
            1
        };
        self.last = result;
        let needed = if success {
            self.successes_needed
        } else {
            self.failures_needed
        };
        if self.in_a_row >= needed {
            self.verdict = result;
        }
    }
}

/// Probes once. An HTTP answer from 200 to 399 is a success, as is an open port without a path.
fn ask(target: &Target, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout;
    let host = target.host.as_deref().unwrap_or("127.0.0.1");
    let address = resolve(host, target.port)?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)
        .with_context(|| format!("connect to {address}"))?;
    let Some(path) = &target.path else {
        return Ok(());
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let left = left.max(Duration::from_millis(1));
    stream
        .set_read_timeout(Some(left))
        .and_then(|()| stream.set_write_timeout(Some(left)))
        .context("set the probe's timeout")?;
    // In one piece: a server may answer and close as soon as it has seen the first line.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kube-probe/testbed\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .with_context(|| format!("ask {address}"))?;
    let mut line = [0; STATUS_LINE];
    stream
        .read_exact(&mut line)
        .with_context(|| format!("read the answer of {address}{path}"))?;
    let code = std::str::from_utf8(&line)
        .ok()
        .and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..)?.parse::<u16>().ok())
        .with_context(|| format!("{address}{path} does not speak HTTP"))?;
    if !(200..400).contains(&code) {
        bail!("{address}{path} answered {code}");
    }
    Ok(())
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    (bare, port)
        .to_socket_addrs()
        .with_context(|| format!("resolve {host}"))?
        .next()
        .with_context(|| format!("{host} has no address"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn probe(failures: u32, successes: u32) -> Probe {
        let spec = serde_json::from_value(serde_json::json!({
            "tcpSocket": {"port": 1},
            "failureThreshold": failures,
            "successThreshold": successes,
        }))
        .unwrap();
        Probe::begin(&spec, &[], "127.0.0.1", Instant::now()).unwrap()
    }

    #[test]
    fn a_verdict_needs_its_threshold_of_equal_results_in_a_row() {
        let mut probe = probe(3, 2);
        let verdicts: Vec<Verdict> = [true, true, false, false, true, false, false, false, true]
            .into_iter()
            .map(|success| {
                probe.count(success);
                probe.verdict()
            })
            .collect();
        use Verdict::{Failure, Success, Unknown};
        assert_eq!(
            verdicts,
            [
                Unknown, Success, Success, Success, Success, Success, Success, Failure, Failure
            ]
        );
    }

    fn answer(text: &'static str) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let target = Target {
            host: Some("127.0.0.1".to_owned()),
            port,
            path: Some("/readyz".to_owned()),
        };
        let result = ask(&target, Duration::from_secs(5));
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("GET /readyz HTTP/1.1\r\n")
        );
        result
    }

    #[test]
    fn only_2xx_and_3xx_are_successes() {
        assert!(answer("HTTP/1.1 200 OK\r\n\r\n").is_ok());
        assert!(answer("HTTP/1.0 302 Found\r\n\r\n").is_ok());
        assert!(answer("HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err());
        assert!(answer("SSH-2.0-OpenSSH_9.2\r\n").is_err());
        assert!(answer("").is_err());
    }
}
