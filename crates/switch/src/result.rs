//! How an answered call was, by what its called side has sent: from the figures of its stream, or from its record.

use std::time::Duration;

use route::quality::CallResult;
use rtp_proto::control::{AfterAnswer, LegStats, Quality};

use crate::record::CallRecord;

/// An answered call of at least this length on which nothing came from the called side was dead air; who hangs up before may not have
/// waited for a word.
const DEAD_AFTER: Duration = Duration::from_secs(5);

/// What there is to know of how a call was.
#[derive(Debug)]
pub(crate) struct Measured {
    talk: Duration,
    /// Packets that the caller has sent.
    said: u64,
    /// Of the called side, as the rest: packets that came, and those that did not.
    packets: u64,
    lost: u64,
    jitter_us: u64,
    mute_ms: u64,
    quality: Option<Quality>,
    after: Option<AfterAnswer>,
}

impl Measured {
    /// Of a call of this length between a caller and a called side.
    pub(crate) fn of_legs(talk: Duration, [a, b]: &[LegStats; 2]) -> Self {
        Self {
            talk,
            said: a.packets,
            packets: b.packets,
            lost: b.lost,
            jitter_us: b.jitter_us.into(),
            mute_ms: b.mute_ms,
            quality: b.quality,
            after: b.after_answer,
        }
    }

    /// Of a call that is over.
    pub(crate) fn of_record(record: &CallRecord) -> Self {
        let b = &record.called_media;
        Self {
            talk: Duration::from_millis(record.talk_ms),
            said: record.caller_media.packets,
            packets: b.packets,
            lost: b.lost,
            jitter_us: b.jitter_us,
            mute_ms: b.mute_ms,
            quality: b.quality,
            after: b.after_answer.as_deref().copied(),
        }
    }

    /// What it tells of its carrier.
    pub(crate) fn result(&self) -> CallResult {
        let sent = self.packets + self.lost;
        CallResult {
            talk: self.talk,
            mos: self.quality.map(|quality| quality.mos),
            loss: (sent > 0).then(|| self.lost as f32 / sent as f32),
            jitter: (self.packets > 0).then(|| Duration::from_micros(self.jitter_us)),
            false_answer: self.after.and_then(|after| after.false_answer()),
            dead_air: if self.is_dead() {
                Some(true)
            } else {
                self.after.and_then(|after| after.dead_air())
            },
        }
    }

    /// Whether nothing came for all of its length, or most of it, though the caller spoke.
    fn is_dead(&self) -> bool {
        let silent = if self.packets == 0 {
            self.said > 0
        } else {
            u128::from(self.mute_ms) * 10 >= self.talk.as_millis() * 8
        };
        self.talk >= DEAD_AFTER && silent
    }
}
