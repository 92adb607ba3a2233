//! Between a test and the shard: its messages, and what passes between us and the trunk meanwhile.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_msg::{Limits, Message};
use sip_proto::Hop;
use switch::{CallView, Probed, TrialId};
use tokio::sync::{mpsc, oneshot};

use crate::daemon::shard::{Ask, Queue, ShardInput};

/// What the shard tells a test.
pub(crate) enum TrialEvent {
    /// A message for whoever tests.
    Message(Bytes),
    /// A message between us and a peer which belongs to the test's call, or brings it back to us.
    Seen(Seen),
    /// What came of an OPTIONS request to a target, by its place among the trunk's.
    Probed(usize, Option<Hop>, Probed),
    /// The call has this id.
    Call(Box<str>),
}

/// A message that passed.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) outgoing: bool,
    pub(crate) bytes: Bytes,
}

/// The same, read.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    pub(super) at: Instant,
    pub(super) outgoing: bool,
    pub(super) message: Message,
}

/// How long the switch may take to tell of a call's media.
const FIGURES: Duration = Duration::from_secs(2);

/// How often what has come is looked at.
const STEP: Duration = Duration::from_millis(50);

/// Messages that are kept at most.
const MOST: usize = 512;

/// A test's end of it.
pub(super) struct Line {
    pub(super) queue: Queue,
    pub(super) id: TrialId,
    pub(super) events: mpsc::Receiver<TrialEvent>,
    /// What has passed.
    pub(super) passed: Vec<Passed>,
    pub(super) probed: Vec<(usize, Option<Hop>, Probed)>,
    pub(super) call: Option<Box<str>>,
}

impl Line {
    /// Sends a message to the switch.
    pub(super) async fn send(&self, bytes: Bytes) {
        // The shard is gone only when the process ends.
        let _ = self
            .queue
            .send(ShardInput::Ask(Ask::TrialMessage(self.id, bytes)))
            .await;
    }

    /// What has arrived on the call's legs, and was sent to them; `None`: the call is not up.
    pub(super) async fn figures(&self) -> Option<CallView> {
        let id = self.call.as_deref()?.to_owned();
        let (reply, answer) = oneshot::channel();
        let asked = self.queue.send(ShardInput::Ask(Ask::Call(id, reply))).await;
        asked.ok()?;
        tokio::time::timeout(FIGURES, answer).await.ok()?.ok()?
    }

    /// The next message for whoever tests; `None`: none until `until`.
    pub(super) async fn next(&mut self, until: Instant) -> Option<Message> {
        loop {
            let event = tokio::time::timeout_at(until.into(), self.events.recv()).await;
            match event.ok().flatten()? {
                TrialEvent::Message(bytes) => {
                    if let Ok(message) = sip_msg::parse(bytes, &Limits::default()) {
                        return Some(message);
                    }
                }
                TrialEvent::Seen(seen) => self.keep(seen),
                TrialEvent::Probed(target, hop, probed) => self.probed.push((target, hop, probed)),
                TrialEvent::Call(id) => self.call = Some(id),
            }
        }
    }

    /// Takes what comes until `until`, or until `enough`.
    pub(super) async fn listen(&mut self, until: Instant, enough: impl Fn(&Self) -> bool) {
        while !enough(self) && Instant::now() < until {
            // In small steps, so that `enough` is asked often; a message for whoever tests is of no use now.
            let step = Instant::now() + STEP;
            let _ = self.next(step.min(until)).await;
        }
    }

    fn keep(&mut self, seen: Seen) {
        if self.passed.len() >= MOST {
            return;
        }
        if let Ok(message) = sip_msg::parse(seen.bytes, &Limits::default()) {
            self.passed.push(Passed {
                at: seen.at,
                outgoing: seen.outgoing,
                message,
            });
        }
    }
}
