//! Cases of sessions as they come in other forms: converted, secured, with more streams, with another party.

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

use super::transfers;

const OPUS: &[(u8, &str)] = &[(111, "opus/48000/2"), (96, "telephone-event/48000")];

fn opus_end() -> sdp::End {
    let mut end = Bed::caller_end();
    end.codecs = OPUS.to_vec();
    end
}

fn converted(more: &[(&str, &str)]) -> Bed {
    let keys = "codecs = [\"PCMU\", \"PCMA\", \"telephone-event\"]\ntranscode = \"auto\"";
    let changes: Vec<(&str, &str)> = [("name = \"b1\"", keys), ("name = \"b2\"", keys), transfers::TO_B2]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let mut bed = Bed::changed(&changes);
    bed.world.audit.hidden.clear();
    bed
}

fn converted_call(bed: &mut Bed, asks: &[(&str, &str)]) -> (Party, Party) {
    let mut a = bed.caller("+4420");
    let mut invite = a.invite(Some(&opus_end().offer("sendrecv")));
    for (name, value) in asks {
        invite = invite.with(name, *value);
    }
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["111", "96"]);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    (a, b)
}

/// An offer of one side and the other's answer; both as they arrived.
pub(super) fn exchange(
    bed: &mut Bed,
    by: &str,
    (x, offer): (&mut Party, &str),
    (y, end, direction): (&Party, &sdp::End, &str),
) -> (Sip, Sip) {
    let at = if by == A { B1 } else { A };
    let invite = x.invite(Some(offer));
    bed.send(by, &invite);
    let got = bed.expect(at, "INVITE");
    let answer = end.answer(got.sdp().unwrap(), direction);
    bed.send(at, &y.reply(&got, 200, Some(&answer)));
    bed.expect(at, "ACK");
    let ok = bed.expect(by, "200 INVITE");
    let ack = x.ack(&ok);
    bed.send(by, &ack);
    bed.wait(10);
    (got, ok)
}

fn transcodes(bed: &Bed) -> Vec<bool> {
    bed.world
        .media
        .legs()
        .iter()
        .map(|leg| leg.needs.transcode.is_some())
        .collect()
}

fn carol_hangs_up(bed: &mut Bed, c: &Party, invite: &Sip, b: &Party) {
    let mut c = c.clone();
    c.refresh(invite);
    let bye = c.request("BYE");
    bed.send(B2, &bye);
    bed.serve(B1, b, "BYE", 200);
    bed.expect(B2, "200 BYE");
}

/// SM-12: either side holds and resumes; each goes on in its own codec.
#[test]
fn hold_and_resume_of_a_converted_call() {
    let mut bed = converted(&[]);
    let (mut a, mut b) = converted_call(&mut bed, &[]);
    assert_eq!(transcodes(&bed), [true, true]);
    let (mut ea, mut eb) = (opus_end(), Bed::carrier_end(B1));
    for (of, answer) in [
        ("sendonly", "recvonly"),
        ("sendrecv", "sendrecv"),
        ("inactive", "inactive"),
        ("sendrecv", "sendrecv"),
    ] {
        ea.version += 1;
        eb.version += 1;
        let (_, ok) = exchange(&mut bed, B1, (&mut b, &eb.offer(of)), (&a, &ea, answer));
        assert_eq!(sdp::live(ok.sdp().unwrap()).formats[0], "0", "{}", ok.body);
        assert_eq!(transcodes(&bed), [true, true]);
        ea.version += 1;
        eb.version += 1;
        let (got, ok) = exchange(&mut bed, A, (&mut a, &ea.offer(of)), (&b, &eb, answer));
        assert_eq!(sdp::live(ok.sdp().unwrap()).formats[0], "111");
        assert_eq!(sdp::live(got.sdp().unwrap()).formats[0], "0");
        assert_eq!(transcodes(&bed), [true, true]);
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-17: behind the facsimile each side is offered what it speaks.
#[test]
fn a_converted_call_is_a_fax_and_is_converted_again() {
    let mut bed = converted(&[]);
    let (mut a, mut b) = converted_call(&mut bed, &[]);
    let fax = |ip: &str, port: u16| {
        format!(
            "v=0\r\no=peer 4711 2 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=image {port} udptl t38\r\na=T38FaxVersion:0\r\n"
        )
    };
    let invite = b.invite(Some(&fax("127.0.0.20", 30020)));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    assert!(got.body.contains("udptl t38"), "{}", got.body);
    bed.send(A, &a.reply(&got, 200, Some(&fax("127.0.0.10", 20020))));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(10);
    assert_eq!(transcodes(&bed), [false, false]);
    let (mut ea, mut eb) = (opus_end(), Bed::carrier_end(B1));
    ea.version = 5;
    eb.version = 5;
    let (_, ok) = exchange(
        &mut bed,
        B1,
        (&mut b, &eb.offer("sendrecv")),
        (&a, &ea, "sendrecv"),
    );
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats[0], "0");
    assert_eq!(transcodes(&bed), [true, true]);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-18: whoever needed the conversion has gone; there is none any more.
#[test]
fn a_converted_calls_other_side_is_transferred_to_its_like() {
    let mut bed = converted(&[]);
    let (mut a, b) = converted_call(&mut bed, &[]);
    transfers::refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
    bed.expect(A, "202 REFER");
    transfers::told(&mut bed, A, &a, "100", false);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    let (c, invite) = transfers::target(&mut bed);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.wait(100);
    for (_, sip) in bed.drain(B1) {
        if sip.title() == "INVITE" {
            let mut eb = Bed::carrier_end(B1);
            eb.version = 2;
            bed.send(
                B1,
                &b.reply(&sip, 200, Some(&eb.answer(sip.sdp().unwrap(), "sendrecv"))),
            );
            bed.expect(B1, "ACK");
        }
    }
    bed.wait(10);
    assert_eq!(transcodes(&bed), [false, false]);
    carol_hangs_up(&mut bed, &c, &invite, &b);
    bed.settle_one();
}

/// SM-18: the party that needs it stays.
#[test]
fn who_needs_a_conversion_is_transferred() {
    let mut bed = converted(&[("name = \"b1\"", "transfer = \"accept\"")]);
    let (mut a, mut b) = converted_call(&mut bed, &[]);
    transfers::refer(&mut bed, B1, &mut b, "<sip:200@127.0.0.1>", &[]);
    bed.expect(B1, "202 REFER");
    transfers::told(&mut bed, B1, &b, "100", false);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect(B1, "200 BYE");
    let (c, invite) = transfers::target(&mut bed);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.wait(100);
    for (_, sip) in bed.drain(A) {
        if sip.title() == "INVITE" {
            let mut ea = opus_end();
            ea.version = 2;
            bed.send(
                A,
                &a.reply(&sip, 200, Some(&ea.answer(sip.sdp().unwrap(), "sendrecv"))),
            );
            bed.expect(A, "ACK");
        }
    }
    bed.wait(10);
    assert_eq!(transcodes(&bed), [true, true]);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

/// SM-02: we refresh who speaks another codec than the other side.
#[test]
fn a_refresh_of_a_converted_call() {
    let mut bed = converted(&[]);
    let (mut a, b) = converted_call(
        &mut bed,
        &[("Supported", "timer"), ("Session-Expires", "90;refresher=uas")],
    );
    for _ in 0..2 {
        let refresh = bed.expect(A, "INVITE");
        assert_eq!(sdp::live(refresh.sdp().unwrap()).formats, ["111", "96"]);
        bed.send(
            A,
            &a.reply(
                &refresh,
                200,
                Some(&opus_end().answer(refresh.sdp().unwrap(), "sendrecv")),
            )
            .with("Session-Expires", "90;refresher=uac")
            .with("Require", "timer"),
        );
        bed.expect(A, "ACK");
        bed.wait(10);
        assert_eq!(transcodes(&bed), [true, true]);
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-14: the caller makes no offer, and may speak nothing of what the called side does.
#[test]
fn an_offer_in_the_200_that_is_converted() {
    let mut bed = converted(&[(
        "name = \"pbx\"",
        "codecs = [\"opus\", \"telephone-event\"]\ntranscode = \"auto\"",
    )]);
    let mut a = bed.caller("+4420");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    let ok = bed.expect(A, "200 INVITE");
    let offer = ok.sdp().unwrap();
    let live = sdp::live(offer);
    let opus = live
        .formats()
        .find(|pt| live.codec(*pt).unwrap().starts_with("opus"))
        .unwrap();
    let mut ea = opus_end();
    ea.codecs = vec![(opus, "opus/48000/2")];
    let ack = a.ack(&ok).with_sdp(&ea.answer(offer, "sendrecv"));
    bed.send(A, &ack);
    let ack = bed.expect(B1, "ACK");
    assert_eq!(sdp::live(ack.sdp().unwrap()).formats[0], "0");
    bed.wait(10);
    assert_eq!(transcodes(&bed), [true, true]);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

const CM80: &str = "AES_CM_128_HMAC_SHA1_80";
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";

fn secured(body: &str, key: &str) -> String {
    let body = body.replace("RTP/AVP", "RTP/SAVP");
    format!("{body}a=crypto:1 {CM80} inline:{key}\r\n")
}

fn crypto(body: &str) -> Vec<&str> {
    body.lines().filter(|l| l.starts_with("a=crypto")).collect()
}

/// SM-18: a carrier that encrypts keeps its keys, whoever it talks to, over a refresh of ours and a hold of its own.
#[test]
fn a_secured_call_is_transferred_and_refreshed() {
    let mut bed = transfers::bed(&[
        ("name = \"b1\"", "srtp = \"required\""),
        ("name = \"b2\"", "srtp = \"required\""),
    ]);
    let (mut a, mut b, at_b) = bed.dial();
    let body = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(
        B1,
        &b.reply(&at_b, 200, Some(&secured(&body, KEY)))
            .with("Session-Expires", "90;refresher=uac"),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    transfers::refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
    bed.expect(A, "202 REFER");
    transfers::told(&mut bed, A, &a, "100", false);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    let (c, invite) = transfers::target(&mut bed);
    assert!(invite.body.contains("RTP/SAVP"));
    let body = Bed::carrier_end(B2).answer(invite.sdp().unwrap(), "sendrecv");
    bed.send(B2, &c.reply(&invite, 200, Some(&secured(&body, OTHER))));
    bed.expect(B2, "ACK");
    bed.wait(100);
    let came = bed.drain(B1);
    assert!(came.is_empty());
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.needs.security.is_some())
    );
    let refresh = bed.expect(B1, "INVITE");
    assert_eq!(crypto(&refresh.body), crypto(&at_b.body), "{}", refresh.body);
    let mut eb = Bed::carrier_end(B1);
    eb.version = 1;
    let body = eb.answer(refresh.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&refresh, 200, Some(&secured(&body, KEY))));
    bed.expect(B1, "ACK");
    bed.wait(10);
    // B1 holds the target.
    eb.version = 2;
    let invite2 = b.invite(Some(&secured(&eb.offer("sendonly"), KEY)));
    bed.send(B1, &invite2);
    let got = bed.expect(B2, "INVITE");
    let mut ec = Bed::carrier_end(B2);
    ec.version = 2;
    bed.send(
        B2,
        &c.reply(
            &got,
            200,
            Some(&secured(&ec.answer(got.sdp().unwrap(), "recvonly"), OTHER)),
        ),
    );
    bed.expect(B2, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(10);
    carol_hangs_up(&mut bed, &c, &invite, &b);
    bed.settle_one();
}

/// SM-16: what the caller has added in mid-call stands in whatever it is offered later.
#[test]
fn a_stream_that_was_added_and_refused_stays_in_its_place() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version = 2;
    end.refused.push("m=video 20010 RTP/AVP 96".into());
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let got = bed.expect(B1, "INVITE");
    let mut eb = Bed::carrier_end(B1);
    eb.version = 2;
    bed.send(
        B1,
        &b.reply(&got, 200, Some(&eb.answer(got.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let m = sdp::media(ok.sdp().unwrap());
    assert_eq!(m.len(), 2);
    assert_eq!(m[1].port, 0);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    eb.version = 3;
    let invite = b.invite(Some(&eb.offer("sendonly")));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    let m = sdp::media(got.sdp().unwrap());
    assert_eq!(m.len(), 2, "{}", got.write());
    end.version = 3;
    end.refused.clear();
    bed.send(
        A,
        &a.reply(&got, 200, Some(&end.answer(got.sdp().unwrap(), "recvonly"))),
    );
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    assert_eq!(sdp::media(ok.sdp().unwrap()).len(), 1);
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-17: audio off and image on, accepted, and refused by a port 0.
#[test]
fn a_fax_beside_audio_that_is_off() {
    for refuse in [false, true] {
        let mut bed = Bed::new();
        let (mut a, mut b) = bed.connect();
        let fax = "v=0\r\no=peer 4711 2 IN IP4 127.0.0.20\r\ns=-\r\nc=IN IP4 127.0.0.20\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=image 30020 udptl t38\r\na=T38FaxVersion:0\r\n";
        let invite = b.invite(Some(fax));
        bed.send(B1, &invite);
        let got = bed.expect(A, "INVITE");
        let m = sdp::media(got.sdp().unwrap());
        let at = m.iter().position(|m| m.port != 0).unwrap();
        assert_eq!(m[at].kind, "image");
        let mut lines = String::new();
        for (i, m) in m.iter().enumerate() {
            let port = if i == at && !refuse { 20020 } else { 0 };
            lines += &format!("m={} {port} {} {}\r\n", m.kind, m.proto, m.formats.join(" "));
        }
        let answer = format!(
            "v=0\r\no=peer 4711 2 IN IP4 127.0.0.10\r\ns=-\r\nc=IN IP4 127.0.0.10\r\nt=0 0\r\n{lines}"
        );
        bed.send(A, &a.reply(&got, 200, Some(&answer)));
        bed.expect(A, "ACK");
        if refuse {
            let refusal = bed.expect(B1, "488 INVITE");
            let ack = b.ack(&refusal);
            bed.send(B1, &ack);
            let back = bed.expect(A, "INVITE");
            assert_eq!(sdp::live(back.sdp().unwrap()).kind, "audio");
            let mut ea = Bed::caller_end();
            ea.version = 3;
            bed.send(
                A,
                &a.reply(&back, 200, Some(&ea.answer(back.sdp().unwrap(), "sendrecv"))),
            );
            bed.expect(A, "ACK");
        } else {
            let ok = bed.expect(B1, "200 INVITE");
            let m = sdp::media(ok.sdp().unwrap());
            assert_eq!(m.len(), 2);
            assert_eq!((m[0].port, m[1].kind.as_str()), (0, "image"));
            let ack = b.ack(&ok);
            bed.send(B1, &ack);
        }
        bed.wait(10);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// SM-07: each side is refused several times; versions only grow, and the next offer gets through.
#[test]
fn offers_that_are_refused_in_turn() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let (mut ea, mut eb) = (Bed::caller_end(), Bed::carrier_end(B1));
    for n in 0..3 {
        for by in [A, B1] {
            ea.version += 1;
            eb.version += 1;
            let (x, y, ex) = if by == A {
                (&mut a, &mut b, &ea)
            } else {
                (&mut b, &mut a, &eb)
            };
            let to = if by == A { B1 } else { A };
            let invite = x.invite(Some(&ex.offer("sendonly")));
            bed.send(by, &invite);
            let got = bed.expect(to, "INVITE");
            bed.send(to, &y.reply(&got, if n == 1 { 491 } else { 488 }, None));
            bed.expect(to, "ACK");
            let (_, refusal) = bed.next(by);
            let ack = x.ack(&refusal);
            bed.send(by, &ack);
        }
    }
    ea.version += 1;
    eb.version += 1;
    exchange(
        &mut bed,
        A,
        (&mut a, &ea.offer("sendonly")),
        (&b, &eb, "recvonly"),
    );
    ea.version += 1;
    eb.version += 1;
    exchange(
        &mut bed,
        B1,
        (&mut b, &eb.offer("recvonly")),
        (&a, &ea, "sendonly"),
    );
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B1, &b, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}
