//! What calls and pings show of the targets of trunks.

use std::sync::Arc;
use std::time::Duration;

use route::{Attempt, HealthChange, Outcome, TrunkIx};
use sip_proto::Hop;

use super::Core;
use crate::event::EventKind;
use crate::io::Now;
use crate::snapshot::Snapshot;

impl Core {
    /// Notes what an attempt showed of its target, if the tables that it was planned with are still in use: those in force, or a canary's,
    /// which have the same trunks and targets at the same places.
    pub(crate) fn note_target(
        &mut self,
        now: Now,
        planned: &Arc<Snapshot>,
        attempt: &Attempt,
        outcome: Outcome,
    ) {
        if !self.is_in_use(planned) {
            return;
        }
        self.note_ping(now, attempt.trunk, attempt.target, outcome);
    }

    /// Notes what a ping showed of a target of the tables in force.
    pub(crate) fn note_ping(&mut self, now: Now, ix: TrunkIx, target: usize, outcome: Outcome) {
        let snapshot = Arc::clone(&self.snapshot);
        let tables = &snapshot.tables;
        let Some(change) = self.live.note_target(now.at, tables, ix, target, outcome) else {
            return;
        };
        let trunk = tables.trunk(ix);
        let uri = trunk.targets.get(target).map_or("", |target| target.uri.as_str());
        let (kind, text) = match (change, outcome) {
            (HealthChange::Up, _) => (EventKind::TargetUp, format!("{uri} is back")),
            (HealthChange::Down, Outcome::DownCode) => {
                (EventKind::TargetDown, format!("{uri} says that it is down"))
            }
            (HealthChange::Down, Outcome::Miss | Outcome::Alive) => {
                (EventKind::TargetDown, format!("{uri} does not answer"))
            }
        };
        self.tell(now, kind, &trunk.name, text);
    }

    /// Notes how long a target took to answer an attempt's INVITE, if the tables that it was planned with are still in use. What took so
    /// long that it may have been sent twice tells nothing of the way (Karn's algorithm).
    pub(crate) fn note_round_trip(
        &mut self,
        now: Now,
        planned: &Arc<Snapshot>,
        attempt: &Attempt,
        took: Duration,
    ) {
        if self.is_in_use(planned) && took < planned.config.sip.t1 {
            let tables = &self.snapshot.tables;
            self.live
                .note_round_trip(now.at, tables, attempt.trunk, attempt.target, took);
        }
    }

    /// Notes where an attempt's target leads, if the tables that it was planned with are still in use.
    pub(crate) fn note_places(&mut self, planned: &Arc<Snapshot>, attempt: &Attempt, hops: &[Hop]) {
        if self.is_in_use(planned) {
            let tables = &self.snapshot.tables;
            self.live.note_places(tables, attempt.trunk, attempt.target, hops);
        }
    }

    /// Notes that an attempt is made, if the tables that it was planned with are still in use.
    pub(crate) fn note_tried(&mut self, now: Now, planned: &Arc<Snapshot>, attempt: &Attempt) {
        if self.is_in_use(planned) {
            let tables = &self.snapshot.tables;
            self.live
                .note_tried(now.at, tables, attempt.trunk, attempt.target);
        }
    }

    /// Leaves a target alone for as long as it asked.
    pub(crate) fn back_off(&mut self, now: Now, planned: &Arc<Snapshot>, attempt: &Attempt, wait: Duration) {
        if self.is_in_use(planned) {
            self.live
                .back_off(now.at, &self.snapshot.tables, attempt.trunk, attempt.target, wait);
        }
    }
}
