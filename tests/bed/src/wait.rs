//! Waiting for something to become true, with a deadline and without fixed sleeps.
//!
//! Invariant: every wait ends, and one that ends badly says what was last seen.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

/// How long the waits sleep between two looks: short against everything that is waited for.
pub const LOOK: Duration = Duration::from_millis(20);

/// Looks until `probe` returns a value.
///
/// # Errors
/// The deadline passed; the error holds the last refusal of `probe`.
pub fn until<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() >= deadline => {
                return Err(error).with_context(|| gave_up(what, deadline));
            }
            Err(_) => thread::sleep(LOOK),
        }
    }
}

/// Looks until `probe` returns true.
///
/// # Errors
/// The deadline passed.
pub fn until_true(what: &str, deadline: Duration, mut probe: impl FnMut() -> bool) -> Result<()> {
    until(what, deadline, || {
        probe().then_some(()).ok_or_else(|| anyhow!("it is not so"))
    })
}

/// Looks until the asynchronous `probe` returns a value.
///
/// # Errors
/// The deadline passed; the error holds the last refusal of `probe`.
pub async fn until_async<T, F>(
    what: &str,
    deadline: Duration,
    mut probe: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() >= deadline => {
                return Err(error).with_context(|| gave_up(what, deadline));
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

fn gave_up(what: &str, deadline: Duration) -> String {
    format!("waited {deadline:?} for: {what}")
}
