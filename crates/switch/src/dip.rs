//! The portability dip: who serves a called number now, asked over HTTP (`[portability]`).
//!
//! | file | what it is |
//! |---|---|
//! | `dip/cache.rs` | answers that are kept |
//! | `dip/breaker.rs` | whether anybody is asked at all |
//! | `dip/answer.rs` | what an answer, or a Request-URI, says |
//!
//! A call waits for an answer as one does for a certificate: nothing is reserved for it yet but its place, and no other call waits.
//! Whatever goes wrong, it goes on, by the number that was dialled.

mod answer;
mod breaker;
mod cache;

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use config::{Config, Portability, PortabilityMode, Region};

use crate::call::{Call, Phase};
use crate::core::{Core, Timer};
use crate::ident::{CallKey, IdMap};
use crate::io::{Command, Now};
use crate::numbers::Numbers;
use crate::snapshot::Snapshot;
use breaker::Breaker;
use cache::{Cache, Key};

pub use answer::LookupAnswer;
pub(crate) use answer::Routing;
use answer::given;

/// Most questions at once; above it calls go on undipped.
const MAX_ASKED: usize = 256;

/// Most calls that wait for one answer. Those that come later go on without.
const MAX_WAITING: usize = 4096;

/// How much longer than a call a question waits: an answer that is late serves the next call.
const LATE: Duration = Duration::from_secs(2);

/// After this time no answer will come to a question any more: it was lost where a queue was full.
const LOST: Duration = Duration::from_secs(60);

/// A question that is under way.
struct Asked {
    query: u64,
    since: Instant,
    waiting: Vec<CallKey>,
    /// Some call has waited in vain.
    late: bool,
}

/// Counters of the dip since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct DipCounters {
    /// Calls that came with word of it.
    pub given: u64,
    /// Calls that found it in the cache.
    pub cached: u64,
    /// Questions.
    pub asked: u64,
    /// Answers that could not be used, and questions without one.
    pub failures: u64,
    /// Calls that went on before the answer was there.
    pub late: u64,
    /// Calls that went on unasked: nobody is asked after failures, or too many questions are under way.
    pub skipped: u64,
    /// Times that nobody was asked any more.
    pub opened: u64,
}

/// What to do about a number.
enum Look {
    /// It is known.
    Known(Option<Routing>),
    /// Somebody has asked for it.
    Wait,
    /// It is to be asked for, under this number.
    Ask(u64),
    /// Nobody is asked.
    Skip,
}

/// All dips.
#[derive(Default)]
pub(crate) struct Dips {
    cache: Cache,
    breaker: Breaker,
    asked: HashMap<Key, Asked>,
    queries: IdMap<u64, Key>,
    last: u64,
}

impl Dips {
    /// Questions that are under way.
    pub(crate) fn asked(&self) -> usize {
        self.queries.len()
    }

    /// Other keys are in force. What is known stays, and who waits, unless somebody else is asked now.
    pub(crate) fn install(&mut self, before: &Portability, keys: &Portability) {
        if before.url != keys.url || before.routing_number != keys.routing_number {
            let last = self.last;
            *self = Self {
                last,
                ..Self::default()
            };
        }
    }

    /// What is known of a number without asking, if a call of this trunk's would ask.
    pub(crate) fn known(
        &self,
        now: Instant,
        snapshot: &Snapshot,
        from: &config::Trunk,
        called: &str,
    ) -> Option<Box<str>> {
        let key = to_ask(snapshot, mode(&snapshot.config, from), called)?;
        let found = self.cache.get(now, key)??;
        Some(found.to_string().into())
    }

    fn look(&mut self, now: Instant, keys: &Portability, key: Key, call: CallKey) -> Look {
        if let Some(known) = self.cache.get(now, key) {
            return Look::Known(known);
        }
        match self.asked.get_mut(&key) {
            Some(asked) if now.duration_since(asked.since) > LOST => {
                self.queries.remove(&asked.query);
                self.asked.remove(&key);
            }
            Some(asked) if asked.waiting.len() < MAX_WAITING => {
                asked.waiting.push(call);
                return Look::Wait;
            }
            Some(_) => return Look::Skip,
            None => {}
        }
        if self.queries.len() >= MAX_ASKED {
            self.forget_lost(now);
        }
        if self.queries.len() >= MAX_ASKED || !self.breaker.lets_through(now, keys) {
            return Look::Skip;
        }
        self.last += 1;
        self.queries.insert(self.last, key);
        let asked = Asked {
            query: self.last,
            since: now,
            waiting: vec![call],
            late: false,
        };
        self.asked.insert(key, asked);
        Look::Ask(self.last)
    }

    fn forget_lost(&mut self, now: Instant) {
        let queries = &mut self.queries;
        self.asked.retain(|_, asked| {
            let lost = now.duration_since(asked.since) > LOST;
            if lost {
                queries.remove(&asked.query);
            }
            !lost
        });
    }

    /// A call has waited in vain for a number. Says whether it is the first for this question.
    fn late(&mut self, key: Key) -> bool {
        let asked = self.asked.get_mut(&key);
        asked.is_some_and(|asked| !std::mem::replace(&mut asked.late, true))
    }
}

impl Core {
    /// An answer has come, or will not; gives the calls that wait for it, and what it says.
    pub(crate) fn looked_up(
        &mut self,
        now: Now,
        query: u64,
        outcome: Result<LookupAnswer, String>,
    ) -> (Vec<CallKey>, Option<Routing>) {
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        let keys = &snapshot.config.portability;
        let dips = &mut self.dips;
        let Some(key) = dips.queries.remove(&query) else {
            return (Vec::new(), None);
        };
        let asked = dips.asked.remove(&key);
        let late = asked.as_ref().is_some_and(|asked| asked.late);
        let waiting = asked.map(|asked| asked.waiting).unwrap_or_default();
        let found = outcome.and_then(|answer| answer.routing(&keys.routing_number, key));
        match found {
            Ok(found) => {
                let time = if found.is_some() {
                    keys.cache_ttl
                } else {
                    keys.cache_negative
                };
                let size = usize::try_from(keys.cache_size).unwrap_or(usize::MAX);
                dips.cache.put(key, found, now.at + time, size);
                if !late {
                    dips.breaker.succeeded();
                }
                (waiting, found)
            }
            Err(error) => {
                tracing::debug!(%error, number = %key, "a number could not be looked up");
                // A question that was late is counted already.
                if !late {
                    self.dip_failed(now, keys);
                }
                (waiting, None)
            }
        }
    }

    fn dip_failed(&mut self, now: Now, keys: &Portability) {
        self.counters.dip.failures += 1;
        if self.dips.breaker.failed(now.at, keys) {
            self.counters.dip.opened += 1;
            let seconds = keys.rest.map_or(0.0, |rest| rest.as_secs_f32());
            let failures = keys.failures;
            tracing::warn!(
                failures,
                seconds,
                "number look-ups fail: nobody is asked for a while"
            );
        }
    }
}

impl Call {
    /// Finds out who serves the called number. `false`: the call waits for an answer.
    pub(crate) fn dip(&mut self, core: &mut Core, now: Now) -> bool {
        if self.is_emergency() || !self.is_customers() {
            return true;
        }
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        let mode = mode(&snapshot.config, snapshot.trunk(self.a.trunk));
        if matches!(mode, PortabilityMode::Dip | PortabilityMode::Given) && self.take_given() {
            core.counters.dip.given += 1;
            return true;
        }
        let keys = &snapshot.config.portability;
        let Some(key) = to_ask(&snapshot, mode, &self.story.called) else {
            return true;
        };
        match core.dips.look(now.at, keys, key, self.key) {
            Look::Known(found) => {
                core.counters.dip.cached += 1;
                self.route_by(found);
                true
            }
            Look::Skip => {
                core.counters.dip.skipped += 1;
                self.story
                    .remark("not looked up whether the number is ported".to_owned());
                true
            }
            Look::Ask(query) => {
                core.counters.dip.asked += 1;
                core.commands.push(Command::LookUp {
                    query,
                    url: url(keys.url.as_deref().unwrap_or_default(), key),
                    within: keys.deadline + LATE,
                });
                self.wait_for_dip(core, now, keys.deadline)
            }
            Look::Wait => self.wait_for_dip(core, now, keys.deadline),
        }
    }

    fn wait_for_dip(&mut self, core: &mut Core, now: Now, deadline: Duration) -> bool {
        let timer = core.arm(now, deadline, Timer::Dip(self.key));
        self.story.numbers.get_or_insert_default().waiting = Some(timer);
        false
    }

    /// Takes the caller's word, if it has any.
    fn take_given(&mut self) -> bool {
        let Some(invite) = &self.invite else { return false };
        let Some(given) = given(invite.asked.message.uri(), &self.story.called) else {
            return false;
        };
        self.story.numbers.get_or_insert_default().given = true;
        self.route_by(given);
        true
    }

    fn route_by(&mut self, found: Option<Routing>) {
        if let Some(routing) = found {
            let numbers: &mut Numbers = self.story.numbers.get_or_insert_default();
            numbers.routed = Some(routing.to_string().into());
        }
    }

    /// The answer that it waits for is there. Says whether the call may go on.
    pub(crate) fn on_dip(&mut self, core: &mut Core, found: Option<Routing>) -> bool {
        if !self.stop_dip(core) || self.phase != Phase::Dialing {
            return false;
        }
        self.route_by(found);
        true
    }

    /// It has waited long enough. Says whether the call may go on.
    pub(crate) fn on_dip_late(&mut self, core: &mut Core, now: Now) -> bool {
        if !self.stop_dip(core) || self.phase != Phase::Dialing {
            return false;
        }
        core.counters.dip.late += 1;
        self.story
            .remark("went on before it was known whether the number is ported".to_owned());
        let keys = self.snapshot.config.portability.clone();
        if Key::of(&self.story.called).is_some_and(|key| core.dips.late(key)) {
            core.dip_failed(now, &keys);
        }
        true
    }

    /// Waits for no answer any more. Says whether it did.
    pub(crate) fn stop_dip(&mut self, core: &mut Core) -> bool {
        let numbers = self.story.numbers.as_mut();
        let mut timer = numbers.and_then(|numbers| numbers.waiting.take());
        let waited = timer.is_some();
        core.disarm(&mut timer);
        waited
    }
}

/// What is to be asked for; `None`: nothing.
fn to_ask(snapshot: &Snapshot, mode: PortabilityMode, called: &str) -> Option<Key> {
    let keys = &snapshot.config.portability;
    let asks = matches!(mode, PortabilityMode::Dip | PortabilityMode::Ask) && keys.url.is_some();
    if !asks || snapshot.tables.number(called).is_some() {
        return None;
    }
    let of = |region: &Region| route::number::country(called) == Some(*region);
    let wanted = keys.countries.is_empty() || keys.countries.iter().any(of);
    Key::of(called).filter(|_| wanted)
}

/// Whose word is taken for calls of a trunk.
fn mode(config: &Config, trunk: &config::Trunk) -> PortabilityMode {
    let of_class = || {
        let name = trunk.class.as_ref()?;
        let class = config.classes.iter().find(|class| class.name == *name)?;
        Some(class.portability)
    };
    trunk
        .portability
        .or_else(of_class)
        .unwrap_or(PortabilityMode::Dip)
}

/// Where a number is looked up.
fn url(template: &str, key: Key) -> Box<str> {
    let digits = key.to_string();
    template
        .replace("{number}", &digits)
        .replace("{e164}", &format!("%2B{digits}"))
        .into()
}

/// Reads what `[portability]` names, with `read`: who vouches for the server that is asked, each in DER.
///
/// # Errors
/// What is wrong with the file.
pub fn lookup_roots(
    config: &Config,
    mut read: impl FnMut(&Path) -> Result<Vec<u8>, String>,
) -> Result<Option<Vec<Vec<u8>>>, Vec<String>> {
    let Some(path) = &config.portability.ca else {
        return Ok(None);
    };
    let roots = read(path).and_then(|pem| stir::certificates_in(&pem).map_err(|error| error.to_string()));
    roots
        .map(Some)
        .map_err(|error| vec![format!("{}: portability.ca: {error}", path.display())])
}
