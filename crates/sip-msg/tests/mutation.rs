//! Mutated messages: nothing panics, and whatever is taken can be read and written.
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
use common::{BYE, INVITE, OK, Random};
use sip_msg::stream::Framer;
use sip_msg::{Edits, HeaderId, Limits, Message, NameAddr, Uri, Values, Via, Writer, multipart};

/// Reads everything there is.
fn exercise(message: &Message) {
    let mut octets = 0;
    for header in message.headers() {
        octets += header.line.len() + header.value.len();
        for value in Values::of(header.value) {
            octets += value.len();
            if let Ok(address) = NameAddr::parse(value)
                && let Ok(Uri::Sip(uri)) = Uri::parse(address.uri)
            {
                octets += uri.user_unescaped().len() + uri.params.iter().count();
                assert!(uri.equivalent(&uri));
            }
            if let Ok(via) = Via::parse(value) {
                octets += via.params.iter().count() + usize::from(via.rport().is_some());
            }
        }
    }
    assert!(octets >= message.headers().count());
    let _ = (
        message.top_via().received_ip(),
        message.from().display_unescaped(),
        message.to().tag(),
    );
    let _ = (
        message.contact(),
        message.number(HeaderId::MaxForwards),
        message.reason(),
    );
    let body = message.body();
    let _ = multipart::parts(&body, message.content_type().unwrap_or_default());
}

fn check(bytes: &[u8], limits: &Limits) -> bool {
    let mut framer = Framer::new(*limits);
    framer.push(bytes);
    while framer.next().is_some() {}
    match sip_msg::parse(Bytes::copy_from_slice(bytes), limits) {
        Ok(message) => {
            exercise(&message);
            assert_eq!(message.write(&Edits::new()), *message.raw());
            let mut edits = Edits::new();
            edits
                .replace(HeaderId::Via, b"SIP/2.0/UDP h;branch=z9hG4bK1")
                .body(b"text/plain", b"x");
            edits
                .append(HeaderId::Route, b"<sip:h;lr>")
                .remove(HeaderId::Contact);
            // Edits make it longer.
            let again = sip_msg::parse(
                message.write(&edits),
                &Limits {
                    message: 100_000,
                    start_line: 100_000,
                    header_line: 100_000,
                    headers: 300,
                },
            );
            let again = again.expect("what was taken and edited is taken again");
            assert_eq!(
                (again.call_id(), again.cseq()),
                (message.call_id(), message.cseq())
            );
            true
        }
        Err(error) => {
            if let Some((message, status)) = error.answer() {
                exercise(message);
                let mut writer = Writer::response(status, error.defect.as_str());
                for id in [
                    HeaderId::Via,
                    HeaderId::From,
                    HeaderId::To,
                    HeaderId::CallId,
                    HeaderId::CSeq,
                ] {
                    writer.copy(message, id);
                }
                let answer = writer.finish();
                let ends = answer.windows(4).filter(|w| w == b"\r\n\r\n").count();
                assert!(ends == 1 && answer.ends_with(b"\r\n\r\n"));
            }
            false
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random, others: &[&[u8]]) {
    const PIECES: [&[u8]; 24] = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"\"",
        b"<",
        b">",
        b"@",
        b"[",
        b"]",
        b"\0",
        b"\xff",
        b"%",
        b"\\",
        b"\r\n ",
        b"\r\n\r\n",
        b"sip:",
        b"99999999999",
        b"Content-Length",
        b"?",
    ];
    let at = random.below(bytes.len().max(1)).min(bytes.len());
    let to = (at + random.below(24)).min(bytes.len());
    match random.below(7) {
        0 => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
        1 => drop(bytes.drain(at..to)),
        2 => drop(bytes.splice(at..to, random.pick(&PIECES).iter().copied())),
        3 => drop(bytes.splice(at..at, random.pick(&PIECES).iter().copied())),
        4 => bytes.truncate(at),
        5 => {
            let part = bytes[at..to].to_vec();
            let behind = random.below(bytes.len() + 1);
            drop(bytes.splice(behind..behind, part));
        }
        _ => {
            let other = random.pick(others);
            let from = random.below(other.len());
            drop(bytes.splice(at..to, other[from..(from + 40).min(other.len())].iter().copied()));
        }
    }
}

#[test]
fn a_hundred_thousand_mutations_are_survived() {
    let mut seeds: Vec<&[u8]> = vec![INVITE, OK, BYE];
    seeds.extend(sip_msg::torture::all().map(|c| c.bytes));
    let limits = Limits::default();
    let small = Limits {
        message: 700,
        start_line: 60,
        header_line: 80,
        headers: 9,
    };
    let mut random = Random::new(20_260_101);
    let mut taken = 0;
    for round in 0..100_000 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random, &seeds);
        }
        let limits = if round % 11 == 0 { &small } else { &limits };
        taken += usize::from(check(&bytes, limits));
    }
    // Neither all refused nor all taken, or nothing was tested.
    assert!((7_000..50_000).contains(&taken), "{taken}");
}
