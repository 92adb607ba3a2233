//! A peer's transactions: requests until they are answered, answers until they are heard.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Cx, LIMIT, Script, T1, T2, Ua, UaTimer};
use crate::Sip;

/// A request of the peer's.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) request: Sip,
    bytes: Bytes,
    began: Instant,
    /// When no copy of its final answer is expected any more.
    ends: Instant,
    interval: Duration,
    /// A provisional answer has come: an INVITE is not repeated any more.
    heard: bool,
    /// The ACK of the final answer, or nothing to say to its copies.
    done: Option<Option<Bytes>>,
}

/// An answer of the peer's.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) request: Sip,
    pub(super) status: u16,
    last: Option<Bytes>,
    began: Instant,
    interval: Duration,
    pub(super) acked: bool,
}

impl Client {
    /// Whether anything has come back.
    pub(super) fn has_heard(&self) -> bool {
        self.heard
    }
}

fn bytes_of(sip: &Sip) -> Bytes {
    Bytes::from(sip.write())
}

impl Ua {
    /// Sends a request until it is answered.
    pub(super) fn start_client(&mut self, cx: &mut Cx<'_>, request: Sip) {
        let (key, bytes) = (request.key(), bytes_of(&request));
        cx.send(&bytes);
        cx.wake(T1, UaTimer::Client(key.clone()));
        let client = Client {
            request,
            bytes,
            began: cx.now,
            ends: cx.now,
            interval: T1,
            heard: false,
            done: None,
        };
        self.clients.insert(key, client);
    }

    pub(super) fn on_client_timer(&mut self, cx: &mut Cx<'_>, key: &str) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let dead = self
            .legs
            .get(client.request.call_id())
            .is_some_and(|leg| leg.dead);
        let invite = client.request.method() == "INVITE";
        if client.done.is_some() || dead {
            // Its first timer is still out when the answer comes; the one that counts is set with the answer.
            if dead || cx.now >= client.ends {
                self.clients.remove(key);
            }
            return;
        }
        if invite && client.heard {
            return;
        }
        if cx.now - client.began >= LIMIT {
            let request = client.request.clone();
            self.clients.remove(key);
            return self.on_no_answer(cx, &request);
        }
        cx.send(&client.bytes);
        client.interval = if invite {
            client.interval * 2
        } else {
            (client.interval * 2).min(T2)
        };
        let after = client.interval.min(LIMIT - (cx.now - client.began));
        cx.wake(after, UaTimer::Client(key.to_owned()));
    }

    pub(super) fn on_client_response(&mut self, cx: &mut Cx<'_>, response: &Sip) {
        let key = response.key();
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        if let Some(ack) = &client.done {
            let (repeat, ack) = (response.status() >= 200, ack.clone());
            // A copy of the final answer: the ACK has been lost, or is on its way.
            if let (true, Some(ack)) = (repeat, ack) {
                cx.send(&ack);
            }
            return;
        }
        client.heard = true;
        let request = client.request.clone();
        if response.status() < 200 {
            return self.on_provisional(cx, &request, response);
        }
        let invite = request.method() == "INVITE";
        if !invite || response.status() >= 300 {
            client.done = Some(None);
            client.ends = cx.now + LIMIT;
            cx.wake(LIMIT, UaTimer::Client(key.clone()));
        }
        if invite && response.status() >= 300 {
            self.finish_with_ack(cx, &key, response, None);
        }
        self.on_final(cx, &key, &request, response);
    }

    /// ACKs a final answer, now and for each of its copies.
    pub(super) fn finish_with_ack(&mut self, cx: &mut Cx<'_>, key: &str, response: &Sip, sdp: Option<&str>) {
        let Some(leg) = self.legs.get_mut(response.call_id()) else {
            return;
        };
        // The ACK is about this INVITE, which may not be the last.
        let last = leg.party.invite.clone();
        if let Some(client) = self.clients.get(key) {
            leg.party.invite = Some(client.request.clone());
        }
        let mut ack = leg.party.ack(response);
        leg.party.invite = last;
        if let Some(sdp) = sdp {
            ack = ack.with_sdp(sdp);
        }
        let bytes = bytes_of(&ack);
        cx.send(&bytes);
        if let Some(client) = self.clients.get_mut(key) {
            client.done = Some(Some(bytes));
            client.ends = cx.now + LIMIT;
            cx.wake(LIMIT, UaTimer::Client(key.to_owned()));
        }
    }

    /// Whether a request is a copy; then its answer goes out again.
    pub(super) fn absorb(&mut self, cx: &mut Cx<'_>, request: &Sip) -> bool {
        let Some(server) = self.servers.get(&request.key()) else {
            return false;
        };
        if server.request != *request {
            let text = format!(
                "not the copy of the request with its branch:\n{}",
                server.request.write()
            );
            self.fault(cx, &text, Some(request));
        } else if let Some(last) = server.last.clone() {
            cx.send(&last);
        }
        true
    }

    /// A request that will be answered.
    pub(super) fn open_server(&mut self, cx: &Cx<'_>, request: &Sip) {
        let server = Server {
            request: request.clone(),
            status: 0,
            last: None,
            began: cx.now,
            interval: T1,
            acked: false,
        };
        self.servers.insert(request.key(), server);
    }

    /// Answers a request; a final answer to an INVITE until it is ACKed.
    pub(super) fn answer(&mut self, cx: &mut Cx<'_>, request: &Sip, response: &Sip) {
        let key = request.key();
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let bytes = bytes_of(response);
        cx.send(&bytes);
        server.last = Some(bytes);
        server.status = response.status();
        if server.status >= 200 {
            server.began = cx.now;
            let after = if request.method() == "INVITE" { T1 } else { LIMIT };
            cx.wake(after, UaTimer::Server(key));
        }
    }

    pub(super) fn on_server_timer(&mut self, cx: &mut Cx<'_>, key: &str) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let dead = self
            .legs
            .get(server.request.call_id())
            .is_some_and(|leg| leg.dead);
        let over = cx.now - server.began >= LIMIT;
        if over || dead {
            let (request, status, acked) = (server.request.clone(), server.status, server.acked);
            self.servers.remove(key);
            if request.method() == "INVITE" && !acked && !dead {
                self.on_no_ack(cx, &request, status);
            }
            return;
        }
        if server.acked {
            let after = LIMIT - (cx.now - server.began);
            return cx.wake(after, UaTimer::Server(key.to_owned()));
        }
        if let Some(last) = server.last.clone() {
            cx.send(&last);
        }
        server.interval = (server.interval * 2).min(T2);
        let after = server.interval.min(LIMIT - (cx.now - server.began));
        cx.wake(after, UaTimer::Server(key.to_owned()));
    }

    /// An ACK: of a refusal by its branch, of a 2xx by its CSeq.
    pub(super) fn on_ack(&mut self, cx: &mut Cx<'_>, ack: &Sip) {
        let branch = format!("{} INVITE", ack.branch());
        if let Some(server) = self.servers.get_mut(&branch) {
            server.acked = true;
            return;
        }
        let deaf = self
            .legs
            .get_mut(ack.call_id())
            .is_some_and(|leg| match &mut leg.script {
                Script::Called(script) if script.deaf_to_acks > 0 => {
                    script.deaf_to_acks -= 1;
                    true
                }
                Script::Called(_) | Script::Calling(_) => false,
            });
        if deaf {
            return;
        }
        let about = |server: &&mut Server| {
            server.request.method() == "INVITE"
                && server.request.call_id() == ack.call_id()
                && server.request.cseq().0 == ack.cseq().0
                && (200..300).contains(&server.status)
        };
        let Some(server) = self.servers.values_mut().find(about) else {
            return;
        };
        let first = !std::mem::replace(&mut server.acked, true);
        if first {
            self.on_first_ack(cx, ack);
        }
    }
}
