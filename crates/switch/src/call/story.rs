//! The call's record as it grows.

use std::time::{Duration, Instant};

use route::{AttemptOutcome, Trace};
use rtp_proto::control::{LegStats, SessionStats};

use super::end::Ending;
use super::leg::Leg;
use crate::io::Now;
use crate::record::{AttemptRecord, CallRecord, MediaRecord, RecordState};

/// A record in the making. Wall-clock times in it come from one reading and the monotonic clock.
pub(crate) struct Story {
    pub(crate) record: CallRecord,
    started: Instant,
    progress: Option<Instant>,
    answered: Option<Instant>,
    attempt: Option<Instant>,
    trace: Option<Trace>,
    /// What became of the decision, to be written behind it.
    remarks: Vec<String>,
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Story {
    pub(crate) fn new(record: CallRecord, now: Now) -> Self {
        Self {
            record,
            started: now.at,
            progress: None,
            answered: None,
            attempt: None,
            trace: None,
            remarks: Vec::new(),
        }
    }

    fn since_start(&self, now: Now) -> u64 {
        ms(now.at.saturating_duration_since(self.started))
    }

    /// Keeps why the attempts stand in their order; it is put into words only when the record is written.
    pub(crate) fn decision(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// A line behind the decision: why something that it chose was not done.
    pub(crate) fn remark(&mut self, line: String) {
        self.remarks.push(line);
    }

    pub(crate) fn attempt_begins(&mut self, now: Now, trunk: &str, target: &str) {
        self.attempt = Some(now.at);
        self.record.to_trunk = Some(trunk.to_owned());
        // Most calls have one.
        self.record.attempts.reserve_exact(1);
        self.record.attempts.push(AttemptRecord {
            trunk: trunk.to_owned(),
            target: target.to_owned(),
            call_id: String::new(),
            offset_ms: self.since_start(now),
            pdd_ms: None,
            elapsed_ms: 0,
            sip: 0,
            q850: None,
            outcome: String::new(),
        });
    }

    pub(crate) fn attempt_sent(&mut self, now: Now, call_id: &[u8]) {
        self.attempt = Some(now.at);
        if let Some(attempt) = self.record.attempts.last_mut() {
            attempt.call_id = String::from_utf8_lossy(call_id).into_owned();
        }
    }

    /// Since the current attempt's INVITE was sent.
    pub(crate) fn attempt_age(&self, now: Now) -> Duration {
        self.attempt
            .map(|at| now.at.saturating_duration_since(at))
            .unwrap_or_default()
    }

    /// The attempt has made progress.
    pub(crate) fn progress(&mut self, now: Now) {
        self.progress.get_or_insert(now.at);
        let age = ms(self.attempt_age(now));
        if let Some(attempt) = self.record.attempts.last_mut() {
            attempt.pdd_ms.get_or_insert(age);
        }
    }

    pub(crate) fn caller_heard(&mut self, now: Now) {
        let since = self.since_start(now);
        self.record.pdd_ms.get_or_insert(since);
    }

    pub(crate) fn attempt_failed(&mut self, now: Now, outcome: AttemptOutcome, q850: Option<u8>) {
        let word = match outcome {
            AttemptOutcome::Final { .. } => "refused",
            AttemptOutcome::TimeoutTrying => "timeout-trying",
            AttemptOutcome::TimeoutProgress => "timeout-progress",
            AttemptOutcome::TimeoutAnswer => "timeout-answer",
            AttemptOutcome::Unreachable => "unreachable",
            AttemptOutcome::Incompatible => "incompatible",
        };
        self.close_attempt(now, word, outcome.status(), q850);
    }

    fn close_attempt(&mut self, now: Now, outcome: &str, sip: u16, q850: Option<u8>) {
        let age = ms(self.attempt_age(now));
        if let Some(attempt) = self.record.attempts.last_mut().filter(|a| a.outcome.is_empty()) {
            attempt.elapsed_ms = age;
            attempt.sip = sip;
            attempt.q850 = q850;
            outcome.clone_into(&mut attempt.outcome);
        }
    }

    pub(crate) fn answered(&mut self, now: Now) {
        let age = ms(self.attempt_age(now));
        if let Some(attempt) = self.record.attempts.last_mut() {
            attempt.pdd_ms.get_or_insert(age);
        }
        self.close_attempt(now, "answered", 200, None);
        self.answered = Some(now.at);
        self.record.answered_ms = Some(self.record.started_ms + self.since_start(now));
        self.ring_until(now);
        self.explain();
    }

    /// The caller has given up before it could be told of the answer.
    pub(crate) fn unanswered(&mut self) {
        self.answered = None;
        self.record.answered_ms = None;
    }

    fn explain(&mut self) {
        if let Some(trace) = self.trace.take() {
            self.record.decision = trace.lines();
        }
        self.record.decision.append(&mut self.remarks);
    }

    fn ring_until(&mut self, now: Now) {
        if let Some(progress) = self.progress {
            self.record
                .ring_ms
                .get_or_insert(ms(now.at.saturating_duration_since(progress)));
        }
    }

    /// Since the answer, while the call is up.
    pub(crate) fn talk_time(&self, now: Now) -> Option<Duration> {
        self.answered.map(|at| now.at.saturating_duration_since(at))
    }

    /// The call is over: times, cause and who.
    pub(crate) fn finish(&mut self, now: Now, ending: &Ending, answered: bool, legs: [Option<&Leg>; 2]) {
        self.close_attempt(now, "cancelled", ending.status, None);
        self.ring_until(now);
        self.explain();
        let record = &mut self.record;
        record.ended_ms = Some(record.started_ms + ms(now.at.saturating_duration_since(self.started)));
        record.talk_ms = self
            .answered
            .map_or(0, |at| ms(now.at.saturating_duration_since(at)));
        record.hung_up_by = ending.by;
        ending.kind.clone_into(&mut record.cause.kind);
        record.cause.sip = if answered { 200 } else { ending.status };
        record.cause.q850 = ending
            .q850
            .or_else(|| route::cause::from_status(record.cause.sip));
        codecs(record, legs);
    }

    /// The record so far, while the call goes on.
    pub(crate) fn interim(&self, now: Now, stats: &SessionStats, legs: [Option<&Leg>; 2]) -> CallRecord {
        let mut record = self.record.clone();
        record.talk_ms = self.talk_time(now).map_or(0, ms);
        codecs(&mut record, legs);
        figures(&mut record, stats);
        record.state = RecordState::Interim;
        record
    }

    /// The finished record, to be stored.
    pub(crate) fn take(&mut self, stats: Option<&SessionStats>, state: RecordState) -> CallRecord {
        let mut record = self.record.clone();
        if let Some(stats) = stats {
            figures(&mut record, stats);
        }
        record.state = state;
        record
    }
}

fn codecs(record: &mut CallRecord, [a, b]: [Option<&Leg>; 2]) {
    let codec = |leg: Option<&Leg>| leg.and_then(|leg| leg.session.codec.as_deref().map(str::to_owned));
    record.caller_media.codec = codec(a);
    record.called_media.codec = codec(b);
}

fn figures(record: &mut CallRecord, stats: &SessionStats) {
    let [a, b] = &stats.legs;
    fill(&mut record.caller_media, a);
    fill(&mut record.called_media, b);
    let both = || [a.quality, b.quality].into_iter().flatten();
    record.mos = both().map(|quality| quality.mos).reduce(f32::midpoint);
    record.mos_min = both().map(|quality| quality.mos_min).reduce(f32::min);
}

fn fill(media: &mut MediaRecord, stats: &LegStats) {
    media.packets = stats.packets;
    media.bytes = stats.bytes;
    media.lost = stats.lost;
    media.jitter_us = u64::from(stats.jitter_us);
    media.dropped = stats.dropped.total();
    media.digits = stats.digits.into();
    (media.loss, media.quality) = (stats.loss, stats.quality);
    (media.rtt_us, media.mute_ms) = (stats.rtt_us, stats.mute_ms);
    media.heard.clone_from(&stats.heard);
}
