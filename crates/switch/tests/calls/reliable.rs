//! Reliable provisional responses (RFC 3262), on each leg by itself and end to end.

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

fn mode(trunk: &str, mode: &str) -> (String, String) {
    (
        format!("name = \"{trunk}\""),
        format!("reliable_provisional = \"{mode}\""),
    )
}

fn bed(pbx: &str, b1: &str) -> Bed {
    let changes = [mode("pbx", pbx), mode("b1", b1)];
    let changes: Vec<(&str, &str)> = changes
        .iter()
        .map(|(at, line)| (at.as_str(), line.as_str()))
        .collect();
    Bed::changed(&changes)
}

/// A's INVITE with one line more, and as it reaches B1.
fn dial(bed: &mut Bed, line: Option<(&str, &str)>) -> (Party, Party, Sip) {
    let mut a = bed.caller("+442071838750");
    let mut invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    if let Some((name, value)) = line {
        invite = invite.with(name, value);
    }
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    (a, b, at_b)
}

const KNOWS: Option<(&str, &str)> = Some(("Supported", "100rel"));

fn reliably(sip: Sip, rseq: u32) -> Sip {
    sip.with("Require", "100rel").with("RSeq", rseq.to_string())
}

fn answer(b: &Party, at_b: &Sip, status: u16) -> Sip {
    let body = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    b.reply(at_b, status, Some(&body))
}

/// A acknowledges a reliable response.
fn prack(bed: &mut Bed, a: &mut Party, response: &Sip, body: Option<&str>) -> Sip {
    a.learn(response);
    let rack = format!("{} {}", response.need("RSeq"), response.need("CSeq"));
    let mut prack = a.request("PRACK").with("RAck", rack);
    if let Some(body) = body {
        prack = prack.with_sdp(body);
    }
    bed.send(A, &prack);
    prack
}

fn finish(bed: &mut Bed, a: &mut Party, b: &Party, at_b: &Sip) {
    bed.send(B1, &answer(b, at_b, 200));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    bed.hang_up(a, b);
    bed.settle_one();
}

/// EM-03: the carrier gets its PRACK, once; the caller knows nothing of it.
#[test]
fn a_reliable_carrier_and_a_plain_caller() {
    let mut bed = bed("supported", "supported");
    let (mut a, b, at_b) = dial(&mut bed, None);
    assert!(at_b.need("Supported").contains("100rel"));
    let progress = reliably(answer(&b, &at_b, 183), 4711);
    for _ in 0..3 {
        bed.send(B1, &progress);
    }
    let prack = bed.expect_within(B1, "PRACK", 200);
    assert_eq!(prack.need("RAck"), format!("4711 {} INVITE", at_b.cseq().0));
    assert_eq!(prack.to_tag(), Some(b.tag()));
    bed.send(B1, &b.reply(&prack, 200, None));
    let plain = bed.expect(A, "183 INVITE");
    assert!(plain.get("Require").is_none() && plain.get("RSeq").is_none() && plain.sdp().is_some());
    bed.send(B1, &progress);
    bed.quiet(A, 1_000);
    bed.quiet(B1, 1_000);
    // Out of turn: not acknowledged, and not told.
    bed.send(B1, &reliably(b.reply(&at_b, 180, None), 4713));
    bed.quiet(B1, 100);
    bed.send(B1, &reliably(b.reply(&at_b, 180, None), 4712));
    bed.serve(B1, &b, "PRACK", 200);
    bed.expect(A, "180 INVITE");
    finish(&mut bed, &mut a, &b, &at_b);
}

#[test]
fn off_is_neither_offered_nor_given() {
    let mut bed = bed("off", "off");
    let (mut a, b, at_b) = dial(&mut bed, KNOWS);
    assert!(
        !at_b
            .all("Supported")
            .chain(at_b.all("Require"))
            .any(|value| value.contains("100rel"))
    );
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    assert_eq!(ringing.get("RSeq"), None);
    finish(&mut bed, &mut a, &b, &at_b);
    let mut other = bed.caller("+4420");
    let invite = other
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .with("Require", "100rel");
    bed.send(A, &invite);
    let refusal = bed.expect(A, "420 INVITE");
    assert_eq!(refusal.need("Unsupported"), "100rel");
    let ack = other.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

#[test]
fn required_insists_on_both_sides() {
    let mut bed = bed("required", "required");
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, "421 INVITE");
    assert_eq!(refusal.need("Require"), "100rel");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
    let (mut a, b, at_b) = dial(&mut bed, KNOWS);
    assert_eq!(at_b.need("Require"), "100rel");
    finish(&mut bed, &mut a, &b, &at_b);
}

/// A caller that knows of it: one at a time, repeated until its PRACK, the 200 only then.
#[test]
fn a_caller_that_knows_is_told_reliably() {
    let mut bed = bed("supported", "off");
    let (mut a, b, at_b) = dial(&mut bed, KNOWS);
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    let number: u32 = ringing.need("RSeq").parse().unwrap();
    bed.send(B1, &answer(&b, &at_b, 183));
    // The next waits for the PRACK of the one before.
    bed.wait(400);
    let since = bed.world.elapsed();
    let again = bed.expect(A, "180 INVITE");
    assert_eq!(again, ringing);
    assert!(bed.world.elapsed() - since < Duration::from_millis(200));
    prack(&mut bed, &mut a, &ringing, None);
    bed.expect(A, "200 PRACK");
    let progress = bed.expect(A, "183 INVITE");
    assert_eq!(progress.need("RSeq"), (number + 1).to_string());
    bed.send(B1, &answer(&b, &at_b, 200));
    bed.wait(400);
    assert!(bed.drain(A).is_empty(), "no 200 before the PRACK of a session");
    prack(&mut bed, &mut a, &progress, None);
    bed.expect(A, "200 PRACK");
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    // The same again is about nothing.
    prack(&mut bed, &mut a, &progress, None);
    bed.expect(A, "481 PRACK");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn a_prack_about_nothing_is_refused() {
    let mut bed = bed("supported", "off");
    let (mut a, b, at_b) = dial(&mut bed, KNOWS);
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    a.learn(&ringing);
    for (rack, title) in [
        ("1 1 INVITE".to_owned(), "481 PRACK"),
        (format!("{} 77 INVITE", ringing.need("RSeq")), "481 PRACK"),
        ("soon".to_owned(), "400 PRACK"),
    ] {
        let prack = a.request("PRACK").with("RAck", rack);
        bed.send(A, &prack);
        bed.expect(A, title);
    }
    prack(&mut bed, &mut a, &ringing, None);
    bed.expect(A, "200 PRACK");
    finish(&mut bed, &mut a, &b, &at_b);
}

/// RFC 3262 §3: 64·T1 without a PRACK.
#[test]
fn a_caller_that_never_acknowledges_is_refused() {
    for answered in [false, true] {
        let mut bed = bed("supported", "off");
        let (mut a, b, at_b) = dial(&mut bed, KNOWS);
        let since = bed.world.elapsed();
        bed.send(B1, &answer(&b, &at_b, 183));
        if answered {
            bed.wait(1_000);
            bed.send(B1, &answer(&b, &at_b, 200));
        }
        let refusal = loop {
            let (_, sip) = bed.next(A);
            if sip.status() != 183 {
                break sip;
            }
        };
        assert_eq!(refusal.title(), "504 INVITE");
        let waited = (bed.world.elapsed() - since).as_millis();
        assert!((32_000..32_100).contains(&waited), "{waited}");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        if answered {
            bed.expect(B1, "ACK");
            bed.serve(B1, &b, "BYE", 200);
        } else {
            let cancel = bed.expect(B1, "CANCEL");
            bed.send(B1, &b.reply(&cancel, 200, None));
            bed.send(B1, &b.reply(&at_b, 487, None));
            bed.expect(B1, "ACK");
        }
        let record = bed.settle_one();
        assert_eq!((record.cause.kind.as_str(), record.cause.sip), ("no-prack", 504));
    }
}

/// The carrier answers and hangs up before the caller may be answered.
#[test]
fn a_call_that_ends_before_the_prack_was_never_answered() {
    let mut bed = bed("supported", "off");
    let (mut a, mut b, at_b) = dial(&mut bed, KNOWS);
    bed.send(B1, &answer(&b, &at_b, 183));
    bed.expect(A, "183 INVITE");
    bed.send(B1, &answer(&b, &at_b, 200));
    bed.wait(200);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    let refusal = bed.expect(A, "480 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.expect(B1, "ACK");
    bed.expect(B1, "200 BYE");
    let record = bed.settle_one();
    assert_eq!((record.cause.sip, record.talk_ms), (480, 0));
}

#[test]
fn only_sessions_are_told_reliably_where_the_trunk_says_so() {
    let mut bed = bed("when-sdp", "off");
    let (mut a, b, at_b) = dial(&mut bed, KNOWS);
    bed.send(B1, &b.reply(&at_b, 180, None));
    assert_eq!(bed.expect(A, "180 INVITE").get("RSeq"), None);
    bed.send(B1, &answer(&b, &at_b, 183));
    let progress = bed.expect(A, "183 INVITE");
    prack(&mut bed, &mut a, &progress, None);
    bed.expect(A, "200 PRACK");
    finish(&mut bed, &mut a, &b, &at_b);
}

/// End to end: the caller's wish is the carrier's offer, and the carrier's PRACK comes when the caller's has.
#[test]
fn pass_goes_end_to_end() {
    let mut bed = bed("pass", "pass");
    let (mut a, b, at_b) = dial(&mut bed, Some(("Require", "100rel")));
    assert_eq!(at_b.need("Require"), "100rel");
    bed.send(B1, &reliably(answer(&b, &at_b, 183), 9));
    let progress = bed.expect(A, "183 INVITE");
    bed.quiet(B1, 300);
    prack(&mut bed, &mut a, &progress, None);
    bed.expect(A, "200 PRACK");
    assert_eq!(bed.serve(B1, &b, "PRACK", 200).need("RAck"), "9 1 INVITE");
    finish(&mut bed, &mut a, &b, &at_b);
    let (mut a, b, at_b) = dial(&mut bed, KNOWS);
    assert!(at_b.need("Supported").contains("100rel") && at_b.get("Require").is_none());
    bed.send(B1, &b.reply(&at_b, 180, None));
    assert_eq!(
        bed.expect(A, "180 INVITE").get("RSeq"),
        None,
        "as the carrier sent it"
    );
    finish(&mut bed, &mut a, &b, &at_b);
    let (mut a, b, at_b) = dial(&mut bed, None);
    assert!(!at_b.all("Supported").any(|value| value.contains("100rel")));
    finish(&mut bed, &mut a, &b, &at_b);
}

/// A caller that has answered one carrier's offer in its PRACK can't be made another's: it is told how the first one has ended.
#[test]
fn a_caller_that_has_answered_in_a_prack_stays_with_its_carrier() {
    let mut bed = bed("supported", "supported");
    let mut a = bed.caller("+442071838750");
    let invite = a.invite(None).with("Supported", "100rel");
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let offer = Bed::carrier_end(B1).offer("sendrecv");
    bed.send(B1, &reliably(b.reply(&at_b, 183, Some(&offer)), 1));
    let progress = bed.expect(A, "183 INVITE");
    let answer = Bed::caller_end().answer(progress.sdp().unwrap(), "sendrecv");
    prack(&mut bed, &mut a, &progress, Some(&answer));
    bed.expect(A, "200 PRACK");
    bed.serve(B1, &b, "PRACK", 200);
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "503 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let record = bed.settle_one();
    assert_eq!(record.attempts.len(), 1);
    assert!(bed.drain(B2).is_empty());
}

/// RFC 3262 §5: the carrier's offer in its 183, the caller's answer in its PRACK, and on in ours.
#[test]
fn an_offer_in_a_183_has_its_answer_in_the_prack() {
    let mut bed = bed("supported", "supported");
    let mut a = bed.caller("+442071838750");
    let invite = a.invite(None).with("Supported", "100rel");
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert!(at_b.need("Supported").contains("100rel") && at_b.body.is_empty());
    let b = bed.callee(B1, &at_b);
    let offer = Bed::carrier_end(B1).offer("sendrecv");
    bed.send(B1, &reliably(b.reply(&at_b, 183, Some(&offer)), 1));
    let progress = bed.expect(A, "183 INVITE");
    bed.quiet(B1, 300);
    let answer = Bed::caller_end().answer(progress.sdp().unwrap(), "sendrecv");
    prack(&mut bed, &mut a, &progress, Some(&answer));
    bed.expect(A, "200 PRACK");
    let got = bed.serve(B1, &b, "PRACK", 200);
    assert_eq!(sdp::live(got.sdp().unwrap()).formats, sdp::live(&offer).formats);
    bed.send(B1, &b.reply(&at_b, 200, None));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert!(ok.body.is_empty(), "nothing is left to agree on");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let legs = bed.world.media.legs();
    assert!(
        legs.iter().all(|leg| leg.expects && leg.remote.is_some()),
        "{legs:?}"
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
    // To whom a caller without 100rel can't answer in a PRACK, none is offered.
    let mut a = bed.caller("+442071838750");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert!(!at_b.all("Supported").any(|value| value.contains("100rel")));
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

/// Each branch of a fork has numbers of its own.
#[test]
fn branches_of_a_fork_are_acknowledged_each_by_itself() {
    let mut bed = bed("supported", "supported");
    let (mut a, b, at_b) = dial(&mut bed, None);
    let twin = bed.callee(B1, &at_b);
    for (party, rseq) in [(&b, 50), (&twin, 7), (&b, 51), (&twin, 8)] {
        bed.send(B1, &reliably(party.reply(&at_b, 180, None), rseq));
        let prack = bed.serve(B1, party, "PRACK", 200);
        assert_eq!(prack.to_tag(), Some(party.tag()));
        assert_eq!(prack.need("RAck"), format!("{rseq} 1 INVITE"));
        bed.expect(A, "180 INVITE");
    }
    finish(&mut bed, &mut a, &b, &at_b);
}

/// Sixteen branches have dialogs; what more of them say reliably can't be acknowledged, and is left alone.
#[test]
fn a_branch_too_many_goes_nowhere() {
    let mut bed = bed("supported", "supported");
    let (mut a, b, at_b) = dial(&mut bed, None);
    let others: Vec<Party> = (1..16).map(|_| bed.callee(B1, &at_b)).collect();
    for party in [&b].into_iter().chain(&others) {
        bed.send(B1, &reliably(party.reply(&at_b, 180, None), 1));
        bed.serve(B1, party, "PRACK", 200);
        bed.expect(A, "180 INVITE");
    }
    let late = bed.callee(B1, &at_b);
    bed.send(B1, &reliably(late.reply(&at_b, 180, None), 1));
    bed.quiet(B1, 100);
    bed.quiet(A, 100);
    finish(&mut bed, &mut a, &b, &at_b);
}
