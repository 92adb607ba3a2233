//! The fraud guard among calls, and the alerts of trunks that fill up.
//!
//! A call is shown to the guard when its trunk is known and before it is planned ([`asked`]), when it is known what it costs
//! ([`priced`]), when it is answered ([`answered`]) and when it ends ([`ended`]). What the guard wants ended ends as every call does.

use std::time::{Duration, Instant};

use config::Role;
use route::deck::Rate;
use route::fraud::{Asked, FraudView, Guard, Memory, Moment, Refused, Way};
use route::{TrunkIx, Wish};
use sip_proto::timers::TimerKey;

use crate::call::{Call, Ending, Phase};
use crate::core::{Core, Timer};
use crate::event::EventKind;
use crate::ident::CallKey;
use crate::io::{Command, Now};
use crate::switch::Switch;

/// Seconds after which a caller whose calls are slowed down may try again.
const RETRY_AFTER: u32 = 30;

/// Q.850: the network does not want it.
const CALL_REJECTED: u8 = 21;

/// Time between two times that what was learned is handed out to be kept.
const KEEP: Duration = Duration::from_secs(3_600);

/// The word in the records of calls that were ended.
const CUT: &str = "fraud-cut";

/// The guard, and when it wants to be asked again.
#[derive(Default)]
pub(crate) struct Watchman {
    pub(crate) guard: Guard,
    timer: Option<TimerKey>,
    kept: Option<Instant>,
}

impl Watchman {
    /// Timers of its own.
    pub(crate) fn timers(&self) -> usize {
        usize::from(self.timer.is_some())
    }
}

fn moment(now: Now) -> Moment {
    Moment {
        at: now.at,
        unix_ms: now.unix_ms,
    }
}

/// How a call ends that the guard does not let go on.
fn refusal(call: &mut Call, trunk: TrunkIx, refused: &Refused) -> Ending {
    let who = &call.snapshot.trunk(trunk).name;
    tracing::debug!(call = %call.id, trunk = %who, why = %refused, "refused by the fraud guard");
    let remark = format!("{who}: {refused}");
    call.story.remark(remark);
    match refused {
        Refused::Throttled { .. } => Ending {
            retry_after: Some(RETRY_AFTER),
            ..Ending::failed("fraud-throttled", 503)
        },
        Refused::Blocked { .. } => Ending {
            q850: Some(CALL_REJECTED),
            ..Ending::failed("fraud-blocked", 403)
        },
        Refused::Ceiling { .. } => Ending {
            q850: Some(CALL_REJECTED),
            ..Ending::failed("fraud-ceiling", 403)
        },
    }
}

/// Whether a call that has come from a trunk may go on; `exempt`: it is to an emergency number.
///
/// # Errors
/// How it ends, if it may not.
pub(crate) fn asked(core: &mut Core, now: Now, call: &mut Call, exempt: bool) -> Result<(), Ending> {
    let trunk = call.customer();
    let from = call.snapshot.trunk(trunk);
    let asked = Asked {
        trunk: &from.name,
        way: match from.role {
            Role::Customer => Way::Out,
            Role::Carrier => Way::In,
        },
        caller: &call.story.caller,
        called: &call.story.called,
        exempt,
    };
    let answer = core.watchman.guard.attempt(moment(now), call.key.0, &asked);
    answer.map_err(|refused| refusal(call, trunk, &refused))
}

/// It is known what a call costs; `None`: nobody has a price.
///
/// # Errors
/// How it ends, if it may not go on.
pub(crate) fn priced(core: &mut Core, now: Now, call: &mut Call, rate: Option<Rate>) -> Result<(), Ending> {
    let answer = core.watchman.guard.priced(moment(now), call.key.0, rate);
    let trunk = call.customer();
    answer.map_err(|refused| refusal(call, trunk, &refused))
}

/// The called side has answered; `rate`: what its carrier asks.
pub(crate) fn answered(core: &mut Core, now: Now, key: CallKey, rate: Option<Rate>) {
    let watchman = &mut core.watchman;
    watchman.guard.answered(moment(now), key.0, rate);
    if watchman.timer.is_none() && watchman.guard.watched() > 0 {
        core.watchman.timer = Some(core.timers.insert(now.at + TICK, Timer::Guard));
    }
}

/// Time between two looks at what calls in progress cost.
const TICK: Duration = Duration::from_secs(1);

/// A call is over; `by_caller`: the caller has given it up, or hung up.
pub(crate) fn ended(core: &mut Core, now: Now, key: CallKey, by_caller: bool) {
    core.watchman.guard.ended(moment(now), key.0, by_caller);
}

/// What one call was, another is from now on: a leg goes there.
pub(crate) fn handed(core: &mut Core, from: CallKey, to: CallKey) {
    core.watchman.guard.handed(from.0, to.0);
}

/// Time goes on for the calls that are watched.
pub(crate) fn on_timer(core: &mut Core, now: Now) {
    core.watchman.timer = None;
    if let Some(after) = core.watchman.guard.tick(moment(now)) {
        core.watchman.timer = Some(core.timers.insert(now.at + after, Timer::Guard));
    }
    let kept = *core.watchman.kept.get_or_insert(now.at);
    if now.at.saturating_duration_since(kept) >= KEEP {
        keep(core, now);
    }
}

/// Hands out what was learned, to be kept over a restart.
pub(crate) fn keep(core: &mut Core, now: Now) {
    core.watchman.kept = Some(now.at);
    let memory = core.watchman.guard.memory();
    if memory.is_empty() {
        return;
    }
    match serde_json::to_vec(&memory) {
        Ok(bytes) => core.commands.push(Command::KeepUsual(bytes)),
        Err(error) => tracing::error!(%error, "what is usual cannot be written"),
    }
}

impl Call {
    /// What a place on a trunk has to know of this call.
    pub(crate) fn wish(&self) -> Wish<'_> {
        // A transfer's new leg counts for the limits of its destination, as the call that it comes into did for its own.
        let looks = self
            .errand()
            .filter(|errand| !errand.is_branch() && errand.uri.is_none());
        Wish {
            called: looks.map(|_| self.called()),
            priority: self.snapshot.tables.has_priority(self.customer()),
        }
    }
}

impl Switch {
    /// Tells what the guard has found, and of loads; ends the calls that are to be ended.
    pub(crate) fn heed_guard(&mut self, now: Now) {
        for change in self.core_mut().live.take_load_changes() {
            let core = self.core_mut();
            core.counters.load_alerts += u64::from(change.above);
            let kind = if change.above {
                EventKind::LoadHigh
            } else {
                EventKind::LoadNormal
            };
            core.tell(now, kind, &change.what, change.to_string());
        }
        if !self.core().watchman.guard.has_news() {
            return;
        }
        for event in self.core_mut().watchman.guard.take_events() {
            let text = format!("{event} (event {}, called {:?})", event.id, event.numbers);
            self.core_mut().tell(now, EventKind::Fraud, &event.customer, text);
        }
        for (key, rule) in self.core_mut().watchman.guard.take_cuts() {
            self.with_call(CallKey(key), |call, core| {
                call.story.remark(format!("ended for fraud ({})", rule.word()));
                let ending = if call.phase == Phase::Dialing {
                    Ending {
                        q850: Some(CALL_REJECTED),
                        ..Ending::failed(CUT, 403)
                    }
                } else {
                    Ending::by_switch(CUT, 200, CALL_REJECTED)
                };
                call.end(core, now, ending);
            });
        }
    }

    /// What the fraud guard blocks, and what it has found of late.
    #[must_use]
    pub fn fraud(&self, now: Now) -> FraudView {
        self.core().watchman.guard.view(moment(now))
    }

    /// Lifts a block of the fraud guard's by its number; whether there was one.
    pub fn lift_fraud(&mut self, now: Now, id: u64) -> bool {
        self.core_mut().watchman.guard.lift(moment(now), id)
    }

    /// Takes back what the process before this one gave in [`Command::KeepUsual`]. Gives the number of pairs of customer and country.
    ///
    /// # Errors
    /// It cannot be read; nothing is known then.
    pub fn recall(&mut self, now: Now, usual: &[u8]) -> Result<usize, serde_json::Error> {
        let memory: Memory = serde_json::from_slice(usual)?;
        Ok(self.core_mut().watchman.guard.recall(moment(now), memory))
    }
}
