//! Cases as they come in other forms: on the other side, at another moment, with what usually goes along.

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip};

use super::variants_media::exchange;

const KNOWS: (&str, &str) = ("Supported", "100rel");

fn reliably(sip: Sip, rseq: u32) -> Sip {
    sip.with("Require", "100rel").with("RSeq", rseq.to_string())
}

fn prack(bed: &mut Bed, a: &mut Party, response: &Sip, body: Option<&str>) {
    a.learn(response);
    let rack = format!("{} {}", response.need("RSeq"), response.need("CSeq"));
    let mut prack = a.request("PRACK").with("RAck", rack);
    if let Some(body) = body {
        prack = prack.with_sdp(body);
    }
    bed.send(A, &prack);
}

/// TX-01, in mid-call: our 200 to an offer of either side is repeated, and then both are hung up.
#[test]
fn an_answer_in_mid_call_that_is_never_acked_ends_the_call() {
    for by_a in [true, false] {
        let mut bed = Bed::new();
        let (mut a, mut b) = bed.connect();
        let mut ends = [Bed::caller_end(), Bed::carrier_end(B1)];
        ends[0].version = 2;
        ends[1].version = 2;
        let (from, to) = if by_a { (A, B1) } else { (B1, A) };
        let (x, y) = if by_a { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let (ex, ey) = if by_a {
            (&ends[0], &ends[1])
        } else {
            (&ends[1], &ends[0])
        };
        let invite = x.invite(Some(&ex.offer("sendonly")));
        bed.send(from, &invite);
        let got = bed.expect(to, "INVITE");
        bed.send(
            to,
            &y.reply(&got, 200, Some(&ey.answer(got.sdp().unwrap(), "recvonly"))),
        );
        bed.expect(to, "ACK");
        bed.expect(from, "200 INVITE");
        bed.wait(31_000);
        let n = bed
            .drain(from)
            .iter()
            .filter(|(_, s)| s.title() == "200 INVITE")
            .count();
        assert!(n >= 9, "{n}");
        bed.wait(1500);
        let bye = bed.expect(to, "BYE");
        bed.send(to, &y.reply(&bye, 200, None));
        let mut sip = bed.next(from).1;
        while sip.title() == "200 INVITE" {
            sip = bed.next(from).1;
        }
        assert_eq!(sip.title(), "BYE");
        bed.send(from, &x.reply(&sip, 200, None));
        assert_eq!(bed.settle_one().cause.kind, "ack-timeout");
    }
}

/// TX-03 with TX-09: the CANCEL crosses a 200 that has recorded a route.
#[test]
fn a_called_side_that_answers_late_is_hung_up_along_its_route() {
    let mut bed = Bed::new();
    bed.world.audit.hidden.clear();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(
        B1,
        &Bed::answer_of(B1, &b, &at_b)
            .with(
                "Record-Route",
                "<sip:127.0.0.21:5081;lr;x=1>, <sip:127.0.0.20:5080;lr>",
            )
            .set("Contact", "<sip:bob@127.0.0.20:5099>"),
    );
    bed.send(B1, &b.reply(&cancel, 200, None));
    let ack = bed.expect(B1, "ACK");
    let bye = bed.expect(B1, "BYE");
    for sip in [&ack, &bye] {
        assert_eq!(sip.uri(), "sip:bob@127.0.0.20:5099");
        let routes: Vec<&str> = sip.all("Route").collect();
        assert_eq!(
            routes,
            ["<sip:127.0.0.20:5080;lr>", "<sip:127.0.0.21:5081;lr;x=1>"]
        );
    }
    bed.send(B1, &b.reply(&bye, 200, None));
    bed.settle_one();
}

/// TX-03: whatever the carrier says behind our CANCEL, no challenge is met, no interval raised, and no other carrier asked.
#[test]
fn nothing_is_begun_again_after_a_cancel() {
    for status in [401, 407, 422, 503, 302, 486, 600, 408, 500, 420] {
        for first in [100, 180, 183] {
            let auth = "auth = { username = \"tandem\", password = \"secret\" }";
            let mut bed = Bed::changed(&[("name = \"b1\"", auth)]);
            let (mut a, b, at_b) = bed.dial();
            bed.send(A, &a.cancel());
            bed.expect(A, "200 CANCEL");
            let refusal = bed.expect(A, "487 INVITE");
            let ack = a.ack(&refusal);
            bed.send(A, &ack);
            bed.send(B1, &b.reply(&at_b, first, None));
            let cancel = bed.expect(B1, "CANCEL");
            bed.send(B1, &b.reply(&cancel, 200, None));
            let mut reply = b.reply(&at_b, status, None);
            match status {
                401 => {
                    reply = reply.with(
                        "WWW-Authenticate",
                        "Digest realm=\"c\", nonce=\"n\", algorithm=MD5",
                    )
                }
                407 => {
                    reply = reply.with(
                        "Proxy-Authenticate",
                        "Digest realm=\"c\", nonce=\"n\", algorithm=MD5",
                    )
                }
                422 => reply = reply.with("Min-SE", "3000"),
                302 => reply = reply.with("Contact", "<sip:1@127.0.0.21>"),
                _ => {}
            }
            bed.send(B1, &reply);
            bed.expect(B1, "ACK");
            bed.quiet(B1, 1000);
            bed.quiet(B2, 1);
            let record = bed.settle_one();
            assert_eq!(record.cause.kind, "cancelled");
        }
    }
}

/// TX-04: the same where its first word is its last, and the CANCEL has never gone.
#[test]
fn nothing_is_begun_again_after_a_cancel_that_is_held_back() {
    for status in [407, 422, 503, 486, 200] {
        let auth = "auth = { username = \"tandem\", password = \"secret\" }";
        let mut bed = Bed::changed(&[("name = \"b1\"", auth)]);
        let (mut a, b, at_b) = bed.dial();
        bed.send(A, &a.cancel());
        bed.expect(A, "200 CANCEL");
        let refusal = bed.expect(A, "487 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        let reply = match status {
            200 => Bed::answer_of(B1, &b, &at_b),
            _ => b
                .reply(&at_b, status, None)
                .with(
                    "Proxy-Authenticate",
                    "Digest realm=\"c\", nonce=\"n\", algorithm=MD5",
                )
                .with("Min-SE", "3000"),
        };
        bed.send(B1, &reply);
        bed.expect(B1, "ACK");
        if status == 200 {
            bed.serve(B1, &b, "BYE", 200);
        }
        bed.quiet(B1, 1000);
        bed.quiet(B2, 1);
        bed.settle_one();
    }
}

/// SM-14: the carrier whose offer the caller was to get has failed.
#[test]
fn the_next_carrier_makes_the_offer() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(
        B1,
        &b.reply(&at_b, 183, Some(&Bed::carrier_end(B1).offer("sendrecv"))),
    );
    bed.expect(A, "183 INVITE");
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let at_c = bed.expect(B2, "INVITE");
    assert!(at_c.sdp().is_none());
    let c = bed.callee(B2, &at_c);
    bed.send(B2, &Bed::answer_of(B2, &c, &at_c));
    let ok = bed.expect(A, "200 INVITE");
    let ack = a
        .ack(&ok)
        .with_sdp(&Bed::caller_end().answer(ok.sdp().unwrap(), "sendrecv"));
    bed.send(A, &ack);
    let ack = bed.expect(B2, "ACK");
    assert!(ack.sdp().is_some());
    bed.wait(10);
    let legs = bed.world.media.legs();
    assert_eq!(legs[0].remote.unwrap().rtp.to_string(), "127.0.0.10:20000");
    assert_eq!(legs[1].remote.unwrap().rtp.to_string(), "127.0.0.21:31000");
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

/// TX-02: a second branch of the carrier's fork answers in mid-call.
#[test]
fn a_further_branch_answers_while_an_offer_is_under_way() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let other = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let mut ea = Bed::caller_end();
    ea.version = 2;
    let invite = a.invite(Some(&ea.offer("sendonly")));
    bed.send(A, &invite);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &Bed::answer_of(B1, &other, &at_b));
    let ack = bed.expect(B1, "ACK");
    assert_eq!((ack.to_tag(), ack.cseq().0), (Some(other.tag()), 1));
    let bye = bed.serve(B1, &other, "BYE", 200);
    assert_eq!(bye.to_tag(), Some(other.tag()));
    let mut eb = Bed::carrier_end(B1);
    eb.version = 2;
    bed.send(
        B1,
        &b.reply(&got, 200, Some(&eb.answer(got.sdp().unwrap(), "recvonly"))),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// TX-13: whatever the carrier asks within our dialog from another port is answered there, and begins nothing.
#[test]
fn requests_of_any_kind_from_another_port() {
    let mut bed = Bed::new();
    let (a, mut b) = bed.connect();
    let other = "127.0.0.20:5999";
    for (method, status) in [
        ("OPTIONS", 200),
        ("UPDATE", 200),
        ("REFER", 603),
        ("SUBSCRIBE", 405),
        ("PRACK", 481),
    ] {
        let mut request = b.request(method).with("Contact", format!("<sip:{B1}>"));
        if method == "REFER" {
            request = request.with("Refer-To", "<sip:1@127.0.0.1>");
        }
        if method == "PRACK" {
            request = request.with("RAck", "1 1 INVITE");
        }
        let via = request.need("Via").replace(B1, other);
        let request = request.set("Via", via);
        bed.send(other, &request);
        bed.expect(other, &format!("{status} {method}"));
    }
    bed.quiet(A, 10);
    let bye = b.request("BYE");
    let via = bye.need("Via").replace(B1, other);
    let bye = bye.set("Via", via);
    bed.send(other, &bye);
    bed.serve(A, &a, "BYE", 200);
    bed.expect(other, "200 BYE");
    bed.settle_one();
}

/// TX-13: a tag or a Call-ID that we don't know: 481 to every method.
#[test]
fn no_request_with_a_tag_begins_a_call() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let mut stray = b.twin();
    stray.remote = stray.remote.replace("tag=", "tag=x");
    for method in [
        "INVITE", "BYE", "UPDATE", "INFO", "REFER", "NOTIFY", "PRACK", "MESSAGE",
    ] {
        let mut request = if method == "INVITE" {
            stray.invite(Some(&Bed::carrier_end(B1).offer("sendrecv")))
        } else {
            stray.request(method)
        };
        if method == "NOTIFY" {
            request = request
                .with("Event", "refer")
                .with("Subscription-State", "active");
        }
        bed.send(B1, &request);
        let refusal = bed.expect(B1, &format!("481 {method}"));
        if method == "INVITE" {
            let ack = stray.ack(&refusal);
            bed.send(B1, &ack);
        }
    }
    // Only the Call-ID is another.
    let mut stray = b.twin();
    stray.call_id.push('x');
    for method in ["BYE", "UPDATE", "INVITE"] {
        let request = if method == "INVITE" {
            stray.invite(None)
        } else {
            stray.request(method)
        };
        bed.send(B1, &request);
        let refusal = bed.expect(B1, &format!("481 {method}"));
        if method == "INVITE" {
            let ack = stray.ack(&refusal);
            bed.send(B1, &ack);
        }
    }
    bed.quiet(A, 10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// EM-03: the first carrier's progress has not been acknowledged by the caller when the second's comes.
#[test]
fn reliable_progress_of_one_carrier_after_the_other() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .with(KNOWS.0, KNOWS.1);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &reliably(b.reply(&at_b, 183, Some(&answer)), 1));
    bed.serve(B1, &b, "PRACK", 200);
    let told = bed.expect(A, "183 INVITE");
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let at_c = bed.expect(B2, "INVITE");
    let c = bed.callee(B2, &at_c);
    let answer = Bed::carrier_end(B2).answer(at_c.sdp().unwrap(), "sendrecv");
    bed.send(B2, &reliably(c.reply(&at_c, 183, Some(&answer)), 1));
    bed.serve(B2, &c, "PRACK", 200);
    // A has not acknowledged the first yet.
    bed.quiet(A, 100);
    prack(&mut bed, &mut a, &told, None);
    bed.expect(A, "200 PRACK");
    let told2 = bed.expect(A, "183 INVITE");
    assert_ne!(told2.need("RSeq"), told.need("RSeq"));
    prack(&mut bed, &mut a, &told2, None);
    bed.expect(A, "200 PRACK");
    bed.send(B2, &Bed::answer_of(B2, &c, &at_c));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

/// TX-01: an offer of the caller's says that it has had our 200, though its ACK was lost.
#[test]
fn an_offer_before_the_first_ack() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    a.learn(&ok);
    let (mut ea, mut eb) = (Bed::caller_end(), Bed::carrier_end(B1));
    ea.version = 2;
    eb.version = 2;
    exchange(
        &mut bed,
        A,
        (&mut a, &ea.offer("sendonly")),
        (&b, &eb, "recvonly"),
    );
    bed.quiet(A, 5000);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-07: the called side offers at once, while the caller has not acknowledged its answer.
#[test]
fn an_offer_of_the_called_sides_before_the_callers_ack() {
    let mut bed = Bed::new();
    let (mut a, mut b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    b.cseq = 100;
    let (mut ea, mut eb) = (Bed::caller_end(), Bed::carrier_end(B1));
    eb.version = 2;
    let invite = b.invite(Some(&eb.offer("sendonly")));
    bed.send(B1, &invite);
    let refusal = bed.expect(B1, "491 INVITE");
    let ack = b.ack(&refusal);
    bed.send(B1, &ack);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    eb.version = 3;
    ea.version = 3;
    exchange(
        &mut bed,
        B1,
        (&mut b, &eb.offer("sendonly")),
        (&a, &ea, "recvonly"),
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// LC-03: each 18x more is passed on, and none of them buys more time.
#[test]
fn ringing_again_is_no_new_ring_time() {
    let keys = "failover = { trying = \"4s\", progress = \"8s\", answer = \"20s\" }";
    for say in [180, 183, 181] {
        let mut bed = Bed::changed(&[("name = \"b1\"", keys)]);
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 100, None));
        for _ in 0..6 {
            bed.wait(3000);
            bed.send(B1, &b.reply(&at_b, say, None));
            bed.expect(A, &format!("{say} INVITE"));
        }
        bed.wait(1900);
        bed.quiet(B1, 1);
        let cancel = bed.expect(B1, "CANCEL");
        assert!(
            bed.world.elapsed() < Duration::from_millis(23_500),
            "{:?}",
            bed.world.elapsed()
        );
        let refusal = bed.expect(A, "480 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.send(B1, &b.reply(&cancel, 200, None));
        bed.send(B1, &b.reply(&at_b, 487, None));
        bed.expect(B1, "ACK");
        bed.quiet(B2, 100);
        bed.settle_one();
    }
}
