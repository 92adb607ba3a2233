//! Telephone events in RTP (RFC 4733): what their payload says, digits heard, digits said, and events put on another clock.
//!
//! - [`Receiver`]: event packets of one peer in, each digit once out.
//! - [`Sender`]: digits in, event packets out.
//! - [`Converter`]: event packets from one clock to another.
//! - [`Ear`], [`Tones`]: the same digits as tones in the audio (in band), heard and said.

mod converter;
mod digit;
mod ear;
mod receiver;
mod sender;
mod tones;

pub(crate) use converter::Converter;
pub use digit::{Digit, DigitError};
pub(crate) use ear::Ear;
pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;
pub(crate) use tones::Tones;

use std::time::Duration;

/// Most events that are read of one packet (RFC 4733 §2.5.1.5).
const PACKED: usize = 8;
/// Bytes of a report.
pub(crate) const REPORT: usize = 4;
/// Longest that one report can say.
const LONGEST: u32 = 0xffff;

/// Between two digits that are said.
const PAUSE: Duration = Duration::from_millis(60);
/// Digits that may wait to be said.
const QUEUE: usize = 64;
/// A digit shorter than this need not be recognised (ITU-T Q.24), and one that is longer only delays the next.
const SHORTEST: Duration = Duration::from_millis(40);
const LONGEST_DIGIT: Duration = Duration::from_secs(8);

/// One report of an event (RFC 4733 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Event code: 0..=15 are the digits.
    pub(crate) event: u8,
    /// The event is over.
    pub(crate) end: bool,
    /// Power level in -dBm0, 0..=63.
    pub(crate) volume: u8,
    /// Timestamp units since the event or this segment of it began.
    pub(crate) duration: u16,
}

impl Report {
    /// The first report of a payload; `None` when it is too short.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low, ..] = *payload else {
            return None;
        };
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// All reports of a payload, each with its offset from the packet's timestamp: events that follow each other without a pause
    /// may share a packet (§2.5.1.5). Trailing bytes that are no report are ignored.
    pub(crate) fn read_all(payload: &[u8]) -> impl Iterator<Item = (u32, Self)> {
        let reports = payload.chunks_exact(REPORT).take(PACKED).filter_map(Self::read);
        reports.scan(0u32, |offset, report| {
            let at = *offset;
            *offset = offset.wrapping_add(u32::from(report.duration));
            Some((at, report))
        })
    }

    /// As bytes; the reserved bit is zero.
    pub(crate) fn write(self) -> [u8; REPORT] {
        let [high, low] = self.duration.to_be_bytes();
        let end = u8::from(self.end) << 7;
        [self.event, end | (self.volume & 0x3f), high, low]
    }
}

/// A digit that was heard to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which.
    pub digit: Digit,
    /// How long it lasted.
    pub duration: Duration,
}

/// Timestamp units as time.
fn time(units: u64, clock: u32) -> Duration {
    Duration::from_micros(units.saturating_mul(1_000_000) / u64::from(clock.max(1)))
}

/// Time as timestamp units.
fn units(time: Duration, clock: u32) -> u64 {
    u64::try_from(time.as_micros() * u128::from(clock) / 1_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
