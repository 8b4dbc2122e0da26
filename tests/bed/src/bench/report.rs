//! Which figures does the race end with, and are they good enough?

use std::time::Duration;

use anyhow::{Result, ensure};

use super::options::Source;
use super::ways::{Cost, Way};

/// etcdha's median is at most this part of kubeadm's. There is no bar for the time of a join by a
/// snapshot, as etcd decides it: what a learner publishes of itself at its start is in the snapshot that
/// it gets, so it never sees that happen, tries again after 7 s, and serves no client before.
const TIME_BAR: f64 = 0.7;
const PAUSE_BAR: f64 = 0.25;

/// Prints a line a join, and the medians.
///
/// # Errors
/// A bar is missed.
pub(super) fn report(from: Source, costs: &[(Way, Cost)]) -> Result<()> {
    println!("ROUND  BY       TIME      SINCE ASKED  PAUSE     FAILED WRITES");
    for (place, (way, cost)) in costs.iter().enumerate() {
        let round = (place / Way::ALL.len() + 1).to_string();
        println!("{}", row(&round, *way, cost));
    }
    let [kubeadm, etcdha] = Way::ALL.map(|way| median(costs, way));
    println!("{}", row("median", Way::Kubeadm, &kubeadm));
    println!("{}", row("median", Way::Etcdha, &etcdha));
    println!(
        "TIME is that of the whole command; SINCE ASKED the part after etcd was asked to add the member."
    );
    println!("kubeadm  checks: that each member answers.");
    println!(
        "etcdha   checks: quorum, health, alarms, versions, clocks, ports, disk, certificates; that"
    );
    println!("         the learner has caught up before it votes; HashKV equal on both members.");
    let time_bar = match from {
        Source::Log => format!("bar {TIME_BAR}x"),
        Source::Snapshot => "no bar".to_owned(),
    };
    println!(
        "time {:.2}x ({time_bar}), pause {:.2}x (bar {PAUSE_BAR}x)",
        ratio(etcdha.time, kubeadm.time),
        ratio(etcdha.pause, kubeadm.pause)
    );
    judge(from, costs)
}

/// Holds the medians against the bars.
fn judge(from: Source, costs: &[(Way, Cost)]) -> Result<()> {
    let [kubeadm, etcdha] = Way::ALL.map(|way| median(costs, way));
    ensure!(
        from == Source::Snapshot || ratio(etcdha.time, kubeadm.time) <= TIME_BAR,
        "the time is more than {TIME_BAR}x kubeadm's"
    );
    ensure!(
        ratio(etcdha.pause, kubeadm.pause) <= PAUSE_BAR,
        "the pause is more than {PAUSE_BAR}x kubeadm's"
    );
    let failed: usize = of(costs, Way::Etcdha).map(|cost| cost.failed).sum();
    ensure!(failed == 0, "{failed} writes failed while etcdha worked");
    Ok(())
}

fn row(round: &str, way: Way, cost: &Cost) -> String {
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    format!(
        "{round:<6} {:<8} {:<9} {:<12} {:<9} {}",
        way.name(),
        seconds(cost.time),
        seconds(cost.joining),
        seconds(cost.pause),
        cost.failed
    )
}

fn of(costs: &[(Way, Cost)], way: Way) -> impl Iterator<Item = &Cost> {
    let found = costs.iter().filter(move |(by, _)| *by == way);
    found.map(|(_, cost)| cost)
}

/// The median of each column by itself; of an even number the upper one.
fn median(costs: &[(Way, Cost)], way: Way) -> Cost {
    fn middle<T: Ord + Copy + Default>(values: impl Iterator<Item = T>) -> T {
        let mut values: Vec<T> = values.collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    }
    Cost {
        time: middle(of(costs, way).map(|cost| cost.time)),
        joining: middle(of(costs, way).map(|cost| cost.joining)),
        pause: middle(of(costs, way).map(|cost| cost.pause)),
        failed: middle(of(costs, way).map(|cost| cost.failed)),
    }
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A race of one round in which kubeadm took 10 s with a pause of 4 s.
    fn race(time: u64, pause: u64, failed: usize) -> [(Way, Cost); 2] {
        let cost = |time, pause, failed| Cost {
            time: Duration::from_millis(time),
            joining: Duration::from_millis(time),
            pause: Duration::from_millis(pause),
            failed,
        };
        let kubeadm = cost(10_000, 4000, 3);
        [
            (Way::Kubeadm, kubeadm),
            (Way::Etcdha, cost(time, pause, failed)),
        ]
    }

    #[test]
    fn each_bar_is_held() {
        let log = |time, pause, failed| judge(Source::Log, &race(time, pause, failed)).is_ok();
        assert!(log(7000, 1000, 0));
        assert!(!log(7001, 1000, 0) && !log(7000, 1001, 0) && !log(7000, 1000, 1));
        let snapshot = |pause| judge(Source::Snapshot, &race(9000, pause, 0)).is_ok();
        assert!(snapshot(1000) && !snapshot(1001));
    }

    #[test]
    fn the_median_of_each_column_is_its_own() {
        let costs = [race(3, 9, 0), race(1, 8, 0), race(2, 7, 5)].concat();
        let found = median(&costs, Way::Etcdha);
        assert_eq!(found.time, Duration::from_millis(2));
        assert_eq!(found.pause, Duration::from_millis(8));
        assert_eq!(found.failed, 0);
    }
}
