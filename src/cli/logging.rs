//! Logs to stderr: `-v` says how much, `ETCDHA_LOG` says it in detail.

use std::env;

use tracing_subscriber::EnvFilter;

use super::args::GlobalArgs;
use super::error::CliError;
use super::output::Output;

/// Takes filters as tracing knows them, such as `etcdha=debug,tonic=info`. Wins over `-v`.
const VARIABLE: &str = "ETCDHA_LOG";

/// Starts to write logs. Without `-v` and `ETCDHA_LOG` only warnings show.
///
/// # Errors
/// Exit 2 for a filter in `ETCDHA_LOG` that can't be read.
pub fn start_logging(global: &GlobalArgs) -> Result<(), CliError> {
    let filter = match env::var(VARIABLE) {
        Ok(wish) if !wish.is_empty() => EnvFilter::try_new(&wish).map_err(|error| {
            CliError::usage(format!("read the filter in {VARIABLE}"))
                .cause(&error)
                .found(wish)
                .expected("a level (error, warn, info, debug, trace) or target=level,…")
        })?,
        _ => EnvFilter::new(match global.verbose {
            0 => "warn",
            1 => "warn,etcdha=info",
            2 => "info,etcdha=debug",
            _ => "trace",
        }),
    };
    let output = Output::new(global.output, global.quiet, global.color);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output.colours_stderr())
        .init();
    Ok(())
}
