//! What is counted of one customer's calls to one country, or altogether.

use super::baseline::Baseline;
use super::place::Place;
use super::policy::Rule;
use super::window::{Distinct, Window};
use std::ops::Add;

/// Billionths of a unit of money.
pub(super) type Cost = u64;

/// Counts that ceilings are for as well.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) attempts_minute: Window<u32, 13, 5>,
    pub(super) attempts_hour: Window<u32, 13, 300>,
    pub(super) answered_minute: Window<u32, 13, 5>,
    pub(super) answered_hour: Window<u32, 13, 300>,
    pub(super) spend_hour: Window<Cost, 13, 300>,
    pub(super) spend_day: Window<Cost, 25, 3600>,
    /// Calls that are being set up or up; of ceilings only.
    pub(super) up: u32,
}

impl Tally {
    pub(super) fn attempt(&mut self, now: u32) {
        self.attempts_minute.add(now, 1);
        self.attempts_hour.add(now, 1);
    }

    pub(super) fn answered(&mut self, now: u32) {
        self.answered_minute.add(now, 1);
        self.answered_hour.add(now, 1);
    }

    pub(super) fn spent(&mut self, now: u32, cost: Cost) {
        self.spend_hour.add(now, cost);
        self.spend_day.add(now, cost);
    }
}

/// Calls and their prices of a minute, together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Priced {
    pub(super) calls: u32,
    pub(super) price: f32,
}

impl Add for Priced {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            price: self.price + other.price,
        }
    }
}

impl Priced {
    /// Takes back what was added.
    pub(super) fn take(&mut self, other: Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.price = (self.price - other.price).max(0.0);
        if self.calls == 0 {
            self.price = 0.0;
        }
    }
}

/// Dear calls: those that have been answered within ten minutes, and those that may be.
#[derive(Debug, Clone, Default)]
pub(super) struct Dear {
    answered: Window<Priced, 21, 30>,
    pub(super) pending: Priced,
}

impl Dear {
    pub(super) fn answer(&mut self, now: u32, priced: Priced) {
        self.answered.add(now, priced);
    }

    pub(super) fn sum(&self, now: u32) -> Priced {
        self.answered.sum(now) + self.pending
    }
}

/// Numbers that are remembered.
const NUMBERS: usize = 64;
/// Seconds for which a number counts as just called.
const RECENT: u32 = 600;
/// How near to each other numbers in a row are, at most.
const STEP: u64 = 3;

/// The latest numbers that were called.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    entries: [Called; NUMBERS],
    next: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Called {
    number: u64,
    at: u32,
    /// How many numbers the row has that ends here, upwards and downwards.
    up: u16,
    down: u16,
    known: bool,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            entries: [Called::default(); NUMBERS],
            next: 0,
        }
    }
}

impl Numbers {
    /// A number is called. How long the row is that it goes on with: it is new, just beside one that was called, and nothing on its
    /// other side was. Calls that come between, to wherever, are no matter.
    pub(super) fn note(&mut self, now: u32, number: u64) -> u16 {
        let recent = |called: &&Called| called.known && now.saturating_sub(called.at) < RECENT;
        let (mut again, mut below, mut above) = (false, None, None);
        for called in self.entries.iter().filter(recent) {
            again |= called.number == number;
            if called.number < number && number - called.number <= STEP {
                below = below.max(Some(called.up));
            }
            if called.number > number && called.number - number <= STEP {
                above = above.max(Some(called.down));
            }
        }
        let (up, down) = match (below, above) {
            (Some(row), None) if !again => (row.saturating_add(1), 1),
            (None, Some(row)) if !again => (1, row.saturating_add(1)),
            (Some(_) | None, Some(_) | None) => (1, 1),
        };
        if let Some(place) = self.entries.get_mut(self.next) {
            *place = Called {
                number,
                at: now,
                up,
                down,
                known: true,
            };
        }
        self.next = (self.next + 1) % NUMBERS;
        up.max(down)
    }

    /// Some of the latest, the last first, each once.
    pub(super) fn sample(&self, most: usize) -> Vec<u64> {
        let mut sample = Vec::new();
        for back in 1..=NUMBERS {
            let called = self.entries.get((self.next + NUMBERS - back) % NUMBERS);
            let Some(called) = called.filter(|called| called.known) else {
                continue;
            };
            if sample.len() < most && !sample.contains(&called.number) {
                sample.push(called.number);
            }
        }
        sample
    }
}

/// What has been told of a rule here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Alarm {
    /// Until then what goes on is what was told; it is put off for as long as it goes on.
    pub(super) told_until: u32,
    /// An operator wants to hear nothing of it until then.
    pub(super) muted_until: u32,
}

/// For so long a pattern has to be gone before it is told of as a new one.
pub(super) const QUIET: u32 = 600;

/// Which way calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// A customer's calls; the country is the called number's.
    Out,
    /// A carrier's calls to numbers here; the country is the calling number's.
    In,
}

/// One customer's calls to one country, or all of them.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) customer: u32,
    pub(super) way: Way,
    /// `None`: everywhere.
    pub(super) place: Option<Place>,
    pub(super) tally: Tally,
    pub(super) dear: Dear,
    /// Dear calls to countries that are unusual for the customer; only where it is everywhere.
    pub(super) odd: Dear,
    /// Calls that have ended without an answer soon after they began, within five minutes, and all that have ended.
    pub(super) short: Window<u32, 11, 30>,
    pub(super) ended: Window<u32, 11, 30>,
    pub(super) called: Distinct,
    pub(super) callers: Distinct,
    pub(super) numbers: Numbers,
    pub(super) baseline: Box<Baseline>,
    /// How long calls usually are, seconds, and from how many that is known.
    pub(super) mean: f32,
    pub(super) means: u32,
    /// The latest known price of a minute.
    pub(super) price: f32,
    alarms: [Alarm; Rule::ALL.len()],
    /// It is waiting to be looked at.
    pub(super) stirred: bool,
}

impl Group {
    pub(super) fn new(customer: u32, way: Way, place: Option<Place>, hour: u32) -> Self {
        Self {
            customer,
            way,
            place,
            tally: Tally::default(),
            dear: Dear::default(),
            odd: Dear::default(),
            short: Window::default(),
            ended: Window::default(),
            called: Distinct::default(),
            callers: Distinct::default(),
            numbers: Numbers::default(),
            baseline: Box::new(Baseline::new(hour)),
            mean: 0.0,
            means: 0,
            price: 0.0,
            alarms: [Alarm::default(); Rule::ALL.len()],
            stirred: false,
        }
    }

    pub(super) fn alarm_mut(&mut self, rule: Rule) -> Option<&mut Alarm> {
        self.alarms.get_mut(rule.index())
    }

    /// Whether it is somewhere that the customer usually calls.
    pub(super) fn is_usual(&self) -> bool {
        self.baseline.is_usual()
    }

    /// Whether its numbers are let to those who have calls stolen.
    pub(super) fn is_high_risk(&self) -> bool {
        self.place.is_some_and(Place::is_high_risk)
    }

    /// A call has lasted so long.
    pub(super) fn lasted(&mut self, seconds: f32) {
        // The latest twenty calls or so count.
        self.means = self.means.saturating_add(1);
        let weight = 1.0 / (self.means.min(20) as f32);
        self.mean += weight * (seconds - self.mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest row in calls, two seconds apart.
    fn row(numbers: impl IntoIterator<Item = u64>) -> u16 {
        let mut all = Numbers::default();
        let calls = numbers.into_iter().zip(0..);
        calls
            .map(|(number, at)| all.note(at * 2, number))
            .max()
            .unwrap_or_default()
    }

    #[test]
    fn numbers_in_a_row_are_told_from_calls_within_a_block() {
        let base = 442_079_460_000;
        assert_eq!(row((0..64).map(|n| base + n)), 64);
        assert_eq!(row((0..64).map(|n| base - n)), 64);
        assert_eq!(row((0..60).map(|n| base + 2 * n)), 60);
        // Three lines at once, which do not keep the order.
        assert!(row([1, 0, 2, 4, 3, 5, 7, 6, 8, 10, 9, 11, 13, 12, 14].map(|n| base + n)) >= 9);
        // Nine of ten calls go somewhere else.
        let amid = (0..400).map(|n| base + if n % 10 == 0 { n / 10 } else { n * 7_919_777 });
        assert!(row(amid) >= 35);
        // A customer who calls the hundred extensions of another one, as people do.
        let mut state = 1_u64;
        for _ in 0..500 {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                base + (state >> 33) % 100
            };
            let calls: Vec<u64> = (0..300).map(|_| next()).collect();
            assert!(row(calls.iter().copied()) < 15, "{}", row(calls.iter().copied()));
        }
        // One number again and again.
        assert_eq!(row((0..64).map(|_| base)), 1);
    }

    #[test]
    fn a_row_is_forgotten() {
        let mut numbers = Numbers::default();
        let base = 442_079_460_000;
        for n in 0..30 {
            numbers.note(n as u32, base + n);
        }
        assert_eq!(numbers.sample(3), [base + 29, base + 28, base + 27]);
        assert_eq!(numbers.note(640, base + 30), 1);
    }
}
