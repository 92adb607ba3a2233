//! Whether there is room for a request.

use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message, Method};

use super::super::Endpoint;
use super::super::drops::DropReason;
use super::super::event::Outbox;
use super::super::keys;
use super::super::screen::Refusal;
use crate::Flow;

/// What an overloaded endpoint asks for: seconds until the next try.
const RETRY_AFTER: &[u8] = b"5";

impl Endpoint {
    /// Whether this request is turned away for overload: it has its answer then, and nothing is kept of it. Only what begins something
    /// is; whether we live may be asked at any time, and a copy is told what the first was told. Who is refused is told to come back
    /// after some seconds, and not all after the same. `ahead` is how long it would wait until it is handled, where that is known.
    pub fn turns_away(
        &mut self,
        now: Instant,
        flow: &Flow,
        request: &Message,
        ahead: Option<Duration>,
        out: &mut Outbox,
    ) -> bool {
        if self.overload.loss() == 0.0 || request.to_tag().is_some() {
            return false;
        }
        let Some(method) = request.method() else {
            return false;
        };
        if matches!(method, Method::Ack | Method::Cancel | Method::Options) {
            return false;
        }
        let (hash, is_copy) = self.look_up(request, method);
        if is_copy || !self.overload.turns_away(now, hash, ahead) {
            return false;
        }
        self.latest = Some(now);
        let seconds = 2 + (hash >> 32) % 8;
        let refusal = Refusal {
            status: 503,
            why: DropReason::Overload,
            hints: vec![(HeaderId::RetryAfter, seconds.to_string().into_bytes())],
        };
        self.refuse(flow, request, &refusal, None, out);
        true
    }

    /// Whether there is room for one more. Calls that are up may still end when no new one may begin: requests within a dialog of
    /// ours have an eighth more.
    pub(super) fn room(&self, message: &Message) -> Result<(), Refusal> {
        let ours = message.to_tag().is_some_and(|tag| self.mint.made(tag));
        let most = self.config.max_server + if ours { self.config.max_server / 8 } else { 0 };
        if self.servers.len() < most {
            return Ok(());
        }
        let hints = vec![(HeaderId::RetryAfter, RETRY_AFTER.to_vec())];
        Err(Refusal {
            status: 503,
            why: DropReason::Overload,
            hints,
        })
    }

    /// Whether a request that begins something is a copy of one that has a transaction: whoever sent it takes any other answer for
    /// that one's.
    pub fn is_copy(&mut self, request: &Message) -> bool {
        let method = request.method();
        method.is_some_and(|method| self.look_up(request, method).1)
    }

    /// The hash of what a request is found by, and whether there is one already.
    fn look_up(&mut self, request: &Message, method: &Method) -> (u64, bool) {
        keys::server(request, method, &mut self.scratch);
        let hash = self.secret.hash(&self.scratch);
        (hash, self.servers.table.find(hash, &self.scratch).is_some())
    }
}
