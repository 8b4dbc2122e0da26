//! `etcdha frontend status`.

use clap::Args;
use serde::Serialize;

use super::target::TargetArgs;
use super::told;
use crate::cli::args::GlobalArgs;
use crate::cli::error::Outcome;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, bytes, count};
use crate::ops::frontend::{ServerRow, ServerState, ServiceStatus, Status, look};

/// Show what this node's kernel holds of the front end
///
/// Connections and bytes are counted by IPVS alone; nftables shows weights.
///
/// Example:
///   $ etcdha frontend status -o wide
///
/// Exit codes: 0 all is as declared, 1 failed, 5 something is missing
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    target: TargetArgs,
}

struct StatusReport(Status);

impl Report for StatusReport {
    const KIND: &'static str = "FrontendStatus";

    fn document(&self) -> impl Serialize {
        let status = &self.0;
        v1::FrontendStatus {
            plane: status.plane.as_str(),
            as_declared: status.missing.is_empty(),
            services: status.services.iter().map(service_document).collect(),
            missing: &status.missing,
            other_services: status.others,
        }
    }

    fn page(&self, page: &mut Page) {
        for service in &self.0.services {
            page.blank();
            page.line(format!(
                "VIP {}  {} {}  {} of {} in use",
                Tone::Strong.paint(&service.key.to_string()),
                self.0.plane.as_str(),
                service.scheduler.as_str(),
                service.in_use(),
                service.servers.len()
            ));
            let mut table = Table::new(["SERVER", "STATE", "WEIGHT", "ACTIVE", "INACTIVE"]).wide([
                "CONNECTIONS",
                "FROM CLIENTS",
                "TO CLIENTS",
            ]);
            for server in &service.servers {
                table.row(row(server));
            }
            page.table(&table);
        }
        let missing = &self.0.missing;
        if let Some(first) = missing.first() {
            page.blank();
            let more = missing.len() - 1;
            page.line(format!(
                "{} still to do: {first} (and {more} more)",
                Tone::Warn.paint("warning:")
            ));
            page.hint("Next: etcdha frontend once");
        }
    }
}

fn row(server: &ServerRow) -> [String; 8] {
    let state = server.state.as_str();
    let (active, inactive) = server.connections.unzip();
    let counters = server.counters;
    [
        server.address.to_string(),
        match server.state {
            ServerState::InUse => Tone::Good.paint(state),
            ServerState::Draining => Tone::Warn.paint(state),
            ServerState::Out | ServerState::Stranger => Tone::Bad.paint(state),
        },
        server.weight.map(|it| it.to_string()).unwrap_or_default(),
        active.map(|it| it.to_string()).unwrap_or_default(),
        inactive.map(|it| it.to_string()).unwrap_or_default(),
        counters.map(|it| count(it.connections)).unwrap_or_default(),
        counters.map(|it| bytes(it.bytes_in)).unwrap_or_default(),
        counters.map(|it| bytes(it.bytes_out)).unwrap_or_default(),
    ]
}

fn service_document(service: &ServiceStatus) -> v1::FrontendService {
    let servers = service.servers.iter().map(|server| v1::FrontendServer {
        address: server.address.to_string(),
        state: server.state.as_str(),
        weight: server.weight,
        active: server.connections.map(|it| it.0),
        inactive: server.connections.map(|it| it.1),
        connections: server.counters.map(|it| it.connections),
        bytes_in: server.counters.map(|it| it.bytes_in),
        bytes_out: server.counters.map(|it| it.bytes_out),
    });
    v1::FrontendService {
        address: service.key.to_string(),
        scheduler: service.scheduler.as_str(),
        servers: servers.collect(),
    }
}

pub(super) fn run(args: &StatusArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let frontend = args.target.resolve(global)?.frontend;
    let status = look(&frontend).map_err(told)?;
    let whole = status.missing.is_empty();
    output.emit(&StatusReport(status))?;
    Ok(if whole {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}
