//! Whether a target lives, by pings and by calls; trunks that take no new calls for a while.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{MOMENT, NUMBER, check, is, ms, quick, reply_raw, talk};
use testbed::{Bed, Setup, SipPeer, sdp};

const INTERVAL: Duration = ms(200);
const PATIENCE: Duration = Duration::from_secs(10);

fn pinged(setup: Setup) -> Setup {
    setup.key("b1", "options_interval = \"200ms\"")
}

/// What the API says of a trunk.
fn trunk(bed: &Bed, name: &str) -> Value {
    let all: Vec<Value> = serde_json::from_str(&bed.get("/v1/trunks").body).unwrap();
    all.into_iter().find(|trunk| trunk["name"] == name).unwrap()
}

fn is_up(bed: &Bed) -> bool {
    trunk(bed, "b1")["targets"][0]["up"].as_bool().unwrap()
}

/// The next ping at B1.
fn ping(peer: &SipPeer) -> sip_msg::Message {
    peer.wait("OPTIONS", is("OPTIONS")).message
}

fn answer(peer: &SipPeer, ping: &sip_msg::Message, status: u16, headers: &[(&str, &str)]) {
    reply_raw(peer, ping, status, "pinged", headers, None);
}

/// Answers pings with 200, or lets them be, until the trunk is held to be up, or down; how long that took.
fn until(bed: &Bed, peer: &SipPeer, up: bool, answers: bool) -> Duration {
    let since = Instant::now();
    while is_up(bed) != up {
        assert!(
            since.elapsed() < PATIENCE,
            "it stays {}",
            if up { "down" } else { "up" }
        );
        if let Some(got) = peer.wait_for("OPTIONS", ms(20), is("OPTIONS"))
            && answers
        {
            answer(peer, &got.message, 200, &[]);
        }
    }
    since.elapsed()
}

/// LC-04. Whatever answer is a sign of life, and two of three lost pings are no death. After three in a row it is down, is pinged on, also
/// by the next process, and is up with the first answer.
#[test]
fn lc_04_any_answer_is_alive_and_recovery_works() {
    let mut bed = quick(pinged);
    let bob = bed.peer_b1();
    for status in [200, 404, 405, 403, 401, 483] {
        answer(&bob, &ping(&bob), status, &[]);
        assert!(is_up(&bed), "{status}");
    }
    for _ in 0..2 {
        drop((ping(&bob), ping(&bob)));
        answer(&bob, &ping(&bob), 200, &[]);
        assert!(is_up(&bed));
    }
    let took = until(&bed, &bob, false, false);
    assert!(took >= INTERVAL * 2, "{took:?}");
    let seen = &trunk(&bed, "b1")["targets"][0];
    assert_eq!(seen["state"], "down");
    assert!(seen["since_ms"].is_u64() && seen["why"].is_string(), "{seen}");
    assert_eq!(seen["places"][0]["address"], bed.places.b1.to_string());
    bed.crash_and_restart();
    until(&bed, &bob, false, false);
    let took = until(&bed, &bob, true, true);
    assert!(took <= INTERVAL + Duration::from_secs(1), "{took:?}");
    let seen = &trunk(&bed, "b1")["targets"][0];
    assert_eq!(
        (&seen["state"], &seen["places"][0]["last_answer"]),
        (&"up".into(), &200.into())
    );
    assert!(seen["places"][0]["ping_ms"].as_f64().is_some(), "{seen}");
    let log = bed.log();
    let changes = log
        .lines()
        .filter(|line| line.contains(" target-down: ") || line.contains(" target-up: "));
    assert_eq!(changes.count(), 3, "{log}");
    bed.finish_lingering(0, 9);
}

/// LC-04. It says itself that it is down, and comes back when it has answered well twice, as its trunk wants.
#[test]
fn lc_04_down_codes_and_answers_in_a_row() {
    let bed = quick(|setup| pinged(setup).key("b1", "health = { up_after = 2 }"));
    let bob = bed.peer_b1();
    answer(&bob, &ping(&bob), 200, &[]);
    answer(&bob, &ping(&bob), 503, &[]);
    until(&bed, &bob, false, false);
    answer(&bob, &ping(&bob), 200, &[]);
    assert!(!is_up(&bed));
    let second = ping(&bob);
    assert!(!is_up(&bed));
    answer(&bob, &second, 200, &[]);
    until(&bed, &bob, true, true);
    // One that asks to be left alone is not pinged for that long.
    answer(&bob, &ping(&bob), 503, &[("Retry-After", "1")]);
    let since = Instant::now();
    ping(&bob);
    assert!(since.elapsed() >= ms(800), "{:?}", since.elapsed());
    bed.finish_lingering(0, 9);
}

/// LC-04. With every target down a call is tried all the same, in the usual order.
#[test]
fn lc_04_with_all_down_a_call_is_still_tried() {
    let bed = quick(|setup| pinged(setup).without("b2"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    until(&bed, &bob, false, false);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    // The call has shown that it lives.
    assert!(is_up(&bed));
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    bed.finish_lingering(1, 9);
}

fn tandem(bed: &Bed, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    let output = command
        .arg("--config")
        .arg(bed.config())
        .args(words)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn options(peer: &SipPeer) -> u16 {
    let branch = peer.mint("z9hG4bKo");
    let (local, sut) = (peer.local(), peer.sut());
    let lines = [
        format!("Via: SIP/2.0/UDP {local};branch={branch};rport"),
        "Max-Forwards: 70".to_owned(),
        format!("From: <sip:{local}>;tag=ping"),
        format!("To: <sip:{sut}>"),
        format!("Call-ID: {branch}"),
        "CSeq: 1 OPTIONS".to_owned(),
    ];
    let text = support::request("OPTIONS", &format!("sip:{sut}"), &lines, None);
    peer.send_raw(sut, text.as_bytes());
    let ours = |incoming: &testbed::sip::Incoming| incoming.message.call_id() == branch.as_bytes();
    peer.wait("an answer to OPTIONS", ours).message.status().unwrap()
}

/// A trunk that is drained by command has no new calls in either direction, and hears so in answer to OPTIONS; the call that is up goes on.
/// Resumed, it takes them again.
#[test]
fn a_trunk_is_drained_and_resumed_by_command() {
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let up = talk(&bed, &alice, &bob);
    assert_eq!(tandem(&bed, &["trunks", "drain", "b1"]), (true, String::new()));
    assert_eq!(trunk(&bed, "b1")["draining"], true);
    assert_eq!((options(&bob), options(&carol)), (503, 200));
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = carol.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    let inbound = bob.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_b1)));
    let refused = inbound.expect(503);
    assert!(refused.header(sip_msg::HeaderId::RetryAfter).is_some());
    inbound.ack_failure();
    up.call
        .reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "sendonly")));
    up.leg.expect_request("INVITE");
    up.leg.answer(&sdp::session(bed.places.rtp_b1, 1, "recvonly"));
    up.call.expect(200);
    up.call.ack();
    up.leg.expect_request("ACK");
    let (_, listed) = tandem(&bed, &["trunks"]);
    assert!(listed.contains("draining"), "{listed}");

    assert!(tandem(&bed, &["trunks", "resume", "b1"]).0);
    assert_eq!(options(&bob), 200);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    let (ok, said) = tandem(&bed, &["trunks", "drain", "nobody"]);
    assert!(!ok && said.contains("nobody"), "{said}");
    up.hang_up();
    let records = bed.finish_lingering(4, 2);
    check(&records[2], "trunk-draining", 503, "switch", 0);
}

/// The same by the configuration, which no command takes back; and a trunk that is switched off hears 503 to its OPTIONS, so that
/// it looks elsewhere.
#[test]
fn a_trunk_is_drained_by_its_configuration() {
    let bed = quick(|setup| setup.key("b1", "drain = true").key("b2", "enabled = false"));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    assert_eq!((options(&bob), options(&carol), options(&alice)), (503, 503, 200));
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(503);
    call.ack_failure();
    bob.expect_silence(MOMENT);
    let (ok, said) = tandem(&bed, &["trunks", "resume", "b1"]);
    assert!(!ok && said.contains("drain = true"), "{said}");
    bed.write_config(&bed.toml(&Setup::default().t1_ms(25)));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    let up = talk(&bed, &alice, &bob);
    up.hang_up();
    bed.finish(2);
}

/// A carrier that has come back gets few calls at first (RFC 2782's weights aside, it is a share of its own).
#[test]
fn who_comes_back_gets_its_calls_by_and_by() {
    let bed = quick(|setup| pinged(setup).key("b1", "health = { slow_start = \"1h\" }"));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    until(&bed, &bob, false, false);
    until(&bed, &bob, true, true);
    assert_eq!(trunk(&bed, "b1")["targets"][0]["state"], "recovering");
    let mut at_bob = 0;
    for _ in 0..20 {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let asked = carol.wait_for("INVITE", ms(50), is("INVITE"));
        let (peer, got) = match asked {
            Some(got) => (&carol, got),
            None => (&bob, bob.wait("INVITE", is("INVITE"))),
        };
        at_bob += usize::from(std::ptr::eq(peer, &bob));
        let leg = peer.taken(&got.message, got.from);
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack_failure();
        if let Some(got) = bob.wait_for("OPTIONS", ms(1), is("OPTIONS")) {
            answer(&bob, &got.message, 200, &[]);
        }
    }
    // One in twenty; six and more are one in 3000.
    assert!(at_bob <= 5, "{at_bob} of 20");
    bed.finish_lingering(20, 29);
}
