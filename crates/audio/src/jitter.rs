//! Packets that wait for their turn: put in order by extended sequence number, and how long each was under way.

mod delay;
mod order;

pub(crate) use delay::{Delay, fade};
pub(crate) use order::{Placed, Queue, Slot, What};
