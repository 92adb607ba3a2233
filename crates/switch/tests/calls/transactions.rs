//! Requests that come twice, or late, or by two ways (RFC 3261 §8.2.2.2, §17).

use testkit::bed::{A, B1, Bed, X};
use testkit::{Party, Sip};

/// TX-07 a.
#[test]
fn an_invite_that_comes_again_starts_nothing_and_is_answered_again() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    bed.wait(100);
    let mut hundreds = 0;
    for wait in [400, 1000, 2000] {
        hundreds += bed.drain(A).iter().filter(|(_, sip)| sip.status() == 100).count();
        bed.wait(wait);
        bed.send(A, &invite);
        bed.wait(50);
    }
    hundreds += bed.drain(A).iter().filter(|(_, sip)| sip.status() == 100).count();
    assert_eq!(hundreds, 4, "{}", bed.story());
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let copies = bed.drain(B1);
    assert!(copies.iter().all(|(_, copy)| *copy == at_b), "{}", bed.story());
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    bed.send(A, &invite);
    bed.quiet(B1, 2000);
    assert_eq!(bed.drain(A), []);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// TX-07 b.
#[test]
fn our_invite_goes_out_again_until_something_comes_back() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let (begun, first) = bed.next(B1);
    bed.wait(1600);
    let copies = bed.drain(B1);
    let at: Vec<u128> = copies.iter().map(|(at, _)| (*at - begun).as_millis()).collect();
    assert_eq!(at, [500, 1500]);
    assert!(copies.iter().all(|(_, copy)| *copy == first));
    let b = bed.callee(B1, &first);
    bed.send(B1, &Bed::answer_of(B1, &b, &first));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

fn refused_by(bed: &mut Bed, invite: &Sip, status: u16) -> (Sip, Sip, Party) {
    bed.send(A, invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let refusal = b.reply(&at_b, status, None);
    bed.send(B1, &refusal);
    bed.expect(B1, "ACK");
    let at_a = bed.expect(A, &format!("{status} INVITE"));
    (at_a, at_b, b)
}

/// TX-08, in order.
#[test]
fn a_pbx_that_hunts_with_one_call_id_makes_new_calls() {
    let mut bed = Bed::new();
    for _ in 0..200 {
        let mut a = bed.caller("+4420");
        let offer = Bed::caller_end().offer("sendrecv");
        let invite = a.invite(Some(&offer));
        let (refusal, first, _) = refused_by(&mut bed, &invite, 486);
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.wait(20);
        let again = a.invite(Some(&offer));
        bed.send(A, &again);
        let second = bed.expect_within(B1, "INVITE", 100);
        assert_ne!(first.call_id(), second.call_id());
        let b = bed.callee(B1, &second);
        bed.send(B1, &Bed::answer_of(B1, &b, &second));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        bed.hang_up(&mut a, &b);
    }
    assert_eq!(bed.settle().len(), 400);
}

/// TX-08, out of order.
#[test]
fn a_hunt_that_overtakes_its_own_ack_connects() {
    let mut bed = Bed::new();
    for _ in 0..200 {
        let mut a = bed.caller("+4420");
        let offer = Bed::caller_end().offer("sendrecv");
        let invite = a.invite(Some(&offer));
        let (refusal, _, _) = refused_by(&mut bed, &invite, 486);
        let ack = a.ack(&refusal);
        let again = a.invite(Some(&offer));
        bed.send(A, &again);
        bed.wait(10);
        bed.send(A, &ack);
        let second = bed.expect_within(B1, "INVITE", 100);
        let b = bed.callee(B1, &second);
        bed.send(B1, &Bed::answer_of(B1, &b, &second));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        bed.hang_up(&mut a, &b);
    }
    assert_eq!(bed.settle().len(), 400);
}

#[test]
fn the_same_invite_by_two_ways_is_merged() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = {
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let b = bed.callee(B1, &at_b);
        let via = a.via();
        bed.send(A, &invite.clone().set("Via", via));
        assert_eq!(bed.expect(A, "482 INVITE").cseq().0, invite.cseq().0);
        (a, b, at_b)
    };
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

#[test]
fn a_bye_in_no_dialog_is_481_and_a_stray_ack_is_nothing() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut stranger = a.twin();
    stranger.remote = stranger.remote.replace(";tag=", ";tag=x");
    let bye = stranger.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "481 BYE");
    let mut other = a.twin();
    other.call_id.push('x');
    let bye = other.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "481 BYE");
    let ack = Sip::new(bye.start.replace("BYE", "ACK"));
    let ack = Sip {
        headers: bye.headers.clone(),
        ..ack
    }
    .set("CSeq", "99 ACK");
    bed.send(A, &ack);
    bed.quiet(A, 500);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn a_request_with_an_old_number_is_500_and_harms_nothing() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let info = a.request("INFO");
    bed.send(A, &info);
    bed.serve(B1, &b, "INFO", 200);
    bed.expect(A, "200 INFO");
    a.cseq = 0;
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "500 BYE");
    bed.quiet(B1, 1000);
    a.cseq = 10;
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn strangers_are_refused_and_leave_no_record() {
    let mut bed = Bed::new();
    let rng = bed.world.rng.fork();
    let switch = bed.world.switch_addr();
    let mut x = Party::caller(testkit::bed::addr(X), switch, "evil", "+4420", rng);
    let invite = x.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(X, &invite);
    let refusal = bed.expect(X, "403 INVITE");
    let ack = x.ack(&refusal);
    bed.send(X, &ack);
    bed.quiet(B1, 1000);
    assert_eq!(bed.settle().len(), 0);
    assert_eq!(bed.world.switch().gauges().counters.refused_source, 1);
}

#[test]
fn a_stranger_cannot_end_a_call_that_is_not_his() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    // He has seen Call-ID and one tag, but not ours.
    let rng = bed.world.rng.fork();
    let mut x = Party::caller(testkit::bed::addr(X), bed.world.switch_addr(), "x", "+4420", rng);
    x.call_id.clone_from(&a.call_id);
    x.local.clone_from(&a.local);
    x.remote = format!("{};tag=guess", x.remote);
    let bye = x.request("BYE");
    bed.send(X, &bye);
    bed.expect(X, "481 BYE");
    bed.quiet(B1, 1000);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
