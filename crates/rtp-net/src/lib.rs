//! The media plane's drivers: worker threads that relay RTP between sockets.

use rtp_proto::control::{Command, Event};
use std::io;
use std::sync::Arc;

/// How the media plane is built.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// Worker threads; streams are spread over them by id. At least 1.
    pub workers: usize,
    /// Commands that may wait for one worker.
    pub mailbox: usize,
    /// Streams of one worker; an Open beyond fails.
    pub max_streams: usize,
    /// `SO_RCVBUF` of each media socket, in bytes (the kernel doubles it): what may queue, not what is allocated.
    pub receive_buffer: usize,
    /// Connect a socket to its peer once the peer's address is firm.
    pub connect: bool,
}

impl Default for PlaneConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            mailbox: 4096,
            max_streams: 20_000,
            receive_buffer: 65_536,
            connect: true,
        }
    }
}

/// Where workers leave their events. Called on worker threads: must not block.
pub trait EventSink: Send + Sync {
    /// Takes an event, or gives it back when there is no room: the worker keeps it and tries again.
    fn deliver(&self, event: Event) -> Result<(), Event>;
}

/// A command that found its worker's mailbox full, or its worker gone. Nothing of it was done; it may be tried again.
#[derive(Debug, thiserror::Error)]
#[error("the media worker's mailbox is full")]
pub struct Refused(pub Box<Command>);

/// The running workers. Dropping it stops them.
#[derive(Debug)]
pub struct MediaPlane {}

impl MediaPlane {
    /// Starts the worker threads. Errors: no thread, epoll instance or eventfd to be had.
    pub fn start(_config: PlaneConfig, _sink: Arc<dyn EventSink>) -> io::Result<Self> {
        todo!()
    }

    /// Hands a command to the worker that owns its stream. Never blocks.
    pub fn command(&self, _command: Command) -> Result<(), Refused> {
        todo!()
    }

    /// Closes every stream (each gets its [`Event::Closed`]) and waits for the workers to end.
    pub fn shutdown(self) {}
}
