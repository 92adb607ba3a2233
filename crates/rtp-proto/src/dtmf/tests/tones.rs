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
        comfort_noise: Some(13),
    })
}

fn numbered(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let numbers = Numbers {
        ssrc: 7,
        sequence,
        timestamp,
        marker: false,
    };
    let mut bytes = rtp::write(payload_type, &numbers).to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// A packet of a row, with some padding if it is wanted.
fn packet(sequence: u16, payload: &[u8], padding: u8) -> Vec<u8> {
    let mut bytes = numbered(100, sequence, u32::from(sequence) * 160, payload);
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

/// A row of PCMU as it comes from one who sends nothing in a pause, or `noise` when it begins: the numbers go on, time jumps.
fn without_pauses(payloads: &[Vec<u8>], noise: bool) -> Vec<Option<Vec<u8>>> {
    let mut sequence = 65_530_u16;
    let (mut row, mut speaks) = (Vec::new(), false);
    for (n, payload) in (0..).zip(payloads) {
        let sounds = payload.iter().any(|octet| (*octet | 0x80) < 0xf0);
        let first_silent = speaks && !sounds;
        speaks = sounds;
        row.push((sounds || (first_silent && noise)).then(|| {
            let payload_type = if sounds { 100 } else { 13 };
            sequence = sequence.wrapping_add(1);
            let payload = if sounds { payload } else { &[60][..] };
            numbered(payload_type, sequence, n * 160, payload)
        }));
    }
    row
}

#[test]
fn a_pause_that_is_not_sent_is_one() {
    let payloads = said(Codec::Pcmu, "11", 200);
    for noise in [false, true] {
        let row = without_pauses(&payloads, noise);
        let sent = row.iter().flatten().count();
        assert!(sent < payloads.len() - 11, "{sent}: there are pauses");
        assert_eq!(characters(&listen(Codec::Pcmu, &row).0), "11", "noise: {noise}");
    }
}

/// RFC 3551 §4.5.2: G.722 has a clock of 8000 Hz, and some give it the 16000 of its samples. In each packet time seems to jump then.
#[test]
fn a_clock_that_is_too_fast_splits_no_tone() {
    let payloads = said(Codec::G722, "5", 200);
    let packets: Vec<_> = (0..)
        .zip(&payloads)
        .map(|(n, payload)| Some(numbered(100, n, u32::from(n) * 320, payload)))
        .collect();
    assert_eq!(characters(&listen(Codec::G722, &packets).0), "5");
}

/// A tone that begins and ends in one packet is heard at once, and leaves none of it.
#[test]
fn a_tone_within_one_packet_is_taken_out_whole() {
    for ms in [50, 60] {
        let mut payloads = said(Codec::Pcmu, "7", ms);
        payloads.insert(0, payloads[0].clone());
        let packets: Vec<_> = (0..)
            .zip(payloads.chunks(6))
            .map(|(n, six)| Some(packet(n, &six.concat(), 0)))
            .collect();
        let whole: Vec<_> = packets.iter().flatten().cloned().collect();
        assert_eq!(remains(Codec::Pcmu, &whole).0, 2);
        let (heard, left) = listen(Codec::Pcmu, &packets);
        assert_eq!(characters(&heard), "7", "{ms} ms");
        assert_eq!(remains(Codec::Pcmu, &left).0, 0, "{ms} ms");
    }
}

#[test]
fn other_audio_ends_what_is_heard_and_goes_on_with_what_waits() {
    let mut now = Instant::now();
    let mut ear = Ear::new(spoken(Codec::Pcmu));
    for (n, payload) in (0..).zip(&said(Codec::Pcmu, "4", 400)[..15]) {
        let mut bytes = packet(n, payload, 0);
        let (header, length) = (rtp::parse(&bytes).unwrap(), bytes.len());
        ear.listen(now, &header, &mut Packet::new(&mut bytes, length));
        now += FRAME;
    }
    assert_eq!(ear.poll(), None, "it goes on");
    ear.retune(spoken(Codec::Pcma));
    assert_eq!(ear.poll().map(|heard| heard.digit), Some(digit('4')));
    assert_eq!((ear.poll(), ear.poll_timeout()), (None, None));

    let mut tones = Tones::new(spoken(Codec::Pcmu));
    for character in "12".chars() {
        assert!(tones.push(now, digit(character), millis(100)));
    }
    let mut payload = [0; 2000];
    assert!(tones.poll(now, &mut payload).is_some());
    tones.retune(now, spoken(Codec::Pcma));
    let mut decoder = Decoder::new(Codec::Pcma, 8000).unwrap();
    let mut detector = DigitDetector::new(8000, 320);
    let mut sounded = String::new();
    while tones.is_busy() {
        if let Some(frame) = tones.poll(now, &mut payload) {
            let mut samples = [0; 320];
            let count = decoder.decode(&payload[..frame.len], &mut samples).unwrap();
            detector.push(&samples[..count], |heard| match heard {
                audio::dtmf::Heard::Began { digit, .. } => sounded.push(digit.char()),
                audio::dtmf::Heard::Ended { .. } => {}
            });
        }
        now += FRAME;
    }
    assert_eq!(sounded, "2");
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
