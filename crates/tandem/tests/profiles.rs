//! The profiles that come with Tandem: each peer, as SIPp plays it, takes a call under its profile and none under the generic one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::process::Command;

use support::{is_answer, quick, request, text};
use testbed::{Bed, sdp};

const DIVERSION: &str = "Diversion: <sip:+442071110001@pbx>;reason=unconditional";
const HISTORY: &str =
    "History-Info: <sip:+442071110001@pbx>;index=1, <sip:+442079460000@pbx;cause=302>;index=1.1;mp=1";
const PRIVATE: &str = "Privacy: id";

/// How a call to a peer is made: the profile, the one it must fail under, the number dialled, the number that calls, more lines.
struct Row {
    profile: &'static str,
    without: Option<&'static str>,
    called: &'static str,
    caller: &'static str,
    lines: &'static [&'static str],
}

const fn row(profile: &'static str, lines: &'static [&'static str]) -> Row {
    Row {
        profile,
        without: Some("generic-carrier"),
        called: "442079460000",
        caller: "442071838750",
        lines,
    }
}

const ROWS: [Row; 10] = [
    Row {
        without: None,
        caller: "+442071838750",
        ..row("generic-carrier", &[])
    },
    row("generic-ims", &[DIVERSION, PRIVATE]),
    row("teams-direct-routing", &[DIVERSION]),
    row("twilio", &[DIVERSION]),
    row("telnyx", &[DIVERSION, PRIVATE]),
    Row {
        called: "18315551234",
        caller: "2125550123",
        ..row("bandwidth", &[])
    },
    Row {
        caller: "+442071838750",
        ..row("asterisk", &[HISTORY, PRIVATE])
    },
    Row {
        caller: "+442071838750",
        ..row("freeswitch", &[PRIVATE])
    },
    Row {
        caller: "+442071838750",
        ..row("cisco-cube", &[DIVERSION])
    },
    row("audiocodes", &[DIVERSION]),
];

/// Whether the peer of `row` takes a call under `profile`.
fn takes(row: &Row, profile: Option<&str>) -> bool {
    let bed = quick(|setup| {
        let keys = ["failover = { trying = \"500ms\" }", "options_interval = \"off\""];
        let setup = keys
            .into_iter()
            .fold(setup.without("b2"), |setup, key| setup.key("b1", key));
        match profile {
            Some(profile) => setup.key("b1", &format!("profile = \"{profile}\"")),
            None => setup,
        }
    });
    let peer = bed.run(&bed.uas_b1(&format!("profiles/{}", row.profile)));
    // SIPp answers also what it has found wanting, and counts it as failed.
    let stats = if call(&bed, row) { peer.wait() } else { peer.stop() };
    bed.finish_lingering(1, 1);
    (stats.successful, stats.failed) == (1, 0)
}

/// A call from the PBX; whether it was answered.
fn call(bed: &Bed, row: &Row) -> bool {
    let (alice, a, sut) = (bed.peer_a(), bed.places.a, bed.places.sut);
    let (call_id, tag) = (alice.mint("call-"), alice.mint("t"));
    let send = |method: &str, cseq: u32, to_tag: &str, body: Option<&str>| {
        let target = format!("sip:{}@{sut}", row.called);
        let mut lines = vec![
            format!("Via: SIP/2.0/UDP {a};branch={};rport", alice.mint("z9hG4bK")),
            format!("From: \"Alice\" <sip:{}@pbx>;tag={tag}", row.caller),
            format!("To: <{target}>{to_tag}"),
            format!("Call-ID: {call_id}"),
            format!("CSeq: {cseq} {method}"),
            "Max-Forwards: 70".to_owned(),
            format!("Contact: <sip:{a}>"),
        ];
        lines.extend(
            row.lines
                .iter()
                .map(|line| (*line).to_owned())
                .filter(|_| method == "INVITE"),
        );
        alice.send_raw(sut, request(method, &target, &lines, body).as_bytes());
    };
    send("INVITE", 1, "", Some(&sdp::offer(bed.places.rtp_a)));
    let answer = alice
        .wait("an answer", |incoming| incoming.message.status() >= Some(200))
        .message;
    let tag = format!(";tag={}", text(answer.to_tag().unwrap()));
    if answer.status() != Some(200) {
        return false;
    }
    send("ACK", 1, &tag, None);
    send("BYE", 2, &tag, None);
    alice.wait("200", is_answer(200, "BYE"));
    true
}

/// What a peer is documented to ask for is there under its profile, and not under the generic one.
#[test]
fn each_peer_takes_a_call_under_its_profile_only() {
    for row in &ROWS {
        assert!(takes(row, Some(row.profile)), "{} under its profile", row.profile);
        assert!(
            !takes(row, row.without),
            "{} under {:?}",
            row.profile,
            row.without
        );
    }
}

#[test]
fn every_profile_has_its_scenario() {
    let played: Vec<&str> = ROWS.iter().map(|row| row.profile).collect();
    let known: Vec<&str> = config::builtin().iter().map(|(name, _)| *name).collect();
    assert_eq!(played, known);
}

fn tandem(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(args)
        .output()
        .unwrap();
    let all = [output.stdout, output.stderr].concat();
    (output.status.success(), text(&all))
}

#[test]
fn profiles_are_listed_and_printed() {
    let (ok, list) = tandem(&["profiles"]);
    assert!(
        ok && list.contains("teams-direct-routing  Microsoft Teams Direct Routing: encrypted media"),
        "{list}"
    );
    let (ok, one) = tandem(&["profiles", "telnyx"]);
    let shipped = config::builtin()
        .iter()
        .find(|(name, _)| *name == "telnyx")
        .unwrap()
        .1;
    assert!(ok && one == shipped);
    let (ok, none) = tandem(&["profiles", "telnix"]);
    assert!(
        !ok && none.contains("there is no profile \"telnix\"; there are generic-carrier, "),
        "{none}"
    );
}

#[test]
fn check_says_what_a_profile_gives() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    let text = "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"out\"\nprofile = \"twilio\"\ndtmf = \"inband\"\n\
                targets = [{ uri = \"sip:203.0.113.20\" }]\n";
    std::fs::write(&file, text).unwrap();
    let (ok, said) = tandem(&["check", file.to_str().unwrap()]);
    let expected = "trunk.out: profile twilio gives codecs, identity, number_format, role, transfer; written in the trunk too: dtmf\n";
    assert!(ok && said.starts_with(expected), "{said}");
    std::fs::write(&file, text.replace("twilio", "twillio")).unwrap();
    let (ok, said) = tandem(&["check", file.to_str().unwrap()]);
    assert!(
        !ok && said.contains("there is no profile \"twillio\"") && said.contains("did you mean \"twilio\"?"),
        "{said}"
    );
}
