use super::*;
use crate::signal::{self, Noise};

fn all() -> impl Iterator<Item = Digit> {
    (0..16).filter_map(Digit::of_code)
}

/// Two tones with their own frequencies and peaks.
fn tones(rate: u32, low: (f64, f64), high: (f64, f64), ms: u32) -> Vec<i16> {
    let samples = crate::samples_in(rate, ms);
    let (x, y) = (
        signal::sine(rate, low.0, low.1, samples),
        signal::sine(rate, high.0, high.1, samples),
    );
    x.iter().zip(&y).map(|(x, y)| x + y).collect()
}

fn heard(rate: u32, samples: &[i16]) -> Vec<Heard> {
    let mut detector = DigitDetector::new(rate, 960);
    let mut all = Vec::new();
    // In frames of 20 ms, and silence behind.
    for frame in samples.chunks(crate::samples_in(rate, 20)) {
        detector.push(frame, |heard| all.push(heard));
    }
    detector.push(&vec![0; crate::samples_in(rate, 20)], |heard| all.push(heard));
    detector.push(&vec![0; crate::samples_in(rate, 20)], |heard| all.push(heard));
    all
}

fn digits(rate: u32, samples: &[i16]) -> String {
    let began = heard(rate, samples).into_iter().filter_map(|heard| match heard {
        Heard::Began { digit, .. } => Some(digit.char()),
        Heard::Ended { .. } => None,
    });
    began.collect()
}

fn generated(text: &str, ms: u32, pause: u32, rate: u32) -> Vec<i16> {
    let mut samples = vec![0; crate::samples_in(rate, 33)];
    for digit in text.chars().filter_map(Digit::of_char) {
        let mut generator = DigitGenerator::new(digit, ms, pause, rate);
        let mut frame = vec![0; crate::samples_in(rate, 10)];
        while {
            let more = generator.fill(&mut frame);
            samples.extend_from_slice(&frame);
            more
        } {}
    }
    samples
}

#[test]
fn digits_have_codes_and_characters() {
    assert_eq!(all().map(Digit::char).collect::<String>(), "0123456789*#ABCD");
    for digit in all() {
        assert_eq!(Digit::of_char(digit.char()), Some(digit));
        assert_eq!(Digit::of_code(digit.code()), Some(digit));
    }
    assert_eq!(Digit::of_char('d').map(Digit::code), Some(15));
    assert_eq!((Digit::of_char('x'), Digit::of_code(16)), (None, None));
}

#[test]
fn every_digit_of_every_length_is_heard_once() {
    let text = "1234567890*#ABCD";
    for rate in [8_000, 16_000, 48_000] {
        for (ms, pause) in [(40, 40), (50, 50), (70, 40), (100, 100), (500, 60)] {
            assert_eq!(
                digits(rate, &generated(text, ms, pause, rate)),
                text,
                "{rate} {ms} {pause}"
            );
        }
    }
}

#[test]
fn forty_milliseconds_are_enough_wherever_they_begin() {
    for digit in all() {
        let (low, high) = digit.frequencies();
        let tone = tones(8_000, (f64::from(low), 4_000.0), (f64::from(high), 4_500.0), 40);
        for offset in 0..102 {
            let mut samples = vec![0; offset];
            samples.extend_from_slice(&tone);
            samples.extend_from_slice(&[0; 400]);
            assert_eq!(digits(8_000, &samples), digit.char().to_string(), "{offset}");
        }
    }
}

#[test]
fn start_and_length_are_told() {
    let mut samples = vec![0; 8_000];
    samples.extend(generated("5", 200, 100, 8_000));
    let events = heard(8_000, &samples);
    let five = Digit::of_char('5').unwrap();
    let [
        Heard::Began { digit, at_ms },
        Heard::Ended {
            digit: ended,
            at_ms: again,
            ms,
        },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((digit, ended, at_ms), (five, five, again));
    assert!(at_ms.abs_diff(1_033) <= 13, "{at_ms}");
    assert!(ms.abs_diff(200) <= 26, "{ms}");
}

#[test]
fn frequencies_may_be_off_a_little_and_not_more() {
    for digit in all() {
        let (low, high) = digit.frequencies();
        let off = |low_off: f64, high_off: f64| {
            let low = f64::from(low) * (1.0 + low_off);
            let high = f64::from(high) * (1.0 + high_off);
            digits(8_000, &tones(8_000, (low, 4_000.0), (high, 4_000.0), 100))
        };
        let right = digit.char().to_string();
        for (x, y) in [(0.015, 0.015), (-0.015, 0.015), (0.015, -0.015), (-0.015, -0.015)] {
            assert_eq!(off(x, y), right, "{x} {y}");
        }
        for (x, y) in [(0.035, 0.0), (-0.035, 0.0), (0.0, 0.035), (0.0, -0.035)] {
            assert_eq!(off(x, y), "", "{} {x} {y}", digit.char());
        }
    }
}

#[test]
fn levels_and_twist_within_q24_are_heard() {
    for digit in all() {
        let (low, high) = digit.frequencies();
        let at = |low_dbm0: f32, high_dbm0: f32| {
            let low = (f64::from(low), f64::from(peak(low_dbm0)));
            let high = (f64::from(high), f64::from(peak(high_dbm0)));
            !digits(8_000, &tones(8_000, low, high, 60)).is_empty()
        };
        for level in [-3.5, -10.0, -20.0, -29.0, -33.0] {
            assert!(at(level, level), "{} {level}", digit.char());
        }
        // The high group may be 4 dB louder, or 8 dB softer.
        assert!(at(-14.0, -10.0) && at(-10.0, -18.0), "{}", digit.char());
        assert!(!at(-22.0, -10.0) && !at(-10.0, -25.0), "{}", digit.char());
        assert!(!at(-50.0, -50.0), "{}", digit.char());
    }
}

#[test]
fn noise_and_codecs_do_not_hide_digits() {
    let text = "159D*0#";
    for (seed, decibels) in [(1, 15.0), (2, 20.0), (3, 30.0)] {
        let mut samples = generated(text, 60, 60, 8_000);
        let level = signal::rms(&generated(text, 60, 0, 8_000)) / 10.0_f64.powf(decibels / 20.0);
        let mut source = Noise::new(seed);
        for sample in &mut samples {
            *sample = sample.saturating_add((source.unit() * level * 3.0_f64.sqrt()) as i16);
        }
        assert_eq!(digits(8_000, &samples), text, "{decibels} dB");
    }
    for law in [crate::g711::Law::Mu, crate::g711::Law::A] {
        let coded = generated(text, 50, 50, 8_000);
        let coded: Vec<i16> = coded.iter().map(|s| law.expand(law.compress(*s))).collect();
        assert_eq!(digits(8_000, &coded), text);
    }
}

#[test]
fn an_interruption_does_not_split_and_a_pause_does() {
    let five = |gap: usize| {
        let mut samples = tones(8_000, (770.0, 4_000.0), (1_336.0, 4_000.0), 80);
        samples.extend(vec![0; gap * 8]);
        samples.extend(tones(8_000, (770.0, 4_000.0), (1_336.0, 4_000.0), 80));
        digits(8_000, &samples)
    };
    assert_eq!(five(8), "5");
    assert_eq!(five(45), "55");
    // Another digit right behind is another digit.
    let mut samples = tones(8_000, (770.0, 4_000.0), (1_336.0, 4_000.0), 80);
    samples.extend(tones(8_000, (941.0, 4_000.0), (1_633.0, 4_000.0), 80));
    assert_eq!(digits(8_000, &samples), "5D");
}

#[test]
fn bursts_that_are_too_short_are_no_digits() {
    for digit in all() {
        let (low, high) = digit.frequencies();
        for offset in (0..102).step_by(7) {
            let mut samples = vec![0; offset];
            samples.extend(tones(
                8_000,
                (f64::from(low), 4_000.0),
                (f64::from(high), 4_000.0),
                20,
            ));
            samples.extend([0; 400]);
            assert_eq!(digits(8_000, &samples), "", "{} {offset}", digit.char());
        }
    }
}

#[test]
fn minutes_of_speech_and_music_hold_no_digits() {
    let mut false_hits = String::new();
    for seed in 0..20 {
        // Half a minute each: ten minutes of voices.
        false_hits += &digits(8_000, &signal::speech(8_000, 8_000 * 30, seed));
    }
    // Sung: a steady pitch with many harmonics, gliding through the digits' range.
    let mut sung = Vec::new();
    let mut phase = 0.0_f64;
    for n in 0..8_000 * 120 {
        let pitch = 150.0 + 120.0 * (n as f64 / 8_000.0 * 0.37).sin();
        phase += pitch / 8_000.0;
        let value: f64 = (1..14)
            .map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k).sqrt())
            .sum();
        sung.push((value * 3_000.0) as i16);
    }
    false_hits += &digits(8_000, &sung);
    // Music: chords of the well-tempered scale, three notes with their octaves, four chords a second.
    let mut source = Noise::new(9);
    let mut music = Vec::new();
    for _ in 0..4 * 180 {
        let notes: Vec<f64> = (0..3)
            .map(|_| 220.0 * 2.0_f64.powf(source.below(36) as f64 / 12.0))
            .collect();
        for n in 0..2_000 {
            let t = n as f64 / 8_000.0;
            let fade = (-t * 4.0).exp();
            let value: f64 = notes
                .iter()
                .map(|hertz| {
                    let angle = std::f64::consts::TAU * hertz * t;
                    angle.sin() + 0.5 * (2.0 * angle).sin() + 0.25 * (3.0 * angle).sin()
                })
                .sum();
            music.push((value * fade * 4_000.0) as i16);
        }
    }
    false_hits += &digits(8_000, &music);
    // Tones of the network, and noise.
    for country in crate::tone::Country::ALL {
        for signal in crate::tone::Signal::ALL {
            let mut tone = vec![0; 8_000 * 10];
            crate::tone::ToneGenerator::new(country.cadence(signal), 8_000).fill(&mut tone);
            false_hits += &digits(8_000, &tone);
        }
    }
    false_hits += &digits(8_000, &signal::noise(8_000, 3_000.0, 20_000.0, 8_000 * 120, 5));
    assert_eq!(false_hits, "");
}
