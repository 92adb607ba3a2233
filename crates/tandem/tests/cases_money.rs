//! What calls cost and bring, to the billionth, and customers' credit: through the daemon, its store and its command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::{engines, hang_up, ms, until};
use testbed::{Bed, Call, Record, Setup, SipPeer, sdp};

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const LONDON: &str = "+442079460000";
const MOBILE: &str = "+447700900123";

/// What b1 sends: its own columns, in euros, compressed.
const OF_B1: &str = "\
Example carrier, rates of this month;;;;
Destination;Dial Code;Rate (EUR);Billing Increment;Connection Fee
United Kingdom;44;0,0100;1/1;
United Kingdom, mobile;447;0,2000;60/60;0,0030
";

/// What b2 asks, in dollars.
const OF_B2: &str = "\
prefix,rate,first_interval,increment,fee,minimum_charge
44,0.0200,60,60,,
447,0.0333,30,6,0.001,
";

/// What the customer pays.
const PAID: &str = "\
prefix,rate,first_interval,increment,fee,minimum_charge
44,0.0450,1,1,,0.0021
447,0.1234567,6,6,0.0005,
";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn priced(dir: &Path, setup: Setup) -> Setup {
    std::fs::write(dir.join("b1.csv.gz"), gzip(OF_B1)).unwrap();
    std::fs::write(dir.join("b2.csv"), OF_B2).unwrap();
    std::fs::write(dir.join("pbx.csv"), PAID).unwrap();
    setup
        .t1_ms(25)
        .extra("[billing]\nrates = { EUR = 1.08 }\n")
        .key("b1", "deck = \"b1.csv.gz\"")
        .key("b2", "deck = \"b2.csv\"")
        .key("pbx", "sell_deck = \"pbx.csv\"")
}

fn start(prepare: impl FnOnce(&Path, Setup) -> Setup) -> Bed {
    Bed::start_with(TANDEM, |dir, setup| engines::chosen(prepare(dir, setup)))
}

/// A tariff in billionths of a dollar, worked out by hand.
#[derive(Clone, Copy)]
struct Tariff {
    minute: u128,
    first: u128,
    increment: u128,
    fee: u128,
    minimum: u128,
}

const fn tariff(minute: u128, first: u128, increment: u128, fee: u128, minimum: u128) -> Tariff {
    Tariff {
        minute,
        first,
        increment,
        fee,
        minimum,
    }
}

/// 0.01 EUR at 1.08; 0.2 EUR and 0.003 EUR.
const B1_LONDON: Tariff = tariff(10_800_000, 1, 1, 0, 0);
const B2_LONDON: Tariff = tariff(20_000_000, 60, 60, 0, 0);
const B2_MOBILE: Tariff = tariff(33_300_000, 30, 6, 1_000_000, 0);
const PAID_LONDON: Tariff = tariff(45_000_000, 1, 1, 0, 2_100_000);
const PAID_MOBILE: Tariff = tariff(123_456_700, 6, 6, 500_000, 0);

impl Tariff {
    /// What a call costs, by the words of docs/decks.md.
    fn of(self, talk_ms: u64) -> u128 {
        let seconds = u128::from(talk_ms.max(1)).div_ceil(1000);
        let mut charged = self.first;
        while charged < seconds {
            charged += self.increment;
        }
        ((self.minute * charged).div_ceil(60) + self.fee).max(self.minimum)
    }
}

/// An amount of a record, in billionths.
fn billionths(record: &Record, field: &str) -> i128 {
    let amount = record.0[field]
        .as_f64()
        .unwrap_or_else(|| panic!("no {field} in {}", record.0));
    (amount * 1e9).round() as i128
}

fn assert_money(record: &Record, cost: Tariff, price: Tariff) {
    let talk = record.number("talk_ms");
    let (cost, price) = (cost.of(talk) as i128, price.of(talk) as i128);
    let got = ["cost", "price", "margin"].map(|field| billionths(record, field));
    assert_eq!(got, [cost, price, price - cost], "{talk} ms: {}", record.0);
    assert_eq!(record.text("currency"), "USD");
}

/// Alice calls this number, and this carrier answers.
fn connect<'p>(bed: &Bed, alice: &'p SipPeer, carrier: &'p SipPeer, number: &str) -> (Call<'p>, Call<'p>) {
    let call = alice.invite(number, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = carrier.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    (call, leg)
}

fn tandem(bed: &Bed, arguments: &[&str]) -> Output {
    let mut command = Command::new(TANDEM);
    command.args(arguments).arg("--config").arg(bed.config());
    command.output().unwrap()
}

/// A customer's account, by the command line.
fn account(bed: &Bed) -> Value {
    let output = tandem(bed, &["credit", "show", "pbx", "--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn records_have_what_calls_cost_and_bring_to_the_billionth() {
    let bed = start(priced);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    // The cheapest for three minutes is asked: b1 for London, b2 for mobiles.
    let mut expected = Vec::new();
    for (talk, number) in [
        (40, LONDON),
        (1_050, LONDON),
        (2_300, LONDON),
        (40, MOBILE),
        (1_500, MOBILE),
    ] {
        let carrier = if number == LONDON { &bob } else { &carol };
        let (call, leg) = connect(&bed, &alice, carrier, number);
        alice.listen(ms(talk));
        hang_up(&call, &leg);
        expected.push(if number == LONDON {
            (B1_LONDON, PAID_LONDON)
        } else {
            (B2_MOBILE, PAID_MOBILE)
        });
    }
    // The first carrier does not take it: the second's price counts.
    let call = alice.invite(LONDON, Some(&sdp::offer(bed.places.rtp_a)));
    let first = bob.incoming();
    first.reply(503);
    first.expect_request("ACK");
    let second = carol.incoming();
    second.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    second.expect_request("ACK");
    hang_up(&call, &second);
    expected.push((B2_LONDON, PAID_LONDON));
    // Nobody answers: nobody pays.
    let call = alice.invite(LONDON, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    // It is not sold: nobody is asked.
    let call = alice.invite("+33140205050", Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(403);
    call.ack_failure();
    let records = bed.finish_lingering(8, 4);
    for (record, (cost, price)) in records.iter().zip(&expected) {
        assert_money(record, *cost, *price);
    }
    let unanswered = ["cost", "price", "margin"].map(|field| billionths(&records[6], field));
    assert_eq!(unanswered, [0, 0, 0]);
    assert_eq!(records[7].text("cause.kind"), "not-sold");
    assert!(!records[7].has("price"));
}

#[test]
fn a_deck_that_changes_in_mid_call_changes_nothing_for_the_call() {
    let bed = start(priced);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = connect(&bed, &alice, &bob, LONDON);
    let before = bed
        .metrics()
        .sum("tandem_config_reloads_total")
        .unwrap_or_default();
    std::fs::write(
        bed.dir().join("b1.csv.gz"),
        gzip(&OF_B1.replace("0,0100", "0,0050")),
    )
    .unwrap();
    std::fs::write(bed.dir().join("pbx.csv"), PAID.replace("0.0450", "9")).unwrap();
    until("the decks are read again", || {
        bed.metrics()
            .sum("tandem_config_reloads_total")
            .unwrap_or_default()
            > before
    });
    alice.listen(ms(1_200));
    hang_up(&call, &leg);
    let (call, leg) = connect(&bed, &alice, &bob, LONDON);
    hang_up(&call, &leg);
    // A deck with a bad row changes nothing, and every bad row is told.
    std::fs::write(bed.dir().join("pbx.csv"), "prefix,rate\n44,x\n45,1\n4x,2\n").unwrap();
    let answer = bed.ask("POST", "/v1/reload");
    assert_eq!(answer.status, 422, "{}", answer.body);
    for fault in ["pbx.csv:line 2, rate: ", "pbx.csv:line 4, prefix: "] {
        assert!(answer.body.contains(fault), "{}", answer.body);
    }
    let (call, leg) = connect(&bed, &alice, &bob, LONDON);
    hang_up(&call, &leg);
    let records = bed.finish(3);
    assert_money(&records[0], B1_LONDON, PAID_LONDON);
    let cheaper = Tariff {
        minute: 5_400_000,
        ..B1_LONDON
    };
    let dearer = Tariff {
        minute: 9_000_000_000,
        ..PAID_LONDON
    };
    assert_money(&records[1], cheaper, dearer);
    assert_money(&records[2], cheaper, dearer);
}

#[test]
fn credit_that_is_used_up_ends_the_call_and_refuses_the_next() {
    // 0.6 a minute by the second, so a cent a second: two and a half seconds buy two whole ones.
    let mut bed = start(|_, setup| {
        setup
            .t1_ms(25)
            .key("pbx", "sell_rates = [{ prefix = \"44\", rate = 0.6 }]")
            .key("pbx", "credit = { amount = 0.025, alert = 0.01 }")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let begun = Instant::now();
    let (call, leg) = connect(&bed, &alice, &bob, LONDON);
    // The first second is paid, and by the time that it was asked for perhaps the next.
    assert!(account(&bed)["left"].as_f64().unwrap() <= 0.015);
    alice.set_patience(Duration::from_secs(5));
    bob.set_patience(Duration::from_secs(5));
    call.ok("BYE");
    let lasted = begun.elapsed();
    leg.ok("BYE");
    assert!(
        lasted > ms(1_800) && lasted < ms(3_000),
        "due after 2 s, ended after {lasted:?}"
    );
    let refused = alice.invite(LONDON, Some(&sdp::offer(bed.places.rtp_a)));
    refused.expect(402);
    refused.ack_failure();
    let records = bed.wait_records(2);
    let ended = records
        .iter()
        .find(|record| record.text("cause.kind") == "credit-exhausted")
        .unwrap();
    assert_eq!(billionths(ended, "price"), 20_000_000);
    assert!(
        records
            .iter()
            .any(|record| record.text("cause.kind") == "no-credit")
    );
    let left = |bed: &Bed| (account(bed)["left"].as_f64().unwrap() * 1e9).round() as i128;
    assert_eq!(left(&bed), 5_000_000);
    assert!(
        bed.get("/metrics")
            .body
            .contains("tandem_credit_low{customer=\"pbx\"} 1")
    );
    // A payment, twice by mistake; then the process dies.
    for _ in 0..2 {
        let output = tandem(
            &bed,
            &[
                "credit",
                "add",
                "pbx",
                "0.5",
                "--reference",
                "invoice-17",
                "--note",
                "thanks",
            ],
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let output = tandem(
        &bed,
        &["credit", "add", "pbx", "0.7", "--reference", "invoice-17"],
    );
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("a payment of 0.5 has this reference"));
    assert_eq!(left(&bed), 505_000_000);
    let (call, leg) = connect(&bed, &alice, &bob, LONDON);
    hang_up(&call, &leg);
    let _ = bed.wait_records(3);
    bed.crash_and_restart();
    assert_eq!(left(&bed), 495_000_000, "one more second is paid");
    let account = account(&bed);
    assert_eq!(account["payments"][0]["reference"], "invoice-17");
    assert_eq!(account["payments"].as_array().unwrap().len(), 1);
    // A call that is up when it dies is charged as far as is known: its first interval.
    let (_call, _leg) = connect(&bed, &alice, &bob, LONDON);
    bed.crash_and_restart();
    until("what was up has its record", || left(&bed) == 485_000_000);
    let records = bed.wait_records(4);
    let spent: i128 = records
        .iter()
        .filter(|record| record.has("price"))
        .map(|record| billionths(record, "price"))
        .sum();
    assert_eq!(spent, 40_000_000, "the balance is what the records say");
}

#[test]
fn calls_of_one_customer_share_its_credit() {
    let bed = start(|_, setup| {
        setup
            .t1_ms(25)
            .key("pbx", "sell_rates = [{ prefix = \"44\", rate = 0.6 }]")
            .key("pbx", "credit = { amount = 0.06 }")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    alice.set_patience(Duration::from_secs(5));
    bob.set_patience(Duration::from_secs(5));
    let begun = Instant::now();
    let calls: Vec<_> = (0..2).map(|_| connect(&bed, &alice, &bob, LONDON)).collect();
    for (call, leg) in &calls {
        call.ok("BYE");
        leg.ok("BYE");
    }
    // Six cents are six seconds, three for each.
    let lasted = begun.elapsed();
    assert!(lasted > ms(2_700) && lasted < ms(4_200), "{lasted:?}");
    let records = bed.finish(2);
    let spent: i128 = records.iter().map(|record| billionths(record, "price")).sum();
    assert!((50_000_000..=60_000_000).contains(&spent), "{spent}");
    assert!(
        records
            .iter()
            .all(|record| record.text("cause.kind") == "credit-exhausted")
    );
}
