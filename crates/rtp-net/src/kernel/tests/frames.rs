//! Ethernet frames with a UDP datagram, made and taken apart by the book.

use std::net::{IpAddr, SocketAddr};

/// A datagram and the headers around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// The type of service or traffic class.
    pub(super) class: u8,
    pub(super) ttl: u8,
    /// IPv4 options, or IPv6 extension headers of this first kind.
    pub(super) options: Vec<u8>,
    pub(super) extension: u8,
    /// The IPv4 fragment field.
    pub(super) fragment: u16,
    /// Without one.
    pub(super) no_checksum: bool,
    pub(super) payload: Vec<u8>,
    /// The checksums as they were read.
    sums: Option<(u16, u16)>,
}

/// 20 ms of G.711.
pub(super) fn rtp(payload_type: u8, ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|n| n as u8 ^ sequence as u8));
    packet
}

impl Frame {
    pub(super) fn new(from: SocketAddr, to: SocketAddr, payload: Vec<u8>) -> Self {
        Self {
            from,
            to,
            class: 0,
            ttl: 64,
            options: Vec::new(),
            extension: 17,
            fragment: 0x4000,
            no_checksum: false,
            payload,
            sums: None,
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut frame = vec![0; 12];
        let (pseudo, udp) = (self.pseudo(), self.udp());
        let sum = checksum(&[&pseudo, &udp]);
        let mut udp = udp;
        if !self.no_checksum {
            udp[6..8].copy_from_slice(&if sum == 0 { 0xffff } else { sum }.to_be_bytes());
        }
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                frame.extend([8, 0]);
                let words = 5 + self.options.len() / 4;
                let total = 4 * words + udp.len();
                let mut ip = vec![0x40 | words as u8, self.class];
                ip.extend((total as u16).to_be_bytes());
                ip.extend([0, 7]);
                ip.extend(self.fragment.to_be_bytes());
                ip.extend([self.ttl, 17, 0, 0]);
                ip.extend(from.octets());
                ip.extend(to.octets());
                ip.extend(&self.options);
                let sum = checksum(&[&ip]);
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(ip);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                frame.extend([0x86, 0xdd, 0x60 | self.class >> 4, self.class << 4, 0x12, 0x34]);
                frame.extend(((self.options.len() + udp.len()) as u16).to_be_bytes());
                frame.extend([self.extension, self.ttl]);
                frame.extend(from.octets());
                frame.extend(to.octets());
                frame.extend(&self.options);
            }
            _ => panic!("of one family"),
        }
        frame.extend(udp);
        frame
    }

    /// Without options.
    pub(super) fn parse(frame: &[u8]) -> Self {
        let v4 = frame[12..14] == [8, 0];
        let ip = &frame[14..];
        let address = |at: usize| -> IpAddr {
            if v4 {
                <[u8; 4]>::try_from(&ip[at..at + 4]).unwrap().into()
            } else {
                <[u8; 16]>::try_from(&ip[at..at + 16]).unwrap().into()
            }
        };
        let word = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let udp = &ip[if v4 { 20 } else { 40 }..];
        let (from, to) = if v4 { (12, 16) } else { (8, 24) };
        Self {
            from: SocketAddr::new(address(from), word(udp, 0)),
            to: SocketAddr::new(address(to), word(udp, 2)),
            class: if v4 { ip[1] } else { ip[0] << 4 | ip[1] >> 4 },
            ttl: if v4 { ip[8] } else { ip[7] },
            options: Vec::new(),
            extension: 17,
            fragment: if v4 { word(ip, 6) } else { 0x4000 },
            no_checksum: word(udp, 6) == 0,
            payload: udp[8..usize::from(word(udp, 4))].to_vec(),
            sums: Some((if v4 { word(ip, 10) } else { 0 }, word(udp, 6))),
        }
    }

    /// Its checksums are those that it should have.
    pub(super) fn check(&self) {
        let fresh = Self::parse(&self.bytes());
        assert_eq!(self.sums, fresh.sums, "{self:?}");
    }

    fn pseudo(&self) -> Vec<u8> {
        let mut pseudo = Vec::new();
        for address in [self.from.ip(), self.to.ip()] {
            match address {
                IpAddr::V4(v4) => pseudo.extend(v4.octets()),
                IpAddr::V6(v6) => pseudo.extend(v6.octets()),
            }
        }
        pseudo.extend([0, 17]);
        pseudo.extend(((8 + self.payload.len()) as u16).to_be_bytes());
        pseudo
    }

    fn udp(&self) -> Vec<u8> {
        let mut udp = Vec::new();
        for word in [
            self.from.port(),
            self.to.port(),
            (8 + self.payload.len()) as u16,
            0,
        ] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(&self.payload);
        udp
    }
}

/// RFC 1071, slowly; each part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
