//! `etcdha certs revoke`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::cluster_args::CaArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, clean};
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, secrets};
use crate::ops::certs_revoke::{Looked, RevokeError, RevokeWish, Target, observe, plan};
use crate::pki::{RevocationList, RevocationReason, Serial, parse_lifetime};
use crate::plan::World;

/// Revoke certificates: make the CA's next revocation list, as etcd reads it
///
/// The list grows: what it revokes stays revoked. etcd reads the file named in --client-crl-file
/// and --peer-crl-file anew for each connection, and refuses everybody while it is missing. Running
/// connections are not cut. A passphrase of an encrypted CA key is read from ETCDHA_CA_PASSPHRASE or
/// CFSSL_CA_PK_PASSWORD.
///
/// Examples:
///   $ etcdha certs revoke pki/nodes/m2/etcd/peer.crt --reason keyCompromise
///   $ etcdha certs revoke --serial 5f3a91c2 --crl /etc/kubernetes/pki/etcd/ca.crl
///   $ etcdha certs revoke --refresh
///
/// Exit codes: 0 revoked, now or before; 2 a certificate is not from this CA; 3 refused
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RevokeArgs {
    /// Certificates to revoke (PEM or DER; of several in a file, the first)
    #[arg(value_name = "CERT", required_unless_present_any = ["serial", "refresh"])]
    certificates: Vec<PathBuf>,

    /// Serial number to revoke, hex as openssl and certs show print it; may be repeated
    #[arg(
        long,
        value_name = "HEX",
        value_delimiter = ',',
        help_heading = "Behaviour"
    )]
    serial: Vec<Serial>,

    /// Why: keyCompromise, superseded, cessationOfOperation, affiliationChanged …
    #[arg(long, value_name = "REASON", help_heading = "Behaviour")]
    reason: Option<RevocationReason>,

    /// The list, DER [default: beside the CA's certificate, ca.crl]
    #[arg(long, value_name = "FILE", help_heading = "Behaviour")]
    crl: Option<PathBuf>,

    /// Also write a PEM copy, for tools that read nothing else
    #[arg(long, value_name = "FILE", help_heading = "Behaviour")]
    pem: Option<PathBuf>,

    /// How long the list counts as fresh; etcd does not look at it
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "8760h",
        value_parser = lifetime_of_list,
        help_heading = "Behaviour"
    )]
    lifetime: SignedDuration,

    /// Make a list even if nothing is added: a first empty one, or one with a later end
    #[arg(long, help_heading = "Behaviour")]
    refresh: bool,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    ca: CaArgs,
}

fn lifetime_of_list(text: &str) -> Result<SignedDuration, String> {
    match parse_lifetime(text) {
        Ok(parsed) if parsed.length.is_positive() => Ok(parsed.length),
        Ok(_) => Err("expected more than nothing, such as 8760h".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

struct RevokeReport {
    path: PathBuf,
    list: Option<RevocationList>,
    targets: Vec<Target>,
    notes: Vec<String>,
}

fn result(target: &Target) -> &'static str {
    match target.is_listed {
        true => "listed",
        false => "revoked",
    }
}

impl Report for RevokeReport {
    const KIND: &'static str = "CertificateRevocation";

    fn document(&self) -> impl Serialize {
        let list = self.list.as_ref();
        let targets = self.targets.iter().map(|target| {
            let certificate = target.certificate.as_ref();
            v1::RevokedCertificate {
                serial: target.serial.to_string(),
                path: certificate.map(|(path, _)| path.display().to_string()),
                subject: certificate.map(|(_, subject)| subject.clone()),
                result: result(target),
            }
        });
        v1::CertificateRevocation {
            path: self.path.display().to_string(),
            number: list.map(|list| list.number().to_string()),
            next_update: list
                .and_then(RevocationList::next_update)
                .map(|at| at.to_string()),
            entries: list.map_or(0, |list| list.entries().len()),
            certificates: targets.collect(),
            notes: self.notes.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mut table = Table::new(["SERIAL", "RESULT", "SUBJECT", "CERTIFICATE"]);
        for target in &self.targets {
            let certificate = target.certificate.as_ref();
            table.row([
                target.serial.to_string(),
                result(target).to_owned(),
                certificate
                    .map(|(_, subject)| subject.clone())
                    .unwrap_or_default(),
                certificate
                    .map(|(path, _)| path.display().to_string())
                    .unwrap_or_default(),
            ]);
        }
        page.table(&table);
        page.blank();
        let path = clean(&self.path.display().to_string()).into_owned();
        let Some(list) = &self.list else { return };
        let next = list
            .next_update()
            .map(|at| at.strftime(", next update %Y-%m-%d").to_string());
        page.line(format!(
            "{path}: list {}, {} revoked{}.",
            list.number(),
            list.entries().len(),
            next.unwrap_or_default()
        ));
        page.hint(
            "Next: put it on every member and name it in --client-crl-file and --peer-crl-file.",
        );
    }
}

pub(super) fn run(args: &RevokeArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let wish = wish(args, global)?;
    let looked = observe(&wish).map_err(revoke_error)?;
    distinct_files(&wish, &looked)?;
    let plan = plan(&wish, &looked, Timestamp::now());
    let notes = plan.notes.clone();
    let Looked {
        crl_path,
        targets,
        authority,
        world_nodes,
        ..
    } = looked;
    let world = World {
        nodes: world_nodes,
        authority: Some(authority),
        ..World::default()
    };
    let change = Change {
        plan,
        args: args.change,
        state: &args.state.dir(),
        lock: "certs".to_owned(),
    };
    if matches!(block_on(change.run(world, output))??, Changed::DryRun) || args.change.dry_run {
        return Ok(ExitCode::Done);
    }
    // Read anew: the report says what is in the file.
    let now = observe(&wish).map_err(revoke_error)?;
    output.emit(&RevokeReport {
        path: crl_path,
        list: now.before,
        targets,
        notes,
    })?;
    Ok(ExitCode::Done)
}

fn wish(args: &RevokeArgs, global: &GlobalArgs) -> Result<RevokeWish, CliError> {
    let pki = cluster_source::load_pki(global, &args.ca)?;
    Ok(RevokeWish {
        pki,
        passphrase: secrets::ca_passphrase(),
        certificates: args.certificates.clone(),
        serials: args.serial.clone(),
        reason: args.reason,
        crl: args.crl.clone(),
        copy: args.pem.clone(),
        lifetime: args.lifetime,
        refresh: args.refresh,
    })
}

/// etcd reads DER only, so the copy must never take the list's place.
fn distinct_files(wish: &RevokeWish, looked: &Looked) -> Result<(), CliError> {
    let absolute = |path: &Path| std::path::absolute(path).ok();
    let is_same = |copy: &Path| absolute(copy) == absolute(&looked.crl_path);
    match wish.copy.as_deref().is_some_and(is_same) {
        true => Err(CliError::usage("the list and its PEM copy are one file")
            .found(looked.crl_path.display().to_string())
            .fix("name two: --crl FILE --pem OTHER")),
        false => Ok(()),
    }
}

fn revoke_error(error: RevokeError) -> CliError {
    match error {
        RevokeError::Refused(refusal) => CliError::refusal(refusal),
        RevokeError::Certificate { .. } | RevokeError::List { .. } => {
            CliError::usage(error.to_string())
        }
        RevokeError::File(_) => CliError::from(error),
    }
}
