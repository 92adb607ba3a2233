//! What would become of a call, without one: the steps of an admission and of a plan, as they would be taken now, and in words.
//!
//! Nothing is taken by asking: no place, no draw of the switch's own, no statistics.

use route::{DecisionView, Sale, TrunkIx};
use serde::Serialize;

use crate::admit;
use crate::call::bill;
use crate::io::Now;
use crate::numbers;
use crate::snapshot::Snapshot;
use crate::switch::Switch;

/// A call that nobody makes.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The trunk that it would come from; absent: the only customer.
    pub trunk: Option<String>,
    /// The calling number, as the trunk writes it.
    pub caller: String,
    /// The called number, as the trunk writes it.
    pub called: String,
    /// A class of service in place of the trunk's.
    pub class: Option<String>,
    /// When, seconds since 1970; absent: now. Prices are those in force then; all else is as it is now.
    pub at_unix_s: Option<u64>,
    /// The random number that decides among equals.
    pub draw: u64,
}

/// A question that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// There is no such trunk.
    #[error("there is no trunk {0:?}")]
    UnknownTrunk(String),
    /// There is no such class.
    #[error("there is no class {0:?}")]
    UnknownClass(String),
    /// It was not said whose call it is.
    #[error("whose call is it? Say one of: {0}")]
    WhichTrunk(String),
}

/// What would become of the call.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The trunk that it would come from.
    pub from: String,
    /// Calling number, as it is read.
    pub caller: String,
    /// Called number, as it is read.
    pub called: String,
    /// Class of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// When, seconds since 1970.
    pub at_unix_s: u64,
    /// The random number that decided among equals, in decimal digits: JSON's numbers have no room for all of them.
    pub draw: String,
    /// The status that the caller would hear at once; absent: attempts would be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The attempts, in order, with how many of them may be made.
    pub attempts: Vec<AttemptView>,
    /// How many of them may be made.
    pub limit: usize,
    /// What the decision saw; absent where the call would not come to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
    /// All of it in words.
    pub lines: Vec<String>,
}

/// An attempt that would be made.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptView {
    /// The trunk.
    pub trunk: String,
    /// Target URI; absent where the called user's registration says where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Switch {
    /// What would become of a call now.
    ///
    /// # Errors
    /// The question names what is not there, or does not say whose call it is.
    pub fn explain(&self, now: Now, question: &Question) -> Result<Explanation, NoAnswer> {
        let core = self.core();
        let snapshot = &*core.snapshot;
        let from = trunk_of(snapshot, question)?;
        let class = question.class.as_deref();
        if let Some(name) = class
            && !snapshot.config.classes.iter().any(|class| class.name == name)
        {
            return Err(NoAnswer::UnknownClass(name.to_owned()));
        }
        let trunk = snapshot.trunk(from);
        let caller = snapshot.tables.read_number(trunk, &question.caller);
        let read = numbers::read(snapshot, from, question.called.clone());
        let (called, emergency) = (read.number, read.numbers.is_some_and(|numbers| numbers.emergency));
        let at_unix_s = question.at_unix_s.unwrap_or(now.unix_ms / 1000);
        let mut explanation = Explanation {
            from: trunk.name.clone(),
            caller: caller.to_string(),
            called: called.clone(),
            class: class.map(str::to_owned).or_else(|| trunk.class.clone()),
            at_unix_s,
            draw: question.draw.to_string(),
            status: None,
            attempts: Vec::new(),
            limit: 0,
            decision: None,
            lines: Vec::new(),
        };
        let sale = bill::sale(snapshot, from, at_unix_s, (&caller, &called));
        let refusal = match read.misdialled {
            Some(misdialled) => Some((misdialled.status(), misdialled.to_string())),
            None if emergency => None,
            None => refusal(snapshot, (from, &called), sale),
        };
        if let Some((status, why)) = refusal {
            explanation.status = Some(status);
            explanation.lines.push(why);
            return Ok(explanation);
        }
        let routed = core.dips.known(now.at, snapshot, trunk, &called);
        let request = route::Request {
            from,
            caller: &caller,
            called: &called,
            class,
            sell: sale.rate().filter(|_| !emergency),
            routed: routed.as_deref().filter(|_| !emergency),
            emergency,
            at_unix_s,
            draw: question.draw,
        };
        let trace = match route::plan(&snapshot.tables, &core.live, now.at, &request) {
            Ok(plan) => {
                let view = |attempt: &route::Attempt| {
                    let trunk = snapshot.trunk(attempt.trunk);
                    AttemptView {
                        trunk: trunk.name.clone(),
                        target: trunk.targets.get(attempt.target).map(|target| target.uri.clone()),
                    }
                };
                explanation.attempts = plan.attempts.iter().map(view).collect();
                explanation.limit = plan.limit;
                plan.trace
            }
            Err(none) => {
                explanation.status = Some(none.status);
                *none.trace
            }
        };
        let mut decision = trace.view();
        decision.work_out();
        explanation.lines = decision.lines();
        explanation.decision = Some(decision);
        Ok(explanation)
    }
}

/// Why a call is refused before it is asked who could take it.
fn refusal(snapshot: &Snapshot, (from, called): (TrunkIx, &str), sale: Sale) -> Option<(u16, String)> {
    let name = &snapshot.trunk(from).name;
    if let Err(denied) = admit::may_call(snapshot, from, called) {
        return Some((403, format!("{name}: {denied}")));
    }
    bill::sold(sale, name).err().map(|why| (403, why))
}

fn trunk_of(snapshot: &Snapshot, question: &Question) -> Result<TrunkIx, NoAnswer> {
    if let Some(name) = &question.trunk {
        let ix = snapshot.tables.trunk_named(name);
        return ix.ok_or_else(|| NoAnswer::UnknownTrunk(name.clone()));
    }
    let is_customer =
        |(_, trunk): &(TrunkIx, &std::sync::Arc<config::Trunk>)| trunk.role == config::Role::Customer;
    let customers: Vec<_> = snapshot.tables.trunks().filter(is_customer).collect();
    match customers.as_slice() {
        [(only, _)] => Ok(*only),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, trunk)| trunk.name.as_str()).collect();
            Err(NoAnswer::WhichTrunk(names.join(", ")))
        }
    }
}
