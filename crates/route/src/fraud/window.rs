//! Sums over the last while, in buckets: they cost the same however many calls there are.

use std::ops::Add;

/// A sum over the last `N` × `STEP` seconds. What is older than that by its bucket is gone, so it covers up to one `STEP` less.
#[derive(Debug, Clone)]
pub(super) struct Window<T, const N: usize, const STEP: u32> {
    buckets: [T; N],
    /// The latest bucket that has something, counted from the start.
    newest: u32,
}

impl<T: Copy + Default, const N: usize, const STEP: u32> Default for Window<T, N, STEP> {
    fn default() -> Self {
        Self {
            buckets: [T::default(); N],
            newest: 0,
        }
    }
}

impl<T: Copy + Default + Add<Output = T>, const N: usize, const STEP: u32> Window<T, N, STEP> {
    /// Adds something that happens `now`, in seconds since some start.
    pub(super) fn add(&mut self, now: u32, amount: T) {
        let bucket = now / STEP;
        if bucket > self.newest {
            let stale = (bucket - self.newest).min(N as u32);
            for step in 0..stale {
                if let Some(place) = self.place(bucket - step) {
                    *place = T::default();
                }
            }
            self.newest = bucket;
        }
        let newest = self.newest;
        if let Some(place) = self.place(newest) {
            *place = *place + amount;
        }
    }

    fn place(&mut self, bucket: u32) -> Option<&mut T> {
        self.buckets.get_mut(bucket as usize % N)
    }

    /// The sum `now`.
    pub(super) fn sum(&self, now: u32) -> T {
        let behind = (now / STEP).saturating_sub(self.newest) as usize;
        let newest = self.newest as usize % N;
        let valid = (0..N.saturating_sub(behind)).map(|step| (newest + N - step) % N);
        valid
            .filter_map(|index| self.buckets.get(index).copied())
            .fold(T::default(), Add::add)
    }
}

/// About how many different things there have been in the last five to ten minutes: a bit for each of 256 classes (linear
/// counting, Whang et al. 1990). Good to a few percent up to some hundreds; above that it says "more than a thousand".
#[derive(Debug, Clone, Default)]
pub(super) struct Distinct {
    now: [u64; 4],
    before: [u64; 4],
    turn: u32,
}

/// Seconds after which the older half is forgotten.
const TURN: u32 = 300;

impl Distinct {
    pub(super) fn note(&mut self, now: u32, thing: u64) {
        let turn = now / TURN;
        if turn > self.turn {
            let last = std::mem::take(&mut self.now);
            self.before = if turn == self.turn + 1 { last } else { [0; 4] };
            self.turn = turn;
        }
        // The finalizer of MurmurHash3: neighbouring numbers fall anywhere.
        let mixed = (thing ^ (thing >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        let bit = (mixed >> 56) as usize;
        if let Some(word) = self.now.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    pub(super) fn count(&self, now: u32) -> u32 {
        let age = (now / TURN).saturating_sub(self.turn);
        let (latest, before) = match age {
            0 => (self.now, self.before),
            1 => (self.now, [0; 4]),
            _ => return 0,
        };
        let both = latest.iter().zip(before).map(|(a, b)| (a | b).count_ones());
        let free = 256 - both.sum::<u32>().min(255);
        (-256.0 * (f64::from(free) / 256.0).ln()).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is added when: nothing of the last N−1 buckets is missing, and nothing older than N is counted.
        #[test]
        fn a_window_has_what_it_says(
            steps in proptest::collection::vec((0_u32..40, 0_u32..9), 1..80),
            ahead in 0_u32..200,
        ) {
            let mut window: Window<u32, 13, 5> = Window::default();
            let (mut now, mut all) = (0, Vec::new());
            for (wait, amount) in steps {
                now += wait;
                window.add(now, amount);
                all.push((now, amount));
                let sum = |since: u32| -> u32 { all.iter().filter(|(at, _)| *at >= since).map(|(_, n)| n).sum() };
                let got = window.sum(now);
                prop_assert!(got >= sum(now.saturating_sub(59)), "{now}: {got}");
                prop_assert!(got <= sum(now.saturating_sub(64)), "{now}: {got}");
            }
            let late = now + ahead;
            let at_most: u32 = all.iter().filter(|(at, _)| at + 64 >= late).map(|(_, n)| n).sum();
            prop_assert!(window.sum(late) <= at_most);
        }
    }

    #[test]
    fn different_things_are_counted_roughly_and_forgotten() {
        for many in [1_u64, 10, 50, 200] {
            let mut distinct = Distinct::default();
            for round in 0..3 {
                for number in 0..many {
                    distinct.note(10 + round, 442_079_460_000 + number);
                }
            }
            let count = f64::from(distinct.count(12));
            let many = many as f64;
            assert!((count - many).abs() <= 2.0 + many * 0.15, "{many}: {count}");
            assert_eq!(distinct.count(700), 0);
        }
        let mut distinct = Distinct::default();
        for number in 0..100_000 {
            distinct.note(0, number);
        }
        assert!(distinct.count(0) > 1_000);
    }
}
