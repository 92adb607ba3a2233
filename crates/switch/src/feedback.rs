//! What others than calls themselves tell of carriers: applications of calls, up or over, and tests.

use std::time::Duration;

use config::Role;
use route::deck::{self, Money};
use route::quality::{Feedback, TestEnding, TestResult};
use route::{Of, Request, plan_only};

use crate::io::Now;
use crate::record::{CallRecord, FeedbackRecord};
use crate::switch::Switch;

/// By what statistics a call's carrier is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    trunk: String,
    called: String,
    class: Option<String>,
}

/// A call that is up, as feedback sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has answered it yet.
    Unanswered,
    /// It was answered; by whom that counts, if there is one.
    Answered(Option<Rated>),
}

/// What is said, and what was said of the same call before and how long ago.
#[derive(Debug, Clone)]
pub struct Rating {
    /// Of whom.
    pub rated: Rated,
    /// What holds now.
    pub now: FeedbackRecord,
    /// What it takes the place of.
    pub before: Option<FeedbackRecord>,
}

impl Switch {
    /// How a call stands for feedback; `None`: it is not up.
    #[must_use]
    pub fn standing(&self, id: &str) -> Option<Standing> {
        let call = self.called(id)?;
        if call.story.answered.is_none() {
            return Some(Standing::Unanswered);
        }
        // Behind a transfer nobody knows whose the sound was.
        let moved = call.moves().is_some_and(|transfers| !transfers.over.is_empty());
        let carrier = call.story.tried.last().filter(|_| !moved);
        let of = carrier.and_then(|tried| call.of(tried.trunk));
        Some(Standing::Answered(of.map(|of| Rated {
            trunk: of.trunk.to_owned(),
            called: of.called.to_owned(),
            class: of.class.map(str::to_owned),
        })))
    }

    /// The same of a call that is over, by its record and the configuration in force. `None`: no carrier had it, or none that is known any more.
    #[must_use]
    pub fn rated(&self, record: &CallRecord) -> Option<Rated> {
        if record.test || record.answered_ms.is_none() || !record.transfers.is_empty() {
            return None;
        }
        let config = &self.snapshot().config;
        let from = config.trunk(&record.from_trunk)?;
        let to = config.trunk(record.to_trunk.as_deref()?)?;
        let last = record.attempts.last().and_then(|last| last.called.as_ref());
        let carried = to.role == Role::Carrier && from.role == Role::Customer;
        carried.then(|| Rated {
            trunk: to.name.clone(),
            called: last.unwrap_or(&record.called).clone(),
            class: from.class.clone(),
        })
    }

    /// An application has said how a call was.
    pub fn note_feedback(&mut self, now: Now, rating: &Rating) {
        let Rating {
            rated,
            now: said,
            before,
        } = rating;
        let of = Of {
            trunk: &rated.trunk,
            called: &rated.called,
            class: rated.class.as_deref(),
        };
        let core = self.core_mut();
        match before {
            Some(before) => {
                let ago = Duration::from_millis(now.unix_ms.saturating_sub(before.given_ms));
                core.live
                    .replace_feedback(now.at, &of, (&lesson(before), ago), &lesson(said));
            }
            None => core.live.note_feedback(now.at, &of, &lesson(said)),
        }
        core.learns(now);
    }
}

fn lesson(said: &FeedbackRecord) -> Feedback {
    Feedback {
        score: said.score,
        issue: !said.issues.is_empty(),
    }
}

impl Switch {
    /// A test call of a schedule is over: it counts for a carrier, for calls to this number in this class.
    pub fn note_test(&mut self, now: Now, test: &TestLesson) {
        let of = Of {
            trunk: &test.trunk,
            called: &test.number,
            class: test.class.as_deref(),
        };
        let result = TestResult {
            ending: test.ending,
            pdd: test.pdd,
            mos: test.mos,
        };
        let core = self.core_mut();
        core.live.note_test(now.at, &of, &result);
        core.learns(now);
    }

    /// Whether carriers have got worse for calls to numbers, and nobody has seen yet that they are better again: carrier and number.
    #[must_use]
    pub fn are_down(&self, pairs: &[(String, String)]) -> Vec<bool> {
        let live = &self.core().live;
        let is_down = |(trunk, called): &(String, String)| {
            let class = None;
            live.is_down(&Of { trunk, called, class })
        };
        pairs.iter().map(is_down).collect()
    }

    /// What a call to a carrier costs that talks so long, by its deck; `None`: it has no price for the number.
    #[must_use]
    pub fn price_of(&self, now: Now, trunk: &str, number: &str, talk: Duration) -> Option<Money> {
        let core = self.core();
        let tables = &core.snapshot.tables;
        let to = tables.trunk_named(trunk)?;
        let request = Request {
            from: to,
            caller: number,
            called: number,
            class: None,
            sell: None,
            routed: None,
            emergency: false,
            at_unix_s: now.unix_ms / 1000,
            draw: 0,
        };
        let planned = plan_only(tables, &core.live, now.at, &request, (to, None));
        let rate = planned.ok()?.0.first()?.rate?;
        let talk = u64::try_from(talk.as_millis()).unwrap_or(u64::MAX);
        Some(deck::cost(rate, talk))
    }
}

/// What a test call of a schedule has shown of a carrier.
#[derive(Debug, Clone, PartialEq)]
pub struct TestLesson {
    /// The carrier.
    pub trunk: String,
    /// The number that was called.
    pub number: String,
    /// The class that it counts for.
    pub class: Option<String>,
    /// How it ended.
    pub ending: TestEnding,
    /// Post-dial delay.
    pub pdd: Option<Duration>,
    /// Mean opinion score, of the worse way where both are known.
    pub mos: Option<f32>,
}
