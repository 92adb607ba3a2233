//! Who is where: addresses of one test bed that no other bed on this machine has.
//!
//! An IPv4 bed owns a block 127.x.y.0/24, so that trunks are told apart by address as in the field. IPv6 has one
//! loopback address only; there a bed owns a range of ports on `::1`. A bed claims its block by a bound socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// The addresses of one bed.
#[derive(Debug)]
pub struct Places {
    /// The switch's SIP listener.
    pub sut: SocketAddr,
    /// Another SIP listener of the switch's, where a setup has one ([`crate::Setup::listener`]): in another network.
    pub sut2: SocketAddr,
    /// A name server, where a test plays one.
    pub dns: SocketAddr,
    /// The switch's HTTP server.
    pub api: SocketAddr,
    /// The switch's media ports, first (even) and last (odd).
    pub media_ports: (u16, u16),
    /// Caller: an on-prem SBC or PBX.
    pub a: SocketAddr,
    /// First carrier.
    pub b1: SocketAddr,
    /// Second carrier.
    pub b2: SocketAddr,
    /// A stranger whom no trunk knows.
    pub x: SocketAddr,
    /// Caller's RTP.
    pub rtp_a: SocketAddr,
    /// First carrier's RTP.
    pub rtp_b1: SocketAddr,
    /// Second carrier's RTP.
    pub rtp_b2: SocketAddr,
    /// The stranger's RTP.
    pub rtp_x: SocketAddr,
    _claims: Vec<UdpSocket>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Candidates differ between processes and between the tests of a process.
fn candidates() -> impl Iterator<Item = u32> {
    let first = std::process::id()
        .wrapping_mul(97)
        .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    (0..5000u32).map(move |step| first.wrapping_add(step))
}

fn claim_v4() -> (UdpSocket, [u8; 2]) {
    for candidate in candidates() {
        // 127.16.0 to 127.239.255: well away from what people use by hand.
        let block = candidate % (224 * 256);
        let [second, third] = [16 + (block / 256) as u8, (block % 256) as u8];
        if let Ok(claim) = UdpSocket::bind((Ipv4Addr::new(127, second, third, 254), 10_009)) {
            return (claim, [second, third]);
        }
    }
    panic!("no free block of loopback addresses");
}

impl Places {
    /// A bed on IPv4.
    #[must_use]
    pub fn v4() -> Self {
        let (claim, [x, y]) = claim_v4();
        let at = |last: u8, port: u16| SocketAddr::from((Ipv4Addr::new(127, x, y, last), port));
        Self {
            sut: at(1, 5060),
            sut2: at(2, 5060),
            dns: at(53, 5353),
            api: at(1, 8080),
            media_ports: (10_000, 11_999),
            a: at(10, 5070),
            b1: at(20, 5080),
            b2: at(21, 5081),
            x: at(66, 5066),
            rtp_a: at(10, 20_000),
            rtp_b1: at(20, 30_000),
            rtp_b2: at(21, 31_000),
            rtp_x: at(66, 40_000),
            _claims: vec![claim],
        }
    }

    /// A bed whose signalling and media are on `::1`, in 300 ports below the kernel's own range.
    #[must_use]
    pub fn v6() -> Self {
        let (claim, [x, y]) = claim_v4();
        for candidate in candidates() {
            let slot = (candidate % 30) as u16;
            let Ok(ports) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 21_000 + slot)) else {
                continue;
            };
            let base = 22_000 + slot * 300;
            let at = |offset: u16| SocketAddr::from((Ipv6Addr::LOCALHOST, base + offset));
            return Self {
                sut: at(0),
                sut2: at(1),
                dns: SocketAddr::from((Ipv4Addr::new(127, x, y, 53), 5353)),
                api: SocketAddr::from((Ipv4Addr::new(127, x, y, 1), 8080)),
                media_ports: (base + 100, base + 299),
                a: at(2),
                b1: at(4),
                b2: at(6),
                x: at(8),
                rtp_a: at(20),
                rtp_b1: at(40),
                rtp_b2: at(60),
                rtp_x: at(80),
                _claims: vec![claim, ports],
            };
        }
        panic!("no free slot of ports on ::1");
    }

    /// The customer on IPv4 and the carriers on IPv6, each with a listener of its kind ([`sut`](Self::sut), [`sut2`](Self::sut2)).
    #[must_use]
    pub fn mixed() -> Self {
        let (mut four, six) = (Self::v4(), Self::v6());
        four.sut2 = six.sut2;
        four.media_ports = six.media_ports;
        (four.b1, four.b2) = (six.b1, six.b2);
        (four.rtp_b1, four.rtp_b2) = (six.rtp_b1, six.rtp_b2);
        four._claims.extend(six._claims);
        four
    }

    /// The switch's media address.
    #[must_use]
    pub fn media(&self) -> IpAddr {
        self.sut.ip()
    }

    /// Puts addresses for `{sut}`, `{sut2}`, `{a}`, `{b1}`, `{b2}`, `{x}` (with port) and `{a.ip}` … (without) into `text`.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, address) in [
            ("sut", self.sut),
            ("sut2", self.sut2),
            ("api", self.api),
            ("dns", self.dns),
            ("a", self.a),
            ("b1", self.b1),
            ("b2", self.b2),
            ("x", self.x),
        ] {
            text = text.replace(&format!("{{{name}}}"), &address.to_string());
            text = text.replace(&format!("{{{name}.ip}}"), &address.ip().to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_beds_share_no_address() {
        let (one, other) = (Places::v4(), Places::v4());
        assert_ne!(one.sut.ip(), other.sut.ip());
        assert_ne!(one.a.ip(), other.a.ip());
        let (one, other) = (Places::v6(), Places::v6());
        assert_ne!(one.sut, other.sut);
        assert!(one.media_ports.1 < other.media_ports.0 || other.media_ports.1 < one.media_ports.0);
    }

    #[test]
    fn placeholders_are_filled_and_braces_of_toml_are_left() {
        let bed = Places::v4();
        let text = bed.fill("targets = [{ uri = \"sip:{b1}\" }] # {a.ip}");
        assert_eq!(
            text,
            format!("targets = [{{ uri = \"sip:{}\" }}] # {}", bed.b1, bed.a.ip())
        );
    }
}
