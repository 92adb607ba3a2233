//! What goes wrong in mid-call, and must not end the call (RFC 5057, RFC 3261 §14).

use sip_proto::ListenerId;
use switch::Input;
use testkit::bed::{A, B1, Bed};
use testkit::{Sip, sdp};

/// The answer to a re-INVITE is of no use: whoever asked hears so, and whoever answered is told what holds, however often it is busy,
/// session timer or not.
#[test]
fn an_answer_of_no_use_is_taken_back() {
    for useless in [
        None,
        Some(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.20\r\ns=-\r\nc=IN IP4 127.0.0.20\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
        ),
    ] {
        let mut bed = Bed::changed(&[("[sip]", "session_timer = { mode = \"off\" }")]);
        let (mut a, mut b) = bed.connect();
        let mut end = Bed::caller_end();
        end.version += 1;
        let hold = a.invite(Some(&end.offer("sendonly")));
        bed.send(A, &hold);
        let got = bed.expect(B1, "INVITE");
        let offered = sdp::live(got.sdp().unwrap()).direction().to_owned();
        assert_eq!(offered, "sendonly");
        bed.send(B1, &b.reply(&got, 200, useless));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, "488 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        for _ in 0..2 {
            let again = bed.expect(B1, "INVITE");
            assert_eq!(sdp::live(again.sdp().unwrap()).direction(), "sendrecv");
            bed.send(B1, &b.reply(&again, 491, None));
            bed.expect(B1, "ACK");
        }
        let again = bed.expect(B1, "INVITE");
        bed.send(B1, &Bed::answer_of(B1, &b, &again));
        bed.expect(B1, "ACK");
        bed.quiet(B1, 10_000);
        assert!(
            bed.world
                .media
                .legs()
                .iter()
                .all(|leg| leg.may_send && leg.expects)
        );
        let bye = b.request("BYE");
        bed.send(B1, &bye);
        bed.serve(A, &a, "BYE", 200);
        bed.expect(B1, "200 BYE");
        bed.settle_one();
    }
}

/// Asked for an offer, the other side makes none: it is told what holds.
#[test]
fn an_offer_that_does_not_come() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let ask = a.invite(None);
    bed.send(A, &ask);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 200, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "488 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let again = bed.expect(B1, "INVITE");
    assert!(again.sdp().is_some());
    bed.send(B1, &Bed::answer_of(B1, &b, &again));
    bed.expect(B1, "ACK");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// What one side answers to something that is not the call itself is no reason for the other to end it.
#[test]
fn answers_that_would_end_a_dialog_do_not_cross() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    for (method, said, heard) in [
        ("INFO", 481, "500 INFO"),
        ("INFO", 408, "504 INFO"),
        ("MESSAGE", 481, "500 MESSAGE"),
        ("MESSAGE", 404, "500 MESSAGE"),
        ("INFO", 604, "500 INFO"),
        ("INFO", 415, "415 INFO"),
    ] {
        let request = a.request(method).with("Content-Type", "text/plain");
        bed.send(A, &request);
        bed.serve(B1, &b, method, said);
        bed.expect(A, heard);
    }
    // A subscription may be over without the call.
    let notify = a
        .request("NOTIFY")
        .with("Event", "x")
        .with("Subscription-State", "active");
    bed.send(A, &notify);
    bed.serve(B1, &b, "NOTIFY", 481);
    bed.expect(A, "481 NOTIFY");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

fn unreachable(bed: &mut Bed) {
    bed.world.tell(Input::Unreachable {
        listener: ListenerId(0),
        remote: testkit::bed::addr(B1),
    });
}

/// ICMP says that nobody is there, for a moment: the offer fails, and the call goes on.
#[test]
fn an_error_of_the_network_is_no_end() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    for method in ["INVITE", "UPDATE", "INFO"] {
        end.version += 1;
        let request: Sip = match method {
            "INVITE" => a.invite(Some(&end.offer("sendonly"))),
            "UPDATE" => a
                .request(method)
                .with("Contact", format!("<sip:{A}>"))
                .with_sdp(&end.offer("sendonly")),
            _ => a.request(method).with("Content-Type", "text/plain"),
        };
        bed.send(A, &request);
        let (_, lost) = bed.next(B1);
        unreachable(&mut bed);
        let refusal = bed.expect(A, &format!("503 {method}"));
        if method == "INVITE" || method == "UPDATE" && lost.method() == "INVITE" {
            bed.forgive(&lost);
        }
        if method == "INVITE" {
            let ack = a.ack(&refusal);
            bed.send(A, &ack);
        }
        bed.forgive(&lost);
        bed.wait(100);
        bed.drain(B1);
    }
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    let mut other = Bed::carrier_end(B1);
    other.version += 1;
    bed.send(
        B1,
        &b.reply(&got, 200, Some(&other.answer(got.sdp().unwrap(), "recvonly"))),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A second offer before the first is answered has to wait (RFC 3261 §14.2), and is no glare.
#[test]
fn offers_that_overlap() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let first = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &first);
    let got = bed.expect(B1, "INVITE");
    let mut twin = a.twin();
    end.version += 1;
    let second = twin.invite(Some(&end.offer("inactive")));
    bed.send(A, &second);
    let refusal = bed.expect(A, "500 INVITE");
    let wait: u32 = refusal.need("Retry-After").parse().unwrap();
    assert!(wait <= 10);
    let ack = twin.ack(&refusal);
    bed.send(A, &ack);
    bed.send(B1, &Bed::answer_of(B1, &b, &got));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    a.cseq = twin.cseq;
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// What refuses an offer says of it, and nothing of our own request: no redirection, no extension that only we have spoken of.
#[test]
fn a_refusal_crosses_as_what_it_is_to_the_other_side() {
    for (status, heard) in [
        (302, 488),
        (403, 403),
        (415, 415),
        (480, 488),
        (404, 488),
        (410, 488),
        (484, 488),
        (502, 488),
        (604, 488),
        (603, 603),
        (420, 503),
        (423, 503),
        (407, 503),
    ] {
        let mut bed = Bed::new();
        let (mut a, b) = bed.connect();
        let mut ea = Bed::caller_end();
        ea.version = 2;
        let invite = a.invite(Some(&ea.offer("sendonly")));
        bed.send(A, &invite);
        let got = bed.expect(B1, "INVITE");
        bed.send(B1, &b.reply(&got, status, None));
        bed.expect(B1, "ACK");
        let (_, refusal) = bed.next(A);
        assert_eq!(refusal.title(), format!("{heard} INVITE"), "{status}");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}
