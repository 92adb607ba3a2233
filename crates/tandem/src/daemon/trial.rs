//! Tests of trunks (`tandem trunk test`): OPTIONS, other transports, then a call that talks and hangs up; what was seen, and which key
//! helps where something does not work.
//!
//! | file | what it is |
//! |---|---|
//! | `trial/line.rs` | what the shard and a test tell each other |
//! | `trial/ua.rs` | the calling side |
//! | `trial/voice.rs` | the tone, and what is heard |
//! | `trial/places.rs` | what the trunk's places answer |
//! | `trial/wires.rs` | other transports, certificates |
//! | `trial/findings.rs` | what the call has shown |

mod findings;
mod line;
mod places;
mod ua;
mod voice;
mod wires;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::{Check, TrialReport, TrialStart, TrialState, TrialWish};
use config::Trunk;
use route::TrunkIx;
use switch::{RegistrationView, Snapshot, TrialId, trial_snapshot};
use tokio::sync::{mpsc, oneshot};

use super::shard::{Ask, Queue, ShardInput, TrialStart as Start};
use findings::Facts;
use line::Line;
pub(crate) use line::{Seen, TrialEvent};
use ua::Plan;
use voice::Voice;

/// What may wait for a test.
const EVENTS: usize = 1024;
/// How long answers to OPTIONS are waited for.
const PROBES: Duration = Duration::from_secs(4);
/// How long a name's other places are waited for, once one of them has answered.
const OTHERS: Duration = Duration::from_millis(500);
/// How long a call talks unless told otherwise.
const TALK: u8 = 4;
/// How long is waited for the far end's answer to our BYE.
const GOODBYE: Duration = Duration::from_secs(3);
/// The longest a test takes, whatever happens: the call's own patience and all others.
const LONGEST: Duration = Duration::from_secs(180);

/// What is to be tested.
pub(crate) struct Order {
    pub(crate) trunk: String,
    pub(crate) wish: TrialWish,
    /// How our registration there stands.
    pub(crate) registration: Option<RegistrationView>,
}

/// All tests: of each trunk the one that goes on, or the last.
#[derive(Default)]
pub(crate) struct Bench {
    reports: Arc<Mutex<HashMap<String, TrialReport>>>,
    last: AtomicU16,
}

impl Bench {
    /// How the test of a trunk stands.
    pub(crate) fn report(&self, trunk: &str) -> Option<TrialReport> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.get(trunk).cloned()
    }

    /// Begins a test, unless the trunk is being tested.
    pub(crate) async fn begin(&self, queue: &Queue, running: &Snapshot, order: Order) -> TrialStart {
        let Some((snapshot, from)) = trial_snapshot(running, &order.trunk) else {
            return TrialStart::Unknown;
        };
        let Some(trunk) = running.config.trunk(&order.trunk).map(Arc::clone) else {
            return TrialStart::Unknown;
        };
        let number = order.wish.number.clone().or_else(|| trunk.test_number.clone());
        let sheet = Sheet {
            trunk: order.trunk.clone(),
            reports: Arc::clone(&self.reports),
        };
        if !sheet.open(number.as_deref(), |name| running.config.trunk(name).is_some()) {
            return TrialStart::Running;
        }
        let id = TrialId(self.last.fetch_add(1, Ordering::Relaxed) | 0x4000);
        let (sender, events) = mpsc::channel(EVENTS);
        let snapshot = Arc::new(snapshot);
        let start = Start {
            id,
            snapshot: Arc::clone(&snapshot),
            from,
            trunk: order.trunk.clone(),
            tail: number.as_deref().and_then(tail),
            events: sender,
        };
        let line = Line {
            queue: queue.clone(),
            id,
            events,
            passed: Vec::new(),
            probed: Vec::new(),
            call: None,
        };
        let trial = Trial {
            line,
            sheet,
            snapshot,
            from,
            trunk,
            order,
            number,
        };
        // A task of its own: who asked for it may go away, and the sheet has to be closed all the same.
        let begun = tokio::spawn(async move {
            let begun = trial.begin(start).await;
            if begun {
                tokio::spawn(trial.run());
            } else {
                trial.sheet.discard();
            }
            begun
        });
        match begun.await {
            Ok(true) => TrialStart::Begun,
            Ok(false) | Err(_) => TrialStart::Busy,
        }
    }
}

/// The last digits of a number: as many as every way to write it has in common.
fn tail(number: &str) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let start = digits.len().saturating_sub(8);
    digits
        .get(start..)
        .filter(|tail| tail.len() >= 6)
        .map(str::to_owned)
}

/// Where a test writes down what it finds.
struct Sheet {
    trunk: String,
    reports: Arc<Mutex<HashMap<String, TrialReport>>>,
}

impl Sheet {
    /// A fresh one; `false`: the trunk has one that is being written. Those of trunks that are gone are thrown away.
    fn open(&self, number: Option<&str>, exists: impl Fn(&str) -> bool) -> bool {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.retain(|name, report| report.state == TrialState::Running || exists(name));
        let running = reports
            .get(&self.trunk)
            .is_some_and(|report| report.state == TrialState::Running);
        if running {
            return false;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let report = TrialReport {
            trunk: self.trunk.clone(),
            state: TrialState::Running,
            started_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            number: number.map(str::to_owned),
            call: None,
            checks: Vec::new(),
        };
        reports.insert(self.trunk.clone(), report);
        true
    }

    fn discard(&self) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.remove(&self.trunk);
    }

    fn write(&self, write: impl FnOnce(&mut TrialReport)) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = reports.get_mut(&self.trunk) {
            write(report);
        }
    }

    fn add(&self, checks: impl IntoIterator<Item = Check>) {
        self.write(|report| report.checks.extend(checks));
    }
}

/// A test under way.
struct Trial {
    line: Line,
    sheet: Sheet,
    snapshot: Arc<Snapshot>,
    from: TrunkIx,
    trunk: Arc<Trunk>,
    order: Order,
    number: Option<String>,
}

impl Trial {
    /// Whether the shard has room for it.
    async fn begin(&self, start: Start) -> bool {
        let (reply, begun) = oneshot::channel();
        let ask = ShardInput::Ask(Ask::Trial(Box::new(start), reply));
        self.line.queue.send(ask).await.is_ok() && begun.await.unwrap_or_default()
    }

    async fn run(mut self) {
        let looked = tokio::time::timeout(LONGEST, self.look()).await;
        if looked.is_err() {
            self.sheet
                .add([Check::fails("test", "it took too long and was given up")]);
        }
        // The shard is gone only when the process ends.
        let end = ShardInput::Ask(Ask::TrialEnd(self.line.id));
        let _ = self.line.queue.send(end).await;
        self.sheet.write(|report| report.state = TrialState::Done);
    }

    async fn look(&mut self) {
        if let Some(registration) = &self.order.registration {
            self.sheet.add([places::registration(registration)]);
        }
        let targets = self.trunk.targets.len();
        let until = Instant::now() + PROBES;
        self.line
            .listen(until, |line| places::has_all(&line.probed, targets))
            .await;
        if self
            .trunk
            .targets
            .iter()
            .any(|target| matches!(target.host, config::Host::Name(_)))
        {
            // A name may lead to several places.
            self.line.listen(Instant::now() + OTHERS, |_| false).await;
        }
        self.sheet.add(places::of_probes(&self.trunk, &self.line.probed));
        let local = self.local();
        let looked = wires::look_at(&self.trunk, &self.line.probed, &local).await;
        self.sheet.add(looked);
        match self.number.clone() {
            Some(number) => self.call(number).await,
            None => self
                .sheet
                .add([Check::note("call", "no number to call").key("test_number, or --number")]),
        }
    }

    async fn call(&mut self, number: String) {
        let relay = self.snapshot.media_bind(self.from);
        let voice = match Voice::start(relay).await {
            Ok(voice) => voice,
            Err(error) => {
                let says = format!("no socket for the tester's media on {relay}: {error}");
                return self.sheet.add([Check::fails("call", says)]);
            }
        };
        let caller = self.order.wish.caller.clone().unwrap_or_else(|| number.clone());
        let plan = Plan {
            caller,
            codecs: offered(&self.trunk),
            talk: Duration::from_secs(self.order.wish.talk.unwrap_or(TALK).into()),
            relay,
            number: number.clone(),
        };
        let outcome = ua::call(&mut self.line, &plan, &voice).await;
        let heard = voice.heard();
        drop(voice);
        if outcome.answered {
            let until = Instant::now() + GOODBYE;
            self.line
                .listen(until, |line| findings::is_over(&line.passed))
                .await;
        }
        let checks = findings::of_call(&Facts {
            trunk: &self.trunk,
            timer: self.timer(),
            passed: &self.line.passed,
            outcome: &outcome,
            heard: &heard,
            number: &number,
        });
        let id = self.line.call.clone();
        self.sheet.write(|report| {
            report.call = id.map(String::from);
            report.checks.extend(checks);
        });
    }

    /// The addresses that the trunk is called from.
    fn local(&self) -> Vec<IpAddr> {
        let network = self.snapshot.network_of(self.from);
        let ours = self
            .snapshot
            .listeners
            .iter()
            .filter(|listener| listener.network == network && listener.id != switch::TRIAL_LISTENER);
        ours.map(|listener| listener.bind.ip()).collect()
    }

    fn timer(&self) -> &config::SessionTimer {
        let own = self.trunk.session_timer.as_ref();
        own.unwrap_or(&self.snapshot.config.sip.session_timer)
    }
}

/// What the tester offers: the trunk's codecs, as far as we can speak or at least count them; G.711 and G.722 where it names none.
fn offered(trunk: &Trunk) -> Vec<(u8, String)> {
    const KNOWN: [(u8, &str, &str); 5] = [
        (0, "PCMU", "PCMU/8000"),
        (8, "PCMA", "PCMA/8000"),
        (9, "G722", "G722/8000"),
        (18, "G729", "G729/8000"),
        (111, "opus", "opus/48000/2"),
    ];
    let named: Vec<&str> = if trunk.codecs.is_empty() {
        vec!["PCMU", "PCMA", "G722"]
    } else {
        trunk.codecs.iter().map(String::as_str).collect()
    };
    let known = |name: &&str| KNOWN.iter().find(|(_, known, _)| known == name);
    let mut offered: Vec<(u8, String)> = named
        .iter()
        .filter_map(known)
        .map(|(number, _, map)| (*number, (*map).to_owned()))
        .collect();
    if offered.is_empty() {
        // Converted, where the trunk's codecs can be.
        offered.push((0, "PCMU/8000".to_owned()));
    }
    offered
}

#[cfg(test)]
mod tests;
