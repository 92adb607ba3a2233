//! Calls of a trunk that registers.

use super::*;

/// RFC 3608: calls take the route that the registrar has named.
#[test]
fn calls_take_the_service_route() {
    let bed = quick(|setup| registering(setup).without("b2"));
    let (alice, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let registrar = Registrar(&b1);
    let route = [
        format!("<sip:{};lr>", bed.places.b2),
        "<sip:core.example;lr>".to_owned(),
    ];
    let line = route.join(", ");
    registrar.grant_with(&registrar.next(), 300, &[("Service-Route", &line)]);
    wait_state(&bed, "b1", "registered");
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = b2.incoming();
    let invite = invite_of(&leg);
    assert_eq!(values(&invite, HeaderId::Route), route);
    assert_eq!(uri(&invite), format!("sip:{NUMBER}@{}", bed.places.b1));
    connect(&call, &leg, &sdp::offer(bed.places.rtp_b2));
    hang_up(&call, &leg);
    bed.assert_quiet(1);
    finish(bed, &registrar, 1);
}

/// A carrier that is known by its registrar alone: its calls come to the Contact, and the number stands in To.
#[test]
fn the_registrars_calls_are_the_trunks_own() {
    let bed = quick(|setup| {
        setup
            .without("b1")
            .trunk("b1", &["role = \"carrier\"", REGISTER])
            .extra("[[number]]\nmatch = \"+4420*\"\nto = \"pbx\"")
    });
    let (alice, b1, x) = (bed.peer_a(), bed.peer_b1(), bed.peer("X", bed.places.x));
    let registrar = Registrar(&b1);
    let to = format!("<sip:+442079460000@{}>", bed.places.b1);
    // Before it has us it is a stranger.
    let early = b1.invite("tandem", Some(&sdp::offer(bed.places.rtp_b1)));
    early.expect(403);
    early.ack_failure();
    registrar.grant(&registrar.next(), 300);
    wait_state(&bed, "b1", "registered");
    // Whoever knows the name of our contact is nobody for that.
    let stranger = x.invite("tandem", Some(&sdp::offer(bed.places.rtp_x)));
    stranger.expect(403);
    stranger.ack_failure();
    let lines = call_to(&bed, &b1, "tandem", &to);
    b1.send_raw(bed.places.sut, lines.as_bytes());
    let leg = alice.incoming();
    assert_eq!(
        uri(&invite_of(&leg)),
        format!("sip:+442079460000@{}", bed.places.a)
    );
    leg.reply(486);
    leg.expect_request("ACK");
    let refusal = b1
        .wait("486", |i: &Incoming| i.message.status() == Some(486))
        .message;
    let ack = lines
        .replacen("INVITE", "ACK", 1)
        .replacen("1 INVITE", "1 ACK", 1);
    let tagged = header(&refusal, HeaderId::To);
    let ack = ack.replace(&format!("To: {to}"), &format!("To: {tagged}"));
    b1.send_raw(bed.places.sut, head_of(&ack).as_bytes());
    bed.assert_lingering(1, 1);
    bed.finish_lingering(1, 1);
    assert_eq!(asked(&registrar.next()), 0);
}

/// An INVITE to `user` with a To of its own.
fn call_to(bed: &Bed, from: &SipPeer, user: &str, to: &str) -> String {
    let (branch, tag, call_id) = (from.mint("z9hG4bK"), from.mint("f"), from.mint("c"));
    let lines = [
        format!("Via: SIP/2.0/UDP {};branch={branch};rport", from.local()),
        format!("From: <sip:+4930111@{}>;tag={tag}", from.local()),
        format!("To: {to}"),
        format!("Call-ID: {call_id}"),
        "CSeq: 1 INVITE".to_owned(),
        "Max-Forwards: 70".to_owned(),
        format!("Contact: <sip:{}>", from.local()),
    ];
    let body = sdp::offer(bed.places.rtp_b1);
    support::request(
        "INVITE",
        &format!("sip:{user}@{}", bed.places.sut),
        &lines,
        Some(&body),
    )
}

/// A message without its body.
fn head_of(message: &str) -> String {
    let (head, _) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let kept = head.lines().filter(|line| !line.starts_with("Content-"));
    kept.map(|line| format!("{line}\r\n")).collect::<String>() + "Content-Length: 0\r\n\r\n"
}

/// `required`: no registration, no call by it.
#[test]
fn where_it_is_required_calls_wait_for_the_registration() {
    let required = REGISTER.replace("expires = \"300s\"", "required = true");
    let bed = quick(|setup| setup.key("b1", &required));
    let (alice, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let registrar = Registrar(&b1);
    let register = registrar.next();
    let call_reaches = |peer: &SipPeer| {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = peer.incoming();
        connect(&call, &leg, &sdp::offer(bed.places.rtp_b1));
        hang_up(&call, &leg);
    };
    call_reaches(&b2);
    registrar.grant(&register, 300);
    wait_state(&bed, "b1", "registered");
    call_reaches(&b1);
    assert_eq!(calls_had(&bed), 2);
    bed.assert_quiet(2);
    finish(bed, &registrar, 2);
}

/// RG-06, variant: a carrier that registers us challenges calls with the nonce that we have, and its count goes on.
#[test]
fn rg_06_a_registrars_nonce_serves_calls_too() {
    let bed = quick(registering);
    let (alice, b1) = (bed.peer_a(), bed.peer_b1());
    let registrar = Registrar(&b1);
    registrar.challenge(&registrar.next(), "N1", "");
    registrar.grant(&registrar.next(), 300);
    wait_state(&bed, "b1", "registered");
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = b1.incoming();
    let value = header(&invite_of(&leg), HeaderId::Authorization);
    assert!(digest::is_right(&value, "INVITE", WHO), "{value}");
    assert_eq!(
        (digest::field(&value, "nonce"), digest::field(&value, "nc")),
        ("N1".into(), "00000002".into())
    );
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    // RG-06: the BYE is challenged, and the caller never knows.
    let bye = leg.expect_request("BYE");
    let challenge = "Digest realm=\"carrier\", nonce=\"N2\", qop=\"auth\", algorithm=MD5";
    leg.reply_to(&bye, 401, &[("WWW-Authenticate", challenge)], None);
    call.expect(200);
    let again = b1
        .wait("BYE", |i: &Incoming| {
            is("BYE")(i) && i.message.cseq().0 > bye.cseq().0
        })
        .message;
    assert!(digest::is_right(
        &header(&again, HeaderId::Authorization),
        "BYE",
        WHO
    ));
    leg.reply_to(&again, 200, &[], None);
    bed.assert_quiet(1);
    finish(bed, &registrar, 1);
}
