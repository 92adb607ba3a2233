//! The number rule of a called number: one look-up in a map per length that any rule has.

use crate::number::bare;
use config::NumberRule;
use std::collections::HashMap;

/// Rules by their digits.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    exact: HashMap<Box<str>, u32>,
    prefixes: HashMap<Box<str>, u32>,
    /// Lengths of the prefixes, longest first.
    lengths: Box<[usize]>,
}

impl Numbers {
    /// Of rules by index; a rule whose pattern an earlier one has already is given back.
    pub(super) fn build(rules: &[NumberRule]) -> (Self, Vec<&NumberRule>) {
        let mut numbers = Self::default();
        let mut repeated = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let pattern = &rule.pattern;
            let map = if pattern.prefix {
                &mut numbers.prefixes
            } else {
                &mut numbers.exact
            };
            let place = map.entry(pattern.digits.as_str().into()).or_insert(index as u32);
            if *place != index as u32 {
                repeated.push(rule);
            }
        }
        let mut lengths: Vec<usize> = numbers.prefixes.keys().map(|digits| digits.len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        numbers.lengths = lengths.into_boxed_slice();
        (numbers, repeated)
    }

    /// Index of the rule for `called`.
    pub(super) fn find(&self, called: &str) -> Option<u32> {
        let digits = bare(called);
        let exact = self.exact.get(digits);
        let prefix = || {
            self.lengths
                .iter()
                .find_map(|&length| self.prefixes.get(digits.get(..length)?))
        };
        exact.or_else(prefix).copied()
    }
}
