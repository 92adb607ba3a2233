//! What the other side says to an offer that was taken to it, and the ACK that ends the exchange.

use bytes::Bytes;
use rtp_proto::control::Side;
use sdp::PtMapping;
use sip_msg::{Message, Method};
use sip_proto::ClientId;

use crate::call::end::Ending;
use crate::call::{Call, Phase, bodies, negotiate, sdp_of};
use crate::core::{Core, Credentials};
use crate::io::Now;

impl Call {
    /// The other side's response to a forwarded re-INVITE or UPDATE.
    pub(crate) fn on_reinvite_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        side: Side,
        message: &Message,
    ) {
        let status = message.status().unwrap_or(500);
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.client == id) else {
            return;
        };
        exchange.heard = true;
        if status < 200 {
            return;
        }
        if exchange.abandoned {
            return self.finish_abandoned(core, now, id, message);
        }
        let (from, request, delayed) = (exchange.from, exchange.request.clone(), exchange.delayed);
        let given_up = exchange.given_up;
        let invite = request.method() == Some(&Method::Invite);
        match status {
            200..=299 => {
                self.take_terms(core, now, side, message);
                if self.phase == Phase::Answered {
                    self.conclude_timer(core, now, side, message);
                }
                if delayed && self.phase == Phase::Answered {
                    self.on_reinvite_offer(core, now, from, id, &request, message);
                } else {
                    if invite {
                        self.ack_reinvite(core, now, side, id, &request, None);
                    }
                    self.on_reinvite_answer(core, now, from, message);
                }
            }
            401 | 407 if self.retry_reinvite(core, now, side, message) => {}
            422 if self.raise_exchange(core, now, side, message) => {}
            405 | 501 if !invite => self.without_update(core, now, side),
            408 | 481 => self.on_reinvite_dead(core, now, id),
            487 => self.refuse_exchange(core, now, given_up.unwrap_or(status)),
            _ => self.refuse_exchange(core, now, status),
        }
    }

    /// The peer wants a longer session interval (RFC 4028 §7.3). Says whether the offer is on its way again.
    fn raise_exchange(&mut self, core: &mut Core, now: Now, side: Side, refusal: &Message) -> bool {
        let snapshot = self.snapshot.clone();
        let raised = self
            .leg_mut(side)
            .is_some_and(|leg| leg.raise_interval(&snapshot, refusal));
        if let Some(exchange) = self.exchange.as_ref().filter(|_| raised) {
            let method = exchange.request.method().cloned().unwrap_or(Method::Invite);
            return self.offer_again(core, now, side, &method, None);
        }
        false
    }

    /// The peer has no UPDATE after all: once the call is answered a re-INVITE does the same, and before nothing does.
    fn without_update(&mut self, core: &mut Core, now: Now, side: Side) {
        if let Some(leg) = self.leg_mut(side) {
            leg.takes_update = false;
        }
        let again = self.phase == Phase::Answered && self.offer_again(core, now, side, &Method::Invite, None);
        if !again {
            self.refuse_exchange(core, now, negotiate::NOT_ACCEPTABLE);
        }
    }

    fn offer_again(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        method: &Method,
        credentials: Option<Credentials>,
    ) -> bool {
        let Some(exchange) = &self.exchange else {
            return false;
        };
        let body = bodies::session_in(&exchange.request);
        let asked = exchange.asked.message.clone();
        let said = (body.as_deref(), &asked);
        let Some((client, request)) = self.send_offer(core, now, side, method, said, credentials) else {
            return false;
        };
        if let Some(exchange) = &mut self.exchange {
            (exchange.client, exchange.request) = (client, request);
        }
        true
    }

    pub(super) fn ack_reinvite(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        id: ClientId,
        invite: &Message,
        body: Option<&[u8]>,
    ) {
        if let Some(leg) = self.leg(side) {
            leg.send_ack(core, now, &self.snapshot, id, invite, body);
        }
    }

    /// The answer to the offer that `from` made.
    fn on_reinvite_answer(&mut self, core: &mut Core, now: Now, from: Side, message: &Message) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        if self.phase == Phase::Ending {
            return;
        }
        let snapshot = self.snapshot.clone();
        let answered = sdp_of(message)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(from).ok_or(500_u16)?;
                negotiate::answer(&snapshot, x, y, sdp)
            });
        match answered {
            Ok((body, mapping)) => {
                self.take_seat(core, now, from);
                match self.phase {
                    Phase::Dialing => self.settle_session(core, from, mapping),
                    Phase::Connecting | Phase::Answered | Phase::Ending => {
                        self.update_media(core, from, &mapping);
                    }
                }
                self.accept_offer(core, now, from, &exchange.asked, Some(&body), Some(message));
            }
            Err(status) => {
                self.exchange = Some(exchange);
                self.refuse_exchange(core, now, status);
                if self.phase == Phase::Answered {
                    // It has agreed to what its counterpart hears refused.
                    self.set_back(core, now, from.other());
                }
            }
        }
    }

    /// The other side's offer, after `from` had asked for one; its answer will come in the ACK.
    fn on_reinvite_offer(
        &mut self,
        core: &mut Core,
        now: Now,
        from: Side,
        id: ClientId,
        invite: &Message,
        message: &Message,
    ) {
        let snapshot = self.snapshot.clone();
        let offered = sdp_of(message)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(from).ok_or(500_u16)?;
                Ok(negotiate::offer(&snapshot, core.endpoint.mint(), y, x, sdp)?)
            });
        match offered {
            Ok(body) => {
                let Some(mut exchange) = self.exchange.take() else {
                    return;
                };
                exchange.answered = true;
                self.take_seat(core, now, from);
                self.accept_offer(core, now, from, &exchange.asked, Some(&body), Some(message));
                self.exchange = Some(exchange);
            }
            Err(status) => {
                self.ack_reinvite(core, now, from.other(), id, invite, None);
                self.refuse_exchange(core, now, status);
                if self.phase == Phase::Answered {
                    // Its offer has no answer: it hears what holds.
                    self.set_back(core, now, from.other());
                }
            }
        }
    }

    /// `side` has ACKed our answer; in a delayed exchange the ACK holds its answer to the other side's offer.
    pub(crate) fn on_exchange_ack(&mut self, core: &mut Core, now: Now, side: Side, ack: &Message) {
        let waiting = self
            .exchange
            .as_ref()
            .is_some_and(|e| e.delayed && e.answered && e.from == side);
        if !waiting {
            return;
        }
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let snapshot = self.snapshot.clone();
        let answered = sdp_of(ack)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(side).ok_or(500_u16)?;
                negotiate::answer(&snapshot, y, x, sdp)
            });
        let body = answered
            .as_ref()
            .ok()
            .map(|(body, _): &(Bytes, PtMapping)| body.clone());
        self.ack_reinvite(
            core,
            now,
            side.other(),
            exchange.client,
            &exchange.request,
            body.as_deref(),
        );
        match answered {
            Ok((_, mapping)) => self.update_media(core, side.other(), &mapping),
            Err(_) => self.end(core, now, Ending::by_switch("no-answer-sdp", 200, 47)),
        }
    }

    fn retry_reinvite(&mut self, core: &mut Core, now: Now, side: Side, challenge: &Message) -> bool {
        let Some(exchange) = self.exchange.as_ref().filter(|_| self.phase != Phase::Ending) else {
            return false;
        };
        let method = exchange.request.method().cloned().unwrap_or(Method::Invite);
        let (uri, body) = (exchange.request.uri().to_vec(), exchange.request.body());
        let mut auth = exchange.auth;
        let header = self.credentials(core, side, &mut auth, challenge, &method, &uri, &body);
        let Some(header) = header else { return false };
        let again = self.offer_again(core, now, side, &method, Some(header));
        if let Some(exchange) = &mut self.exchange {
            exchange.auth = auth;
        }
        again
    }
}
