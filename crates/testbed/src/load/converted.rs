//! Packets that are converted on their way: what arrives is not what was sent, but in the right format, 50 times a second, and
//! whole by its own numbers.
//!
//! How long the way took is heard: where a voice sets in after silence, by the ends that hear G.711.

use super::{FRAME, Histogram, KEPT, LoadReport, RtpLoad, STEPS, Talk, rounds};
use crate::audio;
use crate::rtp::Header;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// The payload type whose loudness can be told.
const PCMU: u8 = 0;
/// By so many packets what is heard in the time may be off: a jitter buffer takes its time, and at either end a packet may fall
/// before or behind the line.
const SLACK: u64 = 3;
/// A sound behind this many quiet frames has set in; speech's own gaps are shorter. (So may be, on a machine that stalls, what a
/// relay makes up in place of packets that are late: then the odd onset is timed that is none.)
const SILENCE: u32 = 8;
/// A frame is quiet whose mean amplitude is below this, of 32,768.
const LOUD: u32 = 500;

/// Send times are kept for so many nanoseconds.
const KEPT_FOR: u64 = FRAME.as_nanos() as u64 * KEPT as u64;

/// The state that a receiver keeps per stream that it hears.
#[derive(Clone, Default)]
struct Ear {
    /// The last packet's sequence number and source.
    last: Option<(u16, u32)>,
    /// Packets in the time that counts, and numbers missing between them.
    got: u64,
    gaps: u64,
    /// Quiet frames until now, and how often a sound set in.
    quiet: u32,
    onsets: u64,
}

impl RtpLoad {
    /// Talks for `lead`, until buffers are filled, then for `time`; what arrives in this is counted. `mark` is called when it
    /// begins and when it ends.
    ///
    /// # Panics
    /// When there are not as many addresses as calls, or the system has no epoll left.
    pub fn run_converted(
        &self,
        to: &[(SocketAddr, SocketAddr)],
        lead: Duration,
        time: Duration,
        mut mark: impl FnMut(),
    ) -> LoadReport {
        let lead = rounds(lead);
        let talk = self.begin(to, lead + rounds(time));
        thread::scope(|scope| {
            let hear = scope.spawn(|| self.hear_converted(&talk, lead));
            self.talk(&talk, &mut |round| {
                if round == lead {
                    mark();
                }
            });
            thread::sleep(talk.due(talk.rounds).saturating_duration_since(Instant::now()));
            mark();
            talk.done.store(true, Ordering::Release);
            hear.join().expect("the receiver doesn't panic")
        })
    }

    fn hear_converted(&self, talk: &Talk, lead: usize) -> LoadReport {
        let mut poll = self.poll();
        let expected = (talk.rounds - lead) as u64;
        let mut report = LoadReport {
            sent: expected * self.streams.len() as u64,
            histogram: Histogram(vec![0; STEPS]),
            ..LoadReport::default()
        };
        let mut ears = vec![Ear::default(); self.streams.len()];
        let mut buffer = [0u8; 2048];
        let [begin, end] = [lead, talk.rounds].map(|round| (FRAME * round as u32).as_nanos() as u64);
        let loudness = loudness();
        while !talk.done.load(Ordering::Acquire) {
            let ready = poll.wait();
            let now = talk.now();
            for at in ready {
                let Ok((length, from)) = self.streams[at].socket.recv_from(&mut buffer) else {
                    continue;
                };
                let counts = (begin..end).contains(&now).then_some(&mut report);
                let packet = self.streams[at].opened(&mut buffer[..length]);
                let onset = ears[at].hear(packet, self.streams[at].voice.payload_type, &loudness, counts);
                if (begin..end).contains(&now) {
                    report.misplaced += u64::from(from != talk.to[at]);
                    if let Some(sent) = onset.then(|| self.onset(talk, at ^ 1, now)).flatten() {
                        report.took(now - sent);
                    }
                }
            }
        }
        for (at, ear) in ears.iter().enumerate() {
            report.identical += ear.got;
            if ear.got > expected + SLACK {
                report.duplicated += ear.got - expected;
            }
            let short = if ear.got + SLACK < expected {
                expected - ear.got
            } else {
                0
            };
            report.lost += short.max(ear.gaps);
            report.altered += u64::from(ear.onsets == 0 && self.should_hear(talk, at));
        }
        report
    }

    /// Whether this stream hears G.711, and that for so long that a sound must have set in.
    fn should_hear(&self, talk: &Talk, at: usize) -> bool {
        let source = &self.streams[at ^ 1].voice;
        let hears = self.streams[at].voice.payload_type == PCMU && source.onset.is_some();
        hears && talk.rounds > 2 * source.frames.len()
    }

    /// When this stream's voice set in last, seen from `now`.
    fn onset(&self, talk: &Talk, stream: usize, now: u64) -> Option<u64> {
        let voice = self.streams[stream].voice.as_ref();
        let round = (now / FRAME.as_nanos() as u64) as usize;
        let round = round.min(talk.rounds - 1);
        let rounds = (round.saturating_sub(voice.frames.len())..=round).rev();
        rounds
            .map(|round| talk.first + round)
            .filter(|n| Some(self.streams[stream].frame(*n)) == voice.onset)
            .map(|n| talk.sent(stream, n).load(Ordering::Acquire))
            // One that isn't sent yet has no time, or a much earlier one's.
            .find(|sent| (1..=now).contains(sent) && now - sent < KEPT_FOR / 2)
    }
}

impl Ear {
    /// Takes a packet in; faults go to `report` if it counts. Whether a sound sets in with it.
    fn hear(
        &mut self,
        packet: Option<&[u8]>,
        payload_type: u8,
        loudness: &[u16; 256],
        report: Option<&mut LoadReport>,
    ) -> bool {
        let header = packet.and_then(Header::parse);
        let (Some(packet), Some(header)) = (packet, header) else {
            report.into_iter().for_each(|report| report.altered += 1);
            return false;
        };
        let last = self.last.replace((header.sequence, header.ssrc));
        if let Some(report) = report {
            self.got += 1;
            let changed = last.is_some_and(|(_, ssrc)| ssrc != header.ssrc);
            report.altered += u64::from(header.payload_type != payload_type || changed);
            let ahead = last.map_or(1, |(last, _)| header.sequence.wrapping_sub(last).cast_signed());
            match ahead {
                _ if changed => {}
                1.. => self.gaps += ahead.unsigned_abs() as u64 - 1,
                0 => report.duplicated += 1,
                // The gap that it left was counted.
                ..0 => {
                    report.reordered += 1;
                    self.gaps = self.gaps.saturating_sub(1);
                    self.last = last;
                }
            }
        }
        if payload_type != PCMU {
            return false;
        }
        let payload = packet.get(12..).unwrap_or_default();
        let sum: u32 = payload
            .iter()
            .map(|code| u32::from(loudness[usize::from(*code)]))
            .sum();
        if sum < LOUD * payload.len() as u32 {
            self.quiet += 1;
            return false;
        }
        let onset = std::mem::take(&mut self.quiet) >= SILENCE;
        self.onsets += u64::from(onset);
        onset
    }
}

/// The amplitude that each µ-law byte stands for.
fn loudness() -> [u16; 256] {
    std::array::from_fn(|code| audio::linear(code as u8).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{End, Voice};
    use std::net::UdpSocket;
    use std::sync::Arc;

    /// Twelve quiet frames and eight loud ones.
    fn voice(payload_type: u8) -> Arc<Voice> {
        let frame = |n: usize| vec![if n < 12 { 0xff } else { 0x90 }; audio::FRAME];
        Arc::new(Voice {
            payload_type,
            ticks: 160,
            frames: (0..20).map(frame).collect(),
            onset: Some(12),
        })
    }

    #[test]
    fn what_arrives_whole_in_its_format_is_clean_and_its_onsets_are_timed() {
        let at = |port: u16| SocketAddr::from(([127, 250, 1, 3], port));
        let load = RtpLoad::of([[End::plain(at(20_000), voice(0)), End::plain(at(20_002), voice(0))]]);
        let mut marks = Vec::new();
        let time = Duration::from_millis(1000);
        let report = load.run_converted(&[(at(20_002), at(20_000))], time / 5, time, || {
            marks.push(Instant::now());
        });
        assert!(report.is_clean() && report.sent == 100, "{report:?}");
        assert!(report.identical.abs_diff(100) <= 2 * SLACK, "{report:?}");
        assert!(
            (1..20_000).contains(&report.latency_us(0.5)),
            "{}",
            report.latency_us(0.5)
        );
        let between = marks[1] - marks[0];
        assert!(
            marks.len() == 2 && between.abs_diff(time) < time / 5,
            "{between:?}"
        );
    }

    #[test]
    fn who_hears_only_silence_hears_something_else() {
        let at = |port: u16| SocketAddr::from(([127, 250, 1, 5], port));
        let silent = Arc::new(Voice {
            frames: vec![vec![0xff; audio::FRAME]; 20],
            ..Voice::clone(&voice(0))
        });
        let ends = [End::plain(at(20_000), voice(0)), End::plain(at(20_002), silent)];
        let second = Duration::from_secs(1);
        let report =
            RtpLoad::of([ends]).run_converted(&[(at(20_002), at(20_000))], second / 5, second, || ());
        assert_eq!((report.altered, report.lost), (1, 0), "{report:?}");
    }

    #[test]
    fn gaps_and_another_format_are_noticed() {
        let at = |port: u16| SocketAddr::from(([127, 250, 1, 4], port));
        // A relay that drops every tenth packet to A, and all to B.
        let relay = UdpSocket::bind(at(20_004)).unwrap();
        relay.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let load = RtpLoad::of([[End::plain(at(20_000), voice(0)), End::plain(at(20_002), voice(9))]]);
        let report = thread::scope(|scope| {
            scope.spawn(|| {
                let mut buffer = [0; 2048];
                while let Ok((length, from)) = relay.recv_from(&mut buffer) {
                    if from == at(20_002) && buffer[3] % 10 != 5 {
                        relay.send_to(&buffer[..length], at(20_000)).unwrap();
                    }
                }
            });
            let second = Duration::from_secs(1);
            load.run_converted(&[(at(20_004), at(20_004))], second / 5, second, || ())
        });
        assert_eq!(report.lost, 55, "{report:?}");
        assert_eq!(
            report.altered, report.identical,
            "all of the other type: {report:?}"
        );
    }
}
