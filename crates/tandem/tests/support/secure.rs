//! Calls with SRTP: peers that encrypt with libsrtp, and media that goes both ways at once.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::{NUMBER, invite_of, ms};
use testbed::rtp::{Heard, RtpPeer};
use testbed::srtp::{Libsrtp, Line, lines};
use testbed::{Bed, Call, SipPeer, sdp};

/// Time between two packets: shorter than audio's 20 ms, to get over wraps in a test's time.
const PACE: Duration = Duration::from_millis(4);
/// libsrtp's contexts of a peer.
pub const SENDS: u8 = 0;
pub const HEARS: u8 = 1;

/// A body for audio here under this profile, with these lines.
pub fn body(at: SocketAddr, version: u64, proto: &str, keys: &[Line]) -> String {
    let plain = sdp::session(at, version, "sendrecv").replace("RTP/AVP", proto);
    keys.iter().fold(plain, |body, line| body + &line.text())
}

/// The profile of a body's audio line.
pub fn profile(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().find(|line| line.starts_with("m=audio "));
    line.and_then(|line| line.split(' ').nth(2))
        .unwrap_or_default()
        .to_owned()
}

/// The only line of a body.
pub fn only_line(body: &[u8]) -> Line {
    let mut lines = lines(body);
    assert_eq!(lines.len(), 1, "{}", String::from_utf8_lossy(body));
    lines.remove(0)
}

/// An RTP peer whose packets libsrtp protects and opens.
pub struct Secured {
    pub peer: RtpPeer,
    pub libsrtp: Libsrtp,
}

impl Secured {
    /// Sends under `own`, hears what is under `theirs`.
    pub fn new(at: SocketAddr, own: &Line, theirs: &Line) -> Self {
        let mut libsrtp = Libsrtp::start();
        libsrtp.sender(SENDS, own);
        libsrtp.receiver(HEARS, theirs);
        Self {
            peer: RtpPeer::bind(at),
            libsrtp,
        }
    }

    /// The packets as they go over the network.
    pub fn seal(&mut self, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let seal = |packet: &Vec<u8>| self.libsrtp.rtp(SENDS, packet).expect("libsrtp protects");
        packets.iter().map(seal).collect()
    }

    /// What was heard, opened; the first that does not open fails the test.
    pub fn open(&mut self, heard: &[Heard]) -> Vec<Vec<u8>> {
        let mut open = |(n, heard): (usize, &Heard)| {
            let opened = self.libsrtp.rtp(HEARS, &heard.packet);
            opened.unwrap_or_else(|error| panic!("packet {n} does not open: {error}"))
        };
        heard.iter().enumerate().map(&mut open).collect()
    }
}

/// Packets of 20 ms of audio: one SSRC, from this sequence number on, whose payload is all this byte but for a number.
pub fn packets(ssrc: u32, first: u16, count: u16, byte: u8) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| {
            let sequence = first.wrapping_add(n);
            let mut packet = vec![0x80, 0];
            packet.extend(sequence.to_be_bytes());
            packet.extend((u32::from(sequence) * 160).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend([byte; 158]);
            packet.extend(n.to_be_bytes());
            packet
        })
        .collect()
}

/// Both peers send at once; what each has heard when nothing comes any more.
pub fn exchange(
    a: (&RtpPeer, SocketAddr, &[Vec<u8>]),
    b: (&RtpPeer, SocketAddr, &[Vec<u8>]),
) -> [Vec<Heard>; 2] {
    let send = |(peer, to, packets): (&RtpPeer, SocketAddr, &[Vec<u8>])| {
        let start = Instant::now();
        for (packet, n) in packets.iter().zip(0..) {
            thread::sleep((start + PACE * n).saturating_duration_since(Instant::now()));
            peer.send(to, packet);
        }
    };
    thread::scope(|scope| {
        let at_a = scope.spawn(|| a.0.collect(usize::MAX, ms(700)));
        let at_b = scope.spawn(|| b.0.collect(usize::MAX, ms(700)));
        scope.spawn(move || send(a));
        scope.spawn(move || send(b));
        [at_a.join().unwrap_or_default(), at_b.join().unwrap_or_default()]
    })
}

/// The packets alone.
pub fn bytes(heard: &[Heard]) -> Vec<Vec<u8>> {
    heard.iter().map(|heard| heard.packet.clone()).collect()
}

/// A call between a caller who offers these lines and a carrier that knows nothing of SRTP.
pub struct HalfSecured<'p> {
    pub call: Call<'p>,
    pub leg: Call<'p>,
    pub a_to: SocketAddr,
    pub b_to: SocketAddr,
    /// The switch's line to the caller.
    pub ours: Line,
}

impl<'p> HalfSecured<'p> {
    pub fn begin(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer, offered: &[Line]) -> Self {
        let offer = body(bed.places.rtp_a, 0, "RTP/SAVP", offered);
        let call = alice.invite(NUMBER, Some(&offer));
        let leg = bob.incoming();
        let told = invite_of(&leg).body();
        assert_eq!((profile(&told).as_str(), lines(&told).len()), ("RTP/AVP", 0));
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        let answer = call.expect(200).body();
        assert_eq!(profile(&answer), "RTP/SAVP");
        call.ack();
        leg.expect_request("ACK");
        Self {
            call,
            leg,
            a_to: sdp::audio(&answer),
            b_to: sdp::audio(&told),
            ours: only_line(&answer),
        }
    }

    /// A new offer of the caller's; the switch's line in the answer.
    pub fn reinvite(&self, bed: &Bed, version: u64, offered: &[Line]) -> Line {
        self.call
            .reinvite(Some(&body(bed.places.rtp_a, version, "RTP/SAVP", offered)));
        self.leg.expect_request("INVITE");
        self.leg
            .answer(&sdp::session(bed.places.rtp_b1, version, "sendrecv"));
        let answer = self.call.expect(200).body();
        self.call.ack();
        self.leg.expect_request("ACK");
        only_line(&answer)
    }

    pub fn hang_up(&self) {
        self.call.bye();
        self.leg.ok("BYE");
        self.call.expect(200);
    }
}
