//! What drivers and operators have to do with the edge.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use sip_msg::{Limits, Message};
use sip_proto::{DropReason, Flow};

use super::Switch;
use crate::edge::{BanOutcome, BanView};
use crate::io::{Command, Input, Now};

/// How datagrams begin that begin nothing themselves.
const WITHIN: [&[u8]; 6] = [b"SIP/2.0 ", b"ACK ", b"BYE ", b"CANCEL ", b"PRACK ", b"UPDATE "];

/// What a look at a datagram has come to.
#[derive(Debug)]
pub enum Sifted {
    /// It is to be handled, when its turn comes.
    Waits {
        /// As what.
        input: Input,
        /// What it says.
        bytes: Bytes,
    },
    /// It has had what it gets.
    Done(Bytes),
    /// It was turned away for overload, or dropped before it was read: whoever keeps messages need not keep it.
    Away,
}

impl Switch {
    /// What comes waits for so long before it is handled: while that is too long, new requests are turned away. To be told once for each
    /// look at the sockets.
    pub fn waited(&mut self, now: Now, wait: Duration) {
        self.core.endpoint.overload().waited(now.at, wait);
    }

    /// Brings what [`Gauges`](crate::Gauges) say of the overload up to this moment.
    pub fn settle_overload(&mut self, now: Now) {
        self.core.endpoint.overload().settle(now.at);
    }

    /// Whether new requests are turned away now.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.core.endpoint.loss() > 0.0
    }

    /// Looks at a datagram that cannot be handled at once: what is turned away, or gets nothing, does not wait for that. So a refusal
    /// takes no longer than it takes to read what has come, however much waits to be handled. `ahead` is how long it would wait itself,
    /// if that is known.
    pub fn sift(
        &mut self,
        now: Now,
        flow: Flow,
        datagram: &[u8],
        ahead: Option<Duration>,
        commands: &mut Vec<Command>,
    ) -> Sifted {
        if self.core.is_barred(now, &flow, datagram) || self.core.endpoint.absorbs(datagram) {
            return Sifted::Away;
        }
        let bytes = Bytes::copy_from_slice(datagram);
        if WITHIN.iter().any(|start| datagram.starts_with(start)) {
            let input = Input::Datagram {
                flow,
                bytes: bytes.clone(),
            };
            return Sifted::Waits { input, bytes };
        }
        let message = match sip_msg::parse(bytes.clone(), &Limits::default()) {
            Ok(message) if message.is_request() && message.to_tag().is_none() => message,
            read => {
                let message = Box::new(read);
                let input = Input::Message { flow, message };
                return Sifted::Waits { input, bytes };
            }
        };
        let refused = self.core.endpoint.dropped(DropReason::Overload);
        let admitted =
            self.core.lets_request_in(now, &flow, &message) && !self.turns_away(now, &flow, &message, ahead);
        if admitted {
            let message = Box::new(message);
            let input = Input::Admitted { flow, message };
            return Sifted::Waits { input, bytes };
        }
        self.flush(now, commands);
        if self.core.endpoint.dropped(DropReason::Overload) == refused {
            Sifted::Done(bytes)
        } else {
            Sifted::Away
        }
    }

    /// Whether a new request is turned away for overload; it has its answer then.
    pub(super) fn turns_away(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Message,
        ahead: Option<Duration>,
    ) -> bool {
        let core = &mut self.core;
        if core.endpoint.loss() > 0.0 && core.is_emergency(now, flow, request) {
            return false;
        }
        core.endpoint
            .turns_away(now.at, flow, request, ahead, &mut core.outbox)
    }

    /// Whether what comes by this flow is dropped before it is read; `datagram` is as much of it as is there. It is counted if so.
    pub fn is_barred(&mut self, now: Now, flow: &Flow, datagram: &[u8]) -> bool {
        self.core.is_barred(now, flow, datagram)
    }

    /// The bans in force, the latest first.
    #[must_use]
    pub fn bans(&self, now: Now) -> Vec<BanView> {
        self.core.bans(now)
    }

    /// Bans an address for so long.
    pub fn ban(&mut self, now: Now, address: IpAddr, time: Duration) -> BanOutcome {
        self.core.ban_by_hand(now, address, time)
    }

    /// Lifts the bans of an address; whether there were any.
    pub fn unban(&mut self, address: IpAddr) -> bool {
        self.core.unban(address)
    }
}
