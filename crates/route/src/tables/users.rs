//! Users of trunks: by name, and which of them a call is for.

use super::{Rule, TrunkIx, numbers::Numbers};
use crate::backup::Backups;
use crate::number::bare;
use config::{Challenge, NumberRule, Pattern, Trunk};
use std::collections::HashMap;
use std::sync::Arc;

/// A user in one [`Tables`](super::Tables); means nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserIx {
    /// Its trunk.
    pub trunk: TrunkIx,
    /// Its place in the trunk's `users`.
    pub index: u32,
}

/// What a user is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// By its name or a number of its own: it is called as it has registered.
    Itself,
    /// By one number of many: it is told which.
    Number,
}

/// Users by name.
#[derive(Debug, Default)]
pub(super) struct Users {
    named: HashMap<Box<str>, UserIx>,
    /// The rule that sends calls to a name to its trunk.
    rules: HashMap<Box<str>, u32>,
    roaming: bool,
}

/// Whether users of this trunk may come from everywhere.
pub(super) fn is_roaming(trunk: &Trunk) -> bool {
    !trunk.users.is_empty() && (trunk.sources.is_empty() || trunk.challenge == Challenge::Elsewhere)
}

impl Users {
    /// Those of all trunks. Each trunk with users gets a rule for calls to them behind those of the config, whose patterns hold first.
    pub(super) fn build(trunks: &[Arc<Trunk>], rules: &mut Vec<Rule>, numbers: &mut Numbers) -> Self {
        let mut users = Self::default();
        for (at, trunk) in trunks.iter().enumerate().filter(|(_, t)| !t.users.is_empty()) {
            let (ix, rule) = (TrunkIx(at as u32), rules.len() as u32);
            users.roaming |= trunk.enabled && is_roaming(trunk);
            for (index, user) in trunk.users.iter().enumerate() {
                let index = index as u32;
                users
                    .named
                    .insert(user.username.as_str().into(), UserIx { trunk: ix, index });
                users.rules.insert(bare(&user.username).into(), rule);
                for pattern in &user.numbers {
                    numbers.add(pattern, rule);
                }
            }
            let pattern = Pattern {
                text: format!("(users of {})", trunk.name),
                digits: String::new(),
                prefix: false,
            };
            rules.push(Rule {
                rule: NumberRule {
                    pattern,
                    to: vec![trunk.name.clone()],
                    ring: None,
                    on_busy: Vec::new(),
                    on_no_answer: Vec::new(),
                    on_failure: Vec::new(),
                    on_unregistered: Vec::new(),
                },
                to: Box::new([ix]),
                backups: Backups::default(),
            });
        }
        users
    }

    pub(super) fn any(&self) -> bool {
        !self.named.is_empty()
    }

    pub(super) fn any_roaming(&self) -> bool {
        self.roaming
    }

    pub(super) fn named(&self, name: &str) -> Option<UserIx> {
        self.named.get(name).copied()
    }

    /// Index of the rule for calls to this name.
    pub(super) fn rule(&self, called: &str) -> Option<u32> {
        self.rules.get(bare(called)).copied()
    }

    pub(super) fn called(&self, ix: TrunkIx, trunk: &Trunk, called: &str) -> Option<(UserIx, Called)> {
        let digits = bare(called);
        let mut best: Option<(usize, u32, Called)> = None;
        for (index, user) in (0_u32..).zip(&trunk.users) {
            if bare(&user.username) == digits {
                return Some((UserIx { trunk: ix, index }, Called::Itself));
            }
            for pattern in &user.numbers {
                let fits = match pattern.prefix {
                    true => digits.starts_with(pattern.digits.as_str()),
                    false => digits == pattern.digits,
                };
                // An exact number is longer than any beginning of it.
                let length = pattern.digits.len() * 2 + usize::from(!pattern.prefix);
                if fits && best.is_none_or(|(longest, ..)| length > longest) {
                    let by = if pattern.prefix {
                        Called::Number
                    } else {
                        Called::Itself
                    };
                    best = Some((length, index, by));
                }
            }
        }
        let found = match (best, trunk.users.as_slice()) {
            (Some((_, index, by)), _) => (index, by),
            (None, [_]) => (0, Called::Number),
            (None, _) => return None,
        };
        Some((
            UserIx {
                trunk: ix,
                index: found.0,
            },
            found.1,
        ))
    }
}
