//! What waits to be written on a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Octets that may wait for a peer; it has to take a single message however long it is.
const BACKLOG: usize = 1 << 20;
/// Messages that may wait for a peer.
const MESSAGES: usize = 1024;

/// The queue to a connection's task.
#[derive(Debug, Clone)]
pub struct Line {
    pub(super) queue: mpsc::Sender<Out>,
    /// Octets in it.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// What a connection is to write.
#[derive(Debug)]
pub(super) enum Out {
    Message(Bytes),
    /// The answer to a keep-alive.
    Pong,
}

/// What became of a message for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits to be written.
    Taken,
    /// Too much waits already.
    Full,
    /// The connection is over.
    Ended,
}

impl Line {
    pub(super) fn new() -> (Self, mpsc::Receiver<Out>) {
        let (queue, out) = mpsc::channel(MESSAGES);
        let waiting = Arc::default();
        (Self { queue, waiting }, out)
    }

    pub(super) fn push(&self, bytes: &Bytes) -> Pushed {
        let before = self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        let fits = before == 0 || before + bytes.len() <= BACKLOG;
        if fits && self.queue.try_send(Out::Message(bytes.clone())).is_ok() {
            return Pushed::Taken;
        }
        self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        if self.queue.is_closed() {
            Pushed::Ended
        } else {
            Pushed::Full
        }
    }
}
