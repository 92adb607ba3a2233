//! Servers of callers' certificates that answer when and what they are told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stir::CertificateUrl;
use switch::{FetchedCertificate, Input};

use crate::agenda::{Agenda, What};

/// URLs and what is there; any other one hangs.
#[derive(Debug, Default)]
pub struct Certificates {
    /// By URL: the chain after this time, or that there is none.
    pub chains: BTreeMap<String, (Duration, Option<Vec<u8>>)>,
    /// Every URL that was asked for.
    pub asked: Vec<String>,
}

impl Certificates {
    pub(crate) fn fetch(&mut self, now: Instant, query: u64, url: &CertificateUrl, agenda: &mut Agenda) {
        self.asked.push(url.as_str().to_owned());
        let Some((delay, chain)) = self.chains.get(url.as_str()).cloned() else {
            return;
        };
        let fetched = chain.map(|bytes| FetchedCertificate { bytes, max_age: None });
        let outcome = fetched.ok_or_else(|| "no such certificate".to_owned());
        let input = Input::Certificate { query, outcome };
        agenda.plan(now + delay, What::Switch(Box::new(input)));
    }
}
