//! `etcdha snapshot list`.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, bytes, clean, count};
use crate::cli::runtime::block_on;
use crate::model::SnapshotPlace;
use crate::ops::snapshot_store::{LookError, State, Stored, look_at};
use crate::snapshot::SnapshotRecord;

use super::store_args::{self, StoreArgs};

/// List the snapshots in a directory or a store, oldest first
///
/// STATE is what the record beside each snapshot says: proven (members had its HashKV when it was
/// saved), unproven (none could be compared), unrecorded (somebody else put it there), damaged (it
/// is not what was saved). No snapshot is read whole: etcdha snapshot verify does that.
///
/// Examples:
///   $ etcdha snapshot list /var/backups/etcd -o json | jq -r '.snapshots[-1].path'
///   $ etcdha snapshot list s3://etcd-backups/prod -o wide
///
/// Exit codes: 0 listed, 5 a snapshot is damaged
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ListArgs {
    /// A directory, or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE", default_value = ".", value_parser = store_args::place())]
    place: SnapshotPlace,

    #[command(flatten)]
    store: StoreArgs,
}

struct SnapshotList {
    snapshots: Vec<Stored>,
}

impl Report for SnapshotList {
    const KIND: &'static str = "SnapshotList";

    fn document(&self) -> impl Serialize {
        v1::SnapshotList {
            snapshots: self.snapshots.iter().map(item).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        if self.snapshots.is_empty() {
            page.line("No snapshots.");
            return;
        }
        let header = ["TAKEN", "FILE", "CLUSTER", "REVISION", "SIZE", "STATE"];
        let mut table = Table::new(header).wide(["PACKED", "FROM", "ETCD", "HASHKV", "SHA256"]);
        for stored in &self.snapshots {
            table.row(cells(stored));
        }
        page.table(&table);
    }
}

fn cells(stored: &Stored) -> [String; 11] {
    let record = stored.record.as_ref();
    let name = stored.place.name();
    let cluster = record.map(|record| {
        let cluster = &record.cluster;
        cluster.name.clone().unwrap_or_else(|| cluster.id.clone())
    });
    let revision = record.map(|record| count(u64::try_from(record.revision).unwrap_or(0)));
    let state = stored.state.to_string();
    [
        time(stored.taken_at),
        name,
        cluster.unwrap_or_default(),
        revision.unwrap_or_default(),
        bytes(stored.size),
        match stored.state {
            State::Proven => Tone::Good.paint(&state),
            State::Unproven | State::Unrecorded => state,
            State::Damaged(_) => Tone::Bad.paint(&clean(&state)),
        },
        record.map(packed).unwrap_or_default(),
        record
            .map(|record| record.member.clone())
            .unwrap_or_default(),
        record
            .map(|record| record.etcd_version.clone())
            .unwrap_or_default(),
        record
            .map(|record| record.hash_kv.hash.to_string())
            .unwrap_or_default(),
        record
            .map(|record| record.sha256.clone())
            .unwrap_or_default(),
    ]
}

/// `zstd:3 age`, or nothing.
fn packed(record: &SnapshotRecord) -> String {
    let stored = record.stored.as_ref();
    let compression = stored.and_then(|stored| stored.compression.clone());
    let is_encrypted = stored.is_some_and(|stored| !stored.recipients.is_empty());
    let words = compression
        .into_iter()
        .chain(is_encrypted.then(|| "age".to_owned()));
    words.collect::<Vec<_>>().join(" ")
}

/// A time as tables show it, in UTC to the second.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A stored snapshot for programs.
pub(super) fn item(stored: &Stored) -> v1::SnapshotItem {
    let (state, problem) = match &stored.state {
        State::Proven => ("proven", None),
        State::Unproven => ("unproven", None),
        State::Unrecorded => ("unrecorded", None),
        State::Damaged(why) => ("damaged", Some(why.clone())),
    };
    v1::SnapshotItem {
        path: stored.place.to_string(),
        taken_at: stored.taken_at.to_string(),
        size_bytes: stored.size,
        state: state.to_owned(),
        problem,
        record: stored.record.clone(),
    }
}

/// A place that can't be looked at.
pub(super) fn unseen(error: LookError) -> CliError {
    match error {
        LookError::Store(error) => store_args::refused(&error),
        LookError::File(_) | LookError::NoStore(_) => CliError::from(error),
    }
}

pub(super) fn run(args: &ListArgs, _global: &GlobalArgs, output: &Output) -> Outcome {
    let store = args.store.access([&args.place])?;
    let found = block_on(look_at(&args.place, store.as_ref()))?.map_err(unseen)?;
    let snapshots = found.snapshots;
    let damaged = |stored: &Stored| matches!(stored.state, State::Damaged(_));
    let code = match snapshots.iter().any(damaged) {
        true => ExitCode::Problems,
        false => ExitCode::Done,
    };
    output.emit(&SnapshotList { snapshots })?;
    Ok(code)
}
