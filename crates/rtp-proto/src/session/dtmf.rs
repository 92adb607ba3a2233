//! Digits of a session: heard on one leg; said on the other as it takes them, in packets that are relayed, put on another clock,
//! or our own.

use super::{Channel, Forward, Half, Notice, Session, Transmit};
use crate::control::{Digit, Digits, DropReason, Said, Side};
use crate::dtmf::{Converter, REPORT, Receiver, Report, Sender};
use crate::packet::Packet;
use crate::rtp::{self, Header};
use crate::session::{Egress, Numbers};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The digits of one leg.
#[derive(Debug)]
pub(super) struct Keys {
    how: Arc<Digits>,
    /// What its peer presses.
    receiver: Receiver,
    /// The same on its way to the other leg.
    converter: Converter,
    /// What is said to its peer.
    sender: Sender,
    /// The receiver has something to wait for that it did not have.
    roused: bool,
}

impl Keys {
    pub(super) fn new(how: Arc<Digits>) -> Self {
        Self {
            how,
            receiver: Receiver::default(),
            converter: Converter::default(),
            sender: Sender::default(),
            roused: false,
        }
    }
}

/// How a packet goes on.
pub(super) enum Path {
    /// As any other.
    Relay,
    /// It has been dealt with.
    Ends(Forward),
}

impl Session {
    /// Says a digit to a side's peer. Whether there was room for it, and a way to say it.
    pub fn press(&mut self, now: Instant, side: Side, digit: Digit, duration: Duration) -> bool {
        let (there, _) = self.halves(side);
        match &mut there.keys {
            Some(keys) if keys.how.said == Said::Events && keys.how.events.is_some() => {
                let pushed = keys.sender.push(now, digit, duration);
                // The kernel would go on relaying beside it.
                self.rerouted = true;
                pushed
            }
            Some(_) | None => false,
        }
    }

    /// There is a notice, or a timer that is due before those that were; told once.
    pub fn roused(&mut self) -> bool {
        let mut roused = !self.notices.is_empty();
        for half in [&mut self.a, &mut self.b] {
            roused |= half.voice_roused();
            if let Some(keys) = &mut half.keys {
                roused |= std::mem::take(&mut keys.roused);
            }
        }
        roused
    }

    /// Tells of what has been heard.
    pub(super) fn collect_digits(&mut self, side: Side) {
        let (here, _) = self.halves(side);
        let Half {
            keys: Some(keys),
            stats,
            ..
        } = here
        else {
            return;
        };
        let Some(heard) = keys.receiver.poll() else {
            return;
        };
        stats.digits = stats.digits.saturating_add(1);
        self.notices.push_back(Notice::Digit { side, heard });
        self.collect_digits(side);
    }

    /// The next packet of a digit that is said to a side's peer.
    pub(super) fn say_digit(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut Packet<'_>,
    ) -> Option<Transmit> {
        let (there, here) = self.halves(side);
        there
            .keys
            .as_ref()
            .and_then(|keys| keys.sender.poll_timeout())
            .filter(|at| now >= *at)?;
        if there.egress.is_none() {
            there.numbers_from(here);
        }
        let to = there.say(now, packet)?;
        Some(Transmit {
            side,
            channel: Channel::Rtp,
            to,
        })
    }

    /// Whether nothing about digits keeps the direction from `side` here.
    pub(super) fn digits_relayable(&self, side: Side) -> bool {
        let there = self.half(side.other());
        there
            .keys
            .as_ref()
            .is_none_or(|keys| keys.sender.poll_timeout().is_none())
    }
}

impl Half {
    /// Another way with digits. What is being heard and said goes on.
    pub(super) fn press_with(&mut self, digits: Option<&Arc<Digits>>) {
        match (&mut self.keys, digits) {
            (Some(keys), Some(digits)) => {
                if keys.how.events != digits.events || keys.how.said != digits.said {
                    keys.sender = Sender::default();
                }
                keys.how = digits.clone();
            }
            (keys, digits) => *keys = digits.cloned().map(|digits| Box::new(Keys::new(digits))),
        }
    }

    /// Payload types that the session wants to see wherever others are relayed (bit n: type n).
    pub(super) fn listened(&self) -> u128 {
        let keys = self.keys.as_ref().map_or(0, |keys| {
            keys.how.heard.iter().fold(0, |set, pt| set | 1u128 << (pt & 127))
        });
        self.heard | keys
    }

    /// Whether this peer's events come with this payload type.
    pub(super) fn hears_events(&self, payload_type: u8) -> bool {
        let keys = self.keys.as_ref();
        keys.is_some_and(|keys| keys.how.heard.contains(&payload_type))
    }

    /// When [`keys_timeout`](Self::keys_timeout), or a packet of a digit, is due.
    pub(super) fn keys_at(&self) -> Option<Instant> {
        let keys = self.keys.as_ref()?;
        let at = [keys.receiver.poll_timeout(), keys.sender.poll_timeout()];
        at.into_iter().flatten().min()
    }

    /// Whether a digit of ours is being said to this peer.
    pub(super) fn is_saying_digits(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.sender.is_busy())
    }

    pub(super) fn keys_timeout(&mut self, now: Instant) {
        if let Some(keys) = &mut self.keys {
            keys.receiver.handle_timeout(now);
        }
    }

    /// A packet of this peer, counted already: a digit is heard, and what must not reach the other peer beside one does not.
    pub(super) fn pressed(
        &mut self,
        now: Instant,
        header: &Header,
        packet: &mut Packet<'_>,
        there: &mut Self,
    ) -> Path {
        let said = there.keys.as_ref().map(|keys| keys.how.clone());
        let busy = there.keys.as_ref().is_some_and(|keys| keys.sender.is_busy());
        let Some(keys) = self.keys.as_mut() else {
            return if busy { Path::Ends(Ok(None)) } else { Path::Relay };
        };
        if !keys.how.heard.contains(&header.payload_type) {
            if keys.receiver.is_busy() {
                keys.receiver.other(now, header);
                keys.roused = true;
            }
            return if busy { Path::Ends(Ok(None)) } else { Path::Relay };
        }
        let clock = keys
            .how
            .events
            .map_or_else(|| self.map.clock(header.payload_type), |(_, clock)| clock);
        keys.receiver
            .event(now, header, clock, rtp::payload(packet.bytes()));
        keys.roused = true;
        let Some(said) = said else {
            return Path::Relay;
        };
        match (said.said, said.events) {
            (Said::Signalled, _) => Path::Ends(Ok(None)),
            (Said::Events, None) => Path::Ends(Err(DropReason::PayloadType)),
            (Said::Events, Some((_, other))) if other == clock && self.map.passes(header.payload_type) => {
                Path::Relay
            }
            (Said::Events, Some(event)) => {
                Path::Ends(self.convert(now, header, packet, there, (clock, event)))
            }
        }
    }

    /// Puts an event on the other leg's clock, under its payload type.
    fn convert(
        &mut self,
        now: Instant,
        header: &Header,
        packet: &mut Packet<'_>,
        there: &mut Self,
        (from, (payload_type, to)): (u32, (u8, u32)),
    ) -> Forward {
        let report = Report::read(rtp::payload(packet.bytes())).ok_or(DropReason::Invalid)?;
        let destination = there.destination()?;
        if there.egress.is_none() {
            there.numbers_from(self);
        }
        let (Some(keys), Some(egress)) = (&mut self.keys, &mut there.egress) else {
            return Err(DropReason::PayloadType);
        };
        let mut begun: Option<Numbers> = None;
        let mut begin = || {
            let numbers = egress.own(now, to, true, 1);
            begun = Some(numbers);
            numbers.timestamp
        };
        let converted = keys
            .converter
            .convert(now, header, report, (from, to), &mut begin);
        let numbers = begun.unwrap_or_else(|| egress.same(converted.timestamp));
        let length = fill(packet, payload_type, &numbers, converted.report)?;
        there.seal_rtp(now, header, to, packet)?;
        there.sent(length);
        Ok(Some((Channel::Rtp, destination)))
    }

    /// What this peer hears is numbered by us from now on, after what it has heard of the other.
    pub(super) fn numbers_from(&mut self, other: &Self) {
        // What it has not heard of the other was converted, or held back.
        if self.stats.sent_packets > 0 {
            self.go_on_from(&other.reception);
        }
        let seed = self.seed;
        self.egress.get_or_insert_with(|| Box::new(Egress::new(seed)));
    }

    /// The next packet of a digit of our own. One that cannot be sent is not said later.
    fn say(&mut self, now: Instant, packet: &mut Packet<'_>) -> Option<std::net::SocketAddr> {
        let destination = self.destination();
        let (Some(keys), Some(egress)) = (&mut self.keys, &mut self.egress) else {
            return None;
        };
        let (payload_type, clock) = keys.how.events?;
        loop {
            let say = keys.sender.poll(now, clock)?;
            let numbers = match say.timestamp {
                Some(timestamp) => egress.same(timestamp),
                None => egress.own(now, clock, true, 1),
            };
            if say.timestamp.is_none() {
                keys.sender.began(numbers.timestamp);
            }
            if let (Ok(to), Ok(length)) = (destination, fill(packet, payload_type, &numbers, say.report)) {
                self.sent(length);
                return Some(to);
            }
        }
    }
}

/// Makes the packet one of an event; its length.
fn fill(
    packet: &mut Packet<'_>,
    payload_type: u8,
    numbers: &Numbers,
    report: Report,
) -> Result<usize, DropReason> {
    let header = rtp::write(payload_type, numbers);
    let report: [u8; REPORT] = report.write();
    if packet.fill(&header) && packet.append(&report) {
        Ok(packet.len())
    } else {
        Err(DropReason::Send)
    }
}
