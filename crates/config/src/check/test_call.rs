//! Test calls: whom they call over whom, and what they can show.

use super::refer;
use crate::document::Cx;
use crate::model::{Config, Role, TestCall};
use crate::report::{Fault, nearest, quote};

/// Names that are codecs here, as SDP has them.
const CODECS: [&str; 5] = ["PCMU", "PCMA", "G722", "G729", "opus"];

/// Trunks and numbers of one schedule, multiplied.
const MOST: usize = 10_000;

/// Judges them all.
pub(super) fn complete(config: &Config, cx: &mut Cx<'_>) {
    for (index, test) in config.test_calls.iter().enumerate() {
        let path = cx.entry("test_call", index);
        carriers(test, &path, config, cx);
        numbers(test, &path, cx);
        expected(test, &path, cx);
        let class = test.class.as_deref().into_iter();
        refer(class.map(|name| (format!("{path}.class"), name)), "class", cx);
    }
}

fn carriers(test: &TestCall, path: &str, config: &Config, cx: &mut Cx<'_>) {
    let at = |index: usize| format!("{path}.trunks[{index}]");
    let names = test.trunks.iter().enumerate();
    refer(
        names.clone().map(|(index, name)| (at(index), name.as_str())),
        "trunk",
        cx,
    );
    for (index, name) in names {
        if config
            .trunk(name)
            .is_some_and(|trunk| trunk.role == Role::Customer)
        {
            let fault = Fault::new(format!("{} is a customer", quote(name))).expected("names of carriers");
            cx.refuse(cx.place(&at(index)), &at(index), fault);
        }
    }
    let carriers = config
        .trunks
        .iter()
        .filter(|trunk| trunk.role == Role::Carrier)
        .count();
    let trunks = if test.trunks.is_empty() {
        carriers
    } else {
        test.trunks.len()
    };
    if trunks.saturating_mul(test.numbers.len() + test.own.len()) > MOST {
        let wrong = format!("more than {MOST} trunks times numbers");
        let fault = Fault::new(wrong).expected("fewer numbers, or several [[test_call]]");
        cx.refuse(cx.place(path), path, fault);
    }
}

fn numbers(test: &TestCall, path: &str, cx: &mut Cx<'_>) {
    let is_bad = ["numbers", "own"]
        .iter()
        .any(|key| cx.is_bad(&format!("{path}.{key}")));
    if test.numbers.is_empty() && test.own.is_empty() && !is_bad {
        let fault = Fault::new("it has no number to call");
        let expected =
            "numbers = [\"+442079460000\"], or own = [\"+442079460000\"] for numbers that come back to us";
        cx.refuse(cx.place(path), path, fault.expected(expected));
    }
    let listed = |key: &'static str, list: &'_ [String]| -> Vec<(String, String)> {
        let entry = |(index, number): (usize, &String)| (format!("{path}.{key}[{index}]"), number.clone());
        list.iter().enumerate().map(entry).collect()
    };
    let caller = test
        .caller
        .iter()
        .map(|number| (format!("{path}.caller"), number.clone()));
    let all = listed("numbers", &test.numbers)
        .into_iter()
        .chain(listed("own", &test.own))
        .chain(caller);
    for (at, number) in all {
        let digits = number.strip_prefix('+').unwrap_or_default();
        let is_e164 = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_e164 && !cx.is_bad(&at) {
            let fault = Fault::new(format!("{} is no number of E.164", quote(&number)));
            cx.refuse(
                cx.place(&at),
                &at,
                fault.expected("+ and 7 to 15 digits, such as \"+442079460000\""),
            );
        }
    }
    for (index, number) in test.own.iter().enumerate() {
        if test.numbers.contains(number) {
            let at = format!("{path}.own[{index}]");
            let fault = Fault::new(format!("{} is in `numbers` too", quote(number)));
            cx.refuse(
                cx.place(&at),
                &at,
                fault.expected("each number in one of the two lists"),
            );
        }
    }
}

fn expected(test: &TestCall, path: &str, cx: &mut Cx<'_>) {
    for (index, codec) in test.expect.codec.iter().enumerate() {
        if !CODECS.iter().any(|known| known.eq_ignore_ascii_case(codec)) {
            let at = format!("{path}.expect.codec[{index}]");
            let meant = nearest(codec, CODECS).map(quote);
            let wrong = format!("{} is no codec that a test call offers", quote(codec));
            let expected = format!("one of {}", CODECS.join(", "));
            cx.refuse(
                cx.place(&at),
                &at,
                Fault::new(wrong).expected(expected).meant(meant),
            );
        }
    }
    let echo = format!("{path}.expect.echo");
    if test.expect.echo && test.numbers.is_empty() {
        let wrong = "no number is an echo service: those of `own` are answered by the test itself";
        cx.warn(
            cx.place(&echo),
            &echo,
            Fault::new(wrong).expected("the key left out"),
        );
    }
    let caller_id = format!("{path}.expect.caller_id");
    if test.own.is_empty() && test.expect.caller_id && cx.is_written(&caller_id) {
        let wrong = "who calls is seen on `own` numbers only, and there are none";
        cx.warn(
            cx.place(&caller_id),
            &caller_id,
            Fault::new(wrong).expected("own = [\"+442079460000\"], or the key left out"),
        );
    }
}
