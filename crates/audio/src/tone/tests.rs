use super::*;
use crate::level;
use crate::signal;

/// Power of one frequency in a frame, as the mean square of its sine.
fn power_at(samples: &[i16], hertz: f64, rate: u32) -> f64 {
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * hertz * n as f64 / f64::from(rate);
        sine += f64::from(*sample) * angle.sin();
        cosine += f64::from(*sample) * angle.cos();
    }
    let amplitude = 2.0 * sine.hypot(cosine) / samples.len() as f64;
    amplitude * amplitude / 2.0
}

#[test]
fn every_part_sounds_as_long_as_loud_and_as_high_as_it_should() {
    for country in Country::ALL {
        for signal in Signal::ALL {
            let cadence = country.cadence(signal);
            for rate in [8_000, 16_000, 48_000] {
                let mut generator = ToneGenerator::new(cadence, rate);
                // Twice round: the second is as the first.
                for part in cadence.iter().chain(cadence) {
                    let mut samples = vec![0; crate::samples_in(rate, part.ms)];
                    generator.fill(&mut samples);
                    let edge = crate::samples_in(rate, EDGE_MS);
                    let middle = &samples[edge..samples.len() - edge];
                    let total = signal::rms(middle).powi(2);
                    if part.frequencies == [0.0; 2] {
                        assert_eq!(total, 0.0, "{country:?} {signal:?}");
                        continue;
                    }
                    let mut found = 0.0;
                    for hertz in part.frequencies.iter().filter(|hertz| **hertz > 0.0) {
                        let power = power_at(middle, f64::from(*hertz), rate);
                        let wanted = f64::from(peak(part.level)).powi(2) / 2.0;
                        assert!(
                            (power / wanted).log10().abs() < 0.08,
                            "{country:?} {signal:?} {hertz}"
                        );
                        found += power;
                    }
                    assert!(
                        found > total * 0.9 && found < total * 1.1,
                        "{country:?} {signal:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn bursts_begin_and_end_softly() {
    for country in Country::ALL {
        for signal in Signal::ALL {
            let mut samples = vec![0; 8_000 * 20];
            ToneGenerator::new(country.cadence(signal), 8_000).fill(&mut samples);
            // The steepest that the highest frequency is by itself, at the level of all of them.
            let limit = peak(-10.0) * TAU * 1_800.0 / 8_000.0 + 2.0;
            assert!(
                (signal::steepest(&samples) as f32) < limit,
                "{country:?} {signal:?}"
            );
        }
    }
}

#[test]
fn a_tone_without_end_has_no_holes() {
    let mut samples = vec![0; 8_000 * 5];
    ToneGenerator::new(Country::Uk.cadence(Signal::Unobtainable), 8_000).fill(&mut samples);
    for frame in samples[80..].chunks_exact(160) {
        assert!((level::dbov(level::power(frame)) + 16.15).abs() < 0.2);
    }
}
