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
fn a_g711_payload_is_as_loud_as_its_samples() {
    for law in [Law::Mu, Law::A] {
        let octets: Vec<u8> = signal::speech(8_000, 8_000, 1)
            .iter()
            .map(|s| law.compress(*s))
            .collect();
        let samples: Vec<i16> = octets.iter().map(|octet| law.expand(*octet)).collect();
        assert_eq!(power_of_g711(law, &octets), power(&samples));
    }
    let longest = [0; 65_000];
    assert!(dbov(power_of_g711(Law::Mu, &longest)) < 0.0);
}

#[test]
fn speech_is_told_from_the_noise_behind_it() {
    let mut activity = Activity::new();
    let mut said = signal::noise(8_000, 2_000.0, 600.0, 8_000 * 20, 4);
    let speech = signal::speech(8_000, 8_000 * 10, 4);
    for (sample, speech) in said[8_000 * 5..].iter_mut().zip(&speech) {
        *sample = sample.saturating_add(*speech);
    }
    let active: Vec<bool> = said
        .chunks_exact(160)
        .map(|frame| activity.heard(power(frame), 20))
        .collect();
    let share = |frames: &[bool]| frames.iter().filter(|a| **a).count() as f64 / frames.len() as f64;
    assert!(
        share(&active[50..250]) < 0.05,
        "before: {}",
        share(&active[50..250])
    );
    assert!(
        share(&active[250..750]) > 0.7,
        "speech: {}",
        share(&active[250..750])
    );
    assert!(share(&active[800..]) < 0.05, "after: {}", share(&active[800..]));
    assert!(
        activity.quiet() >= Duration::from_secs(3),
        "{:?}",
        activity.quiet()
    );
    assert!((activity.level() - dbov(power(&said[said.len() - 160..]))).abs() < 0.01);
}

#[test]
fn dead_air_is_silence_from_the_first_frame() {
    for payload in [[Law::Mu.silence(); 160], [0x7f; 160]] {
        let mut activity = Activity::new();
        for _ in 0..500 {
            assert!(!activity.heard(power_of_g711(Law::Mu, &payload), 20));
        }
        assert_eq!(activity.quiet(), Duration::from_secs(10));
        assert_eq!(activity.active(), Duration::ZERO);
    }
}

#[test]
fn a_loud_tone_is_no_silence_however_long() {
    let mut activity = Activity::new();
    let tone = signal::sine(8_000, 440.0, 4_000.0, 160);
    assert!((0..50 * 300).all(|_| activity.heard(power(&tone), 20)));
}
