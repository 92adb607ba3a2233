//! Real-time transport without sockets: packet validity, relay sessions with latching, statistics, silence timers, and the
//! pool of media ports. Time is passed in; nothing here blocks, allocates per packet, or knows the operating system.
//!
//! - [`control`]: the commands and events between call control and the media plane.
//! - [`PortPool`]: which port pairs are free.
//! - [`Session`]: one relayed stream: a packet in, a verdict out.
//! - [`figures`]: how measured values are written.
//! - [`offload`]: what the kernel may relay of it in the session's place.

mod answer;
mod budget;
mod chance;
mod cidr;
pub mod control;
pub mod dtls;
mod dtmf;
pub mod emodel;
pub mod figures;
pub mod ice;
pub mod ids;
mod latch;
mod losses;
pub mod offload;
mod packet;
mod ports;
mod pt_map;
mod quality;
mod reception;
mod rtcp;
mod rtp;
mod session;
mod silence;
pub mod srtp;
mod stats;
pub mod stun;

pub use cidr::{Cidr, CidrError};
pub use dtmf::{Digit, DigitError, Heard};
pub use latch::is_unroutable;
pub use packet::Packet;
pub use ports::{PortPair, PortPool};
pub use pt_map::{PtEntry, PtMap};
pub use session::{Channel, Notice, Patience, Session, Transmit, Verdict};
