//! Classes of service, and what carriers say for them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use common::{GOOD, Memory};
use config::{Config, parse};
use std::path::Path;
use std::time::Duration;

/// The good document with these keys in its carrier, and a class with these.
fn document(carrier: &str, class: &str) -> String {
    format!("{GOOD}{carrier}\n[[class]]\nname = \"c\"\n{class}\n")
}

fn accepted(carrier: &str, class: &str) -> Config {
    parse(&document(carrier, class), "t").unwrap_or_else(|report| panic!("{report}"))
}

fn refused(carrier: &str, class: &str) -> String {
    let report = parse(&document(carrier, class), "t").expect_err("it is wrong");
    report.to_string().trim_end().to_owned()
}

fn warned(carrier: &str, class: &str) -> Vec<String> {
    let mut files = Memory::with(&[("t.toml", &document(carrier, class))]);
    let (config, report) = config::check(Path::new("t.toml"), &mut files);
    assert!(config.is_some(), "{report}");
    let text = |problem: &config::Problem| {
        let said = problem.to_string();
        said.split_once(": ").map(|(_, rest)| rest.to_owned()).unwrap()
    };
    report.warnings.iter().map(text).collect()
}

#[test]
fn a_class_that_says_nothing_asks_for_nothing_and_learns() {
    let config = accepted("", "");
    let class = &config.classes[0];
    assert_eq!(
        (class.min_margin, class.keep_caller_id, class.priority),
        (None, false, false)
    );
    assert!(class.jurisdictions.is_empty() && class.learn);
    assert_eq!((class.explore.calls, class.explore.money), (0.02, 5.0));
    let floors = class.floors;
    assert_eq!(
        (floors.asr, floors.ner, floors.mos, floors.pdd),
        (None, None, None, None)
    );
    let carrier = config.trunk("carrier-a").unwrap();
    assert!(carrier.caller_id && carrier.jurisdictions.is_empty() && carrier.region.is_none());
}

#[test]
fn a_class_says_what_it_wants() {
    let config = accepted(
        "caller_id = false\njurisdictions = [\"eu\", \"ch\"]\nregion = \"eu-west\"",
        "floors = { asr = 0.3, ner = 0.9, mos = 3.6, pdd = \"8s\" }\nmin_margin = -0.5\nkeep_caller_id = false\n\
         jurisdictions = [\"eu\"]\nexplore = { calls = 0.1, money = 20 }\nlearn = false\npriority = true",
    );
    let class = &config.classes[0];
    let floors = class.floors;
    assert_eq!(
        (floors.asr, floors.ner, floors.mos),
        (Some(0.3), Some(0.9), Some(3.6))
    );
    assert_eq!(floors.pdd, Some(Duration::from_secs(8)));
    assert_eq!(
        (class.min_margin, class.learn, class.priority),
        (Some(-0.5), false, true)
    );
    assert_eq!((class.explore.calls, class.explore.money), (0.1, 20.0));
    assert_eq!(class.jurisdictions, ["eu"]);
    let carrier = config.trunk("carrier-a").unwrap();
    assert_eq!(carrier.jurisdictions, ["eu", "ch"]);
    assert_eq!(
        (carrier.caller_id, carrier.region.as_deref()),
        (false, Some("eu-west"))
    );
}

#[test]
fn figures_out_of_range_are_refused() {
    for (class, expected) in [
        (
            "min_margin = -1.1",
            "min_margin: -1.1 is out of range; expected a number from -1 to 1",
        ),
        (
            "min_margin = 10",
            "min_margin: 10 is out of range; expected a number from -1 to 1",
        ),
        (
            "floors = { asr = 30 }",
            "floors.asr: 30 is out of range; expected a number from 0 to 1",
        ),
        (
            "floors = { mos = 0.5 }",
            "floors.mos: 0.5 is out of range; expected a number from 1 to 5",
        ),
        (
            "floors = { pdd = 8 }",
            "floors.pdd: 8 has no unit; expected a duration such as",
        ),
        (
            "explore = { calls = 2 }",
            "explore.calls: 2 is out of range; expected a number from 0 to 1",
        ),
        ("explore = { share = 0.1 }", "explore: unknown key \"share\""),
        ("jurisdictions = \"eu\"", "jurisdictions: "),
    ] {
        let said = refused("", class);
        let (_, rest) = said.split_once(": class.c.").unwrap_or_else(|| panic!("{said}"));
        assert!(rest.starts_with(expected), "{class}: {said}");
    }
}

#[test]
fn what_classes_ask_of_carriers_is_no_key_of_a_customer() {
    for key in ["caller_id = false", "jurisdictions = [\"eu\"]"] {
        let text = GOOD.replace("role = \"customer\"", &format!("role = \"customer\"\n{key}"));
        let said = parse(&text, "t").expect_err("it is wrong").to_string();
        let name = key.split(' ').next().unwrap();
        let expected = format!("trunk.pbx.{name}: a customer has no `{name}`; expected the key left out");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn what_no_carrier_can_give_is_warned_of() {
    for (carrier, class, expected) in [
        (
            "jurisdictions = [\"eu\"]",
            "jurisdictions = [\"uk\", \"eu\"]",
            "class.c.jurisdictions[0]: no carrier that the class may choose is in \"uk\"; \
             expected jurisdictions = [\"uk\"] in one of them",
        ),
        (
            "jurisdictions = [\"switzerland\"]",
            "jurisdictions = [\"swizerland\"]",
            "class.c.jurisdictions[0]: no carrier that the class may choose is in \"swizerland\"; \
             expected jurisdictions = [\"swizerland\"] in one of them; did you mean \"switzerland\"?",
        ),
        (
            "caller_id = false",
            "keep_caller_id = true",
            "class.c.keep_caller_id: no carrier that the class may choose passes the caller's \
             number on, so its calls have no route; expected a carrier without `caller_id = false`",
        ),
        (
            "",
            "floors = { asr = 0.5, ner = 0.4 }",
            "class.c.floors.ner: `ner` is below `asr`, and says nothing: no carrier's is ever \
             lower than that; expected `ner` above `asr`",
        ),
    ] {
        let said = warned(carrier, class);
        assert!(said.contains(&expected.to_owned()), "{said:#?}");
    }
    let clean = warned(
        "jurisdictions = [\"eu\"]",
        "jurisdictions = [\"eu\"]\nkeep_caller_id = true\nfloors = { asr = 0.3, ner = 0.9 }",
    );
    assert!(!clean.iter().any(|line| line.contains("class.c.")), "{clean:#?}");
}

#[test]
fn regions_are_of_networks_trunks_and_targets() {
    let text = format!(
        "[node]\nregion = \"eu\"\n[[network]]\nname = \"outside\"\nbind = \"127.0.0.2\"\nregion = \"us\"\n{}",
        GOOD.replace(
            "targets = [{ uri = \"sip:127.0.0.20:5080\" }]",
            "targets = [{ uri = \"sip:127.0.0.20:5080\", region = \"us\" }, { uri = \"sip:127.0.0.21:5080\" }]"
        )
    );
    let config = parse(&text, "t").unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.networks[0].region.as_deref(), Some("us"));
    let targets = &config.trunk("carrier-a").unwrap().targets;
    assert_eq!(targets[0].region.as_deref(), Some("us"));
    assert_eq!(targets[1].region, None);
}
