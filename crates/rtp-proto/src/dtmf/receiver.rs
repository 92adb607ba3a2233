//! Event packets in, digits out (RFC 4733 §2.5.2).
//!
//! An event is known by its source, its code and its first timestamp. It is over with its first end packet, with the first
//! packet of another event, or when nothing more is heard of it; what comes for it after that is ignored. Markers say nothing that
//! is relied on: they get lost.

use super::{Digit, Heard, LONGEST, Report, time, units};
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// An event of which nothing is heard is over this long after its last packet, if the peer is heard otherwise: three of the
/// intervals that RFC 4733 §2.5.1.2 recommends.
const LAPSE: Duration = Duration::from_millis(150);
/// The same for a peer of which nothing else is heard, perhaps because it is relayed elsewhere.
const SILENCE: Duration = Duration::from_millis(200);
/// Less than this between two events of one code is no pause: they are one.
const PAUSE: Duration = Duration::from_millis(10);
/// The last packets of a segment may be lost: this much of it.
const SEGMENT_LOSS: Duration = Duration::from_millis(200);
/// Events that are over and may still be reported again.
const PAST: usize = 6;
/// For how long they may be.
const MEMORY: Duration = Duration::from_secs(2);

/// The digits of one peer.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    current: Option<Event>,
    /// Newest last.
    past: Vec<Event>,
    heard: Vec<Heard>,
}

/// An event as far as it has been reported.
#[derive(Clone, Copy, Debug)]
struct Event {
    ssrc: u32,
    code: u8,
    clock: u32,
    /// Timestamp of the event.
    first: u32,
    /// Timestamp of the segment that was reported last (§2.5.1.3).
    segment: u32,
    /// Longest report of that segment.
    duration: u16,
    /// Timestamp units of the segments before.
    before: u64,
    /// Newest sequence number.
    sequence: u16,
    /// When it was last heard of.
    at: Instant,
    /// Something else was heard of the peer since.
    resumed: bool,
    ended: bool,
}

/// How a report relates to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// It is of this segment.
    Same,
    /// The segment that follows.
    Next,
    /// Under another timestamp or source, although the event goes on.
    Moved,
    /// It is of another event.
    Other,
}

impl Receiver {
    /// A packet whose payload type says that it holds events, on a clock of `clock` Hz. What has been heard by it: [`poll`](Self::poll).
    pub(crate) fn event(&mut self, now: Instant, header: &Header, clock: u32, payload: &[u8]) {
        self.handle_timeout(now);
        for (offset, report) in Report::read_all(payload) {
            // No state has been defined that is a digit: a duration of zero is to be ignored (§2.3.5).
            if report.duration != 0 || report.end {
                let header = Header {
                    timestamp: header.timestamp.wrapping_add(offset),
                    ..*header
                };
                self.report(now, &header, clock, report);
            }
        }
    }

    /// A packet of the peer that holds no event.
    pub(crate) fn other(&mut self, now: Instant, header: &Header) {
        if let Some(current) = &mut self.current {
            let late = current.ssrc == header.ssrc && !newer(header.sequence, current.sequence);
            current.resumed |= !late;
        }
        self.handle_timeout(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.current.as_ref().map(Event::lapses)
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| now >= at) {
            self.finish();
        }
    }

    /// The next digit that has been heard to its end.
    pub(crate) fn poll(&mut self) -> Option<Heard> {
        (!self.heard.is_empty()).then(|| self.heard.remove(0))
    }

    /// Whether an event is going on.
    pub(crate) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    fn report(&mut self, now: Instant, header: &Header, clock: u32, report: Report) {
        if let Some(current) = &mut self.current {
            let relation = current.relation(now, header, clock, report);
            if relation != Relation::Other {
                current.go_on(now, header, report, relation);
                if report.end {
                    self.finish();
                }
                return;
            }
        }
        self.past.retain(|past| now < past.at + MEMORY);
        let known = self.past.iter_mut().rev().find_map(|past| {
            let relation = past.relation(now, header, clock, report);
            (relation != Relation::Other).then_some((past, relation))
        });
        if let Some((past, relation)) = known {
            past.go_on(past.at, header, report, relation);
            return;
        }
        let event = Event::new(now, header, clock, report);
        let overtaken = self
            .current
            .as_ref()
            .is_some_and(|current| event.is_before(current));
        if overtaken {
            self.over(event);
            return;
        }
        self.finish();
        self.current = Some(event);
        if report.end {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            self.over(current);
        }
    }

    fn over(&mut self, mut event: Event) {
        event.ended = true;
        if let Some(digit) = Digit::of_event(event.code) {
            let duration = time(event.units(), event.clock);
            self.heard.push(Heard { digit, duration });
        }
        if self.past.len() >= PAST {
            self.past.remove(0);
        }
        self.past.push(event);
    }
}

impl Event {
    fn new(now: Instant, header: &Header, clock: u32, report: Report) -> Self {
        Self {
            ssrc: header.ssrc,
            code: report.event,
            clock,
            first: header.timestamp,
            segment: header.timestamp,
            duration: report.duration,
            before: 0,
            sequence: header.sequence,
            at: now,
            resumed: false,
            ended: false,
        }
    }

    /// How long it has lasted, in timestamp units.
    fn units(&self) -> u64 {
        self.before + u64::from(self.duration)
    }

    fn lapses(&self) -> Instant {
        self.at + if self.resumed { LAPSE } else { SILENCE }
    }

    /// Whether it began before another event of the same source.
    fn is_before(&self, other: &Self) -> bool {
        self.ssrc == other.ssrc && newer_timestamp(other.first, self.first)
    }

    fn relation(&self, now: Instant, header: &Header, clock: u32, report: Report) -> Relation {
        if report.event != self.code || clock != self.clock {
            return Relation::Other;
        }
        if header.ssrc != self.ssrc {
            return self.relation_elsewhere(now, header, report);
        }
        let newer = newer(header.sequence, self.sequence);
        if header.timestamp == self.segment {
            // A peer that never moves its timestamps: the marker and a duration that begins anew tell the next press.
            let again =
                header.marker && newer && self.ended && !report.end && report.duration < self.duration;
            return if again { Relation::Other } else { Relation::Same };
        }
        let since = header.timestamp.wrapping_sub(self.segment);
        if since > u32::MAX / 2 {
            // Before this segment: a late packet of an earlier one, unless it is before the event.
            let late = !newer_timestamp(self.first, header.timestamp);
            return if late { Relation::Same } else { Relation::Other };
        }
        if header.marker {
            return Relation::Other;
        }
        let short = u32::try_from(units(SEGMENT_LOSS, clock)).unwrap_or(LONGEST);
        if since == LONGEST && u32::from(self.duration) >= LONGEST.saturating_sub(short) {
            return Relation::Next;
        }
        let pause = u32::try_from(units(PAUSE, clock)).unwrap_or(0);
        if since <= u32::from(self.duration).saturating_add(pause) {
            return Relation::Moved;
        }
        Relation::Other
    }

    /// For a report of another source: the peer may have begun a new stream within the event. It has if what is reported began
    /// before this event was last heard of.
    fn relation_elsewhere(&self, now: Instant, header: &Header, report: Report) -> Relation {
        let lasted = time(u64::from(report.duration), self.clock);
        let overlaps = now.checked_sub(lasted).is_some_and(|began| began < self.at);
        if !self.ended && !header.marker && overlaps {
            Relation::Moved
        } else {
            Relation::Other
        }
    }

    /// Takes a report that belongs to it.
    fn go_on(&mut self, now: Instant, header: &Header, report: Report, relation: Relation) {
        match relation {
            Relation::Same if header.timestamp == self.segment => {
                self.duration = self.duration.max(report.duration);
            }
            Relation::Same | Relation::Other => {}
            Relation::Next => {
                self.before += u64::from(LONGEST);
                (self.segment, self.duration) = (header.timestamp, report.duration);
            }
            Relation::Moved => {
                if header.ssrc != self.ssrc {
                    (self.ssrc, self.first) = (header.ssrc, header.timestamp);
                    self.sequence = header.sequence;
                }
                self.segment = header.timestamp;
                self.duration = self.duration.max(report.duration);
            }
        }
        if newer(header.sequence, self.sequence) {
            self.sequence = header.sequence;
            self.resumed = false;
        }
        self.at = now;
    }
}

/// Whether a sequence number comes after another.
fn newer(sequence: u16, than: u16) -> bool {
    sequence.wrapping_sub(than).cast_signed() > 0
}

/// The same for timestamps.
fn newer_timestamp(timestamp: u32, than: u32) -> bool {
    timestamp.wrapping_sub(than).cast_signed() > 0
}
