use super::*;

fn rms(noise: &mut ComfortNoise, samples: usize) -> f32 {
    let energy: f32 = (0..samples).map(|_| noise.sample().powi(2)).sum();
    (energy / samples as f32).sqrt()
}

#[test]
fn a_payload_is_read_and_written_alike() {
    for payload in [&[40_u8][..], &[60, 0, 127, 254], &[127; 13]] {
        let parameters = NoiseParameters::parse(payload).unwrap();
        let mut written = [0; 20];
        let len = parameters.write(&mut written);
        assert_eq!(&written[..len], payload);
    }
    assert_eq!(NoiseParameters::parse(&[]), None);
    assert_eq!(NoiseParameters::parse(&[0xff]).unwrap().level, 127);
    let long = NoiseParameters::parse(&[50; 30]).unwrap();
    assert_eq!(long.write(&mut [0; 40]), 13, "what is beyond is left out");
    assert_eq!(long.write(&mut []), 0);
}

#[test]
fn the_level_is_what_was_asked_with_and_without_a_spectrum() {
    for level in [20, 40, 55] {
        for coefficients in [&[][..], &[200, 60], &[20, 220, 100, 140]] {
            let mut payload = vec![level];
            payload.extend_from_slice(coefficients);
            let mut noise = ComfortNoise::new(1);
            noise.set(NoiseParameters::parse(&payload).unwrap());
            let measured = -20.0 * (rms(&mut noise, 200_000) / 32_768.0).log10();
            assert!(
                (measured - f32::from(level)).abs() < 0.7,
                "{payload:?}: {measured}"
            );
        }
    }
    assert!((NoiseParameters::of_rms(327.68).level.abs_diff(40)) == 0);
    assert_eq!(NoiseParameters::of_rms(0.0).level, 127);
}

#[test]
fn the_spectrum_is_what_was_asked() {
    // A first reflection coefficient near -1 is a low pass, near 1 a high pass: neighbours alike, or opposite.
    let correlation = |octet: u8| {
        let mut noise = ComfortNoise::new(2);
        noise.set(NoiseParameters::parse(&[30, octet]).unwrap());
        let samples: Vec<f32> = (0..50_000).map(|_| noise.sample()).collect();
        let energy: f32 = samples.iter().map(|x| x * x).sum();
        samples.windows(2).map(|w| w[0] * w[1]).sum::<f32>() / energy
    };
    assert!((correlation(27) - 0.787).abs() < 0.03, "{}", correlation(27));
    assert!((correlation(227) + 0.787).abs() < 0.03, "{}", correlation(227));
    assert!(correlation(127).abs() < 0.03);
}

#[test]
fn silence_is_silent() {
    let mut noise = ComfortNoise::new(1);
    assert_eq!(rms(&mut noise, 1_000), 0.0);
}

#[test]
fn any_payload_makes_bounded_noise() {
    let mut source = crate::signal::Noise::new(5);
    for _ in 0..500 {
        let payload: Vec<u8> = (0..=source.below(14)).map(|_| source.bits() as u8).collect();
        let mut noise = ComfortNoise::new(source.bits());
        noise.set(NoiseParameters::parse(&payload).unwrap());
        assert!(
            (0..2_000).all(|_| noise.sample().abs() <= 32_768.0),
            "{payload:?}"
        );
    }
}
