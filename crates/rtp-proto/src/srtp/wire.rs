//! The parts of the headers that stay readable.

/// Length of the RTCP header that is never encrypted: the first packet's first word and its SSRC (RFC 3711 §3.4).
pub(super) const RTCP_HEADER: usize = 8;

/// Set in the SRTCP index's word: the packet is encrypted.
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// What the transform reads of an RTP header. The payload, and with it the padding, may still be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtpHeader {
    /// With CSRCs and extension, in bytes.
    pub(super) length: usize,
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
}

/// `None` unless version, CSRC list and extension fit.
pub(super) fn rtp_header(packet: &[u8]) -> Option<RtpHeader> {
    let fixed: &[u8; 12] = packet.first_chunk()?;
    let [first, _, s0, s1, _, _, _, _, a, b, c, d] = *fixed;
    if first >> 6 != 2 {
        return None;
    }
    let mut length = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let [_, _, high, low] = *packet.get(length..)?.first_chunk::<4>()?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    (length <= packet.len()).then_some(RtpHeader {
        length,
        sequence: u16::from_be_bytes([s0, s1]),
        ssrc: u32::from_be_bytes([a, b, c, d]),
    })
}

/// The SSRC of a compound's first packet; `None` when it is too short or of a wrong version.
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let [first, _, _, _, a, b, c, d] = *packet.first_chunk::<RTCP_HEADER>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes([a, b, c, d]))
}

/// Writes bytes at a place; `None` when they don't fit there.
pub(super) fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    buffer
        .get_mut(at..at.checked_add(bytes.len())?)?
        .copy_from_slice(bytes);
    Some(())
}
