use super::g711::Law;
use super::*;
use crate::{Decoder, Encoder};

/// G.711 table 2a in words: a segment of 16 steps, each segment's steps twice as wide as the one's below, and a bias of 33 (in 14 bits).
fn mu_value(octet: u8) -> i32 {
    let code = !octet;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let magnitude = ((2 * step + 33) << segment) - 33;
    (if code & 0x80 == 0 { magnitude } else { -magnitude }) * 4
}

/// G.711 table 1a in words: even bits inverted, the first segment as wide as the second (in 13 bits).
fn a_value(octet: u8) -> i32 {
    let code = octet ^ 0x55;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let magnitude = if segment == 0 {
        2 * step + 1
    } else {
        (2 * step + 33) << (segment - 1)
    };
    (if code & 0x80 == 0 { -magnitude } else { magnitude }) * 8
}

#[test]
fn every_octet_expands_as_the_recommendation_says() {
    for octet in 0..=255 {
        assert_eq!(i32::from(Law::Mu.expand(octet)), mu_value(octet), "µ {octet}");
        assert_eq!(i32::from(Law::A.expand(octet)), a_value(octet), "A {octet}");
    }
}

/// All 65,536 inputs: the octet is that of the interval which holds the sample. Its own value is never further than half a step, and
/// no octet's value is nearer by more than the width that the decision values allow.
#[test]
fn every_sample_compresses_to_its_interval() {
    for sample in i16::MIN..=i16::MAX {
        let mu = Law::Mu.compress(sample);
        // 14 bits, one's complement as G.191 has it, clipped, with the bias: the segment is the top bit's place.
        let magnitude = if sample < 0 {
            !(i32::from(sample) >> 2)
        } else {
            i32::from(sample) >> 2
        };
        let biased = magnitude.min(8158) + 33;
        let segment = 26 - biased.leading_zeros();
        let code = (segment << 4) | (biased as u32 >> (segment + 1) & 15);
        let sign = if sample < 0 { 0 } else { 0x80 };
        assert_eq!(mu, sign | (!(code as u8) & 0x7f), "µ {sample}");

        let a = Law::A.compress(sample);
        let magnitude = if sample < 0 {
            !i32::from(sample) >> 4
        } else {
            i32::from(sample) >> 4
        };
        let code = if magnitude < 16 {
            magnitude as u32
        } else {
            let segment = 28 - (magnitude as u32).leading_zeros();
            (segment << 4) | (magnitude as u32 >> (segment - 1) & 15)
        };
        let sign = if sample < 0 { 0 } else { 0x80 };
        assert_eq!(a, (sign | code as u8) ^ 0x55, "A {sample}");
    }
}

#[test]
fn a_law_survives_a_second_conversion() {
    let all: Vec<u8> = (0..=255).collect();
    let through = |law: Law, octets: &[u8]| {
        let mut octets = octets.to_vec();
        law.into_other(&mut octets);
        octets
    };
    // Once through the other law and back may cost; from then on nothing changes any more.
    let (once, other) = (through(Law::A, &all), Law::Mu);
    let back = through(other, &once);
    assert_eq!(
        through(Law::A, &back),
        through(Law::A, &through(Law::Mu, &through(Law::A, &back)))
    );
    // A conversion is monotonous, keeps the sign, and stays within a step.
    for (octet, converted) in all.iter().zip(&once) {
        let (from, to) = (
            f64::from(Law::A.expand(*octet)),
            f64::from(Law::Mu.expand(*converted)),
        );
        assert!(from * to >= 0.0, "{octet}");
        assert!((from - to).abs() <= 8.0 + from.abs() * 0.04, "{from} {to}");
    }
}

#[test]
fn names_and_clocks() {
    let table = [
        ("pcmu", 8_000, 1, Some(Codec::Pcmu)),
        ("PCMA", 8_000, 1, Some(Codec::Pcma)),
        ("g722", 8_000, 1, Some(Codec::G722)),
        ("G722", 16_000, 1, None),
        ("opus", 48_000, 2, Some(Codec::Opus)),
        ("OPUS", 48_000, 2, Some(Codec::Opus)),
        ("opus", 48_000, 1, None),
        ("L16", 16_000, 1, Some(Codec::l16(16_000))),
        ("L16", 44_100, 1, Some(Codec::l16(44_100))),
        (
            "L16",
            48_000,
            2,
            Some(Codec::L16 {
                rate: 48_000,
                channels: 2,
            }),
        ),
        ("L16", 44_100, 2, None),
        ("L16", 44_100, 3, None),
        ("L16", 11_025, 1, None),
        ("G729", 8_000, 1, None),
    ];
    for (name, clock, channels, codec) in table {
        assert_eq!(
            Codec::parse(name, clock, channels),
            codec,
            "{name}/{clock}/{channels}"
        );
    }
    assert_eq!((Codec::G722.clock(), Codec::G722.rate()), (8_000, 16_000));
}

#[test]
fn packet_times_are_what_a_codec_can_do() {
    let table = [
        (Codec::Pcmu, 5, 10),
        (Codec::Pcmu, 20, 20),
        (Codec::Pcma, 33, 33),
        (Codec::Pcmu, 500, 120),
        (Codec::Opus, 10, 10),
        (Codec::Opus, 30, 20),
        (Codec::Opus, 50, 40),
        (Codec::Opus, 120, 60),
        (Codec::l16(8_000), 120, 87),
        (Codec::l16(16_000), 60, 43),
        (Codec::l16(44_100), 20, 10),
        (Codec::l16(48_000), 20, 14),
        (
            Codec::L16 {
                rate: 48_000,
                channels: 2,
            },
            20,
            7,
        ),
    ];
    for (codec, wanted, made) in table {
        assert_eq!(codec.ptime(wanted), made, "{codec:?} {wanted}");
    }
}

/// Every codec that a description can name.
fn named() -> impl Iterator<Item = Codec> {
    let clocks = (1..=96).map(|n| n * 1_000).chain([11_025, 22_050, 44_100]);
    ["PCMU", "PCMA", "G722", "opus", "L16"]
        .into_iter()
        .flat_map(move |name| clocks.clone().map(move |clock| (name, clock)))
        .flat_map(|(name, clock)| (1..=3).filter_map(move |channels| Codec::parse(name, clock, channels)))
}

#[test]
fn every_codec_makes_packets_of_every_time_it_claims() {
    assert_eq!(named().count(), 11);
    for codec in named() {
        for wanted in 10..=120 {
            let ms = codec.ptime(wanted);
            let format = Format::new(codec).with_ptime(ms);
            let mut encoder = Encoder::new(&format, 48_000).unwrap();
            let mut decoder = Decoder::new(codec, 48_000).unwrap();
            let samples = crate::samples_in(codec.rate(), ms);
            let mut payload = [0; 2_000];
            let mut decoded = [0; 5_760];
            let len = encoder.encode(&vec![100; samples], &mut payload).unwrap();
            assert!(len <= codec.payload_bytes(ms) && len <= 1_400, "{codec:?} {ms}");
            assert_eq!(decoder.decode(&payload[..len], &mut decoded).unwrap(), samples);
        }
    }
}

#[test]
fn what_is_not_a_payload_is_an_error() {
    let mut samples = [0; 160];
    let mut l16 = Decoder::new(Codec::l16(8_000), 8_000).unwrap();
    assert_eq!(
        l16.decode(&[1, 2, 3], &mut samples),
        Err(CodecError::Payload("L16"))
    );
    let mut opus = Decoder::new(Codec::Opus, 8_000).unwrap();
    assert_eq!(opus.decode(&[], &mut samples), Err(CodecError::Payload("opus")));
    assert_eq!(
        opus.decode(&[0xff, 0xff, 1], &mut samples),
        Err(CodecError::Payload("opus"))
    );
    let mut pcmu = Decoder::new(Codec::Pcmu, 8_000).unwrap();
    let long = CodecError::Room {
        needed: 161,
        room: 160,
    };
    assert_eq!(pcmu.decode(&[0; 161], &mut samples), Err(long));
    let mut g722 = Encoder::new(&Format::new(Codec::G722), 8_000).unwrap();
    assert!(matches!(
        g722.encode(&[0; 161], &mut [0; 160]),
        Err(CodecError::Length { samples: 161, .. })
    ));
    let mut opus = Encoder::new(&Format::new(Codec::Opus), 8_000).unwrap();
    assert!(matches!(
        opus.encode(&[0; 161], &mut [0; 160]),
        Err(CodecError::Length { samples: 161, .. })
    ));
}

#[test]
fn l16_is_in_network_byte_order() {
    let mut encoder = Encoder::new(&Format::new(Codec::l16(8_000)), 8_000).unwrap();
    let mut payload = [0; 6];
    assert_eq!(encoder.encode(&[1, -2, 0x1234], &mut payload), Ok(6));
    assert_eq!(payload, [0, 1, 0xff, 0xfe, 0x12, 0x34]);
    let mut samples = [0; 3];
    let mut decoder = Decoder::new(Codec::l16(8_000), 8_000).unwrap();
    assert_eq!(decoder.decode(&payload, &mut samples), Ok(3));
    assert_eq!(samples, [1, -2, 0x1234]);

    let stereo = Codec::L16 {
        rate: 8_000,
        channels: 2,
    };
    let mut payload = [0; 8];
    let mut encoder = Encoder::new(&Format::new(stereo), 8_000).unwrap();
    assert_eq!(encoder.encode(&[1, -2], &mut payload), Ok(8));
    assert_eq!(payload, [0, 1, 0, 1, 0xff, 0xfe, 0xff, 0xfe]);
    let mut decoder = Decoder::new(stereo, 8_000).unwrap();
    assert_eq!(
        decoder.decode(&[0, 4, 0, 8, 0xff, 0xfe, 0, 2], &mut samples),
        Ok(2)
    );
    assert_eq!(samples[..2], [6, 0]);
    assert_eq!(
        decoder.decode(&[0; 6], &mut samples),
        Err(CodecError::Payload("L16"))
    );
}
