//! Reception statistics of one leg (RFC 3550 §6.4, §A.1, §A.3, §A.8).

use crate::losses::{LossStructure, Losses, WINDOW};
use crate::offload::{Last, Ledger, Run};
use crate::rtp::{Header, Translation};
use crate::stats::Counters;
use std::time::{Duration, Instant};

/// A sequence number this far ahead is a gap; further is a restart or a fault (§A.1).
const MAX_DROPOUT: u16 = 3000;
/// A sequence number this far behind is late; further is a restart or a fault (§A.1).
const MAX_MISORDER: u16 = 100;

/// The state behind the counters: sequence numbers of the present SSRC, jitter, arrival times.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    run: Option<Run>,
    /// Loss of earlier runs.
    lost_before: u64,
    losses: Losses,
    last: Option<Last>,
    /// The last packet before the offer/answer that came after it.
    resting: Option<Last>,
    /// Jitter in microseconds, times 16 (§A.8).
    jitter: u64,
}

/// What a sequence number turned out to be.
enum Order {
    Next,
    Late,
    Again,
    Restart,
    Stray,
}

impl Reception {
    /// Counts one valid RTP packet of the leg's peer.
    pub(crate) fn packet(&mut self, now: Instant, header: &Header, map: &Translation, stats: &mut Counters) {
        if self.run.as_ref().is_none_or(|run| run.ssrc != header.ssrc) {
            self.begin(header.ssrc, header.sequence, 0);
            stats.ssrcs = stats.ssrcs.saturating_add(1);
            stats.ssrc = Some(header.ssrc);
            // Another source has another timestamp base.
            if let Some(last) = &mut self.last {
                last.payload_type = u8::MAX;
            }
        }
        match self
            .run
            .as_mut()
            .map_or(Order::Stray, |run| run.place(header.sequence, &mut self.losses))
        {
            Order::Next | Order::Stray => {}
            Order::Late => stats.reordered += 1,
            Order::Again => stats.duplicates += 1,
            Order::Restart => self.begin(header.ssrc, header.sequence, 1),
        }
        self.arrival(now, header, map, stats);
    }

    /// Packets of this leg that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.run.as_ref().map_or(0, Run::lost)
    }

    /// Runs of lost packets so far.
    pub(crate) fn loss_events(&self) -> u32 {
        self.losses_now().events
    }

    /// How the loss is spread among so many packets; `packet_ms` is the duration of one.
    pub(crate) fn loss_structure(&self, expected: u64, packet_ms: f32) -> LossStructure {
        self.losses_now().structure(expected, packet_ms)
    }

    fn losses_now(&self) -> Losses {
        match &self.run {
            Some(run) => self.losses.with_window(run.seen, run.expected()),
            None => self.losses,
        }
    }

    /// The run that the last packet belongs to.
    pub(crate) fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// The last packet; none before the first, and behind a [`pause`](Self::pause).
    pub(crate) fn last(&self) -> Option<&Last> {
        self.last.as_ref()
    }

    /// Jitter now, in microseconds.
    pub(crate) fn jitter_us(&self) -> u32 {
        u32::try_from(self.jitter / 16).unwrap_or(u32::MAX)
    }

    /// A new offer/answer: the time until the next packet is no gap.
    pub(crate) fn pause(&mut self) {
        self.resting = self.last.take().or(self.resting.take());
    }

    /// The header of the newest packet, as far as it matters for what follows it, and when it came.
    pub(crate) fn newest(&self) -> Option<(Header, Instant)> {
        let (run, last) = (self.run.as_ref()?, self.last.as_ref().or(self.resting.as_ref())?);
        let header = Header {
            payload_type: last.payload_type,
            marker: false,
            #[allow(
                clippy::cast_possible_truncation,
                reason = "the low half of an extended number"
            )]
            sequence: run.highest as u16,
            timestamp: last.timestamp,
            ssrc: run.ssrc,
        };
        Some((header, last.arrival))
    }

    /// Clock of the newest packet, in Hz.
    pub(crate) fn newest_clock(&self) -> Option<u32> {
        self.last
            .as_ref()
            .or(self.resting.as_ref())
            .map(|last| last.clock)
    }

    /// Writes the state into a ledger.
    pub(crate) fn lend(&self, ledger: &mut Ledger) {
        (ledger.lost_before, ledger.jitter) = (self.lost_before, self.jitter);
        (ledger.run, ledger.last) = (self.run.clone(), self.last.clone());
    }

    /// Takes the state from a ledger. How loss is spread is not in it: it is seen in the windows, if these are read often enough (128
    /// packets); of what passes between two of them only the sum is known.
    pub(crate) fn take(&mut self, ledger: &Ledger) {
        if let Some(new) = &ledger.run {
            let passed = match &self.run {
                Some(old) if new.continues(old) => {
                    let ahead = new.highest - old.highest;
                    self.losses.settle(old.seen, old.expected(), ahead.min(WINDOW));
                    ahead.saturating_sub(WINDOW)
                }
                Some(_) | None => {
                    self.losses = self.losses_now();
                    new.expected().saturating_sub(WINDOW)
                }
            };
            let all = ledger.lost_before + new.lost();
            self.losses.unseen(passed, all, new.seen, new.expected());
        }
        (self.lost_before, self.jitter) = (ledger.lost_before, ledger.jitter);
        self.run.clone_from(&ledger.run);
        self.last.clone_from(&ledger.last);
    }

    fn begin(&mut self, ssrc: u32, sequence: u16, before: u64) {
        self.losses = self.losses_now();
        self.lost_before = self.lost();
        // The extended number starts one cycle up, so that late packets from before the first have one too.
        let highest = u64::from(sequence) + 0x1_0000;
        let seen = if before == 0 { 0 } else { 0b11 };
        let base = highest - before;
        self.run = Some(Run {
            ssrc,
            base,
            highest,
            unique: 2 * before,
            seen,
            restart: None,
        });
    }

    fn arrival(&mut self, now: Instant, header: &Header, map: &Translation, stats: &mut Counters) {
        let clock = match &self.last {
            Some(last) if last.payload_type == header.payload_type => {
                let gap = now.saturating_duration_since(last.arrival);
                note_gap(gap, stats);
                self.jitter = jitter_after(self.jitter, gap, last, header.timestamp);
                stats.jitter_max_us = stats.jitter_max_us.max(self.jitter_us());
                last.clock
            }
            Some(last) => {
                note_gap(now.saturating_duration_since(last.arrival), stats);
                map.clock(header.payload_type)
            }
            None => map.clock(header.payload_type),
        };
        let (timestamp, payload_type) = (header.timestamp, header.payload_type);
        self.last = Some(Last {
            arrival: now,
            timestamp,
            payload_type,
            clock,
        });
    }
}

impl Run {
    fn place(&mut self, sequence: u16, losses: &mut Losses) -> Order {
        if self.seen == 0 {
            (self.seen, self.unique) = (1, 1);
            return Order::Next;
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the low 16 bits are the sequence number"
        )]
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if ahead == 0 {
            Order::Again
        } else if ahead < MAX_DROPOUT {
            losses.settle(self.seen, self.expected(), u64::from(ahead));
            self.highest += u64::from(ahead);
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.unique += 1;
            self.restart = None;
            Order::Next
        } else if behind <= MAX_MISORDER {
            let bit = 1_u128 << behind;
            if self.seen & bit != 0 {
                return Order::Again;
            }
            self.seen |= bit;
            self.unique += 1;
            self.base = self.base.min(self.highest - u64::from(behind));
            Order::Late
        } else if self.restart == Some(sequence) {
            Order::Restart
        } else {
            self.restart = Some(sequence.wrapping_add(1));
            Order::Stray
        }
    }

    /// Packets from the lowest number to the highest.
    pub(crate) fn expected(&self) -> u64 {
        self.highest - self.base + 1
    }

    /// The highest number as a receiver reports it: cycles from 0 on (RFC 3550 §6.4.1).
    pub(crate) fn wire_highest(&self) -> u32 {
        u32::try_from(self.highest.saturating_sub(0x1_0000) & u64::from(u32::MAX)).unwrap_or_default()
    }

    /// Those of them that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.unique)
    }

    /// Whether this is what became of an earlier state.
    fn continues(&self, earlier: &Self) -> bool {
        self.ssrc == earlier.ssrc
            && self.base <= earlier.base
            && self.highest >= earlier.highest
            && self.unique >= earlier.unique
    }
}

fn note_gap(gap: Duration, stats: &mut Counters) {
    let gap = u32::try_from(gap.as_millis()).unwrap_or(u32::MAX);
    stats.max_gap_ms = stats.max_gap_ms.max(gap);
}

/// §A.8, in microseconds times 16. Packets that share a timestamp (events, video frames) and jumps of the timestamp say nothing.
fn jitter_after(jitter: u64, gap: Duration, last: &Last, timestamp: u32) -> u64 {
    let step = i64::from(timestamp.wrapping_sub(last.timestamp).cast_signed());
    let clock = i64::from(last.clock.max(1));
    if step == 0 || step.abs() > 60 * clock {
        return jitter;
    }
    let arrived = i64::try_from(gap.as_micros()).unwrap_or(i64::MAX / 2);
    let difference = arrived.saturating_sub(step * 1_000_000 / clock).unsigned_abs();
    jitter + difference - ((jitter + 8) >> 4)
}

#[cfg(test)]
mod tests;
