use super::*;
use crate::{samples_in, signal};

const RATES: [u32; 6] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000];

fn convert(from: u32, to: u32, input: &[i16], block: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to, block).unwrap();
    let mut output = vec![0; block * 7];
    let mut all = Vec::new();
    for block in input.chunks(block) {
        let expected = resampler.output_len(block.len());
        let n = resampler.process(block, &mut output);
        assert_eq!(n, expected);
        all.extend_from_slice(&output[..n]);
    }
    all
}

#[test]
fn frames_come_out_whole() {
    for from in RATES {
        for to in RATES.into_iter().filter(|to| *to != from) {
            let (input, output) = (samples_in(from, 20), samples_in(to, 20));
            let mut resampler = Resampler::new(from, to, input).unwrap();
            for _ in 0..50 {
                let mut frame = vec![0; output + 10];
                assert_eq!(
                    resampler.process(&vec![0; input], &mut frame),
                    output,
                    "{from} to {to}"
                );
            }
        }
    }
    assert!(Resampler::new(8_000, 8_000, 160).is_none());
    assert!(Resampler::new(0, 8_000, 160).is_none());
}

#[test]
fn tones_in_the_pass_band_keep_their_shape() {
    for from in RATES {
        for to in RATES.into_iter().filter(|to| *to != from) {
            for part in [0.1, 0.25, 0.5, 0.75] {
                let hertz = f64::from(from.min(to)) / 2.0 * part;
                let input = signal::sine(from, hertz, 8_000.0, from as usize / 4);
                let output = convert(from, to, &input, 160);
                // Half a filter of delay may be no whole number of samples: fit sine and cosine instead of shifting.
                let (ratio, level) = fit(&output, hertz, to);
                assert!(ratio > 50.0, "{from} to {to}, {hertz} Hz: {ratio:.1} dB");
                assert!(
                    (20.0 * (level / 8_000.0).log10()).abs() < 0.1,
                    "{from} to {to}, {hertz} Hz: {level}"
                );
            }
        }
    }
}

/// What a tone leaves that isn't itself, in dB, and its amplitude.
fn fit(samples: &[i16], hertz: f64, rate: u32) -> (f64, f64) {
    let middle = &samples[samples.len() / 4..];
    let (mut sine, mut cosine) = (0.0, 0.0);
    let count = middle.len() as f64;
    let angle = |n: usize| 2.0 * PI * hertz * n as f64 / f64::from(rate);
    // Two rounds of projection, since the stretch is no whole number of periods.
    let mut rest: Vec<f64> = middle.iter().map(|s| f64::from(*s)).collect();
    for _ in 0..20 {
        let s: f64 = rest
            .iter()
            .enumerate()
            .map(|(n, x)| x * angle(n).sin())
            .sum::<f64>()
            * 2.0
            / count;
        let c: f64 = rest
            .iter()
            .enumerate()
            .map(|(n, x)| x * angle(n).cos())
            .sum::<f64>()
            * 2.0
            / count;
        rest.iter_mut()
            .enumerate()
            .for_each(|(n, x)| *x -= s * angle(n).sin() + c * angle(n).cos());
        sine += s;
        cosine += c;
    }
    let left = rest.iter().map(|x| x * x).sum::<f64>() / count;
    let level = (sine * sine + cosine * cosine).sqrt();
    (10.0 * (level * level / 2.0 / left.max(1e-9)).log10(), level)
}

#[test]
fn what_would_fold_back_is_gone() {
    for (from, to) in [
        (16_000, 8_000),
        (48_000, 8_000),
        (48_000, 16_000),
        (44_100, 8_000),
        (44_100, 16_000),
    ] {
        // 15 % above the new Nyquist frequency and higher.
        for part in [1.15, 1.4, 1.8] {
            let hertz = f64::from(to) / 2.0 * part;
            if hertz > f64::from(from) / 2.0 {
                continue;
            }
            let output = convert(
                from,
                to,
                &signal::sine(from, hertz, 16_000.0, from as usize / 2),
                441,
            );
            let left = signal::rms(&output[output.len() / 4..]);
            assert!(
                left < 16_000.0 / 2.0 * 0.0005,
                "{from} to {to}, {hertz} Hz: {left:.2}"
            );
        }
    }
}

#[test]
fn blocks_of_any_size_give_the_same() {
    let input = signal::noise(48_000, 3_000.0, 20_000.0, 48_000, 4);
    for (from, to) in [
        (48_000, 8_000),
        (8_000, 48_000),
        (44_100, 8_000),
        (16_000, 48_000),
    ] {
        let whole = convert(from, to, &input, 4_800);
        for block in [1, 7, 160, 441, 960] {
            assert_eq!(
                convert(from, to, &input, block),
                whole,
                "{from} to {to} by {block}"
            );
        }
    }
}

#[test]
fn the_loudest_signal_is_clipped_not_wrapped() {
    let input: Vec<i16> = (0..8_000)
        .map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let output = convert(8_000, 16_000, &input, 160);
    // A square overshoots at its edges: wrapped, a sample would have the wrong sign there.
    let delay = 48;
    for (n, sample) in output.iter().enumerate().skip(800) {
        let (before, after) = ((n - delay - 6) / 80 % 2, (n - delay + 6) / 80 % 2);
        if before == after {
            assert_eq!(*sample > 0, before == 0, "sample {n}");
        }
    }
}

#[test]
fn nothing_is_allocated_once_it_runs() {
    let mut resampler = Resampler::new(8_000, 48_000, 960).unwrap();
    let before = resampler.history.capacity();
    for _ in 0..100 {
        resampler.process(&[5; 960], &mut [0; 5_760]);
    }
    assert_eq!(resampler.history.capacity(), before);
}

#[test]
fn who_converts_by_the_same_ratio_has_the_same_filter() {
    let rows = |from, to| Resampler::new(from, to, 160).unwrap().rows;
    let first = rows(44_100, 8_000);
    assert!(Arc::ptr_eq(&first, &rows(44_100, 8_000)));
    assert!(Arc::ptr_eq(&rows(8_000, 16_000), &rows(24_000, 48_000)));
    assert!(!Arc::ptr_eq(&first, &rows(8_000, 44_100)));
}

#[test]
fn what_was_prepared_is_there() {
    assert!(!is_ready(7, 16_000));
    prepare(7, 16_000);
    assert!(is_ready(7, 16_000));
}
