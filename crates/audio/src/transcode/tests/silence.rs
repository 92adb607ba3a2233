//! Comfort noise, gaps that the sender leaves, events, and the end.

use super::*;

/// One second of speech, comfort noise for two, and speech again.
fn with_pause() -> Vec<Flying> {
    let said = signal::sine(8_000, 350.0, 9_000.0, 32_000);
    let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
    let mut sequence = flying[0].sequence;
    flying.retain(|packet| !(1_000_000..3_000_000).contains(&packet.sent));
    let noise = |sent: u64| Flying {
        sent,
        at: sent,
        payload_type: 13,
        ssrc: 7,
        sequence: 0,
        timestamp: 0xffff_f000_u32.wrapping_add((sent / 125) as u32),
        payload: vec![45],
    };
    flying.push(noise(1_000_000));
    flying.push(noise(2_000_000));
    flying.sort_by_key(|packet| packet.sent);
    for packet in &mut flying {
        packet.sequence = sequence;
        sequence = sequence.wrapping_add(1);
    }
    flying
}

#[test]
fn comfort_noise_is_heard_as_noise_by_who_does_not_take_it() {
    let inputs = [(0, Codec::Pcmu)];
    let heard = run(
        &settings(&inputs, Format::new(Codec::l16(8_000))),
        with_pause(),
        5_000,
    );
    assert_unbroken(&heard, 160);
    let out = decode(Codec::l16(8_000), 8_000, &heard);
    let level = crate::level::dbov(crate::level::power(&out[12_000..23_000]));
    assert!((level + 45.0).abs() < 1.0, "{level}");
    assert!((signal::rms(&out[25_000..30_000]) / 6_364.0 - 1.0).abs() < 0.05);
    assert_eq!(heard.stats.late, 0);
}

#[test]
fn comfort_noise_goes_on_as_such_to_who_takes_it() {
    let inputs = [(0, Codec::Pcmu)];
    let mut settings = settings(&inputs, Format::new(Codec::Pcma));
    settings.noise_out = true;
    let heard = run(&settings, with_pause(), 5_000);
    let noise: Vec<_> = heard
        .frames
        .iter()
        .filter(|(_, frame, _)| frame.kind == FrameKind::Noise)
        .collect();
    assert!((3..=6).contains(&noise.len()), "{}", noise.len());
    assert!(
        noise
            .iter()
            .all(|(_, frame, payload)| payload == &[45] && !frame.marker)
    );
    let markers: Vec<_> = heard.frames.iter().filter(|(_, frame, _)| frame.marker).collect();
    assert_eq!(markers.len(), 2, "the first, and the first after the silence");
    // Timestamps say how long it was.
    for (n, (micros, ..)) in heard.frames.iter().enumerate() {
        let passed = passed(heard.frames[..=n].iter().map(|(_, frame, _)| frame));
        let sent = micros - heard.frames[0].0;
        assert!(u64::from(passed / 8).abs_diff(sent / 1_000) <= 25);
    }
    assert!(heard.frames.len() < 130, "{}", heard.frames.len());
}

#[test]
fn a_gap_that_the_sender_left_is_a_pause_not_a_loss() {
    let said = signal::sine(8_000, 350.0, 9_000.0, 40_000);
    let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
    flying.retain(|packet| !(2_000_000..4_000_000).contains(&packet.sent));
    for (n, packet) in flying.iter_mut().enumerate() {
        packet.sequence = 100 + n as u16;
    }
    let inputs = [(0, Codec::Pcmu)];
    let heard = run(&settings(&inputs, Format::new(Codec::Pcma)), flying, 5_000);
    assert_unbroken(&heard, 160);
    let received = heard.stats;
    assert!(received.concealed_ms <= 420 && received.late == 0, "{received:?}");
    assert!(signal::steepest(&heard.samples) < signal::steepest(&said) * 3 / 2);
}

#[test]
fn nothing_is_sent_beside_an_event_and_it_is_no_loss() {
    let said = signal::sine(8_000, 350.0, 9_000.0, 24_000);
    let mut flying = packets(&Format::new(Codec::Pcmu), 0, &said, 8_000);
    let start = flying[50].timestamp;
    for packet in &mut flying[50..65] {
        packet.payload_type = 101;
        packet.timestamp = start;
        packet.payload = vec![5, 10, 0, 160];
    }
    let inputs = [(0, Codec::Pcmu)];
    let heard = run(&settings(&inputs, Format::new(Codec::Pcma)), flying, 5_000);
    assert!(heard.stats.concealed_ms <= 220, "{:?}", heard.stats);
    let gaps: Vec<_> = heard
        .frames
        .windows(2)
        .filter(|pair| pair[1].1.step != 160)
        .collect();
    let [pair] = gaps[..] else {
        panic!("{} gaps", gaps.len());
    };
    assert!(pair[1].1.marker);
    // 300 ms, give or take what was under way.
    assert!((12..=18).contains(&(pair[1].1.step / 160)), "{}", pair[1].1.step);
    assert!((pair[1].0 - pair[0].0).abs_diff(u64::from(pair[1].1.step) * 125) <= 10_000);
}

#[test]
fn nothing_is_sent_before_the_first_packet_or_long_after_the_last() {
    let inputs = [(0, Codec::Pcmu)];
    let settings = settings(&inputs, Format::new(Codec::Pcma));
    let mut transcoder = Transcoder::new(&settings).unwrap();
    let begin = Instant::now();
    let mut payload = [0; 200];
    assert_eq!(transcoder.poll_timeout(), None);
    assert_eq!(transcoder.poll(begin, &mut payload), None);
    let arrival = |sequence: u16| Arrival {
        ssrc: 1,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        payload: &[0x55; 160],
    };
    transcoder.push(begin, &arrival(1));
    let mut frames = Vec::new();
    for ms in (0..10_000).step_by(5) {
        while let Some(frame) = transcoder.poll(begin + ms * MS, &mut payload) {
            frames.push(frame);
        }
    }
    assert!(
        (245..=255).contains(&frames.len()),
        "five seconds of silence: {}",
        frames.len()
    );
    assert_eq!(transcoder.poll_timeout(), None);
    // It comes back after a minute: the timestamp says so.
    let later = begin + 60_000 * MS;
    transcoder.push(later, &arrival(2));
    let at = transcoder.poll_timeout().unwrap();
    let frame = transcoder.poll(at, &mut payload).unwrap();
    assert!(frame.marker);
    let passed = passed(frames.iter().chain([&frame])) / 8;
    assert!(passed.abs_diff(60_000) <= 40, "{passed}");
}

#[test]
fn who_takes_nothing_sends_nothing() {
    let mut transcoder = Transcoder::new(&settings(&[], Format::new(Codec::Pcma))).unwrap();
    let now = Instant::now();
    let arrival = Arrival {
        ssrc: 1,
        payload_type: 13,
        sequence: 1,
        timestamp: 0,
        payload: &[40],
    };
    transcoder.push(now, &arrival);
    let mut payload = [0; 200];
    for ms in 0..1_000 {
        while transcoder.poll(now + ms * MS, &mut payload).is_some() {}
    }
}
