//! A command on its way to a worker, with the sockets that it needs.
//!
//! They are bound, and watched for the worker, by the thread that gives the command: when it goes on to tell the peer of the
//! ports, they are open, and what the peer sends there wakes the worker, which reads its mail before it looks at a packet.

use crate::sockets::{Failure, Place, Sockets};
use rtp_proto::control::{Command, Leg, Side};

/// The command and its sockets.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: Box<Command>,
    pub(crate) fresh: Fresh,
}

/// Sockets that were bound for a command.
#[derive(Debug)]
pub(crate) enum Fresh {
    /// It needs none.
    None,
    /// For a stream that is to be opened.
    Both(Result<Box<[Sockets; 2]>, Failure>),
    /// For a leg that moves to other ports.
    One(Box<Sockets>),
}

impl Order {
    /// Binds what `command` needs.
    pub(crate) fn new(command: Box<Command>, place: Place<'_>) -> Self {
        let bind = |side, leg: &Leg| Sockets::bind(place, side, leg);
        let fresh = match &*command {
            Command::Open { legs: [a, b], .. } => {
                Fresh::Both(bind(Side::A, a).and_then(|a| Ok(Box::new([a, bind(Side::B, b)?]))))
            }
            // Ports that are this leg's already can't be had again; a real failure shows when the worker tries.
            Command::Update {
                side,
                leg,
                rebind: true,
                ..
            } => match bind(*side, leg) {
                Ok(sockets) => Fresh::One(Box::new(sockets)),
                Err(_) => Fresh::None,
            },
            Command::Update { .. }
            | Command::Play { .. }
            | Command::Hush { .. }
            | Command::Press { .. }
            | Command::Supervise { .. }
            | Command::Close { .. }
            | Command::Report { .. } => Fresh::None,
        };
        Self { command, fresh }
    }

    /// Whether it is soon enough before the next packet or tick: the worker need not be woken for it.
    pub(crate) fn can_wait(&self) -> bool {
        matches!(
            (&*self.command, &self.fresh),
            (Command::Update { rebind: false, .. }, _) | (Command::Open { .. }, Fresh::Both(Ok(_)))
        )
    }
}
