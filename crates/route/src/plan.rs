//! From a call to its attempts, in order, each with the reason for its place.

use crate::deck::Rate;
use crate::live::Live;
use crate::tables::{Tables, TrunkIx};
use smallvec::SmallVec;
use std::time::Instant;

/// What a decision has to go by.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Trunk that the call came from.
    pub from: TrunkIx,
    /// Calling number or user, as received.
    pub caller: &'a str,
    /// Called number or user, as received.
    pub called: &'a str,
    /// Now, seconds since 1970 (UTC): which prices are in force.
    pub at_unix_s: u64,
    /// A random number, for the weights. The same number gives the same plan.
    pub draw: u64,
}

/// The attempts of a call. Never empty.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order in which they are made.
    pub attempts: SmallVec<[Attempt; 4]>,
    /// How many of them may be made at most.
    pub limit: usize,
    /// Why they stand in this order, and who was left out.
    pub trace: Trace,
}

/// One INVITE that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Trunk to send it to.
    pub trunk: TrunkIx,
    /// Index into the trunk's `targets`.
    pub target: usize,
    /// Called number, in the trunk's number format.
    pub called: Box<str>,
    /// Calling number, in the trunk's number format.
    pub caller: Box<str>,
    /// What the trunk's deck asks for this call.
    pub rate: Option<Rate>,
}

/// No trunk may take the call.
#[derive(Debug, Clone)]
pub struct NoRoute {
    /// SIP status for the caller.
    pub status: u16,
    /// Why, in a word.
    pub reason: NoRouteReason,
    /// Who was looked at, and why not.
    pub trace: Trace,
}

/// Why a call has no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRouteReason {
    /// A carrier's call to a number that nobody here has.
    #[error("no number rule for this called number")]
    UnknownNumber,
}

/// What a decision saw.
#[derive(Debug, Clone, Default)]
pub struct Trace {}

/// One trunk that was looked at.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The trunk.
    pub trunk: TrunkIx,
}

/// Why a candidate stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {}

impl Trace {
    /// The decision in plain words, one line per candidate, for the record and for `tandem route explain`.
    pub fn lines(&self) -> Vec<String> {
        todo!()
    }
}

/// Orders the attempts of one call.
pub fn plan(tables: &Tables, live: &Live, now: Instant, request: &Request<'_>) -> Result<Plan, Box<NoRoute>> {
    todo!()
}
