//! Nobody hears of an answer before the journal has the call.

use std::time::Duration;

use switch::record::HungUpBy;
use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, StoreMode};

/// A call whose answer waits for a store that takes 80 ms: caller, called party, and the INVITE at B1.
fn waiting(bed: &mut Bed) -> (Party, Party, Sip) {
    bed.world.store.mode = StoreMode::Stores(Duration::from_millis(80));
    let (a, b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.wait(10);
    let heard: Vec<_> = bed.drain(A).into_iter().map(|(_, sip)| sip.title()).collect();
    assert_eq!(heard, ["100 INVITE"]);
    (a, b, at_b)
}

#[test]
fn a_slow_store_holds_up_both_the_ack_and_the_200() {
    let mut bed = Bed::new();
    let (mut a, b, _) = waiting(&mut bed);
    bed.quiet(A, 60);
    bed.quiet(B1, 0);
    bed.expect_within(B1, "ACK", 20);
    let ok = bed.expect_within(A, "200 INVITE", 20);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

#[test]
fn a_stuck_or_failing_store_holds_them_up_for_a_tenth_of_a_second_at_most() {
    for mode in [StoreMode::Stuck, StoreMode::Fails(Duration::from_secs(5))] {
        let mut bed = Bed::new();
        bed.world.store.mode = mode;
        let (_, b, at_b) = bed.dial();
        bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
        bed.expect_within(B1, "ACK", 105);
        bed.expect_within(A, "200 INVITE", 105);
    }
}

#[test]
fn a_caller_that_gives_up_meanwhile_was_never_answered() {
    let mut bed = Bed::new();
    let (mut a, b, _) = waiting(&mut bed);
    bed.send(A, &a.cancel());
    bed.expect_within(A, "200 CANCEL", 10);
    let refusal = bed.expect_within(A, "487 INVITE", 10);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.expect_within(B1, "ACK", 10);
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.cause.sip, record.talk_ms),
        ("cancelled", 487, 0)
    );
    assert_eq!((record.answered_ms, record.hung_up_by), (None, HungUpBy::Caller));
    assert_eq!(record.attempts[0].outcome, "answered");
    assert_eq!(
        bed.world.store.journal.len(),
        0,
        "its final record voids the journal's"
    );
}

#[test]
fn a_called_side_that_hangs_up_meanwhile_was_there() {
    let mut bed = Bed::new();
    let (mut a, mut b, _) = waiting(&mut bed);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect_within(B1, "ACK", 10);
    let ok = bed.expect_within(A, "200 INVITE", 10);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.serve(A, &a, "BYE", 200);
    bed.expect(B1, "200 BYE");
    let record = bed.settle_one();
    assert_eq!((record.cause.kind.as_str(), record.cause.sip), ("normal", 200));
    assert_eq!(record.hung_up_by, HungUpBy::Called);
}

#[test]
fn an_operator_that_hangs_up_meanwhile_ends_an_answered_call() {
    let mut bed = Bed::new();
    let (mut a, b, _) = waiting(&mut bed);
    let id = bed.world.switch().calls(bed.world.moment())[0].id.clone();
    bed.world.hangup(&id);
    bed.expect_within(B1, "ACK", 10);
    let ok = bed.expect_within(A, "200 INVITE", 10);
    bed.serve(B1, &b, "BYE", 200);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.serve(A, &a, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!((record.cause.kind.as_str(), record.cause.sip), ("operator", 200));
}

#[test]
fn an_offer_of_the_called_side_meanwhile_has_to_wait() {
    let mut bed = Bed::new();
    let (mut a, mut b, _) = waiting(&mut bed);
    let offer = Bed::carrier_end(B1).offer("sendrecv");
    let again = b.invite(Some(&offer));
    bed.send(B1, &again);
    let refusal = bed.expect_within(B1, "500 INVITE", 10);
    assert!(refusal.get("Retry-After").is_some());
    let ack = b.ack(&refusal);
    bed.send(B1, &ack);
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
