//! Moments as decks write them.

use super::calendar::{self, DAY};
use super::hours::Zone;

/// Whether `03/04/2026` is the third of April or the fourth of March.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateOrder {
    /// Day before month.
    DayFirst,
    /// Month before day.
    MonthFirst,
}

/// A moment as it was read, before it is known in which order days and months are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    date: Date,
    /// Seconds since midnight; `None`: no time of day was written.
    time: Option<u32>,
    /// Minutes that its clock is ahead of UTC, where that was written.
    ahead: Option<i16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Date {
    /// Days since 1970.
    Day(i64),
    /// Seconds since 1970.
    Second(u32),
    /// Two numbers, each of which may be the month, and a year.
    Either(u32, u32, i32),
}

/// What single dates tell of the order in which a file writes day and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Nothing,
    /// It can only be read in this order.
    Only(DateOrder),
    /// Both orders give a date.
    Either,
}

/// Years that are believed.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2105;

/// How dates may be written.
const EXPECTED: &str = "write 2026-02-01, or 2026-02-01T12:00:00Z for a time of day";

/// Reads a moment.
///
/// # Errors
/// What to write instead.
pub(super) fn read(text: &str) -> Result<Moment, String> {
    let fault = || format!("{text:?} is no date from 1970 to 2105; {EXPECTED}");
    // A time of day has a colon, and the hour before it.
    let (date, time) = match text.find(':') {
        Some(colon) => {
            let before = text.get(..colon).unwrap_or_default();
            let hour = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            text.split_at_checked(hour)
                .map(|(date, time)| (date, Some(time)))
                .ok_or_else(fault)?
        }
        None => (text, None),
    };
    let date = date.trim_end_matches(['T', 't', ' ', ',']);
    let (time, ahead) = match time {
        Some(time) => time_of_day(time)
            .map(|(time, ahead)| (Some(time), ahead))
            .ok_or_else(fault)?,
        None => (None, None),
    };
    let date = read_date(date).ok_or_else(fault)?;
    if matches!(date, Date::Second(_)) && time.is_some() {
        return Err(fault());
    }
    Ok(Moment { date, time, ahead })
}

fn read_date(text: &str) -> Option<Date> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return digits_only(text);
    }
    let mut parts = text
        .split([' ', '-', '/', '.', ','])
        .filter(|part| !part.is_empty());
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if first.len() == 4 && number(first).is_some() {
        let month = month(second).or_else(|| number(second))?;
        return day(number(first)? as i32, month, number(third)?);
    }
    let year = match (number(third)?, third.len()) {
        (year, 4) => year as i32,
        (year, 2) => 2000 + year as i32,
        _ => return None,
    };
    if let Some(month) = month(second) {
        return day(year, month, ordinal(first)?);
    }
    if let Some(month) = month(first) {
        return day(year, month, ordinal(second)?);
    }
    let (a, b) = (number(first)?, number(second)?);
    if text.contains('.') {
        // Nobody writes the month first with points.
        return day(year, b, a);
    }
    let possible = day(year, b, a).or_else(|| day(year, a, b))?;
    Some(if a == b {
        possible
    } else {
        Date::Either(a, b, year)
    })
}

/// `20260201`, seconds since 1970, or what a spreadsheet has for a date: days since 1899-12-30.
fn digits_only(text: &str) -> Option<Date> {
    match text.len() {
        5 => Some(Date::Day(i64::from(number(text)?) - 25_569)),
        8 => day(
            number(text.get(..4)?)? as i32,
            number(text.get(4..6)?)?,
            number(text.get(6..)?)?,
        ),
        9 | 10 => text.parse().ok().map(Date::Second),
        _ => None,
    }
}

fn day(year: i32, month: u32, day: u32) -> Option<Date> {
    let exists = YEARS.contains(&year)
        && (1..=12).contains(&month)
        && (1..=calendar::length(year, month)).contains(&day);
    exists.then(|| Date::Day(calendar::days(year, month, day)))
}

/// A month by its English name or the first three letters of it.
fn month(text: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = text.to_ascii_lowercase();
    let index = MONTHS
        .iter()
        .position(|name| name.starts_with(&lower))
        .filter(|_| lower.len() >= 3)?;
    Some(index as u32 + 1)
}

/// `1`, `01`, `1st`, `22nd`.
fn ordinal(text: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|end| text.strip_suffix(end));
    number(digits.unwrap_or(text))
}

/// Seconds from midnight to `12:30`, `12:30:05`, `9:00 PM`, and what is written behind it of its clock.
fn time_of_day(text: &str) -> Option<(u32, Option<i16>)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.')
        .unwrap_or(text.len());
    let (clock, rest) = text.split_at_checked(end)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = match parts.next() {
        // Fractions are of no interest.
        Some(second) => number(second.split('.').next()?)?,
        None => 0,
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = rest.trim_ascii();
    let half = rest.get(..2).map(str::to_ascii_lowercase);
    let (hour, rest) = match half.as_deref() {
        Some("am") if (1..=12).contains(&hour) => (hour % 12, rest.get(2..)?),
        Some("pm") if (1..=12).contains(&hour) => (hour % 12 + 12, rest.get(2..)?),
        Some(_) | None => (hour, rest),
    };
    let ahead = match rest.trim_ascii() {
        "" => None,
        "Z" | "z" | "UTC" | "GMT" => Some(0),
        offset => match Zone::parse(offset).ok()? {
            Zone::Fixed(minutes) => Some(minutes),
            Zone::Named(_) => return None,
        },
    };
    Some((hour * 3600 + minute * 60 + second, ahead))
}

/// A number of up to four digits (five where a spreadsheet counts days).
fn number(text: &str) -> Option<u32> {
    let valid = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

impl Moment {
    /// What it tells of the order of day and month.
    pub(super) fn shows(self) -> Shows {
        match self.date {
            Date::Day(_) | Date::Second(_) => Shows::Nothing,
            Date::Either(a, b, year) => match (day(year, b, a), day(year, a, b)) {
                (Some(_), None) => Shows::Only(DateOrder::DayFirst),
                (None, Some(_)) => Shows::Only(DateOrder::MonthFirst),
                (Some(_), Some(_)) | (None, None) => Shows::Either,
            },
        }
    }

    /// Seconds since 1970; for an end (`last`) of a bare date the end of that day. `None`: in this order it is no date.
    pub(super) fn unix_s(self, order: DateOrder, zone: Zone, last: bool) -> Option<u32> {
        let days = match self.date {
            Date::Second(second) => return Some(second),
            Date::Day(days) => days,
            Date::Either(a, b, year) => {
                let (d, m) = match order {
                    DateOrder::DayFirst => (a, b),
                    DateOrder::MonthFirst => (b, a),
                };
                match day(year, m, d)? {
                    Date::Day(days) => days,
                    Date::Second(_) | Date::Either(..) => return None,
                }
            }
        };
        let days = days + i64::from(last && self.time.is_none());
        let local = days * i64::from(DAY) + i64::from(self.time.unwrap_or(0));
        let clock = self.ahead.map_or(zone, Zone::Fixed);
        u32::try_from(clock.utc(local)).ok()
    }
}

/// A moment as our own decks write it: a bare date at midnight, else with its time, UTC.
pub(super) fn write(unix_s: u32) -> String {
    if !unix_s.is_multiple_of(DAY) {
        return write_moment(unix_s);
    }
    let (year, month, day) = calendar::date(i64::from(unix_s / DAY));
    format!("{year}-{month:02}-{day:02}")
}

/// A moment with its time of day, UTC.
pub(super) fn write_moment(unix_s: u32) -> String {
    let (date, seconds) = (write(unix_s - unix_s % DAY), unix_s % DAY);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<u32> {
        read(text).ok()?.unix_s(DateOrder::DayFirst, Zone::UTC, false)
    }

    #[test]
    fn dates_are_read_in_many_spellings() {
        let february = 1_769_904_000; // 2026-02-01T00:00:00Z
        let noon = february + 12 * 3600;
        let table = [
            ("2026-02-01", february),
            ("2026/02/01", february),
            ("2026-2-1", february),
            ("20260201", february),
            ("1769904000", february),
            ("46054", february),
            ("1.2.2026", february),
            ("01.02.26", february),
            ("1-Feb-2026", february),
            ("01 February 2026", february),
            ("Feb 1, 2026", february),
            ("February 1st, 2026", february),
            ("1-feb-26", february),
            ("2026-Feb-01", february),
            ("01/02/2026", february),
            ("2026-02-01T12:00", noon),
            ("2026-02-01 12:00:00", noon),
            ("2026-02-01T12:00:00.000Z", noon),
            ("2026-02-01T13:00:00+01:00", noon),
            ("2026-02-01 07:00 -05:00", noon),
            ("1-Feb-2026 12:00 PM", noon),
            ("1-Feb-2026 12:00 AM", february),
            ("01/02/2026 12:00:00 GMT", noon),
            ("1970-01-01", 0),
        ];
        for (text, unix_s) in table {
            assert_eq!(utc(text), Some(unix_s), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "now",
            "2026-13-01",
            "2026-02-29",
            "32/01/2026",
            "13/13/2026",
            "2026-02-01T24:00",
            "1969-12-31",
            "2107-01-01",
            "2026-02",
            "1/2/3/2026",
            "Fe 1 2026",
            "1-Foo-2026",
            "20261301",
            "2026-02-01T12:00X",
            "12:00",
            "13:00 PM 2026",
            "2026-02-01 13:00 PM",
            "é",
            "123456",
            "1769904000 12:00",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_order_of_day_and_month_is_shown_by_days_beyond_twelve() {
        let shows = |text: &str| read(text).unwrap().shows();
        assert_eq!(shows("13/04/2026"), Shows::Only(DateOrder::DayFirst));
        assert_eq!(shows("04/13/2026"), Shows::Only(DateOrder::MonthFirst));
        assert_eq!(shows("03/04/2026"), Shows::Either);
        assert_eq!(shows("04-04-2026"), Shows::Nothing);
        assert_eq!(shows("3.4.2026"), Shows::Nothing);
        assert_eq!(shows("3-Apr-2026"), Shows::Nothing);
        let read = |order| read("03/04/2026").unwrap().unix_s(order, Zone::UTC, false);
        assert_eq!(read(DateOrder::DayFirst), utc("2026-04-03"));
        assert_eq!(read(DateOrder::MonthFirst), utc("2026-03-04"));
    }

    #[test]
    fn a_bare_date_begins_and_ends_by_the_clock_of_the_deck() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let read = |text: &str, zone, last| read(text).unwrap().unix_s(DateOrder::DayFirst, zone, last);
        assert_eq!(read("2026-07-01", berlin, false), utc("2026-06-30T22:00:00Z"));
        assert_eq!(read("2026-01-31", berlin, true), utc("2026-01-31T23:00:00Z"));
        assert_eq!(read("2026-03-29", berlin, true), utc("2026-03-29T22:00:00Z"));
        assert_eq!(read("2026-07-01T00:00:00Z", berlin, true), utc("2026-07-01"));
        assert_eq!(
            read("2105-12-31", Zone::UTC, true),
            utc("2105-12-31").map(|end| end + DAY)
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        for unix_s in [0, 1, 1_769_904_000, 1_769_904_001, 4_291_747_199] {
            assert_eq!(utc(&write(unix_s)), Some(unix_s), "{}", write(unix_s));
        }
    }
}
