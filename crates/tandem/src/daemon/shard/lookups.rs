//! Who serves a number: asked on a thread that is there once somebody wants to know.

use std::sync::Arc;
use std::time::Duration;

use sip_net::{Answered, AskRules, Asker};
use switch::{Input, LookupAnswer, Snapshot};

use super::{Queue, ShardInput};

/// Whom numbers are looked up at.
pub(super) struct Lookups {
    queue: Queue,
    asker: Option<Asker>,
    rules: Option<Arc<AskRules>>,
}

impl Lookups {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            asker: None,
            rules: None,
        }
    }

    /// Asks by the rules in force.
    ///
    /// # Errors
    /// Nobody can be asked now: the input that says so.
    pub(super) fn ask(
        &mut self,
        query: u64,
        url: Box<str>,
        within: Duration,
        snapshot: &Snapshot,
    ) -> Result<(), Input> {
        let authorization = snapshot.config.portability.authorization.as_ref();
        let rules = AskRules {
            authorization: authorization.map(|secret| secret.expose().to_owned()),
            roots: snapshot.lookup_roots.clone(),
        };
        // As long as they are the same, connections serve again.
        let rules = match self.rules.take().filter(|known| **known == rules) {
            Some(known) => known,
            None => Arc::new(rules),
        };
        self.rules = Some(Arc::clone(&rules));
        let failed = |why: &str| Input::LookedUp {
            query,
            outcome: Err(why.to_owned()),
        };
        if self.asker.is_none() {
            let queue = self.queue.clone();
            // A full queue loses the answer; the call that waits for it has a timer, and after a while another one asks again.
            let sink = move |answered: Answered| drop(queue.try_send(ShardInput::LookedUp(answered)));
            match Asker::start(Arc::new(sink)) {
                Ok(asker) => self.asker = Some(asker),
                Err(error) => return Err(failed(&error.to_string())),
            }
        }
        match &self.asker {
            Some(asker) if asker.ask(query, url, within, rules) => Ok(()),
            Some(_) | None => Err(failed("too many numbers are being looked up")),
        }
    }
}

/// What the switch is told of an answer.
pub(super) fn input(answered: Answered) -> Input {
    let outcome = answered.result.map_err(|error| error.to_string());
    Input::LookedUp {
        query: answered.token,
        outcome: outcome.map(|(status, body)| LookupAnswer { status, body }),
    }
}
