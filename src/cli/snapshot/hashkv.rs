//! `etcdha snapshot hashkv`.

use clap::Args;
use serde::Serialize;

use super::show;
use super::source::SourceArgs;
use crate::cli::error::Outcome;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, count};
use crate::ops::snapshot_look::snapshot_hash_kv;
use crate::snapshot::HashKv;

/// Compute the HashKV of a snapshot, to be compared with that of a living member
///
/// The number is the one that every member of the cluster answers for the same revision, as long as
/// it is compacted at the same one: it identifies the data, where the hash of snapshot status
/// identifies the file. The file is only read.
///
/// Examples:
///   $ etcdha snapshot hashkv backup.db
///   $ etcdha snapshot hashkv backup.db --rev 1081004 -o json
///
/// Exit codes: 0 shown, 1 the file cannot be read or has no such revision, 5 it is damaged
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct HashkvArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Revision to hash up to [default: the last one]
    #[arg(
        long,
        value_name = "REVISION",
        value_parser = clap::value_parser!(i64).range(1..),
        help_heading = "Target"
    )]
    rev: Option<i64>,
}

struct HashKvReport(HashKv);

pub(super) fn document(found: &HashKv) -> v1::SnapshotHashKv {
    v1::SnapshotHashKv {
        hash: found.hash,
        hash_revision: found.revision,
        compact_revision: found.compact_revision,
        current_revision: found.current_revision,
        live_keys: found.live_keys,
    }
}

impl Report for HashKvReport {
    const KIND: &'static str = "SnapshotHashKv";

    fn document(&self) -> impl Serialize {
        document(&self.0)
    }

    fn page(&self, page: &mut Page) {
        let found = &self.0;
        let mut table = Table::new(["HASHKV", "REVISION", "COMPACTED AT", "LIVE KEYS"]);
        table.row([
            found.hash.to_string(),
            found.revision.to_string(),
            found.compact_revision.to_string(),
            found.live_keys.map_or_else(|| "?".to_owned(), count),
        ]);
        page.table(&table);
    }
}

pub(super) fn run(args: &HashkvArgs, output: &Output) -> Outcome {
    show(
        &args.source,
        |source| snapshot_hash_kv(source, args.rev),
        HashKvReport,
        output,
    )
}
