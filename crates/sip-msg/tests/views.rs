//! Borrowed views: addresses, URIs, Via, parameters, lists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/messages.rs"]
mod common;

use common::{INVITE, parse};
use sip_msg::{HeaderId, NameAddr, Params, SipUri, TelUri, Uri, Values, Via, ViewError, unquote};

fn s(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn get<'a>(params: Params<'a>, name: &str) -> Option<&'a str> {
    params.get(name).flatten().map(s)
}

#[test]
fn a_contact_is_never_cut_short() {
    let value = br#"<sip:bob@127.0.0.20:5080;gr=urn:uuid:c8651907-f0b2-0027-bdbd-ce4ed05c9ef4;x="a>b";transport=udp>;+org.linphone.specs="ephemeral/1.1,groupchat/1.1""#;
    let contact = NameAddr::parse(value).unwrap();
    assert_eq!(
        s(contact.uri),
        r#"sip:bob@127.0.0.20:5080;gr=urn:uuid:c8651907-f0b2-0027-bdbd-ce4ed05c9ef4;x="a>b";transport=udp"#
    );
    assert_eq!(
        get(contact.params, "+ORG.linphone.specs"),
        Some(r#""ephemeral/1.1,groupchat/1.1""#)
    );
    let uri = SipUri::parse(contact.uri).unwrap();
    assert_eq!(
        get(uri.params, "gr"),
        Some("urn:uuid:c8651907-f0b2-0027-bdbd-ce4ed05c9ef4")
    );
    assert_eq!(uri.transport(), Some(&b"udp"[..]));
    assert_eq!(Values::of(value).count(), 1);
}

#[test]
fn name_addrs() {
    let read = |v: &'static str| {
        let a = NameAddr::parse(v.as_bytes()).unwrap_or_else(|e| panic!("{v}: {e}"));
        (a.display.map(s), s(a.uri), s(a.params.raw()))
    };
    assert_eq!(read(r#""B, C" <sip:b@h>;q=1"#), (Some("B, C"), "sip:b@h", ";q=1"));
    assert_eq!(
        read("sip:bob@127.0.0.20:5080;expires=5"),
        (None, "sip:bob@127.0.0.20:5080", ";expires=5")
    );
    assert_eq!(read("<sip:b@h;lr>"), (None, "sip:b@h;lr", ""));
    assert_eq!(
        read(r#""a\"<sip:x@y>\\" <sip:b@h>"#),
        (Some(r#"a\"<sip:x@y>\\"#), "sip:b@h", "")
    );
    assert_eq!(
        read("J\u{fc}rgen M <sip:b@h> ; tag = x"),
        (Some("J\u{fc}rgen M"), "sip:b@h", " ; tag = x")
    );
    assert_eq!(
        read(r#"sip:b@h;+sip.instance="<urn:uuid:1>""#),
        (None, "sip:b@h", r#";+sip.instance="<urn:uuid:1>""#)
    );
    assert_eq!(read(r#""" <tel:+1>"#), (Some(""), "tel:+1", ""));
    assert_eq!(
        read("<sip:a@h?Replaces=x%40y>"),
        (None, "sip:a@h?Replaces=x%40y", "")
    );
    assert_eq!(read("<sip:b@h>;"), (None, "sip:b@h", ";"));
    for (bad, why) in [
        ("", ViewError::Empty),
        ("\"x <sip:a@b>", ViewError::Quote),
        ("\"x\" sip:a@b", ViewError::Brackets),
        ("<sip:a@b", ViewError::Brackets),
        ("x, y <sip:a@b>", ViewError::Display),
        ("< sip:a@b>", ViewError::Scheme),
        ("<sip:a b@c>", ViewError::Uri),
        ("<sip:a\"b@c>", ViewError::Quote),
        ("sip:a@b?x", ViewError::Uri),
        ("sip:a,b@c", ViewError::Uri),
        ("<nocolon>", ViewError::Scheme),
        ("<sip:>", ViewError::Uri),
        ("<sip:a@b> x", ViewError::Param),
        ("<sip:a@b>;=x", ViewError::Param),
        ("<sip:a@b>;;x", ViewError::Param),
        ("<sip:a@b>;x=\"y", ViewError::Quote),
    ] {
        assert_eq!(NameAddr::parse(bad.as_bytes()), Err(why), "{bad}");
    }
}

#[test]
fn sip_uris() {
    let uri =
        SipUri::parse(b"sips:+49;ext=3;npdi:pw@Example.COM:5061;lr;maddr=1.2.3.4?Subject=x&y=z").unwrap();
    assert!(uri.secure);
    assert_eq!(
        (uri.user.map(s), uri.password.map(s)),
        (Some("+49;ext=3;npdi"), Some("pw"))
    );
    assert_eq!((s(uri.host), uri.port), ("Example.COM", Some(5061)));
    assert!(uri.params.has("LR"));
    assert_eq!(uri.headers.map(s), Some("Subject=x&y=z"));
    let dotted = SipUri::parse(b"sip:first.last@example.com").unwrap();
    assert_eq!(
        (dotted.user.map(s), s(dotted.host)),
        (Some("first.last"), "example.com")
    );
    let six = SipUri::parse(b"SIP:[2001:db8::1]:5070").unwrap();
    assert_eq!(
        (six.user, six.ip(), six.port),
        (None, "2001:db8::1".parse().ok(), Some(5070))
    );
    assert_eq!(
        SipUri::parse(b"sip:10.0.0.1").unwrap().ip(),
        "10.0.0.1".parse().ok()
    );
    assert_eq!(
        s(&SipUri::parse(b"sip:a%20b%zz%4@h").unwrap().user_unescaped()),
        "a b%zz%4"
    );
    for bad in [
        "sip:a@b@c",
        "sip:a@b:",
        "sip:a@b:0x1",
        "sip:a@b:65536",
        "sip:a@[::1",
        "sip:a@[1.2.3.4]",
        "sip:a@b;;c",
        "sip:a@ b",
        "sip:a@b ",
        "sip:a@b; c",
        "sip:a\r\nb@c",
        "tel:+1",
        "sip",
        "",
    ] {
        assert!(SipUri::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn equivalence_of_sip_uris() {
    let same = |a: &str, b: &str| {
        let (a, b) = (
            SipUri::parse(a.as_bytes()).unwrap(),
            SipUri::parse(b.as_bytes()).unwrap(),
        );
        assert_eq!(a.equivalent(&b), b.equivalent(&a));
        a.equivalent(&b)
    };
    // The examples of RFC 3261 §19.1.4.
    assert!(same(
        "sip:%61lice@atlanta.com;transport=TCP",
        "sip:alice@AtlanTa.CoM;Transport=tcp"
    ));
    assert!(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
    assert!(same(
        "sip:carol@chicago.com;newparam=5",
        "sip:carol@chicago.com;security=on"
    ));
    assert!(same(
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
    ));
    assert!(same(
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
    ));
    for (a, b) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtlanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:h"),
        ("sip:a:x@h", "sip:a:y@h"),
    ] {
        assert!(!same(a, b), "{a} {b}");
    }
    assert!(same("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]"));
}

#[test]
fn tel_and_other_uris() {
    let tel = TelUri::parse(b"tel:+44-(20)-7183.8750;ext=9;phone-context=example.com").unwrap();
    assert_eq!(s(&tel.digits()), "+442071838750");
    assert_eq!(get(tel.params, "phone-context"), Some("example.com"));
    assert_eq!(s(&TelUri::parse(b"TEL:*21#").unwrap().digits()), "*21#");
    for bad in ["tel:", "tel:+", "tel:--", "tel:hello", "tel:+1 2", "sip:a@b"] {
        assert!(TelUri::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert_eq!(
        Uri::parse(b"urn:service:sos"),
        Ok(Uri::Other {
            scheme: b"urn",
            rest: b"service:sos"
        })
    );
    assert!(Uri::parse(b"1urn:x").is_err() && Uri::parse(b"urn:").is_err() && Uri::parse(b":x").is_err());
}

#[test]
fn vias() {
    let via =
        Via::parse(b"SIP / 2.0 / TLS  [2001:db8::1] : 5061 ; branch = z9hG4bK1;received=192.0.2.1;rport=99")
            .unwrap();
    assert_eq!(
        (s(via.transport), s(via.host), via.port),
        ("TLS", "[2001:db8::1]", Some(5061))
    );
    assert_eq!(via.branch().map(s), Some("z9hG4bK1"));
    assert_eq!(
        (via.received_ip(), via.rport()),
        ("192.0.2.1".parse().ok(), Some(Some(99)))
    );
    assert_eq!(via.ip(), "2001:db8::1".parse().ok());
    let plain = Via::parse(b"SIP/2.0/UDP pc33.example.com;rport").unwrap();
    assert_eq!(
        (plain.port, plain.rport(), plain.branch(), plain.received()),
        (None, Some(None), None, None)
    );
    assert_eq!(Via::parse(b"SIP/2.0/WSS x.invalid").unwrap().rport(), None);
    for bad in [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:0x",
        "SIP/2.0/UDP h i",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP h;;branch=1",
        "SIP/2.0/UDP h;branch=\"",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/ h",
    ] {
        assert!(Via::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn lists_are_split_where_rfc_3261_splits_them() {
    let split = |v: &'static str| Values::of(v.as_bytes()).map(s).collect::<Vec<_>>();
    assert_eq!(split("a , b,c"), ["a", "b", "c"]);
    assert_eq!(
        split(r#""x, y" <sip:a,b@c>;p="1,2" , <sip:d>"#),
        [r#""x, y" <sip:a,b@c>;p="1,2""#, "<sip:d>"]
    );
    assert_eq!(split(r#"<sip:a;x="q>,">,b"#), [r#"<sip:a;x="q>,">"#, "b"]);
    assert_eq!(split(" ,, a,"), ["a"]);
    assert_eq!(split(""), [""; 0]);
    assert_eq!(split(r#""open, b"#), [r#""open, b"#]);
    assert_eq!(split(r#""e\", x", b"#), [r#""e\", x""#, "b"]);
}

#[test]
fn values_go_over_all_lines_of_a_header() {
    let text = std::str::from_utf8(INVITE).unwrap().replacen(
        "Max-Forwards",
        "v: SIP/2.0/TCP a,\r\n SIP/2.0/TCP b\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\nk:\r\nVIA : SIP/2.0/UDP c\r\nMax-Forwards",
        1,
    );
    let message = parse(text.as_bytes()).unwrap();
    let hosts: Vec<_> = message
        .values(HeaderId::Via)
        .map(|v| s(Via::parse(v).unwrap().host).to_owned())
        .collect();
    assert_eq!(hosts, ["192.0.2.10", "a", "b", "c"]);
    // Commas in a challenge separate parameters.
    assert_eq!(message.values(HeaderId::WwwAuthenticate).count(), 1);
    assert_eq!(
        message.values(HeaderId::Supported).map(s).collect::<Vec<_>>(),
        ["replaces", "timer"]
    );
    assert!(
        message.has_token(HeaderId::Supported, "TIMER") && !message.has_token(HeaderId::Supported, "time")
    );
    assert_eq!(message.number(HeaderId::SessionExpires), Some(1800));
    assert_eq!(message.header_named("x"), Some(&b"1800;refresher=uac"[..]));
    assert_eq!(
        message.header_named("p-asserted-IDENTITY"),
        message.header(HeaderId::PAssertedIdentity)
    );
    assert_eq!(message.header_named("absent"), None);
}

#[test]
fn every_header_id_is_found_by_its_name_in_any_case() {
    for header in parse(INVITE).unwrap().headers() {
        assert_eq!(HeaderId::from_name(header.name), header.id);
        assert_eq!(header.id.name().as_bytes(), header.name);
        assert!(header.line.starts_with(header.name) && header.line.ends_with(b"\r\n"));
    }
    for (compact, id) in [
        ("a", HeaderId::AcceptContact),
        ("b", HeaderId::ReferredBy),
        ("c", HeaderId::ContentType),
        ("d", HeaderId::RequestDisposition),
        ("e", HeaderId::ContentEncoding),
        ("f", HeaderId::From),
        ("i", HeaderId::CallId),
        ("j", HeaderId::RejectContact),
        ("k", HeaderId::Supported),
        ("l", HeaderId::ContentLength),
        ("m", HeaderId::Contact),
        ("n", HeaderId::IdentityInfo),
        ("o", HeaderId::Event),
        ("r", HeaderId::ReferTo),
        ("s", HeaderId::Subject),
        ("t", HeaderId::To),
        ("u", HeaderId::AllowEvents),
        ("v", HeaderId::Via),
        ("x", HeaderId::SessionExpires),
        ("y", HeaderId::Identity),
    ] {
        assert_eq!(HeaderId::from_name(compact.as_bytes()), id);
        assert_eq!(HeaderId::from_name(compact.to_uppercase().as_bytes()), id);
        assert_eq!(HeaderId::from_name(id.name().to_lowercase().as_bytes()), id);
        assert_eq!(HeaderId::from_name(id.name().to_uppercase().as_bytes()), id);
    }
    for unknown in ["", "z", "Viaa", "X-Via", "Call_ID", "\u{212a}"] {
        assert_eq!(
            HeaderId::from_name(unknown.as_bytes()),
            HeaderId::Other,
            "{unknown}"
        );
    }
}

#[test]
fn quotes_come_off_with_their_backslashes() {
    assert_eq!(unquote(br#" "a\"b\\c" "#).as_ref(), br#"a"b\c"#);
    assert_eq!(unquote(b"plain").as_ref(), b"plain");
    assert_eq!(unquote(b"\"\"").as_ref(), b"");
    assert_eq!(unquote(b"\"").as_ref(), b"\"");
}

#[test]
fn params_are_read_in_order_and_by_name() {
    let params = Params::parse(b" ; a = 1 ;B;c=\"x;y\"; d=").unwrap();
    let all: Vec<_> = params.iter().map(|(n, v)| (s(n), v.map(s))).collect();
    assert_eq!(
        all,
        [
            ("a", Some("1")),
            ("B", None),
            ("c", Some("\"x;y\"")),
            ("d", Some(""))
        ]
    );
    assert_eq!(params.get("b"), Some(None));
    assert_eq!(params.get("e"), None);
    for bad in ["a", ";;", ";a b", ";=1", ";a=\"", ";a=b,c"] {
        assert!(Params::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}
