use super::*;
use crate::signal;

/// Drops `lost` packets of 20 ms out of every `each`, conceals, and gives what is heard.
fn with_gaps(rate: u32, said: &[i16], lost: usize, each: usize) -> Vec<i16> {
    let mut concealer = Concealer::new(rate, 1);
    let frame = crate::samples_in(rate, 20);
    let mut heard = said.to_vec();
    for (n, frame) in heard.chunks_exact_mut(frame).enumerate() {
        if n % each >= each - lost {
            frame.fill(0);
            concealer.conceal(frame);
        } else {
            concealer.heard(frame);
        }
    }
    heard
}

#[test]
fn gaps_of_one_to_ten_packets_make_no_clicks() {
    for rate in [8_000, 16_000, 48_000] {
        let length = rate as usize * 10;
        for (name, said) in [
            ("200 Hz", signal::sine(rate, 200.0, 10_000.0, length)),
            ("437 Hz", signal::sine(rate, 437.0, 10_000.0, length)),
            ("1004 Hz", signal::sine(rate, 1_004.0, 10_000.0, length)),
            ("speech", signal::speech(rate, length, 3)),
            ("noise", signal::noise(rate, 600.0, 10_000.0, length, 3)),
        ] {
            let natural = signal::steepest(&said);
            for lost in 1..=10 {
                let heard = with_gaps(rate, &said, lost, 15);
                let steepest = signal::steepest(&heard);
                assert!(
                    steepest <= natural * 3 / 2 + 200,
                    "{rate} Hz, {name}, {lost} lost: {steepest} against {natural}"
                );
            }
        }
    }
}

#[test]
fn a_voice_goes_on_through_a_single_loss() {
    for rate in [8_000, 16_000] {
        // A steady vowel: harmonics of 125 Hz.
        let said: Vec<i16> = (0..rate as usize * 4)
            .map(|n| {
                let t = n as f64 / f64::from(rate);
                let value: f64 = (1..12)
                    .map(|k| (2.0 * std::f64::consts::PI * 125.0 * f64::from(k) * t).sin() / f64::from(k))
                    .sum();
                (value * 5_000.0) as i16
            })
            .collect();
        let heard = with_gaps(rate, &said, 1, 10);
        let (ratio, delay) = signal::snr(&said, &heard, 1);
        assert!(ratio > 25.0 && delay == 0, "{rate}: {ratio:.1} dB");
        let silent: Vec<i16> = said
            .chunks_exact(crate::samples_in(rate, 20))
            .enumerate()
            .flat_map(|(n, frame)| frame.iter().map(move |s| if n % 10 == 9 { 0 } else { *s }))
            .collect();
        assert!(
            signal::snr(&said, &silent, 1).0 + 12.0 < ratio,
            "silence instead is far worse"
        );
    }
}

#[test]
fn a_long_gap_fades_to_the_noise_behind() {
    let mut concealer = Concealer::new(8_000, 1);
    concealer.set_noise(NoiseParameters::white(50));
    let mut said = signal::sine(8_000, 300.0, 10_000.0, 1_600);
    concealer.heard(&mut said);
    assert!(!concealer.has_faded());
    let mut gap = vec![0; 8_000];
    concealer.conceal(&mut gap);
    assert!(concealer.has_faded());
    let (early, late) = (signal::rms(&gap[..80]), signal::rms(&gap[800..]));
    assert!((early / 7_071.0 - 1.0).abs() < 0.1, "{early}");
    let level = -20.0 * (late / 32_768.0).log10();
    assert!((level - 50.0).abs() < 1.0, "{level}");
    // Each 10 ms is no louder than the one before, but for the noise.
    let levels: Vec<f64> = gap[..800].chunks(80).map(signal::rms).collect();
    assert!(
        levels.windows(2).all(|w| w[1] <= w[0] * 1.1 + 150.0),
        "{levels:?}"
    );
}

#[test]
fn the_way_back_is_blended() {
    for lost in 1..8 {
        let said = signal::sine(8_000, 317.0, 10_000.0, 8_000);
        let mut concealer = Concealer::new(8_000, 1);
        let mut heard = said.clone();
        let (before, rest) = heard.split_at_mut(1_600);
        let (gap, after) = rest.split_at_mut(lost * 160);
        concealer.heard(before);
        concealer.conceal(gap);
        concealer.heard(after);
        assert!(signal::steepest(&heard) < signal::steepest(&said) * 3 / 2);
        // 10 ms on, it's what was said to the bit.
        let from = 1_600 + lost * 160 + 80;
        assert_eq!(heard[from..], said[from..]);
    }
}

#[test]
fn nothing_heard_is_nothing_made_up() {
    let mut concealer = Concealer::new(16_000, 1);
    let mut gap = [1; 640];
    concealer.conceal(&mut gap);
    assert_eq!(gap, [0; 640]);
    concealer.reset();
    concealer.heard(&mut [i16::MAX; 2_000]);
    concealer.conceal(&mut gap);
    assert!(gap[0] > 30_000, "the loudest stays in range");
}
