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
    DateOrder, Field, Format, Layout, MAX_FAULTS, MAX_ROWS, RowError, parse_csv, read, read_bytes, read_good,
    read_places,
};
pub use sheet::{Line, Sheet};
pub use store::{Deck, Row};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An amount of money in billionths of the base currency's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub u64);

impl Money {
    /// Billionths in one unit.
    pub const UNIT: u64 = 1_000_000_000;

    /// Of an amount in units; negative and undefined amounts count as nothing.
    pub fn from_units(units: f64) -> Self {
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

impl Serialize for Money {
    /// In units, as a number: exact to the billionth up to eight million units.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / Self::UNIT as f64)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::from_units)
    }
}

/// An amount that may be owed: [`Money`], or less than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Balance(pub i64);

impl Balance {
    /// Of an amount in units; an undefined one counts as nothing.
    pub fn from_units(units: f64) -> Self {
        // A cast from float saturates, and takes NaN for 0.
        Self((units * Money::UNIT as f64).round() as i64)
    }

    /// With an amount more.
    #[must_use]
    pub fn plus(self, amount: Money) -> Self {
        Self(self.0.saturating_add(i64::try_from(amount.0).unwrap_or(i64::MAX)))
    }

    /// With an amount less.
    #[must_use]
    pub fn less(self, amount: Money) -> Self {
        Self(self.0.saturating_sub(i64::try_from(amount.0).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Balance {
    /// As [`Money`] is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Money(self.0.unsigned_abs()))
    }
}

impl Serialize for Balance {
    /// As [`Money`] is written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / Money::UNIT as f64)
    }
}

impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::from_units)
    }
}

/// A moment (seconds since 1970) as our decks write it: `2026-02-01`, `2026-02-01T12:00:00Z`.
pub fn date_text(unix_s: u32) -> String {
    date::write(unix_s)
}

/// Reads a moment as decks write it, by UTC; of a date alone its first second.
///
/// # Errors
/// What to write instead.
pub fn moment(text: &str) -> Result<u32, String> {
    let moment = date::read(text)?;
    if moment.shows() != date::Shows::Nothing {
        return Err(format!("{text:?} may be another day elsewhere; write 2026-12-31"));
    }
    let at = moment.unix_s(DateOrder::DayFirst, Zone::UTC, false);
    at.ok_or_else(|| format!("{text:?} lies outside the years 1970 to 2105"))
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

impl fmt::Display for Rate {
    /// `0.0125/min and 0.001 a call (60/1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blocked {
            return f.write_str("blocked");
        }
        write!(f, "{}/min", self.per_minute)?;
        if self.fee != Money(0) {
            write!(f, " and {} a call", self.fee)?;
        }
        if self.minimum != Money(0) {
            write!(f, ", at least {}", self.minimum)?;
        }
        write!(f, " ({}/{})", self.first_interval, self.increment)
    }
}

/// What an answered call with `talk_ms` of conversation costs at `rate`; nothing for 0 ms, which is a call
/// that was not answered.
///
/// Begun seconds and begun increments count whole, and the sum is rounded up to a billionth.
pub fn cost(rate: Rate, talk_ms: u64) -> Money {
    if talk_ms == 0 {
        return Money(0);
    }
    let talk = (u128::from(rate.per_minute.0) * u128::from(billed_s(rate, talk_ms))).div_ceil(60);
    let sum = Money(u64::try_from(talk + u128::from(rate.fee.0)).unwrap_or(u64::MAX));
    sum.max(rate.minimum)
}

/// The seconds that are charged for `talk_ms` of conversation: the first interval, and begun increments behind it.
pub fn billed_s(rate: Rate, talk_ms: u64) -> u64 {
    let seconds = talk_ms.div_ceil(1000);
    let first = u64::from(rate.first_interval);
    let increment = u64::from(rate.increment.max(1));
    let beyond = seconds.saturating_sub(first).div_ceil(increment);
    first.saturating_add(beyond.saturating_mul(increment))
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
    fn money_survives_being_a_number_in_json() {
        for amount in [0, 1, 12_500_000, 999_999_999, 7_999_999_999_999_999] {
            let text = serde_json::to_string(&(Money(amount), Balance(-(amount as i64)))).unwrap();
            let back: (Money, Balance) = serde_json::from_str(&text).unwrap();
            assert_eq!(back, (Money(amount), Balance(-(amount as i64))), "{text}");
        }
        assert_eq!(serde_json::to_string(&Money(12_500_000)).unwrap(), "0.0125");
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
        assert_eq!(Balance(-12_500_000).to_string(), "-0.0125");
        assert_eq!(Money::from_units(0.0125), Money(12_500_000));
        assert_eq!(Money::from_units(-1.0), Money(0));
        assert_eq!(Money::from_units(f64::NAN), Money(0));
    }
}
