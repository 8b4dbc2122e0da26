//! `etcdha certs renew`.

use clap::Args;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::StateArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::output::Output;
use crate::cli::{cluster_source, secrets};
use crate::model::NodeName;
use crate::ops::certs_gen::{CertsRequest, Existing, Place};
use crate::ops::host_certificates::NearEnd;
use crate::pki::{CertificateKind, Strictness};

use super::issue::{Issue, absolute, known_nodes, run as issue};

/// Issue certificates anew in place, with the same CA and with names from the cluster file
///
/// Works on the hosts' own files; with --operator on those in pki/nodes. etcd and kube-apiserver
/// read certificate and key anew for each connection, so nothing has to be restarted.
///
/// Example:
///   $ etcdha certs renew m1 --kind server
///   $ etcdha certs renew --within 90
///
/// Exit codes: 0 renewed, 3 refused
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RenewArgs {
    /// Nodes whose certificates are renewed; all by default
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeName>,

    /// Only certificates of this kind: server, peer, healthcheck-client, apiserver-etcd-client
    #[arg(long, value_name = "KIND", value_parser = parse_kind, help_heading = "Behaviour")]
    kind: Vec<CertificateKind>,

    /// Only certificates that end within this many days, or are not valid
    #[arg(long, value_name = "DAYS", help_heading = "Behaviour")]
    within: Option<i64>,

    /// Renew the files in the operator's directory instead of those on the hosts
    #[arg(long, help_heading = "Behaviour")]
    operator: bool,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn parse_kind(text: &str) -> Result<CertificateKind, String> {
    let found = CertificateKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text);
    let names = || CertificateKind::ALL.map(CertificateKind::as_str).join(", ");
    found.ok_or_else(|| format!("expected one of {}", names()))
}

pub(super) fn run(args: &RenewArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = absolute(cluster_source::load(global, &args.cluster)?);
    known_nodes(&args.nodes, &spec)?;
    if let Some(days) = args.within.filter(|days| *days < 0) {
        return Err(
            CliError::usage(format!("--within {days} is in the past")).expected("0 or more")
        );
    }
    let place = match args.operator {
        true => Place::Operator {
            directory: spec.pki.dir.clone(),
        },
        false => Place::Hosts,
    };
    let request = CertsRequest {
        spec,
        place,
        nodes: args.nodes.clone(),
        kinds: args.kind.clone(),
        existing: match args.within {
            Some(_) => Existing::RenewInvalid,
            None => Existing::Renew,
        },
        near_end: NearEnd::Days(args.within.unwrap_or(0)),
        strictness: Strictness::Lenient,
        passphrase: secrets::ca_passphrase(),
    };
    issue(
        &Issue {
            request,
            change: args.change,
            state: &args.state,
        },
        output,
    )
}
