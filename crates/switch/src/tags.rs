//! Our dialog tags, each of which names one side of one call.

use std::hash::{BuildHasher, RandomState};

use rtp_proto::control::Side;

use crate::ident::{CallKey, IdMap};

/// Who is named by which tag. Peers send what they like, so tags are known by a hash with a secret; whose tag it really is, its leg
/// tells.
#[derive(Default)]
pub(crate) struct Tags {
    secret: RandomState,
    owners: IdMap<u64, (CallKey, Side)>,
}

impl Tags {
    pub(crate) fn insert(&mut self, tag: &[u8], owner: (CallKey, Side)) {
        self.owners.insert(self.secret.hash_one(tag), owner);
    }

    pub(crate) fn remove(&mut self, tag: &[u8]) {
        self.owners.remove(&self.secret.hash_one(tag));
    }

    /// Whose tag this may be.
    pub(crate) fn get(&self, tag: &[u8]) -> Option<(CallKey, Side)> {
        self.owners.get(&self.secret.hash_one(tag)).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }
}
