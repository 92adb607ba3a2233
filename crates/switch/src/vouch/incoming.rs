//! The signatures of a call that comes in (RFC 8224 §6.2).
//!
//! A call whose certificates are not all there waits for them, nothing being reserved for it yet but its place; no other call does.

use std::sync::Arc;

use config::Verify;
use sip_msg::{HeaderId, Message, NameAddr};
use stir::{Dossier, Facts, Failure, Numbering, Verdict, parse_http_date};

use super::Waiting;
use super::cache::{FetchedCertificate, Keeping, Need};
use crate::call::{Call, Ending, Phase};
use crate::core::{Core, Timer};
use crate::ident::CallKey;
use crate::io::{Command, Now};

/// What a request says of who calls whom.
pub(super) fn facts(message: &Message, numbering: &Numbering, now_s: u64, freshness: u64) -> Facts {
    let asserted = message
        .values(HeaderId::PAssertedIdentity)
        .filter_map(|value| NameAddr::parse(value).ok());
    let orig = asserted.chain([message.from()]);
    let date = message.header(HeaderId::Date);
    let date = date.and_then(|date| parse_http_date(std::str::from_utf8(date).ok()?));
    let dest = [message.uri(), message.to().uri].into_iter();
    Facts {
        orig: orig.filter_map(|caller| numbering.party(caller.uri)).collect(),
        dest: dest.filter_map(|uri| numbering.party(uri)).collect(),
        date,
        now: now_s,
        freshness,
    }
}

/// The word in the record for a call that is refused.
fn kind(failure: Failure) -> &'static str {
    match failure {
        Failure::Absent => "identity-absent",
        Failure::BadInfo => "identity-bad-info",
        Failure::Unsupported => "identity-unsupported",
        Failure::Stale => Ending::STALE,
        Failure::Invalid => "identity-invalid",
    }
}

impl Call {
    /// Judges the signatures of the call, if its trunk's are. `false`: it waits for a certificate; or it is over.
    pub(crate) fn identify(&mut self, core: &mut Core, now: Now) -> bool {
        if self.snapshot.trunk(self.a.trunk).stir.verify == Verify::Off {
            return true;
        }
        let Some((facts, dossier)) = self.dossier(now) else {
            return true;
        };
        let size = usize::try_from(self.snapshot.config.stir.cache_size).unwrap_or(usize::MAX);
        let mut missing = 0;
        for url in dossier.urls(&facts) {
            match core.certificates.want(now.at, url, self.key, size) {
                Need::Nothing => {}
                Need::Wait => missing += 1,
                Need::Ask(query) => {
                    missing += 1;
                    core.counters.stir.fetches += 1;
                    core.commands.push(Command::FetchCertificate {
                        query,
                        url: url.clone(),
                    });
                }
            }
        }
        if missing == 0 {
            return self.judge(core, now, &facts, &dossier);
        }
        let wait = self.snapshot.config.stir.certificate_wait;
        let timer = Some(core.arm(now, wait, Timer::Certificate(self.key)));
        self.story.vouch.get_or_insert_default().waiting = Some(Waiting { missing, timer });
        false
    }

    /// A certificate that it waits for is there, or is not to be had. Says whether the call may go on.
    pub(crate) fn on_certificate(&mut self, core: &mut Core, now: Now) -> bool {
        let Some(waiting) = self.story.vouch.as_mut().and_then(|vouch| vouch.waiting.as_mut()) else {
            return false;
        };
        waiting.missing = waiting.missing.saturating_sub(1);
        waiting.missing == 0 && self.wait_is_over(core, now)
    }

    /// It has waited long enough. Says whether the call may go on.
    pub(crate) fn on_certificate_late(&mut self, core: &mut Core, now: Now) -> bool {
        core.counters.stir.waited += 1;
        self.wait_is_over(core, now)
    }

    fn wait_is_over(&mut self, core: &mut Core, now: Now) -> bool {
        if !self.stop_waiting(core) || self.phase != Phase::Dialing {
            return false;
        }
        match self.dossier(now) {
            Some((facts, dossier)) => self.judge(core, now, &facts, &dossier),
            None => false,
        }
    }

    /// Waits for no certificate any more. Says whether it did.
    pub(crate) fn stop_waiting(&mut self, core: &mut Core) -> bool {
        let waiting = self.story.vouch.as_mut().and_then(|vouch| vouch.waiting.take());
        let waited = waiting.is_some();
        if let Some(Waiting { mut timer, .. }) = waiting {
            core.disarm(&mut timer);
        }
        waited
    }

    fn dossier(&self, now: Now) -> Option<(Facts, Dossier)> {
        let message = &self.invite.as_ref()?.asked.message;
        let numbering = self.snapshot.stir.numbering(self.snapshot.trunk(self.a.trunk));
        let freshness = self.snapshot.config.stir.freshness.as_secs();
        let facts = facts(message, &numbering, now.unix_ms / 1000, freshness);
        let dossier = Dossier::read(message.values(HeaderId::Identity), &facts);
        Some((facts, dossier))
    }

    /// The verdict; `false`: the call is refused for it.
    fn judge(&mut self, core: &mut Core, now: Now, facts: &Facts, dossier: &Dossier) -> bool {
        // Who is trusted now, not when the call began: what comes of it is remembered for the next.
        let stir = Arc::clone(&core.snapshot.stir);
        for url in dossier.urls(facts) {
            core.certificates.assess(url, &stir.anchors);
        }
        let certificates = &core.certificates;
        let verdict = dossier.judge(facts, |url| certificates.credential(now.at, url));
        let required = self.snapshot.trunk(self.a.trunk).stir.verify == Verify::Require;
        let counters = &mut core.counters.stir;
        let refused = match &verdict {
            Verdict::Passed(_) => {
                counters.passed += 1;
                None
            }
            Verdict::Failed(failure, why) => {
                match failure {
                    Failure::Absent => counters.absent += 1,
                    Failure::BadInfo => counters.bad_info += 1,
                    Failure::Unsupported => counters.unsupported += 1,
                    Failure::Stale => counters.stale += 1,
                    Failure::Invalid => counters.invalid += 1,
                }
                tracing::debug!(call = %self.id, ?failure, %why, "the caller is not verified");
                required.then_some(*failure)
            }
        };
        self.story.vouch.get_or_insert_default().verdict = Some(verdict);
        match refused {
            Some(failure) => {
                self.end(core, now, Ending::failed(kind(failure), failure.status()));
                false
            }
            None => true,
        }
    }
}

/// A certificate has been fetched, or could not be; gives the calls that wait for it.
pub(crate) fn fetched(
    core: &mut Core,
    now: Now,
    query: u64,
    outcome: Result<FetchedCertificate, String>,
) -> Vec<CallKey> {
    let keys = &core.snapshot.config.stir;
    let keeping = Keeping {
        shortest: keys.cache_min,
        longest: keys.cache_max,
        failures: keys.cache_failures,
    };
    if let Err(error) = &outcome {
        core.counters.stir.fetch_failures += 1;
        tracing::debug!(%error, "a caller's certificate could not be fetched");
    }
    core.certificates.fetched(now.at, query, outcome.ok(), keeping)
}
