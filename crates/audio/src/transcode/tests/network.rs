//! Loss, jitter, reordering, duplicates, clocks that run apart, and streams that change, in virtual time and from seeds.

use super::*;

/// What a network does to packets.
#[derive(Clone, Copy, Debug)]
struct Faults {
    /// Per mille.
    lost: u64,
    duplicated: u64,
    /// Most that a packet is held up, in microseconds: packets overtake each other.
    jitter: u64,
    /// How much faster the sender's clock is.
    drift_ppm: i64,
}

const CLEAN: Faults = Faults {
    lost: 0,
    duplicated: 0,
    jitter: 0,
    drift_ppm: 0,
};

fn through(flying: Vec<Flying>, faults: Faults, seed: u64) -> Vec<Flying> {
    let mut source = Noise::new(seed);
    let mut arrived = Vec::new();
    for mut packet in flying {
        let drift = packet.sent as i64 * faults.drift_ppm / 1_000_000;
        let leaves = packet.sent.saturating_add_signed(-drift);
        packet.at = leaves
            + 20_000
            + if faults.jitter > 0 {
                source.below(faults.jitter)
            } else {
                0
            };
        if source.below(1_000) < faults.lost {
            continue;
        }
        if source.below(1_000) < faults.duplicated {
            let mut again = packet.clone();
            again.at += source.below(30_000);
            arrived.push(again);
        }
        arrived.push(packet);
    }
    arrived
}

fn transcode(from: Codec, to: Codec, seconds: usize, faults: Faults, seed: u64) -> (Vec<i16>, Heard) {
    let rate = from.encode_rate(to.rate());
    let said = signal::speech(rate, rate as usize * seconds, seed);
    let flying = through(packets(&Format::new(from), 96, &said, rate), faults, seed);
    let inputs = [(96, from)];
    // The session's timers have a resolution of 5 ms.
    let heard = run(&settings(&inputs, Format::new(to)), flying, 5_000);
    (said, heard)
}

#[test]
fn one_timeline_whatever_the_network_does() {
    for (n, (from, to)) in [
        (Codec::Pcmu, Codec::Opus),
        (Codec::Opus, Codec::Pcma),
        (Codec::G722, Codec::Pcmu),
        (Codec::Pcma, Codec::G722),
    ]
    .into_iter()
    .enumerate()
    {
        for (k, faults) in [
            Faults { lost: 50, ..CLEAN },
            Faults {
                jitter: 60_000,
                ..CLEAN
            },
            Faults {
                lost: 30,
                duplicated: 50,
                jitter: 120_000,
                drift_ppm: 100,
            },
        ]
        .into_iter()
        .enumerate()
        {
            let (_, heard) = transcode(from, to, 20, faults, (n * 10 + k) as u64);
            assert_unbroken(&heard, to.clock() / 50);
            let frames = heard.frames.len();
            assert!(
                (1_000..=1_030).contains(&frames),
                "{from:?} to {to:?} {faults:?}: {frames}"
            );
            let received = heard.stats;
            assert_eq!(
                (received.overflows, received.invalid, received.streams),
                (0, 0, 1)
            );
        }
    }
}

#[test]
fn jitter_costs_delay_and_not_audio() {
    let faults = Faults {
        jitter: 60_000,
        ..CLEAN
    };
    let (_, heard) = transcode(Codec::Pcmu, Codec::Pcma, 60, faults, 3);
    let received = heard.stats;
    // In the first seconds it learns; then hardly any packet comes too late.
    assert!(received.late < 50, "{received:?}");
    assert!(received.concealed_ms < 1_500, "{received:?}");
    assert!(heard.wait >= 50 * MS && heard.wait <= 80 * MS, "{:?}", heard.wait);
}

#[test]
fn losses_are_made_up_and_counted() {
    for (from, to) in [
        (Codec::Pcmu, Codec::G722),
        (Codec::G722, Codec::Pcmu),
        (Codec::Opus, Codec::Pcmu),
    ] {
        let (_, clean) = transcode(from, to, 20, CLEAN, 8);
        let (_, heard) = transcode(from, to, 20, Faults { lost: 50, ..CLEAN }, 8);
        let received = heard.stats;
        let lost = 1_000 - received.packets;
        assert!((30..80).contains(&lost), "{lost}");
        let expected = lost * 20;
        assert!(
            received.concealed_ms.abs_diff(expected) <= 220,
            "{from:?}: {received:?}"
        );
        // No clicks: no step is steeper than the signal's own by much.
        let natural = signal::steepest(&clean.samples);
        let steepest = signal::steepest(&heard.samples);
        assert!(
            steepest <= natural * 3 / 2 + 500,
            "{from:?} to {to:?}: {steepest} against {natural}"
        );
    }
}

#[test]
fn opus_says_a_lost_packet_again() {
    let rate = 8_000;
    let said = signal::speech(rate, 160_000, 8);
    let mut format = Format::new(Codec::Opus);
    format.opus.in_band_fec = true;
    let flying = through(
        packets(&format, 111, &said, rate),
        Faults { lost: 50, ..CLEAN },
        8,
    );
    let inputs = [(111, Codec::Opus)];
    let heard = run(&settings(&inputs, Format::new(Codec::Pcmu)), flying, 5_000);
    let received = heard.stats;
    assert!(received.recovered > 10, "{received:?}");
}

#[test]
fn gaps_of_any_length_are_bridged_without_clicks_and_without_losing_time() {
    for lost in 1..=10_u16 {
        let said = signal::sine(8_000, 350.0, 9_000.0, 16_000);
        let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
        flying.retain(|packet| !(40..40 + lost).contains(&packet.sequence.wrapping_sub(30_000)));
        let inputs = [(0, Codec::Pcmu)];
        let heard = run(&settings(&inputs, Format::new(Codec::Pcma)), flying, 5_000);
        assert_unbroken(&heard, 160);
        assert!(
            signal::steepest(&heard.samples) < signal::steepest(&said) * 3 / 2 + 200,
            "{lost}"
        );
        // What comes after the gap is where it would have been: in phase.
        let out = decode(Codec::Pcma, 8_000, &heard);
        let (ratio, delay) = signal::snr(&said[10_400..15_200], &out[10_400..], 200);
        assert!(
            ratio > 33.0 && delay % 160 == 0,
            "{lost}: {ratio:.1} dB at {delay}"
        );
    }
}

#[test]
fn clocks_that_run_apart_neither_overflow_nor_starve() {
    for drift_ppm in [-200, 200] {
        let (_, heard) = transcode(Codec::Pcmu, Codec::Pcma, 600, Faults { drift_ppm, ..CLEAN }, 1);
        let received = heard.stats;
        assert_eq!(
            (received.overflows, received.late, received.invalid),
            (0, 0, 0),
            "{received:?}"
        );
        // 120 ms in ten minutes: cut out or put in piece by piece, and nothing concealed but at the very end.
        assert!(received.concealed_ms <= 200, "{drift_ppm}: {received:?}");
        let (cut, put) = (received.shortened_ms, received.lengthened_ms);
        let (much, little) = if drift_ppm > 0 { (cut, put) } else { (put, cut) };
        assert!(
            (60..=160).contains(&much) && little <= 12,
            "{drift_ppm}: {received:?}"
        );
        let frames = heard.frames.len() as i64;
        assert!(
            (30_000 - drift_ppm * 6 / 200 - frames).abs() < 20,
            "{drift_ppm}: {frames}"
        );
    }
}

#[test]
fn a_delay_that_steps_up_is_absorbed_and_given_back() {
    let said = signal::speech(8_000, 8_000 * 80, 2);
    let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
    for packet in &mut flying {
        let late = (20_000_000..40_000_000).contains(&packet.sent);
        packet.at += if late { 100_000 } else { 0 };
    }
    let inputs = [(0, Codec::Pcmu)];
    let heard = run(&settings(&inputs, Format::new(Codec::Pcma)), flying, 5_000);
    let received = heard.stats;
    assert_unbroken(&heard, 160);
    // All of it, once it's forgotten that packets came late.
    assert!(
        received.shortened_ms >= 120 && heard.wait <= 20 * MS,
        "{received:?}"
    );
    assert!(received.concealed_ms <= 400, "{received:?}");
}

/// What comes late is played as it comes: nothing queues, so nothing can be caught up by cutting. Beyond what is ever waited for, the
/// path is believed to be another.
#[test]
fn a_path_that_got_longer_is_taken_as_it_is() {
    for step in [60_000, 120_000, 190_000, 250_000, 500_000, 900_000] {
        let said = signal::speech(8_000, 8_000 * 30, 2);
        let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
        for packet in &mut flying {
            packet.at += if packet.sent >= 10_000_000 { step } else { 0 };
        }
        let inputs = [(0, Codec::Pcmu)];
        let heard = run(&settings(&inputs, Format::new(Codec::Pcma)), flying, 5_000);
        let received = heard.stats;
        assert_unbroken(&heard, 160);
        assert_eq!(received.shortened_ms, 0, "{step}: {received:?}");
        // Where the old path ended, and at the very end.
        assert!(received.concealed_ms <= 400, "{step}: {received:?}");
        if step > 200_000 {
            assert!(heard.wait <= 20 * MS, "{step}: {:?}", heard.wait);
        }
    }
}

#[test]
fn a_burst_after_a_stall_is_caught_up_with() {
    let said = signal::speech(8_000, 8_000 * 30, 2);
    let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
    for packet in &mut flying {
        let held = (10_000_000..10_500_000).contains(&packet.sent);
        packet.at = if held { 10_500_000 } else { packet.at };
    }
    let inputs = [(0, Codec::Pcmu)];
    let heard = run(&settings(&inputs, Format::new(Codec::Pcma)), flying, 5_000);
    let received = heard.stats;
    assert_unbroken(&heard, 160);
    assert!((380..=520).contains(&received.shortened_ms), "{received:?}");
    assert!(received.concealed_ms <= 500, "{received:?}");
}

#[test]
fn an_opus_packet_that_can_not_be_decoded_is_made_up_like_a_lost_one() {
    let inputs = [(111, Codec::Opus)];
    let settings = settings(&inputs, Format::new(Codec::Pcma));
    let said = signal::speech(48_000, 48_000 * 4, 2);
    let mut flying = packets(&Format::new(Codec::Opus), 111, &said, 48_000);
    // So that packets wait, and the next one is there.
    for packet in flying.iter_mut().step_by(3) {
        packet.at += 45_000;
    }
    let clean = run(&settings, flying.clone(), 5_000);
    let mut corrupt = flying;
    // Two frames of one length, in an odd number of octets.
    corrupt[100].payload = vec![corrupt[100].payload[0] | 1, 1, 2, 3];
    let heard = run(&settings, corrupt, 5_000);
    let (before, after) = (clean.stats, heard.stats);
    assert_eq!(after.invalid, 1);
    assert_eq!(after.concealed_ms, before.concealed_ms + 20);
    assert_unbroken(&heard, 160);
    assert_eq!(heard.frames.len(), clean.frames.len());
    // All around it is where it was.
    for range in [8_000..15_000, 18_000..30_000] {
        let (ratio, delay) = signal::snr(&clean.samples[range.clone()], &heard.samples[range], 40);
        assert!(ratio > 20.0 && delay == 0, "{ratio:.1} dB at {delay}");
    }
}

#[test]
fn another_source_takes_over_on_the_same_timeline() {
    let inputs = [(0, Codec::Pcmu), (8, Codec::Pcma), (111, Codec::Opus)];
    for (payload_type, codec) in [(0, Codec::Pcmu), (8, Codec::Pcma), (111, Codec::Opus)] {
        let said = signal::sine(8_000, 350.0, 9_000.0, 16_000);
        let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
        let mut second = packets(&Format::new(codec), payload_type, &said, 8_000);
        for packet in &mut second {
            packet.ssrc = 99;
            packet.at += 2_000_000;
            packet.sequence = packet.sequence.wrapping_add(9_999);
            packet.timestamp = packet.timestamp.wrapping_add(123_456_789);
        }
        flying.extend(second);
        let heard = run(&settings(&inputs, Format::new(Codec::G722)), flying, 5_000);
        assert_unbroken(&heard, 160);
        assert_eq!(heard.stats.streams, 2, "{codec:?}");
        let natural = signal::steepest(&said);
        let (at, steep) = heard
            .samples
            .windows(2)
            .map(|w| (i32::from(w[1]) - i32::from(w[0])).abs())
            .enumerate()
            .max_by_key(|x| x.1)
            .unwrap();
        assert!(
            signal::steepest(&heard.samples) < natural * 2,
            "{codec:?} {steep} at {at} of {} {:?}",
            heard.samples.len(),
            &heard.samples[at - 20..at + 20]
        );
        let late = &heard.samples[heard.samples.len() - 32_000..heard.samples.len() - 8_000];
        assert!(
            (signal::rms(late) / (9_000.0 / 2.0_f64.sqrt()) - 1.0).abs() < 0.1,
            "{codec:?}"
        );
    }
}

#[test]
fn a_caller_that_was_stopped_for_a_second_sends_no_burst() {
    let said = signal::sine(8_000, 350.0, 9_000.0, 32_000);
    let flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
    let inputs = [(0, Codec::Pcmu)];
    let mut transcoder = Transcoder::new(&settings(&inputs, Format::new(Codec::Pcma))).unwrap();
    let begin = Instant::now();
    let mut frames = Vec::new();
    let mut payload = [0; 200];
    for packet in flying {
        let now = begin + Duration::from_micros(packet.at);
        let arrival = Arrival {
            ssrc: 1,
            payload_type: 0,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            payload: &packet.payload,
        };
        transcoder.push(now, &arrival);
        if !(1_000_000..2_000_000).contains(&packet.at) {
            let mut at_once = 0;
            while let Some(frame) = transcoder.poll(now + 15 * MS, &mut payload) {
                frames.push((packet.at, frame));
                at_once += 1;
            }
            assert!(at_once <= 8, "{at_once}");
        }
    }
    let (first, last) = (frames[0], frames[frames.len() - 1]);
    let passed = passed(frames.iter().map(|(_, frame)| frame));
    assert!(
        u64::from(passed / 8).abs_diff((last.0 - first.0) / 1_000) <= 40,
        "the timeline kept up"
    );
}

#[test]
fn junk_is_refused_and_harms_nothing() {
    let inputs = [(0, Codec::Pcmu), (96, Codec::l16(16_000)), (111, Codec::Opus)];
    let mut transcoder = Transcoder::new(&settings(&inputs, Format::new(Codec::Pcma))).unwrap();
    let mut source = Noise::new(4);
    let mut now = Instant::now();
    let mut payload = [0; 1_500];
    for _ in 0..30_000 {
        now += Duration::from_micros(source.below(20_000));
        let junk: Vec<u8> = (0..source.below(60) * source.below(30))
            .map(|_| source.bits() as u8)
            .collect();
        let arrival = Arrival {
            ssrc: source.below(3) as u32,
            payload_type: [0, 96, 111, 13, 101, 5][source.below(6) as usize],
            sequence: source.bits() as u16,
            timestamp: source.bits() as u32,
            payload: &junk,
        };
        transcoder.push(now, &arrival);
        while transcoder.poll(now, &mut payload).is_some() {}
    }
    let empty = Arrival {
        ssrc: 1,
        payload_type: 0,
        sequence: 0,
        timestamp: 0,
        payload: &[],
    };
    assert_eq!(transcoder.push(now, &empty), Pushed::Unknown);
    let long = Arrival {
        payload: &[0; 961],
        ..empty
    };
    assert_eq!(transcoder.push(now, &long), Pushed::Unknown, "longer than 120 ms");
    let stranger = Arrival {
        payload_type: 77,
        payload: &[0; 160],
        ..empty
    };
    assert_eq!(transcoder.push(now, &stranger), Pushed::Unknown);
}
