//! Peers that speak different codecs, and sounds that are played to one.

use super::*;
use crate::control::{Audio, AudioFormat, Codec, Country, Digits, Format, Said, Sound, SoundSource, Tone};
use crate::rtp::Header;
use audio::{Decoder, Encoder};

mod silence;

const EVENT_A: u8 = 101;
/// What A may send its events with, too.
const OTHER_A: u8 = 97;
const EVENT_B: u8 = 96;

/// What a leg speaks; the first is what it hears.
fn speaks(formats: &[(u8, Codec)], events: Option<(u8, u32)>, noise: Option<u8>) -> Arc<Audio> {
    let accepts: smallvec::SmallVec<[Format; 2]> = formats
        .iter()
        .map(|(payload_type, codec)| Format {
            payload_type: *payload_type,
            audio: AudioFormat::new(*codec),
        })
        .collect();
    Arc::new(Audio {
        send: accepts[0],
        accepts,
        events,
        comfort_noise: noise,
    })
}

fn digits(events: Option<(u8, u32)>) -> Option<Arc<Digits>> {
    Some(Arc::new(Digits {
        said: Said::Events,
        events,
        heard: events.iter().flat_map(|(pt, _)| [*pt, OTHER_A]).collect(),
    }))
}

fn converted(media: &str, audio: &Arc<Audio>) -> Leg {
    with(leg(media), |leg| {
        leg.map = PtMap::only();
        leg.needs.transcode = Some(audio.clone());
        leg.needs.digits = digits(audio.events);
    })
}

/// A call in virtual time: what A says, and what B is sent.
struct Call {
    relay: Relay,
    encoder: Encoder,
    format: Format,
    sequence: u16,
    timestamp: u32,
    sample: usize,
    heard: Vec<(Instant, Header, Vec<u8>)>,
    notices: Vec<Notice>,
}

impl Call {
    fn new(a: &Arc<Audio>, b: &Arc<Audio>) -> Self {
        Self {
            relay: Relay::between(converted(A, a), converted(B, b)),
            encoder: Encoder::new(&a.send.audio, a.send.audio.codec.rate()).unwrap(),
            format: a.send,
            sequence: 40_000,
            timestamp: 4_294_960_000,
            sample: 0,
            heard: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn packet(&self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&0xaaaa_u32.to_be_bytes());
        packet.extend_from_slice(payload);
        packet
    }

    /// The next 20 ms of a tone of 500 Hz.
    fn next_payload(&mut self) -> Vec<u8> {
        let rate = self.format.audio.codec.rate();
        let samples: Vec<i16> = (0..rate as usize / 50)
            .map(|n| {
                let t = (self.sample + n) as f64 / f64::from(rate);
                ((t * 500.0 * std::f64::consts::TAU).sin() * 9_000.0) as i16
            })
            .collect();
        self.sample += samples.len();
        let mut payload = vec![0; 2_000];
        let len = self.encoder.encode(&samples, &mut payload).unwrap();
        payload.truncate(len);
        payload
    }

    fn deliver(&mut self, bytes: &[u8]) -> Verdict {
        let mut packet = bytes.to_vec();
        let verdict = self.relay.receive_in(Side::A, Channel::Rtp, A, &mut packet);
        if let Verdict::Forward { .. } = verdict {
            self.keep(&packet);
        }
        verdict
    }

    fn keep(&mut self, bytes: &[u8]) {
        let header = rtp::parse(bytes).unwrap();
        self.heard
            .push((self.relay.now, header, rtp::payload(bytes).to_vec()));
    }

    /// 20 ms pass, and the session says what it has to whenever it wants to.
    fn wait(&mut self) {
        for _ in 0..4 {
            let notices = self.relay.pass(5);
            self.notices.extend(notices);
            let mut buffer = [0; 1_600];
            loop {
                let mut packet = Packet::new(&mut buffer, 0);
                let Some(transmit) = self.relay.session.poll_transmit(self.relay.now, &mut packet) else {
                    break;
                };
                assert_eq!((transmit.side, transmit.to), (Side::B, at(B)));
                let bytes = packet.bytes().to_vec();
                self.keep(&bytes);
            }
            self.notices
                .extend(std::iter::from_fn(|| self.relay.session.poll_notice()));
        }
    }

    fn step(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.format.audio.codec.clock() / 50);
    }

    fn speak(&mut self, frames: usize) {
        for _ in 0..frames {
            let payload = self.next_payload();
            let packet = self.packet(self.format.payload_type, &payload);
            self.deliver(&packet);
            self.step();
            self.wait();
        }
    }

    /// What B hears from its `from`th packet on.
    fn samples(&self, codec: Codec, from: usize) -> Vec<i16> {
        let mut decoder = Decoder::new(codec, codec.rate()).unwrap();
        let mut samples = [0; 5_760];
        self.heard[from..]
            .iter()
            .flat_map(|(_, _, payload)| {
                let n = decoder.decode(payload, &mut samples).unwrap();
                samples[..n].to_vec()
            })
            .collect()
    }

    fn assert_one_stream(&self) {
        let ssrc = self.heard[0].1.ssrc;
        for pair in self.heard.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            assert_eq!(after.ssrc, ssrc);
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            assert!(after.timestamp.wrapping_sub(before.timestamp) < 1 << 31);
        }
    }
}

fn level(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
    (energy / samples.len() as f64).sqrt()
}

#[test]
fn every_pair_is_converted_into_one_stream_of_ours() {
    let codecs = [
        (0, Codec::Pcmu),
        (8, Codec::Pcma),
        (9, Codec::G722),
        (111, Codec::Opus),
        (97, Codec::l16(16_000)),
    ];
    for from in codecs {
        for to in codecs.into_iter().filter(|to| to.1 != from.1) {
            let mut call = Call::new(&speaks(&[from], None, None), &speaks(&[to], None, None));
            call.speak(100);
            assert!(call.heard.len() >= 98, "{from:?} {to:?}: {}", call.heard.len());
            call.assert_one_stream();
            assert!(
                call.heard
                    .iter()
                    .all(|(_, header, _)| header.payload_type == to.0)
            );
            let samples = call.samples(to.1, 20);
            let heard = level(&samples) / 6_364.0;
            assert!((0.8..1.15).contains(&heard), "{from:?} {to:?}: {heard}");
            let stats = call.relay.leg_stats(Side::B);
            assert_eq!(stats.sent_packets, call.heard.len() as u64);
            assert_eq!(call.relay.leg_stats(Side::A).dropped.total(), 0);
        }
    }
}

#[test]
fn a_converted_stream_has_numbers_of_its_own_that_begin_low() {
    let mut call = Call::new(
        &speaks(&[(0, Codec::Pcmu)], None, None),
        &speaks(&[(9, Codec::G722)], None, None),
    );
    call.speak(20);
    let (_, first, _) = &call.heard[0];
    assert!(first.sequence < 0x8000 && first.marker);
    assert_ne!(first.ssrc, 0xaaaa);
    for pair in call.heard.windows(2) {
        assert_eq!(pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp), 160);
    }
}

#[test]
fn another_law_is_converted_in_place_and_at_once() {
    for (from, to, silence) in [
        ((0, Codec::Pcmu), (8, Codec::Pcma), (0xff, 0xd5)),
        // There is no silence quite as silent: table 4 of G.711 makes it the next value.
        ((8, Codec::Pcma), (0, Codec::Pcmu), (0xd5, 0xfe)),
    ] {
        let mut call = Call::new(&speaks(&[from], None, None), &speaks(&[to], None, None));
        let packet = call.packet(from.0, &[silence.0; 160]);
        assert_eq!(call.deliver(&packet), rtp_to(B));
        let (_, header, payload) = &call.heard[0];
        assert_eq!(
            (header.payload_type, header.ssrc, header.sequence),
            (to.0, 0xaaaa, 40_000)
        );
        assert_eq!(payload, &[silence.1; 160]);
        assert_eq!(call.relay.session.b.voice_at(), None, "no clock of ours");
    }
}

#[test]
fn packets_of_another_length_need_the_transcoder_from_then_on() {
    let (a, b) = (
        speaks(&[(0, Codec::Pcmu)], None, None),
        speaks(&[(8, Codec::Pcma)], None, None),
    );
    let mut call = Call::new(&a, &b);
    call.speak(10);
    assert_eq!(call.heard.len(), 10);
    // From now on A sends 30 ms.
    for _ in 0..30 {
        let packet = call.packet(0, &[0x20; 240]);
        assert_eq!(call.deliver(&packet), Verdict::Kept);
        call.sequence = call.sequence.wrapping_add(1);
        call.timestamp = call.timestamp.wrapping_add(240);
        call.wait();
        call.relay.now += Duration::from_millis(10);
    }
    call.assert_one_stream();
    assert!(call.heard.len() > 50);
    assert!(call.heard.iter().all(|(_, _, payload)| payload.len() == 160));
}

#[test]
fn loss_and_a_source_that_changes_stay_inside() {
    let (a, b) = (
        speaks(&[(9, Codec::G722)], None, None),
        speaks(&[(0, Codec::Pcmu)], None, None),
    );
    let mut call = Call::new(&a, &b);
    call.speak(30);
    for _ in 0..3 {
        call.next_payload();
        call.step();
        call.wait();
    }
    call.speak(30);
    let frames = call.heard.len();
    // The peer begins anew under another SSRC and with other numbers.
    call.sequence = 7;
    call.timestamp = 99;
    let payload = call.next_payload();
    let mut packet = call.packet(9, &payload);
    packet[8..12].copy_from_slice(&0xbbbb_u32.to_be_bytes());
    call.deliver(&packet);
    call.step();
    call.wait();
    call.assert_one_stream();
    assert!(frames >= 61, "{frames}");
    for pair in call.heard.windows(2) {
        assert_eq!(pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp), 160);
    }
}

/// Under the number that the peer takes events with, or under another that it may send them with.
#[test]
fn a_digit_crosses_a_converted_call_and_nothing_is_said_beside_it() {
    for number in [EVENT_A, OTHER_A] {
        a_digit_crosses(number);
    }
}

fn a_digit_crosses(number: u8) {
    let a = speaks(&[(111, Codec::Opus)], Some((EVENT_A, 48_000)), None);
    let b = speaks(&[(0, Codec::Pcmu)], Some((EVENT_B, 8_000)), None);
    let mut call = Call::new(&a, &b);
    call.speak(30);
    let start = call.timestamp;
    // 200 ms, each packet with the start's timestamp, the end said thrice.
    for n in 1..=12_u16 {
        let duration = (n.min(10) * 960).to_be_bytes();
        let end = if n >= 10 { 0x80 } else { 0 };
        let packet = call.packet(number, &[5, end | 10, duration[0], duration[1]]);
        call.deliver(&packet);
        call.sequence = call.sequence.wrapping_add(1);
        if n <= 10 {
            call.wait();
        }
    }
    call.timestamp = start.wrapping_add(9_600);
    call.speak(30);
    call.assert_one_stream();
    let events: Vec<_> = call
        .heard
        .iter()
        .filter(|(_, header, _)| header.payload_type == EVENT_B)
        .collect();
    assert_eq!(events.len(), 12);
    assert!(
        events
            .iter()
            .all(|(_, header, _)| header.timestamp == events[0].1.timestamp)
    );
    let durations: Vec<u16> = events
        .iter()
        .map(|(_, _, p)| u16::from_be_bytes([p[2], p[3]]))
        .collect();
    assert_eq!(durations[9..], [1_600; 3]);
    // Between the first and the last of them there is no audio but what was under way.
    let index = |pt| {
        call.heard
            .iter()
            .position(|(_, header, _)| header.payload_type == pt)
            .unwrap()
    };
    let first = index(EVENT_B);
    let between = &call.heard[first..first + 16];
    let audio = between
        .iter()
        .filter(|(_, header, _)| header.payload_type == 0)
        .count();
    assert!(audio <= 4, "{audio}");
    // And the time that it took is in the timestamps.
    let (began, before, _) = &call.heard[first - 1];
    let (ended, after, _) = call.heard.last().unwrap();
    let passed = ended.duration_since(*began).as_millis() as u32 * 8;
    assert!(after.timestamp.wrapping_sub(before.timestamp).abs_diff(passed) <= 400);
    assert!(
        call.notices
            .iter()
            .any(|n| matches!(n, Notice::Digit { side: Side::A, .. }))
    );
}

#[test]
fn comfort_noise_is_put_on_the_other_leg() {
    let a = speaks(&[(0, Codec::Pcmu)], None, Some(13));
    let b = speaks(&[(9, Codec::G722)], None, Some(13));
    let mut call = Call::new(&a, &b);
    call.speak(30);
    let packet = call.packet(13, &[50]);
    call.deliver(&packet);
    call.sequence = call.sequence.wrapping_add(1);
    for _ in 0..50 {
        call.timestamp = call.timestamp.wrapping_add(160);
        call.wait();
    }
    call.speak(20);
    call.assert_one_stream();
    let noise: Vec<_> = call
        .heard
        .iter()
        .filter(|(_, h, _)| h.payload_type == 13)
        .collect();
    assert!((2..=4).contains(&noise.len()), "{}", noise.len());
    assert!(noise.iter().all(|(_, _, payload)| payload == &[50]));
    assert!(call.heard.len() < 65, "silence is not sent: {}", call.heard.len());
}

#[test]
fn what_nobody_agreed_on_is_dropped() {
    let mut call = Call::new(
        &speaks(&[(0, Codec::Pcmu)], None, None),
        &speaks(&[(9, Codec::G722)], None, None),
    );
    let packet = call.packet(18, &[1; 20]);
    assert_eq!(call.deliver(&packet), dropped(DropReason::PayloadType));
    let packet = call.packet(0, &[]);
    assert_eq!(call.deliver(&packet), dropped(DropReason::PayloadType));
}

#[test]
fn a_held_peer_is_sent_nothing_and_hears_on_when_it_is_back() {
    let (a, b) = (
        speaks(&[(0, Codec::Pcmu)], None, None),
        speaks(&[(9, Codec::G722)], None, None),
    );
    let mut call = Call::new(&a, &b);
    call.speak(20);
    let sent = call.heard.len();
    call.relay
        .update(Side::B, &with(converted(B, &b), |leg| leg.may_send = false));
    call.speak(50);
    assert_eq!(call.heard.len(), sent);
    call.relay.update(Side::B, &converted(B, &b));
    call.speak(20);
    call.assert_one_stream();
    assert!(call.heard.len() >= sent + 19);
    let (before, after) = (&call.heard[sent - 1], &call.heard[sent]);
    assert!(after.1.marker);
    let passed = after.0.duration_since(before.0).as_millis() as u32 * 8;
    assert!(
        after
            .1
            .timestamp
            .wrapping_sub(before.1.timestamp)
            .abs_diff(passed)
            <= 400
    );
}

#[test]
fn a_leg_that_speaks_the_same_after_all_is_relayed_again() {
    let (a, b) = (
        speaks(&[(0, Codec::Pcmu)], None, None),
        speaks(&[(9, Codec::G722)], None, None),
    );
    let mut call = Call::new(&a, &b);
    call.speak(20);
    assert!(call.relay.session.flow(Side::A).is_none());
    call.relay.update(Side::A, &leg(A));
    call.relay.update(Side::B, &leg(B));
    call.speak(20);
    call.assert_one_stream();
    assert_eq!(call.heard.last().unwrap().1.payload_type, 0);
}

fn busy(times: u32) -> Sound {
    Sound {
        source: SoundSource::Tone {
            tone: Tone::Busy,
            country: Country::De,
        },
        times,
    }
}

#[test]
fn a_sound_takes_the_place_of_the_other_leg_until_it_is_hushed() {
    let pcma = speaks(&[(8, Codec::Pcma)], None, None);
    let mut call = Call::new(&pcma, &pcma);
    // Nothing is converted here: a plain relay.
    call.relay = Relay::plain();
    call.speak(10);
    let now = call.relay.now;
    call.relay.session.play(now, Side::B, &busy(0), &pcma);
    assert!(call.relay.session.roused());
    assert!(call.relay.session.flow(Side::A).is_none());
    call.speak(50);
    assert!((60..=61).contains(&call.heard.len()), "{}", call.heard.len());
    call.relay.session.hush(Side::B);
    call.speak(10);
    call.assert_one_stream();
    assert_eq!(call.heard[0].1.ssrc, 0xaaaa);
    let markers = call
        .heard
        .iter()
        .skip(1)
        .filter(|(_, header, _)| header.marker)
        .count();
    assert_eq!(markers, 2, "the tone begins, and the other leg again");
    // 480 ms of tone, then silence.
    let samples = call.samples(Codec::Pcma, 10);
    assert!(level(&samples[400..3_600]) > 4_000.0);
    assert!(level(&samples[4_200..7_400]) < 50.0);
    assert!(call.notices.is_empty());
}

#[test]
fn a_sound_that_ends_is_told_of_and_the_other_leg_is_heard_again() {
    let pcma = speaks(&[(8, Codec::Pcma)], None, None);
    let mut call = Call::new(&pcma, &pcma);
    call.relay = Relay::plain();
    let samples: Vec<i16> = (0..16_000)
        .map(|n| if n / 20 % 2 == 0 { 4_000 } else { -4_000 })
        .collect();
    let clip = Sound {
        source: SoundSource::Clip {
            samples: samples.into(),
            rate: 16_000,
        },
        times: 2,
    };
    let now = call.relay.now;
    call.relay.session.play(now, Side::B, &clip, &pcma);
    for _ in 0..120 {
        call.wait();
    }
    assert_eq!(call.notices, [Notice::Played { side: Side::B }]);
    assert!((100..=102).contains(&call.heard.len()), "{}", call.heard.len());
    let sent = call.heard.len();
    call.speak(10);
    assert_eq!(call.heard.len(), sent + 10);
    call.assert_one_stream();
    assert!(call.heard[0].1.sequence < 0x8000);
}
