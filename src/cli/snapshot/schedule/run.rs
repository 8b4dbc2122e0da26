//! `etcdha snapshot schedule run`.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::job::JobArgs;
use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::take_lock;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::Output;
use crate::cli::runtime::block_on;
use crate::cli::snapshot::{prune, save};
use crate::cluster::ClusterAccess;
use crate::model::SnapshotPlace;
use crate::ops::snapshot_save::{SaveRequest, Saved};
use crate::ops::snapshot_schedule::Telemetry;
use crate::ops::snapshot_store::{PruneRequest, State, look_at};
use crate::snapshot::schedule::{Cadence, Metrics};

/// Pause after a run that failed; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Longest sleep: the clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

/// Age from which an upload that has not ended is taken for dead.
const UPLOAD_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Take snapshots at set times, prune them, and tell monitoring of it
///
/// Without --once it stays and takes one whenever a time has come since the newest snapshot in
/// PLACE, so one that was missed is made up for at once. A run that fails is tried again after a
/// minute, later less often. Metrics are in FILE, or at http://ADDRESS/metrics; /healthz is there
/// for probes. Stopped by a signal, it removes what it has begun.
///
/// Examples:
///   $ etcdha snapshot schedule run /var/backups/etcd --every 1h --keep-last 24 --keep-daily 14
///   $ etcdha snapshot schedule run s3://etcd-backups/prod --once --compress zstd --recipient age1…
///
/// Exit codes: 0 with --once: saved, kept where it should be, pruned; 1 with --once: not all of
/// that; 3 another run is at it; 5 with --once: saved, but members disagree; 130 stopped
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RunArgs {
    #[command(flatten)]
    job: JobArgs,

    /// Take one snapshot now and end: for timers and CronJobs, which know the times themselves
    #[arg(long, conflicts_with = "metrics_listen", help_heading = "When")]
    once: bool,

    /// Serve metrics on this address, such as 127.0.0.1:9379
    #[arg(long, value_name = "ADDRESS", help_heading = "Output")]
    metrics_listen: Option<SocketAddr>,
}

pub(super) fn run(args: &RunArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let (access, request) = args.job.resolve(global)?;
    let cadence = args.job.cadence()?;
    let jitter = args.job.jitter()?;
    let state = args.job.state.dir();
    let _lock = take_lock(&state, &lock_name(&args.job.place), "snapshot schedule run")?;
    let telemetry = Telemetry::begin(args.job.metrics_file.clone())?;
    let job = Job {
        args: &args.job,
        access,
        request,
        telemetry,
        output,
    };
    block_on(async {
        if let Some(address) = args.metrics_listen {
            job.telemetry.serve(address).await?;
        }
        match args.once {
            true => job.once().await,
            false => job.stay(cadence, jitter).await,
        }
    })?
}

/// One run at a time for each place.
fn lock_name(place: &SnapshotPlace) -> String {
    let place = place.to_string();
    let known = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("schedule{}", place.chars().map(known).collect::<String>())
}

struct Job<'a> {
    args: &'a JobArgs,
    access: ClusterAccess,
    request: SaveRequest,
    telemetry: Telemetry,
    output: &'a Output,
}

impl Job<'_> {
    /// One run.
    async fn once(&self) -> Outcome {
        let (begun, since) = (Timestamp::now(), Instant::now());
        let request = SaveRequest {
            now: begun,
            ..self.request.clone()
        };
        let saved = save::save_now(&request, &self.access, self.output).await;
        let pruned = match &saved {
            Ok(_) => self.prune().await,
            // What there is may be all there will be.
            Err(_) => Ok(()),
        };
        let code = match &saved {
            Ok(saved) if !saved.proof.different.is_empty() => ExitCode::Problems,
            Ok(saved) if !saved.missing.is_empty() => ExitCode::Failed,
            _ => ExitCode::Done,
        };
        let is_good = saved.is_ok() && pruned.is_ok() && code == ExitCode::Done;
        let before = self.telemetry.now();
        let metrics = told(before, begun, since.elapsed(), saved.as_ref().ok(), is_good);
        self.telemetry.tell(metrics)?;
        saved?;
        pruned?;
        Ok(code)
    }

    async fn prune(&self) -> Result<(), CliError> {
        let retention = self.args.keep.retention();
        if retention.is_empty() {
            return Ok(());
        }
        let args = ChangeArgs {
            yes: true,
            dry_run: false,
        };
        for place in self.args.places() {
            let request = PruneRequest {
                directory: place.clone(),
                retention,
                upload_age: UPLOAD_AGE,
                now: Timestamp::now(),
            };
            let store = self.request.store.as_ref();
            let state = self.args.state.dir();
            prune::prune(&request, store, args, &state, self.output).await?;
        }
        Ok(())
    }

    /// Runs whenever it is time.
    async fn stay(&self, cadence: Cadence, jitter: Duration) -> Outcome {
        let mut pause = FIRST_PAUSE;
        loop {
            if cadence.is_due(self.newest().await, Timestamp::now()) {
                match self.once().await {
                    Ok(ExitCode::Done) => pause = FIRST_PAUSE,
                    // It is saved; what is wrong is told, and is not mended by another one now.
                    Ok(_) => {}
                    Err(error) => {
                        self.output.error(&error);
                        self.output
                            .note(format!("The next attempt is in {pause:?}."));
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        continue;
                    }
                }
            }
            let next = cadence.after(Timestamp::now());
            let next = next.checked_add(by_chance(jitter)).unwrap_or(next);
            self.output
                .note(format!("The next snapshot is taken at {}.", seconds(next)));
            while Timestamp::now() < next {
                let left = next.duration_since(Timestamp::now());
                let left = Duration::try_from(left).unwrap_or_default();
                tokio::time::sleep(left.min(NAP)).await;
            }
        }
    }

    /// When the newest snapshot of this cluster was taken; none where that can't be told, too.
    async fn newest(&self) -> Option<Timestamp> {
        let found = look_at(&self.args.place, self.request.store.as_ref()).await;
        let found = found.ok()?.snapshots.into_iter();
        let ours = found.filter(|one| match (&one.record, &one.state) {
            (_, State::Damaged(_)) | (None, _) => false,
            (Some(record), _) => match &self.request.cluster_name {
                Some(name) => record.cluster.name.as_ref() == Some(name),
                None => true,
            },
        });
        ours.map(|one| one.taken_at).max()
    }
}

/// The metrics after a run.
#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has floating-point numbers only"
)]
fn told(
    before: Metrics,
    begun: Timestamp,
    took: Duration,
    saved: Option<&Saved>,
    is_good: bool,
) -> Metrics {
    let at = begun.as_millisecond() as f64 / 1000.0;
    let mut metrics = Metrics {
        last_attempt: Some(at),
        last_duration: Some((took.as_secs_f64() * 1000.0).round() / 1000.0),
        last_succeeded: Some(is_good.into()),
        runs: before.runs + 1.0,
        failures: before.failures + f64::from(!is_good),
        ..before
    };
    if let Some(saved) = saved {
        let record = &saved.record;
        metrics.last_success = Some((at + took.as_secs_f64()).round());
        metrics.size_bytes = Some(record.size_bytes as f64);
        metrics.stored_bytes = Some(record.stored_bytes() as f64);
        metrics.revision = Some(record.revision as f64);
        let is_proven = saved.proof.different.is_empty() && !saved.proof.equal.is_empty();
        metrics.proven = Some(is_proven.into());
    }
    metrics
}

/// Some time up to the longest.
fn by_chance(longest: Duration) -> SignedDuration {
    let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    let chosen = RandomState::new().hash_one(0).checked_rem(longest + 1);
    SignedDuration::from_millis(chosen.and_then(|it| i64::try_from(it).ok()).unwrap_or(0))
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_what_is_known_of_the_last_success() {
        let before = Metrics {
            last_success: Some(7.0),
            revision: Some(41.0),
            runs: 3.0,
            ..Metrics::default()
        };
        let begun = Timestamp::from_second(100).unwrap();
        let after = told(before, begun, Duration::from_millis(1500), None, false);
        assert_eq!((after.runs, after.failures), (4.0, 1.0));
        assert_eq!(
            (after.last_success, after.revision),
            (Some(7.0), Some(41.0))
        );
        assert_eq!(
            (after.last_attempt, after.last_duration),
            (Some(100.0), Some(1.5))
        );
        assert_eq!(after.last_succeeded, Some(0.0));
    }

    #[test]
    fn a_delay_is_no_longer_than_the_longest() {
        for _ in 0..100 {
            let delay = by_chance(Duration::from_secs(2));
            assert!(delay <= SignedDuration::from_secs(2) && !delay.is_negative());
        }
        assert!(by_chance(Duration::ZERO).is_zero());
    }
}
