use super::*;

#[test]
fn amounts_are_exact_to_a_billionth() {
    let table = [
        ("0.000000001", Ok(1)),
        ("0.0000000004", Ok(0)),
        ("0.0000000005", Ok(1)),
        ("0.9999999999", Ok(1_000_000_000)),
        ("1000000", Ok(1_000_000 * Money::UNIT)),
        ("7.", Ok(7 * Money::UNIT)),
        (".5", Ok(Money::UNIT / 2)),
        ("0,5", Ok(Money::UNIT / 2)),
        ("$0.5", Ok(Money::UNIT / 2)),
        ("0,5 €", Ok(Money::UNIT / 2)),
        ("EUR 0.5", Ok(Money::UNIT / 2)),
        ("1000001", Err("above 1000000")),
        ("99999999999999999999999", Err("above 1000000")),
        ("12345678.5", Err("above 1000000")),
        (".", Err("not an amount")),
        ("", Err("not an amount")),
        ("x", Err("not an amount")),
        ("-1", Err("not an amount")),
        ("1e3", Err("not an amount")),
        ("1,234.5", Err("between thousands")),
        ("1.234.567", Err("between thousands")),
        ("USD 1 EUR", Err("not an amount")),
        ("1 florin", Err("not an amount")),
    ];
    for (text, expected) in table {
        match (amount(text), expected) {
            (Ok(got), Ok(billionths)) => assert_eq!(got.billionths, billionths, "{text}"),
            (Err(got), Err(part)) => assert!(got.contains(part), "{text}: {got}"),
            (got, expected) => panic!("{text}: {got:?} for {expected:?}"),
        }
    }
    assert_eq!(amount("0,5").unwrap().mark, Some(b','));
    assert_eq!(amount("0,5 €").unwrap().currency, Currency::new("EUR"));
}

#[test]
fn intervals_are_seconds_alone_or_in_pairs() {
    for (text, pair) in [
        ("60/60", (60, 60)),
        ("30/6", (30, 6)),
        ("1-1", (1, 1)),
        ("60 + 1", (60, 1)),
        ("0/1", (0, 1)),
        ("6", (6, 6)),
        ("60s/1 sec.", (60, 1)),
    ] {
        assert_eq!(intervals(text), Ok(pair), "{text}");
    }
    for text in ["", "60/0", "1 min", "x/y", "4000/1", "60/60/60", "é"] {
        assert!(intervals(text).unwrap_err().contains("60/1"), "{text}");
    }
    assert_eq!(interval("0", 0), Ok(0));
    assert!(interval("0", 1).is_err());
    assert!(interval("-1", 0).is_err());
}

#[test]
fn a_cell_may_name_several_prefixes_and_ranges() {
    let read = |country: &str, text: &str| {
        let mut keys = Vec::new();
        codes(country, text, |key| keys.push(key.to_string())).map(|()| keys.join(" "))
    };
    let table = [
        ("", "44", "44"),
        ("", "+44", "44"),
        ("", "20, 21; 22-25", "20 21 22 23 24 25"),
        ("44", "20, 21; 22-25", "4420 4421 4422 4423 4424 4425"),
        ("+44", "20", "4420"),
        ("44", "", "44"),
        ("39", "06", "3906"),
        ("", "098-101", "098 099 100 101"),
        ("", "44 45\n46|47/48", "44 45 46 47 48"),
    ];
    for (country, text, expected) in table {
        assert_eq!(read(country, text).as_deref(), Ok(expected), "{country} {text}");
    }
    let refused = [
        ("", "", "a prefix is needed"),
        ("", " ; ", "a prefix is needed"),
        ("", "4a", "not a prefix"),
        ("", "44.0", "spreadsheet"),
        ("", "4.4E+10", "spreadsheet"),
        ("", "12345678901234567", "1 to 16 digits"),
        ("12345678901234567", "1", "1 to 16 digits"),
        ("", "1-212", "is no range"),
        ("", "25-22", "is no range"),
        ("", "22-22", "is no range"),
        ("", "1-2-3", "is no range"),
        ("", "100000-199999", "more than 10000"),
        ("", "0000000000000000-9999999999999999", "more than 10000"),
        ("x", "1", "not a prefix"),
    ];
    for (country, text, part) in refused {
        let error = read(country, text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_status_is_open_blocked_or_gone() {
    for (text, expected) in [
        ("", Status::Open),
        ("Open", Status::Open),
        ("INCREASE", Status::Open),
        ("no", Status::Open),
        ("Closed", Status::Blocked),
        ("blocked", Status::Blocked),
        ("true", Status::Blocked),
        ("Deleted", Status::Gone),
    ] {
        assert_eq!(status(text), Ok(expected), "{text}");
    }
    assert!(status("maybe").is_err());
}
