//! Digits in, event packets out (RFC 4733 §2.5.1).

use super::{Digit, Heard, LONGEST, LONGEST_DIGIT, PAUSE, QUEUE, Report, SHORTEST, units};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Between two reports of an event.
const STEP: Duration = Duration::from_millis(20);
/// How often the last report is sent (§2.5.1.4).
const ENDS: u8 = 3;
/// Power of a digit in -dBm0.
const VOLUME: u8 = 10;

/// The digits that are to be said to one peer.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    waiting: VecDeque<Heard>,
    state: State,
    /// A report of a segment that has been sent once and is sent twice more.
    again: Option<Again>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Saying(Saying),
    /// A digit was said; the next may begin then.
    Pause(Instant),
}

#[derive(Debug)]
struct Saying {
    digit: Digit,
    clock: u32,
    /// Timestamp units of the whole digit, and those after which a report is due.
    total: u64,
    reported: u64,
    /// Timestamp of the digit; none before its first packet.
    timestamp: Option<u32>,
    /// Units of the segments before this one (§2.5.1.3).
    before: u64,
    ends: u8,
    next: Instant,
}

#[derive(Debug)]
struct Again {
    timestamp: u32,
    report: Report,
    left: u8,
    next: Instant,
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Say {
    /// The timestamp of the event that it belongs to; `None`: it begins one, whose timestamp is to be [told](Sender::began).
    pub(crate) timestamp: Option<u32>,
    /// The payload.
    pub(crate) report: Report,
}

impl Sender {
    /// Says a digit after those that wait. Whether there was room for it.
    pub(crate) fn push(&mut self, now: Instant, digit: Digit, duration: Duration) -> bool {
        if self.waiting.len() >= QUEUE {
            return false;
        }
        if matches!(self.state, State::Idle) {
            self.state = State::Pause(now);
        }
        let duration = duration.clamp(SHORTEST, LONGEST_DIGIT);
        self.waiting.push_back(Heard { digit, duration });
        true
    }

    /// Whether a digit is being said: from its first packet to the last of its end packets. Nothing else is to be said meanwhile.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.state, State::Saying(_))
    }

    /// When [`poll`](Self::poll) has something. A time that has passed: at once.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let next = match &self.state {
            State::Idle => None,
            State::Saying(saying) => Some(saying.next),
            State::Pause(until) => (!self.waiting.is_empty()).then_some(*until),
        };
        let again = self.again.as_ref().map(|again| again.next);
        next.into_iter().chain(again).min()
    }

    /// The next packet that is due, on a clock of `clock` Hz; until `None`.
    pub(crate) fn poll(&mut self, now: Instant, clock: u32) -> Option<Say> {
        if let Some(say) = self.repeat(now) {
            return Some(say);
        }
        if self.may_begin(now) {
            let next = self.waiting.pop_front()?;
            self.state = State::Saying(Saying::new(now, next, clock));
        }
        let State::Saying(saying) = &mut self.state else {
            return None;
        };
        if now < saying.next {
            return None;
        }
        let (say, segment_ended) = saying.next_report();
        if segment_ended {
            self.again = say.timestamp.map(|timestamp| Again {
                timestamp,
                report: say.report,
                left: ENDS - 1,
                next: now + STEP,
            });
        }
        if saying.ends == 0 {
            self.state = State::Pause(now + PAUSE);
        } else if !segment_ended {
            saying.next = later(saying.next + STEP, now);
        }
        Some(say)
    }

    /// The first packet of a digit was given this timestamp.
    pub(crate) fn began(&mut self, timestamp: u32) {
        if let State::Saying(saying) = &mut self.state {
            saying.timestamp = Some(timestamp);
        }
    }

    fn may_begin(&self, now: Instant) -> bool {
        match &self.state {
            State::Idle | State::Saying(_) => false,
            State::Pause(until) => now >= *until,
        }
    }

    fn repeat(&mut self, now: Instant) -> Option<Say> {
        let again = self.again.as_mut().filter(|again| now >= again.next)?;
        let say = Say {
            timestamp: Some(again.timestamp),
            report: again.report,
        };
        again.left = again.left.saturating_sub(1);
        again.next = later(again.next + STEP, now);
        if again.left == 0 {
            self.again = None;
        }
        Some(say)
    }
}

impl Saying {
    fn new(now: Instant, what: Heard, clock: u32) -> Self {
        Self {
            digit: what.digit,
            clock,
            total: units(what.duration, clock),
            reported: 0,
            timestamp: None,
            before: 0,
            ends: ENDS,
            next: now,
        }
    }

    /// The report that is due now, and whether it is the last of a segment after which another follows at once.
    fn next_report(&mut self) -> (Say, bool) {
        let step = units(STEP, self.clock);
        let segment = self.before + u64::from(LONGEST);
        let reached = (self.reported + step).min(self.total);
        if reached > segment {
            let say = self.say(LONGEST.into(), false);
            self.before = segment;
            self.timestamp = self.timestamp.map(|timestamp| timestamp.wrapping_add(LONGEST));
            return (say, true);
        }
        self.reported = reached;
        let end = self.reported >= self.total;
        if end {
            self.ends -= 1;
        }
        (self.say(self.reported - self.before, end), false)
    }

    fn say(&self, duration: u64, end: bool) -> Say {
        let duration = u16::try_from(duration).unwrap_or(u16::MAX);
        Say {
            timestamp: self.timestamp,
            report: Report {
                event: self.digit.event(),
                end,
                volume: VOLUME,
                duration,
            },
        }
    }
}

/// The next of a row of instants, unless it is so late that the row begins anew.
fn later(next: Instant, now: Instant) -> Instant {
    if next + STEP < now { now + STEP } else { next }
}
