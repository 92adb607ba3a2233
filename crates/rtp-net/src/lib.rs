//! The media plane's drivers: worker threads that relay RTP between sockets.
//!
//! [`MediaPlane::start`] starts the workers; [`MediaPlane::command`] opens, changes and closes streams; what happens comes back
//! through the [`EventSink`]. What becomes of a packet is decided by [`rtp_proto::Session`]; here are only the sockets.
//!
//! A worker is one thread with its own epoll instance, its own share of the streams (by id) and its own buffer, so that no
//! packet meets a lock. Per packet there is one receive and one send system call, no allocation and no reading of the clock
//! (that is done once per turn).
//!
//! With a [`KernelPath`] what is plain does not come up at all: an eBPF program relays it, and a worker only lends directions of
//! streams to it and takes them back.
//!
//! Memory per relayed call of two RTP/RTCP pairs: about 3 kB of state and six sockets of about 2.8 kB in the kernel, four where
//! it is the kernel that relays. Receive buffers are limits, not allocations: they cost something only while packets wait in them.

mod dtls;
mod kernel;
mod mailbox;
mod order;
mod plane;
mod sockets;
mod worker;

pub use dtls::{Identity, IdentityError};
pub use kernel::{KernelConfig, KernelError, KernelPath, Leftovers};
pub use plane::{EventSink, MediaPlane, PlaneConfig, Refused};
