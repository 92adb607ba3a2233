//! Route sets, targets, and requests from where nobody expects them (RFC 3261 §12).

use testkit::Sip;
use testkit::bed::{self, A, B1, B2, Bed};
use testkit::sdp;

/// TX-09.
#[test]
fn requests_follow_the_recorded_route_to_the_last_contact() {
    let mut bed = Bed::new();
    bed.world.audit.hidden.clear();
    let (mut a, b, at_b) = bed.dial();
    let recorded = "<sip:127.0.0.21:5081;lr;x=1>, <sip:127.0.0.20:5080;lr>";
    let answer = Bed::answer_of(B1, &b, &at_b)
        .with("Record-Route", recorded)
        .set("Contact", "<sip:127.0.0.20:5099>");
    bed.send(B1, &answer);
    let routes = |sip: &Sip| sip.all("Route").collect::<Vec<_>>().join(", ");
    let expected = "<sip:127.0.0.20:5080;lr>, <sip:127.0.0.21:5081;lr;x=1>";
    let ack = bed.expect(B1, "ACK");
    assert_eq!(
        (ack.uri(), routes(&ack).as_str()),
        ("sip:127.0.0.20:5099", expected)
    );
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    assert_eq!(
        (got.uri(), routes(&got).as_str()),
        ("sip:127.0.0.20:5099", expected)
    );
    bed.send(
        B1,
        &Bed::answer_of(B1, &b, &got).set("Contact", "<sip:127.0.0.20:5098>"),
    );
    let ack = bed.expect(B1, "ACK");
    assert_eq!(
        (ack.uri(), routes(&ack).as_str()),
        ("sip:127.0.0.20:5098", expected)
    );
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    let at_b = bed.serve(B1, &b, "BYE", 200);
    assert_eq!(
        (at_b.uri(), routes(&at_b).as_str()),
        ("sip:127.0.0.20:5098", expected)
    );
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

#[test]
fn the_callers_recorded_route_is_followed_too() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let routes = "<sip:127.0.0.10:5071;lr>, <sip:127.0.0.10:5072;lr;y>";
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .with("Record-Route", routes);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(at_b.get("Record-Route"), None);
    let mut b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    assert_eq!(bed.expect(A, "180 INVITE").need("Record-Route"), routes);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(ok.need("Record-Route"), routes);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect(B1, "200 BYE");
    let first_hop = "127.0.0.10:5071";
    let at_a = bed.expect(first_hop, "BYE");
    assert_eq!(at_a.all("Route").collect::<Vec<_>>().join(", "), routes);
    bed.send(first_hop, &a.reply(&at_a, 200, None));
    bed.settle_one();
}

/// TX-13.
#[test]
fn a_carriers_reinvite_belongs_to_its_call_wherever_it_comes_from() {
    let toml = format!("{}\n[[number]]\nmatch = \"+4930*\"\nto = \"pbx\"\n", bed::CONFIG);
    let mut bed = Bed::with(&toml);
    bed.world.audit.hidden.clear();
    let (a, mut b) = bed.connect();
    let mut end = Bed::carrier_end(B1);
    for from in [B1, "127.0.0.20:6080", "127.0.0.21:6081"] {
        end.version += 1;
        end.rtp.set_port(end.rtp.port() + 2);
        b.addr = bed::addr(from);
        let invite = b.invite(Some(&end.offer("sendrecv")));
        bed.send(from, &invite);
        let got = bed.expect(A, "INVITE");
        assert!(got.to_tag().is_some(), "no new call");
        bed.send(A, &Bed::answer_of(A, &a, &got));
        bed.expect(A, "ACK");
        let ok = bed.expect(from, "200 INVITE");
        assert_eq!(sdp::address(ok.sdp().unwrap()), "127.0.0.1");
        let ack = b.ack(&ok);
        bed.send(from, &ack);
        bed.wait(20);
    }
    let mut stranger = b.twin();
    stranger.remote = stranger.remote.replace(";tag=", ";tag=no");
    let invite = stranger.invite(Some(&end.offer("sendrecv")));
    bed.send(B1, &invite);
    let refusal = bed.expect(B1, "481 INVITE");
    let ack = stranger.ack(&refusal);
    bed.send(B1, &ack);
    bed.quiet(A, 200);
    b.addr = bed::addr(B1);
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect(B1, "200 BYE");
    bed.serve(A, &a, "BYE", 200);
    bed.quiet(B2, 10);
    bed.settle_one();
}

/// LC-06.
#[test]
fn nothing_of_one_leg_is_seen_on_another() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+442071838750");
    a.local = a.local.replace("<sip:", "\"Alice \\\"A\\\"\" <sip:");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .with("User-Agent", "pbx at 127.0.0.10")
        .with("P-Asserted-Identity", "<sip:alice@127.0.0.10>")
        .with("Subject", "secret")
        .with("X-Internal", "127.0.0.10");
    bed.send(A, &invite);
    let at_b1 = bed.expect(B1, "INVITE");
    let b1 = bed.callee(B1, &at_b1);
    bed.send(
        B1,
        &b1.reply(&at_b1, 503, None)
            .with("Server", "carrier 127.0.0.20")
            .with("Warning", "399 127.0.0.20 \"x\""),
    );
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    for (one, other) in [(&invite, &at_b1), (&invite, &at_b2), (&at_b1, &at_b2)] {
        assert_ne!(one.call_id(), other.call_id());
        assert_ne!(one.from_tag(), other.from_tag());
        assert_ne!(one.branch(), other.branch());
    }
    for sip in [&at_b1, &at_b2] {
        assert_eq!(
            (
                sip.get("Subject"),
                sip.get("X-Internal"),
                sip.get("P-Asserted-Identity")
            ),
            (None, None, None)
        );
        assert_eq!(sip.cseq(), (1, "INVITE"));
    }
    let b2 = bed.callee(B2, &at_b2);
    bed.send(
        B2,
        &Bed::answer_of(B2, &b2, &at_b2).with("Server", "carrier at 127.0.0.21"),
    );
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(ok.get("Server"), None);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    let record = bed.settle_one();
    let trunks: Vec<&str> = record
        .attempts
        .iter()
        .map(|attempt| attempt.trunk.as_str())
        .collect();
    assert_eq!(trunks, ["b1", "b2"]);
    let ids: Vec<&str> = record
        .attempts
        .iter()
        .map(|attempt| attempt.call_id.as_str())
        .collect();
    assert_eq!(ids, [at_b1.call_id(), at_b2.call_id()]);
}

#[test]
fn hops_are_counted_down_and_run_out() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .set("Max-Forwards", "7");
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(at_b.need("Max-Forwards"), "6");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .set("Max-Forwards", "0");
    bed.send(A, &invite);
    let refusal = bed.expect(A, "483 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 100);
    bed.settle_one();
}

/// Requests within a dialog leave where the dialog came in, though the peer's Contact is not its source.
#[test]
fn a_dialog_stays_on_its_listener() {
    let second = "127.0.0.2:5070";
    let toml = bed::CONFIG.replace(
        "[media]",
        "[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.2:5070\"\n\n[media]",
    );
    let mut bed = Bed::with(&toml);
    bed.world.dial_at(bed::addr(second));
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .set("Contact", "<sip:127.0.0.10:5999>");
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert!(at_b.need("Via").contains("127.0.0.1:5060"));
    let mut b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(ok.contact(), Some("sip:127.0.0.2:5070"));
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.world.dial_at(bed::addr(bed::SWITCH));
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.expect(B1, "200 BYE");
    let elsewhere = "127.0.0.10:5999";
    let at_a = bed.expect(elsewhere, "BYE");
    assert!(at_a.need("Via").contains(second), "{}", at_a.write());
    bed.world.dial_at(bed::addr(second));
    bed.send(elsewhere, &a.reply(&at_a, 200, None));
    bed.settle_one();
}

/// TX-08, policy: two branches of a fork for two numbers are two calls.
#[test]
fn one_call_id_for_two_numbers_is_two_calls() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let first = a.invite.clone().unwrap();
    let via = a.via();
    let mut second = first.clone().set("Via", via);
    second.start = second.start.replace("+442071838750", "+442071838751");
    bed.send(A, &second);
    let at_b2 = bed.expect(B1, "INVITE");
    assert_ne!(at_b.call_id(), at_b2.call_id());
    let b2 = bed.callee(B1, &at_b2);
    for (party, invite) in [(&b, &at_b), (&b2, &at_b2)] {
        bed.send(B1, &party.reply(invite, 180, None));
        bed.expect(A, "180 INVITE");
    }
    a.invite = Some(second);
    bed.send(A, &a.cancel());
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let cancel = bed.serve(B1, &b2, "CANCEL", 200);
    assert_eq!(cancel.call_id(), at_b2.call_id());
    bed.send(B1, &b2.reply(&at_b2, 487, None));
    bed.expect(B1, "ACK");
    a.invite = Some(first);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle().len(), 2);
}

#[test]
fn numbers_are_read_from_every_form_of_uri() {
    for (uri, number) in [
        ("tel:+44-20-7183-8750", "+442071838750"),
        ("sip:%2B442071838750@127.0.0.1:5060", "+442071838750"),
        (
            "sip:+442071838750;npdi;rn=+4499@127.0.0.1;user=phone",
            "+442071838750",
        ),
        ("sip:+442071838750:secret@127.0.0.1", "+442071838750"),
        ("sip:+44-20.7183(8750)@127.0.0.1;user=phone", "+442071838750"),
    ] {
        let mut bed = Bed::new();
        let mut a = bed.caller("+442071838750");
        a.target = uri.into();
        let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        assert_eq!(at_b.uri(), format!("sip:{number}@127.0.0.20:5080"), "{uri}");
        let b = bed.callee(B1, &at_b);
        bed.send(B1, &b.reply(&at_b, 486, None));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, "486 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        assert_eq!(bed.settle_one().called, number);
    }
}

/// A caller whose Contact is private and whose messages come from elsewhere is behind a NAT: it is reached where they come
/// from. One that is as private as its Contact is reached there.
#[test]
fn a_private_contact_is_believed_in_private_only() {
    for (from, contact, reached) in [
        (A, "10.1.33.103:5060", A),
        (A, "[fd00::7]:5060", A),
        ("10.0.0.5:5070", "10.0.0.9:5080", "10.0.0.9:5080"),
        ("10.0.0.5:5070", "127.0.0.10:5070", A),
    ] {
        let toml = bed::CONFIG.replace(
            "sources = [\"127.0.0.10/32\"]",
            "sources = [\"127.0.0.10/32\", \"10.0.0.5/32\"]",
        );
        let mut bed = Bed::with(&toml);
        let mut a = bed.caller("+442071838750");
        a.addr = bed::addr(from);
        let contact = format!("sip:alice@{contact}");
        let invite = a
            .invite(Some(&Bed::caller_end().offer("sendrecv")))
            .set("Contact", format!("<{contact}>"));
        bed.send(from, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let mut b = bed.callee(B1, &at_b);
        bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
        bed.expect(B1, "ACK");
        b.refresh(&at_b);
        let ok = bed.expect(from, "200 INVITE");
        let ack = a.ack(&ok);
        bed.send(from, &ack);
        bed.wait(10);
        let bye = b.request("BYE");
        bed.send(B1, &bye);
        bed.expect(B1, "200 BYE");
        let at_a = bed.serve(reached, &a, "BYE", 200);
        assert_eq!(at_a.uri(), contact);
        bed.settle_one();
    }
}
