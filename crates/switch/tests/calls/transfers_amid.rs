//! Transfers amid everything else: what is under way while they are, what crosses them, and who goes in circles.

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

const TO_B2: (&str, &str) = ("", "[[number]]\nmatch = \"200\"\nto = \"b2\"");

fn bed() -> Bed {
    let mut bed = Bed::changed(&[TO_B2, ("name = \"b2\"", "transfer = \"accept\"")]);
    // It is what a transfer is for: they meet.
    bed.world.audit.hidden.clear();
    bed
}

fn refer(bed: &mut Bed, from: &str, party: &mut Party, to: &str) -> Sip {
    let contact = format!("<sip:{from}>");
    let refer = party
        .request("REFER")
        .with("Contact", contact)
        .with("Refer-To", to);
    bed.send(from, &refer);
    refer
}

/// A transfer to B2 that has begun: its INVITE there.
fn begun(bed: &mut Bed, a: &mut Party) -> (Party, Sip) {
    refer(bed, A, a, "<sip:200@127.0.0.1>");
    bed.expect(A, "202 REFER");
    bed.serve(A, a, "NOTIFY", 200);
    let invite = bed.expect(B2, "INVITE");
    (bed.callee(B2, &invite), invite)
}

/// Its end from B1's side.
fn ends(bed: &mut Bed, b: &mut Party, c: &Party) {
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    bed.settle_one();
}

/// The transferor's BYE crosses ours: it is answered, and nothing of it reaches the others.
#[test]
fn both_hang_up_at_once() {
    let mut bed = bed();
    let (mut a, mut b) = bed.connect();
    let (c, invite) = begun(&mut bed, &mut a);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.serve(A, &a, "NOTIFY", 200);
    let ours = bed.expect(A, "BYE");
    let theirs = a.request("BYE");
    bed.send(A, &theirs);
    bed.expect(A, "200 BYE");
    bed.send(A, &a.reply(&ours, 200, None));
    bed.quiet(B1, 100);
    ends(&mut bed, &mut b, &c);
}

/// The transferor's hold is on its way to the transferee when the target answers: its answer is thanked for, and the transferee is told what
/// holds now.
#[test]
fn an_offer_of_the_transferors_is_under_way() {
    let mut bed = bed();
    let (mut a, mut b) = bed.connect();
    let (c, invite) = begun(&mut bed, &mut a);
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let held = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&held, 100, None));
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    let mut titles = Vec::new();
    for _ in 0..3 {
        let (_, sip) = bed.next(A);
        match sip.title().as_str() {
            "487 INVITE" => {
                let ack = a.ack(&sip);
                bed.send(A, &ack);
            }
            _ => bed.send(A, &a.reply(&sip, 200, None)),
        }
        titles.push(sip.title());
    }
    titles.sort_unstable();
    assert_eq!(titles, ["487 INVITE", "BYE", "NOTIFY"]);
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(B1, &b.reply(&cancel, 481, None));
    let mut other = Bed::carrier_end(B1);
    other.version += 1;
    bed.send(
        B1,
        &b.reply(&held, 200, Some(&other.answer(held.sdp().unwrap(), "recvonly"))),
    );
    bed.expect(B1, "ACK");
    let again = bed.expect(B1, "INVITE");
    assert_eq!(sdp::live(again.sdp().unwrap()).direction(), "sendrecv");
    other.version += 1;
    bed.send(
        B1,
        &b.reply(&again, 200, Some(&other.answer(again.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(B1, "ACK");
    bed.wait(100);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.may_send && leg.expects)
    );
    ends(&mut bed, &mut b, &c);
}

/// The transferee offers, asks and presses keys while nobody is there: it has to wait, and is not hung up for it.
#[test]
fn a_transferee_that_does_not_sit_still() {
    let mut bed = bed();
    let (mut a, mut b) = bed.connect();
    let (c, invite) = begun(&mut bed, &mut a);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    let mut end = Bed::carrier_end(B1);
    end.version += 1;
    let hold = b.invite(Some(&end.offer("sendonly")));
    bed.send(B1, &hold);
    let refusal = bed.expect(B1, "491 INVITE");
    let ack = b.ack(&refusal);
    bed.send(B1, &ack);
    let info = b.request("INFO").with("Content-Type", "text/plain");
    bed.send(B1, &info);
    bed.expect(B1, "500 INFO");
    let again = b.request("REFER").with("Refer-To", "<sip:200@127.0.0.1>");
    bed.send(B1, &again);
    bed.expect(B1, "603 REFER");
    bed.quiet(A, 50);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    end.version += 1;
    let hold = b.invite(Some(&end.offer("sendonly")));
    bed.send(B1, &hold);
    let got = bed.expect(B2, "INVITE");
    assert_eq!(sdp::live(got.sdp().unwrap()).direction(), "sendonly");
    let mut other = Bed::carrier_end(B2);
    other.version += 1;
    bed.send(
        B2,
        &c.reply(&got, 200, Some(&other.answer(got.sdp().unwrap(), "recvonly"))),
    );
    bed.expect(B2, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(50);
    ends(&mut bed, &mut b, &c);
}

/// One transfer at a time; the target may transfer in its turn, and who goes in a circle is stopped.
#[test]
fn in_circles() {
    let mut bed = bed();
    let (mut a, mut b) = bed.connect();
    let (mut c, mut invite) = begun(&mut bed, &mut a);
    refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>");
    bed.expect(A, "500 REFER");
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.serve(A, &a, "NOTIFY", 200);
    bed.serve(A, &a, "BYE", 200);
    for n in 2..=17 {
        c.refresh(&invite);
        refer(&mut bed, B2, &mut c, "<sip:200@127.0.0.1>");
        if n == 17 {
            bed.expect(B2, "603 REFER");
            break;
        }
        bed.expect(B2, "202 REFER");
        let notify = bed.serve(B2, &c, "NOTIFY", 200);
        assert!(
            notify.need("Event").starts_with("refer;id="),
            "{}",
            notify.need("Event")
        );
        invite = bed.expect(B2, "INVITE");
        let next = bed.callee(B2, &invite);
        bed.send(B2, &Bed::answer_of(B2, &next, &invite));
        bed.expect(B2, "ACK");
        bed.serve(B2, &c, "NOTIFY", 200);
        bed.serve(B2, &c, "BYE", 200);
        c = next;
    }
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    let record = bed.settle_one();
    assert_eq!(record.transfers.len(), 16);
    assert_eq!(
        (record.from_trunk.as_str(), record.to_trunk.as_deref()),
        ("pbx", Some("b1"))
    );
}

/// The process dies in a call that was transferred: the next one hangs up who is in it now.
#[test]
fn over_a_crash() {
    let mut bed = bed();
    let (mut a, b) = bed.connect();
    let (c, invite) = begun(&mut bed, &mut a);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.serve(A, &a, "NOTIFY", 200);
    bed.serve(A, &a, "BYE", 200);
    bed.wait(1_000);
    bed.world.crash();
    bed.world.restart();
    bed.serve(B1, &b, "BYE", 200);
    bed.serve(B2, &c, "BYE", 200);
    bed.quiet(A, 100);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "restart");
}

/// The transferee moves while the target rings: its media goes where it is now, and what it is told next is newer than what it was told last.
#[test]
fn a_transferee_that_moves() {
    let mut bed = bed();
    let (mut a, mut b) = bed.connect();
    let (c, invite) = begun(&mut bed, &mut a);
    let mut end = Bed::carrier_end(B1);
    end.version += 1;
    end.rtp.set_port(30_040);
    let moves = b.invite(Some(&end.offer("sendrecv")));
    bed.send(B1, &moves);
    let got = bed.expect(A, "INVITE");
    bed.send(A, &Bed::answer_of(A, &a, &got));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.serve(A, &a, "NOTIFY", 200);
    bed.serve(A, &a, "BYE", 200);
    let again = bed.expect(B1, "INVITE");
    let version = |sip: &Sip| -> u64 {
        let line = sip.body.lines().find(|line| line.starts_with("o=")).unwrap();
        line.split(' ').nth(2).unwrap().parse().unwrap()
    };
    assert!(version(&again) > version(&ok));
    bed.send(
        B1,
        &b.reply(&again, 200, Some(&end.answer(again.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(B1, "ACK");
    bed.wait(50);
    let legs = bed.world.media.legs();
    let remotes: Vec<String> = legs
        .iter()
        .map(|leg| leg.remote.unwrap().rtp.to_string())
        .collect();
    assert_eq!(remotes, ["127.0.0.21:31000", "127.0.0.20:30040"]);
    ends(&mut bed, &mut b, &c);
}
