//! `tandem trunk test` through the daemon: what it says of a trunk that works, and of peers that each have one defect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod elsewhere;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use sip_msg::HeaderId;
use support::connected::{C_TEST, TLS, tls};
use support::{NUMBER, header, invite_of, is, ms, quick, reply_raw, text};
use testbed::certs::Authority;
use testbed::rtp::Stream;
use testbed::stream::Kind;
use testbed::{Bed, Call, RtpPeer, Setup, SipPeer, sdp};

/// Who calls in tests.
const CALLER: &str = "+442071838750";

/// `tandem trunk test b1` with more words, under way.
fn begin(bed: &Bed, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["trunk", "test", "b1"]).args(words);
    command.arg("--config").arg(bed.config());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The same with a call of two seconds, reported as JSON.
fn begin_call(bed: &Bed) -> Child {
    begin(
        bed,
        &["--number", NUMBER, "--caller", CALLER, "--talk", "2", "--json"],
    )
}

/// What it has printed.
struct Report(Value);

impl Report {
    fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = serde_json::from_str(&printed);
        Self(value.unwrap_or_else(|_| panic!("{printed}{}", String::from_utf8_lossy(&output.stderr))))
    }

    /// The verdict and the key of the first check about this.
    fn about(&self, about: &str) -> (&str, &str) {
        let checks = self.0["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["about"] == about);
        let check = check.unwrap_or_else(|| panic!("nothing about {about}: {:#}", self.0));
        (
            check["verdict"].as_str().unwrap(),
            check["key"].as_str().unwrap_or_default(),
        )
    }

    fn says(&self, about: &str) -> &str {
        let checks = self.0["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["about"] == about).unwrap();
        check["says"].as_str().unwrap()
    }

    fn assert(&self, about: &str, verdict: &str, key: &str) {
        assert_eq!(self.about(about), (verdict, key), "{about}: {:#}", self.0);
    }
}

/// Answers the test's OPTIONS.
fn answer_options(bob: &SipPeer, status: u16) {
    let options = bob.wait("OPTIONS", is("OPTIONS")).message;
    reply_raw(bob, &options, status, "o", &[("Server", "carrier/1")], None);
}

/// Bob says a tone's worth of packets to our relay while it is called.
fn speak(bed: &Bed, to: std::net::SocketAddr) -> thread::JoinHandle<()> {
    let peer = RtpPeer::bind(bed.places.rtp_b1);
    // From before the answer until the call is over: a busy machine hears some of it.
    thread::spawn(move || peer.stream(to, &Stream::speech(7), 120, ms(20)))
}

/// Bob rings, answers with `headers` and `body`, speaks, and lets the tester hang up.
fn answer(bed: &Bed, leg: &Call<'_>, headers: &[(&str, &str)], body: &str) {
    let to = sdp::audio(&invite_of(leg).body());
    let contact = format!("<sip:bob@{}>", bed.places.b1);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .copied()
        .chain([("Contact", contact.as_str())])
        .collect();
    let voice = speak(bed, to);
    leg.reply_with(200, &headers, Some(body));
    leg.expect_request("ACK");
    leg.ok("BYE");
    voice.join().unwrap();
}

#[test]
fn a_trunk_that_works_is_said_to_work() {
    let bed = quick(|setup| {
        setup
            .key("b1", "number_format = \"e164\"")
            .key("b1", "identity = { assert = \"p-asserted-identity\" }")
    });
    let bob = bed.peer_b1();
    let child = begin_call(&bed);
    answer_options(&bob, 200);
    let leg = bob.incoming();
    // The trunk's usual way: its numbers, its identity.
    let invite = invite_of(&leg);
    assert!(text(invite.uri()).starts_with(&format!("sip:{NUMBER}@")));
    assert!(header(&invite, HeaderId::PAssertedIdentity).contains(CALLER));
    // It is asked once more while it is being tested: one at a time.
    let again = begin(&bed, &[]).wait_with_output().unwrap();
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("is being tested already"));
    leg.reply_sdp(183, &sdp::offer(bed.places.rtp_b1));
    let headers = [
        ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, REFER"),
        ("Supported", "timer, 100rel"),
        ("Session-Expires", "1800;refresher=uac"),
        ("Require", "timer"),
    ];
    answer(&bed, &leg, &headers, &sdp::offer(bed.places.rtp_b1));
    let report = Report::of(child);
    for about in [
        "options",
        "call",
        "pdd",
        "early-media",
        "codecs",
        "dtmf",
        "audio-in",
        "audio-out",
        "session-timer",
        "100rel",
        "transfer",
        "update",
        "bye",
    ] {
        report.assert(about, "works", "");
    }
    assert!(report.says("options").contains("carrier/1"), "{:#}", report.0);
    assert!(report.says("codecs").contains("taken PCMU"), "{:#}", report.0);
    assert!(report.says("audio-in").contains(" 0 lost"), "{:#}", report.0);
    // The record says what it was, and nobody's figures have grown.
    let record = &bed.wait_records(1)[0];
    assert_eq!(record.text("id"), report.0["call"].as_str().unwrap());
    assert_eq!(
        (record.text("from_trunk"), record.text("to_trunk")),
        ("(test)", "b1")
    );
    assert_eq!(record.0["test"], true);
    assert_eq!(record.text("cause.kind"), "normal");
    assert_eq!(support::calls_had(&bed), 0);
    bed.finish(1);
}

/// A defect of the called side: what it does with the INVITE; about what the report has to speak, and the key that it has to name.
struct Defect {
    keys: &'static [&'static str],
    acts: fn(&Bed, &SipPeer, Call<'_>),
    about: &'static str,
    key: &'static str,
}

fn refuse(peer: &SipPeer, leg: &Call<'_>, status: u16, headers: &[(&str, &str)]) {
    let invite = invite_of(leg);
    reply_raw(peer, &invite, status, "r", headers, None);
    leg.expect_request("ACK");
}

#[test]
fn each_defect_has_its_key() {
    const WITHOUT_EVENTS: &[(u8, &str)] = &[(0, "PCMU/8000")];
    let defects = [
        Defect {
            keys: &["reliable_provisional = \"required\""],
            acts: |_, bob, leg| refuse(bob, &leg, 420, &[("Unsupported", "100rel")]),
            about: "call",
            key: "reliable_provisional = \"off\"",
        },
        Defect {
            keys: &["session_timer = { mode = \"require\" }"],
            acts: |_, bob, leg| refuse(bob, &leg, 420, &[("Unsupported", "timer")]),
            about: "call",
            key: "session_timer = { mode = \"off\" }",
        },
        Defect {
            keys: &["reliable_provisional = \"off\""],
            acts: |_, bob, leg| refuse(bob, &leg, 421, &[("Require", "100rel")]),
            about: "call",
            key: "reliable_provisional = \"required\"",
        },
        Defect {
            keys: &["number_format = \"e164\""],
            acts: |_, bob, leg| refuse(bob, &leg, 404, &[]),
            about: "call",
            key: "number_format = \"digits\"",
        },
        Defect {
            keys: &["number_format = \"digits\""],
            acts: |_, bob, leg| refuse(bob, &leg, 484, &[]),
            about: "call",
            key: "number_format = \"e164\"",
        },
        Defect {
            keys: &[],
            acts: |_, bob, leg| refuse(bob, &leg, 403, &[]),
            about: "call",
            key: "identity.assert = \"p-asserted-identity\"",
        },
        Defect {
            keys: &[],
            acts: |_, bob, leg| {
                let challenge = "Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
                refuse(bob, &leg, 401, &[("WWW-Authenticate", challenge)]);
            },
            about: "auth",
            key: "auth = { username = \"…\", password = \"…\" }",
        },
        Defect {
            keys: &["srtp = \"required\""],
            acts: |_, bob, leg| refuse(bob, &leg, 488, &[]),
            about: "call",
            key: "srtp = \"off\"",
        },
        Defect {
            keys: &[],
            acts: |bed, _, leg| {
                let body = sdp::stream(bed.places.rtp_b1, "RTP/AVP", WITHOUT_EVENTS, "");
                answer(bed, &leg, &[], &body);
            },
            about: "dtmf",
            key: "dtmf = \"inband\", or \"info\" if it takes that",
        },
        Defect {
            keys: &[],
            acts: |bed, bob, leg| {
                let invite = invite_of(&leg);
                let contact = format!("<sip:bob@{}>", bed.places.b1);
                let headers = [
                    ("Require", "100rel"),
                    ("RSeq", "1"),
                    ("Contact", contact.as_str()),
                ];
                leg.reply_with(183, &headers, Some(&sdp::offer(bed.places.rtp_b1)));
                let prack = leg.expect_request("PRACK");
                leg.reply_to(&prack, 481, &[], None);
                reply_raw(bob, &invite, 500, &leg.tag(), &[], None);
                leg.expect_request("ACK");
            },
            about: "100rel",
            key: "reliable_provisional = \"off\"",
        },
        Defect {
            keys: &["symmetric_rtp = false"],
            acts: |bed, _, leg| {
                // It says another place than it speaks from.
                let to = sdp::audio(&invite_of(&leg).body());
                let voice = speak(bed, to);
                leg.answer(&sdp::offer(bed.places.rtp_b2));
                leg.expect_request("ACK");
                leg.ok("BYE");
                voice.join().unwrap();
            },
            about: "audio-in",
            key: "symmetric_rtp = true",
        },
        Defect {
            keys: &[],
            acts: |bed, _, leg| {
                leg.answer(&sdp::offer(bed.places.rtp_b1));
                leg.expect_request("ACK");
                let bye = leg.expect_request("BYE");
                leg.reply_to(&bye, 481, &[], None);
            },
            about: "bye",
            key: "",
        },
    ];
    for defect in defects {
        let bed = quick(|setup| {
            let lines = defect.keys.iter();
            lines.fold(setup, |setup: Setup, line| setup.key("b1", line))
        });
        let bob = bed.peer_b1();
        let child = begin_call(&bed);
        answer_options(&bob, 200);
        (defect.acts)(&bed, &bob, bob.incoming());
        let report = Report::of(child);
        report.assert(defect.about, "fails", defect.key);
        bed.finish_lingering(1, 1);
    }
}

#[test]
fn a_password_that_is_not_taken_is_told_apart_from_none() {
    let bed = quick(|setup| setup.key("b1", "auth = { username = \"u\", password = \"wrong\" }"));
    let bob = bed.peer_b1();
    let child = begin_call(&bed);
    answer_options(&bob, 200);
    let challenge = "Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    refuse(&bob, &bob.incoming(), 401, &[("WWW-Authenticate", challenge)]);
    let second = bob.incoming();
    assert!(invite_of(&second).header(HeaderId::Authorization).is_some());
    refuse(&bob, &second, 403, &[]);
    let report = Report::of(child);
    report.assert("auth", "fails", "auth = { username = \"…\", password = \"…\" }");
    assert!(report.says("auth").contains("does not take the password"));
    bed.finish_lingering(1, 2);
}

#[test]
fn a_number_that_comes_back_shows_where_the_caller_is() {
    let bed = quick(|setup| setup.extra("[[number]]\nmatch = \"+442079460000\"\nto = \"pbx\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let child = begin_call(&bed);
    answer_options(&bob, 200);
    let out = bob.incoming();
    // The carrier brings the call to our number, and says in P-Asserted-Identity only who calls.
    let identity = format!("<sip:{CALLER}@carrier>");
    let back = bob.invite_with(
        NUMBER,
        &[("P-Asserted-Identity", &identity)],
        Some(&sdp::offer(bed.places.rtp_b2)),
    );
    let leg = alice.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    back.expect(486);
    back.ack_failure();
    refuse(&bob, &out, 486, &[]);
    let report = Report::of(child);
    report.assert("caller-id", "works", "");
    assert!(
        report.says("caller-id").contains("P-Asserted-Identity"),
        "{:#}",
        report.0
    );
    bed.finish_lingering(2, 2);
}

#[test]
fn options_that_fail_have_their_keys() {
    for (lines, status, key) in [
        (&[][..], Some(503), "options_down = []"),
        (
            &["options_interval = \"10m\""][..],
            None,
            "options_interval = \"off\"",
        ),
    ] {
        let bed = quick(|setup| lines.iter().fold(setup, |setup, line| setup.key("b1", line)));
        let bob = bed.peer_b1();
        let child = begin(&bed, &["--json"]);
        if let Some(status) = status {
            answer_options(&bob, status);
        }
        let report = Report::of(child);
        report.assert("options", "fails", key);
        report.assert("call", "note", "test_number, or --number");
        bed.finish_lingering(0, 2);
    }
    // Nobody there at all.
    let bed = quick(|setup| setup);
    let report = Report::of(begin(&bed, &["--json"]));
    report.assert("options", "fails", "targets");
    bed.finish(0);
}

#[test]
fn the_report_reads_as_text_and_unknown_trunks_are_named() {
    let bed = quick(|setup| setup.key("b1", &format!("test_number = \"{NUMBER}\"")));
    let bob = bed.peer_b1();
    let child = begin(&bed, &[]);
    answer_options(&bob, 200);
    refuse(&bob, &bob.incoming(), 484, &[]);
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("ok     options"), "{printed}");
    assert!(
        printed.contains("FAILS  call           peer answers 484 Address Incomplete"),
        "{printed}"
    );
    assert!(printed.contains("set number_format = \"digits\""), "{printed}");
    assert!(printed.contains("the call: tandem call "), "{printed}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command
        .args(["trunk", "test", "b9", "--config"])
        .arg(bed.config());
    let output = command.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no trunk \"b9\""));
    bed.finish_lingering(1, 1);
}

/// SIPp's carriers, which nobody here wrote for this.
#[test]
fn carriers_that_sipp_plays_are_told_apart() {
    for (scenario, refusals, about, verdict, key) in [
        ("uas_early_media", 0, "early-media", "works", ""),
        ("uas_refuse_484", 1, "call", "fails", "number_format = \"digits\""),
        ("uas_refuse_488", 1, "call", "fails", "srtp = \"off\""),
        (
            "uas_challenge",
            1,
            "auth",
            "fails",
            "auth = { username = \"…\", password = \"…\" }",
        ),
    ] {
        let secure = scenario == "uas_refuse_488";
        let bed = quick(|setup| {
            if secure {
                setup.key("b1", "srtp = \"required\"")
            } else {
                setup
            }
        });
        // The OPTIONS is a call of its own to SIPp.
        let carrier = bed.run(&bed.uas_b1(scenario).calls(9, 10));
        let report = Report::of(begin_call(&bed));
        report.assert(about, verdict, key);
        let _ = carrier.stop();
        bed.finish_lingering(1, refusals);
    }
}
