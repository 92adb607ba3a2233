//! Digits: telephone events as they are relayed, and what becomes of them where the other side writes digits otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod convert;
mod early;
mod tones;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;
use support::{NUMBER, check, invite_of, ms, quick, text};
use testbed::rtp::{Header, Heard, RtpPeer};
use testbed::{Bed, Call, SipPeer, sdp};

const FRAME: u64 = 20;

/// An offer or answer with PCMU and, under this number if there is one, telephone events.
fn body(at: SocketAddr, event: Option<u8>) -> String {
    let (ip, port) = (at.ip(), at.port());
    let head =
        format!("v=0\r\no=- 3 3 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0");
    match event {
        Some(pt) => {
            format!("{head} {pt}\r\na=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n")
        }
        None => format!("{head}\r\n"),
    }
}

/// Whether a body has telephone events, and under which number.
fn event_of(body: &[u8]) -> Option<u8> {
    text(body).lines().find_map(|line| {
        let (pt, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        name.starts_with("telephone-event").then(|| pt.parse().ok())?
    })
}

/// A call that is up: both legs, and where each side sends.
struct Talk<'p> {
    call: Call<'p>,
    leg: Call<'p>,
    a_to: SocketAddr,
    b_to: SocketAddr,
    /// The number of telephone events that B was offered, and that A was answered.
    events: [Option<u8>; 2],
}

/// A has events under 96, B under 122 if it is offered any.
fn talk<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer, event_of_a: Option<u8>) -> Talk<'p> {
    talk_of(bed, alice, bob, &body(bed.places.rtp_a, event_of_a))
}

/// The same with another offer of A's.
fn talk_of<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer, offer: &str) -> Talk<'p> {
    let call = alice.invite(NUMBER, Some(offer));
    let leg = bob.incoming();
    let offer = invite_of(&leg).body();
    let offered = event_of(&offer);
    leg.answer(&body(bed.places.rtp_b1, offered.map(|_| 122)));
    let answer = call.expect(200).body();
    call.ack();
    leg.expect_request("ACK");
    Talk {
        call,
        leg,
        a_to: sdp::audio(&answer),
        b_to: sdp::audio(&offer),
        events: [offered, event_of(&answer)],
    }
}

impl Talk<'_> {
    fn hang_up(self) {
        self.call.bye();
        self.leg.ok("BYE");
        self.call.expect(200);
    }
}

/// One side's stream: speech and digits, in real time.
struct Speaker<'a> {
    peer: &'a RtpPeer,
    to: SocketAddr,
    event: u8,
    header: Header,
    /// Timestamp units of a packet.
    step: u32,
    speech: Vec<u8>,
    due: Instant,
}

impl<'a> Speaker<'a> {
    fn new(peer: &'a RtpPeer, to: SocketAddr, event: u8) -> Self {
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: 65_520,
            timestamp: 4_294_960_000,
            ssrc: 0xb2b2,
        };
        let due = Instant::now();
        Self {
            peer,
            to,
            event,
            header,
            step: 160,
            speech: vec![0xd5; 160],
            due,
        }
    }

    /// Says this 50 times a second, in a codec of this number and clock.
    fn speaking(mut self, payload_type: u8, clock: u32, speech: Vec<u8>) -> Self {
        self.header.payload_type = payload_type;
        (self.step, self.speech) = (clock / 50, speech);
        self
    }

    fn put(&mut self, header: Header, payload: &[u8], lost: bool) {
        thread::sleep(self.due.saturating_duration_since(Instant::now()));
        if !lost {
            self.peer.send(self.to, &header.packet(payload));
        }
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(self.step);
        self.due += ms(FRAME);
    }

    fn talk(&mut self, frames: u32) {
        for _ in 0..frames {
            let speech = self.speech.clone();
            self.put(self.header, &speech, false);
        }
    }

    /// Reports of a key, one for each frame, the last three times. `lost`: whether one that is (first, last) is.
    fn press(&mut self, event: u8, frames: u16, lost: impl Fn(u16) -> bool) {
        let timestamp = self.header.timestamp;
        for n in 1..=frames + 2 {
            let header = Header {
                marker: n == 1,
                payload_type: self.event,
                timestamp,
                ..self.header
            };
            let end = u8::from(n >= frames) << 7;
            let duration = u16::try_from(u32::from(n.min(frames)) * self.step).unwrap();
            let [high, low] = duration.to_be_bytes();
            self.put(header, &[event, end | 10, high, low], lost(n));
        }
    }
}

/// What comes of one side that says something, from its first word until half a second after its last, however long the machine
/// takes for it.
fn listen<'a>(at: &RtpPeer, mut speaker: Speaker<'a>, says: impl FnOnce(&mut Speaker<'a>)) -> Vec<Heard> {
    let said = AtomicBool::new(false);
    thread::scope(|scope| {
        let listener = scope.spawn(|| {
            let mut heard = Vec::new();
            loop {
                let was_said = said.load(Ordering::Acquire);
                heard.extend(at.collect(1000, ms(500)));
                if was_said {
                    return heard;
                }
            }
        });
        says(&mut speaker);
        said.store(true, Ordering::Release);
        listener.join().unwrap()
    })
}

/// The header of what was heard.
fn header(heard: &Heard) -> Header {
    Header::parse(&heard.packet).unwrap()
}

/// One source, and no number is missing, doubled or out of place (RFC 3550 §5.1).
fn is_one_stream(heard: &[Heard]) {
    for (before, after) in heard.iter().zip(&heard[1..]) {
        let [before, after] = [header(before), header(after)];
        assert_eq!(after.ssrc, before.ssrc);
        assert_eq!(
            after.sequence,
            before.sequence.wrapping_add(1),
            "{before:?} {after:?}"
        );
    }
}

/// The digits that a listener makes of what it hears: one for each timestamp. Each must be whole: one event, a duration that never
/// shrinks, an end.
fn decode(heard: &[Heard], payload_type: u8) -> Vec<(u8, u16, usize)> {
    decode_beside(heard, payload_type, 0)
}

/// The same where speech has this number.
fn decode_beside(heard: &[Heard], payload_type: u8, speech: u8) -> Vec<(u8, u16, usize)> {
    let mut events: Vec<(u32, u8, u16, usize)> = Vec::new();
    for packet in heard {
        let header = Header::parse(&packet.packet).unwrap();
        if header.payload_type != payload_type {
            assert_eq!(header.payload_type, speech, "no audio under another number");
            continue;
        }
        let [event, flags, high, low] = packet.packet[12..] else {
            panic!("{:?}", packet.packet);
        };
        let (duration, end) = (u16::from_be_bytes([high, low]), usize::from(flags >> 7));
        match events.iter_mut().find(|known| known.0 == header.timestamp) {
            Some(known) => {
                assert_eq!(known.1, event);
                assert!(known.2 <= duration);
                (known.2, known.3) = (duration, known.3 + end);
            }
            None => events.push((header.timestamp, event, duration, end)),
        }
    }
    events
        .into_iter()
        .map(|(_, event, duration, ends)| (event, duration, ends))
        .collect()
}

/// RFC 4733 §2.5.1: digits arrive whole and once, whatever of them the network loses before the switch.
fn mr_12_digits_stay_whole() {
    type Lost = fn(u16) -> bool;
    // Ten reports, the last three times.
    let cases: [(&str, Lost); 4] = [
        ("clean", |_| false),
        ("the first lost", |n| n == 1),
        ("all end packets but one lost", |n| n == 10 || n == 12),
        ("all end packets lost", |n| n >= 10),
    ];
    for (what, lost) in cases {
        let bed = quick(|setup| setup);
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
        let talk = talk(&bed, &alice, &bob, Some(96));
        assert_eq!(talk.events[1], Some(96));
        let heard = listen(&at_a, Speaker::new(&at_b, talk.b_to, 122), |speaker| {
            speaker.talk(30);
            for event in [1, 1, 2, 11] {
                speaker.press(event, 10, lost);
                speaker.talk(3);
            }
            speaker.talk(18);
        });
        let decoded = decode(&heard, 96);
        let digits: Vec<u8> = decoded.iter().map(|(event, ..)| *event).collect();
        assert_eq!(digits, [1, 1, 2, 11], "{what}");
        let ends = (10..=12).filter(|n| !lost(*n)).count();
        for (_, duration, ended) in decoded {
            assert_eq!(
                (duration, ended),
                (if ends == 0 { 1440 } else { 1600 }, ends),
                "{what}"
            );
        }
        talk.hang_up();
        let record = &bed.finish(1)[0];
        check(record, "normal", 200, "caller", 1);
        assert_eq!(record.number("called_media.digits"), 4, "{what}: told once each");
    }
}

/// A digit of six seconds is one.
fn mr_12_e_a_long_digit_is_one() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, Some(96));
    let heard = listen(&at_a, Speaker::new(&at_b, talk.b_to, 122), |speaker| {
        speaker.talk(10);
        speaker.press(7, 300, |_| false);
        speaker.talk(10);
    });
    assert_eq!(decode(&heard, 96), [(7, 48_000, 3)]);
    talk.hang_up();
    assert_eq!(bed.finish(1)[0].number("called_media.digits"), 1);
}

const INFO: (&str, &str) = ("Content-Type", "application/dtmf-relay");

/// A carrier that writes INFO is offered no events; those of the caller become INFO, and its INFO becomes events.
fn events_and_info_are_converted_into_each_other() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, Some(96));
    assert_eq!(talk.events, [None, Some(96)]);
    let heard = listen(&at_b, Speaker::new(&at_a, talk.a_to, 96), |speaker| {
        speaker.talk(20);
        speaker.press(1, 10, |_| false);
        speaker.talk(3);
        speaker.press(10, 10, |n| n >= 10);
        speaker.talk(17);
    });
    assert_eq!(heard.len(), 40, "speech");
    assert_eq!(decode(&heard, 96), []);
    for body in ["Signal=1\r\nDuration=200\r\n", "Signal=*\r\nDuration=180\r\n"] {
        let told = talk.leg.ok("INFO");
        assert_eq!(text(&told.body()), body);
    }
    // The other way: B's stream goes on beside it.
    let speaker = Speaker::new(&at_b, talk.b_to, 122);
    let heard = thread::scope(|scope| {
        let talker = scope.spawn(|| listen(&at_a, speaker, |speaker| speaker.talk(100)));
        // Long enough for the kernel to take the stream.
        thread::sleep(ms(1200));
        talk.leg
            .request_with("INFO", &[INFO], Some("Signal= 5\r\nDuration= 100\r\n"));
        talk.leg.expect(200);
        talker.join().unwrap()
    });
    assert_eq!(decode(&heard, 96), [(5, 800, 3)]);
    is_one_stream(&heard);
    let headers: Vec<Header> = heard.iter().map(header).collect();
    let first = headers
        .iter()
        .position(|header| header.payload_type == 96)
        .unwrap();
    let after = headers[first..]
        .iter()
        .find(|header| header.payload_type == 0)
        .unwrap();
    let since = after.timestamp.wrapping_sub(headers[first].timestamp);
    assert!(
        (800..8000).contains(&since),
        "speech {since} units after the digit began"
    );
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert_eq!(record.number("caller_media.digits"), 2);
}

/// A digit that is held back changes the numbers of what follows, and after it the kernel relays on, by these.
fn after_a_digit_the_kernel_relays_on() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, Some(96));
    let heard = listen(&at_b, Speaker::new(&at_a, talk.a_to, 96), |speaker| {
        for event in [1, 1] {
            speaker.talk(75);
            speaker.press(event, 6, |_| false);
        }
        speaker.talk(75);
    });
    assert_eq!(heard.len(), 225);
    is_one_stream(&heard);
    for _ in 0..2 {
        assert!(text(&talk.leg.ok("INFO").body()).starts_with("Signal=1\r\n"));
    }
    if support::engines::is_kernel() {
        // The workers publish once a second.
        thread::sleep(ms(1200));
        let relayed = bed.metrics().sum("tandem_media_kernel_packets_total");
        // The first half second is the process's, and the digits.
        assert!(relayed > Some(150.0), "{relayed:?} of 225 packets");
    }
    talk.hang_up();
    assert_eq!(bed.finish(1)[0].number("caller_media.digits"), 2);
}

on_both_engines! {
    after_a_digit_the_kernel_relays_on,
    mr_12_digits_stay_whole,
    mr_12_e_a_long_digit_is_one,
    events_and_info_are_converted_into_each_other,
}
