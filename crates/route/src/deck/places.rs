//! Which of the United States a number belongs to, and what that makes of a call.

use super::condition::Jurisdiction;
use super::key::Key;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The area codes that this program comes with: a state's two letters, then its codes.
const NPA: &str = include_str!("npa.txt");

/// Area codes are three digits.
const CODES: usize = 1000;

/// A state, or the District of Columbia, by its two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State([u8; 2]);

impl State {
    /// None that is known.
    const NONE: Self = Self([0; 2]);

    /// Of two letters.
    pub fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// Where the numbers of the United States belong. Immutable, and cheap to clone.
#[derive(Clone)]
pub struct Places {
    /// By area code.
    npa: Arc<[State; CODES]>,
    /// Area code and exchange, as six digits, where an exchange belongs elsewhere than its area code; sorted.
    exchanges: Arc<[(u32, State)]>,
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("exchanges", &self.exchanges.len())
            .finish_non_exhaustive()
    }
}

impl Default for Places {
    /// The area codes that this program comes with.
    fn default() -> Self {
        static PLACES: LazyLock<Places> = LazyLock::new(|| Places {
            npa: Arc::new(built_in()),
            exchanges: Arc::new([]),
        });
        PLACES.clone()
    }
}

fn built_in() -> [State; CODES] {
    let mut npa = [State::NONE; CODES];
    for line in NPA.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_ascii_whitespace();
        let Some(state) = words.next().and_then(State::new) else {
            continue;
        };
        for code in words.filter_map(|word| word.parse::<usize>().ok()) {
            if let Some(place) = npa.get_mut(code) {
                *place = state;
            }
        }
    }
    npa
}

impl Places {
    /// With these area codes (three digits) and exchanges (six) in another place than before; `None`: in no known one. The last of
    /// several for the same holds.
    #[must_use]
    pub fn with(&self, corrections: &[(u32, Option<State>)]) -> Self {
        let mut npa = *self.npa;
        let mut exchanges = self.exchanges.to_vec();
        for &(code, state) in corrections {
            let state = state.unwrap_or(State::NONE);
            match npa.get_mut(code as usize) {
                Some(place) => *place = state,
                None => exchanges.push((code, state)),
            }
        }
        // Stable: of equal codes the last stays last, and is the one that is kept.
        exchanges.sort_by_key(|(code, _)| *code);
        exchanges.reverse();
        exchanges.dedup_by_key(|(code, _)| *code);
        exchanges.reverse();
        Self {
            npa: Arc::new(npa),
            exchanges: exchanges.into(),
        }
    }

    /// Whether the two are clones of one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.npa, &other.npa) && Arc::ptr_eq(&self.exchanges, &other.exchanges)
    }

    /// The state that a number (`1` and ten digits, or the first four of those) belongs to.
    pub fn state(&self, number: Key) -> Option<State> {
        let digits = |from: usize, to: usize| {
            (from..to).try_fold(0u32, |sum, place| Some(sum * 10 + u32::from(number.at(place)?)))
        };
        if number.at(0) != Some(1) {
            return None;
        }
        let npa = digits(1, 4)?;
        let exchange = || {
            let code = digits(1, 7)?;
            let index = self
                .exchanges
                .binary_search_by_key(&code, |(code, _)| *code)
                .ok()?;
            self.exchanges.get(index).map(|(_, state)| *state)
        };
        let by_npa = || self.npa.get(npa as usize).copied();
        let state = if self.exchanges.is_empty() {
            None
        } else {
            exchange()
        };
        state.or_else(by_npa).filter(|state| *state != State::NONE)
    }

    /// What a call from one number to another is, by where they belong.
    pub fn jurisdiction(&self, caller: Key, called: Key) -> Jurisdiction {
        match (self.state(called), self.state(caller)) {
            (Some(called), Some(caller)) if called == caller => Jurisdiction::Intrastate,
            (Some(_), Some(_)) => Jurisdiction::Interstate,
            (None, _) | (_, None) => Jurisdiction::Indeterminate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: &str) -> Key {
        Key::of_number(number)
    }

    #[test]
    fn a_call_is_classed_by_the_states_of_both_numbers() {
        let places = Places::default();
        let table = [
            ("12125550100", "17185550100", Jurisdiction::Intrastate),
            ("12125550100", "12015550100", Jurisdiction::Interstate),
            ("12025550100", "17715550100", Jurisdiction::Intrastate),
            ("12125550100", "18005550100", Jurisdiction::Indeterminate),
            ("", "12125550100", Jurisdiction::Indeterminate),
            ("442071838750", "12125550100", Jurisdiction::Indeterminate),
            ("14165550100", "12125550100", Jurisdiction::Indeterminate),
            ("17875550100", "12125550100", Jurisdiction::Indeterminate),
            ("2125550100", "12125550100", Jurisdiction::Indeterminate),
        ];
        for (caller, called, expected) in table {
            assert_eq!(
                places.jurisdiction(key(caller), key(called)),
                expected,
                "{caller} {called}"
            );
        }
        assert_eq!(
            places.state(key("1212")).map(|s| s.to_string()).as_deref(),
            Some("NY")
        );
        assert_eq!(places.state(key("121")), None);
    }

    #[test]
    fn every_state_has_codes_and_no_code_has_two() {
        let mut codes = std::collections::BTreeSet::new();
        let mut states = 0;
        for line in NPA.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            assert!(State::new(words.next().unwrap()).is_some(), "{line}");
            states += 1;
            let mut any = false;
            for code in words {
                let number: u32 = code.parse().unwrap();
                assert!(code.len() == 3 && (200..1000).contains(&number), "{code}");
                assert!(codes.insert(number), "{code} stands twice");
                any = true;
            }
            assert!(any, "{line}");
        }
        assert_eq!(states, 51);
    }

    #[test]
    fn corrections_move_area_codes_and_single_exchanges() {
        let (nv, ut) = (State::new("nv").unwrap(), State::new("UT").unwrap());
        let places = Places::default().with(&[
            (435_665, Some(nv)),
            (787, State::new("PR")),
            (212, None),
            (435_664, Some(nv)),
            (435_664, Some(ut)),
        ]);
        let state = |number: &str| places.state(key(number));
        assert_eq!(state("14356650100"), Some(nv));
        assert_eq!(state("14356640100"), Some(ut));
        assert_eq!(state("14356660100"), Some(ut));
        assert_eq!(state("1435"), Some(ut));
        assert_eq!(state("17875550100"), State::new("PR"));
        assert_eq!(state("12125550100"), None);
        assert_eq!(Places::default().state(key("12125550100")), State::new("NY"));
    }
}
