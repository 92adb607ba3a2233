//! What there is to see of a switch: calls, registrations, trunks, figures.

use std::sync::Arc;

use route::quality::{Figures, Group};
use rtp_proto::control;

use super::Switch;
use crate::call::{Call, Errand, Phase};
use crate::gauges::Gauges;
use crate::ident::CallKey;
use crate::io::{CallView, Now};
use crate::register::RegistrationView;
use crate::registrar::BindingView;
use crate::snapshot::Snapshot;

/// What was learned of a carrier for certain numbers.
#[derive(Debug, Clone, serde::Serialize)]
pub struct GroupFigures {
    /// What those begin with (`+4420`), or `everywhere`.
    pub group: String,
    /// What was seen.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Switch {
    /// The calls there are, oldest first.
    #[must_use]
    pub fn calls(&self, now: Now) -> Vec<CallView> {
        let mut keys: Vec<&CallKey> = self.calls.keys().collect();
        keys.sort_unstable();
        keys.into_iter()
            .filter_map(|key| self.calls.get(key))
            .filter(|call| call.errand().is_none())
            .map(|call| call.view(now))
            .collect()
    }

    /// A call by its id, and the media stream that it has.
    #[must_use]
    pub fn call(&self, now: Now, id: &str) -> Option<(CallView, Option<control::MediaId>)> {
        let call = self.called(id)?;
        Some((call.view(now), call.media))
    }

    /// Where users are registered, by user.
    #[must_use]
    pub fn bindings(&self, now: Now) -> Vec<BindingView> {
        self.core.registrar.views(now, &self.core.snapshot.tables)
    }

    /// How our registration with a trunk stands; `None`: it wants none.
    #[must_use]
    pub fn registration(&self, now: Now, trunk: &str) -> Option<RegistrationView> {
        self.core.registrations.view(now, trunk)
    }

    pub(crate) fn called(&self, id: &str) -> Option<&Call> {
        let call = self
            .calls
            .values()
            .find(|call| call.errand().is_none() && *call.id == *id)?;
        Some(call)
    }

    /// The Call-IDs of a call's legs, of attempts that failed and of transfers too.
    #[must_use]
    pub fn call_ids(&self, id: &str) -> Option<Vec<Box<[u8]>>> {
        let call = self.called(id)?;
        let of = |errand: &Errand| errand.of == call.key;
        let errands = self.calls.values();
        let errands = errands.filter(|other| other.errand().is_some_and(of));
        let tried = std::iter::once(call).chain(errands.map(|call| &**call));
        let tried = tried.flat_map(|call| call.story.tried.iter().map(|tried| tried.call_id.clone()));
        let own = std::iter::once(call.a.call_id.clone());
        Some(own.chain(tried).chain(call.transfer_ids()).collect())
    }

    /// Calls in progress on a trunk.
    #[must_use]
    pub fn trunk_calls(&self, trunk: &str) -> u32 {
        self.core.live.calls(trunk)
    }

    /// What was learned of a carrier over all destinations; `None`: nothing was seen.
    #[must_use]
    pub fn trunk_figures(&self, trunk: &str) -> Option<Figures> {
        self.core.live.overall(trunk).map(Figures::rounded)
    }

    /// The same for each group of destinations that is told apart, all of them first; `None`: no such trunk.
    #[must_use]
    pub fn trunk_quality(&self, trunk: &str) -> Option<Vec<GroupFigures>> {
        let tables = &self.core.snapshot.tables;
        let ix = tables.trunk_named(trunk)?;
        let all = self.core.live.figures(tables, ix).into_iter();
        let view = |(group, figures): (Group, Figures)| GroupFigures {
            group: group.to_string(),
            figures: figures.rounded(),
        };
        Some(all.map(view).collect())
    }

    /// Whether a trunk's load is above its alert level.
    #[must_use]
    pub fn is_above_alert(&self, trunk: &str) -> bool {
        self.core.live.is_above_alert(trunk)
    }

    /// The limits per destination, and how many calls each has.
    #[must_use]
    pub fn limits(&self) -> Vec<route::LimitView> {
        self.core.live.limits()
    }

    /// The configuration in force.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.core.snapshot
    }

    /// Figures for metrics and leak checks.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let counts = self.core.endpoint.counts();
        let answered = self.calls.values().filter(|call| call.phase == Phase::Answered);
        Gauges {
            calls: self.core.calls,
            answered: answered.count(),
            ending: self.calls.values().filter(|call| call.errand().is_none()).count() - self.core.calls,
            unrecorded: self.calls.values().filter(|call| !call.is_recorded()).count(),
            orphans: self.core.orphans.len() + self.core.goodbyes.len(),
            server_transactions: counts.server,
            client_transactions: counts.client,
            ports: self.core.ports.in_use(),
            permits: usize::try_from(self.core.live.permits()).unwrap_or(usize::MAX),
            tags: self.core.tags.len(),
            waiting: self.core.waiting(),
            bans: self.core.edge.len(),
            turned_away: self.core.endpoint.loss(),
            banned: self.core.edge.banned,
            fraud_blocks: self.core.watchman.guard.blocks(),
            watched: self.core.watchman.guard.watched(),
            fraud: self.core.watchman.guard.counts(),
            limited: usize::try_from(self.core.live.limited()).unwrap_or(usize::MAX),
            bindings: self.core.registrar.len(),
            unregistering: self.core.registrations.leaving(),
            call_timers: self.core.timers.len()
                - self.pingers.len()
                - self.core.source_names.timers()
                - self.core.registrar.timers()
                - self.core.watchman.timers()
                - self.core.teacher.timers()
                - self.core.registrations.timers(),
            counters: self.core.counters,
        }
    }

    /// Messages dropped or refused below call control, by reason.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.core.endpoint.drops()
    }
}
