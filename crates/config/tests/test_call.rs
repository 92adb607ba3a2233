//! `[[test_call]]`: what is taken, and what is refused with what to write instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use common::GOOD;
use config::parse;
use std::time::Duration;

fn document(keys: &str) -> String {
    format!("{GOOD}[[class]]\nname = \"gold\"\n[[test_call]]\nname = \"t\"\n{keys}\n")
}

#[test]
fn a_schedule_has_its_defaults() {
    let config = parse(&document("numbers = [\"+442079460000\"]"), "t").unwrap();
    let test = &config.test_calls[0];
    assert_eq!(
        (test.every, test.talk),
        (Duration::from_secs(900), Duration::from_secs(5))
    );
    assert_eq!(
        (test.budget.calls_per_day, test.budget.money_per_day),
        (1000, 1.0)
    );
    assert!(test.trunks.is_empty() && test.window.is_empty() && test.class.is_none());
    assert!(test.expect.caller_id && !test.expect.dtmf && !test.expect.echo);
}

#[test]
fn what_is_wrong_is_refused_with_what_to_write() {
    const NUMBER: &str = "numbers = [\"+442079460000\"]\n";
    for (keys, expected) in [
        ("", "it has no number to call"),
        (
            "numbers = [\"02079460000\"]",
            "\"02079460000\" is no number of E.164; expected + and 7 to 15 digits",
        ),
        ("own = [\"+44\"]", "\"+44\" is no number of E.164"),
        (
            "numbers = [\"+442079460000\"]\nown = [\"+442079460000\"]",
            "\"+442079460000\" is in `numbers` too",
        ),
        (
            &*format!("{NUMBER}caller = \"100\""),
            "\"100\" is no number of E.164",
        ),
        (
            &*format!("{NUMBER}trunks = [\"carrier-b\"]"),
            "there is no trunk \"carrier-b\"",
        ),
        (
            &*format!("{NUMBER}trunks = [\"pbx\"]"),
            "\"pbx\" is a customer; expected names of carriers",
        ),
        (
            &*format!("{NUMBER}class = \"silver\""),
            "there is no class \"silver\"",
        ),
        (&*format!("{NUMBER}every = \"5s\""), "\"5s\" is too short"),
        (&*format!("{NUMBER}talk = \"2m\""), "\"2m\" is too long"),
        (
            &*format!("{NUMBER}budget = {{ calls_per_day = 0 }}"),
            "0 is out of range",
        ),
        (&*format!("{NUMBER}expect = {{ mos = 5 }}"), "5 is out of range"),
        (
            &*format!("{NUMBER}expect = {{ codec = [\"PCMB\"] }}"),
            "\"PCMB\" is no codec that a test call offers",
        ),
        (
            &*format!("{NUMBER}window = [\"always\"]"),
            "\"always\" is no such hours",
        ),
        (&*format!("{NUMBER}colour = 1"), "colour"),
    ] {
        let report = parse(&document(keys), "t").expect_err(keys).to_string();
        assert!(report.contains(expected), "{keys}: {report}");
    }
}
