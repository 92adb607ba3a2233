//! Hours of the week: `mon-fri 08:00-18:30`, in UTC.

use super::text::TextForm;
use crate::report::{Fault, quote};
use serde_json::{Value as Json, json};
use std::fmt;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// The days as they are written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The same hours on some days of the week, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OpenHours {
    /// First and last day, 0 for Monday; a last day before the first is one of the week after.
    pub days: (u8, u8),
    /// Minutes of the day from which on.
    pub from: u16,
    /// Minutes of the day until which; at or before `from`: of the next day.
    pub until: u16,
}

impl OpenHours {
    /// Whether a moment (seconds since 1970, UTC) is in these hours.
    #[must_use]
    pub fn has(&self, unix_s: u64) -> bool {
        // 1970 began on a Thursday.
        let day = ((unix_s / 86_400 + 3) % 7) as u8;
        let minute = (unix_s / 60 % u64::from(DAY)) as u16;
        let (from, until) = (self.from, self.until);
        if from < until {
            return self.has_day(day) && (from..until).contains(&minute);
        }
        let began_yesterday = self.has_day((day + 6) % 7) && minute < until;
        began_yesterday || (self.has_day(day) && minute >= from)
    }

    fn has_day(&self, day: u8) -> bool {
        let (first, last) = self.days;
        if first <= last {
            (first..=last).contains(&day)
        } else {
            day >= first || day <= last
        }
    }
}

impl fmt::Display for OpenHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| DAYS.get(usize::from(day)).copied().unwrap_or_default();
        let (first, last) = self.days;
        f.write_str(name(first))?;
        if first != last {
            write!(f, "-{}", name(last))?;
        }
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, " {}-{}", time(self.from), time(self.until))
    }
}

/// [`OpenHours`] as text.
pub(crate) struct HoursForm;

impl TextForm for HoursForm {
    type Out = OpenHours;
    fn expected() -> String {
        "days and hours in UTC, such as \"mon-fri 08:00-18:30\" or \"sat 09:00-13:00\"".to_owned()
    }
    fn parse(text: &str) -> Result<OpenHours, Fault> {
        read(text).ok_or_else(|| Fault::new(format!("{} is no such hours", quote(text))))
    }
    fn write(value: &OpenHours) -> String {
        value.to_string()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))? [0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$" })
    }
}

fn read(text: &str) -> Option<OpenHours> {
    let (days, hours) = text.split_once(' ')?;
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (from, until) = hours.split_once('-')?;
    let (from, until) = (minutes(from)?, minutes(until)?);
    (from < DAY && from != until).then_some(OpenHours {
        days: (day(first)?, day(last)?),
        from,
        until,
    })
}

fn day(text: &str) -> Option<u8> {
    let place = DAYS.iter().position(|day| *day == text)?;
    u8::try_from(place).ok()
}

/// `HH:MM`, up to 24:00.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        let fits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u16>().ok().filter(|_| fits)
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-02-02T00:00:00Z.
    const MONDAY: u64 = 1_769_990_400;

    fn has(text: &str, day: u64, hour: u64, minute: u64) -> bool {
        let hours = read(text).unwrap_or_else(|| panic!("{text}"));
        hours.has(MONDAY + day * 86_400 + hour * 3_600 + minute * 60)
    }

    #[test]
    fn hours_have_their_days_and_go_over_midnight() {
        let table = [
            ("mon-fri 08:00-18:30", 0, 8, 0, true),
            ("mon-fri 08:00-18:30", 0, 7, 59, false),
            ("mon-fri 08:00-18:30", 4, 18, 29, true),
            ("mon-fri 08:00-18:30", 4, 18, 30, false),
            ("mon-fri 08:00-18:30", 5, 12, 0, false),
            ("sat 09:00-13:00", 5, 9, 0, true),
            ("sat 09:00-13:00", 6, 9, 0, false),
            ("mon-sun 00:00-24:00", 6, 23, 59, true),
            ("fri 22:00-06:00", 4, 22, 0, true),
            ("fri 22:00-06:00", 5, 5, 59, true),
            ("fri 22:00-06:00", 5, 6, 0, false),
            ("fri 22:00-06:00", 4, 5, 0, false),
            ("sun 22:00-06:00", 0, 3, 0, true),
            ("sat-mon 10:00-11:00", 6, 10, 0, true),
            ("sat-mon 10:00-11:00", 0, 10, 0, true),
            ("sat-mon 10:00-11:00", 1, 10, 0, false),
        ];
        for (text, day, hour, minute, expected) in table {
            assert_eq!(
                has(text, day, hour, minute),
                expected,
                "{text} {day} {hour}:{minute}"
            );
        }
    }

    #[test]
    fn hours_are_written_as_they_are_read() {
        for text in ["mon-fri 08:00-18:30", "sun 00:00-24:00", "sat-mon 22:00-06:00"] {
            assert_eq!(read(text).map(|hours| hours.to_string()).as_deref(), Some(text));
        }
        for text in [
            "",
            "mon",
            "mon 8:00-18:00",
            "mon 08:00",
            "mon 08:00-08:00",
            "mon 24:00-08:00",
            "mon 08:60-09:00",
            "mon 08:00-24:01",
            "foo 08:00-09:00",
            "mon-foo 08:00-09:00",
            "mon  08:00-09:00",
            "mon +8:00-09:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
