//! A session between a browser (ICE, DTLS, SRTP) and a plain telephone, in virtual time, on a network that a test decides about.

use super::pair::{Dice, identity, setup};
use rtp_net::Identity;
use rtp_proto::control::{
    Credentials, DropReason, Dtls, Fingerprint, Ice, Latch, Leg, Needs, PathChange, PortPair, PtMap, Remote,
    Rtcp, Security, Side, StreamKind,
};
use rtp_proto::dtls::{Association, Engines, Event, Keying, Role};
use rtp_proto::ice;
use rtp_proto::srtp::{Receiver, Sender};
use rtp_proto::stun::{Class, Message, Transaction};
use rtp_proto::{Channel, Notice, Packet, Patience, Session, Transmit, Verdict};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const BROWSER: &str = "192.0.2.10:40000";
pub(crate) const MOVED: &str = "198.51.100.10:40001";
pub(crate) const PHONE: &str = "127.0.0.20:30000";
pub(crate) const STRANGER: &str = "203.0.113.66:666";
/// What the browser's SDP says: nothing (RFC 8840 §4.1.1).
pub(crate) const NOWHERE: &str = "0.0.0.0:9";
pub(crate) const TICK: Duration = Duration::from_millis(5);
pub(crate) const SECURED: Notice = Notice::Path {
    side: Side::A,
    change: PathChange::Secured,
};
pub(crate) const ROOM: usize = 2048;

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn ours() -> Credentials {
    Credentials {
        ufrag: "ourfrag".into(),
        password: "our-password-of-22-chars".into(),
    }
}

pub(crate) fn leg(remote: &str, port: u16) -> Leg {
    Leg {
        bind: "127.0.0.1".parse().unwrap(),
        ports: PortPair(port),
        kind: StreamKind::Rtp,
        mux: true,
        remote: Some(Remote {
            rtp: at(remote),
            rtcp: at(remote),
        }),
        may_send: true,
        expects: true,
        latch: Latch {
            symmetric: false,
            signalling: at(remote).ip(),
            acl: Arc::from([]),
            rebind_any_address: false,
        },
        map: PtMap::identity(),
        dscp: 46,
        party: 0,
        rtcp: Rtcp::Off,
        codec: None,
        needs: Needs::default(),
    }
}

pub(crate) fn secured(mut leg: Leg, identity: &Arc<Identity>, of_peer: &Fingerprint, ice: bool) -> Leg {
    leg.needs.security = Some(Security::Dtls(Dtls {
        engines: identity.clone(),
        setup: setup(Role::Passive, &[of_peer]),
    }));
    leg.needs.ice = ice.then(|| Ice {
        local: ours(),
        remote: Some("theirs".into()),
        lite: false,
    });
    leg
}

pub(crate) fn rtp(ssrc: u32, sequence: u16, fill: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[fill; 160]);
    packet
}

/// A peer with keys of its own, as a browser is one.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) association: Association,
    pub(crate) sender: Option<Sender>,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) checks: u8,
    /// Answers to its checks.
    pub(crate) answered: usize,
    /// What it heard, opened.
    pub(crate) heard: Vec<Vec<u8>>,
    /// What it could not open.
    pub(crate) noise: usize,
}

impl Peer {
    pub(crate) fn new(now: Instant, identity: &Arc<Identity>, of_us: &Fingerprint) -> Self {
        let setup = setup(Role::Active, &[of_us]);
        Self {
            address: at(BROWSER),
            association: Association::new(now, identity.clone(), setup, true),
            sender: None,
            receiver: None,
            checks: 0,
            answered: 0,
            heard: Vec::new(),
            noise: 0,
        }
    }

    pub(crate) fn check(&mut self, nominate: bool) -> Vec<u8> {
        self.checks += 1;
        let mut buffer = [0; 300];
        let id = Transaction([self.checks; 12]);
        let length = ice::check(&mut buffer, id, "ourfrag:theirs", &ours().password, 100, nominate);
        buffer[..length.unwrap()].to_vec()
    }

    pub(crate) fn hear(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        match bytes[0] {
            0..=3 => {
                let message = Message::parse(bytes).unwrap();
                self.answered += usize::from(message.class() == Class::Success);
            }
            20..=63 => {
                self.association.receive(now, from, bytes);
                while let Some(event) = self.association.poll_event() {
                    if let Event::Keys { keying, .. } = event {
                        self.key(keying);
                    }
                }
            }
            _ => {
                let mut packet = bytes.to_vec();
                match self.receiver.as_mut().map(|r| r.unprotect_rtp(&mut packet)) {
                    Some(Ok(length)) => {
                        packet.truncate(length);
                        self.heard.push(packet);
                    }
                    Some(Err(_)) | None => self.noise += 1,
                }
            }
        }
    }

    pub(crate) fn key(&mut self, keying: Keying) {
        match (&mut self.sender, &mut self.receiver) {
            (Some(sender), Some(receiver)) => {
                sender.rekey(keying.local);
                receiver.rekey(keying.remote);
            }
            (sender, receiver) => {
                *sender = Some(Sender::new(keying.local));
                *receiver = Some(Receiver::new(keying.remote));
            }
        }
    }

    pub(crate) fn seal(&mut self, packet: Vec<u8>) -> Vec<u8> {
        let mut buffer = packet.clone();
        buffer.resize(ROOM, 0);
        let sealed = self
            .sender
            .as_mut()
            .unwrap()
            .protect_rtp(&mut buffer, packet.len())
            .unwrap();
        buffer.truncate(sealed);
        buffer
    }
}

/// The session, the browser on leg A, and what leg B's peer heard.
pub(crate) struct Bed {
    pub(crate) now: Instant,
    pub(crate) session: Session,
    pub(crate) peer: Peer,
    pub(crate) phone: Vec<Vec<u8>>,
    pub(crate) notices: Vec<Notice>,
    /// Datagrams that went elsewhere on leg A.
    pub(crate) astray: usize,
    pub(crate) dice: Dice,
    /// Of a hundred datagrams on leg A, how many are lost.
    pub(crate) loss: u64,
    pub(crate) us: Arc<Identity>,
    pub(crate) them: Arc<Identity>,
}

impl Bed {
    pub(crate) fn new(ice: bool) -> Self {
        let (us, them) = (identity(), identity());
        let of_them = them.fingerprint().clone();
        Self::with(us, them, &of_them, ice)
    }

    pub(crate) fn with(us: Arc<Identity>, them: Arc<Identity>, expected: &Fingerprint, ice: bool) -> Self {
        let now = Instant::now();
        let a = leg(if ice { NOWHERE } else { BROWSER }, 10_000);
        let legs = [secured(a, &us, expected, ice), leg(PHONE, 10_002)];
        Self {
            now,
            session: Session::new(now, &legs, Patience::default(), 7),
            peer: Peer::new(now, &them, us.fingerprint()),
            phone: Vec::new(),
            notices: Vec::new(),
            astray: 0,
            dice: Dice(1),
            loss: 0,
            us,
            them,
        }
    }

    pub(crate) fn lost(&mut self) -> bool {
        self.dice.roll(100) < self.loss
    }

    /// A datagram arrives on a leg.
    pub(crate) fn arrive(&mut self, side: Side, from: SocketAddr, bytes: &[u8]) -> Verdict {
        let mut buffer = bytes.to_vec();
        buffer.resize(ROOM.max(bytes.len()), 0);
        let mut packet = Packet::new(&mut buffer, bytes.len());
        let verdict = self
            .session
            .receive(self.now, side, Channel::Rtp, from, &mut packet);
        if let Verdict::Forward { to, .. } = verdict {
            let bytes = packet.bytes().to_vec();
            self.deliver(side.other(), to, bytes);
        }
        verdict
    }

    pub(crate) fn deliver(&mut self, side: Side, to: SocketAddr, bytes: Vec<u8>) {
        match side {
            Side::B => self.phone.push(bytes),
            Side::A if to == self.peer.address => {
                if !self.lost() {
                    self.peer.hear(self.now, at("127.0.0.1:10000"), &bytes);
                }
            }
            Side::A => self.astray += 1,
        }
    }

    pub(crate) fn peer_says(&mut self, bytes: &[u8]) -> Option<Verdict> {
        let from = self.peer.address;
        (!self.lost()).then(|| self.arrive(Side::A, from, bytes))
    }

    /// Time passes, and everybody says what there is to say.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += TICK;
            self.peer.association.handle_timeout(self.now);
            if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
                self.session.handle_timeout(self.now);
            }
            self.say();
        }
    }

    pub(crate) fn say(&mut self) {
        let mut buffer = [0; ROOM];
        for _ in 0..100 {
            let said = self.peer.association.poll_transmit(&mut buffer);
            let bytes = said.map(|(length, _)| buffer[..length].to_vec());
            if let Some(bytes) = &bytes {
                self.peer_says(bytes);
            }
            let mut packet = Packet::new(&mut buffer, 0);
            let own = self.session.poll_transmit(self.now, &mut packet);
            if let Some(Transmit { side, to, .. }) = own {
                let bytes = packet.bytes().to_vec();
                self.deliver(side, to, bytes);
            }
            while let Some(notice) = self.session.poll_notice() {
                self.notices.push(notice);
            }
            if bytes.is_none() && own.is_none() {
                return;
            }
        }
    }

    /// The browser checks until it is answered, nominates, and shakes hands.
    pub(crate) fn connect(&mut self) {
        while self.peer.answered == 0 {
            let check = self.peer.check(false);
            self.peer_says(&check);
            self.pass(Duration::from_millis(50));
        }
        let check = self.peer.check(true);
        self.arrive(Side::A, self.peer.address, &check);
        self.peer.association.reach(self.now, at("127.0.0.1:10000"));
        for _ in 0..300 {
            if self.peer.sender.is_some() && self.notices.contains(&SECURED) {
                return;
            }
            self.pass(Duration::from_millis(50));
        }
        panic!("no keys: {:?}", self.session);
    }

    /// A packet each way. Whether the browser's reached the phone.
    pub(crate) fn talk(&mut self, sequence: u16) -> bool {
        let before = self.phone.len();
        let sealed = self.peer.seal(rtp(1, sequence, 0xa1));
        self.peer_says(&sealed);
        self.arrive(Side::B, at(PHONE), &rtp(2, sequence, 0xb2));
        self.pass(Duration::from_millis(20));
        if self.phone.len() > before {
            assert_eq!(self.phone[before], rtp(1, sequence, 0xa1));
            return true;
        }
        false
    }

    pub(crate) fn dropped(&self, side: usize, reason: DropReason) -> u64 {
        self.session.stats().legs[side].dropped.get(reason)
    }
}
