use super::*;
use crate::g711::Law;
use crate::signal::{noise, sine, speech};
use crate::tone::{Country, Signal, ToneGenerator};

fn sounds(samples: &[i16]) -> Vec<Sound> {
    let mut listener = ToneListener::default();
    let mut heard = Vec::new();
    listener.push(samples, |sound| heard.push(sound));
    heard
}

/// As it comes over the telephone.
fn over(law: Law, samples: &[i16]) -> Vec<i16> {
    samples
        .iter()
        .map(|sample| law.expand(law.compress(*sample)))
        .collect()
}

#[test]
fn tones_of_every_country_are_tones_while_they_sound() {
    for country in Country::ALL {
        for signal in Signal::ALL {
            for law in [Law::Mu, Law::A] {
                let mut samples = vec![0; 8_000 * 6];
                ToneGenerator::new(country.cadence(signal), RATE).fill(&mut samples);
                let heard = sounds(&over(law, &samples));
                let audible = heard.iter().filter(|sound| **sound != Sound::Silent).count();
                let tones = heard
                    .iter()
                    .filter(|sound| matches!(sound, Sound::Tone(_)))
                    .count();
                assert!(tones > 20, "{country:?} {signal:?}");
                assert!(
                    tones * 100 >= audible * 85,
                    "{country:?} {signal:?}: {tones} of {audible}"
                );
            }
        }
    }
}

#[test]
fn a_tone_stays_like_itself_and_is_unlike_others() {
    for [low, high] in [
        [425.0, 0.0],
        [440.0, 480.0],
        [480.0, 620.0],
        [400.0, 450.0],
        [1_800.0, 0.0],
    ] {
        let mut samples = sine(RATE, low, 4_000.0, 8_000);
        if high > 0.0 {
            let other = sine(RATE, high, 4_000.0, 8_000);
            samples
                .iter_mut()
                .zip(other)
                .for_each(|(sample, other)| *sample += other);
        }
        let heard = sounds(&over(Law::Mu, &samples));
        let pitches: Vec<Pitch> = heard
            .iter()
            .skip(2)
            .map(|sound| match sound {
                Sound::Tone(pitch) => *pitch,
                Sound::Silent | Sound::Other => panic!("{low} {high}: {sound:?}"),
            })
            .collect();
        assert!(
            pitches.iter().all(|pitch| pitch.is_like(&pitches[0])),
            "{pitches:?}"
        );
        assert_eq!(pitches[0].is_special(), low == 1_800.0);
        let else_where = Pitch {
            low: low as f32 + 60.0,
            ..pitches[0]
        };
        assert!(!pitches[0].is_like(&else_where));
    }
}

#[test]
fn noise_and_what_is_below_the_threshold_are_no_tones() {
    let loud = noise(RATE, 1_000.0, 20_000.0, 16_000, 7);
    assert!(sounds(&loud).iter().all(|sound| *sound == Sound::Other));
    let quiet = sine(RATE, 425.0, 100.0, 16_000);
    assert!(sounds(&quiet).iter().all(|sound| *sound == Sound::Silent));
    assert!(sounds(&[0; 1_600]).iter().all(|sound| *sound == Sound::Silent));
}

#[test]
fn a_voice_holds_no_tone_for_a_tenth_of_a_second() {
    for seed in 0..20 {
        let heard = sounds(&speech(RATE, 8_000 * 10, seed));
        let mut run: Option<(Pitch, usize)> = None;
        for sound in heard {
            run = match (sound, run) {
                (Sound::Tone(pitch), Some((first, many))) if first.is_like(&pitch) => Some((first, many + 1)),
                (Sound::Tone(pitch), _) => Some((pitch, 1)),
                (Sound::Silent | Sound::Other, _) => None,
            };
            assert!(run.is_none_or(|(_, many)| many < 5), "{seed}: {run:?}");
        }
    }
}
