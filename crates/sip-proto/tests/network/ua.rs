//! A user agent that does just enough: dials, rings, answers, refuses, cancels, hangs up.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_msg::{HeaderId, Limits, Message, Method, Writer};
use sip_proto::{
    ClientId, Counts, Dialog, DropReason, EarlyDialogs, Endpoint, EndpointConfig, Event, Flow, ListenerId,
    Mint, Outbox, PeerId, ServerId, Transport, reply,
};

use crate::Deed;
use crate::link::Dice;

/// What a call is meant to be; times in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    rings: u64,
    answers: u64,
    refused: bool,
    /// The caller gives up this long after dialling.
    cancel: Option<u64>,
    talk: [u64; 2],
}

impl Plan {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let cancel = (dice.below(4) == 0).then(|| dice.below(3000));
        Self {
            rings: dice.below(300),
            answers: 300 + dice.below(4000),
            refused: dice.below(5) == 0,
            cancel,
            talk: [dice.below(20_000) + 1000, dice.below(20_000) + 1000],
        }
    }
}

struct Call {
    plan: Plan,
    /// Our INVITE, or the one that we got.
    invite: Option<Message>,
    client: Option<ClientId>,
    server: Option<ServerId>,
    early: EarlyDialogs,
    dialogs: Vec<Dialog>,
    bye: Option<ClientId>,
    cancelled: bool,
    talked: bool,
    refused: bool,
    ended: bool,
}

pub(crate) struct Ua {
    me: usize,
    flow: Flow,
    endpoint: Endpoint,
    out: Outbox,
    calls: Vec<Call>,
    answers: Vec<Plan>,
    intents: Vec<(Duration, usize, Deed)>,
    seen: HashSet<Vec<u8>>,
    rang_twice: bool,
    timeouts: usize,
}

impl Ua {
    pub(crate) fn new(me: usize, transport: Transport, mint: Mint) -> Self {
        let remote: SocketAddr = address(1 - me).parse().expect("address");
        Self {
            me,
            flow: Flow {
                transport,
                listener: ListenerId(0),
                remote,
                conn: None,
                peer: PeerId::default(),
            },
            endpoint: Endpoint::new(EndpointConfig::default(), mint),
            out: Outbox::default(),
            calls: Vec::new(),
            answers: Vec::new(),
            intents: Vec::new(),
            seen: HashSet::new(),
            rang_twice: false,
            timeouts: 0,
        }
    }

    pub(crate) fn expect_call(&mut self, plan: Plan) {
        self.calls.push(Call::new(plan));
    }

    pub(crate) fn plan_answer(&mut self, plan: Plan) {
        self.answers.push(plan);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.endpoint.counts()
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.endpoint.dropped(reason)
    }

    pub(crate) fn timeouts(&self) -> usize {
        self.timeouts
    }

    pub(crate) fn no_call_rang_twice(&self) -> bool {
        !self.rang_twice
    }

    pub(crate) fn open_calls(&self) -> Vec<usize> {
        (0..self.calls.len()).filter(|&i| !self.calls[i].ended).collect()
    }

    /// Talked, refused, cancelled or failed.
    pub(crate) fn outcomes(&self) -> (usize, usize, usize) {
        let talked = self.calls.iter().filter(|call| call.talked).count();
        let refused = self.calls.iter().filter(|call| call.refused).count();
        (talked, refused, self.calls.len() - talked - refused)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now, &mut self.out);
        self.react(now);
    }

    pub(crate) fn receive(&mut self, now: Instant, bytes: Bytes) {
        let message = sip_msg::parse(bytes, &Limits::default());
        self.endpoint.receive(now, self.flow, message, &mut self.out);
        self.react(now);
    }

    pub(crate) fn take_sends(&mut self) -> Vec<Bytes> {
        self.out.sends.drain(..).map(|send| send.bytes).collect()
    }

    pub(crate) fn take_intents(&mut self) -> Vec<(Duration, usize, Deed)> {
        std::mem::take(&mut self.intents)
    }

    pub(crate) fn act(&mut self, now: Instant, i: usize, what: Deed) {
        match what {
            Deed::Dial => self.dial(now, i),
            Deed::Ring => self.respond(now, i, 180),
            Deed::Answer => self.answer(now, i),
            Deed::Refuse => {
                if !self.calls[i].ended {
                    self.respond(now, i, 486);
                    self.calls[i].ended = true;
                }
            }
            Deed::Cancel => {
                let call = &mut self.calls[i];
                call.cancelled = true;
                if let Some(id) = call.client.filter(|_| !call.ended && call.dialogs.is_empty()) {
                    self.endpoint.cancel(now, id, None, &mut self.out);
                }
            }
            Deed::HangUp => {
                if !self.calls[i].ended && self.calls[i].bye.is_none() {
                    self.hang_up(now, i);
                }
            }
        }
        self.react(now);
    }

    fn dial(&mut self, now: Instant, i: usize) {
        let (me, peer) = (address(self.me), address(1 - self.me));
        let mint = self.endpoint.mint();
        let (branch, tag, call_id) = (mint.branch(), mint.tag(), mint.call_id());
        let mut invite = Writer::request(&Method::Invite, format!("sip:{i}@{peer}").as_bytes());
        invite.header(
            HeaderId::Via,
            format!("SIP/2.0/UDP {me};branch={branch}").as_bytes(),
        );
        invite.header(HeaderId::MaxForwards, b"70");
        invite.header(HeaderId::From, format!("<sip:u@{me}>;tag={tag}").as_bytes());
        invite.header(HeaderId::To, format!("<sip:{i}@{peer}>").as_bytes());
        invite
            .header(HeaderId::CallId, &call_id)
            .header(HeaderId::CSeq, b"1 INVITE");
        invite.header(HeaderId::Contact, format!("<sip:u@{me}>").as_bytes());
        let bytes = invite.finish();
        let call = &mut self.calls[i];
        call.invite = Some(sip_msg::parse(bytes.clone(), &Limits::default()).expect("INVITE"));
        call.client = Some(
            self.endpoint
                .request(now, self.flow, bytes, &mut self.out)
                .expect("room"),
        );
        self.intents.extend(
            call.plan
                .cancel
                .map(|after| (Duration::from_millis(after), i, Deed::Cancel)),
        );
    }

    fn respond(&mut self, now: Instant, i: usize, status: u16) {
        let call = &self.calls[i];
        let (Some(id), Some(invite), false) = (call.server, &call.invite, call.ended) else {
            return;
        };
        let mut answer = reply(
            invite,
            &self.flow,
            status,
            None,
            Some(format!("tag{i}").as_bytes()),
        );
        answer.header(
            HeaderId::Contact,
            format!("<sip:u@{}>", address(self.me)).as_bytes(),
        );
        self.endpoint.respond(now, id, answer.finish(), &mut self.out);
    }

    fn answer(&mut self, now: Instant, i: usize) {
        if self.calls[i].ended {
            return;
        }
        self.respond(now, i, 200);
        let call = &mut self.calls[i];
        let invite = call.invite.as_ref().expect("rings");
        call.dialogs
            .push(Dialog::uas(invite, format!("tag{i}").as_bytes()).expect("dialog"));
        self.intents
            .push((Duration::from_millis(call.plan.talk[1]), i, Deed::HangUp));
    }

    fn hang_up(&mut self, now: Instant, i: usize) {
        let Some(dialog) = self.calls[i].dialogs.first_mut() else {
            return;
        };
        let head = dialog.request(&Method::Bye);
        let branch = self.endpoint.mint().branch();
        let via = format!("SIP/2.0/UDP {};branch={branch}", address(self.me));
        let bytes = head.writer(via.as_bytes()).finish();
        let id = self
            .endpoint
            .request(now, self.flow, bytes, &mut self.out)
            .expect("room");
        self.calls[i].bye = Some(id);
    }

    fn react(&mut self, now: Instant) {
        while let Some(event) = self.out.events.pop_front() {
            match event {
                Event::Invite { id, message, .. } => self.invited(id, message),
                Event::Request { id, message, .. } => self.requested(now, id, &message),
                Event::Ack { message, .. } => {
                    for call in self
                        .calls
                        .iter()
                        .filter(|call| call.dialogs.iter().any(|d| d.matches(&message)))
                    {
                        self.endpoint.acked(call.server.expect("was answered"));
                    }
                }
                Event::Cancelled { id, .. } => {
                    let i = self
                        .calls
                        .iter()
                        .position(|call| call.server == Some(id))
                        .expect("known");
                    self.respond(now, i, 487);
                    self.calls[i].ended = true;
                }
                Event::Response { id, message } => self.responded(now, id, &message),
                Event::Timeout { id } | Event::SendFailed { id } => {
                    self.timeouts += 1;
                    for call in &mut self.calls {
                        call.ended |= call.client == Some(id) || call.bye == Some(id);
                    }
                }
                Event::AckTimeout { id } => {
                    let i = self
                        .calls
                        .iter()
                        .position(|call| call.server == Some(id))
                        .expect("known");
                    if !self.calls[i].ended && self.calls[i].bye.is_none() {
                        self.hang_up(now, i);
                    }
                }
                Event::ServerGone { .. } => {}
            }
        }
    }

    fn invited(&mut self, id: ServerId, message: Message) {
        self.rang_twice |= !self.seen.insert(message.call_id().to_vec());
        let number = message
            .uri()
            .strip_prefix(b"sip:")
            .and_then(|u| u.split(|&c| c == b'@').next());
        let number: usize = std::str::from_utf8(number.expect("user"))
            .expect("text")
            .parse()
            .expect("number");
        let plan = self.answers[number];
        let i = self.calls.len();
        self.calls.push(Call {
            invite: Some(message),
            server: Some(id),
            ..Call::new(plan)
        });
        let last = if plan.refused { Deed::Refuse } else { Deed::Answer };
        self.intents
            .push((Duration::from_millis(plan.rings), i, Deed::Ring));
        self.intents.push((Duration::from_millis(plan.answers), i, last));
    }

    fn requested(&mut self, now: Instant, id: ServerId, message: &Message) {
        let call = self
            .calls
            .iter_mut()
            .find(|call| call.dialogs.iter().any(|dialog| dialog.matches(message)));
        let status = match call {
            Some(call) => {
                call.ended = true;
                200
            }
            None => 481,
        };
        let bytes = reply(message, &self.flow, status, None, None).finish();
        self.endpoint.respond(now, id, bytes, &mut self.out);
    }

    fn responded(&mut self, now: Instant, id: ClientId, message: &Message) {
        let status = message.status().expect("response");
        if status < 200 && message.to_tag().is_none() {
            return;
        }
        let i = self
            .calls
            .iter()
            .position(|call| call.client == Some(id) || call.bye == Some(id))
            .expect("known");
        let call = &mut self.calls[i];
        if call.bye == Some(id) {
            call.ended |= status >= 200;
            return;
        }
        if status >= 300 {
            call.ended = true;
            call.refused = status == 486;
            return;
        }
        let invite = call.invite.as_ref().expect("dialled");
        let dialog = call.early.receive(invite, message).expect("dialog");
        if status < 200 {
            return;
        }
        let ack = dialog.ack(dialog.invite_cseq());
        let to_tag = dialog.remote_tag().to_vec();
        call.dialogs.extend(call.early.take(&to_tag));
        call.talked = !call.cancelled;
        let branch = self.endpoint.mint().branch();
        let via = format!("SIP/2.0/UDP {};branch={branch}", address(self.me));
        let bytes = ack.writer(via.as_bytes()).finish();
        self.endpoint
            .ack(now, id, &to_tag, self.flow, bytes, &mut self.out);
        if call.cancelled {
            self.hang_up(now, i);
        } else {
            self.intents
                .push((Duration::from_millis(call.plan.talk[0]), i, Deed::HangUp));
        }
    }
}

impl Call {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            invite: None,
            client: None,
            server: None,
            early: EarlyDialogs::new(),
            dialogs: Vec::new(),
            bye: None,
            cancelled: false,
            talked: false,
            refused: false,
            ended: false,
        }
    }
}

fn address(agent: usize) -> &'static str {
    if agent == 0 {
        "192.0.2.1:5060"
    } else {
        "192.0.2.2:5060"
    }
}
