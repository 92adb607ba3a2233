//! The call's record, made of its [`Story`](super::Story) when it is to be written.

use rtp_proto::control::{LegStats, SessionStats, Side};

use super::Call;
use super::leg::Leg;
use super::story::{Tried, ms};
use super::transfer::Over;
use crate::io::Now;
use crate::record::{
    AttemptRecord, CallRecord, Cause, HungUpBy, MediaRecord, Party, RECORD_VERSION, RecordState,
    TransferRecord,
};
use crate::snapshot::Snapshot;

impl Call {
    /// The record so far, while the call goes on.
    pub(super) fn interim_record(&self, now: Now, stats: &SessionStats) -> CallRecord {
        let mut record = self.record(Some(stats), self.codecs(), Some(now));
        record.talk_ms = self.story.talk_time(now).map_or(0, ms);
        record
    }

    /// The finished record; what it has not been told of is not in it.
    pub(super) fn final_record(&self, stats: Option<&SessionStats>) -> CallRecord {
        let finish = self.story.finish.as_deref();
        let codecs = finish.map(|finish| finish.codecs.clone()).unwrap_or_default();
        let mut record = self.record(stats, codecs, None);
        record.state = RecordState::Final;
        if let Some(finish) = finish {
            record.ended_ms = Some(record.started_ms + finish.after_ms);
            record.talk_ms = finish.talk_ms;
            record.hung_up_by = finish.by;
            record.cause = Cause {
                kind: finish.kind.to_owned(),
                sip: finish.sip,
                q850: finish.q850,
            };
        }
        record
    }

    /// What each leg speaks.
    pub(super) fn codecs(&self) -> [Option<Box<str>>; 2] {
        [Some(&self.a), self.b.as_ref()].map(|leg: Option<&Leg>| leg?.session.codec.clone())
    }

    /// `charged`: what is charged still counts up to then.
    fn record(
        &self,
        stats: Option<&SessionStats>,
        codecs: [Option<Box<str>>; 2],
        charged: Option<Now>,
    ) -> CallRecord {
        let (story, snapshot) = (&self.story, &self.snapshot);
        let numbers = story.numbers.as_deref();
        let trunk = |ix| snapshot.trunk(ix).name.clone();
        // A transfer may have put another in the caller's place.
        let transfers = self.moves();
        let origin = transfers.and_then(|transfers| transfers.origin.as_ref());
        let none = LegStats::default();
        let [a, b] = stats.map_or([&none, &none], |stats| {
            let [a, b] = &stats.legs;
            [a, b]
        });
        let [codec_a, codec_b] = codecs;
        let route = story.trace.as_deref().map(|trace| Box::new(trace.view()));
        let both = || [a.quality, b.quality].into_iter().flatten();
        let sum = self.sum(charged);
        let priced = sum.cost.is_some() || sum.price.is_some();
        CallRecord {
            version: RECORD_VERSION,
            id: self.id.to_string(),
            node: snapshot.config.node.name.clone(),
            state: RecordState::Interim,
            started_ms: story.started_ms,
            answered_ms: story
                .answered
                .map(|at| story.started_ms + ms(at.saturating_duration_since(story.started))),
            ended_ms: None,
            pdd_ms: story.pdd_ms,
            ring_ms: story.ring_ms,
            talk_ms: 0,
            from_trunk: trunk(origin.map_or(self.a.trunk, |(ix, _)| *ix)),
            to_trunk: story.tried.last().map(|tried| trunk(tried.trunk)),
            caller: story.caller.to_string(),
            called: story.called.to_string(),
            dialled: numbers
                .and_then(|numbers| numbers.dialled.as_ref())
                .map(ToString::to_string),
            routed: numbers
                .and_then(|numbers| numbers.routed.as_ref())
                .map(ToString::to_string),
            emergency: self.is_emergency(),
            source: story.source,
            call_id: String::from_utf8_lossy(origin.map_or(&self.a.call_id, |(_, id)| id)).into_owned(),
            hung_up_by: HungUpBy::Switch,
            cause: Cause {
                kind: String::new(),
                sip: 0,
                q850: None,
            },
            attempts: story
                .tried
                .iter()
                .map(|tried| attempt_record(snapshot, tried))
                .collect(),
            transfers: transfers
                .iter()
                .flat_map(|transfers| &transfers.over)
                .map(|over| transfer_record(snapshot, over))
                .collect(),
            caller_media: media_record(a, codec_a),
            called_media: media_record(b, codec_b),
            mos: both().map(|quality| quality.mos).reduce(f32::midpoint),
            mos_min: both().map(|quality| quality.mos_min).reduce(f32::min),
            stir: story.vouch.as_ref().and_then(|vouch| vouch.record()),
            test: self.is_test(),
            feedback: None,
            // The words for it can wait: a record of a call that goes on is written for the case of a crash.
            decision: story.lines(route.as_deref().filter(|_| charged.is_none())),
            route,
            margin: sum.margin(),
            cost: sum.cost,
            price: sum.price,
            currency: priced.then(|| snapshot.tables.currency().to_string()),
            accounts: sum.accounts,
        }
    }
}

fn attempt_record(snapshot: &Snapshot, tried: &Tried) -> AttemptRecord {
    let trunk = snapshot.trunk(tried.trunk);
    let target = trunk.targets.get(tried.target);
    let close = tried.close.as_ref();
    AttemptRecord {
        trunk: trunk.name.clone(),
        target: target.map(|target| target.uri.clone()).unwrap_or_default(),
        address: tried.address.as_deref().copied(),
        call_id: String::from_utf8_lossy(&tried.call_id).into_owned(),
        offset_ms: tried.offset_ms,
        pdd_ms: tried.pdd_ms,
        elapsed_ms: close.map_or(0, |close| close.elapsed_ms),
        sip: close.map_or(0, |close| close.sip),
        q850: close.and_then(|close| close.q850),
        outcome: close.map(|close| close.outcome.to_owned()).unwrap_or_default(),
        called: tried.onto.as_ref().map(|onto| onto.0.to_string()),
        why: tried.onto.as_ref().map(|onto| onto.1.to_owned()),
    }
}

fn transfer_record(snapshot: &Snapshot, over: &Over) -> TransferRecord {
    let attempts = over.tried.iter();
    TransferRecord {
        by: match over.by {
            Side::A => Party::Caller,
            Side::B => Party::Called,
        },
        trunk: snapshot.trunk(over.trunk).name.clone(),
        to: over.to.to_string(),
        offset_ms: over.offset_ms,
        elapsed_ms: over.elapsed_ms,
        outcome: over.outcome.to_owned(),
        sip: over.sip,
        call_id: String::from_utf8_lossy(&over.call_id).into_owned(),
        attempts: attempts.map(|tried| attempt_record(snapshot, tried)).collect(),
    }
}

fn media_record(stats: &LegStats, codec: Option<Box<str>>) -> MediaRecord {
    MediaRecord {
        codec: codec.map(String::from),
        packets: stats.packets,
        bytes: stats.bytes,
        lost: stats.lost,
        jitter_us: u64::from(stats.jitter_us),
        dropped: stats.dropped.total(),
        digits: stats.digits.into(),
        loss: stats.loss,
        quality: stats.quality,
        rtt_us: stats.rtt_us,
        mute_ms: stats.mute_ms,
        heard: stats.heard.clone(),
        answer: stats.after_answer.and_then(|after| after.verdict()),
        after_answer: stats.after_answer.map(Box::new),
    }
}
