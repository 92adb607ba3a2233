//! What is agreed within a dialog: session timers (RFC 4028), reliable provisional responses (RFC 3262).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::HeaderId;
use std::time::{Duration, Instant};
use support::{MOMENT, NUMBER, check, header, invite_of, is, is_acceptance, ms, quick};
use testbed::bulk::Held;
use testbed::{Bed, Call, SipPeer, sdp};

/// A call that is up: the caller's INVITE with `asks`, the carrier's 200 with `answers`.
fn talk<'p>(
    bed: &Bed,
    alice: &'p SipPeer,
    bob: &'p SipPeer,
    asks: &[(&str, &str)],
    answers: &[(&str, &str)],
) -> (Held<'p>, sip_msg::Message) {
    let call = alice.invite_with(NUMBER, asks, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let b_to = sdp::audio(&invite_of(&leg).body());
    let answer = sdp::offer(bed.places.rtp_b1);
    leg.reply_to(&invite_of(&leg), 200, answers, Some(&answer));
    let ok = call.expect(200);
    let a_to = sdp::audio(&ok.body());
    call.ack();
    leg.expect_request("ACK");
    let held = Held {
        call,
        leg,
        a_to,
        b_to,
    };
    (held, ok)
}

/// A carrier that refreshes though nobody has asked it to is answered at once, with SDP to a re-INVITE and without to an UPDATE.
#[test]
fn sm_01_refreshes_that_nobody_asked_for_are_answered() {
    let bed = quick(|setup| setup.sip("session_timer = { expires = \"20m\" }"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (talk, _) = talk(
        &bed,
        &alice,
        &bob,
        &[],
        &[("Session-Expires", "90;refresher=uas")],
    );
    let refresh = [("Supported", "timer"), ("Session-Expires", "90;refresher=uac")];
    let contact = ("Contact", "<sip:bob@127.0.0.1>");
    let contact = (contact.0, format!("<sip:bob@{}>", bob.local()));
    for _ in 0..3 {
        let sent = Instant::now();
        talk.leg
            .request_with("INVITE", &refresh, Some(&sdp::offer(bed.places.rtp_b1)));
        let ok = talk.leg.expect(200);
        assert!(sent.elapsed() < ms(500));
        assert_eq!(sdp::audio(&ok.body()), talk.b_to);
        assert_eq!(header(&ok, HeaderId::SessionExpires), "90;refresher=uac");
        assert_eq!(header(&ok, HeaderId::Require), "timer");
        talk.leg.ack();
        let lines = [refresh[0], refresh[1], (contact.0, contact.1.as_str())];
        talk.leg.request_with("UPDATE", &lines, None);
        let ok = talk.leg.expect(200);
        assert!(ok.body().is_empty());
        assert_eq!(header(&ok, HeaderId::SessionExpires), "90;refresher=uac");
    }
    alice.expect_silence(MOMENT);
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The interval that a carrier answers with, seconds. A sloppy one's ten are taken at its word; before a release the case is
/// played as it stands.
fn interval() -> (u64, &'static str, &'static str) {
    if is_acceptance() {
        (90, "90;refresher=uac", "90;refresher=uas")
    } else {
        (12, "12;refresher=uac", "12;refresher=uas")
    }
}

/// We refresh at half the interval, again and again, with nothing changed; 481 to it ends both legs.
#[test]
fn sm_02_we_refresh_where_the_answer_says_so() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (seconds, ours, _) = interval();
    bob.set_patience(Duration::from_secs(seconds));
    let answers = [("Require", "timer"), ("Session-Expires", ours)];
    let (talk, ok) = talk(&bed, &alice, &bob, &[("Supported", "timer")], &answers);
    assert_eq!(header(&ok, HeaderId::SessionExpires), "1800;refresher=uac");
    let offered = invite_of(&talk.leg).body();
    let mut since = Instant::now();
    for _ in 0..2 {
        let refresh = talk.leg.expect_request("INVITE");
        let waited = since.elapsed().as_secs_f64();
        let half = seconds as f64 / 2.0;
        assert!((half - 1.0..half + 3.0).contains(&waited), "{waited}");
        assert_eq!(header(&refresh, HeaderId::SessionExpires), "90;refresher=uac");
        assert_eq!(refresh.body(), offered);
        let answer = sdp::offer(bed.places.rtp_b1);
        talk.leg
            .reply_to(&refresh, 200, &[("Session-Expires", ours)], Some(&answer));
        since = Instant::now();
        talk.leg.expect_request("ACK");
    }
    alice.expect_silence(MOMENT);
    talk.leg.expect_request("INVITE");
    talk.leg.reply(481);
    talk.leg.expect_request("ACK");
    talk.leg.ok("BYE");
    talk.call.ok("BYE");
    check(&bed.finish_lingering(1, 1)[0], "dialog-lost", 200, "switch", 1);
}

/// (a) The carrier is asked for longer, and no other; (c) a caller that asks for too little is told what is enough.
#[test]
fn sm_04_an_interval_that_is_too_small() {
    let bed = quick(|setup| setup);
    let (alice, bob, other) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply_with(422, &[("Min-SE", "2000")], None);
    leg.expect_request("ACK");
    let again = leg.expect_request("INVITE");
    assert_eq!(again.cseq().0, invite_of(&leg).cseq().0 + 1);
    assert_eq!(header(&again, HeaderId::SessionExpires), "2000");
    assert_eq!(header(&again, HeaderId::MinSe), "2000");
    // The proxy behind wants more yet.
    leg.reply_with(422, &[("Min-SE", "2500")], None);
    leg.expect_request("ACK");
    let again = leg.expect_request("INVITE");
    assert_eq!(header(&again, HeaderId::SessionExpires), "2500");
    // (b) and once more in mid-call, for an offer that crosses.
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.reinvite(Some(&sdp::session(bed.places.rtp_a, 2, "sendonly")));
    leg.expect_request("INVITE");
    leg.reply_with(422, &[("Min-SE", "3000")], None);
    leg.expect_request("ACK");
    let again = leg.expect_request("INVITE");
    assert_eq!(header(&again, HeaderId::SessionExpires), "3000");
    leg.answer(&sdp::session(bed.places.rtp_b1, 2, "recvonly"));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    other.expect_silence(MOMENT);
    let asks = [("Supported", "timer"), ("Session-Expires", "60")];
    let call = alice.invite_with(NUMBER, &asks, Some(&sdp::offer(bed.places.rtp_a)));
    let refusal = call.expect(422);
    assert_eq!(header(&refusal, HeaderId::MinSe), "90");
    call.ack_failure();
    // Who doesn't know timers can't be told.
    let call = alice.invite_with(NUMBER, &asks[1..], Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    assert_eq!(header(&call.expect(200), HeaderId::SessionExpires), "");
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    bed.finish_lingering(3, 3);
}

/// The carrier was to refresh and is gone: both legs are hung up before the interval ends.
#[test]
fn sm_05_a_call_that_nobody_refreshes_ends() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (seconds, _, theirs) = interval();
    alice.set_patience(Duration::from_secs(seconds));
    let start = Instant::now();
    let (talk, _) = talk(&bed, &alice, &bob, &[], &[("Session-Expires", theirs)]);
    let bye = talk.call.ok("BYE");
    let waited = start.elapsed().as_secs_f64();
    let due = seconds as f64 - (seconds as f64 / 3.0).min(32.0);
    assert!((due - 1.0..due + 3.0).contains(&waited), "{waited}");
    assert!(header(&bye, HeaderId::Reason).contains("session-expired"));
    talk.leg.ok("BYE");
    let record = &bed.finish(1)[0];
    check(record, "session-expired", 200, "switch", 1);
    assert!((record.number("talk_ms") as f64 / 1000.0 - waited).abs() < 1.0);
}

/// The carrier's 183 is acknowledged once, the caller's has nothing of it, and its copies go nowhere.
#[test]
fn em_03_reliability_is_each_legs_own() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let invite = invite_of(&leg);
    assert!(header(&invite, HeaderId::Supported).contains("100rel"));
    let reliable = [("Require", "100rel"), ("RSeq", "4711")];
    let answer = sdp::offer(bed.places.rtp_b1);
    let said = |leg: &Call<'_>| leg.reply_to(&invite, 183, &reliable, Some(&answer));
    let sent = Instant::now();
    said(&leg);
    let prack = leg.expect_request("PRACK");
    assert!(sent.elapsed() < ms(200));
    let rack = format!("4711 {} INVITE", invite.cseq().0);
    assert_eq!(header(&prack, HeaderId::RAck), rack);
    let told = call.expect(183);
    assert_eq!(
        header(&told, HeaderId::Require) + &header(&told, HeaderId::RSeq),
        ""
    );
    assert!(!told.body().is_empty());
    said(&leg);
    alice.expect_silence(ms(40));
    // Lost: its transaction says it again.
    bob.listen(ms(60));
    assert!(bob.repeats(is("PRACK")) > 0);
    leg.reply_to(&prack, 200, &[], None);
    said(&leg);
    bob.expect_silence(MOMENT);
    leg.answer(&answer);
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The other way round: the caller insists, the carrier knows nothing of it.
#[test]
fn em_03_a_caller_that_insists_is_told_reliably() {
    let bed = quick(|setup| setup.key("b1", "reliable_provisional = \"off\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offer = sdp::offer(bed.places.rtp_a);
    let call = alice.invite_with(NUMBER, &[("Require", "100rel")], Some(&offer));
    let leg = bob.incoming();
    let invite = invite_of(&leg);
    assert!(!header(&invite, HeaderId::Supported).contains("100rel"));
    leg.reply_sdp(183, &sdp::offer(bed.places.rtp_b1));
    let told = call.expect(183);
    assert_eq!(header(&told, HeaderId::Require), "100rel");
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    alice.listen(ms(80));
    assert!(alice.repeats(|incoming| incoming.message.status() == Some(183)) > 0);
    let rack = format!("{} {} INVITE", header(&told, HeaderId::RSeq), told.cseq().0);
    call.request_with("PRACK", &[("RAck", &rack)], None);
    call.expect(200);
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}
