use super::*;
use crate::dtmf::{DigitDetector, Heard};
use crate::tone::{Country, Signal};
use crate::{Codec, Decoder, FrameKind, signal};

const CODECS: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::l16(16_000),
    Codec::l16(44_100),
];

/// Everything a player sends in so much time, decoded, and its frames.
fn listen(player: &mut Player, start: Instant, codec: Codec, time: Duration) -> (Vec<i16>, Vec<Frame>) {
    let mut decoder = Decoder::new(codec, codec.rate()).unwrap();
    let (mut samples, mut frames) = (Vec::new(), Vec::new());
    let (mut payload, mut decoded) = ([0; 2_000], [0; 5_760]);
    let mut now = start;
    while now < start + time {
        while let Some(frame) = player.poll(now, &mut payload) {
            let n = decoder.decode(&payload[..frame.len], &mut decoded).unwrap();
            samples.extend_from_slice(&decoded[..n]);
            frames.push(frame);
        }
        let Some(next) = player.poll_timeout() else { break };
        now = next;
    }
    (samples, frames)
}

fn format(codec: Codec) -> Format {
    Format::new(codec).with_ptime(codec.ptime(20))
}

#[test]
fn a_tone_is_played_in_every_codec_on_an_unbroken_timeline() {
    let start = Instant::now();
    for codec in CODECS {
        let program = Program::Tone(Country::De.cadence(Signal::Ringback), None);
        let mut player = Player::new(&format(codec), program, start).unwrap();
        let (samples, frames) = listen(&mut player, start, codec, Duration::from_secs(12));
        assert!(!player.is_done());
        let ms = codec.ptime(20);
        assert_eq!(frames.len() as u32, 12_000_u32.div_ceil(ms), "{codec:?}");
        let units = u32::try_from(samples_in(codec.clock(), ms)).unwrap();
        for (n, frame) in (1..).zip(&frames) {
            assert_eq!(
                (frame.step, frame.marker, frame.kind),
                (units, n == 1, FrameKind::Audio)
            );
        }
        // On for one second, off for four.
        let second = |n: usize| {
            let rate = codec.rate() as usize;
            signal::rms(&samples[n * rate + rate / 10..(n + 1) * rate - rate / 10])
        };
        let on = f64::from(crate::tone::peak(-10.0)) / 2.0_f64.sqrt();
        assert!((second(0) / on - 1.0).abs() < 0.12, "{codec:?} {}", second(0));
        assert!((second(5) / on - 1.0).abs() < 0.12, "{codec:?}");
        assert!([1, 2, 3, 4, 6, 7].iter().all(|n| second(*n) < 60.0), "{codec:?}");
    }
}

#[test]
fn clips_of_any_rate_are_played_as_often_as_asked() {
    let start = Instant::now();
    for rate in [8_000, 16_000, 44_100, 48_000] {
        for codec in CODECS {
            for times in 1..=3 {
                let clip = Clip::new(signal::sine(rate, 440.0, 9_000.0, rate as usize / 2), rate);
                let program = Program::Clip(clip, Some(times));
                let mut player = Player::new(&format(codec), program, start).unwrap();
                let (samples, _) = listen(&mut player, start, codec, Duration::from_secs(9));
                assert!(player.is_done());
                assert_eq!(player.poll_timeout(), None);
                let ms = samples.len() as u64 * 1_000 / u64::from(codec.rate());
                assert!(
                    ms.abs_diff(u64::from(times) * 500) <= 20,
                    "{rate} {codec:?} {times}: {ms} ms"
                );
                let level = signal::rms(&samples[..samples.len() - codec.rate() as usize / 20]);
                assert!((level / 6_364.0 - 1.0).abs() < 0.1, "{rate} {codec:?}: {level}");
            }
        }
    }
}

#[test]
fn music_is_repeated_without_end_and_an_announcement_takes_its_place() {
    let start = Instant::now();
    let music = Clip::new(signal::sine(8_000, 440.0, 9_000.0, 8_000), 8_000);
    let mut player = Player::new(&format(Codec::Pcmu), Program::Clip(music, None), start).unwrap();
    let (samples, _) = listen(&mut player, start, Codec::Pcmu, Duration::from_secs(5));
    assert!(!player.is_done());
    assert!(signal::rms(&samples) > 6_000.0);
    assert!(
        signal::steepest(&samples) < 4_500,
        "the end passes into the beginning"
    );
    let spoken = Clip::new(signal::speech(16_000, 16_000, 1), 16_000);
    player.play(Program::Clip(spoken, Some(1)));
    let five = Duration::from_secs(5);
    let (_, frames) = listen(&mut player, start + five, Codec::Pcmu, five);
    assert!(player.is_done());
    assert!((50..=51).contains(&frames.len()), "{}", frames.len());
    assert_eq!((frames[0].step, frames[0].marker), (160, false), "it goes on");
}

#[test]
fn digits_are_played_so_that_they_are_heard_in_every_codec() {
    let start = Instant::now();
    for codec in CODECS {
        let mut heard = String::new();
        let mut detector = DigitDetector::new(codec.rate(), 5_760);
        for text in "159#D".chars() {
            let program = Program::Digit {
                digit: Digit::of_char(text).unwrap(),
                ms: 100,
                pause_ms: 100,
            };
            let mut player = Player::new(&format(codec), program, start).unwrap();
            let (samples, _) = listen(&mut player, start, codec, Duration::from_secs(3));
            for frame in samples.chunks(960) {
                detector.push(frame, |what| {
                    if let Heard::Began { digit, .. } = what {
                        heard.push(digit.char());
                    }
                });
            }
        }
        assert_eq!(heard, "159#D", "{codec:?}");
    }
}

#[test]
fn silence_ends_when_it_should() {
    let start = Instant::now();
    let program = Program::Silence(Some(Duration::from_millis(500)));
    let mut player = Player::new(&format(Codec::Pcma), program, start).unwrap();
    let (samples, frames) = listen(&mut player, start, Codec::Pcma, Duration::from_secs(3));
    assert_eq!(frames.len(), 25);
    assert!(samples.iter().all(|sample| sample.unsigned_abs() <= 8));
}

#[test]
fn a_tone_may_be_played_so_many_times() {
    let start = Instant::now();
    let program = Program::Tone(Country::De.cadence(Signal::Busy), Some(3));
    let mut player = Player::new(&format(Codec::Pcma), program, start).unwrap();
    let (_, frames) = listen(&mut player, start, Codec::Pcma, Duration::from_secs(30));
    assert!(player.is_done());
    assert_eq!(frames.len(), 144, "three times 960 ms");
}
