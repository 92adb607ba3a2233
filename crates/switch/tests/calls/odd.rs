//! What peers do that they should not, or seldom do.

use testkit::bed::{A, B1, B2, Bed};

#[test]
fn methods_that_we_do_not_take_are_refused_and_never_relayed() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    for method in ["SUBSCRIBE", "REGISTER", "PUBLISH"] {
        let request = a.request(method).with("Refer-To", "<sip:200@127.0.0.99>");
        bed.send(A, &request);
        let refusal = bed.expect(A, &format!("405 {method}"));
        assert!(refusal.need("Allow").contains("INVITE"));
        let request = b.request(method);
        bed.send(B1, &request);
        bed.expect(B1, &format!("405 {method}"));
    }
    let request = a.request("DANCE");
    bed.send(A, &request);
    let (_, refusal) = bed.next(A);
    assert!(matches!(refusal.status(), 405 | 501), "{}", refusal.write());
    bed.quiet(A, 100);
    bed.quiet(B1, 100);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn called_side_hangs_up_before_the_caller_has_acked() {
    let mut bed = Bed::new();
    let (mut a, mut b, at_b) = bed.dial();
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    let ack = bed.expect(B1, "ACK");
    b.refresh(&at_b);
    let ok = bed.expect(A, "200 INVITE");
    let _ = ack;
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect_within(B1, "200 BYE", 205);
    bed.quiet(A, 400);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.serve(A, &a, "BYE", 200);
    bed.settle_one();
}

#[test]
fn a_refusal_is_repeated_until_its_ack_and_for_each_copy_of_its_invite() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    bed.wait(1600);
    let copies = bed.drain(A);
    assert!(
        copies.len() == 2 && copies.iter().all(|(_, copy)| *copy == refusal),
        "{}",
        bed.story()
    );
    let invite = a.invite.clone().unwrap();
    bed.send(A, &invite);
    assert_eq!(bed.expect_within(A, "486 INVITE", 10), refusal);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(A, 10_000);
    // B1 has not seen our ACK.
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect_within(B1, "ACK", 10);
    bed.settle_one();
}

#[test]
fn a_refusal_that_is_never_acked_keeps_nothing_busy() {
    let mut bed = Bed::new();
    let (_, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 603, None));
    bed.expect(B1, "ACK");
    bed.expect(A, "603 INVITE");
    bed.settle_one();
}

/// RFC 3261 §8.1.1.8: without a Contact nobody could be hung up.
#[test]
fn an_invite_without_contact_is_refused() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .without("Contact");
    bed.send(A, &invite);
    let refusal = bed.expect(A, "400 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 100);
    bed.settle();
}

#[test]
fn a_contact_with_a_name_is_reached_where_its_messages_came_from() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .set("Contact", "<sip:alice@pbx.example;transport=udp>");
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let mut b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect(B1, "200 BYE");
    let at_a = bed.serve(A, &a, "BYE", 200);
    assert_eq!(at_a.uri(), "sip:alice@pbx.example;transport=udp");
    bed.settle_one();
}

#[test]
fn an_info_that_nobody_answers_harms_nothing() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    for _ in 0..6 {
        let info = a.request("INFO");
        bed.send(A, &info);
        bed.wait(5);
        bed.forgive(&info);
    }
    // Four are under way; more are refused at once.
    let refused: Vec<String> = bed.drain(A).iter().map(|(_, sip)| sip.title()).collect();
    assert_eq!(refused, ["500 INFO", "500 INFO"]);
    bed.wait(40_000);
    bed.drain(A);
    bed.drain(B1);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn infos_under_way_are_answered_when_the_call_ends() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let info = a.request("INFO");
    bed.send(A, &info);
    bed.expect(B1, "INFO");
    let bye = a.request("BYE");
    bed.send(A, &bye);
    let mut titles = [bed.next(A).1.title(), bed.next(A).1.title()];
    titles.sort();
    assert_eq!(titles, ["200 BYE", "487 INFO"]);
    bed.serve(B1, &b, "BYE", 200);
    bed.settle_one();
}

#[test]
fn a_reinvite_can_be_cancelled() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 100, None));
    bed.wait(1000);
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    bed.serve(B1, &b, "CANCEL", 200);
    bed.send(B1, &b.reply(&got, 487, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

/// RFC 3261 §9.1: an INVITE that was cancelled and gets no final answer is cancelled all the same.
#[test]
fn a_cancelled_reinvite_that_is_never_answered_leaves_the_call() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&got, 100, None));
    bed.wait(1000);
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    bed.serve(B1, &b, "CANCEL", 200);
    let refusal = bed.expect_within(A, "487 INVITE", 33_000);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 1000);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

#[test]
fn an_invite_within_the_early_dialog_waits() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    let first = a.invite.clone();
    a.learn(&ringing);
    let second = a.invite(Some(&Bed::caller_end().offer("sendonly")));
    bed.send(A, &second);
    let (_, refusal) = bed.next(A);
    assert!(matches!(refusal.status(), 491 | 500), "{}", refusal.write());
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    a.invite = first;
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn two_branches_of_a_cancelled_fork_that_answer_are_both_hung_up() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let other = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(B1, &b.reply(&cancel, 200, None));
    for party in [&b, &other] {
        bed.send(B1, &Bed::answer_of(B1, party, &at_b));
        assert_eq!(bed.expect(B1, "ACK").to_tag(), Some(party.tag()));
        assert_eq!(bed.serve(B1, party, "BYE", 200).to_tag(), Some(party.tag()));
        bed.wait(1000);
    }
    bed.settle_one();
}

#[test]
fn a_branch_of_a_fork_that_answers_after_the_call_is_hung_up() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let other = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(100);
    bed.hang_up(&mut a, &b);
    bed.wait(1000);
    bed.send(B1, &Bed::answer_of(B1, &other, &at_b));
    assert_eq!(bed.expect(B1, "ACK").to_tag(), Some(other.tag()));
    assert_eq!(bed.serve(B1, &other, "BYE", 200).to_tag(), Some(other.tag()));
    bed.settle_one();
}

#[test]
fn ringing_branches_of_a_fork_are_one_ringing_to_the_caller() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let others = [bed.callee(B1, &at_b), bed.callee(B1, &at_b)];
    let mut tags = Vec::new();
    for party in [&b, &others[0], &others[1]] {
        let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
        bed.send(B1, &party.reply(&at_b, 183, Some(&answer)));
        tags.push(bed.expect(A, "183 INVITE").to_tag().map(str::to_owned));
    }
    assert!(tags.windows(2).all(|pair| pair[0] == pair[1]), "{tags:?}");
    // 199 ends one of them (RFC 6228), which is no news to the caller.
    bed.send(B1, &others[0].reply(&at_b, 199, None));
    bed.quiet(A, 100);
    bed.send(B1, &Bed::answer_of(B1, &others[1], &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &others[1]);
    bed.settle_one();
}

#[test]
fn a_redirection_shows_the_number_and_nothing_of_the_carrier() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(
        B1,
        &b.reply(&at_b, 302, None)
            .with("Contact", "<sip:+4999@127.0.0.20:5080>"),
    );
    bed.expect(B1, "ACK");
    let moved = bed.expect(A, "302 INVITE");
    assert_eq!(moved.contact(), Some("sip:+4999@127.0.0.1:5060"));
    let ack = a.ack(&moved);
    bed.send(A, &ack);
    bed.quiet(B2, 100);
    bed.settle_one();
}

/// RFC 5057 §5.1: a 481 would end the dialog, and with it the call that rings.
#[test]
fn requests_within_an_early_dialog_do_not_end_it() {
    let mut bed = Bed::new();
    let (mut a, mut b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    let first = a.invite.clone();
    a.learn(&ringing);
    for (method, status) in [("OPTIONS", 200), ("UPDATE", 200), ("PRACK", 400)] {
        for (from, party) in [(A, &mut a), (B1, &mut b)] {
            let request = party.request(method);
            bed.send(from, &request);
            bed.expect(from, &format!("{status} {method}"));
        }
    }
    a.invite = first;
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 3261 §21.4: a status that names what would be right does so; one about our own request is none of the caller's.
#[test]
fn a_refusal_says_all_that_its_status_promises() {
    for (status, heard, header) in [
        (405, 405, Some("Allow")),
        (415, 415, Some("Accept")),
        (420, 503, None),
        (421, 503, None),
        (422, 503, None),
        (423, 503, None),
    ] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, status, None));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, &format!("{heard} INVITE"));
        assert!(header.is_none_or(|name| refusal.get(name).is_some()), "{status}");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        assert_eq!(bed.settle_one().attempts[0].sip, status);
    }
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut odd = a.invite(None).with("Content-Type", "text/plain");
    odd.body = "hello".into();
    bed.send(A, &odd);
    let refusal = bed.expect(A, "415 INVITE");
    assert_eq!(refusal.need("Accept"), "application/sdp");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 100);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
