//! Who calls and what each side is told of it: identity headers, privacy, diversions, numbers, screening, header rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::{HeaderId, Message};
use support::{header, invite_of, is_answer, quick, request, text, uri, values};
use testbed::{Bed, Setup, SipPeer, sdp};

/// The host that nobody on the other side may see.
const SECRET: &str = "secret.example";

/// Sends an INVITE of the given number, From and more lines.
fn call(peer: &SipPeer, target: &str, from: &str, lines: &[&str]) {
    let local = peer.local();
    let mut all = vec![
        format!("Via: SIP/2.0/UDP {local};branch={};rport", peer.mint("z9hG4bK")),
        format!("From: {from};tag={}", peer.mint("t")),
        format!("To: <{target}>"),
        format!("Call-ID: {}", peer.mint("call-")),
        "CSeq: 1 INVITE".to_owned(),
        "Max-Forwards: 70".to_owned(),
        format!("Contact: <sip:{local}>"),
    ];
    all.extend(lines.iter().map(|line| (*line).to_owned()));
    let offer = sdp::offer((local.ip(), 20_000).into());
    let invite = request("INVITE", target, &all, Some(&offer));
    peer.send_raw(peer.sut(), invite.as_bytes());
}

/// What the called side gets of such an INVITE; it is busy.
fn got(calling: &SipPeer, called: &SipPeer, target: &str, from: &str, lines: &[&str]) -> Message {
    call(calling, target, from, lines);
    let leg = called.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    calling.wait("486", is_answer(486, "INVITE"));
    invite_of(&leg)
}

/// From without our tag.
fn from_of(message: &Message) -> String {
    let from = header(message, HeaderId::From);
    from.split(";tag=").next().unwrap_or_default().to_owned()
}

/// A carrier at B1 for the numbers of one prefix.
fn carrier(setup: Setup, name: &str, prefix: &str, keys: &[&str]) -> Setup {
    let lines = ["role = \"carrier\"", "targets = [{ uri = \"sip:{b1}\" }]"];
    let lines: Vec<&str> = lines.into_iter().chain(keys.iter().copied()).collect();
    let rule = format!("[[number]]\nmatch = \"{prefix}*\"\nto = \"{name}\"\n");
    setup.trunk(name, &lines).extra(&rule)
}

/// Identity headers of a message: From, P-Asserted-Identity, Remote-Party-ID, Privacy, as `-` where there is none.
fn told(message: &Message, bed: &Bed) -> [String; 4] {
    assert!(!text(message.raw()).contains(SECRET), "{}", text(message.raw()));
    let of = |id| match message.header(id) {
        Some(value) => text(value).replace(&bed.places.sut.to_string(), "us"),
        None => "-".to_owned(),
    };
    [
        from_of(message).replace(&bed.places.sut.to_string(), "us"),
        of(HeaderId::PAssertedIdentity),
        of(HeaderId::RemotePartyId),
        of(HeaderId::Privacy),
    ]
}

const NOBODY: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

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

/// RFC 3261 §19.1.6, RFC 3966: each header has its own spelling of a number, and numbers are read as the trunk writes them.
#[test]
fn numbers_are_written_and_read_as_each_trunk_does() {
    let bed = quick(|setup| {
        let setup = setup
            .without("b1")
            .without("b2")
            .key(
                "pbx",
                "numbering = { country_code = \"44\", plain = \"national\" }",
            )
            .extra("[[number]]\nmatch = \"+442071838*\"\nto = \"pbx\"\n");
        let formats = "header_formats = { to = { style = \"e164\", uri = \"user-phone\" }, from = \"national\", identity = \
                       { style = \"e164\", uri = \"tel\" }, diversion = { style = \"digits\", prepend = \"9\" } }";
        let keys = [
            "number_format = { style = \"digits\", prepend = \"011\" }",
            formats,
            "numbering = { country_code = \"44\", plain = \"e164\" }",
            "identity = { assert = \"p-asserted-identity\", diversion = \"diversion\" }",
            "sources = [\"{b1}\"]",
        ];
        let setup = carrier(setup, "odd", "+1", &keys);
        carrier(
            setup,
            "national",
            "+44207946",
            &[
                "number_format = \"national\"",
                "numbering = { country_code = \"44\" }",
            ],
        )
    });
    let (pbx, bob) = (bed.peer_a(), bed.peer_b1());
    let (sut, b1) = (bed.places.sut, bed.places.b1);
    let from = "<sip:02071838750@pbx>";
    let diversion = "Diversion: <sip:2071838751@pbx>;reason=unknown";
    let invite = got(
        &pbx,
        &bob,
        &format!("sip:0012125550123@{sut}"),
        from,
        &[diversion],
    );
    assert_eq!(uri(&invite), format!("sip:01112125550123@{b1}"));
    assert_eq!(
        header(&invite, HeaderId::To),
        format!("<sip:+12125550123@{b1};user=phone>")
    );
    assert_eq!(from_of(&invite), format!("<sip:02071838750@{sut}>"));
    assert_eq!(
        header(&invite, HeaderId::PAssertedIdentity),
        "<tel:+442071838750>"
    );
    let told = format!("<sip:9442071838751@{sut}>;reason=unknown;privacy=off");
    assert_eq!(header(&invite, HeaderId::Diversion), told);
    // A number is the same in each spelling.
    let spellings = [
        format!("sip:+442079460000@{sut};user=phone"),
        "tel:+44-20-7946-0000".to_owned(),
        format!("sip:02079460000@{sut}"),
        format!("sip:00442079460000@{sut}"),
        format!("sip:2079460000@{sut}"),
    ];
    for target in &spellings {
        let invite = got(&pbx, &bob, target, from, &[]);
        assert_eq!(uri(&invite), format!("sip:02079460000@{b1}"), "{target}");
        assert_eq!(from_of(&invite), format!("<sip:02071838750@{sut}>"));
    }
    // And from the carrier, without +.
    let invite = got(
        &bob,
        &pbx,
        &format!("sip:442071838750@{sut}"),
        "<sip:12125550123@carrier>",
        &[],
    );
    assert_eq!(uri(&invite), format!("sip:+442071838750@{}", bed.places.a));
    assert_eq!(from_of(&invite), format!("<sip:+12125550123@{sut}>"));
    let records = bed.finish_lingering(7, 7);
    let called: Vec<&str> = records.iter().map(|record| record.text("called")).collect();
    assert_eq!(
        called.iter().filter(|number| **number == "+442079460000").count(),
        5,
        "{called:?}"
    );
}

/// Two customers behind one address are told apart by the number that is called, each in the way it is written on its trunk.
#[test]
fn se_03_a_number_decides_between_twins_in_each_spelling() {
    let bed = quick(|setup| {
        let twin = |setup: Setup, name: &str, number: &str| {
            let keys = [
                "role = \"carrier\"",
                "sources = [\"{b1}\"]",
                "targets = [{ uri = \"sip:{b1}\" }]",
            ];
            let rule = format!("[[number]]\nmatch = \"{number}*\"\nto = \"pbx\"\n");
            setup
                .trunk(name, &keys)
                .key(name, "numbering = { country_code = \"44\", plain = \"e164\" }")
                .extra(&rule)
        };
        let setup = twin(setup.without("b1").without("b2"), "twin-1", "+442071838");
        twin(setup, "twin-2", "+442071839")
    });
    let (bob, pbx) = (bed.peer_b1(), bed.peer_a());
    let targets = [
        ("sip:+442071838750@{}", "+442071838750"),
        ("sip:442071838750@{}", "+442071838750"),
        ("sip:02071839750@{}", "+442071839750"),
        ("sip:00442071839750@{};user=phone", "+442071839750"),
        ("tel:+442071839750", "+442071839750"),
    ];
    for (target, number) in targets {
        let target = target.replace("{}", &bed.places.sut.to_string());
        let invite = got(&bob, &pbx, &target, "<sip:+12125550123@carrier>", &[]);
        assert_eq!(uri(&invite), format!("sip:{number}@{}", bed.places.a), "{target}");
    }
    bed.finish_lingering(targets.len(), targets.len());
}

/// A customer presents its own numbers and those it is allowed; for another its default stands, or the call is refused.
#[test]
fn a_customer_presents_its_own_numbers_only() {
    let bed = quick(|setup| {
        let customer = |setup: Setup, name: &str, source: &str, screening: &str| {
            let keys = [
                "role = \"customer\"".to_owned(),
                format!("sources = [\"{source}\"]"),
                "identity = { caller = [\"p-asserted-identity\", \"from\"] }".to_owned(),
                format!("screening = {{ {screening} }}"),
            ];
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            setup.trunk(name, &keys)
        };
        let setup = setup.without("pbx").without("b1").without("b2");
        let default = "default = \"+442071838000\", allowed = [\"+4420794600*\"], diverted = true";
        let setup = customer(setup, "replaced", "{a}", default);
        let refuse = "allowed = [\"+442071838000\"], anonymous = \"refuse\"";
        let setup = customer(setup, "refused", "{x}", refuse);
        let rules = "[[number]]\nmatch = \"+44207183*\"\nto = \"replaced\"\n[[number]]\nmatch = \"+442071839999\"\nto = \"refused\"\n";
        carrier(
            setup.extra(rules),
            "out",
            "+1",
            &["identity = { trust = true, assert = \"p-asserted-identity\" }"],
        )
    });
    let (replaced, refused, bob) = (bed.peer_a(), bed.peer("X", bed.places.x), bed.peer_b1());
    let target = format!("sip:+12125550123@{}", bed.places.sut);
    let own = "\"Own\" <sip:+442071838001@pbx>";
    let foreign = "\"President\" <sip:+12025550100@pbx>";
    let told_own = "\"Own\" <sip:+442071838001@us>";
    let default = "<sip:+442071838000@us>";
    let asserts_own = "P-Asserted-Identity: <sip:+442071838001@pbx>";
    let asserts_foreign = "P-Asserted-Identity: <sip:+12025550100@pbx>";
    let diverted = "Diversion: <sip:+442071838002@pbx>;reason=unconditional";
    let told_foreign = "\"President\" <sip:+12025550100@us>";
    let rows: Vec<(&str, Vec<&str>, [&str; 4])> = vec![
        (own, vec![], [told_own, told_own, "-", "-"]),
        (
            "<sip:+442079460077@pbx>",
            vec![],
            ["<sip:+442079460077@us>", "<sip:+442079460077@us>", "-", "-"],
        ),
        (foreign, vec![], [default, default, "-", "-"]),
        ("<sip:+442071839999@pbx>", vec![], [default, default, "-", "-"]),
        (
            foreign,
            vec![asserts_own],
            ["<sip:+442071838001@us>", "<sip:+442071838001@us>", "-", "-"],
        ),
        (
            own,
            vec![asserts_foreign],
            [told_own, "<sip:+442071838001@us>", "-", "-"],
        ),
        (NOBODY, vec![asserts_foreign], [NOBODY, default, "-", "-"]),
        (NOBODY, vec![], [NOBODY, default, "-", "id"]),
        (foreign, vec![diverted], [told_foreign, told_foreign, "-", "-"]),
    ];
    let mut calls = rows.len();
    for (from, lines, expected) in rows {
        let invite = got(&replaced, &bob, &target, from, &lines);
        assert_eq!(told(&invite, &bed), expected, "{from} {lines:?}");
    }
    for (from, status) in [
        ("<sip:+442071839999@pbx>", 486),
        ("<sip:+442071838000@pbx>", 486),
        (own, 403),
        (NOBODY, 433),
    ] {
        if status == 486 {
            got(&refused, &bob, &target, from, &[]);
        } else {
            call(&refused, &target, from, &[]);
            refused.wait("a refusal", is_answer(status, "INVITE"));
        }
        calls += 1;
    }
    let records = bed.finish_lingering(calls, calls - 2);
    let kinds = |kind: &str| {
        records
            .iter()
            .filter(|record| record.text("cause.kind") == kind)
            .count()
    };
    assert_eq!(
        (kinds("caller-refused"), kinds("anonymous-refused"), kinds("busy")),
        (1, 1, calls - 2)
    );
    let presented = records
        .iter()
        .filter(|record| record.text("caller") == "+442071838000");
    assert_eq!(presented.count(), 5);
}

/// Header rules of both trunks in both directions, the pass list both ways, and what of the SDP is left out.
#[test]
fn rules_change_what_a_trunk_sends_and_gets() {
    let bed = quick(|setup| {
        let rules = r#"headers = [
            { action = "add", name = "X-Call", value = "{caller} to {called} by {trunk}" },
            { action = "remove", name = "User-Agent" },
            { action = "rewrite", name = "X-Account", match = "^(\\d+)$", value = "acct-$1" },
            { action = "set", name = "X-Echo", value = "changed", direction = "from", on = "answers" },
            { action = "add", name = "X-Ended", value = "{call_id}", on = ["requests"] },
        ]"#;
        let own = r#"headers = [
            { action = "add", name = "X-Account", value = "7", direction = "from" },
            { action = "remove", name = "X-Debug", match = "^on$", direction = "from" },
            { action = "add", name = "X-Seen", value = "yes", on = "answers" },
        ]"#;
        setup
            .sip("user_agent = \"Tandem\"")
            .key("b1", rules)
            .key(
                "b1",
                "sdp = { remove_attributes = [\"ssrc\"], remove_bandwidth = true, ptime = 30 }",
            )
            .key("pbx", own)
            .key("pbx", "pass_headers = [\"X-Account\", \"X-Debug\", \"X-Echo\"]")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offer =
        sdp::offer(bed.places.rtp_a).replace("t=0 0\r\n", "b=AS:64\r\nt=0 0\r\n") + "a=ssrc:1 cname:x\r\n";
    let headers = [("X-Debug", "on"), ("X-Debug", "off"), ("X-Other", "stays here")];
    let call = alice.invite_with(support::NUMBER, &headers, Some(&offer));
    let leg = bob.incoming();
    let invite = invite_of(&leg);
    let named = |message: &Message, name: &str| text(message.header_named(name).unwrap_or_default());
    assert_eq!(
        named(&invite, "X-Call"),
        format!("+442071838750 to {} by b1", support::NUMBER)
    );
    assert_eq!(
        (named(&invite, "X-Account"), named(&invite, "User-Agent")),
        ("acct-7".to_owned(), String::new())
    );
    assert_eq!(
        (named(&invite, "X-Debug"), named(&invite, "X-Other")),
        ("off".to_owned(), String::new())
    );
    let body = text(&invite.body());
    assert!(
        body.contains("a=ptime:30") && !body.contains("a=ptime:20"),
        "{body}"
    );
    assert!(!body.contains("a=ssrc") && !body.contains("b=AS"), "{body}");
    leg.reply_with(180, &[("X-Echo", "as it was")], None);
    let ringing = call.expect(180);
    assert_eq!(
        (named(&ringing, "X-Echo"), named(&ringing, "X-Seen")),
        ("changed".to_owned(), "yes".to_owned())
    );
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let ok = call.expect(200);
    assert_eq!(
        (named(&ok, "X-Echo"), named(&ok, "X-Seen")),
        ("changed".to_owned(), "yes".to_owned())
    );
    let body = text(&ok.body());
    assert!(body.contains("a=ptime:20"), "{body}");
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    let bye = leg.ok("BYE");
    call.expect(200);
    let record = &bed.finish(1)[0];
    assert_eq!(named(&bye, "X-Ended"), record.text("id"));
    assert_eq!(named(&invite, "X-Ended"), record.text("id"));
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
