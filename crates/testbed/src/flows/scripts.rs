//! Flows written as transcripts with raw SIP peers, where SIPp can't lose, repeat or count messages.

use super::{Script, bed, check};
use crate::daemon::Bed;
use crate::sdp;
use crate::sip::{Call, Incoming, SipPeer};
use sip_msg::Message;
use std::path::Path;
use std::time::Duration;

pub(super) const SCRIPTS: &[Script] = &[
    ("repeated_invite_is_one_call", repeated_invite_is_one_call),
    (
        "every_repeated_answer_is_acknowledged",
        every_repeated_answer_is_acknowledged,
    ),
    ("neither_side_sees_the_other", neither_side_sees_the_other),
    (
        "late_answer_after_cancel_is_hung_up",
        late_answer_after_cancel_is_hung_up,
    ),
    ("carrier_deaf_to_bye", carrier_deaf_to_bye),
    ("strangers_get_no_call", strangers_get_no_call),
    ("carriers_are_probed", carriers_are_probed),
    ("folded_headers", folded_headers),
    ("nothing_stays_after_refusals", nothing_stays_after_refusals),
    (
        "call_ends_after_its_longest_duration",
        call_ends_after_its_longest_duration,
    ),
    (
        "hang_up_in_the_middle_of_failover",
        hang_up_in_the_middle_of_failover,
    ),
];

/// Alice calls, Bob rings and answers, Alice acknowledges.
pub(super) fn talk<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer) -> (Call<'p>, Call<'p>) {
    let call = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    call.expect(180);
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    (call, leg)
}

fn hang_up(call: &Call<'_>, leg: &Call<'_>) {
    call.bye();
    leg.ok("BYE");
    call.expect(200);
}

fn is(method: &'static str) -> impl Fn(&Incoming) -> bool {
    move |incoming| {
        incoming
            .message
            .method()
            .is_some_and(|m| m.as_bytes() == method.as_bytes())
    }
}

/// RFC 3261 §17.2.1: a repeated INVITE gets the last provisional response again and is not a second call.
fn repeated_invite_is_one_call(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
    call.repeat();
    call.repeat();
    let leg = bob.incoming();
    leg.reply(180);
    call.expect(180);
    call.repeat();
    alice.listen(Duration::from_millis(200));
    assert!(
        alice.repeats(|incoming| incoming.message.status() == Some(180)) >= 1,
        "180 is not repeated"
    );
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    bob.expect_silence(Duration::from_millis(200));
    hang_up(&call, &leg);
    check(&bed.finish(1)[0], 200, "caller", 1);
}

/// RFC 3261 §13.2.2.4: each copy of a 2xx is acknowledged, by the same ACK.
fn every_repeated_answer_is_acknowledged(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = talk(&bed, &alice, &bob);
    let before = bob.repeats(is("ACK"));
    for _ in 0..3 {
        leg.repeat();
    }
    bob.listen(Duration::from_millis(500));
    assert_eq!(bob.repeats(is("ACK")) - before, 3);
    hang_up(&call, &leg);
    check(&bed.finish(1)[0], 200, "caller", 1);
}

/// A back-to-back user agent hides each side from the other: addresses, Call-ID, tags, Via, Contact.
fn neither_side_sees_the_other(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let headers = [("User-Agent", "PBX at 127.9.9.9"), ("X-Private", "inside")];
    let call = alice.invite_with("+442079460000", &headers, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let invite = leg.invite.clone().expect("a called party has the INVITE");
    leg.reply(180);
    let ringing = call.expect(180);
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let ok = call.expect(200);
    call.ack();
    let ack = leg.expect_request("ACK");
    call.bye();
    let bye = leg.ok("BYE");
    let bye_ok = call.expect(200);
    let a = [
        bed.places.a.ip().to_string(),
        call.call_id(),
        call.tag(),
        "inside".to_owned(),
        "127.9.9.9".to_owned(),
    ];
    let b = [bed.places.b1.ip().to_string(), leg.call_id(), leg.tag()];
    for message in [&invite, &ack, &bye] {
        assert_hidden(message, &a);
    }
    for message in [&ringing, &ok, &bye_ok] {
        assert_hidden(message, &b);
    }
    check(&bed.finish(1)[0], 200, "caller", 1);
}

fn assert_hidden(message: &Message, secrets: &[String]) {
    let text = String::from_utf8_lossy(message.raw()).into_owned();
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{secret:?} shows in\n{text}");
    }
}

/// RFC 3261 §9.1: an answer that was under way when we cancelled is acknowledged and hung up; the caller is gone.
fn late_answer_after_cancel_is_hung_up(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    call.expect(180);
    call.cancel();
    call.expect(200);
    call.expect(487);
    call.ack_failure();
    leg.ok("CANCEL");
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    leg.expect_request("ACK");
    leg.ok("BYE");
    alice.expect_silence(Duration::from_millis(200));
    check(&bed.finish(1)[0], 487, "caller", 1);
}

/// A carrier that never answers our BYE holds nothing up: the caller is answered, the record is written, nothing stays.
fn carrier_deaf_to_bye(binary: &Path) {
    let bed = bed(binary, |setup| setup.t1_ms(20));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = talk(&bed, &alice, &bob);
    call.bye();
    call.expect(200);
    leg.expect_request("BYE");
    check(&bed.finish(1)[0], 200, "caller", 1);
    bob.listen(Duration::from_millis(10));
    assert!(bob.repeats(is("BYE")) >= 4, "the BYE was not repeated");
}

/// Whoever is no trunk's source gets a refusal, no carrier hears of it, and there is no record.
fn strangers_get_no_call(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (mallory, bob) = (bed.peer("X", bed.places.x), bed.peer_b1());
    let call = mallory.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_x)));
    let refusal = mallory.wait("a refusal", |incoming| {
        incoming.message.status().is_some_and(|code| code >= 200)
    });
    assert_eq!(refusal.message.status(), Some(403));
    call.ack_failure();
    bob.expect_silence(Duration::from_millis(200));
    bed.finish(0);
}

/// `options_interval`: a trunk is asked whether it lives.
fn carriers_are_probed(binary: &Path) {
    let bed = bed(binary, |setup| setup.key("b1", "options_interval = \"1s\""));
    let probed = bed.run(&bed.uas_b1("uas_options").calls(2, 10));
    probed.wait().assert_all(2);
    bed.finish(0);
}

/// `sip.max_call_duration` ends a call on both sides.
fn call_ends_after_its_longest_duration(binary: &Path) {
    let bed = bed(binary, |setup| setup.sip("max_call_duration = \"1s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = talk(&bed, &alice, &bob);
    call.ok("BYE");
    leg.ok("BYE");
    let records = bed.finish(1);
    check(&records[0], 200, "switch", 1);
    let talked = records[0].number("talk_ms");
    assert!((900..2000).contains(&talked), "{talked} ms");
}

/// RFC 3261 §7.3.1: a header may go on in the next line.
fn folded_headers(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let headers = [
        ("Subject", "a folded\r\n header"),
        ("Supported", "timer,\r\n\t100rel"),
    ];
    let call = alice.invite_with("+442079460000", &headers, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    hang_up(&call, &leg);
    check(&bed.finish(1)[0], 200, "caller", 1);
}

/// The other flows allow a refused INVITE's transaction its 32 s; here they are waited for, and nothing at all is left.
fn nothing_stays_after_refusals(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let offer = sdp::offer(bed.places.rtp_a);
    // Both carriers fail.
    let call = alice.invite("+442079460000", Some(&offer));
    let first = bob.incoming();
    first.reply(503);
    let second = carol.incoming();
    second.reply(500);
    call.expect(500);
    call.ack_failure();
    // The called party is busy.
    let call = alice.invite("+442079460000", Some(&offer));
    let busy = bob.incoming();
    busy.reply(486);
    call.expect(486);
    call.ack_failure();
    // The caller gives up.
    let call = alice.invite("+442079460000", Some(&offer));
    let rung = bob.incoming();
    rung.reply(180);
    call.expect(180);
    call.cancel();
    call.expect(200);
    call.expect(487);
    call.ack_failure();
    rung.ok("CANCEL");
    let invite = rung.last_request("INVITE");
    rung.reply_to(&invite, 487, &[], None);
    rung.expect_request("ACK");
    bed.assert_empty(3);
    bed.finish(3);
}

/// The caller gives up just after the first carrier refused: the second attempt is cancelled and nobody is left ringing.
fn hang_up_in_the_middle_of_failover(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
    let first = bob.incoming();
    first.reply(503);
    let second = carol.incoming();
    first.expect_request("ACK");
    call.cancel();
    call.expect(200);
    call.expect(487);
    call.ack_failure();
    // A CANCEL may leave only once there was a provisional response (RFC 3261 §9.1).
    second.reply(180);
    second.ok("CANCEL");
    let invite = second.last_request("INVITE");
    second.reply_to(&invite, 487, &[], None);
    second.expect_request("ACK");
    check(&bed.finish_lingering(1, 2)[0], 487, "caller", 2);
}
