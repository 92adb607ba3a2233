//! Certificates of signers by their URLs: fetched once for all calls that need one, kept for as long as their server says,
//! within bounds; a URL that has failed rests for a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use stir::{Anchors, CertError, CertificateUrl, Chain, Credential};

use crate::ident::{CallKey, IdMap};

/// Most fetches at once; above it certificates are not to be had.
const MAX_FETCHES: usize = 256;

/// Most calls that wait for one certificate. Those that come later go on without.
const MAX_WAITING: usize = 4096;

/// After this time no answer will come to a fetch any more: it was lost where a queue was full.
const LOST: Duration = Duration::from_secs(30);

/// A certificate chain as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedCertificate {
    /// The body: PEM or DER.
    pub bytes: Vec<u8>,
    /// For how long its server lets it be kept (Cache-Control `max-age`; zero for `no-store`); `None`: it did not say.
    pub max_age: Option<Duration>,
}

/// How long what is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
    pub(super) failures: Duration,
}

/// What is known of one URL.
enum Entry {
    /// It is being fetched under this number, since then; these calls wait.
    Asked {
        query: u64,
        since: Instant,
        waiting: Vec<CallKey>,
    },
    /// It has a chain, which was good for so long with the present trust anchors; `None`: not looked at with those.
    Known {
        chain: Box<Chain>,
        trusted: Option<Result<(u64, u64), CertError>>,
        until: Instant,
    },
    /// It has nothing, or nothing that could be read.
    Failed { until: Instant, why: Option<CertError> },
}

/// What is to be done to have a certificate.
pub(super) enum Need {
    /// Nothing: it is there, or is not to be had.
    Nothing,
    /// To wait: somebody has asked for it.
    Wait,
    /// To ask for it under this number, and to wait.
    Ask(u64),
}

/// All of them.
#[derive(Default)]
pub(crate) struct Certificates {
    entries: HashMap<Box<str>, Entry>,
    queries: IdMap<u64, Box<str>>,
    last: u64,
}

impl Certificates {
    /// Fetches that are under way.
    pub(crate) fn fetches(&self) -> usize {
        self.queries.len()
    }

    /// Other trust anchors are in force.
    pub(crate) fn forget_trust(&mut self) {
        for entry in self.entries.values_mut() {
            if let Entry::Known { trusted, .. } = entry {
                *trusted = None;
            }
        }
    }

    /// A call wants a URL's certificate.
    pub(super) fn want(&mut self, now: Instant, url: &CertificateUrl, call: CallKey, size: usize) -> Need {
        match self.entries.get_mut(url.as_str()) {
            Some(Entry::Asked { query, since, .. }) if now.duration_since(*since) > LOST => {
                self.queries.remove(query);
            }
            Some(Entry::Asked { waiting, .. }) if waiting.len() < MAX_WAITING => {
                waiting.push(call);
                return Need::Wait;
            }
            Some(Entry::Asked { .. }) => return Need::Nothing,
            Some(Entry::Known { until, .. } | Entry::Failed { until, .. }) if *until > now => {
                return Need::Nothing;
            }
            Some(Entry::Known { .. } | Entry::Failed { .. }) | None => {}
        }
        let has_room = self.has_room(now, url.as_str(), size) || {
            self.forget_lost(now);
            self.has_room(now, url.as_str(), size)
        };
        if !has_room {
            return Need::Nothing;
        }
        self.last += 1;
        self.queries.insert(self.last, url.as_str().into());
        let asked = Entry::Asked {
            query: self.last,
            since: now,
            waiting: vec![call],
        };
        self.entries.insert(url.as_str().into(), asked);
        Need::Ask(self.last)
    }

    /// Whether there may be one fetch more.
    fn has_room(&mut self, now: Instant, url: &str, size: usize) -> bool {
        self.queries.len() < MAX_FETCHES && self.make_room(now, url, size)
    }

    /// Fetches whose answers were lost, of URLs that nobody has asked for again: they would hold their places for ever.
    fn forget_lost(&mut self, now: Instant) {
        let queries = &mut self.queries;
        self.entries.retain(|_, entry| match entry {
            Entry::Asked { query, since, .. } if now.duration_since(*since) > LOST => {
                queries.remove(query);
                false
            }
            Entry::Asked { .. } | Entry::Known { .. } | Entry::Failed { .. } => true,
        });
    }

    /// Room for one more entry: what is over goes, then what would be over first. Fetches under way stay.
    fn make_room(&mut self, now: Instant, url: &str, size: usize) -> bool {
        if self.entries.len() < size || self.entries.contains_key(url) {
            return true;
        }
        let ends = |entry: &Entry| match entry {
            Entry::Asked { .. } => None,
            Entry::Known { until, .. } | Entry::Failed { until, .. } => Some(*until),
        };
        self.entries
            .retain(|_, entry| ends(entry).is_none_or(|until| until > now));
        while self.entries.len() >= size {
            let first = self
                .entries
                .iter()
                .filter_map(|(url, entry)| Some((ends(entry)?, url)));
            let Some(url) = first.min().map(|(_, url)| url.clone()) else {
                return false;
            };
            self.entries.remove(&url);
        }
        true
    }

    /// What has come of a fetch; gives the calls that wait for it.
    pub(super) fn fetched(
        &mut self,
        now: Instant,
        query: u64,
        outcome: Option<FetchedCertificate>,
        keeping: Keeping,
    ) -> Vec<CallKey> {
        let Some(url) = self.queries.remove(&query) else {
            return Vec::new();
        };
        let chain = outcome.map(|fetched| (Chain::parse(&fetched.bytes), fetched.max_age));
        let entry = match chain {
            Some((Ok(chain), max_age)) => {
                let age = max_age.unwrap_or(keeping.longest);
                Entry::Known {
                    chain: Box::new(chain),
                    trusted: None,
                    until: now + age.min(keeping.longest).max(keeping.shortest),
                }
            }
            Some((Err(why), _)) => Entry::Failed {
                until: now + keeping.failures,
                why: Some(why),
            },
            None => Entry::Failed {
                until: now + keeping.failures,
                why: None,
            },
        };
        match self.entries.insert(url, entry) {
            Some(Entry::Asked { waiting, .. }) => waiting,
            Some(Entry::Known { .. } | Entry::Failed { .. }) | None => Vec::new(),
        }
    }

    /// Looks at a URL's chain with the present trust anchors, if nobody has.
    pub(super) fn assess(&mut self, url: &CertificateUrl, anchors: &Anchors) {
        if let Some(Entry::Known { chain, trusted, .. }) = self.entries.get_mut(url.as_str()) {
            trusted.get_or_insert_with(|| anchors.verify(chain));
        }
    }

    /// What is known of a URL's certificate.
    pub(super) fn credential(&self, now: Instant, url: &CertificateUrl) -> Credential<'_> {
        match self.entries.get(url.as_str()) {
            Some(Entry::Known {
                chain,
                trusted,
                until,
            }) if *until > now => match trusted {
                Some(Ok(valid)) => Credential::Good(chain, *valid),
                Some(Err(error)) => Credential::Unusable(*error),
                None => Credential::Unavailable,
            },
            Some(Entry::Failed {
                why: Some(why),
                until,
            }) if *until > now => Credential::Unusable(*why),
            Some(Entry::Asked { .. } | Entry::Known { .. } | Entry::Failed { .. }) | None => {
                Credential::Unavailable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 3;

    const KEEPING: Keeping = Keeping {
        shortest: Duration::from_secs(10),
        longest: Duration::from_secs(100),
        failures: Duration::from_secs(5),
    };

    fn url(n: usize) -> CertificateUrl {
        CertificateUrl::parse(&format!("https://h/{n}")).unwrap()
    }

    fn ask(cache: &mut Certificates, now: Instant, n: usize, call: u64) -> Option<u64> {
        match cache.want(now, &url(n), CallKey(call), SIZE) {
            Need::Ask(query) => Some(query),
            Need::Wait | Need::Nothing => None,
        }
    }

    #[test]
    fn a_url_is_fetched_once_for_all_who_wait() {
        let (mut cache, now) = (Certificates::default(), Instant::now());
        let query = ask(&mut cache, now, 1, 1).unwrap();
        assert!(matches!(cache.want(now, &url(1), CallKey(2), 3), Need::Wait));
        let waiting = cache.fetched(now, query, None, KEEPING);
        assert_eq!(waiting, [CallKey(1), CallKey(2)]);
        assert_eq!(cache.fetches(), 0);
        // It rests, then it is asked again.
        assert!(matches!(cache.want(now, &url(1), CallKey(3), 3), Need::Nothing));
        assert!(matches!(cache.credential(now, &url(1)), Credential::Unavailable));
        let later = now + KEEPING.failures;
        assert!(ask(&mut cache, later, 1, 3).is_some());
        // An answer that nobody asked for is nobody's.
        assert!(cache.fetched(later, query, None, KEEPING).is_empty());
    }

    #[test]
    fn an_answer_that_was_lost_is_not_waited_for_for_ever() {
        let (mut cache, now) = (Certificates::default(), Instant::now());
        let lost = ask(&mut cache, now, 1, 1).unwrap();
        let later = now + LOST + Duration::from_millis(1);
        let again = ask(&mut cache, later, 1, 2).unwrap();
        assert_eq!(cache.fetches(), 1);
        assert!(cache.fetched(later, lost, None, KEEPING).is_empty());
        assert_eq!(cache.fetched(later, again, None, KEEPING), [CallKey(2)]);
    }

    #[test]
    fn answers_that_were_lost_hold_no_places_for_ever() {
        let (mut cache, now) = (Certificates::default(), Instant::now());
        for n in 0..SIZE {
            assert!(ask(&mut cache, now, n, 1).is_some());
        }
        assert_eq!(ask(&mut cache, now + LOST, SIZE, 2), None);
        let later = now + LOST + Duration::from_millis(1);
        assert!(ask(&mut cache, later, SIZE, 2).is_some());
        assert_eq!((cache.fetches(), cache.entries.len()), (1, 1));
    }

    #[test]
    fn what_is_no_certificate_is_told_apart_from_nothing() {
        let (mut cache, now) = (Certificates::default(), Instant::now());
        let query = ask(&mut cache, now, 1, 1).unwrap();
        let body = FetchedCertificate {
            bytes: b"<html>".to_vec(),
            max_age: None,
        };
        cache.fetched(now, query, Some(body), KEEPING);
        let credential = cache.credential(now, &url(1));
        assert!(matches!(credential, Credential::Unusable(CertError::Unreadable)));
    }

    #[test]
    fn the_cache_has_its_size() {
        let (mut cache, now) = (Certificates::default(), Instant::now());
        for n in 0..3 {
            let query = ask(&mut cache, now + Duration::from_millis(n as u64), n, 1).unwrap();
            cache.fetched(now + Duration::from_millis(n as u64), query, None, KEEPING);
        }
        // The first to be over makes room.
        let query = ask(&mut cache, now + Duration::from_secs(1), 3, 1).unwrap();
        assert_eq!(cache.entries.len(), 3);
        assert!(!cache.entries.contains_key("https://h/0"));
        // Fetches under way are never thrown out: while all are, there is no room.
        let late = now + Duration::from_secs(20);
        assert!(ask(&mut cache, late, 4, 1).is_some());
        assert!(ask(&mut cache, late, 5, 1).is_some());
        assert_eq!(ask(&mut cache, late, 6, 1), None);
        assert_eq!(cache.fetched(late, query, None, KEEPING), [CallKey(1)]);
        assert!(ask(&mut cache, late + KEEPING.failures, 6, 1).is_some());
    }
}
