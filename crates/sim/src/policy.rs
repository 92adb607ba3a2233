//! Who picks the carrier.

mod learner;
mod oracle;
mod plain;
mod threshold;

pub use learner::Learner;
pub use oracle::Oracle;
pub use plain::LeastCost;
pub use threshold::ThresholdLocking;

use crate::world::Ms;
use route::quality::TestResult;

/// What a carrier that could take a call asks for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Which.
    pub carrier: usize,
    /// Price of a minute.
    pub price: f64,
    /// Price over that of the cheapest that sells the destination, relative to it.
    pub extra: f64,
}

/// A call that wants a carrier: all that a switch knows of it.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Now.
    pub now: Ms,
    /// The call's number, for what is told of it later.
    pub call: usize,
    /// The called number in E.164 with `+`.
    pub number: &'a str,
    /// The row of the decks that has it.
    pub destination: usize,
    /// Its class.
    pub class: usize,
    /// A random number, for the weights.
    pub draw: u64,
    /// Carriers that sell the destination and have not as many calls as was agreed, in the order of the configuration.
    pub offers: &'a [Offer],
}

/// How an attempt ended, as a switch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 200.
    Answered,
    /// Any other final answer.
    Final {
        /// SIP status.
        status: u16,
        /// Whether it rang before.
        rang: bool,
    },
    /// No answer of any kind within `failover.trying`.
    Timeout,
    /// The caller gave up before it rang.
    Cancelled,
}

impl Outcome {
    /// Whether another carrier is asked then.
    pub fn advances(self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Final { status, .. } => matches!(status, 500 | 502 | 503 | 504),
            Self::Answered | Self::Cancelled => false,
        }
    }
}

/// What a switch sees after it has sent a call somewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Saw {
    /// An attempt has ended, or was answered.
    Attempt {
        /// How.
        outcome: Outcome,
        /// Time until it rang, or its end was told, if it came so far.
        told: Option<Ms>,
        /// How long it took.
        after: Ms,
    },
    /// By what was heard behind it an answer is bad; the call goes on.
    BadAnswer(Measured),
    /// A call that goes on sounds bad.
    Sounds {
        /// As measured so far.
        mos: f64,
    },
    /// An answered call has ended.
    Ended {
        /// What is known of it.
        result: Measured,
        /// That was told already.
        told: bool,
    },
    /// The application says how it was.
    Feedback {
        /// From 1 to 5.
        score: u8,
    },
}

/// What a switch gets to know of an answered call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// How long they talked.
    pub talked: Ms,
    /// As measured, where packets came; nothing where that was told before.
    pub mos: Option<f64>,
    /// Fraction of packets lost.
    pub loss: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// Whether the media told that not the called party had answered; `None`: nobody listened.
    pub false_answer: Option<bool>,
    /// Whether nothing was heard, likewise; it may be seen without listening.
    pub dead_air: Option<bool>,
}

impl Measured {
    /// Whether an answer was found bad by listening.
    pub(crate) fn is_bad(&self) -> bool {
        self.false_answer
            .is_some_and(|is_false| is_false || self.dead_air == Some(true))
    }
}

/// What was seen, and of what.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Now.
    pub now: Ms,
    /// The call's number.
    pub call: usize,
    /// The called number.
    pub number: &'a str,
    /// The row of the decks that has it.
    pub destination: usize,
    /// Its class.
    pub class: usize,
    /// Where it went.
    pub carrier: usize,
    /// Which attempt of the call it was, from 0.
    pub attempt: usize,
    /// What was seen.
    pub saw: Saw,
}

/// A way of picking carriers that knows what a switch knows.
pub trait Policy {
    /// Puts the carriers into their order, best first. Those that are left out take the call after all others. Where the first is picked to
    /// learn of it, and not since it is the best, that is said: by the best instead.
    fn order(&mut self, ask: &Ask<'_>, order: &mut Vec<usize>) -> Option<usize>;

    /// Whether this answer of a carrier is to be listened behind, beside those that are anyway.
    fn looks_closer(&mut self, _carrier: usize, _number: &str) -> bool {
        false
    }

    /// Whether a carrier has got worse towards a destination, as far as is known: one that has is tested again and again.
    fn is_down(&self, _carrier: usize, _number: &str) -> bool {
        false
    }

    /// A test call is over.
    fn tested(&mut self, _now: Ms, _carrier: usize, _number: &str, _result: &TestResult) {}

    /// Something was seen.
    fn note(&mut self, seen: &Seen<'_>);

    /// Time passes: called every few seconds.
    fn tick(&mut self, now: Ms);
}
