//! REFERs that cross: what each side hears of them is about the request that it has sent or got itself (RFC 3515 §2.4.6).

use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, is_answered};

use super::transfers::{self, refer};

const TO: &str = "<sip:200@127.0.0.10>";

fn bed(more: &[(&str, &str)]) -> Bed {
    let forward = [
        ("name = \"pbx\"", "transfer = \"forward\""),
        ("name = \"b1\"", "transfer = \"forward\""),
    ];
    let changes: Vec<_> = forward.into_iter().chain(more.iter().copied()).collect();
    transfers::bed(&changes)
}

/// A call whose sides number their requests unlike us.
fn connect(bed: &mut Bed) -> (Party, Party) {
    let (mut a, mut b) = bed.connect();
    a.cseq += 100;
    b.cseq += 200;
    (a, b)
}

/// A's REFER as it comes to B1, who takes it, and A's own.
fn referred(bed: &mut Bed, a: &mut Party, b: &Party) -> (Sip, Sip) {
    let sent = refer(bed, A, a, TO, &[]);
    let got = bed.expect(B1, "REFER");
    assert_ne!(sent.cseq().0, got.cseq().0);
    bed.send(B1, &b.reply(&got, 202, None));
    assert!(bed.expect(A, "202 REFER").contact().is_some());
    (sent, got)
}

fn notify(bed: &mut Bed, at: &str, party: &mut Party, event: &str, state: &str) {
    let mut notify = party
        .request("NOTIFY")
        .with("Event", event)
        .with("Subscription-State", state)
        .with("Contact", format!("<sip:{at}>"))
        .with("Content-Type", "message/sipfrag");
    notify.body = "SIP/2.0 180 Ringing\r\n".into();
    bed.send(at, &notify);
}

/// B1 says so, and A hears it about this.
fn heard(bed: &mut Bed, (a, b): (&Party, &mut Party), (event, state): (&str, &str), about: &str) {
    notify(bed, B1, b, event, state);
    let got = bed.serve(A, a, "NOTIFY", 200);
    assert_eq!(
        (got.need("Event"), got.need("Subscription-State")),
        (about, state)
    );
    bed.expect(B1, "200 NOTIFY");
}

/// B1 says so, and it is about nothing.
fn unheard(bed: &mut Bed, b: &mut Party, event: &str) {
    notify(bed, B1, b, event, "active");
    bed.expect(B1, "481 NOTIFY");
    bed.quiet(A, 100);
}

const ACTIVE: &str = "active;expires=60";
const OVER: &str = "terminated;reason=noresource";

#[test]
fn each_side_hears_its_own_number() {
    let mut bed = bed(&[]);
    let (mut a, mut b) = connect(&mut bed);
    unheard(&mut bed, &mut b, "refer");
    let (sent, got) = referred(&mut bed, &mut a, &b);
    heard(&mut bed, (&a, &mut b), ("refer", ACTIVE), "refer");
    let (theirs, ours) = (sent.cseq().0, got.cseq().0);
    let first = (format!("refer;id={ours}"), format!("refer;id={theirs}"));
    let (sent, got) = referred(&mut bed, &mut a, &b);
    let (theirs, ours) = (sent.cseq().0, got.cseq().0);
    let second = (format!("Refer ; Id = {ours}"), format!("refer;id={theirs}"));
    heard(&mut bed, (&a, &mut b), (&second.0, ACTIVE), &second.1);
    heard(&mut bed, (&a, &mut b), (&first.0, ACTIVE), &first.1);
    heard(&mut bed, (&a, &mut b), (&first.0, OVER), &first.1);
    for event in [&first.0, &first.1, "refer;id=x"] {
        unheard(&mut bed, &mut b, event);
    }
    // Whoever never says which: there is one only.
    heard(&mut bed, (&a, &mut b), ("refer", ACTIVE), &second.1);
    // A does not want to hear of it any more.
    notify(&mut bed, B1, &mut b, &second.0, ACTIVE);
    bed.serve(A, &a, "NOTIFY", 481);
    bed.expect(B1, "481 NOTIFY");
    unheard(&mut bed, &mut b, &second.0);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Both sides may ask, and their numbers may be the same.
#[test]
fn both_sides_ask() {
    let mut bed = bed(&[]);
    let (mut a, mut b) = connect(&mut bed);
    let (_, at_b) = referred(&mut bed, &mut a, &b);
    let sent = refer(&mut bed, B1, &mut b, "<sip:200@127.0.0.20>", &[]);
    let at_a = bed.expect(A, "REFER");
    bed.send(A, &a.reply(&at_a, 200, None));
    assert!(bed.expect(B1, "200 REFER").contact().is_some());
    let event = format!("refer;id={}", at_a.cseq().0);
    notify(&mut bed, A, &mut a, &event, OVER);
    let got = bed.serve(B1, &b, "NOTIFY", 200);
    assert_eq!(got.need("Event"), format!("refer;id={}", sent.cseq().0));
    bed.expect(A, "200 NOTIFY");
    let event = format!("refer;id={}", at_b.cseq().0);
    let about = format!("refer;id={}", a_first(&a));
    heard(&mut bed, (&a, &mut b), (&event, OVER), &about);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The number of A's only REFER: its NOTIFY came after it.
fn a_first(a: &Party) -> u32 {
    a.cseq - 1
}

/// RFC 3261 §22.2: met, a challenge makes another number of it, and a NOTIFY may be challenged, too.
#[test]
fn challenged_it_goes_by_its_last_number() {
    let auth = "auth = { username = \"tandem\", password = \"secret\" }";
    let mut bed = bed(&[("name = \"b1\"", auth)]);
    let challenge = |bed: &mut Bed, b: &Party, title: &str| {
        let first = bed.expect(B1, title);
        let value = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5";
        let refusal = b.reply(&first, 407, None).with("Proxy-Authenticate", value);
        bed.send(B1, &refusal);
        let again = bed.expect(B1, title);
        let answer = again.need("Proxy-Authorization");
        assert!(is_answered(answer, title, "tandem", "secret"), "{answer}");
        assert!(again.cseq().0 > first.cseq().0);
        again
    };
    let (mut a, mut b) = connect(&mut bed);
    referred(&mut bed, &mut a, &b);
    let sent = refer(&mut bed, A, &mut a, TO, &[]);
    let got = challenge(&mut bed, &b, "REFER");
    bed.send(B1, &b.reply(&got, 202, None));
    bed.expect(A, "202 REFER");
    unheard(&mut bed, &mut b, &format!("refer;id={}", got.cseq().0 - 1));
    let event = format!("refer;id={}", got.cseq().0);
    let about = format!("refer;id={}", sent.cseq().0);
    heard(&mut bed, (&a, &mut b), (&event, OVER), &about);
    let sent = refer(&mut bed, B1, &mut b, TO, &[]);
    let at_a = bed.expect(A, "REFER");
    bed.send(A, &a.reply(&at_a, 202, None));
    bed.expect(B1, "202 REFER");
    notify(&mut bed, A, &mut a, &format!("refer;id={}", at_a.cseq().0), OVER);
    // The nonce is known: it is proved at once, and challenged with another.
    let first = bed.expect(B1, "NOTIFY");
    let value = "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", algorithm=MD5, stale=true";
    bed.send(B1, &b.reply(&first, 407, None).with("Proxy-Authenticate", value));
    let again = bed.serve(B1, &b, "NOTIFY", 200);
    assert_eq!(again.need("Event"), format!("refer;id={}", sent.cseq().0));
    bed.expect(A, "200 NOTIFY");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 4488 §4: what is granted crosses as well, and then nobody is told anything.
#[test]
fn without_a_subscription() {
    let mut bed = bed(&[]);
    let (mut a, mut b) = connect(&mut bed);
    for (granted, status) in [
        (Some("false"), 202),
        (Some("true"), 202),
        (None, 200),
        (None, 603),
    ] {
        refer(&mut bed, A, &mut a, TO, &[("Refer-Sub", "false")]);
        let got = bed.expect(B1, "REFER");
        assert_eq!(got.need("Refer-Sub"), "false");
        let answer = b.reply(&got, status, None);
        let answer = granted
            .iter()
            .fold(answer, |sip, value| sip.with("Refer-Sub", *value));
        bed.send(B1, &answer);
        let answer = bed.expect(A, &format!("{status} REFER"));
        assert_eq!(answer.get("Refer-Sub"), granted);
        let event = format!("refer;id={}", got.cseq().0);
        if granted == Some("false") || status == 603 {
            unheard(&mut bed, &mut b, &event);
        } else {
            let about = format!("refer;id={}", a.cseq);
            heard(&mut bed, (&a, &mut b), (&event, OVER), &about);
        }
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Of subscriptions that nobody ends the last sixteen are known.
#[test]
fn subscriptions_without_end() {
    let mut bed = bed(&[]);
    let (mut a, mut b) = connect(&mut bed);
    let all: Vec<_> = (0..17).map(|_| referred(&mut bed, &mut a, &b)).collect();
    for (i, (sent, got)) in all.iter().enumerate() {
        let event = format!("refer;id={}", got.cseq().0);
        let about = format!("refer;id={}", sent.cseq().0);
        if i == 0 {
            unheard(&mut bed, &mut b, &event);
        } else {
            heard(&mut bed, (&a, &mut b), (&event, ACTIVE), &about);
        }
    }
    // It would cross neither way.
    let refresh = a.request("SUBSCRIBE").with("Event", "refer");
    bed.send(A, &refresh);
    bed.expect(A, "405 SUBSCRIBE");
    bed.quiet(B1, 100);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
