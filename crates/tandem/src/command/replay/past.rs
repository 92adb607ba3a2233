//! From a record to what is replayed of it.

use std::time::Duration;

use route::replay::{PastAttempt, PastCall, Skip};
use switch::record::{AttemptRecord, CallRecord};

/// What there is to replay of a call.
pub(super) fn call(record: &CallRecord) -> Result<PastCall, Skip> {
    if record.test {
        return Err(Skip::Test);
    }
    let route = record.route.as_ref().filter(|_| !record.emergency);
    let call = PastCall::of(route.ok_or(Skip::NotByCarriers)?)?;
    // What went on to another number was another decision.
    let own = record.attempts.iter().take_while(|attempt| attempt.why.is_none());
    // Who was overtaken, or could not be offered the call, was not really asked.
    let asked = own.filter(|attempt| attempt.ending().is_some());
    let answered = record.answered_ms.is_some();
    let ended = record.ended_ms.unwrap_or(record.started_ms);
    Ok(PastCall {
        id: record.id.clone(),
        at_ms: record.started_ms,
        after_ms: ended.saturating_sub(record.started_ms),
        caller: record.caller.clone(),
        called: record.called.clone(),
        answered,
        talk_ms: record.talk_ms,
        result: answered.then(|| record.result()),
        cost: record.cost,
        price: record.price,
        currency: record.currency.clone(),
        ..call
    }
    .tried(asked.map(attempt)))
}

fn attempt(attempt: &AttemptRecord) -> PastAttempt {
    PastAttempt {
        trunk: attempt.trunk.as_str().into(),
        after_ms: attempt.offset_ms.saturating_add(attempt.elapsed_ms),
        pdd: attempt.pdd_ms.map(Duration::from_millis),
        ending: attempt.ending(),
    }
}
