//! Calls that ring at one telephone and are taken at another (RFC 3891 §7.1).

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed, X, addr};
use testkit::{Party, Sip, StoreMode, sdp};

use super::transfers;

fn bed() -> Bed {
    transfers::bed(&[
        ("name = \"b1\"", "transfer = \"accept\""),
        ("name = \"b2\"", "transfer = \"accept\""),
    ])
}

/// The dialog that a telephone rings in, as a Replaces header of its neighbour's has it: our tag is the From's.
fn rings_in(b: &Party, invite: &Sip) -> String {
    let ours = invite.from_tag().unwrap();
    format!("{};to-tag={ours};from-tag={};early-only", b.call_id, b.tag())
}

/// Another telephone at `at` comes for what rings.
fn comes(bed: &mut Bed, at: &str, replaces: &str, body: Option<&str>) -> Party {
    let rng = bed.world.rng.fork();
    let mut party = Party::caller(addr(at), bed.world.switch_addr(), "2", "1", rng);
    let invite = party.invite(body).with("Replaces", replaces);
    bed.send(at, &invite);
    party
}

fn neighbour() -> sdp::End {
    let mut end = Bed::carrier_end(B1);
    end.rtp.set_port(30_010);
    end.codecs = vec![(8, "PCMA/8000"), (97, "telephone-event/8000")];
    end
}

/// It is answered at once with what the two have in common, the caller is, and the telephone that rang stops. If that has just been
/// answered, it is hung up.
#[test]
fn a_call_that_rings_is_taken_elsewhere() {
    for crosses in [false, true] {
        let mut bed = bed();
        let (mut a, b, at_b) = bed.dial();
        bed.send(B1, &b.reply(&at_b, 180, None));
        bed.expect(A, "180 INVITE");
        let replaces = rings_in(&b, &at_b);
        let offer = neighbour().offer("sendrecv");
        let mut other = comes(&mut bed, B1, &replaces, Some(&offer));
        let (mut ok, mut cancel) = (None, None);
        for _ in 0..2 {
            let (_, sip) = bed.next(B1);
            match sip.title().as_str() {
                "200 INVITE" => ok = Some(sip),
                _ => cancel = Some(sip),
            }
        }
        let (ok, cancel) = (ok.unwrap(), cancel.unwrap());
        assert_eq!(
            (cancel.title().as_str(), cancel.call_id()),
            ("CANCEL", at_b.call_id())
        );
        let answer = sdp::live(ok.sdp().unwrap());
        assert_eq!(answer.formats, ["8", "97"], "{}", ok.body);
        let ack = other.ack(&ok);
        bed.send(B1, &ack);
        bed.send(B1, &b.reply(&cancel, 200, None));
        if crosses {
            bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
            bed.expect(B1, "ACK");
            bed.serve(B1, &b, "BYE", 200);
        } else {
            bed.send(B1, &b.reply(&at_b, 487, None));
            bed.expect(B1, "ACK");
        }
        let ok = bed.expect(A, "200 INVITE");
        assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["8", "101"], "{}", ok.body);
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(20);
        let legs = bed.world.media.legs();
        let remotes: Vec<String> = legs
            .iter()
            .map(|leg| leg.remote.unwrap().rtp.to_string())
            .collect();
        assert_eq!(remotes, ["127.0.0.10:20000", "127.0.0.20:30010"]);
        assert!(legs.iter().all(|leg| leg.may_send && leg.expects));
        // And it goes on as any call does.
        let mut end = neighbour();
        end.version += 1;
        let hold = other.invite(Some(&end.offer("sendonly")));
        bed.send(B1, &hold);
        let got = bed.expect(A, "INVITE");
        let mut mine = Bed::caller_end();
        mine.version += 1;
        let answer = mine.answer(got.sdp().unwrap(), "recvonly");
        bed.send(A, &a.reply(&got, 200, Some(&answer)));
        bed.expect(A, "ACK");
        let ok = bed.expect(B1, "200 INVITE");
        let ack = other.ack(&ok);
        bed.send(B1, &ack);
        bed.wait(20);
        let bye = a.request("BYE");
        bed.send(A, &bye);
        bed.serve(B1, &other, "BYE", 200);
        bed.expect(A, "200 BYE");
        let record = bed.settle_one();
        assert_eq!(record.cause.kind, "normal");
        assert_eq!(
            (
                record.transfers[0].outcome.as_str(),
                record.transfers[0].call_id.as_str()
            ),
            ("replaced", other.call_id.as_str())
        );
    }
}

/// RFC 3891 §3: what can't be taken rings on.
#[test]
fn a_call_that_cannot_be_taken_rings_on() {
    let mut bed = bed();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let replaces = rings_in(&b, &at_b);
    let mut strange = neighbour();
    strange.codecs = vec![(18, "G729/8000")];
    let offer = |end: &sdp::End| Some(end.offer("sendrecv"));
    for (at, replaces, body, status) in [
        (B2, replaces.clone(), offer(&neighbour()), 403),
        (B1, replaces.clone(), offer(&strange), 488),
        (B1, replaces.clone(), None, 488),
        (
            B1,
            replaces.replace("from-tag=", "from-tag=x"),
            offer(&neighbour()),
            481,
        ),
    ] {
        let mut other = comes(&mut bed, at, &replaces, body.as_deref());
        let refusal = bed.expect(at, &format!("{status} INVITE"));
        let ack = other.ack(&refusal);
        bed.send(at, &ack);
        bed.wait(10);
    }
    bed.quiet(A, 10);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["0", "8", "101"]);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    let legs = bed.world.media.legs();
    let remotes: Vec<String> = legs
        .iter()
        .map(|leg| leg.remote.unwrap().rtp.to_string())
        .collect();
    assert_eq!(remotes, ["127.0.0.10:20000", "127.0.0.20:30000"]);
    // Once answered it is not only ringing.
    let mut other = comes(&mut bed, B1, &replaces, offer(&neighbour()).as_deref());
    let refusal = bed.expect(B1, "486 INVITE");
    let ack = other.ack(&refusal);
    bed.send(B1, &ack);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The telephone that takes it never acknowledges.
#[test]
fn a_call_that_is_taken_and_lost() {
    let mut bed = bed();
    let (mut a, b, at_b, replaces) = ringing(&mut bed);
    let other = comes_with(&mut bed, &replaces, &[]);
    bed.serve(B1, &b, "CANCEL", 200);
    bed.expect(B1, "200 INVITE");
    bed.send(B1, &b.reply(&at_b, 487, None));
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(33_000);
    let byes = |bed: &mut Bed, at: &str| bed.drain(at).into_iter().find(|(_, sip)| sip.title() == "BYE");
    let (_, bye) = byes(&mut bed, A).expect("a BYE to the caller");
    bed.send(A, &a.reply(&bye, 200, None));
    let (_, bye) = byes(&mut bed, B1).expect("a BYE to the telephone");
    bed.send(B1, &other.reply(&bye, 200, None));
    bed.settle_one();
}

/// A user alice with two telephones at these places.
fn with_alice(places: [&str; 2]) -> Bed {
    let users = "users = [{ username = \"alice\", password = \"secret\" }]";
    let mut bed = Bed::with(&format!(
        "{}\n[[trunk]]\nname = \"phones\"\nrole = \"customer\"\n{users}\n",
        testkit::bed::CONFIG
    ));
    bed.world.audit.hidden.clear();
    for at in places {
        let (rng, switch) = (bed.world.rng.fork(), bed.world.switch_addr());
        let mut phone = Party::caller(addr(at), switch, "alice", "alice", rng);
        let register = phone
            .request("REGISTER")
            .with("Contact", format!("<sip:alice@{at}>"))
            .with("Expires", "600");
        proved(&mut bed, &mut phone, &register);
        bed.expect(at, "200 REGISTER");
    }
    bed
}

/// Sends a request of alice's, and again with her password.
fn proved(bed: &mut Bed, alice: &mut Party, request: &Sip) {
    let at = alice.addr.to_string();
    bed.send(&at, request);
    let (_, refusal) = bed.next(&at);
    let (asks, answers) = if refusal.status() == 401 {
        ("WWW-Authenticate", "Authorization")
    } else {
        ("Proxy-Authenticate", "Proxy-Authorization")
    };
    if request.method() == "INVITE" {
        let ack = alice.ack(&refusal);
        bed.send(&at, &ack);
    }
    let (method, uri) = (request.method(), request.uri());
    let said = testkit::answer(refusal.need(asks), method, uri, "alice", "secret");
    alice.cseq += 1;
    let again = request
        .clone()
        .set("CSeq", format!("{} {method}", alice.cseq))
        .set("Via", alice.via())
        .with(answers, said);
    if method == "INVITE" {
        alice.invite = Some(again.clone());
    }
    bed.send(&at, &again);
}

const PHONES: [&str; 2] = [X, "127.0.0.66:5068"];

/// Two of a user's telephones ring at once, and a third takes the call: both stop.
#[test]
fn a_call_that_rings_at_several_is_taken_elsewhere() {
    let mut bed = with_alice(PHONES);
    let mut a = bed.caller("alice");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let mut phones = Vec::new();
    for at in PHONES {
        let invite = bed.expect(at, "INVITE");
        let phone = bed.callee(at, &invite);
        bed.send(at, &phone.reply(&invite, 180, None));
        phones.push((at, phone, invite));
    }
    bed.expect(A, "180 INVITE");
    let (_, phone, rings) = &phones[1];
    let third = "127.0.0.66:5070";
    let (rng, switch) = (bed.world.rng.fork(), bed.world.switch_addr());
    let mut other = Party::caller(addr(third), switch, "alice", "1", rng);
    let end = sdp::End::new(addr("127.0.0.66:40000"));
    let invite = other
        .invite(Some(&end.offer("sendrecv")))
        .with("Replaces", rings_in(phone, rings));
    proved(&mut bed, &mut other, &invite);
    let ok = bed.expect(third, "200 INVITE");
    let ack = other.ack(&ok);
    bed.send(third, &ack);
    for (at, phone, invite) in &phones {
        bed.serve(at, phone, "CANCEL", 200);
        bed.send(at, &phone.reply(invite, 487, None));
        bed.expect(at, "ACK");
    }
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    let legs = bed.world.media.legs();
    let remotes: Vec<String> = legs
        .iter()
        .map(|leg| leg.remote.unwrap().rtp.to_string())
        .collect();
    assert_eq!(remotes, ["127.0.0.10:20000", "127.0.0.66:40000"]);
    let bye = other.request("BYE");
    bed.send(third, &bye);
    bed.serve(A, &a, "BYE", 200);
    bed.expect(third, "200 BYE");
    assert_eq!(bed.settle_one().cause.kind, "normal");
}

/// Each of a user's telephones sends the caller elsewhere: there is no telling where to.
#[test]
fn telephones_that_all_redirect() {
    let mut bed = with_alice(PHONES);
    let mut a = bed.caller("alice");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    for at in PHONES {
        let invite = bed.expect(at, "INVITE");
        let phone = bed.callee(at, &invite);
        let elsewhere = phone
            .reply(&invite, 302, None)
            .with("Contact", "<sip:200@127.0.0.66>");
        bed.send(at, &elsewhere);
        bed.expect(at, "ACK");
    }
    let refusal = bed.expect(A, "480 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

const TIMER: (&str, &str) = ("Supported", "timer");

/// The INVITE of a telephone at B1 that comes for what these name, with these lines.
fn comes_with(bed: &mut Bed, replaces: &str, lines: &[(&str, &str)]) -> Party {
    let rng = bed.world.rng.fork();
    let mut party = Party::caller(addr(B1), bed.world.switch_addr(), "2", "1", rng);
    let invite = party
        .invite(Some(&neighbour().offer("sendrecv")))
        .with("Replaces", replaces);
    let invite = lines
        .iter()
        .fold(invite, |sip, (name, value)| sip.with(name, *value));
    bed.send(B1, &invite);
    party
}

/// A call that rings at B1, and how it is named there.
fn ringing(bed: &mut Bed) -> (Party, Party, Sip, String) {
    let (a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let replaces = rings_in(&b, &at_b);
    (a, b, at_b, replaces)
}

/// What rang stops.
fn stops(bed: &mut Bed, b: &Party, at_b: &Sip) {
    bed.serve(B1, b, "CANCEL", 200);
    bed.send(B1, &b.reply(at_b, 487, None));
    bed.expect(B1, "ACK");
}

/// RFC 4028 §9: it is agreed with whoever takes the call as with any caller, and ends the call that nobody refreshes.
#[test]
fn whoever_takes_a_call_has_a_session_timer() {
    let mut bed = bed();
    bed.world.store.mode = StoreMode::Stores(Duration::from_millis(80));
    let (mut a, b, at_b, replaces) = ringing(&mut bed);
    let mut other = comes_with(
        &mut bed,
        &replaces,
        &[TIMER, ("Session-Expires", "600;refresher=uac")],
    );
    stops(&mut bed, &b, &at_b);
    let ok = bed.expect(B1, "200 INVITE");
    assert_eq!(ok.need("Session-Expires"), "600;refresher=uac");
    assert_eq!(ok.need("Require"), "timer");
    let ack = other.ack(&ok);
    bed.send(B1, &ack);
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(600_000);
    bed.serve(B1, &other, "BYE", 200);
    bed.serve(A, &a, "BYE", 200);
    assert_eq!(bed.settle_one().cause.kind, "session-expired");
}

/// RFC 4028 §9, RFC 3261 §8.2.2.3: whoever comes for a place is asked for what any caller is.
#[test]
fn what_a_trunk_insists_on_holds_for_who_takes_a_place() {
    let b1 = "transfer = \"accept\"\nsession_timer = { mode = \"require\" }";
    let mut bed = transfers::bed(&[("name = \"b1\"", b1)]);
    let (mut a, b, at_b, replaces) = ringing(&mut bed);
    let refused = |bed: &mut Bed, replaces: &str| {
        for (lines, status, hint) in [
            (&[][..], 421, ("Require", "timer")),
            (&[TIMER, ("Session-Expires", "60")], 422, ("Min-SE", "90")),
        ] {
            let mut other = comes_with(bed, replaces, lines);
            let refusal = bed.expect(B1, &format!("{status} INVITE"));
            assert_eq!(refusal.need(hint.0), hint.1);
            let ack = other.ack(&refusal);
            bed.send(B1, &ack);
            bed.wait(10);
        }
    };
    refused(&mut bed, &replaces);
    bed.quiet(A, 10);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    // The place of who has been answered, too.
    let replaces = replaces.replace(";early-only", "");
    refused(&mut bed, &replaces);
    bed.quiet(A, 10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Nobody is told before the journal has the call: if the caller gives up meanwhile there was nothing to take.
#[test]
fn whoever_takes_a_call_waits_for_the_journal() {
    for (gives_up, hangs_up) in [(false, false), (true, false), (false, true)] {
        let mut bed = bed();
        bed.world.store.mode = StoreMode::Stores(Duration::from_millis(80));
        let (mut a, b, at_b, replaces) = ringing(&mut bed);
        let mut other = comes_with(&mut bed, &replaces, &[]);
        stops(&mut bed, &b, &at_b);
        bed.quiet(B1, 50);
        bed.quiet(A, 0);
        if gives_up {
            bed.send(A, &a.cancel());
            let refusal = bed.expect_within(B1, "481 INVITE", 10);
            let ack = other.ack(&refusal);
            bed.send(B1, &ack);
            bed.expect_within(A, "200 CANCEL", 10);
            let refusal = bed.expect_within(A, "487 INVITE", 10);
            let ack = a.ack(&refusal);
            bed.send(A, &ack);
            let record = bed.settle_one();
            assert_eq!(
                (record.cause.kind.as_str(), record.answered_ms),
                ("cancelled", None)
            );
            assert_eq!(record.transfers[0].outcome, "cancelled");
            continue;
        }
        if hangs_up {
            let id = bed.world.switch().calls(bed.world.moment())[0].id.clone();
            bed.world.hangup(&id);
        }
        let ok = bed.expect_within(B1, "200 INVITE", 40);
        let ack = other.ack(&ok);
        bed.send(B1, &ack);
        let ok = bed.expect_within(A, "200 INVITE", 40);
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        if hangs_up {
            bed.serve(B1, &other, "BYE", 200);
            bed.serve(A, &a, "BYE", 200);
        } else {
            bed.wait(20);
            bed.hang_up(&mut a, &other);
        }
        let record = bed.settle_one();
        let kind = if hangs_up { "operator" } else { "normal" };
        assert_eq!(record.cause.kind, kind);
        assert_eq!(record.transfers[0].outcome, "replaced");
    }
}
