//! What carriers ask, what customers pay, and how much of it they may owe.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use config::{Config, DayOrMonth, DeckLayout, RowJurisdiction, Unpriced};
use std::path::Path;

const LISTEN: &str = "[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n";

fn customer(keys: &str) -> String {
    format!("[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"192.0.2.1\"]\n{keys}\n")
}

fn carrier(keys: &str) -> String {
    format!(
        "[[trunk]]\nname = \"a\"\nrole = \"carrier\"\ntargets = [{{ uri = \"sip:192.0.2.2\" }}]\n{keys}\n"
    )
}

fn accepted(text: &str) -> Config {
    config::parse(&format!("{LISTEN}{text}"), "t").unwrap_or_else(|report| panic!("{report}"))
}

/// What is wrong, without the place in the file.
fn refused(text: &str) -> Vec<String> {
    let report = config::parse(&format!("{LISTEN}{text}"), "t").unwrap_err();
    let line = |problem: &config::Problem| {
        let line = problem.to_string();
        line.splitn(4, ':').nth(3).unwrap().trim().to_owned()
    };
    report.errors.iter().map(line).collect()
}

#[test]
fn every_key_of_money_is_read() {
    let config = accepted(
        &("[billing]\ncurrency = \"EUR\"\nrates = { USD = 0.92, GBP = 1.17 }\nnpa_nxx = \"npa.csv\"\n".to_owned()
            + &carrier(
                "deck = \"a.csv.gz\"
deck_format = { layout = \"us\", columns = { prefix = \"Zone\" }, dates = \"month-first\", decimal = \",\", timezone = \"Europe/Berlin\", currency = \"USD\" }",
            )
            + &customer(
                "sell_rates = [
  { prefix = \"+44\", rate = 0.01 },
  { prefix = [\"1\", \"2\"], rate = 1, first_interval = 0, increment = 60, fee = 0.5, minimum_charge = 0.7, currency = \"USD\",
    effective_from = 2026-02-01, effective_to = \"2026-03-01T12:00:00Z\", jurisdiction = \"interstate\", origin = \"3\",
    hours = \"Mon-Fri 08:00-18:00\", timezone = \"+01:00\" },
  { prefix = \"5\", blocked = true },
  { prefix = \"6\", origin = [\"7\", \"8\"], surcharge = 0.1 },
]
unpriced = \"free\"
credit = { amount = 12.5, alert = 2, end_calls = false, status = 503 }",
            )),
    );
    let billing = &config.billing;
    assert_eq!((billing.currency.as_str(), billing.rates["GBP"]), ("EUR", 1.17));
    assert_eq!(billing.npa_nxx.as_deref(), Some(Path::new("npa.csv")));
    let format = &config.trunks[0].deck_format;
    assert_eq!(
        (format.layout, format.dates),
        (DeckLayout::UnitedStates, Some(DayOrMonth::MonthFirst))
    );
    assert_eq!(format.columns["prefix"], "Zone");
    assert_eq!(
        (
            format.decimal.as_deref(),
            format.timezone.as_str(),
            format.currency.as_deref()
        ),
        (Some(","), "Europe/Berlin", Some("USD"))
    );
    let pbx = &config.trunks[1];
    assert_eq!(pbx.unpriced, Unpriced::Free);
    let credit = pbx.credit.as_ref().unwrap();
    assert_eq!(
        (credit.amount, credit.alert, credit.end_calls, credit.status),
        (12.5, Some(2.0), false, 503)
    );
    let rows = &pbx.sell_rates;
    assert_eq!(
        (rows[0].prefix[0].as_str(), rows[0].rate, rows[0].increment),
        ("44", Some(0.01), 1)
    );
    assert_eq!(rows[1].prefix, ["1", "2"]);
    assert_eq!(
        (
            rows[1].first_interval,
            rows[1].increment,
            rows[1].fee,
            rows[1].minimum_charge
        ),
        (0, 60, 0.5, 0.7)
    );
    assert_eq!(rows[1].effective_from.as_deref(), Some("2026-02-01"));
    assert_eq!(rows[1].effective_to.as_deref(), Some("2026-03-01T12:00:00Z"));
    assert_eq!(rows[1].jurisdiction, Some(RowJurisdiction::Interstate));
    assert!(rows[2].blocked && rows[2].rate.is_none());
    assert_eq!(
        (rows[3].surcharge, rows[3].origin.as_deref().unwrap().len()),
        (Some(0.1), 2)
    );
}

#[test]
fn money_that_makes_no_sense_is_refused() {
    let rates = |rows: &str| carrier(&format!("rates = [{rows}]"));
    let table = [
        (
            "[billing]\ncurrency = \"eur\"\n".to_owned() + &carrier(""),
            "\"eur\" is no currency",
        ),
        (
            "[billing]\nrates = { EURO = 1.1 }\n".to_owned() + &carrier(""),
            "billing.rates.EURO: \"EURO\" is no currency",
        ),
        (
            "[billing]\nrates = { EUR = -1 }\n".to_owned() + &carrier(""),
            "billing.rates.EUR: -1 is out of range",
        ),
        (
            "[billing]\nrates = [1]\n".to_owned() + &carrier(""),
            "billing.rates: is an array",
        ),
        (
            carrier("deck = \"a.csv\"\nrates = [{ prefix = \"1\", rate = 1 }]"),
            "`deck` has prices too",
        ),
        (carrier("sell_deck = \"a.csv\""), "a carrier has no `sell_deck`"),
        (carrier("credit = {}"), "a carrier has no `credit`"),
        (
            customer("rates = [{ prefix = \"1\", rate = 1 }]"),
            "a customer has no `rates`",
        ),
        (
            customer("credit = { amount = 1 }"),
            "says nothing of who pays nothing",
        ),
        (
            customer("unpriced = \"free\""),
            "says nothing of who pays nothing",
        ),
        (rates("{ prefix = \"4x\", rate = 1 }"), "\"4x\" is not a prefix"),
        (rates("{ prefix = \"44\" }"), "rates[0]: has no price"),
        (
            rates("{ prefix = \"44\", rate = 1, surcharge = 1 }"),
            "has both `rate` and `surcharge`",
        ),
        (
            rates("{ prefix = \"44\", surcharge = 1 }"),
            "has a `surcharge` and no `origin`",
        ),
        (
            rates("{ prefix = \"44\", surcharge = 1, origin = \"1\", hours = \"Mon\" }"),
            "is about a surcharge",
        ),
        (
            rates("{ prefix = \"44\", rate = 1, effective_from = \"tomorrow\" }"),
            "\"tomorrow\" is no date",
        ),
        (
            rates("{ prefix = \"44\", rate = 1, effective_from = 12:00:00 }"),
            "effective_from",
        ),
        (
            rates("{ prefix = \"44\", rate = 1, increment = 0 }"),
            "0 is out of range",
        ),
        (
            carrier("deck = \"a\"\ndeck_format = { decimal = \";\" }"),
            "\";\" stands before no decimals",
        ),
        (
            carrier("deck = \"a\"\ndeck_format = { columns = { prefixes = \"x\" } }"),
            "did you mean \"prefix\"?",
        ),
        (
            carrier("deck = \"a\"\ndeck_format = { timezone = \"on the moon\" }"),
            "is no time zone",
        ),
    ];
    for (text, expected) in table {
        let said = refused(&text);
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(said[0].contains(expected), "{text}: {said:?}");
    }
}

#[test]
fn prices_take_effect_at_a_reload() {
    let text = |rate: f64, amount: f64| {
        format!("[billing]\nrates = {{ EUR = {rate} }}\n")
            + &customer(&format!(
                "sell_rates = [{{ prefix = \"1\", rate = 1 }}]\ncredit = {{ amount = {amount} }}"
            ))
    };
    let (old, new) = (accepted(&text(1.0, 1.0)), accepted(&text(1.5, 2.0)));
    let changes: Vec<String> = old.diff(&new).iter().map(ToString::to_string).collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(old.diff(&new).iter().all(|change| !change.needs_restart));
    assert!(changes[0].starts_with("trunk.pbx.credit.amount: "), "{changes:?}");
    assert!(changes[1].starts_with("billing.rates: "), "{changes:?}");
}
