//! `etcdha snapshot inspect`.

use clap::Args;
use serde::Serialize;

use super::show;
use super::source::SourceArgs;
use crate::cli::error::Outcome;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, bytes, count};
use crate::ops::snapshot_look::snapshot_inspect;
use crate::snapshot::inspect::{InspectOptions, Inspection};

/// Show what is in a snapshot: buckets, keys by prefix, the largest keys, leases, alarms, members
///
/// Shows names and sizes, never a value: a snapshot holds every Secret of the cluster.
///
/// Examples:
///   $ etcdha snapshot inspect backup.db
///   $ etcdha snapshot inspect backup.db --depth 3 --largest 50
///
/// Exit codes: 0 shown, 1 the file cannot be read, 5 it is damaged or no snapshot
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct InspectArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Parts of a key, split at /, that make its prefix
    #[arg(
        long,
        value_name = "PARTS",
        default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(1..=16),
        help_heading = "Behaviour"
    )]
    depth: u8,

    /// How many of the largest keys to show
    #[arg(
        long,
        value_name = "KEYS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(0..=10_000),
        help_heading = "Behaviour"
    )]
    largest: u16,
}

struct InspectReport(Inspection);

impl Report for InspectReport {
    const KIND: &'static str = "SnapshotInspection";

    fn document(&self) -> impl Serialize {
        let found = &self.0;
        v1::SnapshotInspection {
            image_bytes: found.image_bytes,
            page_bytes: found.page_bytes,
            revision: found.revision,
            compact_revision: found.marks.compacted().unwrap_or(-1),
            consistent_index: found.marks.consistent_index,
            storage_version: found.marks.version().to_string(),
            cluster_version: found.cluster_version.clone(),
            live_keys: found.live_keys,
            history_entries: found.history,
            buckets: buckets(found),
            prefixes: prefixes(found),
            largest: largest(found),
            leases: leases(found),
            alarms: alarms(found),
            members: members(found),
            removed_members: found.removed_members,
            auth_enabled: found.auth_enabled,
            users: found.users,
            roles: found.roles,
        }
    }

    fn page(&self, page: &mut Page) {
        let found = &self.0;
        page.line(format!(
            "Revision {}, compacted at {}, {} live keys, {} older changes and deletes, {}",
            found.revision,
            found.marks.compacted().unwrap_or(-1),
            count(found.live_keys),
            count(found.history),
            bytes(found.image_bytes)
        ));
        page.line(format!(
            "Cluster version {}, storage {}, authentication {}, {} users, {} roles",
            found.cluster_version.as_deref().unwrap_or("unknown"),
            found.marks.version(),
            if found.auth_enabled { "on" } else { "off" },
            found.users,
            found.roles
        ));
        for table in tables(found) {
            if !table.is_empty() {
                page.blank();
                page.table(&table);
            }
        }
    }
}

fn tables(found: &Inspection) -> [Table; 6] {
    let mut bucket_table = Table::new(["BUCKET", "ENTRIES", "SIZE"]);
    for bucket in &found.buckets {
        bucket_table.row([
            bucket.name.clone(),
            count(bucket.entries),
            bytes(bucket.bytes),
        ]);
    }
    let mut prefix_table = Table::new(["PREFIX", "KEYS", "SIZE"]);
    for prefix in &found.prefixes {
        prefix_table.row([
            prefix.prefix.clone(),
            count(prefix.keys),
            bytes(prefix.bytes),
        ]);
    }
    let mut largest_table = Table::new(["LARGEST KEYS", "SIZE", "REVISION"]);
    for key in &found.largest {
        largest_table.row([key.key.clone(), bytes(key.bytes), key.revision.to_string()]);
    }
    let mut lease_table = Table::new(["LEASE", "TTL", "KEYS"]);
    for lease in leases(found) {
        let ttl = format!("{}s", lease.ttl_seconds);
        lease_table.row([lease.id, ttl, count(lease.keys)]);
    }
    let mut alarm_table = Table::new(["ALARM", "MEMBER"]);
    for alarm in alarms(found) {
        alarm_table.row([alarm.alarm, alarm.member]);
    }
    let mut member_table = Table::new(["MEMBER", "ID", "PEER URLS"]);
    for member in members(found) {
        member_table.row([member.name, member.id, member.peer_urls.join(" ")]);
    }
    [
        bucket_table,
        prefix_table,
        largest_table,
        lease_table,
        alarm_table,
        member_table,
    ]
}

fn buckets(found: &Inspection) -> Vec<v1::SnapshotBucket> {
    let buckets = found.buckets.iter().map(|bucket| v1::SnapshotBucket {
        name: bucket.name.clone(),
        entries: bucket.entries,
        bytes: bucket.bytes,
    });
    buckets.collect()
}

fn prefixes(found: &Inspection) -> Vec<v1::SnapshotPrefix> {
    let prefixes = found.prefixes.iter().map(|prefix| v1::SnapshotPrefix {
        prefix: prefix.prefix.clone(),
        keys: prefix.keys,
        bytes: prefix.bytes,
    });
    prefixes.collect()
}

fn largest(found: &Inspection) -> Vec<v1::SnapshotKey> {
    let keys = found.largest.iter().map(|key| v1::SnapshotKey {
        key: key.key.clone(),
        bytes: key.bytes,
        revision: key.revision,
    });
    keys.collect()
}

fn leases(found: &Inspection) -> Vec<v1::SnapshotLease> {
    let leases = found.leases.iter().map(|lease| v1::SnapshotLease {
        id: format!("{:016x}", lease.id),
        ttl_seconds: lease.ttl,
        keys: lease.keys,
    });
    leases.collect()
}

fn alarms(found: &Inspection) -> Vec<v1::SnapshotAlarm> {
    let alarms = found.alarms.iter().map(|alarm| v1::SnapshotAlarm {
        member: format!("{:x}", alarm.member_id),
        alarm: alarm.kind().to_string(),
    });
    alarms.collect()
}

fn members(found: &Inspection) -> Vec<v1::SnapshotMember> {
    let members = found.members.iter().map(|member| v1::SnapshotMember {
        id: format!("{:x}", member.id),
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        client_urls: member.client_urls.clone(),
        learner: member.is_learner,
    });
    members.collect()
}

pub(super) fn run(args: &InspectArgs, output: &Output) -> Outcome {
    let options = InspectOptions {
        depth: usize::from(args.depth),
        largest: usize::from(args.largest),
    };
    show(
        &args.source,
        |source| snapshot_inspect(source, options),
        InspectReport,
        output,
    )
}
