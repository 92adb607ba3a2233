//! HEP version 3, the encapsulation that capture servers (Homer) take: "HEP3", the total length, then chunks of vendor, type, length
//! and value, all in network order.

use std::net::{IpAddr, SocketAddr};

use super::{Carrier, Stamp};

/// The longest packet: what a UDP datagram holds.
const MOST: usize = 65_507;
/// Octets of a chunk in front of its value.
const CHUNK: usize = 6;

const IP_FAMILY: u16 = 0x01;
const IP_PROTOCOL: u16 = 0x02;
const SOURCE_V4: u16 = 0x03;
const TARGET_V4: u16 = 0x04;
const SOURCE_V6: u16 = 0x05;
const TARGET_V6: u16 = 0x06;
const SOURCE_PORT: u16 = 0x07;
const TARGET_PORT: u16 = 0x08;
const SECONDS: u16 = 0x09;
const MICROSECONDS: u16 = 0x0a;
const PROTOCOL_TYPE: u16 = 0x0b;
const AGENT_ID: u16 = 0x0c;
const AUTH_KEY: u16 = 0x0e;
const PAYLOAD: u16 = 0x0f;
const CORRELATION: u16 = 0x11;
const NODE_NAME: u16 = 0x13;

/// The payload is SIP.
const SIP: u8 = 1;

/// Who captures.
#[derive(Debug, Clone, Default)]
pub struct Agent {
    /// Our number at the capture server.
    pub id: u32,
    /// Our name there.
    pub node: String,
    /// The key that the server wants to see; empty: none.
    pub key: String,
}

/// One message as a packet; `correlation` is what the legs of a call have in common. `None`: it is too long for one.
#[must_use]
pub fn packet(agent: &Agent, stamp: &Stamp, message: &[u8], correlation: &[u8]) -> Option<Vec<u8>> {
    let mut packet = Vec::with_capacity(message.len() + 160);
    packet.extend_from_slice(b"HEP3\0\0");
    let (from, to) = stamp.ends();
    let protocol = match stamp.carrier {
        Carrier::Udp => 17,
        Carrier::Stream | Carrier::Encrypted => 6,
    };
    let family = if both_v4(from, to) { 2 } else { 10 };
    chunk(&mut packet, IP_FAMILY, &[family]);
    chunk(&mut packet, IP_PROTOCOL, &[protocol]);
    addresses(&mut packet, from.ip(), to.ip());
    chunk(&mut packet, SOURCE_PORT, &from.port().to_be_bytes());
    chunk(&mut packet, TARGET_PORT, &to.port().to_be_bytes());
    let seconds = u32::try_from(stamp.at_us / 1_000_000).unwrap_or(u32::MAX);
    let micros = u32::try_from(stamp.at_us % 1_000_000).unwrap_or_default();
    chunk(&mut packet, SECONDS, &seconds.to_be_bytes());
    chunk(&mut packet, MICROSECONDS, &micros.to_be_bytes());
    chunk(&mut packet, PROTOCOL_TYPE, &[SIP]);
    chunk(&mut packet, AGENT_ID, &agent.id.to_be_bytes());
    for (kind, text) in [
        (AUTH_KEY, agent.key.as_bytes()),
        (NODE_NAME, agent.node.as_bytes()),
        (CORRELATION, correlation),
    ] {
        if !text.is_empty() {
            chunk(&mut packet, kind, text);
        }
    }
    chunk(&mut packet, PAYLOAD, message);
    let total = u16::try_from(packet.len())
        .ok()
        .filter(|_| packet.len() <= MOST)?;
    packet.get_mut(4..6)?.copy_from_slice(&total.to_be_bytes());
    Some(packet)
}

fn both_v4(from: SocketAddr, to: SocketAddr) -> bool {
    from.is_ipv4() && to.is_ipv4()
}

fn addresses(packet: &mut Vec<u8>, from: IpAddr, to: IpAddr) {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            chunk(packet, SOURCE_V4, &from.octets());
            chunk(packet, TARGET_V4, &to.octets());
        }
        (from, to) => {
            let v6 = |ip: IpAddr| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            chunk(packet, SOURCE_V6, &v6(from));
            chunk(packet, TARGET_V6, &v6(to));
        }
    }
}

/// A chunk of the generic vendor. What is too long for its length makes the whole packet too long.
fn chunk(packet: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + CHUNK).unwrap_or(u16::MAX);
    packet.extend_from_slice(&0_u16.to_be_bytes());
    packet.extend_from_slice(&kind.to_be_bytes());
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The chunks of a packet, by type.
    fn read(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
        assert_eq!(&packet[..4], b"HEP3");
        assert_eq!(
            usize::from(u16::from_be_bytes([packet[4], packet[5]])),
            packet.len()
        );
        let mut chunks = BTreeMap::new();
        let mut rest = &packet[6..];
        while !rest.is_empty() {
            let kind = u16::from_be_bytes([rest[2], rest[3]]);
            let length = usize::from(u16::from_be_bytes([rest[4], rest[5]]));
            assert!(chunks.insert(kind, rest[CHUNK..length].to_vec()).is_none());
            rest = &rest[length..];
        }
        chunks
    }

    fn stamp(local: &str, remote: &str, carrier: Carrier) -> Stamp {
        Stamp {
            at_us: 1_700_000_000_000_007,
            outgoing: true,
            carrier,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        }
    }

    #[test]
    fn a_packet_says_who_sent_what_to_whom_and_when() {
        let agent = Agent {
            id: 2001,
            node: "tandem-1".into(),
            key: "secret".into(),
        };
        let stamp = stamp("192.0.2.1:5060", "192.0.2.9:5070", Carrier::Udp);
        let chunks = read(&packet(&agent, &stamp, b"SIP", b"call-1").unwrap());
        let expected: [(u16, &[u8]); 14] = [
            (IP_FAMILY, &[2]),
            (IP_PROTOCOL, &[17]),
            (SOURCE_V4, &[192, 0, 2, 1]),
            (TARGET_V4, &[192, 0, 2, 9]),
            (SOURCE_PORT, &[0x13, 0xc4]),
            (TARGET_PORT, &[0x13, 0xce]),
            (SECONDS, &1_700_000_000_u32.to_be_bytes()),
            (MICROSECONDS, &7_u32.to_be_bytes()),
            (PROTOCOL_TYPE, &[1]),
            (AGENT_ID, &2001_u32.to_be_bytes()),
            (AUTH_KEY, b"secret"),
            (PAYLOAD, b"SIP"),
            (CORRELATION, b"call-1"),
            (NODE_NAME, b"tandem-1"),
        ];
        assert_eq!(
            chunks,
            expected.map(|(kind, value)| (kind, value.to_vec())).into()
        );
    }

    #[test]
    fn ipv6_and_streams_are_told_and_what_is_too_long_is_not_sent() {
        let stamp = stamp("[2001:db8::1]:5061", "[2001:db8::2]:5061", Carrier::Encrypted);
        let agent = Agent::default();
        let chunks = read(&packet(&agent, &stamp, b"SIP", b"").unwrap());
        assert_eq!(chunks[&IP_FAMILY], [10]);
        assert_eq!(chunks[&IP_PROTOCOL], [6]);
        assert_eq!(chunks[&SOURCE_V6].len(), 16);
        assert!(!chunks.contains_key(&AUTH_KEY) && !chunks.contains_key(&CORRELATION));
        assert!(packet(&agent, &stamp, &[b'x'; 65_400], b"").is_none());
        assert!(packet(&agent, &stamp, &[b'x'; 70_000], b"").is_none());
    }
}
