//! Values that are wrong.

use super::*;

const DURATION: &str = "a duration such as \"500ms\", \"4s\", \"3m\" or \"4h\", from";

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
        [
            "t:16:12: trunk.carrier-a.targets[0]: is a string; expected a table of uri, priority, weight, region"
        ]
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
            "failover.advance[0]: \"timeot\" is not known here; expected a status from 300 to 699, a cause such as \"q850:34\", or \"timeout\"; did you mean \"timeout\"?",
        ),
        (
            "failover = { advance = [200] }",
            "failover.advance[0]: 200 is out of range; expected a whole number from 300 to 699",
        ),
        (
            "failover = { advance = [503, 486], stop = [486] }",
            "failover.advance[1]: 486 is in `stop` too; expected each status and cause in one of the two lists",
        ),
        (
            "failover = { advance = [\"q850:128\"] }",
            "failover.advance[0]: \"q850:128\" is not known here; expected a status from 300 to 699, a cause such as \"q850:34\", or \"timeout\"",
        ),
        (
            "failover = { stop = [\"timeout\"] }",
            "failover.stop[0]: \"timeout\" is not known here; expected a status from 300 to 699, or a cause such as \"q850:17\"",
        ),
        (
            "failover = { advance = [\"q850:17\"], stop = [\"q850:17\"] }",
            "failover.advance[0]: \"q850:17\" is in `stop` too; expected each status and cause in one of the two lists",
        ),
        (
            "failover = { after_ringing = \"failure\" }",
            "failover.after_ringing: \"failure\" is not known here; expected false, \"failures\" or true; did you mean \"failures\"?",
        ),
        (
            "failover = { after_ringing = 1 }",
            "failover.after_ringing: is an integer; expected false, \"failures\" or true",
        ),
        (
            "failover = { no_answer = 302 }",
            "failover.no_answer: 302 is out of range; expected a whole number from 400 to 699",
        ),
        (
            "redirects = \"folow\"",
            "redirects: \"folow\" is not known here; expected \"follow\", \"pass\" or \"refuse\"; did you mean \"follow\"?",
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
