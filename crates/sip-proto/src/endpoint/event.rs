//! What goes out of an endpoint.

use std::collections::VecDeque;

use bytes::Bytes;
use sip_msg::Message;

use crate::Flow;

/// Names a server transaction; once it ended, it never names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub(super) u64);

/// Names a client transaction; once it ended, it never names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub(super) u64);

/// Which transaction sent something; to be handed back to [`Endpoint::send_failed`](crate::Endpoint::send_failed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendOrigin(pub(super) Origin);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Server(ServerId),
    Client(ClientId),
}

/// A message to put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// Where to.
    pub flow: Flow,
    /// The message.
    pub bytes: Bytes,
    /// Whom to tell when it fails; `None`: nobody.
    pub origin: Option<SendOrigin>,
    /// It turns a request away for overload.
    pub turns_away: bool,
}

/// What happened, for the transaction user.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new INVITE outside of any dialog. 100 is on its way already (RFC 3261 §17.2.1).
    Invite {
        /// To answer with.
        id: ServerId,
        /// The way it came.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// Any other request that wants an answer; an INVITE within a dialog too (100 is on its way).
    Request {
        /// To answer with.
        id: ServerId,
        /// The way it came.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// An ACK that belongs to no refusal of ours: it is for a 2xx. Match it to a dialog, then
    /// [`Endpoint::acked`](crate::Endpoint::acked).
    Ack {
        /// The way it came.
        flow: Flow,
        /// The ACK.
        message: Message,
    },
    /// A CANCEL for this INVITE, which has no final answer yet. It has been answered; answer the INVITE with 487.
    Cancelled {
        /// The INVITE's transaction.
        id: ServerId,
        /// The CANCEL.
        message: Message,
    },
    /// A response to our request: each provisional one (100 too), the final one, and for an INVITE one 2xx per To-tag.
    Response {
        /// The request's transaction.
        id: ClientId,
        /// The response.
        message: Message,
    },
    /// No final response in time: as a 408 (RFC 3261 §8.1.3.1). The transaction is over.
    Timeout {
        /// The request's transaction.
        id: ClientId,
    },
    /// The request could not be sent: as a 503 (RFC 3261 §8.1.3.1). The transaction is over.
    SendFailed {
        /// The request's transaction.
        id: ClientId,
    },
    /// No ACK to our 2xx within 64·T1: end the call (RFC 3261 §13.3.1.4). The transaction is over.
    AckTimeout {
        /// The INVITE's transaction.
        id: ServerId,
    },
    /// An answer of this transaction may not have arrived: the transport failed, the ACK to a refusal never came, or no
    /// answer was given while the client waited. Nothing has to be done.
    ServerGone {
        /// The request's transaction.
        id: ServerId,
    },
}

/// What an [`Endpoint`](crate::Endpoint) wants done. The caller owns it and empties it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Messages to send, in order.
    pub sends: Vec<Send>,
    /// Events, in order.
    pub events: VecDeque<Event>,
}

/// Live transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Server transactions, those that linger for retransmissions included.
    pub server: usize,
    /// Client transactions, CANCELs and those that linger included.
    pub client: usize,
}
