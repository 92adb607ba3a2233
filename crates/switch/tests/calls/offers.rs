//! Offers and answers when a call is set up (RFC 3264).

use testkit::bed::{A, B1, B2, Bed};
use testkit::sdp;

/// SM-14.
#[test]
fn an_invite_without_offer_gets_the_called_sides_and_the_ack_brings_the_answer() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    let ok = bed.expect(A, "200 INVITE");
    let offer = ok.sdp().unwrap();
    assert_eq!(sdp::address(offer), "127.0.0.1");
    assert!(
        ["0", "8", "101"]
            .iter()
            .all(|pt| sdp::live(offer).formats.contains(&(*pt).to_owned()))
    );
    let mut end = Bed::caller_end();
    end.codecs.retain(|(pt, _)| *pt == 8);
    let ack = a.ack(&ok).with_sdp(&end.answer(offer, "sendrecv"));
    bed.send(A, &ack);
    let ack = bed.expect(B1, "ACK");
    assert_eq!(sdp::live(ack.sdp().expect("the answer")).formats, ["8"]);
    bed.wait(10);
    let legs = bed.world.media.legs();
    assert_eq!(legs[0].remote.unwrap().rtp.to_string(), "127.0.0.10:20000");
    assert_eq!(legs[1].remote.unwrap().rtp.to_string(), "127.0.0.20:30000");
    assert!(legs.iter().all(|leg| leg.expects && leg.may_send));
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().caller_media.codec.as_deref(), Some("PCMA/8000"));
}

/// SM-14, variant.
#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    let bye = bed.expect_within(A, "BYE", 1000);
    bed.send(A, &a.reply(&bye, 200, None));
    bed.expect(B1, "ACK");
    let bye = bed.expect_within(B1, "BYE", 1000);
    bed.send(B1, &b.reply(&bye, 200, None));
    assert_eq!(bed.settle_one().cause.kind, "no-answer-sdp");
}

#[test]
fn an_offerless_call_is_hung_up_before_its_ack() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let mut b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    let ok = bed.expect(A, "200 INVITE");
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.wait(300);
    let titles: Vec<String> = bed.drain(B1).iter().map(|(_, sip)| sip.title()).collect();
    assert!(titles.contains(&"200 BYE".to_owned()), "{titles:?}");
    let ack = a
        .ack(&ok)
        .with_sdp(&Bed::caller_end().answer(ok.sdp().unwrap(), "sendrecv"));
    bed.send(A, &ack);
    bed.serve(A, &a, "BYE", 200);
    bed.settle_one();
}

/// SM-16.
#[test]
fn every_stream_of_an_offer_is_answered_in_its_place() {
    let audio = "m=audio 20000 RTP/AVP 0 8\r\n";
    let video = "m=video 20010 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let fax = "m=image 20020 udptl t38\r\n";
    let secure = "m=audio 20030 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let none = "m=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n";
    for (streams, live) in [
        (format!("{audio}{video}"), 0),
        (format!("{video}{audio}"), 1),
        (format!("{none}{audio}"), 2),
        (format!("{audio}{fax}"), 0),
        (format!("{secure}{audio}"), 1),
    ] {
        let mut bed = Bed::new();
        let mut a = bed.caller("+4420");
        let offer =
            format!("v=0\r\no=a 1 1 IN IP4 127.0.0.10\r\ns=-\r\nc=IN IP4 127.0.0.10\r\nt=0 0\r\n{streams}");
        let invite = a.invite(Some(&offer));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let b = bed.callee(B1, &at_b);
        bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        let (offered, answered) = (sdp::media(&offer), sdp::media(ok.sdp().unwrap()));
        assert_eq!(offered.len(), answered.len(), "{}", ok.write());
        for (index, (offered, answered)) in offered.iter().zip(&answered).enumerate() {
            assert_eq!((&offered.kind, &offered.proto), (&answered.kind, &answered.proto));
            assert_eq!(answered.port != 0, index == live, "{}", ok.write());
            assert!(!answered.formats.is_empty());
        }
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

#[test]
fn an_offer_that_nobody_can_relay_is_refused_and_never_dialled() {
    let broken = "v=0\r\no=a 1 1 IN IP4 127.0.0.10\r\ns=-\r\nc=IN IP4 127.0.0.10\r\nt=0 0\r\nm=video 20000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    for (body, content_type, status) in [
        (broken, "application/sdp", 488),
        ("not sdp", "application/sdp", 488),
        ("<x/>", "application/xml", 415),
    ] {
        let mut bed = Bed::new();
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(body)).set("Content-Type", content_type);
        bed.send(A, &invite);
        let refusal = bed.expect(A, &format!("{status} INVITE"));
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.quiet(B1, 100);
        bed.settle_one();
    }
}

#[test]
fn an_answer_that_nobody_can_join_is_hung_up_and_the_caller_told() {
    for body in [
        None,
        Some(
            "v=0\r\no=b 1 1 IN IP4 127.0.0.20\r\ns=-\r\nc=IN IP4 127.0.0.20\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
        ),
    ] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 200, body));
        bed.expect(B1, "ACK");
        bed.serve(B1, &b, "BYE", 200);
        bed.wait(10);
        if bed.world.has(testkit::bed::addr(B2)) {
            let at_b2 = bed.expect(B2, "INVITE");
            let b2 = bed.callee(B2, &at_b2);
            bed.send(B2, &b2.reply(&at_b2, 486, None));
            bed.expect(B2, "ACK");
        }
        let (_, refusal) = bed.next(A);
        assert!(refusal.status() >= 400, "{}", refusal.write());
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        let record = bed.settle_one();
        assert_eq!((record.answered_ms, record.talk_ms), (None, 0));
    }
}

#[test]
fn payload_types_are_each_sides_own() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let mut end = Bed::caller_end();
    end.codecs = vec![(8, "PCMA/8000"), (97, "telephone-event/8000")];
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    // B1 answers in its own number for events (against RFC 3264 §6.1, and yet often seen).
    let answer = Bed::carrier_end(B1)
        .answer(at_b.sdp().unwrap(), "sendrecv")
        .replace("RTP/AVP 8 97", "RTP/AVP 8 101")
        .replace("rtpmap:97", "rtpmap:101");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["8", "97"]);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
