//! RTCP of our own: compounds of a report, a name, and a farewell (RFC 3550 §6.1).

use super::{BYE, Block, RR, SDES, SR};
use crate::packet::Packet;

/// What of a stream a sender report says (§6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SenderInfo {
    /// Time of the report: seconds and their fraction in 1/2^32.
    pub(super) ntp: u64,
    /// The same time as an RTP timestamp.
    pub(super) timestamp: u32,
    /// Packets sent.
    pub(super) packets: u32,
    /// Bytes of payload in them.
    pub(super) octets: u32,
}

/// Item types of SDES (§6.5).
const END: u8 = 0;
const CNAME: u8 = 1;

/// Begins the compound in `out` with a sender report, or a receiver report where nothing was sent. Whether there was room.
#[must_use]
pub(super) fn report(
    out: &mut Packet<'_>,
    ssrc: u32,
    info: Option<&SenderInfo>,
    block: Option<&Block>,
) -> bool {
    out.set_len(0);
    let blocks = u8::from(block.is_some());
    let words = if info.is_some() { 6 } else { 1 } + 6 * u16::from(blocks);
    let mut fits = header(out, if info.is_some() { SR } else { RR }, blocks, words) && number(out, ssrc);
    if let Some(info) = info {
        fits = fits
            && out.append(&info.ntp.to_be_bytes())
            && number(out, info.timestamp)
            && number(out, info.packets)
            && number(out, info.octets);
    }
    if let Some(block) = block {
        let [_, high, middle, low] = block.lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        fits = fits
            && number(out, block.ssrc)
            && out.append(&[block.fraction, high, middle, low])
            && number(out, block.highest)
            && number(out, block.jitter)
            && number(out, block.mark)
            && number(out, block.delay);
    }
    fits
}

/// Adds the canonical name (§6.5.1) of 16 characters.
#[must_use]
pub(super) fn name(out: &mut Packet<'_>, ssrc: u32, name: &[u8; 16]) -> bool {
    // SSRC, type, length, 16 characters, the end and what it takes to fill the word.
    header(out, SDES, 1, 6)
        && number(out, ssrc)
        && out.append(&[CNAME, 16])
        && out.append(name)
        && out.append(&[END; 2])
}

/// Adds a BYE (§6.6).
#[must_use]
pub(super) fn bye(out: &mut Packet<'_>, ssrc: u32) -> bool {
    header(out, BYE, 1, 1) && number(out, ssrc)
}

/// `words` follow the header.
fn header(out: &mut Packet<'_>, kind: u8, count: u8, words: u16) -> bool {
    let [high, low] = words.to_be_bytes();
    out.append(&[0x80 | count, kind, high, low])
}

fn number(out: &mut Packet<'_>, value: u32) -> bool {
    out.append(&value.to_be_bytes())
}
