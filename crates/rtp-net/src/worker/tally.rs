//! A worker's counters: plain numbers on the packet path, published once a second.

use crate::kernel::KernelError;
use metrics::{Counter, Gauge, counter, gauge};
use rtp_proto::control::DropReason;
use rtp_proto::offload::Progress;
use std::time::{Duration, Instant};

/// How often the numbers are published.
const PERIOD: Duration = Duration::from_secs(1);
/// Opinion scores from which on most users are satisfied, some are not, and many are not (ITU-T G.107 table B.1, R of 80, 70 and
/// 60), in words for a metric; below the last, nearly nobody is.
const BANDS: [(f32, &str); 4] = [(4.03, "good"), (3.6, "fair"), (3.1, "poor"), (0.0, "bad")];
/// How many reasons for dropping there are.
const REASONS: usize = DropReason::ALL.len();

/// Why the kernel may not take a direction: no room, no way to the peer, another fault.
const REFUSALS: [&str; 3] = ["full", "no_route", "fault"];

/// What one worker counts, since it was last published.
pub(crate) struct Tally {
    forwarded: u64,
    bytes: u64,
    errors: u64,
    kernel: u64,
    taken: u64,
    digits: u64,
    /// Flows in the kernel now.
    flows: i64,
    dropped: [u64; REASONS],
    /// Directions that the kernel would not take, as in [`REFUSALS`].
    refused: [u64; 3],
    rated: [u64; BANDS.len()],
    streams: Gauge,
    flow_gauge: Gauge,
    counters: [Counter; 6],
    reasons: Vec<Counter>,
    refusals: [Counter; 3],
    bands: [Counter; BANDS.len()],
    due: Option<Instant>,
}

impl Tally {
    /// Counters of worker number `index`.
    pub(crate) fn new(index: usize) -> Self {
        let dropped =
            |reason: &DropReason| counter!("tandem_media_dropped_total", "reason" => reason.as_str());
        Self {
            forwarded: 0,
            bytes: 0,
            errors: 0,
            kernel: 0,
            taken: 0,
            digits: 0,
            flows: 0,
            dropped: [0; REASONS],
            refused: [0; 3],
            rated: [0; BANDS.len()],
            streams: gauge!("tandem_media_streams", "worker" => index.to_string()),
            flow_gauge: gauge!("tandem_media_kernel_flows", "worker" => index.to_string()),
            counters: [
                counter!("tandem_media_packets_total"),
                counter!("tandem_media_bytes_total"),
                counter!("tandem_media_socket_errors_total"),
                counter!("tandem_media_kernel_packets_total"),
                counter!("tandem_media_taken_total"),
                counter!("tandem_media_digits_total"),
            ],
            reasons: DropReason::ALL.iter().map(dropped).collect(),
            refusals: REFUSALS
                .map(|reason| counter!("tandem_media_kernel_refused_total", "reason" => reason)),
            bands: BANDS.map(|(_, rating)| counter!("tandem_media_windows_total", "rating" => rating)),
            due: None,
        }
    }

    /// A packet was sent on.
    pub(crate) fn forwarded(&mut self, bytes: usize) {
        self.forwarded += 1;
        self.bytes += bytes as u64;
    }

    /// The session took a packet for itself: a check, part of a handshake, what is converted or answered.
    pub(crate) fn taken(&mut self) {
        self.taken += 1;
    }

    /// A packet went no further.
    pub(crate) fn dropped(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// A digit was heard.
    pub(crate) fn digit(&mut self) {
        self.digits += 1;
    }

    /// Some seconds of a stream have been rated.
    pub(crate) fn rated(&mut self, mos: f32) {
        let band = BANDS.iter().position(|(from, _)| mos >= *from);
        if let Some(count) = band.and_then(|band| self.rated.get_mut(band)) {
            *count += 1;
        }
    }

    /// What the kernel relayed in between.
    pub(crate) fn in_kernel(&mut self, progress: Progress) {
        self.forwarded += progress.packets;
        self.bytes += progress.bytes;
        self.kernel += progress.packets;
        for (reason, count) in [
            (DropReason::PayloadType, progress.refused),
            (DropReason::Send, progress.failed),
        ] {
            if let Some(dropped) = self.dropped.get_mut(reason as usize) {
                *dropped += count;
            }
        }
    }

    /// Flows came (or went).
    pub(crate) fn flows(&mut self, change: i64) {
        self.flows = self.flows.saturating_add(change);
    }

    /// The kernel would not take a direction.
    pub(crate) fn refused(&mut self, error: &KernelError) {
        for (reason, count) in REFUSALS.iter().zip(&mut self.refused) {
            *count += u64::from(*reason == error.label());
        }
    }

    /// A socket reported an error: ICMP unreachable, buffers full.
    pub(crate) fn error(&mut self) {
        self.errors += 1;
    }

    /// Hands the numbers to the recorder when a period has passed.
    pub(crate) fn publish(&mut self, now: Instant, streams: usize) {
        if self.due.is_none_or(|due| now >= due) {
            self.due = Some(now + PERIOD);
            self.flush(streams);
        }
    }

    /// Hands them over now: nobody may come by again for a long time.
    pub(crate) fn flush(&mut self, streams: usize) {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a gauge is a float; counts of streams are small"
        )]
        let (streams, flows) = (streams as f64, self.flows as f64);
        self.streams.set(streams);
        self.flow_gauge.set(flows);
        let counts = [
            &mut self.forwarded,
            &mut self.bytes,
            &mut self.errors,
            &mut self.kernel,
            &mut self.taken,
            &mut self.digits,
        ];
        for (counter, count) in self.counters.iter().zip(counts) {
            counter.increment(std::mem::take(count));
        }
        for (counter, count) in self.reasons.iter().zip(&mut self.dropped) {
            counter.increment(std::mem::take(count));
        }
        for (counter, count) in self.refusals.iter().zip(&mut self.refused) {
            counter.increment(std::mem::take(count));
        }
        for (counter, count) in self.bands.iter().zip(&mut self.rated) {
            counter.increment(std::mem::take(count));
        }
    }
}
