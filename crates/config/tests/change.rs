//! What a reload changes, and what is never shown of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::GOOD;
use config::{Config, Secret, parse};

fn good(text: &str) -> Config {
    parse(text, "t").unwrap_or_else(|report| panic!("{report}"))
}

fn changes(old: &str, new: &str) -> Vec<String> {
    good(old)
        .diff(&good(new))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn nothing_differs_from_itself() {
    assert_eq!(changes(GOOD, GOOD), Vec::<String>::new());
    assert_eq!(
        changes(GOOD, &format!("# a remark\n[sip]\nt1 = \"500ms\"\n{GOOD}")),
        Vec::<String>::new()
    );
}

#[test]
fn each_changed_key_is_told_with_both_values() {
    for (lines, expected) in [
        ("[sip]\nmax_calls = 7", "sip.max_calls: 5000 -> 7"),
        (
            "[sip]\nt1 = \"1s\"",
            "sip.t1: \"500ms\" -> \"1s\" (needs a restart)",
        ),
        (
            "[node]\ndata_dir = \"/srv\"",
            "node.data_dir: \"/var/lib/tandem\" -> \"/srv\" (needs a restart)",
        ),
        (
            "[node]\nregion = \"eu\"",
            "node.region: (not set) -> \"eu\" (needs a restart)",
        ),
        (
            "[media]\nworkers = 2",
            "media.workers: (not set) -> 2 (needs a restart)",
        ),
        (
            "[media]\nports = \"10000-10999\"",
            "media.ports: \"10000-29999\" -> \"10000-10999\"",
        ),
        (
            "[media]\nrtp_timeout = \"off\"",
            "media.rtp_timeout: \"1m\" -> \"off\"",
        ),
        (
            "[api]\nbind = \"127.0.0.1:1\"",
            "api.bind: \"127.0.0.1:8080\" -> \"127.0.0.1:1\" (needs a restart)",
        ),
        (
            "[records]\npath = \"/r\"",
            "records.path: (not set) -> \"/r\" (needs a restart)",
        ),
    ] {
        assert_eq!(changes(GOOD, &format!("{lines}\n{GOOD}")), [expected], "{lines}");
    }
    assert_eq!(
        changes(GOOD, &GOOD.replace("127.0.0.1:5060", "127.0.0.1:5062")),
        ["listen[0].bind: \"127.0.0.1:5060\" -> \"127.0.0.1:5062\" (needs a restart)"]
    );
}

#[test]
fn trunks_are_followed_by_name_whatever_their_order() {
    let start = GOOD.find("[[trunk]]").unwrap();
    let second = GOOD.rfind("[[trunk]]").unwrap();
    let swapped = format!("{}{}{}", &GOOD[..start], &GOOD[second..], &GOOD[start..second]);
    assert_eq!(changes(GOOD, &swapped), Vec::<String>::new());
    assert_eq!(
        changes(
            GOOD,
            &format!("{GOOD}max_calls = 9\n[trunk.failover]\ntrying = \"1s\"\n")
        ),
        [
            "trunk.carrier-a.max_calls: (not set) -> 9",
            "trunk.carrier-a.failover.trying: \"4s\" -> \"1s\"",
        ]
    );
    let renamed = good(GOOD).diff(&good(&GOOD.replace("carrier-a", "carrier-b")));
    let paths: Vec<(&str, bool, bool)> = renamed
        .iter()
        .map(|c| (c.path.as_str(), c.from.is_empty(), c.to.is_empty()))
        .collect();
    assert_eq!(
        paths,
        [("trunk.carrier-a", false, true), ("trunk.carrier-b", true, false)]
    );
}

#[test]
fn number_rules_are_followed_by_their_pattern() {
    let rule = |to: &str| format!("{GOOD}[[number]]\nmatch = \"+44*\"\nto = \"{to}\"\n");
    assert_eq!(
        changes(&rule("pbx"), &rule("carrier-a")),
        ["number.+44*.to: \"pbx\" -> \"carrier-a\""]
    );
}

#[test]
fn a_secret_is_never_shown() {
    let with = |password: &str| {
        good(&format!(
            "{GOOD}auth = {{ username = \"user\", password = \"{password}\" }}\n"
        ))
    };
    let (old, new) = (with("hunter2"), with("correct-horse"));
    let mut shown = vec![
        format!("{old:?}"),
        format!("{old:#?}"),
        old.to_masked_toml(),
        old.to_masked_json().to_string(),
    ];
    let changes = old.diff(&new);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, "trunk.carrier-a.auth.password");
    shown.extend(
        changes
            .iter()
            .flat_map(|change| [format!("{change:?}"), change.to_string()]),
    );
    // A trunk that comes or goes is shown whole.
    shown.extend(good(GOOD).diff(&new).iter().map(ToString::to_string));
    let without = good(&GOOD.replace("carrier-a", "carrier-z"));
    shown.extend(old.diff(&without).iter().map(ToString::to_string));
    let secret = Secret::from("hunter2".to_owned());
    shown.extend([
        format!("{secret}"),
        format!("{secret:?}"),
        serde_json::to_string(&secret).unwrap(),
    ]);
    assert!(shown.iter().filter(|text| text.contains("********")).count() >= shown.len() - 3);
    for text in shown {
        assert!(
            !text.contains("hunter2") && !text.contains("correct-horse"),
            "{text}"
        );
    }
    assert_eq!(
        new.trunk("carrier-a")
            .unwrap()
            .auth
            .as_ref()
            .unwrap()
            .password
            .expose(),
        "correct-horse"
    );
}
