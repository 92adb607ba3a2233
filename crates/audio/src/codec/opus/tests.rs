use super::*;
use crate::signal;

fn packets(rate: u32, parameters: &OpusParameters, said: &[i16], ms: u32) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(rate, parameters).unwrap();
    let mut packet = [0; MAX_PACKET];
    said.chunks_exact(crate::samples_in(rate, ms))
        .map(|frame| {
            let len = encoder.encode(frame, &mut packet).unwrap();
            packet[..len].to_vec()
        })
        .collect()
}

#[test]
fn parameters_are_read_from_fmtp() {
    let default = OpusParameters::default();
    let chrome = OpusParameters {
        in_band_fec: true,
        ..default
    };
    let all = OpusParameters {
        max_playback_rate: 16_000,
        max_average_bitrate: 20_000,
        in_band_fec: true,
        constant_bitrate: true,
    };
    let table = [
        ("", default),
        ("minptime=10;useinbandfec=1", chrome),
        (" useinbandfec = 1 ; foo", chrome),
        (
            "maxplaybackrate=16000; maxaveragebitrate=20000; stereo=1;cbr=1;usedtx=1;USEINBANDFEC=1",
            all,
        ),
        ("useinbandfec=2;stereo=x;maxplaybackrate=", default),
        (
            "maxplaybackrate=1",
            OpusParameters {
                max_playback_rate: 8_000,
                ..default
            },
        ),
    ];
    for (text, parameters) in table {
        assert_eq!(OpusParameters::from_fmtp(text), parameters, "{text}");
    }
}

#[test]
fn sines_survive_at_every_rate() {
    for rate in [16_000, 48_000] {
        let said = signal::sine(rate, 1_004.0, 8_000.0, rate as usize * 2);
        let mut decoder = OpusDecoder::new(rate).unwrap();
        let mut heard = Vec::new();
        let mut frame = vec![0; crate::samples_in(rate, 20)];
        for packet in packets(rate, &OpusParameters::default(), &said, 20) {
            let n = decoder.decode(&packet, &mut frame).unwrap();
            heard.extend_from_slice(&frame[..n]);
        }
        let (ratio, delay) = signal::snr(&said, &heard, crate::samples_in(rate, 15));
        assert!(ratio >= 20.0, "{rate} Hz: {ratio:.1} dB at {delay}");
    }
}

#[test]
fn the_receivers_limits_hold() {
    let bytes = |text: &str| {
        let said = signal::speech(48_000, 96_000, 5);
        let parameters = OpusParameters::from_fmtp(text);
        packets(48_000, &parameters, &said, 20)
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>()
    };
    let total = |lengths: &[usize]| lengths.iter().sum::<usize>();
    let (usual, limited) = (bytes(""), bytes("maxaveragebitrate=8000"));
    assert!(total(&limited) * 2 < total(&usual));
    assert!(
        total(&limited) < 2 * 1_000 * 3 / 2,
        "8 kbit/s: {}",
        total(&limited)
    );
    let constant = bytes("cbr=1");
    assert!(constant.iter().all(|len| *len == constant[0]));
    let narrow = packets(
        48_000,
        &OpusParameters::from_fmtp("maxplaybackrate=8000"),
        &signal::speech(48_000, 96_000, 5),
        20,
    );
    // The configuration number of the first octet (RFC 6716 §3.1): 0..=3 are narrow-band SILK, 16..=19 narrow-band CELT.
    assert!(
        narrow
            .iter()
            .all(|packet| matches!(packet[0] >> 3, 0..=3 | 16..=19))
    );
}

#[test]
fn a_lost_packet_is_recovered_from_the_next() {
    let rate = 16_000;
    let said = signal::speech(rate, 160_000, 9);
    let parameters = OpusParameters {
        in_band_fec: true,
        ..OpusParameters::default()
    };
    let all = packets(rate, &parameters, &said, 20);
    let mut whole = OpusDecoder::new(rate).unwrap();
    let mut with = OpusDecoder::new(rate).unwrap();
    let mut without = OpusDecoder::new(rate).unwrap();
    let mut errors = [0.0, 0.0];
    for pair in all.chunks_exact(10) {
        for (n, packet) in pair.iter().enumerate() {
            let mut frames = [[0; 320]; 3];
            whole.decode(packet, &mut frames[0]).unwrap();
            if n == 5 {
                assert_eq!(with.recover(&pair[6], &mut frames[1]), Ok(320));
                assert_eq!(without.conceal(&mut frames[2]), Ok(320));
                for (error, frame) in errors.iter_mut().zip(&frames[1..]) {
                    let differences = frames[0].iter().zip(frame);
                    *error += differences
                        .map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2))
                        .sum::<f64>();
                }
            } else {
                with.decode(packet, &mut frames[1]).unwrap();
                without.decode(packet, &mut frames[2]).unwrap();
            }
        }
    }
    assert!(
        errors[0] * 2.0 < errors[1],
        "recovered {:.0}, concealed {:.0}",
        errors[0],
        errors[1]
    );
}

/// Packets that were damaged, cut or made up decode to something or are refused.
#[test]
fn hostile_packets_do_no_harm() {
    let mut source = signal::Noise::new(11);
    let corpus: Vec<Vec<u8>> = [8_000, 16_000, 48_000]
        .iter()
        .flat_map(|rate| {
            let said = signal::speech(*rate, *rate as usize, 2);
            packets(
                *rate,
                &OpusParameters {
                    in_band_fec: true,
                    ..OpusParameters::default()
                },
                &said,
                20,
            )
        })
        .collect();
    let mut decoder = OpusDecoder::new(16_000).unwrap();
    let mut samples = [0; 1_920];
    for turn in 0..20_000_u64 {
        let mut packet = corpus[source.below(corpus.len() as u64) as usize].clone();
        match turn % 4 {
            0 => packet.truncate(source.below(packet.len() as u64 + 1) as usize),
            1 => packet[0] = source.bits() as u8,
            2 => packet = (0..source.below(200)).map(|_| source.bits() as u8).collect(),
            _ => {
                let at = source.below(packet.len() as u64) as usize;
                packet[at] = source.bits() as u8;
            }
        }
        let _ = match turn % 7 {
            0 => decoder.recover(&packet, &mut samples[..320]),
            1 => decoder.conceal(&mut samples[..320]),
            _ => decoder.decode(&packet, &mut samples),
        };
    }
}

/// The buffer is as long as the longest packet; the rest of it is left alone.
#[test]
fn no_more_is_written_than_a_packet_holds() {
    let all = packets(
        48_000,
        &OpusParameters::default(),
        &signal::speech(48_000, 4_800, 2),
        20,
    );
    let mut decoder = OpusDecoder::new(48_000).unwrap();
    let mut samples = [0; 960];
    decoder.floats.fill(0.25);
    decoder.decode(&all[0], &mut samples).unwrap();
    decoder.recover(&all[2], &mut samples).unwrap();
    decoder.conceal(&mut samples).unwrap();
    assert!(decoder.floats[960..].iter().all(|float| *float == 0.25));
}

#[test]
fn a_packets_length_is_in_its_first_octets() {
    let table: [(&[u8], Option<u32>); 12] = [
        (&[], None),
        (&[0 << 3], Some(480)),
        (&[3 << 3], Some(2_880)),
        (&[9 << 3], Some(960)),
        (&[13 << 3 | 1, 0], Some(1_920)),
        (&[16 << 3], Some(120)),
        (&[31 << 3 | 2, 0], Some(1_920)),
        (&[31 << 3 | 3], None),
        (&[31 << 3 | 3, 6], Some(5_760)),
        (&[31 << 3 | 3, 7], None),
        (&[31 << 3 | 3, 0], None),
        (&[3 << 3 | 3, 0xc2], Some(5_760)),
    ];
    for (packet, units) in table {
        assert_eq!(duration(packet), units, "{packet:?}");
    }
}

/// What a loss is filled with is no louder than what was heard.
#[test]
fn losses_are_filled_with_something_like_what_was_heard() {
    for rate in [16_000, 48_000] {
        let said = signal::sine(rate, 350.0, 9_000.0, rate as usize);
        let mut decoder = OpusDecoder::new(rate).unwrap();
        let mut frame = vec![0; crate::samples_in(rate, 20)];
        for packet in packets(rate, &OpusParameters::default(), &said, 20) {
            decoder.decode(&packet, &mut frame).unwrap();
        }
        // Longer gaps are left to the concealer, which fades.
        for _ in 0..2 {
            decoder.conceal(&mut frame).unwrap();
            let level = signal::rms(&frame);
            assert!((500.0..8_000.0).contains(&level), "{rate}: {level}");
        }
    }
}
