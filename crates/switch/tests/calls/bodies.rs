//! What stands beside a session description (RFC 5621): ISUP (RFC 3204), a location (RFC 6442).

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

const ISUP: &str = "application/isup;version=itu-t92+";

/// A body of an SDP and one more part.
fn mixed(sip: Sip, sdp: &str, part: &str) -> Sip {
    let mut sip = sip.with("MIME-Version", "1.0").with_sdp("");
    for (name, value) in &mut sip.headers {
        if name == "Content-Type" {
            "multipart/mixed; boundary=\"un:ique\"".clone_into(value);
        }
    }
    sip.body = format!(
        "--un:ique\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--un:ique\r\n{part}\r\n--un:ique--\r\n"
    );
    sip
}

fn part(content_type: &str, handling: &str, body: &str) -> String {
    format!(
        "Content-Type: {content_type}\r\nContent-Disposition: signal;handling={handling}\r\nContent-ID: <1@a>\r\n\r\n{body}"
    )
}

/// The parts of a body of ours: their header lines and what is in them.
fn parts(sip: &Sip) -> Vec<(String, String)> {
    let content_type = sip.need("Content-Type");
    let all = sip_msg::multipart::parts(sip.body.as_bytes(), content_type.as_bytes()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    all.iter()
        .map(|part| (text(part.headers), text(part.body)))
        .collect()
}

fn offer_with(bed: &mut Bed, number: &str, part: &str) -> (Party, Sip) {
    let mut a = bed.caller(number);
    let invite = a.invite(None);
    let invite = mixed(invite, &Bed::caller_end().offer("sendrecv"), part);
    bed.send(A, &invite);
    (a, invite)
}

/// Both ways, through a challenge too: our SDP, and the part as it was.
#[test]
fn isup_crosses_beside_our_own_sdp() {
    let auth = ("name = \"b1\"", "auth = { username = \"u\", password = \"p\" }");
    let mut bed = Bed::changed(&[auth]);
    let body = "\u{1}\u{11}IAM\r\n--not a boundary";
    let (mut a, _) = offer_with(&mut bed, "+4420", &part(ISUP, "required", body));
    let first = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &first);
    let challenge = b.reply(&first, 407, None).with(
        "Proxy-Authenticate",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\"",
    );
    bed.send(B1, &challenge);
    bed.expect(B1, "ACK");
    let at_b = bed.expect(B1, "INVITE");
    for invite in [&first, &at_b] {
        let found = parts(invite);
        assert_eq!(found.len(), 2, "{}", invite.write());
        assert_eq!(invite.need("MIME-Version"), "1.0");
        assert!(found[0].0.contains("application/sdp") && !found[0].1.contains("127.0.0.10"));
        assert_eq!(found[1].1, body);
        for line in [
            ISUP,
            "Content-Disposition: signal;handling=required",
            "Content-ID: <1@a>",
        ] {
            assert!(found[1].0.contains(line), "{}", found[1].0);
        }
    }
    let mut end = Bed::carrier_end(B1);
    let answer = end.answer(&parts(&at_b)[0].1, "sendrecv");
    // ACM alone, then ANM beside the answer.
    let mut ringing = b.reply(&at_b, 180, None).with("Content-Type", ISUP);
    ringing.body = "ACM".into();
    bed.send(B1, &ringing);
    let at_a = bed.expect(A, "180 INVITE");
    assert_eq!((at_a.need("Content-Type"), at_a.body.as_str()), (ISUP, "ACM"));
    bed.send(
        B1,
        &mixed(b.reply(&at_b, 200, None), &answer, &part(ISUP, "optional", "ANM")),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(parts(&ok)[1].1, "ANM");
    assert!(!parts(&ok)[0].1.contains("127.0.0.20"));
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    // In mid-call too.
    end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(None);
    bed.send(
        A,
        &mixed(hold, &end.offer("sendonly"), &part(ISUP, "required", "SUS")),
    );
    let got = bed.expect(B1, "INVITE");
    assert_eq!(parts(&got)[1].1, "SUS");
    assert_eq!(sdp::live(&parts(&got)[0].1).direction(), "sendonly");
    let mut end = Bed::carrier_end(B1);
    end.version += 1;
    let answer = end.answer(&parts(&got)[0].1, "recvonly");
    bed.send(B1, &b.reply(&got, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert!(ok.sdp().is_some());
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Whoever has to be understood and is not gets 415; what may be ignored is.
#[test]
fn what_has_to_be_understood() {
    let mut bed = Bed::new();
    let (mut a, _) = offer_with(&mut bed, "+4420", &part("application/x-odd", "required", "?"));
    let refusal = bed.expect(A, "415 INVITE");
    assert!(refusal.need("Accept").contains("application/sdp"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let (mut a, _) = offer_with(&mut bed, "+4420", &part("application/x-odd", "optional", "?"));
    let at_b = bed.expect(B1, "INVITE");
    assert!(at_b.sdp().is_some(), "{}", at_b.write());
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    let mut end = Bed::caller_end();
    end.version += 1;
    let again = a.invite(None);
    bed.send(
        A,
        &mixed(
            again,
            &end.offer("sendonly"),
            &part("application/x-odd", "required", "?"),
        ),
    );
    let refusal = bed.expect(A, "415 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 50);
    bed.hang_up(&mut a, &b);
    let records = bed.settle();
    assert_eq!(records[0].cause.kind, "unusable-body");
}

/// A carrier that does not take it is passed over if it has to be understood, and gets the rest if not.
#[test]
fn a_trunk_that_takes_none() {
    for handling in ["required", "optional"] {
        let mut bed = Bed::changed(&[("name = \"b1\"", "pass_bodies = []")]);
        let (mut a, _) = offer_with(&mut bed, "+4420", &part(ISUP, handling, "IAM"));
        let at = if handling == "required" { B2 } else { B1 };
        let invite = bed.expect(at, "INVITE");
        assert_eq!(invite.sdp().is_some(), at == B1);
        let b = bed.callee(at, &invite);
        bed.send(at, &b.reply(&invite, 486, None));
        bed.expect(at, "ACK");
        let refusal = bed.expect(A, "486 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.settle_one();
    }
}

/// No offer, but something else: the offer is the called side's. And a location is spoken of by its Content-ID.
#[test]
fn a_location_crosses_with_what_speaks_of_it() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+4420");
    let mut invite = a
        .invite(None)
        .with("Content-Type", "multipart/mixed;boundary=b")
        .with("Geolocation", "<cid:1@a>")
        .with("Geolocation", "<https://pbx.internal/location>");
    invite.body = format!(
        "--b\r\n{}\r\n--b--\r\n",
        part("application/pidf+xml", "optional", "<presence/>")
    );
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(at_b.all("Geolocation").collect::<Vec<_>>(), ["<cid:1@a>"]);
    assert_eq!(
        (at_b.need("Content-Type"), at_b.body.as_str()),
        ("application/pidf+xml", "<presence/>")
    );
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}
