//! SIGTERM: no new calls, those that are up go on until the drain's time is over, then goodbye in good order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::HeaderId;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{NUMBER, bed, check, header, is, is_answer, ms, options_within_50_ms, quick, text};
use testbed::bulk::{self, Held};
use testbed::{Bed, Call, SipPeer, proc, sdp};

/// Waits until the daemon has ended by itself; when that was.
fn wait_end(bed: &Bed, patience: Duration) -> Instant {
    let deadline = Instant::now() + patience;
    // A process that has ended and wasn't waited for has no threads left.
    while std::fs::read_dir(format!("/proc/{}/task", bed.pid())).is_ok_and(|tasks| {
        let running = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            !stat.contains(") Z ") && !stat.is_empty()
        };
        tasks.flatten().any(running)
    }) {
        assert!(
            Instant::now() < deadline,
            "the daemon does not end:\n{}",
            bed.log()
        );
        std::thread::sleep(ms(5));
    }
    Instant::now()
}

fn refused(alice: &SipPeer, bed: &Bed) {
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let refusal = call.expect(503);
    assert!(
        !header(&refusal, HeaderId::RetryAfter).is_empty(),
        "{}",
        text(refusal.raw())
    );
    call.ack_failure();
}

fn ok_bye(call: &Call<'_>) {
    let bye = call.ok("BYE");
    assert!(
        header(&bye, HeaderId::Reason).starts_with("Q.850;cause="),
        "{}",
        text(bye.raw())
    );
}

/// OP-06. Five calls are up and one rings. After SIGTERM: not ready, OPTIONS and new calls 503, hold and BYE as ever, the one that
/// rings is answered; at the end of the drain who is left is hung up on both sides, and every call has its record.
#[test]
fn op_06_drain_ends_what_is_left_at_its_deadline() {
    let bed = quick(|setup| setup.sip("drain = \"2s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 5);
    let mut calls: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    let ringing = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    ringing.expect(180);
    assert_eq!(bed.get("/readyz").status, 200);
    proc::terminate(bed.pid());
    let start = Instant::now();
    while bed.get("/readyz").status != 503 {
        assert!(start.elapsed() < ms(1000), "still ready");
    }
    assert_eq!(options_within_50_ms(&alice), 503);
    refused(&alice, &bed);
    let hold = &calls[0];
    hold.call.reinvite(Some(&sdp::session(ends[0].0, 1, "sendonly")));
    hold.leg.expect_request("INVITE");
    hold.leg.answer(&sdp::session(ends[0].1, 1, "recvonly"));
    hold.call.expect(200);
    hold.call.ack();
    hold.leg.expect_request("ACK");
    for held in calls.drain(..2) {
        held.hang_up();
    }
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    ringing.expect(200);
    ringing.ack();
    leg.expect_request("ACK");
    alice.expect_silence(ms(1000));
    for held in &calls {
        ok_bye(&held.call);
        ok_bye(&held.leg);
    }
    ok_bye(&ringing);
    ok_bye(&leg);
    let took = wait_end(&bed, Duration::from_secs(5)) - start;
    assert!(took > ms(1900) && took < ms(4000), "{took:?}");
    let records = bed.wait_records(7);
    let ended = |kind: &str| {
        records
            .iter()
            .filter(|record| record.text("cause.kind") == kind)
            .count()
    };
    assert_eq!((ended("normal"), ended("shutdown"), ended("draining")), (2, 4, 1));
}

/// Peers that answer no BYE keep the process up for two seconds after the deadline and no longer; every record is there.
#[test]
fn op_06_peers_that_are_deaf_to_bye_do_not_hold_the_end_up() {
    let bed = bed(|setup| setup.t1_ms(500).sip("drain = \"1s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 3);
    let calls: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    let given_up = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    given_up.expect(180);
    proc::terminate(bed.pid());
    let start = Instant::now();
    // The one call that hears is asked in good time; the others are asked three times.
    ok_bye(&calls[0].call);
    ok_bye(&calls[0].leg);
    given_up.expect(503);
    given_up.ack_failure();
    let took = wait_end(&bed, Duration::from_secs(8)) - start;
    assert!(took > ms(2900) && took < ms(5000), "{took:?}");
    bob.listen(ms(1));
    assert_eq!(bob.repeats(is("BYE")), 2 * 2);
    let records = bed.wait_records(4);
    assert!(
        records
            .iter()
            .all(|record| record.text("cause.kind") == "shutdown"),
        "{records:#?}"
    );
}

/// The drain is over as soon as the last call is.
#[test]
fn op_06_drain_ends_with_the_last_call() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    proc::terminate(bed.pid());
    alice.expect_silence(ms(300));
    held.hang_up();
    let end = Instant::now();
    assert!(wait_end(&bed, Duration::from_secs(5)) - end < ms(1500));
    check(&bed.wait_records(1)[0], "normal", 200, "caller", 1);
}

/// Who can't wait says so twice; the calls are hung up all the same.
#[test]
fn op_06_second_signal_ends_the_drain() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    proc::terminate(bed.pid());
    alice.expect_silence(ms(300));
    proc::terminate(bed.pid());
    ok_bye(&held.call);
    ok_bye(&held.leg);
    let end = Instant::now();
    assert!(wait_end(&bed, Duration::from_secs(5)) - end < ms(1500));
    check(&bed.wait_records(1)[0], "shutdown", 200, "switch", 1);
}

/// `tandem drain` takes a node out of service without ending it.
#[test]
fn op_06_operators_drain_takes_no_new_calls() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    assert!(
        command
            .arg("drain")
            .arg("--config")
            .arg(bed.config())
            .status()
            .unwrap()
            .success()
    );
    alice.listen(ms(50));
    assert_eq!(
        (bed.get("/readyz").status, options_within_50_ms(&alice)),
        (503, 503)
    );
    refused(&alice, &bed);
    held.hang_up();
    alice.wait_for("nothing", ms(1), is_answer(0, "BYE"));
    let records = bed.finish(2);
    check(&records[1], "draining", 503, "switch", 0);
}
