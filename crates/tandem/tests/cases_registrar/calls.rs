//! Calls of phones and to them.

use super::*;

#[test]
fn a_phone_registers_is_called_and_calls() {
    let bed = quick(phones);
    let (pbx, b1, desk) = (bed.peer_a(), bed.peer_b1(), bed.peer("desk", bed.places.x));
    let phone = Phone::new(&desk, ALICE);
    // Nobody is there yet.
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(480);
    call.ack_failure();
    // What it says of itself is a place behind its NAT; it is called where it is.
    let answer = phone.register(&["Contact: <sip:alice@10.1.2.3:5066;ob>;q=0.5", "Expires: 600"]);
    assert_eq!(listed(&answer), [("sip:alice@10.1.2.3:5066;ob".to_owned(), 600)]);
    let expected = (
        "alice".to_owned(),
        "sip:alice@10.1.2.3:5066;ob".to_owned(),
        desk.local().to_string(),
    );
    assert_eq!(bindings(&bed), [expected]);
    for called in ["alice", "+4420555", "4420555"] {
        let call = pbx.invite(called, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = desk.incoming();
        assert_eq!(uri(&invite_of(&leg)), "sip:alice@10.1.2.3:5066;ob");
        assert_eq!(
            text(invite_of(&leg).to().uri),
            format!("sip:{called}@{}", bed.places.sut)
        );
        talk_and_hang_up(&bed, &call, &leg);
    }
    // It calls out: challenged, and known by its password alone.
    let call = desk.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    let challenge = header(&call.expect(401), HeaderId::WwwAuthenticate);
    call.ack_failure();
    let to = format!("sip:{NUMBER}@{}", bed.places.sut);
    let credentials = digest::answer(&challenge, ALICE, "INVITE", &to, 1);
    let call = desk.invite_with(
        NUMBER,
        &[("Authorization", &credentials)],
        Some(&sdp::offer(bed.places.rtp_x)),
    );
    let leg = b1.incoming();
    assert_eq!(
        values(&invite_of(&leg), HeaderId::Authorization),
        Vec::<String>::new()
    );
    talk_and_hang_up(&bed, &call, &leg);
    let records = bed.finish_lingering(5, 0);
    assert_eq!(records[0].text("cause.kind"), "not-registered");
    assert_eq!(
        (records[1].text("to_trunk"), records[4].text("from_trunk")),
        ("phones", "phones")
    );
}

/// Headers in a contact's URI are for whoever registered it (RFC 3261 §10.2.1), and stand in no request to it.
#[test]
fn a_contact_with_headers_is_called_without() {
    let bed =
        quick(|setup| phones(setup).extra("[registrar]\nkeepalive = \"1s\"\nkeepalive_by = \"options\""));
    let (pbx, desk) = (bed.peer_a(), bed.peer("desk", bed.places.x));
    let phone = Phone::new(&desk, ALICE);
    let contact = "sip:alice@10.1.2.3:5066;ob";
    let line = format!("m: <{contact}?Priority=urgent>");
    assert_eq!(
        listed(&phone.register(&[&line, "Expires: 600"])),
        [(format!("{contact}?Priority=urgent"), 600)]
    );
    let options = desk.wait("OPTIONS", is("OPTIONS")).message;
    assert_eq!(uri(&options), contact);
    support::reply_raw(&desk, &options, 200, "o", &[], None);
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = desk.incoming();
    assert_eq!(uri(&invite_of(&leg)), contact);
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    drop(bed);
}

/// Contacts of one user: several, by preference one after the other; removed one by one or all at once (RFC 3261 §10.3).
#[test]
fn contacts_come_and_go_and_ring_by_preference() {
    let bed = quick(|setup| {
        phones(setup).extra("[registrar]\nring = \"1s\"\nmin_expires = \"30s\"\nmax_expires = \"1h\"")
    });
    let pbx = bed.peer_a();
    let (desk, soft, home) = (
        bed.peer("desk", port(&bed, 0)),
        bed.peer("soft", port(&bed, 1)),
        bed.peer("home", port(&bed, 2)),
    );
    let (one, two, three) = (
        Phone::new(&desk, ALICE),
        Phone::new(&soft, ALICE),
        Phone::new(&home, ALICE),
    );
    for (phone, q, expires) in [(&one, "0.3", 600), (&two, "0.9", 100_000), (&three, "0.1", 30)] {
        let contact = format!("Contact: {};q={q};expires={expires}", phone.contact());
        assert_eq!(phone.register(&[&contact]).status(), Some(200));
    }
    let all = listed(&one.register(&[]));
    let granted = [600, 3600, 30];
    let fits = |((_, left), granted): (&(String, u64), u64)| *left <= granted && left + 10 > granted;
    assert!(all.len() == 3 && all.iter().zip(granted).all(fits), "{all:?}");
    // The preferred one is busy, the next does not answer in time, the last one takes it.
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = soft.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    let leg = desk.incoming();
    leg.reply(180);
    call.expect(180);
    let cancel = leg.expect_request("CANCEL");
    leg.reply_to(&cancel, 200, &[], None);
    leg.reply_to(&invite_of(&leg), 487, &[], None);
    leg.expect_request("ACK");
    let leg = home.incoming();
    leg.reply(180);
    talk_and_hang_up(&bed, &call, &leg);
    // A word for the user ends it at once.
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = soft.incoming();
    leg.reply(603);
    leg.expect_request("ACK");
    call.expect(603);
    call.ack_failure();
    desk.expect_silence(MOMENT);
    // One is removed, then everything.
    let contact = format!("Contact: {};expires=0", two.contact());
    assert_eq!(listed(&two.register(&[&contact])).len(), 2);
    let answer = one.register(&["Contact: *", "Expires: 0"]);
    assert_eq!((answer.status(), listed(&answer).len()), (Some(200), 0));
    for (lines, status) in [
        (vec!["Contact: *"], 400),
        (vec!["Contact: <sip:alice@10.0.0.1>;expires=29"], 423),
        (vec!["Contact: <mailto:alice@10.0.0.1>"], 400),
    ] {
        let answer = one.register(&lines);
        assert_eq!(answer.status(), Some(status), "{lines:?}");
        if status == 423 {
            assert_eq!(header(&answer, HeaderId::MinExpires), "30");
        }
    }
    assert!(bindings(&bed).is_empty());
    bed.finish_lingering(2, 3);
}

/// Path: what the phone's edge proxy has put in is the way to it (RFC 3327); an instance replaces its own contact (RFC 5626).
#[test]
fn a_path_is_kept_and_an_instance_has_one_contact() {
    let bed = quick(phones);
    let (pbx, edge) = (bed.peer_a(), bed.peer("edge", bed.places.x));
    let phone = Phone::new(&edge, ALICE);
    let path = format!("<sip:{};lr;ob>", edge.local());
    let path_line = format!("Path: {path}, <sip:inner.example;lr>");
    for (n, host) in ["10.0.0.7:4000", "10.0.0.7:4001"].into_iter().enumerate() {
        let contact = format!(
            "Contact: <sip:alice@{host};gr=urn:x>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=600"
        );
        let answer = phone.register(&[
            &contact,
            &path_line,
            "Require: path",
            "Supported: path, outbound, gruu",
        ]);
        assert_eq!(answer.status(), Some(200));
        assert_eq!(
            header(&answer, HeaderId::Path),
            path_line.trim_start_matches("Path: ")
        );
        let contact = header(&answer, HeaderId::Contact);
        assert!(
            contact.contains(host) && contact.contains(";+sip.instance=\"<urn:uuid:1>\";reg-id=1"),
            "{n}: {contact}"
        );
        assert_eq!(bindings(&bed).len(), 1);
    }
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = edge.incoming();
    assert_eq!(
        values(&invite_of(&leg), HeaderId::Route),
        [path.as_str(), "<sip:inner.example;lr>"]
    );
    assert_eq!(uri(&invite_of(&leg)), "sip:alice@10.0.0.7:4001;gr=urn:x");
    talk_and_hang_up(&bed, &call, &leg);
    bed.finish(1);
}

/// A PBX that registers gets all numbers of its trunk, each as it was dialled.
#[test]
fn a_pbx_that_registers_gets_its_numbers() {
    let bed = quick(|setup| {
        setup
            .trunk(
                "office",
                &[
                    "role = \"customer\"",
                    "users = [{ username = \"office\", password = \"desk\" }]",
                ],
            )
            .extra("[[number]]\nmatch = \"+4989*\"\nto = \"office\"")
    });
    let (b1, pbx) = (bed.peer_b1(), bed.peer("x", bed.places.x));
    Phone::new(&pbx, ("office", "desk")).comes();
    let call = b1.invite("+4989123", Some(&sdp::offer(bed.places.rtp_b1)));
    let leg = pbx.incoming();
    assert_eq!(uri(&invite_of(&leg)), format!("sip:+4989123@{}", pbx.local()));
    talk_and_hang_up(&bed, &call, &leg);
    bed.finish(1);
}

/// Without users nothing is challenged, and nobody registers; `auth` is what we are known by, and changes nothing of that (SE-03).
#[test]
fn se_03_credentials_of_ours_make_us_challenge_nobody() {
    let bed = quick(|setup| {
        setup
            .key("b1", "auth = { username = \"tandem\", password = \"secret\" }")
            .extra("[[number]]\nmatch = \"+4420*\"\nto = \"pbx\"")
    });
    let (pbx, b1, x) = (bed.peer_a(), bed.peer_b1(), bed.peer("x", bed.places.x));
    let call = b1.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_b1)));
    talk_and_hang_up(&bed, &call, &pbx.incoming());
    let stranger = x.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    stranger.expect(403);
    stranger.ack_failure();
    let answer = Phone::new(&x, ALICE).send(&[]);
    assert_eq!(answer.status(), Some(405));
    bed.finish_lingering(1, 0);
}

/// OPTIONS keep a NAT's door open and tell who is there: a contact that does not answer is called last.
#[test]
fn a_contact_that_answers_no_keepalive_is_called_last() {
    let bed =
        quick(|setup| phones(setup).extra("[registrar]\nkeepalive = \"1s\"\nkeepalive_by = \"options\""));
    let pbx = bed.peer_a();
    let (dead, there) = (bed.peer("dead", port(&bed, 0)), bed.peer("there", port(&bed, 1)));
    let (one, two) = (Phone::new(&dead, ALICE), Phone::new(&there, ALICE));
    for (phone, q) in [(&one, "1.0"), (&two, "0.5")] {
        let contact = format!("Contact: {};q={q};expires=600", phone.contact());
        assert_eq!(phone.register(&[&contact]).status(), Some(200));
    }
    let end = Instant::now() + Duration::from_secs(20);
    let silent = |bed: &Bed| bed.get("/v1/registrations").body.contains("\"answers\":false");
    while !silent(&bed) {
        assert!(Instant::now() < end, "nobody is missed");
        if let Some(options) = there.wait_for("OPTIONS", ms(50), is("OPTIONS")) {
            assert_eq!(uri(&options.message), format!("sip:alice@{}", there.local()));
            support::reply_raw(&there, &options.message, 200, "o", &[], None);
        }
    }
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = there.incoming();
    leg.reply(600);
    leg.expect_request("ACK");
    call.expect(600);
    call.ack_failure();
    drop(bed);
}
