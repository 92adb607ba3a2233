//! What a peer does about its calls.

use std::time::Duration;

use bytes::Bytes;

use super::script::{Acks, Cancels, Offering, Say};
use super::{Branch, Cx, Due, Ender, Leg, PATIENCE, Script, Stage, Ua, UaTimer};
use crate::{Party, Sip, sdp};

/// Credentials that the switch is expected to have for peers that challenge.
pub(super) const USER: &str = "tandem";
pub(super) const PASSWORD: &str = "secret";

impl Ua {
    pub(super) fn on_provisional(&mut self, cx: &mut Cx<'_>, request: &Sip, response: &Sip) {
        let Some(leg) = self.legs.get_mut(request.call_id()) else {
            return;
        };
        if request.method() != "INVITE" || request.to_tag().is_some() {
            return;
        }
        if response.status() > 100 {
            leg.party.learn(response);
        }
        let offer = leg.offered.clone();
        if leg.wants_cancel && !leg.cancelled {
            leg.cancelled = true;
            let cancel = leg.party.cancel();
            self.start_client(cx, cancel);
        }
        if let (Some(offer), Some(answer)) = (offer, response.sdp()) {
            self.check_answer(cx, &offer, answer, response);
        }
    }

    pub(super) fn on_final(&mut self, cx: &mut Cx<'_>, key: &str, request: &Sip, response: &Sip) {
        if request.method() != "INVITE" {
            return;
        }
        if request.to_tag().is_some() {
            return self.on_reinvite_final(cx, key, request, response);
        }
        let status = response.status();
        let Some(leg) = self.legs.get_mut(request.call_id()) else {
            return;
        };
        leg.status = status;
        if status >= 300 {
            let by = if leg.cancelled || leg.wants_cancel {
                Ender::Us
            } else {
                Ender::Them
            };
            return self.over(cx, request.call_id(), by);
        }
        let Script::Calling(script) = &leg.script else {
            return;
        };
        let acks = script.acks;
        if leg.stage == Stage::Setup {
            self.on_answered(cx, request, response);
        }
        let Some(leg) = self.legs.get_mut(request.call_id()) else {
            return;
        };
        leg.copies += 1;
        let passes = match acks {
            Acks::All => true,
            Acks::After(copies) => leg.copies > copies,
            Acks::Never => false,
        };
        if passes {
            self.ack_answer(cx, key, response);
        }
    }

    /// The first sight of the answer.
    pub(super) fn on_answered(&mut self, cx: &mut Cx<'_>, request: &Sip, response: &Sip) {
        let call_id = request.call_id();
        let Some(leg) = self.legs.get_mut(call_id) else {
            return;
        };
        leg.stage = Stage::Up;
        leg.answered = Some(cx.now);
        leg.party.learn(response);
        let (offer, gone) = (leg.offered.clone(), leg.cancelled || leg.wants_cancel);
        if let (Some(offer), Some(answer)) = (offer, response.sdp()) {
            self.check_answer(cx, &offer, answer, response);
        }
        if gone {
            cx.wake(Duration::ZERO, UaTimer::Call(call_id.to_owned(), Due::HangUp));
        } else {
            self.live(cx, call_id);
        }
    }

    /// ACKs the answer; with an answer to the offer in it, if there was none in the INVITE.
    pub(super) fn ack_answer(&mut self, cx: &mut Cx<'_>, key: &str, response: &Sip) {
        let Some(leg) = self.legs.get_mut(response.call_id()) else {
            return;
        };
        let delayed = matches!(&leg.script, Script::Calling(script) if script.offering == Offering::Delayed);
        let answer = response
            .sdp()
            .filter(|_| delayed)
            .map(|offer| leg.end.answer(offer, "sendrecv"));
        self.finish_with_ack(cx, key, response, answer.as_deref());
    }

    /// Plans what happens in the call that is now up.
    pub(super) fn live(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let Some(leg) = self.legs.get(call_id) else { return };
        let manners = leg.manners().clone();
        for (after, mid) in manners.mid {
            cx.wake(after, UaTimer::Call(call_id.to_owned(), Due::Mid(mid)));
        }
        if let Some(after) = manners.hangs_up {
            cx.wake(after, UaTimer::Call(call_id.to_owned(), Due::HangUp));
        }
    }

    pub(super) fn over(&mut self, cx: &mut Cx<'_>, call_id: &str, by: Ender) {
        let Some(leg) = self.legs.get_mut(call_id).filter(|leg| leg.stage != Stage::Over) else {
            return;
        };
        leg.stage = Stage::Over;
        leg.ended = Some(cx.now);
        leg.ender = Some(by);
    }

    pub(super) fn on_no_answer(&mut self, cx: &mut Cx<'_>, request: &Sip) {
        if request.method() != "INVITE" {
            return;
        }
        if request.to_tag().is_some() {
            return self.hang_up(cx, request.call_id());
        }
        self.over(cx, request.call_id(), Ender::Silence);
    }

    /// A final answer to an INVITE was never ACKed.
    pub(super) fn on_no_ack(&mut self, cx: &mut Cx<'_>, request: &Sip, status: u16) {
        if (200..300).contains(&status) {
            self.hang_up(cx, request.call_id());
        }
    }

    pub(super) fn on_first_ack(&mut self, cx: &mut Cx<'_>, ack: &Sip) {
        let Some(leg) = self.legs.get_mut(ack.call_id()) else {
            return;
        };
        let fork = match &leg.script {
            Script::Called(script) if leg.branch.is_none() => script.forks,
            Script::Called(_) | Script::Calling(_) => None,
        };
        if let Some(after) = fork {
            cx.wake(after, UaTimer::Call(ack.call_id().to_owned(), Due::Fork));
        }
        let offer = leg
            .offered
            .take()
            .filter(|_| matches!(leg.script, Script::Called(_)));
        if let (Some(offer), Some(answer)) = (offer, ack.sdp()) {
            self.check_answer(cx, &offer, answer, ack);
        }
    }

    pub(super) fn on_invite(&mut self, cx: &mut Cx<'_>, invite: Sip) {
        self.open_server(cx, &invite);
        if invite.to_tag().is_some() {
            return self.on_reinvite(cx, &invite);
        }
        let call_id = invite.call_id().to_owned();
        let credentials = invite.get("Proxy-Authorization");
        let script = match self.legs.get(&call_id) {
            Some(Leg {
                script: Script::Called(script),
                ..
            }) if credentials.is_some() => script.clone(),
            Some(_) => return self.fault(cx, "a second INVITE with the same Call-ID", Some(&invite)),
            None => self.choose(&invite),
        };
        if credentials.is_some_and(|value| !crate::is_answered(value, "INVITE", USER, PASSWORD)) {
            self.fault(cx, "wrong credentials", Some(&invite));
        }
        let challenge = script.challenges && credentials.is_none();
        let end = sdp::End::new(self.rtp());
        let party = Party::callee(self.addr, &invite, self.rng.fork());
        let (says, dies) = (script.says.clone(), script.manners.dies);
        let mut leg = self.leg(party, Script::Called(script), end, cx.now);
        leg.remote_cseq = invite.cseq().0;
        leg.invite = Some(invite.clone());
        self.legs.insert(call_id.clone(), leg);
        if challenge {
            return self.challenge(cx, &invite);
        }
        if let Some(after) = dies {
            cx.wake(after, UaTimer::Call(call_id.clone(), Due::Die));
        }
        if !says.is_empty() {
            cx.wake(PATIENCE, UaTimer::Call(call_id.clone(), Due::Patience));
        }
        if let Some((after, _)) = says.first() {
            cx.wake(*after, UaTimer::Call(call_id, Due::Say(0)));
        }
    }

    pub(super) fn challenge(&mut self, cx: &mut Cx<'_>, request: &Sip) {
        let nonce = self.rng.token();
        let Some(leg) = self.legs.get_mut(request.call_id()) else {
            return;
        };
        leg.challenged = true;
        let realm = format!("Digest realm=\"carrier\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5");
        let answer = leg
            .party
            .reply(request, 407, None)
            .with("Proxy-Authenticate", realm);
        self.answer(cx, request, &answer);
    }

    pub(super) fn on_cancel(&mut self, cx: &mut Cx<'_>, cancel: &Sip) {
        self.open_server(cx, cancel);
        let about = format!("{} INVITE", cancel.branch());
        let Some((invite, status)) = self.servers.get(&about).map(|s| (s.request.clone(), s.status)) else {
            return self.fault(cx, "a CANCEL of an unknown INVITE", Some(cancel));
        };
        let Some(leg) = self.legs.get_mut(cancel.call_id()) else {
            return;
        };
        let way = match &leg.script {
            Script::Called(script) if invite.to_tag().is_none() => script.cancels,
            Script::Called(_) | Script::Calling(_) => Cancels::Accepts,
        };
        let verdict = if way == Cancels::Denies { 481 } else { 200 };
        let answer = leg.party.reply(cancel, verdict, None);
        let refusal = leg.party.reply(&invite, 487, None);
        if way == Cancels::AnswersFirst && status < 200 {
            self.say(cx, &invite, Say::Status(200));
        }
        self.answer(cx, cancel, &answer);
        if status >= 200 {
            return;
        }
        match way {
            Cancels::Accepts => self.answer(cx, &invite, &refusal),
            Cancels::AnswersFirst | Cancels::Denies => return,
            Cancels::ForgetsInvite => {}
        }
        if invite.to_tag().is_none() {
            self.over(cx, cancel.call_id(), Ender::Them);
        }
    }

    pub(super) fn on_due(&mut self, cx: &mut Cx<'_>, call_id: &str, due: Due) {
        match due {
            Due::Say(index) => self.say_next(cx, call_id, index),
            Due::GiveUp => self.give_up(cx, call_id),
            Due::Patience => self.lose_patience(cx, call_id),
            Due::Mid(mid) => self.mid(cx, call_id, mid),
            Due::Answer => self.answer_slowly(cx, call_id),
            Due::Fork => self.fork(cx, call_id),
            Due::HangUp => self.hang_up_when_acked(cx, call_id),
            Due::Die => {
                if let Some(leg) = self.legs.get_mut(call_id) {
                    leg.dead = true;
                    cx.media.goes_quiet(cx.now, leg.end.rtp, cx.agenda);
                }
            }
        }
    }

    pub(super) fn say_next(&mut self, cx: &mut Cx<'_>, call_id: &str, index: usize) {
        let Some(leg) = self.legs.get(call_id).filter(|leg| leg.stage == Stage::Setup) else {
            return;
        };
        let (Some(invite), Script::Called(script)) = (leg.invite.clone(), &leg.script) else {
            return;
        };
        let Some((at, say)) = script.says.get(index).copied() else {
            return;
        };
        let next = script
            .says
            .get(index + 1)
            .map(|(after, _)| after.saturating_sub(at));
        self.say(cx, &invite, say);
        if let Some(after) = next {
            cx.wake(after, UaTimer::Call(call_id.to_owned(), Due::Say(index + 1)));
        }
    }

    pub(super) fn say(&mut self, cx: &mut Cx<'_>, invite: &Sip, say: Say) {
        let Some(leg) = self.legs.get_mut(invite.call_id()) else {
            return;
        };
        let body = |leg: &mut Leg| match invite.sdp() {
            Some(offer) => leg
                .end
                .answer(offer, sdp::complement(sdp::live(offer).direction())),
            None => {
                let offer = leg.end.offer("sendrecv");
                leg.offered = Some(offer.clone());
                offer
            }
        };
        let early = |leg: &mut Leg| invite.sdp().is_some().then(|| body(leg));
        let party = leg.party.clone();
        let reply = |status: u16, sdp: Option<String>| party.reply(invite, status, sdp.as_deref());
        let answer = match say {
            Say::Status(200) => reply(200, Some(body(leg))),
            Say::Status(183) => reply(183, early(leg)),
            Say::Status(status) => reply(status, None),
            Say::RingingWithSdp => reply(180, early(leg)),
            Say::BareOk => reply(200, None),
            Say::BrokenOk => reply(
                200,
                Some("v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n".into()),
            ),
            Say::Overloaded => reply(503, None).with("Retry-After", "2"),
            Say::NoCircuit => reply(480, None).with("Reason", "Q.850;cause=34;text=\"no circuit\""),
            Say::Redirect => reply(302, None).with("Contact", "<sip:+4999@127.0.0.99>"),
        };
        leg.status = answer.status();
        leg.said += 1;
        let (call_id, status) = (invite.call_id().to_owned(), answer.status());
        if (200..300).contains(&status) {
            leg.stage = Stage::Up;
            leg.answered = Some(cx.now);
        }
        self.answer(cx, invite, &answer);
        match status {
            ..200 => {}
            200..300 => self.live(cx, &call_id),
            300.. => self.over(cx, &call_id, Ender::Us),
        }
    }

    /// Another branch answers the INVITE, once: whether it is heard is left to chance. The first has been ACKed: it stays.
    pub(super) fn fork(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let party_rng = self.rng.fork();
        let Some(leg) = self.legs.get_mut(call_id) else {
            return;
        };
        let Some(invite) = leg.invite.as_ref().filter(|_| leg.branch.is_none()) else {
            return;
        };
        let party = Party::callee(self.addr, invite, party_rng);
        let body = match invite.sdp() {
            Some(offer) => leg
                .end
                .answer(offer, sdp::complement(sdp::live(offer).direction())),
            None => leg.end.offer("sendrecv"),
        };
        cx.send(&Bytes::from(party.reply(invite, 200, Some(&body)).write()));
        leg.branch = Some(Branch {
            party,
            acked: false,
            over: false,
        });
    }

    /// What is about the other branch. Says whether it was.
    pub(super) fn on_branch(&mut self, cx: &mut Cx<'_>, request: &Sip) -> bool {
        let Some(branch) = self
            .legs
            .get_mut(request.call_id())
            .and_then(|leg| leg.branch.as_mut())
        else {
            return false;
        };
        if request.to_tag() != Some(branch.party.tag()) {
            return false;
        }
        match request.method() {
            "ACK" => branch.acked = true,
            "BYE" => {
                branch.over = true;
                let answer = branch.party.reply(request, 200, None);
                self.open_server(cx, request);
                self.answer(cx, request, &answer);
            }
            _ => self.fault(cx, "a request in a dialog that was to be hung up", Some(request)),
        }
        true
    }

    pub(super) fn give_up(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let Some(leg) = self.legs.get_mut(call_id).filter(|leg| leg.stage == Stage::Setup) else {
            return;
        };
        let Script::Calling(script) = &leg.script else {
            return;
        };
        let Some(invite) = leg.party.invite.as_ref() else {
            return;
        };
        let heard = self
            .clients
            .get(&invite.key())
            .is_some_and(|client| client.has_heard());
        leg.wants_cancel = true;
        if script.by_bye && leg.party.remote.contains(";tag=") {
            leg.cancelled = true;
            let bye = leg.party.request("BYE");
            self.start_client(cx, bye);
        } else if heard {
            leg.cancelled = true;
            let cancel = leg.party.cancel();
            self.start_client(cx, cancel);
        }
    }

    pub(super) fn lose_patience(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let Some(leg) = self.legs.get(call_id).filter(|leg| leg.stage == Stage::Setup) else {
            return;
        };
        let text = format!("nothing final for {}", call_id);
        match &leg.script {
            Script::Called(script) if script.cancels == Cancels::Denies => {
                let Some(invite) = leg.invite.clone() else { return };
                self.say(cx, &invite, Say::Status(480));
            }
            Script::Called(_) | Script::Calling(_) => self.fault(cx, &text, None),
        }
    }
}
