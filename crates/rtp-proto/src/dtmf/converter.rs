//! Events put from one clock on another: an event keeps one timestamp, and its duration is told in the other clock's units.

use super::{LONGEST, Report};
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Events that may still be reported, newest last.
const KNOWN: usize = 4;
/// An event of which nothing has come for so long is forgotten.
const MEMORY: Duration = Duration::from_secs(2);

/// The events of one peer, on their way to the other.
#[derive(Debug, Default)]
pub(crate) struct Converter {
    known: Vec<Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    ssrc: u32,
    code: u8,
    /// Timestamp of the segment that is being reported, and what it was preceded by (RFC 4733 §2.5.1.3).
    segment: u32,
    before: u64,
    /// As it leaves: the timestamp of the event.
    leaves: u32,
    /// Units of the segments of which the last report has left.
    told: u64,
    at: Instant,
}

/// An event's report as it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Converted {
    /// Its timestamp; the packet's marker is set when it [begins](Self::begins) the event.
    pub(crate) timestamp: u32,
    /// It is the first of its event.
    pub(crate) begins: bool,
    /// The payload.
    pub(crate) report: Report,
}

impl Converter {
    /// A report that came on a clock of `from` Hz, for one of `to` Hz. `begin`: gives the timestamp of an event that begins now.
    pub(crate) fn convert(
        &mut self,
        now: Instant,
        header: &Header,
        report: Report,
        (from, to): (u32, u32),
        begin: impl FnOnce() -> u32,
    ) -> Converted {
        self.known.retain(|known| now < known.at + MEMORY);
        let place = self.known.iter().rposition(|known| known.is_of(header, report));
        let begins = place.is_none();
        if begins {
            if self.known.len() >= KNOWN {
                self.known.remove(0);
            }
            self.known.push(Known::new(now, header, report, begin()));
        }
        let place = place.unwrap_or(self.known.len().saturating_sub(1));
        let Some(known) = self.known.get_mut(place) else {
            // There is always one: it was just put there.
            return Converted {
                timestamp: header.timestamp,
                begins,
                report,
            };
        };
        known.at = now;
        let (timestamp, report) = known.leave(header, report, (from, to));
        Converted {
            timestamp,
            begins,
            report,
        }
    }
}

impl Known {
    fn new(now: Instant, header: &Header, report: Report, leaves: u32) -> Self {
        Self {
            ssrc: header.ssrc,
            code: report.event,
            segment: header.timestamp,
            before: 0,
            leaves,
            told: 0,
            at: now,
        }
    }

    /// A report of this event, or of the segment that follows.
    fn is_of(&self, header: &Header, report: Report) -> bool {
        let since = header.timestamp.wrapping_sub(self.segment);
        let goes_on = since == 0 || (since == LONGEST && !header.marker);
        self.ssrc == header.ssrc && self.code == report.event && goes_on
    }

    fn leave(&mut self, header: &Header, report: Report, (from, to): (u32, u32)) -> (u32, Report) {
        if header.timestamp != self.segment {
            self.before += u64::from(LONGEST);
            self.segment = header.timestamp;
        }
        let units = self.before + u64::from(report.duration);
        let from = u64::from(from.max(1));
        let units = (units * u64::from(to) + from / 2) / from;
        // What is longer than a report can say is told in segments: first the end of one, and only then what follows.
        let segment = u64::from(LONGEST);
        let whole = units.saturating_sub(1) / segment * segment;
        let full = whole > self.told;
        let before = if full { self.told } else { whole };
        let duration = if full { segment } else { units - whole };
        if full {
            self.told += segment;
        }
        let offset = u32::try_from(before % (1 << 32)).unwrap_or(0);
        let report = Report {
            end: report.end && !full,
            duration: u16::try_from(duration).unwrap_or(u16::MAX),
            ..report
        };
        (self.leaves.wrapping_add(offset), report)
    }
}
