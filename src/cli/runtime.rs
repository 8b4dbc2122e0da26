//! The asynchronous runtime, started only by commands that talk to somebody.
//!
//! Invariant: a signal ends the wait at once with exit code 130; what was written so far is whole,
//! because files are replaced in one step and receipts are kept step by step.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::error::CliError;

/// How long threads that can't be interrupted may delay the end.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Set by the first signal: a question that waits for an answer blocks the work, so it has to look.
static SIGNALLED: AtomicBool = AtomicBool::new(false);

/// True once a signal has asked this run to end.
pub(super) fn was_signalled() -> bool {
    SIGNALLED.load(Ordering::Relaxed)
}

/// Runs `work` to its end, or until SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// Exit 130 after a signal; exit 1 when the system gives no threads or no signals.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("start the runtime").cause(&error))?;
    let (tell, told) = oneshot::channel();
    // On a thread of its own, so that it hears signals while the work blocks.
    runtime.spawn(async move {
        let ending = signalled().await;
        SIGNALLED.store(true, Ordering::Relaxed);
        // That nobody listens means that the work has ended.
        let _ = tell.send(ending);
    });
    let outcome = runtime.block_on(async {
        tokio::select! {
            biased;
            Ok(ending) = told => Err(ending),
            done = work => Ok(done),
        }
    });
    runtime.shutdown_timeout(SHUTDOWN);
    outcome
}

async fn signalled() -> CliError {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [interrupt, terminate, hangup] = kinds.map(signal);
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (interrupt, terminate, hangup)
    else {
        return CliError::failed("listen for signals");
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    CliError::interrupted()
}
