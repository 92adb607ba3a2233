//! RTCP (RFC 3550 §6): whether a compound is well formed (§A.2), what its reports say ([`read`]), its numbers as the other side
//! has them ([`rewrite`]), and reports of our own ([`write`], [`reporter`]).

mod read;
mod reporter;
mod rewrite;
mod write;

pub(crate) use read::{Block, Item, for_each};
pub use read::{Summary, VoipMetrics};
pub(crate) use reporter::{Hearing, Reporter, Sending};
pub(crate) use rewrite::{Mapping, Renumbered, rewrite};

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const APP: u8 = 204;
const RTPFB: u8 = 205;
const PSFB: u8 = 206;
const XR: u8 = 207;

/// Length of one report block in bytes.
const BLOCK: usize = 24;

/// One packet of a compound, header included, padding excluded.
struct Part<'a> {
    kind: u8,
    count: usize,
    bytes: &'a [u8],
}

/// Whether every packet of the compound is what its lengths and counts claim. Reduced-size RTCP (RFC 5506) is accepted, so the
/// first may be any type known.
pub(crate) fn is_valid(packet: &[u8]) -> bool {
    let mut rest = packet;
    let mut first = true;
    while !rest.is_empty() {
        let Some((part, after)) = split(rest) else {
            return false;
        };
        if (first && !(SR..=XR).contains(&part.kind)) || !fits(&part) {
            return false;
        }
        (rest, first) = (after, false);
    }
    !first
}

/// The packets of a [valid](is_valid) compound, one after the other.
fn parts(packet: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = packet;
    std::iter::from_fn(move || {
        let (part, after) = split(rest)?;
        rest = after;
        Some(part)
    })
}

/// The first packet of what remains, and the rest.
fn split(rest: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let [first, kind, high, low, ..] = rest else {
        return None;
    };
    if first >> 6 != 2 {
        return None;
    }
    let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
    let (bytes, after) = rest.split_at_checked(length)?;
    let padded = first & 0x20 != 0;
    let padding = if padded { usize::from(*bytes.last()?) } else { 0 };
    // Only the last packet of a compound may be padded, by whole words (§6.4.1).
    if padded && (!after.is_empty() || padding == 0 || !padding.is_multiple_of(4)) {
        return None;
    }
    let bytes = bytes
        .get(..length.checked_sub(padding)?)
        .filter(|b| b.len() >= 4)?;
    Some((
        Part {
            kind: *kind,
            count: usize::from(first & 0x1f),
            bytes,
        },
        after,
    ))
}

/// Whether a packet's contents have room for what its count claims.
fn fits(part: &Part<'_>) -> bool {
    let length = part.bytes.len();
    match part.kind {
        SR => length >= 28 + BLOCK * part.count,
        RR => length >= 8 + BLOCK * part.count,
        SDES => chunks_fit(part),
        BYE => length >= 4 + 4 * part.count,
        APP | RTPFB | PSFB => length >= 12,
        XR => blocks_fit(part),
        _ => true,
    }
}

/// SDES (§6.5): `count` chunks of an SSRC and items, each list ended by a zero and padded to a word.
fn chunks_fit(part: &Part<'_>) -> bool {
    let mut at = 4;
    for _ in 0..part.count {
        at += 4;
        loop {
            match (part.bytes.get(at), part.bytes.get(at + 1)) {
                (Some(0), _) => break,
                (Some(_), Some(length)) => at += 2 + usize::from(*length),
                (None, _) | (Some(_), None) => return false,
            }
        }
        at = (at / 4 + 1) * 4;
    }
    at <= part.bytes.len()
}

/// XR (RFC 3611 §2, §3): an SSRC, then blocks with a length in words.
fn blocks_fit(part: &Part<'_>) -> bool {
    let Some(mut rest) = part.bytes.get(8..) else {
        return false;
    };
    while !rest.is_empty() {
        let Some((_, after)) = split_block(rest) else {
            return false;
        };
        rest = after;
    }
    true
}

/// The first block of an XR packet's rest, its four bytes of header included, and what follows it.
fn split_block(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_, _, high, low, ..] = rest else { return None };
    let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
    rest.split_at_checked(length)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests;
