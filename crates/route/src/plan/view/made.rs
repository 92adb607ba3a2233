//! From what a decision saw to data.

use super::{CandidateView, DecisionView, FartherView, LearnedView, RateView};
use crate::deck::{self, Money, Rate};
use crate::learn::{Estimate, Why};
use crate::margin::Margin;
use crate::plan::learned::{Known, Learned};
use crate::plan::trace::{Basis, Candidate, LeftOut, Measures, Moved, Place, Trace};
use crate::prices::COMPARED_MS;
use crate::tables::{Near, TrunkIx};
use std::time::Duration;

impl Trace {
    /// The decision as data.
    pub fn view(&self) -> DecisionView {
        let (basis, rule) = match &self.basis {
            Basis::Number(pattern) => ("number", Some(pattern.to_string())),
            Basis::Carriers => ("carriers", None),
            Basis::Emergency => ("emergency", None),
            Basis::NoTransit => ("no-transit", None),
        };
        let learned = self.learned.as_deref();
        let best = learned.filter(|learned| matches!(learned.why(), Why::Sampled | Why::Probe));
        let sell = self.measures.min_margin.and(self.measures.sell);
        DecisionView {
            from: self.name(self.from).to_owned(),
            called: self.called().to_owned(),
            routed: self.routed.as_deref().map(str::to_owned),
            class: self.class().map(str::to_owned),
            basis: basis.to_owned(),
            rule,
            draw: self.draw.to_string(),
            choice: learned.map(|learned| word(learned.why()).to_owned()),
            best: best
                .and_then(|learned| self.trunk_of(learned.best()?))
                .map(str::to_owned),
            quality_weight: learned.map(|learned| learned.policy().weights.quality),
            chances: learned.map(Learned::chances),
            by_region: self.measures.has_region,
            sell: sell.map(|sell| sell.to_string()),
            min_margin: self.measures.min_margin.map(|least| least.to_string()),
            candidates: self.candidate_views(),
        }
    }

    fn candidate_views(&self) -> Vec<CandidateView> {
        let mut place = 0;
        let beliefs = self.beliefs();
        let view = |candidate: Candidate| {
            let (in_order, why) = match candidate.place {
                Place::InOrder => (true, None),
                Place::Last(late) => (true, Some(late.in_words())),
                Place::Dropped(why) => (false, Some(why.to_string())),
            };
            place += u16::from(in_order);
            let belief = beliefs.iter().find(|(trunk, _)| *trunk == candidate.trunk);
            CandidateView {
                trunk: self.name(candidate.trunk).to_owned(),
                place: in_order.then_some(place),
                why,
                figure: self.figure(&candidate),
                in_region: match candidate.near {
                    Some(Near::Here) => Some(true),
                    Some(Near::Elsewhere) => Some(false),
                    Some(Near::Unknown) | None => None,
                },
                farther: self.farther(candidate.trunk),
                learned: belief.map(|(_, learned)| *learned),
                rate: candidate
                    .rate
                    .filter(|rate| !rate.blocked)
                    .map(|rate| RateView::of(rate, self.routed.as_deref().unwrap_or(self.called()))),
                priority: candidate.priority,
                weight: candidate.weight,
            }
        };
        self.candidates().into_iter().map(view).collect()
    }

    /// What was believed of those among which quality has chosen.
    fn beliefs(&self) -> Vec<(TrunkIx, LearnedView)> {
        let Some(learned) = self
            .learned
            .as_deref()
            .filter(|learned| learned.why() != Why::Cheapest)
        else {
            return Vec::new();
        };
        let view = |known: &Known| {
            let Estimate {
                mean,
                bills,
                deviation,
                weight,
                hope,
                share,
            } = known.estimate;
            let learned = LearnedView {
                quality: mean,
                deviation,
                attempts: weight,
                share,
                relative_price: known.relative_price,
                hope,
                bills,
                propensity: None,
            };
            Some((self.standing(known.standing)?.trunk, learned))
        };
        learned.known().iter().filter_map(view).collect()
    }

    fn trunk_of(&self, standing: u32) -> Option<&str> {
        Some(self.name(self.standing(standing)?.trunk))
    }

    /// What a candidate was measured by that is not tried.
    fn figure(&self, candidate: &Candidate) -> Option<String> {
        let Measures {
            max_price,
            min_margin,
            sell,
            ..
        } = self.measures;
        match (candidate.place, max_price, min_margin, sell, candidate.rate) {
            (Place::Dropped(LeftOut::TooDear), Some(most), ..) => Some(format!("of {most}")),
            (Place::Dropped(LeftOut::ThinMargin), _, Some(least), Some(sell), Some(rate)) => {
                let cost = deck::cost(rate, COMPARED_MS);
                let leaves = Margin::of(sell, cost);
                Some(format!(
                    "of {least}: {leaves}, of {sell} for three minutes it takes {cost}"
                ))
            }
            _ => None,
        }
    }

    /// Which of a trunk's targets were put behind others.
    fn farther(&self, trunk: TrunkIx) -> Vec<FartherView> {
        let view = |moved: &Moved| {
            let targets = self.trunk(trunk).map_or(&[][..], |trunk| &trunk.targets);
            let target = targets.get(usize::from(moved.target));
            let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            FartherView {
                target: target.map_or("?", |target| &target.uri).to_owned(),
                ms: ms(moved.took),
                nearest_ms: ms(moved.nearest),
            }
        };
        let of = |moved: &&Moved| moved.trunk == trunk;
        self.moved.iter().filter(of).map(view).collect()
    }
}

impl RateView {
    fn of(rate: Rate, called: &str) -> Self {
        let some = |amount: Money| (amount != Money(0)).then(|| amount.to_string());
        Self {
            prefix: called
                .get(..usize::from(rate.prefix_len))
                .unwrap_or(called)
                .to_owned(),
            per_minute: rate.per_minute.to_string(),
            fee: some(rate.fee),
            minimum: some(rate.minimum),
            first_interval: rate.first_interval,
            increment: rate.increment,
        }
    }
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Best => "best",
        Why::Sampled => "sampled",
        Why::Probe => "probe",
        Why::Cheapest => "cheapest",
    }
}
