//! Tests of trunks, as the shard sees them: whoever tests gets its messages, and copies of those that pass on its call's other leg.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use memchr::memmem;
use route::TrunkIx;
use sip_proto::Hop;
use switch::{Input, Now, Probed, Return, Snapshot, TrialId, trial_flow, trial_of};
use tokio::sync::mpsc;

use super::Shard;
use crate::daemon::trial::{Seen, TrialEvent};

/// Legs of one test that are watched at most.
const MOST_LEGS: usize = 32;

/// A test that begins.
pub(crate) struct TrialStart {
    pub(crate) id: TrialId,
    /// A number of ours that it calls.
    pub(crate) back: Option<Return>,
    /// Whether the trunk's places are to be asked with OPTIONS.
    pub(crate) probes: bool,
    /// The configuration of its call, and who calls there.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) from: TrunkIx,
    /// The trunk that is tested.
    pub(crate) trunk: String,
    /// The last digits of the number that is called: an INVITE to it that comes in is the call, come back.
    pub(crate) tail: Option<String>,
    pub(crate) events: mpsc::Sender<TrialEvent>,
}

/// One of them.
struct Trial {
    id: TrialId,
    tail: Option<String>,
    /// The call's id in records, once there is one.
    call: Option<Box<str>>,
    /// Call-IDs of its called legs.
    legs: Vec<Box<[u8]>>,
    events: mpsc::Sender<TrialEvent>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Trials {
    list: Vec<Trial>,
}

impl Trials {
    pub(super) fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// A message for whoever tests by this way. What finds its queue full is lost: the test then sees less.
    pub(super) fn deliver(&self, flow: &sip_proto::Flow, bytes: Bytes) {
        let id = trial_of(flow);
        if let Some(trial) = self.list.iter().find(|trial| Some(trial.id) == id) {
            let _ = trial.events.try_send(TrialEvent::Message(bytes));
        }
    }

    pub(super) fn probed(&self, id: TrialId, target: usize, place: Option<Hop>, probed: Probed) {
        if let Some(trial) = self.list.iter().find(|trial| trial.id == id) {
            let _ = trial.events.try_send(TrialEvent::Probed(target, place, probed));
        }
    }

    /// A leg of a call begins. The first of a test's call is the one to whoever tests, and has the test's name in its Call-ID.
    pub(super) fn leg(&mut self, call_id: &[u8], call: &str) {
        for trial in &mut self.list {
            match &trial.call {
                None if call_id.starts_with(format!("test-{:x}-", trial.id.0).as_bytes()) => {
                    trial.call = Some(call.into());
                    let _ = trial.events.try_send(TrialEvent::Call(call.into()));
                }
                Some(its) if **its == *call && trial.legs.len() < MOST_LEGS => {
                    trial.legs.push(call_id.into())
                }
                Some(_) | None => {}
            }
        }
    }

    /// A message that came or goes.
    pub(super) fn message(&self, outgoing: bool, bytes: &Bytes) {
        for trial in &self.list {
            let has = |needle: &[u8]| memmem::find(bytes, needle).is_some();
            let back = |tail: &String| !outgoing && bytes.starts_with(b"INVITE ") && has(tail.as_bytes());
            if trial.legs.iter().any(|leg| has(leg)) || trial.tail.as_ref().is_some_and(back) {
                let seen = Seen {
                    at: Instant::now(),
                    outgoing,
                    bytes: bytes.clone(),
                };
                let _ = trial.events.try_send(TrialEvent::Seen(seen));
            }
        }
    }
}

impl Shard {
    /// Begins a test, with its OPTIONS requests. `false`: too many trunks are being tested.
    pub(super) fn begin_trial(&mut self, now: Now, start: TrialStart) -> bool {
        let begun = self.switch.begin_trial(start.id, start.snapshot, start.from);
        if begun {
            self.tap.trials.list.push(Trial {
                id: start.id,
                tail: start.tail,
                call: None,
                legs: Vec::new(),
                events: start.events,
            });
            if let Some(back) = start.back {
                self.switch.await_return(start.id, back);
            }
            if start.probes {
                self.switch.probe(now, start.id, &start.trunk, &mut self.commands);
            }
        }
        begun
    }

    /// A message of whoever tests.
    pub(super) fn trial_message(&mut self, now: Now, id: TrialId, bytes: Bytes) {
        let flow = trial_flow(id);
        self.switch
            .handle(now, Input::Datagram { flow, bytes }, &mut self.commands);
    }

    pub(super) fn end_trial(&mut self, now: Now, id: TrialId) {
        self.switch.end_trial(now, id, &mut self.commands);
        self.tap.trials.list.retain(|trial| trial.id != id);
    }
}
