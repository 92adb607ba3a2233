//! How loss is spread: in single packets, in runs, in bursts and gaps (RFC 3611 §4.7.2).
//!
//! A missing packet is lost for good only when it is too far behind to be late any more: when its bit leaves the window of
//! [`Run`](crate::offload::Run). Packets are *settled* there, in order, each once; what is still in the window is judged only
//! for reading ([`Losses::with_window`]), so that a late packet leaves no trace of its absence.

use crate::quality::rounded;
use serde::{Deserialize, Serialize};

/// So many packets received in a row end a burst (RFC 3611 §4.7.2 recommends 16).
pub(crate) const GMIN: u32 = 16;
/// Packets that a window holds.
pub(crate) const WINDOW: u64 = 128;

/// The settled packets of one leg's stream, by how they were lost.
///
/// All counts are of packets; they go on over changes of the SSRC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Lost packets at the end of what is settled, in a row; 0 when the last one came.
    run: u32,
    /// Packets that came since the last loss, at most [`GMIN`].
    since: u32,
    /// Losses of the cluster that may be a burst, 0 when there has been none.
    cluster_lost: u32,
    /// Packets from its first loss to its last.
    cluster: u32,
    /// All lost packets.
    total: u64,
    /// Runs of them.
    pub(crate) events: u32,
    /// Packets of the longest run.
    longest: u32,
    /// Bursts that are over.
    bursts: u32,
    /// Packets expected within them.
    burst_packets: u32,
    /// Packets lost within them.
    burst_lost: u32,
}

/// Loss structure as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LossStructure {
    /// Runs of lost packets: a packet lost alone is one, five in a row are one.
    pub events: u32,
    /// Packets in the longest run.
    pub longest: u32,
    /// Bursts: from one loss to another with fewer than 16 packets received in a row between (RFC 3611 §4.7.2).
    pub bursts: u32,
    /// Fraction of packets lost within bursts, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub burst_density: f32,
    /// Mean duration of a burst, in milliseconds.
    pub burst_ms: u32,
    /// Fraction of packets lost outside of bursts, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub gap_density: f32,
    /// Mean duration of a gap, in milliseconds.
    pub gap_ms: u32,
}

impl Losses {
    /// One packet that came.
    pub(crate) fn received(&mut self) {
        self.run = 0;
        self.since = (self.since + 1).min(GMIN);
    }

    /// `count` packets in a row that did not.
    pub(crate) fn lost(&mut self, count: u32) {
        if count == 0 {
            return;
        }
        if self.run == 0 {
            self.events = self.events.saturating_add(1);
        }
        if self.cluster_lost == 0 || self.since >= GMIN {
            self.close();
            (self.cluster_lost, self.cluster) = (count, count);
        } else {
            self.cluster_lost = self.cluster_lost.saturating_add(count);
            self.cluster = self.cluster.saturating_add(self.since).saturating_add(count);
        }
        self.total = self.total.saturating_add(u64::from(count));
        self.run = self.run.saturating_add(count);
        self.longest = self.longest.max(self.run);
        self.since = 0;
    }

    /// The sequence moves on by `ahead`: the oldest packets leave the window. `expected` is how many there are from the lowest
    /// to the highest so far, both included.
    pub(crate) fn settle(&mut self, seen: u128, expected: u64, ahead: u64) {
        for n in 0..ahead.min(WINDOW) {
            let behind = WINDOW - 1 - n;
            if behind >= expected {
                continue;
            }
            if seen >> behind & 1 == 1 {
                self.received();
            } else {
                self.lost(1);
            }
        }
        self.lost(u32::try_from(ahead.saturating_sub(WINDOW)).unwrap_or(u32::MAX));
    }

    /// As if everything in the window were settled.
    pub(crate) fn with_window(mut self, seen: u128, expected: u64) -> Self {
        self.settle(seen, expected, WINDOW);
        self
    }

    /// More packets went by than a window holds, and nobody looked: of `passed` packets the losses are known in sum only. They
    /// are taken for one run. `all`: everything lost so far, with what lies in the window now.
    pub(crate) fn unseen(&mut self, passed: u64, all: u64, seen: u128, expected: u64) {
        let in_window = expected.min(WINDOW).saturating_sub(u64::from(seen.count_ones()));
        let lost = all.saturating_sub(self.total).saturating_sub(in_window);
        self.lost(u32::try_from(lost).unwrap_or(u32::MAX));
        for _ in 0..passed.saturating_sub(lost).min(u64::from(GMIN)) {
            self.received();
        }
    }

    /// The figures; `expected` is the leg's total, `packet_ms` the duration of a packet.
    ///
    /// `self` should be [`with_window`](Self::with_window).
    pub(crate) fn structure(mut self, expected: u64, packet_ms: f32) -> LossStructure {
        // The report is assumed to be followed by packets that came.
        self.close();
        let outside = expected.saturating_sub(u64::from(self.burst_packets));
        let outside_lost = self.total.saturating_sub(u64::from(self.burst_lost));
        LossStructure {
            events: self.events,
            longest: self.longest,
            bursts: self.bursts,
            burst_density: ratio(u64::from(self.burst_lost), u64::from(self.burst_packets)),
            burst_ms: mean_ms(u64::from(self.burst_packets), u64::from(self.bursts), packet_ms),
            gap_density: ratio(outside_lost, outside),
            gap_ms: mean_ms(outside, u64::from(self.bursts) + 1, packet_ms),
        }
    }

    /// The cluster is over: a burst, unless it is a packet lost alone.
    fn close(&mut self) {
        if self.cluster_lost > 1 {
            self.bursts = self.bursts.saturating_add(1);
            self.burst_packets = self.burst_packets.saturating_add(self.cluster);
            self.burst_lost = self.burst_lost.saturating_add(self.cluster_lost);
        }
        (self.cluster_lost, self.cluster) = (0, 0);
    }
}

#[allow(clippy::cast_precision_loss, reason = "a fraction for people to read")]
fn ratio(part: u64, whole: u64) -> f32 {
    if whole == 0 {
        0.0
    } else {
        rounded(part as f64 / whole as f64, 10_000.0)
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a duration for people to read; the conversion saturates"
)]
fn mean_ms(packets: u64, parts: u64, packet_ms: f32) -> u32 {
    if parts == 0 {
        0
    } else {
        (packets as f64 / parts as f64 * f64::from(packet_ms)).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Settles a pattern of 1 (came) and 0 (lost).
    fn settled(pattern: &str) -> Losses {
        let mut losses = Losses::default();
        for packet in pattern.chars() {
            match packet {
                '1' => losses.received(),
                _ => losses.lost(1),
            }
        }
        losses
    }

    fn figures(pattern: &str, packet_ms: f32) -> LossStructure {
        settled(pattern).structure(pattern.len() as u64, packet_ms)
    }

    #[test]
    fn the_example_of_rfc_3611() {
        let found = figures(
            "11110111111111111111111X111X1011110111111111111111111X111111111",
            10.0,
        );
        assert_eq!((found.bursts, found.burst_ms), (1, 120));
        assert!((found.burst_density - 0.33).abs() < 0.01, "{found:?}");
        assert!((found.gap_density - 0.04).abs() < 0.005, "{found:?}");
        // The text speaks of 230 and 290 ms; the second gap of its pattern has 28 packets.
        assert_eq!(found.gap_ms, 255);
        assert_eq!((found.events, found.longest), (6, 1));
    }

    #[test]
    fn bursts_and_runs_are_told_apart() {
        for (pattern, events, longest, bursts, packets, lost) in [
            ("1111111111", 0, 0, 0, 0, 0),
            ("1101111111", 1, 1, 0, 0, 0),
            ("1100011111", 1, 3, 1, 3, 3),
            ("0011111111", 1, 2, 1, 2, 2),
            ("1111111100", 1, 2, 1, 2, 2),
            // Fifteen received between two losses are a burst's, sixteen are not.
            ("01111111111111110", 2, 1, 1, 17, 2),
            ("011111111111111110", 2, 1, 0, 0, 0),
            ("0011111111111111110010", 3, 2, 2, 6, 5),
        ] {
            let mut found = settled(pattern);
            found.close();
            assert_eq!(
                (
                    found.events,
                    found.longest,
                    found.bursts,
                    found.burst_packets,
                    found.burst_lost
                ),
                (events, longest, bursts, packets, lost),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_leap_beyond_the_window_is_one_run() {
        let mut losses = Losses::default();
        // One packet so far; the next is 1000 later.
        losses.settle(1, 1, 1000);
        assert_eq!(
            (losses.events, losses.run, losses.longest),
            (1, 999 - 127, 999 - 127)
        );
        let all = losses.with_window(1, 1001);
        assert_eq!((all.events, all.longest, all.run), (1, 999, 0));
    }

    proptest! {
        /// Settling by any steps is the same as settling one by one.
        #[test]
        fn steps_do_not_matter(pattern in prop::collection::vec(prop::bool::weighted(0.7), 1..600), steps in prop::collection::vec(1_usize..200, 1..200)) {
            let mut came = pattern;
            let (mut losses, mut seen, mut highest) = (Losses::default(), 1_u128, 0_usize);
            came[0] = true;
            for step in steps {
                let Some(next) = (highest + step..came.len()).find(|n| came[*n]) else { break };
                let ahead = next - highest;
                losses.settle(seen, highest as u64 + 1, ahead as u64);
                seen = if ahead >= 128 { 1 } else { seen << ahead | 1 };
                // Those in between come behind it, or never.
                for (n, came) in came.iter_mut().enumerate().take(next).skip(highest + 1) {
                    *came &= next - n <= 100;
                    seen |= u128::from(*came) << (next - n).min(127);
                }
                highest = next;
                let mut plain = Losses::default();
                came.iter().take(highest + 1).for_each(|came| if *came { plain.received() } else { plain.lost(1) });
                prop_assert_eq!(losses.with_window(seen, highest as u64 + 1), plain);
            }
        }
    }
}
