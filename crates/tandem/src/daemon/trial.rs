//! Tests of trunks (`tandem trunk test`): OPTIONS, other transports, then a call that talks and hangs up; what was seen, and which key
//! helps where something does not work.
//!
//! | file | what it is |
//! |---|---|
//! | `trial/line.rs` | what the shard and a test tell each other |
//! | `trial/ua.rs` | the calling side |
//! | `trial/seat.rs` | the called side, of calls that come back to us |
//! | `trial/voice.rs` | tones and keys, and what is heard |
//! | `trial/places.rs` | what the trunk's places answer |
//! | `trial/wires.rs` | other transports, certificates |
//! | `trial/findings.rs` | what the call has shown |
//! | `trial/measure.rs` | the same in figures, of tests by the clock |

mod findings;
mod line;
mod measure;
mod places;
mod seat;
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
use switch::{RegistrationView, Return, Snapshot, TrialId, trial_return, trial_snapshot};
use tokio::sync::{mpsc, oneshot};

use super::shard::{Ask, Queue, ShardInput, TrialStart as Start};
use findings::Facts;
use line::Line;
pub(crate) use line::{Seen, TrialEvent};
pub(crate) use measure::{Measured, Returned, Sound};
use seat::Seat;
use ua::Plan;
use voice::{Tone, Voice};

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

/// The keys that the caller of a test presses, by their events: 1 and 5.
pub(crate) const CALLER_KEYS: &str = "15";
/// Those of the called side.
pub(crate) const CALLED_KEYS: &str = "90";

/// What is to be tested.
pub(crate) struct Order {
    pub(crate) trunk: String,
    pub(crate) wish: TrialWish,
    /// How our registration there stands.
    pub(crate) registration: Option<RegistrationView>,
    /// It is a test by the clock: a call only, and nothing else is looked at.
    pub(crate) errand: Option<Errand>,
}

/// A test by the clock.
pub(crate) struct Errand {
    /// The number is one of ours, and comes back to us.
    pub(crate) own: bool,
    /// Keys are to be pressed.
    pub(crate) keys: bool,
    /// Who waits for what it shows. Dropped: it has failed to be a test at all.
    pub(crate) done: oneshot::Sender<Measured>,
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
        let mut sheet = Sheet {
            trunk: order.trunk.clone(),
            reports: Arc::clone(&self.reports),
            before: None,
        };
        if !sheet.open(number.as_deref(), |name| running.config.trunk(name).is_some()) {
            return TrialStart::Running;
        }
        let id = TrialId(self.last.fetch_add(1, Ordering::Relaxed) | 0x4000);
        let (sender, events) = mpsc::channel(EVENTS);
        let snapshot = Arc::new(snapshot);
        let comes_back = order.errand.as_ref().is_some_and(|errand| errand.own);
        let back = if comes_back { number.clone() } else { None };
        let back = back.and_then(|number| {
            let snapshot = Arc::new(trial_return(running, &order.trunk, id)?);
            Some(Return {
                snapshot,
                number,
                trunk: order.trunk.clone(),
            })
        });
        let start = Start {
            id,
            back,
            probes: order.errand.is_none(),
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
    /// The report of an operator's test, which one by the clock is not to take the place of.
    before: Option<TrialReport>,
}

impl Sheet {
    /// A fresh one; `false`: the trunk has one that is being written. Those of trunks that are gone are thrown away.
    fn open(&mut self, number: Option<&str>, exists: impl Fn(&str) -> bool) -> bool {
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
        self.before = reports.insert(self.trunk.clone(), report);
        true
    }

    /// The report before it is there again, if there was one.
    fn discard(&self) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.before {
            Some(before) => drop(reports.insert(self.trunk.clone(), before.clone())),
            None => drop(reports.remove(&self.trunk)),
        }
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
        let errand = self.order.errand.take();
        let looked = tokio::time::timeout(LONGEST, async {
            match &errand {
                Some(errand) => self.round(errand).await,
                None => {
                    self.look().await;
                    None
                }
            }
        })
        .await;
        if looked.is_err() {
            self.sheet
                .add([Check::fails("test", "it took too long and was given up")]);
        }
        // The shard is gone only when the process ends.
        let end = ShardInput::Ask(Ask::TrialEnd(self.line.id));
        let _ = self.line.queue.send(end).await;
        match errand {
            // The trunk may be tested again before whoever waits hears of it.
            Some(errand) => {
                self.sheet.discard();
                if let Ok(Some(measured)) = looked {
                    let _ = errand.done.send(measured);
                }
            }
            None => self.sheet.write(|report| report.state = TrialState::Done),
        }
    }

    /// A call by the clock. `None`: the system has no sockets for it.
    async fn round(&mut self, errand: &Errand) -> Option<Measured> {
        let number = self.number.clone()?;
        let relay = self.snapshot.media_bind(self.from);
        let voice = Voice::start(relay, Tone::Caller).await.ok()?;
        let mut seat = if errand.own {
            Some(Seat::take(relay, errand.keys).await.ok()?)
        } else {
            None
        };
        let plan = Plan {
            keys: if errand.keys { ua::KEYS } else { &[] },
            ..self.plan(&number, relay)
        };
        let outcome = ua::call(&mut self.line, seat.as_mut(), &plan, &voice).await;
        if outcome.answered {
            let until = Instant::now() + GOODBYE;
            self.line
                .listen(until, |line| findings::is_over(&line.passed))
                .await;
        }
        let passed = &self.line.passed;
        let measured = measure::measured(passed, &outcome, &voice.heard(), seat.as_ref(), &plan.caller);
        Some(Measured {
            call: self.line.call.clone().map(String::from),
            ..measured
        })
    }

    fn plan(&self, number: &str, relay: IpAddr) -> Plan {
        let wish = &self.order.wish;
        Plan {
            caller: wish.caller.clone().unwrap_or_else(|| number.to_owned()),
            codecs: offered(&self.trunk),
            talk: Duration::from_secs(wish.talk.unwrap_or(TALK).into()),
            relay,
            number: number.to_owned(),
            keys: &[],
        }
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
        let voice = match Voice::start(relay, Tone::Caller).await {
            Ok(voice) => voice,
            Err(error) => {
                let says = format!("no socket for the tester's media on {relay}: {error}");
                return self.sheet.add([Check::fails("call", says)]);
            }
        };
        let plan = self.plan(&number, relay);
        let outcome = ua::call(&mut self.line, None, &plan, &voice).await;
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
