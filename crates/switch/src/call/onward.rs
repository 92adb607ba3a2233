//! Where a call goes on to when nobody has answered it where it was for: to the backups of its number's rule, or to whom the called
//! side names in a redirection (RFC 3261 §8.1.3.4, §16.5).
//!
//! Each *way* is a hunt of its own, in place of the one that has come to nothing. It leads to one trunk, which the operator has named;
//! to a target of the trunk that redirects; or to a number, which is planned, screened and limited as a call of whoever has sent
//! it there. Nothing else is ever called. No way is taken twice, none is longer than [`MAX_DEPTH`], and there are [`MAX_WAYS`]
//! at most: so numbers that send a call to each other come to an end.

mod redirect;

use std::collections::VecDeque;
use std::sync::Arc;

use route::{Attempt, AttemptOutcome, Permit, TrunkIx, Unanswered};
use sip_msg::Message;

use super::{Call, Course, ErrandKind, Phase};
use crate::admit;
use crate::call::bill;
use crate::core::Core;
use crate::identity::{Diverted, Whereto};
use crate::io::Now;

/// Ways that one call takes at most.
const MAX_WAYS: usize = 16;

/// How often a call is sent on by one whom it was sent to.
const MAX_DEPTH: usize = 5;

/// The word for a way that the called side has named.
const REDIRECTED: &str = "redirected";

/// Every case that a rule may have backups for.
const CASES: [Unanswered; 4] = [
    Unanswered::Busy,
    Unanswered::NoAnswer,
    Unanswered::Failure,
    Unanswered::Unregistered,
];

/// Whom a way leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// This trunk, and of its targets this one, if one is named.
    Only(TrunkIx, Option<usize>),
    /// Wherever a call of this trunk's to the number goes.
    Number(TrunkIx),
    /// The backups of the number's rule, whichever fit how the hunt before has ended.
    Backups,
}

/// A way that a call may take.
struct Way {
    to: To,
    /// The number that is called.
    number: Box<str>,
    /// Who has sent it there, the first one first.
    by: Arc<[Diverted]>,
    /// Why, in a word.
    why: &'static str,
}

/// What a call has become that was sent on.
pub(super) struct Onward {
    /// The number that it is for now.
    called: Box<str>,
    /// Who has sent it there, the first one first.
    by: Arc<[Diverted]>,
    /// Why, in a word; empty: it has not been sent on yet.
    why: &'static str,
    /// Whose call it is now, where it goes to a number.
    payer: Option<TrunkIx>,
    /// The ways that are left.
    ways: VecDeque<Way>,
    /// Those that were taken, or can't be: trunk, target, number.
    been: Vec<(Option<TrunkIx>, Option<usize>, Box<str>)>,
    taken: usize,
    /// How the hunts before have ended.
    outcomes: Vec<AttemptOutcome>,
    /// Places on the trunks of those who have sent it on, each with the length of its way.
    places: Vec<(usize, Permit)>,
}

/// A number without its +.
fn bare(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

impl Onward {
    fn new(called: &str) -> Self {
        Self {
            called: called.into(),
            by: Arc::new([]),
            why: "",
            payer: None,
            ways: VecDeque::new(),
            been: vec![(None, None, bare(called).into())],
            taken: 0,
            outcomes: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Whose call it is now.
    pub(super) fn payer(&self) -> Option<TrunkIx> {
        self.payer
    }

    /// Of a branch: what its INVITE says.
    fn of_branch(&self) -> Self {
        Self {
            by: Arc::clone(&self.by),
            why: self.why,
            ..Self::new(&self.called)
        }
    }

    /// Takes a way into account; says why it can't be taken.
    fn enter(&mut self, way: &Way) -> Result<(), &'static str> {
        let (trunk, target) = match way.to {
            To::Only(trunk, target) => (Some(trunk), target),
            To::Number(_) | To::Backups => (None, None),
        };
        let place = (trunk, target, bare(&way.number).into());
        if self.been.contains(&place) {
            return Err("it was there before");
        }
        if self.taken >= MAX_WAYS || way.by.len() > MAX_DEPTH {
            return Err("it was sent on too often");
        }
        self.been.push(place);
        self.taken += 1;
        Ok(())
    }
}

impl Call {
    fn onward(&self) -> Option<&Onward> {
        self.aside.as_ref()?.onward.as_deref()
    }

    fn onward_mut(&mut self) -> Option<&mut Onward> {
        self.aside.as_mut()?.onward.as_deref_mut()
    }

    fn onward_or_new(&mut self) -> &mut Onward {
        let called = self.story.called.clone();
        let onward = &mut self.aside().onward;
        onward.get_or_insert_with(|| Box::new(Onward::new(&called)))
    }

    /// The number that the call is for now.
    pub(crate) fn called(&self) -> &str {
        self.onward().map_or(&self.story.called, |onward| &onward.called)
    }

    /// For whom it is now, and who has sent it there.
    pub(super) fn whereto(&self) -> Whereto<'_> {
        Whereto {
            called: self.called(),
            diverted: self.onward().map_or(&[], |onward| &onward.by),
        }
    }

    /// Whether it was sent on by whoever has this number, which is without its +.
    pub(crate) fn was_sent_on_by(&self, digits: &str) -> bool {
        let mut diverted = self.whereto().diverted.iter();
        diverted.any(|diverted| bare(diverted.number()) == digits)
    }

    /// Notes in the story that an attempt begins, and of which way it is.
    pub(super) fn attempt_begins(&mut self, now: Now, attempt: &Attempt) {
        let onto = self.onward().filter(|onward| !onward.why.is_empty());
        let onto = onto.map(|onward| (onward.called.clone(), onward.why));
        self.story.attempt_begins(now, attempt, onto);
    }

    /// A branch's INVITE says the same of where it goes.
    pub(super) fn goes_with(&mut self, other: &Self) {
        if let Some(onward) = other.onward() {
            self.aside().onward = Some(Box::new(onward.of_branch()));
        }
    }

    /// How the hunts have ended whose place this one has taken.
    pub(super) fn ended_before(&self) -> &[AttemptOutcome] {
        self.onward().map_or(&[], |onward| &onward.outcomes)
    }

    /// The call is over, or this place is not needed any more: the trunks have them back.
    pub(super) fn leave_places(&mut self, core: &mut Core, from_depth: usize) {
        let Some(onward) = self.onward_mut() else { return };
        let (gone, kept) = std::mem::take(&mut onward.places)
            .into_iter()
            .partition(|(depth, _)| *depth >= from_depth);
        onward.places = kept;
        for (_, permit) in gone {
            core.live.release(permit);
        }
    }

    /// Whether it is one that may be sent on: what rings or races with others is not, nor a caller that has its session already.
    fn may_go_on(&self) -> bool {
        let whole = self
            .errand()
            .is_none_or(|errand| errand.kind == ErrandKind::Transfer);
        whole && self.phase == Phase::Dialing && !self.is_caller_settled()
    }

    /// The hunt has ended so. Whether the call goes on elsewhere.
    pub(crate) fn goes_on(&mut self, core: &mut Core, now: Now, outcome: AttemptOutcome) -> bool {
        let Some(why) = Unanswered::of(outcome).filter(|_| self.may_go_on()) else {
            return false;
        };
        let by_number = self.hunt.as_ref().is_none_or(|hunt| hunt.by_number);
        if by_number && self.has_backups(&[why]) {
            let way = self.backups_way();
            self.onward_or_new().ways.push_front(way);
        }
        let Some(onward) = self.onward_mut() else {
            return false;
        };
        if outcome.status() >= 600 {
            // A word for the user, wherever it is (RFC 3261 §16.7). What the number's rule says is the operator's.
            onward.ways.retain(|way| way.why != REDIRECTED);
        }
        self.take_way(core, now, why, 0)
    }

    fn has_backups(&self, cases: &[Unanswered]) -> bool {
        let tables = &self.snapshot.tables;
        let of = |why: &Unanswered| tables.backups(self.called(), *why);
        cases
            .iter()
            .filter_map(of)
            .any(|(_, backups)| !backups.is_empty())
    }

    fn backups_way(&self) -> Way {
        Way {
            to: To::Backups,
            number: self.called().into(),
            by: self
                .onward()
                .map_or(Arc::new([]), |onward| Arc::clone(&onward.by)),
            why: "",
        }
    }

    /// The called side has redirected the call. Whether it goes on to whom it names.
    pub(super) fn follow(
        &mut self,
        core: &mut Core,
        now: Now,
        by: TrunkIx,
        answer: Option<&Message>,
        rang: bool,
    ) -> bool {
        let Some(answer) = answer.filter(|_| self.may_go_on()) else {
            return false;
        };
        let snapshot = self.snapshot.clone();
        let same = self.backups_way();
        let diverted = Diverted::by_redirection(&same.number, answer, (&snapshot, snapshot.trunk(by)), rang);
        let behind: Arc<[Diverted]> = same.by.iter().cloned().chain([diverted]).collect();
        let mut ways = Vec::new();
        for named in redirect::read(&snapshot, by, &same.number, answer) {
            match named {
                Ok((to, number)) => {
                    // The same number elsewhere has not been diverted.
                    let moved = *number == *same.number;
                    ways.push(Way {
                        to,
                        number,
                        by: Arc::clone(if moved { &same.by } else { &behind }),
                        why: REDIRECTED,
                    });
                }
                Err(line) => self
                    .story
                    .remark(format!("{}: redirected: {line}", snapshot.trunk(by).name)),
            }
        }
        let by_number = self.hunt.as_ref().is_some_and(|hunt| hunt.by_number);
        let last = by_number && self.has_backups(&CASES);
        let onward = self.onward_or_new();
        let keep = onward.ways.len() + usize::from(last);
        if last {
            onward.ways.push_front(same);
        }
        for way in ways.into_iter().rev() {
            onward.ways.push_front(way);
        }
        let taken = self.take_way(core, now, Unanswered::Failure, keep);
        if let (false, true, Some(onward)) = (taken, last, self.onward_mut()) {
            onward.ways.pop_front();
        }
        taken
    }

    /// Takes the first of the ways that can be taken, unless no more than `keep` are left.
    fn take_way(&mut self, core: &mut Core, now: Now, why: Unanswered, keep: usize) -> bool {
        loop {
            let Some(onward) = self.onward_mut().filter(|onward| onward.ways.len() > keep) else {
                return false;
            };
            let Some(way) = onward.ways.pop_front() else {
                return false;
            };
            if way.to == To::Backups {
                self.open_backups(&way, why);
                continue;
            }
            let entered = onward.enter(&way).map_err(str::to_owned);
            let to = self.names(&way);
            match entered.and_then(|()| self.lay(core, now, &way)) {
                Ok((course, place)) => {
                    self.story.remark(format!("{}: on to {to}", way.why));
                    self.set_out(core, way, place);
                    self.hunt_along(core, now, course);
                    return true;
                }
                Err(line) => self.story.remark(format!("{}: not to {to}: {line}", way.why)),
            }
        }
    }

    /// Puts the backups of a number before all other ways.
    fn open_backups(&mut self, way: &Way, why: Unanswered) {
        let snapshot = self.snapshot.clone();
        let Some((_, backups)) = snapshot.tables.backups(&way.number, why) else {
            return;
        };
        let diverted = Diverted::by_rule(&way.number, why);
        let by: Arc<[Diverted]> = way.by.iter().cloned().chain([diverted]).collect();
        let onward = self.onward_or_new();
        for backup in backups.iter().rev() {
            let to = match (backup.trunk, backup.payer) {
                (Some(trunk), _) => To::Only(trunk, None),
                (None, Some(payer)) => To::Number(payer),
                (None, None) => continue,
            };
            onward.ways.push_front(Way {
                to,
                number: backup.number.clone().unwrap_or_else(|| way.number.clone()),
                by: Arc::clone(&by),
                why: why.as_str(),
            });
        }
    }

    /// Where a way leads, for the record.
    fn names(&self, way: &Way) -> String {
        let name = |trunk| &self.snapshot.trunk(trunk).name;
        match way.to {
            To::Only(trunk, _) if *way.number == *self.story.called => name(trunk).clone(),
            To::Only(trunk, _) => format!("{} at {}", way.number, name(trunk)),
            To::Number(payer) => format!("{} as a call of {}", way.number, name(payer)),
            To::Backups => format!("the backups of {}", way.number),
        }
    }

    /// Plans a way. With it comes a place on the trunk whose call it is, if it is anybody's.
    ///
    /// # Errors
    /// Why it can't be taken.
    fn lay(&mut self, core: &mut Core, now: Now, way: &Way) -> Result<(Course, Option<Permit>), String> {
        let snapshot = self.snapshot.clone();
        let caller = self.story.caller.clone();
        let request = |from| route::Request {
            from,
            caller: &caller,
            called: &way.number,
            class: None,
            sell: None,
            routed: None,
            emergency: false,
            at_unix_s: now.unix_ms / 1000,
            draw: 0,
        };
        let payer = match way.to {
            To::Number(payer) => payer,
            To::Only(trunk, target) => {
                let request = route::Request {
                    draw: core.random(),
                    ..request(self.customer())
                };
                let only = (trunk, target);
                let (attempts, limit) =
                    route::plan_only(&snapshot.tables, &core.live, now.at, &request, only)
                        .map_err(|why| why.to_string())?;
                let by_number = false;
                return Ok((
                    Course {
                        attempts,
                        limit,
                        by_number,
                    },
                    None,
                ));
            }
            To::Backups => return Err(String::new()),
        };
        if let Err(denied) = admit::may_call(&snapshot, payer, &way.number) {
            core.counters.refused_destination += 1;
            return Err(denied.to_string());
        }
        let place = self.place_for(core, now, payer)?;
        let at_unix_s = now.unix_ms / 1000;
        let request = route::Request {
            draw: core.random(),
            sell: bill::sale(&snapshot, payer, at_unix_s, (&caller, &way.number)).rate(),
            ..request(payer)
        };
        match route::plan(&snapshot.tables, &core.live, now.at, &request) {
            Ok(plan) => {
                for line in plan.trace.lines() {
                    self.story.remark(line);
                }
                let course = Course {
                    attempts: plan.attempts,
                    limit: plan.limit,
                    by_number: true,
                };
                Ok((course, place))
            }
            Err(none) => {
                if let Some(place) = place {
                    core.live.release(place);
                }
                Err(none.reason.to_string())
            }
        }
    }

    /// A place for a call of this trunk's. What looks for a transfer's target only keeps to its pace: nobody would give the
    /// place back.
    fn place_for(&self, core: &mut Core, now: Now, payer: TrunkIx) -> Result<Option<Permit>, String> {
        let snapshot = self.snapshot.clone();
        let trunk = snapshot.trunk(payer);
        let full = || format!("{} may have no more calls", trunk.name);
        if self.errand().is_none() {
            let place = core.admit_attempt(now, trunk);
            return place.map(Some).ok_or_else(full);
        }
        let current = core.snapshot.clone();
        let ix = current.tables.trunk_named(&trunk.name).ok_or_else(full)?;
        let may = core.live.try_pace(now.at, &current.tables, ix);
        may.then_some(None).ok_or_else(full)
    }

    /// From here on it is a call along this way.
    fn set_out(&mut self, core: &mut Core, way: Way, place: Option<Permit>) {
        let outcomes = self.hunt.take().map_or(Vec::new(), |hunt| hunt.outcomes);
        let depth = way.by.len();
        self.leave_places(core, depth);
        let onward = self.onward_or_new();
        onward.outcomes.extend(outcomes);
        onward.places.extend(place.map(|place| (depth, place)));
        onward.payer = match way.to {
            To::Number(payer) => Some(payer),
            To::Only(..) | To::Backups => None,
        };
        onward.called = way.number;
        onward.by = way.by;
        onward.why = way.why;
    }
}
