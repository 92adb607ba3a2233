//! Documents that are wrong, and exactly what is said of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, before, said};

/// What is said of keys in its carrier, which begins at line 12 and whose keys go on at line 17.
fn carrier(keys: &str) -> Vec<String> {
    said(&format!("{GOOD}{keys}\n"))
}

const DURATION: &str = "a duration such as \"500ms\", \"4s\", \"3m\" or \"4h\", from";

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
            "t:2:1: node: unknown key \"max_calls\"; did you mean \"max_calls\" of [sip] or [[trunk]]?",
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

#[test]
fn durations_need_a_unit_and_a_sensible_length() {
    for (value, wrong) in [
        (
            "500",
            format!("500 has no unit; expected {DURATION} 10ms to 10s; did you mean \"500ms\"?"),
        ),
        (
            "5",
            format!("5 has no unit; expected {DURATION} 10ms to 10s; did you mean \"5s\"?"),
        ),
        (
            "\"7\"",
            format!("\"7\" has no unit; expected {DURATION} 10ms to 10s; did you mean \"7s\"?"),
        ),
        (
            "\"5 s\"",
            format!("\"5 s\" has no unit that is known; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"5sec\"",
            format!("\"5sec\" has no unit that is known; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"s\"",
            format!("\"s\" is not a duration; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"-5s\"",
            format!("\"-5s\" is not a duration; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"\"",
            format!("\"\" is not a duration; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"11s\"",
            format!("\"11s\" is too long; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"0s\"",
            format!("\"0s\" is too short; expected {DURATION} 10ms to 10s"),
        ),
        (
            "\"99999999999999999999h\"",
            format!("\"99999999999999999999h\" is too long; expected {DURATION} 10ms to 10s"),
        ),
        ("1.5", format!("is a float; expected {DURATION} 10ms to 10s")),
        ("true", format!("is a boolean; expected {DURATION} 10ms to 10s")),
    ] {
        assert_eq!(
            before(&format!("[sip]\nt1 = {value}")),
            [format!("t:2:6: sip.t1: {wrong}")],
            "{value}"
        );
    }
}

#[test]
fn addresses_and_ports_are_judged() {
    const ADDRESS: &str = "an address and a port, such as \"203.0.113.10:5060\" or \"[2001:db8::10]:5060\"";
    for (value, wrong) in [
        ("\"127.0.0.1:70000\"", "port 70000 is above 65535"),
        ("\"127.0.0.1\"", "\"127.0.0.1\" has no port"),
        ("\"::1\"", "\"::1\" has no port"),
        (
            "\"localhost:5060\"",
            "\"localhost:5060\" is not an address and a port",
        ),
        (
            "\"127.0.0.256:5060\"",
            "\"127.0.0.256:5060\" is not an address and a port",
        ),
        ("5060", "is an integer"),
    ] {
        let expected = format!("t:2:8: api.bind: {wrong}; expected {ADDRESS}");
        assert_eq!(before(&format!("[api]\nbind = {value}")), [expected], "{value}");
    }
    assert_eq!(
        before("[media]\nbind = \"127.0.0.1:5\""),
        [
            "t:2:8: media.bind: \"127.0.0.1:5\" is not an address; expected an address without a port, such as \
          \"203.0.113.10\"; did you mean \"127.0.0.1\"?"
        ]
    );
}

#[test]
fn port_ranges_hold_whole_pairs_in_order() {
    const RANGE: &str =
        "expected a range of ports from 1024 to 65535 that begins even and ends odd, such as \"10000-29999\"";
    const PAIRS: &str = "does not hold whole pairs of an even RTP port and the odd RTCP port after it";
    for (value, wrong, meant) in [
        (
            "\"29999-10000\"",
            "\"29999-10000\" ends before it begins",
            "; did you mean \"10000-29999\"?",
        ),
        (
            "\"10000-30000\"",
            &format!("\"10000-30000\" {PAIRS}"),
            "; did you mean \"10000-30001\"?",
        ),
        (
            "\"10001-29999\"",
            &format!("\"10001-29999\" {PAIRS}"),
            "; did you mean \"10000-29999\"?",
        ),
        ("\"10000-70000\"", "port 70000 is above 65535", ""),
        ("\"100-199\"", "port 100 is below 1024", ""),
        ("\"10000\"", "\"10000\" is not a range", ""),
        ("\"a-b\"", "\"a-b\" is not a range of ports", ""),
        ("\"-\"", "\"-\" is not a range of ports", ""),
        ("10000", "10000 is one port, not a range", ""),
    ] {
        let expected = format!("t:2:9: media.ports: {wrong}; {RANGE}{meant}");
        assert_eq!(
            before(&format!("[media]\nports = {value}")),
            [expected],
            "{value}"
        );
    }
}

#[test]
fn sources_and_ranges_are_judged() {
    const SOURCE: &str = "an address, a range or an address with its port, such as \"203.0.113.7\", \"203.0.113.0/24\" \
                          or \"203.0.113.7:5060\"";
    for (value, wrong, meant) in [
        (
            "10.0.0.0/33",
            "the prefix /33 is longer than the address, /32",
            "",
        ),
        ("::/129", "the prefix /129 is longer than the address, /128", ""),
        ("10.0.0.0/x", "\"10.0.0.0/x\" is not a range of addresses", ""),
        ("10.0.0.0/+8", "\"10.0.0.0/+8\" is not a range of addresses", ""),
        ("10.0.0/8", "\"10.0.0/8\" is not a range of addresses", ""),
        (
            "10.0.0.5/24",
            "\"10.0.0.5/24\" has address bits behind its prefix",
            "; did you mean \"10.0.0.0/24\"?",
        ),
        ("10.0.0.5:99999", "port 99999 is above 65535", ""),
        ("10.0.0.5:0", "port 0 matches nothing", ""),
        (
            "sip.example.net",
            "\"sip.example.net\" is not a range of addresses",
            "",
        ),
    ] {
        let text = GOOD.replace("\"127.0.0.20\"", &format!("\"{value}\""));
        let expected = format!("t:15:12: trunk.carrier-a.sources[0]: {wrong}; expected {SOURCE}{meant}");
        assert_eq!(said(&text), [expected], "{value}");
    }
    assert_eq!(
        carrier("media_acl = [\"1.2.3.4:5\"]"),
        [
            "t:17:14: trunk.carrier-a.media_acl[0]: \"1.2.3.4:5\" is not a range of addresses; expected an address or a range \
          of addresses, such as \"203.0.113.7\" or \"203.0.113.0/24\""
        ]
    );
}

#[test]
fn targets_are_judged_and_never_show_a_user_part() {
    const URI: &str = "a SIP URI of a host and maybe a port and a transport, such as \"sip:203.0.113.20:5060\" or \
         \"sip:sip.example.net;transport=tls\"";
    for (uri, wrong) in [
        ("203.0.113.7", format!("is not a sip: URI; expected {URI}; did you mean \"sip:203.0.113.7\"?")),
        ("tel:+44", format!("is not a sip: URI; expected {URI}")),
        (
            "sip:bob:hunter2@203.0.113.7",
            format!("has a user part; who is called comes from the call, credentials go into `auth`; expected {URI}"),
        ),
        ("sip:", format!("\"\" is not a host and a port; expected {URI}")),
        ("sip:-a.example", format!("\"-a.example\" is not a host and a port; expected {URI}")),
        ("sip:300.0.0.1", format!("\"300.0.0.1\" is not a host and a port; expected {URI}")),
        ("sip:203.0.113.7:+5", format!("\"203.0.113.7:+5\" is not a host and a port; expected {URI}")),
        ("sip:203.0.113.7:0", format!("port 0 is not from 1 to 65535; expected {URI}")),
        ("sip:203.0.113.7:70000", format!("port 70000 is not from 1 to 65535; expected {URI}")),
        ("sip:203.0.113.7:", format!("\"203.0.113.7:\" is not a host and a port; expected {URI}")),
        ("sip:[2001:db8::1", format!("\"[2001:db8::1\" is not a host and a port; expected {URI}")),
        ("sip:2001:db8::1", format!("\"2001:db8::1\" is not a host and a port; expected {URI}")),
        (
            "sip:203.0.113.7;lr",
            "the parameter \"lr\" cannot be used; expected no parameters, or ;transport=udp, tcp or tls".to_owned(),
        ),
        (
            "sips:203.0.113.7;transport=udp",
            "sips: means TLS, which there is none of over UDP; expected sip:, or transport=tls".to_owned(),
        ),
        (
            "sip:203.0.113.7;transport=ws",
            "calls are not sent by WebSocket to where nobody has connected from (RFC 7118 §5.2); expected \
             transport=udp, tcp or tls"
                .to_owned(),
        ),
        (
            "sips:203.0.113.7",
            "is reached by tls, and its network has no tls listener for its kind of address; expected a [[listen]] with \
             transport = \"tls\": answers come to it"
                .to_owned(),
        ),
        (
            "sip:203.0.113.7;transport=tcp",
            "is reached by tcp, and its network has no tcp listener for its kind of address; expected a [[listen]] with \
             transport = \"tcp\": answers come to it"
                .to_owned(),
        ),
    ] {
        let expected = format!("t:16:20: trunk.carrier-a.targets[0].uri: {wrong}");
        assert_eq!(said(&GOOD.replace("sip:127.0.0.20:5080", uri)), [expected], "{uri}");
    }
    assert_eq!(
        said(&GOOD.replace("[{ uri = \"sip:127.0.0.20:5080\" }]", "[\"sip:127.0.0.20:5080\"]")),
        ["t:16:12: trunk.carrier-a.targets[0]: is a string; expected a table of uri, priority, weight"]
    );
}

#[test]
fn wrong_types_and_ranges_of_numbers_are_told() {
    for (keys, expected) in [
        (
            "max_calls = \"5\"",
            "max_calls: is a string; expected a whole number from 1 to 1000000",
        ),
        (
            "max_calls = 0",
            "max_calls: 0 is out of range; expected a whole number from 1 to 1000000",
        ),
        (
            "max_calls = -5",
            "max_calls: -5 is out of range; expected a whole number from 1 to 1000000",
        ),
        (
            "priority = 65536",
            "priority: 65536 is out of range; expected a whole number from 0 to 65535",
        ),
        (
            "max_cps = 0",
            "max_cps: 0 is out of range; expected a number from 0.001 to 100000",
        ),
        (
            "max_cps = nan",
            "max_cps: nan is out of range; expected a number from 0.001 to 100000",
        ),
        (
            "max_cps = inf",
            "max_cps: inf is out of range; expected a number from 0.001 to 100000",
        ),
        ("enabled = 1", "enabled: is an integer; expected true or false"),
        (
            "enabled = \"yes\"",
            "enabled: is a string; expected true or false",
        ),
        (
            "codecs = \"PCMU\"",
            "codecs: is a string; expected a list, each entry a codec's name as in SDP, such as \"PCMU\", \"PCMA\" or \"telephone-event\"",
        ),
        (
            "codecs = [8]",
            "codecs[0]: 8 is a payload type, not a name; expected a codec's name as in SDP, such as \"PCMU\", \"PCMA\" or \"telephone-event\"; did you mean \"PCMA\"?",
        ),
        (
            "codecs = [\"pcma/8000\"]",
            "codecs[0]: \"pcma/8000\" is not a codec's name; expected a codec's name as in SDP, such as \"PCMU\", \"PCMA\" or \"telephone-event\"; did you mean \"PCMA\"?",
        ),
        (
            "codecs = [\"PCMU\", \"pcmu\"]",
            "codecs[1]: says the same as trunk.carrier-a.codecs[0]; expected each entry once",
        ),
        (
            "options_down = [200]",
            "options_down[0]: 200 is out of range; expected a whole number from 300 to 699",
        ),
        (
            "auth = { username = \"u\" }",
            "auth: the key `password` is missing; expected \"text\", { file = \"path\" } or { env = \"NAME\" }",
        ),
        (
            "auth = \"u:p\"",
            "auth: is a string; expected a table of username, password, realm",
        ),
        (
            "pass_headers = [\"Via\"]",
            "pass_headers[0]: \"Via\" belongs to one leg and is never carried over; expected a header that says nothing about the leg it came on",
        ),
        (
            "pass_headers = [\"X: y\"]",
            "pass_headers[0]: \"X: y\" is not a header's name; expected a header's name, such as \"X-Account\" or \"User-to-User\"",
        ),
        (
            "number_format = \"plus\"",
            "number_format: \"plus\" is not known here; expected \"as-is\", \"e164\", \"digits\" or \"national\"",
        ),
        (
            "number_format = 5",
            "number_format: is an integer; expected \"as-is\", \"e164\", \"digits\" or \"national\", or a table of style, strip, prepend and uri",
        ),
        (
            "number_format = { prepend = \"+44\" }",
            "number_format.prepend: \"+44\" is not only digits, or too many; expected up to 20 digits",
        ),
        (
            "from_domain = \"a b\"",
            "from_domain: \"a b\" is not a host; expected a host name or an address, such as \"sip.example.com\"",
        ),
        (
            "failover = { advance = [\"timeot\"] }",
            "failover.advance[0]: \"timeot\" is not known here; expected a status from 300 to 699 or \"timeout\"; did you mean \"timeout\"?",
        ),
        (
            "failover = { advance = [200] }",
            "failover.advance[0]: 200 is out of range; expected a whole number from 300 to 699",
        ),
        (
            "failover = { advance = [503, 486], stop = [486] }",
            "failover.advance[1]: 486 is in `stop` too; expected each status in one of the two lists",
        ),
        (
            "class = \"c\"",
            "class: a carrier has no `class`; expected the key left out",
        ),
        (
            "deck = \"\"",
            "deck: \"\" is not a path; expected a path (a relative one starts at the directory of this file)",
        ),
    ] {
        let said = carrier(keys);
        let told: Vec<&str> = said
            .iter()
            .filter_map(|line| line.split_once(": trunk.carrier-a.").map(|(_, rest)| rest))
            .collect();
        assert_eq!(told, [expected], "{keys}: {said:?}");
        assert!(said[0].starts_with("t:17:"), "{said:?}");
    }
}

/// RFC 4028 §5 allows no interval below 90 s; what is asked for has to be one that is agreed to.
#[test]
fn session_timers_have_bounds() {
    for (keys, expected) in [
        (
            "session_timer = { min_se = \"60s\" }",
            "is too short; expected a duration such as \"500ms\", \"4s\", \"3m\" or \"4h\", from 90s to 24h",
        ),
        (
            "session_timer = { expires = \"2m\", min_se = \"5m\" }",
            "`expires` is shorter than `min_se`; expected an interval of at least `min_se`",
        ),
        ("session_timer = { mode = \"on\" }", "\"on\" is not known here"),
        (
            "reliable_provisional = \"when_sdp\"",
            "did you mean \"when-sdp\"?",
        ),
    ] {
        let lines = carrier(keys);
        assert!(
            lines.len() == 1 && lines[0].contains(expected),
            "{keys}: {lines:?}"
        );
    }
    let lines = said(&format!(
        "[sip]\nsession_timer = {{ expires = \"2m\", min_se = \"5m\" }}\n{GOOD}"
    ));
    assert!(
        lines.iter().any(|line| line.contains("`expires` is shorter")),
        "{lines:?}"
    );
}
