//! Is every acknowledged write there, on every member?
//!
//! Invariant: each member is asked by itself, both for what the cluster agrees on (linearizable)
//! and for what the member itself holds (serializable), and all must hash alike at one revision.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use etcd_client::{Client, GetOptions};

use crate::etcd::{Acked, ClientTls, connect};
use crate::wait;

/// Answers above 4 MiB are refused by the client, so a range is read in pages.
const PAGE: i64 = 1000;
/// How long a member may lag behind before its own copy counts as incomplete.
const LAG: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(10);

/// What was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// How many keys were compared on each member.
    pub keys: usize,
    /// The revision at which the members agree.
    pub revision: i64,
    /// Their common hash.
    pub hash: u32,
}

/// Proves that every acknowledged write is readable from each of the endpoints and that their
/// hashes agree. The keys must be written once only.
///
/// # Errors
/// A write is missing or different, the hashes differ, or a member does not answer.
pub async fn acked(
    endpoints: &[String],
    tls: Option<&ClientTls>,
    writes: &[Acked],
) -> Result<Proof> {
    let revision = writes.iter().map(|write| write.revision).max().unwrap_or(1);
    for endpoint in endpoints {
        let mut client = connect(endpoint, tls, CALL).await?;
        let agreed = read_all(&mut client, GetOptions::new())
            .await
            .with_context(|| format!("linearizable read from {endpoint}"))?;
        compare(writes, &agreed)
            .with_context(|| format!("the cluster's data as {endpoint} reads it"))?;
        // A member that lags refuses a revision that it has not seen yet.
        let what = format!("{endpoint} to hold revision {revision}");
        let own = wait::until_async(&what, LAG, || {
            let mut client = client.clone();
            let options = GetOptions::new()
                .with_serializable()
                .with_revision(revision);
            async move { read_all(&mut client, options).await }
        })
        .await?;
        compare(writes, &own).with_context(|| format!("{endpoint}'s own data"))?;
    }
    let hash = same_hash(endpoints, tls, revision).await?;
    Ok(Proof {
        keys: writes.len(),
        revision,
        hash,
    })
}

/// Returns the hash that all members have at a revision.
///
/// # Errors
/// They differ, or a member does not answer.
pub async fn same_hash(
    endpoints: &[String],
    tls: Option<&ClientTls>,
    revision: i64,
) -> Result<u32> {
    let mut first: Option<(&String, u32, i64)> = None;
    for endpoint in endpoints {
        let client = connect(endpoint, tls, CALL).await?;
        let what = format!("HashKV of {endpoint} at revision {revision}");
        let answer = wait::until_async(&what, LAG, || {
            let mut client = client.clone();
            async move { Ok(client.hash_kv(revision).await?) }
        })
        .await?;
        let found = (endpoint, answer.hash(), answer.compact_version());
        let (other, hash, compacted) = *first.get_or_insert(found);
        ensure!(
            compacted == found.2,
            "{other} is compacted to {compacted} and {endpoint} to {}: ask again",
            found.2
        );
        ensure!(
            hash == found.1,
            "HashKV at revision {revision} is {hash} on {other} and {} on {endpoint}",
            found.1
        );
    }
    first
        .map(|(_, hash, _)| hash)
        .context("there is no endpoint to ask")
}

type Found = HashMap<Vec<u8>, (Vec<u8>, i64)>;

async fn read_all(client: &mut Client, options: GetOptions) -> Result<Found> {
    let mut found = Found::new();
    let mut from = vec![0];
    loop {
        let options = options.clone().with_from_key().with_limit(PAGE);
        let mut answer = client.get(from, Some(options)).await?;
        for pair in answer.take_kvs() {
            let (key, value) = (pair.key().to_vec(), pair.value().to_vec());
            found.insert(key, (value, pair.mod_revision()));
        }
        match answer.more() {
            true => {
                from = found.keys().max().cloned().unwrap_or_default();
                from.push(0);
            }
            false => return Ok(found),
        }
    }
}

fn compare(writes: &[Acked], found: &Found) -> Result<()> {
    let mut wrong = writes.iter().filter_map(|write| {
        match found.get(write.key.as_bytes()) {
            None => Some(format!("{} is missing", write.key)),
            Some((value, revision)) => {
                let same = value == write.value.as_bytes() && *revision == write.revision;
                (!same).then(|| format!("{} is at revision {revision}", write.key))
            }
        }
        .map(|what| format!("{what}, acknowledged at {}", write.revision))
    });
    if let Some(first) = wrong.next() {
        bail!(
            "{} of {} acknowledged writes are lost: {first}",
            wrong.count() + 1,
            writes.len()
        );
    }
    Ok(())
}
