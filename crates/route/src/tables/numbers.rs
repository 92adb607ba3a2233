//! The number rule of a called number: one look-up in a map per length that any rule has.

use crate::number::bare;
use config::{NumberRule, Pattern};
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
        numbers.sort();
        (numbers, repeated)
    }

    /// A pattern more, unless there is one like it.
    pub(super) fn add(&mut self, pattern: &Pattern, index: u32) {
        let map = if pattern.prefix {
            &mut self.prefixes
        } else {
            &mut self.exact
        };
        map.entry(pattern.digits.as_str().into()).or_insert(index);
        self.sort();
    }

    fn sort(&mut self) {
        let mut lengths: Vec<usize> = self.prefixes.keys().map(|digits| digits.len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        self.lengths = lengths.into_boxed_slice();
    }

    /// Index of the rule for exactly `called`.
    pub(super) fn exact(&self, called: &str) -> Option<u32> {
        self.exact.get(bare(called)).copied()
    }

    /// Index of the rule with the most digits that `called` begins with.
    pub(super) fn prefix(&self, called: &str) -> Option<u32> {
        let digits = bare(called);
        let of = |&length: &usize| self.prefixes.get(digits.get(..length)?);
        self.lengths.iter().find_map(of).copied()
    }
}
