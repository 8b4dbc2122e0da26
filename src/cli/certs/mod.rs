//! `etcdha certs`: certificates, keys, requests and revocation lists.

mod check;
mod csr;
mod details;
mod expiring;
mod facts;
mod r#gen;
mod issue;
mod renew;
mod revoke;
mod show;
mod sign;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

/// Issue, renew, show and check certificates
#[derive(Args, Debug)]
pub(super) struct CertsArgs {
    #[command(subcommand)]
    command: CertsCommand,
}

#[derive(Debug, Subcommand)]
enum CertsCommand {
    Check(Box<check::CheckArgs>),
    Csr(Box<csr::CsrArgs>),
    Gen(Box<r#gen::GenArgs>),
    Renew(Box<renew::RenewArgs>),
    Revoke(Box<revoke::RevokeArgs>),
    Show(show::ShowArgs),
    Sign(Box<sign::SignArgs>),
}

pub(super) fn run(args: &CertsArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        CertsCommand::Check(args) => check::run(args, global, output),
        CertsCommand::Csr(args) => csr::run(args, global, output),
        CertsCommand::Gen(args) => r#gen::run(args, global, output),
        CertsCommand::Renew(args) => renew::run(args, global, output),
        CertsCommand::Revoke(args) => revoke::run(args, global, output),
        CertsCommand::Show(args) => show::run(args, output),
        CertsCommand::Sign(args) => sign::run(args, global, output),
    }
}
