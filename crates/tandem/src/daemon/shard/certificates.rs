//! Callers' certificates: fetched on a thread that is there once somebody has asked for one.

use std::sync::Arc;

use sip_net::{Fetch, FetchRules, Fetcher};
use stir::CertificateUrl;
use switch::{FetchedCertificate, Input, Stir};

use super::{Queue, ShardInput};

/// Where certificates come from.
pub(super) struct Source {
    queue: Queue,
    fetcher: Option<Fetcher>,
    rules: Option<Arc<FetchRules>>,
}

impl Source {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            fetcher: None,
            rules: None,
        }
    }

    /// Fetches a certificate by the rules in force.
    ///
    /// # Errors
    /// It can't be fetched now: the input that says so.
    pub(super) fn fetch(
        &mut self,
        query: u64,
        url: CertificateUrl,
        (keys, stir): (&config::Stir, &Stir),
    ) -> Result<(), Input> {
        let rules = FetchRules {
            ports: keys.certificate_ports.clone(),
            private: keys.private_addresses,
            roots: stir.https_roots.clone(),
        };
        // As long as they are the same, the fetcher knows them again.
        let rules = match self.rules.take().filter(|known| **known == rules) {
            Some(known) => known,
            None => Arc::new(rules),
        };
        self.rules = Some(Arc::clone(&rules));
        let failed = |why: &str| Input::Certificate {
            query,
            outcome: Err(why.to_owned()),
        };
        if self.fetcher.is_none() {
            let queue = self.queue.clone();
            // A full queue loses the answer; the call that waits for it has a timer, and after a while another one asks again.
            let sink = move |fetch: Fetch| drop(queue.try_send(ShardInput::Certificate(fetch)));
            match Fetcher::start(Arc::new(sink)) {
                Ok(fetcher) => self.fetcher = Some(fetcher),
                Err(error) => return Err(failed(&error.to_string())),
            }
        }
        match &self.fetcher {
            Some(fetcher) if fetcher.fetch(query, url, rules) => Ok(()),
            Some(_) | None => Err(failed("too many certificates are being fetched")),
        }
    }
}

/// What the switch is told of a fetch.
pub(super) fn input(fetch: Fetch) -> Input {
    let outcome = fetch.result.map_err(|error| error.to_string());
    Input::Certificate {
        query: fetch.token,
        outcome: outcome.map(|fetched| FetchedCertificate {
            bytes: fetched.bytes,
            max_age: fetched.max_age,
        }),
    }
}
