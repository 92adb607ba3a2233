use super::*;
use crate::deck::Asked;

/// Any moment at which undated rows are in force.
const NOW: u64 = 1_769_904_000; // 2026-02-01T00:00:00Z

fn deck(text: &str) -> Deck {
    parse_csv(text).unwrap()
}

fn errors(text: &str) -> Vec<(u32, &'static str)> {
    parse_csv(text)
        .unwrap_err()
        .into_iter()
        .map(|error| (error.line, error.column))
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
        (4, "rate"),
        (4, "prefix"),
        (5, "blocked"),
        (5, "fee"),
        (5, "first_interval"),
        (5, "increment"),
        (5, "effective_from"),
        (5, "effective_to"),
        (6, "effective_to"),
        (7, "fee"),
        (7, "first_interval"),
        (7, "increment"),
        (8, "rate"),
        (11, "prefix"),
        (12, "prefix"),
    ];
    assert_eq!(errors(text), expected);
    let all = parse_csv(text).unwrap_err();
    assert_eq!(
        all.first().unwrap().to_string(),
        "line 2, rate: \"x\" is not an amount like 0.0125"
    );
}

#[test]
fn a_deck_without_header_or_rows_is_refused() {
    assert_eq!(errors(""), [(1, "prefix")]);
    assert_eq!(errors("\n\n"), [(1, "prefix")]);
    assert_eq!(errors("44,0.01\n"), [(1, "prefix"), (1, "rate")]);
    assert_eq!(errors("prefix,price\n44,1\n"), [(1, "rate")]);
    assert_eq!(errors("prefix,rate,rate\n44,1,2\n"), [(1, "rate")]);
    assert_eq!(errors("prefix,rate\n"), [(1, "prefix")]);
}

#[test]
fn lines_are_counted_over_quoted_line_breaks_and_a_missing_last_one() {
    assert_eq!(
        errors("\u{feff}name,prefix,rate\n\"two\nlines\",44,1\n\"open,45,1\nx,46"),
        [(4, "rate"), (4, "prefix")]
    );
    assert_eq!(errors("prefix,rate\r\n44,1\r\n\r\n45,x"), [(4, "rate")]);
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
fn amounts_are_exact_to_a_billionth() {
    let table = [
        ("0.000000001", Ok(1)),
        ("0.0000000004", Ok(0)),
        ("0.0000000005", Ok(1)),
        ("0.9999999999", Ok(1_000_000_000)),
        ("1000000", Ok(1_000_000 * Money::UNIT)),
        ("7.", Ok(7 * Money::UNIT)),
        ("1000001", Err(())),
        (".", Err(())),
        ("0,5", Err(())),
        ("99999999999999999999999", Err(())),
    ];
    for (text, expected) in table {
        assert_eq!(amount(text).map_err(|_| ()), expected, "{text}");
    }
}
