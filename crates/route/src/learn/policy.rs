//! What a class of service asks of the learner.

use super::estimate::Weights;
use crate::deck::Money;
use std::fmt;

/// A class of service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// What its calls weigh.
    pub weights: Weights,
    /// What a trunk must not fall below.
    pub floors: Floors,
    /// How much may be spent on finding out.
    pub explore: Explore,
    /// Whether carriers are learned at all; otherwise they go by price.
    pub learns: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            weights: Weights {
                quality: 0.5,
                price: 0.5,
            },
            floors: Floors::default(),
            explore: Explore::default(),
            learns: true,
        }
    }
}

/// What a trunk must not fall below, for calls of the class; one that surely does comes after all others, and gets no more than a try now and then.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Floors {
    /// Answer-seizure ratio, at least.
    pub asr: Option<f32>,
    /// Network effectiveness ratio, at least.
    pub ner: Option<f32>,
    /// Mean opinion score, at least.
    pub mos: Option<f32>,
    /// Post-dial delay in seconds, at most.
    pub pdd_s: Option<f32>,
}

/// Which floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// Answer-seizure ratio.
    Asr,
    /// Network effectiveness ratio.
    Ner,
    /// Mean opinion score.
    Mos,
    /// Post-dial delay.
    Pdd,
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asr => "ASR",
            Self::Ner => "NER",
            Self::Mos => "MOS",
            Self::Pdd => "PDD",
        })
    }
}

/// How much may be spent on finding out what trunks are like that do not look the best: both budgets hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explore {
    /// Part of the class's calls, in millionths.
    pub calls_ppm: u32,
    /// What they may cost over the trunk that looks the best, in a day, spread evenly over it; `None`: whatever they do.
    pub money_per_day: Option<Money>,
}

impl Default for Explore {
    fn default() -> Self {
        Self {
            calls_ppm: 20_000,
            money_per_day: None,
        }
    }
}
