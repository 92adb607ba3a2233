//! How commands reach a worker: a bounded queue, and an eventfd that is written only while the worker sleeps.

use crate::order::Order;
use crossbeam_channel::{Receiver, Sender, bounded};
use rtp_proto::control::Command;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// The worker is awake and will look into the mailbox before it waits.
const AWAKE: u8 = 0;
/// It waits, or is about to, and will look by itself at the next tick.
const DOZING: u8 = 1;
/// It waits, or is about to, until it is woken.
const ASLEEP: u8 = 2;

/// The flags and the file descriptor that both ends see.
#[derive(Debug)]
struct Bell {
    sleep: AtomicU8,
    stop: AtomicBool,
    eventfd: OwnedFd,
}

impl Bell {
    /// Wakes a worker that sleeps; one that dozes only if `urgent`.
    fn ring(&self, urgent: bool) {
        let depth = self.sleep.load(Ordering::SeqCst);
        if depth == AWAKE || (depth == DOZING && !urgent) {
            return;
        }
        if self.sleep.swap(AWAKE, Ordering::SeqCst) != AWAKE {
            // The counter cannot be full: it is rung once per sleep. Nothing else can fail on an eventfd of our own.
            let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
        }
    }
}

/// The end of whoever commands.
#[derive(Debug)]
pub(crate) struct Letterbox {
    sender: Sender<Order>,
    bell: Arc<Bell>,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Mailbox {
    receiver: Receiver<Order>,
    bell: Arc<Bell>,
}

/// Both ends of a mailbox that holds `capacity` commands. Errors: no eventfd to be had.
pub(crate) fn mailbox(capacity: usize) -> io::Result<(Letterbox, Mailbox)> {
    let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let bell = Arc::new(Bell {
        sleep: AtomicU8::new(AWAKE),
        stop: AtomicBool::new(false),
        eventfd,
    });
    let (sender, receiver) = bounded(capacity.max(1));
    Ok((
        Letterbox {
            sender,
            bell: Arc::clone(&bell),
        },
        Mailbox { receiver, bell },
    ))
}

impl Letterbox {
    /// Leaves a command, or gives it back when there is no room or nobody to read it. One that can wait wakes only a worker
    /// that would not look by itself; with `wakes`, only the opening of a stream can wait.
    pub(crate) fn post(&self, order: Order, wakes: bool) -> Result<(), Box<Command>> {
        let changes = matches!(*order.command, Command::Update { .. });
        let urgent = !order.can_wait() || (wakes && changes);
        self.sender
            .try_send(order)
            .map_err(|refused| refused.into_inner().command)?;
        self.bell.ring(urgent);
        Ok(())
    }

    /// Asks the worker to close its streams and end.
    pub(crate) fn stop(&self) {
        self.bell.stop.store(true, Ordering::SeqCst);
        self.bell.ring(true);
    }
}

impl Mailbox {
    /// What is to be watched for the bell.
    pub(crate) fn eventfd(&self) -> &OwnedFd {
        &self.bell.eventfd
    }

    /// To be called before waiting, with whether the wait ends at a tick; `false` when there is something to do instead.
    pub(crate) fn may_sleep(&self, ticks: bool) -> bool {
        let depth = if ticks { DOZING } else { ASLEEP };
        self.bell.sleep.store(depth, Ordering::SeqCst);
        self.receiver.is_empty() && !self.stopped()
    }

    /// To be called after waiting.
    pub(crate) fn awake(&self) {
        self.bell.sleep.store(AWAKE, Ordering::SeqCst);
    }

    /// Empties the eventfd, after it became readable.
    pub(crate) fn hush(&self) {
        let mut count = [0; 8];
        while rustix::io::read(&self.bell.eventfd, &mut count) == Err(Errno::INTR) {}
    }

    /// The next command.
    pub(crate) fn take(&self) -> Option<Order> {
        self.receiver.try_recv().ok()
    }

    /// Whether the worker is to end.
    pub(crate) fn stopped(&self) -> bool {
        self.bell.stop.load(Ordering::SeqCst)
    }
}
