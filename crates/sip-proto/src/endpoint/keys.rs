//! What a message is matched by (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2), in bytes.
//!
//! Peers choose most of these bytes, so they are hashed with a secret: nobody can make a thousand keys that collide.

use std::hash::{DefaultHasher, Hasher};

use sip_msg::{HeaderId, Message, Method};

use crate::Mint;
use crate::mint::{MAGIC, Token};

/// A key and its hash.
#[derive(Debug)]
pub(super) struct Key {
    hash: u64,
    bytes: Box<[u8]>,
}

impl Key {
    pub(super) fn new(hash: u64, bytes: &[u8]) -> Self {
        Self {
            hash,
            bytes: bytes.into(),
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn is(&self, hash: u64, bytes: &[u8]) -> bool {
        self.hash == hash && *self.bytes == *bytes
    }
}

/// Hashes with a secret of the endpoint's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secret([u64; 4]);

impl Secret {
    pub(super) fn new(mint: &mut Mint) -> Self {
        Self([mint.random(), mint.random(), mint.random(), mint.random()])
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let [a, b, _, _] = self.0;
        keyed(a, b, bytes)
    }

    /// The To-tag of every stateless answer to this request: it follows from what the request and the ACK to its refusal have
    /// in common, so copies get the same answer (RFC 3261 §8.2.7) and the ACK is recognised without having kept anything.
    pub(super) fn stateless_tag(&self, shard: u8, request: &Message, scratch: &mut Vec<u8>) -> Token {
        scratch.clear();
        push(scratch, request.top_via().branch().unwrap_or_default());
        push(scratch, request.call_id());
        push(scratch, request.from_tag().unwrap_or_default());
        scratch.extend_from_slice(&request.cseq().0.to_be_bytes());
        let [a, b, c, d] = self.0;
        Mint::tag_of(shard, [keyed(a ^ 1, b, scratch), keyed(c, d, scratch)])
    }
}

fn keyed(a: u64, b: u64, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(a);
    hasher.write_u64(b);
    hasher.write(bytes);
    hasher.finish()
}

/// How a request names its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// By its branch (RFC 3261 §17.2.3).
    Branch,
    /// By everything else, as before RFC 3261: no magic cookie, or nothing behind it.
    Rfc2543,
}

/// Writes the key of the server transaction that `request` belongs to, taken as a request of `method`: an ACK and a CANCEL are
/// looked up as the INVITE that they are about.
pub(super) fn server(request: &Message, method: &Method, key: &mut Vec<u8>) -> Style {
    key.clear();
    let via = request.top_via();
    if let Some(branch) = via.branch().filter(|branch| is_modern(branch)) {
        key.push(b'b');
        push(key, branch);
        push_lowercase(key, via.host);
        key.extend_from_slice(&via.port.unwrap_or_default().to_be_bytes());
        key.extend_from_slice(method.as_bytes());
        return Style::Branch;
    }
    // The To-tag is left out: the ACK to a refusal carries the answer's, and an INVITE with and one without differ in CSeq.
    key.push(b'o');
    push(key, request.uri());
    push(key, request.from_tag().unwrap_or_default());
    push(key, request.call_id());
    key.extend_from_slice(&request.cseq().0.to_be_bytes());
    push(key, request.values(HeaderId::Via).next().unwrap_or_default());
    key.extend_from_slice(method.as_bytes());
    Style::Rfc2543
}

/// Writes what a merged request is recognised by (§8.2.2.2), and the Request-URI: two branches of a fork that mean
/// different users are two calls, not one that came twice.
pub(super) fn merge(request: &Message, key: &mut Vec<u8>) {
    key.clear();
    push(key, request.from_tag().unwrap_or_default());
    push(key, request.call_id());
    let (number, method) = request.cseq();
    key.extend_from_slice(&number.to_be_bytes());
    push(key, method.as_bytes());
    key.extend_from_slice(request.uri());
}

/// Writes the key of the client transaction that a message belongs to: our request itself, or a response (§17.1.3). The sent-by
/// is part of it: a response whose top Via names somebody else isn't ours (§18.1.2).
pub(super) fn client(message: &Message, method: &Method, key: &mut Vec<u8>) -> bool {
    key.clear();
    let via = message.top_via();
    let branch = via.branch().unwrap_or_default();
    push(key, branch);
    push_lowercase(key, via.host);
    key.extend_from_slice(&via.port.unwrap_or_default().to_be_bytes());
    key.extend_from_slice(method.as_bytes());
    is_modern(branch)
}

fn is_modern(branch: &[u8]) -> bool {
    let cookie = branch.get(..MAGIC.len()).unwrap_or_default();
    cookie.eq_ignore_ascii_case(MAGIC) && branch.len() > MAGIC.len()
}

fn push(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u32).to_be_bytes());
    key.extend_from_slice(part);
}

fn push_lowercase(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u32).to_be_bytes());
    key.extend(part.iter().map(u8::to_ascii_lowercase));
}
