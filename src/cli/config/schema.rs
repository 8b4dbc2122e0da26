//! `etcdha config schema`.

use clap::Args;

use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::{Format, Output};
use crate::model::ClusterSpec;

/// Print the JSON Schema of the cluster file
///
/// Example:
///   $ etcdha config schema > etcdha.schema.json
///
/// Editors complete and check the file with it, for instance through a first line that reads
/// # yaml-language-server: $schema=etcdha.schema.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct SchemaArgs {}

pub(super) fn run(_: &SchemaArgs, output: &Output) -> Outcome {
    let schema = ClusterSpec::json_schema();
    let text = match output.format {
        Format::Yaml => serde_saphyr::to_string(&schema)
            .map_err(|error| CliError::failed("write the schema").cause(&error))?,
        _ => format!("{schema:#}\n"),
    };
    output.raw(&text)?;
    Ok(ExitCode::Done)
}
