//! Calls that come back (RFC 5393).

use super::*;

/// RFC 5393: a carrier sends the call back as a proxy does. For the same number that is a loop; for another it is a call like any.
#[test]
fn a_call_that_comes_back_as_it_went_is_a_loop() {
    let bed = quick(|setup| setup.extra("[[number]]\nmatch = \"+44300*\"\nto = \"pbx\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let invite = text(invite_of(&leg).raw());
    let back = |branch: &str, uri: &str| {
        let via = format!("Via: SIP/2.0/UDP {};branch=z9hG4bK{branch}\r\nVia:", bob.local());
        let (_, rest) = invite.split_once("\r\n").unwrap();
        let rest = rest.replacen("Via:", &via, 1);
        let forwarded = format!("INVITE {uri} SIP/2.0\r\n{rest}");
        bob.send_raw(bob.sut(), forwarded.as_bytes());
    };
    back("loop", &format!("sip:{NUMBER}@{}", bed.places.sut));
    let refusal = bob.wait("482", is_answer(482, "INVITE"));
    let ack = |refusal: &Message, branch: &str| {
        let lines = [
            format!("Via: SIP/2.0/UDP {};branch=z9hG4bK{branch}", bob.local()),
            format!("From: {}", header(refusal, HeaderId::From)),
            format!("To: {}", header(refusal, HeaderId::To)),
            format!("Call-ID: {}", header(refusal, HeaderId::CallId)),
            "CSeq: 1 ACK".to_owned(),
        ];
        bob.send_raw(
            bob.sut(),
            request("ACK", &format!("sip:{}", bob.sut()), &lines, None).as_bytes(),
        );
    };
    ack(&refusal.message, "loop");
    // To another number: it rings at A.
    back("spiral", &format!("sip:+443001234@{}", bed.places.sut));
    let inner = alice.incoming();
    inner.reply(486);
    inner.expect_request("ACK");
    let refusal = bob.wait("486", is_answer(486, "INVITE"));
    ack(&refusal.message, "spiral");
    leg.reply(482);
    leg.expect_request("ACK");
    call.expect(482);
    call.ack();
    let records = bed.finish_lingering(3, 3);
    assert_eq!(
        records
            .iter()
            .filter(|record| record.text("cause.kind") == "loop")
            .count(),
        1
    );
}

/// Between us and another switch, which leaves nothing of ours in what it sends back, a call goes round for so long and no longer.
#[test]
fn a_call_goes_round_between_two_switches_only_so_often() {
    let bed = quick(|setup| {
        setup
            .sip("max_spirals = 2")
            .trunk(
                "far",
                &[
                    "role = \"customer\"",
                    "sources = [\"{x}\"]",
                    "targets = [{ uri = \"sip:{x}\" }]",
                ],
            )
            .extra("[[number]]\nmatch = \"+44300*\"\nto = \"far\"")
    });
    let (alice, far) = (bed.peer_a(), bed.peer("far", bed.places.x));
    let call = alice.invite_with("+443001234", &[], Some(&sdp::offer(bed.places.rtp_a)));
    let caller = |message: &Message| text(message.from().uri);
    let mut legs = vec![far.incoming()];
    let number = caller(&invite_of(&legs[0]));
    let user = number
        .trim_start_matches("sip:")
        .split('@')
        .next()
        .unwrap()
        .to_owned();
    let mut calls = Vec::new();
    loop {
        let n = calls.len();
        let lines = [
            format!("Via: SIP/2.0/UDP {};branch=z9hG4bKround{n};rport", far.local()),
            format!("From: <sip:{user}@far.example>;tag=round{n}"),
            format!("To: <sip:+443001234@{}>", far.sut()),
            format!("Call-ID: round{n}"),
            "CSeq: 1 INVITE".to_owned(),
            "Max-Forwards: 70".to_owned(),
            format!("Contact: <sip:{}>", far.local()),
        ];
        let uri = format!("sip:+443001234@{}", far.sut());
        far.send_raw(
            far.sut(),
            request("INVITE", &uri, &lines, Some(&sdp::offer(bed.places.rtp_x))).as_bytes(),
        );
        calls.push(n);
        let next = far.wait("the next round or its end", |incoming| {
            is("INVITE")(incoming) || incoming.message.status() == Some(482)
        });
        if next.message.status().is_some() {
            break;
        }
        legs.push(far.taken(&next.message, next.from));
        assert!(legs.len() < 10, "it never ends");
    }
    assert_eq!(legs.len(), 3, "the first time and two rounds");
    // It unwinds from its innermost.
    for leg in legs.iter().rev() {
        leg.reply(482);
        leg.expect_request("ACK");
    }
    call.expect(482);
    call.ack();
    bed.finish_lingering(4, 4);
}
