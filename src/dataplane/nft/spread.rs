//! How often, and in which order, servers of different weights stand in a map.

use std::net::SocketAddr;

/// Most numbers of a map. Weights that would need more are made smaller in proportion.
pub(super) const MOST: u64 = 1024;

/// Servers in the order in which numbers lead to them: each as often as its weight says, and spread as evenly as
/// they go (smooth weighted round robin).
pub(super) fn spread(servers: &[(SocketAddr, u32)]) -> Vec<SocketAddr> {
    let shares = shares(servers);
    let total: i64 = shares.iter().map(|share| share.1).sum();
    let mut credit = vec![0_i64; shares.len()];
    let mut order = Vec::new();
    for _ in 0..total {
        for (credit, (_, share)) in credit.iter_mut().zip(&shares) {
            *credit += share;
        }
        // The first of several with the most.
        let next = (0..credit.len()).rev().max_by_key(|index| credit[*index]);
        let Some(next) = next else { break };
        credit[next] -= total;
        order.push(shares[next].0);
    }
    order
}

/// Weights in lowest terms; those without are left out.
fn shares(servers: &[(SocketAddr, u32)]) -> Vec<(SocketAddr, i64)> {
    let usable = servers.iter().filter(|(_, weight)| *weight > 0);
    let usable: Vec<_> = usable
        .map(|(address, weight)| (*address, u64::from(*weight)))
        .collect();
    let divisor = usable
        .iter()
        .fold(0, |divisor, (_, weight)| gcd(divisor, *weight))
        .max(1);
    let total: u64 = usable.iter().map(|(_, weight)| weight / divisor).sum();
    let share = |weight: u64| match total {
        0..=MOST => weight / divisor,
        _ => (weight / divisor * MOST / total).max(1),
    };
    let shares = usable.into_iter();
    let shares =
        shares.map(|(address, weight)| (address, i64::try_from(share(weight)).unwrap_or(1)));
    shares.collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(weights: &[u32]) -> String {
        let servers = weights.iter().enumerate();
        let servers: Vec<_> = servers
            .map(|(n, weight)| {
                (
                    SocketAddr::from(([10, 0, 0, u8::try_from(n).unwrap()], 1)),
                    *weight,
                )
            })
            .collect();
        let order = spread(&servers);
        let place =
            |address: &SocketAddr| servers.iter().position(|(it, _)| it == address).unwrap();
        order
            .iter()
            .map(|address| char::from(b'a' + u8::try_from(place(address)).unwrap()))
            .collect()
    }

    #[test]
    fn shares_follow_weights_and_mix() {
        assert_eq!(letters(&[1, 1, 1]), "abc");
        assert_eq!(letters(&[3, 0, 1]), "aaca");
        assert_eq!(letters(&[20, 10]), "aba");
        assert_eq!(letters(&[0, 0]), "");
        assert!(letters(&[256, 255, 253, 251, 241, 239, 233, 1]).len() <= 1024 + 8);
    }
}
