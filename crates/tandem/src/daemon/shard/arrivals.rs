//! What the sockets have. As a rule a datagram is handled as soon as it is read. Under overload what has come is looked through first: what
//! is turned away is answered at once and does not wait behind the calls, and what is left waits here, in order, for its turn.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use sip_net::stun;
use sip_proto::{Flow, ListenerId, PeerId, Transport};
use switch::{Command, Input, Sifted};

use super::foresight::Foresight;
use super::{BATCH, Shard};

/// Datagrams of a socket that are looked through at once: more than what comes while [`PART`] inputs are handled, or most wait in vain.
const SIEVE: usize = 256;
/// Inputs that are handled before the sockets are looked at again, as long as there are [`BATCH`] left.
const PART: usize = 16;
/// Inputs that may wait here: what is not read waits in the sockets.
const MOST: usize = 2048;

/// A datagram that has been read, and the socket that it came to.
struct Came {
    flow: Flow,
    local: SocketAddr,
    bytes: Bytes,
}

/// What has been read.
#[derive(Default)]
pub(super) struct Arrivals {
    /// What is handled in this turn; empty between turns, but for its room.
    came: Vec<Came>,
    /// What waits for its turn, and since when.
    waiting: VecDeque<(Instant, Input)>,
    foresight: Foresight,
    /// Answers to what does not wait; empty but for its room.
    answers: Vec<Command>,
}

impl Arrivals {
    /// Whether something waits.
    pub(super) fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Shard {
    /// Takes what the sockets have: datagrams, and reports of ones that came back. How many datagrams it was, and whether there may be
    /// more.
    pub(super) fn receive(&mut self) -> (usize, bool) {
        let mut came_back = Vec::new();
        let got = if self.arrivals.wait() || self.switch.is_overloaded() {
            self.take_by_parts(&mut came_back)
        } else {
            self.take_all(&mut came_back)
        };
        came_back.dedup();
        for (listener, remote) in came_back {
            let input = Input::Unreachable { listener, remote };
            self.switch.handle(self.clock.now(), input, &mut self.commands);
        }
        got
    }

    /// Handles what there is, up to [`BATCH`] from each socket.
    fn take_all(&mut self, came_back: &mut Vec<(ListenerId, SocketAddr)>) -> (usize, bool) {
        let mut came = std::mem::take(&mut self.arrivals.came);
        let (mut received, mut full, mut longest) = (0, false, None);
        for (id, listener) in &mut self.listeners {
            let (id, local) = (*id, listener.local_addr());
            listener.unreachable(BATCH, |report| came_back.push((id, report.remote)));
            let taken = listener.recv_batch(BATCH, |arrival| {
                longest = longest.max(Some(arrival.waited));
                came.push(Came {
                    flow: flow_of(id, arrival.remote),
                    local,
                    bytes: Bytes::copy_from_slice(arrival.bytes),
                });
            });
            received += taken;
            full |= taken >= BATCH;
            listener.flush(|report| came_back.push((id, report.remote)));
        }
        let now = self.clock.now();
        // What waited while this thread chose to rest was not kept waiting for want of time.
        let rested = std::mem::take(&mut self.rested);
        if let Some(longest) = longest {
            self.switch.waited(now, longest.saturating_sub(rested));
        }
        for Came { flow, local, bytes } in came.drain(..) {
            if self.answers_probe(&flow, &bytes) || self.switch.is_barred(now, &flow, &bytes) {
                continue;
            }
            self.tap
                .message(false, flow.transport, local, flow.remote, &bytes);
            self.switch
                .handle(now, Input::Datagram { flow, bytes }, &mut self.commands);
        }
        self.arrivals.came = came;
        (received, full)
    }

    /// Handles [`BATCH`] of what has waited longest, and looks through what there is ever again meanwhile.
    fn take_by_parts(&mut self, came_back: &mut Vec<(ListenerId, SocketAddr)>) -> (usize, bool) {
        let (mut received, mut full) = (0, false);
        for _ in 0..BATCH / PART {
            let (came, more) = self.sift(came_back);
            self.tell_wait(came > 0);
            received += came;
            full = more;
            let now = self.clock.now();
            let part = PART.min(self.arrivals.waiting.len());
            for _ in 0..part {
                if let Some((_, input)) = self.arrivals.waiting.pop_front() {
                    self.switch.handle(now, input, &mut self.commands);
                }
            }
            let left = self.arrivals.waiting.len();
            self.arrivals.foresight.handled(now.at, part, left);
            if left == 0 {
                break;
            }
        }
        (received, full)
    }

    /// Looks through what there is: who is refused hears of it now. How many datagrams it was, and whether there may be more.
    fn sift(&mut self, came_back: &mut Vec<(ListenerId, SocketAddr)>) -> (usize, bool) {
        let now = self.clock.now();
        let rested = std::mem::take(&mut self.rested);
        let (mut received, mut full, mut probes) = (0, false, Vec::new());
        let mut answers = std::mem::take(&mut self.arrivals.answers);
        let mut listeners = std::mem::take(&mut self.listeners);
        for (id, listener) in &mut listeners {
            let (id, local) = (*id, listener.local_addr());
            listener.unreachable(BATCH, |report| came_back.push((id, report.remote)));
            let most = SIEVE.min(MOST.saturating_sub(self.arrivals.waiting.len()));
            let taken = listener.recv_batch(most, |arrival| {
                let flow = flow_of(id, arrival.remote);
                if let Some(answer) = stun::answer(arrival.bytes, arrival.remote) {
                    return probes.push((flow, answer));
                }
                let Arrivals {
                    waiting, foresight, ..
                } = &mut self.arrivals;
                let ahead = foresight.behind(waiting.len());
                let bytes = match self.switch.sift(now, flow, arrival.bytes, ahead, &mut answers) {
                    Sifted::Away => return,
                    Sifted::Done(bytes) => bytes,
                    Sifted::Waits { input, bytes } => {
                        let waited = arrival.waited.saturating_sub(rested);
                        let since = now.at.checked_sub(waited).unwrap_or(now.at);
                        waiting.push_back((since, input));
                        bytes
                    }
                };
                self.tap
                    .message(false, flow.transport, local, flow.remote, &bytes);
            });
            received += taken;
            full |= taken >= most;
            for (flow, answer) in probes.drain(..) {
                listener.send(flow.remote, &answer);
            }
            listener.flush(|report| came_back.push((id, report.remote)));
        }
        self.listeners = listeners;
        for answer in answers.drain(..) {
            self.apply(answer);
        }
        self.arrivals.answers = answers;
        self.send_refusals();
        (received, full)
    }

    /// Says how long what waits has to; whether something has just come.
    fn tell_wait(&mut self, came: bool) {
        let now = self.clock.now();
        let Arrivals {
            waiting, foresight, ..
        } = &mut self.arrivals;
        let first = waiting
            .front()
            .map(|(since, _)| now.at.saturating_duration_since(*since));
        let wait = foresight.wait(now.at, waiting.len(), first.unwrap_or_default());
        if came || first.is_some() {
            self.switch.waited(now, wait);
        }
    }

    /// Answers a probe of whoever keeps the way open for its datagrams. SIP begins with a letter, a keep-alive with CR (RFC 5626 §8).
    fn answers_probe(&mut self, flow: &Flow, bytes: &[u8]) -> bool {
        let Some(answer) = stun::answer(bytes, flow.remote) else {
            return false;
        };
        if let Some((_, socket)) = self.listeners.iter_mut().find(|(id, _)| *id == flow.listener) {
            socket.send(flow.remote, &answer);
        }
        true
    }
}

fn flow_of(listener: ListenerId, remote: SocketAddr) -> Flow {
    Flow {
        transport: Transport::Udp,
        listener,
        remote,
        conn: None,
        peer: PeerId::default(),
    }
}
