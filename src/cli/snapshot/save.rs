//! `etcdha snapshot save`.

use std::sync::Mutex;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::{EtcdArgs, GlobalArgs};
use crate::cli::cluster_source;
use crate::cli::error::{CliError, Outcome};
use crate::cli::etcd;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Progress, Report, Table, Tone, bytes, clean, count};
use crate::cli::runtime::block_on;
use crate::cluster::ClusterAccess;
use crate::model::{ClientUrl, SnapshotPlace};
use crate::ops::snapshot_save::{
    self, Candidate, Failed, ObserveError, SaveError, SaveEvents, SavePlan, SaveRequest, Saved,
    Transfer,
};
use crate::snapshot::packing::Packing;

use super::pack_args::PackArgs;
use super::store_args::{self, StoreArgs};

/// Save a snapshot of the cluster and prove that it is one
///
/// The member is chosen: healthy, rather a follower than the leader; should it fail on the way, the
/// next one is asked. The file is hashed as it comes and compared with the server's digest, read
/// back and verified, and its HashKV is compared with what every member answers. It has its name
/// only then; the record beside it (FILE.json) says what it is of. Mode 0600: it holds every Secret
/// of the cluster. Compressed or encrypted, it is never on a disk under a name before it is. A store
/// shows it once it is whole and compared with what was sent. docs/backups.md says more.
///
/// Examples:
///   $ etcdha snapshot save /var/backups/etcd/          # etcd-20260203T040506Z.db
///   $ etcdha snapshot save before-upgrade.db --endpoint https://10.0.0.2:2379
///   $ etcdha snapshot save /var/backups/etcd --to s3://etcd-backups/prod --compress zstd \
///       --recipient age1…
///
/// Exit codes: 0 saved and equal to the cluster, 1 nothing was saved, or a copy is missing, 3 refused,
/// 5 saved, but members disagree about the data
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct SaveArgs {
    /// A new file, or a directory in which one is named after the cluster and the time; or the same in
    /// a store: s3://BUCKET/PREFIX
    #[arg(value_name = "PATH", value_parser = store_args::place())]
    path: SnapshotPlace,

    /// Put a copy into this directory or s3://BUCKET/PREFIX, too; may be repeated
    #[arg(long, value_name = "PLACE", value_parser = store_args::place(), help_heading = "Target")]
    to: Vec<SnapshotPlace>,

    #[command(flatten)]
    pack: PackArgs,

    /// Ask this member and no other [default: a healthy follower, then the others]
    #[arg(long, value_name = "URL", help_heading = "Behaviour")]
    endpoint: Option<ClientUrl>,

    /// Say who would be asked and where the file would go, and stop
    #[arg(long, help_heading = "Behaviour")]
    dry_run: bool,

    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &SaveArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = cluster_source::load_if_there(global)?;
    let mut access = etcd::access(&args.etcd, spec.as_ref())?;
    if let (Some(endpoint), true) = (&args.endpoint, args.etcd.endpoints.is_empty()) {
        // One that was named and is reached is asked for the others as well.
        access.endpoints.insert(0, endpoint.clone());
    }
    let request = SaveRequest {
        place: args.path.clone(),
        copies: args.to.clone(),
        packing: args.pack.packing()?,
        scratch: args.pack.scratch.clone(),
        store: args.store.access(args.to.iter().chain([&args.path]))?,
        endpoint: args.endpoint.clone(),
        cluster_name: spec.map(|spec| spec.name),
        now: Timestamp::now(),
    };
    block_on(async {
        let plan = planned(&request, &access, output).await?;
        if args.dry_run {
            output.emit(&PlanReport(&plan))?;
            return Ok(ExitCode::Done);
        }
        let saved = carried_out(&plan, &request, &access, output).await?;
        output.emit(&SavedReport(&saved))?;
        Ok(
            match (saved.proof.different.as_slice(), saved.missing.as_slice()) {
                ([], []) => ExitCode::Done,
                ([], _) => ExitCode::Failed,
                _ => ExitCode::Problems,
            },
        )
    })?
}

/// Looks at the cluster and the places, and plans; tells what is worth knowing.
async fn planned(
    request: &SaveRequest,
    access: &ClusterAccess,
    output: &Output,
) -> Result<SavePlan, CliError> {
    let observed = snapshot_save::observe(request, access).await;
    let observed = observed.map_err(|error| match error {
        ObserveError::Cluster(error) => etcd::no_answer(&error),
        ObserveError::File(error) => {
            CliError::from(error).fix("make the directory, or name another place for the snapshot")
        }
        ObserveError::Store(error) => store_args::refused(&error),
        ObserveError::NoStore(_) => CliError::from(error),
    })?;
    let plan = snapshot_save::plan(request, observed).map_err(CliError::refusal)?;
    for warning in &plan.warnings {
        output.warn(warning);
    }
    Ok(plan)
}

async fn carried_out(
    plan: &SavePlan,
    request: &SaveRequest,
    access: &ClusterAccess,
    output: &Output,
) -> Result<Saved, CliError> {
    let events = ShownEvents::new(output);
    let store = request.store.as_ref();
    let saved = snapshot_save::save(plan, access, store, request.now, &events).await;
    let saved = saved.map_err(nothing_saved)?;
    events.done();
    Ok(saved)
}

/// Saves a snapshot and tells of it, as the command does.
pub(super) async fn save_now(
    request: &SaveRequest,
    access: &ClusterAccess,
    output: &Output,
) -> Result<Saved, CliError> {
    let plan = planned(request, access, output).await?;
    let saved = carried_out(&plan, request, access, output).await?;
    output.emit(&SavedReport(&saved))?;
    Ok(saved)
}

fn nothing_saved(error: SaveError) -> CliError {
    match error {
        SaveError::File(error) => {
            CliError::from(error).fix("make room or name another place, then run it again")
        }
        SaveError::Store(error) => store_args::refused(&error),
        SaveError::AllFailed(failed) => {
            let shown = CliError::failed("no member gave a good snapshot; nothing was saved");
            let shown = failed.iter().fold(shown, |shown, failed| {
                shown.detail(format!("{}: {}", failed.member, failed.why))
            });
            shown.fix("look at etcdha status, and run it again")
        }
    }
}

/// How it is stored, in words.
fn packing(packing: &Packing) -> Option<String> {
    let compressed = packing.compression.map(|it| format!("compressed ({it})"));
    let encrypted = match packing.recipients.as_slice() {
        [] => None,
        recipients => {
            let names: Vec<_> = recipients.iter().map(ToString::to_string).collect();
            Some(format!("encrypted to {}", names.join(", ")))
        }
    };
    let words: Vec<_> = compressed.into_iter().chain(encrypted).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

struct PlanReport<'a>(&'a SavePlan);

impl Report for PlanReport<'_> {
    const KIND: &'static str = "SnapshotSavePlan";

    fn document(&self) -> impl Serialize {
        let asked = self.0.candidates.iter();
        v1::SnapshotSavePlan {
            path: self.0.place.to_string(),
            copies: self.0.copies.iter().map(ToString::to_string).collect(),
            packing: packing(&self.0.packing),
            ask: asked
                .map(|candidate| candidate.endpoint.to_string())
                .collect(),
            warnings: self.0.warnings.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(format!(
            "{} save a snapshot to {}",
            Tone::Strong.paint("Plan:"),
            clean(&self.0.place.to_string())
        ));
        for copy in &self.0.copies {
            page.line(format!("and a copy to {}", clean(&copy.to_string())));
        }
        if let Some(packing) = packing(&self.0.packing) {
            page.line(format!("{packing}."));
        }
        page.blank();
        let mut table = Table::new(["ASK", "ENDPOINT", "ROLE", "DB SIZE"]);
        for candidate in &self.0.candidates {
            table.row([
                candidate.name.clone(),
                candidate.endpoint.to_string(),
                role(candidate).to_owned(),
                bytes(candidate.db_size),
            ]);
        }
        page.table(&table);
        page.blank();
        page.line("The next one is asked only where the one before fails.");
    }
}

fn role(candidate: &Candidate) -> &'static str {
    if candidate.leads {
        "leader"
    } else {
        "follower"
    }
}

struct SavedReport<'a>(&'a Saved);

impl Report for SavedReport<'_> {
    const KIND: &'static str = "SnapshotSaved";

    fn document(&self) -> impl Serialize {
        let Saved {
            place,
            copies,
            missing,
            record,
            transfer,
            proof,
            failed,
        } = self.0;
        let told = |pairs: &[(String, String)]| {
            let reasons = pairs.iter();
            reasons
                .map(|(member, why)| v1::MemberReason {
                    member: member.clone(),
                    reason: why.clone(),
                })
                .collect()
        };
        v1::SnapshotSaved {
            path: place.to_string(),
            copies: copies.iter().map(ToString::to_string).collect(),
            missing: missing
                .iter()
                .map(|(place, why)| v1::PlaceReason {
                    place: place.to_string(),
                    reason: why.clone(),
                })
                .collect(),
            record: record.clone(),
            transfer_seconds: transfer.as_secs_f64(),
            proven: proof.different.is_empty() && !proof.equal.is_empty(),
            different: proof.different.clone(),
            not_compared: told(&proof.silent),
            failed: failed
                .iter()
                .map(|failed| v1::MemberReason {
                    member: failed.member.clone(),
                    reason: failed.why.clone(),
                })
                .collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let Saved {
            place,
            record,
            proof,
            ..
        } = self.0;
        for place in [place].into_iter().chain(&self.0.copies) {
            page.line(format!(
                "{} {}",
                Tone::Good.paint("Saved"),
                Tone::Strong.paint(&clean(&place.to_string()))
            ));
        }
        for (place, why) in &self.0.missing {
            page.line(format!(
                "{} no copy is in {}: {}",
                Tone::Bad.paint("problem:"),
                clean(&place.to_string()),
                clean(why)
            ));
        }
        let mut table = Table::new(["REVISION", "SIZE", "STORED", "FROM", "ETCD", "HASHKV"]);
        table.row([
            count(u64::try_from(record.revision).unwrap_or(0)),
            bytes(record.size_bytes),
            bytes(record.stored_bytes()),
            record.member.clone(),
            record.etcd_version.clone(),
            record.hash_kv.hash.to_string(),
        ]);
        page.blank();
        page.table(&table);
        page.blank();
        match (proof.equal.as_slice(), proof.different.as_slice()) {
            ([], []) => page.line(format!(
                "{} no member could be compared with it",
                Tone::Warn.paint("warning:")
            )),
            (equal, []) => page.line(format!(
                "Proven: HashKV is the same on {}.",
                equal.join(", ")
            )),
            (equal, different) => page.line(format!(
                "{} members disagree about revision {}: {} have the snapshot's HashKV, {} not",
                Tone::Bad.paint("problem:"),
                record.hash_kv.revision,
                if equal.is_empty() {
                    "none".to_owned()
                } else {
                    equal.join(", ")
                },
                different.join(", ")
            )),
        }
        for (member, why) in &proof.silent {
            page.line(format!(
                "{} {member} was not compared: {}",
                Tone::Warn.paint("warning:"),
                clean(why)
            ));
        }
        let is_away = |place: &SnapshotPlace| place.path().is_none();
        if !is_away(place) && !self.0.copies.iter().any(is_away) {
            page.hint("Next: keep a copy on another machine, with its record (--to s3://…)");
        }
    }
}

/// Shows on stderr how far a save is.
struct ShownEvents<'a> {
    output: &'a Output,
    running: Mutex<Option<Running>>,
}

struct Running {
    progress: Progress,
    since: Instant,
}

impl<'a> ShownEvents<'a> {
    fn new(output: &'a Output) -> Self {
        let running = Mutex::new(None);
        Self { output, running }
    }

    /// Ends what is shown, and begins to show something else.
    fn turn_to(&self, label: Option<String>) {
        let Ok(mut running) = self.running.lock() else {
            return;
        };
        if let Some(before) = running.take() {
            before.progress.done();
        }
        *running = label.map(|label| Running {
            progress: self.output.progress(label),
            since: Instant::now(),
        });
    }

    fn done(&self) {
        self.turn_to(None);
    }
}

impl SaveEvents for ShownEvents<'_> {
    fn asking(&self, candidate: &Candidate) {
        let Candidate { name, endpoint, .. } = candidate;
        self.turn_to(Some(format!(
            "fetch from {name} ({}) {endpoint}",
            role(candidate)
        )));
    }

    fn transferred(&self, transfer: Transfer) {
        let Ok(running) = self.running.lock() else {
            return;
        };
        let Some(running) = running.as_ref() else {
            return;
        };
        running.progress.length(transfer.total);
        running.progress.position(transfer.received);
        running
            .progress
            .message(rate(transfer, running.since.elapsed().as_secs_f64()));
    }

    fn failed(&self, failed: &Failed) {
        if let Ok(mut running) = self.running.lock()
            && let Some(before) = running.take()
        {
            before.progress.failed();
        }
        self.output
            .warn(format!("{}: {}", failed.member, clean(&failed.why)));
    }

    fn verifying(&self) {
        self.turn_to(Some("read back and verify".to_owned()));
    }

    fn comparing(&self) {
        self.turn_to(Some("compare HashKV with every member".to_owned()));
    }

    fn packing(&self) {
        self.turn_to(Some("pack".to_owned()));
    }

    fn storing(&self, place: &SnapshotPlace) {
        self.turn_to(Some(format!("put {}", clean(&place.to_string()))));
    }
}

/// `120 MB of 1.0 GB, 240 MB/s, 4 s left`.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rate(transfer: Transfer, seconds: f64) -> String {
    let Transfer { received, total } = transfer;
    let known = format!("{} of {}", bytes(received), bytes(total));
    if seconds < 0.5 || received == 0 {
        return known;
    }
    let rate = received as f64 / seconds;
    let left = total.saturating_sub(received) as f64 / rate;
    format!("{known}, {}/s, {left:.0} s left", bytes(rate as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_told_once_it_is_known() {
        let transfer = Transfer {
            received: 120 << 20,
            total: 360 << 20,
        };
        assert_eq!(rate(transfer, 0.1), "120 MiB of 360 MiB");
        assert_eq!(
            rate(transfer, 2.0),
            "120 MiB of 360 MiB, 60 MiB/s, 4 s left"
        );
    }
}
