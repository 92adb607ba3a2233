//! What a call costs and what its customer pays, in its record.

use route::deck::{Money, Rate, cost};
use switch::record::{Balance, CallRecord};
use testkit::bed::{self, A, B1, B2, Bed};

use super::transfers::{refer, target, told};

/// Carrier b1 asks 0.6 a minute by the second, b2 0.9 by the minute and 0.05 a call; the customer pays 1.2 by six seconds.
pub(super) const PRICES: [(&str, &str); 3] = [
    ("name = \"b1\"", "rates = [{ prefix = \"44\", rate = 0.6 }]"),
    (
        "name = \"b2\"",
        "rates = [{ prefix = \"44\", rate = 0.9, first_interval = 60, increment = 60, fee = 0.05 }]",
    ),
    (
        "name = \"pbx\"",
        "sell_rates = [{ prefix = \"44\", rate = 1.2, first_interval = 6, increment = 6 }, { prefix = \"4488\", blocked = true }]",
    ),
];

pub(super) fn rate(per_minute: u64, first_interval: u16, increment: u16, fee: u64) -> Rate {
    Rate {
        per_minute: Money(per_minute),
        fee: Money(fee),
        minimum: Money(0),
        first_interval,
        increment,
        blocked: false,
        prefix_len: 2,
    }
}

fn asked_by_b1() -> Rate {
    rate(600_000_000, 1, 1, 0)
}

fn asked_by_b2() -> Rate {
    rate(900_000_000, 60, 60, 50_000_000)
}

fn paid() -> Rate {
    rate(1_200_000_000, 6, 6, 0)
}

/// Cost, price and margin as they have to be.
fn money(record: &CallRecord) -> (Option<Money>, Option<Money>, Option<Balance>) {
    (record.cost, record.price, record.margin)
}

#[test]
fn an_answered_call_costs_what_its_carrier_asks_and_brings_what_its_customer_pays() {
    let mut bed = Bed::changed(&PRICES);
    let (mut a, b) = bed.connect();
    bed.wait(7_777);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    let (cost, price) = (cost(asked_by_b1(), record.talk_ms), cost(paid(), record.talk_ms));
    assert_eq!(
        cost,
        Money(80_000_000),
        "eight begun seconds at 0.6: {} ms",
        record.talk_ms
    );
    assert_eq!(price, Money(240_000_000));
    assert_eq!(
        money(&record),
        (Some(cost), Some(price), Some(Balance(160_000_000)))
    );
    assert_eq!(record.currency.as_deref(), Some("USD"));
    assert!(record.accounts.is_empty(), "it has no credit");
    let said = record
        .decision
        .iter()
        .any(|line| line == "pbx pays 1.2/min (6/6)");
    assert!(said, "{:?}", record.decision);
}

#[test]
fn a_call_that_was_not_answered_costs_and_brings_nothing() {
    let mut bed = Bed::changed(&PRICES);
    let (_, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    bed.expect(A, "486 INVITE");
    let record = bed.settle_one();
    assert_eq!(money(&record), (Some(Money(0)), Some(Money(0)), Some(Balance(0))));
}

#[test]
fn without_prices_a_record_says_nothing_of_money() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(money(&record), (None, None, None));
    assert_eq!(record.currency, None);
    let json = serde_json::to_string(&record).unwrap();
    assert!(!json.contains("margin") && !json.contains("accounts"), "{json}");
}

#[test]
fn after_a_failover_the_cost_is_that_of_the_carrier_that_answered() {
    let mut bed = Bed::changed(&PRICES);
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let (c, at_c) = target(&mut bed);
    bed.send(B2, &Bed::answer_of(B2, &c, &at_c));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(60_500);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(A, "200 BYE");
    let record = bed.settle_one();
    assert_eq!(record.cost, Some(cost(asked_by_b2(), record.talk_ms)));
    assert_eq!(record.cost, Some(Money(2 * 900_000_000 + 50_000_000)));
    assert_eq!(record.price, Some(cost(paid(), record.talk_ms)));
}

#[test]
fn what_a_customer_does_not_buy_is_refused() {
    let free: Vec<(&str, &str)> = PRICES
        .into_iter()
        .chain([("name = \"pbx\"", "unpriced = \"free\"")])
        .collect();
    let table = [
        (
            &PRICES[..],
            "+4930222",
            "not-sold",
            "what it pays has no price for this number",
        ),
        (
            &PRICES[..],
            "+448870",
            "not-sold",
            "what it pays blocks this number",
        ),
        (
            &free[..],
            "+448870",
            "not-sold",
            "what it pays blocks this number",
        ),
        // No carrier has a price for it either.
        (
            &free[..],
            "+4930222",
            "no-route",
            "its deck has no price for this number",
        ),
    ];
    for (changes, number, kind, why) in table {
        let mut bed = Bed::changed(changes);
        let mut a = bed.caller(number);
        let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        bed.send(A, &invite);
        let status = if kind == "not-sold" {
            "403 INVITE"
        } else {
            "404 INVITE"
        };
        let refused = bed.expect(A, status);
        let ack = a.ack(&refused);
        bed.send(A, &ack);
        let record = bed.settle_one();
        assert_eq!(record.cause.kind, kind, "{number}");
        assert!(
            record.decision.iter().any(|line| line.contains(why)),
            "{:?}",
            record.decision
        );
    }
}

#[test]
fn what_a_number_rule_leads_needs_no_price() {
    let changes: Vec<(&str, &str)> = PRICES
        .into_iter()
        .chain([("", "[[number]]\nmatch = \"200\"\nto = \"b1\"")])
        .collect();
    let mut bed = Bed::changed(&changes);
    let mut a = bed.caller("200");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    assert_eq!(money(&bed.settle_one()), (None, None, None));
}

#[test]
fn a_deck_that_changes_in_mid_call_changes_nothing_for_the_call() {
    let mut bed = Bed::changed(&PRICES);
    let (mut a, b) = bed.connect();
    bed.wait(5_000);
    let dearer = bed::config(&PRICES)
        .replace("rate = 0.6", "rate = 60")
        .replace("rate = 1.2", "rate = 120");
    bed.reload(&dearer);
    bed.wait(5_000);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(record.cost, Some(cost(asked_by_b1(), record.talk_ms)));
    assert_eq!(record.price, Some(cost(paid(), record.talk_ms)));
}

#[test]
fn amounts_are_in_the_base_currency() {
    let mut changes = vec![("", "[billing]\ncurrency = \"EUR\"\nrates = { USD = 0.5 }")];
    changes.push((
        "name = \"b1\"",
        "rates = [{ prefix = \"44\", rate = 0.6, currency = \"USD\" }]",
    ));
    changes.push(("name = \"pbx\"", "sell_rates = [{ prefix = \"44\", rate = 1.2 }]"));
    let mut bed = Bed::changed(&changes);
    let (mut a, b) = bed.connect();
    bed.wait(500);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(
        money(&record),
        (
            Some(Money(5_000_000)),
            Some(Money(20_000_000)),
            Some(Balance(15_000_000))
        )
    );
    assert_eq!(record.currency.as_deref(), Some("EUR"));
}

/// Each leg costs from its answer until it is gone, and who has a call transferred pays for the new leg.
#[test]
fn a_transfer_costs_what_each_leg_does() {
    let mut bed = Bed::changed(&PRICES);
    bed.world.audit.hidden.clear();
    let (mut a, b) = bed.connect();
    bed.wait(10_000);
    refer(&mut bed, A, &mut a, "<sip:+442071838751@127.0.0.1>", &[]);
    bed.expect(A, "202 REFER");
    told(&mut bed, A, &a, "100", false);
    let attempt = bed.expect(B1, "INVITE");
    let c = bed.callee(B1, &attempt);
    bed.send(B1, &c.reply(&attempt, 180, None));
    told(&mut bed, A, &a, "180", false);
    bed.send(B1, &Bed::answer_of(B1, &c, &attempt));
    bed.expect(B1, "ACK");
    told(&mut bed, A, &a, "200", true);
    bed.serve(A, &a, "BYE", 200);
    bed.wait(20_000);
    while let Some(sip) = bed.drain(B1).pop() {
        if sip.1.title() == "INVITE" {
            bed.send(B1, &Bed::answer_of(B1, &b, &sip.1));
        }
    }
    let record = {
        let mut c = c;
        c.learn(&attempt);
        c.refresh(&attempt);
        let bye = c.request("BYE");
        bed.send(B1, &bye);
        bed.serve(B1, &b, "BYE", 200);
        bed.expect(B1, "200 BYE");
        bed.settle_one()
    };
    let transfer = &record.transfers[0];
    let answered_ms = record.answered_ms.unwrap() - record.started_ms;
    let second_ms = record.talk_ms - (transfer.offset_ms + transfer.elapsed_ms - answered_ms);
    let both = |rate: Rate| Money(cost(rate, record.talk_ms).0 + cost(rate, second_ms).0);
    assert_eq!(record.cost, Some(both(asked_by_b1())), "{second_ms} ms");
    assert_eq!(record.price, Some(both(paid())));
}
