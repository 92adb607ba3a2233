//! When which test call is due, and whether it may be made. It knows no clock and no chance but those that it is given.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use config::{OpenHours, TestCall};

/// The time over which budgets are reckoned.
const DAY_MS: u64 = 86_400_000;

/// A test that could not be made at its moment is tried again after this.
const AGAIN_MS: u64 = 15_000;

/// A call that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) lane: usize,
    pub(super) trunk: String,
    pub(super) number: String,
    /// The number is one of ours.
    pub(super) own: bool,
}

/// Why a call is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// As many were made as there may be.
    Calls(u32),
    /// It would cost more than may be spent.
    Money(u64),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(most) => write!(f, "budget.calls_per_day: {most} calls were made within 24 hours"),
            Self::Money(most) => write!(
                f,
                "budget.money_per_day: it would cost more than {} within 24 hours",
                *most as f64 / 1e9
            ),
        }
    }
}

/// The tests of one trunk.
#[derive(Debug)]
struct Lane {
    trunk: String,
    /// The number whose turn is next.
    turn: usize,
    /// Its places in time are so far apart as the schedule says; each test is a little before or after.
    grid_ms: u64,
    due_ms: u64,
    /// When it had its turn last, or will have had it: before its time it is tested so long after that as the schedule says.
    turn_ms: u64,
    /// It is due before its time, as it has got worse.
    early: bool,
}

/// A schedule.
#[derive(Debug)]
pub(super) struct Schedule {
    every_ms: u64,
    again_ms: u64,
    window: Vec<OpenHours>,
    numbers: Vec<(String, bool)>,
    lanes: Vec<Lane>,
    most_calls: u32,
    /// In billionths.
    most_money: u64,
    /// When calls were made within the last day, and what each costs.
    made: VecDeque<(u64, u64)>,
}

impl Schedule {
    /// A schedule that begins now. Trunks stand evenly in its interval; `draw` gives random numbers.
    pub(super) fn new(now_ms: u64, of: &TestCall, trunks: &[String], draw: &mut dyn FnMut() -> u64) -> Self {
        let mut schedule = Self {
            every_ms: 1,
            again_ms: 1,
            window: Vec::new(),
            numbers: Vec::new(),
            lanes: Vec::new(),
            most_calls: 0,
            most_money: 0,
            made: VecDeque::new(),
        };
        schedule.follow(now_ms, of, trunks, draw);
        schedule
    }

    /// Goes by another configuration from now on. What was made counts on; trunks that stay keep their place if the interval does.
    pub(super) fn follow(
        &mut self,
        now_ms: u64,
        of: &TestCall,
        trunks: &[String],
        draw: &mut dyn FnMut() -> u64,
    ) {
        let every_ms = u64::try_from(of.every.as_millis()).unwrap_or(u64::MAX).max(1);
        let same = every_ms == self.every_ms && self.lanes.len() == trunks.len();
        let mut before = std::mem::take(&mut self.lanes);
        self.every_ms = every_ms;
        self.again_ms = u64::try_from(of.again.as_millis()).unwrap_or(u64::MAX).max(1);
        self.window.clone_from(&of.window);
        let entry = |own: bool| move |number: &String| (number.clone(), own);
        let numbers = of.numbers.iter().map(entry(false));
        self.numbers = numbers.chain(of.own.iter().map(entry(true))).collect();
        self.most_calls = of.budget.calls_per_day;
        self.most_money = (of.budget.money_per_day * 1e9).round() as u64;
        let many = trunks.len().max(1) as u64;
        for (index, trunk) in trunks.iter().enumerate() {
            let known = before.iter().position(|lane| lane.trunk == *trunk);
            let turn = known
                .and_then(|at| before.get(at))
                .map_or(index, |lane| lane.turn);
            if let Some(at) = known.filter(|_| same) {
                self.lanes.push(before.swap_remove(at));
                continue;
            }
            let grid_ms = now_ms + every_ms / many * index as u64;
            let due_ms = grid_ms + draw() % self.spread(many);
            self.lanes.push(Lane {
                trunk: trunk.clone(),
                turn,
                grid_ms,
                due_ms,
                turn_ms: 0,
                early: false,
            });
        }
    }

    /// Every trunk with every number.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let of = |lane: &Lane, number: &str| (lane.trunk.clone(), number.to_owned());
        let numbers = &self.numbers;
        let lanes = self.lanes.iter();
        lanes.flat_map(move |lane| numbers.iter().map(move |(number, _)| of(lane, number)))
    }

    /// Has trunks tested before their time that have got worse for calls to a number (`worse`), at the next number of which that is so: while less than half
    /// of what may be made in a day was.
    pub(super) fn hasten(&mut self, now_ms: u64, worse: &HashSet<&(String, String)>) {
        let (calls, spent) = self.made();
        let uses_half = calls >= self.most_calls as usize / 2 || spent > self.most_money / 2;
        if worse.is_empty() || uses_half {
            return;
        }
        let many = self.numbers.len();
        for lane in &mut self.lanes {
            let is_worse = |turn: &usize| {
                let number = self.numbers.get(turn % many.max(1));
                number.is_some_and(|(number, _)| worse.contains(&(lane.trunk.clone(), number.clone())))
            };
            let turn = lane.turn % many.max(1);
            let Some(turn) = (turn..turn + many).find(is_worse) else {
                continue;
            };
            let due_ms = now_ms.max(lane.turn_ms + self.again_ms);
            if due_ms < lane.due_ms {
                (lane.due_ms, lane.turn, lane.early) = (due_ms, turn, true);
            }
        }
    }

    /// How far a test may be from its place: not beyond half the way to the next trunk's.
    fn spread(&self, many: u64) -> u64 {
        (self.every_ms / many / 2).max(1)
    }

    /// The lane whose turn it is, if that has come.
    pub(super) fn due(&self, now_ms: u64) -> Option<usize> {
        let lanes = self.lanes.iter().enumerate();
        let due = lanes.filter(|(_, lane)| lane.due_ms <= now_ms);
        due.min_by_key(|(_, lane)| lane.due_ms).map(|(index, _)| index)
    }

    /// The lane that is due first, now or later; of this trunk, if one is named.
    pub(super) fn next(&self, trunk: Option<&str>) -> Option<usize> {
        let lanes = self.lanes.iter().enumerate();
        let wanted = lanes.filter(|(_, lane)| trunk.is_none_or(|trunk| lane.trunk == trunk));
        wanted.min_by_key(|(_, lane)| lane.due_ms).map(|(index, _)| index)
    }

    /// When the next test is due, in milliseconds from now.
    pub(super) fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let due = self.lanes.iter().map(|lane| lane.due_ms).min()?;
        Some(due.saturating_sub(now_ms))
    }

    /// What a lane has to do.
    pub(super) fn what(&self, lane: usize) -> Option<Due> {
        let at = self.lanes.get(lane)?;
        let turn = at.turn % self.numbers.len().max(1);
        let (number, own) = self.numbers.get(turn)?.clone();
        Some(Due {
            lane,
            trunk: at.trunk.clone(),
            number,
            own,
        })
    }

    /// Whether tests are made at this time.
    pub(super) fn is_open(&self, now_ms: u64) -> bool {
        self.window.is_empty() || self.window.iter().any(|hours| hours.has(now_ms / 1000))
    }

    /// Whether one more call that costs so much may be made.
    pub(super) fn may(&mut self, now_ms: u64, cost: u64) -> Result<(), Held> {
        let since = now_ms.saturating_sub(DAY_MS);
        while self.made.front().is_some_and(|(at, _)| *at <= since) {
            self.made.pop_front();
        }
        if self.made.len() >= self.most_calls as usize {
            return Err(Held::Calls(self.most_calls));
        }
        if cost > 0 && self.spent().saturating_add(cost) > self.most_money {
            return Err(Held::Money(self.most_money));
        }
        Ok(())
    }

    /// Calls of the last day, and what they cost.
    pub(super) fn made(&self) -> (usize, u64) {
        (self.made.len(), self.spent())
    }

    fn spent(&self) -> u64 {
        self.made
            .iter()
            .fold(0, |sum: u64, (_, cost)| sum.saturating_add(*cost))
    }

    /// A call is made.
    pub(super) fn make(&mut self, now_ms: u64, cost: u64) {
        self.made.push_back((now_ms, cost));
    }

    /// One that was made then was not answered: it costs nothing.
    pub(super) fn unanswered(&mut self, made_ms: u64) {
        if let Some((_, cost)) = self.made.iter_mut().find(|(at, _)| *at == made_ms) {
            *cost = 0;
        }
    }

    /// The lane has had its turn; `called`: and its number as well.
    pub(super) fn pass(&mut self, lane: usize, now_ms: u64, called: bool, draw: u64) {
        let (every, spread) = (self.every_ms, self.spread(self.lanes.len().max(1) as u64));
        let Some(lane) = self.lanes.get_mut(lane) else {
            return;
        };
        lane.turn = lane.turn.wrapping_add(usize::from(called));
        lane.turn_ms = now_ms;
        if std::mem::take(&mut lane.early) && now_ms < lane.grid_ms {
            lane.due_ms = lane.grid_ms + draw % spread;
            return;
        }
        // What was missed while nothing could be made is not caught up with.
        let missed = now_ms.saturating_sub(lane.grid_ms) / every;
        lane.grid_ms += every * (missed + 1);
        lane.due_ms = lane.grid_ms + draw % spread;
    }

    /// The trunk is busy, or full: a little later.
    pub(super) fn postpone(&mut self, lane: usize, now_ms: u64) {
        let again = AGAIN_MS.min(self.every_ms / 2).max(1);
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.due_ms = now_ms + again;
            lane.turn_ms = lane.due_ms;
        }
    }
}

#[cfg(test)]
mod tests;
