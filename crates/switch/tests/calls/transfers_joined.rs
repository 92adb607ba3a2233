//! Calls that are joined (Replaces, RFC 3891): attended transfers, and INVITEs that take a place.

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, sdp};

use super::transfers::{TO_B2, bed, refer, target, told};

/// A second call of A's, to B2, with A's own dialog of it.
fn consult(bed: &mut Bed) -> (Party, Party) {
    let mut a = bed.caller("200");
    let mut end = Bed::caller_end();
    end.rtp.set_port(20_010);
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let (c, at_c) = target(bed);
    bed.send(B2, &Bed::answer_of(B2, &c, &at_c));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let mut c = c;
    c.refresh(&at_c);
    (a, c)
}

/// RFC 3891: to the far end of the transferor's other call, which ends with it.
#[test]
fn attended_the_two_far_ends_are_connected() {
    let mut bed = bed(&[]);
    let (mut a, mut b) = bed.connect();
    let (a2, c) = consult(&mut bed);
    let replaces = escaped(&dialog_of(&a2));
    refer(
        &mut bed,
        A,
        &mut a,
        &format!("<sip:200@127.0.0.1?Replaces={replaces}>"),
        &[],
    );
    bed.expect(A, "202 REFER");
    let mut titles = Vec::new();
    for _ in 0..4 {
        let (_, sip) = bed.next(A);
        let party = if sip.call_id() == a.call_id { &a } else { &a2 };
        bed.send(A, &party.reply(&sip, 200, None));
        titles.push(sip.title());
    }
    titles.sort_unstable();
    assert_eq!(titles, ["BYE", "BYE", "NOTIFY", "NOTIFY"]);
    let invite = bed.expect(B2, "INVITE");
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    bed.quiet(B1, 200);
    let remotes: Vec<String> = bed
        .world
        .media
        .legs()
        .iter()
        .map(|leg| leg.remote.unwrap().rtp.to_string())
        .collect();
    assert_eq!(remotes, ["127.0.0.21:31000", "127.0.0.20:30000"]);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    let records = bed.settle();
    let kinds: Vec<&str> = records.iter().map(|record| record.cause.kind.as_str()).collect();
    assert_eq!(kinds, ["transferred", "normal"]);
}

/// The dialog of a party as a Replaces header has it.
fn dialog_of(party: &Party) -> String {
    let tag = |value: &str| value.split("tag=").nth(1).unwrap().to_owned();
    let (to, from) = (tag(&party.remote), tag(&party.local));
    format!("{};to-tag={to};from-tag={from}", party.call_id)
}

fn escaped(replaces: &str) -> String {
    replaces
        .replace(';', "%3B")
        .replace('=', "%3D")
        .replace('@', "%40")
}

/// A dialog of ours that is over can't be joined; one of somebody else's the target may know.
#[test]
fn attended_to_a_call_that_is_not_here() {
    let mut bed = bed(&[("name = \"b2\"", "transfer = \"accept\"")]);
    let (mut a, mut b) = bed.connect();
    let gone = "x%3Bto-tag%3Dt00abcdefghijkmnpqrstuv%3Bfrom-tag%3D2";
    refer(
        &mut bed,
        A,
        &mut a,
        &format!("<sip:200@127.0.0.1?Replaces={gone}>"),
        &[],
    );
    bed.expect(A, "202 REFER");
    told(&mut bed, A, &a, "100", false);
    told(&mut bed, A, &a, "481", true);
    let foreign = "<sip:200@127.0.0.1?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&X-Case=7>";
    refer(
        &mut bed,
        A,
        &mut a,
        foreign,
        &[("Referred-By", "<sip:boss@127.0.0.10>")],
    );
    bed.expect(A, "202 REFER");
    told(&mut bed, A, &a, "100", false);
    let (c, invite) = target(&mut bed);
    assert_eq!(invite.need("Replaces"), "x;to-tag=1;from-tag=2");
    assert_eq!(invite.need("Referred-By"), "<sip:boss@127.0.0.1:5060>");
    assert_eq!(
        invite.get("X-Case"),
        None,
        "headers cross where a trunk lets them"
    );
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    told(&mut bed, A, &a, "200", true);
    bed.serve(A, &a, "BYE", 200);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    let record = bed.settle_one();
    let outcomes: Vec<&str> = record.transfers.iter().map(|one| one.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "answered"]);
}

/// The party that is fetched has an offer of its own under way: it is asked again when it may be (RFC 3261 §14.1). The other was on
/// hold, and hears of its new counterpart however often it says 491, session timer or not.
#[test]
fn attended_who_is_busy_is_asked_again() {
    let mut bed = bed(&[("[sip]", "session_timer = { mode = \"off\" }")]);
    let (mut a, b) = bed.connect();
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
    let (a2, mut c) = consult(&mut bed);
    let replaces = escaped(&dialog_of(&a2));
    refer(
        &mut bed,
        A,
        &mut a,
        &format!("<sip:200@127.0.0.1?Replaces={replaces}>"),
        &[],
    );
    bed.expect(A, "202 REFER");
    for _ in 0..4 {
        let (_, sip) = bed.next(A);
        let party = if sip.call_id() == a.call_id { &a } else { &a2 };
        bed.send(A, &party.reply(&sip, 200, None));
    }
    let busy = bed.expect(B2, "INVITE");
    bed.send(B2, &c.reply(&busy, 491, None));
    bed.expect(B2, "ACK");
    let again = bed.expect(B2, "INVITE");
    bed.send(B2, &Bed::answer_of(B2, &c, &again));
    bed.expect(B2, "ACK");
    let busy = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&busy, 491, None));
    bed.expect(B1, "ACK");
    let again = bed.expect(B1, "INVITE");
    assert_eq!(sdp::live(again.sdp().unwrap()).direction(), "sendrecv");
    let mut other = Bed::carrier_end(B1);
    other.version += 2;
    bed.send(
        B1,
        &b.reply(&again, 200, Some(&other.answer(again.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(B1, "ACK");
    bed.wait(50);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.may_send && leg.expects)
    );
    let bye = c.request("BYE");
    bed.send(B2, &bye);
    bed.serve(B1, &b, "BYE", 200);
    bed.expect(B2, "200 BYE");
    assert_eq!(bed.settle().len(), 2);
}

/// Each call keeps the configuration that it began with, and they are joined all the same.
#[test]
fn attended_over_a_reload() {
    let mut bed = bed(&[]);
    let (mut a, mut b) = bed.connect();
    let changed = testkit::bed::config(&[
        TO_B2,
        (
            "[[trunk]]",
            "name = \"new\"\nrole = \"customer\"\nsources = [\"127.0.0.99/32\"]\n[[trunk]]",
        ),
    ]);
    bed.reload(&changed);
    let (a2, c) = consult(&mut bed);
    let replaces = escaped(&dialog_of(&a2));
    refer(
        &mut bed,
        A,
        &mut a,
        &format!("<sip:200@127.0.0.1?Replaces={replaces}>"),
        &[],
    );
    bed.expect(A, "202 REFER");
    for _ in 0..4 {
        let (_, sip) = bed.next(A);
        let party = if sip.call_id() == a.call_id { &a } else { &a2 };
        bed.send(A, &party.reply(&sip, 200, None));
    }
    let invite = bed.expect(B2, "INVITE");
    bed.send(B2, &Bed::answer_of(B2, &c, &invite));
    bed.expect(B2, "ACK");
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    let records = bed.settle();
    assert_eq!(records[1].transfers[0].outcome, "joined");
}

/// Another phone of A's comes for A's place in its call.
fn comes(bed: &mut Bed, replaces: &str) -> Party {
    let mut other = bed.caller("nobody");
    let mut end = Bed::caller_end();
    end.rtp.set_port(20_020);
    let invite = other
        .invite(Some(&end.offer("sendrecv")))
        .with("Replaces", replaces)
        .with("Require", "replaces");
    bed.send(A, &invite);
    other
}

/// RFC 3891: an INVITE takes a party's place. The other side agrees to its session, and it is seated.
#[test]
fn an_invite_takes_a_place() {
    let mut bed = bed(&[]);
    let (a, b) = bed.connect();
    let mut other = comes(&mut bed, &dialog_of(&a));
    let got = bed.expect(B1, "INVITE");
    let mut end = Bed::carrier_end(B1);
    end.version += 1;
    bed.send(
        B1,
        &b.reply(&got, 200, Some(&end.answer(got.sdp().unwrap(), "sendrecv"))),
    );
    bed.expect(B1, "ACK");
    let mut ok = None;
    for _ in 0..2 {
        let (_, sip) = bed.next(A);
        if sip.title() == "BYE" {
            assert_eq!(sip.call_id(), a.call_id);
            bed.send(A, &a.reply(&sip, 200, None));
        } else {
            assert_eq!(sip.title(), "200 INVITE");
            ok = Some(sip);
        }
    }
    let ack = other.ack(&ok.unwrap());
    bed.send(A, &ack);
    bed.wait(50);
    let remotes: Vec<String> = bed
        .world
        .media
        .legs()
        .iter()
        .map(|leg| leg.remote.unwrap().rtp.to_string())
        .collect();
    assert_eq!(remotes, ["127.0.0.10:20020", "127.0.0.20:30000"]);
    bed.hang_up(&mut other, &b);
    let record = bed.settle_one();
    assert_eq!(
        (record.call_id, record.transfers[0].outcome.as_str()),
        (a.call_id, "replaced")
    );
}

/// The other side won't have it: whoever had the place has it again, unless it has hung up meanwhile.
#[test]
fn an_invite_that_takes_no_place() {
    for leaves in [false, true] {
        let mut bed = bed(&[]);
        let (mut a, b) = bed.connect();
        let mut other = comes(&mut bed, &dialog_of(&a));
        let got = bed.expect(B1, "INVITE");
        if leaves {
            let bye = a.request("BYE");
            bed.send(A, &bye);
            bed.expect(A, "200 BYE");
        }
        bed.send(B1, &b.reply(&got, 488, None));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, "488 INVITE");
        let ack = other.ack(&refusal);
        bed.send(A, &ack);
        if leaves {
            bed.serve(B1, &b, "BYE", 200);
        } else {
            bed.hang_up(&mut a, &b);
        }
        let record = bed.settle_one();
        assert_eq!(record.transfers[0].outcome, "failed");
    }
}

/// It gives up, or the other side hangs up, before the answer.
#[test]
fn an_invite_for_a_place_that_ends_early() {
    for gives_up in [false, true] {
        let mut bed = bed(&[]);
        let (mut a, mut b) = bed.connect();
        let mut other = comes(&mut bed, &dialog_of(&a));
        let got = bed.expect(B1, "INVITE");
        bed.send(B1, &b.reply(&got, 100, None));
        if gives_up {
            bed.send(A, &other.cancel());
            bed.expect(A, "200 CANCEL");
            let cancel = bed.expect(B1, "CANCEL");
            bed.send(B1, &b.reply(&cancel, 200, None));
        } else {
            let bye = b.request("BYE");
            bed.send(B1, &bye);
            let cancel = bed.expect(B1, "CANCEL");
            bed.send(B1, &b.reply(&cancel, 200, None));
            bed.expect(B1, "200 BYE");
        }
        bed.send(B1, &b.reply(&got, 487, None));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, "487 INVITE");
        let ack = other.ack(&refusal);
        bed.send(A, &ack);
        if gives_up {
            bed.hang_up(&mut a, &b);
        } else {
            bed.serve(A, &a, "BYE", 200);
        }
        bed.settle_one();
    }
}

#[test]
fn places_that_nobody_may_take() {
    let mut bed = bed(&[("name = \"b2\"", "transfer = \"accept\"")]);
    let (mut a, b) = bed.connect();
    let dialog = dialog_of(&a);
    let mut stranger = Party::caller(
        testkit::bed::addr(B2),
        bed.world.switch_addr(),
        "1",
        "2",
        testkit::Rng::new(7),
    );
    let invite = stranger
        .invite(Some(&Bed::carrier_end(B2).offer("sendrecv")))
        .with("Replaces", dialog.clone());
    bed.send(B2, &invite);
    let refusal = bed.expect(B2, "403 INVITE");
    let ack = stranger.ack(&refusal);
    bed.send(B2, &ack);
    let early = format!("{dialog};early-only");
    for (replaces, status) in [
        (early.as_str(), "486 INVITE"),
        ("x;to-tag=t00abcdefghijkmnpqrstuv;from-tag=2", "481 INVITE"),
        ("x", "400 INVITE"),
    ] {
        let mut other = comes(&mut bed, replaces);
        let refusal = bed.expect(A, status);
        let ack = other.ack(&refusal);
        bed.send(A, &ack);
    }
    bed.quiet(B1, 100);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A dialog that a forwarded REFER has named may be joined by whoever was told of it.
#[test]
fn forwarded_attended_the_other_side_comes_for_the_place() {
    let mut bed = bed(&[
        ("name = \"pbx\"", "transfer = \"forward\""),
        ("name = \"b1\"", "transfer = \"accept\""),
    ]);
    let (mut a, b) = bed.connect();
    let (a2, c) = consult(&mut bed);
    let dialog = dialog_of(&a2);
    let to = format!("<sip:200@127.0.0.1?Replaces={}>", escaped(&dialog));
    refer(&mut bed, A, &mut a, &to, &[]);
    let got = bed.expect(B1, "REFER");
    assert!(
        got.need("Refer-To").contains(&escaped(&dialog)),
        "{}",
        got.write()
    );
    bed.send(B1, &b.reply(&got, 202, None));
    bed.expect(A, "202 REFER");
    let mut comes = Party::caller(
        testkit::bed::addr(B1),
        bed.world.switch_addr(),
        "1",
        "200",
        testkit::Rng::new(7),
    );
    let mut end = Bed::carrier_end(B1);
    end.rtp.set_port(30_010);
    let invite = comes
        .invite(Some(&end.offer("sendrecv")))
        .with("Replaces", dialog);
    bed.send(B1, &invite);
    let got = bed.expect(B2, "INVITE");
    bed.send(B2, &Bed::answer_of(B2, &c, &got));
    bed.expect(B2, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = comes.ack(&ok);
    bed.send(B1, &ack);
    bed.serve(A, &a2, "BYE", 200);
    bed.hang_up(&mut a, &b);
    let bye = comes.request("BYE");
    bed.send(B1, &bye);
    bed.serve(B2, &c, "BYE", 200);
    bed.expect(B1, "200 BYE");
    assert_eq!(bed.settle().len(), 2);
}
