//! Callers who give up (RFC 3261 §9).

use std::time::Duration;

use switch::record::HungUpBy;
use testkit::bed::{self, A, B1, Bed};
use testkit::ua::{Called, Calling, Say, Stage, Ua};
use testkit::{Lookup, World, snapshot};

#[test]
fn caller_gives_up_while_it_rings() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.wait(3000);
    bed.send(
        A,
        &a.cancel()
            .with("Reason", "SIP;cause=200;text=\"Call completed elsewhere\""),
    );
    bed.expect_within(A, "200 CANCEL", 10);
    let refusal = bed.expect_within(A, "487 INVITE", 10);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.serve(B1, &b, "CANCEL", 200);
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.cause.sip, record.talk_ms),
        ("cancelled", 487, 0)
    );
    assert_eq!(record.hung_up_by, HungUpBy::Caller);
    assert_eq!(record.attempts[0].outcome, "cancelled");
}

/// TX-03.
#[test]
fn cancel_crosses_the_answer_and_the_called_side_is_hung_up() {
    for verdict in [200, 481] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 180, None));
        bed.expect(A, "180 INVITE");
        bed.wait(1000);
        bed.send(A, &a.cancel());
        bed.expect_within(A, "200 CANCEL", 500);
        let refusal = bed.expect_within(A, "487 INVITE", 500);
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        let cancel = bed.expect(B1, "CANCEL");
        bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
        bed.send(B1, &b.reply(&cancel, verdict, None));
        let ack = bed.expect_within(B1, "ACK", 1000);
        let bye = bed.expect_within(B1, "BYE", 1000);
        assert_eq!((ack.to_tag(), bye.to_tag()), (Some(b.tag()), Some(b.tag())));
        bed.send(B1, &b.reply(&bye, 200, None));
        let record = bed.settle_one();
        assert_eq!(
            (record.cause.kind.as_str(), record.talk_ms, record.answered_ms),
            ("cancelled", 0, None)
        );
    }
}

#[test]
fn a_called_side_that_answers_late_and_challenges_the_bye_is_hung_up_all_the_same() {
    let auth = "auth = { username = \"tandem\", password = \"secret\" }";
    let mut bed = Bed::changed(&[("name = \"b1\"", auth)]);
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.send(B1, &b.reply(&cancel, 200, None));
    bed.expect(B1, "ACK");
    let bye = bed.expect(B1, "BYE");
    let challenge = "Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";
    bed.send(
        B1,
        &b.reply(&bye, 407, None).with("Proxy-Authenticate", challenge),
    );
    let bye = bed.serve(B1, &b, "BYE", 200);
    let credentials = bye.need("Proxy-Authorization");
    assert!(
        testkit::is_answered(credentials, "BYE", "tandem", "secret"),
        "{credentials}"
    );
    bed.settle_one();
}

/// TX-04 a.
#[test]
fn five_hundred_early_cancels_make_no_ghost_call() {
    let mut world = World::new(testkit::seed(4), snapshot(bed::CONFIG));
    let rng = world.rng.fork();
    world
        .uas
        .push(Ua::new(bed::addr(A), rng.clone(), |_, _| Called::new(Vec::new())));
    let ringing = |_: &mut _, _: &_| Called::new(vec![(Duration::from_millis(100), Say::Status(180))]);
    world.uas.push(Ua::new(bed::addr(B1), rng, ringing));
    for number in 0..500_u64 {
        let gap = if number % 2 == 0 {
            world.rng.ms(0, 5)
        } else {
            world.rng.ms(0, 50)
        };
        world.plan(Duration::from_millis(number * 20), move |world| {
            let mut calling = Calling::new("+4420");
            calling.gives_up = Some(gap);
            world.with_ua(0, |ua, cx| ua.call(cx, calling));
        });
    }
    world.run(Duration::from_secs(60));
    let mut faults = world.faults();
    faults.extend(
        world
            .uas
            .iter()
            .flat_map(|ua| ua.ghosts().into_iter().map(|(_, ghost)| ghost)),
    );
    assert!(faults.is_empty(), "seed {}: {}", world.seed, faults.join("\n"));
    assert_eq!(world.store.finals.len(), 500);
    assert!(world.store.finals.iter().all(|record| record.cause.sip == 487));
    assert!(world.uas[0].legs.values().all(|leg| leg.status == 487));
    for leg in world.uas[1].legs.values() {
        let lived = leg.ended.unwrap_or(leg.began + Duration::from_secs(9)) - leg.began;
        assert!(
            leg.stage == Stage::Over && lived < Duration::from_secs(2),
            "{lived:?}"
        );
    }
}

/// TX-04 b.
#[test]
fn cancel_is_held_back_until_something_came_back() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(A, &a.cancel());
    bed.expect_within(A, "200 CANCEL", 500);
    let refusal = bed.expect_within(A, "487 INVITE", 500);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(2000);
    assert!(
        bed.drain(B1).iter().all(|(_, sip)| *sip == at_b),
        "{}",
        bed.story()
    );
    bed.send(B1, &b.reply(&at_b, 100, None));
    let cancel = bed.expect_within(B1, "CANCEL", 10);
    assert_eq!(cancel.branch(), at_b.branch());
    assert_eq!((cancel.uri(), cancel.cseq().0), (at_b.uri(), at_b.cseq().0));
    bed.send(B1, &b.reply(&cancel, 200, None));
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    bed.settle_one();
}

/// TX-04 c.
#[test]
fn a_call_given_up_while_a_name_is_looked_up_is_never_dialled() {
    let toml = bed::CONFIG.replace("sip:127.0.0.20:5080", "sip:slow.test:5080");
    let mut bed = Bed::with(&toml);
    let address = bed::addr(B1).ip();
    bed.world.dns.names.insert(
        "slow.test".into(),
        Lookup::After(Duration::from_secs(1), vec![address]),
    );
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    bed.wait(200);
    bed.send(A, &a.cancel());
    bed.wait(5);
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect_within(A, "487 INVITE", 500);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 5000);
    assert_eq!(bed.world.dns.asked, ["slow.test"]);
    bed.settle_one();
}

#[test]
fn caller_gives_up_by_bye_on_the_early_dialog() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    a.learn(&ringing);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.serve(B1, &b, "CANCEL", 200);
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    assert_eq!(bed.settle_one().cause.kind, "cancelled");
}

#[test]
fn an_answer_that_crosses_the_callers_bye_goes_on_until_it_is_heard() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    a.learn(&ringing);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    // The answer has been lost; the caller hangs up on the early dialog.
    bed.wait(1);
    bed.drain(A);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    bed.serve(B1, &b, "BYE", 200);
    let ok = bed.expect_within(A, "200 INVITE", 600);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.quiet(A, 10_000);
    bed.settle_one();
}

/// RFC 3326: why the caller gave up is told on, by its code alone.
#[test]
fn a_cancel_carries_the_callers_cause() {
    for (given, told) in [
        (
            Some("Q.850;cause=31;text=\"secret-host\""),
            Some("Q.850;cause=31"),
        ),
        (
            Some("SIP;cause=600;text=\"secret-host\", Q.850 ;cause=16"),
            Some("SIP;cause=600, Q.850;cause=16"),
        ),
        (
            Some("SIP;cause=200"),
            Some("SIP;cause=200;text=\"Call completed elsewhere\""),
        ),
        (None, None),
    ] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 180, None));
        bed.expect(A, "180 INVITE");
        let mut cancel = a.cancel();
        if let Some(reason) = given {
            cancel = cancel.with("Reason", reason);
        }
        bed.send(A, &cancel);
        bed.expect(A, "200 CANCEL");
        let refusal = bed.expect(A, "487 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        let cancel = bed.serve(B1, &b, "CANCEL", 200);
        assert_eq!(cancel.get("Reason"), told);
        bed.send(B1, &b.reply(&at_b, 487, None));
        bed.expect(B1, "ACK");
        bed.settle_one();
    }
}
