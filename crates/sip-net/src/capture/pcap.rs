//! A capture file (the libpcap format, link type RAW): each message in a UDP datagram between its addresses, whatever it came in,
//! since a stream's segments and keys are not kept.

use std::net::SocketAddr;

use super::Shot;

/// Packets begin with their IP header.
const LINKTYPE_RAW: u32 = 101;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const IPV4_HEADER: usize = 20;
/// The most that an IPv4 packet holds of a message.
const MOST: usize = 65_535 - IPV4_HEADER - UDP_HEADER;

/// The file, whole. What is too long for a datagram is cut.
#[must_use]
pub fn pcap(shots: &[Shot]) -> Vec<u8> {
    let mut file = Vec::with_capacity(24 + shots.iter().map(|shot| shot.bytes.len() + 64).sum::<usize>());
    file.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    file.extend_from_slice(&2_u16.to_le_bytes());
    file.extend_from_slice(&4_u16.to_le_bytes());
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&262_144_u32.to_le_bytes());
    file.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
    for shot in shots {
        let packet = packet(shot);
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let seconds = u32::try_from(shot.stamp.at_us / 1_000_000).unwrap_or(u32::MAX);
        let micros = u32::try_from(shot.stamp.at_us % 1_000_000).unwrap_or_default();
        for word in [seconds, micros, length, length] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

fn packet(shot: &Shot) -> Vec<u8> {
    let payload = shot.bytes.get(..MOST).unwrap_or(&shot.bytes);
    let (from, to) = shot.stamp.ends();
    let length = u16::try_from(payload.len() + UDP_HEADER).unwrap_or(u16::MAX);
    let mut packet = Vec::with_capacity(payload.len() + 48);
    match (from, to) {
        (SocketAddr::V4(from), SocketAddr::V4(to)) => {
            let total = u16::try_from(payload.len() + UDP_HEADER + IPV4_HEADER).unwrap_or(u16::MAX);
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&total.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            packet.extend_from_slice(&from.ip().octets());
            packet.extend_from_slice(&to.ip().octets());
            let sum = checksum(&packet);
            if let Some(place) = packet.get_mut(10..12) {
                place.copy_from_slice(&sum.to_be_bytes());
            }
        }
        (from, to) => {
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&[UDP, 64]);
            packet.extend_from_slice(&v6(from));
            packet.extend_from_slice(&v6(to));
        }
    }
    for port in [from.port(), to.port()] {
        packet.extend_from_slice(&port.to_be_bytes());
    }
    packet.extend_from_slice(&length.to_be_bytes());
    // No checksum (RFC 768).
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload);
    packet
}

fn v6(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(v6) => v6.ip().octets(),
    }
}

/// The Internet checksum of a header (RFC 1071).
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Carrier, Stamp};
    use super::*;

    fn shot(remote: &str, local: &str, bytes: Vec<u8>) -> Shot {
        Shot {
            stamp: Stamp {
                at_us: 1_700_000_000_123_456,
                outgoing: false,
                carrier: Carrier::Udp,
                local: local.parse().unwrap(),
                remote: remote.parse().unwrap(),
            },
            bytes,
        }
    }

    #[test]
    fn a_packet_has_addresses_ports_and_a_right_checksum() {
        let file = pcap(&[shot("192.0.2.1:5070", "198.51.100.7:5060", b"hello".to_vec())]);
        assert_eq!(file.len(), 24 + 16 + 20 + 8 + 5);
        let packet = &file[40..];
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(packet[12..20], [192, 0, 2, 1, 198, 51, 100, 7]);
        assert_eq!(packet[20..26], [19, 206, 19, 196, 0, 13]);
        assert_eq!(&packet[28..], b"hello");
        assert_eq!(file[24..32], [0, 241, 83, 101, 64, 226, 1, 0]);
    }

    #[test]
    fn ipv6_has_a_header_of_its_own_and_the_longest_message_fits() {
        let six = packet(&shot(
            "[2001:db8::1]:5070",
            "[2001:db8::2]:5060",
            b"hello".to_vec(),
        ));
        assert_eq!((six[0], six.len()), (0x60, 40 + 8 + 5));
        let long = packet(&shot("192.0.2.1:1", "192.0.2.2:2", vec![b'x'; 70_000]));
        assert_eq!(long.len(), 65_535);
    }
}
