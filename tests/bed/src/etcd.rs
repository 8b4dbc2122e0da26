//! Talking to one etcd member at a time: connect, load keys, wait until it answers.
//!
//! Invariant: a client has exactly one endpoint, so an answer says which member gave it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions, Txn, TxnOp};

use crate::wait;

/// etcd's default `--max-txn-ops`.
const OPERATIONS_PER_TXN: usize = 128;
/// How long one attempt of [`wait_healthy`] may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The files that a client authenticates itself and the members with.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// The certificate authority of the members.
    pub ca: PathBuf,
    /// The client's certificate.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

/// A write that a member has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The revision of the write.
    pub revision: i64,
}

/// Makes a client of one member. The connection itself is made with the first call, each of which
/// may take `deadline`.
///
/// # Errors
/// A certificate file cannot be read, or the endpoint is no URL.
pub async fn connect(
    endpoint: &str,
    tls: Option<&ClientTls>,
    deadline: Duration,
) -> Result<Client> {
    let mut options = ConnectOptions::new()
        .with_connect_timeout(deadline)
        .with_timeout(deadline);
    if let Some(tls) = tls {
        let read =
            |path: &PathBuf| fs::read(path).with_context(|| format!("read {}", path.display()));
        options = options.with_tls(
            TlsOptions::new()
                .ca_certificate(Certificate::from_pem(read(&tls.ca)?))
                .identity(Identity::from_pem(read(&tls.cert)?, read(&tls.key)?)),
        );
    }
    Client::connect([endpoint], Some(options))
        .await
        .with_context(|| format!("make a client of {endpoint}"))
}

/// Waits until a member answers a linearizable read, which needs a leader and a quorum.
///
/// # Errors
/// The deadline passed.
pub async fn wait_healthy(
    endpoint: &str,
    tls: Option<&ClientTls>,
    deadline: Duration,
) -> Result<()> {
    let what = format!("{endpoint} to answer a linearizable read");
    wait::until_async(&what, deadline, async || {
        let mut client = connect(endpoint, tls, ATTEMPT).await?;
        client.get("health", None).await.context("read a key")?;
        Ok(())
    })
    .await
}

/// Writes `count` keys `PREFIX000000`… with values of `size` bytes, many in one transaction.
///
/// # Errors
/// A transaction fails.
pub async fn load(
    endpoint: &str,
    tls: Option<&ClientTls>,
    prefix: &str,
    count: usize,
    size: usize,
) -> Result<Vec<Acked>> {
    let mut client = connect(endpoint, tls, Duration::from_secs(30)).await?;
    let pairs: Vec<(String, String)> = (0..count)
        .map(|number| {
            let mark = format!("{number:06}-");
            let value: String = mark.chars().cycle().take(size.max(1)).collect();
            (format!("{prefix}{number:06}"), value)
        })
        .collect();
    let mut acked = Vec::with_capacity(count);
    for chunk in pairs.chunks(OPERATIONS_PER_TXN) {
        let puts: Vec<TxnOp> = chunk
            .iter()
            .map(|(key, value)| TxnOp::put(key.as_str(), value.as_str(), None))
            .collect();
        let answer = client
            .txn(Txn::new().and_then(puts))
            .await
            .with_context(|| format!("load keys into {endpoint}"))?;
        let revision = answer
            .header()
            .map_or(0, etcd_client::ResponseHeader::revision);
        acked.extend(chunk.iter().map(|(key, value)| Acked {
            key: key.clone(),
            value: value.clone(),
            revision,
        }));
    }
    Ok(acked)
}

/// Writes `count` keys `PREFIX000000`… with values of `size` bytes one by one, as Kubernetes does,
/// `at_once` of them on their way at a time.
///
/// # Errors
/// A write fails.
pub(crate) async fn load_singly(
    endpoint: &str,
    tls: &ClientTls,
    prefix: &str,
    count: usize,
    size: usize,
    at_once: usize,
) -> Result<()> {
    let client = connect(endpoint, Some(tls), Duration::from_secs(30)).await?;
    let mut loading = tokio::task::JoinSet::new();
    for first in 0..at_once {
        let (mut client, prefix) = (client.clone(), prefix.to_owned());
        loading.spawn(async move {
            for number in (first..count).step_by(at_once) {
                let key = format!("{prefix}{number:06}");
                client.put(key, vec![b'x'; size], None).await?;
            }
            Ok(())
        });
    }
    while let Some(loaded) = loading.join_next().await {
        let loaded: Result<()> = loaded.context("a loading task panicked")?;
        loaded.with_context(|| format!("load keys into {endpoint}"))?;
    }
    Ok(())
}
