//! Offers that wait for each other or come to nothing, bodies in parts, CANCELs that overtake: through the daemon.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::{HeaderId, Message, multipart};
use support::{MOMENT, NUMBER, check, header, invite_of, ms, quick, request, talk, text};
use testbed::sdp;

/// A second offer of the same side's while its first has no answer: 500 with a time to wait, and the first goes through.
#[test]
fn sm_07_overlapping_offers_of_one_side() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
    talk.leg.reinvite(Some(&sdp::session(b, 2, "sendonly")));
    let asked = talk.call.expect_request("INVITE");
    talk.leg.reinvite(Some(&sdp::session(b, 3, "inactive")));
    let refusal = talk.leg.expect(500);
    assert!(!header(&refusal, HeaderId::RetryAfter).is_empty());
    talk.leg.ack_failure();
    talk.call
        .reply_to(&asked, 200, &[], Some(&sdp::session(a, 2, "recvonly")));
    talk.call.expect_request("ACK");
    assert_eq!(sdp::direction(&talk.leg.expect(200).body()), "recvonly");
    bed_ends(bed, || {
        talk.call.bye();
        talk.leg.ok("BYE");
        talk.call.expect(200);
    });
}

/// The ACK of the 200 is never sent here: its transaction is left to itself.
fn bed_ends(bed: testbed::Bed, hang_up: impl FnOnce()) {
    hang_up();
    let records = bed.finish_lingering(1, 2);
    check(&records[0], "normal", 200, "caller", 1);
}

/// Each side asks the other for an offer at the same time: one is refused, nobody is hung up, and the next one gets through.
#[test]
fn sm_07_delayed_offers_that_cross() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
    talk.call.reinvite(None);
    let asked = talk.leg.expect_request("INVITE");
    assert!(asked.body().is_empty());
    talk.leg.reinvite(None);
    talk.leg.expect(491);
    talk.leg.ack_failure();
    talk.leg
        .reply_to(&asked, 200, &[], Some(&sdp::session(b, 2, "sendrecv")));
    let offer = talk.call.expect(200);
    assert_eq!(sdp::direction(&offer.body()), "sendrecv");
    talk.call.ack_with(Some(&sdp::session(a, 2, "sendrecv")));
    assert!(!talk.leg.expect_request("ACK").body().is_empty());
    talk.leg.reinvite(Some(&sdp::session(b, 3, "sendonly")));
    let asked = talk.call.expect_request("INVITE");
    talk.call
        .reply_to(&asked, 200, &[], Some(&sdp::session(a, 3, "recvonly")));
    talk.call.expect_request("ACK");
    talk.leg.expect(200);
    talk.leg.ack();
    talk.hang_up();
    check(&bed.finish_lingering(1, 1)[0], "normal", 200, "caller", 1);
}

/// The answer to a hold has no session in it: the holder hears so, the other side is told that nothing has changed, and resume works.
#[test]
fn sm_07_an_answer_without_a_session_changes_nothing() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
    talk.call.reinvite(Some(&sdp::session(a, 2, "sendonly")));
    let asked = talk.leg.expect_request("INVITE");
    talk.leg.reply_to(&asked, 200, &[], None);
    talk.leg.expect_request("ACK");
    talk.call.expect(488);
    talk.call.ack_failure();
    let back = talk.leg.expect_request("INVITE");
    assert_eq!(sdp::direction(&back.body()), "sendrecv");
    talk.leg
        .reply_to(&back, 200, &[], Some(&sdp::session(b, 2, "sendrecv")));
    talk.leg.expect_request("ACK");
    for (version, of_a, of_b) in [(3, "sendonly", "recvonly"), (4, "sendrecv", "sendrecv")] {
        talk.call.reinvite(Some(&sdp::session(a, version, of_a)));
        let asked = talk.leg.expect_request("INVITE");
        talk.leg
            .reply_to(&asked, 200, &[], Some(&sdp::session(b, version, of_b)));
        assert_eq!(sdp::direction(&talk.call.expect(200).body()), of_b);
        talk.call.ack();
        talk.leg.expect_request("ACK");
    }
    talk.hang_up();
    check(&bed.finish_lingering(1, 1)[0], "normal", 200, "caller", 1);
}

/// A CANCEL that has overtaken its INVITE: 481, and the INVITE, when it comes, rings nobody.
#[test]
fn tx_04_a_cancel_that_overtakes_its_invite() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let sut = alice.sut();
    let (branch, call_id, tag) = (alice.mint("z9hG4bK"), alice.mint("early-"), alice.mint("t"));
    let message = |method: &str, body: Option<&str>| {
        let lines = [
            format!("Via: SIP/2.0/UDP {};branch={branch};rport", alice.local()),
            format!("From: <sip:alice@{}>;tag={tag}", alice.local()),
            format!("To: <sip:{NUMBER}@{sut}>"),
            format!("Call-ID: {call_id}"),
            format!("CSeq: 1 {method}"),
            format!("Contact: <sip:alice@{}>", alice.local()),
            "Max-Forwards: 70".to_owned(),
        ];
        request(method, &format!("sip:{NUMBER}@{sut}"), &lines, body)
    };
    let answered = |what: &'static str, status: u16| {
        alice.wait(what, |incoming| {
            incoming.message.status() == Some(status)
                && incoming.message.cseq().1.as_bytes() == what.as_bytes()
        })
    };
    alice.send_raw(sut, message("CANCEL", None).as_bytes());
    answered("CANCEL", 481);
    alice.send_raw(
        sut,
        message("INVITE", Some(&sdp::offer(bed.places.rtp_a))).as_bytes(),
    );
    answered("INVITE", 487);
    alice.send_raw(sut, message("ACK", None).as_bytes());
    bob.expect_silence(MOMENT);
    bed.finish(0);
}

/// The parts of a body.
fn parts(message: &Message) -> Vec<(String, String)> {
    let (body, kind) = (message.body(), header(message, HeaderId::ContentType));
    let parts = multipart::parts(&body, kind.as_bytes()).unwrap_or_default();
    parts
        .iter()
        .map(|part| (text(part.headers), text(part.body)))
        .collect()
}

/// ISUP beside the offer reaches the carrier beside ours, with the addresses of ours; what nobody knows and somebody insists on is 415.
#[test]
fn sm_16_isup_beside_the_session() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let kind = ("Content-Type", "multipart/mixed;boundary=\"un:ique\"");
    let body = |isup: &str, handling: &str| {
        let offer = sdp::offer(bed.places.rtp_a);
        format!(
            "--un:ique\r\nContent-Type: application/sdp\r\n\r\n{offer}\r\n--un:ique\r\nContent-Type: {isup}\r\n\
             Content-Disposition: signal;handling={handling}\r\n\r\nIAM\u{1}\r\n--un:ique--\r\n"
        )
    };
    let call = alice.invite_with(
        NUMBER,
        &[kind],
        Some(&body("application/isup;version=itu-t92+", "required")),
    );
    let leg = bob.incoming();
    let found = parts(&invite_of(&leg));
    assert_eq!(found.len(), 2);
    assert_ne!(sdp::audio(found[0].1.as_bytes()), bed.places.rtp_a);
    assert!(
        found[1].0.contains("application/isup;version=itu-t92+") && found[1].0.contains("handling=required")
    );
    assert_eq!(found[1].1, "IAM\u{1}");
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    let call = alice.invite_with(NUMBER, &[kind], Some(&body("application/x-odd", "required")));
    let refusal = call.expect(415);
    assert!(header(&refusal, HeaderId::Accept).contains("application/sdp"));
    call.ack_failure();
    bob.expect_silence(ms(100));
    bed.finish_lingering(2, 1);
}
