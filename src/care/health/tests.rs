//! The state machine under any sequence of answers, in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::{Group, Health, MOST_RISE, Outcome, Policy, Server, Start};

/// What happens to one of three servers, some time after what happened before.
#[derive(Clone, Debug)]
enum Event {
    Answer(Outcome),
    Drain,
    Undrain,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Good),
        2 => Just(Outcome::Unready("500".to_owned())),
        2 => Just(Outcome::Dead("refused".to_owned())),
    ]
}

fn events() -> impl Strategy<Value = Vec<(u8, Duration, Event)>> {
    let event = prop_oneof![
        12 => outcome().prop_map(Event::Answer),
        1 => Just(Event::Drain),
        1 => Just(Event::Undrain),
    ];
    let pause = (0..90_000_u64).prop_map(Duration::from_millis);
    prop::collection::vec((0..3_u8, pause, event), 0..80)
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 6443))
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![Just(Start::InUse), Just(Start::Out)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn somebody_always_gets_connections_and_only_the_good_where_there_are_any(
        starts in [start(), start(), start()],
        events in events(),
        fail_closed: bool,
        active in prop::option::of(0..3_u32),
    ) {
        let policy = Policy { fail_closed, ..Policy::default() };
        let (mut group, mut now) = (Group::default(), Duration::ZERO);
        for (number, start) in (0..3).zip(starts) {
            group.add(address(number), start, now);
        }
        let weights: BTreeMap<_, _> = (0..3).map(|number| (address(number), 5)).collect();
        let active: BTreeMap<_, _> = active.into_iter().flat_map(|n| (0..3).map(move |it| (address(it), n))).collect();
        for (number, pause, event) in events {
            now += pause;
            match event {
                Event::Answer(outcome) => drop(group.observe(address(number), &outcome, now, &policy)),
                Event::Drain => group.drain(address(number), now),
                Event::Undrain => group.undrain(address(number)),
            }
            let shares = group.shares(&weights, &active, now, &policy);
            let used: Vec<_> = shares.weights.iter().filter(|it| *it.1 > 0).map(|it| *it.0).collect();
            prop_assert!(fail_closed || !used.is_empty());
            for (address, server) in group.servers() {
                let good = server.health() == Health::Up && !server.is_by_hand();
                prop_assert!(!good || shares.weights.get(&address) == Some(&5));
                if !shares.failed_open && used.contains(&address) && !good {
                    prop_assert_eq!(server.health(), Health::Unknown);
                }
                if server.health() == Health::Dead && !shares.failed_open {
                    prop_assert!(!shares.weights.contains_key(&address), "the dead are deleted");
                }
            }
            // The same moment again changes nothing.
            prop_assert_eq!(group.shares(&weights, &active, now, &policy), shares);
        }
    }

    #[test]
    fn a_change_needs_its_answers_in_a_row(answers in prop::collection::vec((outcome(), 0..20_000_u64), 0..200)) {
        let policy = Policy::default();
        let (mut server, mut now) = (Server::new(Start::InUse, Duration::ZERO), Duration::ZERO);
        let (mut good, mut bad) = (0_u32, 0_u32);
        for (outcome, pause) in answers {
            now += Duration::from_millis(pause);
            let (before, rise) = (server.health(), server.rise());
            (good, bad) = if outcome == Outcome::Good { (good + 1, 0) } else { (0, bad + 1) };
            let change = server.observe(&outcome, now, &policy);
            prop_assert!(server.rise() >= 1 && server.rise() <= MOST_RISE);
            match change {
                Some(change) if change.to == Health::Up => prop_assert!(before == Health::Unknown || good >= rise),
                Some(change) => {
                    prop_assert!(bad >= policy.fall);
                    prop_assert!(change.reason.is_some() && change.from == before);
                }
                None => prop_assert!(before != Health::Up || bad < policy.fall),
            }
            if good >= MOST_RISE {
                prop_assert_eq!(server.health(), Health::Up);
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn dead() -> Outcome {
    Outcome::Dead("connection refused".to_owned())
}

fn unready() -> Outcome {
    Outcome::Unready("/readyz answered 500".to_owned())
}

#[test]
fn a_flapping_server_has_to_prove_itself_ever_longer_and_is_forgiven() {
    let policy = Policy::default();
    let (mut server, mut now) = (Server::new(Start::InUse, Duration::ZERO), Duration::ZERO);
    let mut needed = Vec::new();
    server.observe(&Outcome::Good, now, &policy);
    for _ in 0..5 {
        now += SECOND;
        server.observe(&dead(), now, &policy);
        assert!(server.is_in_doubt());
        server.observe(&dead(), now, &policy);
        assert_eq!(server.health(), Health::Dead);
        let mut count = 0;
        while server.health() != Health::Up {
            count += 1;
            server.observe(&Outcome::Good, now, &policy);
        }
        needed.push(count);
    }
    assert_eq!(needed, [1, 2, 4, 8, 8]);
    server.observe(&Outcome::Good, now + policy.calm, &policy);
    assert_eq!(server.rise(), 1);
}

#[test]
fn an_unready_server_keeps_its_connections_for_a_while() {
    let policy = Policy::default();
    let weights: BTreeMap<_, _> = [1, 2].map(|number| (address(number), 1)).into();
    let mut group = Group::default();
    for number in [1, 2] {
        group.add(address(number), Start::InUse, Duration::ZERO);
        group.observe(address(number), &Outcome::Good, Duration::ZERO, &policy);
    }
    for _ in 0..2 {
        group.observe(address(1), &unready(), SECOND, &policy);
    }
    let active = [(address(1), 3)].into();
    let mut weight = |now, active: &BTreeMap<_, _>| {
        group
            .shares(&weights, active, now, &policy)
            .weights
            .get(&address(1))
            .copied()
    };
    assert_eq!(weight(SECOND, &active), Some(0));
    assert_eq!(weight(SECOND * 60, &active), Some(0));
    assert_eq!(weight(SECOND * 61, &active), None);
    // What went does not come back without a good answer.
    assert_eq!(weight(SECOND * 62, &active), None);
    group.observe(address(1), &Outcome::Good, SECOND * 63, &policy);
    assert_eq!(
        group
            .shares(&weights, &active, SECOND * 63, &policy)
            .weights
            .get(&address(1)),
        Some(&1)
    );
}

#[test]
fn an_unready_server_without_connections_goes_at_once() {
    let policy = Policy::default();
    let weights: BTreeMap<_, _> = [1, 2].map(|number| (address(number), 1)).into();
    let mut group = Group::default();
    for number in [1, 2] {
        group.add(address(number), Start::InUse, Duration::ZERO);
    }
    for _ in 0..2 {
        group.observe(address(1), &unready(), SECOND, &policy);
    }
    let shares = group.shares(&weights, &[(address(1), 0)].into(), SECOND, &policy);
    assert_eq!(shares.weights, [(address(2), 1)].into());
}

#[test]
fn at_the_start_everything_stays_as_the_kernel_has_it() {
    let policy = Policy::default();
    let weights: BTreeMap<_, _> = [1, 2].map(|number| (address(number), 7)).into();
    let mut group = Group::default();
    group.add(address(1), Start::InUse, Duration::ZERO);
    group.add(address(2), Start::Out, Duration::ZERO);
    let shares = group.shares(&weights, &BTreeMap::new(), Duration::ZERO, &policy);
    assert_eq!(
        (shares.weights, shares.failed_open),
        ([(address(1), 7)].into(), false)
    );
    // One good answer is enough for a server that nobody has seen fail.
    group.observe(address(2), &Outcome::Good, SECOND, &policy);
    assert_eq!(
        group
            .shares(&weights, &BTreeMap::new(), SECOND, &policy)
            .weights
            .len(),
        2
    );
}
