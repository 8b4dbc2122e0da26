//! `etcdha frontend clean`.

use clap::Args;
use serde::Serialize;

use super::plan::PlanReport;
use super::target::TargetArgs;
use super::told;
use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::error::Outcome;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Consent, Output, Page, Report};
use crate::model::{Frontend, PlaneChoice};
use crate::ops::frontend::{Change, FrontendError, apply, nothing};

/// Take the front end away from this node
///
/// Virtual services, their route and the nftables table go, in both planes; connections through them
/// end. Nothing of others is touched. Kernel settings stay as they are, since others may rely on them.
///
/// Examples:
///   $ etcdha frontend clean --dry-run
///   $ etcdha frontend clean --vip 169.254.247.1 --yes
///
/// Exit codes: 0 nothing is left, 1 failed
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CleanArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

struct CleanReport {
    changes: usize,
}

impl Report for CleanReport {
    const KIND: &'static str = "FrontendRemoval";

    fn document(&self) -> impl Serialize {
        v1::FrontendRemoval {
            changes: self.changes,
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(match self.changes {
            0 => "Nothing was there.".to_owned(),
            _ => "Nothing of the front end is left.".to_owned(),
        });
    }
}

pub(super) fn run(args: &CleanArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let frontend = args.target.resolve(global)?.frontend;
    let changes = removals(&frontend).map_err(told)?;
    let count: usize = changes.iter().map(|change| change.operations.len()).sum();
    for change in &changes {
        let operations = change.operations.len();
        if operations == 0 && !(args.change.dry_run && count == 0) {
            continue;
        }
        let plan = PlanReport {
            headline: format!(
                "Plan: {operations} changes of this node's kernel ({})",
                change.plane.as_str()
            ),
            plane: change.plane,
            operations: &change.operations,
        };
        let question = format!("Apply these {operations} changes?");
        let consent = output.propose(&plan, args.change, &question)?;
        if consent == Consent::DryRun {
            return Ok(ExitCode::Done);
        }
    }
    for change in changes {
        apply(change).map_err(told)?;
    }
    output.emit(&CleanReport { changes: count })?;
    Ok(ExitCode::Done)
}

/// A front end that changed its plane may have left traces in the other one.
fn removals(frontend: &Frontend) -> Result<Vec<Change>, FrontendError> {
    let auto = nothing(frontend, PlaneChoice::Auto)?;
    let mut changes = Vec::new();
    if auto.plane == PlaneChoice::Ipvs {
        // One route serves both: it goes with the first.
        let nft = nothing(&Frontend::default(), PlaneChoice::Nft);
        changes.extend(nft.ok().filter(|change| !change.operations.is_empty()));
    }
    changes.insert(0, auto);
    Ok(changes)
}
