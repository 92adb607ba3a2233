//! Deck look-up against a naive model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use route::deck::{Asked, Deck, Money, Rate, parse_csv};

fn lookup(deck: &Deck, called: &str, at_unix_s: u64) -> Option<Rate> {
    deck.lookup(&Asked {
        called,
        caller: "",
        at_unix_s,
    })
}

/// A row: prefix, price in billionths, in force from and until (seconds since 1970).
#[derive(Debug, Clone)]
struct Row {
    prefix: String,
    price: u64,
    from: Option<u32>,
    until: Option<u32>,
}

const BASE: u32 = 1_700_000_000;

fn row() -> impl Strategy<Value = Row> {
    let moment = || proptest::option::of(BASE..BASE + 8);
    ("[0-2]{1,5}", 0u64..5_000_000_000, moment(), moment()).prop_map(|(prefix, price, from, until)| {
        let until = until.filter(|&until| from.is_none_or(|from| until > from));
        Row {
            prefix,
            price,
            from,
            until,
        }
    })
}

/// Looks at every row.
fn naive(rows: &[Row], number: &str, at: u32) -> Option<(u64, usize)> {
    rows.iter()
        .filter(|row| number.starts_with(&row.prefix))
        .filter(|row| row.from.is_none_or(|from| from <= at) && row.until.is_none_or(|until| at < until))
        .max_by_key(|row| (row.prefix.len(), row.from))
        .map(|row| (row.price, row.prefix.len()))
}

fn csv(rows: &[Row]) -> String {
    let cell = |moment: Option<u32>| moment.map_or(String::new(), |moment| moment.to_string());
    let line = |row: &Row| {
        let (units, billionths) = (row.price / 1_000_000_000, row.price % 1_000_000_000);
        format!(
            "{},{units}.{billionths:09},{},{}\n",
            row.prefix,
            cell(row.from),
            cell(row.until)
        )
    };
    let lines: String = rows.iter().map(line).collect();
    format!("prefix,rate,effective_from,effective_to\n{lines}")
}

proptest! {
    #[test]
    fn look_up_agrees_with_trying_every_row_at_every_time(
        mut rows in proptest::collection::vec(row(), 1..60),
        numbers in proptest::collection::vec("[0-3]{0,7}", 20),
        at in BASE - 1..BASE + 10,
    ) {
        rows.sort_by(|a, b| (&a.prefix, a.from).cmp(&(&b.prefix, b.from)));
        rows.dedup_by(|a, b| (&a.prefix, a.from) == (&b.prefix, b.from));
        let deck = parse_csv(&csv(&rows)).unwrap();
        for number in numbers {
            for written in [number.clone(), format!("+{number}")] {
                let got = lookup(&deck, &written, u64::from(at)).map(|rate| (rate.per_minute.0, usize::from(rate.prefix_len)));
                prop_assert_eq!(got, naive(&rows, &number, at), "{}", written);
            }
        }
        let mut prefixes: Vec<_> = rows.iter().map(|row| &row.prefix).collect();
        prefixes.dedup();
        prop_assert_eq!(deck.prefixes(), prefixes.len());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(prefix,rate,effective_from,fee\n)?([0-9a+,.\"\n\r; -]|é){0,80}") {
        if let Ok(deck) = parse_csv(&text) {
            lookup(&deck, "4420", 0);
        }
    }
}

#[test]
fn rows_in_any_order_make_the_same_deck() {
    let forward = parse_csv("prefix,rate\n4,1\n44,2\n442,3\n").unwrap();
    let backward = parse_csv("prefix,rate\n442,3\n44,2\n4,1\n").unwrap();
    for (number, price) in [("4", 1), ("44", 2), ("443", 2), ("4420", 3)] {
        let expected = Some(Money(price * 1_000_000_000));
        assert_eq!(
            lookup(&forward, number, 0).map(|rate| rate.per_minute),
            expected,
            "{number}"
        );
        assert_eq!(
            lookup(&backward, number, 0).map(|rate| rate.per_minute),
            expected,
            "{number}"
        );
    }
}

#[test]
fn prefixes_of_the_greatest_length_are_found_and_longer_numbers_too() {
    let digits = "1234567890123456";
    let deck = parse_csv(&format!("prefix,rate\n{digits},1\n")).unwrap();
    assert_eq!(lookup(&deck, digits, 0).map(|rate| rate.prefix_len), Some(16));
    assert_eq!(
        lookup(&deck, &format!("{digits}999999999999"), 0).map(|rate| rate.prefix_len),
        Some(16)
    );
    assert_eq!(lookup(&deck, &digits[..15], 0), None);
}
