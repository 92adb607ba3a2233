//! Numbers whose calls go on to backups when nobody has answered.

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed, X, addr};

use super::common::{
    DESK, asked, call, cancelled, gives_up, invited, places, refuse, refused, sent_on, talk, tried, with_desk,
};

/// Every case has a backup of its own.
const ALL: &str = "ring = \"10s\"\non_busy = { trunk = \"b1\", number = \"201\" }\n\
    on_no_answer = { trunk = \"b1\", number = \"202\" }\non_failure = { trunk = \"b1\", number = \"203\" }\n\
    on_unregistered = { trunk = \"b1\", number = \"204\" }";

/// What the desk does, and where the call goes on to, why, and as which diversion.
#[test]
fn every_way_not_to_answer_has_its_backup() {
    for (rings, status, number, why) in [
        (false, 486, "201", "busy"),
        (true, 486, "201", "busy"),
        (true, 603, "201", "busy"),
        (true, 480, "202", "no-answer"),
        (true, 0, "202", "no-answer"),
        (false, 503, "203", "failure"),
        (false, 404, "203", "failure"),
        (false, 0, "203", "failure"),
        (false, 480, "204", "unregistered"),
    ] {
        let mut bed = with_desk(ALL, "", "");
        let mut a = call(&mut bed, DESK);
        let desk = if rings {
            invited(&mut bed, X)
        } else {
            asked(&mut bed, X)
        };
        if rings {
            bed.send(X, &desk.0.reply(&desk.1, 180, None));
            bed.expect(A, "180 INVITE");
        }
        let begun = bed.world.elapsed();
        if status > 0 {
            refuse(&mut bed, X, &desk, status);
        } else if rings {
            cancelled(&mut bed, X, &desk);
            let waited = bed.world.elapsed() - begun;
            assert!((9_900..10_500).contains(&waited.as_millis()), "{waited:?}");
        }
        let backup = invited(&mut bed, B1);
        bed.drain(X);
        assert_eq!(
            backup.1.uri(),
            format!("sip:{number}@127.0.0.20:5080"),
            "{status} {rings}"
        );
        talk(&mut bed, &mut a, B1, &backup);
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), 2);
        assert_eq!(sent_on(&record)[1], (number, why), "{status} {rings}");
        assert_eq!(sent_on(&record)[0], ("", ""));
        assert_eq!(record.called, DESK);
        assert_eq!(record.to_trunk.as_deref(), Some("b1"));
        let line = format!("{why}: on to {number} at b1");
        assert!(record.decision.contains(&line), "{:?}", record.decision);
    }
}

/// What nobody shall have goes nowhere: the caller hears it.
#[test]
fn unwanted_calls_go_nowhere() {
    for status in [607, 608, 487] {
        let mut bed = with_desk(ALL, "", "");
        let mut a = call(&mut bed, DESK);
        let desk = invited(&mut bed, X);
        refuse(&mut bed, X, &desk, status);
        refused(&mut bed, &mut a, status);
        bed.quiet(B1, 500);
        assert_eq!(bed.settle_one().attempts.len(), 1);
    }
}

/// The backup is told who had the call before, as its trunk wants to be told.
#[test]
fn a_backup_is_told_of_the_diversion() {
    let rule = "on_busy = [{ trunk = \"b1\", number = \"200\" }, { trunk = \"b2\", number = \"300\" }]";
    for (mode, header, value) in [
        (
            "diversion",
            "Diversion",
            vec!["<sip:+442071838750@127.0.0.1:5060>;reason=user-busy;privacy=off"],
        ),
        (
            "pass",
            "Diversion",
            vec!["<sip:+442071838750@127.0.0.1:5060>;reason=user-busy;privacy=off"],
        ),
        (
            "history-info",
            "History-Info",
            vec![
                "<sip:+442071838750@127.0.0.1:5060>;index=1",
                "<sip:200@127.0.0.1:5060;cause=486>;index=1.1;mp=1",
            ],
        ),
        ("strip", "Diversion", vec![]),
        ("strip", "History-Info", vec![]),
    ] {
        let mut bed = with_desk(rule, "", "");
        let toml = format!("identity = {{ diversion = \"{mode}\" }}");
        let config = testkit::bed::config(&[("name = \"b1\"", &toml)]);
        let rest = format!(
            "[[trunk]]\nname = \"desk\"\nrole = \"customer\"\nsources = [\"127.0.0.66/32\"]\n\
             targets = [{{ uri = \"sip:{X}\" }}]\n[[number]]\nmatch = \"{DESK}\"\nto = \"desk\"\n{rule}"
        );
        bed.reload(&format!("{config}\n{rest}"));
        let mut a = call(&mut bed, DESK);
        let desk = invited(&mut bed, X);
        refuse(&mut bed, X, &desk, 486);
        let first = invited(&mut bed, B1);
        let told: Vec<&str> = first.1.all(header).flat_map(|line| line.split(", ")).collect();
        assert_eq!(told, value, "{mode}");
        assert_eq!(
            first.1.get("From").unwrap().split(';').next(),
            Some("<sip:+4930111@127.0.0.1:5060>")
        );
        refuse(&mut bed, B1, &first, 503);
        let second = invited(&mut bed, B2);
        assert_eq!(second.1.get("Diversion"), None, "b2 wants none");
        talk(&mut bed, &mut a, B2, &second);
        let record = bed.settle_one();
        assert_eq!(
            tried(&record),
            [
                ("desk", "refused", 486),
                ("b1", "refused", 503),
                ("b2", "answered", 200)
            ]
        );
        assert_eq!(sent_on(&record)[1..], [("200", "busy"), ("300", "busy")]);
    }
}

/// When no backup answers either, the caller hears what tells most.
#[test]
fn the_caller_hears_what_tells_most_of_all() {
    let rule = "on_busy = [\"b1\", \"b2\"]";
    for (said, heard, kind) in [
        ([486, 503, 503], 486, "busy"),
        ([486, 404, 480], 486, "busy"),
        ([486, 503, 603], 603, "refused"),
    ] {
        let mut bed = with_desk(rule, "", "");
        let mut a = call(&mut bed, DESK);
        for (at, status) in [X, B1, B2].into_iter().zip(said) {
            let invite = invited(&mut bed, at);
            if at == B1 {
                assert_eq!(invite.1.uri(), format!("sip:{DESK}@127.0.0.20:5080"));
            }
            refuse(&mut bed, at, &invite, status);
        }
        refused(&mut bed, &mut a, heard);
        let record = bed.settle_one();
        assert_eq!((record.cause.kind.as_str(), record.cause.sip), (kind, heard));
        assert_eq!(record.attempts.len(), 3);
    }
}

/// A number is called as a call of its customer's: its destinations, its places, its pace.
#[test]
fn a_number_is_called_as_a_call_of_whose_number_it_was() {
    let rule = "on_busy = \"+4930999\"";
    let mut bed = with_desk(rule, "max_calls = 2", "");
    let mut a = call(&mut bed, DESK);
    let desk = invited(&mut bed, X);
    assert_eq!(places(&bed), 2);
    refuse(&mut bed, X, &desk, 486);
    let carrier = invited(&mut bed, B1);
    assert_eq!(carrier.1.uri(), "sip:+4930999@127.0.0.20:5080");
    assert_eq!(places(&bed), 3, "the caller's, the desk's, the carrier's");
    talk(&mut bed, &mut a, B1, &carrier);
    let record = bed.settle_one();
    assert_eq!(places(&bed), 0);
    let line = "busy: on to +4930999 as a call of desk";
    assert!(
        record.decision.iter().any(|other| other == line),
        "{:?}",
        record.decision
    );

    for (desk, more, why) in [
        ("destinations = { deny = [\"+4930*\"] }", "", "denied"),
        ("", "[destinations]\ndeny = [\"+4930*\"]", "denied"),
        ("max_cps = 1", "", "may have no more calls"),
    ] {
        let mut bed = with_desk(rule, desk, more);
        let mut a = call(&mut bed, DESK);
        let at_desk = invited(&mut bed, X);
        refuse(&mut bed, X, &at_desk, 486);
        refused(&mut bed, &mut a, 486);
        bed.quiet(B1, 100);
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), 1);
        let line = record
            .decision
            .iter()
            .find(|line| line.starts_with("busy: not to"));
        assert!(line.is_some(), "{why}: {:?}", record.decision);
        assert_eq!(places(&bed), 0);
    }
}

/// Two numbers that send their calls to each other.
#[test]
fn numbers_that_send_a_call_to_each_other_come_to_an_end() {
    let other = "+442071838751";
    let more = format!("[[number]]\nmatch = \"{other}\"\nto = \"desk\"\non_busy = \"{DESK}\"");
    let mut bed = with_desk(&format!("on_busy = \"{other}\""), "", &more);
    let mut a = call(&mut bed, DESK);
    for number in [DESK, other] {
        let desk = invited(&mut bed, X);
        assert_eq!(desk.1.uri(), format!("sip:{number}@127.0.0.66:5066"));
        refuse(&mut bed, X, &desk, 486);
    }
    refused(&mut bed, &mut a, 486);
    bed.quiet(X, 100);
    let record = bed.settle_one();
    assert_eq!(record.attempts.len(), 2);
    let line = format!("busy: not to {DESK} as a call of desk: it was there before");
    assert!(record.decision.contains(&line), "{:?}", record.decision);
}

/// A long line of numbers, each with the next as its backup: it has an end.
#[test]
fn a_call_is_sent_on_so_often_and_no_more() {
    let number = |n: usize| format!("+4420718387{:02}", 60 + n);
    let rule = |n: usize| {
        format!(
            "[[number]]\nmatch = \"{}\"\nto = \"desk\"\non_busy = \"{}\"\n",
            number(n),
            number(n + 1)
        )
    };
    let more: String = (0..12).map(rule).collect();
    let mut bed = with_desk("", "", &more);
    let mut a = call(&mut bed, &number(0));
    // The first, and five times on.
    for _ in 0..6 {
        let desk = invited(&mut bed, X);
        refuse(&mut bed, X, &desk, 486);
    }
    refused(&mut bed, &mut a, 486);
    assert_eq!(bed.settle_one().attempts.len(), 6);
    assert_eq!(places(&bed), 0);
}

/// LC-06: a trunk that is switched off is not replaced by any that its route does not name.
#[test]
fn a_route_without_a_trunk_that_works_ends() {
    for (rule, expected) in [
        ("", 503),
        ("on_failure = \"off\"", 503),
        ("on_busy = \"b1\"", 503),
    ] {
        let off = "[[trunk]]\nname = \"off\"\nrole = \"carrier\"\nenabled = false\ntargets = [{ uri = \"sip:127.0.0.99\" }]";
        let mut bed = with_desk(rule, "enabled = false", off);
        let mut a = call(&mut bed, DESK);
        let begun = bed.world.elapsed();
        refused(&mut bed, &mut a, expected);
        assert!(bed.world.elapsed() - begun < Duration::from_millis(200));
        for at in [X, B1, B2] {
            bed.quiet(at, 100);
        }
        let record = bed.settle_one();
        assert_eq!(
            (record.cause.kind.as_str(), record.attempts.len()),
            ("no-route", 0)
        );
    }
}

/// LC-06, the other way round: what its route does name gets the call.
#[test]
fn a_backup_takes_the_calls_of_a_trunk_that_is_switched_off() {
    let rule = "on_failure = [\"off\", \"b2\"]";
    let off = "[[trunk]]\nname = \"off\"\nrole = \"carrier\"\nenabled = false\ntargets = [{ uri = \"sip:127.0.0.99\" }]";
    let mut bed = with_desk(rule, "enabled = false", off);
    let mut a = call(&mut bed, DESK);
    let backup = invited(&mut bed, B2);
    talk(&mut bed, &mut a, B2, &backup);
    bed.quiet(B1, 10);
    let record = bed.settle_one();
    assert!(
        record
            .decision
            .contains(&"failure: not to off: disabled".to_owned())
    );
    assert_eq!(sent_on(&record), [(DESK, "failure")]);
}

/// A user that has not registered.
#[test]
fn a_user_that_is_nowhere_has_its_backup() {
    for (key, why) in [
        ("on_unregistered", "unregistered"),
        ("on_failure", "unregistered"),
    ] {
        let more = format!(
            "[[trunk]]\nname = \"phones\"\nrole = \"customer\"\nusers = [{{ username = \"alice\", password = \"secret\" }}]\n\
             [[number]]\nmatch = \"+442079460000\"\nto = \"phones\"\n{key} = {{ trunk = \"b2\", number = \"vm\" }}"
        );
        let mut bed = with_desk("", "", &more);
        let mut a = call(&mut bed, "+442079460000");
        let vm = invited(&mut bed, B2);
        assert_eq!(vm.1.uri(), "sip:vm@127.0.0.21:5081");
        talk(&mut bed, &mut a, B2, &vm);
        let record = bed.settle_one();
        assert_eq!(
            tried(&record),
            [("phones", "not-registered", 480), ("b2", "answered", 200)]
        );
        assert_eq!(sent_on(&record)[1], ("vm", why));
    }
}

/// `to` is in order for failures, and its backups are for when all of it is through.
#[test]
fn backups_come_behind_all_that_the_rule_names_first() {
    let more = "[[number]]\nmatch = \"+442079460000\"\nto = [\"desk\", \"b1\"]\non_failure = \"b2\"\non_busy = \"b2\"";
    for (at_desk, at_b1, why) in [(503, 503, "failure"), (503, 486, "busy"), (486, 0, "busy")] {
        let mut bed = with_desk("", "", more);
        let mut a = call(&mut bed, "+442079460000");
        let desk = invited(&mut bed, X);
        refuse(&mut bed, X, &desk, at_desk);
        if at_b1 > 0 {
            let b1 = invited(&mut bed, B1);
            refuse(&mut bed, B1, &b1, at_b1);
        }
        let b2 = invited(&mut bed, B2);
        talk(&mut bed, &mut a, B2, &b2);
        let record = bed.settle_one();
        assert_eq!(record.attempts.last().unwrap().why.as_deref(), Some(why));
    }
}

#[test]
fn a_caller_that_gives_up_stops_the_backup_too() {
    let mut bed = with_desk("on_busy = [\"b1\", \"b2\"]", "", "");
    let mut a = call(&mut bed, DESK);
    let desk = invited(&mut bed, X);
    refuse(&mut bed, X, &desk, 486);
    let b1 = invited(&mut bed, B1);
    bed.send(B1, &b1.0.reply(&b1.1, 180, None));
    bed.expect(A, "180 INVITE");
    gives_up(&mut bed, &mut a);
    cancelled(&mut bed, B1, &b1);
    bed.quiet(B2, 1000);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "cancelled");
    assert_eq!(
        tried(&record),
        [("desk", "refused", 486), ("b1", "cancelled", 487)]
    );
}

/// The caller has heard the desk's early media; the backup's answer takes its place.
#[test]
fn media_goes_along() {
    let mut bed = with_desk("ring = \"5s\"\non_no_answer = \"b2\"", "", "");
    let mut a = call(&mut bed, DESK);
    let desk = invited(&mut bed, X);
    let early = Bed::carrier_end(X).answer(desk.1.sdp().unwrap(), "sendrecv");
    bed.send(X, &desk.0.reply(&desk.1, 183, Some(&early)));
    bed.expect(A, "183 INVITE");
    cancelled(&mut bed, X, &desk);
    let b2 = invited(&mut bed, B2);
    bed.send(B2, &Bed::answer_of(B2, &b2.0, &b2.1));
    bed.expect(B2, "ACK");
    super::common::connected(&mut bed, &mut a);
    let heard = bed.world.media.legs()[1].remote.unwrap().rtp;
    assert_eq!(heard, addr("127.0.0.21:31000"));
    super::common::hang_up(&mut bed, &mut a, B2, &b2.0);
    bed.settle_one();
}
