//! Parse, edit and write, build: beside rsip's on the same message.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench; its messages are good")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rsip::prelude::{HeadersExt as _, ToTypedHeader as _};
use sip_msg::{Edits, HeaderId, Limits, Method, Writer};

#[path = "../tests/support/messages.rs"]
#[allow(clippy::duplicate_mod, reason = "the messages of the tests")]
mod common;
use common::{BYE, INVITE, OK};

fn parse(c: &mut Criterion) {
    let limits = Limits::default();
    let mut group = c.benchmark_group("parse");
    for (name, octets) in [("invite", INVITE), ("200", OK), ("bye", BYE)] {
        let bytes = Bytes::from_static(octets);
        group.throughput(Throughput::Bytes(octets.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| sip_msg::parse(black_box(bytes.clone()), &limits).unwrap())
        });
    }
    let bytes = Bytes::from_static(INVITE);
    group.bench_function("invite, hot values read", |b| {
        b.iter(|| {
            let message = sip_msg::parse(black_box(bytes.clone()), &limits).unwrap();
            black_box((
                message.top_via().branch(),
                message.from_tag(),
                message.to_tag(),
                message.call_id(),
                message.cseq().0,
                message.contact().unwrap().uri,
            ));
            message
        });
    });
    group.bench_function("invite, rsip", |b| {
        b.iter(|| rsip::SipMessage::try_from(black_box(INVITE)).unwrap())
    });
    group.bench_function("invite, rsip, five typed headers", |b| {
        b.iter(|| {
            let message = rsip::SipMessage::try_from(black_box(INVITE)).unwrap();
            black_box((
                message.via_header().unwrap().typed().unwrap(),
                message.from_header().unwrap().typed().unwrap(),
                message.to_header().unwrap().typed().unwrap(),
                message.cseq_header().unwrap().typed().unwrap(),
                message.contact_header().unwrap().typed().unwrap(),
            ));
            message
        });
    });
    group.finish();
}

/// What a leg of a call does to a message: another Via, Contact, Max-Forwards and body.
fn edit(c: &mut Criterion) {
    let limits = Limits::default();
    let bytes = Bytes::from_static(INVITE);
    let body = sip_msg::parse(bytes.clone(), &limits).unwrap().body();
    let mut group = c.benchmark_group("parse, edit and write");
    group.bench_function("invite", |b| {
        b.iter(|| {
            let message = sip_msg::parse(black_box(bytes.clone()), &limits).unwrap();
            let mut edits = Edits::new();
            edits
                .replace(
                    HeaderId::Via,
                    b"SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK776asdhds;rport",
                )
                .replace(HeaderId::Contact, b"<sip:198.51.100.1:5060>")
                .replace(HeaderId::MaxForwards, b"69")
                .body(b"application/sdp", &body);
            message.write(&edits)
        });
    });
    group.bench_function("invite, rsip", |b| {
        b.iter(|| {
            let mut message = rsip::SipMessage::try_from(black_box(INVITE)).unwrap();
            let headers = rsip::prelude::HasHeaders::headers_mut(&mut message);
            headers.unique_push(
                rsip::headers::Via::from("SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK776asdhds;rport")
                    .into(),
            );
            headers.unique_push(rsip::headers::Contact::from("<sip:198.51.100.1:5060>").into());
            headers.unique_push(rsip::headers::MaxForwards::from(69).into());
            *message.body_mut() = body.to_vec();
            message.to_string()
        });
    });
    group.finish();
}

fn build(c: &mut Criterion) {
    let request = sip_msg::parse(Bytes::from_static(INVITE), &Limits::default()).unwrap();
    let mut group = c.benchmark_group("build");
    group.bench_function("answer to an invite", |b| {
        b.iter(|| {
            let mut writer = Writer::response(180, "Ringing");
            for id in [
                HeaderId::Via,
                HeaderId::From,
                HeaderId::To,
                HeaderId::CallId,
                HeaderId::CSeq,
            ] {
                writer.copy(black_box(&request), id);
            }
            writer.finish()
        });
    });
    group.bench_function("invite", |b| {
        let body = request.body();
        b.iter(|| {
            let mut writer = Writer::request(&Method::Invite, b"sip:+442071838750@198.51.100.4:5060");
            writer
                .header_fmt(
                    HeaderId::Via,
                    format_args!(
                        "SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK{}",
                        black_box("776asdhds")
                    ),
                )
                .header(HeaderId::MaxForwards, b"70")
                .header(
                    HeaderId::From,
                    b"\"Alice\" <sip:+442079460123@198.51.100.1>;tag=9fxced76sl",
                )
                .header(HeaderId::To, b"<sip:+442071838750@198.51.100.4>")
                .header(HeaderId::CallId, b"f81d4fae7dec11d0a76500a0c91e6bf6")
                .header_fmt(HeaderId::CSeq, format_args!("{} INVITE", black_box(1)))
                .header(HeaderId::Contact, b"<sip:198.51.100.1:5060>")
                .header(
                    HeaderId::Allow,
                    b"INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO",
                );
            writer.finish_with(b"application/sdp", &body)
        });
    });
    group.finish();
}

criterion_group!(benches, parse, edit, build);
criterion_main!(benches);
