//! SIP sockets: what the shard loop reads from and writes to; the resolver of host names, the fetcher of callers' certificates, and who asks
//! where numbers are served.
//!
//! Datagrams are bytes here; [`Streams`] cuts messages out of connections, and knows no more of them than where they end. A
//! [`UdpListener`] is one bound socket that lives on the shard's thread: it never blocks and never spawns, and allocates for what has
//! to wait only. What the network says against a datagram that was sent (a closed port, an unreachable host) comes back as an
//! [`Unreachable`], so that the transaction above fails over at once and needn't wait for its timer (RFC 3261 §18.4).

mod arrival;
pub mod capture;
mod error_queue;
mod fetch;
mod http;
mod look;
mod resolve;
mod stream;
pub mod stun;
pub mod tls;
mod udp;

pub use arrival::Arrival;
pub use error_queue::Unreachable;
pub use fetch::{Fetch, FetchError, FetchRules, FetchSink, Fetched, Fetcher};
pub use http::{AnswerSink, Answered, AskError, AskRules, Asker};
pub use look::{Looked, look};
pub use resolve::{
    Lookup, Query, Resolution, ResolutionSink, ResolveError, Resolver, ResolverConfig, ResolverCounters,
};
pub use stream::{
    Ended, Line, StreamError, StreamEvent, StreamFigures, StreamLimits, StreamListener, StreamSetup, Streams,
    bind_stream,
};
pub use udp::{SendResult, UdpCounters, UdpListener, UdpOptions, bind_udp};
