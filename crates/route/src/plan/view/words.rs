//! A decision in plain words.

use super::{CandidateView, DecisionView, FartherView, LearnedView, RateView};
use std::fmt::{self, Write};

/// Trunks that are dropped for the same reason share a line where there are more than so many.
const APART: usize = 3;

impl DecisionView {
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

impl fmt::Display for RateView {
    /// `0.0125/min and 0.002 a call (30/6) for 4420`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
