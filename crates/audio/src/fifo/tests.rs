use super::*;
use crate::signal;

/// Plays a signal in frames of 20 ms, changing its length each fourth frame, and gives it as heard and how much was changed.
fn stretched(rate: u32, said: &[i16], change: impl Fn(&mut Fifo) -> usize) -> (Vec<i16>, usize) {
    let frame = crate::samples_in(rate, 20);
    let mut fifo = Fifo::new(rate, frame * 4);
    let (mut heard, mut changed) = (Vec::new(), 0);
    for (n, samples) in said.chunks_exact(frame).enumerate() {
        fifo.push(samples);
        if n % 4 == 3 {
            changed += change(&mut fifo);
        }
        let mut out = vec![0; fifo.len()];
        fifo.take(&mut out);
        heard.extend_from_slice(&out);
    }
    (heard, changed)
}

#[test]
fn changing_the_length_makes_no_clicks() {
    for rate in [8_000, 16_000, 48_000] {
        for (name, said) in [
            ("tone", signal::sine(rate, 330.0, 10_000.0, rate as usize * 4)),
            ("speech", signal::speech(rate, rate as usize * 4, 2)),
            ("silence", vec![3; rate as usize * 4]),
        ] {
            let natural = signal::steepest(&said);
            let (shorter, cut) = stretched(rate, &said, |fifo| fifo.shorten(false, 0));
            assert_eq!(shorter.len() + cut, said.len());
            assert!(cut > rate as usize / 20, "{rate} {name}: {cut}");
            assert!(
                signal::steepest(&shorter) <= natural * 5 / 4 + 50,
                "{rate} {name}"
            );
            let (longer, put) = stretched(rate, &said, Fifo::lengthen);
            assert_eq!(longer.len(), said.len() + put);
            assert!(put > rate as usize / 20, "{rate} {name}: {put}");
            assert!(signal::steepest(&longer) <= natural * 5 / 4 + 50, "{rate} {name}");
        }
    }
}

#[test]
fn a_tone_keeps_its_pitch() {
    let said = signal::sine(8_000, 400.0, 10_000.0, 32_000);
    let (shorter, _) = stretched(8_000, &said, |fifo| fifo.shorten(false, 0));
    let crossings = |samples: &[i16]| samples.windows(2).filter(|w| w[0] < 0 && w[1] >= 0).count();
    let expected = shorter.len() * 400 / 8_000;
    assert!(crossings(&shorter).abs_diff(expected) <= 2);
}

#[test]
fn noise_is_left_alone_unless_it_has_to_go() {
    let said = signal::noise(8_000, 20_000.0, 10_000.0, 320, 1);
    let mut fifo = Fifo::new(8_000, 640);
    fifo.push(&said);
    assert_eq!((fifo.shorten(false, 0), fifo.lengthen()), (0, 0));
    let (before, keep) = (fifo.len(), fifo.len() - 30);
    assert!((16..=30).contains(&fifo.shorten(true, keep)));
    assert!(fifo.len() >= keep && fifo.len() < before);
    assert_eq!(fifo.shorten(true, fifo.len() - 10), 0, "so much has to stay");
    assert!(fifo.shorten(true, 0) > 0);
    let mut short = Fifo::new(8_000, 640);
    short.push(&said[..20]);
    assert_eq!(short.shorten(true, 0), 0, "too little to cut from");
}

#[test]
fn what_is_missing_is_silence() {
    let mut fifo = Fifo::new(8_000, 10);
    fifo.push(&[1, 2, 3]);
    let mut out = [9; 5];
    fifo.take(&mut out);
    assert_eq!((out, fifo.len()), ([1, 2, 3, 0, 0], 0));
}
