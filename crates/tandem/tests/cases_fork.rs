//! Phones of one user that ring at once: who answers first has the call, and the others stop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::net::SocketAddr;

use sip_msg::HeaderId;
use support::phone::Phone;
use support::{MOMENT, check, header, invite_of, ms, quick};
use testbed::rtp::{Comparison, End, RtpPeer, Stream, converse};
use testbed::{Bed, Call, SipPeer, sdp};

const ALICE: (&str, &str) = ("alice", "wonder");
const USERS: &str = "users = [{ username = \"alice\", password = \"wonder\" }]";

fn bed() -> Bed {
    quick(|setup| {
        setup
            .trunk("phones", &["role = \"customer\"", USERS])
            .extra("[registrar]\nring = \"1s\"")
    })
}

/// Two phones on one address, and one more that is wanted less.
fn phones(bed: &Bed) -> [SipPeer; 3] {
    let x = bed.places.x;
    let phones = [0, 1, 2].map(|n| bed.peer("phone", SocketAddr::new(x.ip(), x.port() + n)));
    for (peer, q) in phones.iter().zip(["0.8", "0.8", "0.2"]) {
        let phone = Phone::new(peer, ALICE);
        let contact = format!("Contact: {};q={q};expires=600", phone.contact());
        assert_eq!(phone.register(&[&contact]).status(), Some(200));
    }
    phones
}

/// The CANCEL that a phone gets, and what becomes of its INVITE; gives its Reason.
fn stops(leg: &Call<'_>) -> String {
    let cancel = leg.expect_request("CANCEL");
    leg.reply_to(&cancel, 200, &[], None);
    leg.reply_to(&invite_of(leg), 487, &[], None);
    leg.expect_request("ACK");
    header(&cancel, HeaderId::Reason)
}

/// Both ring, the caller hears of it once, the one that answers has the call and is heard; the other is told that it has missed none.
#[test]
fn rg_phones_of_one_preference_ring_at_once() {
    let bed = bed();
    let pbx = bed.peer_a();
    let [one, two, less] = phones(&bed);
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let (first, second) = (one.incoming(), two.incoming());
    assert_ne!(first.call_id(), second.call_id());
    first.reply(180);
    call.expect(180);
    second.reply(180);
    pbx.expect_silence(ms(100));
    let to = sdp::audio(&invite_of(&second).body());
    second.answer(&sdp::offer(bed.places.rtp_b1));
    let ok = call.expect(200);
    call.ack();
    second.expect_request("ACK");
    assert!(stops(&first).contains("cause=200"));
    less.expect_silence(MOMENT);
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    let ends = [(&at_a, sdp::audio(&ok.body()), 0xa1), (&at_b, to, 0xb1)];
    let [a, b] = ends.map(|(peer, to, ssrc)| End {
        peer,
        to,
        stream: Stream::speech(ssrc),
    });
    converse(&a, &b, 25).iter().for_each(Comparison::assert_clean);
    second.bye();
    call.ok("BYE");
    second.expect(200);
    let record = &bed.finish_lingering(1, 1)[0];
    check(record, "normal", 200, "called", 2);
}

/// All of them are busy or don't answer: the next in order rings, and the last word is the caller's.
#[test]
fn rg_the_next_rings_when_none_of_them_will() {
    for silent in [false, true] {
        let bed = bed();
        let pbx = bed.peer_a();
        let [one, two, less] = phones(&bed);
        let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
        let (first, second) = (one.incoming(), two.incoming());
        first.reply(486);
        first.expect_request("ACK");
        less.expect_silence(ms(100));
        if silent {
            second.reply(180);
            call.expect(180);
            stops(&second);
        } else {
            second.reply(480);
            second.expect_request("ACK");
        }
        let last = less.incoming();
        last.reply(486);
        last.expect_request("ACK");
        call.expect(486);
        call.ack_failure();
        let record = &bed.finish_lingering(1, 4)[0];
        check(record, "busy", 486, "called", 3);
    }
}

/// One speaks for the user (RFC 3261 §16.7): the others stop, and nobody else is asked.
#[test]
fn rg_a_word_for_the_user_ends_it() {
    let bed = bed();
    let pbx = bed.peer_a();
    let [one, two, less] = phones(&bed);
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let (first, second) = (one.incoming(), two.incoming());
    second.reply(180);
    call.expect(180);
    first.reply(603);
    first.expect_request("ACK");
    stops(&second);
    call.expect(603);
    call.ack_failure();
    less.expect_silence(MOMENT);
    bed.finish_lingering(1, 3);
}

/// The caller gives up: all stop. And two that answer at once: one has the call, the other is hung up.
#[test]
fn rg_who_gives_up_and_who_is_too_late() {
    let bed = bed();
    let pbx = bed.peer_a();
    let [one, two, less] = phones(&bed);
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let (first, second) = (one.incoming(), two.incoming());
    for leg in [&first, &second] {
        leg.reply(180);
    }
    call.expect(180);
    call.cancel();
    call.expect(200);
    call.expect(487);
    call.ack_failure();
    stops(&first);
    stops(&second);
    less.expect_silence(MOMENT);
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let (first, second) = (one.incoming(), two.incoming());
    for leg in [&first, &second] {
        leg.answer(&sdp::offer(bed.places.rtp_b1));
    }
    call.expect(200);
    call.ack();
    first.expect_request("ACK");
    second.expect_request("ACK");
    second.ok("BYE");
    call.bye();
    first.ok("BYE");
    call.expect(200);
    let records = bed.finish_lingering(2, 3);
    assert!(records.iter().any(|record| record.text("cause.kind") == "normal"));
    assert!(
        records
            .iter()
            .any(|record| record.text("cause.kind") == "cancelled")
    );
}
