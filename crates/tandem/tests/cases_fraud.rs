//! Stolen calls, through the daemon: an attack is cut within ten seconds, and who is busy beside it loses nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sip_msg::HeaderId;
use support::{header, ms, quick, text, until};
use testbed::{Bed, Call, Setup, SipPeer, sdp};

/// What the carriers ask: the first sells the dear country only, the second all that is not dear.
const DECKS: [(&str, &str); 2] = [
    ("b1", "prefix,rate\n381,0.45\n"),
    ("b2", "prefix,rate\n44,0.008\n49,0.01\n"),
];

/// `pbx` and `centre` are customers; nobody is learned first.
fn priced(extra: &str) -> Bed {
    Bed::start_with(env!("CARGO_BIN_EXE_tandem"), |dir, base| {
        let mut setup: Setup = base
            .t1_ms(25)
            .trunk("centre", &["role = \"customer\"", "sources = [\"{x}\"]"])
            .extra(&format!("[fraud]\nlearning = \"off\"\n{extra}"));
        std::fs::create_dir_all(dir.join("decks")).unwrap();
        for (name, rows) in DECKS {
            std::fs::write(dir.join(format!("decks/{name}.csv")), rows).unwrap();
            setup = setup.key(name, &format!("deck = \"decks/{name}.csv\""));
        }
        setup
    })
}

/// A number in Serbia, never beside another one.
fn serbia(n: usize) -> String {
    format!("+38161{:06}", n * 7_919 % 1_000_000)
}

/// A call that is answered, and both its ends.
fn connect<'p>(
    from: &'p SipPeer,
    to: &'p SipPeer,
    number: &str,
    rtp: [SocketAddr; 2],
) -> (Call<'p>, Call<'p>) {
    let call = from.invite(number, Some(&sdp::offer(rtp[0])));
    let leg = to.incoming();
    leg.answer(&sdp::offer(rtp[1]));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    (call, leg)
}

fn hang_up((call, leg): &(Call<'_>, Call<'_>)) {
    call.bye();
    leg.ok("BYE");
    call.expect(200);
}

/// A call centre until the attack is over: some calls that last, and as many short ones as there is time for. How many calls it had.
fn busy(bed: &Bed, over: &AtomicBool) -> usize {
    let (centre, carol) = (bed.peer("centre", bed.places.x), bed.peer_b2());
    let at = |n: usize| {
        let port = |base: SocketAddr| SocketAddr::new(base.ip(), base.port() + 2 * (n % 200) as u16);
        [port(bed.places.rtp_x), port(bed.places.rtp_b2)]
    };
    let number = |n: usize| format!("+4420{:08}", n * 791_939 % 100_000_000);
    let held: Vec<_> = (0..20)
        .map(|n| connect(&centre, &carol, &number(n), at(n)))
        .collect();
    let mut calls = held.len();
    while !over.load(Ordering::Relaxed) {
        let short = connect(&centre, &carol, &number(calls), at(calls));
        calls += 1;
        hang_up(&short);
        thread::sleep(ms(150));
    }
    // All of them are still up, and are hung up by the caller.
    held.iter().for_each(hang_up);
    calls
}

/// What the attack has come to.
struct Attack {
    begun: Instant,
    /// When the last call was cut.
    cut: Instant,
    answered: usize,
    refused: usize,
}

/// Somebody who has the PBX's password: a call each 400 ms to numbers that pay, held for as long as they are let.
fn attack(bed: &Bed, calls: usize) -> Attack {
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let begun = Instant::now();
    let mut held = Vec::new();
    let mut cut = None;
    let mut refused = 0;
    for n in 0..calls {
        let rtp = |base: SocketAddr| SocketAddr::new(base.ip(), base.port() + 2 * n as u16);
        let call = alice.invite(&serbia(n), Some(&sdp::offer(rtp(bed.places.rtp_a))));
        if n < 9 {
            let leg = bob.incoming();
            leg.answer(&sdp::offer(rtp(bed.places.rtp_b1)));
            call.expect(200);
            call.ack();
            leg.expect_request("ACK");
            held.push((call, leg));
        } else {
            let answer = call.expect(403);
            assert!(
                header(&answer, HeaderId::Reason).starts_with("Q.850;cause=21"),
                "{answer:?}"
            );
            call.ack_failure();
            refused += 1;
        }
        if n == 9 {
            for side in held.iter().flat_map(|(call, leg)| [call, leg]) {
                side.ok("BYE");
            }
            cut = Some(Instant::now());
        }
        thread::sleep(ms(400));
    }
    Attack {
        begun,
        cut: cut.expect("it went on until it was cut"),
        answered: held.len(),
        refused,
    }
}

fn tandem(bed: &Bed, args: &[&str]) -> (bool, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(args)
        .arg("--config")
        .arg(bed.config())
        .output()
        .unwrap();
    (out.status.success(), text(&out.stdout), text(&out.stderr))
}

/// The tenth dear call within ten minutes is refused and the nine before it are hung up on both sides, which takes no ten seconds from
/// the first one on. Meanwhile another customer has no call refused and none ended.
#[test]
fn an_attack_is_cut_within_ten_seconds_and_a_busy_customer_loses_nothing() {
    let bed = priced("[fraud.irsf]\naction = \"cut\"\n");
    let over = AtomicBool::new(false);
    let (attack, calls) = thread::scope(|scope| {
        let centre = scope.spawn(|| busy(&bed, &over));
        thread::sleep(ms(500));
        let attack = attack(&bed, 14);
        over.store(true, Ordering::Relaxed);
        (attack, centre.join().unwrap())
    });
    assert!(
        attack.cut - attack.begun < Duration::from_secs(10),
        "{:?}",
        attack.cut - attack.begun
    );
    assert_eq!((attack.answered, attack.refused), (9, 5));
    assert!(calls >= 30, "{calls}");
    let log = bed.log();
    assert_eq!(log.matches("fraud: irsf: pbx to +381").count(), 1, "{log}");
    let metrics = bed.metrics();
    let done = |word: &str| metrics.sum_where("tandem_fraud_calls_total", &format!("done=\"{word}\""));
    assert_eq!((done("cut"), done("blocked")), (Some(9.0), Some(5.0)));
    assert_eq!(metrics.sum("tandem_fraud_blocks"), Some(1.0));

    let (_, listed, _) = tandem(&bed, &["fraud"]);
    assert!(
        listed.contains("+381") && listed.contains("irsf") && listed.contains("block"),
        "{listed}"
    );
    let (_, listed, _) = tandem(&bed, &["fraud", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&listed).unwrap();
    // A busy customer that nobody knew before may be told of, and is let alone.
    let events = view["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["customer"] == "pbx").unwrap();
    assert_eq!(
        (&event["customer"], &event["place"], &event["done"], &event["cut"]),
        (&"pbx".into(), &"+381".into(), &"cut".into(), &9.into()),
        "{view}"
    );
    assert_eq!(event["numbers"][0], serbia(9));

    // What it calls elsewhere goes on; and what was blocked, once an operator says so.
    let (alice, carol) = (bed.peer_a(), bed.peer_b2());
    hang_up(&connect(
        &alice,
        &carol,
        "+4930123456",
        [bed.places.rtp_a, bed.places.rtp_b2],
    ));
    let (done, _, why) = tandem(&bed, &["fraud", "lift", "pbx", "+44"]);
    assert!(!done && why.contains("+44"), "{why}");
    assert!(tandem(&bed, &["fraud", "lift", "pbx", "+381"]).0);
    let bob = bed.peer_b1();
    hang_up(&connect(
        &alice,
        &bob,
        &serbia(99),
        [bed.places.rtp_a, bed.places.rtp_b1],
    ));
    assert_eq!(bed.ask("DELETE", "/v1/fraud/blocks/1").status, 404);
    assert_eq!(bed.ask("DELETE", "/v1/fraud/blocks/x").status, 400);

    let records = bed.finish(calls + 14 + 2);
    let of = |trunk: &str, kind: &str| {
        let fits = |record: &&testbed::Record| {
            record.text("from_trunk") == trunk && record.text("cause.kind") == kind
        };
        records.iter().filter(fits).count()
    };
    assert_eq!(of("centre", "normal"), calls);
    assert_eq!(
        (
            of("pbx", "fraud-cut"),
            of("pbx", "fraud-blocked"),
            of("pbx", "normal")
        ),
        (9, 5, 2)
    );
    let said = format!("{records:?}");
    assert!(
        said.contains("pbx: +381 blocked for fraud (irsf, block 1)"),
        "{said}"
    );
    assert!(said.contains("ended for fraud (irsf)"), "{said}");
}

/// A ceiling on money ends calls while they are up: two lines at 27 an hour each use up 0.05 in about three seconds.
#[test]
fn a_ceiling_is_reached_by_calls_that_go_on() {
    let bed = priced("[[fraud.ceiling]]\nspend_per_hour = 0.05\naction = \"cut\"\n");
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let rtp = |n: u16| {
        let port = |base: SocketAddr| SocketAddr::new(base.ip(), base.port() + 2 * n);
        [port(bed.places.rtp_a), port(bed.places.rtp_b1)]
    };
    let begun = Instant::now();
    let held: Vec<_> = (0..2)
        .map(|n| connect(&alice, &bob, &serbia(n), rtp(n as u16)))
        .collect();
    for (call, leg) in &held {
        call.ok("BYE");
        leg.ok("BYE");
    }
    let lasted = begun.elapsed();
    assert!(
        (ms(1_500)..Duration::from_secs(8)).contains(&lasted),
        "{lasted:?}"
    );
    let call = alice.invite(&serbia(9), Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(403);
    call.ack_failure();
    until("the event", || {
        bed.log().contains("fraud: ceiling: pbx to everywhere")
    });
    let records = bed.finish(3);
    assert_eq!(records[0].text("cause.kind"), "fraud-cut");
    assert_eq!(records[2].text("cause.kind"), "fraud-ceiling");
    let remark = format!("{:?}", records[2]);
    assert!(
        remark.contains("pbx: ceiling of 0.05 money in an hour to everywhere"),
        "{remark}"
    );
}

/// A limit on a destination is over all trunks, and is free again when its call is over.
#[test]
fn a_destination_has_its_limit() {
    let limit = "[[limit]]\nmatch = \"+44*\"\nmax_calls = 1\n";
    let bed = quick(|setup| {
        setup
            .trunk("other", &["role = \"customer\"", "sources = [\"{x}\"]"])
            .extra(limit)
    });
    let (alice, bob, other) = (bed.peer_a(), bed.peer_b1(), bed.peer("other", bed.places.x));
    let held = connect(
        &alice,
        &bob,
        "+442079460000",
        [bed.places.rtp_a, bed.places.rtp_b1],
    );
    assert_eq!(
        bed.metrics().sum_where("tandem_limit_calls", "match=\"+44*\""),
        Some(1.0)
    );
    let call = other.invite("+441610000000", Some(&sdp::offer(bed.places.rtp_x)));
    let answer = call.expect(503);
    assert_eq!(header(&answer, HeaderId::RetryAfter), "5");
    call.ack_failure();
    hang_up(&connect(
        &other,
        &bob,
        "+4930123456",
        [bed.places.rtp_x, bed.places.rtp_b1],
    ));
    hang_up(&held);
    hang_up(&connect(
        &other,
        &bob,
        "+441610000000",
        [bed.places.rtp_x, bed.places.rtp_b1],
    ));
    let records = bed.finish(4);
    let full = |record: &testbed::Record| record.text("cause.kind") == "destination-full";
    assert_eq!(records.iter().filter(|record| full(record)).count(), 1);
}
