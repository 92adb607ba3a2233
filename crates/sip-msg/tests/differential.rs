//! rsip as a second opinion: over the RFC messages, where every difference is explained, and over generated messages in the part of
//! SIP that rsip knows, where there is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeSet;

use bytes::Bytes;
use common::{BYE, INVITE, OK, Random, parse};
use rsip::prelude::{HeadersExt as _, ToTypedHeader as _, UntypedHeader as _};
use rsip::typed;
use sip_msg::compat::{CompatError, write_request, write_response};
use sip_msg::{Message, Method, NameAddr, SipUri, torture};

/// Where two readers of the same octets part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// We take the message, rsip doesn't.
    OnlyOurs,
    /// rsip takes it, we don't.
    OnlyTheirs,
    /// Request-URI.
    Uri,
    Via,
    From,
    To,
    Contact,
    CallId,
    CSeq,
    Body,
}

/// rsip leaves the quotes on a display name.
fn plain(name: Option<String>) -> Option<String> {
    let bare = |n: String| {
        n.strip_prefix('"')
            .and_then(|n| n.strip_suffix('"'))
            .map(str::to_owned)
            .unwrap_or(n)
    };
    name.map(bare)
}

macro_rules! same_address {
    ($typed:ident, $header:expr, $ours:expr) => {
        match (
            $header.ok().and_then(|h| h.typed().ok()),
            typed::$typed::try_from(&$ours),
        ) {
            (Some(theirs), Ok(ours)) => {
                (plain(theirs.display_name), theirs.uri, theirs.params)
                    == (ours.display_name, ours.uri, ours.params)
            }
            _ => false,
        }
    };
}

fn differences(bytes: &[u8]) -> BTreeSet<Part> {
    let ours = parse(bytes).ok();
    let theirs = rsip::SipMessage::try_from(bytes).ok();
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (Some(_), None) => return BTreeSet::from([Part::OnlyOurs]),
        (None, Some(_)) => return BTreeSet::from([Part::OnlyTheirs]),
        (None, None) => return BTreeSet::new(),
    };
    let mut parts = BTreeSet::new();
    let mut compare = |same: bool, part: Part| {
        if !same {
            parts.insert(part);
        }
    };
    compare(same_start(&ours, &theirs), Part::Uri);
    let via = theirs.via_header().ok().and_then(|v| v.typed().ok());
    compare(
        via.is_some() && via == typed::Via::try_from(&ours.top_via()).ok(),
        Part::Via,
    );
    compare(same_address!(From, theirs.from_header(), ours.from()), Part::From);
    compare(same_address!(To, theirs.to_header(), ours.to()), Part::To);
    if let Some(contact) = ours.contact() {
        compare(
            same_address!(Contact, theirs.contact_header(), contact),
            Part::Contact,
        );
    }
    let call_id = theirs
        .call_id_header()
        .ok()
        .map(|c| c.value().as_bytes().to_vec());
    compare(call_id.as_deref() == Some(ours.call_id()), Part::CallId);
    let cseq = theirs.cseq_header().ok().and_then(|c| c.typed().ok());
    let same =
        cseq.is_some_and(|c| (c.seq, Method::from(&c.method)) == (ours.cseq().0, ours.cseq().1.clone()));
    compare(same, Part::CSeq);
    compare(theirs.body()[..] == ours.body()[..], Part::Body);
    parts
}

fn same_start(ours: &Message, theirs: &rsip::SipMessage) -> bool {
    match theirs {
        rsip::SipMessage::Request(request) => {
            let uri = SipUri::parse(ours.uri())
                .ok()
                .and_then(|u| rsip::Uri::try_from(&u).ok());
            ours.method() == Some(&Method::from(&request.method)) && uri.as_ref() == Some(&request.uri)
        }
        rsip::SipMessage::Response(response) => ours.status() == Some(response.status_code.code()),
    }
}

/// Why they part, where, and in which messages.
type Explained = (&'static str, &'static [Part], &'static [&'static str]);

const TORTURE: &[Explained] = &[
    (
        "rsip knows no folds, and no blank before the colon",
        &[Part::OnlyOurs],
        &["wsinv", "longreq"],
    ),
    (
        "rsip knows fourteen methods and no others",
        &[Part::OnlyOurs],
        &["intmeth", "esc02"],
    ),
    (
        "rsip ends the user at a dot, takes it for the host and stumbles over the rest",
        &[Part::OnlyOurs],
        &["esc01", "semiuri"],
    ),
    (
        "rsip takes `j.user@example.com` for a host, has no compact Call-ID, and takes what follows Content-Length for body",
        &[Part::From, Part::To, Part::Contact, Part::CallId, Part::Body],
        &["dblreq"],
    ),
    (
        "rsip takes `j.user@example.com` for a host",
        &[Part::To],
        &["invut"],
    ),
    (
        "rsip takes `j.user@example.com` for a host, here twice",
        &[Part::From, Part::To],
        &["regaut01"],
    ),
    (
        "rsip reads any scheme as if it were sip",
        &[Part::Uri],
        &["novelsc"],
    ),
    (
        "rsip reads any scheme as if it were sip, here in headers",
        &[Part::From, Part::To, Part::Contact],
        &["unksm2"],
    ),
    (
        "rsip wants a host with a numeric port behind any scheme",
        &[Part::OnlyOurs],
        &["unkscm"],
    ),
    (
        "rsip drops the header parts of a URI",
        &[Part::Contact],
        &["regescrt"],
    ),
    (
        "rsip doesn't look into headers, nor at Content-Length, unless it is asked for their typed form",
        &[Part::OnlyTheirs],
        &[
            "badinv01",
            "clerr",
            "ncl",
            "scalarlg",
            "quotbal",
            "regbadct",
            "badaspec",
            "baddn-with-blank-line",
            "mismatch01",
            "insuf",
            "multi01",
            "mcl01",
        ],
    ),
    (
        "rsip takes `<sip:...>` for a Request-URI",
        &[Part::OnlyTheirs],
        &["ltgtruri"],
    ),
    (
        "rsip needs no blank line behind the headers",
        &[Part::OnlyTheirs],
        &["baddn"],
    ),
    (
        "rsip has no IPv6 in a Request-URI",
        &[Part::OnlyOurs],
        &[
            "ipv6-good-crlf",
            "port-ambiguous-crlf",
            "port-unambiguous-crlf",
            "via-received-param-with-delim-crlf",
            "via-received-param-no-delim-crlf",
            "ipv6-in-sdp-crlf",
            "mult-ip-in-sdp-crlf",
            "ipv6-bug-abnf-3-colons-crlf",
            "ipv6-correct-abnf-2-colons-crlf",
        ],
    ),
    (
        "rsip has no IPv6 in Via",
        &[Part::Via],
        &["mult-ip-in-header-crlf"],
    ),
    (
        "rsip has no IPv6 in Via and Contact",
        &[Part::Via, Part::Contact],
        &["ipv4-mapped-ipv6-crlf"],
    ),
    (
        "rsip wants CRLF",
        &[Part::OnlyOurs],
        &[
            "ipv6-good",
            "port-ambiguous",
            "port-unambiguous",
            "via-received-param-with-delim",
            "via-received-param-no-delim",
            "mult-ip-in-header",
            "ipv4-mapped-ipv6",
        ],
    ),
];

#[test]
fn every_difference_over_the_rfc_messages_is_explained() {
    for case in torture::all() {
        let explained = TORTURE.iter().find(|(_, _, names)| names.contains(&case.name));
        let expected = explained
            .map(|(_, parts, _)| parts.iter().copied().collect())
            .unwrap_or_default();
        assert_eq!(
            differences(case.bytes),
            expected,
            "{}: {:?}",
            case.name,
            explained.map(|e| e.0)
        );
    }
}

/// One thing put into a message that both read alike, and where they part then.
const QUIRKS: &[(&str, &str, &str, &[Part])] = &[
    ("compact From", "From:", "f:", &[Part::From]),
    ("compact To", "To:", "t:", &[Part::To]),
    ("compact Call-ID", "Call-ID:", "i:", &[Part::CallId]),
    ("compact Contact", "Contact:", "m:", &[Part::Contact]),
    ("compact Via", "Via:", "v:", &[Part::Via]),
    ("names in any case are read by both", "Call-ID:", "CALL-id:", &[]),
    ("fold", "User-Agent: Ex", "User-Agent:\r\n Ex", &[Part::OnlyOurs]),
    ("blank before the colon", "To:", "To :", &[Part::OnlyOurs]),
    (
        "IPv6 in Via",
        "UDP 192.0.2.10:5060",
        "UDP [2001:db8::1]:5060",
        &[Part::Via],
    ),
    (
        "IPv6 in Contact",
        "@192.0.2.10:5060;transport",
        "@[2001:db8::1]:5060;transport",
        &[Part::Contact],
    ),
    (
        "tel Request-URI",
        "INVITE sip:+442071838750@sbc.example.com:5060;user=phone",
        "INVITE tel:+442071838750",
        &[Part::OnlyOurs],
    ),
    (
        "dot in the user",
        "<sip:+442071838750@sbc",
        "<sip:first.last@sbc",
        &[Part::To],
    ),
    (
        "parameter in the user",
        "<sip:+442071838750@sbc",
        "<sip:+49;npdi@sbc",
        &[],
    ),
    (
        "two Via values in a line",
        ";rport\r\n",
        ";rport, SIP/2.0/UDP b\r\n",
        &[],
    ),
    (
        "two Contacts in a line",
        "transport=udp>\r\n",
        "transport=udp>, <sip:b@c>\r\n",
        &[Part::Contact],
    ),
    (
        "colons in a parameter",
        ";transport=udp>",
        ";gr=urn:uuid:1-2>",
        &[Part::Contact],
    ),
    (
        "quoted parameter",
        ";transport=udp>\r\n",
        ";transport=udp>;a=\"b\"\r\n",
        &[Part::Contact],
    ),
    (
        "bracket in a display name",
        "\"Alice Example\"",
        "\"A <lice\"",
        &[Part::From],
    ),
    (
        "octets that are no UTF-8 text are told apart below",
        "\"Alice Example\"",
        "\"\u{e4}\"",
        &[],
    ),
    (
        "body that is longer than Content-Length",
        "Length: 214",
        "Length: 213",
        &[Part::Body],
    ),
    (
        "body that is shorter",
        "Length: 214",
        "Length: 215",
        &[Part::OnlyTheirs],
    ),
    ("bare LF in a head of CRLF", "70\r\n", "70\n", &[Part::OnlyTheirs]),
    (
        "CSeq of another method",
        "314159 INVITE",
        "314159 BYE",
        &[Part::OnlyTheirs],
    ),
    (
        "parameter without a value",
        "<sip:+442071838750@sbc.example.com;user=phone>",
        "<sip:+442071838750@sbc.example.com;lr>",
        &[],
    ),
    (
        "lr with a value",
        "<sip:+442071838750@sbc.example.com;user=phone>",
        "<sip:+442071838750@sbc.example.com;lr=on>",
        &[],
    ),
];

#[test]
fn each_quirk_parts_them_where_it_is_known_to() {
    let invite = std::str::from_utf8(INVITE).unwrap();
    for (what, from, to, parts) in QUIRKS {
        assert!(invite.contains(from), "{what}");
        let message = invite.replacen(from, to, 1);
        assert_eq!(
            differences(message.as_bytes()),
            parts.iter().copied().collect(),
            "{what}"
        );
    }
    let mut latin = INVITE.to_vec();
    let at = latin.windows(5).position(|w| w == b"Alice").unwrap();
    latin[at] = 0xe4;
    assert_eq!(differences(&latin), BTreeSet::from([Part::OnlyOurs]));
}

/// A message in the part of SIP that rsip knows.
fn generated(random: &mut Random) -> Vec<u8> {
    let methods = [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "UPDATE",
        "INFO",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
    ];
    let hosts = [
        "example.com",
        "192.0.2.1",
        "a-b.example.net",
        "198.51.100.77",
        "localhost",
    ];
    let users = ["alice", "+442071838750", "bob-1_x", "100", "a~b", "u!ser*'()"];
    let uri_params = [
        "",
        ";transport=tcp",
        ";user=phone",
        ";lr",
        ";x-y=1",
        ";maddr=192.0.2.9;ttl=15",
        ";transport=udp;lr",
    ];
    let params = ["", ";q=0.5", ";expires=60", ";x", ";y=z;w"];
    let names = ["", "\"Alice\" ", "Bob ", "\"A, B; C\" ", "\"\u{e4}\u{f6}\" "];
    let port = |random: &mut Random| match random.below(3) {
        0 => String::new(),
        _ => format!(":{}", 1024 + random.below(60_000)),
    };
    let uri = |random: &mut Random| {
        let user = if random.below(5) == 0 {
            String::new()
        } else {
            format!("{}@", random.pick(&users))
        };
        let scheme = if random.below(4) == 0 { "sips" } else { "sip" };
        format!(
            "{scheme}:{user}{}{}{}",
            random.pick(&hosts),
            port(random),
            random.pick(&uri_params)
        )
    };
    let method = random.pick(&methods);
    let mut text = match random.below(3) {
        0 => format!(
            "SIP/2.0 {} Some Reason\r\n",
            [100, 180, 200, 302, 404, 486, 503, 603][random.below(8)]
        ),
        _ => format!("{method} {} SIP/2.0\r\n", uri(random)),
    };
    let transport = random.pick(&["UDP", "TCP", "TLS", "WS", "WSS"]);
    let via = format!(
        "Via: SIP/2.0/{transport} {}{};branch=z9hG4bK{}{}\r\n",
        random.pick(&hosts),
        port(random),
        random.bits(),
        random.pick(&["", ";rport", ";rport=5060;received=192.0.2.1"])
    );
    let from = format!(
        "From: {}<{}>;tag={}\r\n",
        random.pick(&names),
        uri(random),
        random.bits()
    );
    let to = format!(
        "To: {}<{}>{}\r\n",
        random.pick(&names),
        uri(random),
        random.pick(&["", ";tag=abc"])
    );
    let contact = format!(
        "Contact: {}<{}>{}\r\n",
        random.pick(&names),
        uri(random),
        random.pick(&params)
    );
    let call_id = format!("Call-ID: {}@{}\r\n", random.bits(), random.pick(&hosts));
    let cseq = format!(
        "CSeq: {} {method}\r\n",
        u32::try_from(random.bits() >> 32).unwrap()
    );
    let mut lines = vec![
        via,
        from,
        to,
        contact,
        call_id,
        cseq,
        "X-Other: a: b; c\r\n".to_owned(),
    ];
    for i in (1..lines.len()).rev() {
        lines.swap(i, random.below(i + 1));
    }
    text.extend(lines);
    let body: String = (0..random.below(60))
        .map(|_| char::from(b' ' + u8::try_from(random.below(90)).unwrap()))
        .collect();
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}

#[test]
fn generated_messages_are_read_alike() {
    let mut random = Random::new(3261);
    for _ in 0..3000 {
        let bytes = generated(&mut random);
        assert_eq!(
            differences(&bytes),
            BTreeSet::new(),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn what_goes_to_rsip_and_back_keeps_its_values() {
    let mut random = Random::new(4475);
    for _ in 0..1000 {
        let message = parse(&generated(&mut random)).unwrap();
        let back = match rsip::SipMessage::try_from(&message).unwrap() {
            rsip::SipMessage::Request(request) => write_request(&request),
            rsip::SipMessage::Response(response) => write_response(&response),
        };
        let again = parse(&back).unwrap();
        assert_eq!(
            (again.method(), again.status(), again.cseq()),
            (message.method(), message.status(), message.cseq())
        );
        assert_eq!(
            (again.from(), again.to(), again.contact()),
            (message.from(), message.to(), message.contact())
        );
        assert_eq!(
            (again.top_via(), again.call_id(), again.body()),
            (message.top_via(), message.call_id(), message.body())
        );
        if message.is_request() {
            let (a, b) = (
                SipUri::parse(again.uri()).unwrap(),
                SipUri::parse(message.uri()).unwrap(),
            );
            assert!(a.equivalent(&b));
        }
    }
}

#[test]
fn a_binary_body_survives_rsip() {
    let mut request = match rsip::SipMessage::try_from(&parse(BYE).unwrap()).unwrap() {
        rsip::SipMessage::Request(request) => request,
        rsip::SipMessage::Response(_) => panic!("a request"),
    };
    request.body = vec![0, 0xff, 0xfe, b'\r', b'\n'];
    request.uri.host_with_port.host = rsip::Host::IpAddr("2001:db8::1".parse().unwrap());
    let message = parse(&write_request(&request)).unwrap();
    assert_eq!(message.body(), Bytes::from_static(&[0, 0xff, 0xfe, b'\r', b'\n']));
    assert_eq!(SipUri::parse(message.uri()).unwrap().host, b"[2001:db8::1]");
    assert!(parse(OK).is_ok_and(|ok| rsip::SipMessage::try_from(&ok).is_ok()));
}

#[test]
fn what_rsip_can_not_hold_is_an_error() {
    let uri = |text: &'static str| rsip::Uri::try_from(&SipUri::parse(text.as_bytes()).unwrap());
    assert_eq!(uri("sip:a@b?Subject=x"), Err(CompatError::UriHeaders));
    assert!(matches!(
        uri("sip:a@b;transport=quic"),
        Err(CompatError::Unknown(_))
    ));
    assert!(matches!(
        rsip::Method::try_from(&Method::Other(Bytes::from_static(b"FOO"))),
        Err(CompatError::Unknown(_))
    ));
    assert!(matches!(
        rsip::Method::try_from(&Method::Other(Bytes::from_static(b"invite"))),
        Err(CompatError::Unknown(_))
    ));
    let tel = NameAddr::parse(b"<tel:+1>").unwrap();
    assert!(matches!(
        typed::To::try_from(&tel),
        Err(CompatError::Unreadable(_))
    ));
    let latin = NameAddr::parse(b"\"\xe4\" <sip:a@b>").unwrap();
    assert!(matches!(typed::To::try_from(&latin), Err(CompatError::Text(_))));
}
