//! Whether anybody is asked at all: after some failures in a row nobody is, for a while; then one question tries it.

use std::time::Instant;

use config::Portability;

/// Its state.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures in a row.
    failures: u32,
    /// Nobody is asked until then.
    until: Option<Instant>,
    /// One question is on its way to try it.
    trying: bool,
}

impl Breaker {
    /// Whether a question may be asked now.
    pub(super) fn lets_through(&mut self, now: Instant, keys: &Portability) -> bool {
        if keys.rest.is_none() {
            return true;
        }
        let Some(until) = self.until else { return true };
        if now < until {
            return false;
        }
        // The next one tries it a while later, whatever has become of this one.
        self.trying = true;
        self.until = keys.rest.map(|rest| now + rest);
        true
    }

    /// A question has been answered in time.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// One has not. Says whether nobody is asked from now on.
    pub(super) fn failed(&mut self, now: Instant, keys: &Portability) -> bool {
        self.failures = self.failures.saturating_add(1);
        let Some(rest) = keys.rest else { return false };
        if self.failures < keys.failures && !self.trying {
            return false;
        }
        let was_open = self.until.is_some();
        self.trying = false;
        self.until = Some(now + rest);
        !was_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn keys(more: &str) -> Portability {
        let file = format!(
            "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"t\"\nrole = \"carrier\"\n\
             targets = [{{ uri = \"sip:127.0.0.2\" }}]\n[portability]\nfailures = 3\nrest = \"10s\"\n{more}"
        );
        config::parse(&file, "t")
            .unwrap_or_else(|report| panic!("{report}"))
            .portability
    }

    #[test]
    fn after_failures_in_a_row_nobody_is_asked_for_a_while() {
        let (keys, start) = (keys(""), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        assert!(!breaker.failed(start, &keys) && !breaker.failed(start, &keys));
        breaker.succeeded();
        assert!(!breaker.failed(start, &keys) && !breaker.failed(start, &keys));
        assert!(breaker.lets_through(start, &keys));
        assert!(breaker.failed(start, &keys), "the third in a row");
        assert!(!breaker.lets_through(at(9), &keys));
        assert!(breaker.lets_through(at(10), &keys), "one tries it");
        assert!(!breaker.lets_through(at(10), &keys), "and one only");
        assert!(!breaker.failed(at(11), &keys), "it was so already");
        assert!(!breaker.lets_through(at(20), &keys));
        assert!(breaker.lets_through(at(21), &keys));
        breaker.succeeded();
        assert!(breaker.lets_through(at(21), &keys) && breaker.lets_through(at(21), &keys));
    }

    #[test]
    fn a_trial_of_which_nothing_is_heard_is_not_the_last() {
        let (keys, start) = (keys(""), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(start, &keys);
        }
        assert!(breaker.lets_through(at(10), &keys));
        assert!(!breaker.lets_through(at(19), &keys));
        assert!(breaker.lets_through(at(20), &keys));
    }

    #[test]
    fn without_rest_everybody_is_asked() {
        let file = keys("");
        let keys = Portability { rest: None, ..file };
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            assert!(!breaker.failed(Instant::now(), &keys));
        }
        assert!(breaker.lets_through(Instant::now(), &keys));
    }
}
