use super::*;
use crate::deck::{Asked, Money, Rate};

/// Any moment at which undated rows are in force.
const NOW: u64 = 1_769_904_000; // 2026-02-01T00:00:00Z

fn deck(text: &str) -> Deck {
    parse_csv(text).unwrap()
}

fn errors(text: &str) -> Vec<(u32, String)> {
    let errors = parse_csv(text).unwrap_err();
    errors
        .into_iter()
        .map(|error| (error.line, error.column))
        .collect()
}

fn at(places: &[(u32, &str)]) -> Vec<(u32, String)> {
    places
        .iter()
        .map(|(line, column)| (*line, (*column).to_owned()))
        .collect()
}

fn rate_of(deck: &Deck, called: &str, at_unix_s: u64) -> Option<Rate> {
    deck.lookup(&Asked {
        called,
        caller: "",
        at_unix_s,
    })
}

fn price(deck: &Deck, number: &str, at: u64) -> Option<(u64, u8)> {
    rate_of(deck, number, at).map(|rate| (rate.per_minute.0, rate.prefix_len))
}

#[test]
fn the_longest_prefix_prices_the_number() {
    let deck = deck("prefix,rate\n44,0.01\n4420,0.005\n+447,0.03\n1,0.002\n");
    assert_eq!(deck.prefixes(), 4);
    let table = [
        ("442071838750", Some((5_000_000, 4))),
        ("+442071838750", Some((5_000_000, 4))),
        ("44161", Some((10_000_000, 2))),
        ("+447700900123", Some((30_000_000, 3))),
        ("4", None),
        ("33123", None),
        ("", None),
        ("alice", None),
        ("44alice", Some((10_000_000, 2))),
        ("++44", None),
        ("12125550100", Some((2_000_000, 1))),
    ];
    for (number, expected) in table {
        assert_eq!(price(&deck, number, NOW), expected, "{number}");
    }
}

#[test]
fn every_column_is_read_in_any_order_and_case() {
    let deck = deck(
        "Destination;BLOCKED;First Interval;increment;Fee;Rate;prefix\r\n\
         UK;no;30;6;0.001;.0125;44\r\n\
         \"Spain; \"\"mobile\"\"\";;;;;1.5;34\r\n\
         Nowhere;yes;;;;;881\r\n",
    );
    let rate = |per_minute, fee, first_interval, increment, blocked, prefix_len| Rate {
        per_minute: Money(per_minute),
        fee: Money(fee),
        minimum: Money(0),
        first_interval,
        increment,
        blocked,
        prefix_len,
    };
    assert_eq!(
        rate_of(&deck, "4412", NOW),
        Some(rate(12_500_000, 1_000_000, 30, 6, false, 2))
    );
    assert_eq!(
        rate_of(&deck, "3412", NOW),
        Some(rate(1_500_000_000, 0, 1, 1, false, 2))
    );
    assert_eq!(rate_of(&deck, "88112", NOW), Some(rate(0, 0, 1, 1, true, 3)));
}

#[test]
fn the_row_in_force_is_the_one_that_began_last() {
    let deck = deck(
        "prefix,rate,effective_from,effective_to\n\
         44,1,,\n\
         44,2,2026-02-01,\n\
         44,3,2026-03-01T12:00:00Z,2026-03-10\n\
         4420,4,2026-02-10,2026-02-11\n",
    );
    let day = 86_400;
    let april = NOW + 60 * day;
    let table = [
        ("4420", NOW - 1, Some((Money::UNIT, 2))),
        ("4420", NOW, Some((2 * Money::UNIT, 2))),
        ("4420", NOW + 9 * day - 1, Some((2 * Money::UNIT, 2))),
        ("4420", NOW + 9 * day, Some((4 * Money::UNIT, 4))),
        // A bare date in effective_to is the last day.
        ("4420", NOW + 11 * day - 1, Some((4 * Money::UNIT, 4))),
        ("4420", NOW + 11 * day, Some((2 * Money::UNIT, 2))),
        ("44", NOW + 28 * day + 12 * 3600 - 1, Some((2 * Money::UNIT, 2))),
        ("44", NOW + 28 * day + 12 * 3600, Some((3 * Money::UNIT, 2))),
        ("44", NOW + 38 * day - 1, Some((3 * Money::UNIT, 2))),
        ("44", april, Some((2 * Money::UNIT, 2))),
        ("44", u64::MAX, Some((2 * Money::UNIT, 2))),
    ];
    for (number, at, expected) in table {
        assert_eq!(price(&deck, number, at), expected, "{number} at {at}");
    }
}

#[test]
fn a_deck_that_is_wholly_in_the_future_prices_nothing_yet() {
    let deck = deck("prefix,rate,effective_from\n44,1,2026-02-02\n");
    assert_eq!(rate_of(&deck, "44", NOW), None);
}

#[test]
fn every_bad_row_is_reported_with_its_line_and_column() {
    let text = "prefix,rate,first_interval,increment,fee,effective_from,effective_to,blocked\n\
                44,x,,,,,,\n\
                ,1,,,,,,\n\
                4a,-1,,,,,,\n\
                45,1,x,0,1e3,yesterday,2026-02-30,maybe\n\
                46,1,,,,2026-02-02,2026-02-01,\n\
                47,1,4000,70000,2000000,,,\n\
                48,,,,,,,\n\
                \n\
                49,1,,,,,,\n\
                +49,2,,,,,,\n\
                12345678901234567,1,,,,,,\n";
    let expected = [
        (2, "rate"),
        (3, "prefix"),
        (4, "prefix"),
        (4, "rate"),
        (5, "blocked"),
        (5, "first_interval"),
        (5, "increment"),
        (5, "fee"),
        (5, "effective_from"),
        (5, "effective_to"),
        (6, "effective_to"),
        (7, "first_interval"),
        (7, "increment"),
        (7, "fee"),
        (8, "rate"),
        (11, "prefix"),
        (12, "prefix"),
    ];
    assert_eq!(errors(text), at(&expected));
    let all = parse_csv(text).unwrap_err();
    assert_eq!(
        all.first().unwrap().to_string(),
        "line 2, rate: \"x\" is not an amount like 0.0125"
    );
}

#[test]
fn a_deck_without_header_or_rows_is_refused() {
    assert_eq!(errors(""), at(&[(1, "prefix")]));
    assert_eq!(errors("\n\n"), at(&[(1, "prefix")]));
    assert_eq!(errors("44,0.01\n"), at(&[(1, "prefix")]));
    assert_eq!(errors("prefix,colour\n44,1\n"), at(&[(1, "rate")]));
    assert_eq!(errors("number,rate\n44,1\n"), at(&[(1, "prefix")]));
    assert_eq!(errors("prefix,rate,rate\n44,1,2\n"), at(&[(1, "rate")]));
    assert_eq!(errors("prefix,rate\n"), at(&[(1, "prefix")]));
}

#[test]
fn lines_are_counted_over_quoted_line_breaks_and_a_missing_last_one() {
    assert_eq!(
        errors("\u{feff}name,prefix,rate\n\"two\nlines\",44,1\n\"open,45,1\nx,46"),
        at(&[(4, "prefix"), (4, "rate")])
    );
    assert_eq!(errors("prefix,rate\r\n44,1\r\n\r\n45,x"), at(&[(4, "rate")]));
    assert_eq!(
        price(&deck("prefix\trate\n44\t1"), "44", NOW),
        Some((Money::UNIT, 2))
    );
    assert_eq!(
        price(&deck("rate,prefix\n1,\"44\"\r\n"), "44", NOW),
        Some((Money::UNIT, 2))
    );
}

#[test]
fn rows_that_say_the_same_are_one_and_rows_that_do_not_are_refused() {
    let sheet = read("prefix,rate\n44,1\n45,2\n44,1\n", &Format::default()).unwrap();
    assert_eq!(sheet.lines().count(), 2);
    assert!(
        sheet
            .notes()
            .iter()
            .any(|note| note.starts_with("1 rows say the same")),
        "{:?}",
        sheet.notes()
    );
    assert_eq!(errors("prefix,rate\n44,1\n45,2\n44,2\n"), at(&[(4, "prefix")]));
    // What differs in its condition is another row, unless its hours overlap.
    let hours = |second: &str| format!("prefix,rate,hours\n44,1,\n44,2,Mon-Fri 08:00-18:00\n44,3,{second}\n");
    assert!(parse_csv(&hours("Sat,Sun")).is_ok());
    let error = parse_csv(
        &hours("Fri 17:00-20:00")
            .replace("Fri 17", "\"Fri\" 17")
            .replace('"', ""),
    )
    .unwrap_err();
    assert_eq!(error.first().unwrap().line, 4);
    assert!(
        error.first().unwrap().message.contains("hours overlap"),
        "{error:?}"
    );
}

#[test]
fn a_flood_of_faults_has_an_end() {
    let text = format!("prefix,rate\n{}", "x,y\n".repeat(MAX_FAULTS));
    let errors = parse_csv(&text).unwrap_err();
    assert!(errors.len() <= MAX_FAULTS + 2);
    assert!(errors.last().unwrap().message.contains("more faults"));
    // Many rows for one prefix that contradict each other take no time squared.
    let mut text = String::from("prefix,rate\n");
    for price in 0..100_000 {
        text.push_str(&format!("44,{price}\n"));
    }
    assert!(parse_csv(&text).is_err());
}

#[test]
fn conditions_decide_among_the_rows_of_a_prefix() {
    let deck = deck(
        "prefix,rate,jurisdiction,origin,hours,timezone,effective_from\n\
         1,1,,,,,\n\
         1,2,interstate,,,,\n\
         1,3,intrastate,,,,\n\
         1,4,,1212,,,\n\
         1,5,,12125,,,\n\
         1,6,,,Sun,-05:00,\n\
         1201,7,intrastate,,,,\n\
         1,8,interstate,,,,2026-03-01\n",
    );
    let sunday = NOW + 5 * 3600;
    assert_eq!(NOW % 86_400, 0, "a Sunday, at midnight");
    let table = [
        ("", "12015550100", NOW, 1),
        ("12025550100", "12015550100", NOW, 2),
        ("12025550100", "12015550100", NOW + 28 * 86_400, 8),
        // The longer prefix first, if its row holds at all.
        ("12015550199", "12015550100", NOW, 7),
        ("17325550199", "18565550100", NOW, 3),
        ("12125550100", "12015550100", NOW, 5),
        ("12124550100", "12015550100", NOW, 4),
        ("442071838750", "12015550100", sunday, 6),
        ("442071838750", "12015550100", sunday - 1, 1),
    ];
    for (caller, called, at_unix_s, expected) in table {
        let asked = Asked {
            called,
            caller,
            at_unix_s,
        };
        let rate = deck.lookup(&asked).unwrap();
        assert_eq!(rate.per_minute, Money(expected * Money::UNIT), "{asked:?}");
    }
}

#[test]
fn text_may_come_in_other_encodings() {
    let text = "Destination,Code,Rate\nCôte d'Ivoire,225,0.1\n";
    let expected = read(text, &Format::default()).unwrap();
    let utf16 = |big: bool| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let bytes = units.flat_map(|unit| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        });
        bytes.collect::<Vec<u8>>()
    };
    let latin = text
        .replace('ô', "?")
        .into_bytes()
        .iter()
        .map(|b| if *b == b'?' { 0xf4 } else { *b })
        .collect();
    for bytes in [utf16(false), utf16(true), latin] {
        assert_eq!(read_bytes(&bytes, &Format::default()).unwrap(), expected);
    }
}
