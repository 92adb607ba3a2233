//! What callers hear before they are refused: whose refusals are announced, for how long, and that nobody else is heard then.

use rtp_proto::control::{Command, Event, Leg, Side, Tone};
use switch::Input;
use testkit::bed::{A, B1, B2, Bed, addr};
use testkit::{MediaMode, Party, sdp};

use super::sounds::{SOUNDS, bed, played};

const SORRY: &str = "announcements = [{ on = [404, 503], sound = \"sorry\" }]";

/// The sound has been played to its end.
fn ends(bed: &mut Bed) {
    let log = &bed.world.media.log;
    let id = log.last().map(|(_, command)| command.id()).unwrap();
    bed.world.tell(Input::Media(Event::Played { id, side: Side::A }));
}

/// A call to this number.
fn call(bed: &mut Bed, number: &str) -> Party {
    let mut a = bed.caller(number);
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    a
}

/// The refusal comes, and is taken.
fn refused(bed: &mut Bed, a: &mut Party, title: &str) {
    let refusal = bed.expect_within(A, title, 10);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

#[test]
fn a_failed_call_is_announced_before_it_is_refused() {
    for whole in [true, false] {
        let mut bed = bed(SORRY);
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 404, None));
        bed.expect(B1, "ACK");
        let progress = bed.expect(A, "183 INVITE");
        assert!(progress.sdp().is_some());
        assert_eq!(played(&bed), [(Side::A, Some(Tone::Unobtainable))]);
        bed.quiet(A, 1000);
        if whole {
            ends(&mut bed);
        } else {
            bed.wait(118_000);
        }
        let refusal = bed.expect_within(A, "404 INVITE", if whole { 10 } else { 1_001 });
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        let record = bed.settle_one();
        assert_eq!(record.cause.sip, 404);
        bed.quiet(B2, 10);
    }
}

#[test]
fn an_announcement_can_be_cancelled() {
    let mut bed = bed(SORRY);
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 404, None));
    bed.expect(B1, "ACK");
    bed.expect(A, "183 INVITE");
    let cancel = a.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle_one().cause.kind, "cancelled");
}

/// A number that no carrier has: nobody is asked, and the caller is told all the same.
#[test]
fn a_call_without_a_route_is_announced() {
    let toml = testkit::bed::config(&[("name = \"b1\"", SORRY), ("", SOUNDS)]);
    let mut bed = Bed::with(&toml);
    // A carrier's call to a number that nobody here has.
    let mut party = Party::caller(
        addr(B1),
        bed.world.switch_addr(),
        "+4420",
        "+49301234",
        bed.world.rng.fork(),
    );
    let invite = party.invite(Some(&Bed::carrier_end(B1).offer("sendrecv")));
    bed.send(B1, &invite);
    let progress = bed.expect_within(B1, "183 INVITE", 10);
    assert_eq!(sdp::live(progress.sdp().unwrap()).formats, ["0", "101"]);
    assert_eq!(played(&bed), [(Side::A, Some(Tone::Unobtainable))]);
    let legs = bed.world.media.legs().clone();
    assert_eq!(sdp::live(progress.sdp().unwrap()).port, legs[0].ports.rtp());
    assert_eq!(legs[0].remote.unwrap().rtp, addr("127.0.0.20:30000"));
    is_nobody(&legs[1]);
    let calls = bed.world.switch().calls(bed.world.moment());
    assert_eq!((calls[0].state, calls[0].to.is_none()), ("ringing", true));
    ends(&mut bed);
    let refusal = bed.expect_within(B1, "404 INVITE", 10);
    let ack = party.ack(&refusal);
    bed.send(B1, &ack);
    let record = bed.settle_one();
    assert_eq!((record.cause.kind.as_str(), record.cause.sip), ("no-route", 404));
    assert_eq!((record.attempts.len(), record.ring_ms), (0, None));
}

/// Nothing can come from there, and nothing goes there.
fn is_nobody(leg: &Leg) {
    assert!(
        leg.remote.is_none() && !leg.may_send && !leg.latch.symmetric,
        "{leg:?}"
    );
    assert!(leg.latch.signalling.is_unspecified(), "{leg:?}");
}

#[test]
fn a_caller_that_gives_up_hears_no_more() {
    let mut bed = bed(&format!("max_calls = 1\n{SORRY}"));
    let (mut a, b) = bed.connect();
    let mut second = call(&mut bed, "+4420");
    bed.expect(A, "183 INVITE");
    let cancel = second.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    refused(&mut bed, &mut second, "487 INVITE");
    bed.hang_up(&mut a, &b);
    let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
    assert_eq!(kinds, ["cancelled", "normal"]);
}

/// All lines of a trunk are taken: the caller's, or those of every carrier.
#[test]
fn a_full_trunk_is_announced() {
    let full = [
        ("name = \"b1\"", "max_calls = 1"),
        ("name = \"b2\"", "enabled = false"),
    ];
    let own = format!("max_calls = 1\n{SORRY}");
    for (changes, kind) in [
        (vec![("name = \"pbx\"", own.as_str())], "max-calls"),
        ([&[("name = \"pbx\"", SORRY)], &full[..]].concat(), "no-carrier"),
    ] {
        let mut bed = Bed::changed(&[&changes[..], &[("", SOUNDS)]].concat());
        let (mut a, b) = bed.connect();
        let mut second = call(&mut bed, "+4420");
        assert!(bed.expect_within(A, "183 INVITE", 10).sdp().is_some(), "{kind}");
        assert_eq!(played(&bed), [(Side::A, Some(Tone::Unobtainable))]);
        bed.quiet(A, 5_000);
        ends(&mut bed);
        refused(&mut bed, &mut second, "503 INVITE");
        bed.hang_up(&mut a, &b);
        let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
        assert_eq!(kinds, [kind, "normal"]);
    }
}

/// Whoever calls on at a full trunk is told so no more often than it may call.
#[test]
fn a_full_trunk_is_announced_at_its_pace() {
    let own = format!("max_calls = 1\nmax_cps = 2\n{SORRY}");
    let mut bed = bed(&own);
    let (mut a, b) = bed.connect();
    let mut second = call(&mut bed, "+4420");
    bed.expect_within(A, "183 INVITE", 10);
    let mut third = call(&mut bed, "+4421");
    refused(&mut bed, &mut third, "503 INVITE");
    assert_eq!(played(&bed).len(), 1);
    ends(&mut bed);
    refused(&mut bed, &mut second, "503 INVITE");
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle().len(), 3);
}

/// Who calls too fast, and what the switch has no room for, is sent away at once.
#[test]
fn what_there_is_no_room_for_is_not_announced() {
    let limits = [
        ("name = \"pbx\"", "max_cps = 1", "max-cps"),
        ("bind = \"127.0.0.1:5060\"", "[sip]\nmax_calls = 1", "switch-full"),
    ];
    for (behind, line, kind) in limits {
        let mut bed = Bed::changed(&[("name = \"pbx\"", SORRY), (behind, line), ("", SOUNDS)]);
        let (mut a, b) = bed.connect();
        let mut second = call(&mut bed, "+4420");
        refused(&mut bed, &mut second, "503 INVITE");
        assert_eq!(played(&bed), []);
        bed.hang_up(&mut a, &b);
        let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
        assert_eq!(kinds, [kind, "normal"]);
    }
    let mut bed = bed(SORRY);
    bed.world.tell(Input::Drain);
    let mut a = call(&mut bed, "+4420");
    refused(&mut bed, &mut a, "503 INVITE");
    assert_eq!(bed.settle_one().cause.kind, "draining");
}

/// An announcement to somebody who was never taken anywhere leaves half of the ports, and of the calls, to those who talk.
#[test]
fn announcements_leave_room_for_calls() {
    for (what, changed, taken) in [
        ("10000-11999", "10000-10015", 2),
        ("[media]\nbind", "[sip]\nmax_calls = 4\n[media]\nbind", 3),
    ] {
        let toml = testkit::bed::config(&[
            ("name = \"pbx\"", &format!("max_calls = 1\n{SORRY}")),
            ("", SOUNDS),
        ]);
        let mut bed = Bed::with(&toml.replace(what, changed));
        let (mut a, b) = bed.connect();
        let mut waiting = Vec::new();
        for _ in 1..taken {
            waiting.push(call(&mut bed, "+4420"));
            bed.expect(A, "183 INVITE");
        }
        let mut one_too_many = call(&mut bed, "+4420");
        refused(&mut bed, &mut one_too_many, "503 INVITE");
        bed.wait(119_000);
        for _ in 1..taken {
            let (_, refusal) = bed.next(A);
            assert_eq!(refusal.title(), "503 INVITE");
            let of = waiting
                .iter_mut()
                .find(|party| party.call_id == refusal.need("Call-ID"));
            let ack = of.unwrap().ack(&refusal);
            bed.send(A, &ack);
        }
        bed.wait(10);
        bed.hang_up(&mut a, &b);
        assert_eq!(bed.settle().len(), taken + 1);
    }
}

/// The carrier that has refused goes on sending; it is not heard, and hears nothing.
#[test]
fn a_carrier_that_has_refused_is_out_of_the_call() {
    let keys = "codecs = [\"PCMA\", \"telephone-event\"]";
    let mut bed = Bed::changed(&[("name = \"pbx\"", SORRY), ("name = \"b1\"", keys), ("", SOUNDS)]);
    let mut a = bed.caller("+4420");
    let mut end = Bed::caller_end();
    end.codecs.retain(|(pt, _)| *pt != 8);
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 183, Bed::answer_of(B1, &b, &at_b).sdp()));
    assert!(bed.expect(A, "183 INVITE").sdp().is_some());
    let legs = bed.world.media.legs();
    assert!(legs[0].needs.transcode.is_some() && legs[1].remote.is_some());
    let before = legs.clone();
    bed.send(B1, &b.reply(&at_b, 404, None));
    bed.expect(B1, "ACK");
    assert!(bed.expect(A, "183 INVITE").sdp().is_some());
    let legs = bed.world.media.legs().clone();
    is_nobody(&legs[1]);
    assert_eq!(legs[1].ports, before[1].ports, "nothing is bound anew");
    for leg in &legs {
        assert!(
            leg.needs.transcode.is_none() && leg.needs.digits.is_none(),
            "{leg:?}"
        );
    }
    let log = bed.world.media.log.iter().rev().take(3);
    let last: Vec<_> = log.map(|(_, command)| std::mem::discriminant(command)).collect();
    assert_eq!(last[1], last[2], "two updates, and then the sound");
    assert!(matches!(
        bed.world.media.log.last(),
        Some((_, Command::Play { .. }))
    ));
    ends(&mut bed);
    refused(&mut bed, &mut a, "404 INVITE");
    bed.settle_one();
}

/// What comes after the ringing is no ringing.
#[test]
fn an_announcement_is_no_part_of_the_ringing_time() {
    let mut bed = bed("announcements = [{ on = [486], sound = \"sorry\" }]");
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.wait(5_000);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    bed.expect(A, "183 INVITE");
    bed.wait(10_000);
    ends(&mut bed);
    refused(&mut bed, &mut a, "486 INVITE");
    let record = bed.settle_one();
    let ring = record.ring_ms.unwrap();
    assert!((4_990..5_100).contains(&ring), "{ring}");
}

/// Nobody waits for a sound that is not heard.
#[test]
fn a_caller_that_does_not_listen_is_refused_at_once() {
    for direction in ["sendonly", "inactive"] {
        let mut bed = bed(SORRY);
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&Bed::caller_end().offer(direction)));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let b = bed.callee(B1, &at_b);
        bed.send(B1, &b.reply(&at_b, 404, None));
        bed.expect(B1, "ACK");
        refused(&mut bed, &mut a, "404 INVITE");
        assert_eq!(played(&bed), [], "{direction}");
        bed.settle_one();
    }
}

/// The ports cannot be had: the call fails as it would have.
#[test]
fn an_announcement_that_cannot_be_made_changes_nothing() {
    let mut bed = bed(&format!("max_calls = 1\n{SORRY}"));
    let (mut a, b) = bed.connect();
    bed.world.media.mode = MediaMode::Fails(std::time::Duration::from_millis(1));
    let mut second = call(&mut bed, "+4420");
    bed.expect(A, "183 INVITE");
    refused(&mut bed, &mut second, "503 INVITE");
    bed.world.media.mode = MediaMode::Works(std::time::Duration::from_micros(100));
    bed.hang_up(&mut a, &b);
    let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
    assert_eq!(kinds, ["max-calls", "normal"]);
}
