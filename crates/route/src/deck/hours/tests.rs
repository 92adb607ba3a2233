use super::*;

/// Seconds since 1970 of a date and a time of day, UTC.
fn utc(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> u32 {
    let days = calendar::days(year, month, day) as u32;
    days * DAY + hour * 3600 + minute * 60
}

fn only(text: &str, zone: &str) -> Hours {
    let windows = Hours::parse(text, Zone::parse(zone).unwrap()).unwrap();
    assert_eq!(windows.len(), 1, "{text}");
    windows[0]
}

#[test]
fn hours_hold_on_their_days_by_the_clock_of_their_zone() {
    // 2026-02-02 was a Monday.
    let table = [
        ("Mon-Fri 08:00-18:00", "UTC", utc(2026, 2, 2, 8, 0), true),
        ("Mon-Fri 08:00-18:00", "UTC", utc(2026, 2, 2, 7, 59), false),
        ("Mon-Fri 08:00-18:00", "UTC", utc(2026, 2, 2, 17, 59), true),
        ("Mon-Fri 08:00-18:00", "UTC", utc(2026, 2, 2, 18, 0), false),
        ("Mon-Fri 08:00-18:00", "UTC", utc(2026, 2, 7, 12, 0), false),
        ("Mon-Fri 08:00-18:00", "+01:00", utc(2026, 2, 2, 7, 0), true),
        ("Mon-Fri 08:00-18:00", "-05:30", utc(2026, 2, 2, 13, 29), false),
        ("Mon-Fri 08:00-18:00", "-05:30", utc(2026, 2, 2, 13, 30), true),
        ("Sat,Sun", "UTC", utc(2026, 2, 7, 0, 0), true),
        ("Sat,Sun", "UTC", utc(2026, 2, 8, 23, 59), true),
        ("Sat,Sun", "UTC", utc(2026, 2, 9, 0, 0), false),
        // Over midnight: Friday's evening ends on Saturday, and Saturday has none.
        ("Mon-Fri 20:00-08:00", "UTC", utc(2026, 2, 6, 23, 0), true),
        ("Mon-Fri 20:00-08:00", "UTC", utc(2026, 2, 7, 7, 59), true),
        ("Mon-Fri 20:00-08:00", "UTC", utc(2026, 2, 7, 8, 0), false),
        ("Mon-Fri 20:00-08:00", "UTC", utc(2026, 2, 7, 20, 0), false),
        ("Mon-Fri 20:00-08:00", "UTC", utc(2026, 2, 2, 7, 0), false),
        ("20:00-00:00", "UTC", utc(2026, 2, 2, 23, 59), true),
        ("20:00-24:00", "UTC", utc(2026, 2, 3, 0, 0), false),
        ("fri-mon 10:00-11:00", "UTC", utc(2026, 2, 8, 10, 30), true),
        ("fri-mon 10:00-11:00", "UTC", utc(2026, 2, 4, 10, 30), false),
    ];
    for (text, zone, at, holds) in table {
        assert_eq!(only(text, zone).contains(at), holds, "{text} {zone} at {at}");
    }
}

#[test]
fn clocks_are_put_forward_in_summer_where_the_zone_does() {
    let eight = "08:00-09:00";
    let table = [
        // Central Europe: winter, summer, and the minutes around both changes.
        ("Europe/Berlin", utc(2026, 1, 15, 7, 0), true),
        ("Europe/Berlin", utc(2026, 7, 15, 6, 0), true),
        ("Europe/Berlin", utc(2026, 7, 15, 7, 0), false),
        ("Europe/London", utc(2026, 3, 28, 8, 0), true),
        ("Europe/London", utc(2026, 3, 29, 7, 0), true),
        ("Europe/London", utc(2026, 10, 24, 7, 0), true),
        ("Europe/London", utc(2026, 10, 25, 8, 0), true),
        ("America/New_York", utc(2026, 3, 7, 13, 0), true),
        ("America/New_York", utc(2026, 3, 8, 12, 0), true),
        ("America/New_York", utc(2026, 10, 31, 12, 0), true),
        ("America/New_York", utc(2026, 11, 1, 13, 0), true),
        ("Australia/Sydney", utc(2026, 1, 14, 21, 0), true),
        ("Australia/Sydney", utc(2026, 7, 14, 22, 0), true),
        ("Australia/Sydney", utc(2026, 10, 4, 21, 0), true),
        ("America/Phoenix", utc(2026, 7, 15, 15, 0), true),
    ];
    for (zone, at, holds) in table {
        assert_eq!(only(eight, zone).contains(at), holds, "{zone} at {at}");
    }
    // The hour that comes twice is in its span both times; that which is left out never comes.
    let two = only("02:00-03:00", "Europe/Berlin");
    assert!(two.contains(utc(2026, 10, 25, 0, 30)) && two.contains(utc(2026, 10, 25, 1, 30)));
    assert!(!(0..1440).any(|minute| two.contains(utc(2026, 3, 29, 0, 0) + 60 * minute)));
    // To the second.
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let change = utc(2026, 3, 29, 1, 0);
    assert_eq!((berlin.ahead(change - 1), berlin.ahead(change)), (3600, 7200));
    let york = Zone::parse("America/New_York").unwrap();
    let change = utc(2026, 11, 1, 6, 0);
    assert_eq!((york.ahead(change - 1), york.ahead(change)), (-14_400, -18_000));
}

#[test]
fn what_is_read_is_written_again() {
    for (text, zone, written) in [
        (
            "Mon-Fri 08:00-18:00",
            "Europe/Paris",
            "Mon-Fri 08:00-18:00 Europe/Paris",
        ),
        ("8:00-18:00", "utc", "daily 08:00-18:00 UTC"),
        (
            "Monday,wed-Fri,sun",
            "+5:30",
            "Mon,Wed-Fri,Sun 00:00-24:00 +05:30",
        ),
        ("daily 20:00-08:00", "-03:00", "daily 20:00-08:00 -03:00"),
    ] {
        let hours = only(text, zone);
        assert_eq!(hours.to_string(), written);
        assert_eq!(only(&hours.window(), &hours.zone().to_string()), hours);
    }
    let several = Hours::parse("Mon-Fri 08:00-12:00; Sat 10:00-11:00;", Zone::UTC).unwrap();
    assert_eq!(several.len(), 2);
    for index in 0..ZONES.len() {
        let zone = Zone::Named(Named(index as u8));
        assert_eq!(Zone::parse(&zone.to_string()), Ok(zone));
        assert_eq!(Zone::of_code(zone.code()), zone);
    }
    for minutes in -FURTHEST..=FURTHEST {
        let zone = Zone::Fixed(minutes);
        assert_eq!(Zone::parse(&zone.to_string()), Ok(zone));
        assert_eq!(Zone::of_code(zone.code()), zone);
    }
}

#[test]
fn what_is_no_span_or_zone_is_refused() {
    for text in [
        "Mon-Fry 08:00-18:00",
        "Mon 8-18",
        "08:00",
        "08:00-08:00",
        "25:00-26:00",
        "08:60-09:00",
        "24:00-08:00",
        "Mon 08:00-18:00 UTC",
        "Moonday",
        "é",
    ] {
        let error = Hours::parse(text, Zone::UTC).unwrap_err();
        assert!(error.contains("Mon-Fri 08:00-18:00"), "{error}");
    }
    for text in ["", "Mars/Olympus", "+15:00", "+1", "CET", "é"] {
        let error = Zone::parse(text).unwrap_err();
        assert!(error.contains("Europe/Berlin"), "{error}");
    }
}

#[test]
fn spans_that_share_a_minute_overlap() {
    let table = [
        ("Mon 08:00-18:00", "Mon 17:59-19:00", true),
        ("Mon 08:00-18:00", "Mon 18:00-19:00", false),
        ("Mon 08:00-18:00", "Tue 08:00-18:00", false),
        ("Sun 20:00-08:00", "Mon 07:00-09:00", true),
        ("Sun 20:00-08:00", "Mon 08:00-09:00", false),
        ("Mon 08:00-09:00", "daily", true),
    ];
    for (a, b, overlap) in table {
        let (a, b) = (only(a, "UTC"), only(b, "UTC"));
        assert_eq!(a.overlaps(b), overlap, "{a} {b}");
        assert_eq!(b.overlaps(a), overlap, "{b} {a}");
    }
}
