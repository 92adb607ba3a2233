//! What goes wrong between messages: lost ACKs, repeated answers, a CANCEL that comes too early, too late or not at all.
//! T1 is 50 ms here, so that 64·T1 is 3.2 s.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::HeaderId;
use std::collections::HashSet;
use std::time::Instant;
use support::{
    MOMENT, NUMBER, bed, called_request, check, copies, header, invite_of, is, is_answer, listen_all, ms,
    quick, reply_raw, talk, uri, values,
};
use testbed::sip::Incoming;
use testbed::{Call, Setup, sdp};

fn near(actual: u64, expected: u64) -> bool {
    actual + 45 + expected / 4 >= expected && actual <= expected + 60 + expected / 4
}

/// RFC 3261 §13.3.1.4: the 200 is repeated at T1 doubling to T2; nobody ACKs: after 64·T1 both legs are hung up.
#[test]
fn tx_01_lost_ack_repeats_the_200_then_ends_both_legs() {
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    let start = Instant::now();
    leg.expect_request("ACK");
    listen_all(&[&alice, &bob], ms(2500));
    bob.expect_silence(ms(1));
    listen_all(&[&alice, &bob], ms(1200));

    let repeated = copies(&alice, start, is_answer(200, "INVITE"));
    assert!(repeated.len() >= 9, "{repeated:?}");
    for (actual, expected) in repeated.iter().zip([50, 150, 350, 750, 1150, 1550, 1950]) {
        assert!(near(*actual, expected), "{repeated:?}");
    }
    for (peer, who) in [(&alice, "A"), (&bob, "B1")] {
        let bye = peer.wait("BYE", is("BYE"));
        let at = bye.at.saturating_duration_since(start);
        assert!(at > ms(3000) && at < ms(3650), "BYE to {who} after {at:?}");
        reply_raw(peer, &bye.message, 200, "", &[], None);
    }
    check(&bed.finish(1)[0], "ack-timeout", 200, "switch", 1);
}

#[test]
fn tx_01_late_ack_stops_the_copies_and_keeps_the_call() {
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    let start = Instant::now();
    leg.expect_request("ACK");
    while copies(&alice, start, is_answer(200, "INVITE")).len() < 2 {
        alice.listen(ms(5));
    }
    call.ack();
    alice.listen(ms(20));
    let seen = copies(&alice, start, is_answer(200, "INVITE")).len();
    alice.listen(ms(1000));
    assert_eq!(copies(&alice, start, is_answer(200, "INVITE")).len(), seen);
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 3261 §13.2.2.4: each copy of a 2xx is ACKed with the INVITE's CSeq, though newer requests are under way.
#[test]
fn tx_02_every_copy_of_the_200_is_acked() {
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let answered = Instant::now();
    // A keeps its own ACK for later: B's must not wait for it.
    let ack = bob.wait("ACK", is("ACK"));
    assert!(ack.at.saturating_duration_since(answered) < ms(200));
    assert_eq!(ack.message.cseq().0, 1);
    for _ in 0..2 {
        bob.listen(ms(50));
        leg.repeat();
    }
    bob.listen(MOMENT);
    assert_eq!(bob.repeats(is("ACK")), 2);
    call.expect(200);
    call.ack();

    // A new offer of A's is under way to B1 when the old 200 comes once more.
    call.reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "sendonly")));
    let reinvite = leg.expect_request("INVITE");
    assert_eq!(reinvite.cseq().0, 2);
    leg.repeat();
    bob.listen(MOMENT);
    assert_eq!(bob.repeats(is("ACK")), 3);
    leg.answer(&sdp::session(bed.places.rtp_b1, 1, "recvonly"));
    call.expect(200);
    call.ack();
    assert_eq!(leg.expect_request("ACK").cseq().0, 2);
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 3261 §9.1, §15: the CANCEL crosses the 200. The caller is gone, so the answer is ACKed and hung up.
#[test]
fn tx_03_cancel_that_crosses_the_200_leaves_nobody_behind() {
    for answer_to_cancel in [200, 481] {
        let bed = quick(|setup| setup);
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        leg.reply(180);
        call.expect(180);
        call.cancel();
        let cancelled = Instant::now();
        let cancel = leg.expect_request("CANCEL");
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        leg.reply_to(&cancel, answer_to_cancel, &[], None);
        call.expect(200);
        call.expect(487);
        assert!(cancelled.elapsed() < ms(500));
        call.ack_failure();
        leg.expect_request("ACK");
        let bye = leg.ok("BYE");
        assert_eq!(bye.to_tag(), Some(leg.tag().as_bytes()));
        assert!(cancelled.elapsed() < ms(1000));
        alice.expect_silence(MOMENT);
        let records = bed.finish(1);
        check(&records[0], "cancelled", 487, "caller", 1);
        assert_eq!(records[0].number("talk_ms"), 0);
    }
}

/// 500 callers give up 0 to 50 ms after they called; the carrier rings 100 ms later. Nobody is left ringing.
#[test]
fn tx_04_early_cancel_leaves_no_ghost() {
    const BATCH: u64 = 25;
    const ROUNDS: u64 = 20;
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    // On a slow machine one or the other comes twice, and the second time in another round.
    let mut rang = HashSet::new();
    for round in 0..ROUNDS {
        let start = Instant::now();
        let calls: Vec<Call<'_>> = (0..BATCH)
            .map(|_| alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a))))
            .collect();
        for (n, call) in (0..BATCH).zip(&calls) {
            // The n-th gives up after 2n ms, the first at once.
            let due = start + ms(2 * n + round % 2);
            alice.listen(due.saturating_duration_since(Instant::now()));
            call.cancel();
        }
        // What Alice hears comes after what Bob does: all of his INVITEs are there then, however slow the machine.
        for call in &calls {
            call.expect(200);
            call.expect(487);
            call.ack_failure();
        }
        bob.listen((start + ms(100)).saturating_duration_since(Instant::now()));
        let new = |incoming: &Incoming| is("INVITE")(incoming);
        let before = rang.len();
        while let Some(invite) = bob.wait_for("INVITE", ms(1), new) {
            if rang.insert(invite.message.call_id().to_vec()) {
                ring(&bob, &invite);
            }
        }
        assert!(
            rang.len() as u64 <= BATCH * (round + 1),
            "round {round}: {}",
            rang.len()
        );
        for _ in before..rang.len() {
            let cancel = bob.wait("CANCEL", is("CANCEL"));
            reply_raw(&bob, &cancel.message, 200, "gone", &[], None);
            let id = cancel.message.call_id().to_vec();
            bob.wait("ACK", |incoming| {
                is("ACK")(incoming) && incoming.message.call_id() == id
            });
        }
    }
    let calls = (BATCH * ROUNDS) as usize;
    for record in bed.finish_lingering(calls, calls) {
        check(&record, "cancelled", 487, "caller", 1);
    }
}

/// Rings, and refuses in the same breath as a carrier does that has got our CANCEL.
fn ring(bob: &testbed::SipPeer, invite: &Incoming) {
    reply_raw(bob, &invite.message, 180, "gone", &[], None);
    reply_raw(bob, &invite.message, 487, "gone", &[], None);
}

/// RFC 3261 §9.1: no CANCEL before the first provisional response.
#[test]
fn tx_04_cancel_waits_for_the_first_provisional_response() {
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    call.cancel();
    let leg = bob.incoming();
    call.expect(200);
    call.expect(487);
    call.ack_failure();
    bob.expect_silence(ms(400));
    leg.reply(100);
    let cancel = leg.expect_request("CANCEL");
    leg.reply_to(&cancel, 200, &[], None);
    let invite = leg.last_request("INVITE");
    leg.reply_to(&invite, 487, &[], None);
    leg.expect_request("ACK");
    check(&bed.finish_lingering(1, 1)[0], "cancelled", 487, "caller", 1);
}

/// RFC 3261 §17.2.1, RFC 6026: copies of an INVITE are answered with the last response and start nothing.
#[test]
fn tx_07_copies_of_an_invite_are_one_call() {
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let start = Instant::now();
    let leg = bob.incoming();
    for pause in [50, 100, 200] {
        alice.listen(ms(pause));
        call.repeat();
    }
    alice.listen(MOMENT);
    let trying = |incoming: &Incoming| incoming.message.status() == Some(100);
    assert_eq!(
        copies(&alice, start, trying).len(),
        3,
        "each copy hears 100 again"
    );
    leg.reply(100);
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    leg.expect_request("ACK");
    // The INVITE once more, after the 200 and before the ACK.
    call.repeat();
    call.ack();
    alice.listen(MOMENT);
    bob.expect_silence(MOMENT);
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 3261 §17.1.1.2, Timer A: our INVITE goes out again until something comes back.
#[test]
fn tx_07_lost_invites_are_sent_again() {
    let bed = bed(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let start = Instant::now();
    while bob.repeats(is("INVITE")) < 2 {
        bob.listen(ms(5));
    }
    // A copy is a copy only if every byte is the same, the branch too.
    let times = copies(&bob, start, is("INVITE"));
    assert!(near(times[0], 50) && near(times[1], 150), "{times:?}");
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    bed.finish(1);
}

/// RFC 3261 §8.2.2.2: the same Call-ID and tag with a higher CSeq, after a refusal, is a new call.
#[test]
fn tx_08_hunting_with_one_call_id_is_a_new_call() {
    const ROUNDS: usize = 10;
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    for _ in 0..ROUNDS {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let first = bob.incoming();
        first.reply(486);
        alice.wait("486", is_answer(486, "INVITE"));
        call.ack_failure();
        first.expect_request("ACK");
        alice.listen(ms(20));
        call.reinvite(Some(&sdp::offer(bed.places.rtp_a)));
        let second = bob.incoming();
        second.answer(&sdp::offer(bed.places.rtp_b1));
        call.expect(200);
        call.ack();
        second.expect_request("ACK");
        call.bye();
        second.ok("BYE");
        call.expect(200);
    }
    let records = bed.finish_lingering(2 * ROUNDS, ROUNDS);
    let busy = records
        .iter()
        .filter(|record| record.text("cause.kind") == "busy")
        .count();
    assert_eq!(busy, ROUNDS);
}

/// The same, with the ACK to the refusal sent after the next INVITE: a call or a refusal, never 481.
#[test]
fn tx_08_hunting_before_the_ack_is_never_481() {
    const ROUNDS: usize = 10;
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    for _ in 0..ROUNDS {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let first = bob.incoming();
        first.reply(486);
        let refusal = alice.wait("486", is_answer(486, "INVITE"));
        first.expect_request("ACK");
        let via = values(&refusal.message, HeaderId::Via)[0].clone();
        let to = header(&refusal.message, HeaderId::To);
        let from = header(&refusal.message, HeaderId::From);
        call.reinvite(Some(&sdp::offer(bed.places.rtp_a)));
        alice.listen(ms(10));
        let lines = [
            format!("Via: {via}"),
            format!("From: {from}"),
            format!("To: {to}"),
            format!("Call-ID: {}", call.call_id()),
            "CSeq: 1 ACK".to_owned(),
            "Max-Forwards: 70".to_owned(),
        ];
        let target = format!("sip:{NUMBER}@{}", alice.sut());
        let ack = support::request("ACK", &target, &lines, None);
        alice.send_raw(alice.sut(), ack.as_bytes());
        let second = bob.incoming();
        second.answer(&sdp::offer(bed.places.rtp_b1));
        call.expect(200);
        call.ack();
        second.expect_request("ACK");
        call.bye();
        second.ok("BYE");
        call.expect(200);
    }
    bed.finish_lingering(2 * ROUNDS, ROUNDS);
}

/// RFC 3261 §8.2.2.2: the very same request by another way, while the first is under way, is a loop: 482.
#[test]
fn tx_08_merged_request_is_482() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let lines = |branch: &str| {
        [
            format!("Via: SIP/2.0/UDP {};branch=z9hG4bK{branch};rport", bed.places.a),
            "From: <sip:+442071838750@pbx.example>;tag=one".to_owned(),
            format!("To: <sip:{NUMBER}@{}>", bed.places.sut),
            format!("Call-ID: merged@{}", bed.places.a),
            "CSeq: 7 INVITE".to_owned(),
            "Max-Forwards: 70".to_owned(),
            format!("Contact: <sip:{}>", bed.places.a),
        ]
    };
    let offer = sdp::offer(bed.places.rtp_a);
    let target = format!("sip:{NUMBER}@{}", bed.places.sut);
    for branch in ["first", "second"] {
        let invite = support::request("INVITE", &target, &lines(branch), Some(&offer));
        alice.send_raw(alice.sut(), invite.as_bytes());
    }
    let leg = bob.incoming();
    alice.wait("482", is_answer(482, "INVITE"));
    leg.reply(486);
    alice.wait("486", is_answer(486, "INVITE"));
    bob.wait("ACK", is("ACK"));
    bob.expect_silence(MOMENT);
    bed.finish_lingering(1, 1);
}

/// RFC 3261 §12.1.2, §12.2.1.1: requests in the dialog follow the reversed Record-Route to the Contact; a re-INVITE moves the
/// Contact and never the route.
#[test]
fn tx_09_requests_follow_route_set_and_remote_target() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (b1, b2) = (bed.places.b1, bed.places.b2);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let contact = |port: u16| format!("sip:bob@{}:{port}", b1.ip());
    let recorded = format!("<sip:{b2};lr;x=1>, <sip:{b1};lr>");
    let answer = sdp::offer(bed.places.rtp_b1);
    let headers = [
        ("Record-Route", recorded.as_str()),
        ("Contact", &format!("<{}>", contact(5099))),
    ];
    reply_raw(&bob, &invite_of(&leg), 200, &leg.tag(), &headers, Some(&answer));
    call.expect(200);
    call.ack();
    let route = [format!("<sip:{b1};lr>"), format!("<sip:{b2};lr;x=1>")];
    let ack = leg.expect_request("ACK");
    assert_eq!(
        (uri(&ack), values(&ack, HeaderId::Route)),
        (contact(5099), route.to_vec())
    );

    call.reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "sendonly")));
    let reinvite = leg.expect_request("INVITE");
    assert_eq!(
        (uri(&reinvite), values(&reinvite, HeaderId::Route)),
        (contact(5099), route.to_vec())
    );
    let held = sdp::session(bed.places.rtp_b1, 1, "recvonly");
    let moved = format!("<{}>", contact(5098));
    reply_raw(
        &bob,
        &reinvite,
        200,
        &leg.tag(),
        &[("Contact", &moved)],
        Some(&held),
    );
    call.expect(200);
    call.ack();
    let ack = leg.expect_request("ACK");
    call.bye();
    let bye = leg.ok("BYE");
    for request in [&ack, &bye] {
        assert_eq!(
            (uri(request), values(request, HeaderId::Route)),
            (contact(5098), route.to_vec())
        );
    }
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 3261 §12.2.2: a request belongs to the dialog that its tags name, wherever on the carrier's side it comes from.
#[test]
fn tx_13_carriers_requests_belong_to_the_call_that_we_began() {
    let carrier = |setup: Setup| {
        let lines = [
            "role = \"carrier\"",
            "targets = [{ uri = \"sip:{b1}\" }]",
            "sources = [\"{b1.ip}\", \"{b2.ip}\"]",
        ];
        setup
            .without("b1")
            .without("b2")
            .trunk("b1", &lines)
            .extra("[[number]]\nmatch = \"+44*\"\nto = \"pbx\"")
    };
    // The caller's own number fits a rule of inbound calls; its calls go out all the same to whom the rule names.
    let bed = bed(|setup| carrier(setup).extra("[[number]]\nmatch = \"+442079460000\"\nto = \"b1\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let others = [
        bed.peer("B1, another port", (bed.places.b1.ip(), 5999).into()),
        bed.peer("B1, another address", bed.places.b2),
    ];
    for (cseq, peer) in (1..).zip([&bob, &others[0], &others[1]]) {
        let offer = sdp::session(bed.places.rtp_b1, cseq, "sendrecv");
        let cseq = u32::try_from(cseq).unwrap();
        let reinvite = called_request(&talk.leg, peer.local(), "INVITE", cseq, Some(&offer));
        peer.send_raw(peer.sut(), reinvite.as_bytes());
        talk.call.expect_request("INVITE");
        talk.call
            .answer(&sdp::session(bed.places.rtp_a, u64::from(cseq), "sendrecv"));
        let ok = peer.wait("200", is_answer(200, "INVITE"));
        assert_eq!(sdp::audio(&ok.message.body()), talk.b_to);
        let ack = called_request(&talk.leg, peer.local(), "ACK", cseq, None);
        peer.send_raw(peer.sut(), ack.as_bytes());
        talk.call.expect_request("ACK");
    }
    let stray = called_request(
        &talk.leg,
        bob.local(),
        "INVITE",
        9,
        Some(&sdp::offer(bed.places.rtp_b1)),
    );
    let tag = invite_of(&talk.leg).from_tag().map(support::text).unwrap();
    bob.send_raw(bob.sut(), stray.replace(&tag, "nobody").as_bytes());
    bob.wait("481", is_answer(481, "INVITE"));
    alice.expect_silence(MOMENT);
    let bye = called_request(&talk.leg, bob.local(), "BYE", 10, None);
    bob.send_raw(bob.sut(), bye.as_bytes());
    talk.call.ok("BYE");
    bob.wait("200", is_answer(200, "BYE"));
    for peer in &others {
        peer.wait("100", is_answer(100, "INVITE"));
        peer.expect_silence(ms(1));
    }
    check(&bed.finish(1)[0], "normal", 200, "called", 1);
}
