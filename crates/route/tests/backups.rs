//! Who gets a call that nobody has answered, and the attempts of a call to one trunk alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/tables.rs"]
mod support;

use route::{Attempt, Backup, LeftOut, Live, Outcome, Request, Tables, TrunkIx, Unanswered, plan_only};
use std::time::Instant;
use support::{carrier, ix, pbx, priced, tables};

const ALL: [Unanswered; 4] = [
    Unanswered::Busy,
    Unanswered::NoAnswer,
    Unanswered::Failure,
    Unanswered::Unregistered,
];

fn rule(keys: &str) -> Tables {
    let trunks = [pbx(""), carrier("a", ""), carrier("vm", "")].concat();
    tables(&format!(
        "{trunks}[[number]]\nmatch = \"+4420*\"\nto = [\"a\", \"pbx\"]\n{keys}"
    ))
}

fn backups(tables: &Tables, called: &str, why: Unanswered) -> Vec<Backup> {
    tables
        .backups(called, why)
        .map_or(Vec::new(), |(_, backups)| backups.to_vec())
}

#[test]
fn each_case_has_its_backups_and_unregistered_those_of_failures_where_it_has_none() {
    let tables = rule(
        "on_busy = \"vm\"\non_no_answer = [\"+4930\", { trunk = \"vm\", number = \"200\" }]\non_failure = { number = \"200\" }",
    );
    let payer = Some(ix(&tables, "pbx"));
    let vm = Some(ix(&tables, "vm"));
    let one = |trunk: Option<TrunkIx>, number: Option<&str>| Backup {
        trunk,
        number: number.map(Box::from),
        payer,
    };
    let expected = [
        vec![one(vm, None)],
        vec![one(None, Some("+4930")), one(vm, Some("200"))],
        vec![one(None, Some("200"))],
        vec![one(None, Some("200"))],
    ];
    for (why, expected) in ALL.into_iter().zip(expected) {
        assert_eq!(backups(&tables, "+442071838750", why), expected, "{why}");
        assert_eq!(backups(&tables, "+49", why), [], "no rule");
    }
}

#[test]
fn a_rule_without_backups_has_none() {
    let tables = rule("");
    for why in ALL {
        assert_eq!(backups(&tables, "+4420", why), []);
    }
}

/// A live state, and the request of a call from `pbx`.
fn only(tables: &Tables, live: &Live, to: &str, target: Option<usize>) -> Result<Vec<usize>, LeftOut> {
    let request = Request {
        from: ix(tables, "pbx"),
        caller: "+4930111",
        called: "+442071838750",
        class: None,
        sell: None,
        routed: None,
        emergency: false,
        at_unix_s: 1_769_904_000,
        draw: 1,
    };
    let (attempts, limit) = plan_only(tables, live, Instant::now(), &request, (ix(tables, to), target))?;
    assert!(attempts.iter().all(|attempt| attempt.trunk == ix(tables, to)));
    assert!(limit >= 1);
    Ok(attempts.iter().map(|attempt| attempt.target).collect())
}

/// LC-06.
#[test]
fn a_call_for_one_trunk_goes_to_that_trunk_or_nowhere() {
    let three = "[[trunk]]\nname = \"three\"\nrole = \"carrier\"\ntargets = [{ uri = \"sip:c.test\", priority = 3 }, { uri = \"sip:a.test\", priority = 1 }, { uri = \"sip:b.test\", priority = 2 }]\n";
    let users = "[[trunk]]\nname = \"users\"\nrole = \"customer\"\nusers = [{ username = \"bob\", password = \"secret\" }]\n";
    let far = "[[trunk]]\nname = \"far\"\nrole = \"customer\"\nsources = [\"10.0.0.0/8\"]\n";
    let text = [
        pbx(""),
        carrier("off", "enabled = false"),
        carrier("drained", "drain = true"),
        carrier("dear", "deck = \"dear.csv\""),
        three.to_owned(),
        users.to_owned(),
        far.to_owned(),
    ]
    .concat();
    let tables = priced(&text, &[("dear", "44,1.0,1,1,0,,,true")]);
    let mut live = Live::new();
    live.install(&tables);
    let said = |to, target| only(&tables, &live, to, target);
    assert_eq!(said("off", None), Err(LeftOut::Disabled));
    assert_eq!(said("drained", None), Err(LeftOut::Draining));
    assert_eq!(said("dear", None), Err(LeftOut::Blocked));
    assert_eq!(said("far", None), Err(LeftOut::NoTarget));
    assert_eq!(said("users", None), Ok(vec![Attempt::REGISTERED]));
    assert_eq!(said("three", None), Ok(vec![1, 2, 0]));
    assert_eq!(said("three", Some(2)), Ok(vec![2]));
    assert_eq!(said("three", Some(3)), Err(LeftOut::NoTarget));
    let now = Instant::now();
    for _ in 0..3 {
        live.note_target(now, &tables, ix(&tables, "three"), 1, Outcome::Miss);
    }
    assert_eq!(
        only(&tables, &live, "three", None),
        Ok(vec![2, 0, 1]),
        "one is down"
    );
}
