//! What is dialled, calls to emergency services, and prices of ported numbers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/tables.rs"]
mod support;

use route::{
    Basis, BuildError, Dialled, LeftOut, Live, NoRoute, NoRouteReason, Place, Plan, Request, Tables, plan,
};
use std::time::Instant;
use support::{carrier, config, ix, number, pbx, priced, tables};

/// 2026-02-01T00:00:00Z.
const NOW: u64 = 1_769_904_000;

const UK: &str = "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nrules = [{ match = \"9*\", strip = 1 }]\n";

fn dialled(tables: &Tables, from: &str, number: &str) -> String {
    match tables.dialled(ix(tables, from), number) {
        Ok(Dialled::Number(number)) => number.into_owned(),
        Ok(Dialled::Emergency(number)) => format!("SOS {number}"),
        Err(misdialled) => format!("{} {misdialled}", misdialled.status()),
    }
}

struct Bed {
    tables: Tables,
    live: Live,
    now: Instant,
}

impl Bed {
    fn new(tables: Tables) -> Self {
        let mut live = Live::new();
        live.install(&tables);
        let now = Instant::now();
        Self { tables, live, now }
    }

    fn ask(&self, called: &str, routed: Option<&str>, emergency: bool) -> Result<Plan, NoRoute> {
        let request = Request {
            from: ix(&self.tables, "pbx"),
            caller: "+442079460000",
            called,
            class: None,
            sell: None,
            routed,
            emergency,
            at_unix_s: NOW,
            draw: 1,
        };
        plan(&self.tables, &self.live, self.now, &request)
    }

    /// Who is tried for an emergency call, and what is dialled there.
    fn emergency(&self, number: &str) -> Vec<(String, String)> {
        let plan = self.ask(number, None, true).unwrap();
        assert_eq!(plan.limit, plan.attempts.len());
        let attempts = plan.attempts.iter();
        attempts
            .map(|attempt| {
                (
                    self.tables.trunk(attempt.trunk).name.clone(),
                    self.tables
                        .emergency_dialled(ix(&self.tables, "pbx"), "+442079460000", number, attempt.trunk)
                        .0,
                )
            })
            .collect()
    }

    fn occupy(&mut self, trunk: &str) {
        let trunk = ix(&self.tables, trunk);
        let _permit = self.live.try_admit(self.now, &self.tables, trunk).unwrap();
    }
}

fn pairs(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect()
}

#[test]
fn a_dial_plan_reads_what_numbering_has_left() {
    let numbering =
        "dial_plan = \"uk\"\nnumbering = { country_code = \"44\", international_prefix = \"99\" }";
    let text = [UK, &pbx(numbering), &carrier("a", ""), &number("2001", &["pbx"])].concat();
    let tables = tables(&text);
    for (number, read) in [
        // By `numbering`.
        ("02071838750", "+442071838750"),
        ("9912125550123", "+12125550123"),
        // By the plan.
        ("902071838750", "+442071838750"),
        ("2071838750", "+442071838750"),
        ("alice", "alice"),
        // A number of our own is no mistake.
        ("2001", "2001"),
        (
            "2002",
            "484 dial plan \"uk\": 2002 has no area code; `area` of the plan puts one in front (GB)",
        ),
    ] {
        assert_eq!(dialled(&tables, "pbx", number), read, "{number}");
    }
    let from = tables.trunk(ix(&tables, "pbx"));
    assert_eq!(tables.read_number(from, "2071838750"), "+442071838750");
    assert_eq!(tables.read_number(from, "2002"), "2002");
    // Carriers without a plan are read as before.
    assert_eq!(dialled(&tables, "a", "902071838750"), "902071838750");
}

#[test]
fn a_plan_that_there_is_not_is_refused() {
    let mut config = config(&[pbx("").as_str(), UK].concat());
    std::sync::Arc::make_mut(&mut config.trunks[0]).dial_plan = Some("us".to_owned());
    let errors = Tables::build(&config, Vec::new()).unwrap_err();
    let (trunk, plan) = ("pbx".to_owned(), "us".to_owned());
    assert_eq!(errors, [BuildError::UnknownDialPlan { trunk, plan }]);
}

#[test]
fn emergency_numbers_go_by_the_callers_country() {
    let text = [
        UK,
        &pbx("dial_plan = \"uk\""),
        "[[trunk]]\nname = \"bonn\"\nrole = \"customer\"\nsources = [\"127.0.0.11\"]\nnumbering = { country_code = \"49\" }\n",
        "[[trunk]]\nname = \"paris\"\nrole = \"customer\"\nsources = [\"127.0.0.12\"]\ncountry = \"FR\"\n",
        "[[trunk]]\nname = \"nowhere\"\nrole = \"customer\"\nsources = [\"127.0.0.13\"]\n",
        &carrier("a", ""),
        "[emergency]\nnumbers = [\"5555\", \"+4420555\"]\n",
    ]
    .concat();
    let tables = tables(&text);
    for (trunk, number, read) in [
        ("pbx", "999", "SOS 999"),
        ("pbx", "112", "SOS 112"),
        ("pbx", "911", "SOS 911"),
        ("pbx", "+44999", "SOS 999"),
        ("pbx", "+44911", "SOS 911"),
        // Behind the digit for an outside line.
        ("pbx", "9999", "SOS 999"),
        ("pbx", "5555", "SOS 5555"),
        ("pbx", "+4420555", "SOS +4420555"),
        ("pbx", "urn:service:sos.fire", "SOS 999"),
        (
            "pbx",
            "110",
            "484 dial plan \"uk\": 110 has too few digits; `keep` of the plan leaves short codes as they are (GB)",
        ),
        ("bonn", "110", "SOS 110"),
        ("bonn", "999", "999"),
        ("bonn", "urn:service:sos", "SOS 112"),
        ("paris", "15", "SOS 15"),
        ("paris", "18", "SOS 18"),
        ("nowhere", "112", "SOS 112"),
        ("nowhere", "999", "999"),
        ("nowhere", "urn:service:sos", "SOS 112"),
        // What comes from the network is for somebody here.
        ("a", "112", "112"),
        ("a", "urn:service:sos", "112"),
    ] {
        assert_eq!(dialled(&tables, trunk, number), read, "{trunk} {number}");
    }
    for (number, may) in [
        ("15", true),
        ("110", true),
        ("112", true),
        ("1", false),
        ("urn:service:sos", true),
        ("190", false),
    ] {
        assert_eq!(tables.may_be_emergency(number), may, "{number}");
    }
}

#[test]
fn aliases_are_the_operators_to_say() {
    let text = [
        &pbx("country = \"GB\""),
        &carrier("a", ""),
        "[emergency]\naliases = []\n",
    ]
    .concat();
    let tables = tables(&text);
    assert_eq!(dialled(&tables, "pbx", "911"), "911");
    assert_eq!(dialled(&tables, "pbx", "112"), "SOS 112");
}

#[test]
fn the_route_that_says_most_is_tried_first_and_every_carrier_in_the_end() {
    let text = [
        &pbx("country = \"GB\"\nemergency_region = \"london\""),
        &carrier("cheap", "deck = \"cheap.csv\"\npriority = 3"),
        &carrier("other", "priority = 2"),
        &carrier("psap-any", ""),
        &carrier("psap-gb", "number_format = \"e164\""),
        &carrier("psap-london", ""),
        &carrier("psap-site", ""),
        &carrier("psap-fire", ""),
        &carrier("psap-paris", "priority = 7"),
        r#"
[emergency]
[[emergency.route]]
to = "psap-any"
[[emergency.route]]
country = "GB"
to = ["psap-gb", "psap-any"]
dial = "442079460999"
[[emergency.route]]
country = "GB"
region = "london"
to = "psap-london"
[[emergency.route]]
callers = ["+44207946*"]
to = "psap-site"
[[emergency.route]]
numbers = ["112"]
to = "psap-fire"
[[emergency.route]]
country = "FR"
to = "psap-paris"
[[emergency.route]]
callers = ["+1*"]
to = "psap-paris"
"#,
    ]
    .concat();
    let bed = Bed::new(priced(&text, &[("cheap", "44,0.01,,,,,,")]));
    assert_eq!(
        pairs(&bed.emergency("999")),
        [
            ("psap-site", "999"),
            ("psap-london", "999"),
            // What is dialled there is a number, in the trunk's format.
            ("psap-gb", "+442079460999"),
            ("psap-any", "442079460999"),
            ("psap-fire", "999"),
            ("other", "999"),
            ("cheap", "999"),
            ("psap-paris", "999"),
        ]
    );
    assert_eq!(bed.emergency("112")[0].0, "psap-fire");
    let plan = bed.ask("999", None, true).unwrap();
    assert_eq!(plan.trace.basis, Basis::Emergency);
    let lines = plan.trace.lines();
    assert!(
        lines[0].starts_with("999 from pbx: emergency routes"),
        "{lines:?}"
    );
}

#[test]
fn neither_deck_nor_class_nor_price_keeps_anybody_from_an_emergency_call() {
    let class = "[[class]]\nname = \"cheap\"\nexcluded = [\"a\"]\nmax_price = 0.01\n";
    let text = [
        class,
        &pbx("class = \"cheap\""),
        &carrier("a", "deck = \"a.csv\"\npriority = 1"),
    ]
    .concat();
    let bed = Bed::new(priced(&text, &[("a", "44,9.00,,,,,,\n1,0,,,,,,true")]));
    assert!(bed.ask("112", None, false).is_err());
    assert_eq!(pairs(&bed.emergency("112")), [("a", "112")]);
}

#[test]
fn a_full_trunk_comes_last_and_one_that_is_off_not_at_all() {
    let text = [
        pbx("").as_str(),
        &carrier("full", "max_calls = 1"),
        &carrier("off", "enabled = false"),
        &carrier("free", ""),
        "[emergency]\nany_carrier = false\n[[emergency.route]]\nto = [\"full\", \"off\", \"free\"]\n",
    ]
    .concat();
    let mut bed = Bed::new(tables(&text));
    assert_eq!(pairs(&bed.emergency("112")), [("full", "112"), ("free", "112")]);
    bed.occupy("full");
    assert_eq!(pairs(&bed.emergency("112")), [("free", "112"), ("full", "112")]);
    let plan = bed.ask("112", None, true).unwrap();
    let off = plan
        .trace
        .candidates()
        .into_iter()
        .find(|c| c.trunk == ix(&bed.tables, "off"));
    assert_eq!(off.unwrap().place, Place::Dropped(LeftOut::Disabled));
    // When its turn comes it gets the call.
    let full = ix(&bed.tables, "full");
    let permit = bed.live.admit_emergency(bed.now, &bed.tables, full).unwrap();
    assert_eq!(bed.live.calls("full"), 2);
    bed.live.release(permit);
    let off = ix(&bed.tables, "off");
    assert!(bed.live.admit_emergency(bed.now, &bed.tables, off).is_none());
}

#[test]
fn a_rule_for_the_number_is_a_route() {
    let text = [
        pbx("").as_str(),
        &carrier("a", ""),
        &carrier("b", "priority = 5"),
        &number("112", &["b"]),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    assert_eq!(pairs(&bed.emergency("112")), [("b", "112"), ("a", "112")]);
}

#[test]
fn without_a_route_or_a_carrier_it_is_said_so() {
    let text = [
        pbx("").as_str(),
        &carrier("a", ""),
        "[emergency]\nany_carrier = false\n",
    ]
    .concat();
    let none = Bed::new(tables(&text)).ask("112", None, true).unwrap_err();
    assert_eq!((none.reason, none.status), (NoRouteReason::NoEmergencyRoute, 503));
}

#[test]
fn a_ported_number_is_priced_by_its_routing_number() {
    let text = [
        pbx("").as_str(),
        &carrier("a", "deck = \"a.csv\""),
        &carrier("b", "deck = \"b.csv\""),
    ]
    .concat();
    let bed = Bed::new(priced(
        &text,
        &[
            ("a", "1212,0.01,,,,,,\n1201,0.05,,,,,,"),
            ("b", "1212,0.02,,,,,,\n1201,0.03,,,,,,"),
        ],
    ));
    let first = |routed| {
        let plan = bed.ask("+12125550123", routed, false).unwrap();
        let first = &plan.attempts[0];
        (bed.tables.trunk(first.trunk).name.clone(), plan.trace.lines())
    };
    assert_eq!(first(None).0, "a");
    let (name, lines) = first(Some("+12015550000"));
    assert_eq!(name, "b");
    assert!(
        lines[0].starts_with("12125550123 (ported: 12015550000) from pbx"),
        "{lines:?}"
    );
    assert!(lines[1].contains("for 1201"), "{lines:?}");
}

#[test]
fn rules_go_by_the_number_that_was_dialled() {
    let text = [
        pbx("").as_str(),
        &carrier("a", ""),
        &carrier("b", ""),
        &number("+12125550123", &["b"]),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    let plan = bed.ask("+12125550123", Some("+12015550000"), false).unwrap();
    assert_eq!(bed.tables.trunk(plan.attempts[0].trunk).name, "b");
}
