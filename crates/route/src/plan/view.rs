//! A decision as data that outlives its tables: for the record, for whoever asks, and for replaying it.

use super::learned::{Known, Learned};
use super::trace::{Basis, Candidate, LeftOut, Measures, Place, Trace};
use crate::deck::{self, Money, Rate};
use crate::learn::{self, Estimate, Offer, Policy, Row, Weights, Why};
use crate::margin::Margin;
use crate::prices::COMPARED_MS;
use crate::tables::{Near, TrunkIx};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What a decision saw and what it made of it, by names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionView {
    /// The trunk that the call came from.
    pub from: String,
    /// The called number, without `+`.
    pub called: String,
    /// The number that decks were asked for, where that is another: the routing number of a ported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<String>,
    /// The class of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// By what the candidates were chosen: `carriers`, `number` (a rule), `emergency`, or `no-transit` (a carrier's call to a
    /// number without a rule).
    pub basis: String,
    /// The number rule, by its `match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The random number that decided among equals, in decimal digits: JSON's numbers have no room for all of them.
    pub draw: String,
    /// How the first was chosen where quality counts: `best` (it looks the best), `sampled` (chance put it before one that looks better,
    /// as unsure as both are), `probe` (it may be better than it looks, and is tried), or `cheapest` (too little is known).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// The one that looked the best, where another is first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
    /// What quality weighs there; price weighs the rest of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_weight: Option<f32>,
    /// How much chance there was there, how often one was tried that may be better than it looks, and below how many attempts chance had
    /// no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chances: Option<[f32; 3]>,
    /// Whether carriers in the region where the call came in stand before others of their price and priority.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_region: bool,
    /// What the customer pays for three minutes, where a carrier has to leave something of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sell: Option<String>,
    /// What a carrier has to leave of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_margin: Option<String>,
    /// Every trunk that was looked at: those that stand in order, then those placed last, then those dropped.
    pub candidates: Vec<CandidateView>,
}

/// A trunk that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateView {
    /// The trunk.
    pub trunk: String,
    /// Its place among the attempts, from 1; absent: it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u16>,
    /// Why it is placed last, or was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The figures behind that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// Whether it is in the region where the call has come in; absent: it says nothing of regions, or the call came in where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_region: Option<bool>,
    /// Its targets that are behind others of it, because they are farther away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub farther: Vec<FartherView>,
    /// What was believed of it, where that was weighed against its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedView>,
    /// What its deck asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateView>,
    /// Its `priority`.
    pub priority: u16,
    /// Weight of its foremost targets together.
    pub weight: u32,
}

/// What was believed of a carrier for calls to the destination in the class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearnedView {
    /// Quality of its calls, 0 to 1.
    pub quality: f32,
    /// Standard deviation of that.
    pub deviation: f32,
    /// How many attempts' worth is known.
    pub attempts: f32,
    /// Part of the calls in which it may be the best: less than 1 while it is new or has recovered, 0 below a floor.
    pub share: f32,
    /// Its price over that of the cheapest, relative to that.
    pub relative_price: f32,
    /// What its quality was before it got worse, or may be as nothing is known yet.
    pub hope: f32,
    /// How often it has to be paid, over how often the usual carrier has.
    pub bills: f32,
    /// How likely it was to be the first, over all draws; absent: that was not [worked out](DecisionView::work_out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f32>,
}

/// A target that stands behind another of its trunk, because it is farther away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FartherView {
    /// The target.
    pub target: String,
    /// How long it takes to hear of it.
    pub ms: u64,
    /// How long it takes to hear of the nearest.
    pub nearest_ms: u64,
}

/// What a deck asks, in the base currency, amounts as decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateView {
    /// The prefix that has matched.
    pub prefix: String,
    /// Price of a minute.
    pub per_minute: String,
    /// Fee for an answered call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<String>,
    /// Least charge for an answered call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    /// Seconds charged at least.
    pub first_interval: u16,
    /// Steps of seconds by which a longer call is charged.
    pub increment: u16,
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

/// Trunks that are dropped for the same reason share a line where there are more than so many.
const APART: usize = 3;

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
        let view = |moved: &super::trace::Moved| {
            let targets = self.trunk(trunk).map_or(&[][..], |trunk| &trunk.targets);
            let target = targets.get(usize::from(moved.target));
            let ms = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            FartherView {
                target: target.map_or("?", |target| &target.uri).to_owned(),
                ms: ms(moved.took),
                nearest_ms: ms(moved.nearest),
            }
        };
        let of = |moved: &&super::trace::Moved| moved.trunk == trunk;
        self.moved.iter().filter(of).map(view).collect()
    }
}

impl LearnedView {
    fn estimate(&self) -> Estimate {
        Estimate {
            mean: self.quality,
            bills: self.bills,
            deviation: self.deviation,
            weight: self.attempts,
            hope: self.hope,
            share: self.share,
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

impl DecisionView {
    /// Works out how likely each candidate was to be the first, where quality has chosen: that takes its time, and is nothing for the
    /// shard.
    pub fn work_out(&mut self) {
        let (Some(quality), Some([noise, probe, min_attempts])) = (self.quality_weight, self.chances) else {
            return;
        };
        let policy = Policy {
            weights: Weights {
                quality,
                price: 1.0 - quality,
            },
            ..Policy::default()
        };
        let known: Vec<&mut LearnedView> = self
            .candidates
            .iter_mut()
            .filter_map(|candidate| candidate.learned.as_mut())
            .collect();
        let estimates: Vec<Estimate> = known.iter().map(|known| known.estimate()).collect();
        let row = Row {
            estimates: &estimates,
            noise,
            probe,
            min_attempts,
        };
        let offer = |(known, slot): (&&mut LearnedView, u32)| Offer {
            slot,
            relative_price: known.relative_price,
        };
        let offers: Vec<Offer> = known.iter().zip(0..).map(offer).collect();
        for (known, propensity) in known.into_iter().zip(learn::propensities(&policy, &row, &offers)) {
            known.propensity = Some(propensity);
        }
    }

    /// In plain words, for people who ask: a line for the call, then one per candidate; many that were dropped for the same reason
    /// share theirs.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.headline()];
        let mut told: Vec<&str> = Vec::new();
        for candidate in &self.candidates {
            let (trunk, offer) = (&candidate.trunk, candidate.offer());
            let (farther, figure) = (candidate.farther_targets(), candidate.figure.as_deref());
            let figure = figure.map_or(String::new(), |figure| format!(" {figure}"));
            let why = candidate.why.as_deref();
            lines.push(match (candidate.place, why) {
                (Some(place), None) => format!("{place}. {trunk}: {offer}{farther}"),
                (Some(place), Some(late)) => {
                    format!("{place}. {trunk}: {offer}; {late}{farther}")
                }
                (None, why) => {
                    let why = why.unwrap_or_default();
                    let alike = self.dropped_for(why);
                    if alike.len() <= APART {
                        format!("not {trunk}: {offer}; {why}{figure}")
                    } else if told.contains(&why) {
                        continue;
                    } else {
                        told.push(why);
                        format!("not {}: {why}", alike.join(", "))
                    }
                }
            });
        }
        lines
    }

    fn dropped_for(&self, why: &str) -> Vec<&str> {
        let is =
            |candidate: &&CandidateView| candidate.place.is_none() && candidate.why.as_deref() == Some(why);
        self.candidates
            .iter()
            .filter(is)
            .map(|candidate| candidate.trunk.as_str())
            .collect()
    }

    fn headline(&self) -> String {
        let class = match &self.class {
            Some(class) => format!(", class {class}"),
            None => String::new(),
        };
        let by = match (self.basis.as_str(), &self.rule) {
            (_, Some(rule)) => format!("number rule {rule}, its trunks in its order"),
            ("carriers", None) => self.by_price(),
            ("emergency", None) => {
                "emergency routes, a rule for the number, then any carrier; no deck is asked".into()
            }
            (_, None) => "no number rule, and a carrier's call goes to no other carrier".into(),
        };
        let ported = match &self.routed {
            Some(routed) => format!(" (ported: {routed})"),
            None => String::new(),
        };
        format!("{}{ported} from {}{class}: {by}", self.called, self.from)
    }

    fn by_price(&self) -> String {
        let region = if self.by_region { "region, then " } else { "" };
        let draw = &self.draw;
        let by = match (self.choice.as_deref(), self.quality_weight, &self.best) {
            (None | Some("cheapest"), ..) | (_, None, _) => {
                format!("carriers by price, then priority, then {region}weight (draw {draw})")
            }
            (Some(choice), Some(weight), best) => {
                let (quality, price) = ((weight * 100.0).round(), ((1.0 - weight) * 100.0).round());
                let why = match (choice, best) {
                    ("probe", Some(best)) => format!("the first is tried, {best} looks better"),
                    ("sampled", Some(best)) => {
                        format!("chance put the first before {best}, as unsure as both are")
                    }
                    _ => "the first looks the best".to_owned(),
                };
                format!("carriers by quality ({quality} %) and price ({price} %), {why} (draw {draw})")
            }
        };
        if self.min_margin.is_some() && self.sell.is_none() {
            by + "; whatever they leave: no price of the customer's is known"
        } else {
            by
        }
    }
}

impl CandidateView {
    /// What it asks, and what places it among those that ask the same.
    fn offer(&self) -> String {
        let mut text = match &self.rate {
            None => "no price".to_owned(),
            Some(rate) => rate.to_string(),
        };
        let _ = write!(text, ", priority {}, weight {}", self.priority, self.weight);
        if let Some(learned) = &self.learned {
            let LearnedView {
                quality,
                deviation,
                attempts,
                share,
                propensity,
                ..
            } = learned;
            let _ = write!(
                text,
                ", quality {quality:.2} ± {deviation:.2} of {attempts:.0} attempts"
            );
            if *share < 1.0 {
                let _ = write!(text, " (in {:.0} % of calls)", share * 100.0);
            }
            if let Some(propensity) = propensity {
                let _ = write!(text, ", first in {:.0} %", propensity * 100.0);
            }
        }
        text.push_str(match self.in_region {
            Some(true) => ", in the call's region",
            Some(false) => ", in another region",
            None => "",
        });
        text
    }

    fn farther_targets(&self) -> String {
        let mut text = String::new();
        for FartherView {
            target,
            ms,
            nearest_ms,
        } in &self.farther
        {
            let _ = write!(
                text,
                "; {target} behind its others: {ms} ms away, the nearest {nearest_ms} ms"
            );
        }
        text
    }
}

impl std::fmt::Display for RateView {
    /// `0.0125/min and 0.002 a call (30/6) for 4420`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/min", self.per_minute)?;
        if let Some(fee) = &self.fee {
            write!(f, " and {fee} a call")?;
        }
        if let Some(minimum) = &self.minimum {
            write!(f, ", {minimum} at least")?;
        }
        write!(
            f,
            " ({}/{}) for {}",
            self.first_interval, self.increment, self.prefix
        )
    }
}
