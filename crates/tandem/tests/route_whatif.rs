//! Another configuration than the one in force: past calls planned by it, calls in its shadow, a share of calls by it, and how it comes
//! into force. Through the daemon, its store and its command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use serde_json::Value;
use sip_msg::Message;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use support::{NUMBER, engines, is, ms, until};
use testbed::{Bed, Setup, SipPeer, sdp};

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

/// Carriers with these decks; what the customer pays is the same in all.
fn decks(setup: Setup, b1: &str, b2: &str) -> Setup {
    let setup = setup
        .t1_ms(25)
        .key("b1", &format!("deck = \"{b1}.csv\""))
        .key("b2", &format!("deck = \"{b2}.csv\""))
        .key("pbx", "sell_deck = \"sell.csv\"");
    engines::chosen(setup)
}

/// A switch by whose decks b1 is the cheaper one.
fn start() -> Bed {
    Bed::start_with(TANDEM, |dir, setup| {
        for (name, rate) in [
            ("ten", "0.010"),
            ("twenty", "0.020"),
            ("five", "0.005"),
            ("sell", "0.050"),
        ] {
            let text = format!("prefix,rate,first_interval,increment\n44,{rate},1,1\n");
            std::fs::write(dir.join(format!("{name}.csv")), text).unwrap();
        }
        decks(setup, "ten", "twenty")
    })
}

/// A configuration of this bed's in a file beside the one in force.
fn written(bed: &Bed, name: &str, setup: &Setup) -> PathBuf {
    let path = bed.dir().join(name);
    std::fs::write(&path, bed.toml(setup)).unwrap();
    path
}

/// One by which b2 is the cheaper one.
fn cheaper(bed: &Bed) -> PathBuf {
    written(bed, "cheaper.toml", &decks(Setup::default(), "ten", "five"))
}

fn tandem(bed: &Bed, arguments: &[&str]) -> Output {
    let mut command = Command::new(TANDEM);
    command.args(arguments).arg("--config").arg(bed.config());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What a command that has to succeed prints.
fn done(bed: &Bed, arguments: &[&str]) -> String {
    let output = tandem(bed, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(bed: &Bed, arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&done(bed, &arguments)).unwrap()
}

/// The INVITE that has come to one of the two, and to whom.
fn taken(peers: [&SipPeer; 2]) -> (usize, Message, SocketAddr) {
    for _ in 0..500 {
        for (index, peer) in peers.into_iter().enumerate() {
            let invite = peer.wait_for("an INVITE", ms(10), is("INVITE"));
            if let Some(invite) = invite {
                return (index, invite.message, invite.from);
            }
        }
    }
    panic!("neither carrier gets the call");
}

/// A call from A: which carrier had it. It is answered, and hung up by the caller.
fn goes_to(bed: &Bed, alice: &SipPeer, peers: [&SipPeer; 2]) -> usize {
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let (index, invite, from) = taken(peers);
    let leg = peers[index].taken(&invite, from);
    leg.answer(&sdp::offer([bed.places.rtp_b1, bed.places.rtp_b2][index]));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    index
}

/// A trunk's pair in a list of such.
fn pair(list: &Value, trunk: &str, key: &str) -> [f64; 2] {
    let all = list.as_array().unwrap();
    let of = all.iter().find(|of| of["trunk"] == trunk);
    of.map_or([0.0; 2], |of| [0, 1].map(|side| of[key][side].as_f64().unwrap()))
}

#[test]
fn past_calls_are_planned_again_by_another_configuration() {
    let bed = start();
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    for _ in 0..3 {
        assert_eq!(goes_to(&bed, &alice, [&bob, &carol]), 0);
    }
    // b1 has no room for one more: it goes on to b2.
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(503);
    leg.expect_request("ACK");
    let leg = carol.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    let _ = bed.wait_records(4);

    let records = bed.dir().join("records.jsonl");
    std::fs::write(&records, done(&bed, &["records", "--json"])).unwrap();
    let new = cheaper(&bed);
    let (records, new) = (records.to_str().unwrap(), new.to_str().unwrap());
    let run = |arguments: &[&str], input: Option<&str>| {
        let mut command = Command::new(TANDEM);
        command.args(["route", "replay"]).args(arguments);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        to.write_all(input.unwrap_or_default().as_bytes()).unwrap();
        drop(to);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&run(&[records, "--config", new, "--json"], None)).unwrap();
    assert_eq!(
        (&report["calls"], &report["moved"]),
        (&4.into(), &4.into()),
        "{report:#}"
    );
    assert_eq!(pair(&report["shares"], "b1", "first"), [1.0, 0.0]);
    assert_eq!(pair(&report["shares"], "b2", "first"), [0.0, 1.0]);
    assert_eq!(report["recorded"]["asr"], 1.0);
    let cost = |side: &str| report[side]["cost"].as_f64().unwrap();
    assert!(
        cost("recorded") > 0.0 && cost("after") < cost("before"),
        "{report:#}"
    );
    assert!(report["after"]["margin"].as_f64() > report["before"]["margin"].as_f64());

    // The store and standard input say the same.
    let text = std::fs::read_to_string(records).unwrap();
    let stored: Value = serde_json::from_str(&run(&["--config", new, "--json"], None)).unwrap();
    let piped: Value = serde_json::from_str(&run(&["-", "--config", new, "--json"], Some(&text))).unwrap();
    for other in [stored, piped] {
        assert_eq!(
            (&other["calls"], &other["shares"]),
            (&report["calls"], &report["shares"])
        );
    }
    let words = run(&[records, "--config", new], None);
    assert!(
        words.starts_with("4 calls planned again\n") && words.contains("4 b1 -> b2"),
        "{words}"
    );

    // The configuration in force changes nothing.
    let same = bed.config();
    let same: Value = serde_json::from_str(&run(
        &[records, "--config", same.to_str().unwrap(), "--json"],
        None,
    ))
    .unwrap();
    assert_eq!(
        (&same["moved"], &same["before"]),
        (&0.into(), &same["after"]),
        "{same:#}"
    );
    bed.finish_lingering(4, 1);
}

#[test]
fn a_shadow_counts_what_it_would_have_done_and_calls_nobody() {
    let bed = start();
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let new = cheaper(&bed);
    let new = new.to_str().unwrap();
    let none = tandem(&bed, &["route", "shadow"]);
    assert!(
        !none.status.success() && said(&none).contains("there is no shadow"),
        "{}",
        said(&none)
    );
    let begun = done(&bed, &["route", "shadow", new]);
    assert!(begun.contains("trunk.b2.deck"), "{begun}");
    for _ in 0..3 {
        assert_eq!(
            goes_to(&bed, &alice, [&bob, &carol]),
            0,
            "the configuration in force decides"
        );
    }
    let tally = json(&bed, &["route", "shadow"]);
    assert_eq!(
        (
            &tally["calls"],
            &tally["same_first"],
            &tally["cheaper"],
            &tally["dearer"]
        ),
        (&3.into(), &0.into(), &3.into(), &0.into()),
        "{tally:#}"
    );
    assert_eq!(pair(&tally["shares"], "b1", "share"), [1.0, 0.0]);
    assert_eq!(pair(&tally["shares"], "b2", "share"), [0.0, 1.0]);
    let cost = [0, 1].map(|side| tally["cost"][side].as_f64().unwrap());
    assert!(
        (cost[0] - 0.03).abs() < 1e-9 && (cost[1] - 0.015).abs() < 1e-9,
        "{cost:?}"
    );
    let words = done(&bed, &["route", "shadow"]);
    assert!(words.contains("3 cheaper, 0 dearer"), "{words}");

    // What is more than routing can't be tried out, and the shadow that there is stays.
    let other = decks(Setup::default(), "ten", "five").sip("max_spirals = 3");
    let other = written(&bed, "other.toml", &other);
    let refused = tandem(&bed, &["route", "shadow", other.to_str().unwrap()]);
    assert!(
        !refused.status.success() && said(&refused).contains("sip.max_spirals"),
        "{}",
        said(&refused)
    );
    assert_eq!(json(&bed, &["route", "shadow"])["calls"], 3);

    done(&bed, &["route", "shadow", "--off"]);
    assert!(!tandem(&bed, &["route", "shadow"]).status.success());
    assert_eq!(goes_to(&bed, &alice, [&bob, &carol]), 0);
    bed.finish_lingering(4, 0);
}

#[test]
fn a_canary_gets_its_share_and_is_promoted() {
    const CALLS: usize = 30;
    let bed = start();
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let peers = [&bob, &carol];
    let new = cheaper(&bed);
    let new = new.to_str().unwrap();
    let nothing = tandem(&bed, &["route", "promote"]);
    assert!(
        said(&nothing).contains("nothing of the kind is tried out"),
        "{}",
        said(&nothing)
    );
    done(&bed, &["route", "canary", new, "--share", "50"]);
    let mut had = [0; 2];
    for _ in 0..CALLS {
        had[goes_to(&bed, &alice, peers)] += 1;
    }
    assert!(had[0] > 0 && had[1] > 0, "{had:?}");
    let records = bed.wait_records(CALLS);
    for record in &records {
        let decision = record.0["decision"].as_array().unwrap();
        let on_trial = decision
            .iter()
            .any(|line| line.as_str().unwrap().contains("canary"));
        assert_eq!(on_trial, record.text("to_trunk") == "b2", "{record:#?}");
    }
    let view = json(&bed, &["route", "canary"]);
    assert_eq!(
        (&view["control"]["calls"], &view["canary"]["calls"]),
        (&had[0].into(), &had[1].into()),
        "{view:#}"
    );
    assert_eq!(view["canary"]["asr"]["mean"], 1.0);
    let cost = |arm: &str| view[arm]["cost"]["mean"].as_f64().unwrap();
    assert!(cost("canary") < cost("control"), "{view:#}");
    let words = done(&bed, &["route", "canary"]);
    assert!(
        words.contains("gets 50 % of new calls") && words.contains("ASR %"),
        "{words}"
    );

    // A reload of the file in force leaves it alone.
    done(&bed, &["reload"]);
    assert_eq!(json(&bed, &["route", "canary"])["share"], 0.5);

    let promoted = done(&bed, &["route", "promote"]);
    let file = bed.config();
    assert!(
        promoted.contains(&format!("the next reload or start reads {}", file.display())),
        "{promoted}"
    );
    assert!(
        !tandem(&bed, &["route", "canary"]).status.success(),
        "it is in force now"
    );
    for _ in 0..5 {
        assert_eq!(goes_to(&bed, &alice, peers), 1);
    }
    // A change of a deck that was in force before does not bring it back; a reload of the file does.
    std::fs::write(
        bed.dir().join("twenty.csv"),
        "prefix,rate,first_interval,increment\n44,0.021,1,1\n",
    )
    .unwrap();
    std::thread::sleep(ms(1_500));
    assert_eq!(goes_to(&bed, &alice, peers), 1);
    done(&bed, &["reload"]);
    until("the file in force decides again", || {
        goes_to(&bed, &alice, peers) == 0
    });
    bed.finish_lingering(CALLS + 7, 0);
}
