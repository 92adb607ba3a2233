//! Raw RTP peers: send known packets, keep what arrives, compare.

use crate::audio;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// After this long without a packet nothing more is awaited.
const QUIET: Duration = Duration::from_millis(500);

/// The header of an RTP packet (RFC 3550 §5.1), without CSRC and extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Marker bit.
    pub marker: bool,
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// The packet with this header and `payload`.
    #[must_use]
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x80, u8::from(self.marker) << 7 | self.payload_type];
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
        out
    }

    /// Reads a packet's header; `None` when it is too short or not version 2.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (head, _) = packet.split_first_chunk::<12>()?;
        (head[0] >> 6 == 2).then(|| Self {
            marker: head[1] & 0x80 != 0,
            payload_type: head[1] & 0x7f,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        })
    }
}

/// What a stream of packets carries.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Payload type; 0 is PCMU.
    pub payload_type: u8,
    /// Synchronisation source.
    pub ssrc: u32,
    /// First sequence number.
    pub sequence: u16,
    /// G.711 bytes, repeated without end, 160 in each packet.
    pub audio: Vec<u8>,
}

impl Stream {
    /// The committed audio as PCMU, beginning near the sequence number's wrap.
    #[must_use]
    pub fn speech(ssrc: u32) -> Self {
        Self {
            payload_type: 0,
            ssrc,
            sequence: 65_530,
            audio: audio::speech(),
        }
    }

    /// Every byte the same, so that a receiver can tell whose packets it got.
    #[must_use]
    pub fn mark(byte: u8) -> Self {
        Self {
            payload_type: 0,
            ssrc: u32::from(byte),
            sequence: 1,
            audio: vec![byte; audio::FRAME],
        }
    }

    /// Packet `n` of the stream.
    #[must_use]
    pub fn packet(&self, n: usize) -> Vec<u8> {
        let header = Header {
            marker: n == 0,
            payload_type: self.payload_type,
            sequence: self.sequence.wrapping_add(n as u16),
            timestamp: (n as u32).wrapping_mul(audio::FRAME as u32),
            ssrc: self.ssrc,
        };
        header.packet(&audio::frame(&self.audio, n))
    }
}

/// A packet that arrived.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// Where from.
    pub from: SocketAddr,
    /// The whole packet.
    pub packet: Vec<u8>,
}

/// An RTP endpoint on one socket (its RTCP port is another peer's business).
#[derive(Debug)]
pub struct RtpPeer {
    socket: UdpSocket,
}

impl RtpPeer {
    /// Binds `local`.
    ///
    /// # Panics
    /// When the address can't be bound.
    #[must_use]
    pub fn bind(local: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).unwrap_or_else(|error| panic!("RTP peer at {local}: {error}"));
        Self { socket }
    }

    /// Where this peer is.
    ///
    /// # Panics
    /// Never: a bound socket has an address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Sends one packet. What the network says against it is not this packet's business.
    pub fn send(&self, to: SocketAddr, packet: &[u8]) {
        let _ = self.socket.send_to(packet, to);
    }

    /// Sends packets `0..count` of `stream`, one per `interval`, on time by the clock and not by the last one.
    pub fn stream(&self, to: SocketAddr, stream: &Stream, count: usize, interval: Duration) {
        let start = Instant::now();
        for n in 0..count {
            let due = start + interval * n as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.send(to, &stream.packet(n));
        }
    }

    /// Takes what has arrived, however long it may be.
    ///
    /// # Panics
    /// When the socket can't be told not to wait.
    #[must_use]
    pub fn waiting(&self) -> Vec<Heard> {
        let mut buffer = vec![0; 65_536];
        self.socket.set_nonblocking(true).expect("a socket of ours");
        // What the network says against packets of ours comes in their place, once each.
        let heard = std::iter::from_fn(|| {
            loop {
                match self.socket.recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        return Some(Heard {
                            at: Instant::now(),
                            from,
                            packet: buffer[..length].to_vec(),
                        });
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                    Err(_) => {}
                }
            }
        });
        let heard = heard.collect();
        self.socket.set_nonblocking(false).expect("a socket of ours");
        heard
    }

    /// Takes what arrives until `count` packets are there, or `patience` has passed without one.
    #[must_use]
    pub fn collect(&self, count: usize, patience: Duration) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut buffer = [0u8; 2048];
        let mut quiet_since = Instant::now();
        while heard.len() < count {
            let Some(left) = patience.checked_sub(quiet_since.elapsed()) else {
                break;
            };
            let _ = self
                .socket
                .set_read_timeout(Some(left.max(Duration::from_millis(1))));
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                quiet_since = Instant::now();
                heard.push(Heard {
                    at: quiet_since,
                    from,
                    packet: buffer[..length].to_vec(),
                });
            }
        }
        heard
    }
}

/// How what arrived differs from what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Packets sent.
    pub sent: usize,
    /// Packets that arrived identical, byte for byte.
    pub identical: usize,
    /// Packets sent that never arrived.
    pub lost: usize,
    /// Packets that arrived after one with a higher number.
    pub reordered: usize,
    /// Packets that arrived once more.
    pub duplicated: usize,
    /// Packets that nobody sent: altered or a stranger's.
    pub foreign: usize,
    /// Packets that came from another address than expected.
    pub misplaced: usize,
}

impl Comparison {
    /// Compares what arrived at one end, all of which should come from `source`, with the first `sent` packets of
    /// `stream`.
    #[must_use]
    pub fn of(stream: &Stream, sent: usize, heard: &[Heard], source: SocketAddr) -> Self {
        let numbers: HashMap<Vec<u8>, usize> = (0..sent).map(|n| (stream.packet(n), n)).collect();
        let mut got = vec![false; sent];
        let mut highest = None;
        let mut result = Self {
            sent,
            ..Self::default()
        };
        for packet in heard {
            result.misplaced += usize::from(packet.from != source);
            match numbers.get(&packet.packet).copied() {
                None => result.foreign += 1,
                Some(n) if got[n] => result.duplicated += 1,
                Some(n) => {
                    got[n] = true;
                    result.identical += 1;
                    result.reordered += usize::from(highest.is_some_and(|highest| n < highest));
                    highest = highest.max(Some(n));
                }
            }
        }
        result.lost = got.iter().filter(|got| !**got).count();
        result
    }

    /// Fails unless every packet arrived once, in order, unaltered, from the right address, and nothing else did.
    ///
    /// # Panics
    /// When it isn't so.
    pub fn assert_clean(&self) {
        let clean = Self {
            sent: self.sent,
            identical: self.sent,
            ..Self::default()
        };
        assert_eq!(*self, clean);
    }
}

/// One end of a conversation: the peer, where it sends to, what it says.
#[derive(Debug)]
pub struct End<'a> {
    /// The socket.
    pub peer: &'a RtpPeer,
    /// The switch's address that this side was told.
    pub to: SocketAddr,
    /// What it says.
    pub stream: Stream,
}

/// Both ends talk at once, `count` packets of 20 ms each; gives what each end heard of the other, A first.
#[must_use]
pub fn converse(a: &End<'_>, b: &End<'_>, count: usize) -> [Comparison; 2] {
    let frame = Duration::from_millis(20);
    thread::scope(|scope| {
        let at_a = scope.spawn(|| a.peer.collect(count, QUIET + frame * 50));
        let at_b = scope.spawn(|| b.peer.collect(count, QUIET + frame * 50));
        scope.spawn(|| a.peer.stream(a.to, &a.stream, count, frame));
        scope.spawn(|| b.peer.stream(b.to, &b.stream, count, frame));
        let (at_a, at_b) = (at_a.join().unwrap_or_default(), at_b.join().unwrap_or_default());
        [
            Comparison::of(&b.stream, count, &at_a, a.to),
            Comparison::of(&a.stream, count, &at_b, b.to),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(from: SocketAddr, packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Heard> {
        packets
            .into_iter()
            .map(|packet| Heard {
                at: Instant::now(),
                from,
                packet,
            })
            .collect()
    }

    #[test]
    fn what_is_lost_late_twice_altered_or_foreign_is_told_apart() {
        let (stream, source) = (Stream::speech(7), "127.0.0.1:10000".parse().unwrap());
        let mut altered = stream.packet(4);
        altered[100] ^= 1;
        let order = [0, 2, 1, 1, 3].map(|n| stream.packet(n));
        let all = heard(source, order.into_iter().chain([altered]));
        let result = Comparison::of(&stream, 5, &all, source);
        let expected = Comparison {
            sent: 5,
            identical: 4,
            lost: 1,
            reordered: 1,
            duplicated: 1,
            foreign: 1,
            misplaced: 0,
        };
        assert_eq!(result, expected);
        let elsewhere = Comparison::of(
            &stream,
            1,
            &heard(source, [stream.packet(0)]),
            "127.0.0.2:1".parse().unwrap(),
        );
        assert_eq!((elsewhere.identical, elsewhere.misplaced), (1, 1));
    }

    #[test]
    fn headers_are_read_back_over_the_wrap() {
        let stream = Stream::speech(0xfeed);
        let header = Header::parse(&stream.packet(8)).unwrap();
        assert_eq!(
            (header.sequence, header.timestamp, header.ssrc),
            (2, 1280, 0xfeed)
        );
        assert!(!header.marker && Header::parse(&stream.packet(0)).unwrap().marker);
        assert_eq!(Header::parse(&[0; 20]), None);
    }

    #[test]
    fn two_peers_without_a_switch_hear_each_other_clean() {
        let at = || RtpPeer::bind("127.0.0.1:0".parse().unwrap());
        let (one, other) = (at(), at());
        let a = End {
            peer: &one,
            to: other.local(),
            stream: Stream::mark(0xa1),
        };
        let b = End {
            peer: &other,
            to: one.local(),
            stream: Stream::speech(2),
        };
        for comparison in converse(&a, &b, 10) {
            comparison.assert_clean();
        }
    }
}
