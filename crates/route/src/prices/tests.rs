use super::*;
use crate::deck::{Asked, Condition, Jurisdiction, Money, Places, Rate, Row};
use proptest::prelude::*;

const BASE: u32 = 1_700_000_000;

fn row(digits: &str, per_minute: u64) -> Row {
    let key = Key::new(digits).unwrap();
    Row {
        key,
        rate: Rate {
            per_minute: Money(per_minute),
            fee: Money(per_minute % 3),
            minimum: Money(0),
            first_interval: 1 + (per_minute % 60) as u16,
            increment: 1,
            blocked: false,
            prefix_len: key.digits() as u8,
        },
        from: 0,
        until: u32::MAX,
        condition: Condition::ALWAYS,
        line: 0,
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let jurisdiction = prop_oneof![
        Just(Jurisdiction::Interstate),
        Just(Jurisdiction::Intrastate),
        Just(Jurisdiction::Indeterminate),
    ];
    let origin = "[12]{0,3}".prop_map(|digits| Key::new(&digits).unwrap());
    prop_oneof![
        5 => Just(Condition::ALWAYS),
        1 => (proptest::option::of(jurisdiction), origin).prop_map(|(jurisdiction, origin)| Condition {
            jurisdiction,
            origin,
            hours: None,
        }),
    ]
}

/// Few digits and many rows, so that prefixes lie in each other and decks have the same.
fn any_row() -> impl Strategy<Value = Row> {
    let moment = || proptest::option::of(BASE..BASE + 8);
    let digits = prop_oneof![4 => "[0-2]{1,5}", 1 => "[12]{9,16}", 1 => "1212[0-9]{0,6}"];
    let rate = (
        prop_oneof![0u64..5, 0u64..8_000_000_000],
        proptest::bool::weighted(0.1),
    );
    (digits, rate, moment(), moment(), condition()).prop_map(|(digits, rate, from, until, condition)| {
        let mut row = row(&digits, rate.0);
        row.rate.blocked = rate.1;
        row.from = from.unwrap_or(0);
        row.until = until.filter(|until| *until > row.from).unwrap_or(u32::MAX);
        row.condition = condition;
        row
    })
}

fn table(decks: &[Deck]) -> Prices {
    let named = |(index, deck): (usize, &Deck)| (format!("c{index}").into(), deck.clone());
    Prices::build(
        &decks.iter().enumerate().map(named).collect::<Vec<_>>(),
        &|_, _| {},
    )
    .unwrap()
}

fn ask<'a>(called: &'a str, caller: &'a str, at: u32) -> Asked<'a> {
    Asked {
        called,
        caller,
        at_unix_s: u64::from(at),
    }
}

/// What the table says for each seat; the two ways to ask agree.
fn rates(table: &Prices, asked: Asked<'_>) -> Vec<Option<Rate>> {
    let mut offers = vec![Offer::NONE; table.seats()];
    let mut question = Question::new(asked);
    let answer = table.ask(&question);
    answer.tell(&mut question, &mut offers);
    let rate = |(offer, seat): (&Offer, u16)| {
        assert_eq!(*offer, answer.of(&mut Question::new(asked), seat));
        let terms = table.terms().get(offer.terms as usize);
        assert_eq!(terms.is_some(), offer.is_some());
        let rate = terms.map(|terms| terms.rate(offer.prefix_len));
        let price = rate
            .filter(|rate| !rate.blocked)
            .map_or(Price::NONE, Price::of_rate);
        assert_eq!(
            (offer.price, offer.is_blocked()),
            (price, rate.is_some_and(|rate| rate.blocked))
        );
        rate
    };
    offers.iter().zip(0..).map(rate).collect()
}

proptest! {
    #[test]
    fn the_table_says_what_each_deck_says_by_itself(
        decks in proptest::collection::vec(proptest::collection::vec(any_row(), 0..120), 1..6),
        numbers in proptest::collection::vec("([0-3]{0,7}|[12]{8,20}|1212[0-9]{0,8})", 20),
        caller in "[0-2]{0,4}",
        at in BASE - 1..BASE + 10,
    ) {
        let decks: Vec<Deck> = decks.into_iter().map(|rows| Deck::new(rows, Places::default())).collect();
        let table = table(&decks);
        for number in numbers {
            for written in [number.clone(), format!("+{number}"), format!("{number}x1")] {
                let asked = ask(&written, &caller, at);
                let expected: Vec<Option<Rate>> = decks.iter().map(|deck| deck.lookup(&asked)).collect();
                prop_assert_eq!(rates(&table, asked), expected, "{} at {}", written, at - BASE);
            }
        }
    }
}

#[test]
fn each_deck_is_asked_with_its_own_map_of_places() {
    let row_for = |jurisdiction, per_minute| {
        let mut row = row("1212", per_minute);
        row.condition.jurisdiction = Some(jurisdiction);
        row
    };
    let rows = vec![
        row_for(Jurisdiction::Intrastate, 1),
        row_for(Jurisdiction::Indeterminate, 2),
    ];
    let elsewhere = Places::default().with(&[(212, None)]);
    let decks = [
        Deck::new(rows.clone(), Places::default()),
        Deck::new(rows.clone(), elsewhere),
        Deck::new(rows, Places::default()),
    ];
    let table = table(&decks);
    let asked = ask("12125550100", "17185550100", BASE);
    let prices: Vec<u64> = rates(&table, asked)
        .iter()
        .map(|rate| rate.unwrap().per_minute.0)
        .collect();
    assert_eq!(prices, [1, 2, 1]);
}

#[test]
fn more_kinds_of_dates_than_an_entry_can_name_hold_all_the_same() {
    let rows: Vec<Row> = (0..70_000u32)
        .map(|index| Row {
            from: index + 1,
            until: BASE + index,
            ..row(&format!("{index:05}"), 7)
        })
        .collect();
    let deck = Deck::new(rows, Places::default());
    let table = table(std::slice::from_ref(&deck));
    for index in [0, 1, 65_000, 65_534, 65_535, 65_536, 69_999] {
        let number = format!("{index:05}");
        for (at, holds) in [
            (index, false),
            (index + 1, true),
            (BASE + index - 1, true),
            (BASE + index, false),
        ] {
            let rates = rates(&table, ask(&number, "", at));
            assert_eq!(rates[0].is_some(), holds, "{number} at {at}");
        }
    }
}

#[test]
fn neighbours_that_ask_the_same_share_their_entries() {
    let deck = || {
        let rows = (0..1000).map(|index| row(&format!("44{index:03}"), 7)).collect();
        Deck::new(rows, Places::default())
    };
    let decks: Vec<Deck> = (0..=pages::FEW).map(|_| deck()).collect();
    let table = table(&decks);
    assert_eq!(table.runs.len(), decks.len());
    let rates = rates(&table, ask("44123456", "", BASE));
    assert!(rates.iter().all(|rate| rate.unwrap().prefix_len == 5));
}

#[test]
fn a_table_of_nothing_says_nothing() {
    let table = table(&[Deck::default(), Deck::default()]);
    assert_eq!(rates(&table, ask("4420", "", BASE)), [None, None]);
    assert_eq!(table.seat("c1"), Some(1));
    assert_eq!(table.seat("c2"), None);
}
