//! A customer's credit: calls end when it is used up, and none begins without.

use route::deck::{Money, cost};
use switch::record::{Balance, CallRecord};
use testkit::bed::{self, A, B1, Bed};
use testkit::{Party, Sip};

use super::money::{PRICES, rate};

/// The customer pays 0.02 a second by six seconds.
fn bed(credit: &str) -> Bed {
    Bed::changed(&changes(credit))
}

fn changes(credit: &str) -> Vec<(&str, &str)> {
    PRICES.into_iter().chain([("name = \"pbx\"", credit)]).collect()
}

fn paid(record: &CallRecord) -> Money {
    cost(rate(1_200_000_000, 6, 6, 0), record.talk_ms)
}

/// Another call of A's while there are others.
fn dial_another(bed: &mut Bed) -> (Party, Sip) {
    let mut a = bed.caller("+442071838751");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    (a, invite)
}

/// It is refused.
fn refused(bed: &mut Bed, a: &mut Party, status: u16) {
    let refusal = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

fn units(units: f64) -> Balance {
    Balance::from_units(units)
}

#[test]
fn a_call_ends_when_its_customers_credit_is_used_up() {
    // 0.3 buys fifteen seconds, and the intervals of six that are whole in it: twelve.
    let mut bed = bed("credit = { amount = 0.3 }");
    let (a, b) = bed.connect();
    bed.wait(11_800);
    assert_eq!(bed.world.credit("pbx").left, Some(units(0.06)));
    let at_a = bed.serve(A, &a, "BYE", 200);
    assert!(
        at_a.need("Reason").contains("credit-exhausted"),
        "{}",
        at_a.write()
    );
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "credit-exhausted");
    assert!((11_800..=12_000).contains(&record.talk_ms), "{}", record.talk_ms);
    assert_eq!(record.price, Some(paid(&record)));
    assert_eq!(record.price, Some(Money(240_000_000)));
    assert_eq!(record.accounts.len(), 1);
    assert_eq!(
        (record.accounts[0].customer.as_str(), record.accounts[0].price),
        ("pbx", Money(240_000_000))
    );
    let view = bed.world.credit("pbx");
    assert_eq!(
        (view.balance, view.left, view.calls),
        (units(-0.24), Some(units(0.06)), 0)
    );
    // What is left buys no further interval.
    let (mut a, _) = dial_another(&mut bed);
    refused(&mut bed, &mut a, 402);
    let record = bed.settle_one();
    assert_eq!((record.cause.kind.as_str(), record.cause.sip), ("no-credit", 402));
    let why = "pbx: its credit is used up: 0.06 left, 0.12 needed for the call to begin";
    assert!(
        record.decision.iter().any(|line| line == why),
        "{:?}",
        record.decision
    );
}

#[test]
fn the_status_of_the_refusal_is_the_operators() {
    let mut bed = bed("credit = { amount = 0.1, status = 503 }");
    let (mut a, _) = dial_another(&mut bed);
    refused(&mut bed, &mut a, 503);
    assert_eq!(bed.settle_one().cause.kind, "no-credit");
}

#[test]
fn calls_that_are_being_set_up_have_their_first_interval_kept_for_them() {
    let mut bed = bed("credit = { amount = 0.2 }");
    let (mut first, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let view = bed.world.credit("pbx");
    assert_eq!(
        (view.running, view.left, view.balance),
        (Money(120_000_000), Some(units(0.08)), units(0.0))
    );
    let (mut second, _) = dial_another(&mut bed);
    refused(&mut bed, &mut second, 402);
    // It gives up: what was kept for it is there again.
    let cancel = first.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    let cancelled = bed.expect(B1, "CANCEL");
    bed.send(B1, &b.reply(&cancelled, 200, None));
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    refused(&mut bed, &mut first, 487);
    assert_eq!(bed.world.credit("pbx").left, Some(units(0.2)));
    bed.settle();
    let (mut a, b) = bed.connect();
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().price, Some(Money(120_000_000)));
}

#[test]
fn a_payment_in_mid_call_lets_it_go_on() {
    let mut bed = bed("credit = { amount = 0.12 }");
    let (mut a, b) = bed.connect();
    bed.wait(5_000);
    bed.world.pay("pbx", 0.24);
    bed.quiet(A, 12_000);
    bed.world.pay("pbx", 100.0);
    bed.quiet(A, 30_000);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "normal");
    assert_eq!(record.price, Some(paid(&record)));
    let left = units(0.12 + 0.24 + 100.0).less(record.price.unwrap());
    assert_eq!(bed.world.credit("pbx").left, Some(left));
}

#[test]
fn less_credit_after_a_reload_ends_what_it_no_longer_pays_for() {
    let mut bed = bed("credit = { amount = 10 }");
    let (a, b) = bed.connect();
    bed.wait(8_000);
    bed.reload(&bed::config(&changes("credit = { amount = 0.24 }")));
    bed.wait(3_800);
    bed.serve(A, &a, "BYE", 200);
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.price),
        ("credit-exhausted", Some(Money(240_000_000)))
    );
}

#[test]
fn running_calls_may_be_left_alone() {
    let mut bed = bed("credit = { amount = 0.12, end_calls = false }");
    let (mut a, b) = bed.connect();
    bed.quiet(A, 60_000);
    let (mut another, _) = dial_another(&mut bed);
    refused(&mut bed, &mut another, 402);
    bed.hang_up(&mut a, &b);
    let records = bed.settle();
    assert!(
        records
            .iter()
            .all(|record| record.cause.kind != "credit-exhausted")
    );
    assert!(bed.world.credit("pbx").left < Some(Balance(0)));
}

#[test]
fn an_alert_says_when_little_is_left() {
    let mut bed = bed("credit = { amount = 1.0, alert = 0.85 }");
    assert!(!bed.world.credit("pbx").low);
    let (mut a, b) = bed.connect();
    assert!(!bed.world.credit("pbx").low);
    bed.wait(6_000);
    assert!(bed.world.credit("pbx").low);
    bed.hang_up(&mut a, &b);
    bed.settle();
    assert!(bed.world.credit("pbx").low);
    bed.world.pay("pbx", 5.0);
    assert!(!bed.world.credit("pbx").low);
}

#[test]
fn what_the_last_process_left_running_is_charged_as_far_as_it_is_known() {
    let mut bed = bed("credit = { amount = 10 }");
    let (_, b) = bed.connect();
    bed.wait(1_000);
    bed.world.crash();
    bed.world.restart();
    bed.serve(B1, &b, "BYE", 200);
    bed.drain(A);
    bed.wait(1_000);
    let records = std::mem::take(&mut bed.world.store.finals);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].cause.kind, "restart");
    // The journal was written at the answer: its first interval is what is known.
    assert_eq!(records[0].price, Some(Money(120_000_000)));
    assert_eq!(bed.world.credit("pbx").balance, units(-0.12));
}
