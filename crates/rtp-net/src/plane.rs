//! The workers as their owner sees them.

use crate::kernel::KernelPath;
use crate::mailbox::{Letterbox, mailbox};
use crate::order::Order;
use crate::sockets::Place;
use crate::worker::Worker;
use rtp_proto::control::{Command, Event};
use rustix::fd::OwnedFd;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// How the media plane is built.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// Worker threads; streams are spread over them by id. At least 1; one per core is usual.
    pub workers: usize,
    /// Commands that may wait for one worker.
    pub mailbox: usize,
    /// Streams of one worker; an Open beyond fails.
    pub max_streams: usize,
    /// `SO_RCVBUF` of each media socket, in bytes (the kernel doubles it): what may queue, not what is allocated. The default
    /// holds about three seconds of G.711.
    pub receive_buffer: usize,
    /// Hear an RTP peer, once its address is firm, on a second socket that is connected to it: about a fifth less CPU per packet,
    /// and strangers, who are judged and counted all the same, fill a queue of their own. A file descriptor more per leg.
    pub connect: bool,
    /// Relays what is plain in the kernel; `None`: all in userspace.
    pub kernel: Option<Arc<KernelPath>>,
}

impl Default for PlaneConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            mailbox: 4096,
            max_streams: 20_000,
            receive_buffer: 65_536,
            connect: true,
            kernel: None,
        }
    }
}

/// Where workers leave their events. Called on worker threads: must not block.
pub trait EventSink: Send + Sync {
    /// Takes an event, or gives it back when there is no room: the worker keeps it, stops taking commands, and tries again
    /// every few milliseconds.
    #[allow(
        clippy::missing_errors_doc,
        clippy::result_large_err,
        reason = "the error is the event itself"
    )]
    fn deliver(&self, event: Event) -> Result<(), Event>;
}

/// A command that found its worker's mailbox full, or its worker gone. Nothing of it was done; it may be tried again.
#[derive(Debug, thiserror::Error)]
#[error("the media worker's mailbox is full")]
pub struct Refused(pub Box<Command>);

/// The running workers. Dropping it stops them as [`shutdown`](Self::shutdown) does.
#[derive(Debug)]
pub struct MediaPlane {
    receive_buffer: usize,
    kernel: Option<Arc<KernelPath>>,
    workers: Vec<Hand>,
}

/// A worker, as commands reach it.
#[derive(Debug)]
struct Hand {
    letterbox: Letterbox,
    epoll: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl MediaPlane {
    /// Starts the worker threads. Errors: no thread, epoll instance or eventfd to be had.
    pub fn start(config: PlaneConfig, sink: Arc<dyn EventSink>) -> io::Result<Self> {
        let mut plane = Self {
            receive_buffer: config.receive_buffer,
            kernel: config.kernel.clone(),
            workers: Vec::new(),
        };
        for index in 0..config.workers.max(1) {
            let (letterbox, mailbox) = mailbox(config.mailbox)?;
            let worker = Worker::new(index, &config, mailbox, Arc::clone(&sink))?;
            let epoll = Arc::clone(worker.epoll());
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || worker.run())?;
            plane.workers.push(Hand {
                letterbox,
                epoll,
                thread: Some(thread),
            });
        }
        Ok(plane)
    }

    /// Hands a command to the worker that owns its stream. Never blocks. Ports that it names are bound when this returns: what is
    /// sent there from now on is heard. Errors: that worker's mailbox is full.
    pub fn command(&self, command: impl Into<Box<Command>>) -> Result<(), Refused> {
        let command = command.into();
        let shard = command.id().0 % self.workers.len().max(1) as u64;
        let worker = usize::try_from(shard)
            .ok()
            .and_then(|shard| self.workers.get(shard));
        match worker {
            Some(Hand { letterbox, epoll, .. }) => {
                let place = Place {
                    epoll,
                    id: command.id(),
                    receive_buffer: self.receive_buffer,
                };
                // No packet wakes a worker whose streams the kernel relays: what they are to be told may not wait for one.
                let wakes = self.kernel.is_some();
                letterbox.post(Order::new(command, place), wakes).map_err(Refused)
            }
            None => Err(Refused(command)),
        }
    }

    /// Closes every stream (each gets its [`Event::Closed`]) and waits for the workers to end. Events that the sink does not
    /// take within a second are lost.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.workers.iter().for_each(|worker| worker.letterbox.stop());
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("a media worker panicked");
            }
        }
    }
}
