//! STUN on SIP's own port (RFC 5626 §3.5.2): who is behind a NAT keeps its binding alive so, and learns when it has changed.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
/// The longest request that is answered: an answer is not longer than what it answers by much, and nobody's amplifier.
const LONGEST: usize = 548;

/// Whether a datagram is STUN and no SIP: its first two bits are 0 and the cookie is there (RFC 8489 §5).
fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=3, _, _, _, a, b, c, d, ..] if [*a, *b, *c, *d] == MAGIC) && datagram.len() >= 20
}

/// The answer to a binding request: where it came from (RFC 8489 §14.2). `None`: it is none, or not to be answered.
#[must_use]
pub fn answer(datagram: &[u8], from: SocketAddr) -> Option<Bytes> {
    if !is_stun(datagram) || datagram.len() > LONGEST || datagram.get(..2)? != BINDING_REQUEST {
        return None;
    }
    let length = u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]);
    if usize::from(length) + 20 != datagram.len() || length % 4 != 0 {
        return None;
    }
    let transaction = datagram.get(8..20)?;
    let key: Vec<u8> = MAGIC.iter().chain(transaction).copied().collect();
    let [high, low] = from.port().to_be_bytes();
    let mut value = vec![0, 1, high ^ MAGIC[0], low ^ MAGIC[1]];
    let xor = |octets: &[u8]| octets.iter().zip(&key).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
    match from.ip().to_canonical() {
        IpAddr::V4(ip) => value.extend(xor(&ip.octets())),
        IpAddr::V6(ip) => {
            value = vec![0, 2, high ^ MAGIC[0], low ^ MAGIC[1]];
            value.extend(xor(&ip.octets()));
        }
    }
    let of = |length: usize| u16::try_from(length).unwrap_or_default().to_be_bytes();
    let mut out = Vec::with_capacity(24 + value.len());
    out.extend(BINDING_SUCCESS);
    out.extend(of(4 + value.len()));
    out.extend(MAGIC);
    out.extend(transaction);
    out.extend(XOR_MAPPED_ADDRESS);
    out.extend(of(value.len()));
    out.extend(value);
    Some(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stun_types::attribute::XorMappedAddress;
    use stun_types::message::{BINDING, Message, MessageWriteVec};
    use stun_types::prelude::*;

    #[test]
    fn a_binding_request_is_told_where_it_came_from() {
        let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
        for from in [
            "192.0.2.7:40000",
            "[2001:db8::7]:40000",
            "[::ffff:192.0.2.7]:40000",
        ] {
            let from: SocketAddr = from.parse().expect("an address");
            let answer = answer(&request, from).expect("an answer");
            let answer = Message::from_bytes(&answer).expect("STUN");
            let asked = Message::from_bytes(&request).expect("STUN");
            assert_eq!(answer.transaction_id(), asked.transaction_id());
            let mapped = answer.attribute::<XorMappedAddress>().expect("an address");
            let canonical = SocketAddr::new(from.ip().to_canonical(), from.port());
            assert_eq!(mapped.addr(answer.transaction_id()), canonical);
        }
    }

    #[test]
    fn nothing_else_is_answered() {
        let from: SocketAddr = "192.0.2.7:40000".parse().expect("an address");
        let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
        let answered = answer(&request, from).expect("an answer");
        assert_eq!(answer(&answered, from), None, "an answer is not answered");
        assert_eq!(answer(&request[..19], from), None);
        assert_eq!(answer(b"OPTIONS sip:us SIP/2.0\r\n\r\n", from), None);
        let mut long = request.clone();
        long.push(0);
        assert_eq!(answer(&long, from), None, "its length is not its own");
        assert!(is_stun(&request) && !is_stun(b"INVITE sip:us SIP/2.0\r\n"));
    }
}
