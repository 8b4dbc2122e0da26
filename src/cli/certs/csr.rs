//! `etcdha certs csr`.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::cluster_source;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, clean};
use crate::cli::runtime::block_on;
use crate::model::NodeName;
use crate::ops::certs_csr::{PairPlace, RequestState, observe, plan};
use crate::ops::certs_gen::{CertsRequest, Existing, Place};
use crate::pki::{CertificateKind, Strictness};
use crate::plan::World;

use super::expiring::ExpiringArgs;
use super::issue::{absolute, known_nodes, look_error};
use super::renew::parse_kind;

/// Make keys and signing requests, so that the CA's key can stay offline
///
/// The CA's key is not needed. Keys are made where they will be used and never replaced: one that
/// is there without a certificate is used. A .csr file stands beside each key, in pki/nodes/NAME or
/// with --hosts straight where the nodes want it; `etcdha certs sign` makes certificates of them.
///
/// Example:
///   $ etcdha certs csr
///   $ etcdha certs csr --hosts --member m1=10.0.0.11
///
/// Exit codes: 0 all is there, 3 refused, 5 a certificate that is there is not valid
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CsrArgs {
    /// Nodes to make requests for; all by default
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeName>,

    /// Only requests of this kind: server, peer, healthcheck-client, apiserver-etcd-client
    #[arg(long, value_name = "KIND", value_parser = parse_kind, help_heading = "Behaviour")]
    kind: Vec<CertificateKind>,

    /// Ask anew for certificates that are not valid, or end within --expiring days, with their keys
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

/// Every request asked for, as it was found before the plan was applied.
struct CsrReport(Vec<PairPlace>);

fn result(state: &RequestState) -> &'static str {
    match state {
        RequestState::Wanted { .. } => "made",
        RequestState::Waiting => "waiting",
        // A key that can't be used ends in a refusal.
        RequestState::Certified | RequestState::Invalid(_) | RequestState::KeyUnusable(_) => {
            "certified"
        }
    }
}

fn has_new_key(state: &RequestState) -> bool {
    matches!(
        state,
        RequestState::Wanted {
            key_is_there: false,
            ..
        }
    )
}

fn wrong(state: &RequestState) -> &[String] {
    match state {
        RequestState::Invalid(wrong) => wrong,
        _ => &[],
    }
}

fn names(pair: &PairPlace) -> Vec<String> {
    pair.wanted.sans.iter().map(ToString::to_string).collect()
}

impl CsrReport {
    fn is_sound(&self) -> bool {
        self.0.iter().all(|pair| wrong(&pair.state).is_empty())
    }

    fn count(&self, word: &str) -> usize {
        let results = self.0.iter().map(|pair| result(&pair.state));
        results.filter(|result| *result == word).count()
    }
}

impl Report for CsrReport {
    const KIND: &'static str = "CertificateRequestList";

    fn document(&self) -> impl Serialize {
        let requests = self.0.iter().map(|pair| v1::MadeRequest {
            node: pair.node.to_string(),
            kind: pair.kind.as_str(),
            path: pair.request_path.display().to_string(),
            key_path: pair.paths.key.display().to_string(),
            result: result(&pair.state),
            new_key: has_new_key(&pair.state),
            subject: pair.wanted.subject.to_string(),
            names: names(pair),
            wrong: wrong(&pair.state).to_vec(),
        });
        v1::CertificateRequestList {
            requests: requests.collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mut table = Table::new(["NODE", "REQUEST", "RESULT", "KEY", "SUBJECT", "NAMES"]);
        for pair in &self.0 {
            let path = pair.request_path.strip_prefix(&pair.directory);
            let is_sound = wrong(&pair.state).is_empty();
            let result = result(&pair.state);
            table.row([
                pair.node.to_string(),
                path.unwrap_or(&pair.request_path).display().to_string(),
                match is_sound {
                    true => result.to_owned(),
                    false => Tone::Bad.paint(result),
                },
                if has_new_key(&pair.state) {
                    "new"
                } else {
                    "kept"
                }
                .to_owned(),
                pair.wanted.subject.to_string(),
                names(pair).join(" "),
            ]);
        }
        page.table(&table);
        page.blank();
        for pair in &self.0 {
            for why in wrong(&pair.state) {
                let (label, path) = (Tone::Warn.paint("warning:"), pair.paths.cert.display());
                page.line(clean(&format!("{label} {} {path}: {why}", pair.node)));
            }
        }
        if !self.is_sound() {
            page.hint("fix: --replace asks for those anew, with the keys that are there");
        }
        let counts = ["made", "waiting", "certified"].map(|word| (self.count(word), word));
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        page.line(format!("{}.", counts.join(", ")));
        if self.count("made") + self.count("waiting") > 0 {
            page.hint("Next: where the CA's key is, etcdha certs sign FILE.csr …");
        }
    }
}

pub(super) fn run(args: &CsrArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let request = request(args, global)?;
    let looked = observe(&request, Timestamp::now()).map_err(look_error)?;
    let plan = plan(&request, &looked).map_err(CliError::refusal)?;
    for warning in &looked.warnings {
        output.warn(warning);
    }
    let world = World {
        nodes: looked.world_nodes,
        ..World::default()
    };
    let change = Change {
        plan,
        args: args.change,
        state: &args.state.dir(),
        lock: "certs".to_owned(),
    };
    // Requests commit to nothing: there is nothing that a person would want to be asked about.
    let changed = match args.change.dry_run {
        true => block_on(change.run(world, output)),
        false => block_on(change.run_unasked(world, output)),
    };
    if matches!(changed??, Changed::DryRun) || args.change.dry_run {
        return Ok(ExitCode::Done);
    }
    let report = CsrReport(looked.pairs);
    output.emit(&report)?;
    Ok(match report.is_sound() {
        true => ExitCode::Done,
        false => ExitCode::Problems,
    })
}

fn request(args: &CsrArgs, global: &GlobalArgs) -> Result<CertsRequest, CliError> {
    let spec = absolute(cluster_source::load(global, &args.cluster)?);
    known_nodes(&args.nodes, &spec)?;
    let place = match args.hosts {
        true => Place::Hosts,
        false => Place::Operator {
            directory: spec.pki.dir.clone(),
        },
    };
    Ok(CertsRequest {
        spec,
        place,
        nodes: args.nodes.clone(),
        kinds: args.kind.clone(),
        existing: match args.replace {
            true => Existing::ReplaceInvalid,
            false => Existing::Keep,
        },
        near_end: args.expiring.near_end(),
        strictness: match args.strict {
            true => Strictness::Strict,
            false => Strictness::Lenient,
        },
        passphrase: None,
    })
}
