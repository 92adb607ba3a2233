//! Transfers (RFC 3515, RFC 5589, RFC 3891): who is connected to whom, who hears of it, and that no leg is left behind.

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

pub(super) const TO_B2: (&str, &str) = ("", "[[number]]\nmatch = \"200\"\nto = \"b2\"");

pub(super) fn bed(more: &[(&str, &str)]) -> Bed {
    let changes: Vec<(&str, &str)> = more.iter().copied().chain([TO_B2]).collect();
    let mut bed = Bed::changed(&changes);
    // It is what a transfer is for: they meet.
    bed.world.audit.hidden.clear();
    bed
}

pub(super) fn refer(bed: &mut Bed, from: &str, party: &mut Party, to: &str, more: &[(&str, &str)]) -> Sip {
    let contact = format!("<sip:{from}>");
    let refer = party
        .request("REFER")
        .with("Contact", contact)
        .with("Refer-To", to);
    let refer = more
        .iter()
        .fold(refer, |sip, (name, value)| sip.with(name, *value));
    bed.send(from, &refer);
    refer
}

/// The transferor is told so, and says that it has heard.
pub(super) fn told(bed: &mut Bed, at: &str, party: &Party, status: &str, last: bool) -> Sip {
    let notify = bed.serve(at, party, "NOTIFY", 200);
    assert!(notify.need("Event").starts_with("refer"));
    assert_eq!(notify.need("Content-Type"), "message/sipfrag;version=2.0");
    assert!(
        notify.body.starts_with(&format!("SIP/2.0 {status} ")),
        "{}",
        notify.body
    );
    let state = notify.need("Subscription-State");
    assert_eq!(state.starts_with("terminated"), last, "{state}");
    notify
}

/// B2 answers the INVITE that has come to it.
pub(super) fn target(bed: &mut Bed) -> (Party, Sip) {
    let invite = bed.expect(B2, "INVITE");
    let party = bed.callee(B2, &invite);
    (party, invite)
}

/// SM-18: the transferor leaves at once, the others talk.
#[test]
fn the_transferor_may_leave_before_the_target_answers() {
    let mut bed = bed(&[]);
    let (mut a, b) = bed.connect();
    refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
    assert!(bed.expect(A, "202 REFER").contact().is_some());
    told(&mut bed, A, &a, "100", false);
    let (c, invite) = target(&mut bed);
    assert!(invite.sdp().is_some() && invite.uri().starts_with("sip:200@"));
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    bed.quiet(B1, 100);
    bed.send(B2, &c.reply(&invite, 180, None));
    bed.wait(1_000);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.quiet(B1, 100);
    let legs = bed.world.media.legs();
    let remotes: Vec<String> = legs
        .iter()
        .map(|leg| leg.remote.unwrap().rtp.to_string())
        .collect();
    assert_eq!(remotes, ["127.0.0.21:31000", "127.0.0.20:30000"]);
    assert!(legs.iter().all(|leg| leg.may_send && leg.expects));
    let mut c = c;
    c.learn(&invite);
    c.refresh(&invite);
    let bye = c.request("BYE");
    bed.send(B2, &bye);
    bed.serve(B1, &b, "BYE", 200);
    bed.expect(B2, "200 BYE");
    bed.quiet(A, 100);
    let record = bed.settle_one();
    assert_eq!(record.from_trunk, "pbx");
    let said = record
        .decision
        .iter()
        .any(|line| line.contains("transfer by the caller to 200: answered"));
    assert!(said, "{:?}", record.decision);
    let transfer = &record.transfers[0];
    assert_eq!((transfer.to.as_str(), transfer.trunk.as_str()), ("200", "pbx"));
    assert_eq!((transfer.outcome.as_str(), transfer.sip), ("answered", 200));
    assert_eq!(transfer.call_id, invite.call_id());
    assert_eq!(transfer.attempts[0].trunk, "b2");
}

/// The transferor waits, hears how it goes, and is hung up. Either side may ask; a held party is taken off hold.
#[test]
fn the_transferor_hears_how_it_goes() {
    for by_a in [true, false] {
        let mut bed = bed(&[("name = \"b1\"", "transfer = \"accept\"")]);
        if !by_a {
            // A carrier's calls go where numbers say.
            bed = bed_for_carriers();
        }
        let (mut a, mut b) = bed.connect();
        let ends = [Bed::caller_end(), Bed::carrier_end(B1)];
        let (from, to) = if by_a { (A, B1) } else { (B1, A) };
        let mut end = if by_a { ends[0].clone() } else { ends[1].clone() };
        end.version += 1;
        {
            let (x, y) = if by_a { (&mut a, &mut b) } else { (&mut b, &mut a) };
            let hold = x.invite(Some(&end.offer("sendonly")));
            bed.send(from, &hold);
            let got = bed.expect(to, "INVITE");
            let other = if by_a { &ends[1] } else { &ends[0] };
            let mut other = other.clone();
            other.version += 1;
            let answer = other.answer(got.sdp().unwrap(), "recvonly");
            bed.send(to, &y.reply(&got, 200, Some(&answer)));
            bed.expect(to, "ACK");
            let ok = bed.expect(from, "200 INVITE");
            let ack = x.ack(&ok);
            bed.send(from, &ack);
            bed.wait(20);
        }
        let (x, y) = if by_a { (&mut a, &mut b) } else { (&mut b, &mut a) };
        refer(&mut bed, from, x, "<sip:200@127.0.0.1>", &[]);
        bed.expect(from, "202 REFER");
        told(&mut bed, from, x, "100", false);
        let (c, invite) = target(&mut bed);
        assert_eq!(sdp::live(invite.sdp().unwrap()).direction(), "sendrecv");
        bed.send(B2, &c.reply(&invite, 180, None));
        told(&mut bed, from, x, "180", false);
        bed.send(B2, &Bed::answer_of(B2, &c, &invite));
        bed.expect(B2, "ACK");
        told(&mut bed, from, x, "200", true);
        bed.serve(from, x, "BYE", 200);
        let resumed = bed.expect(to, "INVITE");
        assert_eq!(sdp::live(resumed.sdp().unwrap()).direction(), "sendrecv");
        let mut other = if by_a { ends[1].clone() } else { ends[0].clone() };
        other.version += 2;
        let answer = other.answer(resumed.sdp().unwrap(), "sendrecv");
        bed.send(to, &y.reply(&resumed, 200, Some(&answer)));
        bed.expect(to, "ACK");
        bed.wait(20);
        assert!(
            bed.world
                .media
                .legs()
                .iter()
                .all(|leg| leg.may_send && leg.expects)
        );
        let bye = y.request("BYE");
        bed.send(to, &bye);
        bed.serve(B2, &c, "BYE", 200);
        bed.expect(to, "200 BYE");
        bed.settle_one();
    }
}

fn bed_for_carriers() -> Bed {
    bed(&[("name = \"b1\"", "transfer = \"accept\"")])
}

/// The target refuses: the transferor, if it is there, has its party back; if it is not, the call ends.
#[test]
fn a_target_that_refuses() {
    for leaves in [false, true] {
        let mut bed = bed(&[]);
        let (mut a, b) = bed.connect();
        refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
        bed.expect(A, "202 REFER");
        told(&mut bed, A, &a, "100", false);
        let (c, invite) = target(&mut bed);
        if leaves {
            let bye = a.request("BYE");
            bed.send(A, &bye);
            bed.expect(A, "200 BYE");
        }
        bed.send(B2, &c.reply(&invite, 486, None));
        bed.expect(B2, "ACK");
        if leaves {
            let bye = bed.serve(B1, &b, "BYE", 200);
            assert!(bye.need("Reason").contains("transfer-failed"));
        } else {
            told(&mut bed, A, &a, "486", true);
            bed.quiet(B1, 100);
            bed.hang_up(&mut a, &b);
        }
        let record = bed.settle_one();
        let kind = if leaves { "transfer-failed" } else { "normal" };
        assert_eq!(record.cause.kind, kind);
    }
}

/// The transferee hangs up while the target rings.
#[test]
fn the_transferee_leaves() {
    for gone in [false, true] {
        let mut bed = bed(&[]);
        let (mut a, mut b) = bed.connect();
        refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
        bed.expect(A, "202 REFER");
        told(&mut bed, A, &a, "100", false);
        let (c, invite) = target(&mut bed);
        bed.send(B2, &c.reply(&invite, 180, None));
        told(&mut bed, A, &a, "180", false);
        if gone {
            let bye = a.request("BYE");
            bed.send(A, &bye);
            bed.expect(A, "200 BYE");
        }
        let bye = b.request("BYE");
        bed.send(B1, &bye);
        if !gone {
            told(&mut bed, A, &a, "487", true);
            bed.serve(A, &a, "BYE", 200);
        }
        let cancel = bed.expect(B2, "CANCEL");
        bed.send(B2, &c.reply(&cancel, 200, None));
        bed.send(B2, &c.reply(&invite, 487, None));
        bed.expect(B2, "ACK");
        bed.expect(B1, "200 BYE");
        bed.settle_one();
    }
}

#[test]
fn whom_nobody_can_call() {
    let mut bed = bed(&[
        ("name = \"b1\"", "max_calls = 1"),
        ("name = \"b2\"", "enabled = false"),
    ]);
    let (mut a, b) = bed.connect();
    for to in [
        "<mailto:x@y>",
        "<sip:127.0.0.1>",
        "<sip:200@x;method=BYE>",
        "nobody",
        "<sip:1@x>, <sip:2@x>",
    ] {
        refer(&mut bed, A, &mut a, to, &[]);
        bed.expect(A, "400 REFER");
    }
    // The trunk for this number is out of service, and the other one is full.
    refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
    bed.expect(A, "503 REFER");
    refer(&mut bed, A, &mut a, "<sip:300@127.0.0.1>", &[]);
    bed.expect(A, "202 REFER");
    told(&mut bed, A, &a, "100", false);
    let (_, notify) = bed.next(A);
    assert!(notify.need("Subscription-State").starts_with("terminated"));
    bed.send(A, &a.reply(&notify, 200, None));
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// What the trunk could not call, it can't transfer to: a carrier's calls don't pass to carriers, and who presents a number that it may
/// not is refused.
#[test]
fn refused_as_a_call_would_be() {
    let mut bed = bed(&[("name = \"b1\"", "transfer = \"accept\"")]);
    let (mut a, mut b) = bed.connect();
    refer(&mut bed, B1, &mut b, "<sip:+44999@127.0.0.1>", &[]);
    bed.expect(B1, "404 REFER");
    bed.quiet(B2, 100);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert!(
        record
            .decision
            .iter()
            .any(|line| line.contains("no transfer to +44999: 404"))
    );
    assert!(record.transfers.is_empty());
}

/// RFC 4488: it does not want to hear of it.
#[test]
fn a_transferor_that_wants_no_notifications_gets_none() {
    let mut bed = bed(&[]);
    let (mut a, b) = bed.connect();
    let quiet = [("Refer-Sub", "false"), ("Require", "norefersub")];
    refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &quiet);
    assert_eq!(bed.expect(A, "202 REFER").need("Refer-Sub"), "false");
    let (c, invite) = target(&mut bed);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.serve(A, &a, "BYE", 200);
    let mut b = b;
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    bed.settle_one();
}

/// A carrier's is refused unless its trunk says otherwise; outside of a dialog everybody's is.
#[test]
fn refused_where_it_is_not_wanted() {
    let mut bed = bed(&[("name = \"pbx\"", "transfer = \"refuse\"")]);
    let (mut a, mut b) = bed.connect();
    for (at, party) in [(A, &mut a), (B1, &mut b)] {
        refer(&mut bed, at, party, "<sip:200@127.0.0.1>", &[]);
        bed.expect(at, "603 REFER");
    }
    bed.quiet(A, 100);
    bed.quiet(B1, 100);
    bed.hang_up(&mut a, &b);
    let mut other = bed.caller("200");
    refer(&mut bed, A, &mut other, "<sip:200@127.0.0.1>", &[]);
    bed.expect(A, "603 REFER");
    bed.settle_one();
}

/// It crosses, with the number at our address, and so do its notifications.
#[test]
fn forwarded_it_crosses_both_ways() {
    let mut bed = Bed::changed(&[("name = \"pbx\"", "transfer = \"forward\"")]);
    let (mut a, mut b) = bed.connect();
    let by = [("Referred-By", "<sip:x@127.0.0.10>")];
    refer(&mut bed, A, &mut a, "<sip:200@127.0.0.10>", &by);
    let got = bed.expect(B1, "REFER");
    assert_eq!(got.need("Refer-To"), "<sip:200@127.0.0.1:5060>");
    bed.send(B1, &b.reply(&got, 202, None));
    bed.expect(A, "202 REFER");
    let mut notify = b
        .request("NOTIFY")
        .with("Event", "refer")
        .with("Subscription-State", "active")
        .with("Contact", "<sip:127.0.0.20:5080>")
        .with("Content-Type", "message/sipfrag");
    notify.body = "SIP/2.0 180 Ringing\r\nContact: <sip:127.0.0.20>\r\n".into();
    bed.send(B1, &notify);
    let got = bed.serve(A, &a, "NOTIFY", 200);
    assert_eq!(got.body, "SIP/2.0 180 Ringing\r\n");
    bed.expect(B1, "200 NOTIFY");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The target hears who is transferred, if its trunk's customer may say so; else the customer's own number.
#[test]
fn whom_the_target_hears_of() {
    for (screening, number) in [
        ("", "+442071838750"),
        (
            "screening = { allowed = [\"+4930111\"], others = \"refuse\" }",
            "+4930111",
        ),
    ] {
        let mut bed = bed(&[("name = \"pbx\"", screening)]);
        let (mut a, mut b) = bed.connect();
        refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
        bed.expect(A, "202 REFER");
        told(&mut bed, A, &a, "100", false);
        let (c, invite) = target(&mut bed);
        assert!(
            invite.need("From").contains(&format!("sip:{number}@")),
            "{}",
            invite.write()
        );
        bed.send(B2, &Bed::answer_of(B2, &c, &invite));
        bed.expect(B2, "ACK");
        told(&mut bed, A, &a, "200", true);
        bed.serve(A, &a, "BYE", 200);
        let bye = b.request("BYE");
        bed.send(B1, &bye);
        bed.serve(B2, &c, "BYE", 200);
        bed.expect(B1, "200 BYE");
        bed.settle_one();
    }
}

/// A peer that does its transfers itself is called back as it wants it, dialog of its own to replace included.
#[test]
fn returned_to_whoever_asks() {
    let mut bed = bed(&[("name = \"b1\"", "transfer = \"return\"")]);
    let (mut a, mut b) = bed.connect();
    let by = [("Referred-By", "<sip:b1.example;x-t=12>")];
    let to = "<sip:b1.example:5061;transport=tls;x-m=8:orgid:7?Replaces=1%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>";
    refer(&mut bed, B1, &mut b, to, &by);
    bed.expect(B1, "202 REFER");
    told(&mut bed, B1, &b, "100", false);
    let invite = bed.expect(B1, "INVITE");
    assert_eq!(invite.uri(), "sip:b1.example:5061;transport=tls;x-m=8:orgid:7");
    assert_eq!(invite.need("Replaces"), "1@x;to-tag=1;from-tag=2");
    assert_eq!(invite.need("Referred-By"), by[0].1);
    let c = bed.callee(B1, &invite);
    bed.send(B1, &Bed::answer_of(B1, &c, &invite));
    bed.expect(B1, "ACK");
    told(&mut bed, B1, &b, "200", true);
    bed.serve(B1, &b, "BYE", 200);
    bed.hang_up(&mut a, &c);
    assert_eq!(bed.settle_one().transfers[0].outcome, "answered");
}
