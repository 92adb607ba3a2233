//! Parse and rewrite of an everyday body of about 300 bytes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "fixed data of our own"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, criterion_group, criterion_main};
use sdp::{
    CodecFilter, Compose, Limits, NewOrigin, RtcpPlan, Slot, Transport, compose, parse, parse_bytes, pt_map,
};

const BODY: &[u8] = include_bytes!("../tests/data/audio.sdp");
const WEBRTC: &[u8] = include_bytes!("../tests/data/webrtc.sdp");

fn body(c: &mut Criterion) {
    let limits = Limits::default();
    let address = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
    let origin = NewOrigin {
        username: "-",
        id: 4_711_471_147_114_711,
        version: 2,
        address,
    };
    c.bench_function("sdp/parse 300 B", |b| b.iter(|| parse(black_box(BODY), &limits)));
    let shared = bytes::Bytes::from_static(BODY);
    c.bench_function("sdp/parse 300 B, not copied", |b| {
        b.iter(|| parse_bytes(black_box(&shared).clone(), &limits));
    });
    c.bench_function("sdp/parse WebRTC 1.8 kB", |b| {
        b.iter(|| parse(black_box(WEBRTC), &limits))
    });
    let source = parse(BODY, &limits).expect("the corpus parses");
    let slots = [Slot::Stream {
        media: &source.media()[0],
        port: 20_000,
        rtcp: RtcpPlan::Pair,
        codecs: CodecFilter::All,
        direction: None,
        transport: Transport::default(),
    }];
    let hide: [&[u8]; 2] = [b"secret-host.internal", b"10.20.30.40"];
    c.bench_function("sdp/compose 300 B", |b| {
        b.iter(|| {
            compose(black_box(&Compose {
                origin,
                address,
                source: &source,
                slots: &slots,
                hide: &hide,
                lines: &[],
            }))
        });
    });
    let media = &source.media()[0];
    c.bench_function("sdp/pt_map", |b| {
        b.iter(|| pt_map(black_box(media), black_box(media)))
    });
}

criterion_group!(benches, body);
criterion_main!(benches);
