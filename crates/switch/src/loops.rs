//! Calls that come back to us (RFC 5393). Whoever sends one back as a proxy does leaves our From tag in it, which names the call.
//! Another switch leaves nothing: there what shows is that calls of the same two numbers pile up towards the trunk that they come from.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use sip_msg::Message;
use sip_proto::Mint;

use crate::ident::{CallKey, IdMap};
use crate::tags::Tags;

/// A call that is being set up.
#[derive(Debug, Clone, Copy, Default)]
struct Out {
    /// Its numbers and the trunk that it is being sent to; 0 before that.
    pair: u64,
    called: u64,
    /// How often it has come back to us.
    turns: u8,
}

/// All calls that are being set up.
#[derive(Default)]
pub(crate) struct Loops {
    secret: RandomState,
    calls: IdMap<CallKey, Out>,
    pairs: HashMap<u64, u32>,
}

impl Loops {
    fn pair(&self, caller: &str, called: &str, trunk: &str) -> u64 {
        self.secret.hash_one((caller, called, trunk)).max(1)
    }

    /// A call from `trunk` has come in; whether it has been here too often.
    pub(crate) fn comes_back(
        &mut self,
        tags: &Tags,
        most: u8,
        (key, invite): (CallKey, &Message),
        caller: &str,
        called: &str,
        trunk: &str,
    ) -> bool {
        let ours = invite.from_tag().filter(|tag| Mint::shard_of(tag).is_some());
        if let Some((before, _)) = ours.and_then(|tag| tags.get(tag)) {
            let number = self.secret.hash_one(called);
            let Some(out) = self.calls.get(&before).filter(|out| out.called != number) else {
                return true;
            };
            let turns = out.turns + 1;
            let out = Out {
                turns,
                called: number,
                pair: 0,
            };
            self.calls.insert(key, out);
            return turns > most;
        }
        let waiting = self.pairs.get(&self.pair(caller, called, trunk));
        waiting.is_some_and(|waiting| *waiting > u32::from(most))
    }

    /// A call is being sent to a trunk.
    pub(crate) fn sent(&mut self, key: CallKey, caller: &str, called: &str, trunk: &str) {
        let (pair, number) = (self.pair(caller, called, trunk), self.secret.hash_one(called));
        let out = self.calls.entry(key).or_default();
        let before = std::mem::replace(&mut out.pair, pair);
        out.called = number;
        if before != pair {
            *self.pairs.entry(pair).or_default() += 1;
            self.leave(before);
        }
    }

    /// It is answered, or over.
    pub(crate) fn settled(&mut self, key: CallKey) {
        if let Some(out) = self.calls.remove(&key) {
            self.leave(out.pair);
        }
    }

    fn leave(&mut self, pair: u64) {
        if let Some(waiting) = self.pairs.get_mut(&pair) {
            *waiting -= 1;
            if *waiting == 0 {
                self.pairs.remove(&pair);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len() + self.pairs.len()
    }
}
