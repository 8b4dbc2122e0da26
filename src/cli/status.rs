//! `etcdha status`.

use clap::Args;
use serde::Serialize;

use super::args::{EtcdArgs, GlobalArgs};
use super::error::Outcome;
use super::etcd;
use super::exit_code::ExitCode;
use super::member::{address, json_member};
use super::output::json::v1;
use super::output::{Output, Page, Report, Table, Tone, bytes, count, elapsed};
use crate::ops::cluster_status::{ClusterStatus, LiveMember, MemberRow, WARN_DAYS};

/// Show the members and what is wrong with them
///
/// Example:
///   $ etcdha status -o json | jq .healthy
///
/// Exit codes: 0 nothing is wrong, 1 no member answers, 5 something is wrong
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    etcd: EtcdArgs,
}

struct StatusReport(ClusterStatus);

impl Report for StatusReport {
    const KIND: &'static str = "ClusterStatus";

    fn document(&self) -> impl Serialize {
        let status = &self.0;
        v1::ClusterStatus {
            name: status.name.clone(),
            cluster_id: status.cluster_id.to_string(),
            versions: status.versions.clone(),
            revision: status.revision.map(|revision| revision.0),
            healthy: status.problems.is_empty(),
            tolerates_failures: status.tolerates,
            members: status.members.iter().map(json_member).collect(),
            problems: status.problems.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(headline(&self.0));
        page.blank();
        let mut table = Table::new([
            "MEMBER",
            "ADDRESS",
            "ROLE",
            "DB SIZE",
            "IN USE",
            "RAFT INDEX",
            "LAG",
            "READ",
            "CERTS",
            "ALARMS",
        ])
        .wide(["VERSION", "ID", "TERM"]);
        for row in &self.0.members {
            table.row(cells(row));
        }
        page.table(&table);
        if !self.0.problems.is_empty() {
            page.blank();
        }
        for problem in &self.0.problems {
            page.line(format!("{} {problem}", Tone::Warn.paint("warning:")));
        }
    }
}

fn headline(status: &ClusterStatus) -> String {
    let name = status.name.as_deref().unwrap_or("(no name)");
    let health = match status.problems.is_empty() {
        true => Tone::Good.paint("healthy"),
        false => Tone::Warn.paint("something is wrong"),
    };
    let revision = status
        .revision
        .map_or(0, |revision| u64::try_from(revision.0).unwrap_or(0));
    let plural = if status.tolerates == 1 { "" } else { "s" };
    format!(
        "Cluster {}  {}  {}  revision {}  {health}  tolerates {} failure{plural}",
        Tone::Strong.paint(name),
        status.cluster_id,
        status.versions.join("+"),
        count(revision),
        status.tolerates,
    )
}

fn cells(row: &MemberRow) -> [String; 13] {
    let live = |show: fn(&LiveMember) -> String| row.live.as_ref().map(show).unwrap_or_default();
    let role = match &row.complaint {
        Some(_) => Tone::Bad.paint("down"),
        None => row.role.as_str().to_owned(),
    };
    let days = row.certificate_days.map(|days| match days < WARN_DAYS {
        true => Tone::Warn.paint(&format!("{days}d")),
        false => format!("{days}d"),
    });
    [
        row.name.clone(),
        address(row),
        role,
        live(|live| bytes(live.db_size)),
        live(|live| {
            format!(
                "{} %",
                (live.db_in_use * 100)
                    .checked_div(live.db_size)
                    .unwrap_or(0)
            )
        }),
        live(|live| count(live.raft_index)),
        live(|live| count(live.lag)),
        row.live
            .as_ref()
            .and_then(|live| live.read)
            .map(elapsed)
            .unwrap_or_default(),
        days.unwrap_or_default(),
        row.alarms.join(","),
        live(|live| live.version.clone()),
        row.id.to_string(),
        live(|live| live.raft_term.to_string()),
    ]
}

pub(super) fn run(args: &StatusArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let status = etcd::status(&args.etcd, global)?;
    let is_well = status.problems.is_empty();
    output.emit(&StatusReport(status))?;
    Ok(if is_well {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}
