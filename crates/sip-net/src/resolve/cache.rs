//! What the DNS has said, for as long as it said that it holds (RFC 1035 §3.2.1 TTL, RFC 2308 for what is not there), and some
//! time beyond while it says nothing (RFC 8767).

use super::find::{Data, Key, View};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A record is kept so long at least: one with TTL 0 would be asked for once a call.
const LEAST: Duration = Duration::from_secs(1);
/// And so long at most (RFC 8767 §4).
const MOST: Duration = Duration::from_secs(86_400);
/// The same for what is not there (RFC 2308 §5), where the answer does not say, and at most.
const NOTHING: Duration = Duration::from_secs(5);
const NOTHING_MOST: Duration = Duration::from_secs(300);
/// A question that was not answered is asked again after this.
const FAILED: Duration = Duration::from_secs(1);

/// An answer of the DNS.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Records and the least of their TTLs.
    Records(Arc<[Data]>, Duration),
    /// There are none, for so long if it was said.
    Nothing(Option<Duration>),
    /// No answer.
    Failed,
}

#[derive(Debug, Default)]
struct Entry {
    /// `None` within: there are no records.
    known: Option<(Option<Arc<[Data]>>, Instant)>,
    failed_until: Option<Instant>,
    asking: bool,
}

/// The answers, by question; bounded.
#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<Key, Entry>,
    most: usize,
    stale: Duration,
}

impl Cache {
    /// Of `most` questions; what has expired is still of use for `stale`.
    pub(super) fn new(most: usize, stale: Duration) -> Self {
        Self {
            entries: HashMap::new(),
            most: most.max(1),
            stale,
        }
    }

    /// What is known. What has expired counts where the DNS does not answer, or when it has had its time (`impatient`).
    pub(super) fn view(&self, now: Instant, key: &Key, impatient: bool) -> View {
        let Some(entry) = self.entries.get(key) else {
            return View::Unknown;
        };
        let failed = entry.failed_until.is_some_and(|until| now < until);
        match &entry.known {
            Some((data, until)) if now < *until => shown(data.as_ref()),
            Some((Some(data), until)) if (failed || impatient) && now < *until + self.stale => {
                View::Records(Arc::clone(data))
            }
            Some(_) | None if failed => View::Failed,
            Some(_) | None => View::Unknown,
        }
    }

    /// Whether the question is to be asked now: then it is, until it is [answered](Self::answered).
    pub(super) fn begin(&mut self, now: Instant, key: &Key) -> bool {
        if !self.entries.contains_key(key) && self.entries.len() >= self.most {
            self.make_room(now);
        }
        let entry = self.entries.entry(key.clone()).or_default();
        !std::mem::replace(&mut entry.asking, true)
    }

    pub(super) fn answered(&mut self, now: Instant, key: &Key, answer: Answer) {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.asking = false;
        entry.failed_until = None;
        match answer {
            Answer::Records(data, ttl) => entry.known = Some((Some(data), now + ttl.clamp(LEAST, MOST))),
            Answer::Nothing(ttl) => {
                let holds = ttl.unwrap_or(NOTHING).clamp(LEAST, NOTHING_MOST);
                entry.known = Some((None, now + holds));
            }
            Answer::Failed => entry.failed_until = Some(now + FAILED),
        }
    }

    /// Questions remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets what is of no use any more; where that is nothing, what expires first.
    fn make_room(&mut self, now: Instant) {
        let stale = self.stale;
        let ends = |entry: &Entry| match &entry.known {
            Some((Some(_), until)) => *until + stale,
            Some((None, until)) => *until,
            None => entry.failed_until.unwrap_or(now),
        };
        self.entries.retain(|_, entry| entry.asking || ends(entry) > now);
        if self.entries.len() < self.most {
            return;
        }
        let free = self.entries.iter().filter(|(_, entry)| !entry.asking);
        let first = free.min_by_key(|(_, entry)| ends(entry));
        if let Some(key) = first.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
    }
}

fn shown(data: Option<&Arc<[Data]>>) -> View {
    data.map_or(View::Nothing, |data| View::Records(Arc::clone(data)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::find::Kind;

    fn key(name: &str) -> Key {
        Key {
            name: name.into(),
            kind: Kind::A,
        }
    }

    fn records() -> Arc<[Data]> {
        Arc::from([Data::Address([192, 0, 2, 1].into())])
    }

    fn word(view: &View) -> &'static str {
        match view {
            View::Records(_) => "records",
            View::Nothing => "nothing",
            View::Failed => "failed",
            View::Unknown => "unknown",
        }
    }

    const S: Duration = Duration::from_secs(1);

    /// What is seen at these seconds, patiently and impatiently.
    #[track_caller]
    fn sees(cache: &Cache, t0: Instant, second: u32, patient: &str, impatient: &str) {
        let at = |hurry| word(&cache.view(t0 + S * second, &key("a"), hurry));
        assert_eq!((at(false), at(true)), (patient, impatient), "after {second} s");
    }

    #[test]
    fn an_answer_holds_for_its_ttl_and_serves_longer_while_none_comes() {
        let (t0, mut cache) = (Instant::now(), Cache::new(9, S * 60));
        sees(&cache, t0, 0, "unknown", "unknown");
        assert!(cache.begin(t0, &key("a")) && !cache.begin(t0, &key("a")));
        cache.answered(t0, &key("a"), Answer::Records(records(), S * 30));
        sees(&cache, t0, 29, "records", "records");
        sees(&cache, t0, 30, "unknown", "records");
        assert!(cache.begin(t0 + S * 30, &key("a")));
        cache.answered(t0 + S * 32, &key("a"), Answer::Failed);
        sees(&cache, t0, 32, "records", "records");
        sees(&cache, t0, 33, "unknown", "records");
        sees(&cache, t0, 90, "unknown", "unknown");
        cache.answered(t0 + S * 90, &key("a"), Answer::Failed);
        sees(&cache, t0, 90, "failed", "failed");
    }

    #[test]
    fn what_is_not_there_is_remembered_too() {
        let (t0, mut cache) = (Instant::now(), Cache::new(9, S * 60));
        cache.answered(t0, &key("a"), Answer::Records(records(), S));
        cache.answered(t0 + S, &key("a"), Answer::Nothing(Some(S * 10)));
        sees(&cache, t0, 10, "nothing", "nothing");
        // What was there before is not fallen back to.
        sees(&cache, t0, 11, "unknown", "unknown");
        cache.answered(t0, &key("a"), Answer::Nothing(None));
        sees(&cache, t0, 4, "nothing", "nothing");
        sees(&cache, t0, 5, "unknown", "unknown");
    }

    #[test]
    fn over_its_bound_it_forgets() {
        let (t0, mut cache) = (Instant::now(), Cache::new(2, S));
        for (name, ttl) in [("a", 50), ("b", 20), ("c", 40)] {
            assert!(cache.begin(t0, &key(name)));
            cache.answered(t0, &key(name), Answer::Records(records(), S * ttl));
        }
        assert_eq!(cache.len(), 2);
        assert_eq!(word(&cache.view(t0, &key("b"), false)), "unknown");
    }
}
