//! Writer and edits: what is written reads back the same, and nothing else is touched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/messages.rs"]
mod common;

use common::{BYE, INVITE, OK, parse};
use proptest::prelude::*;
use sip_msg::{Edits, HeaderId, Message, Method, Writer};

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_not_edited_is_the_same_octets() {
    for bytes in [INVITE, OK, BYE] {
        assert_eq!(&parse(bytes).unwrap().write(&Edits::new())[..], bytes);
    }
    for case in sip_msg::torture::all() {
        if let Ok(message) = parse(case.bytes) {
            assert_eq!(message.write(&Edits::new()), *message.raw(), "{}", case.name);
            // Through the long way too.
            let edits = Edits::new().remove(HeaderId::FlowTimer).clone();
            assert_eq!(message.write(&edits), *message.raw(), "{}", case.name);
        }
    }
}

#[test]
fn each_edit_does_what_it_says() {
    let message = parse(INVITE).unwrap();
    let mut edits = Edits::new();
    edits
        .replace(HeaderId::Via, b"SIP/2.0/UDP b;branch=z9hG4bK2")
        .replace(HeaderId::MaxForwards, b"69")
        .replace(HeaderId::Subject, b"new")
        .append(HeaderId::Supported, b"100rel")
        .remove(HeaderId::UserAgent)
        .request_line(&Method::Invite, b"sip:n w@h");
    let text = lossy(&message.write(&edits));
    let via = message.header(HeaderId::Via).unwrap();
    let expected = lossy(INVITE)
        .replace(
            "sip:+442071838750@sbc.example.com:5060;user=phone SIP",
            "sip:n%20w@h SIP",
        )
        .replace("User-Agent: ExamplePBX 20.5.0\r\n", "")
        .replace("Max-Forwards: 70", "Max-Forwards: 69")
        .replace(
            &format!("Via: {}\r\n", lossy(via)),
            "Via: SIP/2.0/UDP b;branch=z9hG4bK2\r\n",
        )
        .replace(
            "Content-Length: 214\r\n",
            "Content-Length: 214\r\nSubject: new\r\nSupported: 100rel\r\n",
        );
    let order = |t: &str| {
        let mut l: Vec<_> = t.split("\r\n").map(str::to_owned).collect();
        l.sort();
        l
    };
    assert_eq!(order(&text), order(&expected));
    let again = parse(text.as_bytes()).unwrap();
    assert_eq!(again.top_via().host, b"b");
    assert_eq!(again.uri(), b"sip:n%20w@h");
    assert_eq!(again.body(), message.body());
}

#[test]
fn replace_leaves_one_line_in_the_first_place() {
    let text = lossy(INVITE).replacen(
        "Supported: replaces",
        "k: x\r\nSUPPORTED: y,\r\n z\r\nSupported: replaces",
        1,
    );
    let message = parse(text.as_bytes()).unwrap();
    let mut edits = Edits::new();
    edits.replace(HeaderId::Supported, b"path");
    let written = lossy(&message.write(&edits));
    assert_eq!(
        written,
        lossy(INVITE).replacen("Supported: replaces, timer", "Supported: path", 1)
    );
}

#[test]
fn a_new_body_brings_its_type_and_length() {
    let mut edits = Edits::new();
    edits.body(b"application/sdp", b"v=0\r\n");
    for bytes in [INVITE, BYE] {
        let written = parse(&parse(bytes).unwrap().write(&edits)).unwrap();
        assert_eq!(&written.body()[..], b"v=0\r\n");
        assert_eq!(written.content_type(), Some(&b"application/sdp"[..]));
        assert_eq!(written.header(HeaderId::ContentLength), Some(&b"5"[..]));
    }
    let mut none = Edits::new();
    none.body(b"", b"");
    let written = parse(&parse(INVITE).unwrap().write(&none)).unwrap();
    assert!(written.body().is_empty() && written.content_type().is_none());
    // A message without Content-Length gets one.
    let bare = lossy(INVITE).replacen("Content-Length: 214\r\n", "", 1);
    assert_eq!(
        parse(&parse(bare.as_bytes()).unwrap().write(&edits))
            .unwrap()
            .number(HeaderId::ContentLength),
        Some(5)
    );
}

#[test]
fn line_ends_in_values_get_nowhere() {
    let evil: &[&[u8]] = &[
        b"a\r\nVia: SIP/2.0/UDP evil",
        b"a\nb",
        b"a\rb",
        b"a\r\n",
        b"\r\n\r\nbody",
        b"a\r\n\r\n b",
        b"a\n b",
    ];
    for &value in evil {
        let mut writer = Writer::request(&Method::Bye, b"sip:a@h");
        writer.header(HeaderId::Subject, value);
        writer.named(b"X-Test", value);
        writer.header_fmt(HeaderId::Subject, format_args!("{}", lossy(value)));
        assert_eq!(writer.refused(), 3);
        assert_eq!(
            lossy(&writer.finish()),
            "BYE sip:a@h SIP/2.0\r\nContent-Length: 0\r\n\r\n"
        );
        let mut edits = Edits::new();
        edits
            .replace(HeaderId::Subject, value)
            .append(HeaderId::Subject, value)
            .remove(HeaderId::ContentLength);
        assert_eq!(edits.refused(), 3);
        assert_eq!(&parse(INVITE).unwrap().write(&edits)[..], INVITE);
    }
    let mut writer = Writer::request(&Method::Bye, b"sip:a@h SIP/2.0\r\nX: y\r\n");
    writer
        .named(b"X y", b"1")
        .named(b"", b"1")
        .named(b"X:\r\nY", b"1")
        .header(HeaderId::Other, b"1");
    assert_eq!(
        lossy(&writer.finish()),
        "BYE sip:a@h%20SIP/2.0%0D%0AX:%20y%0D%0A SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    );
    let writer = Writer::response(486, "Busy\r\nX: y");
    assert_eq!(
        lossy(&writer.finish()),
        "SIP/2.0 486 Busy  X: y\r\nContent-Length: 0\r\n\r\n"
    );
    let odd = Writer::request(&Method::Other(bytes::Bytes::from_static(b"A B\r\nC")), b"sip:h");
    assert!(odd.finish().starts_with(b"ABC sip:h SIP/2.0\r\n"));
}

#[test]
fn content_length_is_the_writers_own() {
    let mut writer = Writer::response(200, "OK");
    writer
        .header(HeaderId::ContentLength, b"99")
        .named(b"l", b"99")
        .header_fmt(HeaderId::ContentLength, format_args!("99"));
    writer.copy(&parse(INVITE).unwrap(), HeaderId::ContentLength);
    assert_eq!(
        lossy(&writer.finish_with(b"text/plain", b"hi")),
        "SIP/2.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    );
    let mut edits = Edits::new();
    edits
        .replace(HeaderId::ContentLength, b"1")
        .remove(HeaderId::ContentLength)
        .append(HeaderId::Other, b"1");
    assert_eq!(edits.refused(), 3);
    assert_eq!(&parse(INVITE).unwrap().write(&edits)[..], INVITE);
}

#[test]
fn copies_take_every_line_and_unfold_it() {
    let text = lossy(INVITE).replacen(
        "Max-Forwards",
        "v :  SIP/2.0/TCP a ;\r\n\t branch=1,\r\n SIP/2.0/TCP b\r\nMax-Forwards",
        1,
    );
    let message = parse(text.as_bytes()).unwrap();
    let mut writer = Writer::response(100, "Trying");
    writer
        .copy(&message, HeaderId::Via)
        .copy(&message, HeaderId::Subject);
    assert_eq!(
        lossy(&writer.finish()),
        "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnashds8a7f3c;rport\r\n\
         Via: SIP/2.0/TCP a ; branch=1, SIP/2.0/TCP b\r\nContent-Length: 0\r\n\r\n"
    );
}

/// Any octets that a value may have, trimmed as a reader gives it back.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        any::<u8>().prop_filter("no line end", |b| !matches!(b, b'\r' | b'\n')),
        1..60,
    )
    .prop_map(|v| v.trim_ascii().to_vec())
    .prop_filter("not empty", |v| {
        !v.is_empty() && !matches!(v[0], 0x0c) && !matches!(v[v.len() - 1], 0x0c)
    })
}

const FREE: [HeaderId; 6] = [
    HeaderId::Subject,
    HeaderId::UserAgent,
    HeaderId::Warning,
    HeaderId::Reason,
    HeaderId::PAssertedIdentity,
    HeaderId::Supported,
];

#[derive(Clone, Debug)]
enum Op {
    Replace(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    Remove(usize),
    Body(Vec<u8>),
}

fn op() -> impl Strategy<Value = Op> {
    let id = 0..FREE.len();
    prop_oneof![
        (id.clone(), value()).prop_map(|(i, v)| Op::Replace(i, v)),
        (id.clone(), value()).prop_map(|(i, v)| Op::Append(i, v)),
        id.prop_map(Op::Remove),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Op::Body),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn edits_touch_only_what_they_say(ops in prop::collection::vec(op(), 0..6)) {
        let message = parse(INVITE).unwrap();
        let mut edits = Edits::new();
        let mut touched = Vec::new();
        let mut body = message.body().to_vec();
        for op in &ops {
            match op {
                Op::Replace(i, v) => { edits.replace(FREE[*i], v); touched.push(FREE[*i]); }
                Op::Append(i, v) => { edits.append(FREE[*i], v); touched.push(FREE[*i]); }
                Op::Remove(i) => { edits.remove(FREE[*i]); touched.push(FREE[*i]); }
                Op::Body(b) => {
                    edits.body(b"text/plain", b);
                    body.clone_from(b);
                    touched.extend([HeaderId::ContentType, HeaderId::ContentLength]);
                }
            }
        }
        let written = parse(&message.write(&edits)).unwrap();
        let rest = |m: &Message| -> Vec<Vec<u8>> {
            m.headers().filter(|h| !touched.contains(&h.id)).map(|h| h.line.to_vec()).collect()
        };
        prop_assert_eq!(rest(&written), rest(&message));
        prop_assert_eq!(&written.body()[..], &body[..]);
        prop_assert_eq!(written.uri(), message.uri());
        for op in &ops {
            if let Op::Append(i, v) = op {
                let lines: Vec<_> = written.headers().filter(|h| h.id == FREE[*i]).map(|h| h.value.to_vec()).collect();
                prop_assert!(lines.contains(v), "{:?}", lines);
            }
        }
    }

    #[test]
    fn what_the_writer_builds_reads_back(
        user in "[a-z0-9.+;=-]{1,20}",
        tag in "[A-Za-z0-9.-]{1,20}",
        sequence in any::<u32>(),
        subject in value(),
        display in "[a-zA-Z \\\\\"äö<>,;]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let uri = format!("sip:{user}@example.com");
        let quoted = display.replace('\\', "\\\\").replace('"', "\\\"");
        let mut writer = Writer::request(&Method::Update, uri.as_bytes());
        writer
            .header_fmt(HeaderId::Via, format_args!("SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK{tag}"))
            .header_fmt(HeaderId::From, format_args!("\"{quoted}\" <{uri}>;tag={tag}"))
            .header_fmt(HeaderId::To, format_args!("<{uri}>"))
            .header(HeaderId::CallId, tag.as_bytes())
            .header_fmt(HeaderId::CSeq, format_args!("{sequence} UPDATE"))
            .header(HeaderId::Subject, &subject);
        prop_assert_eq!(writer.refused(), 0);
        let message = parse(&writer.finish_with(b"application/octet-stream", &body)).unwrap();
        prop_assert_eq!(message.uri(), uri.as_bytes());
        prop_assert_eq!(message.cseq(), (sequence, &Method::Update));
        prop_assert_eq!(message.from_tag(), Some(tag.as_bytes()));
        let got = message.from().display_unescaped().unwrap().into_owned();
        prop_assert_eq!(got, display.as_bytes());
        prop_assert_eq!(message.from().uri, uri.as_bytes());
        prop_assert_eq!(message.call_id(), tag.as_bytes());
        prop_assert_eq!(message.header(HeaderId::Subject), Some(&subject[..]));
        prop_assert_eq!(&message.body()[..], &body[..]);
    }
}
