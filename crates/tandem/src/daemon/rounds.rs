//! Test calls by the clock (`[[test_call]]`): each is a call of the same kind as that of `tandem trunk test`, measured, judged, and learned from.
//!
//! | file | what it is |
//! |---|---|
//! | `rounds/schedule.rs` | when which call is due, and whether the budget has it |
//! | `rounds/judge.rs` | whether a call has shown what it was to show |

mod judge;
mod schedule;

use std::collections::hash_map::{HashMap, RandomState};
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{Problem, TestCallView, TestOutcome, TestRun, TestsView, TrialStart, TrialWish};
use config::{Config, Role, TestCall};
use switch::record::Money;
use switch::{Event, EventKind, TestLesson};
use tokio::sync::oneshot;

use super::backend::Daemon;
use super::shard::Ask;
use super::trial::{Errand, Measured, Order};
use schedule::{Due, Schedule};

/// How often is looked whether something is due.
const TICK: Duration = Duration::from_millis(500);

/// How often is looked whether a trunk has got worse, in milliseconds.
const LOOK_MS: u64 = 2_000;

/// Results of one schedule that are remembered.
const KEPT: usize = 200;

/// Results of one schedule that are shown.
const SHOWN: usize = 20;

/// One schedule under way.
struct Round {
    name: String,
    of: TestCall,
    trunks: Vec<String>,
    schedule: Schedule,
    held: Option<String>,
    results: VecDeque<TestOutcome>,
    /// Of each trunk and number, whether the last test has passed.
    passed: HashMap<(String, String), bool>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Rounds {
    list: Mutex<Vec<Round>>,
}

impl Rounds {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<Round>) -> T) -> T {
        act(&mut self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of<T>(&self, name: &str, act: impl FnOnce(&mut Round) -> T) -> Option<T> {
        self.with(|list| list.iter_mut().find(|round| round.name == name).map(act))
    }

    /// Goes by this configuration. What was found stays with a schedule of the same name.
    fn follow(&self, now_ms: u64, config: &Config) {
        self.with(|list| {
            list.retain(|round| config.test_calls.iter().any(|of| of.name == round.name));
            for of in &config.test_calls {
                let trunks = trunks_of(of, config);
                match list.iter_mut().find(|round| round.name == of.name) {
                    Some(round) if round.of == *of && round.trunks == trunks => {}
                    Some(round) => {
                        round.schedule.follow(now_ms, of, &trunks, &mut draw);
                        round.of = of.clone();
                        round.results.retain(|result| trunks.contains(&result.trunk));
                        round.passed.retain(|(trunk, _), _| trunks.contains(trunk));
                        round.trunks = trunks;
                    }
                    None => list.push(Round {
                        name: of.name.clone(),
                        of: of.clone(),
                        schedule: Schedule::new(now_ms, of, &trunks, &mut draw),
                        trunks,
                        held: None,
                        results: VecDeque::new(),
                        passed: HashMap::new(),
                    }),
                }
            }
        });
    }

    /// The schedules whose next call is due.
    fn due(&self, now_ms: u64) -> Vec<(String, Due)> {
        self.with(|list| {
            let due = list.iter().filter_map(|round| {
                let lane = round.schedule.due(now_ms)?;
                Some((round.name.clone(), round.schedule.what(lane)?))
            });
            due.collect()
        })
    }

    /// Every trunk with every number that it is tested at, of all schedules.
    fn pairs(&self) -> Vec<(String, String)> {
        self.with(|list| list.iter().flat_map(|round| round.schedule.pairs()).collect())
    }

    /// What is remembered of a trunk's tests; `None`: none was made.
    pub(crate) fn of_trunk(&self, trunk: &str) -> Option<TestsView> {
        self.with(|list| {
            let all = list.iter().flat_map(|round| &round.results);
            let its: Vec<&TestOutcome> = all.filter(|result| result.trunk == trunk).collect();
            let failed = its.iter().filter(|result| !result.passed);
            let last = failed.clone().max_by_key(|result| result.at_ms);
            (!its.is_empty()).then(|| TestsView {
                passed: its.len() - failed.count(),
                total: its.len(),
                last_failure: last.map(|result| (*result).clone()),
            })
        })
    }

    pub(crate) fn views(&self) -> Vec<TestCallView> {
        let now = now_ms();
        self.with(|list| list.iter().map(|round| round.view(now)).collect())
    }
}

impl Round {
    fn view(&self, now_ms: u64) -> TestCallView {
        let (calls, cost) = self.schedule.made();
        let numbers = self.of.numbers.iter().chain(&self.of.own);
        TestCallView {
            name: self.name.clone(),
            every_s: self.of.every.as_secs(),
            trunks: self.trunks.clone(),
            numbers: numbers.cloned().collect(),
            next_s: self.schedule.next_ms(now_ms).map(|ms| ms.div_ceil(1000)),
            calls,
            cost: Money(cost).to_string(),
            held: self.held.clone(),
            results: self.results.iter().rev().take(SHOWN).cloned().collect(),
        }
    }

    /// Remembers a result; the event that it is, if it is one: they are told on a change only.
    fn note(&mut self, result: TestOutcome) -> Option<Event> {
        let key = (result.trunk.clone(), result.number.clone());
        let before = self.passed.insert(key, result.passed);
        let (kind, text) = match (before, result.passed) {
            (Some(false), true) => (EventKind::TestPassedAgain, "passes again".to_owned()),
            (None | Some(true), false) => (EventKind::TestFailed, result.why.join("; ")),
            (None | Some(true), true) | (Some(false), false) => return self.keep(result),
        };
        let call = result
            .call
            .as_deref()
            .map_or(String::new(), |id| format!(" (call {id})"));
        let event = Event {
            at_ms: result.at_ms,
            kind,
            subject: result.trunk.clone(),
            text: format!("{}, to {}: {text}{call}", self.name, result.number),
        };
        self.keep(result);
        Some(event)
    }

    fn keep(&mut self, result: TestOutcome) -> Option<Event> {
        if self.results.len() >= KEPT {
            self.results.pop_front();
        }
        self.results.push_back(result);
        None
    }
}

/// The trunks of a schedule: the carriers that it names, or all; none that is switched off.
fn trunks_of(of: &TestCall, config: &Config) -> Vec<String> {
    let is_one = |trunk: &&Arc<config::Trunk>| {
        trunk.role == Role::Carrier
            && trunk.enabled
            && (of.trunks.is_empty() || of.trunks.contains(&trunk.name))
    };
    let carriers = config.trunks.iter().filter(is_one);
    carriers.map(|trunk| trunk.name.clone()).collect()
}

/// Makes what is due, until the process ends.
pub(crate) async fn run(daemon: Arc<Daemon>) {
    let mut look_ms = 0;
    loop {
        tokio::time::sleep(TICK).await;
        let running = Arc::clone(&*daemon.running.lock().await);
        let now = now_ms();
        daemon.rounds.follow(now, &running.config);
        if !daemon.ready.load(std::sync::atomic::Ordering::Relaxed) {
            continue;
        }
        if now >= look_ms {
            look_ms = now + LOOK_MS;
            daemon.hasten(now).await;
        }
        for (name, due) in daemon.rounds.due(now) {
            let open = daemon.rounds.of(&name, |round| round.schedule.is_open(now));
            if open == Some(true) {
                // Its outcome is in the schedule's view.
                let _ = daemon.make(&name, &due, true).await;
            } else {
                daemon.rounds.of(&name, |round| {
                    round.schedule.pass(due.lane, now, false, draw());
                });
            }
        }
    }
}

/// What has become of the wish to make a call.
enum Made {
    Begun,
    /// Not now, and why.
    Later(String),
    /// The budget does not have it.
    Held(String),
}

impl Daemon {
    /// Has those trunks tested soon again that have got worse.
    async fn hasten(&self, now_ms: u64) {
        let pairs = self.rounds.pairs();
        if pairs.is_empty() {
            return;
        }
        let asked = pairs.clone();
        let Ok(down) = self.ask(|reply| Ask::Down(asked, reply)).await else {
            return;
        };
        let worse: HashSet<&(String, String)> = pairs
            .iter()
            .zip(down)
            .filter_map(|(pair, is_down)| is_down.then_some(pair))
            .collect();
        self.rounds.with(|list| {
            for round in list {
                round.schedule.hasten(now_ms, &worse);
            }
        });
    }

    /// Makes the next call of a schedule now.
    pub(super) async fn test_now(&self, name: String, trunk: Option<String>) -> Result<TestRun, Problem> {
        let running = Arc::clone(&*self.running.lock().await);
        self.rounds.follow(now_ms(), &running.config);
        let next = self.rounds.of(&name, |round| {
            let lane = round.schedule.next(trunk.as_deref())?;
            round.schedule.what(lane)
        });
        let due = match next {
            None => return Ok(TestRun::Unknown),
            Some(None) => return Ok(TestRun::NoTrunk(trunk.unwrap_or_default())),
            Some(Some(due)) => due,
        };
        Ok(match self.make(&name, &due, false).await? {
            Made::Begun => TestRun::Begun(due.trunk, due.number),
            Made::Later(why) | Made::Held(why) => TestRun::Held(why),
        })
    }

    /// Makes a call, unless something is against it. One that an operator wanted and did not get is not made up for.
    async fn make(&self, name: &str, due: &Due, by_clock: bool) -> Result<Made, Problem> {
        let now = now_ms();
        let Some(of) = self.rounds.of(name, |round| round.of.clone()) else {
            return Ok(Made::Later("the schedule is gone".to_owned()));
        };
        let cost = self.price(due, &of).await?;
        let may = self.rounds.of(name, |round| round.schedule.may(now, cost));
        let made = match may {
            Some(Err(held)) => Made::Held(held.to_string()),
            Some(Ok(())) | None => self.begin(name, &of, due, (now, cost)).await?,
        };
        self.rounds.of(name, |round| match &made {
            Made::Begun => {
                round.held = None;
                round.schedule.pass(due.lane, now, true, draw());
            }
            Made::Later(_) | Made::Held(_) if !by_clock => {}
            Made::Later(why) => {
                round.held = Some(why.clone());
                round.schedule.postpone(due.lane, now);
            }
            Made::Held(why) => {
                round.held = Some(why.clone());
                round.schedule.pass(due.lane, now, false, draw());
            }
        });
        Ok(made)
    }

    /// What the call may cost, in billionths.
    async fn price(&self, due: &Due, of: &TestCall) -> Result<u64, Problem> {
        let (trunk, number, talk) = (due.trunk.clone(), due.number.clone(), of.talk);
        let price = self
            .ask(|reply| Ask::TestPrice(trunk, number, talk, reply))
            .await?;
        Ok(price.map_or(0, |Money(price)| price))
    }

    async fn begin(
        &self,
        name: &str,
        of: &TestCall,
        due: &Due,
        (now, cost): (u64, u64),
    ) -> Result<Made, Problem> {
        let running = Arc::clone(&*self.running.lock().await);
        let states = self.ask(Ask::Trunks).await?;
        let state = states.iter().find(|state| state.name == due.trunk);
        let most = running.config.trunk(&due.trunk).and_then(|trunk| trunk.max_calls);
        let full = |calls: u32| most.is_some_and(|most| calls >= most);
        let trunk = &due.trunk;
        match state {
            None => return Ok(Made::Later(format!("{trunk}: there is no such trunk"))),
            Some(state) if state.drains => return Ok(Made::Later(format!("{trunk}: it is draining"))),
            // Callers go first.
            Some(state) if state.above_alert || full(state.calls) => {
                return Ok(Made::Later(format!("{trunk}: it is full")));
            }
            Some(_) => {}
        }
        let (done, measured) = oneshot::channel();
        let order = Order {
            trunk: due.trunk.clone(),
            wish: TrialWish {
                number: Some(due.number.clone()),
                caller: of.caller.clone(),
                talk: u8::try_from(of.talk.as_secs()).ok(),
            },
            registration: None,
            errand: Some(Errand {
                own: due.own,
                keys: of.expect.dtmf && due.own,
                done,
            }),
        };
        Ok(match self.bench.begin(&self.queue, &running, order).await {
            TrialStart::Begun => {
                self.rounds.of(name, |round| round.schedule.make(now, cost));
                self.wait_for(name.to_owned(), of.clone(), due.clone(), now, measured);
                Made::Begun
            }
            TrialStart::Running => Made::Later(format!("{trunk}: it is being tested")),
            TrialStart::Busy => Made::Later("as many trunks are being tested as can be at once".to_owned()),
            TrialStart::Unknown => Made::Later(format!("{trunk}: there is no such trunk")),
        })
    }

    /// Judges the call once it is over, beside everything else.
    fn wait_for(
        &self,
        name: String,
        of: TestCall,
        due: Due,
        made_ms: u64,
        measured: oneshot::Receiver<Measured>,
    ) {
        let (rounds, queue, news) = (Arc::clone(&self.rounds), self.queue.clone(), self.news.clone());
        tokio::spawn(async move {
            let measured = measured.await.unwrap_or_default();
            if !measured.answered {
                rounds.of(&name, |round| round.schedule.unanswered(made_ms));
            }
            if !measured.sent {
                // Nothing has left for the trunk: that is not its fault.
                let status = measured.status.map_or(String::new(), |(status, phrase)| {
                    format!(": the switch says {status} {phrase}")
                });
                let why = format!("{}: no INVITE was sent{status}", due.trunk);
                rounds.of(&name, |round| round.held = Some(why));
                return;
            }
            let result = outcome(&of, &due, &measured);
            let lesson = TestLesson {
                trunk: due.trunk,
                number: due.number,
                class: of.class.clone(),
                ending: judge::ending(&of.expect, &measured, result.passed),
                pdd: measured.pdd,
                mos: judge::mos(&measured).map(|mos| mos as f32),
            };
            let _ = queue
                .send(super::shard::ShardInput::Ask(Ask::Tested(Box::new(lesson))))
                .await;
            if let Some(event) = rounds.of(&name, |round| round.note(result)).flatten() {
                news.tell(event);
            }
        });
    }
}

fn outcome(of: &TestCall, due: &Due, measured: &Measured) -> TestOutcome {
    let why = judge::judge(&of.expect, measured);
    let returned = measured.returned.as_ref();
    let caller = returned.and_then(|returned| returned.caller.as_ref());
    let pressed = of.expect.dtmf && measured.answered;
    let score = |mos: f64| (mos * 100.0).round() / 100.0;
    TestOutcome {
        at_ms: now_ms(),
        trunk: due.trunk.clone(),
        number: due.number.clone(),
        call: measured.call.clone(),
        passed: why.is_empty(),
        why,
        pdd_ms: measured.pdd.and_then(|pdd| u64::try_from(pdd.as_millis()).ok()),
        codec: measured.codec.clone(),
        mos_in: measured.heard.mos.map(score),
        mos_out: returned.and_then(|returned| returned.sound.mos).map(score),
        caller_id: caller.map(Result::is_ok),
        tone: judge::is_tone(&measured.heard),
        digits: returned
            .filter(|_| pressed)
            .map(|returned| [returned.sound.digits.clone(), measured.heard.digits.clone()]),
    }
}

/// A random number: the schedule's jitter, no secret.
fn draw() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
