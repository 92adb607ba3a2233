//! What a relay is asked to do with the packets of a call: what its two ends say about themselves, and with what they talk.

use super::voice::Voices;
use anyhow::{Context as _, Result, ensure};
use rtp_proto::srtp::{Keys, Receiver, Sender, Suite};
use std::net::SocketAddr;
use std::sync::Arc;
use testbed::load::{End, Open, Seal};
use testbed::sdp;
use testbed::srtp::{Line, lines};

const SUITE: Suite = Suite::AesCm128Sha80;

/// What is done with the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// They are passed on as they are.
    Relay,
    /// A's are SRTP with keys from the SDP, B's are plain.
    Srtp,
    /// A speaks PCMU, B G.722.
    G722,
    /// A speaks PCMU, B Opus.
    Opus,
}

impl Work {
    /// As it is printed; empty for mere relaying.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "",
            Self::Srtp => "SRTP",
            Self::G722 => "G.722",
            Self::Opus => "Opus",
        }
    }

    /// Whether what arrives is other audio than what was sent.
    #[must_use]
    pub fn converts(self) -> bool {
        self.codec().is_some()
    }

    /// What B speaks where it isn't what A speaks, by its name in SDP.
    pub(super) fn codec(self) -> Option<&'static str> {
        match self {
            Self::Relay | Self::Srtp => None,
            Self::G722 => Some("G722"),
            Self::Opus => Some("opus"),
        }
    }

    /// What A offers.
    pub(super) fn offer(self, n: usize, a: SocketAddr) -> String {
        match self {
            Self::Relay => sdp::offer(a),
            Self::Srtp => sdp::offer(a).replace("RTP/AVP", "RTP/SAVP") + &own_key(n).text(),
            Self::G722 | Self::Opus => sdp::stream(a, "RTP/AVP", &[(0, "PCMU/8000")], ""),
        }
    }

    /// What B answers when it is offered `told`.
    pub(super) fn answer(self, b: SocketAddr, told: &[u8]) -> String {
        match self.codec() {
            None => sdp::offer(b),
            Some(codec) => {
                let (number, name) = format(codec, told);
                sdp::stream(b, "RTP/AVP", &[(number, &name)], "")
            }
        }
    }

    fn payload_type(self, told: &[u8]) -> u8 {
        self.codec().map_or(0, |codec| format(codec, told).0)
    }
}

/// How a codec was offered. A static type needs no `rtpmap` (RFC 3551 §6), and only G.722 has one.
fn format(codec: &str, told: &[u8]) -> (u8, String) {
    sdp::format(told, codec).unwrap_or_else(|| (9, "G722/8000".to_owned()))
}

/// A's key of call number `n`.
fn own_key(n: usize) -> Line {
    Line::new(1, SUITE.name(), n as u8)
}

/// A call that is up.
pub(super) struct Up {
    /// Its ends, ready to talk.
    pub(super) ends: [End; 2],
    /// Where A and B send to.
    pub(super) to: (SocketAddr, SocketAddr),
}

/// Makes ends for the calls of one piece of work.
pub(super) struct Ends {
    work: Work,
    voices: Voices,
}

impl Ends {
    pub(super) fn new(work: Work) -> Result<Self> {
        let voices = Voices::new(work)?;
        Ok(Self { work, voices })
    }

    /// The ends of call number `n`, at `at`; A has been answered `a_told`, B offered `b_told`.
    pub(super) fn up(
        &self,
        n: usize,
        at: (SocketAddr, SocketAddr),
        a_told: &[u8],
        b_told: &[u8],
    ) -> Result<Up> {
        let [mut a, b] = self.plain(at, self.work.payload_type(b_told));
        if self.work == Work::Srtp {
            let theirs = lines(a_told);
            let theirs = theirs.first().context("A is answered without a key")?;
            ensure!(theirs.suite == SUITE.name(), "A is answered {}", theirs.suite);
            a.seal = Some(seal(&own_key(n))?);
            a.open = Some(open(theirs)?);
        }
        let to = (sdp::audio(a_told), sdp::audio(b_told));
        Ok(Up { ends: [a, b], to })
    }

    /// Ends that have nothing between them: A's packets are sealed and B opens them, which is as much work for the load as with
    /// a relay that opens and seals.
    pub(super) fn direct(&self, n: usize, at: (SocketAddr, SocketAddr)) -> Result<[End; 2]> {
        let [mut a, mut b] = self.plain(at, 0);
        if self.work == Work::Srtp {
            a.seal = Some(seal(&own_key(n))?);
            b.open = Some(open(&own_key(n))?);
        }
        Ok([a, b])
    }

    fn plain(&self, at: (SocketAddr, SocketAddr), wide: u8) -> [End; 2] {
        let b = self.voices.wide(wide);
        [
            End::plain(at.0, Arc::clone(&self.voices.pcmu)),
            End::plain(at.1, b),
        ]
    }
}

fn keys(line: &Line) -> Result<Keys> {
    Ok(Keys::single(SUITE, &line.material)?)
}

fn seal(line: &Line) -> Result<Seal> {
    let mut sender = Sender::new(keys(line)?);
    Ok(Box::new(move |packet| {
        let length = packet.len();
        packet.resize(length + sender.rtp_overhead(), 0);
        // What can't be sealed isn't sent in the clear: an empty datagram is nobody's packet.
        let sealed = sender.protect_rtp(packet, length).unwrap_or(0);
        packet.truncate(sealed);
    }))
}

fn open(line: &Line) -> Result<Open> {
    let mut receiver = Receiver::new(keys(line)?);
    Ok(Box::new(move |packet| receiver.unprotect_rtp(packet).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use testbed::load::RtpLoad;

    #[test]
    fn what_is_sealed_is_opened_and_nothing_else() {
        let at = |port: u16| SocketAddr::from(([127, 250, 2, 1], port));
        let at = (at(20_000), at(20_002));
        let ends = Ends::new(Work::Srtp).unwrap();
        let load = RtpLoad::of([ends.direct(1, at).unwrap()]);
        for _ in 0..2 {
            let report = load.run(&[(at.1, at.0)], Duration::from_millis(100));
            assert!(report.is_clean() && report.identical == 10, "{report:?}");
        }
        drop(load);
        let [sealed, mut other] = ends.direct(1, at).unwrap();
        other.open = Some(open(&own_key(2)).unwrap());
        let report = RtpLoad::of([[sealed, other]]).run(&[(at.1, at.0)], Duration::from_millis(100));
        assert_eq!((report.identical, report.altered), (5, 5));
    }

    #[test]
    fn each_side_says_what_it_speaks() {
        let (a, b) = (
            "127.0.0.1:4000".parse().unwrap(),
            "127.0.0.2:4000".parse().unwrap(),
        );
        let offer = Work::Srtp.offer(1, a);
        assert!(offer.contains("RTP/SAVP 0 8 101") && lines(offer.as_bytes()) == [own_key(1)]);
        assert!(Work::Opus.offer(1, a).contains("RTP/AVP 0\r\n"));
        let told = sdp::stream(a, "RTP/AVP", &[(0, "PCMU/8000"), (97, "opus/48000/2")], "");
        assert!(Work::Opus.answer(b, told.as_bytes()).contains("RTP/AVP 97\r\n"));
        assert!(Work::G722.answer(b, b"").contains("RTP/AVP 9\r\n"));
    }
}
