//! `etcdha member list`.

use clap::Args;
use serde::Serialize;

use crate::cli::args::{EtcdArgs, GlobalArgs};
use crate::cli::error::Outcome;
use crate::cli::etcd;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table};
use crate::ops::cluster_status::ClusterStatus;

use super::{address, json_member};

/// List the members of the cluster
///
/// Read through consensus where there is a quorum.
///
/// Example:
///   $ etcdha member list -o wide
///
/// Exit codes: 0 listed, 1 no member answers
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ListArgs {
    #[command(flatten)]
    etcd: EtcdArgs,
}

struct MemberList(ClusterStatus);

impl Report for MemberList {
    const KIND: &'static str = "MemberList";

    fn document(&self) -> impl Serialize {
        v1::MemberList {
            cluster_id: self.0.cluster_id.to_string(),
            members: self.0.members.iter().map(json_member).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mut table = Table::new(["MEMBER", "ADDRESS", "ROLE", "STARTED", "VERSION"]).wide([
            "ID",
            "PEER URLS",
            "CLIENT URLS",
        ]);
        for row in &self.0.members {
            let version = row.live.as_ref().map(|live| live.version.clone());
            table.row([
                row.name.clone(),
                address(row),
                row.role.as_str().to_owned(),
                if row.started { "yes" } else { "no" }.to_owned(),
                version.unwrap_or_default(),
                row.id.to_string(),
                row.peer_urls.join(","),
                row.client_urls.join(","),
            ]);
        }
        page.table(&table);
    }
}

pub(super) fn run(args: &ListArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let status = etcd::status(&args.etcd, global)?;
    output.emit(&MemberList(status))?;
    Ok(ExitCode::Done)
}
