//! The Date header (RFC 3261 §20.17, RFC 1123): seconds since 1970 and back.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: u64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// Days from March 1st of the year 0 to 1970.
const TO_1970: u64 = 719_468;

/// `Sat, 13 Nov 2010 23:29:00 GMT`.
#[must_use]
pub fn http_date(unix_s: u64) -> String {
    let (days, second) = (unix_s / DAY, unix_s % DAY);
    let (year, month, day) = civil(days);
    let pick = |names: &[&'static str], at: u64| {
        let at = usize::try_from(at).unwrap_or(0);
        names.get(at % names.len()).copied().unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        pick(&DAYS, days % 7),
        pick(&MONTHS, month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month (1 to 12) and day of the month. The years begin in March here, so that a leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(TO_1970);
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// Seconds since 1970 of a Date header's value. `None`: it is none.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<u64> {
    let (_, rest) = text.trim().split_once(',')?;
    let mut words = rest.split_ascii_whitespace();
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? as u64 + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let fits =
        (1970..=9999).contains(&year) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !fits || words.next()? != "GMT" || words.next().is_some() {
        return None;
    }
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(days.checked_sub(TO_1970)? * DAY + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_standards() {
        for (unix_s, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (1_443_208_345, "Fri, 25 Sep 2015 19:12:25 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(unix_s), text);
            assert_eq!(parse_http_date(text), Some(unix_s));
        }
        for text in [
            "",
            "Sat",
            "Sat, 13 Foo 2010 23:29:00 GMT",
            "Sat, 13 Nov 2010 23:29 GMT",
            "Sat, 13 Nov 2010 23:29:00 CET",
        ] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn there_and_back(unix_s in 0u64..253_402_300_800) {
            proptest::prop_assert_eq!(parse_http_date(&http_date(unix_s)), Some(unix_s));
        }
    }
}
