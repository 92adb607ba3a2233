//! What a peer does about its calls.

use std::time::Duration;

use bytes::Bytes;

use super::script::{Acks, Byes, Cancels, Mid, Offering, Reinvites, Say};
use super::{Branch, Cx, Due, Ender, Leg, PATIENCE, Script, Stage, Ua, UaTimer};
use crate::{Party, Sip, sdp};

/// Credentials that the switch is expected to have for peers that challenge.
const USER: &str = "tandem";
const PASSWORD: &str = "secret";

/// How soon something is tried again that had to wait.
const AGAIN: Duration = Duration::from_secs(1);

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
    fn on_answered(&mut self, cx: &mut Cx<'_>, request: &Sip, response: &Sip) {
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
    fn ack_answer(&mut self, cx: &mut Cx<'_>, key: &str, response: &Sip) {
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
    fn live(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let Some(leg) = self.legs.get(call_id) else { return };
        let manners = leg.manners().clone();
        for (after, mid) in manners.mid {
            cx.wake(after, UaTimer::Call(call_id.to_owned(), Due::Mid(mid)));
        }
        if let Some(after) = manners.hangs_up {
            cx.wake(after, UaTimer::Call(call_id.to_owned(), Due::HangUp));
        }
    }

    fn over(&mut self, cx: &mut Cx<'_>, call_id: &str, by: Ender) {
        let Some(leg) = self.legs.get_mut(call_id).filter(|leg| leg.stage != Stage::Over) else {
            return;
        };
        leg.stage = Stage::Over;
        leg.ended = Some(cx.now);
        leg.ender = Some(by);
    }

    fn on_reinvite_final(&mut self, cx: &mut Cx<'_>, key: &str, request: &Sip, response: &Sip) {
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

    fn challenge(&mut self, cx: &mut Cx<'_>, request: &Sip) {
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

    fn on_reinvite(&mut self, cx: &mut Cx<'_>, invite: &Sip) {
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
    fn answer_slowly(&mut self, cx: &mut Cx<'_>, call_id: &str) {
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

    fn accept_reinvite(&mut self, cx: &mut Cx<'_>, invite: &Sip) {
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

    fn say_next(&mut self, cx: &mut Cx<'_>, call_id: &str, index: usize) {
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

    fn say(&mut self, cx: &mut Cx<'_>, invite: &Sip, say: Say) {
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
    fn fork(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let party_rng = self.rng.fork();
        let Some(leg) = self.legs.get_mut(call_id) else {
            return;
        };
        let Some(invite) = leg.invite.as_ref() else { return };
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

    fn give_up(&mut self, cx: &mut Cx<'_>, call_id: &str) {
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

    fn lose_patience(&mut self, cx: &mut Cx<'_>, call_id: &str) {
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

    fn mid(&mut self, cx: &mut Cx<'_>, call_id: &str, mid: Mid) {
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
    fn busy(&self, call_id: &str) -> bool {
        let pending = self.legs.get(call_id).is_some_and(|leg| leg.pending);
        let open = |server: &super::Server| {
            let invite = server.request.call_id() == call_id && server.request.method() == "INVITE";
            invite && (server.status < 200 || (server.status < 300 && !server.acked))
        };
        pending || self.servers.values().any(open)
    }

    /// A called side may not hang up before its answer is ACKed (RFC 3261 §15).
    fn hang_up_when_acked(&mut self, cx: &mut Cx<'_>, call_id: &str) {
        let open = |server: &super::Server| {
            let answered = (200..300).contains(&server.status) && !server.acked;
            server.request.call_id() == call_id && server.request.method() == "INVITE" && answered
        };
        if self.servers.values().any(open) {
            return cx.wake(AGAIN, UaTimer::Call(call_id.to_owned(), Due::HangUp));
        }
        self.hang_up(cx, call_id);
    }

    fn hang_up(&mut self, cx: &mut Cx<'_>, call_id: &str) {
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

    /// RFC 3264 §6: as many streams, in the same order, of the same kind; nothing that was not offered.
    fn check_answer(&mut self, cx: &Cx<'_>, offer: &str, answer: &str, message: &Sip) {
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
