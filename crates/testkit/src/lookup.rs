//! A server that numbers are looked up at, which answers when and what it is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use switch::{Input, LookupAnswer};

use crate::agenda::{Agenda, What};

/// What is said about a number.
#[derive(Clone, Debug)]
pub enum Said {
    /// This status and body.
    Answer(u16, String),
    /// The server cannot be reached.
    Unreachable,
}

/// URLs and what is there; about any other one nothing is ever said but that the time is up.
#[derive(Debug, Default)]
pub struct Lookups {
    /// By URL: what is said, after this time.
    pub said: BTreeMap<String, (Duration, Said)>,
    /// Every URL that was asked for.
    pub asked: Vec<String>,
    /// Questions that were lost: no answer comes to them, not even that the time is up.
    pub loses: bool,
}

impl Lookups {
    pub(crate) fn look_up(
        &mut self,
        now: Instant,
        query: u64,
        url: &str,
        within: Duration,
        agenda: &mut Agenda,
    ) {
        self.asked.push(url.to_owned());
        if self.loses {
            return;
        }
        let late = || (within, Err("no answer in time".to_owned()));
        let (delay, outcome) = match self.said.get(url).cloned() {
            Some((delay, _)) if delay > within => late(),
            Some((delay, Said::Answer(status, body))) => {
                let body = body.into_bytes();
                (delay, Ok(LookupAnswer { status, body }))
            }
            Some((delay, Said::Unreachable)) => (delay, Err("connection refused".to_owned())),
            None => late(),
        };
        let input = Input::LookedUp { query, outcome };
        agenda.plan(now + delay, What::Switch(Box::new(input)));
    }
}
