//! Capacity, limits per destination, and the fraud guard.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, Memory};
use config::{CeilingAction, CeilingFor, Config, FraudAction, FraudScope, check, parse};
use std::path::Path;
use std::time::Duration;

fn good(extra: &str) -> Config {
    parse(&format!("{GOOD}\n{extra}"), "t.toml").unwrap_or_else(|report| panic!("{report}"))
}

/// Errors and warnings of `GOOD` with more behind it (`pbx`: in its customer), without their places.
fn said(pbx: &str, extra: &str) -> Vec<String> {
    let text = format!(
        "{}\n{extra}",
        GOOD.replacen("name = \"pbx\"", &format!("name = \"pbx\"\n{pbx}"), 1)
    );
    let (_, report) = check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", &text)]));
    let all = report.errors.iter().chain(&report.warnings);
    all.map(|problem| {
        let expected = problem.expected.iter().map(|text| format!("; expected {text}"));
        let meant = problem
            .suggestion
            .iter()
            .map(|text| format!("; did you mean {text}?"));
        let more: String = expected.chain(meant).collect();
        format!("{}: {}{more}", problem.key, problem.wrong)
    })
    .collect()
}

#[test]
fn capacity_has_defaults_and_trunks_may_have_their_own() {
    let config = good(
        "capacity = { target = 0.8 }\n[[class]]\nname = \"care\"\npriority = true\n[capacity]\nreserve = 0.1",
    );
    let capacity = &config.capacity;
    assert_eq!(
        (capacity.target, capacity.alert, capacity.reserve),
        (0.5, 0.6, 0.1)
    );
    let own = config.trunk("carrier-a").unwrap().capacity.as_ref();
    let of = capacity.of(own);
    assert_eq!((of.target, of.alert, of.reserve), (0.8, 0.6, 0.1));
    assert_eq!(capacity.of(None), *capacity);
    assert!(config.classes[0].priority);
    assert_eq!(good("").capacity.reserve, 0.0);
}

#[test]
fn limits_say_what_they_limit_each_once() {
    let config = good(
        "[[limit]]\nmatch = \"+252*\"\nmax_calls = 30\n[[limit]]\nmatch = \"+252*\"\ncustomer = \"pbx\"\nmax_cps = 0.5",
    );
    assert_eq!(config.limits.len(), 2);
    assert_eq!(config.limits[1].customer.as_deref(), Some("pbx"));
    for (limits, wrong) in [
        (
            "[[limit]]\nmatch = \"+252*\"",
            "limit[0]: limits nothing; expected `max_calls`, `max_cps`, or both",
        ),
        (
            "[[limit]]\nmatch = \"+252*\"\nmax_calls = 1\n[[limit]]\nmatch = \"252*\"\nmax_calls = 2",
            "limit[1].match: fits the same calls as the limit at t.toml:19; expected each pattern once per customer",
        ),
        (
            "[[limit]]\nmatch = \"+252*\"\nmax_calls = 1\ncustomer = \"pxb\"",
            "limit[0].customer: there is no trunk \"pxb\"; did you mean \"pbx\"?",
        ),
        (
            "[[limit]]\nmatch = \"+252*\"\nmax_calls = 1\ncustomer = \"carrier-a\"",
            "limit[0].customer: \"carrier-a\" is a carrier; expected the name of a customer",
        ),
        (
            "[capacity]\nalert = 0.3",
            "capacity.alert: is below `target`: calls still come when somebody is told; expected `target`, or more",
        ),
        (
            "[capacity]\ntarget = 0",
            "capacity.target: 0 is out of range; expected a number from 0.01 to 1",
        ),
    ] {
        assert_eq!(said("", limits), [wrong]);
    }
    assert_eq!(
        said("capacity = { reserve = 0.5 }", ""),
        [
            "trunk.pbx.capacity.reserve: all calls of a customer are of one class: there is nobody to keep it for"
        ]
    );
}

#[test]
fn the_guard_only_tells_unless_it_is_told_otherwise() {
    let fraud = good("").fraud;
    assert!(fraud.enabled && fraud.ceilings.is_empty() && fraud.allow.is_empty() && fraud.hours.is_empty());
    assert_eq!(
        (fraud.dear, fraud.learning),
        (0.15, Some(Duration::from_secs(86_400)))
    );
    let responses = [
        fraud.irsf.response(),
        fraud.spend.response(),
        fraud.velocity.response(),
        fraud.duration.response(),
        fraud.wangiri.response(),
        fraud.sequential.response(),
        fraud.off_hours.response(),
    ];
    for response in responses {
        assert_eq!(
            (response.action, response.scope),
            (FraudAction::Alert, FraudScope::Destination)
        );
        assert_eq!(response.time, Duration::from_secs(3_600));
    }
}

#[test]
fn keys_of_the_guard_are_read() {
    let config = good(
        "fraud = { wangiri = { action = \"block\", calls = 50 } }\n\
         [fraud]\nlearning = \"off\"\nhours = [\"mon-fri 08:00-18:00\"]\nallow = [\"+4416*\"]\n\
         [fraud.irsf]\naction = \"cut\"\nscope = \"customer\"\ntime = \"2h\"\n\
         [[fraud.ceiling]]\nmatch = \"+252*\"\ncalls = 3\n\
         [[fraud.ceiling]]\neach = \"country\"\nspend_per_day = 20\naction = \"cut\"",
    );
    let fraud = &config.fraud;
    assert_eq!(fraud.learning, None);
    assert_eq!(fraud.hours[0].to_string(), "mon-fri 08:00-18:00");
    let irsf = fraud.irsf.response();
    assert_eq!(
        (irsf.action, irsf.scope, irsf.time),
        (FraudAction::Cut, FraudScope::Customer, Duration::from_secs(7_200))
    );
    let [first, second] = &fraud.ceilings[..] else {
        panic!("{:?}", fraud.ceilings)
    };
    assert_eq!(
        (first.each, first.action, first.calls),
        (CeilingFor::Customer, CeilingAction::Refuse, Some(3))
    );
    assert_eq!(
        (second.each, second.action),
        (CeilingFor::Country, CeilingAction::Cut)
    );
    let own = config.trunk("carrier-a").unwrap().fraud.clone().unwrap();
    assert_eq!(
        own.wangiri.map(|rule| (rule.action, rule.calls)),
        Some((FraudAction::Block, 50))
    );
    assert_eq!(own.irsf, None);
}

#[test]
fn what_the_guard_cannot_go_by_is_refused() {
    for (pbx, extra, wrong) in [
        (
            "",
            "[[fraud.ceiling]]\nmatch = \"+252*\"",
            "fraud.ceiling[0]: has no figure; expected one of `calls`, `attempts_per_minute`, `attempts_per_hour`, \
             `answered_per_minute`, `answered_per_hour`, `spend_per_hour`, `spend_per_day`, `duration`",
        ),
        (
            "fraud = { ceiling = [{ action = \"cut\" }] }",
            "",
            "trunk.pbx.fraud.ceiling[0]: has no figure; expected one of `calls`, `attempts_per_minute`, \
             `attempts_per_hour`, `answered_per_minute`, `answered_per_hour`, `spend_per_hour`, `spend_per_day`, \
             `duration`",
        ),
        (
            "",
            "[fraud]\nhours = [\"monday 8-18\"]",
            "fraud.hours[0]: \"monday 8-18\" is no such hours; expected days and hours in UTC, such as \
             \"mon-fri 08:00-18:30\" or \"sat 09:00-13:00\"",
        ),
        (
            "",
            "[fraud.irsf]\naction = \"kill\"",
            "fraud.irsf.action: \"kill\" is not known here; expected \"off\", \"alert\", \"throttle\", \"block\" or \"cut\"",
        ),
        (
            "",
            "fraud = { irsf = { calls = 5 } }",
            "trunk.carrier-a.fraud.irsf: says nothing of a carrier; expected it at the customers whose calls are meant",
        ),
        (
            "",
            "[fraud]\ndear = 0",
            "fraud.dear: every call that costs anything is dear then",
        ),
    ] {
        assert_eq!(said(pbx, extra), [wrong]);
    }
}
