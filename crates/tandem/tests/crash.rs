//! `kill -9` and what the next process makes of it: calls that were up are hung up on both sides, no record that anybody was
//! told of is missing, none is there twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::{HeaderId, Message};
use std::collections::HashSet;
use support::{MOMENT, NUMBER, check, header, invite_of, is, ms, quick, text};
use testbed::bulk::{self, Held};
use testbed::sip::Incoming;
use testbed::{Call, Record, SipPeer, sdp};

/// Waits for the BYE of a dialog, whoever sends it, and answers it.
fn hung_up(peer: &SipPeer, call: &Call<'_>) -> Message {
    let id = call.call_id();
    let ours = |incoming: &Incoming| is("BYE")(incoming) && incoming.message.call_id() == id.as_bytes();
    let bye = peer.wait("BYE", ours).message;
    call.reply_to(&bye, 200, &[], None);
    bye
}

fn finals<'r>(records: &'r [Record], kind: &str) -> Vec<&'r Record> {
    records
        .iter()
        .filter(|record| record.text("cause.kind") == kind)
        .collect()
}

/// OP-09. The process dies with a call that rings, one that is up, one that holds and one whose re-INVITE is under way. The next
/// one sends a BYE on both legs of those that were answered, with a CSeq that the peers have not seen, and writes one record each.
#[test]
fn op_09_calls_of_a_dead_process_end_cleanly() {
    let mut bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 3);
    let up: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    let held = &up[1];
    held.call.reinvite(Some(&sdp::session(ends[1].0, 1, "sendonly")));
    let on_hold = held.leg.expect_request("INVITE");
    held.leg.answer(&sdp::session(ends[1].1, 1, "recvonly"));
    held.call.expect(200);
    held.call.ack();
    held.leg.expect_request("ACK");
    up[2].leg.reinvite(Some(&sdp::session(ends[2].1, 1, "sendonly")));
    let under_way = up[2].call.expect_request("INVITE");
    bob.wait("100", support::is_answer(100, "INVITE"));
    let ringing = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let rings = bob.incoming();
    rings.reply(180);
    ringing.expect(180);
    alice.listen(MOMENT);

    bed.crash_and_restart();
    let seen = |message: &Message| message.cseq().0;
    for (n, held) in up.iter().enumerate() {
        let (to_a, to_b) = (hung_up(&alice, &held.call), hung_up(&bob, &held.leg));
        assert!(seen(&to_b) > seen(&invite_of(&held.leg)), "call {n}");
        if n == 1 {
            assert!(seen(&to_b) > seen(&on_hold));
        }
        if n == 2 {
            assert!(seen(&to_a) > seen(&under_way));
        }
        for bye in [&to_a, &to_b] {
            assert!(
                header(bye, HeaderId::Reason).contains("restart"),
                "{}",
                text(bye.raw())
            );
            assert!(bye.to_tag().is_some() && bye.from_tag().is_some());
        }
    }
    // Nobody knows the call that rang: its caller's CANCEL and its carrier's answer find no dialog and begin none.
    ringing.cancel();
    ringing.expect(481);
    rings.answer(&sdp::offer(bed.places.rtp_b1));
    bob.expect_silence(MOMENT);
    for record in bed.finish(3) {
        check(&record, "restart", 200, "switch", 1);
    }
}

/// Nobody hears that a call is up before the journal has it: the process dies the moment that the carrier gets its ACK, or the
/// caller its 200.
#[test]
fn op_09_a_call_that_was_answered_this_moment_ends_cleanly_too() {
    let mut bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 4);
    for (n, (to_a, to_b)) in ends.iter().enumerate() {
        let call = alice.invite(NUMBER, Some(&sdp::offer(*to_a)));
        let leg = bob.incoming();
        leg.answer(&sdp::offer(*to_b));
        if n % 2 == 0 {
            leg.expect_request("ACK");
        } else {
            call.expect(200);
        }
        bed.crash_and_restart();
        hung_up(&bob, &leg);
        if n % 2 == 1 {
            hung_up(&alice, &call);
        }
    }
    for record in bed.finish(4) {
        check(&record, "restart", 200, "switch", 1);
    }
}

/// What was acknowledged to a caller is stored: twenty calls are hung up, the process is killed as the last BYE is answered, ten
/// more are up.
#[test]
fn op_09_no_acknowledged_record_is_lost() {
    let mut bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 30);
    let calls: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    alice.listen(MOMENT);
    for held in &calls[..20] {
        held.hang_up();
    }
    bed.crash_and_restart();
    for held in &calls[20..] {
        hung_up(&alice, &held.call);
        hung_up(&bob, &held.leg);
    }
    let records = bed.finish(30);
    assert_eq!(
        (
            finals(&records, "normal").len(),
            finals(&records, "restart").len()
        ),
        (20, 10)
    );
}

/// Killed again and again while calls come and go: each call that was answered has one record in the end, and no dialog is hung up
/// by a process that has no business with it.
#[test]
fn op_09_many_crashes_leave_one_record_per_call() {
    const ROUNDS: usize = 5;
    let mut bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mut ended = HashSet::new();
    for _ in 0..ROUNDS {
        let ends = bulk::ends(&bed, 4);
        let calls: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
        calls[0].hang_up();
        calls[1].leg.bye();
        calls[1].call.ok("BYE");
        calls[1].leg.expect(200);
        alice.listen(MOMENT);
        bed.crash_and_restart();
        for held in &calls[2..] {
            hung_up(&alice, &held.call);
            hung_up(&bob, &held.leg);
            assert!(ended.insert(held.call.call_id()));
        }
        alice.expect_silence(ms(50));
    }
    let records = bed.finish(4 * ROUNDS);
    assert_eq!(finals(&records, "restart").len(), 2 * ROUNDS);
    let ids: HashSet<&str> = records.iter().map(|record| record.text("call_id")).collect();
    assert_eq!(ids.len(), 4 * ROUNDS);
}
