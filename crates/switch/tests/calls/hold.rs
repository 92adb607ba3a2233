//! Hold, resume, moves, glare: offers in mid-call (RFC 3261 §14, RFC 3264 §8).

use rtp_proto::control::Side;
use testkit::bed::{self, A, B1, Bed};
use testkit::{Party, Sip, sdp};

/// A re-INVITE with this body from one side, answered by the other. What the other got, and what came back.
fn exchange(bed: &mut Bed, from: (&str, &mut Party), to: (&str, &mut Party), body: &str) -> (Sip, Sip) {
    let invite = from.1.invite(Some(body));
    bed.send(from.0, &invite);
    let got = bed.expect(to.0, "INVITE");
    bed.send(to.0, &Bed::answer_of(to.0, to.1, &got));
    bed.expect(to.0, "ACK");
    let ok = bed.expect(from.0, "200 INVITE");
    let ack = from.1.ack(&ok);
    bed.send(from.0, &ack);
    bed.wait(20);
    (got, ok)
}

/// SM-12.
#[test]
fn hold_and_resume_mean_the_same_on_both_sides() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let mut end = Bed::caller_end();
    for (direction, complement) in [("sendonly", "recvonly"), ("inactive", "inactive")] {
        end.version += 1;
        let (got, ok) = exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer(direction));
        assert_eq!(sdp::live(got.sdp().unwrap()).direction(), direction);
        assert_eq!(sdp::live(ok.sdp().unwrap()).direction(), complement);
        let legs = bed.world.media.legs();
        assert!(!legs[0].may_send, "nothing is sent to the holder");
        assert!(!legs[0].expects, "a side that holds may be silent");
        assert!(!legs[1].expects, "a held side may be silent");
        end.version += 1;
        let (got, ok) = exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendrecv"));
        assert_eq!(sdp::live(got.sdp().unwrap()).direction(), "sendrecv");
        assert_eq!(sdp::live(ok.sdp().unwrap()).direction(), "sendrecv");
        let legs = bed.world.media.legs();
        assert!(legs.iter().all(|leg| leg.may_send && leg.expects));
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-12, as in RFC 2543.
#[test]
fn hold_by_a_zero_address_sends_nothing_there() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let zero = end
        .offer("sendrecv")
        .replace("c=IN IP4 127.0.0.10", "c=IN IP4 0.0.0.0");
    let (got, ok) = exchange(&mut bed, (A, &mut a), (B1, &mut b), &zero);
    assert_ne!(
        sdp::live(got.sdp().unwrap()).direction(),
        "sendrecv",
        "{}",
        got.write()
    );
    let legs = bed.world.media.legs();
    assert!(!legs[0].may_send || legs[0].remote.is_none(), "{legs:?}");
    assert!(!legs[1].expects);
    assert!(!ok.body.contains("c=IN IP4 0.0.0.0"));
    end.version += 1;
    exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendrecv"));
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.may_send && leg.expects)
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn the_called_side_holds_and_resumes() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let mut end = Bed::carrier_end(B1);
    for direction in ["sendonly", "sendrecv"] {
        end.version += 1;
        let invite = b.invite(Some(&end.offer(direction)));
        bed.send(B1, &invite);
        let got = bed.expect(A, "INVITE");
        assert_eq!(sdp::live(got.sdp().unwrap()).direction(), direction);
        let answer = Bed::caller_end().answer(got.sdp().unwrap(), sdp::complement(direction));
        bed.send(A, &a.reply(&got, 200, Some(&answer)));
        bed.expect(A, "ACK");
        let ok = bed.expect(B1, "200 INVITE");
        assert_eq!(
            sdp::live(ok.sdp().unwrap()).direction(),
            sdp::complement(direction)
        );
        let ack = b.ack(&ok);
        bed.send(B1, &ack);
        bed.wait(20);
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-09.
#[test]
fn media_moves_to_another_address_and_port_from_either_side() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let before = bed.world.media.legs().clone();
    let mut end = Bed::carrier_end(B1);
    end.rtp = bed::addr("127.0.0.23:31000");
    end.version += 1;
    let invite = b.invite(Some(&end.offer("sendrecv")));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    bed.send(A, &Bed::answer_of(A, &a, &got));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(20);
    let legs = bed.world.media.legs().clone();
    assert_eq!(legs[1].remote.unwrap().rtp, end.rtp);
    assert_eq!(legs[1].ports, before[1].ports, "ours stay");
    assert_eq!(sdp::live(ok.sdp().unwrap()).port, before[1].ports.rtp());

    let mut end = Bed::caller_end();
    end.rtp.set_port(20_002);
    end.version += 1;
    exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendrecv"));
    assert_eq!(bed.world.media.legs()[0].remote.unwrap().rtp.port(), 20_002);

    end.codecs.retain(|(pt, _)| *pt == 8);
    end.version += 1;
    let (got, ok) = exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendrecv"));
    assert_eq!(sdp::live(got.sdp().unwrap()).formats, ["8"]);
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["8"]);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().caller_media.codec.as_deref(), Some("PCMA/8000"));
}

/// SM-01, without timers: a refresh is answered from memory.
#[test]
fn a_refresh_with_the_same_offer_is_answered_at_once_and_disturbs_nobody() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let before = bed.world.media.log.len();
    for _ in 0..3 {
        let refresh = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        bed.send(A, &refresh);
        let ok = bed.expect_within(A, "200 INVITE", 10);
        assert_eq!(
            sdp::origin(ok.sdp().unwrap()).unwrap().1,
            1,
            "nothing has changed: the version stays"
        );
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.quiet(B1, 45_000);
    }
    assert_eq!(bed.world.media.log.len(), before);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn a_refused_offer_leaves_everything_as_it_was() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let legs = bed.world.media.legs().clone();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 488, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "488 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(20);
    assert_eq!(*bed.world.media.legs(), legs);
    // The next one works, and its version is a new one (the audit looks).
    end.version += 1;
    exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendonly"));
    end.version += 1;
    exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendrecv"));
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-07.
#[test]
fn both_sides_hold_at_once_and_the_call_goes_on() {
    let mut bed = Bed::new();
    for round in 0..100 {
        let (mut a, mut b) = bed.connect();
        let (mut a_end, mut b_end) = (Bed::caller_end(), Bed::carrier_end(B1));
        a_end.version += 1;
        b_end.version += 1;
        let from_a = a.invite(Some(&a_end.offer("sendonly")));
        let from_b = b.invite(Some(&b_end.offer("sendonly")));
        bed.send(A, &from_a);
        if round % 2 == 1 {
            bed.wait(1);
        }
        bed.send(B1, &from_b);
        let got = bed.expect(B1, "INVITE");
        bed.send(B1, &b.reply(&got, 491, None));
        let (mut acked, mut refused) = (false, false);
        while !(acked && refused) {
            let (_, sip) = bed.next(B1);
            match sip.title().as_str() {
                "ACK" => acked = true,
                "491 INVITE" => {
                    refused = true;
                    let ack = b.ack(&sip);
                    bed.send(B1, &ack);
                }
                other => panic!("{other}\n{}", bed.story()),
            }
        }
        let glare = bed.expect(A, "491 INVITE");
        let ack = a.ack(&glare);
        bed.send(A, &ack);
        bed.wait(1000);
        // B1 tries again, and then A.
        let again = b.invite(Some(&b_end.offer("sendonly")));
        bed.send(B1, &again);
        let got = bed.expect(A, "INVITE");
        bed.send(
            A,
            &a.reply(
                &got,
                200,
                Some(&Bed::caller_end().answer(got.sdp().unwrap(), "recvonly")),
            ),
        );
        bed.expect(A, "ACK");
        let ok = bed.expect(B1, "200 INVITE");
        let ack = b.ack(&ok);
        bed.send(B1, &ack);
        bed.wait(20);
        b_end.version += 1;
        let resume = b.invite(Some(&b_end.offer("sendrecv")));
        bed.send(B1, &resume);
        let got = bed.expect(A, "INVITE");
        bed.send(A, &Bed::answer_of(A, &a, &got));
        bed.expect(A, "ACK");
        let ok = bed.expect(B1, "200 INVITE");
        let ack = b.ack(&ok);
        bed.send(B1, &ack);
        bed.wait(20);
        assert!(
            bed.world
                .media
                .legs()
                .iter()
                .all(|leg| leg.may_send && leg.expects)
        );
        bed.hang_up(&mut a, &b);
    }
    assert_eq!(bed.settle().len(), 100);
}

#[test]
fn a_second_offer_of_one_side_waits_for_its_first() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let first = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &first);
    let got = bed.expect(B1, "INVITE");
    end.version += 1;
    let mut impatient = a.twin();
    let second = impatient.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &second);
    let refusal = bed.expect(A, "500 INVITE");
    assert!(refusal.need("Retry-After").parse::<u32>().unwrap() <= 10);
    let ack = impatient.ack(&refusal);
    bed.send(A, &ack);
    bed.send(B1, &Bed::answer_of(B1, &b, &got));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    a.cseq = impatient.cseq;
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_offerless_reinvite_asks_the_other_side_for_its_offer() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let invite = a.invite(None);
    bed.send(A, &invite);
    let got = bed.expect(B1, "INVITE");
    assert_eq!(got.sdp(), None);
    bed.send(B1, &Bed::answer_of(B1, &b, &got));
    let ok = bed.expect(A, "200 INVITE");
    let mut end = Bed::caller_end();
    end.codecs.retain(|(pt, _)| *pt != 0);
    end.version += 1;
    let answer = end.answer(ok.sdp().unwrap(), "sendrecv");
    bed.quiet(B1, 400);
    let ack = a.ack(&ok).with_sdp(&answer);
    bed.send(A, &ack);
    let ack = bed.expect(B1, "ACK");
    assert_eq!(sdp::live(ack.sdp().unwrap()).formats, ["8", "101"]);
    bed.wait(20);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().called_media.codec.as_deref(), Some("PCMA/8000"));
}

#[test]
fn hang_up_while_an_offer_is_under_way() {
    for answers in [true, false] {
        for delayed in [true, false] {
            let mut bed = Bed::new();
            let (mut a, b) = bed.connect();
            let mut end = Bed::caller_end();
            end.version += 1;
            let offer = end.offer("sendonly");
            let hold = a.invite((!delayed).then_some(offer.as_str()));
            bed.send(A, &hold);
            let got = bed.expect(B1, "INVITE");
            let mut leaving = a.twin();
            let bye = leaving.request("BYE");
            bed.send(A, &bye);
            let refusal = bed.expect(A, "487 INVITE");
            let ack = a.ack(&refusal);
            bed.send(A, &ack);
            bed.expect(A, "200 BYE");
            bed.serve(B1, &b, "BYE", 200);
            bed.wait(5);
            bed.drain(B1);
            if answers {
                bed.send(B1, &Bed::answer_of(B1, &b, &got));
                assert_eq!(bed.expect(B1, "ACK").cseq().0, got.cseq().0);
            } else {
                bed.send(B1, &b.reply(&got, 487, None));
                bed.expect(B1, "ACK");
            }
            assert_eq!(bed.settle_one().cause.kind, "normal");
        }
    }
}

#[test]
fn the_other_side_hangs_up_while_an_offer_of_its_own_waits_for_the_ack() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let invite = a.invite(None);
    bed.send(A, &invite);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &Bed::answer_of(B1, &b, &got));
    let ok = bed.expect(A, "200 INVITE");
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.wait(10);
    let ack = a
        .ack(&ok)
        .with_sdp(&Bed::caller_end().answer(ok.sdp().unwrap(), "sendrecv"));
    bed.send(A, &ack);
    bed.serve(A, &a, "BYE", 200);
    let at_b: Vec<String> = bed.drain(B1).iter().map(|(_, sip)| sip.title()).collect();
    assert!(
        at_b.contains(&"ACK".to_owned()) && at_b.contains(&"200 BYE".to_owned()),
        "{at_b:?}"
    );
    bed.settle_one();
}

#[test]
fn info_crosses_both_ways_with_its_answer() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let mut info = a.request("INFO").with("Content-Type", "application/dtmf-relay");
    info.body = "Signal=5\r\nDuration=160\r\n".into();
    bed.send(A, &info);
    let got = bed.serve(B1, &b, "INFO", 200);
    assert_eq!(
        (got.body.as_str(), got.need("Content-Type")),
        (info.body.as_str(), "application/dtmf-relay")
    );
    bed.expect(A, "200 INFO");
    let info = b.request("INFO");
    bed.send(B1, &info);
    bed.serve(A, &a, "INFO", 415);
    bed.expect(B1, "415 INFO");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn media_commands_name_the_side_that_changed() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let before = bed.world.media.log.len();
    let mut end = Bed::caller_end();
    end.rtp.set_port(20_004);
    end.version += 1;
    exchange(&mut bed, (A, &mut a), (B1, &mut b), &end.offer("sendrecv"));
    let sides: Vec<Side> = bed.world.media.log[before..]
        .iter()
        .filter_map(|(_, command)| match command {
            rtp_proto::control::Command::Update { side, .. } => Some(*side),
            _ => None,
        })
        .collect();
    assert!(sides.contains(&Side::A), "{sides:?}");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_offer_that_is_never_answered_is_dropped_and_the_call_goes_on() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 100, None));
    bed.wait(31_000);
    let cancel = bed.serve(B1, &b, "CANCEL", 200);
    assert_eq!(cancel.branch(), got.branch());
    bed.send(B1, &b.reply(&got, 487, None));
    bed.expect(B1, "ACK");
    let (_, refusal) = bed.next(A);
    assert!((500..600).contains(&refusal.status()), "{}", refusal.write());
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(20);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

#[test]
fn an_offer_under_way_when_the_call_ends_keeps_nothing_busy() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 100, None));
    bed.wait(100);
    let mut leaving = a.twin();
    let bye = leaving.request("BYE");
    bed.send(A, &bye);
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.expect(A, "200 BYE");
    // The other side has died: neither CANCEL nor BYE is ever answered.
    bed.settle_one();
}
