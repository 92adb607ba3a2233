use super::*;
use std::collections::HashMap;

/// A DNS of lines such as `c.test SRV 10 1 5080 b1.test`; the same name and kind in several lines are several records.
struct Zone {
    records: HashMap<Key, Vec<Data>>,
    failing: Vec<Key>,
    /// Questions that have been answered already.
    asked: Vec<Key>,
}

fn key(name: &str, kind: Kind) -> Key {
    Key {
        name: name.into(),
        kind,
    }
}

impl Zone {
    fn new(lines: &[&str]) -> Self {
        let mut zone = Self {
            records: HashMap::new(),
            failing: Vec::new(),
            asked: Vec::new(),
        };
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u16>().unwrap();
            let (kind, data) = match words[1] {
                "A" => (Kind::A, Data::Address(words[2].parse().unwrap())),
                "AAAA" => (Kind::Aaaa, Data::Address(words[2].parse().unwrap())),
                "SRV" => (
                    Kind::Srv,
                    Data::Srv(Srv {
                        priority: number(2),
                        weight: number(3),
                        port: number(4),
                        target: words[5].trim_matches('.').into(),
                    }),
                ),
                "NAPTR" => (
                    Kind::Naptr,
                    Data::Naptr(Naptr {
                        order: number(2),
                        preference: number(3),
                        flags: words[4].into(),
                        services: words[5].into(),
                        replacement: words[6].into(),
                    }),
                ),
                other => panic!("{other}"),
            };
            zone.records.entry(key(words[0], kind)).or_default().push(data);
        }
        zone
    }

    /// Plays the procedure to its end; what was asked is in `asked`.
    fn play(&mut self, query: &Query) -> Found {
        for _ in 0..10 {
            match find(query, self) {
                Found::Needs(keys) => self.asked.extend(keys),
                found => return found,
            }
        }
        panic!("no end: {:?}", self.asked);
    }
}

impl Known for Zone {
    fn view(&mut self, key: &Key) -> View {
        if !self.asked.contains(key) {
            return View::Unknown;
        }
        if self.failing.contains(key) {
            return View::Failed;
        }
        match self.records.get(key) {
            Some(records) => View::Records(records.clone().into()),
            None => View::Nothing,
        }
    }

    fn random(&mut self) -> u64 {
        0
    }
}

fn reach(list: &[(Transport, bool)]) -> Reach {
    let mut reach = Reach::default();
    for (transport, is_ipv6) in list {
        reach.add(*transport, *is_ipv6);
    }
    reach
}

const UDP: &[(Transport, bool)] = &[(Transport::Udp, false)];
const ALL: &[(Transport, bool)] = &[
    (Transport::Udp, false),
    (Transport::Tcp, false),
    (Transport::Tls, false),
];

fn query(host: &str, port: Option<u16>, transport: Option<Transport>, list: &[(Transport, bool)]) -> Query {
    Query {
        host: host.to_owned(),
        port,
        transport,
        reach: reach(list),
    }
}

/// The outcome in words: `UDP 192.0.2.1:5060`, in order.
fn words(found: &Found) -> Vec<String> {
    match found {
        Found::Hops(hops) => hops
            .iter()
            .map(|hop| format!("{} {}", hop.transport.via_name(), hop.remote))
            .collect(),
        Found::Nothing => vec!["nothing".to_owned()],
        Found::Failed => vec!["failed".to_owned()],
        Found::Needs(keys) => panic!("{keys:?}"),
    }
}

/// RFC 3263 §4.1 and §4.2, row by row.
#[test]
fn a_name_leads_where_the_dns_says() {
    use Transport::{Tcp, Tls, Udp};
    let services = [
        "_sip._udp.c SRV 20 1 5081 b",
        "_sip._udp.c SRV 10 1 5080 a",
        "_sip._tcp.c SRV 10 1 5090 a",
        "_sips._tcp.c SRV 10 1 5091 a",
        "a A 192.0.2.1",
        "b A 192.0.2.2",
        "c A 192.0.2.9",
    ];
    let ruled = |order: [u16; 3]| {
        let mut lines: Vec<String> = services.iter().map(|line| (*line).to_owned()).collect();
        for (order, service, name) in [
            (order[0], "SIP+D2U", "_sip._udp.c"),
            (order[1], "SIP+D2T", "_sip._tcp.c"),
            (order[2], "SIPS+D2T", "_sips._tcp.c"),
        ] {
            lines.push(format!("c NAPTR {order} 50 s {service} {name}"));
        }
        lines
    };
    let plain: Vec<String> = services.iter().map(|line| (*line).to_owned()).collect();
    let both = [(Udp, false), (Udp, true)];
    let six_first = [(Udp, true), (Udp, false)];
    for (what, lines, query, expected) in [
        (
            "no rules: our order",
            &plain,
            query("c", None, None, ALL),
            &["UDP 192.0.2.1:5080", "UDP 192.0.2.2:5081"][..],
        ),
        (
            "rules: theirs",
            &ruled([30, 20, 10]),
            query("c", None, None, ALL),
            &["TLS 192.0.2.1:5091"],
        ),
        (
            "rules, of what we have",
            &ruled([30, 20, 10]),
            query("c", None, None, UDP),
            &["UDP 192.0.2.1:5080", "UDP 192.0.2.2:5081"],
        ),
        (
            "a transport is written",
            &ruled([10, 20, 30]),
            query("c", None, Some(Tcp), ALL),
            &["TCP 192.0.2.1:5090"],
        ),
        (
            "a port is written",
            &ruled([10, 20, 30]),
            query("c", Some(5070), None, ALL),
            &["UDP 192.0.2.9:5070"],
        ),
        (
            "both are",
            &plain,
            query("c", Some(5070), Some(Tls), ALL),
            &["TLS 192.0.2.9:5070"],
        ),
        (
            "no service",
            &plain,
            query("a", None, None, ALL),
            &["UDP 192.0.2.1:5060"],
        ),
        (
            "no service, TLS",
            &plain,
            query("a", None, Some(Tls), ALL),
            &["TLS 192.0.2.1:5061"],
        ),
        ("no such name", &plain, query("x", None, None, ALL), &["nothing"]),
        (
            "a rule whose service is not there says the transport still",
            &vec![
                "d NAPTR 10 50 s SIP+D2T _sip._tcp.d".to_owned(),
                "d A 192.0.2.4".to_owned(),
            ],
            query("d", None, None, ALL),
            &["TCP 192.0.2.4:5060"],
        ),
        (
            "another family than ours",
            &vec!["c AAAA 2001:db8::1".to_owned()],
            query("c", None, None, UDP),
            &["nothing"],
        ),
        (
            "both families, the first listener's first",
            &vec!["c AAAA 2001:db8::1".to_owned(), "c A 192.0.2.1".to_owned()],
            query("c", None, None, &six_first),
            &["UDP [2001:db8::1]:5060", "UDP 192.0.2.1:5060"],
        ),
        (
            "the same",
            &vec!["c AAAA 2001:db8::1".to_owned(), "c A 192.0.2.1".to_owned()],
            query("c", None, None, &both),
            &["UDP 192.0.2.1:5060", "UDP [2001:db8::1]:5060"],
        ),
        // RFC 2782: a single dot says that the service is decidedly not there; the bare name is not asked for.
        (
            "no service, decidedly",
            &vec!["_sip._udp.c SRV 0 0 0 .".to_owned(), "c A 192.0.2.9".to_owned()],
            query("c", None, None, UDP),
            &["nothing"],
        ),
        (
            "one place twice",
            &vec![
                "_sip._udp.c SRV 1 1 5060 a".to_owned(),
                "_sip._udp.c SRV 2 1 5060 b".to_owned(),
                "a A 192.0.2.1".to_owned(),
                "b A 192.0.2.1".to_owned(),
            ],
            query("c", None, None, UDP),
            &["UDP 192.0.2.1:5060"],
        ),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut zone = Zone::new(&lines);
        assert_eq!(words(&zone.play(&query)), expected, "{what}");
    }
}

/// RFC 2782 denies one service at a time, RFC 3263 §4.1 asks for each transport that we have.
#[test]
fn a_service_that_leads_nowhere_says_nothing_of_the_next() {
    let next = [
        "_sip._tcp.c SRV 10 1 5090 a",
        "_sips._tcp.c SRV 10 1 5091 a",
        "a A 192.0.2.1",
        "six AAAA 2001:db8::1",
        "c A 192.0.2.9",
    ];
    let rules = [
        "c NAPTR 10 50 s SIP+D2U _sip._udp.c",
        "c NAPTR 20 50 s SIPS+D2T _sips._tcp.c",
        "c NAPTR 30 50 s SIP+D2T _sip._tcp.c",
    ];
    for first in [
        "_sip._udp.c SRV 0 0 0 .",
        "_sip._udp.c SRV 10 1 5080 six",
        "_sip._udp.c SRV 10 1 5080 nobody",
        "_sip._udp.c SRV 10 1 5080 2001:db8::1",
    ] {
        for (rules, expected) in [
            (&[][..], "TCP 192.0.2.1:5090"),
            (&rules[..], "TLS 192.0.2.1:5091"),
        ] {
            let lines: Vec<&str> = [first].iter().chain(&next).chain(rules).copied().collect();
            let found = Zone::new(&lines).play(&query("c", None, None, ALL));
            assert_eq!(words(&found), [expected], "{first}");
        }
        let found = Zone::new(&[first, "c A 192.0.2.9"]).play(&query("c", None, None, ALL));
        assert_eq!(
            words(&found),
            ["nothing"],
            "{first}: the bare name is not dialled"
        );
    }
}

#[test]
fn nothing_is_asked_that_does_not_matter() {
    let lines = ["_sip._udp.c SRV 10 1 5080 a", "a A 192.0.2.1", "c A 192.0.2.9"];
    let mut zone = Zone::new(&lines);
    zone.play(&query("c", None, None, UDP));
    let asked = [
        key("c", Kind::Naptr),
        key("_sip._udp.c", Kind::Srv),
        key("a", Kind::A),
    ];
    assert_eq!(
        zone.asked, asked,
        "no address of the name itself, and none of a family that we don't have"
    );
    let mut zone = Zone::new(&lines);
    zone.play(&query("c", Some(5060), None, UDP));
    assert_eq!(zone.asked, [key("c", Kind::A)]);
    let mut zone = Zone::new(&lines);
    zone.play(&query("c", None, Some(Transport::Udp), UDP));
    assert_eq!(zone.asked, [key("_sip._udp.c", Kind::Srv), key("a", Kind::A)]);
}

/// A service that the DNS does not tell of is not one that there is none of: its name's address is not dialled instead.
#[test]
fn what_fails_is_no_answer() {
    let lines = [
        "_sip._udp.c SRV 10 1 5080 a",
        "_sip._udp.c SRV 20 1 5081 b",
        "a A 192.0.2.1",
        "b A 192.0.2.2",
        "c A 192.0.2.9",
    ];
    for (failing, expected) in [
        (key("_sip._udp.c", Kind::Srv), &["failed"][..]),
        (key("a", Kind::A), &["UDP 192.0.2.2:5081"]),
        (
            key("c", Kind::Naptr),
            &["UDP 192.0.2.1:5080", "UDP 192.0.2.2:5081"],
        ),
    ] {
        let mut zone = Zone::new(&lines);
        zone.failing.push(failing.clone());
        assert_eq!(
            words(&zone.play(&query("c", None, None, UDP))),
            expected,
            "{failing:?}"
        );
    }
}

#[test]
fn a_name_leads_to_so_many_places_only() {
    let lines: Vec<String> = (0..200).map(|n| format!("c A 192.0.2.{n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let Found::Hops(hops) = Zone::new(&lines).play(&query("c", Some(5060), None, UDP)) else {
        panic!("no hops");
    };
    assert_eq!(hops.len(), MAX_HOPS);
}
