//! RTCP as a relay reads it: is it well formed (RFC 3550 §A.2), and what do its reports say about round trips (§6.4.1).

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

/// Something in a report that a round trip can be told from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A sender report left its sender; `mark` is what a receiver will quote as LSR.
    Sent { mark: u32 },
    /// A receiver quotes a sender report (`mark`), held for `delay` units of 1/65536 s.
    Quoted { mark: u32, delay: u32 },
}

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

/// Walks the reports of a [valid](is_valid) compound.
pub(crate) fn for_each_report(packet: &[u8], mut each: impl FnMut(Item)) {
    let mut rest = packet;
    while let Some((part, after)) = split(rest) {
        rest = after;
        let blocks = match part.kind {
            SR => {
                if let Some(mark) = word(part.bytes, 10) {
                    each(Item::Sent { mark });
                }
                part.bytes.get(28..)
            }
            RR => part.bytes.get(8..),
            _ => None,
        };
        for block in blocks.unwrap_or_default().chunks_exact(BLOCK).take(part.count) {
            if let (Some(mark), Some(delay)) = (word(block, 16), word(block, 20))
                && mark != 0
            {
                each(Item::Quoted { mark, delay });
            }
        }
    }
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
        let [_, _, high, low, ..] = rest else { return false };
        let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
        let Some(after) = rest.get(length..) else {
            return false;
        };
        rest = after;
    }
    true
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtcp(kind: u8, count: u8, body: &[u8]) -> Vec<u8> {
        assert_eq!(body.len() % 4, 0);
        let mut p = vec![0x80 | count, kind];
        p.extend_from_slice(&(u16::try_from(body.len() / 4).unwrap()).to_be_bytes());
        p.extend_from_slice(body);
        p
    }

    fn sr(mark: u32) -> Vec<u8> {
        let mut body = vec![0; 24];
        body[6..10].copy_from_slice(&mark.to_be_bytes());
        rtcp(SR, 0, &body)
    }

    fn rr(mark: u32, delay: u32) -> Vec<u8> {
        let mut body = vec![0; 28];
        body[20..24].copy_from_slice(&mark.to_be_bytes());
        body[24..28].copy_from_slice(&delay.to_be_bytes());
        rtcp(RR, 1, &body)
    }

    #[test]
    fn reports_are_read_out_of_a_compound() {
        let mut compound = sr(0xaabb_ccdd);
        compound.extend(rr(0x0102_0304, 65_536));
        compound.extend(rtcp(SDES, 1, &[0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0]));
        assert!(is_valid(&compound));
        let mut items = Vec::new();
        for_each_report(&compound, |item| items.push(item));
        let quoted = Item::Quoted {
            mark: 0x0102_0304,
            delay: 65_536,
        };
        assert_eq!(items, [Item::Sent { mark: 0xaabb_ccdd }, quoted]);
    }

    #[test]
    fn a_receiver_that_saw_no_sender_report_quotes_none() {
        let mut items = Vec::new();
        for_each_report(&rr(0, 0), |item| items.push(item));
        assert_eq!(items, []);
    }

    #[test]
    fn mr_10_rtcp_whose_lengths_or_counts_lie_is_refused() {
        let good = rr(1, 1);
        assert!(is_valid(&good));
        for (what, change) in [
            ("length + 1", (3_usize, 8_u8)),
            ("length - 1", (3, 6)),
            ("two blocks claimed", (0, 0x82)),
            ("31 blocks claimed", (0, 0x9f)),
            ("version 1", (0, 0x41)),
            ("padding of 1", (0, 0xa1)),
            ("not RTCP first", (1, 199)),
        ] {
            let mut bad = good.clone();
            bad[change.0] = change.1;
            assert!(!is_valid(&bad), "{what}");
        }
        for len in 0..good.len() {
            assert!(!is_valid(&good[..len]), "cut to {len}");
        }
        assert!(
            !is_valid(&rtcp(SDES, 1, &[0, 0, 0, 1, 1, 200, b'a', b'b'])),
            "an item longer than the chunk"
        );
        assert!(
            !is_valid(&rtcp(SDES, 1, &[0, 0, 0, 1, 1, 2, b'a', b'b'])),
            "items without an end"
        );
        assert!(
            !is_valid(&rtcp(SDES, 2, &[0, 0, 0, 1, 0, 0, 0, 0])),
            "a chunk too few"
        );
        assert!(
            !is_valid(&rtcp(XR, 0, &[0, 0, 0, 1, 4, 0, 0, 9])),
            "an XR block longer than the packet"
        );
        assert!(is_valid(&rtcp(XR, 0, &[0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0])));
        assert!(!is_valid(&rtcp(BYE, 2, &[0, 0, 0, 1])));
        assert!(is_valid(&rtcp(BYE, 1, &[0, 0, 0, 1])));
        assert!(!is_valid(&rtcp(APP, 0, &[0, 0, 0, 1])));
    }

    #[test]
    fn padding_is_believed_on_the_last_packet_only() {
        let mut padded = rtcp(RR, 0, &[0, 0, 0, 1, 0, 0, 0, 4]);
        padded[0] |= 0x20;
        assert!(is_valid(&padded));
        let mut compound = padded.clone();
        compound.extend(rr(1, 1));
        assert!(!is_valid(&compound));
        padded[11] = 12;
        assert!(!is_valid(&padded), "padding that eats the header");
    }
}
