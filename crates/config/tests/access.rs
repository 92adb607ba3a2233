//! Users, registrations of ours and of others.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::GOOD;
use config::{Challenge, DigestAlgorithm, Keepalive, parse};
use std::time::Duration;

/// A trunk more at the end of `GOOD`; every error and warning.
fn said(trunk: &str) -> Vec<String> {
    match parse(&format!("{GOOD}\n[[trunk]]\nname = \"t\"\n{trunk}"), "t") {
        Ok(_) => Vec::new(),
        Err(report) => report.errors.iter().map(ToString::to_string).collect(),
    }
}

fn trunk(text: &str) -> std::sync::Arc<config::Trunk> {
    let config = parse(&format!("{GOOD}\n[[trunk]]\nname = \"t\"\n{text}"), "t");
    config
        .unwrap_or_else(|report| panic!("{report}"))
        .trunk("t")
        .unwrap()
        .clone()
}

#[test]
fn users_stand_in_for_sources_and_a_registration_for_targets() {
    let phones = trunk(
        "role = \"customer\"\nusers = [{ username = \"alice\", password = \"s\", numbers = [\"+4420*\"] }]",
    );
    assert!(phones.sources.is_empty() && phones.targets.is_empty());
    assert_eq!(phones.challenge, Challenge::Always);
    let alice = &phones.users[0];
    assert_eq!((alice.username.as_str(), alice.password.expose()), ("alice", "s"));
    assert!(alice.numbers[0].prefix);

    let carrier = trunk(
        "role = \"carrier\"\nregister = { uri = \"sip:sip.example:5070\", username = \"u\", password = \"s\" }",
    );
    let register = carrier.register.as_ref().unwrap();
    assert_eq!(
        (register.host.to_string(), register.port),
        ("sip.example".to_owned(), Some(5070))
    );
    assert_eq!(
        (register.expires, register.required),
        (Duration::from_secs(3600), false)
    );
    assert_eq!(carrier.targets[0].uri, "sip:sip.example:5070");
    let auth = carrier.auth.as_ref().unwrap();
    assert_eq!((auth.username.as_str(), auth.password.expose()), ("u", "s"));

    // What is written holds.
    let carrier = trunk(
        "role = \"carrier\"\ntargets = [{ uri = \"sip:192.0.2.1\" }]\nauth = { username = \"a\", password = \"p\" }\n\
         register = { uri = \"sip:sip.example\", username = \"u\", password = \"s\" }",
    );
    assert_eq!(carrier.targets[0].uri, "sip:192.0.2.1");
    assert_eq!(carrier.auth.as_ref().unwrap().username, "a");
}

#[test]
fn what_cannot_work_is_refused() {
    let user = |name: &str, numbers: &str| {
        format!("{{ username = \"{name}\", password = \"secret\", numbers = [{numbers}] }}")
    };
    for (text, expected) in [
        (
            format!("role = \"customer\"\nusers = [{}, {}]", user("a", ""), user("a", "\"1\"")),
            "there is a user \"a\" of trunk \"t\" already; expected a name that no other user has",
        ),
        (
            format!("role = \"customer\"\nusers = [{}, {}]", user("a", "\"1*\""), user("b", "\"+1*\"")),
            "is a number of user \"a\" of trunk \"t\" already; expected each number at one user",
        ),
        (
            "role = \"customer\"".to_owned(),
            "a customer needs `sources`; expected where its requests come from",
        ),
        (
            "role = \"carrier\"\nregister = { uri = \"sip:h.example\", username = \"u\" }".to_owned(),
            "has no `username` and `password`; expected both, here or in `auth`",
        ),
        (
            "role = \"carrier\"\nregister = { uri = \"sip:u@h.example\", username = \"u\", password = \"s\" }".to_owned(),
            "has a user part",
        ),
    ] {
        let said = said(&text);
        assert!(said.iter().any(|line| line.contains(expected)), "{text}\n{said:?}");
        assert!(!said.join("\n").contains("secret"), "{said:?}");
    }
}

#[test]
fn the_registrars_own_keys_have_defaults() {
    let config = parse(GOOD, "t").unwrap_or_else(|report| panic!("{report}"));
    let (digest, registrar) = (&config.digest, &config.registrar);
    assert_eq!((digest.realm.as_deref(), digest.integrity), (None, false));
    assert_eq!(digest.algorithms, [DigestAlgorithm::Md5]);
    assert_eq!(
        [registrar.min_expires, registrar.default_expires].map(|t| t.as_secs()),
        [60, 3600]
    );
    assert_eq!(
        (registrar.keepalive, registrar.keepalive_by),
        (None, Keepalive::Crlf)
    );
    let text = format!("[registrar]\nmin_expires = \"10m\"\nmax_expires = \"5m\"\n{GOOD}");
    let report = parse(&text, "t").unwrap_err();
    assert!(
        report
            .to_string()
            .contains("registrar.min_expires: is above `max_expires`"),
        "{report}"
    );
}
