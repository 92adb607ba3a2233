//! Dates of decks: `2026-02-01`, `2026-02-01 12:30`, `2026-02-01T12:30:00Z`, or seconds since 1970. All UTC.

use super::calendar::{self, DAY};

/// A moment as a deck writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since 1970 (UTC); of a bare date its first second.
    pub(super) unix_s: u32,
    /// No time of day was written.
    pub(super) whole_day: bool,
}

/// Reads a moment; `None` if it is none, or lies before 1970 or after 2105.
pub(super) fn parse(text: &str) -> Option<Moment> {
    if text.len() > 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(|unix_s| Moment {
            unix_s,
            whole_day: false,
        });
    }
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let days = days(date)?;
    let seconds = match time {
        Some(time) => seconds(time.strip_suffix('Z').unwrap_or(time))?,
        None => 0,
    };
    let unix_s = u32::try_from(days * u64::from(DAY) + u64::from(seconds)).ok()?;
    Some(Moment {
        unix_s,
        whole_day: time.is_none(),
    })
}

/// Days from 1970-01-01 to `YYYY-MM-DD`.
fn days(date: &str) -> Option<u64> {
    let mut parts = date.split('-');
    let (year, month, day) = (
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    if parts.next().is_some() || !(1970..=2105).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let year = year as i32;
    if day < 1 || day > calendar::length(year, month) {
        return None;
    }
    u64::try_from(calendar::days(year, month, day)).ok()
}

/// Seconds from midnight to `HH:MM` or `HH:MM:SS`.
fn seconds(time: &str) -> Option<u32> {
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None => 0,
    };
    let valid = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    valid.then_some(hour * 3600 + minute * 60 + second)
}

/// A number of exactly `digits` digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let valid = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_utc() {
        let table = [
            ("1970-01-01", 0, true),
            ("2000-02-29", 951_782_400, true),
            ("2026-02-01", 1_769_904_000, true),
            ("2026-02-01T12:30:05Z", 1_769_949_005, false),
            ("2026-02-01 12:30", 1_769_949_000, false),
            ("1769904000", 1_769_904_000, false),
        ];
        for (text, unix_s, whole_day) in table {
            assert_eq!(parse(text), Some(Moment { unix_s, whole_day }), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "2026-13-01",
            "2026-02-29",
            "2026-2-1",
            "01/02/2026",
            "2026-02-01T24:00",
            "1969-12-31",
            "2107-01-01",
            "20260201",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
