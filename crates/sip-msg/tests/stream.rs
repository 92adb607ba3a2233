//! The framer: the same messages however the stream is cut, and an end where the next message can't be found.
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
use common::{BYE, INVITE, OK, Random, parse};
use proptest::prelude::*;
use sip_msg::stream::{Frame, Framer};
use sip_msg::{Defect, Limits};

/// What came out, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    Message(Vec<u8>),
    Refused(Defect, Option<u16>),
    KeepAlive,
    Pong,
    Broken(Defect),
}

fn drain(framer: &mut Framer, out: &mut Vec<Out>) {
    while let Some(frame) = framer.next() {
        out.push(match frame {
            Frame::Message(Ok(message)) => Out::Message(message.raw().to_vec()),
            Frame::Message(Err(error)) => Out::Refused(error.defect, error.answer().map(|(_, s)| s)),
            Frame::KeepAlive => Out::KeepAlive,
            Frame::Pong => Out::Pong,
            Frame::Broken(defect) => Out::Broken(defect),
        });
    }
}

fn frames(pieces: &[&[u8]]) -> Vec<Out> {
    let mut framer = Framer::new(Limits::default());
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece);
        drain(&mut framer, &mut out);
    }
    out
}

/// A single CRLF may or may not be the first half of a ping, by what is known when it comes; all else is the same for any cut.
fn without_pongs(mut out: Vec<Out>) -> Vec<Out> {
    out.retain(|o| *o != Out::Pong);
    out
}

fn refused(message: &[u8], edit: (&str, &str)) -> Vec<Out> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    assert!(text.contains(edit.0));
    let mut stream = text.replacen(edit.0, edit.1, 1).into_bytes();
    stream.extend_from_slice(BYE);
    frames(&[&stream])
}

#[test]
fn any_single_cut_gives_the_same_messages() {
    let stream = [b"\r\n", INVITE, b"\r\n\r\n", OK, BYE, b"\r\n\r\n\r\n\r\n", INVITE].concat();
    let whole = without_pongs(frames(&[&stream]));
    assert_eq!(
        whole,
        [
            Out::Message(INVITE.to_vec()),
            Out::KeepAlive,
            Out::Message(OK.to_vec()),
            Out::Message(BYE.to_vec()),
            Out::KeepAlive,
            Out::KeepAlive,
            Out::Message(INVITE.to_vec()),
        ]
    );
    for cut in 0..=stream.len() {
        assert_eq!(
            without_pongs(frames(&[&stream[..cut], &stream[cut..]])),
            whole,
            "cut at {cut}"
        );
    }
    let octets: Vec<_> = stream.chunks(1).collect();
    assert_eq!(without_pongs(frames(&octets)), whole);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_cuts_give_the_same_messages(
        order in prop::collection::vec(0..7_usize, 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bad_cseq = String::from_utf8(BYE.to_vec()).unwrap().replace("CSeq: 314160 BYE", "CSeq: 314160 INFO");
        let long = String::from_utf8(BYE.to_vec()).unwrap().replace("Length: 0", "Length: nan");
        let parts: [&[u8]; 7] = [INVITE, OK, BYE, b"\r\n\r\n", b"\r\n", bad_cseq.as_bytes(), long.as_bytes()];
        let stream: Vec<u8> = order.iter().flat_map(|&i| parts[i].iter().copied()).collect();
        let mut at: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
        at.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in at {
            pieces.push(&stream[from..cut]);
            from = cut;
        }
        pieces.push(&stream[from..]);
        prop_assert_eq!(without_pongs(frames(&pieces)), without_pongs(frames(&[&stream])));
    }
}

#[test]
fn what_the_framer_takes_the_datagram_parser_takes_too() {
    let mut random = Random::new(7);
    let parts: [&[u8]; 8] = [
        b"\r",
        b"\n",
        b" ",
        b"l: 3\r\n",
        b"\r\n\r\n",
        b":",
        b"Content-Length",
        b"\0",
    ];
    let mut taken = 0;
    for round in 0..20_000 {
        let mut bytes = [INVITE, OK, BYE][round % 3].to_vec();
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len());
            let part = random.pick(&parts);
            bytes.splice(at..(at + random.below(3)).min(bytes.len()), part.iter().copied());
        }
        let mut framer = Framer::new(Limits::default());
        framer.push(&bytes);
        while let Some(frame) = framer.next() {
            if let Frame::Message(Ok(message)) = frame {
                taken += 1;
                let datagram = parse(message.raw()).expect("the same octets as a datagram");
                assert_eq!(datagram.raw(), message.raw());
                assert_eq!(datagram.body(), message.body());
                assert_eq!(datagram.headers().count(), message.headers().count());
            }
        }
    }
    assert!(taken > 5000, "{taken}");
}

#[test]
fn a_value_that_is_wrong_refuses_one_message() {
    let bye = Out::Message(BYE.to_vec());
    for (edit, defect) in [
        (
            ("CSeq: 314159 INVITE", "CSeq: 314159 BYE"),
            Defect::MethodMismatch,
        ),
        (("From: \"Alice", "From: \"Al\"ice"), Defect::BadFrom),
        (("INVITE sip:+44", "INVITE <sip:+44"), Defect::RequestUri),
        (
            ("5060;user=phone SIP/2.0", "5060;user=phone SIP/4.0"),
            Defect::Version,
        ),
    ] {
        let out = refused(INVITE, edit);
        assert_eq!(out, [Out::Refused(defect, defect.status()), bye.clone()]);
    }
    // A refused response is silent, the stream goes on.
    assert_eq!(
        refused(OK, ("CSeq: 314159", "CSeq: x")),
        [Out::Refused(Defect::BadCSeq, None), bye]
    );
}

#[test]
fn a_doubtful_end_breaks_the_stream() {
    for (edit, defect) in [
        (("Content-Length: 214\r\n", ""), Defect::MissingContentLength),
        (
            ("Content-Length: 214", "Content-Length: -1"),
            Defect::BadContentLength,
        ),
        (
            ("Content-Length: 214", "Content-Length: 214\r\nl: 0"),
            Defect::ConflictingContentLength,
        ),
        (
            ("Content-Length: 214", "Content-Length 214"),
            Defect::HeaderSyntax,
        ),
        (("User-Agent: Ex", "User-Agent: \nEx"), Defect::HeaderSyntax),
        (("User-Agent: Ex", "User-Agent: \n Ex"), Defect::BareLineEnd),
        (("User-Agent: Ex", "User-Agent: \rEx"), Defect::BareLineEnd),
    ] {
        let out = refused(INVITE, edit);
        assert_eq!(
            out,
            [Out::Refused(defect, Some(400)), Out::Broken(defect)],
            "{edit:?}"
        );
    }
    let length = Defect::MissingContentLength;
    assert_eq!(
        frames(&[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", INVITE]),
        [Out::Refused(length, None), Out::Broken(length)]
    );
    assert_eq!(
        frames(&[b"\x16\x03\x01\r\n\r\n", INVITE]),
        [Out::Broken(Defect::NotSip)]
    );
    assert_eq!(
        frames(&[b"{\"json\": 1}\r\nl: 0\r\n\r\n", INVITE]),
        [Out::Broken(Defect::NotSip)]
    );
    assert_eq!(frames(&[b"\nINVITE"]), [Out::Broken(Defect::BareLineEnd)]);
    assert_eq!(frames(&[b"\r", b"x"]), [Out::Broken(Defect::BareLineEnd)]);
}

#[test]
fn what_is_too_long_is_answered_and_ends_the_stream() {
    let big = "Content-Length: 70000";
    assert_eq!(
        refused(INVITE, ("Content-Length: 214", big)),
        [
            Out::Refused(Defect::MessageTooLong, Some(513)),
            Out::Broken(Defect::MessageTooLong)
        ]
    );
    let head = format!("User-Agent: {}", "x".repeat(17_000));
    assert_eq!(
        refused(INVITE, ("User-Agent: ", &head)),
        [
            Out::Refused(Defect::HeaderTooLong, Some(513)),
            Out::Broken(Defect::HeaderTooLong)
        ]
    );
    let many = "Z: 1\r\n".repeat(300) + "User-Agent: ";
    assert_eq!(
        refused(INVITE, ("User-Agent: ", &many)),
        [
            Out::Refused(Defect::TooManyHeaders, Some(513)),
            Out::Broken(Defect::TooManyHeaders)
        ]
    );
}

#[test]
fn memory_is_bounded_by_the_largest_message() {
    let limits = Limits {
        message: 4096,
        ..Limits::default()
    };
    let mut framer = Framer::new(limits);
    framer.push(&INVITE[..INVITE.len() - 300]);
    assert!(framer.next().is_none());
    let mut broken = false;
    for _ in 0..1000 {
        framer.push(&[b'x'; 100]);
        while let Some(frame) = framer.next() {
            broken |= matches!(frame, Frame::Broken(Defect::MessageTooLong));
        }
        assert!(framer.buffered() <= 4096 + 100);
    }
    // The body was whole after some pushes; what followed it never became a message.
    assert!(broken && framer.buffered() == 0);
}

#[test]
fn whole_messages_leave_nothing_behind() {
    let mut framer = Framer::new(Limits::default());
    for _ in 0..1000 {
        framer.push(INVITE);
        assert!(matches!(framer.next(), Some(Frame::Message(Ok(_)))));
        assert!(framer.next().is_none());
        assert_eq!(framer.buffered(), 0);
    }
}

#[test]
fn keep_alives_are_counted_by_pairs() {
    assert_eq!(frames(&[b"\r\n\r\n"]), [Out::KeepAlive]);
    assert_eq!(frames(&[b"\r\n"]), [Out::Pong]);
    assert_eq!(frames(&[b"\r\n", b"\r\n"]), [Out::Pong, Out::KeepAlive]);
    assert_eq!(frames(&[b"\r", b"\n\r", b"\n"]), [Out::Pong, Out::KeepAlive]);
    assert_eq!(frames(&[b"\r\n\r\n\r\n"]), [Out::KeepAlive, Out::Pong]);
}

#[test]
fn the_torture_messages_end_alike_on_stream_and_datagram() {
    for case in sip_msg::torture::all() {
        let mut framer = Framer::new(Limits::default());
        framer.push(case.bytes);
        let datagram = sip_msg::parse(Bytes::from_static(case.bytes), &Limits::default());
        if let (Some(Frame::Message(Ok(message))), Ok(datagram)) = (framer.next(), datagram) {
            assert_eq!(message.raw(), datagram.raw(), "{}", case.name);
        }
    }
}
