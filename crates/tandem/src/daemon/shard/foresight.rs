//! How long what comes last will wait. How long the first has waited says what was let through long ago; by what is before the last, too
//! much is seen as soon as it is there.

use std::time::{Duration, Instant};

/// Work that is measured before its pace is believed: a whole period of a processor quota as the systems have it.
const SAMPLE: Duration = Duration::from_millis(100);

/// The pace at which what waits is handled.
#[derive(Debug, Default)]
pub(super) struct Foresight {
    /// When it was looked last, if something was left to do then.
    busy_since: Option<Instant>,
    /// Time in which there was always something to do, and what was done in it.
    busy: Duration,
    handled: u32,
    /// What one takes.
    each: Option<Duration>,
}

impl Foresight {
    /// So much waits, the first for so long. Gives how long the last of it will.
    pub(super) fn wait(&mut self, now: Instant, waiting: usize, first: Duration) -> Duration {
        if let Some(since) = self.busy_since.take() {
            self.busy += now.saturating_duration_since(since);
        }
        if self.busy >= SAMPLE {
            self.each = self.busy.checked_div(self.handled).or(self.each);
            (self.busy, self.handled) = (Duration::ZERO, 0);
        }
        self.behind(waiting).unwrap_or(first)
    }

    /// How long what comes next would wait behind so many, once it is known.
    pub(super) fn behind(&self, waiting: usize) -> Option<Duration> {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.each.map(|each| each.saturating_mul(waiting))
    }

    /// So many have been handled since the last look, and so many are left.
    pub(super) fn handled(&mut self, looked: Instant, handled: usize, left: usize) {
        // A pause with nothing to do is not what the last one took.
        if left > 0 {
            self.handled += u32::try_from(handled).unwrap_or(0);
            self.busy_since = Some(looked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_busy_times() {
        let (mut foresight, mut now) = (Foresight::default(), Instant::now());
        let ms = Duration::from_millis;
        assert_eq!(foresight.wait(now, 50, ms(7)), ms(7), "nothing is known");
        for _ in 0..20 {
            foresight.handled(now, 10, 40);
            now += ms(10);
            foresight.wait(now, 40, ms(7));
            // Nothing is left, and then long nothing to do.
            foresight.handled(now, 40, 0);
            now += ms(500);
            foresight.wait(now, 1, ms(0));
        }
        assert_eq!(foresight.wait(now, 50, ms(7)), ms(50));
        assert_eq!(foresight.wait(now, 0, ms(7)), ms(0));
    }
}
