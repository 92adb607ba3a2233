//! Every way in which an answered call ends, and its record.

use std::time::Duration;

use switch::record::HungUpBy;
use testkit::bed::{self, A, B1, B2, Bed};
use testkit::{Media, MediaMode};

#[test]
fn called_side_hangs_up() {
    let mut bed = Bed::new();
    let (a, mut b) = bed.connect();
    bed.wait(5000);
    let bye = b
        .request("BYE")
        .with("Reason", "Q.850;cause=16;text=\"bye from 127.0.0.20\"");
    bed.send(B1, &bye);
    bed.expect_within(B1, "200 BYE", 200);
    let at_a = bed.serve(A, &a, "BYE", 200);
    assert_eq!(at_a.need("Reason"), "Q.850;cause=16");
    let record = bed.settle_one();
    assert_eq!(
        (record.hung_up_by, record.cause.q850),
        (HungUpBy::Called, Some(16))
    );
    assert!((5000..5200).contains(&record.talk_ms), "{}", record.talk_ms);
}

#[test]
fn both_hang_up_at_once() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let (from_a, from_b) = (a.request("BYE"), b.request("BYE"));
    bed.send(A, &from_a);
    bed.send(B1, &from_b);
    // A's came first: it has hung up, and so it gets no BYE of ours.
    bed.expect(A, "200 BYE");
    let mut titles = Vec::new();
    for _ in 0..2 {
        let (_, sip) = bed.next(B1);
        if sip.is_request() {
            bed.send(B1, &b.reply(&sip, 200, None));
        }
        titles.push(sip.title());
    }
    titles.sort();
    assert_eq!(titles, ["200 BYE", "BYE"], "{}", bed.story());
    bed.quiet(A, 1000);
    bed.settle_one();
}

#[test]
fn the_longest_call_ends() {
    let mut bed = Bed::changed(&[("[sip]", "max_call_duration = \"60s\"")]);
    let (a, b) = bed.connect();
    bed.wait(59_500);
    let bye = bed.serve(A, &a, "BYE", 200);
    assert!(bye.need("Reason").contains("max-duration"));
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.hung_up_by),
        ("max-duration", HungUpBy::Switch)
    );
    assert!(record.talk_ms.abs_diff(60_000) < 10, "{}", record.talk_ms);
}

/// SM-13 d.
#[test]
fn a_call_without_media_ends() {
    let mut bed = Bed::changed(&[("[media]", "rtp_timeout = \"5s\"")]);
    let (a, b) = bed.connect();
    bed.world.goes_quiet(bed::addr("127.0.0.20:30000"));
    bed.wait(4900);
    assert!(!bed.world.has(bed::addr(A)));
    bed.serve(A, &a, "BYE", 200);
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "rtp-timeout");
    assert!((4900..7000).contains(&record.talk_ms));
}

/// SM-13 a.
#[test]
fn a_held_call_may_be_silent() {
    let mut bed = Bed::changed(&[("[media]", "rtp_timeout = \"5s\"")]);
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &Bed::answer_of(B1, &b, &got));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.world.goes_quiet(bed::addr("127.0.0.20:30000"));
    bed.quiet(A, 15_000);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

#[test]
fn an_operator_sees_how_far_a_call_has_come() {
    let mut bed = Bed::new();
    let state = |bed: &Bed| bed.world.switch().calls(bed.world.moment())[0].state;
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 100, None));
    bed.wait(100);
    assert_eq!(state(&bed), "dialing");
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    assert_eq!(state(&bed), "ringing");
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    assert_eq!(state(&bed), "answered");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_operator_sees_that_the_second_carrier_does_not_ring_yet() {
    let mut bed = Bed::new();
    let (_, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    bed.expect(B2, "INVITE");
    assert_eq!(bed.world.switch().calls(bed.world.moment())[0].state, "dialing");
}

#[test]
fn an_operator_hangs_up() {
    let mut bed = Bed::new();
    let (a, b) = bed.connect();
    let id = bed.world.switch().calls(bed.world.moment())[0].id.clone();
    assert_eq!(bed.world.hangup("nobody"), switch::EndOutcome::Unknown);
    assert_eq!(bed.world.hangup(&id), switch::EndOutcome::Ending);
    bed.serve(A, &a, "BYE", 200);
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!((record.hung_up_by, record.id), (HungUpBy::Operator, id));
}

#[test]
fn an_operator_ends_a_call_that_rings() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let id = bed.world.switch().calls(bed.world.moment())[0].id.clone();
    bed.world.hangup(&id);
    let refusal = bed.expect(A, "480 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.serve(B1, &b, "CANCEL", 200);
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    bed.settle_one();
}

#[test]
fn a_peer_that_is_gone_keeps_nothing_busy() {
    let mut bed = Bed::new();
    let (mut a, _) = bed.connect();
    bed.world.net.unreachable.insert(bed::addr(B1));
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect_within(A, "200 BYE", 200);
    assert_eq!(
        bed.world.switch().gauges().ports + bed.world.switch().gauges().permits,
        0
    );
    bed.settle_one();
}

#[test]
fn a_side_that_denies_the_dialog_ends_the_call() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 481, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "408 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.serve(A, &a, "BYE", 200);
    bed.serve(B1, &b, "BYE", 481);
    assert_eq!(bed.settle_one().cause.kind, "dialog-lost");
}

#[test]
fn ports_that_cannot_be_had_end_the_call() {
    let mut bed = Bed::new();
    bed.world.media.mode = MediaMode::Fails(Duration::from_millis(1));
    let (mut a, b, at_b) = bed.dial();
    let refusal = bed.expect(A, "503 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.serve(B1, &b, "CANCEL", 200);
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    assert_eq!(bed.settle_one().cause.kind, "media-failed");
}

/// CD-01: durations are those of the script though the wall clock is stepped, and the figures are the media plane's.
#[test]
fn the_record_is_right_though_the_clock_is_stepped() {
    for step in [-3_600_000, 3_600_000] {
        let mut bed = Bed::new();
        let (mut a, b) = bed.connect();
        bed.wait(20_000);
        bed.world.wall_step_ms = step;
        bed.wait(10_000);
        bed.hang_up(&mut a, &b);
        let id = match bed.world.media.log.last() {
            Some((_, command)) => command.id(),
            None => panic!("no media"),
        };
        let figures = Media::figures(id);
        let record = bed.settle_one();
        assert!(record.talk_ms.abs_diff(30_000) < 100, "{}", record.talk_ms);
        let (answered, ended) = (record.answered_ms.unwrap(), record.ended_ms.unwrap());
        assert_eq!(ended - answered, record.talk_ms);
        assert!(answered >= record.started_ms && answered - record.started_ms < 100);
        assert_eq!(record.caller_media.packets, figures.legs[0].packets);
        assert_eq!(record.called_media.packets, figures.legs[1].packets);
        assert_eq!(record.attempts.len(), 1);
        assert_eq!(record.attempts[0].outcome, "answered");
        assert!(!record.decision.is_empty());
    }
}

#[test]
fn a_long_call_is_accounted_for_in_between() {
    let mut bed = Bed::changed(&[("[records]", "interim_interval = \"60s\"")]);
    let (mut a, b) = bed.connect();
    bed.wait(150_000);
    bed.hang_up(&mut a, &b);
    let talked: Vec<u64> = bed
        .world
        .store
        .interims
        .iter()
        .map(|record| record.talk_ms / 1000)
        .collect();
    assert_eq!(talked, [60, 120]);
    bed.settle_one();
}
