//! How many connections there are, and from where. Asked once for each connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everybody who is connected, or about to be.
#[derive(Debug, Default)]
pub(super) struct Census {
    counts: Mutex<Counts>,
}

/// One in so many places is kept for connections of ours: strangers who take the rest must not keep us from calling carriers.
const RESERVE: usize = 8;

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Of these, connections that we didn't make.
    theirs: usize,
    from: HashMap<IpAddr, usize>,
    /// Connections that found no place.
    refused: u64,
}

/// The part of an address that is one source: of IPv6 its /64, which one subscriber has.
fn ground(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

/// A connection's place; free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    census: Arc<Census>,
    /// Where the connection comes from, for one that we didn't make.
    from: Option<IpAddr>,
}

impl Census {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from an address (`None`: one of ours), if there are fewer than `max` and fewer than
    /// `per_address` from there. What is left of `max` without the reserve is for others' connections.
    pub(super) fn seat(
        self: &Arc<Self>,
        from: Option<IpAddr>,
        max: usize,
        per_address: usize,
    ) -> Option<Seat> {
        let from = from.map(ground);
        let mut counts = self.lock();
        let there = from.map_or(0, |ip| counts.from.get(&ip).copied().unwrap_or(0));
        let crowded = from.is_some() && counts.theirs >= max - max / RESERVE;
        if counts.all >= max || crowded || there >= per_address {
            counts.refused += 1;
            return None;
        }
        counts.all += 1;
        if let Some(ip) = from {
            counts.theirs += 1;
            *counts.from.entry(ip).or_default() += 1;
        }
        Some(Seat {
            census: Arc::clone(self),
            from,
        })
    }

    /// Connections, those in their handshakes included, and how many have been refused so far.
    pub(super) fn figures(&self) -> (usize, u64) {
        let counts = self.lock();
        (counts.all, counts.refused)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.census.lock();
        counts.all = counts.all.saturating_sub(1);
        let Some(ip) = self.from else { return };
        counts.theirs = counts.theirs.saturating_sub(1);
        if let Some(count) = counts.from.get_mut(&ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.from.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_in_all_and_for_each_address_and_come_back() {
        let census = Arc::new(Census::default());
        let [a, b] = [1, 2].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        let first = census.seat(a, 3, 2).expect("a place");
        let _second = census.seat(a, 3, 2).expect("a place");
        assert!(census.seat(a, 3, 2).is_none(), "two from one address");
        let _third = census.seat(b, 3, 2).expect("a place");
        assert!(census.seat(None, 3, 2).is_none(), "three in all");
        drop(first);
        let _again = census.seat(a, 3, 2).expect("a place");
        assert_eq!(census.figures(), (3, 2));
    }

    #[test]
    fn strangers_leave_places_for_connections_of_ours() {
        let census = Arc::new(Census::default());
        let stranger = |n| census.seat(Some(IpAddr::from([192, 0, 2, n])), 16, 9);
        let theirs: Vec<_> = (0..20).filter_map(stranger).collect();
        assert_eq!(theirs.len(), 14);
        let ours: Vec<_> = (0..20).filter_map(|_| census.seat(None, 16, 9)).collect();
        assert_eq!(ours.len(), 2);
        drop(theirs);
        let ours: Vec<_> = (0..20).filter_map(|_| census.seat(None, 16, 9)).collect();
        assert_eq!(ours.len(), 14, "what strangers don't have is ours");
    }

    #[test]
    fn of_ipv6_a_subscriber_is_one() {
        let census = Arc::new(Census::default());
        let seat = |ip: &str| census.seat(ip.parse().ok(), 9, 1);
        let first = seat("2001:db8:0:1::1").expect("a place");
        assert!(seat("2001:db8:0:1:ffff::2").is_none());
        let _other = seat("2001:db8:0:2::1").expect("a place");
        drop(first);
        assert!(seat("2001:db8:0:1:ffff::2").is_some());
    }
}
