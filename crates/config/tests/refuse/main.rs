//! Documents that are wrong, and exactly what is said of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod values;
mod whole;

use common::{GOOD, before, said};

/// What is said of keys in its carrier, which begins at line 12 and whose keys go on at line 17.
fn carrier(keys: &str) -> Vec<String> {
    said(&format!("{GOOD}{keys}\n"))
}

#[test]
fn the_good_document_is_good() {
    assert_eq!(said(GOOD), Vec::<String>::new());
}

#[test]
fn syntax_errors_have_their_place() {
    for (text, expected) in [
        (
            "[sip]\nt1 = \"1s",
            "t:2:9: TOML: invalid basic string; expected `\"`",
        ),
        ("[sip\nt1 = \"1s\"", "t:1:5: TOML: unclosed table; expected `]`"),
        (
            "[sip]\nt1 = \"1s\"\nt1 = \"2s\"",
            "t:3:1: the key t1 is set a second time; expected it in one place",
        ),
        (
            "[sip]\n[media]\n[sip]",
            "t:3:2: the key sip is set a second time; expected it in one place",
        ),
        (
            "[sip]\nt1 = quick",
            "t:2:6: TOML: string values must be quoted; expected literal string",
        ),
    ] {
        assert_eq!(said(text), [expected], "{text}");
    }
    let many = said("a = \nb = \n\n\nc = ]\n");
    let lines: Vec<&str> = many.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["t:1:5", "t:2:5", "t:5:5"], "{many:?}");
}

#[test]
fn an_empty_file_is_refused() {
    let missing = [
        "t:1:1: there is no [[listen]]; expected at least one, such as bind = \"127.0.0.1:5060\"",
        "t:1:1: there is no [[trunk]]; expected at least one customer or carrier",
    ];
    for text in [
        "",
        "\n\n# nothing here\n",
        "[sip]\nt1 = \"500ms\"",
        "listen = []\ntrunk = []",
    ] {
        assert_eq!(said(text), missing, "{text}");
    }
}

/// A file that is cut off while it is written is refused at most lengths; it is never taken for a shorter file that
/// lost a trunk it had begun.
#[test]
fn a_file_that_is_cut_off_inside_a_trunk_is_refused() {
    let start = GOOD.rfind("[[trunk]]").unwrap();
    let last_key = GOOD.rfind("targets").unwrap();
    for end in start + "[[trunk]]".len()..=last_key {
        assert!(!said(&GOOD[..end]).is_empty(), "{}", &GOOD[..end]);
    }
}

#[test]
fn unknown_keys_come_with_the_nearest_known_one() {
    for (lines, expected) in [
        (
            "[sip]\nt5 = \"1s\"",
            "t:2:1: sip: unknown key \"t5\"; did you mean \"t1\"?",
        ),
        (
            "[media]\nport = \"1-2\"",
            "t:2:1: media: unknown key \"port\"; did you mean \"ports\"?",
        ),
        (
            "[medai]\n",
            "t:1:2: unknown key \"medai\"; did you mean \"media\"?",
        ),
        (
            "[[trunks]]\n",
            "t:1:3: unknown key \"trunks\"; did you mean \"trunk\"?",
        ),
        (
            "[node]\nmax_calls = 5",
            "t:2:1: node: unknown key \"max_calls\"; did you mean \"max_calls\" of [sip] or [[trunk]] or [[limit]]?",
        ),
        ("colour = \"blue\"", "t:1:1: unknown key \"colour\""),
    ] {
        assert_eq!(before(lines), [expected], "{lines}");
    }
    assert_eq!(
        carrier("max_cals = 3"),
        ["t:17:1: trunk.carrier-a: unknown key \"max_cals\"; did you mean \"max_calls\"?"]
    );
    assert_eq!(
        carrier("[trunk.failover]\nadvanced = [503]"),
        ["t:18:1: trunk.carrier-a.failover: unknown key \"advanced\"; did you mean \"advance\"?"]
    );
}

#[test]
fn keys_of_later_versions_are_said_to_be_that() {
    let expected = "t:1:2: this version of Tandem does not have the key `stream` yet";
    assert_eq!(before("[stream]"), [expected]);
}

#[test]
fn certificates_are_where_they_are_needed_and_nowhere_else() {
    let listen = |keys: &str| said(&GOOD.replacen("[[listen]]\n", &format!("[[listen]]\n{keys}\n"), 1));
    let pair = "certificate = \"a.pem\", key = \"a.key\"";
    for (keys, fault) in [
        (
            "transport = \"tls\"".to_owned(),
            "t:2:1: listen[0]: a tls listener needs a certificate; expected tls = { certificate = \"cert.pem\", key = \
             \"key.pem\" }",
        ),
        (
            format!("transport = \"tcp\"\ntls = {{ {pair} }}"),
            "t:4:7: listen[0].tls: a tcp listener has no certificate; expected transport = \"tls\" or \"wss\", or the key \
             left out",
        ),
        (
            "transport = \"wss\"\ntls = { certificate = [\"a.pem\", \"b.pem\"], key = \"a.key\" }".to_owned(),
            "t:4:7: listen[0].tls: 2 certificates and 1 keys; expected a key for each certificate, in the same order",
        ),
        (
            format!("transport = \"tls\"\ntls = {{ {pair}, client = \"required\" }}"),
            "t:4:56: listen[0].tls.client: clients' certificates cannot be told good from bad; expected client_ca = \
             \"clients.pem\" beside it",
        ),
        (
            format!("transport = \"tls\"\ntls = {{ {pair}, client_ca = \"c.pem\" }}"),
            "t:4:59: listen[0].tls.client_ca: clients are not asked for certificates; expected client = \"optional\" or \
             \"required\" beside it",
        ),
    ] {
        let faults = listen(&keys);
        assert!(faults.iter().any(|said| said == fault), "{keys}: {faults:#?}");
    }
    let faults = carrier("tls = { certificate = \"a.pem\" }");
    assert_eq!(
        faults,
        ["t:17:7: trunk.carrier-a.tls: there is no `key`; expected both or none of the two"]
    );
}
