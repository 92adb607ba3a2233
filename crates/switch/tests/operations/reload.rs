//! Configurations that change under calls, and the end of the day.

use switch::Input;
use testkit::bed::{self, A, B1, B2, Bed, config};

/// A's next call is refused with this status.
fn refused(bed: &mut Bed, status: u16) -> testkit::Sip {
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    refusal
}

#[test]
fn a_call_keeps_what_it_began_with() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    // The carrier is gone, the ports are others, the caller's trunk has another name.
    let other = bed::CONFIG
        .replace("10000-11999", "20000-20999")
        .replace("name = \"pbx\"", "name = \"office\"");
    let other = other.replace("name = \"b1\"\n", "name = \"b1\"\nenabled = false\n");
    bed.reload(&other);
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
    // New calls go by the new one.
    let mut second = bed.caller("+4420");
    let invite = second.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let at_b2 = bed.expect(B2, "INVITE");
    assert!(testkit::sdp::live(at_b2.sdp().unwrap()).port >= 20_000);
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = second.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    let trunks: Vec<String> = bed.settle().into_iter().map(|record| record.from_trunk).collect();
    assert_eq!(trunks, ["office", "pbx"]);
}

#[test]
fn a_reload_while_it_rings_harms_nothing() {
    for answers in [true, false] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 180, None));
        bed.expect(A, "180 INVITE");
        // Both trunks change places and names.
        let other = bed::CONFIG.replace("name = \"b2\"", "name = \"spare\"");
        bed.reload(&other);
        bed.reload(bed::CONFIG);
        bed.reload(&other);
        if answers {
            bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
            bed.expect(B1, "ACK");
            let ok = bed.expect(A, "200 INVITE");
            let ack = a.ack(&ok);
            bed.send(A, &ack);
            bed.wait(10);
            bed.hang_up(&mut a, &b);
        } else {
            bed.send(B1, &b.reply(&at_b, 503, None));
            bed.expect(B1, "ACK");
            // The plan names a trunk that is gone: nobody is called on its behalf.
            let refusal = bed.next(A).1;
            assert!(refusal.status() >= 500, "{}", bed.story());
            let ack = a.ack(&refusal);
            bed.send(A, &ack);
            bed.quiet(B2, 100);
        }
        bed.settle_one();
    }
}

#[test]
fn limits_count_over_reloads() {
    let limited = config(&[("name = \"pbx\"", "max_calls = 1")]);
    let mut bed = Bed::with(&limited);
    let (mut a, b) = bed.connect();
    for _ in 0..3 {
        bed.reload(&limited);
        refused(&mut bed, 503);
    }
    bed.hang_up(&mut a, &b);
    bed.wait(100);
    let (mut a, b) = bed.connect();
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle().len(), 5);
}

#[test]
fn a_drained_switch_takes_no_new_call_and_keeps_its_old_ones() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    bed.world.tell(Input::Drain);
    assert!(refused(&mut bed, 503).get("Retry-After").is_some());
    let mut options = bed.caller("x");
    let ping = options.request("OPTIONS");
    bed.send(A, &ping);
    bed.expect(A, "503 OPTIONS");
    // Within a dialog it asks after the call.
    let ping = a.request("OPTIONS");
    bed.send(A, &ping);
    bed.expect(A, "200 OPTIONS");
    let ping = b.request("OPTIONS");
    bed.send(B1, &ping);
    bed.expect(B1, "200 OPTIONS");
    bed.quiet(B1, 10_000);
    bed.hang_up(&mut a, &b);
    let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
    assert_eq!(kinds, ["draining", "normal"]);
}

#[test]
fn the_end_of_a_drain_ends_every_call_in_its_own_way() {
    let mut bed = Bed::new();
    let (a, b) = bed.connect();
    let (mut ringing, b_ringing, at_b) = bed.dial();
    bed.send(B1, &b_ringing.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let (unacked, b_unacked, at_b2) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b_unacked, &at_b2));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let mut unacked = unacked;
    bed.world.tell(Input::EndAll);
    bed.wait(10);
    let at_a = bed.drain(A);
    let at_b1 = bed.drain(B1);
    let mut parties = [(A, a), (B1, b), (B1, b_unacked)];
    for (at, sip) in at_a
        .iter()
        .map(|(_, sip)| (A, sip))
        .chain(at_b1.iter().map(|(_, sip)| (B1, sip)))
    {
        match sip.title().as_str() {
            "BYE" => {
                let party = parties
                    .iter_mut()
                    .find(|(_, party)| party.call_id == sip.call_id())
                    .unwrap();
                bed.send(at, &party.1.reply(sip, 200, None));
            }
            "503 INVITE" => {
                let ack = ringing.ack(sip);
                bed.send(A, &ack);
            }
            "CANCEL" => {
                bed.send(B1, &b_ringing.reply(sip, 200, None));
                bed.send(B1, &b_ringing.reply(&at_b, 487, None));
            }
            other => panic!("{other}\n{}", bed.story()),
        }
    }
    assert_eq!((at_a.len(), at_b1.len()), (2, 3), "{}", bed.story());
    // The third caller's BYE waits for its ACK (RFC 3261 §15).
    let ack = unacked.ack(&ok);
    bed.send(A, &ack);
    bed.serve(A, &unacked, "BYE", 200);
    let records = bed.settle();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.cause.kind == "shutdown"));
}
