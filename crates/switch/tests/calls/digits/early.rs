//! Digits before the answer.

use super::*;
use testkit::bed::B2;

/// A call in early media: the carrier has answered 183 with SDP.
fn early(bed: &mut Bed, events: bool) -> (Party, Party, Sip) {
    let mut end = Bed::caller_end();
    if !events {
        end.codecs.retain(|(_, name)| !name.starts_with("telephone"));
    }
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let progress = b.reply(&at_b, 183, Some(&carrier_answer(&at_b)));
    bed.send(B1, &progress);
    let progress = bed.expect(A, "183 INVITE");
    a.learn(&progress);
    (a, b, at_b)
}

fn carrier_answer(at_b: &Sip) -> String {
    let mut end = Bed::carrier_end(B1);
    end.codecs = vec![(0, "PCMU/8000"), (122, "telephone-event/8000")];
    end.answer(at_b.sdp().unwrap(), "sendrecv")
}

/// The carrier answers, and the call goes on as any other.
fn answer_early(bed: &mut Bed, a: &mut Party, b: &Party, at_b: &Sip) {
    bed.send(B1, &b.reply(at_b, 200, Some(&carrier_answer(at_b))));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
}

/// RFC 3960: an announcement before the answer may ask for digits. All that may be is carried before the answer as after it.
#[test]
fn digits_are_carried_in_early_media() {
    let modes = ["rfc4733", "info", "inband"];
    for (caller, carrier) in modes.into_iter().flat_map(|a| modes.map(|b| (a, b))) {
        let what = format!("{caller} to {carrier}");
        let mut bed = bed(caller, carrier);
        let (mut a, mut b, at_b) = early(&mut bed, caller == "rfc4733");
        let [mode, other_mode] = [caller, carrier].map(way);
        if mode == Said::Signalled {
            let sent = info(&mut a, "application/dtmf-relay", "Signal=7\r\nDuration=120\r\n");
            bed.send(A, &sent);
            if other_mode == Said::Signalled {
                let relayed = bed.serve(B1, &b, "INFO", 200);
                assert_eq!(relayed.body, sent.body, "{what}");
                assert_eq!(relayed.to_tag(), Some(b.tag()), "within the early dialog");
            }
            bed.expect(A, "200 INFO");
            let said = (other_mode != Said::Signalled).then_some((Side::B, '7', 120));
            assert_eq!(pressed(&bed), Vec::from_iter(said), "{what}");
        } else {
            hear(&mut bed, Side::A, '7');
            if other_mode == Said::Signalled {
                let told = bed.serve(B1, &b, "INFO", 200);
                assert_eq!(told.body, "Signal=7\r\nDuration=200\r\n", "{what}");
            } else {
                bed.quiet(B1, 1000);
            }
        }
        // The other way: who plays the announcement says something.
        let (from, to) = (other_mode, mode);
        if (from, to) == (Said::Signalled, Said::Signalled) {
            let sent = info(&mut b, "application/dtmf", "3");
            bed.send(B1, &sent);
            bed.serve(A, &a, "INFO", 200);
            bed.expect(B1, "200 INFO");
        } else if to == Said::Signalled {
            hear(&mut bed, Side::B, '3');
            let told = bed.serve(A, &a, "INFO", 200);
            assert_eq!(told.body, "Signal=3\r\nDuration=200\r\n", "{what}");
        }
        answer_early(&mut bed, &mut a, &b, &at_b);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// What we send in an early dialog counts on in the answered one: whoever is strict refuses a number that comes again (RFC 3261
/// §12.2.2).
#[test]
fn numbers_go_on_from_an_early_dialog() {
    let mut bed = bed("info", "info");
    let (mut a, b, at_b) = early(&mut bed, false);
    let sent = info(&mut a, "application/dtmf", "1");
    bed.send(A, &sent);
    let first = bed.serve(B1, &b, "INFO", 200).cseq().0;
    bed.expect(A, "200 INFO");
    answer_early(&mut bed, &mut a, &b, &at_b);
    let sent = info(&mut a, "application/dtmf", "2");
    bed.send(A, &sent);
    assert_eq!(bed.serve(B1, &b, "INFO", 200).cseq().0, first + 1);
    bed.expect(A, "200 INFO");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Each branch of a fork has a dialog of its own: an INFO goes to the one that the caller hears, and the answer may be another's.
#[test]
fn an_info_goes_to_the_branch_that_speaks() {
    let mut bed = bed("info", "info");
    let (mut a, b, at_b) = early(&mut bed, false);
    let second = bed.callee(B1, &at_b);
    bed.send(B1, &second.reply(&at_b, 183, Some(&carrier_answer(&at_b))));
    bed.expect(A, "183 INVITE");
    let sent = info(&mut a, "application/dtmf", "1");
    bed.send(A, &sent);
    let told = bed.serve(B1, &second, "INFO", 200);
    assert_eq!(told.to_tag(), Some(second.tag()));
    bed.expect(A, "200 INFO");
    answer_early(&mut bed, &mut a, &b, &at_b);
    let sent = info(&mut a, "application/dtmf", "2");
    bed.send(A, &sent);
    let told = bed.serve(B1, &b, "INFO", 200);
    assert_eq!((told.to_tag(), told.cseq().0), (Some(b.tag()), at_b.cseq().0 + 1));
    bed.expect(A, "200 INFO");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 3261 §12.2.1.2: a 481 ends a dialog, and with it the caller's call. What a branch says that is gone already must not.
#[test]
fn an_info_that_fails_before_the_answer_ends_nothing() {
    let mut bed = bed("info", "info");
    let (mut a, b, at_b) = early(&mut bed, false);
    for status in [481, 415] {
        let sent = info(&mut a, "application/dtmf", "1");
        bed.send(A, &sent);
        bed.serve(B1, &b, "INFO", status);
        bed.expect(A, if status == 481 { "500 INFO" } else { "415 INFO" });
    }
    answer_early(&mut bed, &mut a, &b, &at_b);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The carrier that played something is gone, and the next has not said anything yet: nobody is there to be told.
#[test]
fn an_info_for_nobody_is_refused_and_ends_nothing() {
    let mut bed = bed("info", "info");
    let (mut a, b, at_b) = early(&mut bed, false);
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let sent = info(&mut a, "application/dtmf", "1");
    bed.send(A, &sent);
    bed.expect(A, "500 INFO");
    let b2 = bed.callee(B2, &at_b2);
    let answer = Bed::answer_of(B2, &b2, &at_b2);
    bed.send(B2, &answer);
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

/// The carrier refuses while an INFO is on its way to it: the caller hears of that at once, and what the carrier says of it later
/// (a challenge, even) is not taken to the next one.
#[test]
fn an_info_to_a_carrier_that_refuses_goes_to_no_other() {
    let mut bed = bed("info", "info");
    let (mut a, b, at_b) = early(&mut bed, false);
    let sent = info(&mut a, "application/dtmf", "1");
    bed.send(A, &sent);
    let told = bed.expect(B1, "INFO");
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    bed.expect(A, "500 INFO");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 183, Some(&carrier_answer(&at_b2))));
    bed.expect(A, "183 INVITE");
    let challenge = b.reply(&told, 401, None);
    bed.send(B1, &challenge);
    bed.quiet(B2, 1000);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let busy = bed.expect(A, "486 INVITE");
    let ack = a.ack(&busy);
    bed.send(A, &ack);
    bed.settle_one();
}

/// A digit for a carrier that has refused since is nobody's: the next one is not told of it, and does not wait for it.
#[test]
fn digits_for_a_carrier_that_is_gone_are_dropped() {
    let mut bed = bed("rfc4733", "info");
    let (mut a, b, at_b) = early(&mut bed, true);
    for character in "12".chars() {
        hear(&mut bed, Side::A, character);
    }
    let told = bed.expect(B1, "INFO");
    bed.forgive(&told);
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    let answer = Bed::answer_of(B2, &b2, &at_b2);
    bed.send(B2, &answer);
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.quiet(B2, 1000);
    bed.wait(40_000);
    bed.drain(B1);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}
