//! Digits as tones: said, heard and taken out, in each codec and over a network that loses.

use super::*;
use crate::control::{Audio, AudioFormat, Codec, Format};
use crate::packet::Packet;
use crate::rtp;
use crate::session::Numbers;
use audio::dtmf::DigitDetector;
use audio::{Decoder, Encoder, samples_in};
use smallvec::smallvec;
use std::sync::Arc;

const CODECS: [Codec; 5] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::l16(16_000),
];

fn spoken(codec: Codec) -> Arc<Audio> {
    let send = Format {
        payload_type: 100,
        audio: AudioFormat::new(codec),
    };
    Arc::new(Audio {
        send,
        accepts: smallvec![send],
        events: None,
        comfort_noise: None,
    })
}

/// A packet of a row, with some padding if it is wanted.
fn packet(sequence: u16, payload: &[u8], padding: u8) -> Vec<u8> {
    let numbers = Numbers {
        ssrc: 7,
        sequence,
        timestamp: u32::from(sequence) * 160,
        marker: false,
    };
    let mut bytes = rtp::write(100, &numbers).to_vec();
    bytes.extend_from_slice(payload);
    if padding > 0 {
        bytes[0] |= 0x20;
        bytes.resize(bytes.len() + usize::from(padding) - 1, 0);
        bytes.push(padding);
    }
    bytes
}

/// What is said when these digits are, a frame of 20 ms each: silence before and behind.
fn said(codec: Codec, digits: &str, ms: u64) -> Vec<Vec<u8>> {
    let mut now = Instant::now();
    let mut tones = Tones::new(spoken(codec));
    let rate = codec.rate();
    let mut encoder = Encoder::new(&AudioFormat::new(codec), rate).unwrap();
    let mut payloads = Vec::new();
    let mut silence = |payloads: &mut Vec<Vec<u8>>| {
        let mut payload = vec![0; 2000];
        let length = encoder
            .encode(&vec![0; samples_in(rate, 20)], &mut payload)
            .unwrap();
        payload.truncate(length);
        payloads.push(payload);
    };
    (0..5).for_each(|_| silence(&mut payloads));
    for character in digits.chars() {
        assert!(tones.push(now, digit(character), millis(ms)));
    }
    while tones.is_busy() {
        let mut payload = vec![0; 2000];
        if let Some(frame) = tones.poll(now, &mut payload) {
            payload.truncate(frame.len);
            payloads.push(payload);
        }
        assert!(tones.poll_timeout().is_none_or(|at| at == now + FRAME));
        now += FRAME;
    }
    (0..5).for_each(|_| silence(&mut payloads));
    payloads
}

/// What an ear makes of packets that arrive 20 ms apart (`None`: lost): the digits, and the packets as they leave.
fn listen(codec: Codec, packets: &[Option<Vec<u8>>]) -> (Vec<Heard>, Vec<Vec<u8>>) {
    let mut now = Instant::now();
    let mut ear = Ear::new(spoken(codec));
    let (mut heard, mut left) = (Vec::new(), Vec::new());
    for bytes in packets {
        if let Some(bytes) = bytes {
            let mut buffer = bytes.clone();
            buffer.resize(3000, 0);
            let mut packet = Packet::new(&mut buffer, bytes.len());
            let header = rtp::parse(bytes).unwrap();
            ear.listen(now, &header, &mut packet);
            assert_eq!(rtp::parse(packet.bytes()), Some(header), "the header stays");
            left.push(packet.bytes().to_vec());
        }
        now += FRAME;
        ear.handle_timeout(now);
        heard.extend(std::iter::from_fn(|| ear.poll()));
    }
    while let Some(at) = ear.poll_timeout() {
        assert!(at > now, "told while it is due");
        now = at;
        ear.handle_timeout(now);
        heard.extend(std::iter::from_fn(|| ear.poll()));
    }
    (heard, left)
}

fn characters(heard: &[Heard]) -> String {
    heard.iter().map(|heard| heard.digit.character()).collect()
}

/// What a listener behind the ear still hears as digits, and how much of the tones there is, in milliseconds.
fn remains(codec: Codec, packets: &[Vec<u8>]) -> (usize, u64) {
    let rate = codec.decode_rate(codec.rate());
    let mut decoder = Decoder::new(codec, codec.rate()).unwrap();
    let mut detector = DigitDetector::new(rate, 10_000);
    let (mut digits, mut loud) = (0, 0u64);
    for bytes in packets {
        let mut samples = vec![0; 10_000];
        let count = decoder.decode(rtp::payload(bytes), &mut samples).unwrap();
        detector.push(&samples[..count], |_| digits += 1);
        loud += samples[..count]
            .iter()
            .filter(|sample| sample.abs() > 2000)
            .count() as u64;
    }
    (digits, loud * 1000 / u64::from(rate))
}

#[test]
fn every_digit_is_said_heard_and_taken_out_in_each_codec() {
    for codec in CODECS {
        let all = "0123456789*#ABCD";
        let payloads = said(codec, all, 100);
        let packets: Vec<_> = (0..)
            .zip(&payloads)
            .map(|(n, payload)| Some(packet(n, payload, 0)))
            .collect();
        let (heard, left) = listen(codec, &packets);
        assert_eq!(characters(&heard), all, "{codec:?}");
        for Heard { digit, duration } in heard {
            let ms = duration.as_millis();
            assert!((70..=130).contains(&ms), "{codec:?} {digit}: {ms} ms");
        }
        let before: Vec<_> = packets.iter().flatten().cloned().collect();
        assert_eq!(remains(codec, &before).0, 2 * 16, "{codec:?}: they are all there");
        let (digits, loud) = remains(codec, &left);
        assert_eq!(digits, 0, "{codec:?}");
        // Sixteen beginnings, up to a packet and a half each.
        assert!(loud < 16 * 30, "{codec:?}: {loud} ms are left");
        assert_eq!(left.len(), packets.len());
    }
}

#[test]
fn two_equal_digits_with_a_pause_are_two() {
    for ms in [60, 80, 200, 1000] {
        let payloads = said(Codec::Pcma, "1121", ms);
        let packets: Vec<_> = (0..)
            .zip(&payloads)
            .map(|(n, payload)| Some(packet(n, payload, 0)))
            .collect();
        let (heard, _) = listen(Codec::Pcma, &packets);
        assert_eq!(characters(&heard), "1121", "{ms} ms");
    }
}

#[test]
fn a_packet_that_is_lost_late_or_doubled_splits_nothing() {
    let payloads = said(Codec::Pcmu, "5", 240);
    let first = 65_530;
    let row: Vec<_> = (0..)
        .zip(&payloads)
        .map(|(n, payload)| Some(packet(u16::wrapping_add(first, n), payload, 0)))
        .collect();
    for place in 5..17 {
        let mut lost = row.clone();
        lost[place] = None;
        assert_eq!(characters(&listen(Codec::Pcmu, &lost).0), "5", "{place} lost");
        let mut late = row.clone();
        late.swap(place, place + 1);
        let (heard, left) = listen(Codec::Pcmu, &late);
        assert_eq!(characters(&heard), "5", "{place} late");
        assert_eq!(remains(Codec::Pcmu, &left).0, 0);
        let mut doubled = row.clone();
        doubled.insert(place, row[place].clone());
        assert_eq!(
            characters(&listen(Codec::Pcmu, &doubled).0),
            "5",
            "{place} doubled"
        );
    }
}

#[test]
fn a_tone_that_is_cut_off_is_over_soon() {
    let payloads = said(Codec::Pcmu, "9", 400);
    let packets: Vec<_> = (0..)
        .zip(&payloads[..15])
        .map(|(n, payload)| Some(packet(n, payload, 0)))
        .collect();
    let (heard, _) = listen(Codec::Pcmu, &packets);
    assert_eq!(characters(&heard), "9");
    let ms = heard[0].duration.as_millis();
    assert!((170..=230).contains(&ms), "{ms} ms");
}

#[test]
fn padding_stays_padding_and_what_is_no_audio_is_let_pass() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let payloads = said(codec, "3", 200);
        let packets: Vec<_> = (0..)
            .zip(&payloads)
            .map(|(n, payload)| Some(packet(n, payload, 4)))
            .collect();
        let (heard, left) = listen(codec, &packets);
        assert_eq!(characters(&heard), "3");
        assert_eq!(remains(codec, &left).0, 0);
        if codec == Codec::Pcmu {
            assert!(left.iter().all(|bytes| rtp::payload(bytes).len() == 160));
        }
    }
    let mut ear = Ear::new(spoken(Codec::Opus));
    for payload in [&[][..], &[0xff], &[0x03, 0xff, 0xff], &[0x9b; 40]] {
        let mut bytes = packet(1, payload, 0);
        let (before, length) = (bytes.clone(), bytes.len());
        bytes.resize(200, 0);
        let header = rtp::parse(&before).unwrap();
        let mut hostile = Packet::new(&mut bytes, length);
        assert!(!ear.listen(Instant::now(), &header, &mut hostile));
        assert_eq!(hostile.bytes(), before);
        let mut other = Packet::new(&mut bytes, length);
        let header = Header {
            payload_type: 13,
            ..header
        };
        assert!(!ear.listen(Instant::now(), &header, &mut other));
    }
}

#[test]
fn a_queue_of_tones_is_bounded_and_a_flash_has_none() {
    let now = Instant::now();
    let mut tones = Tones::new(spoken(Codec::Pcmu));
    assert!(!tones.push(now, Digit::FLASH, millis(100)));
    assert!(!tones.is_busy());
    let taken = (0..100)
        .filter(|_| tones.push(now, digit('1'), millis(100)))
        .count();
    assert_eq!(taken, 1 + QUEUE);
}
