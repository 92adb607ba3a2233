//! UPDATE (RFC 3311), before and after the answer, between a side that has it and one that hasn't.

use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, sdp};

const ALLOW: (&str, &str) = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK");

fn update(party: &mut Party, body: Option<&str>) -> Sip {
    let contact = format!("<sip:{}>", party.addr);
    let update = party.request("UPDATE").with("Contact", contact);
    match body {
        Some(body) => update.with_sdp(body),
        None => update,
    }
}

/// A call that is up, with these Allow headers on either side.
fn connect(bed: &mut Bed, a_has: bool, b_has: bool) -> (Party, Party) {
    let with = |sip: Sip, has: bool| if has { sip.with(ALLOW.0, ALLOW.1) } else { sip };
    let mut a = bed.caller("+442071838750");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &with(invite, a_has));
    let at_b = bed.expect(B1, "INVITE");
    assert!(at_b.need("Allow").contains("UPDATE"));
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &with(Bed::answer_of(B1, &b, &at_b), b_has));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    (a, b)
}

#[test]
fn without_an_offer_it_is_answered_here() {
    let mut bed = Bed::new();
    let (mut a, mut b) = connect(&mut bed, false, false);
    for (at, party) in [(A, &mut a), (B1, &mut b)] {
        let request = update(party, None);
        bed.send(at, &request);
        let ok = bed.expect(at, "200 UPDATE");
        assert!(ok.body.is_empty() && ok.contact().is_some());
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The hold crosses as UPDATE where the other side has it, and as re-INVITE where not; in either direction.
#[test]
fn an_offer_crosses_as_what_the_other_side_takes() {
    for has in [true, false] {
        let mut bed = Bed::new();
        let (mut a, mut b) = connect(&mut bed, has, has);
        let title = if has { "UPDATE" } else { "INVITE" };
        let mut ends = [Bed::caller_end(), Bed::carrier_end(B1)];
        for direction in ["sendonly", "sendrecv"] {
            for (from, to) in [(A, B1), (B1, A)] {
                let (x, y) = if from == A {
                    (&mut a, &mut b)
                } else {
                    (&mut b, &mut a)
                };
                let [end_a, end_b] = &mut ends;
                let (end_x, end_y) = if from == A { (end_a, end_b) } else { (end_b, end_a) };
                end_x.version += 1;
                end_y.version += 1;
                let request = update(x, Some(&end_x.offer(direction)));
                bed.send(from, &request);
                let got = bed.expect(to, title);
                assert_eq!(sdp::live(got.sdp().unwrap()).direction(), direction);
                let answer = end_y.answer(got.sdp().unwrap(), sdp::complement(direction));
                bed.send(to, &y.reply(&got, 200, Some(&answer)));
                if !has {
                    bed.expect(to, "ACK");
                }
                let ok = bed.expect(from, "200 UPDATE");
                assert_eq!(
                    sdp::live(ok.sdp().unwrap()).direction(),
                    sdp::complement(direction)
                );
                let held = direction == "sendonly";
                assert_eq!(bed.world.media.legs().iter().all(|leg| leg.may_send), !held);
            }
        }
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// RFC 3311 §5.2: one offer at a time.
#[test]
fn offers_that_overlap_have_to_wait() {
    let mut bed = Bed::new();
    let (mut a, mut b) = connect(&mut bed, true, true);
    let mut end = Bed::caller_end();
    end.version += 1;
    let first = update(&mut a, Some(&end.offer("sendonly")));
    bed.send(A, &first);
    let got = bed.expect(B1, "UPDATE");
    let second = update(&mut a, Some(&end.offer("inactive")));
    bed.send(A, &second);
    let refusal = bed.expect(A, "500 UPDATE");
    assert!(refusal.need("Retry-After").parse::<u32>().unwrap() <= 10);
    let crossing = update(&mut b, Some(&Bed::carrier_end(B1).offer("sendonly")));
    bed.send(B1, &crossing);
    bed.expect(B1, "491 UPDATE");
    let crossing = b.invite(Some(&Bed::carrier_end(B1).offer("sendonly")));
    bed.send(B1, &crossing);
    let refusal = bed.expect(B1, "491 INVITE");
    let ack = b.ack(&refusal);
    bed.send(B1, &ack);
    bed.send(B1, &b.reply(&got, 488, None));
    bed.expect(A, "488 UPDATE");
    assert!(bed.world.media.legs().iter().all(|leg| leg.may_send), "as it was");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A side that says it has UPDATE, and then has not.
#[test]
fn an_update_that_is_not_known_goes_by_invite() {
    let mut bed = Bed::new();
    let (mut a, b) = connect(&mut bed, true, true);
    let mut end = Bed::caller_end();
    end.version += 1;
    let request = update(&mut a, Some(&end.offer("sendonly")));
    bed.send(A, &request);
    bed.serve(B1, &b, "UPDATE", 405);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &Bed::answer_of(B1, &b, &got));
    bed.expect(B1, "ACK");
    bed.expect(A, "200 UPDATE");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A's INVITE and B's reliable 183 with its answer, acknowledged on both sides.
fn progress(bed: &mut Bed, a_has: bool, b_has: bool) -> (Party, Party, Sip) {
    let with = |sip: Sip, has: bool| if has { sip.with(ALLOW.0, ALLOW.1) } else { sip };
    let mut a = bed.caller("+442071838750");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &with(invite.with("Supported", "100rel"), a_has));
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    let said = b
        .reply(&at_b, 183, Some(&answer))
        .with("Require", "100rel")
        .with("RSeq", "1");
    bed.send(B1, &with(said, b_has));
    bed.serve(B1, &b, "PRACK", 200);
    let got = bed.expect(A, "183 INVITE");
    a.learn(&got);
    let rack = format!("{} {}", got.need("RSeq"), got.need("CSeq"));
    let prack = a.request("PRACK").with("RAck", rack);
    bed.send(A, &prack);
    bed.expect(A, "200 PRACK");
    (a, b, at_b)
}

/// Before the answer, from either side; the 200 that repeats the first session's SDP changes nothing.
#[test]
fn an_early_offer_crosses() {
    let mut bed = Bed::new();
    let (mut a, mut b, at_b) = progress(&mut bed, true, true);
    let mut end = Bed::caller_end();
    end.rtp.set_port(20_100);
    end.version += 1;
    let request = update(&mut a, Some(&end.offer("sendrecv")));
    bed.send(A, &request);
    let got = bed.expect(B1, "UPDATE");
    assert_eq!(got.to_tag(), Some(b.tag()));
    let mut moved = Bed::carrier_end(B1);
    moved.version += 1;
    let answer = moved.answer(got.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&got, 200, Some(&answer)));
    bed.expect(A, "200 UPDATE");
    assert_eq!(bed.world.media.legs()[0].remote.unwrap().rtp.port(), 20_100);
    moved.rtp.set_port(30_100);
    moved.version += 1;
    b.refresh(&got);
    let request = update(&mut b, Some(&moved.offer("sendrecv")));
    bed.send(B1, &request);
    let got = bed.expect(A, "UPDATE");
    end.version += 1;
    let answer = end.answer(got.sdp().unwrap(), "sendrecv");
    bed.send(A, &a.reply(&got, 200, Some(&answer)));
    bed.expect(B1, "200 UPDATE");
    assert_eq!(bed.world.media.legs()[1].remote.unwrap().rtp.port(), 30_100);
    bed.send(B1, &b.reply(&at_b, 200, None));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let legs = bed.world.media.legs();
    assert_eq!(legs[1].remote.unwrap().rtp.port(), 30_100);
    assert!(legs.iter().all(|leg| leg.expects));
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 3311 §5.2: UPDATE says where its sender is from now on, before the answer as well.
#[test]
fn an_early_update_moves_its_sender() {
    let mut bed = Bed::new();
    let (mut a, mut b, at_b) = progress(&mut bed, true, true);
    let moved = format!("<sip:moved@{}>", b.addr);
    let request = b.request("UPDATE").with("Contact", moved);
    bed.send(B1, &request);
    bed.expect(B1, "200 UPDATE");
    let mut end = Bed::caller_end();
    end.version += 1;
    let request = update(&mut a, Some(&end.offer("sendrecv")));
    bed.send(A, &request);
    let got = bed.expect(B1, "UPDATE");
    assert!(got.start.starts_with("UPDATE sip:moved@"), "{}", got.start);
    let answer = Bed::carrier_end(B1).answer(got.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&got, 200, Some(&answer)));
    bed.expect(A, "200 UPDATE");
    bed.send(B1, &b.reply(&at_b, 200, None));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_early_offer_that_cannot_cross_is_refused() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    a.learn(&ringing);
    let mut end = Bed::caller_end();
    end.version += 1;
    let early = update(&mut a, Some(&end.offer("sendonly")));
    bed.send(A, &early);
    // The INVITE's offer has no answer yet (RFC 3311 §5.2).
    assert!(bed.expect(A, "500 UPDATE").get("Retry-After").is_some());
    let early = update(&mut a, None);
    bed.send(A, &early);
    bed.expect(A, "200 UPDATE");
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
    let (mut a, b, at_b) = progress(&mut bed, false, false);
    let early = update(&mut a, Some(&end.offer("sendonly")));
    bed.send(A, &early);
    bed.expect(A, "488 UPDATE");
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The carrier fails while an early offer is on its way to it.
#[test]
fn an_early_offer_dies_with_its_attempt() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = progress(&mut bed, true, true);
    let mut end = Bed::caller_end();
    end.version += 1;
    let early = update(&mut a, Some(&end.offer("sendonly")));
    bed.send(A, &early);
    let got = bed.expect(B1, "UPDATE");
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    bed.expect(A, "500 UPDATE");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.send(B1, &b.reply(&got, 481, None));
    bed.settle_one();
}
