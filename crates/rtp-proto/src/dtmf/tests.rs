//! Digits in virtual time: what a peer says, over a network that loses and reorders, and what is heard.

use super::*;
use crate::rtp::Header;
use std::time::Instant;

mod clocks;
mod hearing;
mod saying;
mod tones;

const FRAME: Duration = Duration::from_millis(20);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn digit(character: char) -> Digit {
    Digit::try_from(character).unwrap()
}

/// A packet on its way.
#[derive(Clone, Debug)]
struct Sent {
    /// Since the beginning.
    at: Duration,
    header: Header,
    /// `None`: audio.
    report: Option<Report>,
}

/// A peer that speaks and presses keys, as RFC 4733 wants it.
#[derive(Debug)]
struct Peer {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    clock: u32,
    at: Duration,
    sent: Vec<Sent>,
}

impl Peer {
    fn new(clock: u32) -> Self {
        Self {
            ssrc: 0xa1,
            sequence: 65_500,
            timestamp: u32::MAX - 3000,
            clock,
            at: Duration::ZERO,
            sent: Vec::new(),
        }
    }

    fn step(&self) -> u32 {
        self.clock / 50
    }

    fn put(&mut self, marker: bool, timestamp: u32, report: Option<Report>) {
        let header = Header {
            payload_type: if report.is_some() { 101 } else { 0 },
            marker,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.sent.push(Sent {
            at: self.at,
            header,
            report,
        });
    }

    fn talk(&mut self, packets: u32) -> &mut Self {
        for _ in 0..packets {
            self.put(false, self.timestamp, None);
            self.pass(1);
        }
        self
    }

    /// Says nothing for so many frames.
    fn pass(&mut self, frames: u32) -> &mut Self {
        self.timestamp = self.timestamp.wrapping_add(frames * self.step());
        self.at += FRAME * frames;
        self
    }

    /// Presses a key for so many frames: a report for each, the last one three times.
    fn press(&mut self, character: char, frames: u32) -> &mut Self {
        let (mut first, mut before) = (self.timestamp, 0);
        for n in 1..=frames + 2 {
            let n = n.min(frames);
            if n * self.step() - before > LONGEST {
                self.report(false, first, character, LONGEST, false);
                first = first.wrapping_add(LONGEST);
                before += LONGEST;
            }
            self.report(n == 1, first, character, n * self.step() - before, n == frames);
            self.at += FRAME;
        }
        self.timestamp = self.timestamp.wrapping_add((frames + 2) * self.step());
        self
    }

    fn report(&mut self, marker: bool, timestamp: u32, character: char, duration: u32, end: bool) {
        let report = Report {
            event: digit(character).event(),
            end,
            volume: 10,
            duration: duration.try_into().unwrap(),
        };
        self.put(marker, timestamp, Some(report));
    }

    /// Which of the packets are reports, by event: their places.
    fn reports(&self) -> Vec<usize> {
        (0..self.sent.len())
            .filter(|n| self.sent[*n].report.is_some())
            .collect()
    }
}

/// What is heard of packets that arrive in this order, and when.
fn hear(clock: u32, packets: &[Sent], until: Duration) -> Vec<(char, u64, u64)> {
    let start = Instant::now();
    let mut receiver = Receiver::default();
    let mut heard = Vec::new();
    let mut take = |receiver: &mut Receiver, at: Duration| {
        while let Some(Heard { digit, duration }) = receiver.poll() {
            heard.push((
                digit.character(),
                duration.as_millis() as u64,
                at.as_millis() as u64,
            ));
        }
    };
    let mut timeouts = |receiver: &mut Receiver, before: Duration| {
        while let Some(at) = receiver.poll_timeout().filter(|at| *at < start + before) {
            receiver.handle_timeout(at);
            take(receiver, at - start);
        }
        take(receiver, before);
    };
    for packet in packets {
        timeouts(&mut receiver, packet.at);
        let now = start + packet.at;
        match packet.report {
            Some(report) => receiver.event(now, &packet.header, clock, &report.write()),
            None => receiver.other(now, &packet.header),
        }
        timeouts(&mut receiver, packet.at);
    }
    timeouts(&mut receiver, until);
    heard
}

fn digits(heard: &[(char, u64, u64)]) -> String {
    heard.iter().map(|(character, ..)| character).collect()
}

#[test]
fn a_report_is_read_and_written() {
    let bytes = [0x0b, 0x8a, 0x06, 0x40];
    let report = Report::read(&bytes).unwrap();
    assert_eq!(
        report,
        Report {
            event: 11,
            end: true,
            volume: 10,
            duration: 1600
        }
    );
    assert_eq!(report.write(), bytes);
    for length in 0..4 {
        assert_eq!(Report::read(&bytes[..length]), None);
    }
    assert_eq!(
        Report::read(&[1, 0x4a, 0, 160]).unwrap().write(),
        [1, 0x0a, 0, 160],
        "the reserved bit is ignored, and not passed on"
    );
}

#[test]
fn every_digit_has_its_event_code() {
    for (character, event) in "0123456789*#ABCD!".chars().zip(0..) {
        let digit = digit(character);
        assert_eq!((digit.event(), digit.character()), (event, character));
        assert_eq!(Digit::of_event(event), Some(digit));
    }
    assert_eq!(digit('b'), digit('B'));
    assert_eq!(Digit::of_event(17), None);
    assert_eq!(Digit::of_event(255), None);
    assert!(Digit::try_from('E').is_err());
    assert_eq!(serde_json::to_string(&digit('#')).unwrap(), "\"#\"");
}
