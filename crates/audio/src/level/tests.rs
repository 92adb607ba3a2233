use super::*;
use crate::signal;

#[test]
fn levels_are_against_the_loudest_square() {
    let square: Vec<i16> = (0..160)
        .map(|n| if n % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    assert!(dbov(power(&square)).abs() < 0.01);
    let sine = signal::sine(8_000, 1_000.0, 32_767.0, 8_000);
    assert!((dbov(power(&sine)) + 3.01).abs() < 0.02);
    assert_eq!(dbov(power(&[0; 160])), SILENT_DBOV);
    assert_eq!(dbov(power(&[])), SILENT_DBOV);
}

#[test]
fn the_floor_is_the_noise_behind_speech() {
    let mut said = signal::noise(8_000, 2_000.0, 600.0, 8_000 * 20, 4);
    let noise = power(&said);
    let speech = signal::speech(8_000, 8_000 * 15, 4);
    for (sample, speech) in said[8_000 * 5..].iter_mut().zip(&speech) {
        *sample = sample.saturating_add(*speech);
    }
    let mut floor = NoiseFloor::new();
    for frame in said.chunks_exact(160) {
        floor.heard(power(frame), 20);
    }
    let above = dbov(floor.power()) - dbov(noise);
    assert!(above.abs() < 6.0, "{above}");
    let loudest = said.chunks_exact(160).map(power).fold(0.0, f32::max);
    assert!(
        dbov(loudest) - dbov(noise) > 12.0,
        "{}",
        dbov(loudest) - dbov(noise)
    );
}
