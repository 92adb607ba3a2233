//! The stream that one peer hears: one SSRC whose sequence numbers and timestamps go on, whoever speaks (RFC 3550 §5.1).
//!
//! A plain relay has none of this: what arrives leaves with its own numbers. It begins when something is said to the peer
//! that its counterpart did not say (a tone, an announcement, a digit, other samples), or when another party takes the
//! counterpart's place, and from then on every packet to the peer is numbered here.

use crate::chance::mix;
use crate::offload::Rewrite;
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// A sequence number this far from the last of its source belongs to it; further is a restart.
const REACH: u16 = 3000;
/// How long packets of the source before may still come.
const LATE: Duration = Duration::from_secs(2);
/// Longest silence that a timestamp accounts for; after more it says nothing anyway.
const SILENCE: Duration = Duration::from_secs(3600);

/// What a packet is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    /// The packet begins something new (RFC 3551 §4.1).
    pub(crate) marker: bool,
}

/// The outgoing numbers.
#[derive(Debug)]
pub(crate) struct Egress {
    ssrc: u32,
    /// Sequence number of the next packet.
    next: u16,
    /// Timestamp of the newest packet, and when it was sent.
    timestamp: u32,
    sent: Option<Instant>,
    /// Its clock in Hz.
    clock: Option<u32>,
    /// Whose packets are renumbered now.
    source: Option<Source>,
    /// Whose packets were before, and when that ended: a late one keeps its place for [`LATE`].
    former: Option<(Source, Instant)>,
    /// The newest packet of the source was not passed on.
    skipping: bool,
    /// What the source's newest packets are was [heard from elsewhere](Self::follow).
    followed: bool,
}

/// What is added to the numbers of a source.
#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// The highest of its own sequence numbers.
    highest: u16,
}

impl Egress {
    /// A stream of which nothing has been heard yet. The first sequence number is below 2^15, so that a receiver that loses the
    /// first packets still guesses the rollover counter right (RFC 3711 §3.3.1).
    pub(crate) fn new(seed: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = mix(seed).to_be_bytes();
        Self {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            next: u16::from_be_bytes([e & 0x7f, f]),
            timestamp: u32::from_be_bytes([f, g, h, e]),
            sent: None,
            clock: None,
            source: None,
            former: None,
            skipping: false,
            followed: false,
        }
    }

    /// Goes on with a stream that was relayed as it came: its newest packet, sent at `at`.
    pub(crate) fn after(at: Instant, newest: &Header) -> Self {
        Self {
            ssrc: newest.ssrc,
            next: newest.sequence.wrapping_add(1),
            timestamp: newest.timestamp,
            sent: Some(at),
            clock: None,
            source: Some(Source {
                ssrc: newest.ssrc,
                sequence: 0,
                timestamp: 0,
                highest: newest.sequence,
            }),
            former: None,
            skipping: false,
            followed: false,
        }
    }

    /// Goes on with a stream of which only the next sequence number is known, and with this timestamp.
    pub(crate) fn resume(ssrc: u32, next: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            next,
            timestamp: timestamp.wrapping_sub(1),
            sent: None,
            clock: None,
            source: None,
            former: None,
            skipping: false,
            followed: false,
        }
    }

    /// The SSRC that the peer hears.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The numbers of a packet of our own, `clock` Hz, that begins (`begin`: time has passed since the last one) or goes on,
    /// `step` timestamp units after the last one.
    pub(crate) fn own(&mut self, now: Instant, clock: u32, begin: bool, step: u32) -> Numbers {
        if let Some(source) = self.source.take() {
            self.former = Some((source, now));
        }
        let timestamp = if begin {
            self.timestamp.wrapping_add(self.elapsed(now, clock).max(step))
        } else {
            self.timestamp.wrapping_add(step)
        };
        let numbers = Numbers {
            ssrc: self.ssrc,
            sequence: self.next,
            timestamp,
            marker: begin,
        };
        self.next = self.next.wrapping_add(1);
        self.followed = false;
        (self.timestamp, self.sent, self.clock) = (timestamp, Some(now), Some(clock));
        numbers
    }

    /// The numbers of a packet of our own that shares the timestamp of something long (an event). Time goes on from where that
    /// began.
    pub(crate) fn same(&mut self, timestamp: u32) -> Numbers {
        let numbers = Numbers {
            ssrc: self.ssrc,
            sequence: self.next,
            timestamp,
            marker: false,
        };
        self.next = self.next.wrapping_add(1);
        numbers
    }

    /// The present source's packets up to this one, sent at `at`, were numbered elsewhere, by the same [change](Self::change).
    /// `clock`: its own in Hz, where that is known.
    pub(crate) fn follow(&mut self, at: Instant, newest: &Header, clock: Option<u32>) {
        let Some(before) = self.source.filter(|source| source.ssrc == newest.ssrc) else {
            return;
        };
        if newest.sequence.wrapping_sub(before.highest).cast_signed() > 0 {
            let numbers = self.numbers(&before, newest, false);
            self.source = Some(Source {
                highest: newest.sequence,
                ..before
            });
            self.next = numbers.sequence.wrapping_add(1);
            (self.timestamp, self.sent) = (numbers.timestamp, Some(at));
            self.clock = clock.or(self.clock);
            self.skipping = false;
            self.followed = true;
        }
    }

    /// The packets from this one on were heard of elsewhere, but not passed on: their numbers are free.
    pub(crate) fn unfollow(&mut self, header: &Header) {
        let Some(source) = &mut self.source else {
            return;
        };
        let behind = source.highest.wrapping_sub(header.sequence);
        if self.followed && source.ssrc == header.ssrc && behind < REACH {
            source.highest = header.sequence.wrapping_sub(1);
            self.next = source.highest.wrapping_add(source.sequence).wrapping_add(1);
        }
        self.followed = false;
    }

    /// A packet of the present source is not passed on: what follows takes its place.
    pub(crate) fn skip(&mut self, now: Instant, header: &Header) {
        let Some(before) = self.source.filter(|source| source.ssrc == header.ssrc) else {
            return;
        };
        let ahead = header.sequence.wrapping_sub(before.highest);
        if ahead == 0 || ahead >= REACH {
            return;
        }
        if !std::mem::replace(&mut self.skipping, true) {
            // What comes late from before this packet has its place.
            let until = Source {
                highest: header.sequence.wrapping_sub(1),
                ..before
            };
            self.former = Some((until, now));
        }
        let sequence = before.sequence.wrapping_sub(1);
        self.source = Some(Source {
            sequence,
            highest: header.sequence,
            ..before
        });
        self.next = header.sequence.wrapping_add(sequence).wrapping_add(1);
    }

    /// The numbers with which a relayed packet leaves.
    pub(crate) fn relay(&mut self, now: Instant, header: &Header, clock: u32) -> Numbers {
        let belongs = |source: &Source| {
            let ahead = header.sequence.wrapping_sub(source.highest);
            source.ssrc == header.ssrc && ahead.wrapping_add(REACH) < 2 * REACH
        };
        let late = |source: &Source| {
            belongs(source) && header.sequence.wrapping_sub(source.highest).cast_signed() <= 0
        };
        if let Some((former, ended)) = self.former {
            if now.saturating_duration_since(ended) > LATE {
                self.former = None;
            } else if late(&former) {
                return self.numbers(&former, header, false);
            }
        }
        let (mut source, begins) = match self.source.filter(belongs) {
            Some(source) => (source, false),
            None => {
                self.former = self.source.map(|source| (source, now)).or(self.former);
                (self.begin(now, header, clock), true)
            }
        };
        let numbers = self.numbers(&source, header, begins);
        if begins || header.sequence.wrapping_sub(source.highest).cast_signed() > 0 {
            source.highest = header.sequence;
            (self.skipping, self.followed) = (false, false);
            self.next = numbers.sequence.wrapping_add(1);
            // Packets of one timestamp (an event's): time goes on from the first.
            if numbers.timestamp != self.timestamp || self.sent.is_none() {
                (self.timestamp, self.sent) = (numbers.timestamp, Some(now));
            }
            self.clock = Some(clock);
        }
        self.source = Some(source);
        numbers
    }

    /// How numbers of the present source are changed. `None`: it speaks no more.
    pub(crate) fn change(&self) -> Option<Rewrite> {
        self.source.map(|source| Rewrite {
            of: source.ssrc,
            ssrc: self.ssrc,
            sequence: source.sequence,
            timestamp: source.timestamp,
        })
    }

    /// Timestamp of the newest packet, and when it was sent.
    pub(crate) fn newest(&self) -> Option<(u32, Instant)> {
        self.sent.map(|at| (self.timestamp, at))
    }

    /// Clock of the newest packet, in Hz.
    pub(crate) fn clock(&self) -> Option<u32> {
        self.clock
    }

    fn begin(&self, now: Instant, header: &Header, clock: u32) -> Source {
        let timestamp = self.timestamp.wrapping_add(self.elapsed(now, clock));
        Source {
            ssrc: header.ssrc,
            sequence: self.next.wrapping_sub(header.sequence),
            timestamp: timestamp.wrapping_sub(header.timestamp),
            highest: header.sequence,
        }
    }

    fn numbers(&self, source: &Source, header: &Header, marker: bool) -> Numbers {
        Numbers {
            ssrc: self.ssrc,
            sequence: header.sequence.wrapping_add(source.sequence),
            timestamp: header.timestamp.wrapping_add(source.timestamp),
            marker,
        }
    }

    /// Timestamp units since the last packet; at least one, so that nothing new has an old timestamp.
    fn elapsed(&self, now: Instant, clock: u32) -> u32 {
        let Some(sent) = self.sent else {
            return 1;
        };
        let micros = now.saturating_duration_since(sent).min(SILENCE).as_micros();
        u32::try_from(micros * u128::from(clock) / 1_000_000)
            .unwrap_or(u32::MAX)
            .max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc,
        }
    }

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn sr_03_a_stream_of_ours_begins_below_half_the_numbers() {
        let firsts: Vec<u16> = (0..10_000)
            .map(|seed| Egress::new(seed).own(Instant::now(), 8000, true, 160).sequence)
            .collect();
        assert!(firsts.iter().all(|first| *first < 0x8000));
        let spread = firsts.iter().filter(|first| **first < 0x4000).count();
        assert!(
            (4500..5500).contains(&spread),
            "{spread} of 10000 in the lower half"
        );
    }

    #[test]
    fn what_was_counted_elsewhere_but_is_held_back_leaves_no_gap() {
        let now = Instant::now();
        let mut egress = Egress::after(now, &header(7, 99, 1600));
        // 100 was relayed; 101 and 102, a digit's, were counted with it and come here.
        egress.follow(now, &header(7, 102, 1920), Some(8000));
        for sequence in [101, 102] {
            let held_back = header(7, sequence, 1920);
            egress.unfollow(&held_back);
            egress.skip(now, &held_back);
        }
        let next = egress.relay(now, &header(7, 103, 2080), 8000);
        assert_eq!((next.sequence, next.timestamp), (101, 2080));
        // What is late and lies before what we have numbered ourselves frees nothing.
        egress.unfollow(&header(7, 102, 1920));
        let next = egress.relay(now, &header(7, 104, 2240), 8000);
        assert_eq!(next.sequence, 102);
    }

    #[test]
    fn a_listener_hears_one_stream_from_relay_to_tone_to_another_party() {
        let mut now = Instant::now();
        let mut egress = Egress::after(now, &header(7, 65_534, 1600));
        let mut heard = Vec::new();
        now += FRAME;
        heard.push(egress.relay(now, &header(7, 65_535, 1760), 8000));
        for n in 0..3 {
            now += FRAME;
            heard.push(egress.own(now, 8000, n == 0, 160));
        }
        // The first party's last packet comes late: it is before the tone, and stays there.
        let late = egress.relay(now, &header(7, 65_533, 1440), 8000);
        assert_eq!((late.sequence, late.timestamp), (65_533, 1440));
        for n in 0..3 {
            now += FRAME;
            heard.push(egress.relay(now, &header(9, 500 + n, 90_000 + 160 * u32::from(n)), 8000));
        }
        let sequences: Vec<_> = heard.iter().map(|n| n.sequence).collect();
        assert_eq!(sequences, [65_535, 0, 1, 2, 3, 4, 5]);
        let timestamps: Vec<_> = heard.iter().map(|n| n.timestamp).collect();
        assert_eq!(timestamps, [1760, 1920, 2080, 2240, 2400, 2560, 2720]);
        assert!(heard.iter().all(|n| n.ssrc == 7));
        let markers: Vec<_> = heard.iter().map(|n| n.marker).collect();
        assert_eq!(markers, [false, true, false, false, true, false, false]);
    }

    #[test]
    fn loss_and_reordering_of_a_source_stay_visible() {
        let now = Instant::now();
        let mut egress = Egress::new(1);
        let first = egress.relay(now, &header(3, 40_000, 0), 8000).sequence;
        let offsets: Vec<_> = [40_003, 40_001, 40_002, 40_003, 40_010]
            .into_iter()
            .map(|sequence| {
                let numbers = egress.relay(now, &header(3, sequence, u32::from(sequence) * 160), 8000);
                numbers.sequence.wrapping_sub(first)
            })
            .collect();
        assert_eq!(offsets, [3, 1, 2, 3, 10]);
    }

    #[test]
    fn what_is_not_passed_on_leaves_no_gap_and_what_is_lost_does() {
        let now = Instant::now();
        let mut egress = Egress::after(now, &header(3, 65_530, 0));
        let relay = |egress: &mut Egress, n: u16| {
            let of_source = header(3, 65_530_u16.wrapping_add(n), u32::from(n) * 160);
            let numbers = egress.relay(now, &of_source, 8000);
            assert_eq!(numbers.timestamp, u32::from(n) * 160);
            numbers.sequence.wrapping_sub(65_530)
        };
        let skip =
            |egress: &mut Egress, n: u16| egress.skip(now, &header(3, 65_530_u16.wrapping_add(n), 320));
        assert_eq!(relay(&mut egress, 1), 1);
        // One of those that are held back is doubled, one is lost; a packet from before comes late.
        for n in [3, 4, 4, 6, 5, 7] {
            skip(&mut egress, n);
        }
        assert_eq!(relay(&mut egress, 2), 2);
        assert_eq!(relay(&mut egress, 8), 4, "what came late among them is missing");
        assert_eq!(relay(&mut egress, 9), 5);
        skip(&mut egress, 10);
        assert_eq!(relay(&mut egress, 11), 6);
        assert_eq!(egress.own(now, 8000, true, 160).sequence.wrapping_sub(65_530), 7);
    }

    #[test]
    fn what_was_numbered_elsewhere_is_gone_on_from() {
        let mut now = Instant::now();
        let mut egress = Egress::after(now, &header(3, 100, 16_000));
        egress.own(now, 8000, true, 160);
        egress.relay(now, &header(3, 101, 16_160), 8000);
        let change = egress.change().unwrap();
        // 200 packets by that change, and one of somebody else's.
        now += FRAME * 200;
        egress.follow(now, &header(3, 301, 16_160 + 200 * 160), Some(8000));
        egress.follow(now, &header(4, 500, 0), None);
        egress.follow(now, &header(3, 300, 16_160 + 199 * 160), None);
        assert_eq!(egress.change(), Some(change));
        let own = egress.own(now + FRAME, 8000, true, 160);
        let by_change = (301 + change.sequence, 16_160 + 200 * 160 + change.timestamp);
        assert_eq!(
            (own.sequence, own.timestamp),
            (by_change.0 + 1, by_change.1 + 160)
        );
    }

    #[test]
    fn a_source_that_begins_anew_goes_on_without_a_jump() {
        let mut now = Instant::now();
        let mut egress = Egress::new(1);
        let before = egress.relay(now, &header(3, 100, 5000), 8000);
        now += Duration::from_secs(2);
        let after = egress.relay(now, &header(3, 50_000, 77), 8000);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(16_000));
        assert!(after.marker);
        // Its numbers come round to where they were before: that is no late packet of then.
        let mut heard = vec![after.sequence];
        for sequence in (50_001..=u16::MAX).chain(0..200) {
            now += FRAME;
            heard.push(egress.relay(now, &header(3, sequence, 77), 8000).sequence);
        }
        assert!(heard.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    }
}
