//! Answers and their ACKs (RFC 3261 §13.2.2.4, §13.3.1.4).

use std::time::Duration;

use testkit::bed::{A, B1, Bed};

/// TX-01.
#[test]
fn an_answer_without_ack_is_repeated_for_32_seconds_and_then_both_legs_are_hung_up() {
    let mut bed = Bed::new();
    let (a, b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let (begun, first) = bed.next(A);
    bed.wait(31_500);
    let copies = bed.drain(A);
    assert!(copies.iter().all(|(_, copy)| *copy == first), "{}", bed.story());
    let at: Vec<f64> = copies.iter().map(|(at, _)| (*at - begun).as_secs_f64()).collect();
    for (at, expected) in at
        .iter()
        .zip([0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
    {
        assert!((at - expected).abs() < 0.1, "{at} instead of {expected}");
    }
    assert!(copies.len() >= 9, "{} copies", copies.len());
    bed.quiet(B1, 0);
    let (when, bye) = std::iter::from_fn(|| Some(bed.next(A)))
        .find(|(_, sip)| sip.method() == "BYE")
        .unwrap();
    let after = when - begun;
    assert!(
        (Duration::from_secs(31)..Duration::from_secs(36)).contains(&after),
        "{after:?}"
    );
    assert!(bye.need("Reason").contains("cause=102"), "{}", bye.write());
    bed.send(A, &a.reply(&bye, 200, None));
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.cause.q850),
        ("ack-timeout", Some(102))
    );
}

/// TX-01, variant b.
#[test]
fn a_late_ack_ends_the_copies_and_the_call_stays_up() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    bed.wait(4000);
    assert_eq!(bed.drain(A).len(), 3);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.quiet(A, 60_000);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

/// TX-02 a.
#[test]
fn every_copy_of_the_answer_is_acked() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let answer = Bed::answer_of(B1, &b, &at_b);
    bed.send(B1, &answer);
    let ack = bed.expect_within(B1, "ACK", 200);
    for wait in [500, 1000] {
        bed.wait(wait);
        bed.send(B1, &answer);
        assert_eq!(bed.expect_within(B1, "ACK", 200), ack);
    }
    assert_eq!(ack.cseq(), (at_b.cseq().0, "ACK"));
    assert_ne!(
        ack.branch(),
        at_b.branch(),
        "the ACK of a 2xx is a transaction of its own"
    );
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.drain(A);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// TX-02 b.
#[test]
fn a_copy_of_the_answer_is_acked_while_a_reinvite_is_under_way() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let answer = Bed::answer_of(B1, &b, &at_b);
    bed.send(B1, &answer);
    let first_ack = bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let reinvite = bed.expect(B1, "INVITE");
    bed.send(B1, &answer);
    assert_eq!(bed.expect(B1, "ACK"), first_ack);
    bed.send(B1, &Bed::answer_of(B1, &b, &reinvite));
    assert_eq!(bed.expect(B1, "ACK").cseq().0, reinvite.cseq().0);
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// TX-02 c.
#[test]
fn the_called_sides_answer_is_acked_at_once_though_the_caller_takes_its_time() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect_within(B1, "ACK", 200);
    let ok = bed.expect(A, "200 INVITE");
    bed.wait(5000);
    assert!(bed.drain(A).iter().all(|(_, copy)| *copy == ok));
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.quiet(A, 5000);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_ack_counts_for_its_own_invite_only() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let first = a.ack(&ok);
    bed.send(A, &first);
    let refresh = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &refresh);
    let ok = bed.expect(A, "200 INVITE");
    // A copy of the first ACK that the network has kept back.
    bed.send(A, &first);
    assert_eq!(bed.next(A).1, ok, "the second answer is still without its ACK");
    let second = a.ack(&ok);
    bed.send(A, &second);
    bed.quiet(A, 10_000);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn two_branches_of_a_fork_answer_and_one_is_hung_up() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let other = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.send(B1, &Bed::answer_of(B1, &other, &at_b));
    let (ack, bye) = (bed.expect(B1, "ACK"), bed.expect(B1, "BYE"));
    assert_eq!(
        (ack.to_tag(), bye.to_tag()),
        (Some(other.tag()), Some(other.tag()))
    );
    // The one that stays is thanked when the journal has it.
    let ack = bed.expect(B1, "ACK");
    assert_eq!(ack.to_tag(), Some(b.tag()));
    bed.send(B1, &other.reply(&bye, 200, None));
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}
