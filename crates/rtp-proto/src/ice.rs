//! The lite side of ICE (RFC 8445 §2.5): it is reachable where it says, asks nothing itself, and answers who asks with the right
//! credentials. Where its peer sends from and is sent to is what the peer nominates: an address that nobody gets by guessing.
//!
//! | a Binding request | its answer |
//! |---|---|
//! | not STUN, another method, another fingerprint | none |
//! | no USERNAME or no MESSAGE-INTEGRITY | 400 |
//! | another user name, or made with another password | 401 |
//! | an attribute that must be understood and is not | 420 |
//! | from a peer that takes itself for the controlled one | 487 (§7.3.1.1: a lite agent has no other role to take) |
//! | a copy of an earlier one from another address | none: it was recorded and played back |
//! | else | success; the address is valid, and with USE-CANDIDATE nominated |
//!
//! Answers to those who do not have the credentials are few a second, and so are all answers together, at a level that no honest peer
//! reaches. A nomination is followed at once where its priority is not lower than the present one's (RFC 5245's aggressive
//! peers nominate all pairs, and mean the best); a lower one when the present one has not been nominated again for
//! [`RENOMINATED`].
//!
//! Consent (RFC 7675) is the peer's to show: a lite agent sends no checks. After [`CONSENT`] without a check from, or authenticated
//! media at, the nominated address nothing more is sent there until the next check.

#[cfg(test)]
mod tests;

use crate::budget::Budget;
use crate::stun::{BINDING, Class, Integrity, Message, Transaction, Writer, attribute};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the peer may say nothing before it is sent nothing (RFC 7675 §5.1).
pub const CONSENT: Duration = Duration::from_secs(30);
/// A nominated pair that is not nominated again for this long gives way to one of lower priority.
pub const RENOMINATED: Duration = Duration::from_secs(3);
/// Addresses of the peer that are remembered.
const VALID: usize = 8;
/// Answers that wait to be taken.
const ANSWERS: usize = 8;
/// Transactions that are remembered, so that a copy from elsewhere is known for one.
const TRANSACTIONS: usize = 16;

/// A user name fragment and a password (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `ice-ufrag`
    pub ufrag: Box<str>,
    /// `ice-pwd`
    pub password: Box<str>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.ufrag)
    }
}

impl Credentials {
    /// Credentials of our own, from random bytes: 48 bits of name and 144 bits of password (§5.3 wants 24 and 128).
    #[must_use]
    pub fn from_random(random: [u8; 24]) -> Self {
        // 64 characters, all of them ice-chars (RFC 8839 §5.4).
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let character = |bits: u32| {
            let byte = ALPHABET.get(bits as usize & 63).copied();
            char::from(byte.unwrap_or(b'A'))
        };
        let (threes, _) = random.as_chunks::<3>();
        let text: String = threes
            .iter()
            .map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]))
            .flat_map(|word| [word >> 18, word >> 12, word >> 6, word])
            .map(character)
            .collect();
        let (ufrag, password) = text.split_at_checked(8).unwrap_or(("", ""));
        Self {
            ufrag: ufrag.into(),
            password: password.into(),
        }
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A good check. Its answer waits in [`Agent::poll_transmit`].
    Check,
    /// A good check that makes this address the one to send to.
    Selected(SocketAddr),
    /// A keep-alive of the peer's (an indication).
    Ignored,
    /// Not from the peer: without the credentials, or a recorded copy. Or nothing that a lite agent is told: it asks nothing, so
    /// there are no answers for it.
    Refused,
    /// Not STUN, or with a false fingerprint.
    Malformed,
    /// A good check, or a bad one, too many.
    Limited,
}

/// An answer that waits to be sent.
#[derive(Clone, Debug)]
struct Answer {
    to: SocketAddr,
    transaction: Transaction,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// With the credentials of this generation.
    Success {
        former: bool,
    },
    /// Without integrity: the peer has shown no credentials.
    Bare {
        code: u16,
    },
    RoleConflict {
        former: bool,
    },
    Unknown {
        former: bool,
        kinds: SmallVec<[u16; 4]>,
    },
}

/// An address from which a good check came.
#[derive(Clone, Copy, Debug)]
struct Valid {
    address: SocketAddr,
    heard: Instant,
}

/// The nominated address.
#[derive(Clone, Copy, Debug)]
struct Selected {
    address: SocketAddr,
    priority: u32,
    nominated: Instant,
    heard: Instant,
}

/// The agent of one component of one stream.
#[derive(Debug)]
pub struct Agent {
    local: Credentials,
    /// The fragment that the peer's checks must name beside ours; `None` until its answer is known.
    remote: Option<Box<str>>,
    /// Credentials before a restart: good until something is nominated with the new ones (§9).
    former: Option<(Credentials, Option<Box<str>>)>,
    valid: SmallVec<[Valid; 4]>,
    selected: Option<Selected>,
    answers: VecDeque<Answer>,
    seen: VecDeque<(Transaction, SocketAddr)>,
    good: Budget,
    bad: Budget,
}

impl Agent {
    /// An agent with these credentials; `remote` is the peer's fragment, once it is known.
    #[must_use]
    pub fn new(local: Credentials, remote: Option<&str>) -> Self {
        Self {
            local,
            remote: remote.map(Box::from),
            former: None,
            valid: SmallVec::new(),
            selected: None,
            answers: VecDeque::new(),
            seen: VecDeque::new(),
            good: Budget::new(100),
            bad: Budget::new(10),
        }
    }

    /// A new offer/answer. Other credentials of ours are a restart (§9): what was nominated stays in use until the peer
    /// nominates with the new ones, and the old ones stay good until then.
    pub fn update(&mut self, local: &Credentials, remote: Option<&str>) {
        if self.local != *local {
            let before = std::mem::replace(&mut self.local, local.clone());
            self.former = Some((before, self.remote.take()));
        }
        self.remote = remote.map(Box::from);
    }

    /// Our credentials.
    #[must_use]
    pub fn local(&self) -> &Credentials {
        &self.local
    }

    /// Where the peer wants to be sent to: what it nominated, while it shows that it still wants it.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.selected.map(|selected| selected.address)
    }

    /// Where good checks came from.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.valid.iter().map(|valid| valid.address)
    }

    /// Whether packets from here are the peer's, as far as an address can tell.
    #[must_use]
    pub fn knows(&self, from: SocketAddr) -> bool {
        self.valid.iter().any(|valid| valid.address == from)
    }

    /// Media from this address proved to be the peer's.
    pub fn alive(&mut self, now: Instant, from: SocketAddr) {
        if let Some(selected) = self.selected.as_mut().filter(|s| s.address == from) {
            selected.heard = now;
        }
    }

    /// When consent ends if nothing is heard.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.selected.map(|selected| selected.heard + CONSENT)
    }

    /// Time has passed. Whether consent has ended just now, and for how long nothing was heard.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Duration> {
        let quiet = now.saturating_duration_since(self.selected?.heard);
        if quiet < CONSENT {
            return None;
        }
        self.selected = None;
        self.valid.clear();
        Some(quiet)
    }

    /// A datagram that RFC 7983 sorts as STUN.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Heard {
        let Ok(message) = Message::parse(datagram) else {
            return Heard::Malformed;
        };
        match (message.class(), message.method()) {
            (Class::Request, BINDING) => {}
            (Class::Indication, BINDING) if self.knows(from) => return Heard::Ignored,
            (Class::Indication | Class::Success | Class::Error | Class::Request, _) => return Heard::Refused,
        }
        let former = match self.authenticate(&message) {
            Ok(former) => former,
            Err(code) => return self.refuse(now, from, &message, code),
        };
        let transaction = message.transaction();
        if !self.is_first_or_repeated(transaction, from) {
            return Heard::Refused;
        }
        if !self.good.take(now) {
            return Heard::Limited;
        }
        let kinds: SmallVec<[u16; 4]> = message.not_understood().take(4).collect();
        let kind = if !kinds.is_empty() {
            Kind::Unknown { former, kinds }
        } else if message.get(attribute::ICE_CONTROLLED).is_some() {
            Kind::RoleConflict { former }
        } else {
            Kind::Success { former }
        };
        let good = matches!(kind, Kind::Success { .. });
        self.answer(from, transaction, kind);
        if !good {
            return Heard::Check;
        }
        self.validate(now, from);
        let priority = message.word(attribute::PRIORITY).unwrap_or_default();
        let nominates = message.get(attribute::USE_CANDIDATE).is_some();
        if nominates && self.nominate(now, from, priority, former) {
            Heard::Selected(from)
        } else {
            Heard::Check
        }
    }

    /// The next answer, written into `buffer`: its length, and where it goes.
    pub fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        while let Some(answer) = self.answers.pop_front() {
            if let Some(length) = self.write(&answer, buffer) {
                return Some((length, answer.to));
            }
        }
        None
    }

    /// Whose credentials these are: the present ones' (`false`) or those before the restart. Else the code of the answer.
    fn authenticate(&self, message: &Message<'_>) -> Result<bool, u16> {
        let name = message.get(attribute::USERNAME).ok_or(400u16)?;
        let current = (&self.local, self.remote.as_deref());
        let former = self
            .former
            .as_ref()
            .map(|(local, remote)| (local, remote.as_deref()));
        for (credentials, is_former) in [(Some(current), false), (former, true)] {
            let Some((local, remote)) = credentials else {
                continue;
            };
            if !names(name, &local.ufrag, remote) {
                continue;
            }
            return match message.integrity(local.password.as_bytes()) {
                Integrity::Right => Ok(is_former),
                Integrity::Wrong => Err(401),
                Integrity::Absent => Err(400),
            };
        }
        Err(401)
    }

    fn refuse(&mut self, now: Instant, from: SocketAddr, message: &Message<'_>, code: u16) -> Heard {
        if !self.bad.take(now) {
            return Heard::Limited;
        }
        self.answer(from, message.transaction(), Kind::Bare { code });
        Heard::Refused
    }

    /// A request is sent again with its transaction id until it is answered, from the same address.
    fn is_first_or_repeated(&mut self, transaction: Transaction, from: SocketAddr) -> bool {
        if let Some((_, first)) = self.seen.iter().find(|(seen, _)| *seen == transaction) {
            return *first == from;
        }
        if self.seen.len() >= TRANSACTIONS {
            self.seen.pop_front();
        }
        self.seen.push_back((transaction, from));
        true
    }

    fn answer(&mut self, to: SocketAddr, transaction: Transaction, kind: Kind) {
        // They are taken after each datagram; more than these never wait unless nobody takes them.
        if self.answers.len() < ANSWERS {
            self.answers.push_back(Answer {
                to,
                transaction,
                kind,
            });
        }
    }

    fn validate(&mut self, now: Instant, from: SocketAddr) {
        if let Some(selected) = self.selected.as_mut().filter(|s| s.address == from) {
            selected.heard = now;
        }
        if let Some(known) = self.valid.iter_mut().find(|valid| valid.address == from) {
            known.heard = now;
            return;
        }
        if self.valid.len() >= VALID {
            let kept = self.destination();
            let oldest = self
                .valid
                .iter()
                .enumerate()
                .filter(|(_, valid)| Some(valid.address) != kept)
                .min_by_key(|(_, valid)| valid.heard)
                .map(|(index, _)| index);
            if let Some(index) = oldest {
                self.valid.swap_remove(index);
            }
        }
        self.valid.push(Valid {
            address: from,
            heard: now,
        });
    }

    /// Whether the address to send to is now another.
    fn nominate(&mut self, now: Instant, from: SocketAddr, priority: u32, former: bool) -> bool {
        if !former {
            // The first nomination of a new generation ends the old one, whatever its priority was.
            if self.former.take().is_some() {
                self.selected = self.selected.filter(|selected| selected.address == from);
            }
        }
        let selected = Selected {
            address: from,
            priority,
            nominated: now,
            heard: now,
        };
        let moves = match self.selected {
            None => true,
            Some(present) if present.address == from => {
                self.selected = Some(selected);
                return false;
            }
            Some(present) => {
                priority >= present.priority
                    || now.saturating_duration_since(present.nominated) >= RENOMINATED
            }
        };
        if moves {
            self.selected = Some(selected);
        }
        moves
    }

    fn write(&self, answer: &Answer, buffer: &mut [u8]) -> Option<usize> {
        let key = |former: bool| {
            let of = self.former.as_ref().filter(|_| former);
            of.map_or(&self.local, |(local, _)| local).password.as_bytes()
        };
        let class = match answer.kind {
            Kind::Success { .. } => Class::Success,
            Kind::Bare { .. } | Kind::RoleConflict { .. } | Kind::Unknown { .. } => Class::Error,
        };
        let mut writer = Writer::new(buffer, class, BINDING, answer.transaction);
        match &answer.kind {
            Kind::Success { former } => writer.xor_mapped_address(answer.to).integrity(key(*former)),
            Kind::Bare { code: 400 } => writer.error(400, "Bad Request"),
            Kind::Bare { code } => writer.error(*code, "Unauthenticated"),
            Kind::RoleConflict { former } => writer.error(487, "Role Conflict").integrity(key(*former)),
            Kind::Unknown { former, kinds } => {
                let list: SmallVec<[u8; 8]> = kinds.iter().flat_map(|kind| kind.to_be_bytes()).collect();
                writer
                    .error(420, "Unknown Attribute")
                    .attribute(attribute::UNKNOWN_ATTRIBUTES, &list)
                    .integrity(key(*former))
            }
        };
        writer.finish()
    }
}

/// `ours:theirs`, in a request to us (§7.2.2).
fn names(name: &[u8], ours: &str, theirs: Option<&str>) -> bool {
    let Some(rest) = name.strip_prefix(ours.as_bytes()) else {
        return false;
    };
    match (rest.strip_prefix(b":"), theirs) {
        (Some(rest), Some(theirs)) => rest == theirs.as_bytes(),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A connectivity check as the other side of the agent sends it: for whoever plays the full agent in a test or a tool.
///
/// `priority` is that of PRIORITY; `nominate` adds USE-CANDIDATE. The length written; `None`: it does not fit.
#[must_use]
pub fn check(
    buffer: &mut [u8],
    transaction: Transaction,
    username: &str,
    password: &str,
    priority: u32,
    nominate: bool,
) -> Option<usize> {
    let mut writer = Writer::new(buffer, Class::Request, BINDING, transaction);
    writer
        .attribute(attribute::USERNAME, username.as_bytes())
        .attribute(attribute::PRIORITY, &priority.to_be_bytes())
        .attribute(attribute::ICE_CONTROLLING, &[0, 0, 0, 0, 0, 0, 0, 1]);
    if nominate {
        writer.attribute(attribute::USE_CANDIDATE, &[]);
    }
    writer.integrity(password.as_bytes()).finish()
}
