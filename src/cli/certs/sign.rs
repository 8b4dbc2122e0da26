//! `etcdha certs sign`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::cluster_args::CaArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, clean};
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, secrets};
use crate::ops::certs_sign::{
    Candidate, ExistingCertificate, Looked, SignError, SignWish, certificate_at, observe, plan,
};
use crate::pki::inspect::CertificateFacts;
use crate::pki::{CertificateKind, San, Strictness};
use crate::plan::World;

use super::expiring::ExpiringArgs;
use super::issue::{date, issuing_error, names};
use super::renew::parse_kind;

/// Sign requests with the CA, each under the profile of its kind
///
/// The kind is told by the file's name (server.csr, peer.csr …) or by --kind. Subject and names are
/// the request's; usages and lifetime are the profile's. The certificate is written beside its
/// request, or into --out, and the CA's certificate where it is missing. What the CA is about to
/// vouch for is shown and asked about. A passphrase of an encrypted CA key is read from
/// ETCDHA_CA_PASSPHRASE or CFSSL_CA_PK_PASSWORD.
///
/// Examples:
///   $ etcdha certs sign pki/nodes/*/etcd/*.csr pki/nodes/*/*.csr
///   $ etcdha certs sign --pki-ca-cert ca.pem --pki-ca-key ca-key.pem server.csr --out signed
///
/// Exit codes: 0 signed, 3 refused, 5 a certificate that was kept is not what signing would give
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct SignArgs {
    /// Signing requests (PEM or DER)
    #[arg(value_name = "CSR", required = true)]
    requests: Vec<PathBuf>,

    /// Directory for the certificates [default: beside their requests]
    #[arg(long, value_name = "DIR", help_heading = "Behaviour")]
    out: Option<PathBuf>,

    /// What all of them are for: server, peer, healthcheck-client, apiserver-etcd-client
    #[arg(long, value_name = "KIND", value_parser = parse_kind, help_heading = "Behaviour")]
    kind: Option<CertificateKind>,

    /// Signing profile, instead of the kind's
    #[arg(long, value_name = "NAME", help_heading = "Behaviour")]
    profile: Option<String>,

    /// Names and addresses instead of those in the request
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Behaviour"
    )]
    names: Vec<San>,

    /// Replace certificates that are there
    #[arg(long, help_heading = "Behaviour")]
    replace: bool,

    #[command(flatten)]
    expiring: ExpiringArgs,

    /// Directory with cfssl files in place of the built-in templates
    #[arg(long, value_name = "DIR", help_heading = "Behaviour")]
    templates: Option<PathBuf>,

    /// Lifetime of the certificates, such as 8760h or 5y, where the built-in templates are used
    #[arg(long, value_name = "DURATION", help_heading = "Behaviour")]
    leaf_validity: Option<String>,

    /// Treat what cfssl would swallow in a template as an error
    #[arg(long, help_heading = "Behaviour")]
    strict: bool,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    ca: CaArgs,
}

/// A request and the certificate that is there now.
struct Row {
    request: PathBuf,
    path: PathBuf,
    result: &'static str,
    facts: Option<CertificateFacts>,
    wrong: Vec<String>,
}

struct SignReport {
    ca: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl SignReport {
    fn is_sound(&self) -> bool {
        self.rows.iter().all(|row| row.wrong.is_empty())
    }

    fn count(&self, result: &str) -> usize {
        self.rows.iter().filter(|row| row.result == result).count()
    }
}

impl Report for SignReport {
    const KIND: &'static str = "CertificateSigning";

    fn document(&self) -> impl Serialize {
        let rows = self.rows.iter().map(|row| v1::SignedRequest {
            request: row.request.display().to_string(),
            path: row.path.display().to_string(),
            result: row.result,
            serial: row.facts.as_ref().map(|facts| facts.serial.to_string()),
            subject: row.facts.as_ref().map(|facts| facts.subject.text.clone()),
            not_after: row.facts.as_ref().map(|facts| facts.not_after.to_string()),
            names: row.facts.as_ref().map(names).unwrap_or_default(),
            wrong: row.wrong.clone(),
        });
        v1::CertificateSigning {
            ca: self.ca.clone(),
            certificates: rows.collect(),
            notes: self.notes.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mut table = Table::new(["CERTIFICATE", "RESULT", "NOT AFTER", "SUBJECT", "NAMES"]);
        for row in &self.rows {
            let facts = row.facts.as_ref();
            table.row([
                row.path.display().to_string(),
                match row.wrong.is_empty() {
                    true => row.result.to_owned(),
                    false => Tone::Bad.paint(row.result),
                },
                facts.map(date).unwrap_or_default(),
                facts
                    .map(|facts| facts.subject.text.clone())
                    .unwrap_or_default(),
                facts
                    .map(|facts| names(facts).join(" "))
                    .unwrap_or_default(),
            ]);
        }
        page.table(&table);
        page.blank();
        for row in &self.rows {
            for why in &row.wrong {
                let (label, path) = (Tone::Warn.paint("warning:"), row.path.display());
                page.line(clean(&format!("{label} {path}: {why}")));
            }
        }
        if !self.is_sound() {
            page.hint("fix: --replace signs those requests anew");
        }
        let counts = ["signed", "replaced", "kept"].map(|word| (self.count(word), word));
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        page.line(format!("{} by {}.", counts.join(", "), clean(&self.ca)));
    }
}

pub(super) fn run(args: &SignArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let wish = wish(args, global)?;
    let looked = observe(&wish, Timestamp::now()).map_err(sign_error)?;
    for warning in &looked.warnings {
        output.warn(warning);
    }
    let plan = plan(&wish, &looked);
    let Looked {
        requests,
        authority,
        world_nodes,
        ..
    } = looked;
    let ca = authority.subject().to_string();
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
    let report = report(&requests, ca, args.replace)?;
    output.emit(&report)?;
    Ok(match report.is_sound() {
        true => ExitCode::Done,
        false => ExitCode::Problems,
    })
}

fn wish(args: &SignArgs, global: &GlobalArgs) -> Result<SignWish, CliError> {
    if !args.names.is_empty() && args.requests.len() > 1 {
        let count = args.requests.len();
        return Err(CliError::usage(format!(
            "--names would give {count} certificates the same names"
        ))
        .fix("sign one request at a time with --names"));
    }
    let mut pki = cluster_source::load_pki(global, &args.ca)?;
    pki.templates = args.templates.clone().or(pki.templates);
    pki.leaf_validity = args.leaf_validity.clone().or(pki.leaf_validity);
    Ok(SignWish {
        pki,
        passphrase: secrets::ca_passphrase(),
        requests: args.requests.clone(),
        out: args.out.clone(),
        kind: args.kind,
        profile: args.profile.clone(),
        names: Some(args.names.clone()).filter(|names| !names.is_empty()),
        replace: args.replace,
        near_end: args.expiring.near_end(),
        strictness: match args.strict {
            true => Strictness::Strict,
            false => Strictness::Lenient,
        },
    })
}

fn sign_error(error: SignError) -> CliError {
    match error {
        SignError::Refused(refusal) => CliError::refusal(refusal),
        SignError::Input { .. } => CliError::usage(error.to_string()),
        SignError::Kind { .. } => CliError::usage(error.to_string())
            .expected(
                CertificateKind::ALL
                    .map(|kind| format!("{kind}.csr"))
                    .join(", "),
            )
            .fix("name it: --kind KIND, or --profile NAME"),
        SignError::Collision { .. } => CliError::usage(error.to_string())
            .fix("give each node's requests an --out of their own"),
        SignError::Issuing(error) => issuing_error(error),
        SignError::File(_) => CliError::from(error),
    }
}

/// Reads the certificates anew: the report says what is in the files, not what was meant to be.
fn report(requests: &[Candidate], ca: String, replace: bool) -> Result<SignReport, CliError> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for candidate in requests {
        let (result, wrong) = match (&candidate.existing, replace) {
            (ExistingCertificate::Missing, _) => ("signed", Vec::new()),
            (_, true) => ("replaced", Vec::new()),
            (ExistingCertificate::Valid, false) => ("kept", Vec::new()),
            (ExistingCertificate::Invalid(wrong), false) => ("kept", wrong.clone()),
        };
        if result != "kept" {
            let told = |note| format!("{}: {note}", candidate.cert_path.display());
            notes.extend(candidate.notes.iter().map(told));
        }
        rows.push(Row {
            request: candidate.path.clone(),
            path: candidate.cert_path.clone(),
            result,
            facts: certificate_at(&candidate.cert_path)?,
            wrong,
        });
    }
    Ok(SignReport { ca, rows, notes })
}
