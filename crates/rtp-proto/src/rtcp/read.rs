//! What a compound says (RFC 3550 §6.4, RFC 3611 §4).

use super::{BLOCK, Part, RR, SR, XR, parts, split_block, word};
use serde::{Deserialize, Serialize};

/// XR block types (RFC 3611 §4).
pub(super) const REFERENCE_TIME: u8 = 4;
pub(super) const LAST_REPLY: u8 = 5;
pub(super) const SUMMARY: u8 = 6;
pub(super) const VOIP: u8 = 7;

/// "Not available" in a VoIP metrics block.
const UNAVAILABLE: u8 = 127;

/// Something that a compound says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A time that a receiver may quote: that of a sender report (§6.4.1), or a receiver's reference time (RFC 3611 §4.4).
    Sent {
        /// The middle half of the NTP timestamp.
        mark: u32,
        /// A sender report's.
        sender: bool,
    },
    /// A reference time is quoted (RFC 3611 §4.5), held for `delay` units of 1/65536 s.
    Quoted { mark: u32, delay: u32 },
    /// How a stream is received.
    Block(Block),
    /// The same over a stretch of sequence numbers (RFC 3611 §4.6).
    Summary { ssrc: u32, summary: Summary },
    /// How a call sounds (RFC 3611 §4.7).
    Voip { ssrc: u32, metrics: VoipMetrics },
}

/// A report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The stream that it is about.
    pub(crate) ssrc: u32,
    /// Fraction lost since the report before, in 1/256.
    pub(crate) fraction: u8,
    /// Packets lost in all; 24 bits, signed: duplicates count against it.
    pub(crate) lost: i32,
    /// Highest sequence number, extended.
    pub(crate) highest: u32,
    /// Interarrival jitter in timestamp units.
    pub(crate) jitter: u32,
    /// The last sender report's mark; 0: none.
    pub(crate) mark: u32,
    /// How long ago that came, in 1/65536 s.
    pub(crate) delay: u32,
}

/// Figures of a statistics summary block (RFC 3611 §4.6), each only if the block has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Packets lost in the stretch.
    pub lost: Option<u32>,
    /// Packets received twice.
    pub duplicates: Option<u32>,
    /// Mean jitter, in timestamp units.
    pub jitter: Option<u32>,
}

/// A VoIP metrics block (RFC 3611 §4.7): the peer's own view of how the call sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoipMetrics {
    /// Fraction of packets lost, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub loss_rate: f32,
    /// Fraction of packets discarded by its jitter buffer, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub discard_rate: f32,
    /// Fraction lost or discarded within bursts, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub burst_density: f32,
    /// Fraction lost or discarded in between, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub gap_density: f32,
    /// Mean length of a burst, milliseconds.
    pub burst_ms: u16,
    /// Mean length of a gap, milliseconds.
    pub gap_ms: u16,
    /// Round trip between the RTP interfaces, milliseconds; 0: unknown.
    pub rtt_ms: u16,
    /// Delay within the end system, milliseconds; 0: unknown.
    pub end_system_ms: u16,
    /// Rating of the call in this direction, 0 to 100.
    pub r_factor: Option<u8>,
    /// Mean opinion score of listening quality, 1 to 5.
    #[serde(serialize_with = "crate::figures::score_if_known")]
    pub mos_lq: Option<f32>,
    /// Mean opinion score of conversational quality, 1 to 5.
    #[serde(serialize_with = "crate::figures::score_if_known")]
    pub mos_cq: Option<f32>,
    /// Nominal delay of its jitter buffer, milliseconds.
    pub buffer_ms: u16,
}

/// Walks what a [valid](super::is_valid) compound says. Kinds and blocks that nothing is made of are passed over.
pub(crate) fn for_each(packet: &[u8], mut each: impl FnMut(Item)) {
    for part in parts(packet) {
        match part.kind {
            SR => {
                if let Some(mark) = word(part.bytes, 10) {
                    each(Item::Sent { mark, sender: true });
                }
                report_blocks(&part, 28, &mut each);
            }
            RR => report_blocks(&part, 8, &mut each),
            XR => extended(&part, &mut each),
            _ => {}
        }
    }
}

fn report_blocks(part: &Part<'_>, from: usize, each: &mut impl FnMut(Item)) {
    let blocks = part.bytes.get(from..).unwrap_or_default();
    for bytes in blocks.chunks_exact(BLOCK).take(part.count) {
        if let Some(block) = block(bytes) {
            each(Item::Block(block));
        }
    }
}

fn block(bytes: &[u8]) -> Option<Block> {
    let loss = word(bytes, 4)?;
    let [fraction, ..] = loss.to_be_bytes();
    Some(Block {
        ssrc: word(bytes, 0)?,
        fraction,
        // The sign of 24 bits, spread over 32.
        lost: (loss << 8).cast_signed() >> 8,
        highest: word(bytes, 8)?,
        jitter: word(bytes, 12)?,
        mark: word(bytes, 16)?,
        delay: word(bytes, 20)?,
    })
}

fn extended(part: &Part<'_>, each: &mut impl FnMut(Item)) {
    let mut rest = part.bytes.get(8..).unwrap_or_default();
    while let Some((bytes, after)) = split_block(rest) {
        rest = after;
        match bytes.first() {
            Some(&REFERENCE_TIME) => {
                if let Some(mark) = word(bytes, 6) {
                    each(Item::Sent { mark, sender: false });
                }
            }
            Some(&LAST_REPLY) => {
                for reply in bytes.get(4..).unwrap_or_default().chunks_exact(12) {
                    if let (Some(mark), Some(delay)) = (word(reply, 4), word(reply, 8)) {
                        each(Item::Quoted { mark, delay });
                    }
                }
            }
            Some(&SUMMARY) => {
                if let (Some(ssrc), Some(summary)) = (word(bytes, 4), summary(bytes)) {
                    each(Item::Summary { ssrc, summary });
                }
            }
            Some(&VOIP) => {
                if let (Some(ssrc), Some(metrics)) = (word(bytes, 4), voip(bytes)) {
                    each(Item::Voip { ssrc, metrics });
                }
            }
            _ => {}
        }
    }
}

/// RFC 3611 §4.6: ten words, flags for what is in them.
fn summary(bytes: &[u8]) -> Option<Summary> {
    if bytes.len() != 40 {
        return None;
    }
    let flags = *bytes.get(1)?;
    let field = |flag: u8, at: usize| word(bytes, at).filter(|_| flags & flag != 0);
    Some(Summary {
        lost: field(0x80, 12),
        duplicates: field(0x40, 16),
        jitter: field(0x20, 28),
    })
}

/// RFC 3611 §4.7: nine words.
fn voip(bytes: &[u8]) -> Option<VoipMetrics> {
    if bytes.len() != 36 {
        return None;
    }
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let short = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    let fraction = |at: usize| f32::from(byte(at)) / 256.0;
    let known = |at: usize| Some(byte(at)).filter(|value| *value != UNAVAILABLE);
    let score = |at: usize| {
        known(at)
            .filter(|mos| (10..=50).contains(mos))
            .map(|mos| f32::from(mos) / 10.0)
    };
    Some(VoipMetrics {
        loss_rate: fraction(8),
        discard_rate: fraction(9),
        burst_density: fraction(10),
        gap_density: fraction(11),
        burst_ms: short(12),
        gap_ms: short(14),
        rtt_ms: short(16),
        end_system_ms: short(18),
        r_factor: known(24).filter(|r| *r <= 100),
        mos_lq: score(26),
        mos_cq: score(27),
        buffer_ms: short(30),
    })
}
