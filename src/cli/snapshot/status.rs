//! `etcdha snapshot status`.

use clap::Args;
use serde::Serialize;

use super::show;
use super::source::SourceArgs;
use crate::cli::error::Outcome;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table};
use crate::ops::snapshot_look::snapshot_status;
use crate::snapshot::{Status, StorageVersion};

/// Show hash, revision, keys and size of a snapshot, as etcdutl does
///
/// The numbers are those that etcdutl of the snapshot's own version prints, and the fields of
/// -o json have the same names. TOTAL KEYS counts the entries of all buckets up to 3.5, and the
/// living keys from 3.6 on. The digest is not checked: that is etcdha snapshot verify.
///
/// Examples:
///   $ etcdha snapshot status backup.db
///   $ etcdha snapshot status backup.db -o json | jq .revision
///
/// Exit codes: 0 shown, 1 the file cannot be read, 5 it is damaged or no snapshot
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    source: SourceArgs,
}

struct StatusReport(Status);

impl Report for StatusReport {
    const KIND: &'static str = "SnapshotStatus";

    fn document(&self) -> impl Serialize {
        let status = &self.0;
        v1::SnapshotStatus {
            hash: status.hash,
            revision: status.revision,
            total_key: status.total_key,
            total_size: status.total_size,
            version: match &status.version {
                StorageVersion::Stated(version) => Some(version.clone()),
                StorageVersion::V3_4 | StorageVersion::V3_5 => None,
            },
            current_revision: status.current_revision,
            storage_version: status.version.to_string(),
        }
    }

    fn page(&self, page: &mut Page) {
        let status = &self.0;
        let mut table = Table::new(["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "STORAGE"]);
        table.row([
            format!("{:x}", status.hash),
            status.revision.to_string(),
            status.total_key.to_string(),
            si_bytes(status.total_size),
            status.version.to_string(),
        ]);
        page.table(&table);
        if status.current_revision != status.revision {
            page.hint(format!(
                "The store is at revision {}: the last change stored is older, because a delete was \
                 compacted away.",
                status.current_revision
            ));
        }
    }
}

/// A size as etcdutl shows it: `24 kB`, `1.2 GB`.
fn si_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut scale: u64 = 1;
    while bytes / scale >= 1000 {
        scale *= 1000;
        unit += 1;
    }
    // Rounded to tenths; from ten on without them, to the even whole where it is just between, as Go
    // formats.
    let tenths = (u128::from(bytes) * 20 / u128::from(scale)).div_ceil(2);
    if bytes < 10 {
        format!("{bytes} B")
    } else if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        let (whole, rest) = (tenths / 10, tenths % 10);
        let up = rest > 5 || (rest == 5 && whole % 2 == 1);
        format!("{} {}", whole + u128::from(up), UNITS[unit])
    }
}

pub(super) fn run(args: &StatusArgs, output: &Output) -> Outcome {
    show(&args.source, snapshot_status, StatusReport, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_those_of_etcdutl() {
        assert_eq!(
            [
                9,
                10,
                999,
                1_000,
                9_949,
                24_576,
                36_864,
                999_999,
                1_190_000_000,
                u64::MAX
            ]
            .map(si_bytes),
            [
                "9 B", "10 B", "999 B", "1.0 kB", "9.9 kB", "25 kB", "37 kB", "1000 kB", "1.2 GB",
                "18 EB"
            ]
        );
    }
}
