//! One relayed stream: two legs, and what becomes of each packet that arrives on one of them.

use crate::control::{Audio, DropReason, Leg, SessionStats, Side, StreamKind};
use crate::latch::{Accepted, Address};
use crate::packet::Packet;
use crate::reception::Reception;
use crate::rtcp;
use crate::rtp::{self, Translation};
use crate::silence::Silence;
use crate::stats::Counters;
use egress::Egress;
use monitor::Monitor;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use treat::Voice;

mod beside;
mod dtmf;
mod egress;
mod lend;
mod monitor;
mod notice;
mod report;
mod secure;
mod sent;
mod sort;
mod supervise;
mod terms;
mod treat;

use beside::Beside;
pub(crate) use egress::Numbers;
pub use notice::Notice;
use secure::Secure;
use sort::Sorted;
pub use terms::{Channel, Patience, Transmit, Verdict};

/// Sender reports that passed to a leg and may still be quoted: several senders, a report each few seconds.
const REPORTS: usize = 4;

/// The relay of one stream between two legs.
///
/// Sequence numbers, timestamps and SSRCs are left as they are while a leg only hears the other; only the payload type may
/// change. The caller sends what [`receive`](Self::receive) says, calls [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) says (late is harmless), and after each of the two, and after a change of a leg, takes
/// what [`poll_transmit`](Self::poll_transmit) and [`poll_notice`](Self::poll_notice) have until they have no more.
#[derive(Debug)]
pub struct Session {
    a: Half,
    b: Half,
    patience: Patience,
    notices: VecDeque<Notice>,
    /// When both legs are looked at next.
    look_at: Instant,
    /// The stream is about to be closed.
    ending: bool,
    /// A side whose [`Session::connect_change`] has not been asked for yet.
    changed: bool,
    /// A side whose [`Session::flow`] may be another than when it was last asked for.
    rerouted: bool,
}

/// Marks of sender reports, and when these left.
#[derive(Debug, Default)]
struct Reports {
    ring: [Option<(u32, Instant)>; REPORTS],
    next: usize,
}

/// One leg.
#[derive(Debug)]
struct Half {
    kind: StreamKind,
    mux: bool,
    may_send: bool,
    expects: bool,
    map: Translation,
    address: Address,
    /// What the caller was last told about connecting.
    connected: Option<SocketAddr>,
    reception: Reception,
    silence: Silence,
    /// Sender reports forwarded to this peer: what it will quote, and when they left.
    reports: Option<Box<Reports>>,
    stats: Counters,
    /// Our RTP address.
    local: SocketAddr,
    dscp: u8,
    /// The direction from this leg is relayed elsewhere: what its ledger held when last seen.
    lent: Option<Box<lend::Lent>>,
    /// There may be packets that whoever it is lent to has marked as counted.
    marked: bool,
    /// The numbers of what this peer hears, once they are ours.
    egress: Option<Box<Egress>>,
    /// SRTP with this peer.
    secure: Option<Box<Secure>>,
    /// What is said beside media on the RTP port: checks and a handshake.
    beside: Option<Box<Beside>>,
    /// What this peer speaks, where the other speaks another codec.
    audio: Option<Arc<Audio>>,
    /// What this peer hears by our own means.
    voice: Option<Box<Voice>>,
    /// What is to be done about digits.
    keys: Option<Box<dtmf::Keys>>,
    /// Who is at the other end of the leg; see [`Leg::party`].
    party: u64,
    /// For numbers that nobody should guess.
    seed: u64,
    monitor: Monitor,
}

impl Session {
    /// A relay between `legs` (A, B). `seed`: a random number, from which those of the session's own streams come.
    #[must_use]
    pub fn new(now: Instant, legs: &[Leg; 2], patience: Patience, seed: u64) -> Self {
        let [a, b] = legs;
        let (a, b) = (Half::new(now, a, seed), Half::new(now, b, seed.rotate_left(32)));
        let mut session = Self {
            a,
            b,
            patience,
            notices: VecDeque::new(),
            look_at: now + monitor::LOOK,
            ending: false,
            changed: false,
            rerouted: false,
        };
        session.converse();
        session
    }

    /// A leg has a new SDP. Statistics go on.
    pub fn update(&mut self, now: Instant, side: Side, leg: &Leg) {
        let (here, there) = self.halves(side);
        if here.party != leg.party {
            there.go_on_from(&here.reception);
        }
        here.update(now, leg);
        there.address.other_updated(now);
        self.collect_digits(now, side);
        self.converse();
        (self.changed, self.rerouted) = (true, true);
    }

    /// A packet that arrived on a leg's socket, and what becomes of it. What is to be forwarded is made so in place.
    pub fn receive(
        &mut self,
        now: Instant,
        side: Side,
        channel: Channel,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Verdict {
        let (here, there) = self.halves(side);
        let numbered = |there: &Half| there.egress.as_ref().map(|egress| egress.change());
        let changes = (here.address.changes(), numbered(there));
        let counted = here.was_counted(channel, from, packet);
        let result = match here.sort(channel, packet.bytes()) {
            Ok(Sorted::Rtp) => here.rtp(now, from, packet, there, counted),
            Ok(Sorted::Rtcp) => here.rtcp(now, from, packet, there),
            Ok(Sorted::Udptl) => here.udptl(now, from, packet, there),
            Ok(Sorted::Beside) => here.hear_beside(now, from, packet.bytes()),
            Err(reason) => Err(reason),
        };
        let moved = here.connectable() != here.connected;
        let rerouted = (here.address.changes(), numbered(there)) != changes;
        let verdict = match result {
            Ok(Some((channel, to))) => Verdict::Forward { channel, to },
            Ok(None) => Verdict::Kept,
            Err(reason) => {
                here.stats.dropped.add(reason);
                Verdict::Drop(reason)
            }
        };
        (self.changed, self.rerouted) = (self.changed | moved, self.rerouted | rerouted);
        self.collect_digits(now, side);
        verdict
    }

    /// The other leg's socket did not take the packet that [`receive`](Self::receive) forwarded: it counts as dropped.
    /// `side` is where it arrived, `sent` the socket it should have left from, `bytes` its length.
    pub fn send_failed(&mut self, side: Side, sent: Channel, packet: &[u8]) {
        let (here, there) = self.halves(side);
        here.stats.dropped.add(DropReason::Send);
        there.unsent(sent, packet, true);
    }

    /// What [`poll_transmit`](Self::poll_transmit) gave could not be sent from this socket.
    pub fn transmit_failed(&mut self, side: Side, channel: Channel, packet: &[u8]) {
        let (here, _) = self.halves(side);
        here.unsent(channel, packet, true);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do at the earliest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [&self.a, &self.b]
            .into_iter()
            .flat_map(|half| {
                [
                    half.silence.deadline(self.limit(half)),
                    half.quiet_at(),
                    half.keys_at(),
                    half.voice_at(),
                    half.beside_deadline(),
                    half.monitor.report_at,
                    half.supervised_until(),
                ]
            })
            .flatten()
            .chain([self.look_at])
            .min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for side in Side::BOTH {
            let limit = self.limit(self.half(side));
            let (here, _) = self.halves(side);
            let silent = here.silence.overdue(now, limit);
            here.beside_timeout(now);
            here.keys_timeout(now);
            if here.quiet_at().is_some_and(|at| now >= at) {
                here.address.loosen();
                (self.changed, self.rerouted) = (true, true);
            }
            if let Some(quiet) = silent {
                self.notices.push_back(Notice::Silent { side, quiet });
            }
            self.collect_digits(now, side);
        }
        self.watch(now);
    }

    /// The next packet that the session itself has to send, written into `packet`. Counted as sent; say so with
    /// [`transmit_failed`](Self::transmit_failed) if it could not be.
    pub fn poll_transmit(&mut self, now: Instant, packet: &mut Packet<'_>) -> Option<Transmit> {
        if let Some(transmit) = self.say_beside(packet) {
            return Some(transmit);
        }
        loop {
            let transmit = self.own(now, packet)?;
            let (there, _) = self.halves(transmit.side);
            if there.seal_own(transmit.channel, packet).is_ok() {
                return Some(transmit);
            }
            there.unsent(transmit.channel, packet.bytes(), false);
        }
    }

    /// The next packet of the session's own, not yet sealed.
    fn own(&mut self, now: Instant, packet: &mut Packet<'_>) -> Option<Transmit> {
        let of_a_side = |session: &mut Self, side, packet: &mut Packet<'_>| {
            let digit = session.say_digit(now, side, packet);
            digit.or_else(|| session.voice(now, side, packet))
        };
        Side::BOTH
            .into_iter()
            .find_map(|side| of_a_side(self, side, packet))
            .or_else(|| self.poll_report(now, packet))
    }

    /// The next thing that call control should know.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front().or_else(|| self.beside_notice())
    }

    /// A leg's RTP socket should now be connected to this address (`Some`), or to none (`None`), so that other sources are
    /// heard. Ask until there is no answer, after each [`receive`](Self::receive), [`update`](Self::update) and
    /// [`handle_timeout`](Self::handle_timeout); it costs one comparison when nothing changed.
    pub fn connect_change(&mut self) -> Option<(Side, Option<SocketAddr>)> {
        if !self.changed {
            return None;
        }
        for side in Side::BOTH {
            let (here, _) = self.halves(side);
            let firm = here.connectable();
            if firm != here.connected {
                here.connected = firm;
                return Some((side, firm));
            }
        }
        self.changed = false;
        None
    }

    /// A leg's socket is new (rebound): it is connected to nothing.
    pub fn disconnected(&mut self, side: Side) {
        let (here, _) = self.halves(side);
        here.address.loosen();
        here.connected = None;
        self.rerouted = true;
    }

    /// Statistics so far.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        SessionStats {
            legs: [self.a.stats(), self.b.stats()],
        }
    }

    fn limit(&self, half: &Half) -> Option<Duration> {
        if half.expects {
            self.patience.expected
        } else {
            self.patience.held
        }
    }

    fn half(&self, side: Side) -> &Half {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    fn halves(&mut self, side: Side) -> (&mut Half, &mut Half) {
        match side {
            Side::A => (&mut self.a, &mut self.b),
            Side::B => (&mut self.b, &mut self.a),
        }
    }
}

/// Where a packet goes; `None`: the session has taken it.
type Forward = Result<Option<(Channel, SocketAddr)>, DropReason>;

impl Half {
    fn new(now: Instant, leg: &Leg, seed: u64) -> Self {
        let mut half = Self {
            kind: leg.kind,
            mux: leg.mux,
            may_send: leg.may_send,
            expects: leg.expects,
            map: Translation::of(leg),
            address: Address::new(now, leg.latch.clone(), leg.remote, leg.mux),
            connected: None,
            reception: Reception::default(),
            silence: Silence::new(now),
            reports: None,
            stats: Counters::default(),
            local: SocketAddr::new(leg.bind, leg.ports.rtp()),
            dscp: leg.dscp,
            lent: None,
            marked: false,
            egress: None,
            secure: leg.needs.security.as_ref().map(|s| Box::new(Secure::new(s))),
            beside: None,
            audio: leg.needs.transcode.clone(),
            voice: None,
            keys: dtmf::Keys::of(now, &leg.needs),
            party: leg.party,
            seed,
            monitor: Monitor::new(now, leg),
        };
        half.update_beside(now, &leg.needs, true);
        half
    }

    fn update(&mut self, now: Instant, leg: &Leg) {
        (self.kind, self.mux) = (leg.kind, leg.mux);
        (self.may_send, self.expects) = (leg.may_send, leg.expects);
        self.map = Translation::of(leg);
        self.audio.clone_from(&leg.needs.transcode);
        (self.local, self.dscp) = (SocketAddr::new(leg.bind, leg.ports.rtp()), leg.dscp);
        let other_party = self.party != leg.party;
        self.secure_with(leg.needs.security.as_ref(), other_party);
        self.party = leg.party;
        self.press_with(now, &leg.needs);
        self.address.update(now, leg.latch.clone(), leg.remote, leg.mux);
        self.update_beside(now, &leg.needs, other_party);
        self.reception.pause();
        self.silence.life(now);
        self.monitor.update(now, leg, other_party);
    }

    /// What the RTP socket may be connected to: to nobody while the kernel relays, so that strangers are heard.
    fn connectable(&self) -> Option<SocketAddr> {
        self.address.firm().filter(|_| self.lent.is_none())
    }

    /// When the peer will have been silent for too long to be the only one heard.
    fn quiet_at(&self) -> Option<Instant> {
        self.address.quiet_at().filter(|_| self.lent.is_none())
    }

    fn rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &mut Packet<'_>,
        there: &mut Self,
        counted: bool,
    ) -> Forward {
        self.open_rtp(now, from, packet)?;
        let header = rtp::parse(packet.bytes()).ok_or(DropReason::Invalid)?;
        if !counted {
            let accepted = self.address.accept(now, from, Some(&header))?;
            self.arrived(now, accepted, packet.len());
            self.stats.payload_type = Some(header.payload_type);
            self.reception.packet(now, &header, &self.map, &mut self.stats);
        }
        self.supervised(now, &header, packet);
        there.overhear(now, self, &header, packet);
        if self.keys.is_some() || there.keys.is_some() {
            match self.pressed(now, &header, packet, there) {
                dtmf::Path::Relay => {}
                dtmf::Path::Ends(forward) => return forward,
            }
        }
        if there.voice.is_some() {
            return there.treated(now, &header, packet);
        }
        let outgoing = self
            .map
            .outgoing(header.payload_type)
            .ok_or(DropReason::PayloadType)?;
        let (to, length) = (there.destination()?, packet.len());
        if outgoing != header.payload_type {
            rtp::set_payload_type(packet.bytes_mut(), outgoing);
        }
        if let Some(egress) = &mut there.egress {
            let numbers = egress.relay(now, &header, self.map.clock(header.payload_type));
            rtp::renumber(packet.bytes_mut(), &numbers);
        }
        there.seal_rtp(now, &header, self.map.clock(header.payload_type), packet)?;
        there.sent(length);
        Ok(Some((Channel::Rtp, to)))
    }

    /// If this peer has heard `from`, the numbers of what it hears from now on are ours, and go on from the newest packet.
    fn go_on_from(&mut self, from: &Reception) {
        if let (None, Some((newest, at))) = (&self.egress, from.newest()) {
            self.egress = Some(Box::new(Egress::after(at, &newest)));
        }
    }

    fn udptl(&mut self, now: Instant, from: SocketAddr, packet: &Packet<'_>, there: &mut Self) -> Forward {
        let accepted = self.address.accept(now, from, None)?;
        self.arrived(now, accepted, packet.len());
        // One facsimile machine sends for minutes, and the other says nothing until the page is over.
        there.silence.life(now);
        let to = there.destination()?;
        there.sent(packet.len());
        Ok(Some((Channel::Rtp, to)))
    }

    fn rtcp(&mut self, now: Instant, from: SocketAddr, packet: &mut Packet<'_>, there: &mut Self) -> Forward {
        self.open_rtcp(now, from, packet)?;
        if !rtcp::is_valid(packet.bytes()) {
            return Err(DropReason::Invalid);
        }
        self.address.accept_rtcp(now, from)?;
        self.silence.life(now);
        self.stats.rtcp_packets += 1;
        self.pass_rtcp(now, packet, there)
    }

    fn arrived(&mut self, now: Instant, accepted: Accepted, bytes: usize) {
        self.silence.life(now);
        self.stats.packets += 1;
        self.stats.bytes += bytes as u64;
        match accepted {
            Accepted::Learned => self.stats.latches = self.stats.latches.saturating_add(1),
            Accepted::Known | Accepted::Former => {}
        }
    }

    fn report_sent(&mut self, now: Instant, mark: u32) {
        if mark == 0 {
            return;
        }
        let reports = self.reports.get_or_insert_default();
        if let Some(slot) = reports.ring.get_mut(reports.next) {
            *slot = Some((mark, now));
        }
        reports.next = (reports.next + 1) % REPORTS;
    }

    /// RFC 3550 §6.4.1: the time since the report left, less what the peer held it. A mark of 0 quotes none.
    fn report_quoted(&mut self, now: Instant, mark: u32, delay: u32) {
        let mut reports = self
            .reports
            .iter()
            .flat_map(|reports| reports.ring.iter().flatten());
        let Some((_, at)) = reports.find(|(sent, _)| *sent == mark) else {
            return;
        };
        let held = Duration::from_nanos(u64::from(delay) * 1_000_000_000 / 65_536);
        if let Some(rtt) = now.saturating_duration_since(*at).checked_sub(held) {
            self.stats.rtt_us = u32::try_from(rtt.as_micros()).ok();
        }
    }
}

#[cfg(test)]
mod tests;
