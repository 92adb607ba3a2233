//! How commands reach a worker: a bounded queue, and an eventfd that is written only while the worker sleeps.

use crate::order::Order;
use crossbeam_channel::{Receiver, Sender, bounded};
use rtp_proto::control::Command;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flags and the file descriptor that both ends see.
#[derive(Debug)]
struct Bell {
    /// The worker is about to wait, or waits: whoever has something for it must ring.
    sleeping: AtomicBool,
    stop: AtomicBool,
    eventfd: OwnedFd,
}

impl Bell {
    fn ring(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
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
        sleeping: AtomicBool::new(false),
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
    /// Leaves a command, or gives it back when there is no room or nobody to read it. An update that keeps its sockets
    /// wakes nobody: the worker reads its mail before it looks at a packet.
    pub(crate) fn post(&self, order: Order) -> Result<(), Box<Command>> {
        let can_wait = matches!(order.command, Command::Update { rebind: false, .. });
        self.sender
            .try_send(order)
            .map_err(|refused| Box::new(refused.into_inner().command))?;
        if !can_wait {
            self.bell.ring();
        }
        Ok(())
    }

    /// Asks the worker to close its streams and end.
    pub(crate) fn stop(&self) {
        self.bell.stop.store(true, Ordering::SeqCst);
        self.bell.ring();
    }
}

impl Mailbox {
    /// What is to be watched for the bell.
    pub(crate) fn eventfd(&self) -> &OwnedFd {
        &self.bell.eventfd
    }

    /// To be called before waiting; `false` when there is something to do instead.
    pub(crate) fn may_sleep(&self) -> bool {
        self.bell.sleeping.store(true, Ordering::SeqCst);
        self.receiver.is_empty() && !self.stopped()
    }

    /// To be called after waiting.
    pub(crate) fn awake(&self) {
        self.bell.sleeping.store(false, Ordering::SeqCst);
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
