use super::*;
use crate::signal;

fn through(samples: &[i16]) -> Vec<i16> {
    let mut octets = vec![0; samples.len() / 2];
    let mut heard = vec![0; samples.len()];
    G722Encoder::new().encode(samples, &mut octets);
    G722Decoder::new().decode(&octets, &mut heard);
    heard
}

#[test]
fn sines_in_both_bands_survive() {
    for (hertz, at_least) in [
        (300.0, 35.0),
        (1_004.0, 35.0),
        (3_000.0, 30.0),
        (5_000.0, 20.0),
        (6_500.0, 15.0),
    ] {
        let said = signal::sine(16_000, hertz, 8_000.0, 16_000);
        let (ratio, delay) = signal::snr(&said, &through(&said), 60);
        assert!(ratio >= at_least, "{hertz} Hz: {ratio:.1} dB at {delay}");
        assert_eq!(delay % 8, 22 % 8, "the two filters delay by 22 samples");
    }
}

#[test]
fn speech_survives() {
    let said = signal::speech(16_000, 64_000, 1);
    let (ratio, delay) = signal::snr(&said, &through(&said), 60);
    assert_eq!(delay, 22);
    assert!(ratio >= 19.0, "{ratio:.1} dB");
}

/// The octets and samples of an independent implementation (the public-domain coder of CMU and Steve Underwood, 64 kbit/s, its scales
/// started at 32 and 8 as the Recommendation's reset has it) for the same noise, as checksums.
#[test]
fn another_implementation_agrees_to_the_bit() {
    let said = signal::noise(16_000, 6_000.0, 12_000.0, 32_000, 7);
    let mut octets = vec![0; 16_000];
    let mut heard = vec![0; 32_000];
    G722Encoder::new().encode(&said, &mut octets);
    G722Decoder::new().decode(&octets, &mut heard);
    let sum = |bytes: &mut dyn Iterator<Item = u8>| {
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let coded = sum(&mut octets.iter().copied());
    let decoded = sum(&mut heard.iter().flat_map(|sample| sample.to_le_bytes()));
    assert_eq!(
        (coded, decoded),
        (11_181_830_331_859_413_998, 16_947_728_710_751_407_610)
    );
}

/// Any octets decode, however the scales are driven.
#[test]
fn extremes_neither_overflow_nor_stick() {
    let mut decoder = G722Decoder::new();
    let mut source = signal::Noise::new(3);
    let mut samples = [0; 320];
    for turn in 0..2_000 {
        let octets: Vec<u8> = match turn % 4 {
            0 => vec![0; 160],
            1 => vec![0xff; 160],
            2 => (0..160).map(|n| if n % 2 == 0 { 0x04 } else { 0xa0 }).collect(),
            _ => (0..160).map(|_| source.bits() as u8).collect(),
        };
        decoder.decode(&octets, &mut samples);
    }
    let loud: Vec<i16> = (0..32_000)
        .map(|n| if n / 7 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let mut octets = vec![0; 16_000];
    G722Encoder::new().encode(&loud, &mut octets);
    let said = signal::sine(16_000, 1_004.0, 8_000.0, 16_000);
    let mut heard = vec![0; 16_000];
    let mut octets = vec![0; 8_000];
    G722Encoder::new().encode(&said, &mut octets);
    decoder.decode(&octets, &mut heard);
    assert!(signal::snr(&said, &heard, 60).0 > 30.0, "it recovers");
}
