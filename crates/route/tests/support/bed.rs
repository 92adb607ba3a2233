//! Plans over tables from a few lines of TOML.
#![allow(dead_code, reason = "each test file takes what it needs")]

use crate::support::ix;
use route::deck::Rate;
use route::{HealthChange, Live, NoRoute, Outcome, Place, Plan, Request, Tables, plan};
use std::collections::HashMap;
use std::time::Instant;

/// 2026-02-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_769_904_000;
/// A number in London.
pub(crate) const CALLED: &str = "+442071838750";

/// Tables in force, and the live state of their trunks.
pub(crate) struct Bed {
    pub(crate) tables: Tables,
    pub(crate) live: Live,
    pub(crate) now: Instant,
    pub(crate) at: u64,
    pub(crate) sell: Option<Rate>,
}

impl Bed {
    pub(crate) fn new(tables: Tables) -> Self {
        let mut live = Live::new();
        live.install(&tables);
        Self {
            tables,
            live,
            now: Instant::now(),
            at: NOW,
            sell: None,
        }
    }

    pub(crate) fn try_plan(&self, from: &str, called: &str, draw: u64) -> Result<Plan, NoRoute> {
        let request = Request {
            from: ix(&self.tables, from),
            caller: "+441632960000",
            called,
            class: None,
            sell: self.sell,
            routed: None,
            emergency: false,
            at_unix_s: self.at,
            draw,
        };
        plan(&self.tables, &self.live, self.now, &request)
    }

    pub(crate) fn plan(&self, called: &str) -> Plan {
        self.try_plan("pbx", called, 1).unwrap()
    }

    /// The attempts of a call from `pbx`, as `trunk/target`.
    pub(crate) fn order(&self, called: &str) -> Vec<String> {
        self.targets(&self.plan(called))
    }

    pub(crate) fn targets(&self, plan: &Plan) -> Vec<String> {
        let name = |attempt: &route::Attempt| {
            format!("{}/{}", self.tables.trunk(attempt.trunk).name, attempt.target)
        };
        plan.attempts.iter().map(name).collect()
    }

    pub(crate) fn down(&mut self, trunk: &str, target: usize) {
        let trunk = ix(&self.tables, trunk);
        let change = self
            .live
            .note_target(self.now, &self.tables, trunk, target, Outcome::DownCode);
        assert_eq!(change, Some(HealthChange::Down));
    }

    /// Takes a place for a call that lasts: a permit that is only dropped is not given back.
    pub(crate) fn occupy(&mut self, trunk: &str) {
        let trunk = ix(&self.tables, trunk);
        let _permit = self.live.try_admit(self.now, &self.tables, trunk).unwrap();
    }

    pub(crate) fn places(&self, plan: &Plan) -> HashMap<String, Place> {
        let name = |c: &route::Candidate| (self.tables.trunk(c.trunk).name.clone(), c.place);
        plan.trace.candidates().iter().map(name).collect()
    }
}
