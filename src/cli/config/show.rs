//! `etcdha config show`.

use clap::Args;

use crate::cli::args::GlobalArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::cluster_source::load;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::{Format, Output};

/// Print the cluster as other commands see it
///
/// Examples:
///   $ etcdha config show
///   $ etcdha config show --member m1=10.0.0.11 --member m2=10.0.0.12,fd00::12 -o json
///
/// Every default is filled in, paths are resolved, and flags are laid over the file. What is printed
/// is a cluster file itself.
///
/// Exit codes: 0 shown, 2 neither a cluster file nor members, or mistakes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn run(args: &ShowArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = load(global, &args.cluster)?;
    let document = spec.document();
    let text = match output.format {
        Format::Json => serde_json::to_string_pretty(&document)
            .map(|text| text + "\n")
            .map_err(|error| CliError::failed("write the cluster").cause(&error)),
        _ => serde_saphyr::to_string(&document)
            .map_err(|error| CliError::failed("write the cluster").cause(&error)),
    };
    output.raw(&text?)?;
    Ok(ExitCode::Done)
}
