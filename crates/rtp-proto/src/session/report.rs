//! RTCP on its way from one peer to the other, and RTCP of our own for a peer that would get none.
//!
//! | `rtcp` of the leg | what its peer gets |
//! |---|---|
//! | auto | what its counterpart sends; reports of our own when that has sent none for [`QUIET`], and while what it hears is not its counterpart's stream (converted, a tone) |
//! | relay | what its counterpart sends; nothing else, but for the last |
//! | generate | reports of our own |
//! | off | nothing |

use super::{Channel, Forward, Half, Session, Transmit};
use crate::control::{DropReason, Rtcp, Side, StreamKind};
use crate::packet::Packet;
use crate::rtcp::{self, Hearing, Mapping, Renumbered, Reporter, Sending};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A peer that has got no RTCP for this long gets ours (three intervals of RFC 3550 §6.2).
const QUIET: Duration = Duration::from_secs(15);
/// RTP header without CSRCs and extension.
const HEADER: u64 = 12;

impl Session {
    /// The stream ends: peers that heard reports of ours are told.
    pub fn end(&mut self, now: Instant) {
        for side in Side::BOTH {
            let (here, _) = self.halves(side);
            here.monitor.stop_listening(now);
            let told =
                here.monitor.reports && here.kind == StreamKind::Rtp && here.monitor.policy != Rtcp::Off;
            here.monitor.report_at = Some(now).filter(|_| told);
        }
        self.ending = true;
    }

    /// The next report of our own that is due.
    pub(super) fn poll_report(&mut self, now: Instant, packet: &mut Packet<'_>) -> Option<Transmit> {
        let farewell = self.ending;
        for side in Side::BOTH {
            let (here, there) = self.halves(side);
            if here.monitor.report_at.is_some_and(|at| now >= at)
                && let Some((channel, to)) = here.report(now, there, farewell, packet)
            {
                return Some(Transmit { side, channel, to });
            }
        }
        None
    }
}

impl Half {
    /// What the peer's RTCP, found valid, is to the other one.
    pub(super) fn pass_rtcp(&mut self, now: Instant, packet: &mut Packet<'_>, there: &mut Self) -> Forward {
        let to = there.address.rtcp_destination().filter(|_| there.gets_relayed());
        self.told(now, packet.bytes(), there, to.is_some());
        let Some(to) = to else {
            return if there.gets_relayed() {
                Err(DropReason::NoRemote)
            } else {
                Ok(None)
            };
        };
        if self.egress.is_some() || there.egress.is_some() {
            rtcp::rewrite(packet.bytes_mut(), &self.mapping(there));
        }
        there.seal_rtcp(packet)?;
        there.stats.sent_rtcp += 1;
        there.monitor.reports = false;
        if there.monitor.policy == Rtcp::Auto {
            there.monitor.report_at = Some(now + QUIET);
        }
        Ok(Some((there.rtcp_channel(), to)))
    }

    /// When the next report of our own to the peer is due: if none is, and one should be.
    pub(super) fn arm_reports(&mut self, now: Instant) {
        let wanted = match self.monitor.policy {
            _ if self.kind != StreamKind::Rtp => None,
            Rtcp::Off => None,
            Rtcp::Generate => Some(true),
            Rtcp::Relay => (!self.gets_relayed()).then_some(true),
            Rtcp::Auto => Some(!self.gets_relayed()),
        };
        let monitor = &mut self.monitor;
        let Some(at_once) = wanted else {
            monitor.report_at = None;
            return;
        };
        if monitor.hasty && !at_once && !monitor.reports {
            // We spoke for a moment only (a digit): it was not long enough for a report.
            monitor.report_at = None;
        }
        monitor.hasty = at_once;
        // Who was waiting for the other peer's reports waits no longer.
        if monitor
            .report_at
            .is_some_and(|due| !at_once || due <= now + Reporter::LONGEST)
        {
            return;
        }
        let wait = if at_once {
            let reporter = monitor
                .reporter
                .get_or_insert_with(|| Box::new(Reporter::new(now, self.seed)));
            reporter.first()
        } else {
            QUIET
        };
        monitor.report_at = Some(now + wait);
    }

    /// Whether RTCP of the other peer reaches this one: not when it is not to, nor when what it hears is not the other's stream.
    fn gets_relayed(&self) -> bool {
        let policy = match self.monitor.policy {
            Rtcp::Auto | Rtcp::Relay => true,
            Rtcp::Generate | Rtcp::Off => false,
        };
        policy
            && self
                .egress
                .as_ref()
                .is_none_or(|egress| egress.change().is_some())
    }

    /// A report to this peer, written into `packet`; `None`: there is nobody to be told yet.
    fn report(
        &mut self,
        now: Instant,
        there: &Self,
        farewell: bool,
        packet: &mut Packet<'_>,
    ) -> Option<(Channel, SocketAddr)> {
        let (sending, hearing) = (self.sending(there), self.hearing());
        let heard = self.stats.packets > 0 || self.stats.sent_packets > 0;
        let to = self.address.rtcp_destination().filter(|_| heard);
        let monitor = &mut self.monitor;
        let reporter = monitor
            .reporter
            .get_or_insert_with(|| Box::new(Reporter::new(now, self.seed)));
        monitor.report_at = (!farewell).then(|| now + reporter.interval());
        let to = to?;
        let mark = reporter.report(now, sending, hearing, farewell, packet);
        if packet.is_empty() {
            return None;
        }
        monitor.reports = true;
        self.stats.sent_rtcp += 1;
        if let Some(mark) = mark {
            self.report_sent(now, mark);
        }
        Some((self.rtcp_channel(), to))
    }

    fn rtcp_channel(&self) -> Channel {
        if self.mux { Channel::Rtp } else { Channel::Rtcp }
    }

    /// What the peer is sent: its counterpart's stream, as it is or renumbered, or one of our own.
    fn sending(&self, there: &Self) -> Option<Sending> {
        let relayed = there.reception.newest();
        let (ssrc, timestamp, at) = match &self.egress {
            None => relayed.map(|(header, at)| (header.ssrc, header.timestamp, at))?,
            Some(egress) => match (egress.change(), relayed) {
                (Some(change), Some((header, at))) if header.ssrc == change.of => {
                    (change.ssrc, header.timestamp.wrapping_add(change.timestamp), at)
                }
                _ => egress
                    .newest()
                    .map(|(timestamp, at)| (egress.ssrc(), timestamp, at))?,
            },
        };
        Some(Sending {
            ssrc,
            timestamp,
            at,
            clock: self.heard_clock(there)?,
            packets: self.stats.sent_packets,
            bytes: self.stats.sent_bytes,
        })
    }

    /// What the peer sends.
    fn hearing(&self) -> Option<Hearing> {
        let run = self.reception.run()?;
        let clock = u64::from(self.reception.newest_clock()?);
        let jitter = u64::from(self.reception.jitter_us()) * clock / 1_000_000;
        Some(Hearing {
            ssrc: run.ssrc,
            expected: run.expected(),
            received: run.unique,
            highest: run.wire_highest(),
            jitter: u32::try_from(jitter).unwrap_or(u32::MAX),
            sender_report: self.monitor.sender_report.as_deref().copied(),
        })
    }

    /// How RTCP from this peer is changed for the other.
    fn mapping(&self, there: &Self) -> Mapping {
        let renumbered = |half: &Self| {
            let change = half.egress.as_ref()?.change()?;
            Some(Renumbered {
                from: change.of,
                to: change.ssrc,
                sequence: change.sequence,
                timestamp: change.timestamp,
            })
        };
        let (packets, bytes) = (there.stats.sent_packets, there.stats.sent_bytes);
        let wire = |count: u64| u32::try_from(count & u64::from(u32::MAX)).unwrap_or_default();
        Mapping {
            along: renumbered(there),
            against: renumbered(self),
            sent: there
                .egress
                .is_some()
                .then(|| (wire(packets), wire(bytes.saturating_sub(HEADER * packets)))),
        }
    }
}
