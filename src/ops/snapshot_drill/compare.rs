//! Does the server that booted hold what the file holds?
//!
//! Everything is asked as of the snapshot's revision: a lease that ran out since the boot has changed
//! the store, and not what was restored.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use crate::cluster::{ClusterError, Connection};
use crate::model::Revision;
use crate::ops::snapshot_look::LookError;
use crate::ops::snapshot_source::Source;
use crate::snapshot::restore::Image;
use crate::snapshot::{
    HashKv, SnapshotError, SnapshotRecord, Tally, has_bump_entry, hash_kv, hash_kv_compacted_at,
    tally,
};

/// Leases with less left than this may run out while the drill looks.
const LONG_LEASE: i64 = 120;

/// Something that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub what: &'static str,
    /// As the file has it.
    pub snapshot: String,
    /// As the server has it.
    pub server: String,
    /// True where both are the same.
    pub is_equal: bool,
}

impl Check {
    fn of<T: PartialEq + ToString>(what: &'static str, snapshot: &T, server: &T) -> Self {
        Self {
            what,
            snapshot: snapshot.to_string(),
            server: server.to_string(),
            is_equal: snapshot == server,
        }
    }
}

/// What the file says.
#[derive(Clone, Debug)]
pub(super) struct FileFacts {
    pub(super) hash_kv: HashKv,
    tally: Tally,
}

/// Reads the file: its keys once, and its small buckets.
pub(super) fn file_facts(source: &Source) -> Result<FileFacts, LookError> {
    with_image(source, |image| {
        Ok(FileFacts {
            hash_kv: hash_kv(image, None)?,
            tally: tally(image)?,
        })
    })
}

fn with_image<T>(
    source: &Source,
    look: impl FnOnce(&Image<Arc<File>>) -> Result<T, SnapshotError>,
) -> Result<T, LookError> {
    let looked = Image::open(source.file.clone())
        .map_err(SnapshotError::from)
        .and_then(|image| look(&image));
    looked.map_err(|error| LookError::Damaged {
        place: source.place.clone(),
        source: error,
    })
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The server did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The file can't be read.
    #[error(transparent)]
    Look(#[from] LookError),
}

/// Asks the server for everything that the file says.
pub(super) async fn compare(
    connection: &Connection,
    file: &FileFacts,
    source: &Source,
    record: Option<&SnapshotRecord>,
) -> Result<Vec<Check>, CompareError> {
    let mut checks = Vec::new();
    // First, because leases run.
    checks.push(leases(connection, &file.tally).await?);
    checks.push(hash(connection, file.hash_kv, source).await?);
    checks.extend(record.and_then(|record| at_save(record, file.hash_kv)));
    checks.push(revision(connection, file).await?);
    checks.push(keys(connection, file.hash_kv, source).await?);
    let users = connection.user_names().await?;
    checks.push(names("users", &file.tally.users, &users));
    let roles = connection.role_names().await?;
    checks.push(names("roles", &file.tally.roles, &roles));
    checks.push(alarms(connection).await?);
    Ok(checks)
}

async fn hash(
    connection: &Connection,
    file: HashKv,
    source: &Source,
) -> Result<Check, CompareError> {
    // etcd 3.4 refuses the revision that was compacted at, and answers it as the newest.
    let asked = match file.revision > file.compact_revision {
        true => Revision(file.revision),
        false => Revision(0),
    };
    let (server, compacted) = connection.hash_kv(asked).await?;
    let file = match compacted == file.compact_revision {
        true => file.hash,
        // It has finished a compaction that was under way when the snapshot was taken.
        false => {
            let at =
                |image: &Image<Arc<File>>| hash_kv_compacted_at(image, file.revision, compacted);
            with_image(source, at)?.hash
        }
    };
    Ok(Check::of("HashKV", &file, &server))
}

/// What the members answered when it was saved.
fn at_save(record: &SnapshotRecord, file: HashKv) -> Option<Check> {
    let saved = record.hash_kv;
    let is_comparable =
        (saved.revision, saved.compact_revision) == (file.revision, file.compact_revision);
    is_comparable.then(|| Check {
        what: "HashKV when saved",
        snapshot: file.hash.to_string(),
        server: saved.hash.to_string(),
        is_equal: file.hash == saved.hash,
    })
}

async fn revision(connection: &Connection, file: &FileFacts) -> Result<Check, CompareError> {
    let server = connection.status().await?.revision.0;
    let restored = file.hash_kv.current_revision;
    let mut check = Check::of("revision", &restored, &server);
    let is_short = |lease: &(i64, i64)| lease.1 < LONG_LEASE;
    if server > restored && file.tally.leases.iter().any(is_short) {
        check.server = format!("{server}, since leases ran out");
        check.is_equal = true;
    }
    Ok(check)
}

async fn keys(
    connection: &Connection,
    file: HashKv,
    source: &Source,
) -> Result<Check, CompareError> {
    let server = connection.count_at("", Revision(file.revision)).await?;
    let mut expected = file.live_keys.unwrap_or_default();
    if expected == server + 1 && with_image(source, has_bump_entry)? {
        expected -= 1;
    }
    Ok(Check::of("keys", &expected, &server))
}

async fn leases(connection: &Connection, file: &Tally) -> Result<Check, ClusterError> {
    let server = connection.lease_ids().await?;
    let long = file.leases.iter().filter(|lease| lease.1 >= LONG_LEASE);
    let long: BTreeSet<i64> = long.map(|lease| lease.0).collect();
    let known: BTreeSet<i64> = file.leases.iter().map(|lease| lease.0).collect();
    let lost = long.difference(&server).count();
    let new = server.difference(&known).count();
    let mut check = Check::of("leases", &known.len(), &server.len());
    check.is_equal = lost == 0 && new == 0;
    let ran_out = known.len().saturating_sub(server.len());
    if check.is_equal && ran_out > 0 {
        check.server = format!("{}, since {ran_out} ran out", server.len());
    }
    Ok(check)
}

fn names(what: &'static str, file: &BTreeSet<String>, server: &BTreeSet<String>) -> Check {
    let mut check = Check::of(what, &file.len(), &server.len());
    check.is_equal = file == server;
    if !check.is_equal && file.len() == server.len() {
        check.server = format!("{}, others", server.len());
    }
    check
}

async fn alarms(connection: &Connection) -> Result<Check, ClusterError> {
    let found = connection.alarms().await?;
    let names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
    let none = "none".to_owned();
    let server = match names.is_empty() {
        true => none.clone(),
        false => names.join(" "),
    };
    Ok(Check::of("alarms", &none, &server))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_count_and_not_their_number() {
        assert!(names("users", &set(&["a"]), &set(&["a"])).is_equal);
        let other = names("users", &set(&["a"]), &set(&["b"]));
        assert_eq!(
            (other.is_equal, other.server.as_str()),
            (false, "1, others")
        );
    }
}
