//! A network of a given quality, driven by a seed.

use std::time::Duration;

use sip_proto::Mint;

/// How bad it is: chances in a thousand, delays in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Quality {
    lost: u64,
    doubled: u64,
    delay: u64,
    /// Some packets take this much longer and are overtaken.
    late: u64,
    is_late: u64,
}

impl Quality {
    pub(crate) const GOOD: Self = Self {
        lost: 0,
        doubled: 0,
        delay: 20,
        late: 0,
        is_late: 0,
    };
    pub(crate) const BAD: Self = Self {
        lost: 200,
        doubled: 150,
        delay: 80,
        late: 1500,
        is_late: 150,
    };
    pub(crate) const AWFUL: Self = Self {
        lost: 650,
        doubled: 200,
        delay: 300,
        late: 3000,
        is_late: 300,
    };
    pub(crate) const DEAD: Self = Self {
        lost: 1000,
        ..Self::GOOD
    };
}

/// Chance.
#[derive(Clone)]
pub(crate) struct Dice(Mint);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.random() % bound.max(1)
    }

    fn happens(&mut self, in_a_thousand: u64) -> bool {
        self.below(1000) < in_a_thousand
    }
}

pub(crate) struct Link {
    quality: Quality,
    dice: Dice,
    carried: u64,
}

impl Link {
    pub(crate) fn new(quality: Quality, mint: Mint) -> Self {
        Self {
            quality,
            dice: Dice(mint),
            carried: 0,
        }
    }

    pub(crate) fn dice(&self) -> Dice {
        self.dice.clone()
    }

    pub(crate) fn carried(&self) -> u64 {
        self.carried
    }

    /// After what time a packet arrives: never, once, or twice.
    pub(crate) fn carry(&mut self) -> Vec<Duration> {
        let Quality {
            lost,
            doubled,
            delay,
            late,
            is_late,
        } = self.quality;
        let copies = if self.dice.happens(doubled) { 2 } else { 1 };
        let mut arrivals = Vec::new();
        for _ in 0..copies {
            if self.dice.happens(lost) {
                continue;
            }
            // A quality without lateness keeps the order.
            let spread = if is_late == 0 { 0 } else { self.dice.below(delay) };
            let more = if self.dice.happens(is_late) {
                self.dice.below(late)
            } else {
                0
            };
            arrivals.push(Duration::from_millis(delay + spread + more));
            self.carried += 1;
        }
        arrivals
    }
}
