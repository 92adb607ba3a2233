//! Whoever is reported to by us and not by the other peer: what one such peer is told, and when (RFC 3550 §6.3, §6.4).
//!
//! The interval is that of two members: five seconds, spread by half to either side, so that the reports of many calls that began
//! at once do not stay together; the first comes after half of it. The clock of the reports is the time since the reporter began, which
//! §6.4.1 allows who has no notion of the wall clock: it serves round trips and the relation of streams, not the calendar.

use super::Block;
use super::write::{self, SenderInfo};
use crate::chance::mix;
use crate::packet::Packet;
use std::time::{Duration, Instant};

/// The interval between reports (§6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// A reporter's clock begins here, so that no report's mark is 0, which means "none".
const BEGIN: Duration = Duration::from_secs(3600);
/// RTP header without CSRCs and extension.
const HEADER: u64 = 12;

/// What the peer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    /// The SSRC that it hears.
    pub(crate) ssrc: u32,
    /// Timestamp of the newest packet.
    pub(crate) timestamp: u32,
    /// When that left.
    pub(crate) at: Instant,
    /// Clock rate in Hz.
    pub(crate) clock: u32,
    /// All packets that were sent to the peer, of any SSRC.
    pub(crate) packets: u64,
    /// Their bytes, RTP headers included.
    pub(crate) bytes: u64,
}

/// What the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hearing {
    /// Its SSRC.
    pub(crate) ssrc: u32,
    /// Packets expected of it.
    pub(crate) expected: u64,
    /// Different packets that came.
    pub(crate) received: u64,
    /// Highest sequence number, extended.
    pub(crate) highest: u32,
    /// Jitter in timestamp units.
    pub(crate) jitter: u32,
    /// The mark of its last sender report, and when that came.
    pub(crate) sender_report: Option<(u32, Instant)>,
}

/// Reports to one peer.
#[derive(Debug)]
pub(crate) struct Reporter {
    begun: Instant,
    /// State of the spread of intervals.
    chance: u64,
    name: [u8; 16],
    /// Our SSRC: that of what the peer hears; one of our own before it hears anything.
    ssrc: u32,
    /// What had been sent when the SSRC of it began.
    base: (u64, u64),
    /// What had been sent at the last report.
    sent: (u64, u64),
    /// SSRC of the peer, and what had been expected and received of it at the last report.
    prior: (u32, u64, u64),
}

impl Reporter {
    /// No interval is longer.
    pub(crate) const LONGEST: Duration = Duration::from_millis(7_500);

    /// `seed`: a random number.
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        let [a, b, c, d, ..] = mix(seed ^ 1).to_be_bytes();
        Self {
            begun: now,
            chance: mix(seed),
            name: canonical_name([2, 3].map(|n| blind(seed, n))),
            ssrc: u32::from_be_bytes([a, b, c, d]),
            base: (0, 0),
            sent: (0, 0),
            prior: (0, 0, 0),
        }
    }

    /// The time from now to the first report.
    pub(crate) fn first(&mut self) -> Duration {
        self.interval() / 2
    }

    /// The time from one report to the next.
    pub(crate) fn interval(&mut self) -> Duration {
        self.chance = mix(self.chance);
        // 0.5 to 1.5 times as long, in thousandths.
        let thousandths = 500 + u32::try_from(self.chance % 1001).unwrap_or(500);
        INTERVAL * thousandths / 1000
    }

    /// Writes a report into `out`; the mark that a receiver will quote, if it is a sender report. `None` also when there is no
    /// room, and then `out` is empty.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        sending: Option<Sending>,
        hearing: Option<Hearing>,
        farewell: bool,
        out: &mut Packet<'_>,
    ) -> Option<u32> {
        let info = sending.and_then(|sending| self.sender_info(now, &sending));
        let block = hearing.and_then(|hearing| self.block(now, &hearing));
        let fits = write::report(out, self.ssrc, info.as_ref(), block.as_ref())
            && write::name(out, self.ssrc, &self.name)
            && (!farewell || write::bye(out, self.ssrc));
        if !fits {
            out.set_len(0);
            return None;
        }
        info.map(|info| mark(info.ntp))
    }

    /// What a sender report says; `None` when nothing was sent since the last report.
    fn sender_info(&mut self, now: Instant, sending: &Sending) -> Option<SenderInfo> {
        if sending.ssrc != self.ssrc {
            (self.ssrc, self.base) = (sending.ssrc, self.sent);
        }
        let total = (sending.packets, sending.bytes);
        if std::mem::replace(&mut self.sent, total) == total {
            return None;
        }
        let packets = total.0.saturating_sub(self.base.0);
        let octets = total
            .1
            .saturating_sub(self.base.1)
            .saturating_sub(HEADER * packets);
        let since = now.saturating_duration_since(sending.at);
        Some(SenderInfo {
            ntp: self.ntp(now),
            timestamp: sending.timestamp.wrapping_add(units(since, sending.clock)),
            packets: low(packets),
            octets: low(octets),
        })
    }

    /// RFC 3550 §A.3; `None` when nothing was received since the last report.
    fn block(&mut self, now: Instant, hearing: &Hearing) -> Option<Block> {
        let (ssrc, expected, received) = self.prior;
        self.prior = (hearing.ssrc, hearing.expected, hearing.received);
        let (expected, received) = if ssrc == hearing.ssrc {
            (expected, received)
        } else {
            (0, 0)
        };
        let new = hearing.received.saturating_sub(received);
        if new == 0 {
            return None;
        }
        let due = hearing.expected.saturating_sub(expected);
        let lost = due.saturating_sub(new);
        let (mark, delay) = hearing.sender_report.map_or((0, 0), |(mark, at)| {
            (mark, units(now.saturating_duration_since(at), 65_536))
        });
        let total = hearing.expected.saturating_sub(hearing.received);
        Some(Block {
            ssrc: hearing.ssrc,
            fraction: u8::try_from((lost * 256).checked_div(due).unwrap_or(0)).unwrap_or(u8::MAX),
            lost: i32::try_from(total).unwrap_or(i32::MAX),
            highest: hearing.highest,
            jitter: hearing.jitter,
            mark,
            delay,
        })
    }

    fn ntp(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.begun) + BEGIN;
        (elapsed.as_secs() << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000)
    }
}

/// The middle half of an NTP timestamp.
fn mark(ntp: u64) -> u32 {
    low(ntp >> 16)
}

/// The low half.
fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default()
}

fn units(time: Duration, clock: u32) -> u32 {
    u32::try_from((time.as_nanos() * u128::from(clock) / 1_000_000_000) & u128::from(u32::MAX))
        .unwrap_or_default()
}

/// Random bits that do not give the seed away, as those of [`mix`] alone would: it can be undone.
fn blind(seed: u64, number: u64) -> u64 {
    mix(seed ^ number) ^ mix(seed.rotate_left(32) ^ (number + 8))
}

/// A name for one session only (RFC 7022 §4.2): 96 random bits in 16 characters.
fn canonical_name(bits: [u64; 2]) -> [u8; 16] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let all = u128::from(bits[0]) << 64 | u128::from(bits[1]);
    let mut name = [0; 16];
    for (n, character) in name.iter_mut().enumerate() {
        let six = usize::try_from(all >> (6 * n) & 63).unwrap_or_default();
        *character = ALPHABET.get(six).copied().unwrap_or(b'A');
    }
    name
}

#[cfg(test)]
mod tests;
