//! What a datagram is, and what its RTP header says (RFC 3550 §5.1, §A.1; RFC 5761 §4; RFC 7983).

use crate::control::Leg;
use crate::pt_map::{PtEntry, PtMap};
use crate::session::Numbers;
use rtp_rs::RtpReader;
use smallvec::SmallVec;

/// What a datagram on a media port claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtp,
    Rtcp,
    Other,
}

/// Tells RTP from RTCP by the second octet. Where the two share a port, RTCP has 192..=223 to itself (RFC 5761 §4); elsewhere
/// only the types that RFC 3551 §6 keeps clear of payload types.
pub(crate) fn classify(packet: &[u8], shared: bool) -> Kind {
    match packet {
        [first, second, ..] if first >> 6 == 2 => match second {
            200..=204 => Kind::Rtcp,
            192..=223 if shared => Kind::Rtcp,
            _ => Kind::Rtp,
        },
        _ => Kind::Other,
    }
}

/// The fields of a valid header that a relay looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

/// The header of a packet whose version, CSRC list, extension and padding all fit it; `None` otherwise (§A.1).
pub(crate) fn parse(packet: &[u8]) -> Option<Header> {
    let reader = RtpReader::new(packet).ok()?;
    Some(Header {
        payload_type: reader.payload_type(),
        marker: reader.mark(),
        sequence: reader.sequence_number().into(),
        timestamp: reader.timestamp(),
        ssrc: reader.ssrc(),
    })
}

/// SSRC and sequence number of a packet whose contents may be encrypted; `None` for what can't be RTP.
pub(crate) fn mark(packet: &[u8]) -> Option<(u32, u16)> {
    let [first, _, s0, s1, _, _, _, _, a, b, c, d] = *packet.first_chunk::<12>()?;
    (first >> 6 == 2).then_some((u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1])))
}

/// What a valid packet carries, without CSRCs, extension and padding.
pub(crate) fn payload(packet: &[u8]) -> &[u8] {
    RtpReader::new(packet).map_or(&[], |reader| reader.payload())
}

/// Where that is.
pub(crate) fn payload_range(packet: &[u8]) -> std::ops::Range<usize> {
    let padded = packet.first().is_some_and(|first| first & 0x20 != 0);
    let padding = packet
        .last()
        .filter(|_| padded)
        .map_or(0, |last| usize::from(*last));
    let end = packet.len().saturating_sub(padding);
    end.saturating_sub(payload(packet).len())..end
}

/// Says that there is no padding: it has been overwritten.
pub(crate) fn clear_padding(packet: &mut [u8]) {
    if let Some(octet) = packet.first_mut() {
        *octet &= !0x20;
    }
}

/// The header of a packet of our own.
pub(crate) fn write(payload_type: u8, numbers: &Numbers) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let [first, second, ..] = &mut header;
    (*first, *second) = (0x80, payload_type & 0x7f);
    renumber(&mut header, numbers);
    header
}

/// Bytes of a header without CSRCs and extension.
pub(crate) const HEADER: usize = 12;

/// Writes another payload type, leaving the marker bit.
pub(crate) fn set_payload_type(packet: &mut [u8], payload_type: u8) {
    if let Some(octet) = packet.get_mut(1) {
        *octet = (*octet & 0x80) | (payload_type & 0x7f);
    }
}

/// Writes other numbers. A marker that is set already stays.
pub(crate) fn renumber(packet: &mut [u8], numbers: &Numbers) {
    if let Some(octet) = packet.get_mut(1) {
        *octet |= u8::from(numbers.marker) << 7;
    }
    for (at, bytes) in [
        (2, &numbers.sequence.to_be_bytes()[..]),
        (4, &numbers.timestamp.to_be_bytes()[..]),
        (8, &numbers.ssrc.to_be_bytes()[..]),
    ] {
        if let Some(place) = packet.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// No payload type: the packet is dropped.
pub(crate) const NONE: u8 = 0xff;

/// A [`PtMap`] for as long as a leg has it: small, as there is one per leg and few have more than three entries.
#[derive(Debug)]
pub(crate) struct Translation {
    entries: SmallVec<[PtEntry; 3]>,
    only: bool,
}

impl Translation {
    pub(crate) fn new(map: &PtMap) -> Self {
        Self {
            entries: SmallVec::from_slice(map.entries()),
            only: map.is_only(),
        }
    }

    /// What a leg's packets are to the other leg, with the clocks of what is converted.
    pub(crate) fn of(leg: &Leg) -> Self {
        let mut translation = Self::new(&leg.map);
        if let Some(audio) = &leg.needs.transcode {
            let spoken = audio.accepts.iter().chain([&audio.send]);
            let spoken = spoken.map(|format| (format.payload_type, format.audio.codec.clock()));
            let noise = audio.comfort_noise.map(|pt| (pt, 8_000));
            let converted = spoken.chain(audio.events).chain(noise);
            for (from, clock) in converted {
                if translation.entry(from).is_none() {
                    // Known, and not to be passed on as it is.
                    let entry = PtEntry {
                        from,
                        to: NONE,
                        clock,
                    };
                    translation.entries.push(entry);
                }
            }
        }
        translation
    }

    /// The number under which the other leg knows this payload type.
    pub(crate) fn outgoing(&self, payload_type: u8) -> Option<u8> {
        match self.entry(payload_type) {
            Some(entry) => Some(entry.to).filter(|to| *to != NONE),
            None => Some(payload_type).filter(|_| !self.only),
        }
    }

    /// Whether this payload type passes at all.
    pub(crate) fn passes(&self, payload_type: u8) -> bool {
        self.outgoing(payload_type).is_some()
    }

    /// The whole table: [`NONE`] where nothing passes.
    pub(crate) fn table(&self) -> [u8; 128] {
        let mut to = [NONE; 128];
        to.iter_mut()
            .zip(0..)
            .for_each(|(slot, from)| *slot = self.outgoing(from).unwrap_or(NONE));
        to
    }

    fn entry(&self, payload_type: u8) -> Option<&PtEntry> {
        self.entries.iter().find(|entry| entry.from == payload_type)
    }

    /// RTP clock rate of a payload type, in Hz; never 0.
    pub(crate) fn clock(&self, payload_type: u8) -> u32 {
        let listed = self
            .entry(payload_type)
            .map(|entry| entry.clock)
            .filter(|clock| *clock != 0);
        listed.unwrap_or_else(|| static_clock(payload_type))
    }
}

/// Clock rates of the static payload types (RFC 3551 §6, tables 4 and 5).
fn static_clock(payload_type: u8) -> u32 {
    match payload_type {
        6 => 16_000,
        10 | 11 => 44_100,
        16 => 11_025,
        17 => 22_050,
        14 | 25..=34 => 90_000,
        _ => 8_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, second: u8, tail: &[u8]) -> Vec<u8> {
        let mut p = vec![first, second, 0, 7, 0, 0, 0, 160, 0, 0, 0, 9];
        p.extend_from_slice(tail);
        p
    }

    #[test]
    fn a_plain_header_is_read() {
        let header = parse(&packet(0x80, 0x80 | 8, &[1, 2, 3])).unwrap();
        assert_eq!(
            header,
            Header {
                payload_type: 8,
                marker: true,
                sequence: 7,
                timestamp: 160,
                ssrc: 9
            }
        );
    }

    #[test]
    fn mr_10_every_lie_about_lengths_is_refused() {
        for len in 0..12 {
            assert_eq!(parse(&packet(0x80, 0, &[])[..len]), None, "length {len}");
        }
        for (what, bytes) in [
            ("version 0", packet(0x00, 0, &[0; 20])),
            ("version 1", packet(0x40, 0, &[0; 20])),
            ("version 3", packet(0xc0, 0, &[0; 20])),
            ("15 CSRCs in 12 bytes", packet(0x8f, 0, &[])),
            (
                "extension of 0xffff words",
                packet(0x90, 0, &[0, 0, 0xff, 0xff, 1, 2, 3, 4]),
            ),
            ("extension header cut", packet(0x90, 0, &[0, 0, 0])),
            ("padding of 0", packet(0xa0, 0, &[1, 2, 0])),
            ("padding of 255", packet(0xa0, 0, &[1, 2, 255])),
            ("padding without a byte to hold it", packet(0xa0, 0, &[])),
        ] {
            assert_eq!(parse(&bytes), None, "{what}");
        }
        assert!(
            parse(&packet(0x80, 0, &[])).is_some(),
            "an empty payload is a keep-alive (RFC 6263)"
        );
        assert!(parse(&packet(0xa0, 0, &[9, 9, 3])).is_some(), "padding only");
        assert!(parse(&packet(0x91, 0, &[0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0, 0, 0, 0])).is_some());
    }

    #[test]
    fn rtp_and_rtcp_are_told_apart_as_the_port_is_shared_or_not() {
        assert_eq!(classify(&[0x80, 200], false), Kind::Rtcp);
        assert_eq!(classify(&[0x80, 206], true), Kind::Rtcp);
        assert_eq!(classify(&[0x80, 206], false), Kind::Rtp);
        assert_eq!(classify(&[0x80, 0x80 | 101], true), Kind::Rtp);
        assert_eq!(classify(&[0x16, 0xfe], true), Kind::Other, "DTLS");
        assert_eq!(classify(&[0x00, 0x01], true), Kind::Other, "STUN");
        assert_eq!(classify(&[0x80], true), Kind::Other);
        assert_eq!(classify(&[], true), Kind::Other);
    }

    #[test]
    fn the_marker_survives_a_new_payload_type() {
        let mut p = packet(0x80, 0x80 | 96, &[]);
        set_payload_type(&mut p, 122);
        assert_eq!(p[1], 0x80 | 122);
    }

    #[test]
    fn a_translation_is_identity_unless_told() {
        let all = Translation::new(PtMap::identity().set(96, 122, 0).set(111, 111, 48_000));
        assert_eq!(
            (all.outgoing(96), all.outgoing(0), all.outgoing(127)),
            (Some(122), Some(0), Some(127))
        );
        assert_eq!(
            (all.clock(111), all.clock(96), all.clock(10), all.clock(9)),
            (48_000, 8_000, 44_100, 8_000)
        );
        let only = Translation::new(PtMap::only().set(0, 0, 0));
        assert_eq!(
            (only.outgoing(0), only.outgoing(8), only.outgoing(200)),
            (Some(0), None, None)
        );
    }
}
