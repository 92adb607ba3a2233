//! What is usual: per hour of the week, learned from hours that were not themselves suspicious.
//!
//! Each hour of the week has a mean over the weeks in which the latest counts 0.3 at least, so that a season is followed. Where few
//! weeks are known, the largest hour of the days before today stands in, as far as they are missing. A flood teaches nothing: an hour in which
//! something was found is left out. Any other one counts as twice the expected at most, and the largest hour grows by no more than
//! twice in a day.

use serde::{Deserialize, Serialize};

/// Hours of a week.
const WEEK: usize = 168;

/// What is counted in each hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    /// Calls that have begun.
    Attempts,
    /// Calls that were answered.
    Answered,
    /// What was spent, in units of money.
    Spend,
    /// The prices of a minute of the calls that were answered, together.
    Price,
}

impl Figure {
    const ALL: [Self; 4] = [Self::Attempts, Self::Answered, Self::Spend, Self::Price];
}

/// One number for each [`Figure`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    attempts: f32,
    answered: f32,
    spend: f32,
    price: f32,
}

impl Figures {
    /// What anybody may have in an hour without being remarkable: so much is always learned.
    const FLOOR: Self = Self {
        attempts: 20.0,
        answered: 10.0,
        spend: 5.0,
        price: 1.5,
    };

    pub(super) fn get(&self, figure: Figure) -> f32 {
        match figure {
            Figure::Attempts => self.attempts,
            Figure::Answered => self.answered,
            Figure::Spend => self.spend,
            Figure::Price => self.price,
        }
    }

    pub(super) fn get_mut(&mut self, figure: Figure) -> &mut f32 {
        match figure {
            Figure::Attempts => &mut self.attempts,
            Figure::Answered => &mut self.answered,
            Figure::Spend => &mut self.spend,
            Figure::Price => &mut self.price,
        }
    }
}

/// The least weight of the latest week.
const LATEST: f32 = 0.3;
/// What the largest hour keeps from one hour to the next: half after three days.
const PEAK_KEEPS: f32 = 0.990_42;
/// What the number of calls keeps from one hour to the next: half after two weeks.
const USE_KEEPS: f32 = 0.997_94;
/// How many times the expected an hour teaches at most.
const GROWTH: f32 = 2.0;
/// Calls from which on a destination is one that the customer usually calls.
const USUAL: f32 = 10.0;
/// Hours without a call that are gone through one by one: as many weeks more change nothing any more.
const MOST_IDLE: u32 = 2 * WEEK as u32;

/// What one customer usually does with one country, or altogether.
#[derive(Debug, Clone)]
pub(super) struct Baseline {
    week: [Figures; WEEK],
    /// In how many weeks each hour was seen.
    seen: [u8; WEEK],
    /// The largest hour of the last days.
    peak: Figures,
    /// The same a day ago: it may be twice of that, and what goes on today is held against it.
    peak_before: Figures,
    /// Since when that stands, in hours since 1970.
    before_since: u32,
    /// The hour that is being counted.
    hour: u32,
    count: Figures,
    /// Something was found in it.
    suspicious: bool,
    /// What each of the last 24 hours was expected to cost before anything was learned of it.
    day: [f32; 24],
    /// Calls learned, the older the less.
    calls: f32,
}

impl Baseline {
    /// Nothing known, in this hour.
    pub(super) fn new(hour: u32) -> Self {
        Self {
            week: [Figures::default(); WEEK],
            seen: [0; WEEK],
            peak: Figures::default(),
            peak_before: Figures::default(),
            before_since: hour,
            hour,
            count: Figures::default(),
            suspicious: false,
            day: [0.0; 24],
            calls: 0.0,
        }
    }

    /// Counts in the hour that goes on.
    pub(super) fn count(&mut self, figure: Figure, amount: f32) {
        *self.count.get_mut(figure) += amount;
    }

    /// Something was found in this hour.
    pub(super) fn suspect(&mut self) {
        self.suspicious = true;
    }

    /// Learns from the hours that are over at `hour`. `free`: nothing is unusual yet for this customer.
    pub(super) fn advance(&mut self, hour: u32, free: bool) {
        if hour <= self.hour {
            return;
        }
        let count = std::mem::take(&mut self.count);
        self.remember(self.hour);
        if !std::mem::take(&mut self.suspicious) {
            self.learn(self.hour, &count, free);
        }
        let idle = (self.hour + 1).max(hour.saturating_sub(MOST_IDLE));
        for between in idle..hour {
            self.remember(between);
            self.learn(between, &Figures::default(), free);
        }
        self.hour = hour;
    }

    fn learn(&mut self, hour: u32, count: &Figures, free: bool) {
        let slot = hour as usize % WEEK;
        let weeks = self.seen.get(slot).copied().unwrap_or_default();
        let rate = (1.0 / (f32::from(weeks) + 1.0)).max(LATEST);
        let mut taught_calls = 0.0;
        for figure in Figure::ALL {
            let (expected, floor) = (self.expected(hour, figure), Figures::FLOOR.get(figure));
            let count = count.get(figure);
            let taught = if free {
                count
            } else {
                count.min(GROWTH * expected.max(floor))
            };
            if let Some(mean) = self.week.get_mut(slot).map(|figures| figures.get_mut(figure)) {
                *mean += rate * (taught - *mean);
            }
            let most = if free {
                f32::MAX
            } else {
                GROWTH * self.peak_before.get(figure).max(floor)
            };
            let peak = self.peak.get_mut(figure);
            *peak = (*peak * PEAK_KEEPS).max(taught.min(most));
            if figure == Figure::Attempts {
                taught_calls = taught;
            }
        }
        if let Some(weeks) = self.seen.get_mut(slot) {
            *weeks = weeks.saturating_add(1);
        }
        self.calls = self.calls * USE_KEEPS + taught_calls;
        if free || hour.saturating_sub(self.before_since) >= 24 {
            (self.peak_before, self.before_since) = (self.peak, hour);
        }
    }

    /// What is usual in an hour: the largest of it and its neighbours, since who works an hour later in winter is not suspicious.
    pub(super) fn expected(&self, hour: u32, figure: Figure) -> f32 {
        let known = self.known(hour);
        known * self.mean(hour, figure) + (1.0 - known) * self.peak_before.get(figure)
    }

    /// How far an hour of the week is known: by half after one week.
    fn known(&self, hour: u32) -> f32 {
        let weeks = self.seen.get(hour as usize % WEEK).copied().unwrap_or_default();
        f32::from(weeks) / (f32::from(weeks) + 1.0)
    }

    fn mean(&self, hour: u32, figure: Figure) -> f32 {
        let slot = hour as usize % WEEK;
        let near = [slot, (slot + 1) % WEEK, (slot + WEEK - 1) % WEEK];
        let means = near.into_iter().filter_map(|slot| self.week.get(slot));
        means.map(|figures| figures.get(figure)).fold(0.0, f32::max)
    }

    /// What is usually spent in the 24 hours before the present one and in it.
    pub(super) fn expected_day(&self) -> f32 {
        self.day.iter().sum::<f32>() + self.expected_of_day(self.hour)
    }

    /// The part of an hour in a day's spend: not every hour is as full as the largest.
    fn expected_of_day(&self, hour: u32) -> f32 {
        let known = self.known(hour);
        let peak = self.peak_before.get(Figure::Spend) * WORK;
        known * self.mean(hour, Figure::Spend) + (1.0 - known) * peak
    }

    fn remember(&mut self, hour: u32) {
        let expected = self.expected_of_day(hour);
        if let Some(place) = self.day.get_mut(hour as usize % 24) {
            *place = expected;
        }
    }

    /// Whether this hour of the week is one at which there is next to nothing, though there is something at others: by at least two
    /// weeks.
    pub(super) fn is_idle_hour(&self, hour: u32) -> bool {
        let weeks = self.seen.get(hour as usize % WEEK).copied().unwrap_or_default();
        let most = self
            .week
            .iter()
            .map(|figures| figures.attempts)
            .fold(0.0, f32::max);
        weeks >= 2 && most >= IDLE_FLOOR && self.mean(hour, Figure::Attempts) < most * IDLE_SHARE
    }

    /// Whether it is something that the customer usually does.
    pub(super) fn is_usual(&self) -> bool {
        self.calls >= USUAL
    }

    /// How much it is done.
    pub(super) fn calls(&self) -> f32 {
        self.calls
    }

    /// What is worth keeping over a restart.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            hour: self.hour,
            peak: self.peak,
            calls: self.calls,
        }
    }

    /// What was kept, as far as it is not forgotten by now.
    pub(super) fn of(kept: Kept, hour: u32) -> Self {
        let mut baseline = Self::new(kept.hour.min(hour));
        baseline.peak = kept.peak;
        baseline.calls = kept.calls;
        let gone = hour.saturating_sub(kept.hour).min(MOST_IDLE);
        for figure in Figure::ALL {
            *baseline.peak.get_mut(figure) *= PEAK_KEEPS.powi(gone as i32);
        }
        baseline.peak_before = baseline.peak;
        baseline.calls *= USE_KEEPS.powi(gone as i32);
        (baseline.hour, baseline.before_since) = (hour, hour);
        baseline
    }
}

/// What a baseline comes back from after a restart: how much there was at most. At which hours is learned again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) hour: u32,
    pub(super) peak: Figures,
    pub(super) calls: f32,
}

/// The part of a day that is as full as its largest hour, where more is not known: eight hours.
const WORK: f32 = 1.0 / 3.0;
/// Calls in the busiest hour of the week below which no hour is told from another.
const IDLE_FLOOR: f32 = 10.0;
/// The part of the busiest hour that is next to nothing.
const IDLE_SHARE: f32 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-02T00:00Z, a Monday, in hours.
    const MONDAY: u32 = 491_664;

    fn hour_of(baseline: &mut Baseline, hour: u32, attempts: f32, free: bool) {
        baseline.advance(hour, free);
        baseline.count(Figure::Attempts, attempts);
    }

    /// Calls by hour of an office: eight to eighteen on weekdays.
    fn office(hour: u32, most: f32) -> f32 {
        let (day, hour) = ((hour - MONDAY) / 24 % 7, hour % 24);
        if day < 5 && (8..18).contains(&hour) {
            most
        } else {
            0.0
        }
    }

    fn learned(weeks: u32, most: f32) -> Baseline {
        let mut baseline = Baseline::new(MONDAY);
        for hour in MONDAY..MONDAY + weeks * 168 {
            hour_of(&mut baseline, hour, office(hour, most), hour < MONDAY + 24);
        }
        baseline.advance(MONDAY + weeks * 168, false);
        baseline
    }

    #[test]
    fn each_hour_of_the_week_has_its_own_usual() {
        let baseline = learned(6, 100.0);
        let now = MONDAY + 6 * 168;
        let expected = |hour| baseline.expected(now + hour, Figure::Attempts);
        assert!((90.0..=101.0).contains(&expected(10)), "{}", expected(10));
        // Of the night there is what six weeks leave of the largest hour.
        assert!(expected(2) < 20.0, "{}", expected(2));
        assert!(baseline.is_idle_hour(now + 2) && baseline.is_idle_hour(now + 5 * 24 + 12));
        assert!(!baseline.is_idle_hour(now + 10) && !baseline.is_idle_hour(now + 7));
    }

    #[test]
    fn a_days_money_is_held_against_what_was_usual_before_it() {
        let mut baseline = Baseline::new(MONDAY);
        for hour in MONDAY..MONDAY + 4 * 168 {
            baseline.advance(hour, hour < MONDAY + 24);
            baseline.count(Figure::Spend, office(hour, 30.0));
        }
        let monday = MONDAY + 4 * 168;
        for hour in monday..monday + 24 {
            baseline.advance(hour, false);
            // Ten times as much as ever.
            baseline.count(Figure::Spend, 10.0 * office(hour, 30.0));
        }
        let day = baseline.expected_day();
        assert!((300.0..500.0).contains(&day), "{day}");
    }

    #[test]
    fn in_its_first_days_the_largest_hour_stands_for_all() {
        let mut baseline = Baseline::new(MONDAY);
        for hour in MONDAY..MONDAY + 20 {
            hour_of(&mut baseline, hour, office(hour, 100.0), true);
        }
        baseline.advance(MONDAY + 20, true);
        let expected = baseline.expected(MONDAY + 24 + 10, Figure::Attempts);
        assert!((90.0..=100.0).contains(&expected), "{expected}");
        assert!(!baseline.is_idle_hour(MONDAY + 24 + 2));
    }

    #[test]
    fn a_flood_that_was_found_teaches_nothing() {
        let mut baseline = learned(3, 100.0);
        let start = MONDAY + 3 * 168;
        let before = baseline.clone();
        for week in 0..4 {
            for hour in 0..168 {
                let at = start + week * 168 + hour;
                let night = hour == 26;
                hour_of(
                    &mut baseline,
                    at,
                    if night { 50_000.0 } else { office(at, 100.0) },
                    false,
                );
                if night {
                    baseline.suspect();
                }
            }
        }
        baseline.advance(start + 4 * 168, false);
        let expected = |of: &Baseline, hour| of.expected(start + 4 * 168 + hour, Figure::Attempts);
        for hour in [2, 25, 26, 27] {
            let (before, after) = (expected(&before, hour), expected(&baseline, hour));
            assert!(after <= before * 1.05, "{hour}: {before} {after}");
        }
        assert!(expected(&baseline, 10) <= 100.0 && expected(&baseline, 34) <= 100.0);
    }

    #[test]
    fn one_that_was_not_found_teaches_twice_the_usual_at_most() {
        let mut baseline = learned(4, 100.0);
        let at = MONDAY + 4 * 168 + 10;
        hour_of(&mut baseline, at, 1_000_000.0, false);
        baseline.advance(at + 1, false);
        let expected = baseline.expected(at + 168, Figure::Attempts);
        assert!(expected <= 200.0, "{expected}");
        // And a ramp takes days for each doubling, whatever it is made of.
        let mut ramp = learned(4, 10.0);
        for hour in 0..48 {
            let now = MONDAY + 4 * 168 + hour;
            let next = 2.0 * ramp.expected(now, Figure::Attempts).max(20.0);
            hour_of(&mut ramp, now, next, false);
        }
        let most = (0..168).map(|hour| ramp.expected(MONDAY + hour, Figure::Attempts));
        let most = most.fold(0.0, f32::max);
        assert!(most <= 160.0, "{most}");
    }

    #[test]
    fn growth_is_followed_and_idleness_forgotten() {
        let mut baseline = learned(2, 10.0);
        for week in 2_u32..12 {
            for hour in 0..168 {
                let at = MONDAY + week * 168 + hour;
                hour_of(
                    &mut baseline,
                    at,
                    office(at, 10.0 * 1.5_f32.powi(week as i32 - 1)),
                    false,
                );
            }
        }
        let now = MONDAY + 12 * 168;
        baseline.advance(now, false);
        let expected = baseline.expected(now + 10, Figure::Attempts);
        assert!(expected > 250.0, "{expected}");
        assert!(baseline.is_usual());
        baseline.advance(now + 40 * 168, false);
        let expected = baseline.expected(now + 40 * 168 + 10, Figure::Attempts);
        assert!(expected < 250.0, "{expected}");
        let kept = baseline.kept();
        assert_eq!(Baseline::of(kept, kept.hour).kept(), kept);
    }

    #[test]
    fn what_is_kept_over_a_restart_is_how_much_there_was() {
        let baseline = learned(4, 100.0);
        let again = Baseline::of(baseline.kept(), MONDAY + 4 * 168 + 5);
        assert!(again.is_usual());
        let expected = again.expected(MONDAY + 4 * 168 + 10, Figure::Attempts);
        assert!((30.0..=100.0).contains(&expected), "{expected}");
    }
}
