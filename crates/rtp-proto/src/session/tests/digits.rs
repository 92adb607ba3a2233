//! Digits that cross from leg to leg, each in the way of its own.

use super::*;
use crate::control::{Digit, Digits, Said};
use crate::dtmf::Report;
use crate::rtp::Header;

mod ways;

const EVENT_A: u8 = 101;
const EVENT_B: u8 = 96;

fn digits(said: Said, events: Option<(u8, u32)>) -> Option<Arc<Digits>> {
    Some(Arc::new(Digits {
        said,
        events,
        heard: events.iter().map(|(pt, _)| *pt).collect(),
    }))
}

/// Legs that take digits so; what they have in common passes.
fn legs(a: (Said, Option<(u8, u32)>), b: (Said, Option<(u8, u32)>)) -> Relay {
    let mut from_a = PtMap::only();
    let mut from_b = PtMap::only();
    from_a.set(0, 0, 8000);
    from_b.set(0, 0, 8000);
    if let (Some((pt_a, clock_a)), Some((pt_b, clock_b))) = (a.1, b.1)
        && clock_a == clock_b
    {
        from_a.set(pt_a, pt_b, clock_a);
        from_b.set(pt_b, pt_a, clock_b);
    }
    Relay::between(
        with(leg(A), |leg| {
            leg.map = from_a;
            leg.needs.digits = digits(a.0, a.1);
        }),
        with(leg(B), |leg| {
            leg.map = from_b;
            leg.needs.digits = digits(b.0, b.1);
        }),
    )
}

/// What was sent to one side: header and payload.
type Heard = (Header, Vec<u8>);

/// One peer that speaks and presses keys; the packets that come of it are kept.
struct Call {
    relay: Relay,
    sequence: u16,
    timestamp: u32,
    clock: u32,
    heard: Vec<Heard>,
    notices: Vec<Notice>,
}

impl Call {
    fn new(relay: Relay, clock: u32) -> Self {
        Self {
            relay,
            sequence: 65_530,
            timestamp: 4_294_960_000,
            clock,
            heard: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let header = rtp::parse(bytes).unwrap();
        self.heard.push((header, rtp::payload(bytes).to_vec()));
    }

    /// 5 ms pass, four times; what the session says itself meanwhile.
    fn frame(&mut self) {
        for _ in 0..4 {
            let notices = self.relay.pass(5);
            self.notices.extend(notices);
            let mut buffer = [0; 2000];
            let mut packet = Packet::new(&mut buffer, 0);
            let mut said = Vec::new();
            while let Some(transmit) = self.relay.session.poll_transmit(self.relay.now, &mut packet) {
                assert_eq!((transmit.side, transmit.to), (Side::B, at(B)));
                said.push(packet.bytes().to_vec());
            }
            said.iter().for_each(|bytes| self.keep(bytes));
        }
    }

    /// A packet from A.
    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&7u32.to_be_bytes());
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        if let Verdict::Forward { .. } = self.relay.receive_in(Side::A, Channel::Rtp, A, &mut packet) {
            self.keep(&packet);
        }
    }

    fn talk(&mut self, frames: u32) {
        for _ in 0..frames {
            self.send(0, false, self.timestamp, &[0xd5; 160]);
            self.frame();
            self.timestamp = self.timestamp.wrapping_add(self.clock / 50);
        }
    }

    fn press(&mut self, event: u8, frames: u32, lost: impl Fn(&Report, bool) -> bool) {
        let first = self.timestamp;
        for n in 1..=frames + 2 {
            let report = Report {
                event,
                end: n >= frames,
                volume: 8,
                duration: (n.min(frames) * self.clock / 50).try_into().unwrap(),
            };
            if lost(&report, n == 1) {
                self.sequence = self.sequence.wrapping_add(1);
            } else {
                self.send(EVENT_A, n == 1, first, &report.write());
            }
            self.frame();
            self.timestamp = self.timestamp.wrapping_add(self.clock / 50);
        }
    }

    fn pressed(&self) -> String {
        let digit = |notice: &Notice| match notice {
            Notice::Digit { side: Side::A, heard } => Some(heard.digit.character()),
            Notice::Digit { side: Side::B, .. }
            | Notice::Silent { .. }
            | Notice::OneWay { .. }
            | Notice::Path { .. }
            | Notice::Played { .. }
            | Notice::Supervised { .. }
            | Notice::SoundsBad { .. }
            | Notice::Rated { .. } => None,
        };
        self.notices.iter().filter_map(digit).collect()
    }

    fn events(&self, payload_type: u8) -> Vec<(Header, Report)> {
        let event = |(header, payload): &Heard| {
            (header.payload_type == payload_type).then(|| (*header, Report::read(payload).unwrap()))
        };
        self.heard.iter().filter_map(event).collect()
    }

    /// One stream whose numbers go up one by one.
    fn is_one_stream(&self) {
        let first = self.heard[0].0;
        for (n, (header, _)) in self.heard.iter().enumerate() {
            assert_eq!(header.ssrc, first.ssrc);
            assert_eq!(
                header.sequence,
                first.sequence.wrapping_add(n as u16),
                "packet {n}"
            );
        }
    }
}

fn none(_: &Report, _: bool) -> bool {
    false
}

#[test]
fn mr_12_relayed_digits_keep_one_timestamp_each_and_are_told_once() {
    type Lost = fn(&Report, bool) -> bool;
    let cases: [(&str, Lost); 3] = [
        ("clean", none),
        ("the first lost", |_, first| first),
        ("all end packets lost", |report, _| report.end),
    ];
    for (what, lost) in cases {
        let both = (Said::Events, Some((EVENT_A, 8000)));
        let mut call = Call::new(legs(both, (Said::Events, Some((EVENT_B, 8000)))), 8000);
        call.talk(5);
        for event in [1, 1, 2, 11] {
            call.press(event, 10, lost);
            call.talk(3);
        }
        call.talk(20);
        assert_eq!(call.pressed(), "112#", "{what}");
        let timestamps: std::collections::BTreeSet<_> = call
            .events(EVENT_B)
            .iter()
            .map(|(header, _)| header.timestamp)
            .collect();
        assert_eq!(timestamps.len(), 4);
        assert_eq!(call.relay.leg_stats(Side::A).digits, 4);
        assert!(call.events(EVENT_A).is_empty());
    }
}

#[test]
fn events_for_a_peer_that_takes_them_by_signalling_are_told_and_not_relayed() {
    let a = (Said::Events, Some((EVENT_A, 8000)));
    let mut call = Call::new(legs(a, (Said::Signalled, None)), 8000);
    call.talk(3);
    call.press(5, 10, none);
    call.talk(3);
    assert_eq!(call.pressed(), "5");
    let Some(Notice::Digit { heard, .. }) = call.notices.first() else {
        panic!("{:?}", call.notices);
    };
    assert_eq!(heard.duration, Duration::from_millis(200));
    assert_eq!(call.heard.len(), 6, "speech only");
    assert!(call.heard.iter().all(|(header, _)| header.payload_type == 0));
    assert_eq!(call.relay.leg_stats(Side::A).dropped.total(), 0);
}

#[test]
fn a_digit_of_signalling_is_said_in_the_stream() {
    let a = (Said::Signalled, None);
    let mut call = Call::new(legs(a, (Said::Events, Some((EVENT_B, 8000)))), 8000);
    call.talk(5);
    for character in ['7', '#'] {
        let digit = Digit::try_from(character).unwrap();
        let now = call.relay.now;
        assert!(
            call.relay
                .session
                .press(now, Side::B, digit, Duration::from_millis(160))
        );
    }
    call.talk(30);
    let events = call.events(EVENT_B);
    assert_eq!(events.len(), 2 * 10);
    for (event, said) in [(7, &events[..10]), (11, &events[10..])] {
        assert!(
            said.iter()
                .all(|(header, report)| { header.timestamp == said[0].0.timestamp && report.event == event })
        );
        let markers: Vec<_> = said.iter().map(|(header, _)| header.marker).collect();
        assert_eq!(markers.iter().filter(|marker| **marker).count(), 1);
        assert!(markers[0]);
        let durations: Vec<_> = said.iter().map(|(_, report)| report.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 960, 1120, 1280, 1280, 1280]);
        let ends: Vec<_> = said.iter().map(|(_, report)| report.end).collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 3);
    }
    call.is_one_stream();
    // Nothing is said beside a digit, and what follows is later than it.
    let begins = call
        .heard
        .iter()
        .position(|(header, _)| header.payload_type == EVENT_B)
        .unwrap();
    assert!(
        call.heard[begins..begins + 10]
            .iter()
            .all(|(h, _)| h.payload_type == EVENT_B)
    );
    let (after, _) = &call.heard[begins + 10];
    assert_eq!(after.payload_type, 0);
    assert!(after.marker, "speech begins anew");
    let since = after.timestamp.wrapping_sub(events[0].0.timestamp);
    assert!(
        (1280..3200).contains(&since),
        "{since} units after the digit began"
    );
    let audio: Vec<_> = call
        .heard
        .iter()
        .filter(|(header, _)| header.payload_type == 0)
        .map(|(header, _)| header.timestamp)
        .collect();
    assert!(
        audio
            .windows(2)
            .all(|pair| pair[1].wrapping_sub(pair[0]) < 100_000)
    );
}

#[test]
fn mr_13_events_of_another_clock_are_rescaled() {
    for (from, to, last) in [(48_000, 8000, 1600), (8000, 48_000, 9600), (16_000, 8000, 1600)] {
        let a = (Said::Events, Some((EVENT_A, from)));
        let mut call = Call::new(legs(a, (Said::Events, Some((EVENT_B, to)))), from);
        call.press(5, 10, none);
        for _ in 0..10 {
            call.frame();
        }
        call.timestamp += from / 50 * 10;
        call.press(6, 10, none);
        let events = call.events(EVENT_B);
        assert_eq!(events.len(), 24);
        for said in [&events[..12], &events[12..]] {
            assert_eq!(said[11].1.duration, last);
            assert!(
                said.iter()
                    .all(|(header, _)| header.timestamp == said[0].0.timestamp)
            );
            assert!(said[0].0.marker && said[1..].iter().all(|(header, _)| !header.marker));
        }
        let apart = events[12].0.timestamp.wrapping_sub(events[0].0.timestamp);
        assert_eq!(apart, to / 50 * 22, "on the timeline of {to} Hz");
        call.is_one_stream();
        assert_eq!(call.pressed(), "56");
    }
}

#[test]
fn a_peer_on_hold_is_said_nothing_and_nothing_is_made_up_for_later() {
    let a = (Said::Signalled, None);
    let b = (Said::Events, Some((EVENT_B, 8000)));
    let mut call = Call::new(legs(a, b), 8000);
    call.talk(2);
    let held = with(leg(B), |leg| {
        leg.may_send = false;
        leg.needs.digits = digits(b.0, b.1);
    });
    call.relay.update(Side::B, &held);
    let now = call.relay.now;
    assert!(call.relay.session.press(
        now,
        Side::B,
        Digit::try_from('1').unwrap(),
        Duration::from_millis(100)
    ));
    (0..20).for_each(|_| call.frame());
    assert!(call.events(EVENT_B).is_empty());
    let back = with(held, |leg| leg.may_send = true);
    call.relay.update(Side::B, &back);
    (0..20).for_each(|_| call.frame());
    assert!(call.events(EVENT_B).is_empty());
}

#[test]
fn a_peer_without_events_is_pressed_nothing() {
    let a = (Said::Events, Some((EVENT_A, 8000)));
    for b in [(Said::Signalled, None), (Said::Events, None)] {
        let mut relay = legs(a, b);
        let digit = Digit::try_from('1').unwrap();
        assert!(
            !relay
                .session
                .press(relay.now, Side::B, digit, Duration::from_millis(100))
        );
        assert!(relay.session.press(relay.now, Side::A, digit, Duration::ZERO));
    }
}

#[test]
fn the_kernel_leaves_events_to_us_and_relays_the_rest() {
    use crate::offload::{COUNTED, Types};
    let a = (Said::Events, Some((EVENT_A, 8000)));
    let mut relay = legs(a, (Said::Events, Some((EVENT_B, 8000))));
    relay.talk(Side::B, B, 8, 100, 30, A);
    relay.talk(Side::A, A, 7, 100, 30, B);
    let flow = relay.session.flow(Side::A).unwrap();
    assert_eq!(flow.types.out[usize::from(EVENT_A)], Types::UP);
    assert_eq!(flow.types.out[0], 0);
    let before = relay.leg_stats(Side::A).packets;
    relay.session.lend(Side::A);
    let report = Report {
        event: 3,
        end: true,
        volume: 0,
        duration: 800,
    };
    let mut packet = rtp(EVENT_A, 7, 130)[..12].to_vec();
    packet.extend_from_slice(&report.write());
    packet[0] |= COUNTED;
    assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut packet), rtp_to(B));
    assert_eq!((packet[0], packet[1] & 127), (0x80, EVENT_B));
    assert!(relay.session.roused());
    assert_eq!(
        relay.leg_stats(Side::A).packets,
        before,
        "the kernel has counted it"
    );
    assert_eq!(relay.leg_stats(Side::A).digits, 1);
}
