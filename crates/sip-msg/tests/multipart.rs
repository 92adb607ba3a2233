//! Multipart bodies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use sip_msg::multipart::{MAX_PARTS, Part, parts};

const TYPE: &[u8] = b"multipart/mixed ; boundary=\"a b\"";

#[test]
fn parts_are_found_with_preamble_padding_and_epilogue() {
    let body = b"preamble\r\n--a b \t\r\nContent-Type:\r\n application/sdp\r\nX: y\r\n\r\nv=0\r\n\r\n--a b\r\n\r\nno headers\r\n--a b--\r\nepilogue\r\n--a b\r\n";
    let found = parts(body, TYPE).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].content_type(), Some(&b"application/sdp"[..]));
    assert_eq!(found[0].header("x"), Some(&b"y"[..]));
    assert_eq!(found[0].header("z"), None);
    assert_eq!(found[0].body, b"v=0\r\n");
    assert_eq!(
        found[1],
        Part {
            headers: b"",
            body: b"no headers"
        }
    );
}

#[test]
fn odd_ends_are_taken() {
    assert_eq!(
        parts(b"--a b\r\n\r\nrest", TYPE).unwrap(),
        [Part {
            headers: b"",
            body: b"rest"
        }]
    );
    assert_eq!(
        parts(b"--a b\r\n--a b--", TYPE).unwrap(),
        [Part {
            headers: b"",
            body: b""
        }]
    );
    assert_eq!(parts(b"--a b--", TYPE).unwrap(), []);
    assert_eq!(
        parts(b"--a b\r\nX: y\r\n--a b--", TYPE).unwrap()[0].headers,
        b"X: y"
    );
}

#[test]
fn what_is_no_multipart_gives_none() {
    for (body, media) in [
        (&b"--x\r\n\r\n"[..], &b"application/sdp"[..]),
        (b"--x\r\n\r\n", b"multipart/mixed"),
        (b"--x\r\n\r\n", b"multipart/mixed;boundary="),
        (b"--x\r\n\r\n", b"multi;boundary=x"),
        (b"nothing", b"multipart/mixed;boundary=x"),
        (b"--xy\r\n\r\nother boundary", b"multipart/mixed;boundary=x"),
        (b"--x", b"multipart/mixed;boundary=x"),
    ] {
        assert_eq!(parts(body, media), None);
    }
    let long = format!("multipart/mixed;boundary={}", "x".repeat(71));
    assert_eq!(parts(b"", long.as_bytes()), None);
}

#[test]
fn the_number_of_parts_is_limited() {
    let body = "--x\r\n\r\na\r\n".repeat(1000);
    assert_eq!(
        parts(body.as_bytes(), b"multipart/mixed;boundary=x")
            .unwrap()
            .len(),
        MAX_PARTS
    );
}
