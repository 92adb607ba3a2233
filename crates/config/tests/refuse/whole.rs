//! Documents whose keys are each right and together wrong, and exactly what is said of them.

use super::*;

#[test]
fn listeners_are_judged() {
    for (bind, expected) in [
        (
            "\"0.0.0.0:5060\"",
            "t:3:8: listen[0].bind: 0.0.0.0:5060 is every address, and a message names one; expected advertise = \
             \"203.0.113.10:5060\" beside it, or one address here",
        ),
        (
            "\"127.0.0.1:5060\"\nadvertise = \"0.0.0.0:5060\"",
            "t:4:13: listen[0].advertise: 0.0.0.0:5060 is nowhere to send to; expected the address and port others reach",
        ),
        (
            "\"127.0.0.1:5060\"\nadvertise = \"[2001:db8::1]:5060\"",
            "t:4:13: listen[0].advertise: 2001:db8::1 is not of the same kind of address as `bind`, 127.0.0.1; expected \
             both IPv4 or both IPv6",
        ),
        (
            "\"127.0.0.1:5060\"\n[[listen]]\nbind = \"127.0.0.1:5060\"",
            "t:5:8: listen[1].bind: 127.0.0.1:5060 is listened on already, at t:3; expected another address or port",
        ),
        (
            "\"127.0.0.1:5060\"\n[[listen]]\nbind = \"0.0.0.0:5060\"\nadvertise = \"203.0.113.1:5060\"",
            "t:5:8: listen[1].bind: 0.0.0.0:5060 is listened on already, at t:3; expected another address or port",
        ),
        (
            "\"127.0.0.1:10060\"\n[media]\nports = \"10000-10999\"",
            "t:5:9: media.ports: \"10000-10999\" holds port 10060, where SIP is listened for on 127.0.0.1:10060; expected \
             ports that nothing else uses",
        ),
    ] {
        assert_eq!(
            said(&GOOD.replacen("\"127.0.0.1:5060\"", bind, 1)),
            [expected],
            "{bind}"
        );
    }
    let missing = GOOD.replacen("bind = \"127.0.0.1:5060\"", "", 1);
    assert_eq!(
        said(&missing),
        [
            "t:2:1: listen[0]: the key `bind` is missing; expected an address and a port, such as \"203.0.113.10:5060\" or \
          \"[2001:db8::10]:5060\""
        ]
    );
    assert_eq!(
        said(&GOOD.replace("[[listen]]", "[listen]")),
        [
            "t:2:1: listen: is a table; expected a list of tables; did you mean [[listen]], with double brackets?"
        ]
    );
}

/// Another listener that is wrong takes nothing from what is said of this one.
#[test]
fn places_hold_when_an_entry_before_is_refused() {
    let text = GOOD
        .replacen("[[listen]]", "[[listen]]\nbind = 5\n[[listen]]", 1)
        .replacen("127.0.0.1:5060", "0.0.0.0:5060", 1);
    let said = said(&text);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("t:3:8: listen[0].bind: is an integer"),
        "{said:?}"
    );
    assert!(
        said[1].starts_with("t:5:8: listen[1].bind: 0.0.0.0:5060 is every address"),
        "{said:?}"
    );
}

#[test]
fn media_addresses_are_judged() {
    for (lines, expected) in [
        (
            "bind = \"0.0.0.0\"",
            "t:2:8: media.bind: 0.0.0.0 is every address, and SDP names one; expected advertise = \"203.0.113.10\" beside \
             it, or one address here",
        ),
        (
            "advertise = \"0.0.0.0\"",
            "t:2:13: media.advertise: 0.0.0.0 is nowhere to send to; expected the address that others reach",
        ),
        (
            "bind = \"127.0.0.1\"\nadvertise = \"2001:db8::1\"",
            "t:3:13: media.advertise: 2001:db8::1 is not of the same kind of address as `bind`, 127.0.0.1; expected both \
             IPv4 or both IPv6",
        ),
    ] {
        assert_eq!(before(&format!("[media]\n{lines}")), [expected], "{lines}");
    }
    assert_eq!(
        before("[sip]\nt1 = \"5s\"\n"),
        [
            "t:2:6: sip.t1: t2, the longest interval, is shorter than t1, the first; expected t2 of at least t1"
        ]
    );
}

#[test]
fn networks_are_judged() {
    let net = "[[network]]\nname = \"out\"\n";
    let in_out =
        |text: &str| text.replacen("role = \"customer\"", "role = \"customer\"\nnetwork = \"out\"", 1);
    for (text, expected) in [
        (
            format!("{net}{}", in_out(GOOD)),
            "no listener is in network \"out\"; expected network = \"out\" in a [[listen]]",
        ),
        (in_out(GOOD), "there is no network \"out\""),
        (
            format!(
                "{net}{}",
                GOOD.replacen("[[listen]]", "[[listen]]\nnetwork = \"out\"", 1)
            ),
            "trunk.pbx: names no network, and every listener is in one; expected network = \"out\"",
        ),
        (
            format!("{net}bind = \"0.0.0.0\"\n{GOOD}"),
            "network.out.bind: 0.0.0.0 is every address, and SDP names one",
        ),
        (
            format!("{net}bind = \"127.0.0.9\"\nadvertise = \"::1\"\n{GOOD}"),
            "network.out.advertise: ::1 is not of the same kind of address as `bind`, 127.0.0.9",
        ),
        (format!("{net}{net}{GOOD}"), "there is a network \"out\" already"),
    ] {
        let said = said(&text);
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{expected}\n{said:#?}"
        );
    }
}

#[test]
fn trunks_need_what_their_role_asks_for() {
    for (text, expected) in [
        (
            GOOD.replace("sources = [\"127.0.0.10:5070\"]\n", ""),
            "t:5:1: trunk.pbx: a customer needs `sources`; expected where its requests come from: sources = [\"203.0.113.7\"], or \
             who may call: users = [{ username = …, password = … }]",
        ),
        (
            GOOD.replace("targets = [{ uri = \"sip:127.0.0.20:5080\" }]\n", ""),
            "t:12:1: trunk.carrier-a: a carrier needs `targets`; expected where calls to it go: targets = [{ uri = \
             \"sip:203.0.113.20:5060\" }]",
        ),
        (
            GOOD.replace("role = \"customer\"\n", ""),
            "t:5:1: trunk.pbx: the key `role` is missing; expected \"customer\" or \"carrier\"",
        ),
        (
            GOOD.replace("\"carrier\"", "\"cariier\""),
            "t:14:8: trunk.carrier-a.role: \"cariier\" is not known here; expected \"customer\" or \"carrier\"; did you \
             mean \"carrier\"?",
        ),
        (
            GOOD.replace("name = \"pbx\"", "name = \"the pbx\""),
            "t:6:8: trunk[0].name: \"the pbx\" is not a name; expected a name of 1 to 64 letters, digits, `-`, `_` or `.`",
        ),
        (
            GOOD.replace("name = \"carrier-a\"", "name = \"pbx\""),
            "t:13:8: trunk[1].name: there is a trunk \"pbx\" already, at t:6; expected another",
        ),
        (
            GOOD.replace("role = \"customer\"", "role = \"customer\"\ndeck = \"d.csv\""),
            "t:8:8: trunk.pbx.deck: a customer has no `deck`; expected the key left out",
        ),
        (
            GOOD.replace("role = \"customer\"", "role = \"customer\"\nsupervise = 0.1"),
            "t:8:13: trunk.pbx.supervise: a customer has no `supervise`; expected the key left out",
        ),
    ] {
        assert_eq!(said(&text), [expected]);
    }
}

#[test]
fn names_that_nothing_bears_are_refused() {
    let class = |keys: &str| said(&format!("{GOOD}[[class]]\nname = \"c\"\n{keys}"));
    let number = |keys: &str| said(&format!("{GOOD}[[number]]\n{keys}"));
    for (said, expected) in [
        (
            class("trunks = [\"carrier-b\"]"),
            "t:19:11: class.c.trunks[0]: there is no trunk \"carrier-b\"; did you mean \"carrier-a\"?",
        ),
        (
            class("excluded = [\"x\"]"),
            "t:19:13: class.c.excluded[0]: there is no trunk \"x\"",
        ),
        (
            class("trunks = [\"pbx\"]"),
            "t:19:11: class.c.trunks[0]: \"pbx\" is a customer; expected names of carriers",
        ),
        (
            class("trunks = [\"carrier-a\"]\nexcluded = [\"carrier-a\"]"),
            "t:20:13: class.c.excluded[0]: \"carrier-a\" is in `trunks` too; expected each carrier in one of the two lists",
        ),
        (
            class("objective = { price = 0, quality = 0 }"),
            "t:19:13: class.c.objective: nothing counts: both weights are 0; expected at least one above 0",
        ),
        (
            class("[[class]]\nname = \"c\""),
            "t:20:8: class[1].name: there is a class \"c\" already, at t:18; expected another",
        ),
        (
            number("match = \"1\"\nto = \"pbxx\""),
            "t:19:6: number.1.to: there is no trunk \"pbxx\"; did you mean \"pbx\"?",
        ),
        (
            number("match = \"1\"\nto = [\"pbx\", \"y\"]"),
            "t:19:14: number.1.to[1]: there is no trunk \"y\"",
        ),
        (
            number("match = \"1\"\nto = []"),
            "t:19:6: number.1.to: is an empty list; expected a name of 1 to 64 letters, digits, `-`, `_` or `.`, or a list of such",
        ),
        (
            number("match = \"4[0-9]\"\nto = \"pbx\""),
            "t:18:9: number.4[0-9].match: \"4[0-9]\" is not a pattern; expected digits, with a + in front if you like, and \
             a * behind where more may follow: \"+4420718387*\"",
        ),
        (
            number("match = \"44*\"\nto = \"pbx\"\n[[number]]\nmatch = \"+44*\"\nto = \"pbx\""),
            "t:21:9: number.+44*.match: fits the same numbers as the rule at t:17; expected each pattern once",
        ),
        (
            number("match = \"44*\"\nto = \"pbx\"\n[[number]]\nmatch = \"44*\"\nto = \"pbx\""),
            "t:21:9: number[1].match: there is a number \"44*\" already, at t:18; expected another",
        ),
        (
            said(&GOOD.replace("role = \"customer\"", "role = \"customer\"\nclass = \"premium\"")),
            "t:8:9: trunk.pbx.class: there is no class \"premium\"",
        ),
    ] {
        assert_eq!(said, [expected]);
    }
}

#[test]
fn backups_that_lead_nowhere_are_refused() {
    let number = |keys: &str| said(&format!("{GOOD}[[number]]\nmatch = \"1\"\n{keys}"));
    let expected = "a trunk's name, a number such as \"+442079460000\", or { trunk = …, number = … }";
    let many: Vec<String> = (0..9)
        .map(|n| format!("{{ trunk = \"pbx\", number = \"20{n}\" }}"))
        .collect();
    for (said, expected) in [
        (
            number("to = \"pbx\"\non_busy = \"pbxx\""),
            "t:20:11: number.1.on_busy: there is no trunk \"pbxx\"; did you mean \"pbx\"?".to_owned(),
        ),
        (
            number("to = \"pbx\"\non_failure = [\"pbx\", { trunk = \"y\", number = \"2\" }]"),
            "t:20:22: number.1.on_failure[1]: there is no trunk \"y\"".to_owned(),
        ),
        (
            number("to = \"pbx\"\non_busy = \"a b\""),
            format!("t:20:11: number.1.on_busy: \"a b\" is neither a trunk nor a number; expected {expected}"),
        ),
        (
            number("to = \"pbx\"\non_busy = { }"),
            format!("t:20:11: number.1.on_busy: names neither a trunk nor a number; expected {expected}"),
        ),
        (
            number("to = \"pbx\"\non_busy = { number = \"sip:200@pbx\" }"),
            "t:20:22: number.1.on_busy.number: \"sip:200@pbx\" is nothing to call; expected a number or name to call, 1 to 64 \
             characters without spaces, such as \"+442079460000\" or \"voicemail\"; did you mean \"200\"?"
                .to_owned(),
        ),
        (
            number("to = \"carrier-a\"\non_no_answer = \"+4930\""),
            "t:20:16: number.1.on_no_answer: no customer in `to` whose call this could be; expected the trunk as well: \
             { trunk = \"…\", number = \"…\" }"
                .to_owned(),
        ),
        (
            number(&format!("to = \"pbx\"\non_unregistered = [{}]", many.join(", "))),
            "t:20:19: number.1.on_unregistered: 9 backups are too many; expected 8 at most: the caller waits for each".to_owned(),
        ),
    ] {
        assert_eq!(said, [expected]);
    }
}

#[test]
fn every_error_is_told_at_once_in_the_order_of_the_file() {
    let said = said(
        "[[number]]\nmatch = \"x\"\nto = \"gone\"\n[sip]\nt9 = 1\nt1 = 2\n[media]\nports = \"9-1\"\n[[trunk]]\nname = \"a\"\n\
         role = \"carrier\"\n",
    );
    let places: Vec<&str> = said.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        ["t:1:1", "t:2:9", "t:5:1", "t:6:6", "t:8:9", "t:9:1"],
        "{said:#?}"
    );
}

#[test]
fn a_file_with_no_end_of_errors_is_told_the_first_of_them() {
    let lines: String = (0..500).map(|index| format!("key{index} = 1\n")).collect();
    let said = said(&lines);
    assert_eq!(said.len(), 201);
    assert!(said[200].ends_with("and 302 more errors"), "{}", said[200]);
}
