//! What the two ends say: tunes in G.711 µ-law, sent as RTP in 20 ms packets, and compared packet by packet at the other end.

use std::f64::consts::TAU;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rtp_rs::RtpReader;

/// Samples per second.
const RATE: usize = 8000;
/// Samples, and with µ-law bytes, of a packet.
const FRAME: usize = 160;
/// Packets per second.
pub(super) const PACKETS: u32 = 50;
/// What a packet lasts.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long packets may be on their way.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest wait on the socket, so that the end of the demo is noticed.
const TICK: Duration = Duration::from_millis(100);
/// Samples that a note takes.
const NOTE: usize = RATE / 4;

/// Semitones above A4; `REST` is silence.
const REST: i32 = i32::MIN;
/// Beethoven, Symphony No. 9, in D.
const JOY: &[i32] = &[9, 9, 10, 12, 12, 10, 9, 7, 5, 5, 7, 9, 9, 7, 7, REST];
/// Frère Jacques, in C.
const BELLS: &[i32] = &[3, 5, 7, 3, 3, 5, 7, 3, 7, 8, 10, REST, 7, 8, 10, REST];

/// A stream that one end sends and the other expects.
pub(super) struct Tune {
    samples: Vec<u8>,
    ssrc: u32,
}

impl Tune {
    /// What the PBX plays.
    pub(super) fn of_the_caller() -> Self {
        Self {
            samples: play(JOY),
            ssrc: 0x5042_5821,
        }
    }

    /// What the carriers play.
    pub(super) fn of_the_called() -> Self {
        Self {
            samples: play(BELLS),
            ssrc: 0x4341_5252,
        }
    }

    fn payload(&self, n: u32) -> impl Iterator<Item = u8> + '_ {
        self.samples
            .iter()
            .copied()
            .cycle()
            .skip(n as usize * FRAME % self.samples.len())
            .take(FRAME)
    }

    /// Packet `n` of the stream, RFC 3550 §5.1, payload type 0.
    fn packet(&self, n: u32) -> Vec<u8> {
        let marker = if n == 0 { 0x80 } else { 0 };
        let mut packet = vec![0x80, marker];
        packet.extend((n as u16).to_be_bytes());
        packet.extend(n.wrapping_mul(FRAME as u32).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(self.payload(n));
        packet
    }

    /// Which packet of the stream this is, if every byte that a listener would hear is as it was sent.
    fn recognise(&self, packet: &[u8]) -> Option<u32> {
        let reader = RtpReader::new(packet).ok()?;
        let n = reader.timestamp() / FRAME as u32;
        let payload = reader.payload();
        let same = payload.len() == FRAME && self.payload(n).eq(payload.iter().copied());
        (same && reader.payload_type() == 0).then_some(n)
    }
}

/// A tune's samples: each note a plucked string with two overtones.
fn play(notes: &[i32]) -> Vec<u8> {
    let samples = notes.iter().flat_map(|note| (0..NOTE).map(move |at| (*note, at)));
    samples
        .map(|(note, at)| {
            if note == REST {
                return ulaw(0);
            }
            let seconds = at as f64 / RATE as f64;
            let hertz = 440.0 * 2.0_f64.powf(f64::from(note) / 12.0 - 1.0);
            let tone = |overtone: f64, level: f64| level * (TAU * hertz * overtone * seconds).sin();
            let loudness = 14_000.0 * (-6.0 * seconds).exp();
            ulaw((loudness * (tone(1.0, 1.0) + tone(2.0, 0.4) + tone(3.0, 0.2))) as i16)
        })
        .collect()
}

/// ITU-T G.711 µ-law of a linear sample.
fn ulaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
    let segment = (magnitude >> 7).ilog2();
    let step = (magnitude >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment << 4) as u8 | step as u8)
}

/// What one end sent and heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Packets sent.
    pub(super) sent: u32,
    /// Packets that came.
    pub(super) received: u32,
    /// Packets that came as they were sent, each once and in order.
    pub(super) identical: u32,
}

/// Sends the first `packets` of `mine` and takes what comes of `theirs`, until all that is due has come, or `stop`.
pub(super) fn converse(
    socket: &UdpSocket,
    to: SocketAddr,
    tunes: (&Tune, &Tune),
    packets: u32,
    stop: impl Fn() -> bool,
) -> std::io::Result<Heard> {
    let (mine, theirs) = tunes;
    let (start, mut heard, mut next) = (Instant::now(), Heard::default(), 0);
    let end = INTERVAL * packets + PATIENCE;
    let mut buffer = [0; 2048];
    while !stop() && (heard.sent < packets || heard.received < packets) {
        let elapsed = start.elapsed();
        let due = if heard.sent < packets {
            INTERVAL * heard.sent
        } else {
            end
        };
        if elapsed >= end {
            break;
        }
        if elapsed >= due {
            socket.send_to(&mine.packet(heard.sent), to)?;
            heard.sent += 1;
            continue;
        }
        socket.set_read_timeout(Some((due - elapsed).clamp(Duration::from_millis(1), TICK)))?;
        let packet = match socket.recv_from(&mut buffer) {
            Ok((length, from)) if from == to => buffer.get(..length).unwrap_or_default(),
            Ok(_) => continue,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => return Err(error),
        };
        heard.received += 1;
        if let Some(n) = theirs.recognise(packet).filter(|n| *n >= next) {
            heard.identical += 1;
            next = n + 1;
        }
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulaw_gives_the_points_of_the_standard() {
        let points = [
            (0, 0xff),
            (-1, 0x7f),
            (32_767, 0x80),
            (-32_768, 0x00),
            (8, 0xfe),
            (1000, 0xce),
        ];
        for (sample, code) in points {
            assert_eq!(ulaw(sample), code, "{sample}");
        }
    }

    #[test]
    fn a_packet_is_known_by_what_it_sounds_like() {
        let (mine, theirs) = (Tune::of_the_caller(), Tune::of_the_called());
        assert_eq!(mine.recognise(&mine.packet(7)), Some(7));
        assert_eq!(theirs.recognise(&mine.packet(7)), None);
        let mut altered = mine.packet(7);
        altered[100] ^= 1;
        assert_eq!(mine.recognise(&altered), None);
    }
}
