//! rsip as a second opinion: over the RFC messages, where every difference is explained, and over generated messages in the part of
//! SIP that rsip knows, where there is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../support/messages.rs"]
mod common;
mod explained;
mod generated;

use std::collections::BTreeSet;

use bytes::Bytes;
use common::{BYE, INVITE, OK, Random, parse};
use explained::{QUIRKS, TORTURE};
use generated::generated;
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
