//! Transfers (REFER, RFC 3515; Replaces, RFC 3891) through the daemon: who talks to whom, who hears of it, and that nobody is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::net::SocketAddr;

use sip_msg::{HeaderId, Message};
use support::{MOMENT, check, header, invite_of, ms, quick, talk, text};
use testbed::bulk::Held;
use testbed::rtp::{Comparison, End, RtpPeer, Stream, converse};
use testbed::{Bed, Call, Setup, SipPeer, sdp};

const TO_B2: &str = "[[number]]\nmatch = \"200\"\nto = \"b2\"";

/// Calls to 200 go to B2; `pbx` has these keys.
fn bed(keys: &[&str]) -> Bed {
    quick(|setup: Setup| {
        let setup = setup.extra(TO_B2);
        keys.iter().fold(setup, |setup, key| setup.key("pbx", key))
    })
}

/// A REFER to this, in the dialog of `call`.
fn refer(call: &Call<'_>, peer: &SipPeer, to: &str, more: &[(&str, &str)]) {
    let contact = format!("<sip:alice@{}>", peer.local());
    let mut lines = vec![("Refer-To", to), ("Contact", contact.as_str())];
    lines.extend_from_slice(more);
    call.request_with("REFER", &lines, None);
}

fn number(bed: &Bed) -> String {
    format!("<sip:200@{}>", bed.places.sut)
}

/// The transferor is told this, and says that it has heard.
fn told(call: &Call<'_>, status: u16, last: bool) -> Message {
    let notify = call.ok("NOTIFY");
    assert!(header(&notify, HeaderId::Event).starts_with("refer"));
    let body = text(&notify.body());
    assert!(body.starts_with(&format!("SIP/2.0 {status} ")), "{body}");
    let state = header(&notify, HeaderId::SubscriptionState);
    assert_eq!(state.starts_with("terminated"), last, "{state}");
    notify
}

/// The target's INVITE at B2, and where its media goes.
fn target(carol: &SipPeer) -> (Call<'_>, SocketAddr) {
    let leg = carol.incoming();
    let to = sdp::audio(&invite_of(&leg).body());
    (leg, to)
}

/// B1 and B2 hear each other, as they were sent, and nobody else does.
fn they_talk(bed: &Bed, b_to: SocketAddr, c_to: SocketAddr) {
    let (at_b, at_c) = (RtpPeer::bind(bed.places.rtp_b1), RtpPeer::bind(bed.places.rtp_b2));
    let b = End {
        peer: &at_b,
        to: b_to,
        stream: Stream::speech(0xb1),
    };
    let c = End {
        peer: &at_c,
        to: c_to,
        stream: Stream::speech(0xb2),
    };
    converse(&b, &c, 25).iter().for_each(Comparison::assert_clean);
}

/// The target hangs up: so is B1.
fn ends(target: &Call<'_>, talk: &Held<'_>) {
    target.bye();
    talk.leg.ok("BYE");
    target.expect(200);
}

/// A transferor that leaves as soon as it has its 202 ends its own leg only: the two others are connected, and hear each other.
#[test]
fn sm_18_the_transferor_leaves_early() {
    let bed = bed(&[]);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let talk = talk(&bed, &alice, &bob);
    refer(
        &talk.call,
        &alice,
        &number(&bed),
        &[("Referred-By", "<sip:boss@pbx.internal>")],
    );
    talk.call.expect(202);
    told(&talk.call, 100, false);
    talk.call.bye();
    talk.call.expect(200);
    let (leg, c_to) = target(&carol);
    let referred = header(&invite_of(&leg), HeaderId::ReferredBy);
    assert!(
        referred.starts_with("<sip:boss@") && !referred.contains("internal"),
        "{referred}"
    );
    leg.reply(180);
    bob.expect_silence(ms(300));
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    leg.expect_request("ACK");
    they_talk(&bed, talk.b_to, c_to);
    ends(&leg, &talk);
    alice.expect_silence(MOMENT);
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert_eq!(record.count("transfers"), 1);
}

/// Refused here, and never passed on: from the customer, from the carrier, and outside of a call.
#[test]
fn sm_18_a_refer_that_is_not_wanted_goes_nowhere() {
    let bed = bed(&["transfer = \"refuse\""]);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let talk = talk(&bed, &alice, &bob);
    for (call, peer) in [(&talk.call, &alice), (&talk.leg, &bob)] {
        refer(call, peer, &number(&bed), &[]);
        call.expect(603);
    }
    for peer in [&alice, &bob, &carol] {
        peer.expect_silence(MOMENT);
    }
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
}

/// The transferor that stays hears how it goes, and is hung up when the target is there. The ladder has all three.
#[test]
fn sm_18_the_transferor_hears_how_it_goes() {
    let bed = bed(&[]);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let talk = talk(&bed, &alice, &bob);
    refer(&talk.call, &alice, &number(&bed), &[]);
    talk.call.expect(202);
    told(&talk.call, 100, false);
    let (leg, c_to) = target(&carol);
    leg.reply(180);
    told(&talk.call, 180, false);
    let ladder = |id: &str| bed.get(&format!("/v1/calls/{id}/ladder")).body;
    let calls: serde_json::Value = serde_json::from_str(&bed.get("/v1/calls").body).unwrap();
    assert_eq!(
        calls.as_array().unwrap().len(),
        1,
        "the hunt for the target is no call of its own"
    );
    let id = calls[0]["id"].as_str().unwrap().to_owned();
    assert!(ladder(&id).contains(&bed.places.b2.to_string()));
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    leg.expect_request("ACK");
    told(&talk.call, 200, true);
    talk.call.ok("BYE");
    they_talk(&bed, talk.b_to, c_to);
    assert!(ladder(&id).contains(&bed.places.b2.to_string()));
    ends(&leg, &talk);
    assert_eq!(bed.wait_records(1).len(), 1);
    assert!(ladder(&id).contains(&bed.places.b2.to_string()));
    bed.finish(1);
}

/// A target that refuses leaves everybody where they were; if the transferor has gone, the transferee is not left alone.
#[test]
fn sm_18_a_target_that_refuses() {
    for leaves in [false, true] {
        let bed = bed(&[]);
        let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
        let talk = talk(&bed, &alice, &bob);
        refer(&talk.call, &alice, &number(&bed), &[]);
        talk.call.expect(202);
        told(&talk.call, 100, false);
        let (leg, _) = target(&carol);
        if leaves {
            talk.call.bye();
            talk.call.expect(200);
        }
        leg.reply(486);
        leg.expect_request("ACK");
        if leaves {
            let bye = talk.leg.ok("BYE");
            assert!(header(&bye, HeaderId::Reason).contains("transfer-failed"));
        } else {
            told(&talk.call, 486, true);
            let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
            let ends = [(&at_a, talk.a_to, 0xa1), (&at_b, talk.b_to, 0xb1)];
            let [a, b] = ends.map(|(peer, to, ssrc)| End {
                peer,
                to,
                stream: Stream::speech(ssrc),
            });
            converse(&a, &b, 25).iter().for_each(Comparison::assert_clean);
            talk.hang_up();
        }
        let record = &bed.finish_lingering(1, 1)[0];
        let (kind, by) = if leaves {
            ("transfer-failed", "switch")
        } else {
            ("normal", "caller")
        };
        check(record, kind, 200, by, 1);
    }
}

/// A target that never answers, and a transferee that does not wait for it.
#[test]
fn sm_18_a_target_that_does_not_answer() {
    for waits in [true, false] {
        let bed = quick(|setup| setup.extra(TO_B2).key("b2", "failover = { answer = \"1s\" }"));
        let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
        let talk = talk(&bed, &alice, &bob);
        refer(&talk.call, &alice, &number(&bed), &[]);
        talk.call.expect(202);
        told(&talk.call, 100, false);
        let (leg, _) = target(&carol);
        leg.reply(180);
        told(&talk.call, 180, false);
        if !waits {
            talk.leg.bye();
            told(&talk.call, 487, true);
            talk.call.ok("BYE");
            talk.leg.expect(200);
        }
        leg.ok("CANCEL");
        leg.reply_to(&invite_of(&leg), 487, &[], None);
        leg.expect_request("ACK");
        if waits {
            told(&talk.call, 480, true);
            talk.hang_up();
        }
        let record = &bed.finish_lingering(1, 1)[0];
        check(record, "normal", 200, if waits { "caller" } else { "called" }, 1);
    }
}

/// Whom the customer may not call it can't transfer to: refused as the call would be, and nobody is rung.
#[test]
fn sm_18_a_transfer_is_refused_as_a_call_would_be() {
    let bed = quick(|setup| setup.key("b1", "transfer = \"accept\"").extra(TO_B2));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let talk = talk(&bed, &alice, &bob);
    let to = format!("<sip:+44900@{}>", bed.places.sut);
    refer(&talk.leg, &bob, &to, &[]);
    talk.leg.expect(404);
    carol.expect_silence(MOMENT);
    alice.expect_silence(MOMENT);
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// Where a customer may not call it can't transfer to either, however the number is written; the call goes on.
#[test]
fn sm_18_a_transfer_to_where_it_may_not_call_is_refused() {
    let bed = bed(&["destinations = { deny = [\"high-risk\", \"+33*\"], allow = [\"+331*\"] }"]);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let talk = talk(&bed, &alice, &bob);
    let sut = bed.places.sut;
    for to in [
        format!("<sip:+33612345678@{sut}>"),
        format!("sip:+33612345678@{sut}"),
        format!("<sip:%2B33612345678@{sut};user=phone>"),
        format!("<sip:+33-6-12345678;isub=1@{sut};user=phone>"),
        "<tel:+33-612-345678>".to_owned(),
        "<tel:+33612345678;phone-context=x.example>".to_owned(),
        format!("<sip:+881612345678@{sut}>"),
        format!("<sip:00881612345678@{sut}>"),
        format!("<sip:+33612345678@{sut}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
    ] {
        refer(&talk.call, &alice, &to, &[]);
        if to.contains("Replaces") {
            // That it is nobody's dialog here is known when the REFER has been taken.
            talk.call.expect(202);
            told(&talk.call, 100, false);
            told(&talk.call, 403, true);
        } else {
            talk.call.expect(403);
        }
    }
    for peer in [&alice, &bob, &carol] {
        peer.expect_silence(MOMENT);
    }
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    let ends = [(&at_a, talk.a_to, 0xa1), (&at_b, talk.b_to, 0xb1)];
    let [a, b] = ends.map(|(peer, to, ssrc)| End {
        peer,
        to,
        stream: Stream::speech(ssrc),
    });
    converse(&a, &b, 10).iter().for_each(Comparison::assert_clean);
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert!(record.0.to_string().contains("not transferred"), "{record:#?}");
}

/// Who has called without wanting to be known is not known to a transfer's target, whatever the transferor says.
#[test]
fn sm_18_a_transfer_keeps_the_callers_secret() {
    for (header, value) in [
        ("Privacy", "id"),
        ("Privacy", "user;id"),
        (
            "Remote-Party-ID",
            "<sip:+442071838750@b1.example>;party=calling;privacy=full",
        ),
    ] {
        let bed = quick(|setup| {
            setup
                .key(
                    "b1",
                    "identity = { trust = true, caller = [\"p-asserted-identity\", \"remote-party-id\", \"from\"] }",
                )
                .key("b2", "identity = { assert = \"p-asserted-identity\" }")
                .key("pbx", "identity = { trust = true }")
                .extra(&format!("{TO_B2}\n[[number]]\nmatch = \"300\"\nto = \"pbx\""))
        });
        let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
        let call = bob.invite_with("300", &[(header, value)], Some(&sdp::offer(bed.places.rtp_b1)));
        let desk = alice.incoming();
        desk.answer(&sdp::offer(bed.places.rtp_a));
        call.expect(200);
        call.ack();
        desk.expect_request("ACK");
        let to = format!("<sip:200@{}?Privacy=none>", bed.places.sut);
        refer(&desk, &alice, &to, &[("Privacy", "none")]);
        desk.expect(202);
        told(&desk, 100, false);
        let (leg, _) = target(&carol);
        let invite = text(invite_of(&leg).raw());
        assert!(!invite.contains("2071838750"), "{header}: {value}\n{invite}");
        assert!(invite.contains("sip:anonymous@anonymous.invalid"), "{invite}");
        leg.reply(486);
        leg.expect_request("ACK");
        told(&desk, 486, true);
        call.bye();
        desk.ok("BYE");
        call.expect(200);
        bed.finish_lingering(1, 1);
    }
}

/// It crosses to the other side with the number at our address, its notifications come back, and no URI of the one is seen by the other.
#[test]
fn sm_18_forwarded() {
    let bed = bed(&["transfer = \"forward\""]);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let to = "<sip:200@pbx.internal>".to_owned();
    refer(
        &talk.call,
        &alice,
        &to,
        &[("Referred-By", "<sip:boss@pbx.internal>")],
    );
    let got = talk.leg.expect_request("REFER");
    assert_eq!(header(&got, HeaderId::ReferTo), number(&bed));
    assert!(!text(got.raw()).contains("internal"));
    talk.leg.reply(202);
    talk.call.expect(202);
    let lines = [
        ("Event", "refer"),
        ("Subscription-State", "terminated;reason=noresource"),
        ("Content-Type", "message/sipfrag;version=2.0"),
    ];
    talk.leg.request_with(
        "NOTIFY",
        &lines,
        Some("SIP/2.0 200 OK\r\nContact: <sip:carol@b2.internal>\r\n"),
    );
    let notify = told(&talk.call, 200, true);
    assert_eq!(text(&notify.body()), "SIP/2.0 200 OK\r\n");
    talk.leg.expect(200);
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The dialog of a caller's call, as a Replaces header has it.
fn dialog_of(call: &Call<'_>, ok: &Message) -> String {
    let (to, from) = (text(ok.to_tag().unwrap()), call.tag());
    format!("{};to-tag={to};from-tag={from}", call.call_id())
}

/// To another call of the transferor's: the two far ends are connected, the transferor's two legs are hung up.
#[test]
fn sm_18_attended() {
    let bed = bed(&[]);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let talk = talk(&bed, &alice, &bob);
    let consult = alice.invite("200", Some(&sdp::offer(bed.places.rtp_a)));
    let (leg, _) = target(&carol);
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    let ok = consult.expect(200);
    consult.ack();
    leg.expect_request("ACK");
    let replaces = dialog_of(&consult, &ok)
        .replace(';', "%3B")
        .replace('=', "%3D")
        .replace('@', "%40");
    let to = format!("<sip:200@{}?Replaces={replaces}>", bed.places.sut);
    refer(&talk.call, &alice, &to, &[]);
    talk.call.expect(202);
    told(&talk.call, 100, false);
    told(&talk.call, 200, true);
    talk.call.ok("BYE");
    consult.ok("BYE");
    let moved = leg.expect_request("INVITE");
    let c_to = sdp::audio(&moved.body());
    leg.reply_to(
        &moved,
        200,
        &[],
        Some(&sdp::session(bed.places.rtp_b2, 2, "sendrecv")),
    );
    leg.expect_request("ACK");
    they_talk(&bed, talk.b_to, c_to);
    ends(&leg, &talk);
    let records = bed.finish(2);
    let of = |kind: &str| {
        records
            .iter()
            .find(|record| record.text("cause.kind") == kind)
            .unwrap()
    };
    check(of("normal"), "normal", 200, "caller", 1);
    assert_eq!(of("normal").count("transfers"), 1);
    check(of("transferred"), "transferred", 200, "switch", 1);
}

/// An INVITE with Replaces takes its sender's other phone's place; one for a dialog that is over is refused.
#[test]
fn sm_18_an_invite_takes_a_place() {
    let bed = bed(&[]);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite("200", Some(&sdp::offer(bed.places.rtp_a)));
    let (leg, _) = target(&carol);
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    let ok = call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    let replaces = dialog_of(&call, &ok);
    let lines = [("Replaces", replaces.as_str()), ("Require", "replaces")];
    // The media of the phone that comes is at B1's place, where there is somebody to listen.
    let other = alice.invite_with("200", &lines, Some(&sdp::offer(bed.places.rtp_b1)));
    let moved = leg.expect_request("INVITE");
    let c_to = sdp::audio(&moved.body());
    leg.reply_to(
        &moved,
        200,
        &[],
        Some(&sdp::session(bed.places.rtp_b2, 2, "sendrecv")),
    );
    leg.expect_request("ACK");
    let b_to = sdp::audio(&other.expect(200).body());
    other.ack();
    call.ok("BYE");
    they_talk(&bed, b_to, c_to);
    other.bye();
    leg.ok("BYE");
    other.expect(200);
    let late = alice.invite_with("200", &lines, Some(&sdp::offer(bed.places.rtp_b1)));
    late.expect(481);
    late.ack_failure();
    bob.expect_silence(MOMENT);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}
