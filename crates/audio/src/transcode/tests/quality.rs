//! Every pair of codecs, over a network without faults.

use super::*;

const CODECS: [Codec; 8] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::l16(8_000),
    Codec::l16(16_000),
    Codec::l16(44_100),
    Codec::l16(48_000),
];

/// The least that's heard of a signal after a codec's own losses, in dB.
fn least(codec: Codec, tone: bool) -> f64 {
    match (codec, tone) {
        (Codec::Pcmu | Codec::Pcma, true) => 33.0,
        (Codec::Pcmu | Codec::Pcma, false) => 30.0,
        (Codec::G722, true) => 33.0,
        (Codec::G722, false) => 16.0,
        (Codec::Opus, true) => 18.0,
        // Opus keeps what is heard, not the waveform.
        (Codec::Opus, false) => 0.0,
        (Codec::L16 { .. }, true) => 45.0,
        (Codec::L16 { .. }, false) => 40.0,
    }
}

/// A signal through a pair, against itself at the rate at which it comes out.
fn ratio(from: Codec, to: Codec, make: &dyn Fn(u32) -> Vec<i16>) -> f64 {
    let rate = from.rate();
    let input = Format::new(from).with_ptime(from.ptime(20));
    let flying = packets(&input, 96, &make(rate), rate);
    let inputs = [(96, from)];
    let heard = run(
        &settings(&inputs, Format::new(to).with_ptime(to.ptime(20))),
        flying,
        1_000,
    );
    let received = heard.stats;
    assert_eq!((received.late, received.invalid), (0, 0), "{from:?} to {to:?}");
    let out = decode(to, to.rate(), &heard);
    // 8 kHz is enough to compare at: the signals have nothing above 3.4 kHz.
    let compare = |samples: Vec<i16>, rate: u32| match crate::Resampler::new(rate, 48_000, samples.len()) {
        None => samples,
        Some(mut resampler) => {
            let mut all = vec![0; resampler.output_len(samples.len())];
            resampler.process(&samples, &mut all);
            all
        }
    };
    let (said, out) = (compare(make(rate), rate), compare(out, to.rate()));
    let end = 48_000.min(said.len()).min(out.len());
    // To the nearest sample of 48 kHz, the delay is known well enough for a signal below 1.1 kHz.
    signal::snr(
        &said[9_600..end],
        &out[9_600..end.max(9_601)],
        6_000.min(end - 9_600 - 4_800),
    )
    .0
}

#[test]
fn tones_survive_every_pair() {
    for from in CODECS {
        for to in CODECS {
            let ratio = ratio(from, to, &|rate| {
                signal::sine(rate, 703.0, 8_000.0, rate as usize * 6 / 5)
            });
            // Errors of two codecs add up; the nearest sample limits it too.
            let least = least(from, true).min(least(to, true)).min(32.0) - 2.0;
            assert!(
                ratio >= least,
                "{from:?} to {to:?}: {ratio:.1} dB, not {least:.1}"
            );
        }
    }
}

#[test]
fn noise_survives_every_pair_that_keeps_waveforms() {
    for from in CODECS {
        for to in CODECS {
            let ratio = ratio(from, to, &|rate| {
                signal::noise(48_000, 500.0, 16_000.0, 57_600, 3)
                    .into_iter()
                    .step_by(48_000 / rate as usize)
                    .collect()
            });
            if from.rate() == 44_100 {
                continue;
            }
            let least = least(from, false).min(least(to, false)).min(30.0) - 3.0;
            assert!(
                ratio >= least,
                "{from:?} to {to:?}: {ratio:.1} dB, not {least:.1}"
            );
        }
    }
}

#[test]
fn packet_times_are_converted() {
    let said = signal::sine(8_000, 703.0, 8_000.0, 9_600);
    for (from, to) in [
        (10, 20),
        (20, 10),
        (20, 30),
        (30, 20),
        (60, 20),
        (20, 60),
        (40, 30),
        (120, 20),
        (20, 120),
    ] {
        let flying = packets(&Format::new(Codec::Pcmu).with_ptime(from), 0, &said, 8_000);
        let inputs = [(0, Codec::Pcmu)];
        let heard = run(
            &settings(&inputs, Format::new(Codec::Pcmu).with_ptime(to)),
            flying,
            1_000,
        );
        assert_unbroken(&heard, to * 8);
        assert!(
            heard
                .frames
                .iter()
                .all(|(_, frame, _)| frame.len == to as usize * 8)
        );
        let out = decode(Codec::Pcmu, 8_000, &heard);
        let (ratio, _) = signal::snr(&said[..8_000], &out, 1_600);
        assert!(ratio > 33.0, "{from} to {to}: {ratio:.1} dB");
    }
}

#[test]
fn a_clean_path_adds_little_delay_and_changes_nothing() {
    let said = signal::speech(8_000, 80_000, 1);
    let flying = packets(&Format::new(Codec::l16(8_000)), 96, &said, 8_000);
    let inputs = [(96, Codec::l16(8_000))];
    let heard = run(&settings(&inputs, Format::new(Codec::l16(8_000))), flying, 1_000);
    let received = heard.stats;
    assert_eq!((received.shortened_ms, received.lengthened_ms), (0, 0));
    // The first packet waits as long as is usual, and all that was said comes out to the bit.
    let out = decode(Codec::l16(8_000), 8_000, &heard);
    assert_eq!(out[..79_000], said[..79_000]);
    assert!(heard.frames[0].0 <= 10_000, "{}", heard.frames[0].0);
}
