//! `etcdha certs gen`.

use clap::Args;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::StateArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::Outcome;
use crate::cli::output::Output;
use crate::cli::{cluster_source, secrets};
use crate::model::NodeName;
use crate::ops::certs_gen::{CertsRequest, Existing, Place};
use crate::pki::Strictness;

use super::expiring::ExpiringArgs;
use super::issue::{Issue, absolute, known_nodes, run as issue};

/// Issue the CA and every node's certificates, as far as they are missing
///
/// An existing CA is adopted, a valid certificate is kept, one that is not valid is named and
/// replaced only with --replace. Files go to pki/nodes/NAME, to be carried to the nodes; with
/// --hosts straight to where the nodes want them. The CA's key stays where it was made. A
/// passphrase of an encrypted CA key is read from ETCDHA_CA_PASSPHRASE or CFSSL_CA_PK_PASSWORD.
///
/// Example:
///   $ etcdha certs gen
///   $ etcdha certs gen --member m1=10.0.0.11 --member m2=10.0.0.12 --pki-dir ./pki
///
/// Exit codes: 0 all is there and valid, 3 refused, 5 a certificate that was kept is not valid
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct GenArgs {
    /// Nodes to issue for; all by default
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeName>,

    /// Replace certificates that are not valid, or end within --expiring days
    #[arg(long, help_heading = "Behaviour")]
    replace: bool,

    #[command(flatten)]
    expiring: ExpiringArgs,

    /// Write straight to the hosts (their root: in the cluster file, or this host)
    #[arg(long, help_heading = "Behaviour")]
    hosts: bool,

    /// Treat what cfssl would swallow in a template as an error
    #[arg(long, help_heading = "Behaviour")]
    strict: bool,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn run(args: &GenArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = absolute(cluster_source::load(global, &args.cluster)?);
    known_nodes(&args.nodes, &spec)?;
    let place = match args.hosts {
        true => Place::Hosts,
        false => Place::Operator {
            directory: spec.pki.dir.clone(),
        },
    };
    let request = CertsRequest {
        spec,
        place,
        nodes: args.nodes.clone(),
        kinds: Vec::new(),
        existing: if args.replace {
            Existing::ReplaceInvalid
        } else {
            Existing::Keep
        },
        near_end: args.expiring.near_end(),
        strictness: if args.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        },
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
