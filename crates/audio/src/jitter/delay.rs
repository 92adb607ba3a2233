//! How irregularly packets arrive, and how long they should wait for it.
//!
//! The transit time of a packet is its arrival less its timestamp, on a scale of the stream's own. The least of late is what the path
//! takes; what a packet takes beyond that is its lateness, and the wait is made long enough for nearly all of them.

use std::time::{Duration, Instant};

/// The path's delay is the least transit of so many spans of a second.
const SPANS: usize = 10;
const SPAN: Duration = Duration::from_secs(1);
/// Lateness is counted in steps of this many microseconds.
const STEP: i64 = 5_000;
const STEPS: usize = 60;
/// The weight of what was counted, for each new packet.
const MEMORY: f32 = 0.998;
/// Less is nothing: it would go on shrinking for a quarter of an hour, to numbers that are slow to reckon with.
const NOTHING: f32 = 1e-9;
/// How many of the packets may come too late.
const TOO_LATE: f32 = 0.02;

/// Arrival statistics of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Delay {
    /// What instants are counted from.
    origin: Option<Instant>,
    /// Least transit of each span in microseconds, the newest last, and when the newest began.
    least: [i64; SPANS],
    span: Option<Instant>,
    late: [f32; STEPS],
    shortest: Duration,
    longest: Duration,
}

impl Delay {
    /// Waits between these two.
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        Self {
            origin: None,
            least: [i64::MAX; SPANS],
            span: None,
            late: [0.0; STEPS],
            shortest,
            longest,
        }
    }

    /// Another stream begins: its transit times have nothing to do with those before. How irregular they were still holds.
    pub(crate) fn restart(&mut self) {
        self.least = [i64::MAX; SPANS];
        self.span = None;
    }

    fn micros(&mut self, at: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(at);
        match at.checked_duration_since(origin) {
            Some(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            None => -i64::try_from((origin - at).as_micros()).unwrap_or(i64::MAX),
        }
    }

    /// A packet came whose first sample is `media` microseconds into the stream.
    pub(crate) fn arrived(&mut self, now: Instant, media: i64) {
        let transit = self.micros(now) - media;
        let span = *self.span.get_or_insert(now);
        if now.saturating_duration_since(span) >= SPAN {
            self.span = Some(now);
            self.least.rotate_left(1);
            self.least[SPANS - 1] = i64::MAX;
        }
        let newest = &mut self.least[SPANS - 1];
        *newest = transit.min(*newest);
        let lateness = transit - self.path().unwrap_or(transit);
        let step = usize::try_from(lateness / STEP).unwrap_or(0).min(STEPS - 1);
        for (n, weight) in self.late.iter_mut().enumerate() {
            *weight = fade(*weight, MEMORY) + if n == step { 1.0 - MEMORY } else { 0.0 };
        }
    }

    /// What the path takes at the least, on the scale of transit times.
    fn path(&self) -> Option<i64> {
        self.least.iter().copied().min().filter(|least| *least < i64::MAX)
    }

    /// How long a packet that lost no time should wait.
    pub(crate) fn target(&self) -> Duration {
        let all: f32 = self.late.iter().sum();
        let mut beyond = all;
        let mut steps = 0;
        for weight in &self.late {
            beyond -= weight;
            if beyond <= all * TOO_LATE {
                break;
            }
            steps += 1;
        }
        // The whole of the step that the last of them came in, and one more, since timers come late too.
        let wait = Duration::from_micros(STEP.unsigned_abs() * (steps + 1));
        wait.clamp(self.shortest, self.longest)
    }

    /// When a sample `media` microseconds into the stream would have come, had it lost no time.
    pub(crate) fn ideal(&self, media: i64) -> Option<Instant> {
        let origin = self.origin?;
        let micros = self.path()? + media;
        let distance = Duration::from_micros(micros.unsigned_abs());
        if micros < 0 {
            origin.checked_sub(distance)
        } else {
            origin.checked_add(distance)
        }
    }
}

/// What is left of a weight by the next packet.
pub(crate) fn fade(weight: f32, memory: f32) -> f32 {
    let left = weight * memory;
    if left < NOTHING { 0.0 } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Noise;

    const MS: Duration = Duration::from_millis(1);

    fn delay() -> Delay {
        Delay::new(10 * MS, 200 * MS)
    }

    #[test]
    fn a_regular_stream_hardly_waits() {
        let (now, mut delay) = (Instant::now(), delay());
        for n in 0..500 {
            delay.arrived(now + n * 20 * MS, i64::from(n) * 20_000);
        }
        assert_eq!(delay.target(), 10 * MS);
        assert_eq!(delay.ideal(100_000), Some(now + 100 * MS));
    }

    #[test]
    fn an_irregular_stream_waits_for_nearly_all_and_less_again_when_it_calms_down() {
        let (now, mut delay, mut source) = (Instant::now(), delay(), Noise::new(1));
        for n in 0..1_000 {
            let late = u32::try_from(source.below(60)).unwrap();
            delay.arrived(now + (n * 20 + late) * MS, i64::from(n) * 20_000);
        }
        let target = delay.target();
        assert!((60 * MS..=70 * MS).contains(&target), "{target:?}");
        for n in 1_000..3_000 {
            delay.arrived(now + n * 20 * MS, i64::from(n) * 20_000);
        }
        assert!(delay.target() <= 15 * MS, "{:?}", delay.target());
    }

    #[test]
    fn what_is_long_over_is_forgotten_altogether() {
        let (now, mut delay) = (Instant::now(), delay());
        for n in 0..100_000 {
            let late = if n == 1 { 50 } else { 0 };
            delay.arrived(now + (n * 20 + late) * MS, i64::from(n) * 20_000);
            assert!(delay.late.iter().all(|weight| !weight.is_subnormal()), "{n}");
        }
        assert_eq!(delay.late.iter().filter(|weight| **weight > 0.0).count(), 1);
    }

    #[test]
    fn a_few_stragglers_are_given_up_and_a_path_that_got_longer_is_believed() {
        let (now, mut delay) = (Instant::now(), delay());
        for n in 0..1_000 {
            let late = if n % 100 == 7 { 150 } else { 0 };
            delay.arrived(now + (n * 20 + late) * MS, i64::from(n) * 20_000);
        }
        assert!(delay.target() <= 15 * MS, "{:?}", delay.target());
        for n in 1_000..2_000 {
            delay.arrived(now + (n * 20 + 80) * MS, i64::from(n) * 20_000);
        }
        assert_eq!(delay.ideal(0), Some(now + 80 * MS), "a new path");
    }

    #[test]
    fn the_longest_wait_is_kept() {
        let (now, mut delay, mut source) = (Instant::now(), delay(), Noise::new(1));
        for n in 0..1_000 {
            let late = u32::try_from(source.below(900)).unwrap();
            delay.arrived(now + (n * 20 + late) * MS, i64::from(n) * 20_000);
        }
        assert_eq!(delay.target(), 200 * MS);
    }
}
