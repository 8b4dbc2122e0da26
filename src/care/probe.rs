//! Asks one server for its health, again and again, independent of all others.
//!
//! The connection is kept open in between: no handshake a second for every server, and its end is heard at once. A bad answer
//! is confirmed by a second question before the usual time is over.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

use super::health::Outcome;
use crate::model::Probe;
use crate::sys::http_kept::{KeptConnection, Trust, ask};

/// Time between a bad answer and the question that confirms it.
const CONFIRM: Duration = Duration::from_millis(50);
/// Part of the interval by which it varies, so that nodes do not ask in step.
const JITTER: f64 = 0.1;

/// Asks until nobody listens any more.
pub(super) async fn watch(
    address: SocketAddr,
    probe: Probe,
    trust: Trust,
    tell: UnboundedSender<(SocketAddr, Outcome)>,
) {
    let mut kept = None;
    let (mut bad, mut early) = (0_u32, None);
    loop {
        let answer = ask(&mut kept, address, &trust, &probe.path, probe.timeout).await;
        let outcome = judge(answer, &probe);
        bad = if outcome == Outcome::Good {
            0
        } else {
            bad.saturating_add(1)
        };
        if tell.send((address, outcome)).is_err() {
            return;
        }
        let in_doubt = (1..probe.fall).contains(&bad);
        let pause = if in_doubt {
            CONFIRM
        } else {
            varied(probe.interval)
        };
        // A server that ends every connection after its answer must not be asked without pause.
        let may_be_early = early.is_none_or(|at: Instant| at.elapsed() >= probe.interval);
        tokio::select! {
            () = sleep(pause) => {}
            () = end(&mut kept), if may_be_early && !in_doubt => early = Some(Instant::now()),
        }
    }
}

/// Waits for the end of a connection; forever where there is none.
async fn end(kept: &mut Option<KeptConnection>) {
    match kept {
        Some(connection) => connection.closed().await,
        None => std::future::pending().await,
    }
    *kept = None;
}

fn judge(answer: Result<u16, String>, probe: &Probe) -> Outcome {
    match answer {
        Ok(status) if (200..400).contains(&status) || probe.accept.contains(&status) => {
            Outcome::Good
        }
        Ok(status) => Outcome::Unready(format!("{} answered {status}", probe.path)),
        Err(reason) => Outcome::Dead(reason),
    }
}

/// The interval, a little more or less. The standard library's hasher has a seed of its own each time.
fn varied(interval: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish();
    // Sixteen bits are fine enough.
    let part = f64::from(u16::try_from(chance & 0xffff).unwrap_or_default()) / f64::from(u16::MAX);
    interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_their_status() {
        let probe = Probe {
            accept: vec![401],
            ..Probe::default()
        };
        for good in [200, 204, 302, 401] {
            assert_eq!(judge(Ok(good), &probe), Outcome::Good);
        }
        for bad in [403, 404, 500, 503] {
            assert!(matches!(judge(Ok(bad), &probe), Outcome::Unready(_)));
        }
        assert_eq!(
            judge(Err("refused".into()), &probe),
            Outcome::Dead("refused".into())
        );
    }

    #[test]
    fn pauses_vary_by_a_tenth() {
        let interval = Duration::from_secs(1);
        for _ in 0..100 {
            let pause = varied(interval);
            assert!((900..=1100).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}
