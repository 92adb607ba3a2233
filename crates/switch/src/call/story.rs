//! What a call's record will say, as it happens: moments and numbers. [`account`](super::account) puts them into words.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use route::{Attempt, AttemptOutcome, DecisionView, Trace, TrunkIx};

use super::end::Ending;
use crate::io::Now;
use crate::numbers::Numbers;
use crate::record::HungUpBy;
use crate::vouch::Vouch;

/// A record in the making. Wall-clock times in it come from one reading and the monotonic clock.
pub(crate) struct Story {
    /// When the INVITE came, milliseconds since 1970, and by the monotonic clock.
    pub(crate) started_ms: u64,
    pub(crate) started: Instant,
    /// Calling and called number or user, as they are meant.
    pub(crate) caller: Box<str>,
    pub(crate) called: Box<str>,
    /// Where the INVITE came from.
    pub(crate) source: SocketAddr,
    /// First progress of any attempt.
    progress: Option<Instant>,
    pub(crate) answered: Option<Instant>,
    /// Milliseconds until the caller heard of anything, and for which it rang.
    pub(crate) pdd_ms: Option<u64>,
    pub(crate) ring_ms: Option<u64>,
    pub(crate) tried: Vec<Tried>,
    /// When the present attempt's INVITE was sent; until then, when the attempt began.
    attempt: Option<Instant>,
    /// Why the attempts stand in their order.
    pub(crate) trace: Option<Box<Trace>>,
    /// What is to be found out by the call's first carrier.
    pub(crate) explores: Option<Box<route::Explores>>,
    /// What became of the decision, to be written behind it.
    remarks: Vec<String>,
    pub(crate) finish: Option<Box<Finish>>,
    /// Who vouches for the caller.
    pub(crate) vouch: Option<Box<Vouch>>,
    /// What there is to know of its numbers beyond the two of them.
    pub(crate) numbers: Option<Box<Numbers>>,
}

/// An attempt.
pub(crate) struct Tried {
    pub(crate) trunk: TrunkIx,
    /// Index into the trunk's targets.
    pub(crate) target: usize,
    pub(crate) call_id: Box<[u8]>,
    /// Where its name led.
    pub(crate) address: Option<Box<SocketAddr>>,
    /// The number that it called and why, where the call had been sent on to it.
    pub(crate) onto: Option<Box<(Box<str>, &'static str)>>,
    /// Milliseconds from the call's INVITE to this one's.
    pub(crate) offset_ms: u64,
    /// Milliseconds from this INVITE to its first 18x or answer.
    pub(crate) pdd_ms: Option<u64>,
    /// How it ended; `None`: it has not yet.
    pub(crate) close: Option<Close>,
}

/// How an attempt ended.
pub(crate) struct Close {
    /// In a word.
    pub(crate) outcome: &'static str,
    pub(crate) elapsed_ms: u64,
    pub(crate) sip: u16,
    pub(crate) q850: Option<u8>,
}

/// How a call ended.
pub(crate) struct Finish {
    /// Milliseconds from its INVITE, and from its answer.
    pub(crate) after_ms: u64,
    pub(crate) talk_ms: u64,
    pub(crate) by: HungUpBy,
    pub(crate) kind: &'static str,
    pub(crate) sip: u16,
    pub(crate) q850: Option<u8>,
    /// What the caller's and the called leg spoke.
    pub(crate) codecs: [Option<Box<str>>; 2],
}

/// Lines behind a decision, and how long one may be, in characters: peers may ask for the same again and again, in words of theirs.
const MAX_REMARKS: usize = 128;
const LONGEST_REMARK: usize = 512;

/// The word for an attempt that was answered.
const ANSWERED: &str = "answered";

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A decision in words, and remarks on it: a line each.
pub(crate) fn in_lines(
    decision: Option<&DecisionView>,
    remarks: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let mut lines = decision.map(DecisionView::lines).unwrap_or_default();
    lines.extend(remarks);
    for line in &mut lines {
        // A called number may have line ends, escaped (RFC 3261 §19.1.2): they make no line here.
        if line.contains(['\n', '\r']) {
            *line = line.replace(['\n', '\r'], " ");
        }
    }
    lines
}

impl Story {
    pub(crate) fn new(now: Now, caller: String, called: String, source: SocketAddr) -> Self {
        Self {
            started_ms: now.unix_ms,
            started: now.at,
            caller: caller.into(),
            called: called.into(),
            source,
            progress: None,
            answered: None,
            pdd_ms: None,
            ring_ms: None,
            tried: Vec::new(),
            attempt: None,
            trace: None,
            explores: None,
            remarks: Vec::new(),
            finish: None,
            vouch: None,
            numbers: None,
        }
    }

    fn since_start(&self, now: Now) -> u64 {
        ms(now.at.saturating_duration_since(self.started))
    }

    /// Keeps why the attempts stand in their order.
    pub(crate) fn decision(&mut self, trace: Trace) {
        self.trace = Some(Box::new(trace));
    }

    /// A line behind the decision: why something that it chose was not done.
    pub(crate) fn remark(&mut self, mut line: String) {
        if self.remarks.len() >= MAX_REMARKS {
            return;
        }
        if let Some((end, _)) = line.char_indices().nth(LONGEST_REMARK) {
            line.truncate(end);
        }
        self.remarks.push(line);
    }

    /// The decision in words, if it is given, and what became of it: a line each.
    pub(crate) fn lines(&self, decision: Option<&DecisionView>) -> Vec<String> {
        in_lines(decision, self.remarks.iter().cloned())
    }

    /// `onto`: the number that is called and why, where the call has been sent on to it.
    pub(crate) fn attempt_begins(
        &mut self,
        now: Now,
        attempt: &Attempt,
        onto: Option<(Box<str>, &'static str)>,
    ) {
        self.attempt = Some(now.at);
        // Most calls have one.
        self.tried.reserve_exact(1);
        self.tried.push(Tried {
            trunk: attempt.trunk,
            target: attempt.target,
            call_id: Box::default(),
            address: None,
            onto: onto.map(Box::new),
            offset_ms: self.since_start(now),
            pdd_ms: None,
            close: None,
        });
    }

    /// The attempt's INVITE is on its way, to `address` where the target's name led there.
    pub(crate) fn attempt_sent(&mut self, now: Now, call_id: &[u8], address: Option<SocketAddr>) {
        self.attempt = Some(now.at);
        if let Some(tried) = self.tried.last_mut() {
            tried.call_id = Box::from(call_id);
            tried.address = address.map(Box::new);
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
        if let Some(tried) = self.tried.last_mut() {
            tried.pdd_ms.get_or_insert(age);
        }
    }

    /// An attempt that was told of elsewhere is this call's own from now on. `since`: when its INVITE was sent.
    pub(crate) fn takes_over(&mut self, tried: Vec<Tried>, since: Option<Instant>) {
        self.tried.extend(tried);
        self.attempt = since;
    }

    /// When the present attempt's INVITE was sent.
    pub(crate) fn attempt_since(&self) -> Option<Instant> {
        self.attempt
    }

    /// What became of the decision, for a record that somebody else writes.
    pub(crate) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// The present attempt is given up because another was faster.
    pub(crate) fn overtaken(&mut self, now: Now) {
        self.close_attempt(now, "overtaken", 487, None);
    }

    /// Somebody rings whose attempt is told of elsewhere.
    pub(crate) fn rings(&mut self, now: Now) {
        self.progress.get_or_insert(now.at);
    }

    /// Attempts that others have made meanwhile, in their place by time; but what is being tried, or was answered, stays the last.
    pub(crate) fn add_tried(&mut self, tried: Vec<Tried>) {
        let Some(since) = tried.first().map(|first| first.offset_ms) else {
            return;
        };
        let stays = |last: &Tried| {
            let close = last.close.as_ref();
            close.is_none_or(|close| close.outcome == ANSWERED)
        };
        let end = self.tried.len() - usize::from(self.tried.last().is_some_and(stays));
        let later = self.tried.iter().position(|other| other.offset_ms > since);
        let at = later.map_or(end, |later| later.min(end));
        self.tried.splice(at..at, tried);
    }

    pub(crate) fn caller_heard(&mut self, now: Now) {
        let since = self.since_start(now);
        self.pdd_ms.get_or_insert(since);
    }

    pub(crate) fn attempt_failed(&mut self, now: Now, outcome: AttemptOutcome, q850: Option<u8>) {
        let word = match outcome {
            AttemptOutcome::Final { status: 300..400, .. } => "redirected",
            AttemptOutcome::Final { .. } => "refused",
            AttemptOutcome::TimeoutTrying => "timeout-trying",
            AttemptOutcome::TimeoutProgress => "timeout-progress",
            AttemptOutcome::TimeoutAnswer { .. } => "timeout-answer",
            AttemptOutcome::Unreachable => "unreachable",
            AttemptOutcome::Incompatible => "incompatible",
            AttemptOutcome::NotRegistered => "not-registered",
            AttemptOutcome::HeldBack => "held-back",
        };
        self.close_attempt(now, word, outcome.status(), q850);
    }

    fn close_attempt(&mut self, now: Now, outcome: &'static str, sip: u16, q850: Option<u8>) {
        let elapsed_ms = ms(self.attempt_age(now));
        if let Some(tried) = self.tried.last_mut() {
            tried.close.get_or_insert(Close {
                outcome,
                elapsed_ms,
                sip,
                q850,
            });
        }
    }

    pub(crate) fn answered(&mut self, now: Now) {
        let age = ms(self.attempt_age(now));
        if let Some(tried) = self.tried.last_mut() {
            tried.pdd_ms.get_or_insert(age);
        }
        self.close_attempt(now, ANSWERED, 200, None);
        self.answered = Some(now.at);
        self.ring_until(now);
    }

    /// The caller has given up before it could be told of the answer.
    pub(crate) fn unanswered(&mut self) {
        self.answered = None;
    }

    /// It rings no longer; what comes then (an announcement, the answer) is no ringing.
    pub(crate) fn ring_until(&mut self, now: Now) {
        if let Some(progress) = self.progress {
            self.ring_ms
                .get_or_insert(ms(now.at.saturating_duration_since(progress)));
        }
    }

    /// Since the answer, while the call is up.
    pub(crate) fn talk_time(&self, now: Now) -> Option<Duration> {
        self.answered.map(|at| now.at.saturating_duration_since(at))
    }

    /// The call is over: times, cause and who. `codecs`: what each leg spoke.
    pub(crate) fn finish(
        &mut self,
        now: Now,
        ending: &Ending,
        answered: bool,
        codecs: [Option<Box<str>>; 2],
    ) {
        self.close_attempt(now, "cancelled", ending.status, None);
        self.ring_until(now);
        let sip = if answered { 200 } else { ending.status };
        self.finish = Some(Box::new(Finish {
            after_ms: self.since_start(now),
            talk_ms: self.talk_time(now).map_or(0, ms),
            by: ending.by,
            kind: ending.kind,
            sip,
            q850: ending.q850.or_else(|| route::cause::from_status(sip)),
            codecs,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_lines_of_his_own_into_the_decision() {
        let now = Now {
            at: Instant::now(),
            unix_ms: 0,
        };
        let source = SocketAddr::from(([192, 0, 2, 1], 5060));
        let mut story = Story::new(now, String::new(), String::new(), source);
        story.remark("to 1\r\n1. carrier-a: free".into());
        story.remark("a later line".into());
        let lines = story.lines(None);
        assert_eq!(lines, ["to 1  1. carrier-a: free", "a later line"]);
    }

    #[test]
    fn remarks_have_an_end() {
        let now = Now {
            at: Instant::now(),
            unix_ms: 0,
        };
        let source = SocketAddr::from(([192, 0, 2, 1], 5060));
        let mut story = Story::new(now, String::new(), String::new(), source);
        for _ in 0..2 * MAX_REMARKS {
            story.remark("\u{20ac}".repeat(LONGEST_REMARK + 1));
        }
        assert_eq!(story.remarks.len(), MAX_REMARKS);
        assert_eq!(story.remarks[0].chars().count(), LONGEST_REMARK);
    }
}
