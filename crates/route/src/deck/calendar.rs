//! Days of the Gregorian calendar, counted from 1970-01-01.

/// Seconds in a day.
pub(super) const DAY: u32 = 86_400;

/// Days from 1970-01-01 to a date that exists (H. Hinnant, "chrono-compatible low-level date algorithms").
pub(super) const fn days(year: i32, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year } as i64;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    // Years that begin in March have their leap day at the end.
    let of_year = (153 * ((month + 9) % 12) as i64 + 2) / 5 + day as i64 - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year of a day.
pub(super) const fn year(days: i64) -> i32 {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From the 306th day after March began it is January of the next.
    (era * 400 + year) as i32 + (of_year >= 306) as i32
}

/// The date of a day: year, month, day.
pub(super) const fn date(days: i64) -> (i32, u32, u32) {
    let year = year(days);
    let mut month = 12;
    while month > 1 && self::days(year, month, 1) > days {
        month -= 1;
    }
    (year, month, (days - self::days(year, month, 1) + 1) as u32)
}

/// How many days a month has.
pub(super) const fn length(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day of the week: 0 is Monday.
pub(super) const fn weekday(days: i64) -> u32 {
    (days + 3).rem_euclid(7) as u32
}

/// The `nth` Sunday of a month, from 1.
pub(super) const fn sunday(year: i32, month: u32, nth: u32) -> i64 {
    let first = days(year, month, 1);
    first + (6 - weekday(first)) as i64 + 7 * (nth as i64 - 1)
}

/// The last Sunday of a month.
pub(super) const fn last_sunday(year: i32, month: u32) -> i64 {
    let last = days(year, month, length(year, month));
    last - ((weekday(last) + 1) % 7) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2026, 2, 1), 20_485);
        let mut expected = 0;
        for year in 1970..2110 {
            for month in 1..=12 {
                for day in 1..=length(year, month) {
                    let there = days(year, month, day);
                    assert_eq!(there, expected, "{year}-{month}-{day}");
                    assert_eq!(date(there), (year, month, day));
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn sundays_are_found() {
        assert_eq!(weekday(0), 3, "1970-01-01 was a Thursday");
        assert_eq!(last_sunday(2026, 3), days(2026, 3, 29));
        assert_eq!(last_sunday(2026, 10), days(2026, 10, 25));
        assert_eq!(last_sunday(2024, 3), days(2024, 3, 31));
        assert_eq!(sunday(2026, 3, 2), days(2026, 3, 8));
        assert_eq!(sunday(2026, 11, 1), days(2026, 11, 1));
        assert_eq!(sunday(2026, 4, 1), days(2026, 4, 5));
    }
}
