//! Keys for a stream by a DTLS handshake on its own path (DTLS-SRTP, RFC 5763, RFC 5764).
//!
//! An [`Association`] drives one handshake and decides what of it counts. The handshake itself is a library's, behind [`Engine`]:
//! a driver provides it together with our certificate ([`Engines`]), since its keys come from the system's randomness.
//!
//! Nothing is believed before the peer's certificate has one of the fingerprints in its SDP (RFC 8122 §5): keys come out of
//! [`Association::poll_event`] only then. Until the handshake is done anybody may have sent a datagram; so whatever an engine
//! refuses ends that attempt and not the association, which begins anew a few times, within one deadline.

mod engine;
mod fingerprint;
#[cfg(test)]
mod tests;

pub use engine::{Broken, Engine, Engines, Keying, Output, Role};
pub use fingerprint::{Fingerprint, Hash, certifies};

use crate::budget::Budget;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a handshake may take, once both sides know what they need.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Attempts that may be spoilt by who is known to be the peer, or with whom we began.
const ATTEMPTS: u8 = 8;
/// Attempts a second where anybody's datagram may come to a handshake: strangers who spoil them take no time from calls.
const ATTEMPTS_PER_SECOND: u32 = 10;
/// A handshake whose peer said nothing for this long may be taken over by another source's.
const QUIET: Duration = Duration::from_millis(500);
/// The engine's timers are looked at again after this at the earliest.
const SOONEST: Duration = Duration::from_millis(10);
/// Datagrams that wait to be sent: a flight, and the next.
const QUEUE: usize = 32;
/// Length of the longest datagram that is given to a handshake.
const LONGEST: usize = 4096;
/// Length of the longest thing that an engine has to say: a certificate, most likely.
const LONGEST_OUTPUT: usize = 8192;

/// What offer and answer said of the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Ours: [`Role::Active`] sends the first message.
    pub role: Role,
    /// The peer's fingerprints; empty while its SDP is not known.
    pub expected: SmallVec<[Fingerprint; 2]>,
    /// Offer and answer have both been sent, and the call is answered: from now on the peer has to come.
    pub settled: bool,
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing came of it in time.
    #[error("the DTLS handshake was not done in time")]
    Timeout,
    /// The peer's certificate is not the one that its SDP names.
    #[error("the peer's certificate is not the one in its SDP")]
    Fingerprint,
    /// No cipher suite, version, curve or SRTP profile in common, or messages that make no sense.
    #[error("the DTLS handshake failed")]
    Handshake,
}

/// What came of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is who its SDP says, and talks from this address.
    Keys {
        /// The new keys.
        keying: Keying,
        /// Where the peer's last handshake message came from.
        from: SocketAddr,
    },
    /// There will be no keys, unless a new offer/answer brings them.
    Failed(Failure),
    /// The peer has closed the association: it sends no more.
    Closed,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the keys.
    Open,
    /// The keys are out.
    Done,
    Over,
}

/// One DTLS association of one stream's leg.
#[derive(Debug)]
pub struct Association {
    engines: Arc<dyn Engines>,
    engine: Option<Box<dyn Engine>>,
    setup: Setup,
    /// The peer is known by other means (ICE): its addresses are its, and what it says is final.
    assured: bool,
    state: State,
    peer: Option<SocketAddr>,
    heard: Option<Instant>,
    /// The peer's certificate (DER), while nothing says what it should be.
    certificate: Option<Box<[u8]>>,
    verified: bool,
    keying: Option<Keying>,
    connected: bool,
    deadline: Option<Instant>,
    wake: Option<Instant>,
    spoilt: u8,
    /// Why the last attempt came to nothing.
    spoilt_by: Option<Failure>,
    attempts: Budget,
    out: VecDeque<Box<[u8]>>,
    events: VecDeque<Event>,
}

impl Association {
    /// A handshake that is still to begin. `assured`: datagrams are only given to it from addresses that are the peer's (ICE).
    #[must_use]
    pub fn new(now: Instant, engines: Arc<dyn Engines>, setup: Setup, assured: bool) -> Self {
        let mut association = Self {
            engines,
            engine: None,
            setup,
            assured,
            state: State::Open,
            peer: None,
            heard: None,
            certificate: None,
            verified: false,
            keying: None,
            connected: false,
            deadline: None,
            wake: None,
            spoilt: 0,
            spoilt_by: None,
            attempts: Budget::new(ATTEMPTS_PER_SECOND),
            out: VecDeque::new(),
            events: VecDeque::new(),
        };
        association.set_deadline(now);
        association
    }

    /// A new offer/answer. Another role or other fingerprints mean another association (RFC 8842 §3.1): it begins, and the keys
    /// that are in use stay so until it is done. What was not known yet is filled in.
    pub fn update(&mut self, now: Instant, setup: &Setup) {
        let known = !self.setup.expected.is_empty();
        let begun = self.state != State::Open || self.engine.is_some();
        let another = (known && !same(&self.setup.expected, &setup.expected) && !setup.expected.is_empty())
            || (begun && setup.role != self.setup.role);
        let reach = self.peer;
        let expected = if setup.expected.is_empty() {
            std::mem::take(&mut self.setup.expected)
        } else {
            setup.expected.clone()
        };
        self.setup = Setup {
            role: setup.role,
            expected,
            settled: setup.settled,
        };
        if another {
            (self.state, self.spoilt, self.spoilt_by, self.deadline) = (State::Open, 0, None, None);
            self.start_over();
        }
        self.set_deadline(now);
        if let Some(to) = reach.filter(|_| self.setup.role == Role::Active) {
            self.reach(now, to);
        }
        self.settle();
    }

    /// The peer may be sent to there: what we have to say goes there from now on, and the active side begins.
    pub fn reach(&mut self, now: Instant, to: SocketAddr) {
        let moves = self.assured || self.heard.is_none();
        if moves {
            self.peer = Some(to);
        }
        if self.state == State::Open && self.setup.role == Role::Active && self.engine.is_none() {
            self.begin(now);
        }
    }

    /// A datagram that RFC 7983 sorts as DTLS. Whether the handshake took it, as far as can be told: an engine may pass over what it
    /// cannot use.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        if self.state == State::Over || datagram.len() > LONGEST {
            return false;
        }
        if !self.assured && self.peer.is_some_and(|peer| peer != from) {
            // Its end of the handshake is told to nobody else.
            if self.state == State::Done {
                return false;
            }
            if self.setup.role == Role::Active {
                // Whoever answers us does so from where we have spoken to.
                return false;
            }
            // A handshake of two is not disturbed by a third, unless it has died down.
            let silent = self
                .heard
                .is_none_or(|at| now.saturating_duration_since(at) >= QUIET);
            if !silent || !is_client_hello(datagram) && self.heard.is_some() {
                return false;
            }
            if self.heard.is_some() {
                self.start_over();
            }
        }
        if self.engine.is_none() {
            if self.state == State::Done || self.setup.role == Role::Active || !is_client_hello(datagram) {
                return false;
            }
            if !self.assured && !self.attempts.take(now) {
                return false;
            }
            self.begin(now);
        }
        (self.peer, self.heard) = (Some(from), Some(now));
        let Some(engine) = &mut self.engine else {
            return false;
        };
        let result = engine.receive(now, datagram);
        let taken = result.is_ok();
        self.carry_on(now, result);
        taken
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadline.filter(|_| self.state == State::Open);
        [self.wake, deadline].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::Open && self.deadline.is_some_and(|at| now >= at) {
            self.fail(self.spoilt_by.unwrap_or(Failure::Timeout));
            return;
        }
        if self.wake.is_some_and(|at| now >= at)
            && let Some(engine) = &mut self.engine
        {
            let result = engine.handle_timeout(now);
            self.carry_on(now, result);
        }
    }

    /// The next datagram to send, written into `buffer`: its length, and where it goes.
    pub fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let to = self.peer?;
        loop {
            let datagram = self.out.pop_front()?;
            if let Some(place) = buffer.get_mut(..datagram.len()) {
                place.copy_from_slice(&datagram);
                return Some((datagram.len(), to));
            }
        }
    }

    /// The next thing that came of it.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What was agreed.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Whether keys have come out of it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn set_deadline(&mut self, now: Instant) {
        let known = self.setup.settled && !self.setup.expected.is_empty();
        if self.state == State::Open && self.deadline.is_none() && known {
            self.deadline = Some(now + DEADLINE);
        }
    }

    fn begin(&mut self, now: Instant) {
        let mut engine = self.engines.start(now, self.setup.role);
        // The first flight of the active side, and the logical time of either.
        let result = engine.handle_timeout(now);
        self.engine = Some(engine);
        self.carry_on(now, result);
    }

    /// Takes what the engine has to say after it was told something.
    fn carry_on(&mut self, now: Instant, result: Result<(), Broken>) {
        let result = result.and_then(|()| self.drain());
        // A library that wants to be asked again at once, and has nothing to say then, would be asked for ever.
        self.wake = self.wake.map(|at| at.max(now + SOONEST));
        self.settle();
        if result.is_err() {
            self.spoil(now, Failure::Handshake);
        }
    }

    fn drain(&mut self) -> Result<(), Broken> {
        let Some(engine) = &mut self.engine else {
            return Ok(());
        };
        let mut buffer = [0; LONGEST_OUTPUT];
        loop {
            match engine.poll(&mut buffer)? {
                Output::Datagram(bytes) => {
                    if self.out.len() >= QUEUE {
                        self.out.pop_front();
                    }
                    self.out.push_back(Box::from(bytes));
                }
                Output::Certificate(der) => self.certificate = Some(Box::from(der)),
                Output::Keys(keying) => self.keying = Some(keying),
                Output::Connected => self.connected = true,
                Output::Nothing => {}
                Output::Closed => self.events.push_back(Event::Closed),
                Output::Wait(at) => {
                    self.wake = at;
                    return Ok(());
                }
            }
        }
    }

    /// Looks at the certificate as soon as it is known what it should be, and gives out the keys when all is in order.
    fn settle(&mut self) {
        if self.state != State::Open {
            return;
        }
        if let Some(der) = self
            .certificate
            .as_deref()
            .filter(|_| !self.setup.expected.is_empty())
        {
            let certifies = certifies(&self.setup.expected, der);
            (self.certificate, self.verified) = (None, certifies);
            if !certifies {
                return self.spoil_for(Failure::Fingerprint);
            }
        }
        if !self.connected || !self.verified {
            return;
        }
        match (self.keying.take(), self.peer) {
            (Some(keying), Some(from)) => {
                self.state = State::Done;
                self.events.push_back(Event::Keys { keying, from });
            }
            // A handshake without use_srtp.
            (None, _) | (_, None) => self.spoil_for(Failure::Handshake),
        }
    }

    /// This attempt has come to nothing.
    fn spoil(&mut self, now: Instant, failure: Failure) {
        if self.state != State::Open {
            // The keys are out: what is lost is the answer to a repeated last flight.
            (self.engine, self.wake) = (None, None);
            return;
        }
        self.spoil_for(failure);
        if self.state == State::Open
            && self.setup.role == Role::Active
            && let Some(to) = self.peer
        {
            self.reach(now, to);
        }
    }

    fn spoil_for(&mut self, failure: Failure) {
        self.spoilt = self.spoilt.saturating_add(1);
        self.spoilt_by = Some(failure);
        // Of what comes from nobody known only time decides.
        let known = self.assured || self.setup.role == Role::Active;
        let last = (known && self.spoilt >= ATTEMPTS) || (self.assured && failure == Failure::Fingerprint);
        if last {
            self.fail(failure);
        } else {
            self.start_over();
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.start_over();
        self.state = State::Over;
        self.events.push_back(Event::Failed(failure));
    }

    fn start_over(&mut self) {
        (self.engine, self.wake, self.heard) = (None, None, None);
        (self.certificate, self.verified) = (None, false);
        (self.keying, self.connected) = (None, false);
        self.out.clear();
    }
}

/// The same fingerprints, in any order.
fn same(one: &[Fingerprint], other: &[Fingerprint]) -> bool {
    one.len() == other.len() && one.iter().all(|fingerprint| other.contains(fingerprint))
}

/// A handshake record of epoch 0 that begins with a ClientHello (RFC 6347 §4.1, §4.2.2): all that begins a handshake with us.
fn is_client_hello(datagram: &[u8]) -> bool {
    matches!(datagram, [22, 254, _, 0, 0, ..]) && datagram.get(13) == Some(&1)
}
