//! RTCP beside RTP that leaves with other numbers than it came with: every SSRC, sequence number, timestamp and count in it has to
//! be what the receiver knows.

use super::read::{LAST_REPLY, SUMMARY, VOIP};
use super::{APP, BLOCK, BYE, PSFB, RR, RTPFB, SDES, SR, XR, split, split_block};

/// How the packets of one source are numbered anew on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Renumbered {
    /// Its own SSRC.
    pub(crate) from: u32,
    /// The one that the receiver hears.
    pub(crate) to: u32,
    /// Added to its sequence numbers.
    pub(crate) sequence: u16,
    /// Added to its timestamps.
    pub(crate) timestamp: u32,
}

/// What there is to map in RTCP that goes from one peer to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// RTP that goes the same way: whose sender reports these are.
    pub(crate) along: Option<Renumbered>,
    /// RTP that goes the other way: what is reported on.
    pub(crate) against: Option<Renumbered>,
    /// Packets and bytes of payload that were sent under the SSRC that the receiver hears, to stand in sender reports in place
    /// of the sender's own counts.
    pub(crate) sent: Option<(u32, u32)>,
}

impl Renumbered {
    /// The sender's SSRC as the receiver knows it.
    fn forth(&self, ssrc: u32) -> u32 {
        if ssrc == self.from { self.to } else { ssrc }
    }

    /// What a receiver calls the source, as the source calls itself.
    fn back(&self, ssrc: u32) -> u32 {
        if ssrc == self.to { self.from } else { ssrc }
    }

    /// A sequence number that a receiver saw, as it was sent.
    fn original(&self, sequence: u16) -> u16 {
        sequence.wrapping_sub(self.sequence)
    }

    /// The same with cycles above it. Where the low half comes out above what was seen, the source has one cycle fewer.
    fn original_extended(&self, highest: u32) -> u32 {
        highest
            .checked_sub(u32::from(self.sequence))
            .unwrap_or_else(|| highest.wrapping_sub(u32::from(self.sequence)) & 0xffff)
    }
}

/// Rewrites a [valid](super::is_valid) compound in place. Its length does not change.
pub(crate) fn rewrite(packet: &mut [u8], mapping: &Mapping) {
    let mut at = 0;
    while let Some((part, _)) = packet.get(at..).and_then(split) {
        let (kind, count, length) = (part.kind, part.count, part.bytes.len());
        // The padding belongs to the packet, not to its contents.
        let Some(whole) = packet.get(at + 2..at + 4).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let whole = 4 * (usize::from(u16::from_be_bytes(*whole)) + 1);
        if let Some(bytes) = packet.get_mut(at..at + length) {
            rewrite_part(bytes, kind, count, mapping);
        }
        at += whole;
    }
}

fn rewrite_part(bytes: &mut [u8], kind: u8, count: usize, mapping: &Mapping) {
    match kind {
        SR => {
            sender_report(bytes, mapping);
            report_blocks(bytes, 28, count, mapping);
        }
        RR => {
            sender(bytes, 4, mapping);
            report_blocks(bytes, 8, count, mapping);
        }
        SDES => chunks(bytes, count, mapping),
        BYE => (0..count).for_each(|n| sender(bytes, 4 + 4 * n, mapping)),
        APP => sender(bytes, 4, mapping),
        RTPFB | PSFB => {
            sender(bytes, 4, mapping);
            source(bytes, 8, mapping);
            feedback(bytes, kind, count, mapping);
        }
        XR => {
            sender(bytes, 4, mapping);
            extended(bytes, mapping);
        }
        _ => {}
    }
}

fn sender_report(bytes: &mut [u8], mapping: &Mapping) {
    let ours = mapping.along.filter(|along| field(bytes, 4) == Some(along.from));
    sender(bytes, 4, mapping);
    if let Some(along) = ours {
        change(bytes, 16, |timestamp| timestamp.wrapping_add(along.timestamp));
        if let Some((packets, octets)) = mapping.sent {
            change(bytes, 20, |_| packets);
            change(bytes, 24, |_| octets);
        }
    }
}

fn report_blocks(bytes: &mut [u8], from: usize, count: usize, mapping: &Mapping) {
    let Some(against) = mapping.against else { return };
    for n in 0..count {
        let at = from + BLOCK * n;
        if field(bytes, at) == Some(against.to) {
            change(bytes, at, |_| against.from);
            change(bytes, at + 8, |highest| against.original_extended(highest));
        }
    }
}

/// SDES (§6.5): chunks of an SSRC and items, each list ended by a zero and padded to a word.
fn chunks(bytes: &mut [u8], count: usize, mapping: &Mapping) {
    let mut at = 4;
    for _ in 0..count {
        sender(bytes, at, mapping);
        at += 4;
        loop {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(0), _) => break,
                (Some(_), Some(length)) => at += 2 + usize::from(*length),
                (None, _) | (Some(_), None) => return,
            }
        }
        at = (at / 4 + 1) * 4;
    }
}

/// Feedback (RFC 4585): lost packets are named by sequence number (generic NACK), streams by SSRC (RFC 5104: FIR and its kin).
fn feedback(bytes: &mut [u8], kind: u8, format: usize, mapping: &Mapping) {
    let Some(against) = mapping.against else { return };
    let entries = bytes.len().saturating_sub(12);
    match (kind, format) {
        (RTPFB, 1) => (0..entries / 4).for_each(|n| sequence(bytes, 12 + 4 * n, &against)),
        (RTPFB, 3 | 4) | (PSFB, 4..=6) => (0..entries / 8).for_each(|n| source(bytes, 12 + 8 * n, mapping)),
        _ => {}
    }
}

fn extended(bytes: &mut [u8], mapping: &Mapping) {
    let mut at = 8;
    while let Some((block, _)) = bytes.get(at..).and_then(split_block) {
        let (kind, length) = (block.first().copied().unwrap_or_default(), block.len());
        let Some(block) = bytes.get_mut(at..at + length) else {
            return;
        };
        match kind {
            // Loss, duplicates and arrival times packet by packet, and the summary: a stretch of sequence numbers.
            1..=3 | SUMMARY => stretch(block, mapping),
            LAST_REPLY => (0..(length - 4) / 12).for_each(|n| source(block, 4 + 12 * n, mapping)),
            VOIP => source(block, 4, mapping),
            _ => {}
        }
        at += length;
    }
}

fn stretch(block: &mut [u8], mapping: &Mapping) {
    if let Some(against) = mapping.against
        && field(block, 4) == Some(against.to)
    {
        change(block, 4, |_| against.from);
        sequence(block, 8, &against);
        sequence(block, 10, &against);
    }
}

/// The SSRC of who sends the RTCP.
fn sender(bytes: &mut [u8], at: usize, mapping: &Mapping) {
    if let Some(along) = &mapping.along {
        change(bytes, at, |ssrc| along.forth(ssrc));
    }
}

/// The SSRC of whom it is about.
fn source(bytes: &mut [u8], at: usize, mapping: &Mapping) {
    if let Some(against) = &mapping.against {
        change(bytes, at, |ssrc| against.back(ssrc));
    }
}

fn sequence(bytes: &mut [u8], at: usize, against: &Renumbered) {
    if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = against.original(u16::from_be_bytes(*place)).to_be_bytes();
    }
}

fn field(bytes: &[u8], at: usize) -> Option<u32> {
    super::word(bytes, at)
}

fn change(bytes: &mut [u8], at: usize, with: impl FnOnce(u32) -> u32) {
    if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = with(u32::from_be_bytes(*place)).to_be_bytes();
    }
}

#[cfg(test)]
mod tests;
