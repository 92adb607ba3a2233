//! Each way to write digits, against each other.

use super::*;
use crate::control::{Audio, AudioFormat, Codec, Format};
use audio::dtmf::{DigitDetector, Heard as Tone};
use audio::{Decoder, Player, Program};
use smallvec::smallvec;

/// How one peer writes digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Events,
    Signalled,
    Tones,
}

const WAYS: [Way; 3] = [Way::Events, Way::Signalled, Way::Tones];

impl Way {
    /// How digits are said to it, and what it takes events with.
    fn said(self, event: u8) -> (Said, Option<(u8, u32)>) {
        match self {
            Self::Events => (Said::Events, Some((event, 8000))),
            Self::Signalled => (Said::Signalled, None),
            Self::Tones => (Said::Tones, None),
        }
    }

    /// What the session is told of it, as call control does it.
    fn needs(self, event: u8, other: Self, codec: Codec) -> Needs {
        if self == other && self != Self::Events {
            return Needs::default();
        }
        let (said, events) = self.said(event);
        let send = Format {
            payload_type: 0,
            audio: AudioFormat::new(codec),
        };
        let in_band = Audio {
            send,
            accepts: smallvec![send],
            events: None,
            comfort_noise: None,
        };
        Needs {
            digits: digits(said, events),
            in_band: (self == Self::Tones).then(|| Arc::new(in_band)),
            ..Needs::default()
        }
    }
}

fn call(from: Way, to: Way, codec: Codec) -> Call {
    let mut relay = legs(from.said(EVENT_A), to.said(EVENT_B));
    for (side, address, needs) in [
        (Side::A, A, from.needs(EVENT_A, to, codec)),
        (Side::B, B, to.needs(EVENT_B, from, codec)),
    ] {
        let table = relay.session.half(side).map.table();
        let mut passing = PtMap::only();
        (0..)
            .zip(table)
            .filter(|(_, to)| *to != rtp::NONE)
            .for_each(|(pt, to)| {
                passing.set(pt, to, 8000);
            });
        let leg = with(leg(address), |leg| {
            leg.map = passing;
            leg.needs = needs;
        });
        relay.update(side, &leg);
    }
    Call::new(relay, 8000)
}

/// A says a digit as a tone, in its own stream.
fn sound(call: &mut Call, codec: Codec, code: u8, ms: u32) {
    let digit = audio::dtmf::Digit::of_code(code).unwrap();
    let program = Program::Digit {
        digit,
        ms,
        pause_ms: 60,
    };
    let start = call.relay.now;
    let mut player = Player::new(&AudioFormat::new(codec), program, start).unwrap();
    while !player.is_done() {
        let mut payload = vec![0; 1500];
        if let Some(frame) = player.poll(call.relay.now, &mut payload) {
            call.send(0, false, call.timestamp, &payload[..frame.len]);
        }
        call.frame();
        call.timestamp = call.timestamp.wrapping_add(codec.clock() / 50);
    }
}

/// The digits that are in what B hears as tones, and how long they are in milliseconds.
fn tones(call: &Call, codec: Codec) -> Vec<(char, u32)> {
    let rate = codec.decode_rate(codec.rate());
    let mut decoder = Decoder::new(codec, codec.rate()).unwrap();
    let mut detector = DigitDetector::new(rate, 10_000);
    let mut found = Vec::new();
    for (header, payload) in call.heard.iter().filter(|(header, _)| header.payload_type == 0) {
        let mut samples = vec![0; 10_000];
        let count = decoder
            .decode(payload, &mut samples)
            .unwrap_or_else(|error| panic!("{error} at {header:?}"));
        detector.push(&samples[..count], |tone| match tone {
            Tone::Began { .. } => {}
            Tone::Ended { digit, ms, .. } => found.push((digit.char(), ms)),
        });
    }
    found
}

/// Nine pairs. Whatever A does reaches B once, as B takes it, and in no other way beside.
#[test]
fn every_way_reaches_every_other_once() {
    for (from, to) in WAYS.into_iter().flat_map(|a| WAYS.map(|b| (a, b))) {
        let what = format!("{from:?} to {to:?}");
        let mut call = call(from, to, Codec::Pcmu);
        call.talk(10);
        match from {
            Way::Events => call.press(7, 10, none),
            Way::Tones => sound(&mut call, Codec::Pcmu, 7, 200),
            Way::Signalled => {
                let digit = Digit::try_from('7').unwrap();
                let now = call.relay.now;
                let said = call
                    .relay
                    .session
                    .press(now, Side::B, digit, Duration::from_millis(200));
                assert_eq!(said, to != Way::Signalled, "{what}: else it crosses as INFO");
            }
        }
        call.talk(40);
        let (events, tones) = (call.events(EVENT_B), tones(&call, Codec::Pcmu));
        // What is told to call control is what it would put into an INFO.
        let told = from != Way::Signalled && (from, to) != (Way::Tones, Way::Tones);
        assert_eq!(call.pressed(), if told { "7" } else { "" }, "{what}");
        if to == Way::Events {
            assert_eq!(
                events.iter().filter(|(_, report)| report.end).count(),
                3,
                "{what}"
            );
            let first = events[0].0.timestamp;
            let whole = |(header, report): &(Header, Report)| report.event == 7 && header.timestamp == first;
            assert!(events.iter().all(whole), "{what}");
            let last = events.last().unwrap().1.duration;
            assert!((1600 - 240..=1600 + 240).contains(&last), "{what}: {last}");
        } else {
            assert!(events.is_empty(), "{what}");
        }
        if to == Way::Tones {
            let [('7', ms)] = tones[..] else {
                panic!("{what}: {tones:?}");
            };
            assert!((170..=230).contains(&ms), "{what}: {ms} ms");
        } else {
            assert_eq!(tones, [], "{what}");
        }
        call.is_one_stream();
        let stats = call.relay.session.stats();
        assert!(stats.legs.iter().all(|leg| leg.dropped.total() == 0), "{what}");
    }
}

#[test]
fn tones_are_converted_in_every_codec() {
    for codec in [Codec::Pcma, Codec::G722, Codec::Opus, Codec::l16(16_000)] {
        let mut to_events = call(Way::Tones, Way::Events, codec);
        for code in [1, 1, 2, 11] {
            sound(&mut to_events, codec, code, 120);
        }
        (0..60).for_each(|_| to_events.frame());
        assert_eq!(to_events.pressed(), "112#", "{codec:?}");
        let said: Vec<u8> = to_events
            .events(EVENT_B)
            .iter()
            .filter(|(header, _)| header.marker)
            .map(|(_, report)| report.event)
            .collect();
        assert_eq!(said, [1, 1, 2, 11], "{codec:?}");
        assert_eq!(tones(&to_events, codec), [], "{codec:?}");

        let mut to_tones = call(Way::Events, Way::Tones, codec);
        for event in [1, 1, 2, 11] {
            to_tones.press(event, 6, none);
            (0..3).for_each(|_| to_tones.frame());
            to_tones.timestamp = to_tones.timestamp.wrapping_add(3 * 160);
        }
        (0..60).for_each(|_| to_tones.frame());
        let heard: String = tones(&to_tones, codec).iter().map(|(c, _)| c).collect();
        assert_eq!(heard, "112#", "{codec:?}");
        to_tones.is_one_stream();
        let spacing = codec.clock() / 50;
        let in_a_row = |pair: &[Heard]| {
            let step = pair[1].0.timestamp.wrapping_sub(pair[0].0.timestamp);
            pair[1].0.marker || step == spacing
        };
        assert!(to_tones.heard.windows(2).all(in_a_row), "{codec:?}");
    }
}

/// The kernel can't listen, nor keep quiet beside a digit.
#[test]
fn a_direction_that_is_listened_to_is_not_lent() {
    for (from, to) in WAYS.into_iter().flat_map(|a| WAYS.map(|b| (a, b))) {
        let mut call = call(from, to, Codec::Pcmu);
        for n in 0..40 {
            call.talk(1);
            assert_eq!(call.relay.rtp(Side::B, B, 8, 100 + n), rtp_to(A));
        }
        let lent = [Side::A, Side::B].map(|side| call.relay.session.flow(side).is_some());
        let listens = |here, there| here == Way::Tones && there != Way::Tones;
        assert_eq!(
            lent,
            [!listens(from, to), !listens(to, from)],
            "{from:?} to {to:?}"
        );
        let _ = call.relay.session.rerouted();
        let digit = Digit::try_from('7').unwrap();
        let now = call.relay.now;
        let session = &mut call.relay.session;
        if session.press(now, Side::B, digit, Duration::from_millis(100)) {
            assert!(session.rerouted() && session.roused());
            assert!(session.flow(Side::A).is_none(), "{from:?} to {to:?}");
        }
    }
}

/// After a re-INVITE the ear is for another codec, and no digit is lost or heard twice.
#[test]
fn another_codec_in_the_middle_of_a_call() {
    let mut call = call(Way::Tones, Way::Events, Codec::Pcmu);
    sound(&mut call, Codec::Pcmu, 4, 100);
    for (codec, code) in [(Codec::Pcma, 5), (Codec::Pcma, 6)] {
        let map = legs(Way::Tones.said(EVENT_A), Way::Events.said(EVENT_B));
        let table = map.session.half(Side::A).map.table();
        let leg = with(leg(A), |leg| {
            leg.map = PtMap::only();
            leg.map.set(0, table[0], 8000);
            leg.needs = Way::Tones.needs(EVENT_A, Way::Events, codec);
        });
        call.relay.update(Side::A, &leg);
        sound(&mut call, codec, code, 100);
    }
    (0..30).for_each(|_| call.frame());
    assert_eq!(call.pressed(), "456");
}

/// Legs whose codecs differ beside: tones are taken out before they are converted, and made in the codec of the side that hears them.
#[test]
fn tones_between_legs_of_different_codecs() {
    let spoken = |codec: Codec| {
        let send = Format {
            payload_type: 0,
            audio: AudioFormat::new(codec),
        };
        Some(Arc::new(Audio {
            send,
            accepts: smallvec![send],
            events: None,
            comfort_noise: None,
        }))
    };
    for (of_a, of_b) in [
        (Codec::Opus, Codec::Pcmu),
        (Codec::Pcmu, Codec::Opus),
        (Codec::Pcma, Codec::Pcmu),
        (Codec::G722, Codec::Pcma),
    ] {
        for (from, to) in [(Way::Tones, Way::Events), (Way::Events, Way::Tones)] {
            let what = format!("{from:?} in {of_a:?} to {to:?} in {of_b:?}");
            let relay = legs((Said::Signalled, None), (Said::Signalled, None));
            let mut call = Call::new(relay, of_a.clock());
            for (side, address, way, other, codec, event) in [
                (Side::A, A, from, to, of_a, EVENT_A),
                (Side::B, B, to, from, of_b, EVENT_B),
            ] {
                let leg = with(leg(address), |leg| {
                    leg.map = PtMap::only();
                    leg.needs = way.needs(event, other, codec);
                    leg.needs.transcode = spoken(codec);
                });
                call.relay.update(side, &leg);
            }
            match from {
                Way::Tones => sound(&mut call, of_a, 5, 200),
                Way::Events | Way::Signalled => {
                    let press = |n: u32| Report {
                        event: 5,
                        end: n >= 10,
                        volume: 8,
                        duration: (n.min(10) * 160).try_into().unwrap(),
                    };
                    let first = call.timestamp;
                    for n in 1..=12 {
                        call.send(EVENT_A, n == 1, first, &press(n).write());
                        call.frame();
                    }
                    call.timestamp = call.timestamp.wrapping_add(12 * of_a.clock() / 50);
                }
            }
            (0..40).for_each(|_| call.frame());
            assert_eq!(call.pressed(), "5", "{what}");
            let events = call.events(EVENT_B);
            let ends = events.iter().filter(|(_, report)| report.end).count();
            assert_eq!(ends, if to == Way::Events { 3 } else { 0 }, "{what}");
            let heard: String = tones(&call, of_b).iter().map(|(c, _)| c).collect();
            assert_eq!(heard, if to == Way::Tones { "5" } else { "" }, "{what}");
            call.is_one_stream();
        }
    }
}
