//! SIP transactions, dialogs and digest: protocol machines without sockets, clocks or randomness of their own.
//!
//! [`Endpoint`] takes parsed messages and the time, and fills an [`Outbox`] with bytes to send and events for the
//! transaction user. The four machines of RFC 3261 §17 with RFC 6026 and RFC 4320 are in [`transaction`], their state
//! tables in `docs/specs/sip-transaction.md`; [`Dialog`] is RFC 3261 §12, its table in `docs/specs/sip-dialog.md`. What is
//! agreed within a dialog, reliable provisional responses ([`provisional`], RFC 3262) and session timers ([`session_timer`],
//! RFC 4028), has its tables in `docs/specs/sip-session.md`.

mod config;
pub mod dialog;
pub mod digest;
mod endpoint;
mod mint;
pub mod overload;
pub mod provisional;
mod reach;
mod reply;
pub mod session_timer;
mod tcp;
pub mod timers;
pub mod transaction;
mod transport;

pub use config::{EndpointConfig, Timers};
pub use dialog::{Dialog, DialogError, EarlyDialogs, Head, OutOfOrder};
pub use endpoint::{
    ClientId, Counts, DropReason, Endpoint, Event, Otherwise, Outbox, RequestError, Send, SendOrigin,
    ServerId,
};
pub use mint::{Mint, Token};
pub use reach::Reach;
pub use reply::reply;
pub use tcp::LONGEST_DATAGRAM;
pub use transport::{ConnId, Flow, Hop, ListenerId, PeerId, Transport};
