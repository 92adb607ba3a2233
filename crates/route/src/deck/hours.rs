//! When a row holds: days of the week and hours, by the clock of a time zone.

use super::calendar::{self, DAY};
use std::fmt;
use std::num::NonZeroU64;

/// The clock that hours are read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Zone {
    /// So many minutes ahead of UTC, all year.
    Fixed(i16),
    /// A zone that this program knows, by its place in the list.
    Named(Named),
}

/// A zone of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Named(u8);

/// By what rule clocks are put forward an hour in summer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summer {
    /// They are not.
    Never,
    /// From the last Sunday of March to the last of October, at 01:00 UTC (Directive 2000/84/EC).
    Europe,
    /// From the second Sunday of March to the first of November, at 02:00 (15 U.S.C. 260a).
    America,
    /// From the first Sunday of October, at 02:00, to the first of April, at 03:00 (New South Wales, Victoria, South Australia).
    Australia,
}

/// Name, minutes ahead of UTC in winter, and what summer does. The rules are those of today: they have held since 1996 (Europe),
/// 2007 (America) and 2008 (Australia).
const ZONES: &[(&str, i16, Summer)] = &[
    ("UTC", 0, Summer::Never),
    ("Europe/London", 0, Summer::Europe),
    ("Europe/Dublin", 0, Summer::Europe),
    ("Europe/Lisbon", 0, Summer::Europe),
    ("Europe/Amsterdam", 60, Summer::Europe),
    ("Europe/Berlin", 60, Summer::Europe),
    ("Europe/Brussels", 60, Summer::Europe),
    ("Europe/Budapest", 60, Summer::Europe),
    ("Europe/Copenhagen", 60, Summer::Europe),
    ("Europe/Luxembourg", 60, Summer::Europe),
    ("Europe/Madrid", 60, Summer::Europe),
    ("Europe/Oslo", 60, Summer::Europe),
    ("Europe/Paris", 60, Summer::Europe),
    ("Europe/Prague", 60, Summer::Europe),
    ("Europe/Rome", 60, Summer::Europe),
    ("Europe/Stockholm", 60, Summer::Europe),
    ("Europe/Vienna", 60, Summer::Europe),
    ("Europe/Warsaw", 60, Summer::Europe),
    ("Europe/Zurich", 60, Summer::Europe),
    ("Europe/Athens", 120, Summer::Europe),
    ("Europe/Bucharest", 120, Summer::Europe),
    ("Europe/Helsinki", 120, Summer::Europe),
    ("Europe/Sofia", 120, Summer::Europe),
    ("Europe/Istanbul", 180, Summer::Never),
    ("Europe/Moscow", 180, Summer::Never),
    ("America/New_York", -300, Summer::America),
    ("America/Toronto", -300, Summer::America),
    ("America/Chicago", -360, Summer::America),
    ("America/Denver", -420, Summer::America),
    ("America/Phoenix", -420, Summer::Never),
    ("America/Los_Angeles", -480, Summer::America),
    ("America/Vancouver", -480, Summer::America),
    ("America/Anchorage", -540, Summer::America),
    ("Pacific/Honolulu", -600, Summer::Never),
    ("America/Bogota", -300, Summer::Never),
    ("America/Sao_Paulo", -180, Summer::Never),
    ("America/Argentina/Buenos_Aires", -180, Summer::Never),
    ("Africa/Johannesburg", 120, Summer::Never),
    ("Africa/Lagos", 60, Summer::Never),
    ("Africa/Nairobi", 180, Summer::Never),
    ("Asia/Dubai", 240, Summer::Never),
    ("Asia/Karachi", 300, Summer::Never),
    ("Asia/Kolkata", 330, Summer::Never),
    ("Asia/Bangkok", 420, Summer::Never),
    ("Asia/Jakarta", 420, Summer::Never),
    ("Asia/Hong_Kong", 480, Summer::Never),
    ("Asia/Manila", 480, Summer::Never),
    ("Asia/Shanghai", 480, Summer::Never),
    ("Asia/Singapore", 480, Summer::Never),
    ("Asia/Seoul", 540, Summer::Never),
    ("Asia/Tokyo", 540, Summer::Never),
    ("Australia/Brisbane", 600, Summer::Never),
    ("Australia/Melbourne", 600, Summer::Australia),
    ("Australia/Sydney", 600, Summer::Australia),
    ("Australia/Adelaide", 570, Summer::Australia),
];

/// What zones may be written as.
const ZONE_EXPECTED: &str = "an offset from UTC like \"+01:00\", which holds all year, or a zone like \"Europe/Berlin\", which has its summer time";

/// Furthest ahead of UTC and behind it that a clock is, in minutes.
const FURTHEST: i16 = 14 * 60;

impl Zone {
    /// The clock of most decks.
    pub const UTC: Self = Self::Named(Named(0));

    /// Reads `+01:00`, `UTC` or the name of a zone of the list.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = ZONES
            .iter()
            .position(|(name, ..)| name.eq_ignore_ascii_case(text));
        if let Some(index) = known.and_then(|index| u8::try_from(index).ok()) {
            return Ok(Self::Named(Named(index)));
        }
        if text.eq_ignore_ascii_case("Z") || text.eq_ignore_ascii_case("GMT") {
            return Ok(Self::UTC);
        }
        let fault = || {
            format!(
                "{text:?} is no time zone here; write {ZONE_EXPECTED} ({})",
                Self::names()
            )
        };
        let (sign, clock) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            Some(_) | None => return Err(fault()),
        };
        let minutes = clock_time(clock).ok_or_else(fault)? as i16;
        if minutes > FURTHEST {
            return Err(fault());
        }
        Ok(Self::Fixed(sign * minutes))
    }

    /// The names of all zones, with commas.
    fn names() -> String {
        ZONES
            .iter()
            .map(|(name, ..)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Seconds that the clock is ahead of UTC at a moment (seconds since 1970).
    fn ahead(self, at: u32) -> i64 {
        let (minutes, summer) = match self {
            Self::Fixed(minutes) => (minutes, Summer::Never),
            Self::Named(Named(index)) => ZONES
                .get(usize::from(index))
                .map_or((0, Summer::Never), |(_, minutes, summer)| (*minutes, *summer)),
        };
        let winter = i64::from(minutes) * 60;
        winter + 3600 * i64::from(summer.is(i64::from(at), winter))
    }

    /// The moment (seconds since 1970) at which the clock shows so many seconds since 1970. Of an hour that comes twice the first; one
    /// that is left out is counted on from before it.
    pub(super) fn utc(self, local: i64) -> i64 {
        let at = |moment: i64| self.ahead(u32::try_from(moment).unwrap_or(0));
        // Clocks go back by no more than an hour: what holds an hour before holds until then.
        let early = local - at(local - 15 * 3600).max(at(local + 15 * 3600));
        local - at(early)
    }

    fn code(self) -> u64 {
        match self {
            Self::Fixed(minutes) => (i32::from(minutes) + 1024) as u64 & 0x7ff,
            Self::Named(Named(index)) => 0x800 | u64::from(index),
        }
    }

    fn of_code(code: u64) -> Self {
        if code & 0x800 != 0 {
            Self::Named(Named(code as u8))
        } else {
            Self::Fixed((code as i16 & 0x7ff) - 1024)
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(Named(index)) => {
                f.write_str(ZONES.get(usize::from(*index)).map_or("UTC", |(name, ..)| name))
            }
            Self::Fixed(minutes) => {
                let sign = if *minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl Summer {
    /// Whether clocks are put forward at `at`; `winter`: seconds that they are ahead of UTC otherwise.
    fn is(self, at: i64, winter: i64) -> bool {
        const HOUR: i64 = 3600;
        let day = i64::from(DAY);
        let year = calendar::year((at + winter).div_euclid(day));
        match self {
            Self::Never => false,
            Self::Europe => {
                let from = calendar::last_sunday(year, 3) * day + HOUR;
                let until = calendar::last_sunday(year, 10) * day + HOUR;
                (from..until).contains(&at)
            }
            Self::America => {
                let from = calendar::sunday(year, 3, 2) * day + 2 * HOUR - winter;
                let until = calendar::sunday(year, 11, 1) * day + HOUR - winter;
                (from..until).contains(&at)
            }
            Self::Australia => {
                let until = calendar::sunday(year, 4, 1) * day + 2 * HOUR - winter;
                let from = calendar::sunday(year, 10, 1) * day + 2 * HOUR - winter;
                !(until..from).contains(&at)
            }
        }
    }
}

/// Days of the week and a span of hours, by a zone's clock: `Mon-Fri 08:00-18:00`. A span that ends before it begins goes on over
/// midnight and belongs to the day on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hours(NonZeroU64);

/// Minutes in a day.
const DAY_MINUTES: u32 = 1440;

/// Every day of the week, Monday in the lowest bit.
const ALL_DAYS: u8 = 0x7f;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Hours {
    /// `days`: Monday in the lowest bit; `from` and `to` in minutes since midnight. `None`: no day, or no such span.
    pub fn new(days: u8, from: u32, to: u32, zone: Zone) -> Option<Self> {
        let fits = days & ALL_DAYS != 0
            && days <= ALL_DAYS
            && from < DAY_MINUTES
            && (1..=DAY_MINUTES).contains(&to)
            && from != to;
        let packed = u64::from(days) | u64::from(from) << 7 | u64::from(to) << 18 | zone.code() << 29;
        NonZeroU64::new(packed).filter(|_| fits).map(Self)
    }

    /// Reads windows, with semicolons between them: `Mon-Fri 08:00-18:00; Sat 10:00-14:00`, `Sat,Sun`, `20:00-08:00`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str, zone: Zone) -> Result<Vec<Self>, String> {
        let window = |part: &str| {
            let fault = || {
                format!(
                    "{part:?} is no span of hours; write days, hours or both, like \"Mon-Fri 08:00-18:00\""
                )
            };
            let mut words = part.split_ascii_whitespace();
            let (first, second) = (words.next().ok_or_else(fault)?, words.next());
            if words.next().is_some() {
                return Err(fault());
            }
            let (days, span) = match second {
                Some(span) => (first, Some(span)),
                None if first.starts_with(|c: char| c.is_ascii_digit()) => ("daily", Some(first)),
                None => (first, None),
            };
            let days = days_of(days).ok_or_else(fault)?;
            let (from, to) = match span {
                Some(span) => span_of(span).ok_or_else(fault)?,
                None => (0, DAY_MINUTES),
            };
            Self::new(days, from, to, zone).ok_or_else(fault)
        };
        text.split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(window)
            .collect()
    }

    /// All of it in one number.
    pub(super) fn packed(self) -> u64 {
        self.0.get()
    }

    fn days(self) -> u8 {
        (self.0.get() & 0x7f) as u8
    }

    fn from(self) -> u32 {
        (self.0.get() >> 7) as u32 & 0x7ff
    }

    fn to(self) -> u32 {
        (self.0.get() >> 18) as u32 & 0x7ff
    }

    /// The zone whose clock they are read by.
    pub fn zone(self) -> Zone {
        Zone::of_code(self.0.get() >> 29)
    }

    /// Whether a moment (seconds since 1970) is among them.
    pub fn contains(self, at: u32) -> bool {
        let local = i64::from(at) + self.zone().ahead(at);
        let day = local.div_euclid(i64::from(DAY));
        let minute = (local.rem_euclid(i64::from(DAY)) / 60) as u32;
        self.has(calendar::weekday(day), minute)
    }

    /// Whether a minute of a day of the week (0: Monday) is among them.
    fn has(self, weekday: u32, minute: u32) -> bool {
        let on = |weekday: u32| self.days() >> weekday & 1 == 1;
        if self.from() < self.to() {
            on(weekday) && (self.from()..self.to()).contains(&minute)
        } else {
            (on(weekday) && minute >= self.from()) || (on((weekday + 6) % 7) && minute < self.to())
        }
    }

    /// Whether there is a moment in both, as far as they are read by one clock.
    pub(super) fn overlaps(self, other: Self) -> bool {
        // A span begins in the other, or that in it.
        let begins_in = |a: Self, b: Self| (0..7).any(|day| a.days() >> day & 1 == 1 && b.has(day, a.from()));
        self.zone() == other.zone() && (begins_in(self, other) || begins_in(other, self))
    }

    /// Days and hours as they are written in a deck, without the zone.
    pub fn window(self) -> String {
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!(
            "{} {}-{}",
            days_text(self.days()),
            clock(self.from()),
            clock(self.to())
        )
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.window(), self.zone())
    }
}

/// Days as text: runs of at least two as `Mon-Fri`, others with commas.
fn days_text(days: u8) -> String {
    if days == ALL_DAYS {
        return "daily".into();
    }
    let mut parts = Vec::new();
    let mut day = 0;
    while day < 7 {
        let run = (day..7).take_while(|d| days >> d & 1 == 1).count();
        let name = |day: usize| DAYS.get(day).copied().unwrap_or_default();
        match run {
            0 => {}
            1 => parts.push(name(day).to_owned()),
            _ => parts.push(format!("{}-{}", name(day), name(day + run - 1))),
        }
        day += run.max(1);
    }
    parts.join(",")
}

/// `Mon-Fri`, `Sat,Sun`, `daily`.
fn days_of(text: &str) -> Option<u8> {
    if text.eq_ignore_ascii_case("daily") {
        return Some(ALL_DAYS);
    }
    let day = |name: &str| {
        let short = name.get(..3)?;
        let index = DAYS.iter().position(|day| day.eq_ignore_ascii_case(short))?;
        const FULL: [&str; 7] = [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ];
        let whole = FULL.get(index)?;
        (name.len() == 3 || name.eq_ignore_ascii_case(whole)).then_some(index)
    };
    let mut days = 0u8;
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let mut at = first;
        days |= 1 << at;
        while at != last {
            at = (at + 1) % 7;
            days |= 1 << at;
        }
    }
    Some(days)
}

/// `08:00-18:00`; a span to midnight ends at `24:00` or `00:00`.
fn span_of(text: &str) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (clock_time(from)?, clock_time(to)?);
    Some((from, if to == 0 { DAY_MINUTES } else { to }))
}

/// Minutes from midnight to `HH:MM`, at most `24:00`.
fn clock_time(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() <= 2 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= DAY_MINUTES).then_some(minutes)
}

#[cfg(test)]
mod tests;
