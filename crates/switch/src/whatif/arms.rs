//! A share of the calls by another configuration, and what came of both.

use std::sync::Arc;

use route::quality::{Bounds, Ending, mean_bounds, wilson};
use serde::Serialize;

use super::Candidate;
use crate::io::Now;
use crate::record::CallRecord;
use crate::snapshot::Snapshot;

/// Which configuration a call goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arm {
    /// The one in force.
    Control,
    /// The one on trial.
    Canary,
}

/// A configuration on trial.
pub(super) struct Canary {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) share: f64,
    pub(super) since_ms: u64,
    name: String,
    control: Results,
    canary: Results,
}

/// What came of both configurations' calls since a canary began. They are customers' calls that were routed to carriers, and are over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryView {
    /// Where the configuration on trial was read from.
    pub config: String,
    /// The part of new calls that is made by it.
    pub share: f64,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
    /// Of calls by the configuration in force.
    pub control: ArmView,
    /// Of calls by the one on trial.
    pub canary: ArmView,
}

/// What came of one configuration's calls, each figure with its 95 % interval; a figure is absent where there is nothing that it could be of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ArmView {
    /// Calls that are over.
    pub calls: u64,
    /// Part of them that were answered.
    pub asr: Option<Bounds>,
    /// Part of them that the network has put through: answered, busy or rang (ITU-T E.411).
    pub ner: Option<Bounds>,
    /// What an answered call has cost, in units of the base currency.
    pub cost: Option<Bounds>,
    /// What was left of its price.
    pub margin: Option<Bounds>,
    /// Seconds until the caller heard something.
    pub pdd: Option<Bounds>,
    /// Mean opinion score of what the called side sent.
    pub mos: Option<Bounds>,
    /// Minutes of an answered call.
    pub minutes: Option<Bounds>,
}

/// A mean in the making.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    many: f64,
    sum: f64,
    squares: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.many += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn bounds(self) -> Option<Bounds> {
        mean_bounds(self.many as f32, self.sum as f32, self.squares as f32)
    }
}

/// Sums of one configuration's calls.
#[derive(Debug, Clone, Copy, Default)]
struct Results {
    calls: u64,
    answered: u64,
    /// Calls that tell whether the network has put them through, and those that it has.
    told: u64,
    through: u64,
    cost: Mean,
    margin: Mean,
    pdd: Mean,
    mos: Mean,
    minutes: Mean,
}

impl Results {
    fn add(&mut self, record: &CallRecord) {
        self.calls += 1;
        let answered = record.answered_ms.is_some();
        self.answered += u64::from(answered);
        let put_through = match record.attempts.last().map(crate::record::AttemptRecord::ending) {
            _ if answered => Some(true),
            Some(Some(Ending::Answered | Ending::User(_))) => Some(true),
            // Who gives up before anything is heard tells nothing.
            Some(Some(Ending::GivenUp)) => None,
            Some(Some(Ending::Network(_) | Ending::Silent) | None) | None => Some(false),
        };
        if let Some(through) = put_through {
            self.told += 1;
            self.through += u64::from(through);
        }
        if let Some(pdd_ms) = record.pdd_ms {
            self.pdd.add(pdd_ms as f64 / 1000.0);
        }
        if !answered {
            return;
        }
        self.minutes.add(record.talk_ms as f64 / 60_000.0);
        let unit = route::deck::Money::UNIT as f64;
        if let Some(cost) = record.cost {
            self.cost.add(cost.0 as f64 / unit);
        }
        if let Some(margin) = record.margin {
            self.margin.add(margin.0 as f64 / unit);
        }
        if let Some(quality) = record.called_media.quality {
            self.mos.add(f64::from(quality.mos));
        }
    }

    fn view(&self) -> ArmView {
        ArmView {
            calls: self.calls,
            asr: wilson(self.answered as f32, self.calls as f32),
            ner: wilson(self.through as f32, self.told as f32),
            cost: self.cost.bounds(),
            margin: self.margin.bounds(),
            pdd: self.pdd.bounds(),
            mos: self.mos.bounds(),
            minutes: self.minutes.bounds(),
        }
    }
}

impl Canary {
    pub(super) fn new(now: Now, candidate: Candidate) -> Self {
        Self {
            snapshot: candidate.snapshot,
            share: candidate.share,
            since_ms: now.unix_ms,
            name: candidate.name,
            control: Results::default(),
            canary: Results::default(),
        }
    }

    /// A call of either is over. Others than customers' calls among carriers tell nothing of routing.
    pub(super) fn note(&mut self, arm: Arm, record: &CallRecord) {
        let routed = record
            .route
            .as_ref()
            .is_some_and(|route| route.basis == "carriers");
        if !routed || record.test || record.emergency {
            return;
        }
        match arm {
            Arm::Control => self.control.add(record),
            Arm::Canary => self.canary.add(record),
        }
    }

    pub(super) fn view(&self) -> CanaryView {
        CanaryView {
            config: self.name.clone(),
            share: self.share,
            since_ms: self.since_ms,
            control: self.control.view(),
            canary: self.canary.view(),
        }
    }
}
