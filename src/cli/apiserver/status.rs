//! `etcdha apiserver status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::{EtcdArgs, GlobalArgs};
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::Outcome;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, clean, elapsed};
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, etcd};
use crate::ops::apiserver_status::{ApiserverRow, ApiserverStatus, look};
use crate::ops::leases::LeaseRow;

/// Show which etcd members the kube-apiservers use, and whether they are ready
///
/// RUNNING compares the flags on disk with those of the process: "same", what it runs with instead,
/// or - where it can't be seen from here. Who leads is read from etcd itself.
///
/// Example:
///   $ etcdha apiserver status -o wide
///
/// Exit codes: 0 nothing is wrong, 5 something is wrong
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct StatusArgs {
    /// Kubeconfig of an administrator [default: the nodes' /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    kubeconfig: Option<PathBuf>,

    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

struct StatusReport(ApiserverStatus);

impl Report for StatusReport {
    const KIND: &'static str = "ApiserverStatus";

    fn document(&self) -> impl Serialize {
        let status = &self.0;
        v1::ApiserverStatus {
            cluster: &status.name,
            cluster_id: status.cluster_id.map(|id| id.to_string()),
            healthy: status.problems.is_empty(),
            apiservers: status.apiservers.iter().map(json_apiserver).collect(),
            unused_members: &status.unused,
            leases: status.leases.iter().map(json_lease).collect(),
            problems: &status.problems,
        }
    }

    fn page(&self, page: &mut Page) {
        let status = &self.0;
        let id = status
            .cluster_id
            .map(|id| format!("  {id}"))
            .unwrap_or_default();
        page.line(format!("Cluster {}{id}", Tone::Strong.paint(&status.name)));
        page.blank();
        apiserver_tables(page, &status.apiservers, &status.leases);
        if !status.unused.is_empty() {
            page.blank();
            page.line(format!(
                "Used by no apiserver: {}",
                clean(&status.unused.join(" "))
            ));
            page.hint(match status.unused_leave {
                true => "Next: remove them (docs/topology.md)",
                false => "Next: etcdha apiserver repoint",
            });
        }
        if !status.problems.is_empty() {
            page.blank();
        }
        for problem in &status.problems {
            page.line(format!(
                "{} {}",
                Tone::Warn.paint("warning:"),
                clean(problem)
            ));
        }
    }
}

/// The apiservers, then who leads.
pub(in crate::cli) fn apiserver_tables(
    page: &mut Page,
    apiservers: &[ApiserverRow],
    leases: &[LeaseRow],
) {
    let mut table = Table::new(["APISERVER", "READY", "ETCD ENDPOINTS", "RUNNING", "VERSION"])
        .wide(["URL", "ETCD SERVERS"]);
    for row in apiservers {
        let disk = row.on_disk.as_ref();
        let running = match (disk, &row.running) {
            (Some(disk), Some(running)) if disk.urls == running.urls => "same".to_owned(),
            (_, Some(running)) => Tone::Warn.paint(&running.label),
            (_, None) => String::new(),
        };
        table.row([
            row.node.clone(),
            match row.ready {
                Ok(()) => Tone::Good.paint("ok"),
                Err(_) => Tone::Bad.paint("no"),
            },
            disk.map(|disk| disk.label.clone()).unwrap_or_default(),
            running,
            row.version.clone().unwrap_or_default(),
            row.url.clone(),
            disk.map(|disk| disk.urls.join(",")).unwrap_or_default(),
        ]);
    }
    page.table(&table);
    let mut table = Table::new(["LEADS AS", "NODE", "RENEWED"]).wide(["HOLDER"]);
    for row in leases {
        let Ok(held) = &row.found else {
            table.row([
                row.name.clone(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            continue;
        };
        let age = held
            .age_seconds
            .and_then(|age| u64::try_from(age.max(0)).ok());
        table.row([
            row.name.clone(),
            held.host.clone(),
            age.map(ago).unwrap_or_default(),
            held.holder.clone(),
        ]);
    }
    if !leases.is_empty() {
        page.blank();
    }
    page.table(&table);
}

/// A lease's times are whole seconds, and clocks differ by some.
fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s ago"),
        _ => format!("{} ago", elapsed(Duration::from_secs(seconds))),
    }
}

/// The document of an apiserver.
pub(in crate::cli) fn json_apiserver(row: &ApiserverRow) -> v1::Apiserver {
    v1::Apiserver {
        node: row.node.clone(),
        url: row.url.clone(),
        ready: row.ready.is_ok(),
        not_ready_because: row.ready.clone().err(),
        version: row.version.clone(),
        etcd_servers: row.on_disk.as_ref().map(|disk| disk.urls.clone()),
        running_etcd_servers: row.running.as_ref().map(|running| running.urls.clone()),
        complaint: row.complaint.clone(),
    }
}

/// The document of a lease.
pub(in crate::cli) fn json_lease(row: &LeaseRow) -> v1::Leader {
    let held = row.found.as_ref().ok();
    v1::Leader {
        lease: row.name.clone(),
        holder: held.map(|held| held.holder.clone()),
        node: held.map(|held| held.host.clone()),
        renewed: held.and_then(|held| held.renewed).map(|at| at.to_string()),
        abandoned: held.map(|held| held.is_abandoned),
        unknown_because: row.found.as_ref().err().cloned(),
    }
}

pub(super) fn run(args: &StatusArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = cluster_source::load(global, &args.cluster)?;
    let access = etcd::access(&args.etcd, Some(&spec))?;
    let kubeconfig = args
        .kubeconfig
        .as_ref()
        .map(std::path::absolute)
        .transpose()?;
    let status = block_on(look(
        &spec,
        &access,
        kubeconfig.as_deref(),
        Timestamp::now(),
    ))?;
    let is_well = status.problems.is_empty();
    output.emit(&StatusReport(status))?;
    Ok(if is_well {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}
