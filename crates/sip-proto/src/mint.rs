//! Branches, tags and Call-IDs: unguessable, and with the shard's number inside.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Deref;

use sha2::{Digest, Sha256};

/// Starts every branch of RFC 3261 (§8.1.1.7).
pub(crate) const MAGIC: &[u8] = b"z9hG4bK";

/// Mark, two hexadecimal digits of the shard, 20 characters of 5 bits each: random ones, and a seal by which we know that they are ours.
const BODY: usize = 23;
const RANDOM: usize = 20;
const SEAL: usize = 5;
const MARK: u8 = b't';
/// The mark of tags that follow from a request: whatever has one has been refused, and nothing of it is kept.
const MARK_UNKEPT: u8 = b's';
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// The alphabet, a bit for each letter.
const LETTERS: u128 = {
    let (mut letters, mut rest): (u128, &[u8]) = (0, ALPHABET);
    while let [letter, more @ ..] = rest {
        letters |= 1 << *letter;
        rest = more;
    }
    letters
};

/// A short ASCII string kept in place: a branch, a tag or a Call-ID.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    bytes: [u8; 31],
    len: u8,
}

impl Token {
    const EMPTY: Self = Self {
        bytes: [0; 31],
        len: 0,
    };

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len += 1;
        }
    }

    /// The characters.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The characters as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Deref for Token {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Token {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Makes identifiers from a seed: SHA-256 over the seed and a counter, so that whoever sees some of them can't tell the
/// next (RFC 3261 §19.3 asks for 32 random bits in a tag; these have 75), while a test that gives the seed sees the
/// same ones each time.
#[derive(Clone)]
pub struct Mint {
    shard: u8,
    seed: [u8; 32],
    counter: u64,
    pool: [u8; 32],
    left: usize,
    /// What seals are made with.
    key: [u64; 2],
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

impl Mint {
    /// A mint for one shard. The seed has to be secret and used by no other mint.
    pub fn new(shard: u8, seed: [u8; 32]) -> Self {
        let mut mint = Self {
            shard,
            seed,
            counter: 0,
            pool: [0; 32],
            left: 0,
            key: [0; 2],
        };
        mint.key = [mint.random(), mint.random()];
        mint
    }

    /// A Via branch with the magic cookie.
    pub fn branch(&mut self) -> Token {
        let mut token = Token::EMPTY;
        for &byte in MAGIC {
            token.push(byte);
        }
        self.body(&mut token);
        token
    }

    /// A From or To tag.
    pub fn tag(&mut self) -> Token {
        let mut token = Token::EMPTY;
        self.body(&mut token);
        token
    }

    /// A Call-ID: one word, without a host, which would show our network (RFC 3323 §4.1).
    pub fn call_id(&mut self) -> Token {
        self.tag()
    }

    /// A random number.
    pub fn random(&mut self) -> u64 {
        let mut bytes = [0; 8];
        for byte in &mut bytes {
            *byte = self.byte();
        }
        u64::from_le_bytes(bytes)
    }

    /// Fills this with random bytes that are as secret as the seed: keys.
    pub fn secret(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = self.byte();
        }
    }

    /// The shard whose mint made this branch, tag or Call-ID; `None` if none of ours did.
    pub fn shard_of(token: &[u8]) -> Option<u8> {
        let body = token.strip_prefix(MAGIC).unwrap_or(token);
        let (&[mark, high, low], random) = body.split_first_chunk::<3>()?;
        let is_letter = |c: &u8| c.is_ascii() && LETTERS >> *c & 1 == 1;
        if !matches!(mark, MARK | MARK_UNKEPT) || random.len() != RANDOM || !random.iter().all(is_letter) {
            return None;
        }
        Some(nibble(high)? << 4 | nibble(low)?)
    }

    /// Whether this mint made this branch, tag or Call-ID. Anybody can write what looks like one: only here somebody who has not seen
    /// one is told from somebody who has. What [`Mint::tag_of`] made is not known.
    pub fn made(&self, token: &[u8]) -> bool {
        let body = token.strip_prefix(MAGIC).unwrap_or(token);
        let Some((sealed, seal)) = body.split_last_chunk::<SEAL>() else {
            return false;
        };
        Self::shard_of(token) == Some(self.shard) && body.first() == Some(&MARK) && *seal == self.seal(sealed)
    }

    /// 25 bits that follow from what they stand behind.
    fn seal(&self, sealed: &[u8]) -> [u8; SEAL] {
        let mut hasher = DefaultHasher::new();
        self.key.iter().for_each(|part| hasher.write_u64(*part));
        hasher.write(sealed);
        let mut bits = hasher.finish();
        std::array::from_fn(|_| {
            let letter = letter((bits & 31) as u8);
            bits >>= 5;
            letter
        })
    }

    /// Whether `text` begins with a tag of [`Mint::tag_of`] that ends there.
    pub(crate) fn begins_unkept(text: &[u8]) -> bool {
        let Some((tag, rest)) = text.split_at_checked(BODY) else {
            return false;
        };
        let ends = rest
            .first()
            .is_none_or(|c| matches!(c, b'\r' | b'\n' | b';' | b' '));
        ends && tag.first() == Some(&MARK_UNKEPT) && Self::shard_of(tag).is_some()
    }

    /// A tag that follows from `shard` and `hashes` alone (RFC 3261 §8.2.7: a stateless answer carries the same To-tag
    /// each time).
    pub(crate) fn tag_of(shard: u8, hashes: [u64; 2]) -> Token {
        let mut token = Token::EMPTY;
        head(MARK_UNKEPT, shard, &mut token);
        let mut bits = (u128::from(hashes[0]) << 64) | u128::from(hashes[1]);
        for _ in 0..RANDOM {
            token.push(letter((bits & 31) as u8));
            bits >>= 5;
        }
        token
    }

    pub(crate) fn shard(&self) -> u8 {
        self.shard
    }

    fn body(&mut self, token: &mut Token) {
        let start = token.len();
        head(MARK, self.shard, token);
        for _ in SEAL..RANDOM {
            let byte = self.byte();
            token.push(letter(byte & 31));
        }
        let seal = self.seal(token.get(start..).unwrap_or_default());
        seal.into_iter().for_each(|letter| token.push(letter));
        debug_assert!(token.len() >= BODY, "a token holds a whole body");
    }

    fn byte(&mut self) -> u8 {
        if self.left == 0 {
            let digest = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.counter.to_le_bytes())
                .finalize();
            self.pool.copy_from_slice(&digest);
            self.counter = self.counter.wrapping_add(1);
            self.left = self.pool.len();
        }
        self.left -= 1;
        self.pool.get(self.left).copied().unwrap_or_default()
    }
}

fn head(mark: u8, shard: u8, token: &mut Token) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    token.push(mark);
    for nibble in [shard >> 4, shard & 15] {
        token.push(HEX.get(usize::from(nibble)).copied().unwrap_or_default());
    }
}

fn letter(five_bits: u8) -> u8 {
    ALPHABET.get(usize::from(five_bits)).copied().unwrap_or_default()
}

fn nibble(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_reads_back_from_every_kind() {
        for shard in [0, 7, 15, 16, 255] {
            let mut mint = Mint::new(shard, [1; 32]);
            assert_eq!(Mint::shard_of(&mint.branch()), Some(shard));
            assert_eq!(Mint::shard_of(&mint.tag()), Some(shard));
            assert_eq!(Mint::shard_of(&mint.call_id()), Some(shard));
        }
    }

    #[test]
    fn what_others_made_has_no_shard() {
        for text in [
            "",
            "t",
            "t00",
            "z9hG4bK776asdhds",
            "a84b4c76e66710@pc33.atlanta.com",
            "tzzaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(Mint::shard_of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_mint_knows_what_it_has_made_and_nothing_that_looks_like_it() {
        let mut mint = Mint::new(3, [1; 32]);
        let tag = mint.tag();
        assert!(mint.made(&tag) && mint.made(&mint.clone().branch()) && mint.made(&mint.clone().call_id()));
        assert!(!Mint::new(3, [2; 32]).made(&tag), "another's");
        assert!(!mint.made(&Mint::tag_of(3, [1, 2])), "of a refusal");
        assert!(!mint.made(b"") && !mint.made(b"t03"));
        for at in 0..tag.len() {
            let mut forged = tag.to_vec();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            assert!(!mint.made(&forged), "{at}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_no_token_comes_twice() {
        let (mut a, mut b) = (Mint::new(3, [9; 32]), Mint::new(3, [9; 32]));
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let token = a.tag();
            assert_eq!(token, b.tag());
            assert!(seen.insert(token));
        }
        assert_ne!(Mint::new(3, [8; 32]).tag(), Mint::new(3, [9; 32]).tag());
    }

    #[test]
    fn a_branch_has_the_cookie_and_75_random_bits() {
        let branch = Mint::new(0, [0; 32]).branch();
        assert!(branch.starts_with(MAGIC));
        assert_eq!(branch.len(), MAGIC.len() + BODY);
    }
}
