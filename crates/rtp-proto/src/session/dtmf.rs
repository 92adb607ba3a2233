//! Digits of a session: heard on one leg; said on the other as it takes them, in packets that are relayed, put on another clock,
//! or our own.

use super::{Channel, Forward, Half, Notice, Session, Transmit};
use crate::control::{Audio, Digit, Digits, DropReason, Needs, Said, Side};
use crate::dtmf::{Converter, Ear, REPORT, Receiver, Report, Sender, Tones};
use crate::packet::Packet;
use crate::rtp::{self, Header, Translation};
use crate::session::{Egress, Numbers};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod in_band;

/// The digits of one leg.
#[derive(Debug)]
pub(super) struct Keys {
    how: Arc<Digits>,
    /// What its peer presses, once it has.
    receiver: Option<Box<Receiver>>,
    /// The same on its way to the other leg.
    converter: Option<Box<Converter>>,
    /// What is said to its peer, once there is something.
    sender: Option<Box<Sender>>,
    /// The same as tones, and what listens for tones of its own.
    in_band: Option<Arc<Audio>>,
    tones: Option<Box<Tones>>,
    ear: Option<Box<Ear>>,
    /// A timer has something to wait for that it did not have.
    roused: bool,
}

impl Keys {
    /// `None`: nothing is to be done.
    pub(super) fn of(now: Instant, needs: &Needs) -> Option<Box<Self>> {
        let mut keys = Box::new(Self {
            how: needs.digits.clone()?,
            receiver: None,
            converter: None,
            sender: None,
            in_band: None,
            tones: None,
            ear: None,
            roused: false,
        });
        keys.tune(now, needs.in_band.as_ref());
        Some(keys)
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
    /// Says a digit to a side's peer. Whether there was room for it, and a way to say it. What is relayed to that peer elsewhere
    /// has to be [reclaimed](Self::reclaim) before the next [`poll_transmit`](Self::poll_transmit): the digit is numbered after it.
    pub fn press(&mut self, now: Instant, side: Side, digit: Digit, duration: Duration) -> bool {
        let (there, _) = self.halves(side);
        let pushed = there
            .keys
            .as_mut()
            .is_some_and(|keys| keys.say(now, digit, duration));
        // The kernel would go on relaying beside it.
        self.rerouted |= pushed;
        pushed
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

    /// Tells of what has been heard, and says it to the other peer, if that takes it in another way in its stream.
    pub(super) fn collect_digits(&mut self, now: Instant, side: Side) {
        loop {
            let (here, there) = self.halves(side);
            let Some((heard, tone)) = here.keys.as_mut().and_then(|keys| keys.heard()) else {
                return;
            };
            here.stats.digits = here.stats.digits.saturating_add(1);
            if let Some(keys) = &mut there.keys
                && keys.takes_anew(tone)
            {
                self.rerouted |= keys.say(now, heard.digit, heard.duration);
            }
            self.notices.push_back(Notice::Digit { side, heard });
            // It may have kept the kernel from relaying.
            self.rerouted = true;
        }
    }

    /// The next packet of a digit that is said to a side's peer.
    pub(super) fn say_digit(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut Packet<'_>,
    ) -> Option<Transmit> {
        if let Some(transmit) = self.say_tone(now, side, packet) {
            return Some(transmit);
        }
        let (there, here) = self.halves(side);
        there
            .keys
            .as_ref()
            .and_then(|keys| keys.event_at())
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

    /// Whether nothing about digits keeps the direction from `side` here. An event that is held back does: each of its packets
    /// changes the numbers of what follows.
    pub(super) fn digits_relayable(&self, side: Side) -> bool {
        let (here, there) = (self.half(side), self.half(side.other()));
        let passes = there
            .keys
            .as_ref()
            .is_none_or(|keys| keys.how.said == Said::Events);
        let hears = |keys: &Keys| keys.ear.is_some() || (keys.is_pressed() && !passes);
        let unheard = here.keys.as_deref().is_none_or(|keys| !hears(keys));
        let unsaid = |keys: &Keys| keys.event_at().is_none() && !keys.is_sounding();
        unheard && there.keys.as_deref().is_none_or(unsaid)
    }
}

impl Keys {
    /// When the next packet of an event is due to be said.
    fn event_at(&self) -> Option<Instant> {
        self.sender.as_ref()?.poll_timeout()
    }

    /// Whether an event is being said.
    fn is_saying(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.is_busy())
    }

    /// Whether events of the other peer are not said to this one in the packets that they come in, and are not converted either:
    /// what follows them takes their numbers.
    pub(super) fn holds_back(&self) -> bool {
        matches!(self.how.said, Said::Signalled | Said::Tones)
    }

    /// Whether an event of the peer's is going on.
    fn is_pressed(&self) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| receiver.is_busy())
    }

    /// Whether an event that is heard here is said to `there` by the packet that it came in, or later, or by none.
    pub(super) fn passes(&self, there: &Self, map: &Translation) -> bool {
        let same = |said: u32| {
            self.how.heard.iter().all(|payload_type| {
                let clock = self
                    .how
                    .events
                    .map_or_else(|| map.clock(*payload_type), |(_, clock)| clock);
                clock == said && map.passes(*payload_type)
            })
        };
        match (there.how.said, there.how.events) {
            (Said::Signalled | Said::Tones, _) | (Said::Events, None) => true,
            (Said::Events, Some((_, clock))) => same(clock),
        }
    }
}

impl Half {
    /// Another way with digits. What is being heard and said goes on.
    pub(super) fn press_with(&mut self, now: Instant, needs: &Needs) {
        match (&mut self.keys, &needs.digits) {
            (Some(keys), Some(digits)) => {
                if keys.how.events != digits.events || keys.how.said != digits.said {
                    keys.sender = None;
                }
                keys.how = digits.clone();
                keys.tune(now, needs.in_band.as_ref());
            }
            (keys, _) => *keys = Keys::of(now, needs),
        }
    }

    /// Payload types that the session wants to see wherever others are relayed (bit n: type n).
    pub(super) fn listened(&self) -> u128 {
        self.keys.as_ref().map_or(0, |keys| {
            keys.how.heard.iter().fold(0, |set, pt| set | 1u128 << (pt & 127))
        })
    }

    /// Whether this peer's events come with this payload type.
    pub(super) fn hears_events(&self, payload_type: u8) -> bool {
        let keys = self.keys.as_ref();
        keys.is_some_and(|keys| keys.how.heard.contains(&payload_type))
    }

    /// When [`keys_timeout`](Self::keys_timeout), or a packet of a digit, is due.
    pub(super) fn keys_at(&self) -> Option<Instant> {
        let keys = self.keys.as_ref()?;
        let lapses = keys
            .receiver
            .as_ref()
            .and_then(|receiver| receiver.poll_timeout());
        let events = [lapses, keys.event_at()];
        let tones = keys.tones_at();
        events.into_iter().chain(tones).flatten().min()
    }

    /// Whether a digit of ours is being said to this peer.
    pub(super) fn is_saying_digits(&self) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|keys| keys.is_saying() || keys.is_sounding())
    }

    /// Whether an event of this peer is on its way to the other: nothing else is to be said to that meanwhile, as nobody says anything
    /// beside an event of his own.
    pub(super) fn presses(&self, there: &Self) -> bool {
        let takes = |keys: &Keys| keys.how.said == Said::Events && keys.how.events.is_some();
        self.keys.as_ref().is_some_and(|keys| keys.is_pressed()) && there.keys.as_deref().is_some_and(takes)
    }

    pub(super) fn keys_timeout(&mut self, now: Instant) {
        if let Some(keys) = &mut self.keys {
            if let Some(receiver) = &mut keys.receiver {
                receiver.handle_timeout(now);
            }
            keys.tones_timeout(now);
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
        let busy = there.is_saying_digits();
        let Some(keys) = self.keys.as_mut() else {
            return self.beside(now, header, there, busy);
        };
        if !keys.how.heard.contains(&header.payload_type) {
            if let Some(receiver) = keys.receiver.as_mut().filter(|receiver| receiver.is_busy()) {
                receiver.other(now, header);
                keys.roused = true;
            }
            keys.listen(now, header, packet);
            return self.beside(now, header, there, busy);
        }
        let clock = keys
            .how
            .events
            .map_or_else(|| self.map.clock(header.payload_type), |(_, clock)| clock);
        let receiver = keys.receiver.get_or_insert_default();
        receiver.event(now, header, clock, rtp::payload(packet.bytes()));
        keys.roused = true;
        let Some((said, events)) = there.keys.as_ref().map(|keys| (keys.how.said, keys.how.events)) else {
            return Path::Relay;
        };
        match (said, events) {
            (Said::Signalled | Said::Tones, _) => {
                self.hold_back(now, header, there);
                Path::Ends(Ok(None))
            }
            (Said::Events, None) => Path::Ends(Err(DropReason::PayloadType)),
            (Said::Events, Some((_, other))) if other == clock && self.map.passes(header.payload_type) => {
                Path::Relay
            }
            (Said::Events, Some(event)) => {
                Path::Ends(self.convert(now, header, packet, there, (clock, event)))
            }
        }
    }

    /// A packet that is no event: nothing reaches the other peer beside a digit of ours.
    fn beside(&self, now: Instant, header: &Header, there: &mut Self, busy: bool) -> Path {
        if !busy {
            return Path::Relay;
        }
        self.hold_back(now, header, there);
        Path::Ends(Ok(None))
    }

    /// A packet that the other peer is not to hear: what follows has the numbers that it would have had.
    fn hold_back(&self, now: Instant, header: &Header, there: &mut Self) {
        self.number_before(now, header, there);
        if let Some(egress) = &mut there.egress {
            egress.skip(now, header);
        }
    }

    /// Whether this packet is an event's, and so is the newest that this peer is known to have said: nothing between them was relayed.
    fn is_pressing(&self, header: &Header) -> bool {
        let newest = self.reception.newest();
        self.hears_events(header.payload_type)
            && newest.is_some_and(|(newest, _)| self.hears_events(newest.payload_type))
    }

    /// What the other peer hears is numbered by us from this packet on, if it has heard this one so far.
    fn number_before(&self, now: Instant, header: &Header, there: &mut Self) {
        let before = Header {
            sequence: header.sequence.wrapping_sub(1),
            ..*header
        };
        let heard = there.stats.sent_packets > 0 && there.voice.is_none();
        match &mut there.egress {
            Some(egress) if self.is_pressing(header) => egress.unfollow(header),
            None if heard => there.egress = Some(Box::new(Egress::after(now, &before))),
            Some(_) | None => {}
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
        self.number_before(now, header, there);
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
        let converter = keys.converter.get_or_insert_default();
        let converted = converter.convert(now, header, report, (from, to), &mut begin);
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
        let sender = keys.sender.as_mut()?;
        loop {
            let say = sender.poll(now, clock)?;
            let numbers = match say.timestamp {
                Some(timestamp) => egress.same(timestamp),
                None => egress.own(now, clock, true, 1),
            };
            if say.timestamp.is_none() {
                sender.began(numbers.timestamp);
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
