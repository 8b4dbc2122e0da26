//! A real etcd on the restored directory: started, waited for, and ended with the run.
//!
//! Invariant: it listens on the loopback address alone, for clients and peers with a certificate of
//! this run's CA.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::{ClusterAccess, Connection, TlsMaterial};
use crate::model::ClientUrl;
use crate::sys::files::FileError;
use crate::sys::process::Kept;
use crate::sys::staged_dir::{create_file, make_dir};
use crate::sys::tcp::free_ports;

use super::certificates::{self, CA_FILE, CERT_FILE, CertificateError, KEY_FILE};
use super::plan::DrillPlan;

/// How often a port that was free may have been taken before etcd listened there.
const ATTEMPTS: u32 = 3;

/// What etcd says then.
const PORT_TAKEN: &str = "address already in use";

/// Pause between two looks at an etcd that starts.
const PAUSE: Duration = Duration::from_millis(25);

/// Longest time of one attempt to reach it.
const CALL: Duration = Duration::from_secs(5);

/// etcd's own default (`DefaultQuotaBytes`): there is no reason to stay below.
const LEAST_QUOTA: u64 = 2 << 30;

/// The end of etcd's log that is read for the reason of its end.
const LOG_TAIL: u64 = 64 * 1024;

/// Lines of it that are shown, and their characters.
const SHOWN_LINES: usize = 3;
const SHOWN_CHARS: usize = 300;

/// An etcd that answers. It ends with this value.
pub(super) struct Server {
    _kept: Kept,
    access: ClusterAccess,
}

/// Why none answers.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its certificates can't be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A file, or the process.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system gives no port.
    #[error("find a free port on 127.0.0.1")]
    Port(#[source] std::io::Error),
    /// It has ended.
    #[error("{program} ended before it answered ({status}){}", said(.last_words))]
    Ended {
        /// The program.
        program: String,
        /// How.
        status: ExitStatus,
        /// What it said last.
        last_words: Vec<String>,
    },
}

fn said(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n{line}")).collect()
}

impl Server {
    /// Boots etcd on `data_dir`; certificates and its log go into `scratch`. Returns when it has read
    /// through consensus.
    ///
    /// To be called on a thread that outlives the server, see [`Kept::start`].
    pub(super) async fn boot(
        plan: &DrillPlan,
        scratch: &Path,
        data_dir: &Path,
    ) -> Result<Self, ServerError> {
        let pki = scratch.join("pki");
        make_dir(&pki)?;
        let tls = certificates::make(&pki, Timestamp::now())?;
        let mut attempt = 1;
        loop {
            let log = scratch.join(format!("etcd-{attempt}.log"));
            match Self::boot_once(plan, data_dir, &pki, &log, &tls).await {
                Err(ServerError::Ended { last_words, .. })
                    if attempt < ATTEMPTS
                        && last_words.iter().any(|line| line.contains(PORT_TAKEN)) => {}
                other => return other,
            }
            attempt += 1;
        }
    }

    async fn boot_once(
        plan: &DrillPlan,
        data_dir: &Path,
        pki: &Path,
        log: &Path,
        tls: &TlsMaterial,
    ) -> Result<Self, ServerError> {
        let [client, peer] = free_ports().map_err(ServerError::Port)?;
        let output = create_file(log)?;
        let quota = LEAST_QUOTA.max(plan.survey.used_bytes.saturating_mul(2));
        let words = words(data_dir, pki, Ports { client, peer }, quota);
        let program = &plan.program.path;
        let mut kept = Kept::start(program, &words, data_dir, &output)?;
        let access = ClusterAccess {
            endpoints: vec![endpoint(client)],
            tls: Some(tls.clone()),
            credentials: None,
            timeout: CALL,
        };
        loop {
            if let Some(status) = ended(&mut kept, program)? {
                return Err(ServerError::Ended {
                    program: program.display().to_string(),
                    status,
                    last_words: last_words(log),
                });
            }
            if answers(&access).await {
                return Ok(Self {
                    _kept: kept,
                    access,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A connection whose calls may take as long as `timeout`.
    pub(super) async fn connect(
        &self,
        timeout: Duration,
    ) -> Result<Connection, crate::cluster::ClusterError> {
        let access = ClusterAccess {
            timeout,
            ..self.access.clone()
        };
        Connection::open(&access.endpoints[0], &access).await
    }
}

fn ended(kept: &mut Kept, program: &Path) -> Result<Option<ExitStatus>, FileError> {
    kept.ended().map_err(|source| FileError {
        doing: "wait for",
        path: program.to_owned(),
        source,
    })
}

async fn answers(access: &ClusterAccess) -> bool {
    let Ok(connection) = Connection::open(&access.endpoints[0], access).await else {
        return false;
    };
    connection.linearizable_read().await.is_ok()
}

fn endpoint(port: u16) -> ClientUrl {
    let url = format!("https://127.0.0.1:{port}");
    url.parse()
        .unwrap_or_else(|_| unreachable!("{url} is a client URL"))
}

#[derive(Clone, Copy)]
struct Ports {
    client: u16,
    peer: u16,
}

/// The flags, which etcd 3.4 to 3.6 all know. Nothing comes from its environment: that is empty.
fn words(data_dir: &Path, pki: &Path, ports: Ports, quota: u64) -> Vec<OsString> {
    let with = |flag: &str, path: PathBuf| {
        let mut word = OsString::from(format!("--{flag}="));
        word.push(path);
        word
    };
    let client = format!("https://127.0.0.1:{}", ports.client);
    let peer = format!("https://127.0.0.1:{}", ports.peer);
    let mut words = vec![with("data-dir", data_dir.to_owned())];
    words.extend(
        [
            "--name=drill".to_owned(),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=drill={peer}"),
            format!("--quota-backend-bytes={quota}"),
            "--client-cert-auth".to_owned(),
            "--peer-client-cert-auth".to_owned(),
            "--logger=zap".to_owned(),
            "--log-outputs=stderr".to_owned(),
        ]
        .map(OsString::from),
    );
    for kind in ["", "peer-"] {
        words.push(with(&format!("{kind}trusted-ca-file"), pki.join(CA_FILE)));
        words.push(with(&format!("{kind}cert-file"), pki.join(CERT_FILE)));
        words.push(with(&format!("{kind}key-file"), pki.join(KEY_FILE)));
    }
    words
}

/// Why etcd has ended, as far as its log tells.
fn last_words(log: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = read().unwrap_or_default();
    chosen_lines(&String::from_utf8_lossy(&text))
}

/// The last lines that tell of something bad, or else the last lines.
fn chosen_lines(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let bad: Vec<String> = lines.iter().filter_map(|line| complaint(line)).collect();
    let chosen = match bad.is_empty() {
        true => lines.iter().map(|line| (*line).to_owned()).collect(),
        false => bad,
    };
    let from = chosen.len().saturating_sub(SHOWN_LINES);
    let shorten = |line: &String| line.chars().take(SHOWN_CHARS).collect();
    chosen[from..].iter().map(shorten).collect()
}

/// `msg: error` of a line of zap's that says `error` or worse; Go's own word for a panic.
fn complaint(line: &str) -> Option<String> {
    if line.starts_with("panic: ") || line.starts_with("error: ") {
        return Some(line.to_owned());
    }
    let entry: Value = serde_json::from_str(line).ok()?;
    let text = |field: &str| entry[field].as_str();
    if !matches!(text("level")?, "error" | "fatal" | "panic" | "dpanic") {
        return None;
    }
    let message = text("msg").unwrap_or("no message");
    Some(match text("error") {
        Some(error) => format!("{message}: {error}"),
        None => message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_an_end_is_found_in_the_log() {
        let log = r#"{"level":"info","msg":"starting"}
{"level":"fatal","ts":"x","msg":"discovery failed","error":"open /x: no such file"}
goroutine 1 [running]:
"#;
        assert_eq!(
            chosen_lines(log),
            ["discovery failed: open /x: no such file"]
        );
        let plain = "a\nb\n\nc\nd\n";
        assert_eq!(chosen_lines(plain), ["b", "c", "d"]);
        assert_eq!(chosen_lines("panic: oh\n\ngoroutine"), ["panic: oh"]);
        assert!(chosen_lines("").is_empty());
    }

    #[test]
    fn it_listens_on_the_loopback_address_with_certificates_only() {
        let ports = Ports {
            client: 4001,
            peer: 4002,
        };
        let words = words(Path::new("/s/etcd"), Path::new("/s/pki"), ports, 7);
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        for word in words.iter().filter(|word| word.contains("://")) {
            assert!(word.contains("https://127.0.0.1:400"), "{word}");
        }
        for wanted in [
            "--client-cert-auth",
            "--peer-client-cert-auth",
            "--trusted-ca-file=/s/pki/ca.crt",
            "--peer-trusted-ca-file=/s/pki/ca.crt",
            "--data-dir=/s/etcd",
            "--quota-backend-bytes=7",
        ] {
            assert!(words.contains(&wanted), "{wanted}");
        }
    }
}
