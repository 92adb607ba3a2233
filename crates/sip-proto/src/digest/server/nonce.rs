//! Nonces: when each was made, a proof that it is ours, and which of its counts have been used.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::Mint;

/// Most nonces whose counts are remembered. Above it the one that was used first longest ago is too old from then on.
const REMEMBERED: usize = 65_536;
/// Bytes that tell a nonce apart: milliseconds since the start, and random ones.
const ID: usize = 12;
/// Bytes of proof.
const PROOF: usize = 12;
/// Longest cnonce that is remembered.
const CNONCE: usize = 64;
/// Counts behind the highest that may still come: requests overtake each other.
const WINDOW: u32 = 64;

type Id = [u8; ID];

/// What a nonce is still good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// For this request.
    Fresh,
    /// For nothing: not ours, too old, or used with this count.
    Stale,
}

/// What an answer with a `-sess` algorithm has for the key of its session (RFC 7616 §3.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session<'a> {
    /// The nonce is good for nothing any more, and what the session began with is forgotten.
    Over,
    /// It begins, as far as we know.
    New,
    /// It began with this cnonce.
    Began(&'a [u8]),
}

/// Which counts of a nonce have been used: the highest, and in bits those behind it; and the first cnonce of a session.
#[derive(Debug)]
struct Used {
    highest: u32,
    behind: u64,
    cnonce: Option<Box<[u8]>>,
}

#[derive(Debug)]
pub(super) struct Nonces {
    secret: [u8; 32],
    started: Instant,
    used: HashMap<Id, Used>,
    /// In the order of their first use.
    order: VecDeque<Id>,
    /// What was made before this and is not remembered may have been forgotten, milliseconds since the start.
    floor: u64,
}

impl Nonces {
    pub(super) fn new(now: Instant, mint: &mut Mint) -> Self {
        let mut secret = [0; 32];
        mint.secret(&mut secret);
        Self {
            secret,
            started: now,
            used: HashMap::new(),
            order: VecDeque::new(),
            floor: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    pub(super) fn mint(&self, now: Instant, mint: &mut Mint) -> String {
        let mut id: Id = [0; ID];
        let (age, random) = id.split_at_mut(6);
        // 48 bits are 8900 years.
        age.copy_from_slice(self.age(now).to_be_bytes().get(2..).unwrap_or(&[0; 6]));
        random.copy_from_slice(mint.random().to_be_bytes().get(2..).unwrap_or(&[0; 6]));
        hex(&id) + &hex(&self.proof(&id))
    }

    fn age(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// Of what has a fixed length, so that nobody can go on where it ends.
    fn proof(&self, id: &Id) -> [u8; PROOF] {
        let digest = Sha256::new()
            .chain_update(self.secret)
            .chain_update(id)
            .finalize();
        digest.first_chunk().copied().unwrap_or([0; PROOF])
    }

    /// Takes a count of a nonce, which is good once. Whoever gives none has the nonce once. `cnonce`: that of an answer in a session.
    pub(super) fn use_up(
        &mut self,
        now: Instant,
        lifetime: Duration,
        nonce: &[u8],
        count: Option<u32>,
        cnonce: Option<&[u8]>,
    ) -> Use {
        self.tidy(now, lifetime);
        let Some(id) = self.good(now, lifetime, nonce) else {
            return Use::Stale;
        };
        let count = count.unwrap_or(u32::MAX);
        let cnonce = cnonce.filter(|cnonce| cnonce.len() <= CNONCE);
        match self.used.get_mut(&id) {
            Some(used) => {
                used.cnonce = used.cnonce.take().or_else(|| cnonce.map(Into::into));
                used.take(count)
            }
            None => {
                self.used.insert(
                    id,
                    Used {
                        highest: count,
                        behind: 0,
                        cnonce: cnonce.map(Into::into),
                    },
                );
                self.order.push_back(id);
                if self.order.len() > REMEMBERED {
                    self.forget_first();
                }
                Use::Fresh
            }
        }
    }

    /// What the session of this nonce began with.
    pub(super) fn session(&self, now: Instant, lifetime: Duration, nonce: &[u8]) -> Session<'_> {
        match self.good(now, lifetime, nonce) {
            None => Session::Over,
            Some(id) => {
                let used = self.used.get(&id);
                let began = used.and_then(|used| used.cnonce.as_deref());
                began.map_or(Session::New, Session::Began)
            }
        }
    }

    /// A nonce that is ours, not too old, and not forgotten.
    fn good(&self, now: Instant, lifetime: Duration, nonce: &[u8]) -> Option<Id> {
        let id = self.ours(nonce)?;
        let made = made(&id);
        let is_old = self.age(now).saturating_sub(made) > millis(lifetime);
        let is_forgotten = made < self.floor && !self.used.contains_key(&id);
        (!is_old && !is_forgotten).then_some(id)
    }

    /// Forgets what is too old to be used.
    fn tidy(&mut self, now: Instant, lifetime: Duration) {
        let age = self.age(now);
        while let Some(first) = self.order.front()
            && age.saturating_sub(made(first)) > millis(lifetime)
        {
            let first = *first;
            self.order.pop_front();
            self.used.remove(&first);
        }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.order.pop_front() {
            self.used.remove(&first);
            self.floor = self.floor.max(made(&first).saturating_add(1));
        }
    }

    fn ours(&self, nonce: &[u8]) -> Option<Id> {
        let bytes = unhex(nonce)?;
        let (id, proof) = bytes.split_first_chunk::<ID>()?;
        super::same(proof, &self.proof(id)).then_some(*id)
    }
}

impl Used {
    fn take(&mut self, count: u32) -> Use {
        let bit = |distance: u32| 1_u64.checked_shl(distance - 1).unwrap_or(0);
        if count > self.highest {
            let step = count - self.highest;
            // The former highest is one of those behind now.
            self.behind = self.behind.checked_shl(step).unwrap_or(0) | bit(step);
            self.highest = count;
            return Use::Fresh;
        }
        let distance = self.highest - count;
        if distance == 0 || distance > WINDOW || self.behind & bit(distance) != 0 {
            return Use::Stale;
        }
        self.behind |= bit(distance);
        Use::Fresh
    }
}

/// When a nonce was made, milliseconds since the start.
fn made(id: &Id) -> u64 {
    id.iter().take(6).fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn unhex(text: &[u8]) -> Option<[u8; ID + PROOF]> {
    let mut bytes = [0; ID + PROOF];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    let nibble = |c: &u8| char::from(*c).to_digit(16).and_then(|n| u8::try_from(n).ok());
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = match pair {
            [high, low] => nibble(high)? << 4 | nibble(low)?,
            _ => return None,
        };
    }
    Some(bytes)
}
