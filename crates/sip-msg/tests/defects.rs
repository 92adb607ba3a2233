//! What is refused, with which defect and status.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/messages.rs"]
mod common;

use bytes::Bytes;
use common::{BYE, INVITE, OK, parse};
use sip_msg::{Defect, HeaderId, Limits, Method};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The message with the line that begins with `prefix` replaced by `with`.
fn edited(message: &[u8], prefix: &str, with: &str) -> Vec<u8> {
    let message = text(message);
    let start = message.find(&format!("\r\n{prefix}")).unwrap() + 2;
    let end = start + message[start..].find("\r\n").unwrap() + 2;
    format!("{}{with}{}", &message[..start], &message[end..]).into_bytes()
}

fn started(line: &str) -> Vec<u8> {
    let invite = text(INVITE);
    let end = invite.find("\r\n").unwrap();
    format!("{line}{}", &invite[end..]).into_bytes()
}

#[track_caller]
fn refused(bytes: &[u8], defect: Defect, status: Option<u16>) {
    let error = parse(bytes).expect_err("refused");
    assert_eq!(error.defect, defect);
    assert_eq!(error.answer().map(|(_, status)| status), status);
}

#[test]
fn each_mandatory_header_is_missed_and_answered() {
    for (prefix, defect) in [
        ("From", Defect::MissingFrom),
        ("To", Defect::MissingTo),
        ("Call-ID", Defect::MissingCallId),
        ("CSeq", Defect::MissingCSeq),
    ] {
        refused(&edited(INVITE, prefix, ""), defect, Some(400));
        refused(&edited(OK, prefix, ""), defect, None);
    }
    // Without Via there is nowhere to answer to.
    refused(&edited(INVITE, "Via", ""), Defect::MissingVia, None);
}

#[test]
fn each_mandatory_header_must_have_a_value() {
    for (prefix, defect) in [
        ("Via", Defect::BadVia),
        ("From", Defect::BadFrom),
        ("To", Defect::BadTo),
        ("Call-ID", Defect::BadCallId),
        ("CSeq", Defect::BadCSeq),
        ("Contact", Defect::BadContact),
    ] {
        refused(
            &edited(INVITE, prefix, &format!("{prefix}:\r\n")),
            defect,
            Some(400),
        );
        refused(
            &edited(INVITE, prefix, &format!("{prefix}: \r\n \r\n")),
            defect,
            Some(400),
        );
        refused(&edited(OK, prefix, &format!("{prefix}:\r\n")), defect, None);
    }
}

#[test]
fn single_headers_may_not_come_twice() {
    for line in [
        "From: <sip:a@example.com>;tag=1",
        "t: <sip:a@example.com>",
        "i: another",
        "CSeq: 314159 INVITE",
        "Max-Forwards: 70",
        "c: text/plain",
        "x: 90",
    ] {
        refused(
            &edited(INVITE, "User-Agent", &format!("{line}\r\n")),
            Defect::DuplicateHeader,
            Some(400),
        );
    }
}

#[test]
fn lines_of_ten_kilobytes_are_fine() {
    let long = "x".repeat(10_000);
    for (prefix, line) in [
        (
            "Via",
            format!("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{long}"),
        ),
        ("From", format!("From: \"{long}\" <sip:a@example.com>;tag=1")),
        ("To", format!("To: <sip:{long}@example.com>")),
        ("Call-ID", format!("Call-ID: {long}")),
        ("Contact", format!("Contact: <sip:{long}@192.0.2.10>")),
        ("User-Agent", format!("User-Agent: {long}")),
        ("User-Agent", format!("{long}: 1")),
        (
            "Supported",
            format!("Supported: a,\r\n {}", "b,\r\n\t".repeat(2000) + "c"),
        ),
    ] {
        parse(&edited(INVITE, prefix, &format!("{line}\r\n"))).unwrap();
    }
    refused(
        &edited(
            INVITE,
            "CSeq",
            &format!("CSeq: {} INVITE\r\n", "9".repeat(10_000)),
        ),
        Defect::BadCSeq,
        Some(400),
    );
    let zeros = format!("CSeq: {}7 INVITE\r\n", "0".repeat(10_000));
    assert_eq!(
        parse(&edited(INVITE, "CSeq", &zeros)).unwrap().cseq(),
        (7, &Method::Invite)
    );
}

#[test]
fn what_is_over_a_limit_gets_its_own_status() {
    let long = "x".repeat(16_400);
    refused(
        &edited(INVITE, "User-Agent", &format!("User-Agent: {long}\r\n")),
        Defect::HeaderTooLong,
        Some(513),
    );
    let uri = "u".repeat(8200);
    refused(
        &started(&format!("INVITE sip:{uri}@example.com SIP/2.0")),
        Defect::StartLineTooLong,
        Some(414),
    );
    let many = "Z: 1\r\n".repeat(250);
    refused(
        &edited(INVITE, "User-Agent", &many),
        Defect::TooManyHeaders,
        Some(513),
    );
    let few = "Z: 1\r\n".repeat(200);
    assert_eq!(
        parse(&edited(INVITE, "User-Agent", &few))
            .unwrap()
            .headers()
            .count(),
        213
    );
    let mut big = INVITE.to_vec();
    big.resize(65_536, b'x');
    refused(&big, Defect::MessageTooLong, Some(513));
    big.pop();
    parse(&big).unwrap();
}

#[test]
fn the_largest_message_can_be_set() {
    let limits = Limits {
        message: INVITE.len() - 1,
        ..Limits::default()
    };
    let error = sip_msg::parse(Bytes::from_static(INVITE), &limits).unwrap_err();
    assert_eq!(error.defect, Defect::MessageTooLong);
    assert_eq!(
        error.answer().unwrap().0.call_id(),
        b"3848276298220188511@pbx.example.com"
    );
}

#[test]
fn request_lines() {
    for (line, defect, status) in [
        ("INVITE sip:bob@example.com SIP/3.0", Defect::Version, Some(505)),
        ("INVITE sip:bob@example.com SIP/1.0", Defect::Version, Some(505)),
        ("INVITE sip:bob@example.com SIP/20", Defect::StartLine, Some(400)),
        ("INVITE sip:bob@example.com", Defect::StartLine, Some(400)),
        (
            "INVITE sip:bob@example.com HTTP/1.1",
            Defect::StartLine,
            Some(400),
        ),
        ("INVITE\tsip:bob@example.com SIP/2.0", Defect::NotSip, None),
        (
            "INVITE sip:bob@exa mple.com SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        (
            "INVITE sip:bob@example.com;a b SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        (
            "INVITE  sip:bob@example.com SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        (
            "INVITE <sip:bob@example.com> SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        (
            "INVITE sip:bob@example.com?Subject=x SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        ("INVITE sip:bob@ SIP/2.0", Defect::RequestUri, Some(400)),
        ("INVITE sip:@example.com SIP/2.0", Defect::RequestUri, Some(400)),
        ("INVITE sip: SIP/2.0", Defect::RequestUri, Some(400)),
        ("INVITE bob SIP/2.0", Defect::RequestUri, Some(400)),
        (
            "INVITE sip:bob@example.com:99999 SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        (
            "INVITE sip:bob@2001:db8::1 SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        (
            "INVITE sip:bob@[2001:db8::g] SIP/2.0",
            Defect::RequestUri,
            Some(400),
        ),
        ("INVITE tel:not-a-number SIP/2.0", Defect::RequestUri, Some(400)),
        ("INV(ITE) sip:bob@example.com SIP/2.0", Defect::NotSip, None),
        ("ACK sip:bob@example.com SIP/2.0", Defect::MethodMismatch, None),
        (
            "BYE sip:bob@example.com SIP/2.0",
            Defect::MethodMismatch,
            Some(400),
        ),
        (
            "invite sip:bob@example.com SIP/2.0",
            Defect::MethodMismatch,
            Some(400),
        ),
    ] {
        let error = parse(&started(line)).expect_err(line);
        assert_eq!(error.defect, defect, "{line}");
        assert_eq!(error.answer().map(|(_, s)| s), status, "{line}");
    }
    for line in [
        "INVITE sip:bob@example.com sip/2.0",
        "INVITE tel:+44-20-7183-8750;phone-context=x SIP/2.0",
        "INVITE sips:example.com SIP/2.0",
        "INVITE urn:service:sos SIP/2.0",
        "INVITE sip:bob@[2001:db8::1]:5070;transport=tcp SIP/2.0",
        "INVITE sip:*21#@example.com SIP/2.0",
    ] {
        parse(&started(line)).expect(line);
    }
}

#[test]
fn status_lines() {
    let with = |line: &str| text(OK).replacen("SIP/2.0 200 OK", line, 1).into_bytes();
    for line in [
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 2000 x",
        "SIP/2.0 20a x",
        "SIP/2.0  200 OK",
        "SIP/2.0 ",
    ] {
        refused(&with(line), Defect::StatusCode, None);
    }
    refused(&with("SIP/3.0 200 OK"), Defect::Version, None);
    for (line, status, reason) in [
        ("SIP/2.0 699 ", 699, ""),
        ("SIP/2.0 100", 100, ""),
        ("sip/2.0 487  odd", 487, " odd"),
    ] {
        let message = parse(&with(line)).unwrap();
        assert_eq!(
            (message.status(), text(message.reason())),
            (Some(status), reason.to_owned())
        );
        assert!(message.uri().is_empty() && message.method().is_none());
        assert_eq!(message.cseq().1, &Method::Invite);
    }
}

#[test]
fn content_length_rules_of_datagrams() {
    let body = |length: &str| edited(INVITE, "Content-Length", length);
    assert_eq!(parse(&body("")).unwrap().body().len(), 214);
    let short = parse(&body("l: 3\r\n")).unwrap();
    assert_eq!(&short.body()[..], b"v=0");
    assert!(short.raw().ends_with(b"v=0"));
    assert_eq!(
        parse(&body("Content-Length: 214\r\nl: 214\r\nL : 0214\r\n"))
            .unwrap()
            .body()
            .len(),
        214
    );
    refused(&body("l: 215\r\n"), Defect::BodyTooShort, Some(400));
    refused(
        &body("l: 214\r\nl: 216\r\n"),
        Defect::ConflictingContentLength,
        Some(400),
    );
    for bad in [
        "-1",
        "+5",
        "1 2",
        "5,5",
        "",
        "0x10",
        "4294967296",
        "99999999999999999999999999",
    ] {
        refused(
            &body(&format!("l: {bad}\r\n")),
            Defect::BadContentLength,
            Some(400),
        );
    }
    refused(
        &edited(OK, "Content-Length", "l: 1\r\n"),
        Defect::BodyTooShort,
        None,
    );
}

#[test]
fn cseq_values() {
    for bad in [
        "314159",
        "INVITE",
        "1 INVITE x",
        "-1 INVITE",
        "4294967296 INVITE",
        "1\tIN:VITE",
    ] {
        refused(
            &edited(INVITE, "CSeq", &format!("CSeq: {bad}\r\n")),
            Defect::BadCSeq,
            Some(400),
        );
    }
    let most = parse(&edited(INVITE, "CSeq", "CSeq: 4294967295\t INVITE\r\n")).unwrap();
    assert_eq!(most.cseq(), (u32::MAX, &Method::Invite));
    refused(
        &edited(INVITE, "CSeq", "CSeq: 1 BYE\r\n"),
        Defect::MethodMismatch,
        Some(400),
    );
}

#[test]
fn a_contact_of_any_value_must_be_readable() {
    for bad in [
        "sip:a@example.com?x=y",
        "<sip:a@example.com>, sip:b c@example.com",
        "\"open <sip:a@example.com>",
        "<sip:a@example.com",
        "<sip:a@example.com>;;x",
        "nothing",
        "a, b <sip:a@example.com>",
    ] {
        refused(
            &edited(INVITE, "Contact", &format!("Contact: {bad}\r\n")),
            Defect::BadContact,
            Some(400),
        );
    }
    let response = |contact: &str| parse(&edited(OK, "Contact", &format!("Contact: {contact}\r\n")));
    assert_eq!(
        response("<sip:a@h>, bad").unwrap().contact().unwrap().uri,
        b"sip:a@h"
    );
    assert_eq!(response("bad, <sip:a@h>").unwrap_err().defect, Defect::BadContact);
    let star = parse(&edited(BYE, "Max-Forwards", "Contact: *\r\n")).unwrap();
    assert!(star.contact().is_none());
    assert_eq!(star.header(HeaderId::Contact), Some(&b"*"[..]));
}

#[test]
fn header_lines_need_a_name_and_a_colon() {
    for bad in [
        "no colon here",
        ": value",
        "na me: value",
        "n\u{e4}me: value",
        "(x): y",
    ] {
        refused(
            &edited(INVITE, "User-Agent", &format!("{bad}\r\n")),
            Defect::HeaderSyntax,
            Some(400),
        );
    }
    // A fold may not follow the start line.
    refused(
        &started("INVITE sip:a@example.com SIP/2.0\r\n Z: 1"),
        Defect::HeaderSyntax,
        Some(400),
    );
}

#[test]
fn lone_cr_and_lf_are_refused_where_others_are_crlf() {
    for bad in [
        "Z: a\rb\r\n",
        "Z: a\nb: c\r\n",
        "Z: a\n b\r\n",
        "Z: a\r\r\n",
        "Z: a\n",
        "Z: a\r",
    ] {
        refused(&edited(INVITE, "User-Agent", bad), Defect::BareLineEnd, Some(400));
    }
}

#[test]
fn a_head_of_bare_lf_is_read_as_crlf() {
    let invite = text(INVITE);
    let (head, body) = invite.split_once("\r\n\r\n").unwrap();
    let lf = format!("{}\n\n{body}", head.replace("\r\n", "\n"));
    let message = parse(lf.as_bytes()).unwrap();
    assert_eq!(&message.raw()[..], INVITE);
    // A CR of its own anywhere in the head makes the ends doubtful.
    let mixed = lf.replacen("\nTo", "\r\nTo", 1);
    refused(mixed.as_bytes(), Defect::BareLineEnd, Some(400));
    let mixed = lf.replacen("example", "exa\rmple", 1);
    assert!(parse(mixed.as_bytes()).is_err());
}

#[test]
fn a_head_without_its_blank_line_is_refused() {
    let end = INVITE.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    refused(&INVITE[..end + 2], Defect::NoHeaderEnd, Some(400));
    refused(&INVITE[..end], Defect::NoHeaderEnd, Some(400));
    let joined: Vec<u8> = INVITE
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    assert!(parse(&joined).is_err());
}

#[test]
fn line_ends_before_a_message_are_skipped_and_line_ends_alone_are_a_keep_alive() {
    let mut early = b"\r\n\r\n\r\n".to_vec();
    early.extend_from_slice(INVITE);
    assert_eq!(&parse(&early).unwrap().raw()[..], INVITE);
    for alive in [&b""[..], b"\r\n", b"\r\n\r\n", b"\n\n"] {
        refused(alive, Defect::KeepAlive, None);
    }
    for noise in [
        &b"\0\0\0\0"[..],
        b"hello",
        b" ",
        b"\x80\x00\x01",
        b"GET",
        b"\r\n ",
    ] {
        refused(noise, Defect::NotSip, None);
    }
}

#[test]
fn a_refused_request_shows_what_could_be_read() {
    let error = parse(&edited(
        INVITE,
        "From",
        "From: Bell, Alexander <sip:a@example.com>\r\n",
    ))
    .unwrap_err();
    let message = error.message.unwrap();
    assert_eq!(message.top_via().host, b"192.0.2.10");
    assert_eq!(message.cseq(), (314_159, &Method::Invite));
    assert_eq!(
        message.header(HeaderId::From),
        Some(&b"Bell, Alexander <sip:a@example.com>"[..])
    );
    assert!(message.from().uri.is_empty() && message.from_tag().is_none());
    let error = parse(&edited(
        INVITE,
        "Via",
        "Via: SIP/2.0/UDP 192.0.2.10:5060;;branch=z9hG4bK1\r\n",
    ))
    .unwrap_err();
    assert_eq!(error.defect, Defect::BadVia);
    assert_eq!(error.answer().unwrap().0.top_via().port, Some(5060));
}
