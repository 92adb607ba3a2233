//! A switch between simulated peers: a network, a media plane, a record store and a resolver in virtual time, all
//! from one seed.
//!
//! | file | what it is |
//! |---|---|
//! | `world.rs` | the event loop: whatever is due next happens next |
//! | `network.rs` | datagrams with loss, duplication, delay and reordering |
//! | `media.rs`, `store.rs`, `dns.rs` | what stands behind a switch's commands, well or badly behaved |
//! | `sip.rs`, `sdp.rs`, `party.rs` | messages as text, so that a peer's faults are not ours |
//! | `ua.rs` | a peer that takes and makes calls by itself, by script |
//! | `bed.rs` | caller, switch and two carriers, played by hand |
//! | `audit.rs` | what has to hold of every message that a switch sends |
//!
//! Nothing here waits: an hour takes as long as its events do. A fault is reported with the seed that shows it again.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this crate runs in tests only, where a panic is the report"
)]

mod agenda;
mod audit;
pub mod bed;
mod certificate;
mod digest;
mod dns;
mod fetch;
mod lookup;
mod media;
mod network;
mod party;
mod rng;
pub mod sdp;
mod sip;
mod store;
pub mod ua;
mod verdict;
mod world;

pub use audit::Audit;
pub use certificate::Certificate;
pub use digest::{answer, is_answered};
pub use dns::{Dns, Lookup};
pub use fetch::Certificates;
pub use lookup::{Lookups, Said};
pub use media::{Media, MediaMode};
pub use network::{Network, Quality};
pub use party::Party;
pub use rng::Rng;
pub use sip::Sip;
pub use store::{Store, StoreMode};
pub use world::{Logged, Way, World, seed, snapshot};
