//! Carriers that want credentials (RFC 3261 §22).

use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, is_answered};

const AUTH: (&str, &str) = (
    "name = \"b1\"",
    "auth = { username = \"tandem\", password = \"secret\" }",
);

fn challenge(party: &Party, request: &Sip, nonce: u32) -> Sip {
    let value = format!("Digest realm=\"carrier\", nonce=\"n{nonce}\", qop=\"auth\", algorithm=MD5");
    party.reply(request, 407, None).with("Proxy-Authenticate", value)
}

fn check(request: &Sip) {
    let value = request.need("Proxy-Authorization");
    assert!(
        is_answered(value, request.method(), "tandem", "secret"),
        "{value}"
    );
}

/// RG-06.
#[test]
fn invite_reinvite_and_bye_are_challenged_and_the_caller_never_knows() {
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, first_b, at_b) = bed.dial();
    assert_eq!(at_b.cseq().0, 1);
    bed.send(B1, &challenge(&first_b, &at_b, 1));
    assert_eq!(bed.expect(B1, "ACK").cseq().0, 1);
    let at_b = bed.expect(B1, "INVITE");
    check(&at_b);
    assert_eq!((at_b.cseq().0, at_b.to_tag()), (2, None));
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    assert_eq!(bed.expect(B1, "ACK").cseq().0, 2);
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);

    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let reinvite = bed.expect(B1, "INVITE");
    assert_eq!(reinvite.cseq().0, 3);
    bed.send(B1, &challenge(&b, &reinvite, 2));
    assert_eq!(bed.expect(B1, "ACK").cseq().0, 3);
    let reinvite = bed.expect(B1, "INVITE");
    assert_eq!(reinvite.cseq().0, 4);
    check(&reinvite);
    bed.send(B1, &Bed::answer_of(B1, &b, &reinvite));
    assert_eq!(bed.expect(B1, "ACK").cseq().0, 4);
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);

    bed.wait(10);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    let at_b = bed.expect(B1, "BYE");
    assert_eq!(at_b.cseq().0, 5);
    bed.send(B1, &challenge(&b, &at_b, 3));
    bed.expect_within(A, "200 BYE", 1000);
    let at_b = bed.serve(B1, &b, "BYE", 200);
    assert_eq!(at_b.cseq().0, 6);
    check(&at_b);
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

#[test]
fn wrong_credentials_are_not_tried_for_ever() {
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, b, mut at_b) = bed.dial();
    for nonce in 1..=2 {
        bed.send(B1, &challenge(&b, &at_b, nonce));
        bed.expect(B1, "ACK");
        if nonce == 1 {
            at_b = bed.expect(B1, "INVITE");
        }
    }
    bed.quiet(B1, 100);
    let at_b2 = bed.expect(testkit::bed::B2, "INVITE");
    let b2 = bed.callee(testkit::bed::B2, &at_b2);
    bed.send(testkit::bed::B2, &b2.reply(&at_b2, 486, None));
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let record = bed.settle_one();
    assert_eq!(record.attempts[0].sip, 407);
}

#[test]
fn a_challenge_without_credentials_is_the_next_carriers_chance() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &challenge(&b, &at_b, 1));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(testkit::bed::B2, "INVITE");
    let b2 = bed.callee(testkit::bed::B2, &at_b2);
    bed.send(testkit::bed::B2, &b2.reply(&at_b2, 503, None));
    let refusal = bed.expect(A, "503 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

#[test]
fn caller_gives_up_between_challenge_and_answer() {
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, first, at_b) = bed.dial();
    bed.send(B1, &challenge(&first, &at_b, 1));
    bed.expect(B1, "ACK");
    let at_b = bed.expect(B1, "INVITE");
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 100);
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    let cancel = bed.serve(B1, &b, "CANCEL", 200);
    assert_eq!((cancel.branch(), cancel.cseq().0), (at_b.branch(), 2));
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    bed.settle_one();
}

#[test]
fn the_caller_hears_200_to_its_bye_even_if_the_carrier_never_believes_us() {
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, b) = bed.connect();
    let bye = a.request("BYE");
    bed.send(A, &bye);
    for nonce in 1..=2 {
        let at_b = bed.expect(B1, "BYE");
        bed.send(B1, &challenge(&b, &at_b, nonce));
    }
    bed.expect_within(A, "200 BYE", 1000);
    bed.quiet(B1, 1000);
    bed.settle_one();
}

/// RFC 3261 §13.2.2.4, §22.1: nobody can challenge an ACK.
#[test]
fn an_ack_carries_the_credentials_of_its_invite() {
    const HEADER: &str = "Proxy-Authorization";
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, first, at_b) = bed.dial();
    bed.send(B1, &challenge(&first, &at_b, 1));
    assert_eq!(bed.expect(B1, "ACK").get(HEADER), None);
    let at_b = bed.expect(B1, "INVITE");
    check(&at_b);
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    assert_eq!(bed.expect(B1, "ACK").get(HEADER), at_b.get(HEADER));
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    let mut end = Bed::caller_end();
    for status in [200, 488] {
        end.version += 1;
        let hold = a.invite(Some(&end.offer("sendonly")));
        bed.send(A, &hold);
        let plain = bed.expect(B1, "INVITE");
        bed.send(B1, &challenge(&b, &plain, 2));
        assert_eq!(bed.expect(B1, "ACK").get(HEADER), None);
        let again = bed.expect(B1, "INVITE");
        check(&again);
        let answer = match status {
            200 => Bed::answer_of(B1, &b, &again),
            _ => b.reply(&again, status, None),
        };
        bed.send(B1, &answer);
        assert_eq!(bed.expect(B1, "ACK").get(HEADER), again.get(HEADER), "{status}");
        let (_, heard) = bed.next(A);
        assert_eq!(heard.status(), status);
        let ack = a.ack(&heard);
        bed.send(A, &ack);
        bed.wait(10);
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn a_challenged_info_is_sent_again_and_its_sender_never_knows() {
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, b) = bed.connect();
    let mut info = a.request("INFO").with("Content-Type", "application/dtmf-relay");
    info.body = "Signal=5\r\nDuration=160\r\n".into();
    bed.send(A, &info);
    let plain = bed.expect(B1, "INFO");
    bed.send(B1, &challenge(&b, &plain, 1));
    let again = bed.serve(B1, &b, "INFO", 200);
    check(&again);
    assert_eq!((&again.body, again.cseq().0), (&info.body, plain.cseq().0 + 1));
    bed.expect(A, "200 INFO");
    // Credentials that are wrong are not tried for ever.
    let info = a.request("INFO");
    bed.send(A, &info);
    for nonce in 2..=3 {
        let asked = bed.expect(B1, "INFO");
        bed.send(B1, &challenge(&b, &asked, nonce));
    }
    bed.expect(A, "503 INFO");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 3261 §22.3: whoever is asked by a proxy and by the server behind it answers both at once.
#[test]
fn a_proxy_and_the_server_behind_it_are_both_answered() {
    let both = |request: &Sip| {
        let method = request.method();
        [request.get("Proxy-Authorization"), request.get("Authorization")]
            .map(|value| value.is_some_and(|value| is_answered(value, method, "tandem", "secret")))
    };
    let mut bed = Bed::changed(&[AUTH]);
    let (mut a, asked, mut at_b) = bed.dial();
    for status in [407, 401] {
        let refusal = match status {
            407 => challenge(&asked, &at_b, 1),
            _ => asked.reply(&at_b, status, None).with(
                "WWW-Authenticate",
                "Digest realm=\"server\", nonce=\"s1\", qop=\"auth\", algorithm=MD5",
            ),
        };
        bed.send(B1, &refusal);
        bed.expect(B1, "ACK");
        at_b = bed.expect(B1, "INVITE");
    }
    assert_eq!(both(&at_b), [true, true], "{}", at_b.write());
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.wait(1000);
    // The next call's INVITE spares both of them their question.
    let (mut a, b, at_b) = bed.dial();
    assert_eq!(both(&at_b), [true, true], "{}", at_b.write());
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle().len(), 2);
}
