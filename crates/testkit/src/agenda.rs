//! What is going to happen, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rtp_proto::control::MediaId;
use switch::Input;

use crate::ua::UaTimer;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum What {
    /// A datagram arrives.
    Arrives {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Bytes,
    },
    /// The switch is told something that is not a datagram.
    Switch(Box<Input>),
    /// The media plane looks whether somebody has gone silent.
    MediaCheck(MediaId),
    /// A peer's timer is due.
    Ua(usize, UaTimer),
    /// What a test has planned; its number.
    Planned(usize),
}

struct Entry {
    at: Instant,
    order: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Everything that is going to happen; of two at the same moment, what was planned first.
#[derive(Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Instant, what: What) {
        self.order += 1;
        let order = self.order;
        self.heap.push(Reverse(Entry { at, order, what }));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    pub(crate) fn pop(&mut self) -> Option<What> {
        self.heap.pop().map(|Reverse(entry)| entry.what)
    }

    /// Forgets what a dead process was going to be told.
    pub(crate) fn forget_switch(&mut self) {
        let kept = std::mem::take(&mut self.heap).into_vec();
        let lives = |what: &What| !matches!(what, What::Switch(_) | What::MediaCheck(_));
        self.heap = kept
            .into_iter()
            .filter(|Reverse(entry)| lives(&entry.what))
            .collect();
    }
}
