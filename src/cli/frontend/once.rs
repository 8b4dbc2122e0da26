//! `etcdha frontend once`.

use clap::Args;
use serde::Serialize;

use super::plan::PlanReport;
use super::target::TargetArgs;
use super::told;
use crate::cli::args::{ChangeArgs, GlobalArgs, TimeoutArgs};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Consent, Output, Page, Report, Tone};
use crate::cli::runtime::block_on;
use crate::model::{Frontend, PlaneChoice};
use crate::ops::frontend::{Answer, Reach, apply, change_to, reach, reach_vips, without};

/// Set up the front end on this node, once
///
/// The virtual address is balanced over the apiservers by this node's kernel. Apiservers that refuse
/// connections now are left out, unless all do. What is there already stays as it is: established
/// connections are not touched. Run it before kubeadm join, and again after a reboot.
///
/// Examples:
///   $ etcdha frontend once --dry-run
///   $ etcdha frontend once --vip 169.254.247.1 --server 10.0.0.11,10.0.0.12,10.0.0.13 --yes
///
/// Exit codes: 0 the virtual address answers, 1 failed, 3 refused, 5 set up, but nothing answers
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct OnceArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    timeout: TimeoutArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

struct OnceReport<'a> {
    plane: PlaneChoice,
    frontend: &'a Frontend,
    servers: &'a Reach,
    vips: &'a Reach,
    changes: usize,
}

impl OnceReport<'_> {
    fn left_out(&self) -> Vec<String> {
        let used = |address| {
            self.frontend
                .services
                .values()
                .any(|it| it.servers.contains_key(address))
        };
        let out = self.servers.keys().filter(|address| !used(address));
        out.map(ToString::to_string).collect()
    }
}

impl Report for OnceReport<'_> {
    const KIND: &'static str = "FrontendSetup";

    fn document(&self) -> impl Serialize {
        v1::FrontendSetup {
            plane: self.plane.as_str(),
            changes: self.changes,
            left_out: self.left_out(),
            virtual_addresses: self
                .vips
                .iter()
                .map(|(address, answer)| v1::FrontendAnswer {
                    address: address.to_string(),
                    answers: *answer == Answer::Open,
                })
                .collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        for (address, answer) in self.vips {
            let servers = self
                .frontend
                .services
                .iter()
                .find(|(key, _)| key.vip == address.ip());
            let servers = servers.map_or(0, |(_, service)| service.servers.len());
            let plane = self.plane.as_str();
            page.line(match answer {
                Answer::Open => format!(
                    "{} {address} answers: {plane}, {servers} servers.",
                    Tone::Good.paint("✓")
                ),
                Answer::Refused => {
                    format!("{} {address} refuses connections.", Tone::Bad.paint("✗"))
                }
                Answer::Silent(why) => format!("{} {address}: {why}.", Tone::Bad.paint("✗")),
            });
        }
        let left_out = self.left_out();
        if !left_out.is_empty() {
            page.line(format!(
                "Left out, since they refuse connections: {}",
                left_out.join(" ")
            ));
        }
        if self.changes == 0 {
            page.line("Nothing was changed: the kernel held all of it.");
        }
    }
}

pub(super) fn run(args: &OnceArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let target = args.target.resolve(global)?;
    if args.target.lacks_servers() {
        return Err(
            CliError::usage("--vip names no apiservers").fix("add --server 10.0.0.11 for each")
        );
    }
    let patience = args.timeout.timeout;
    let servers = block_on(reach(&target.frontend, patience))?;
    let frontend = without(&target.frontend, &servers);
    let change = change_to(&frontend).map_err(told)?;
    let (plane, changes) = (change.plane, change.operations.len());
    let plan = PlanReport {
        headline: format!(
            "Plan: {changes} changes of this node's kernel ({})",
            plane.as_str()
        ),
        plane,
        operations: &change.operations,
    };
    if args.change.dry_run || changes > 0 {
        let question = format!("Apply these {changes} changes?");
        if output.propose(&plan, args.change, &question)? == Consent::DryRun {
            return Ok(ExitCode::Done);
        }
    }
    apply(change).map_err(told)?;
    let vips = block_on(reach_vips(&frontend, patience))?;
    output.emit(&OnceReport {
        plane,
        frontend: &frontend,
        servers: &servers,
        vips: &vips,
        changes,
    })?;
    let answers = vips.values().all(|answer| *answer == Answer::Open);
    Ok(if answers {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}
