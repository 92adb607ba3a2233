//! One open stream: the pure session and its sockets.

use super::lending::Lending;
use super::tally::Tally;
use crate::kernel::KernelPath;
use crate::sockets::{Failure, Place, Sockets};
use rtp_proto::control::{Audio, Digit, DropReason, Leg, MediaId, SessionStats, Side, Sound};
use rtp_proto::offload::Touch;
use rtp_proto::{Channel, Notice, Packet, Session, Transmit, Verdict};
use rustix::event::epoll;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Datagrams that a socket may have read in one turn when it was ready in the turn before too: a backlog is worked off without
/// asking epoll for each, and a flood on one port still leaves the others their turn.
const READS: usize = 8;
/// Datagrams read from a socket before it is closed: what had come by then still counts, a flood does not.
const LAST_READS: usize = 256;
/// A stream's timers are looked at this often at least.
const LOOK: Duration = Duration::from_secs(1);

/// What an epoll event is about: a stream and one of its sockets (two on one port have one token), or the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

impl Token {
    /// The mailbox's eventfd.
    pub(crate) const BELL: Self = Self(u64::MAX);

    pub(crate) fn new(id: MediaId, side: Side, channel: Channel) -> Self {
        let side = match side {
            Side::A => 0,
            Side::B => 2,
        };
        let channel = match channel {
            Channel::Rtp => 0,
            Channel::Rtcp => 1,
        };
        Self(id.0 << 2 | side | channel)
    }

    pub(crate) fn data(self) -> epoll::EventData {
        epoll::EventData::new_u64(self.0)
    }

    pub(crate) fn from_data(data: epoll::EventData) -> Self {
        Self(data.u64())
    }

    /// Ids are given in order from 1 on: the two bits are never missed.
    pub(crate) fn id(self) -> MediaId {
        MediaId(self.0 >> 2)
    }

    fn side(self) -> Side {
        if self.0 & 2 == 0 { Side::A } else { Side::B }
    }

    fn channel(self) -> Channel {
        if self.0 & 1 == 0 {
            Channel::Rtp
        } else {
            Channel::Rtcp
        }
    }
}

/// A session with its sockets.
pub(crate) struct Stream {
    id: MediaId,
    session: Session,
    a: Sockets,
    b: Sockets,
    connect: bool,
    /// Which directions the kernel relays.
    lending: Lending,
    /// The last turn in which a socket of this stream was ready, and which.
    busy: (u64, Token),
}

impl Stream {
    /// Takes both legs' sockets into use.
    pub(crate) fn new(
        id: MediaId,
        session: Session,
        [a, b]: [Sockets; 2],
        connect: bool,
        kernel: Option<Arc<KernelPath>>,
    ) -> Self {
        Self {
            id,
            session,
            a,
            b,
            connect,
            lending: Lending::new(kernel),
            busy: (0, Token::BELL),
        }
    }

    pub(crate) fn id(&self) -> MediaId {
        self.id
    }

    /// A socket is readable: takes what is its due of this turn. Whether the timers have to be looked at anew.
    pub(crate) fn readable(
        &mut self,
        now: Instant,
        turn: u64,
        token: Token,
        buffer: &mut [u8],
        tally: &mut Tally,
    ) -> bool {
        let reads = if self.busy == (turn.wrapping_sub(1), token) {
            READS
        } else {
            1
        };
        self.busy = (turn, token);
        self.relay(now, token, reads, buffer, tally);
        self.settle(now, buffer, tally)
    }

    /// What a session wants after it was told something: packets of its own, the kernel, its sockets. Whether the timers have to
    /// be looked at anew.
    fn settle(&mut self, now: Instant, buffer: &mut [u8], tally: &mut Tally) -> bool {
        // What we say goes on from the newest that the kernel has relayed, and that is known once it is taken back.
        self.lend(now, buffer, tally);
        let spoke = self.transmit(now, buffer, tally);
        self.lend(now, buffer, tally);
        let roused = self.session.roused();
        self.apply_connects(tally) || spoke || roused
    }

    /// Says a digit to a side's peer, where digits are said in the stream.
    pub(crate) fn press(
        &mut self,
        now: Instant,
        side: Side,
        digit: Digit,
        duration: Duration,
        buffer: &mut [u8],
        tally: &mut Tally,
    ) {
        self.session.press(now, side, digit, duration);
        self.settle(now, buffer, tally);
    }

    /// Plays a sound to a side's peer, which speaks this.
    pub(crate) fn play(
        &mut self,
        now: Instant,
        side: Side,
        (sound, audio): (&Sound, &Audio),
        buffer: &mut [u8],
        tally: &mut Tally,
    ) {
        self.session.play(now, side, sound, audio);
        self.settle(now, buffer, tally);
    }

    /// Listens for a while to a side's peer, which speaks this.
    pub(crate) fn supervise(
        &mut self,
        now: Instant,
        side: Side,
        (audio, time): (&Audio, Duration),
        buffer: &mut [u8],
        tally: &mut Tally,
    ) {
        self.session.supervise(now, side, audio, time);
        self.settle(now, buffer, tally);
    }

    /// Stops what is played to a side's peer.
    pub(crate) fn hush(&mut self, now: Instant, side: Side, buffer: &mut [u8], tally: &mut Tally) {
        self.session.hush(side);
        self.settle(now, buffer, tally);
    }

    /// Sends what the session itself has to say; whether it had anything.
    fn transmit(&mut self, now: Instant, buffer: &mut [u8], tally: &mut Tally) -> bool {
        let mut any = false;
        let mut packet = Packet::new(buffer, 0);
        while let Some(Transmit { side, channel, to }) = self.session.poll_transmit(now, &mut packet) {
            any = true;
            let sent = self.sockets(side).send(channel, to, packet.bytes());
            if sent.is_err() {
                tally.error();
                self.session.transmit_failed(side, channel, packet.bytes());
            }
        }
        any
    }

    /// What call control should know.
    pub(crate) fn notice(&mut self) -> Option<Notice> {
        self.session.poll_notice()
    }

    /// Relays what came before the end, and says farewell.
    pub(crate) fn drain(&mut self, now: Instant, buffer: &mut [u8], tally: &mut Tally) {
        self.lending.reclaim_all(&mut self.session, tally);
        for side in Side::BOTH {
            for channel in [Channel::Rtp, Channel::Rtcp] {
                self.relay(now, Token::new(self.id, side, channel), LAST_READS, buffer, tally);
            }
        }
        self.session.end(now);
        self.transmit(now, buffer, tally);
    }

    /// Relays up to `reads` datagrams of one socket.
    fn relay(&mut self, now: Instant, token: Token, reads: usize, buffer: &mut [u8], tally: &mut Tally) {
        let (side, channel) = (token.side(), token.channel());
        for _ in 0..reads {
            match self.sockets_mut(side).receive(channel, buffer) {
                Ok(Some((length, from))) => {
                    let mut packet = Packet::new(buffer, length);
                    if self.lending.is_any() {
                        self.touched(now, side, channel, from, packet.bytes(), tally);
                    }
                    match self.session.receive(now, side, channel, from, &mut packet) {
                        Verdict::Forward { channel, to } => {
                            match self.sockets(side.other()).send(channel, to, packet.bytes()) {
                                Ok(()) => tally.forwarded(packet.len()),
                                Err(_) => {
                                    tally.error();
                                    tally.dropped(DropReason::Send);
                                    self.session.send_failed(side, channel, packet.bytes());
                                }
                            }
                        }
                        Verdict::Drop(reason) => tally.dropped(reason),
                        Verdict::Kept => tally.taken(),
                    }
                }
                Ok(None) => break,
                // An ICMP error, most likely: reading it has cleared it.
                Err(_) => tally.error(),
            }
        }
    }

    /// A packet came up although the kernel may have this direction: it is judged, and counted, by all that went before.
    fn touched(
        &mut self,
        now: Instant,
        side: Side,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        tally: &mut Tally,
    ) {
        match self.session.touch(now, side, channel, from, packet) {
            Touch::Nothing => {}
            Touch::Look => {
                self.lending.look(side, &mut self.session, tally);
                if self.session.may_succeed(now, side) {
                    self.lending.keep(now, side, &mut self.session, tally);
                }
            }
            Touch::Reclaim => self.lending.keep(now, side, &mut self.session, tally),
            Touch::Return => self.lending.reclaim(side, &mut self.session, tally),
        }
    }

    /// Gives the kernel what it may relay, and takes back what it may not any more. What waits in a socket goes first, so that
    /// it is not overtaken.
    fn lend(&mut self, now: Instant, buffer: &mut [u8], tally: &mut Tally) {
        if !self.lending.is_due(now, &mut self.session) {
            return;
        }
        for side in Side::BOTH {
            if self.lending.wants(now, side, &self.session) {
                self.relay(
                    now,
                    Token::new(self.id, side, Channel::Rtp),
                    LAST_READS,
                    buffer,
                    tally,
                );
            }
        }
        self.lending.settle(now, &mut self.session, tally);
    }

    /// A leg changed. On failure the stream is as it was.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        place: Place<'_>,
        side: Side,
        (leg, fresh): (&Leg, Option<Sockets>),
        buffer: &mut [u8],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        self.lending.reclaim_all(&mut self.session, tally);
        let followed = self.sockets_mut(side).follow(place, side, leg, fresh);
        if let Ok(new) = followed {
            if new {
                self.session.disconnected(side);
            }
            self.session.update(now, side, leg);
        }
        self.settle(now, buffer, tally);
        followed?;
        Ok(())
    }

    /// Time has passed.
    pub(crate) fn timeout(&mut self, now: Instant, buffer: &mut [u8], tally: &mut Tally) {
        self.refresh(tally);
        self.session.handle_timeout(now);
        self.settle(now, buffer, tally);
    }

    /// When to look at the timers next.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let look = now + LOOK;
        Some(self.session.poll_timeout().map_or(look, |at| at.min(look)))
    }

    pub(crate) fn stats(&self) -> SessionStats {
        self.session.stats()
    }

    /// Reads what the kernel has counted, so that the statistics are today's.
    pub(crate) fn refresh(&mut self, tally: &mut Tally) {
        for side in Side::BOTH {
            self.lending.look(side, &mut self.session, tally);
        }
    }

    /// Routes have changed: whoever is reached another way now is to be relayed that way.
    pub(crate) fn reroute(&mut self, now: Instant, buffer: &mut [u8], tally: &mut Tally) {
        if self.lending.reroute(&mut self.session, tally) {
            self.settle(now, buffer, tally);
        }
    }

    fn apply_connects(&mut self, tally: &mut Tally) -> bool {
        let mut changed = false;
        while let Some((side, to)) = self.session.connect_change() {
            changed = true;
            if self.connect && self.sockets_mut(side).connect(to).is_err() {
                // Everybody is heard on the first socket then, the peer too.
                tally.error();
            }
        }
        changed
    }

    fn sockets(&self, side: Side) -> &Sockets {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    fn sockets_mut(&mut self, side: Side) -> &mut Sockets {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
