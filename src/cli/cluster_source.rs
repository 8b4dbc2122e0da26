//! Where a command's cluster comes from: the cluster file, flags in its place, or flags over it.

use std::path::Path;

use crate::model::{ClusterSpec, Mistake, PkiSpec, Severity, SpecError};
use crate::ops::cluster_file::{ClusterFile, ClusterFileError, PLACES, load_cluster_file};

use super::args::GlobalArgs;
use super::cluster_args::{CaArgs, ClusterArgs};
use super::error::CliError;

/// Reads the cluster file if there is one.
///
/// # Errors
/// A file that was named with `--config` and is missing, and every mistake of a file. Exit 2.
pub(super) fn load_if_there(global: &GlobalArgs) -> Result<Option<ClusterSpec>, CliError> {
    let file = read(global)?;
    Ok(file.map(|file| file.checked.spec))
}

/// The cluster of a command that needs one: the file, flags alone, or flags over the file.
///
/// # Errors
/// As [`load_if_there`]; and flags that do not fit, or neither file nor members. Exit 2.
pub(super) fn load(global: &GlobalArgs, args: &ClusterArgs) -> Result<ClusterSpec, CliError> {
    let spec = match read(global)? {
        Some(file) => args.over(file.checked.spec),
        None if args.member.is_empty() => {
            return Err(no_file().fix("or name the nodes: --member m1=10.0.0.11 --member …"));
        }
        None => args.alone(),
    };
    let checked = spec.map_err(CliError::usage)?.checked();
    checked
        .map(|checked| checked.spec)
        .map_err(|error| spec_error(None, &error))
}

/// The certificates' part of a cluster, for commands that need no members: of the file if there is
/// one, and flags over it.
///
/// # Errors
/// As [`load_if_there`].
pub(super) fn load_pki(global: &GlobalArgs, args: &CaArgs) -> Result<PkiSpec, CliError> {
    let mut pki = load_if_there(global)?
        .map(|spec| spec.pki)
        .unwrap_or_default();
    args.over(&mut pki);
    Ok(pki)
}

fn read(global: &GlobalArgs) -> Result<Option<ClusterFile>, CliError> {
    load_cluster_file(global.config.as_deref()).map_err(file_error)
}

/// Neither `./etcdha.yaml` nor `/etc/etcdha/etcdha.yaml` is there.
pub(super) fn no_file() -> CliError {
    CliError::usage("there is no cluster file")
        .detail(format!("looked for {}", PLACES.join(" and ")))
        .fix("write one: etcdha init --from-host, or etcdha init --member m1=10.0.0.11")
}

/// Tells why a cluster file is of no use.
pub(super) fn file_error(error: ClusterFileError) -> CliError {
    match &error {
        ClusterFileError::Mistakes { path, error } => spec_error(Some(path), error),
        ClusterFileError::Unreadable(_) => CliError::from(error),
        ClusterFileError::Missing { .. } => {
            CliError::usage(error.to_string()).fix("write it: etcdha init")
        }
        ClusterFileError::NoText { .. } => CliError::usage(error.to_string()),
    }
}

/// Shows every error of a declaration, one after the other.
pub(super) fn spec_error(path: Option<&Path>, error: &SpecError) -> CliError {
    let mistakes = error.mistakes.iter();
    let errors = mistakes.filter(|mistake| mistake.severity == Severity::Error);
    CliError::all(errors.map(|mistake| mistake_error(path, mistake)))
        .unwrap_or_else(|| CliError::usage(error.to_string()))
}

/// One mistake as `etcdha.yaml:14:17: …` with its lines.
pub(super) fn mistake_error(path: Option<&Path>, mistake: &Mistake) -> CliError {
    let what = match path {
        Some(path) if mistake.position.is_some() => format!("{}:{mistake}", path.display()),
        Some(path) => format!("{}: {mistake}", path.display()),
        None => mistake.to_string(),
    };
    let error = match mistake.severity {
        Severity::Error => CliError::usage(what),
        Severity::Warning => CliError::warning(what),
    };
    let mut error = error.excerpt(mistake.excerpt.iter().cloned());
    if let Some(values) = &mistake.expected {
        error = error.expected(values);
    }
    if let Some(advice) = &mistake.fix {
        error = error.fix(advice);
    }
    error
}
