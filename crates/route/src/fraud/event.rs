//! What was found, with its evidence.

use super::bars::Scope;
use super::group::Way;
use super::policy::Rule;
use crate::deck::Money;
use std::fmt;
use std::sync::Arc;

/// What was done about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was told of.
    Alerted,
    /// Calls get through at a rate only.
    Throttled,
    /// Calls are refused.
    Blocked,
    /// And those that were up were ended.
    Cut,
}

impl Done {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alerted => "alerted",
            Self::Throttled => "throttled",
            Self::Blocked => "blocked",
            Self::Cut => "cut",
        }
    }
}

/// Something was found. There is one of these per flood, however many calls it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number, and that of its bar if there is one.
    pub id: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// The trunk whose calls they are.
    pub customer: Arc<str>,
    /// Which way they go.
    pub way: Way,
    /// What was found.
    pub rule: Rule,
    /// Where they go (come from, if a carrier's): `+252`; `everywhere`; the pattern of a ceiling.
    pub place: String,
    /// What was counted, in words.
    pub figure: &'static str,
    /// How much of it.
    pub seen: f64,
    /// How much is usual.
    pub usual: f64,
    /// How much there may be.
    pub limit: f64,
    /// What was spent there within an hour.
    pub spent: Money,
    /// Some of the numbers that were called (that called, if a carrier's), the latest first.
    pub numbers: Vec<String>,
    /// About how many numbers were called, and called from, within the last minutes.
    pub called: u32,
    /// Likewise.
    pub callers: u32,
    /// What was done.
    pub done: Done,
    /// To which calls, if anything was.
    pub scope: Option<Scope>,
    /// For how many seconds.
    pub seconds: Option<u64>,
    /// Calls that were ended.
    pub cut: u32,
}

impl fmt::Display for Event {
    /// The event in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |figure: f64| (figure * 100.0).round() / 100.0;
        let direction = match self.way {
            Way::Out => "to",
            Way::In => "from",
        };
        write!(
            f,
            "{}: {} {direction} {}: {} {} (usual {}, limit {}), {} spent in an hour, {} numbers, {} callers: {}",
            self.rule.word(),
            self.customer,
            self.place,
            number(self.seen),
            self.figure,
            number(self.usual),
            number(self.limit),
            self.spent,
            self.called,
            self.callers,
            self.done.word(),
        )?;
        if let (Some(scope), Some(seconds)) = (self.scope, self.seconds) {
            write!(f, " {scope} for {seconds} s")?;
        }
        if self.cut > 0 {
            write!(f, ", {} calls ended", self.cut)?;
        }
        Ok(())
    }
}
