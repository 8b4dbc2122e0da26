//! `etcdha apiserver rollback`.

use clap::Args;

use crate::cli::args::GlobalArgs;
use crate::cli::error::Outcome;
use crate::cli::output::Output;
use crate::ops::apiserver_repoint::{FileWish, Wish};

use super::roll::{RollArgs, roll};

/// Put the manifests back that stood there before the last repoint, one node at a time
///
/// Each node gets the file from before its own last repoint, through the same checks before and the
/// same proof after. A manifest that was changed since is left alone.
///
/// Example:
///   $ etcdha apiserver rollback --dry-run
///   $ etcdha apiserver rollback m2
///
/// Exit codes: 0 done, 1 failed and undone, 3 refused, 4 some nodes are back
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    roll: RollArgs,
}

pub(super) fn run(args: &RollbackArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let wish = |_: &_| Wish::Previous;
    roll(&args.roll, wish, FileWish::default(), global, output)
}
