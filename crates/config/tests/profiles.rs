//! Profiles: what a trunk takes over, what stays its own, and what is said of either.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, said};
use config::{Assertion, Config, DiversionMode, NumberStyle, parse};

fn good(text: &str) -> Config {
    parse(text, "t").unwrap_or_else(|report| panic!("{report}"))
}

/// The good document, whose carrier has these keys too, and these profiles.
fn with(keys: &str, profiles: &str) -> String {
    format!("{GOOD}{keys}\n{profiles}\n")
}

const OURS: &str = "[[profile]]\nname = \"ours\"\nnumber_format = \"digits\"\npriority = 7\ncodecs = [\"PCMA\"]\n\
    identity = { trust = true, assert = \"remote-party-id\" }\nfailover = { trying = \"1s\" }\n";

#[test]
fn a_trunk_takes_what_it_does_not_write_itself_key_by_key() {
    let keys = "profile = \"ours\"\npriority = 3\nidentity = { diversion = \"pass\" }\nfailover = { answer = \"9s\" }";
    let config = good(&with(keys, OURS));
    let trunk = config.trunk("carrier-a").unwrap();
    assert_eq!(
        (trunk.priority, trunk.number_format.style),
        (3, NumberStyle::Digits)
    );
    assert_eq!(trunk.codecs, ["PCMA"]);
    let identity = &trunk.identity;
    assert!(identity.trust && identity.diversion == DiversionMode::Pass);
    assert_eq!(identity.assert, [Assertion::RemoteParty]);
    let times = [
        trunk.failover.trying,
        trunk.failover.answer,
        trunk.failover.progress,
    ];
    assert_eq!(times.map(|time| time.as_secs()), [1, 9, 15]);
    assert_eq!(config.profiles[0].name, "ours");
    // What is shown is a document that says the same.
    assert_eq!(good(&config.to_masked_toml()), config);
}

#[test]
fn a_trunk_without_a_profile_takes_nothing() {
    let config = good(&with("", OURS));
    let trunk = config.trunk("carrier-a").unwrap();
    assert_eq!(
        (trunk.priority, trunk.identity.trust, trunk.codecs.len()),
        (1, false, 0)
    );
}

#[test]
fn what_a_profile_gives_is_noted() {
    let mut files = common::Memory::default();
    let keys = "profile = \"ours\"\npriority = 3";
    files.files.insert("t".into(), with(keys, OURS).into_bytes());
    let (_, report) = config::check("t".as_ref(), &mut files);
    assert_eq!(
        report.notes,
        [
            "trunk.carrier-a: profile ours gives codecs, failover, identity, number_format; written in the trunk too: priority"
        ]
    );
}

#[test]
fn a_profile_of_the_configuration_goes_before_one_that_comes_with_tandem() {
    let own = "[[profile]]\nname = \"generic-carrier\"\npriority = 9\n";
    let config = good(&with("profile = \"generic-carrier\"", own));
    assert_eq!(config.trunk("carrier-a").unwrap().priority, 9);
}

#[test]
fn what_is_wrong_with_a_profile_is_told_once_and_where_it_stands() {
    let at = |line: usize| GOOD.lines().count() + line;
    for (profile, expected) in [
        (
            "[[profile]]\nname = \"p\"\ncolour = 1\n",
            format!("t:{}:1: profile.p: unknown key \"colour\"", at(4)),
        ),
        (
            "[[profile]]\nname = \"p\"\npriority = \"x\"\n",
            format!(
                "t:{}:12: profile.p.priority: is a string; expected a whole number from 0 to 65535",
                at(4)
            ),
        ),
        (
            "[[profile]]\nname = \"p\"\nprofile = \"q\"\n",
            format!(
                "t:{}:1: profile.p: a profile takes nothing from another; expected the key left out",
                at(4)
            ),
        ),
        (
            "[[profile]]\npriority = 1\n[[profile]]\nname = \"p\"\n",
            format!(
                "t:{}:1: profile: the key `name` is missing; expected a name of 1 to 64 letters, digits, `-`, `_` or `.`",
                at(2)
            ),
        ),
    ] {
        assert_eq!(said(&with("profile = \"p\"", profile)), [expected], "{profile}");
    }
    let twice = said(&with(
        "",
        "[[profile]]\nname = \"p\"\n[[profile]]\nname = \"p\"\n",
    ));
    assert_eq!(
        twice,
        [format!(
            "t:{}:8: profile: there is a profile \"p\" already, at t:{}; expected another",
            at(5),
            at(3)
        )]
    );
}

#[test]
fn a_profile_that_there_is_not_is_refused_with_the_one_that_was_meant() {
    let line = GOOD.lines().count() + 1;
    for (name, meant) in [("generic-carier", "generic-carrier"), ("our", "ours")] {
        let expected = format!(
            "t:{line}:11: trunk.carrier-a.profile: there is no profile \"{name}\"; expected the name of a [[profile]], or one \
             that `tandem profiles` lists; did you mean \"{meant}\"?"
        );
        assert_eq!(said(&with(&format!("profile = \"{name}\""), OURS)), [expected]);
    }
}

#[test]
fn a_password_in_a_profile_is_masked() {
    let own = "[[profile]]\nname = \"p\"\nauth = { username = \"u\", password = \"hush\" }\n";
    let config = good(&with("profile = \"p\"", own));
    assert_eq!(
        config
            .trunk("carrier-a")
            .unwrap()
            .auth
            .as_ref()
            .unwrap()
            .password
            .expose(),
        "hush"
    );
    assert!(!config.to_masked_toml().contains("hush"));
}

/// Each profile by itself, on a trunk that has nothing but what every trunk needs.
#[test]
fn every_profile_that_comes_with_tandem_makes_a_trunk() {
    for (name, text) in config::builtin() {
        assert!(
            text.starts_with("# "),
            "{name}: its first line says what it is for"
        );
        let role = "role = \"carrier\"\n";
        let keys = format!("profile = \"{name}\"");
        for text in [with(&keys, ""), with(&keys, "").replace(role, "")] {
            let report = config::parse(&text, "t");
            let missing = report.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(
                report.is_ok() || missing.contains("the key `role` is missing"),
                "{name}: {missing}"
            );
        }
    }
}

#[test]
fn identity_keys_that_need_one_another_are_checked() {
    let line = GOOD.lines().count() + 1;
    for (keys, expected) in [
        (
            "screening = { others = \"replace\" }",
            format!(
                "t:{line}:24: trunk.carrier-a.screening.others: has no number to present; expected default = \"+…\" beside it"
            ),
        ),
        (
            "number_format = \"national\"",
            format!(
                "t:{line}:17: trunk.carrier-a.number_format: \"national\" says nothing without a country; expected numbering = \
                 {{ country_code = \"…\" }} in this trunk"
            ),
        ),
        (
            "headers = [{ action = \"rewrite\", name = \"X-A\", match = \"a\" }]",
            format!(
                "t:{line}:12: trunk.carrier-a.headers[0]: \"rewrite\" needs `value`; expected value = \"…\" beside it"
            ),
        ),
        (
            "headers = [{ action = \"remove\", name = \"X-A\", value = \"a\" }]",
            format!(
                "t:{line}:12: trunk.carrier-a.headers[0]: \"remove\" has no use for `value`; expected the key left out"
            ),
        ),
        (
            "headers = [{ action = \"remove\", name = \"X-A\", match = \"(\" }]",
            format!(
                "t:{line}:55: trunk.carrier-a.headers[0].match: \"(\" is no regular expression: unclosed group; expected a \
                 regular expression of up to 255 characters"
            ),
        ),
        (
            "headers = [{ action = \"remove\", name = \"Via\" }]",
            format!(
                "t:{line}:40: trunk.carrier-a.headers[0].name: \"Via\" belongs to one leg and is never carried over; expected a \
                 header that says nothing about the leg it came on"
            ),
        ),
        (
            "pass_headers = [\"Diversion\"]",
            format!(
                "t:{line}:17: trunk.carrier-a.pass_headers[0]: \"Diversion\" names people or hosts of one side; expected the key \
                 `identity`, which says what becomes of it"
            ),
        ),
        (
            "sdp = { remove_attributes = [\"rtpmap\"] }",
            format!(
                "t:{line}:30: trunk.carrier-a.sdp.remove_attributes[0]: without \"rtpmap\" the media would not be understood; \
                 expected an attribute that only describes"
            ),
        ),
    ] {
        assert_eq!(said(&with(keys, "")), [expected], "{keys}");
    }
}
