//! Price decks: what a trunk asks for a call, by longest prefix of the called number.
//!
//! A deck is read from CSV ([`parse_csv`]) off the shard and never changes after that; a clone shares it.

mod calendar;
mod condition;
mod currency;
mod date;
mod hours;
mod key;
mod places;
mod read;
mod sheet;
mod store;

pub use condition::{Asked, Condition, Facts, Jurisdiction};
pub use currency::{Currency, Exchange};
pub use hours::{Hours, Zone};
pub use key::{Key, MAX_PREFIX};
pub use places::{Places, State};
pub use read::{
    DateOrder, Field, Format, Layout, MAX_FAULTS, MAX_ROWS, RowError, parse_csv, read, read_bytes,
};
pub use sheet::{Line, Sheet};
pub use store::{Deck, Row};

use std::fmt;

/// An amount of money in billionths of the base currency's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub u64);

impl Money {
    /// Billionths in one unit.
    pub(crate) const UNIT: u64 = 1_000_000_000;

    /// Of an amount in units; negative and undefined amounts count as nothing.
    pub(crate) fn from_units(units: f64) -> Self {
        // A cast from float saturates, and takes NaN for 0.
        Self((units * Self::UNIT as f64).round() as u64)
    }
}

impl fmt::Display for Money {
    /// In units, with as many decimals as are needed: `0.0125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:09}", self.0 % Self::UNIT);
        let decimals = decimals.trim_end_matches('0');
        let units = self.0 / Self::UNIT;
        if decimals.is_empty() {
            write!(f, "{units}")
        } else {
            write!(f, "{units}.{decimals}")
        }
    }
}

/// What one row of a deck asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Price of a minute.
    pub per_minute: Money,
    /// Fee for an answered call, whatever its length.
    pub fee: Money,
    /// What an answered call costs at least, its fee included.
    pub minimum: Money,
    /// Seconds charged at least.
    pub first_interval: u16,
    /// Steps of seconds by which a longer call is charged, at least 1.
    pub increment: u16,
    /// The trunk does not sell this destination.
    pub blocked: bool,
    /// How many digits of the called number the row matched.
    pub prefix_len: u8,
}

/// What an answered call with `talk_ms` of conversation costs at `rate`; nothing for 0 ms, which is a call
/// that was not answered.
///
/// Begun seconds and begun increments count whole, and the sum is rounded up to a billionth.
pub fn cost(rate: Rate, talk_ms: u64) -> Money {
    if talk_ms == 0 {
        return Money(0);
    }
    let seconds = talk_ms.div_ceil(1000);
    let first = u64::from(rate.first_interval);
    let increment = u64::from(rate.increment.max(1));
    let beyond = seconds.saturating_sub(first).div_ceil(increment);
    let billed = u128::from(first) + u128::from(beyond) * u128::from(increment);
    let talk = (u128::from(rate.per_minute.0) * billed).div_ceil(60);
    let sum = Money(u64::try_from(talk + u128::from(rate.fee.0)).unwrap_or(u64::MAX));
    sum.max(rate.minimum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_minute: u64, first_interval: u16, increment: u16, fee: u64) -> Rate {
        let (per_minute, fee) = (Money(per_minute), Money(fee));
        Rate {
            per_minute,
            fee,
            minimum: Money(0),
            first_interval,
            increment,
            blocked: false,
            prefix_len: 2,
        }
    }

    #[test]
    fn begun_intervals_are_charged_whole() {
        let minute = Money::UNIT / 100; // 0.01 a minute
        let table = [
            (rate(minute, 60, 60, 0), 1, minute),
            (rate(minute, 60, 60, 0), 60_000, minute),
            (rate(minute, 60, 60, 0), 60_001, 2 * minute),
            (rate(minute, 30, 6, 0), 1, minute / 2),
            (rate(minute, 30, 6, 0), 30_001, minute * 36 / 60),
            (rate(minute, 1, 1, 0), 59_001, minute),
            (rate(minute, 0, 1, 0), 1, (minute).div_ceil(60)),
            (rate(minute, 60, 60, 500), 1, minute + 500),
            (rate(minute, 60, 60, 500), 0, 0),
            (rate(100, 1, 1, 0), 1_000, 2),
            (rate(0, 1, 1, 7), 1_000, 7),
        ];
        for (rate, talk_ms, expected) in table {
            assert_eq!(cost(rate, talk_ms), Money(expected), "{rate:?} for {talk_ms} ms");
        }
        let minimum = |least| Rate {
            minimum: Money(least),
            ..rate(minute, 60, 60, 500)
        };
        assert_eq!(cost(minimum(minute + 501), 1), Money(minute + 501));
        assert_eq!(cost(minimum(minute + 499), 1), Money(minute + 500));
        assert_eq!(cost(minimum(minute), 0), Money(0));
        assert_eq!(cost(rate(u64::MAX, 60, 60, u64::MAX), u64::MAX), Money(u64::MAX));
    }

    #[test]
    fn money_is_written_without_idle_decimals() {
        for (amount, text) in [
            (0, "0"),
            (12_500_000, "0.0125"),
            (3_000_000_000, "3"),
            (1, "0.000000001"),
        ] {
            assert_eq!(Money(amount).to_string(), text);
        }
        assert_eq!(Money::from_units(0.0125), Money(12_500_000));
        assert_eq!(Money::from_units(-1.0), Money(0));
        assert_eq!(Money::from_units(f64::NAN), Money(0));
    }
}
