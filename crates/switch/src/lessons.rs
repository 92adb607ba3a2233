//! What calls tell of their carriers, for whoever plans the next ones: how each attempt ended as soon as it did, and how an answered call was
//! when it is over.

use std::time::{Duration, Instant};

use config::Role;
use route::learn::{Change, LearnEvent};
use route::quality::{AttemptResult, CallResult, Ending, Saved};
use route::{AttemptOutcome, Of, Plan, TrunkIx};
use rtp_proto::control::{AfterAnswer, BadAnswer, SessionStats};
use sip_proto::timers::TimerKey;

use crate::call::Call;
use crate::core::{Core, Timer};
use crate::event::EventKind;
use crate::io::{Command, Now};
use crate::result::Measured;
use crate::switch::Switch;

/// Time between two looks at what has changed.
const TICK: Duration = Duration::from_secs(1);

/// Nobody looks any more when nothing has come for so long.
const IDLE: Duration = Duration::from_secs(300);

/// Time between two times that what was learned is handed out to be kept.
const KEEP: Duration = Duration::from_secs(600);

/// When what was learned is looked at again, and kept.
#[derive(Default)]
pub(crate) struct Teacher {
    timer: Option<TimerKey>,
    told: Option<Instant>,
    kept: Option<Instant>,
}

impl Teacher {
    /// Timers of its own.
    pub(crate) fn timers(&self) -> usize {
        usize::from(self.timer.is_some())
    }
}

impl Core {
    /// Learning goes by the configuration in force from now on.
    pub(crate) fn install_learning(&mut self, now: Now) {
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        self.live.learn(now.at, &snapshot.tables);
    }

    /// Something was noted.
    pub(crate) fn learns(&mut self, now: Now) {
        self.teacher.told = Some(now.at);
        if self.teacher.timer.is_none() {
            self.teacher.timer = Some(self.timers.insert(now.at + TICK, Timer::Learn));
        }
    }

    /// Time goes on for what was learned.
    pub(crate) fn on_learn_timer(&mut self, now: Now) {
        self.teacher.timer = None;
        self.live.tick_learner(now.at);
        for (event, class) in self.live.take_lessons() {
            self.tell_lesson(now, &event, class.as_deref());
        }
        let told = self.teacher.told.unwrap_or(now.at);
        if now.at.saturating_duration_since(told) < IDLE {
            self.teacher.timer = Some(self.timers.insert(now.at + TICK, Timer::Learn));
        }
        let kept = *self.teacher.kept.get_or_insert(now.at);
        if now.at.saturating_duration_since(kept) >= KEEP {
            self.keep_learned(now);
        }
    }

    /// Hands out what was learned, to be kept over a restart.
    pub(crate) fn keep_learned(&mut self, now: Now) {
        self.teacher.kept = Some(now.at);
        if self.teacher.told.is_none() {
            return;
        }
        if let Some(saved) = self.live.learned(now.at, now.unix_ms / 1000) {
            self.commands.push(Command::KeepLearned(Box::new(saved)));
        }
    }

    fn tell_lesson(&mut self, now: Now, event: &LearnEvent, class: Option<&str>) {
        let kind = match event.what {
            Change::Demoted { .. } | Change::FloorBroken { .. } => EventKind::Demoted,
            Change::Recovered { .. } | Change::SlowStart | Change::FullShare | Change::FloorsMet => {
                EventKind::Promoted
            }
            Change::Share { .. } => EventKind::Share,
            Change::BudgetSpent => EventKind::BudgetSpent,
        };
        let of = class.map_or(String::new(), |class| format!("class {class}, "));
        let (subject, text) = match event.trunk.is_empty() {
            true => (class.unwrap_or_default(), event.what.to_string()),
            false => (&*event.trunk, format!("{of}to {}: {}", event.group, event.what)),
        };
        let subject = subject.to_owned();
        self.tell(now, kind, &subject, text);
    }
}

impl Call {
    /// By what statistics the carrier of an attempt is known; `None`: it is none.
    pub(crate) fn of(&self, trunk: TrunkIx) -> Option<Of<'_>> {
        let to = self.snapshot.trunk(trunk);
        let from = self.snapshot.trunk(self.customer());
        // A test says what it has to say by itself.
        (to.role == Role::Carrier && from.role == Role::Customer && !self.is_test()).then(|| Of {
            trunk: &to.name,
            called: self.called(),
            class: from.class.as_deref(),
        })
    }

    /// The call is planned.
    pub(crate) fn chosen(&mut self, core: &mut Core, now: Now, plan: &mut Plan) {
        if plan.trace.class().is_none() {
            return;
        }
        core.live
            .note_choice(now.at, plan.trace.class(), plan.explores.as_deref());
        self.story.explores = plan.explores.take();
        core.learns(now);
    }

    fn note_attempt(&self, core: &mut Core, now: Now, ending: Ending) {
        let Some(tried) = self.story.tried.last() else {
            return;
        };
        let Some(of) = self.of(tried.trunk) else { return };
        let pdd = match ending {
            Ending::GivenUp => Some(self.story.attempt_age(now)),
            Ending::Answered | Ending::User(_) | Ending::Network(_) | Ending::Silent => {
                tried.pdd_ms.map(Duration::from_millis)
            }
        };
        core.live
            .note_attempt(now.at, &of, &AttemptResult { ending, pdd });
        core.learns(now);
    }

    /// The present attempt has failed.
    pub(crate) fn learn_failure(&self, core: &mut Core, now: Now, outcome: AttemptOutcome) {
        if let Some(ending) = Ending::of(outcome) {
            self.note_attempt(core, now, ending);
        }
    }

    /// The present attempt was answered.
    pub(crate) fn learn_answer(&self, core: &mut Core, now: Now) {
        self.note_attempt(core, now, Ending::Answered);
    }

    /// The caller has given up while the present attempt was under way.
    pub(crate) fn learn_cancel(&self, core: &mut Core, now: Now) {
        let under_way = self.story.tried.last().filter(|tried| tried.close.is_none());
        if let Some(tried) = under_way {
            self.note_attempt(core, now, Ending::cancelled(tried.pdd_ms.is_some()));
        }
    }

    /// An answered call is over, and this is what was measured of it.
    pub(crate) fn learn_call(&mut self, core: &mut Core, now: Now, stats: Option<&SessionStats>) {
        let Some(finish) = self.story.finish.as_deref() else {
            return;
        };
        let talk_ms = if self.story.answered.is_some() {
            finish.talk_ms
        } else {
            0
        };
        let carrier = self.story.tried.last().map(|tried| tried.trunk);
        if let Some(explores) = &self.story.explores {
            let had = carrier == Some(explores.first);
            let was = explores.cost(if had { talk_ms } else { 0 });
            let class = self.snapshot.trunk(self.customer()).class.as_deref();
            core.live.note_cost(class, explores, was);
        }
        let (true, Some(stats)) = (self.story.answered.is_some(), stats) else {
            return;
        };
        let [_, b] = &stats.legs;
        if let Some(after) = b.after_answer {
            // It may have been over before all of the time was, and long enough to tell.
            self.learn_answer_heard(core, now, &after);
        }
        if !self.is_bad() {
            let measured = Measured::of_legs(Duration::from_millis(talk_ms), &stats.legs);
            let mut result = measured.result();
            if self.is_sound_told() {
                result.mos = None;
            }
            self.learn_result(core, now, &result);
        }
    }

    /// It was listened to what the carrier sends behind its answer. One that is bad is told of at once: the call may go on for long, and
    /// others follow it.
    pub(crate) fn learn_answer_heard(&mut self, core: &mut Core, now: Now, after: &AfterAnswer) {
        let Some(bad) = after.verdict().filter(|_| !self.is_bad()) else {
            return;
        };
        self.set_bad();
        self.story.remark(in_words(bad, after));
        tracing::debug!(call = %self.id, %bad, "what is heard behind the answer is not the called party");
        let finish = self.story.finish.as_deref();
        let talk = finish.map(|finish| Duration::from_millis(finish.talk_ms));
        let result = CallResult {
            talk: talk.or_else(|| self.story.talk_time(now)).unwrap_or_default(),
            false_answer: Some(bad == BadAnswer::FalseAnswer),
            dead_air: Some(bad == BadAnswer::DeadAir),
            ..CallResult::default()
        };
        self.learn_result(core, now, &result);
    }

    /// The call sounds bad so far: its carrier's next ones need not wait for its end.
    pub(crate) fn learn_sound(&mut self, core: &mut Core, now: Now, mos: f32) {
        if self.is_bad() {
            return;
        }
        if let Some(of) = self.heard_of() {
            core.live.note_sound(now.at, &of, mos);
            core.learns(now);
            self.set_sound_told();
        }
    }

    fn learn_result(&self, core: &mut Core, now: Now, result: &CallResult) {
        if let Some(of) = self.heard_of() {
            core.live.note_call(now.at, &of, result);
            core.learns(now);
        }
    }

    /// Whose the sound was, if that is known: behind a transfer nobody knows it.
    fn heard_of(&self) -> Option<Of<'_>> {
        let moved = self.moves().is_some_and(|transfers| !transfers.over.is_empty());
        let carrier = self.story.tried.last().filter(|_| !moved);
        carrier.and_then(|tried| self.of(tried.trunk))
    }
}

/// What was heard behind a bad answer.
fn in_words(bad: BadAnswer, after: &AfterAnswer) -> String {
    let seconds = |ms: u32| f64::from(ms) / 1000.0;
    let listened = seconds(after.listened_ms);
    match bad {
        BadAnswer::FalseAnswer => format!(
            "false answer: in the first {listened:.1} s nothing was heard but tones ({} of {} Hz, {:.1} s in all)",
            after.tones,
            after.hertz,
            seconds(after.tone_ms)
        ),
        BadAnswer::DeadAir => {
            format!("dead air: nothing was heard in the first {listened:.1} s of the answer")
        }
    }
}

impl Switch {
    /// Takes back what the process before this one gave in [`Command::KeepLearned`].
    ///
    /// # Errors
    /// It cannot be used: nothing is known then.
    pub fn recall_learned(&mut self, now: Now, saved: &Saved) -> Result<(), route::quality::LoadError> {
        let core = self.core_mut();
        core.teacher.told = Some(now.at);
        core.live.recall_learned(now.at, now.unix_ms / 1000, saved)
    }
}
