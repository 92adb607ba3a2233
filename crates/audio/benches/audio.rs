//! What 20 ms of audio cost: each pair of codecs through decoder, resampler and encoder, and through the whole transcoder; hearing
//! digits; concealing.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops at what it did not expect"
)]

use audio::dtmf::DigitDetector;
use audio::{
    Arrival, Codec, Concealer, Decoder, Encoder, Format, Resampler, Transcoder, TranscoderSettings, g711,
    samples_in,
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, Instant};

const CODECS: [(u8, Codec); 4] = [
    (0, Codec::Pcmu),
    (8, Codec::Pcma),
    (9, Codec::G722),
    (111, Codec::Opus),
];

/// A second of something like a voice: harmonics of a wandering pitch in syllables.
fn voice(rate: u32) -> Vec<i16> {
    let mut phase = 0.0_f64;
    (0..rate)
        .map(|n| {
            let t = f64::from(n) / f64::from(rate);
            phase += (130.0 + 30.0 * (t * 5.0).sin()) / f64::from(rate);
            let sum: f64 = (1..20)
                .map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k))
                .sum();
            (sum * (t * 12.0).sin().max(0.1) * 6_000.0) as i16
        })
        .collect()
}

/// A second of packets.
fn packets(codec: Codec) -> Vec<Vec<u8>> {
    let rate = codec.rate();
    let mut encoder = Encoder::new(&Format::new(codec), rate).expect("a codec of ours");
    let mut payload = vec![0; 2_000];
    voice(rate)
        .chunks_exact(samples_in(rate, 20))
        .map(|frame| {
            let len = encoder.encode(frame, &mut payload).expect("a whole frame");
            payload[..len].to_vec()
        })
        .collect()
}

fn codecs(c: &mut Criterion) {
    let mut group = c.benchmark_group("codecs");
    for (_, from) in CODECS {
        let packets = packets(from);
        for (_, to) in CODECS.into_iter().filter(|(_, to)| *to != from) {
            let (decoded_rate, rate) = (from.decode_rate(to.rate()), to.encode_rate(from.rate()));
            let mut decoder = Decoder::new(from, to.rate()).expect("a codec of ours");
            let mut resampler = Resampler::new(decoded_rate, rate, 960);
            let mut encoder = Encoder::new(&Format::new(to), from.rate()).expect("a codec of ours");
            let (mut samples, mut converted, mut payload) = ([0; 960], [0; 960], [0; 1_500]);
            let mut packet = packets.iter().cycle();
            group.bench_function(format!("{}-{}", from.name(), to.name()), |b| {
                b.iter(|| {
                    let packet = packet.next().expect("endless");
                    let n = decoder.decode(packet, &mut samples).expect("a packet of ours");
                    let frame = match &mut resampler {
                        None => &samples[..n],
                        Some(resampler) => {
                            let n = resampler.process(&samples[..n], &mut converted);
                            &converted[..n]
                        }
                    };
                    encoder.encode(frame, &mut payload).expect("a whole frame")
                });
            });
        }
    }
    let mut octets = packets(Codec::Pcma).swap_remove(0);
    group.bench_function("PCMA-PCMU by table", |b| {
        b.iter(|| g711::Law::A.into_other(black_box(&mut octets)));
    });
    group.finish();
}

fn transcoder(c: &mut Criterion) {
    let mut group = c.benchmark_group("transcoder");
    for ((pt, from), (_, to)) in [
        (CODECS[0], CODECS[2]),
        (CODECS[2], CODECS[0]),
        (CODECS[0], CODECS[3]),
        (CODECS[3], CODECS[0]),
    ] {
        let packets = packets(from);
        let inputs = [(pt, from)];
        let settings = TranscoderSettings {
            inputs: &inputs,
            noise_in: None,
            events_in: [None, None],
            output: Format::new(to),
            noise_out: false,
            seed: 1,
        };
        let mut transcoder = Transcoder::new(&settings).expect("codecs of ours");
        let mut packet = packets.iter().cycle();
        let (mut now, mut sequence, mut timestamp) = (Instant::now(), 0_u16, 0_u32);
        let mut payload = [0; 1_500];
        group.bench_function(format!("{}-{}", from.name(), to.name()), |b| {
            b.iter(|| {
                now += Duration::from_millis(20);
                sequence = sequence.wrapping_add(1);
                timestamp = timestamp.wrapping_add(from.clock() / 50);
                let arrival = Arrival {
                    ssrc: 1,
                    payload_type: pt,
                    sequence,
                    timestamp,
                    payload: packet.next().expect("endless"),
                };
                transcoder.push(now, &arrival);
                while let Some(frame) = transcoder.poll(now, &mut payload) {
                    black_box(frame);
                }
            });
        });
    }
    group.finish();
}

fn listening(c: &mut Criterion) {
    let mut group = c.benchmark_group("20 ms");
    let said = voice(8_000);
    let mut frames = said.chunks_exact(160).cycle();
    let mut detector = DigitDetector::new(8_000, 160);
    group.bench_function("digits", |b| {
        b.iter(|| {
            detector.push(frames.next().expect("endless"), |heard| {
                black_box(heard);
            })
        });
    });
    let mut concealer = Concealer::new(8_000, 1);
    let (mut heard, mut gap) = (said.clone(), [0; 160]);
    group.bench_function("conceal", |b| {
        b.iter(|| {
            concealer.heard(&mut heard[..800]);
            concealer.conceal(&mut gap);
        });
    });
    group.finish();
}

criterion_group!(benches, codecs, transcoder, listening);
criterion_main!(benches);
