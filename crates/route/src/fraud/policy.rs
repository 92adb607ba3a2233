//! What holds for one customer: what is written at the top, in each key that its trunk does not write itself.

use super::place::fingerprint;
use crate::destinations;
use config::{
    Ceiling, CeilingFor, Config, FraudResponse, Irsf, LongCalls, OffHours, OpenHours, Pattern, Sequential,
    Spend, Trunk, Velocity, Wangiri,
};

/// Everything that the guard goes by for one customer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    pub(super) enabled: bool,
    /// Price of a minute, in units of money, from which on a call is dear.
    pub(super) dear: f32,
    /// Seconds from the first call on for which nothing is unusual.
    pub(super) learning: Option<u32>,
    pub(super) hours: Vec<OpenHours>,
    allow: Vec<Pattern>,
    pub(super) ceilings: Vec<Limit>,
    pub(super) irsf: Irsf,
    pub(super) spend: Spend,
    pub(super) velocity: Velocity,
    pub(super) duration: LongCalls,
    pub(super) wangiri: Wangiri,
    pub(super) sequential: Sequential,
    pub(super) off_hours: OffHours,
}

/// A ceiling, and what its counts are kept by over a reload.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    pub(super) key: u64,
    pub(super) ceiling: Ceiling,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Many calls to dear numbers.
    Irsf,
    /// More money than is usual.
    Spend,
    /// More calls than are usual.
    Velocity,
    /// A longer call than is usual.
    Duration,
    /// Calls that ring once.
    Wangiri,
    /// Numbers in a row.
    Sequential,
    /// Dear calls when nobody works.
    OffHours,
    /// A ceiling.
    Ceiling,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Irsf,
        Self::Spend,
        Self::Velocity,
        Self::Duration,
        Self::Wangiri,
        Self::Sequential,
        Self::OffHours,
        Self::Ceiling,
    ];

    /// Its word, as it is in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Irsf => "irsf",
            Self::Spend => "spend",
            Self::Velocity => "velocity",
            Self::Duration => "duration",
            Self::Wangiri => "wangiri",
            Self::Sequential => "sequential",
            Self::OffHours => "off_hours",
            Self::Ceiling => "ceiling",
        }
    }

    pub(super) fn index(self) -> usize {
        match self {
            Self::Irsf => 0,
            Self::Spend => 1,
            Self::Velocity => 2,
            Self::Duration => 3,
            Self::Wangiri => 4,
            Self::Sequential => 5,
            Self::OffHours => 6,
            Self::Ceiling => 7,
        }
    }
}

impl Policy {
    pub(super) fn of(config: &Config, trunk: &Trunk) -> Self {
        let top = &config.fraud;
        let own = trunk.fraud.as_ref();
        let ceilings = own.and_then(|own| own.ceilings.as_ref()).unwrap_or(&top.ceilings);
        let allowed = own.map_or(&[][..], |own| &own.allow);
        Self {
            enabled: own.and_then(|own| own.enabled).unwrap_or(top.enabled),
            dear: own.and_then(|own| own.dear).unwrap_or(top.dear) as f32,
            learning: top
                .learning
                .map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
            hours: own
                .and_then(|own| own.hours.as_ref())
                .unwrap_or(&top.hours)
                .clone(),
            allow: top.allow.iter().chain(allowed).cloned().collect(),
            ceilings: ceilings.iter().map(Limit::of).collect(),
            irsf: own.and_then(|own| own.irsf).unwrap_or(top.irsf),
            spend: own.and_then(|own| own.spend).unwrap_or(top.spend),
            velocity: own.and_then(|own| own.velocity).unwrap_or(top.velocity),
            duration: own.and_then(|own| own.duration).unwrap_or(top.duration),
            wangiri: own.and_then(|own| own.wangiri).unwrap_or(top.wangiri),
            sequential: own.and_then(|own| own.sequential).unwrap_or(top.sequential),
            off_hours: own.and_then(|own| own.off_hours).unwrap_or(top.off_hours),
        }
    }

    /// What is done about a pattern.
    pub(super) fn response(&self, rule: Rule) -> Option<FraudResponse> {
        match rule {
            Rule::Irsf => Some(self.irsf.response()),
            Rule::Spend => Some(self.spend.response()),
            Rule::Velocity => Some(self.velocity.response()),
            Rule::Duration => Some(self.duration.response()),
            Rule::Wangiri => Some(self.wangiri.response()),
            Rule::Sequential => Some(self.sequential.response()),
            Rule::OffHours => Some(self.off_hours.response()),
            Rule::Ceiling => None,
        }
    }

    /// Whether calls to a number, given by its digits, are no part of any pattern.
    pub(super) fn allows(&self, number: &str) -> bool {
        if self.allow.is_empty() {
            return false;
        }
        let digits = destinations::digits(number);
        let bare = destinations::international(number, &digits).unwrap_or(&digits);
        self.allow.iter().any(|pattern| destinations::has(pattern, bare))
    }

    /// Whether nobody works, by what is written; `None`: nothing is.
    pub(super) fn is_closed(&self, unix_s: u64) -> Option<bool> {
        if self.hours.is_empty() {
            return None;
        }
        Some(!self.hours.iter().any(|hours| hours.has(unix_s)))
    }
}

impl Limit {
    fn of(ceiling: &Ceiling) -> Self {
        let each = match ceiling.each {
            CeilingFor::Customer => "",
            CeilingFor::Country => "each",
        };
        let pattern = ceiling.pattern.as_ref().map_or("*", |pattern| &pattern.text);
        Self {
            key: fingerprint(&format!("{pattern} {each}")),
            ceiling: ceiling.clone(),
        }
    }

    /// Whether it is over calls to a number.
    pub(super) fn has(&self, digits: &str) -> bool {
        let pattern = self.ceiling.pattern.as_ref();
        pattern.is_none_or(|pattern| destinations::has(pattern, digits))
    }
}
