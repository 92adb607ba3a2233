//! The search for someone who answers: its attempts, how many of them are made, and for how long.

use std::time::{Duration, Instant};

use config::Trunk;
use route::Attempt;
use sdp::Sdp;
use smallvec::SmallVec;

use super::{Call, Settled, Stage, registered};
use crate::core::{Core, Timer};
use crate::io::Now;
use crate::locate::Hops;
use crate::registrar::Contact;

/// Time for a call to ring somewhere, where no trunk of it has written `failover.time`.
const USUAL_TIME: Duration = Duration::from_secs(60);

/// Most branches of a fork whose early answers are kept.
const MAX_EARLY: usize = 16;

/// Attempts that a call may make.
pub(crate) struct Course {
    /// In this order.
    pub(crate) attempts: SmallVec<[Attempt; 4]>,
    /// So many of them at most.
    pub(crate) limit: usize,
    /// They were planned by the called number: what its rule says of ringing and of backups holds.
    pub(crate) by_number: bool,
}

/// The search for someone who answers.
pub(crate) struct Hunt {
    /// The plan's attempts, in order.
    pub(crate) attempts: SmallVec<[Attempt; 4]>,
    /// How many of them may be made.
    pub(crate) limit: usize,
    /// Index of the next one.
    pub(crate) next: usize,
    /// Index of the one that is being made.
    pub(super) at: Option<usize>,
    pub(crate) stage: Stage,
    /// This attempt has rung.
    pub(crate) rang: bool,
    /// Attempts made.
    pub(crate) made: usize,
    /// How the failed ones failed.
    pub(crate) outcomes: Vec<route::AttemptOutcome>,
    /// Where the registered users among the attempts are.
    pub(super) contacts: Vec<Contact>,
    /// Where else this attempt's target is.
    pub(crate) hops: Hops,
    /// What the branches of this attempt's fork have answered early, by their tags; the last to speak is last.
    pub(super) early: SmallVec<[(Box<[u8]>, Sdp); 1]>,
    /// The session that was agreed with a branch before its 2xx, by PRACK or UPDATE: its tag, who offered, and how payload types go.
    pub(super) settled: Option<Box<Settled>>,
    /// Planned by the called number.
    pub(super) by_number: bool,
    pub(super) clock: Clock,
}

/// How long a hunt has gone on, and may.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    since: Instant,
    /// The shortest `failover.time` that the calling trunk and those tried have written.
    time: Option<Duration>,
    /// When somebody has rung for the first time.
    rung: Option<Instant>,
    /// How long the called number may ring.
    ring: Option<Duration>,
    /// It goes on as long as there is anybody to be tried: it is for emergency services.
    endless: bool,
}

impl Clock {
    fn allows(&mut self, trunk: &Trunk) {
        self.time = self.time.into_iter().chain(trunk.failover.time).min();
    }

    /// What is left of the time for a call to ring somewhere; `None`: it has rung, or there is no end to it.
    fn left(&self, now: Now) -> Option<Duration> {
        let time = self.time.unwrap_or(USUAL_TIME);
        let gone = now.at.saturating_duration_since(self.since);
        (self.rung.is_none() && !self.endless).then(|| time.saturating_sub(gone))
    }

    /// What is left of the time that the called number may ring; `None`: its rule says nothing of that.
    fn ring_left(&self, now: Now) -> Option<Duration> {
        let gone = self
            .rung
            .map_or(Duration::ZERO, |rung| now.at.saturating_duration_since(rung));
        Some(self.ring?.saturating_sub(gone))
    }
}

impl Hunt {
    pub(super) fn new(now: Now, course: Course, contacts: Vec<Contact>) -> Self {
        Self {
            attempts: course.attempts,
            limit: course.limit,
            next: 0,
            at: None,
            stage: Stage::Trying,
            rang: false,
            made: 0,
            outcomes: Vec::new(),
            contacts,
            hops: Hops::default(),
            early: SmallVec::new(),
            settled: None,
            by_number: course.by_number,
            clock: Clock {
                since: now.at,
                time: None,
                rung: None,
                ring: None,
                endless: false,
            },
        }
    }

    /// The attempt that is being made.
    pub(crate) fn current(&self) -> Option<&Attempt> {
        self.attempts.get(self.at?)
    }

    /// The attempt that would be made next, if another may be.
    pub(super) fn upcoming(&self) -> Option<&Attempt> {
        self.attempts.get(self.next).filter(|_| self.made < self.limit)
    }

    /// The attempt under way rings.
    pub(super) fn rings(&mut self, now: Now) {
        self.rang = true;
        self.clock.rung.get_or_insert(now.at);
    }

    /// What is left of the time for a stage that comes before ringing.
    pub(super) fn within(&self, now: Now, limit: Duration) -> Duration {
        self.clock.left(now).map_or(limit, |left| left.min(limit))
    }

    /// Whether it has rung nowhere in the time that there is for that.
    pub(super) fn is_over(&self, now: Now) -> bool {
        self.clock.left(now).is_some_and(|left| left.is_zero())
    }

    /// Whether the called number has rung for as long as its rule lets it.
    pub(super) fn has_rung_out(&self, now: Now) -> bool {
        self.clock.ring_left(now).is_some_and(|left| left.is_zero())
    }

    /// Forgets what was said in the attempt before.
    pub(super) fn begin_anew(&mut self) {
        self.rang = false;
        self.early.clear();
    }

    /// Keeps a branch's early answer in case that its 2xx has none.
    pub(crate) fn remember_early(&mut self, tag: &[u8], answer: Sdp) {
        self.early.retain(|(known, _)| **known != *tag);
        if self.early.len() < MAX_EARLY {
            self.early.push((Box::from(tag), answer));
        }
    }

    /// The early answer of the branch with this tag; else the last of any.
    pub(crate) fn early_answer(&self, tag: &[u8]) -> Option<Sdp> {
        let own = self.early.iter().find(|(known, _)| **known == *tag);
        own.or(self.early.last()).map(|(_, answer)| answer.clone())
    }
}

impl Call {
    /// Begins the hunt along a plan.
    pub(crate) fn start(&mut self, core: &mut Core, now: Now, plan: route::Plan) {
        self.story.decision(plan.trace);
        let course = Course {
            attempts: plan.attempts,
            limit: plan.limit,
            by_number: true,
        };
        self.hunt_along(core, now, course);
    }

    /// Dials these.
    pub(crate) fn hunt_along(&mut self, core: &mut Core, now: Now, course: Course) {
        let snapshot = self.snapshot.clone();
        let Course {
            attempts,
            limit,
            by_number,
        } = course;
        let to = registered::expand(core, &snapshot, attempts, limit, self.called());
        let course = Course {
            attempts: to.attempts,
            limit: to.limit,
            by_number,
        };
        let mut hunt = Hunt::new(now, course, to.contacts);
        hunt.clock.endless = self.is_emergency();
        hunt.clock.allows(snapshot.trunk(self.customer()));
        if hunt.by_number {
            hunt.clock.ring = snapshot.tables.number(self.called()).and_then(|rule| rule.ring);
        }
        self.hunt = Some(Box::new(hunt));
        self.dial_next(core, now);
    }

    /// The next attempt, if another may be made.
    pub(super) fn take_attempt(&mut self, now: Now) -> Option<Attempt> {
        let snapshot = self.snapshot.clone();
        let hunt = self.hunt.as_mut()?;
        let attempt = hunt.upcoming()?.clone();
        if hunt.is_over(now) {
            let line = "no other attempt: it has rung nowhere in the time that failover.time allows";
            self.story.remark(line.to_owned());
            return None;
        }
        hunt.clock.allows(snapshot.trunk(attempt.trunk));
        hunt.at = Some(hunt.next);
        hunt.next += 1;
        hunt.begin_anew();
        hunt.settled = None;
        hunt.hops = Hops::default();
        Some(attempt)
    }

    /// How long the present attempt may ring.
    pub(super) fn ring_time(&self, now: Now, attempt: &Attempt) -> Duration {
        let answer = self.snapshot.trunk(attempt.trunk).failover.answer;
        let hunt = self.hunt.as_ref();
        let left = hunt.and_then(|hunt| hunt.clock.ring_left(now));
        let further = hunt.is_some_and(|hunt| hunt.has_further_contact());
        let contact = further.then_some(self.snapshot.config.registrar.ring);
        [left, contact].into_iter().flatten().fold(answer, Duration::min)
    }

    /// Sets the attempt's stage and its timer.
    pub(crate) fn set_stage(&mut self, core: &mut Core, now: Now, stage: Stage, limit: Duration) {
        let mut limit = limit;
        if let Some(hunt) = &mut self.hunt {
            hunt.stage = stage;
            limit = hunt.within(now, limit);
        }
        self.arm_stage(core, now, limit);
    }

    /// Sets the timer of what is being waited for.
    pub(super) fn arm_stage(&mut self, core: &mut Core, now: Now, limit: Duration) {
        core.disarm(&mut self.stage_timer);
        self.stage_timer = Some(core.arm(now, limit, Timer::Stage(self.key)));
    }

    /// Whose calls it has become: the one who has sent it on as its own, else the one that it came from.
    pub(super) fn payer(&self) -> route::TrunkIx {
        let onward = self.aside.as_ref().and_then(|aside| aside.onward.as_ref());
        onward
            .and_then(|onward| onward.payer())
            .unwrap_or_else(|| self.customer())
    }
}
