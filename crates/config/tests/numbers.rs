//! Dial plans, emergency routes and the portability dip: what holds, and what is said of keys that do not go together.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, Memory, said};
use config::{Config, DialThen, NumberCheck, PortabilityMode, UnknownNumber};
use std::path::Path;
use std::time::Duration;

fn good(text: &str) -> Config {
    config::parse(text, "t").unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn a_dial_plan_is_named_by_a_trunk() {
    let plan = r#"
[[dial_plan]]
name = "uk"
country = "GB"
international = ["00", "011"]
national = ""
area = "20"
local_digits = 8
keep = ["2XXX", "101"]
rules = [{ match = "9*", strip = 1 }, { match = "7XXX", prepend = "+44207183", then = "keep" }]
check = "off"
unknown = "pass"
"#;
    let config = good(&format!("{GOOD}dial_plan = \"uk\"\n{plan}"));
    let uk = &config.dial_plans[0];
    assert_eq!((uk.country.as_str(), uk.national.as_deref()), ("GB", Some("")));
    assert_eq!((uk.local_digits.as_slice(), uk.keep.len()), (&[8][..], 2));
    assert_eq!((uk.rules[0].strip, uk.rules[0].then), (1, DialThen::Read));
    assert_eq!((uk.check, uk.unknown), (NumberCheck::Off, UnknownNumber::Pass));
    assert_eq!(
        config.trunk("carrier-a").unwrap().dial_plan.as_deref(),
        Some("uk")
    );
    let plain = good(&format!("{GOOD}[[dial_plan]]\nname = \"de\"\ncountry = \"DE\"\n"));
    let plain = &plain.dial_plans[0];
    assert_eq!(
        (plain.check, plain.unknown),
        (NumberCheck::Length, UnknownNumber::Refuse)
    );
    assert!(plain.national.is_none() && plain.international.is_empty());
}

#[test]
fn emergency_and_portability_have_their_defaults() {
    let config = good(GOOD);
    let emergency = &config.emergency;
    let aliases: Vec<&str> = emergency
        .aliases
        .iter()
        .map(|alias| alias.text.as_str())
        .collect();
    assert_eq!((aliases, emergency.any_carrier), (vec!["112", "911"], true));
    assert!(emergency.routes.is_empty() && emergency.country.is_none());
    let portability = &config.portability;
    assert_eq!(
        (portability.url.as_deref(), portability.routing_number.as_str()),
        (None, "/rn")
    );
    assert_eq!(portability.deadline, Duration::from_millis(300));
    assert_eq!(
        (portability.failures, portability.rest),
        (5, Some(Duration::from_secs(10)))
    );
}

#[test]
fn routes_and_look_ups_are_read() {
    let more = r#"
[emergency]
country = "GB"
[[emergency.route]]
country = "GB"
region = "london"
callers = ["+4420*"]
numbers = ["999", "112"]
to = ["carrier-a", "pbx"]
dial = "+442079460999"
[[emergency.route]]
to = "carrier-a"
[portability]
url = "https://lrn.example.com/v1/{number}?format=json"
routing_number = "/result/lrn"
authorization = "Bearer secret"
ca = "ca.pem"
countries = ["US", "CA"]
rest = "off"
[[class]]
name = "cheap"
portability = "given"
"#;
    let pbx = GOOD.replace(
        "name = \"pbx\"",
        "name = \"pbx\"\nemergency_region = \"london\"\nportability = \"ask\"",
    );
    let config = good(&format!("{pbx}{more}"));
    let route = &config.emergency.routes[0];
    assert_eq!(
        (route.to.as_slice(), route.dial.as_deref()),
        (
            &["carrier-a".to_owned(), "pbx".to_owned()][..],
            Some("+442079460999")
        )
    );
    assert_eq!(config.emergency.routes.len(), 2);
    assert_eq!(
        config.trunk("pbx").unwrap().portability,
        Some(PortabilityMode::Ask)
    );
    assert_eq!(config.classes[0].portability, PortabilityMode::Given);
    assert!(config.portability.rest.is_none() && config.portability.countries.len() == 2);
    // What is shown has no secret, and says the same of the rest.
    let shown = config.to_masked_toml();
    assert!(
        !shown.contains("Bearer") && shown.contains("\"/result/lrn\""),
        "{shown}"
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (trunk, tables, expected) in [
        ("dial_plan = \"uk\"", "", "there is no dial_plan \"uk\""),
        (
            "dial_plan = \"ku\"",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"",
            "there is no dial_plan \"ku\"; did you mean \"uk\"?",
        ),
        ("", "[[dial_plan]]\nname = \"uk\"", "the key `country` is missing"),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"UK\"",
            "\"UK\" is no country; expected a country by its two letters (ISO 3166-1), such as \"GB\"; did you mean \"GB\"?",
        ),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\narea = \"20\"",
            "says nothing without `local_digits`",
        ),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nlocal_digits = 8",
            "says nothing without `area`",
        ),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nrules = [{ match = \"9*\" }]",
            "does nothing; expected strip, prepend, or then = \"keep\" or \"refuse\"",
        ),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nrules = [{ match = \"9*\", strip = 1, then = \"refuse\" }]",
            "refuses numbers that it changes",
        ),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nkeep = [\"2xxx\"]",
            "\"2xxx\" is not a pattern; expected digits, X for any digit",
        ),
        (
            "",
            "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nrules = [{ match = \"9*\", prepend = \"*9\" }]",
            "\"*9\" is not that; expected 1 to 20 digits",
        ),
        (
            "",
            "[[emergency.route]]\nto = \"psap\"",
            "there is no trunk \"psap\"",
        ),
        (
            "",
            "[[emergency.route]]\ncountry = \"GB\"",
            "the key `to` is missing",
        ),
        (
            "",
            "[emergency]\nroutes = []",
            "unknown key \"routes\"; did you mean \"route\"?",
        ),
        (
            "portability = \"ask\"",
            "",
            "there is nobody to ask; expected url in [portability]",
        ),
        (
            "",
            "[portability]\nurl = \"http://h/\"",
            "the number has no place in it; expected an http or https URL with {number}",
        ),
        (
            "",
            "[portability]\nurl = \"ldap://h/{number}\"",
            "is no http or https URL",
        ),
        (
            "",
            "[portability]\nrouting_number = \"rn\"",
            "\"rn\" is no JSON pointer",
        ),
        (
            "",
            "[portability]\nurl = \"http://h/{number}\"\nca = \"ca.pem\"",
            "says nothing without a url that begins with https://",
        ),
    ] {
        let said = said(&format!("{GOOD}{trunk}\n{tables}\n"));
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{expected:?}: {said:#?}"
        );
    }
}

fn checked(text: &str) -> config::Report {
    let (_, report) = config::check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", text)]));
    assert!(report.errors.is_empty(), "{report}");
    report
}

#[test]
fn a_region_that_nobody_calls_from_is_warned_of() {
    let route = "[[emergency.route]]\nregion = \"london\"\nto = \"carrier-a\"\n";
    let warned = |text: &str| {
        checked(text)
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let told = warned(&format!("{GOOD}{route}"));
    assert!(
        told[0].contains("nobody calls from region \"london\""),
        "{told:?}"
    );
    for knows in [
        "[node]\nregion = \"london\"\n",
        "[[network]]\nname = \"in\"\nregion = \"london\"\n[[listen]]\nbind = \"127.0.0.2:5060\"\nnetwork = \"in\"\n",
    ] {
        assert_eq!(warned(&format!("{GOOD}{knows}{route}")), [""; 0], "{knows}");
    }
}

#[test]
fn that_emergency_calls_have_no_route_is_advice() {
    let said = |text: &str| checked(text).advice;
    let told = said(GOOD);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with(
            "there is no [[emergency.route]]: emergency calls of customers such as \"pbx\" go to any carrier"
        ),
        "{told:?}"
    );
    let nobody = said(&format!("{GOOD}[emergency]\nany_carrier = false\n"));
    assert!(nobody[0].contains("go to nobody"), "{nobody:?}");
    assert_eq!(
        said(&format!("{GOOD}[[emergency.route]]\nto = \"carrier-a\"\n")),
        [""; 0]
    );
    assert!(checked(GOOD).warnings.is_empty(), "it is no warning");
}

#[test]
fn all_of_it_takes_effect_at_a_reload() {
    let before = good(GOOD);
    let more = "dial_plan = \"uk\"\n[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\n[[emergency.route]]\nto = \"carrier-a\"\n[portability]\nurl = \"http://h/{number}\"\n";
    let changes = before.diff(&good(&format!("{GOOD}{more}")));
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "trunk.carrier-a.dial_plan",
            "dial_plan.uk",
            "emergency.route[0]",
            "portability.url"
        ]
    );
    assert!(changes.iter().all(|change| !change.needs_restart));
}
