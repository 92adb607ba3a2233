//! What a peer does in mid-call: offers, requests, hanging up.

use super::call::{PASSWORD, USER};
use super::script::{Byes, Mid, Reinvites};
use super::{Cx, Due, Ender, Script, Stage, Ua, UaTimer};
use crate::{Party, Sip, sdp};

/// How soon something is tried again that had to wait.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

impl Ua {
    pub(super) fn on_reinvite_final(&mut self, cx: &mut Cx<'_>, key: &str, request: &Sip, response: &Sip) {
        let call_id = request.call_id();
        let Some(leg) = self.legs.get_mut(call_id) else {
            return;
        };
        leg.pending = false;
        let status = response.status();
        if status < 300 {
            let delayed = request.sdp().is_none();
            let answer = response
                .sdp()
                .filter(|_| delayed)
                .map(|offer| leg.end.answer(offer, "sendrecv"));
            self.finish_with_ack(cx, key, response, answer.as_deref());
            if let (Some(offer), Some(answer)) = (request.sdp(), response.sdp()) {
                self.check_answer(cx, offer, answer, response);
            }
            return;
        }
        let owner = matches!(leg.script, Script::Calling(_));
        match status {
            491 => {
                let direction = request.sdp().map(|offer| sdp::live(offer).direction().to_owned());
                let word = ["sendonly", "inactive", "recvonly"]
                    .into_iter()
                    .find(|w| direction.as_deref() == Some(*w));
                let after = if owner {
                    self.rng.ms(2100, 4000)
                } else {
                    self.rng.ms(0, 2000)
                };
                let again = Due::Mid(Mid::Direction(word.unwrap_or("sendrecv")));
                cx.wake(after, UaTimer::Call(call_id.to_owned(), again));
            }
            408 | 481 => self.hang_up(cx, call_id),
            _ => {}
        }
    }

    pub(super) fn on_reinvite(&mut self, cx: &mut Cx<'_>, invite: &Sip) {
        let Some(leg) = self.legs.get_mut(invite.call_id()) else {
            return self.fault(cx, "a re-INVITE in an unknown dialog", Some(invite));
        };
        let early = leg.remote_cseq >= invite.cseq().0;
        leg.remote_cseq = leg.remote_cseq.max(invite.cseq().0);
        let way = leg.manners().reinvites;
        let status = match (leg.stage, way) {
            (_, _) if early => 500,
            (Stage::Setup | Stage::Over, _) => 481,
            (Stage::Up, _) if leg.pending => 491,
            (Stage::Up, Reinvites::Accepts) => 200,
            (Stage::Up, Reinvites::Refuses(status)) => status,
            (Stage::Up, Reinvites::Slowly(after)) => {
                let trying = leg.party.reply(invite, 100, None);
                leg.asked = Some(invite.clone());
                self.answer(cx, invite, &trying);
                return cx.wake(after, UaTimer::Call(invite.call_id().to_owned(), Due::Answer));
            }
            (Stage::Up, Reinvites::Ignores) => return,
        };
        if status != 200 {
            let answer = leg.party.reply(invite, status, None);
            return self.answer(cx, invite, &answer);
        }
        self.accept_reinvite(cx, invite);
    }

    /// The answer to a re-INVITE that was to wait; 487 if the call is over by now.
    pub(super) fn answer_slowly(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let Some(leg) = self.legs.get_mut(call_id) else {
            return;
        };
        let Some(invite) = leg.asked.take() else { return };
        let refusal = leg.party.reply(&invite, 487, None);
        let up = leg.stage == Stage::Up;
        if self
            .servers
            .get(&invite.key())
            .is_none_or(|server| server.status >= 200)
        {
            return;
        }
        if up {
            self.accept_reinvite(cx, &invite);
        } else {
            self.answer(cx, &invite, &refusal);
        }
    }

    pub(super) fn accept_reinvite(&mut self, cx: &mut Cx<'_>, invite: &Sip) {
        let Some(leg) = self.legs.get_mut(invite.call_id()) else {
            return;
        };
        leg.party.refresh(invite);
        leg.end.version += 1;
        let body = match invite.sdp() {
            Some(offer) => {
                let live = sdp::media(offer).into_iter().find(|stream| stream.port != 0);
                let direction = live.map_or("sendrecv", |stream| sdp::complement(stream.direction()));
                leg.end.answer(offer, direction)
            }
            None => {
                let offer = leg.end.offer(leg.direction);
                leg.offered = Some(offer.clone());
                offer
            }
        };
        let answer = leg.party.reply(invite, 200, Some(&body));
        self.answer(cx, invite, &answer);
    }

    pub(super) fn mid(&mut self, cx: &mut Cx<'_>, call_id: &str, mid: Mid) {
        let busy = self.busy(call_id);
        let moved = self.rtp();
        let Some(leg) = self.legs.get_mut(call_id).filter(|leg| leg.stage == Stage::Up) else {
            return;
        };
        if busy {
            return cx.wake(AGAIN, UaTimer::Call(call_id.to_owned(), Due::Mid(mid)));
        }
        let offer = match mid {
            Mid::Info | Mid::Options => {
                let method = if mid == Mid::Info { "INFO" } else { "OPTIONS" };
                let mut request = leg.party.request(method);
                if mid == Mid::Info {
                    request = request.with("Content-Type", "application/dtmf-relay");
                    request.body = "Signal=5\r\nDuration=160\r\n".into();
                }
                return self.start_client(cx, request);
            }
            Mid::Direction(direction) => {
                leg.direction = direction;
                leg.end.version += 1;
                Some(leg.end.offer(direction))
            }
            Mid::Refresh => leg.offered.clone().or_else(|| Some(leg.end.offer(leg.direction))),
            Mid::Move => {
                leg.end.rtp = moved;
                leg.end.version += 1;
                Some(leg.end.offer(leg.direction))
            }
            Mid::Delayed => None,
        };
        leg.pending = true;
        let invite = leg.party.invite(offer.as_deref());
        self.start_client(cx, invite);
    }

    /// Whether an INVITE in the dialog is under way in either direction (RFC 3261 §14.1).
    pub(super) fn busy(&self, call_id: &str) -> bool {
        let pending = self.legs.get(call_id).is_some_and(|leg| leg.pending);
        let open = |server: &super::Server| {
            let invite = server.request.call_id() == call_id && server.request.method() == "INVITE";
            invite && (server.status < 200 || (server.status < 300 && !server.acked))
        };
        pending || self.servers.values().any(open)
    }

    /// A called side may not hang up before its answer is ACKed (RFC 3261 §15).
    pub(super) fn hang_up_when_acked(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let open = |server: &super::Server| {
            let answered = (200..300).contains(&server.status) && !server.acked;
            server.request.call_id() == call_id && server.request.method() == "INVITE" && answered
        };
        if self.servers.values().any(open) {
            return cx.wake(AGAIN, UaTimer::Call(call_id.to_owned(), Due::HangUp));
        }
        self.hang_up(cx, call_id);
    }

    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let Some(leg) = self
            .legs
            .get_mut(call_id)
            .filter(|leg| leg.stage == Stage::Up && !leg.dead)
        else {
            return;
        };
        let bye = leg.party.request("BYE");
        self.start_client(cx, bye);
        self.over(cx, call_id, Ender::Us);
    }

    pub(super) fn on_bye(&mut self, cx: &mut Cx<'_>, bye: &Sip) {
        self.open_server(cx, bye);
        let Some(leg) = self.legs.get_mut(bye.call_id()) else {
            return self.fault(cx, "a BYE in an unknown dialog", Some(bye));
        };
        if bye.to_tag() != Some(leg.party.tag()) || leg.stage == Stage::Setup {
            return self.fault(cx, "a BYE that is not for this dialog", Some(bye));
        }
        let (way, challenged) = (leg.manners().byes, leg.challenged);
        let credentials = bye.get("Proxy-Authorization").map(str::to_owned);
        let status = match way {
            Byes::Accepts => 200,
            Byes::Challenges if credentials.is_some() || leg.stage == Stage::Over => 200,
            Byes::Challenges => return self.challenge(cx, bye),
            Byes::Denies => 481,
            Byes::Ignores => return self.over(cx, bye.call_id(), Ender::Them),
        };
        let answer = leg.party.reply(bye, status, None);
        self.answer(cx, bye, &answer);
        let wrong = |value: &String| !crate::is_answered(value, "BYE", USER, PASSWORD);
        if challenged && credentials.as_ref().is_some_and(wrong) {
            self.fault(cx, "wrong credentials", Some(bye));
        }
        self.over(cx, bye.call_id(), Ender::Them);
    }

    pub(super) fn on_other(&mut self, cx: &mut Cx<'_>, request: &Sip) {
        self.open_server(cx, request);
        let Some(leg) = self.legs.get(request.call_id()) else {
            if request.to_tag().is_some() {
                return self.fault(cx, "a request in an unknown dialog", Some(request));
            }
            let party = Party::callee(self.addr, request, self.rng.fork());
            return self.answer(cx, request, &party.reply(request, 200, None));
        };
        let status = if leg.stage == Stage::Up { 200 } else { 481 };
        let answer = leg.party.reply(request, status, None);
        self.answer(cx, request, &answer);
    }

    /// RFC 3264 §6: as many streams, in the same order, of the same kind; nothing that was not offered.
    pub(super) fn check_answer(&mut self, cx: &Cx<'_>, offer: &str, answer: &str, message: &Sip) {
        let (offered, answered) = (sdp::media(offer), sdp::media(answer));
        let mut wrong = (offered.len() != answered.len()).then(|| "another number of streams".to_owned());
        for (o, a) in offered.iter().zip(&answered) {
            let allowed = match o.direction() {
                "sendonly" => a.direction() == "recvonly" || a.direction() == "inactive",
                "recvonly" => a.direction() == "sendonly" || a.direction() == "inactive",
                "inactive" => a.direction() == "inactive",
                _ => true,
            };
            let formats = a.port == 0 || a.formats.iter().all(|format| o.formats.contains(format));
            if o.kind != a.kind || o.proto != a.proto || !formats || (a.port != 0 && !allowed) {
                wrong = Some(format!("{o:?} answered by {a:?}"));
            }
        }
        if answered.iter().all(|stream| stream.port == 0) {
            wrong = Some("every stream refused".into());
        }
        if let Some(wrong) = wrong {
            self.fault(cx, &format!("{wrong}; offer\n{offer}"), Some(message));
        }
    }
}
