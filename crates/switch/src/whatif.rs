//! Other configurations beside the one in force: in shadow, where calls are planned by them for comparison and nothing more, or on
//! trial with a share of the calls (a canary).
//!
//! What is to be tried out is a whole configuration, but only its routing may differ from the one in force ([`differs`]): everything else is
//! made once, for all calls. A call is wholly in one: it holds the configuration that it began with.

mod arms;
mod compare;
mod shadow;

use std::sync::Arc;

use config::Role;
use serde::Serialize;

use crate::call::Call;
use crate::core::Core;
use crate::event::EventKind;
use crate::io::Now;
use crate::numbers;
use crate::record::CallRecord;
use crate::snapshot::Snapshot;
use crate::switch::Switch;

pub use arms::{ArmView, CanaryView};
pub use compare::differs;
pub use shadow::{ShadowShare, ShadowView};

use arms::{Arm, Canary};
use shadow::Shadow;

/// A way to try a configuration out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trying {
    /// Calls are planned by it, too, and nothing more.
    Shadow,
    /// A share of the calls is made by it.
    Canary,
}

impl Trying {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary => "canary",
        }
    }
}

/// A configuration to be tried out.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it was read from, for whoever asks.
    pub name: String,
    /// All of it.
    pub snapshot: Arc<Snapshot>,
    /// The part of the calls that is made by it, 0 to 1; for a canary.
    pub share: f64,
}

/// What is tried out.
#[derive(Default)]
pub(crate) struct WhatIf {
    shadow: Option<Box<Shadow>>,
    canary: Option<Box<Canary>>,
}

impl WhatIf {
    /// Whether calls are made by this configuration, which is not the one in force.
    pub(crate) fn has(&self, snapshot: &Arc<Snapshot>) -> bool {
        let canary = self.canary.as_ref();
        canary.is_some_and(|canary| Arc::ptr_eq(&canary.snapshot, snapshot))
    }
}

impl Core {
    /// Whether these are tables by which new calls are made. What calls show of their targets is noted then.
    pub(crate) fn is_in_use(&self, snapshot: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(snapshot, &self.snapshot) || self.whatif.has(snapshot)
    }

    /// The configuration that a new call goes by: mostly that in force. `called` is the number as it came.
    pub(crate) fn snapshot_for(&mut self, from: route::TrunkIx, called: &str) -> Arc<Snapshot> {
        let in_force = Arc::clone(&self.snapshot);
        let Some(share) = self.whatif.canary.as_ref().map(|canary| canary.share) else {
            return in_force;
        };
        // The upper 53 bits: as many as a float has.
        let chance = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
        if chance >= share || in_force.trunk(from).role != Role::Customer {
            return in_force;
        }
        // Nothing is tried out on these.
        let read = numbers::read(&in_force, from, called.to_owned());
        if read.numbers.is_some_and(|numbers| numbers.emergency) {
            return in_force;
        }
        let canary = self.whatif.canary.as_ref();
        canary.map_or(in_force, |canary| Arc::clone(&canary.snapshot))
    }

    /// A call is planned. It is also planned by what is in shadow, off the record.
    pub(crate) fn shadowed(&mut self, now: Now, call: &Call, draw: u64, plan: Option<&route::Plan>) {
        let ours = Arc::ptr_eq(&call.snapshot, &self.snapshot);
        if let Some(shadow) = self.whatif.shadow.as_mut().filter(|_| ours) {
            shadow.plan(&self.live, now, call, draw, plan);
        }
    }

    /// A call is over.
    pub(crate) fn note_arm(&mut self, snapshot: &Arc<Snapshot>, record: &CallRecord) {
        let Some(canary) = &mut self.whatif.canary else {
            return;
        };
        let arm = if Arc::ptr_eq(&canary.snapshot, snapshot) {
            Arm::Canary
        } else if record.started_ms >= canary.since_ms {
            // By whatever was in force when it began.
            Arm::Control
        } else {
            return;
        };
        canary.note(arm, record);
    }
}

impl Switch {
    /// Tries another configuration out, in place of the one that was tried out this way before; `None`: none any more. `why` says in words
    /// why, for the event. Gives the one that it was before.
    pub fn try_out(
        &mut self,
        now: Now,
        way: Trying,
        candidate: Option<Candidate>,
        why: &str,
        commands: &mut Vec<crate::Command>,
    ) -> Option<Arc<Snapshot>> {
        let core = self.core_mut();
        let before = match way {
            Trying::Shadow => core.whatif.shadow.take().map(|shadow| shadow.snapshot),
            Trying::Canary => core.whatif.canary.take().map(|canary| canary.snapshot),
        };
        if let Some(before) = &before {
            core.live.leave(&before.tables);
        }
        let told = match &candidate {
            Some(candidate) if way == Trying::Canary => Some(format!(
                "{} gets {} % of new calls",
                candidate.name,
                candidate.share * 100.0
            )),
            Some(candidate) => Some(format!("calls are planned by {} as well", candidate.name)),
            None => before.as_ref().map(|_| format!("over: {why}")),
        };
        if let Some(candidate) = candidate {
            core.live.stand_beside(&candidate.snapshot.tables);
            match way {
                Trying::Shadow => core.whatif.shadow = Some(Box::new(Shadow::new(now, candidate))),
                Trying::Canary => core.whatif.canary = Some(Box::new(Canary::new(now, candidate))),
            }
        }
        if let Some(told) = told {
            core.tell(now, EventKind::TryOut, way.word(), told);
        }
        self.flush(now, commands);
        before
    }

    /// What the shadow has shown so far.
    #[must_use]
    pub fn shadow(&self) -> Option<ShadowView> {
        self.core().whatif.shadow.as_ref().map(|shadow| shadow.view())
    }

    /// What has come of the canary's calls and of the others so far.
    #[must_use]
    pub fn canary(&self) -> Option<CanaryView> {
        self.core().whatif.canary.as_ref().map(|canary| canary.view())
    }
}

impl Core {
    /// Another configuration is in force: what was tried out is not any more if it is that one.
    pub(crate) fn install_whatif(&mut self, now: Now) {
        let promoted = |snapshot: &Arc<Snapshot>| Arc::ptr_eq(snapshot, &self.snapshot);
        let shadow = self.whatif.shadow.take_if(|shadow| promoted(&shadow.snapshot));
        let canary = self.whatif.canary.take_if(|canary| promoted(&canary.snapshot));
        let ways = [shadow.map(|_| Trying::Shadow), canary.map(|_| Trying::Canary)];
        for way in ways.into_iter().flatten() {
            let told = "promoted: it is in force".to_owned();
            self.tell(now, EventKind::TryOut, way.word(), told);
        }
    }
}
