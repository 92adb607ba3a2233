//! G.711 test audio, computed: a tone, a sweep over the telephone band and something with the rhythm of speech.
//!
//! Its bytes change from frame to frame, so that a lost, repeated or swapped frame shows in a comparison.

use std::f64::consts::TAU;

/// Samples per second.
pub const RATE: usize = 8000;

/// Bytes of a 20 ms frame.
pub const FRAME: usize = 160;

/// Four seconds of µ-law: 1 s of 1004 Hz, 1 s sweep from 300 to 3400 Hz, 2 s of voiced syllables with pauses.
#[must_use]
pub fn speech() -> Vec<u8> {
    let second = RATE as f64;
    let mut phase = 0.0;
    (0..4 * RATE)
        .map(|n| {
            let t = n as f64 / second;
            let (hz, level) = match t {
                t if t < 1.0 => (1004.0, 0.5),
                t if t < 2.0 => (300.0 + 3100.0 * (t - 1.0), 0.4),
                t => (0.0, syllable(t)),
            };
            phase = (phase + hz / second).fract();
            let value = if hz > 0.0 {
                level * (TAU * phase).sin()
            } else {
                level * voice(t)
            };
            ulaw((value * 32_000.0).round() as i16)
        })
        .collect()
}

/// Loudness of a train of syllables, four a second, each with a rise, a fall and a short gap.
fn syllable(t: f64) -> f64 {
    let at = (t * 4.0).fract();
    if at < 0.75 {
        0.6 * (TAU * at / 1.5).sin()
    } else {
        0.0
    }
}

/// Harmonics of a gliding pitch, weighted by two formants that wander.
fn voice(t: f64) -> f64 {
    let pitch = 120.0 + 20.0 * (TAU * 0.7 * t).sin();
    let formants = [
        500.0 + 250.0 * (TAU * 1.3 * t).sin(),
        1600.0 + 500.0 * (TAU * 0.9 * t).cos(),
    ];
    let weight = |hz: f64| {
        formants
            .iter()
            .map(|f| (-((hz - f) / 180.0).powi(2)).exp())
            .sum::<f64>()
            + 0.05
    };
    let tones = (1..=24).map(|k| f64::from(k) * pitch);
    tones.map(|hz| weight(hz) * (TAU * hz * t).sin()).sum::<f64>() / 6.0
}

/// µ-law of a linear sample (ITU-T G.711 table 2a, as an encoder that searches the segment by the highest bit).
#[must_use]
pub fn ulaw(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const CLIP: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    // The highest set bit is 7 to 14: the segment is its distance from 7.
    let segment = 31 - magnitude.leading_zeros() as i32 - 7;
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !((sign | (segment << 4) | mantissa) as u8)
}

/// The sample that a µ-law byte stands for (ITU-T G.711 table 2a).
#[must_use]
pub fn linear(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << (code >> 4 & 7);
    if code & 0x80 == 0 {
        magnitude - 0x84
    } else {
        0x84 - magnitude
    }
}

/// Frame `n` of endless audio made of `audio` over and over.
#[must_use]
pub fn frame(audio: &[u8], n: usize) -> Vec<u8> {
    (0..FRAME).map(|i| audio[(n * FRAME + i) % audio.len()]).collect()
}

/// A WAV file of 16-bit samples, one channel, 8000 Hz.
#[must_use]
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let length = 2 * samples.len() as u32;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + length).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    out.extend([1, 0, 1, 0]);
    out.extend(8000_u32.to_le_bytes());
    out.extend(16_000_u32.to_le_bytes());
    out.extend([2, 0, 16, 0]);
    out.extend(b"data");
    out.extend(length.to_le_bytes());
    samples.iter().for_each(|sample| out.extend(sample.to_le_bytes()));
    out
}

/// The samples of such a file; one whose writer did not finish it is read to its end.
#[must_use]
pub fn samples(wav: &[u8]) -> Vec<i16> {
    let at = wav.windows(4).position(|window| window == b"data");
    let data = at.map_or(&[][..], |at| &wav[at + 8..]);
    data.chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulaw_gives_the_points_of_the_standard() {
        for (sample, code) in [
            (0, 0xff),
            (-1, 0x7f),
            (32_767, 0x80),
            (-32_768, 0x00),
            (8, 0xfe),
            (1000, 0xce),
        ] {
            assert_eq!(ulaw(sample), code, "{sample}");
        }
    }

    #[test]
    fn a_byte_stands_for_the_sample_that_gives_it() {
        assert_eq!([0xff, 0x80, 0x00].map(linear), [0, 32_124, -32_124]);
        for code in (0..=255).filter(|code| *code != 0x7f) {
            assert_eq!(ulaw(linear(code)), code);
        }
    }

    #[test]
    fn the_committed_file_is_what_this_code_makes() {
        let committed = std::fs::read(crate::sipp::scenario_dir().join("speech.ulaw")).unwrap();
        assert!(
            committed == speech(),
            "run: cargo run -p tandem-testbed --example audio"
        );
    }

    #[test]
    fn a_wav_file_is_read_back() {
        let audio = [0, 1, -1, 32_767, -32_768];
        assert_eq!(samples(&wav(&audio)), audio);
    }
}
