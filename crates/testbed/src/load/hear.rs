//! Packets that arrive as they were sent.

use super::{Histogram, LoadReport, RtpLoad, STEPS, Talk, unwrap};
use crate::rtp::Header;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// When nobody talks any more and nothing has come for this long, what isn't there is lost.
const QUIET: Duration = Duration::from_millis(700);

/// The state that a receiver keeps per stream that it hears.
#[derive(Clone, Copy)]
struct Ear {
    next: usize,
    got: u64,
}

impl RtpLoad {
    /// Listens until all has come, or nothing does any more.
    pub(super) fn hear(&self, talk: &Talk) -> LoadReport {
        let mut poll = self.poll();
        let mut report = LoadReport {
            sent: (talk.rounds * self.streams.len()) as u64,
            histogram: Histogram(vec![0; STEPS]),
            ..LoadReport::default()
        };
        let ear = Ear {
            next: talk.first,
            got: 0,
        };
        let mut ears = vec![ear; self.streams.len()];
        let (mut buffer, mut expected) = ([0u8; 2048], Vec::new());
        let mut quiet = Instant::now();
        while report.identical < report.sent {
            let mut ready = poll.wait().peekable();
            let now = talk.now();
            if ready.peek().is_none() && talk.done.load(Ordering::Acquire) && quiet.elapsed() > QUIET {
                break;
            }
            for at in ready {
                let Ok((length, from)) = self.streams[at].socket.recv_from(&mut buffer) else {
                    continue;
                };
                quiet = Instant::now();
                let heard = Heard {
                    at,
                    from,
                    packet: &mut buffer[..length],
                };
                self.judge(talk, heard, now, &mut ears[at], &mut expected, &mut report);
            }
        }
        for ear in &ears {
            // A packet that came twice was counted as behind a later one, too.
            report.duplicated += ear.got.saturating_sub(talk.rounds as u64);
            report.lost += (talk.rounds as u64).saturating_sub(ear.got);
        }
        report
    }

    /// One packet, read at `now`; `expected` is room for the one that it should be.
    fn judge(
        &self,
        talk: &Talk,
        heard: Heard<'_>,
        now: u64,
        ear: &mut Ear,
        expected: &mut Vec<u8>,
        report: &mut LoadReport,
    ) {
        report.misplaced += u64::from(heard.from != talk.to[heard.at]);
        let packet = self.streams[heard.at].opened(heard.packet);
        let Some((packet, header)) = packet.and_then(|packet| Some((packet, Header::parse(packet)?))) else {
            report.altered += 1;
            return;
        };
        // A hears B and the other way round.
        let source = heard.at ^ 1;
        let n = unwrap(header.sequence, ear.next);
        self.streams[source].packet(n, expected);
        if !(talk.first..talk.first + talk.rounds).contains(&n) || expected != packet {
            report.altered += 1;
            return;
        }
        if n >= ear.next {
            ear.next = n + 1;
        } else {
            report.reordered += 1;
        }
        ear.got += 1;
        report.identical += 1;
        report.took(now.saturating_sub(talk.sent(source, n).load(Ordering::Acquire)));
    }
}

/// A packet as it came.
struct Heard<'b> {
    /// Which stream heard it.
    at: usize,
    from: SocketAddr,
    packet: &'b mut [u8],
}
