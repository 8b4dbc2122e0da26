//! Reaching etcd from flags and the cluster file: shared by every command that talks to it.

use jiff::Timestamp;

use crate::cluster::{ClusterAccess, ClusterError};
use crate::model::ClusterSpec;
use crate::ops::cluster_access::{AccessError, AccessRequest, cluster_access};
use crate::ops::cluster_status::ClusterStatus;
use crate::ops::look::look;

use super::args::{EtcdArgs, GlobalArgs};
use super::error::CliError;
use super::runtime::block_on;

/// Resolves the flags into an access.
///
/// # Errors
/// A named file that can't be read, or no CA to verify servers with.
pub(super) fn access(
    args: &EtcdArgs,
    spec: Option<&ClusterSpec>,
) -> Result<ClusterAccess, CliError> {
    let request = AccessRequest {
        endpoints: args.endpoints.clone(),
        cacert: args.cacert.clone(),
        identity: args.cert.clone().zip(args.key.clone()),
        credentials: args.user.as_ref().map(|user| user.0.clone()),
        timeout: args.timeout.timeout,
    };
    cluster_access(request, spec).map_err(|error| match &error {
        AccessError::NoCa { .. } => CliError::usage(error.to_string()).fix(
            "name it: --cacert FILE (and --cert FILE --key FILE), or run it on a member's host",
        ),
        AccessError::File(_) => CliError::from(error),
    })
}

/// Looks at the cluster.
pub(super) fn status(args: &EtcdArgs, global: &GlobalArgs) -> Result<ClusterStatus, CliError> {
    let spec = super::cluster_source::load_if_there(global)?;
    let access = access(args, spec.as_ref())?;
    let name = spec.map(|spec| spec.name);
    block_on(look(&access, name, Timestamp::now()))?.map_err(|error| no_answer(&error))
}

/// Says why etcd can't be talked to, each endpoint on a line of its own.
pub(super) fn no_answer(error: &ClusterError) -> CliError {
    let ClusterError::NoneAnswers { tried } = error else {
        return CliError::failed(error.to_string()).cause(error);
    };
    let shown = CliError::failed("no member of the cluster answers");
    let shown = tried.iter().fold(shown, CliError::detail);
    let about_certificates = |why: &String| why.to_lowercase().contains("certificate");
    if tried.iter().any(about_certificates) {
        let fix = "name the CA that signed etcd's certificates, and a pair that etcd accepts: \
                   --cacert FILE --cert FILE --key FILE";
        return shown.fix(fix);
    }
    shown.fix("start etcd there, or name living members: --endpoints https://HOST:2379,…")
}
