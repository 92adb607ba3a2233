//! One client transaction: its state machine, and what it holds on to.

use bytes::Bytes;
use sip_msg::{Limits, Message, Method};

use super::super::Running;
use super::super::event::{ClientId, Origin, Send, SendOrigin};
use super::super::keys::Key;
use super::super::slab::Keyed;
use super::Otherwise;
use crate::transaction::{Actions, ClientInvite, ClientNonInvite};
use crate::{Flow, Timers};

/// One client transaction.
#[derive(Debug)]
pub(in crate::endpoint) struct Client {
    pub(super) key: Key,
    pub(super) machine: Machine,
    pub(super) flow: Flow,
    pub(super) owner: Owner,
    pub(super) kept: Kept,
    pub(super) timers: Running,
    /// Until there is an answer.
    pub(super) otherwise: Option<Box<Otherwise>>,
}

#[derive(Debug)]
pub(super) enum Machine {
    Invite(ClientInvite),
    Other(ClientNonInvite),
}

impl Machine {
    pub(super) fn start(method: &Method, timers: &Timers, reliable: bool) -> (Self, Actions) {
        if *method == Method::Invite {
            let (machine, actions) = ClientInvite::start(timers, reliable);
            (Self::Invite(machine), actions)
        } else {
            let (machine, actions) = ClientNonInvite::start(timers, reliable);
            (Self::Other(machine), actions)
        }
    }
}

/// Who wants to hear of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    User,
    /// A CANCEL: nobody, the INVITE's own answer tells (RFC 3261 §9.1).
    Endpoint,
}

/// What a transaction holds on to.
#[derive(Debug)]
pub(super) enum Kept {
    Nothing,
    /// To send again, and to make a CANCEL and an ACK from; with the Reason of a CANCEL that is held back.
    Request(Bytes, Option<Box<[u8]>>),
    /// The ACK to a refusal.
    Ack(Bytes),
    /// An answer per branch of the fork.
    Answers(Vec<Answer>),
}

/// A 2xx that was delivered, and its ACK once the user gave it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) to_tag: Box<[u8]>,
    pub(super) ack: Option<(Flow, Bytes)>,
}

impl Keyed for Client {
    fn key(&self) -> &Key {
        &self.key
    }

    fn key_mut(&mut self) -> &mut Key {
        &mut self.key
    }
}

impl Client {
    pub(super) fn send(&self, id: ClientId, bytes: Bytes) -> Send {
        Send {
            flow: self.flow,
            bytes,
            origin: Some(SendOrigin(Origin::Client(id))),
            turns_away: false,
        }
    }

    pub(super) fn request(&self) -> Option<(Message, Option<&[u8]>)> {
        let Kept::Request(bytes, reason) = &self.kept else {
            return None;
        };
        let request = sip_msg::parse(bytes.clone(), &Limits::default()).ok()?;
        Some((request, reason.as_deref()))
    }

    pub(super) fn answer(&mut self, to_tag: &[u8]) -> Option<&mut Answer> {
        let Kept::Answers(answers) = &mut self.kept else {
            return None;
        };
        answers.iter_mut().find(|answer| *answer.to_tag == *to_tag)
    }
}
