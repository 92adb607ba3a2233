//! Answers that are kept: so many, and each for so long.

use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use super::answer::Routing;

/// A number in E.164: its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

/// Digits that it has at least: the country's code, and something behind it.
const SHORTEST: usize = 5;

/// And at most (ITU-T E.164 §6).
pub(super) const LONGEST: usize = 15;

impl Key {
    /// Of a number with `+`; `None`: it is none that anybody could look up.
    pub(super) fn of(number: &str) -> Option<Self> {
        let digits = number.strip_prefix('+')?;
        let fits = (SHORTEST..=LONGEST).contains(&digits.len()) && !digits.starts_with('0');
        let digits =
            Some(digits).filter(|digits| fits && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse().ok().map(Self)
    }
}

impl fmt::Display for Key {
    /// The digits, without `+`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

type Half = HashMap<Key, (Option<Routing>, Instant)>;

/// Answers, in two halves: when the younger one is full, the older one goes, and is the younger one's place. So nothing is ever
/// searched for what is to make room, and what is asked for often stays.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: Half,
    old: Half,
}

impl Cache {
    /// What is known of a number: `Some(None)` that it is not ported.
    pub(super) fn get(&self, now: Instant, key: Key) -> Option<Option<Routing>> {
        let kept = self.young.get(&key).or_else(|| self.old.get(&key))?;
        let (found, until) = *kept;
        (until > now).then_some(found)
    }

    /// Keeps an answer, among `size` of them at most.
    pub(super) fn put(&mut self, key: Key, found: Option<Routing>, until: Instant, size: usize) {
        let half = (size / 2).max(1);
        if self.young.len() >= half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, (found, until));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(n: u64) -> Key {
        Key::of(&format!("+44207{n:07}")).unwrap()
    }

    #[test]
    fn a_key_is_a_number_in_e164() {
        for (number, digits) in [
            ("+442071838750", Some("442071838750")),
            ("+1234", None),
            ("+12345", Some("12345")),
            ("+999999999999999", Some("999999999999999")),
            ("+1234567890123456", None),
            ("+0442071838750", None),
            ("442071838750", None),
            ("+44 20", None),
            ("alice", None),
            ("", None),
        ] {
            let found = Key::of(number).map(|key| key.to_string());
            assert_eq!(found.as_deref(), digits, "{number}");
        }
    }

    #[test]
    fn an_answer_is_kept_for_its_time() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let routing = Routing::of("+12015550000", key(1));
        cache.put(key(1), routing, now + Duration::from_secs(10), 100);
        cache.put(key(2), None, now + Duration::from_secs(5), 100);
        assert_eq!(cache.get(now, key(1)), Some(routing));
        assert_eq!(cache.get(now, key(2)), Some(None));
        assert_eq!(cache.get(now, key(3)), None);
        let later = now + Duration::from_secs(5);
        assert_eq!(
            (cache.get(later, key(1)), cache.get(later, key(2))),
            (Some(routing), None)
        );
    }

    #[test]
    fn the_cache_has_its_size_and_the_latest_stay() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let until = now + Duration::from_secs(10);
        for n in 0..1000 {
            cache.put(key(n), None, until, 100);
            assert!(cache.len() <= 100);
        }
        for n in 950..1000 {
            assert_eq!(cache.get(now, key(n)), Some(None), "{n}");
        }
        assert_eq!(cache.get(now, key(800)), None);
    }
}
