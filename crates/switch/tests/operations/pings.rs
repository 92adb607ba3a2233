//! OPTIONS, theirs and ours.

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed, X};
use testkit::{Party, Sip};

const PINGS: (&str, &str) = ("name = \"b1\"", "options_interval = \"10s\"");

/// The next new ping at B1.
fn ping(bed: &mut Bed, seen: &mut Vec<String>) -> Sip {
    loop {
        let options = bed.expect(B1, "OPTIONS");
        if !seen.iter().any(|id| id == options.call_id()) {
            seen.push(options.call_id().to_owned());
            return options;
        }
    }
}

fn answer(bed: &mut Bed, ping: &Sip, status: u16) {
    let b = bed.callee(B1, ping);
    bed.send(B1, &b.reply(ping, status, None));
}

/// Whether each target of a trunk is held to be up.
fn up(bed: &Bed, trunk: &str) -> Vec<bool> {
    let targets = bed.world.switch().targets(bed.world.moment(), trunk);
    targets.iter().map(|target| target.up).collect()
}

#[test]
fn options_are_answered_with_what_we_take() {
    let mut bed = Bed::new();
    for from in [A, X] {
        let rng = bed.world.rng.fork();
        let switch = bed.world.switch_addr();
        let mut party = Party::caller(testkit::bed::addr(from), switch, "ping", "+1", rng);
        let options = party.request("OPTIONS");
        bed.send(from, &options);
        let ok = bed.expect(from, "200 OPTIONS");
        assert!(ok.need("Allow").contains("INVITE"));
        assert!(ok.to_tag().is_some(), "RFC 3261 §8.2.6.2");
        assert_eq!(ok.need("Accept"), "application/sdp");
    }
    bed.settle();
}

/// LC-04: any answer is alive; three misses in a row are down; one answer is up again.
#[test]
fn any_answer_is_alive_and_three_misses_are_not() {
    let mut bed = Bed::changed(&[PINGS]);
    let mut seen = Vec::new();
    for status in [200, 404, 405, 403, 401, 483] {
        let options = ping(&mut bed, &mut seen);
        answer(&mut bed, &options, status);
        bed.wait(100);
        assert_eq!(up(&bed, "b1"), [true], "{status}");
    }
    // Two of three are lost.
    for _ in 0..3 {
        for _ in 0..2 {
            ping(&mut bed, &mut seen);
            bed.wait(9000);
            bed.drain(B1);
        }
        let options = ping(&mut bed, &mut seen);
        answer(&mut bed, &options, 200);
        bed.wait(100);
        assert_eq!(up(&bed, "b1"), [true]);
    }
    bed.world.net.unreachable.insert(testkit::bed::addr(B1));
    bed.wait(60_000);
    assert_eq!(up(&bed, "b1"), [false]);
    // Its calls go to the next first.
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let at_b2 = bed.expect_within(B2, "INVITE", 100);
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.drain(B1);
    bed.world.net.unreachable.clear();
    let options = ping(&mut bed, &mut seen);
    answer(&mut bed, &options, 200);
    bed.wait(1000);
    assert_eq!(up(&bed, "b1"), [true]);
}

#[test]
fn with_every_target_down_a_call_is_tried_all_the_same() {
    let mut bed = Bed::changed(&[PINGS, ("name = \"b2\"", "options_interval = \"10s\"")]);
    bed.wait(100_000);
    assert_eq!((up(&bed, "b1"), up(&bed, "b2")), (vec![false], vec![false]));
    bed.drain(B1);
    bed.drain(B2);
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let invited = |bed: &mut Bed| {
        bed.drain(B1)
            .into_iter()
            .find(|(_, sip)| sip.method() == "INVITE")
    };
    bed.wait(100);
    let (_, at_b) = invited(&mut bed).expect("an INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.wait(100);
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(up(&bed, "b1"), [true], "an answer to a call counts");
}

#[test]
fn pings_survive_reloads_and_stop_with_their_key() {
    let with = testkit::bed::config(&[PINGS]);
    let mut bed = Bed::with(&with);
    for _ in 0..20 {
        bed.wait(3000);
        bed.reload(&with);
    }
    bed.world.run(Duration::from_secs(1));
    let pings = bed.drain(B1).len();
    assert!((1..=300).contains(&pings), "{pings}");
    bed.reload(testkit::bed::CONFIG);
    bed.wait(40_000);
    bed.drain(B1);
    bed.quiet(B1, 60_000);
    bed.settle();
}
