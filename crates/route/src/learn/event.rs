//! What the learner has to tell.

use super::policy::Floor;
use crate::quality::Group;
use std::fmt;

/// A trunk's standing somewhere has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnEvent {
    /// The trunk; empty where it is about a class.
    pub trunk: Box<str>,
    /// Where.
    pub group: Group,
    /// Of which class, by its place in the configuration; `None`: of all.
    pub class: Option<usize>,
    /// What.
    pub what: Change,
}

/// What has changed, and by what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It got worse from one moment to the next.
    Demoted {
        /// What of it.
        aspect: Aspect,
        /// How often it comes now.
        now: f32,
        /// How often it came before.
        before: f32,
        /// Attempts that this was seen in.
        seen: u32,
    },
    /// It got better, and gets a growing share from now on.
    Recovered {
        /// What of it.
        aspect: Aspect,
        /// How often it comes now.
        now: f32,
        /// How often it came before.
        before: f32,
        /// Attempts that this was seen in.
        seen: u32,
    },
    /// It is new here, and gets a growing share from now on.
    SlowStart,
    /// It has grown into its whole share.
    FullShare,
    /// It is surely below a floor of the class, and comes after all others.
    FloorBroken {
        /// Which.
        floor: Floor,
        /// What it has.
        now: f32,
        /// What it has to have.
        floor_at: f32,
    },
    /// It is no longer below any.
    FloorsMet,
    /// Its share of the calls has changed.
    Share {
        /// From.
        from: f32,
        /// To.
        to: f32,
        /// Its quality as it is believed now.
        quality: f32,
    },
    /// The class has spent what exploring may cost for now.
    BudgetSpent,
}

/// What is looked at in a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Attempts that the network fails.
    Fails,
    /// Calls that become conversations, of those put through.
    Talks,
    /// Answers behind which is somebody else than the called party, or nobody.
    Cheats,
    /// How the conversations sound.
    Sounds,
    /// What the post-dial delay leaves of a call's worth.
    Waits,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fails, Self::Talks, Self::Cheats, Self::Sounds, Self::Waits];

    /// Whether more of it is better.
    pub fn is_good(self) -> bool {
        match self {
            Self::Fails | Self::Cheats => false,
            Self::Talks | Self::Sounds | Self::Waits => true,
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fails => "attempts failed by the network",
            Self::Talks => "calls put through that become conversations",
            Self::Cheats => "answers that are false or dead",
            Self::Sounds => "worth of the sound",
            Self::Waits => "worth left by the wait for ringing",
        })
    }
}

fn percent(part: f32) -> f32 {
    part * 100.0
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Demoted {
                aspect,
                now,
                before,
                seen,
            } => {
                let (now, before) = (percent(now), percent(before));
                write!(
                    f,
                    "demoted: {aspect} {now:.0} % over the last {seen}, {before:.0} % before"
                )
            }
            Self::Recovered {
                aspect,
                now,
                before,
                seen,
            } => {
                let (now, before) = (percent(now), percent(before));
                write!(
                    f,
                    "recovered, share grows from now on: {aspect} {now:.0} % over the last {seen}, {before:.0} % before"
                )
            }
            Self::SlowStart => f.write_str("new here, share grows from now on"),
            Self::FullShare => f.write_str("has grown into its whole share"),
            Self::FloorBroken { floor, now, floor_at } => {
                write!(f, "comes last: {floor} {now:.2}, floor {floor_at:.2}")
            }
            Self::FloorsMet => f.write_str("below no floor any more"),
            Self::Share { from, to, quality } => {
                let (from, to) = (percent(from), percent(to));
                write!(
                    f,
                    "share of calls {from:.0} % to {to:.0} %, at a quality of {quality:.2}"
                )
            }
            Self::BudgetSpent => f.write_str("exploring has spent its budget for now"),
        }
    }
}

impl fmt::Display for LearnEvent {
    /// `carrier-a to +44: demoted: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.trunk.is_empty() {
            write!(f, "{} to {}: ", self.trunk, self.group)?;
        }
        write!(f, "{}", self.what)
    }
}
