//! Numbers: how each trunk writes them, and which a customer may present.

use super::*;

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
