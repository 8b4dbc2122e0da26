//! `etcdha status`.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::apiserver::{apiserver_tables, json_apiserver, json_lease};
use super::args::{EtcdArgs, GlobalArgs};
use super::cluster_source;
use super::error::Outcome;
use super::etcd;
use super::exit_code::ExitCode;
use super::member::{address, json_member};
use super::output::json::v1;
use super::output::{Output, Page, Report, Table, Tone, bytes, count, elapsed};
use super::runtime::block_on;
use crate::ops::apiserver_status::{self, ApiserverRow, ApiserverStatus};
use crate::ops::cluster_status::{ClusterStatus, LiveMember, MemberRow, WARN_DAYS};
use crate::ops::leases::LeaseRow;
use crate::ops::look::look;

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

struct StatusReport {
    cluster: ClusterStatus,
    apiservers: Vec<ApiserverRow>,
    leases: Vec<LeaseRow>,
}

impl Report for StatusReport {
    const KIND: &'static str = "ClusterStatus";

    fn document(&self) -> impl Serialize {
        let status = &self.cluster;
        v1::ClusterStatus {
            name: status.name.clone(),
            cluster_id: status.cluster_id.to_string(),
            versions: status.versions.clone(),
            revision: status.revision.map(|revision| revision.0),
            healthy: status.problems.is_empty(),
            tolerates_failures: status.tolerates,
            members: status.members.iter().map(json_member).collect(),
            apiservers: self.apiservers.iter().map(json_apiserver).collect(),
            leases: self.leases.iter().map(json_lease).collect(),
            problems: status.problems.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(headline(&self.cluster));
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
        for row in &self.cluster.members {
            table.row(cells(row));
        }
        page.table(&table);
        if !self.apiservers.is_empty() {
            page.blank();
            apiserver_tables(page, &self.apiservers, &self.leases);
        }
        if !self.cluster.problems.is_empty() {
            page.blank();
        }
        for problem in &self.cluster.problems {
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
    let spec = cluster_source::load_if_there(global)?;
    let access = etcd::access(&args.etcd, spec.as_ref())?;
    let name = spec.as_ref().map(|spec| spec.name.clone());
    let now = Timestamp::now();
    let (cluster, apiservers) = block_on(async {
        let cluster = look(&access, name, now).await;
        let apiservers = match (&cluster, &spec) {
            (Ok(_), Some(spec)) => Some(apiserver_status::look(spec, &access, None, now).await),
            _ => None,
        };
        (cluster, apiservers)
    })?;
    let cluster = cluster.map_err(|error| etcd::no_answer(&error))?;
    let report = with_apiservers(cluster, apiservers);
    let is_well = report.cluster.problems.is_empty();
    output.emit(&report)?;
    Ok(if is_well {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}

/// Adds the apiservers whose manifests are within reach: without one, a node may have none, which
/// `etcdha apiserver status` tells.
fn with_apiservers(cluster: ClusterStatus, found: Option<ApiserverStatus>) -> StatusReport {
    let mut report = StatusReport {
        cluster,
        apiservers: Vec::new(),
        leases: Vec::new(),
    };
    let Some(found) = found else { return report };
    let rows = found.apiservers.into_iter();
    report.apiservers = rows.filter(|row| row.on_disk.is_some()).collect();
    if !report.apiservers.is_empty() {
        report.leases = found.leases;
    }
    let problems = apiserver_status::problems(&report.apiservers, &report.leases);
    report.cluster.problems.extend(problems);
    report
}
