//! Values from anywhere, written and read back: no octet of a value ends its line.

use sip_msg::{Edits, HeaderId, Limits, Method, Writer};

/// Takes `input` apart at each 0xFF: URI, a name, values; the rest is the body.
///
/// # Panics
/// When the writer breaks a promise.
pub fn check(input: &[u8]) {
    let mut parts = input.splitn(5, |&b| b == 0xff);
    let mut next = || parts.next().unwrap_or_default();
    let (uri, name, value, other, body) = (next(), next(), next(), next(), next());
    let mut writer = Writer::request(&Method::Options, uri);
    writer
        .header(HeaderId::Via, b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
        .header(HeaderId::From, b"<sip:a@example.com>;tag=1")
        .header(HeaderId::To, b"<sip:b@example.com>")
        .header(HeaderId::CallId, b"1@example.com")
        .header(HeaderId::CSeq, b"1 OPTIONS")
        .header(HeaderId::Subject, value);
    let before = writer.refused();
    writer.named(name, other);
    let known = HeaderId::from_name(name);
    let extra = usize::from(writer.refused() == before && known != HeaderId::ContentLength);
    let subject = usize::from(before == 0);
    let bytes = writer.finish_with(b"", body);
    // Five lines of ours, Content-Length, and what was not refused.
    let head = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .unwrap_or_default();
    let lines = bytes
        .get(..head)
        .unwrap_or_default()
        .split(|&b| b == b'\n')
        .count();
    assert_eq!(lines, 7 + extra + subject, "a value made a line");
    let Ok(message) = sip_msg::parse(bytes, &Limits::default()) else {
        return;
    };
    assert_eq!(&message.body()[..], body, "the body is as it was given");
    let mut edits = Edits::new();
    edits
        .replace(HeaderId::Subject, other)
        .append(HeaderId::Via, value)
        .append(HeaderId::UserAgent, uri)
        .body(b"text/plain", name);
    let written = message.write(&edits);
    assert!(written.ends_with(name), "the new body stands at the end");
}
