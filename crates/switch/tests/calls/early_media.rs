//! What comes before the answer (RFC 3960).

use testkit::bed::{A, B1, B2, Bed};
use testkit::sdp;

/// EM-01 a.
#[test]
fn ringing_with_sdp_is_early_media() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 180, Some(&answer)));
    let ringing = bed.expect(A, "180 INVITE");
    let early = ringing.sdp().expect("SDP").to_owned();
    assert_eq!(sdp::address(&early), "127.0.0.1");
    let legs = bed.world.media.legs().clone();
    assert_eq!(sdp::live(&early).port, legs[0].ports.rtp());
    assert_eq!(legs[1].remote.unwrap().rtp.to_string(), "127.0.0.20:30000");
    assert_eq!(legs[0].remote.unwrap().rtp.to_string(), "127.0.0.10:20000");
    // The answer repeats it without SDP: that of the 180 stands.
    bed.send(B1, &b.reply(&at_b, 200, None));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(ok.sdp(), Some(early.as_str()));
    assert_eq!(ok.to_tag(), ringing.to_tag());
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// EM-01 b.
#[test]
fn ringing_after_session_progress_gets_through() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 183, Some(&answer)));
    let progress = bed.expect(A, "183 INVITE");
    bed.wait(2000);
    bed.send(B1, &b.reply(&at_b, 180, None));
    assert_eq!(bed.expect(A, "180 INVITE").sdp(), None);
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(
        ok.sdp(),
        progress.sdp(),
        "one answer to one offer (RFC 3261 §13.2.1)"
    );
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert!(
        record.pdd_ms.unwrap() < 100 && record.ring_ms.unwrap() >= 2000,
        "{record:?}"
    );
}

/// EM-01 c.
#[test]
fn no_sdp_is_invented() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    for status in [183, 180] {
        bed.send(B1, &b.reply(&at_b, status, None));
        let progress = bed.expect(A, &format!("{status} INVITE"));
        assert_eq!((progress.sdp(), progress.body.as_str()), (None, ""));
    }
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_answer_that_differs_from_early_media_wins() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let mut end = Bed::carrier_end(B1);
    bed.send(
        B1,
        &b.reply(&at_b, 183, Some(&end.answer(at_b.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(A, "183 INVITE");
    end.rtp.set_port(30_100);
    end.codecs.retain(|(pt, _)| *pt == 8);
    bed.send(
        B1,
        &b.reply(&at_b, 200, Some(&end.answer(at_b.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["8"]);
    assert_eq!(bed.world.media.legs()[1].remote.unwrap().rtp.port(), 30_100);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().called_media.codec.as_deref(), Some("PCMA/8000"));
}

#[test]
fn early_media_of_a_carrier_that_fails_makes_room_for_the_next_ones() {
    let mut bed = Bed::new();
    let (mut a, b1, at_b1) = bed.dial();
    let answer = Bed::carrier_end(B1).answer(at_b1.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b1.reply(&at_b1, 183, Some(&answer)));
    let first = bed.expect(A, "183 INVITE");
    bed.send(B1, &b1.reply(&at_b1, 503, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &Bed::answer_of(B2, &b2, &at_b2));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(
        sdp::live(ok.sdp().unwrap()).port,
        sdp::live(first.sdp().unwrap()).port
    );
    assert_eq!(
        bed.world.media.legs()[1].remote.unwrap().rtp.to_string(),
        "127.0.0.21:31000"
    );
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    let record = bed.settle_one();
    assert_eq!(record.to_trunk.as_deref(), Some("b2"));
}

/// A 200 without SDP, or with a body that is none, stands by the SDP before it; from then on silence counts.
#[test]
fn an_answer_by_early_media_alone_is_watched_like_any_other() {
    for body in ["", "hello"] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
        bed.send(B1, &b.reply(&at_b, 183, Some(&answer)));
        let progress = bed.expect(A, "183 INVITE");
        assert!(bed.world.media.legs().iter().all(|leg| !leg.expects));
        let mut bare = b.reply(&at_b, 200, None);
        if !body.is_empty() {
            bare = bare.with("Content-Type", "text/plain");
            bare.body = body.into();
        }
        bed.send(B1, &bare);
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        assert_eq!(ok.sdp(), progress.sdp());
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        assert!(bed.world.media.legs().iter().all(|leg| leg.expects));
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

#[test]
fn an_answer_that_is_no_sdp_and_follows_none_is_not_acceptable() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let mut odd = b.reply(&at_b, 200, None).with("Content-Type", "text/plain");
    odd.body = "hello".into();
    bed.send(B1, &odd);
    bed.expect(B1, "ACK");
    bed.serve(B1, &b, "BYE", 200);
    let refusal = bed.expect(A, "488 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

/// RFC 3261 §13.2.2.4: of two early dialogs the one that the 2xx names goes on, with its own media.
#[test]
fn the_branch_that_answers_is_heard_where_it_said_it_is() {
    let mut bed = Bed::new();
    let (mut a, first, at_b) = bed.dial();
    let second = bed.callee(B1, &at_b);
    for (branch, port) in [(&first, 30_000), (&second, 30_100)] {
        let mut end = Bed::carrier_end(B1);
        end.rtp.set_port(port);
        let answer = end.answer(at_b.sdp().unwrap(), "sendrecv");
        bed.send(B1, &branch.reply(&at_b, 183, Some(&answer)));
        bed.expect(A, "183 INVITE");
        assert_eq!(bed.world.media.legs()[1].remote.unwrap().rtp.port(), port);
    }
    bed.send(B1, &first.reply(&at_b, 200, None));
    assert_eq!(bed.expect(B1, "ACK").to_tag(), Some(first.tag()));
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    assert_eq!(bed.world.media.legs()[1].remote.unwrap().rtp.port(), 30_000);
    bed.hang_up(&mut a, &first);
    bed.settle_one();
}
