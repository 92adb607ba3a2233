//! Who calls, who diverted the call and who has answered, as each trunk may know it.

use super::*;

/// RFC 3325 and RFC 3323: what is believed, what is told, and what is withheld, from each kind of trunk to each.
#[test]
fn who_calls_is_told_as_each_trunk_wants_it() {
    let bed = quick(|setup| {
        let setup = setup.without("b1").without("b2").trunk(
            "ims",
            &[
                "role = \"customer\"",
                "sources = [\"{x}\"]",
                "identity = { trust = true }",
            ],
        );
        let setup = carrier(setup, "plain", "+1001", &[]);
        let pai = "identity = { assert = \"p-asserted-identity\" }";
        let setup = carrier(setup, "pai", "+1002", &[pai]);
        let trusted = "identity = { trust = true, assert = \"p-asserted-identity\" }";
        let setup = carrier(setup, "trusted", "+1003", &[trusted]);
        let rpid = "identity = { trust = true, assert = \"remote-party-id\" }";
        let setup = carrier(setup, "rpid", "+1004", &[rpid]);
        let pass =
            "identity = { privacy = \"pass\", assert = [\"p-asserted-identity\", \"remote-party-id\"] }";
        carrier(setup, "pass", "+1005", &[pass])
    });
    let (pbx, ims, bob) = (bed.peer_a(), bed.peer("IMS", bed.places.x), bed.peer_b1());
    let alice = format!("\"Alice\" <sip:+442071838750@{SECRET}>");
    let told_alice = "\"Alice\" <sip:+442071838750@us>";
    let asserted = format!("P-Asserted-Identity: \"Bob\" <sip:+15551234567@{SECRET}>");
    let told_bob = "\"Bob\" <sip:+15551234567@us>";
    let tel = "P-Asserted-Identity: <tel:+1-555-123-4567>".to_owned();
    let remote = format!("Remote-Party-ID: <sip:+15551234567@{SECRET}>;party=calling;privacy=full");
    let (id, critical, none) = ("Privacy: id", "Privacy: id; critical", "Privacy: none");
    let full = "\"Bob\" <sip:+15551234567@us>;party=calling;screen=yes;privacy=full";
    let remote_full = "<sip:+15551234567@us>;party=calling;screen=yes;privacy=full";
    let remote_off = "\"Alice\" <sip:+442071838750@us>;party=calling;screen=yes;privacy=off";
    type Row<'a> = (&'a SipPeer, &'a str, Vec<&'a str>, &'a str, [&'a str; 4]);
    let rows: Vec<Row<'_>> = vec![
        (&pbx, &alice, vec![], "+1001", [told_alice, "-", "-", "-"]),
        (&pbx, &alice, vec![], "+1002", [told_alice, told_alice, "-", "-"]),
        (&pbx, &alice, vec![], "+1004", [told_alice, "-", remote_off, "-"]),
        // A customer that isn't trusted asserts nothing.
        (
            &pbx,
            &alice,
            vec![&asserted],
            "+1002",
            [told_alice, told_alice, "-", "-"],
        ),
        (
            &pbx,
            &alice,
            vec![&asserted, id],
            "+1001",
            [NOBODY, "-", "-", "id"],
        ),
        (
            &pbx,
            &alice,
            vec!["Privacy: user"],
            "+1002",
            [NOBODY, "-", "-", "id"],
        ),
        (&pbx, NOBODY, vec![], "+1001", [NOBODY, "-", "-", "-"]),
        (&pbx, NOBODY, vec![], "+1003", [NOBODY, "-", "-", "-"]),
        (
            &ims,
            &alice,
            vec![&asserted],
            "+1002",
            [told_alice, told_bob, "-", "-"],
        ),
        (
            &ims,
            &alice,
            vec![&tel],
            "+1002",
            [told_alice, "<sip:+15551234567@us>", "-", "-"],
        ),
        (
            &ims,
            &alice,
            vec![&asserted, id],
            "+1002",
            [NOBODY, "-", "-", "id"],
        ),
        (
            &ims,
            &alice,
            vec![&asserted, none],
            "+1002",
            [told_alice, told_bob, "-", "-"],
        ),
        (
            &ims,
            &alice,
            vec![&asserted, id],
            "+1003",
            [told_alice, told_bob, "-", "id"],
        ),
        (
            &ims,
            &alice,
            vec![&asserted, id],
            "+1005",
            [told_alice, told_bob, full, "id"],
        ),
        (
            &ims,
            NOBODY,
            vec![&asserted, critical],
            "+1003",
            [NOBODY, told_bob, "-", "id;critical"],
        ),
        (
            &ims,
            &alice,
            vec![&remote],
            "+1004",
            [told_alice, "-", remote_full, "id"],
        ),
        (&ims, &alice, vec![&remote], "+1001", [NOBODY, "-", "-", "id"]),
    ];
    let calls = rows.len();
    for (caller, from, lines, prefix, expected) in rows {
        let target = format!("sip:{prefix}5550000@{}", bed.places.sut);
        let invite = got(caller, &bob, &target, from, &lines);
        assert_eq!(told(&invite, &bed), expected, "{prefix} {from} {lines:?}");
    }
    // RFC 3323 §5: what is critical and not known must not be ignored.
    let target = format!("sip:+10015550000@{}", bed.places.sut);
    call(&pbx, &target, &alice, &["Privacy: telepathy;critical"]);
    pbx.wait("500", is_answer(500, "INVITE"));
    bed.finish_lingering(calls + 1, calls);
}

/// RFC 5806, RFC 7044, RFC 7544: who diverted the call, in the header that the trunk reads, with no host of the other side.
#[test]
fn diversions_are_told_as_each_trunk_wants_them() {
    let bed = quick(|setup| {
        let setup = setup.without("b1").without("b2");
        let mode = |mode: &str| format!("identity = {{ diversion = \"{mode}\" }}");
        let setup = carrier(setup, "diversion", "+2001", &[&mode("diversion")]);
        let setup = carrier(setup, "history", "+2002", &[&mode("history-info")]);
        let setup = carrier(setup, "pass", "+2003", &[&mode("pass")]);
        carrier(setup, "strip", "+2004", &[])
    });
    let (pbx, bob) = (bed.peer_a(), bed.peer_b1());
    let diversion = format!(
        "Diversion: \"Desk\" <sip:+442071110002@{SECRET}>;reason=no-answer;counter=1;privacy=off, \
         <tel:+442071110001>;reason=user-busy"
    );
    let history = format!(
        "History-Info: <sip:+442071110001@{SECRET}>;index=1,<sip:+442071110002@{SECRET};cause=486>;index=1.1;mp=1, \
         <sip:+442071110003@{SECRET};cause=302>;index=1.1.1;mp=1.1"
    );
    let private = format!("Diversion: <sip:+442071110001@{SECRET}>;reason=unconditional;privacy=full");
    let busy = "<sip:+442071110001@us>;reason=user-busy;privacy=off";
    let rows: Vec<(&str, &str, Vec<String>, Vec<String>)> = vec![
        (
            &diversion,
            "+2001",
            vec![
                "\"Desk\" <sip:+442071110002@us>;reason=no-answer;privacy=off".to_owned(),
                busy.to_owned(),
            ],
            vec![],
        ),
        (
            &diversion,
            "+2002",
            vec![],
            vec![
                "<sip:+442071110001@us>;index=1".to_owned(),
                "\"Desk\" <sip:+442071110002@us;cause=486>;index=1.1;mp=1".to_owned(),
                "<sip:+20025550000@us;cause=408>;index=1.1.1;mp=1.1".to_owned(),
            ],
        ),
        (
            &history,
            "+2001",
            vec![
                "<sip:+442071110002@us>;reason=unconditional;privacy=off".to_owned(),
                busy.to_owned(),
            ],
            vec![],
        ),
        (
            &history,
            "+2003",
            vec![],
            vec![
                "<sip:+442071110001@us>;index=1".to_owned(),
                "<sip:+442071110002@us;cause=486>;index=1.1;mp=1".to_owned(),
                "<sip:+20035550000@us;cause=302>;index=1.1.1;mp=1.1".to_owned(),
            ],
        ),
        (
            &private,
            "+2001",
            vec![format!("{NOBODY};reason=unconditional;privacy=full")],
            vec![],
        ),
        (
            &private,
            "+2002",
            vec![],
            vec![
                "<sip:anonymous@anonymous.invalid?Privacy=history>;index=1".to_owned(),
                "<sip:+20025550000@us;cause=302>;index=1.1;mp=1".to_owned(),
            ],
        ),
        (&diversion, "+2004", vec![], vec![]),
    ];
    let calls = rows.len();
    let from = format!("<sip:+442071838750@{SECRET}>");
    for (line, prefix, diversion, history) in rows {
        let target = format!("sip:{prefix}5550000@{}", bed.places.sut);
        let invite = got(&pbx, &bob, &target, &from, &[line]);
        assert!(!text(invite.raw()).contains(SECRET), "{}", text(invite.raw()));
        let of = |id| -> Vec<String> {
            let us = bed.places.sut.to_string();
            values(&invite, id)
                .iter()
                .map(|value| value.replace(&us, "us"))
                .collect()
        };
        let told = (of(HeaderId::Diversion), of(HeaderId::HistoryInfo));
        assert_eq!(told, (diversion, history), "{prefix} {line}");
    }
    bed.finish_lingering(calls, calls);
}

/// RFC 3325 §9.1: who has answered is told to a trunk that asks for it, and believed of one that is trusted.
#[test]
fn who_has_answered_is_told_to_whom_it_may_be_told() {
    let bed = quick(|setup| {
        let identity = "identity = { assert = \"p-asserted-identity\", connected = true }";
        let trusted = "identity = { trust = true }";
        let setup = setup.key("pbx", identity).key("b1", trusted);
        setup.extra("[[number]]\nmatch = \"+1*\"\nto = \"b2\"\n")
    });
    let (alice, bob, eve) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let asserted = format!("\"Desk\" <sip:+442079460001@{SECRET}>");
    let rows = [
        (
            support::NUMBER,
            &bob,
            vec![("P-Asserted-Identity", asserted.as_str())],
            "\"Desk\" <sip:+442079460001@us>",
        ),
        (
            support::NUMBER,
            &bob,
            vec![("P-Asserted-Identity", asserted.as_str()), ("Privacy", "id")],
            "",
        ),
        (
            "+12125550123",
            &eve,
            vec![("P-Asserted-Identity", asserted.as_str())],
            "",
        ),
    ];
    let calls = rows.len();
    for (number, callee, headers, expected) in rows {
        let call = alice.invite(number, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = callee.incoming();
        leg.reply_with(180, &headers, None);
        leg.reply_with(200, &headers, Some(&sdp::offer(bed.places.rtp_b1)));
        for status in [180, 200] {
            let answer = call.expect(status);
            assert!(!text(answer.raw()).contains(SECRET));
            let told = header(&answer, HeaderId::PAssertedIdentity);
            assert_eq!(
                told.replace(&bed.places.sut.to_string(), "us"),
                expected,
                "{number} {status}"
            );
        }
        call.ack();
        leg.expect_request("ACK");
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    }
    bed.finish(calls);
}
