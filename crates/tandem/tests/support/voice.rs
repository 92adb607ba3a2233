//! Speakers of one tone each, in any codec, and how pure it arrives.

use std::f64::consts::TAU;

use audio::{Codec, Decoder, Encoder, Format};
use testbed::rtp::Header;

/// A tone in a codec, packet by packet.
pub struct Voice {
    codec: Codec,
    encoder: Encoder,
    payload_type: u8,
    hertz: f64,
}

impl Voice {
    pub fn new(codec: Codec, payload_type: u8, hertz: f64) -> Self {
        let encoder = Encoder::new(&Format::new(codec), codec.rate()).unwrap();
        Self {
            codec,
            encoder,
            payload_type,
            hertz,
        }
    }

    pub fn packet(&mut self, n: usize) -> Vec<u8> {
        let rate = self.codec.rate();
        let samples = rate as usize / 50;
        let tone: Vec<i16> = (n * samples..(n + 1) * samples)
            .map(|at| (8000.0 * (TAU * self.hertz * at as f64 / f64::from(rate)).sin()) as i16)
            .collect();
        let mut payload = vec![0; 1400];
        let length = self.encoder.encode(&tone, &mut payload).unwrap();
        let header = Header {
            marker: n == 0,
            payload_type: self.payload_type,
            sequence: 65_520_u16.wrapping_add(n as u16),
            timestamp: n as u32 * self.codec.clock() / 50,
            ssrc: u32::from(self.payload_type) + 7,
        };
        header.packet(&payload[..length])
    }
}

/// How much of the power of what was heard is at this frequency.
pub fn purity(codec: Codec, payload_type: u8, heard: &[Vec<u8>], hertz: f64) -> f64 {
    let mut decoder = Decoder::new(codec, codec.rate()).unwrap();
    let mut all = Vec::new();
    for packet in heard {
        assert_eq!(Header::parse(packet).unwrap().payload_type, payload_type);
        let mut samples = vec![0; 6000];
        let length = decoder.decode(&packet[12..], &mut samples).unwrap();
        all.extend_from_slice(&samples[..length]);
    }
    // The last half second, when everything has settled.
    let rate = f64::from(codec.rate());
    let last = &all[all.len().saturating_sub(codec.rate() as usize / 2)..];
    let angle = |at: usize| TAU * hertz * at as f64 / rate;
    let part = |wave: fn(f64) -> f64| {
        let terms = last.iter().enumerate();
        terms.map(|(at, s)| f64::from(*s) * wave(angle(at))).sum::<f64>()
    };
    let (sine, cosine) = (part(f64::sin), part(f64::cos));
    let power: f64 = last.iter().map(|s| f64::from(*s).powi(2)).sum();
    2.0 * (sine * sine + cosine * cosine) / (last.len() as f64 * power.max(1.0))
}

/// One SSRC, and every number once and in order.
pub fn assert_whole(heard: &[Vec<u8>]) {
    let headers: Vec<_> = heard
        .iter()
        .map(|packet| Header::parse(packet).unwrap())
        .collect();
    for pair in headers.windows(2) {
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp).cast_signed() > 0);
    }
}
