use super::*;
use crate::control::{Audio, Codec, Format};
use crate::rtp::Header;
use audio::g711::Law;
use audio::tone::{Country, Signal, ToneGenerator};
use smallvec::smallvec;
use std::f64::consts::PI;
use std::time::{Duration, Instant};

const RATE: usize = 8_000;
const PACKET: usize = 160;
const WINDOW: Duration = Duration::from_secs(6);
const PACKET_TIME: Duration = Duration::from_millis(20);

fn spoken(codec: Codec, payload_type: u8) -> Audio {
    let format = Format {
        payload_type,
        audio: audio::Format::new(codec),
    };
    Audio {
        send: format,
        accepts: smallvec![format],
        events: Some((101, 8_000)),
        comfort_noise: None,
    }
}

/// A side that is listened to.
struct Side {
    start: Instant,
    at: Duration,
    sequence: u16,
    supervisor: Supervisor,
}

impl Side {
    fn speaking(codec: Codec, payload_type: u8) -> Self {
        let start = Instant::now();
        Self {
            start,
            at: Duration::ZERO,
            sequence: 65_500,
            supervisor: Supervisor::new(start, &spoken(codec, payload_type), WINDOW),
        }
    }

    fn plain() -> Self {
        Self::speaking(Codec::Pcmu, 0)
    }

    fn packet(&mut self, payload_type: u8, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let header = Header {
            payload_type,
            marker: false,
            sequence: self.sequence,
            timestamp: self.at.as_millis() as u32 * 8,
            ssrc: 7,
        };
        self.supervisor.packet(self.start + self.at, &header, payload);
        self.at += PACKET_TIME;
    }

    fn say(&mut self, samples: &[i16]) {
        for samples in samples.chunks(PACKET) {
            let payload: Vec<u8> = samples.iter().map(|sample| Law::Mu.compress(*sample)).collect();
            self.packet(0, &payload);
        }
    }

    fn rest(&mut self, ms: u64) {
        self.at += Duration::from_millis(ms);
    }

    fn after(mut self) -> AfterAnswer {
        self.supervisor.end(self.start + self.at).unwrap()
    }
}

fn heard(samples: &[i16]) -> AfterAnswer {
    let mut side = Side::plain();
    side.say(samples);
    side.after()
}

fn tone(country: Country, signal: Signal, seconds: f64) -> Vec<i16> {
    let mut samples = vec![0; (RATE as f64 * seconds) as usize];
    ToneGenerator::new(country.cadence(signal), RATE as u32).fill(&mut samples);
    samples
}

fn silence(seconds: f64) -> Vec<i16> {
    vec![0; (RATE as f64 * seconds) as usize]
}

/// Uniform noise of this peak.
fn noise(seconds: f64, peak: f64) -> Vec<i16> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..(RATE as f64 * seconds) as usize)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0;
            (unit * peak) as i16
        })
        .collect()
}

/// Something like a voice: a wandering pitch with harmonics under wandering formants, in syllables.
fn speech(seconds: f64, pitch: f64) -> Vec<i16> {
    let mut phase = 0.0;
    (0..(RATE as f64 * seconds) as usize)
        .map(|n| {
            let t = n as f64 / RATE as f64;
            let hertz = pitch * (1.0 + 0.15 * (t * 9.1).sin() + 0.08 * (t * 23.7).sin());
            phase += 2.0 * PI * hertz / RATE as f64;
            let formants = [
                500.0 + 250.0 * (t * 11.0).sin(),
                1_500.0 + 500.0 * (t * 7.3).sin(),
            ];
            let mut value = 0.0;
            for harmonic in 1..=16 {
                let at = hertz * f64::from(harmonic);
                let gain: f64 = formants
                    .iter()
                    .map(|formant| 1.0 / (1.0 + ((at - formant) / 120.0).powi(2)))
                    .sum();
                value += gain * (phase * f64::from(harmonic)).sin();
            }
            let syllable = (t * 2.0 * PI * 2.5).sin().max(0.0);
            (value * syllable * 6_000.0).clamp(-30_000.0, 30_000.0) as i16
        })
        .collect()
}

/// A melody in notes of 300 ms, each with a few harmonics.
fn music(seconds: f64, harmonics: &[f64]) -> Vec<i16> {
    let notes = [440.0, 523.3, 587.3, 659.3, 523.3, 392.0, 440.0, 349.2];
    (0..(RATE as f64 * seconds) as usize)
        .map(|n| {
            let note = notes[n / (RATE * 3 / 10) % notes.len()];
            let t = n as f64 / RATE as f64;
            let value: f64 = (1..)
                .zip(harmonics)
                .map(|(k, gain)| gain * (2.0 * PI * note * f64::from(k) * t).sin())
                .sum();
            (value * 6_000.0) as i16
        })
        .collect()
}

const COUNTRIES: [Country; 5] = [Country::Us, Country::Uk, Country::De, Country::Fr, Country::It];

#[test]
fn ringback_of_every_country_is_a_false_answer_wherever_in_its_cadence_it_is_met() {
    for country in COUNTRIES {
        for skipped in [0.0, 0.3, 0.7, 1.3, 2.1, 3.4, 4.6] {
            let samples = tone(country, Signal::Ringback, 13.0);
            let from = (skipped * RATE as f64) as usize;
            let after = heard(&samples[from..from + 6 * RATE]);
            assert_eq!(
                after.verdict(),
                Some(BadAnswer::FalseAnswer),
                "{country:?} {skipped} {after:?}"
            );
            assert!((390..=465).contains(&after.hertz), "{after:?}");
        }
    }
}

#[test]
fn busy_congestion_and_special_information_are_false_answers() {
    for country in COUNTRIES {
        for signal in [Signal::Busy, Signal::Congestion, Signal::Unobtainable] {
            let after = heard(&tone(country, signal, 6.0));
            // In the United Kingdom that a number is none is said by a tone that never stops.
            let endless = (country, signal) == (Country::Uk, Signal::Unobtainable);
            let expected = (!endless).then_some(BadAnswer::FalseAnswer);
            assert_eq!(after.verdict(), expected, "{country:?} {signal:?} {after:?}");
            assert_eq!(after.dead_air(), Some(false));
        }
    }
}

#[test]
fn who_speaks_is_honest() {
    for pitch in [95.0, 120.0, 160.0, 210.0, 260.0, 320.0] {
        let after = heard(&speech(6.0, pitch));
        assert_eq!(after.verdict(), None, "{pitch} {after:?}");
        assert_eq!(
            (after.false_answer(), after.dead_air()),
            (Some(false), Some(false))
        );
        assert!(after.heard_ms > 2_000 && after.tone_ms < 300, "{pitch} {after:?}");
    }
}

#[test]
fn a_word_is_enough_however_soon_the_call_is_over() {
    let after = heard(&[silence(0.4), speech(1.6, 120.0)].concat());
    assert!(!after.whole && after.listened_ms == 2_000, "{after:?}");
    assert_eq!(
        (after.false_answer(), after.dead_air()),
        (Some(false), Some(false))
    );
    let mute = heard(&silence(5.0));
    assert_eq!(mute.verdict(), None, "it was not listened to for all the time");
    assert_eq!((mute.false_answer(), mute.dead_air()), (Some(false), None));
    assert_eq!(heard(&silence(2.0)).false_answer(), None);
}

#[test]
fn speech_after_a_short_tone_is_honest() {
    let ringback = tone(Country::De, Signal::Ringback, 0.8);
    let after = heard(&[ringback, silence(0.2), speech(5.0, 120.0)].concat());
    assert_eq!(after.verdict(), None, "{after:?}");
    assert!((780..=880).contains(&after.tone_ms), "{after:?}");
}

#[test]
fn a_beep_behind_an_announcement_or_alone_is_no_ringing() {
    let beep: Vec<i16> = (0..RATE)
        .map(|n| ((2.0 * PI * 1_000.0 * n as f64 / RATE as f64).sin() * 8_000.0) as i16)
        .collect();
    let alone = heard(&[silence(0.5), beep.clone(), silence(4.5)].concat());
    assert_eq!(alone.verdict(), None, "{alone:?}");
    assert_eq!((alone.tones, alone.hertz), (1, 1_000));
    let machine = heard(&[speech(3.0, 140.0), beep, silence(2.0)].concat());
    assert_eq!(machine.verdict(), None, "{machine:?}");
}

#[test]
fn music_on_hold_is_not_a_tone() {
    for harmonics in [&[1.0, 0.5, 0.3, 0.2][..], &[1.0, 0.15], &[1.0]] {
        let after = heard(&music(6.0, harmonics));
        assert_eq!(after.verdict(), None, "{harmonics:?} {after:?}");
        assert!(after.heard_ms > after.tone_ms, "{after:?}");
    }
}

#[test]
fn silence_and_comfort_noise_are_dead_air() {
    for samples in [silence(6.0), noise(6.0, 80.0)] {
        let after = heard(&samples);
        assert_eq!(after.verdict(), Some(BadAnswer::DeadAir), "{after:?}");
    }
    // A second of sound descriptions (RFC 3389), then nothing at all.
    let mut side = Side::plain();
    for _ in 0..5 {
        side.packet(13, &[40]);
        side.rest(180);
    }
    side.rest(5_000);
    let after = side.after();
    assert_eq!((after.verdict(), after.heard_ms), (Some(BadAnswer::DeadAir), 0));
    let mut side = Side::plain();
    side.rest(6_000);
    assert_eq!(side.after().verdict(), Some(BadAnswer::DeadAir), "not a packet");
    assert_eq!(
        heard(&noise(6.0, 2_000.0)).verdict(),
        None,
        "a noisy place is not dead"
    );
}

#[test]
fn ringing_behind_noise_of_the_line_and_loss_is_heard() {
    let mut samples = tone(Country::Us, Signal::Ringback, 6.0);
    let hiss = noise(6.0, 60.0);
    samples
        .iter_mut()
        .zip(hiss)
        .for_each(|(sample, hiss)| *sample += hiss);
    assert_eq!(heard(&samples).verdict(), Some(BadAnswer::FalseAnswer));
    let mut side = Side::plain();
    for (n, samples) in tone(Country::De, Signal::Busy, 6.0).chunks(PACKET).enumerate() {
        if n % 17 == 5 {
            side.sequence = side.sequence.wrapping_add(1);
            side.rest(20);
        } else {
            side.say(samples);
        }
    }
    let after = side.after();
    assert_eq!(after.verdict(), Some(BadAnswer::FalseAnswer), "{after:?}");
}

#[test]
fn ringing_whose_pauses_are_not_sent_has_pauses() {
    let mut side = Side::plain();
    side.say(&tone(Country::De, Signal::Ringback, 1.0));
    side.rest(4_000);
    side.say(&tone(Country::De, Signal::Ringback, 1.0));
    let after = side.after();
    assert_eq!(
        (after.tones, after.verdict()),
        (2, Some(BadAnswer::FalseAnswer)),
        "{after:?}"
    );
    assert!(after.longest_tone_ms <= 1_040, "{after:?}");
}

#[test]
fn what_cannot_be_decoded_says_nothing() {
    let mut side = Side::plain();
    side.say(&silence(1.0));
    side.packet(18, &[0; 20]);
    assert!(side.supervisor.is_deaf());
    side.rest(6_000);
    assert_eq!(side.supervisor.end(side.start + side.at), None);
    let mut side = Side::plain();
    side.packet(20, &[]);
    assert!(!side.supervisor.is_deaf(), "a keep-alive");
}

#[test]
fn who_presses_a_key_is_there() {
    let mut side = Side::plain();
    for n in 0..10_u8 {
        let at = side.at;
        // One event: its packets have one timestamp.
        side.at = Duration::from_secs(1);
        side.packet(101, &[5, 10, 0, 160 * (n % 2)]);
        side.at = at + PACKET_TIME;
    }
    side.rest(6_000);
    let after = side.after();
    assert_eq!((after.heard_ms, after.dead_air()), (CLICK_MS, Some(false)));
}

#[test]
fn other_codecs_are_heard_as_well() {
    for (codec, payload_type) in [(Codec::G722, 9), (Codec::l16(16_000), 97), (Codec::Opus, 96)] {
        let rate = match codec {
            Codec::Opus => 48_000,
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 { .. } => codec.rate(),
        };
        let mut side = Side::speaking(codec, payload_type);
        let mut generator = ToneGenerator::new(Country::Uk.cadence(Signal::Ringback), rate);
        let mut encoder = audio::Encoder::new(&audio::Format::new(codec), rate).unwrap();
        for _ in 0..300 {
            let mut samples = vec![0; rate as usize / 50];
            generator.fill(&mut samples);
            let mut payload = vec![0; 2_000];
            let length = encoder.encode(&samples, &mut payload).unwrap();
            side.packet(payload_type, &payload[..length]);
        }
        let after = side.after();
        assert_eq!(
            after.verdict(),
            Some(BadAnswer::FalseAnswer),
            "{codec:?} {after:?}"
        );
    }
}
