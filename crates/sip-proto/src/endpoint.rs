//! Transactions of one shard.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use sip_msg::{Message, ParseError};

use crate::{EndpointConfig, Flow, Mint};

/// Names a server transaction; once it ended, it never names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(u64);

/// Names a client transaction; once it ended, it never names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u64);

/// Which transaction sent something; to be handed back to [`Endpoint::send_failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendOrigin(());

/// A message to put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// Where to.
    pub flow: Flow,
    /// The message.
    pub bytes: Bytes,
    /// Whom to tell when it fails; `None`: nobody.
    pub origin: Option<SendOrigin>,
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
    /// An ACK that belongs to no refusal of ours: it is for a 2xx. Match it to a dialog, then [`Endpoint::acked`].
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
    /// An answer of this transaction could not be delivered, or came too late to be of use.
    ServerGone {
        /// The request's transaction.
        id: ServerId,
    },
}

/// What an [`Endpoint`] wants done. The caller owns it and empties it.
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

/// Why a message was dropped or refused without a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Not SIP.
    Malformed,
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// As many client transactions as allowed.
    #[error("too many client transactions")]
    Full,
    /// The bytes are no request with a branch of RFC 3261, or are an ACK or a CANCEL.
    #[error("not a request that starts a transaction")]
    Invalid,
    /// A live transaction has this branch.
    #[error("branch in use")]
    Duplicate,
}

/// All transactions of one shard.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    mint: Mint,
}

impl Endpoint {
    /// An endpoint without transactions.
    pub fn new(config: EndpointConfig, mint: Mint) -> Self {
        Self { config, mint }
    }
    /// Takes in what came.
    pub fn receive(
        &mut self,
        now: Instant,
        flow: Flow,
        message: Result<Message, ParseError>,
        out: &mut Outbox,
    ) {
        let _ = (now, flow, message, out);
        todo!()
    }
    /// Something that was to be sent was not.
    pub fn send_failed(&mut self, now: Instant, origin: SendOrigin, out: &mut Outbox) {
        let _ = (now, origin, out);
        todo!()
    }
    /// When [`Endpoint::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let _ = &self.config;
        todo!()
    }
    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let _ = (now, out);
        todo!()
    }
    /// Identifiers.
    pub fn mint(&mut self) -> &mut Mint {
        &mut self.mint
    }
    /// Sends a request: complete, its top Via with a branch of [`Mint::branch`].
    pub fn request(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: Bytes,
        out: &mut Outbox,
    ) -> Result<ClientId, RequestError> {
        let _ = (now, flow, bytes, out);
        todo!()
    }
    /// Sends the ACK to a 2xx, now and again for each copy of that 2xx.
    pub fn ack(
        &mut self,
        now: Instant,
        invite: ClientId,
        to_tag: &[u8],
        flow: Flow,
        bytes: Bytes,
        out: &mut Outbox,
    ) {
        let _ = (now, invite, to_tag, flow, bytes, out);
        todo!()
    }
    /// Cancels an INVITE (RFC 3261 §9.1).
    pub fn cancel(&mut self, now: Instant, invite: ClientId, reason: Option<&[u8]>, out: &mut Outbox) {
        let _ = (now, invite, reason, out);
        todo!()
    }
    /// Answers a request.
    pub fn respond(&mut self, now: Instant, id: ServerId, bytes: Bytes, out: &mut Outbox) {
        let _ = (now, id, bytes, out);
        todo!()
    }
    /// The ACK to the 2xx of this INVITE came.
    pub fn acked(&mut self, id: ServerId) {
        let _ = id;
        todo!()
    }
    /// The way the request of this transaction came.
    pub fn flow_of(&self, id: ServerId) -> Option<Flow> {
        let _ = id;
        todo!()
    }
    /// Live transactions.
    pub fn counts(&self) -> Counts {
        todo!()
    }
    /// How often each reason to drop or refuse a message was met, by its name.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        std::iter::empty()
    }
}
