//! Keys of STIR/SHAKEN: what holds, and what is said of those that do not go together.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, Memory, said};
use config::{AttestRule, IdentityHeaders, Sign, Verify, VerstatPlace};
use std::path::Path;

const KEY: &str = "[stir]\nprivate_key = \"k\"\ncertificate = \"c\"\ncertificate_url = \"https://h/c\"\n";

#[test]
fn a_trunk_signs_verifies_and_is_told() {
    let keys = "stir = { sign = \"shaken\", verify = \"require\", identity = \"pass\", verstat = [\"from\"], attest = \"C\" }\n";
    let anchors = "trust_anchors = \"a\"\n";
    let text = format!("{GOOD}{keys}{KEY}{anchors}");
    assert_eq!(said(&text), Vec::<String>::new());
    let config = config::parse(&text, "t").unwrap();
    let stir = &config
        .trunks
        .iter()
        .find(|trunk| trunk.stir.sign != Sign::Off)
        .unwrap()
        .stir;
    assert_eq!((stir.verify, stir.attest), (Verify::Require, AttestRule::C));
    assert_eq!(stir.identity, IdentityHeaders::Pass);
    assert_eq!(stir.verstat, [VerstatPlace::From]);
    let plain = &config
        .trunks
        .iter()
        .find(|trunk| trunk.stir.sign == Sign::Off)
        .unwrap()
        .stir;
    assert_eq!(*plain, config::TrunkStir::default());
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (trunk, tables, expected) in [
        (
            "stir = { sign = \"shaken\" }",
            "",
            "there is no key to sign with; expected private_key, certificate and certificate_url in [stir]",
        ),
        (
            "stir = { verify = \"annotate\" }",
            "",
            "nobody is trusted: every signature would fail; expected trust_anchors in [stir]",
        ),
        (
            "stir = { verify = \"on\" }",
            "",
            "\"on\" is not known here; expected \"off\", \"annotate\" or \"require\"",
        ),
        ("stir = { origid = \"1234\" }", "", "\"1234\" is not a UUID"),
        (
            "pass_headers = [\"identity\"]",
            "",
            "expected the key `stir`, which says what becomes of it",
        ),
        (
            "",
            "[stir]\nprivate_key = \"k\"",
            "`private_key` needs `certificate` beside it",
        ),
        (
            "",
            "[stir]\nprivate_key = \"k\"",
            "`private_key` needs `certificate_url` beside it",
        ),
        (
            "",
            "[stir]\ncertificate_url = \"http://h/c\"",
            "\"http://h/c\" is not an https URL; expected an https URL",
        ),
        ("", "[stir]\ncountry_code = \"+0\"", "\"+0\" is no country's code"),
        (
            "",
            "[stir]\ncache_min = \"2h\"\ncache_max = \"1h\"",
            "is longer than `cache_max`",
        ),
        ("", "[stir]\ncertificate_ports = []", "is an empty list"),
    ] {
        let said = said(&format!("{GOOD}{trunk}\n{tables}\n"));
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{expected:?}: {said:#?}"
        );
    }
}

#[test]
fn what_comes_to_nothing_is_warned_of() {
    let warned = |text: &str| {
        let (_, report) = config::check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", text)]));
        assert!(report.errors.is_empty(), "{report}");
        report
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let told = warned(&format!("{GOOD}stir = {{ verstat = [\"from\"] }}\n"));
    assert!(
        told.iter()
            .any(|line| line.contains("no trunk's calls are verified")),
        "{told:?}"
    );
    let pbx = GOOD.replace("name = \"pbx\"", "name = \"pbx\"\nstir = { sign = \"shaken\" }");
    let told = warned(&format!("{pbx}{KEY}"));
    assert!(
        told.iter().any(|line| line.contains("signs calls to a customer")),
        "{told:?}"
    );
}
