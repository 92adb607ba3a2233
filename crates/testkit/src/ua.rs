//! A peer that makes and takes calls by itself. It keeps the rules of RFC 3261, as far as its script lets it, with
//! transactions and dialogs of its own, and notes what the switch does against them.

mod call;
mod mid;
mod script;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::agenda::{Agenda, What};
use crate::{Media, Party, Rng, Sip, sdp};

pub use script::{Acks, Byes, Called, Calling, Cancels, Manners, Mid, Offering, Reinvites, Say};

use transactions::{Client, Server};

/// Estimated round trip (RFC 3261 §17.1.1.1).
const T1: Duration = Duration::from_millis(500);
/// The longest interval of retransmission.
const T2: Duration = Duration::from_secs(4);
/// After which a transaction is over.
const LIMIT: Duration = Duration::from_secs(32);
/// A caller waits no longer for a final answer, and says so.
const PATIENCE: Duration = Duration::from_secs(400);

/// A timer of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UaTimer {
    /// A request may have to go out again.
    Client(String),
    /// A final answer may have to go out again.
    Server(String),
    /// It is time for something in a call, by its Call-ID.
    Call(String, Due),
}

/// What it is time for in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// The next thing to say to the INVITE; counts from 0.
    Say(usize),
    /// The caller gives up.
    GiveUp,
    /// The caller has waited longer than anybody may have to.
    Patience,
    /// Something in mid-call.
    Mid(Mid),
    /// A re-INVITE is answered at last.
    Answer,
    /// Another branch answers.
    Fork,
    /// It hangs up.
    HangUp,
    /// It is gone.
    Die,
}

/// What a peer has at hand when it acts.
pub struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) at: Duration,
    pub(crate) index: usize,
    pub(crate) switch: SocketAddr,
    pub(crate) sent: Vec<Bytes>,
    pub(crate) agenda: &'a mut Agenda,
    pub(crate) media: &'a mut Media,
}

impl Cx<'_> {
    fn send(&mut self, bytes: &Bytes) {
        self.sent.push(bytes.clone());
    }

    fn wake(&mut self, after: Duration, timer: UaTimer) {
        self.agenda.plan(self.now + after, What::Ua(self.index, timer));
    }
}

/// Where a call stands at its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not answered.
    Setup,
    /// Answered.
    Up,
    /// Over.
    Over,
}

/// Who ended it, as the peer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ender {
    /// This peer.
    Us,
    /// The switch.
    Them,
    /// Nobody: a request was never answered.
    Silence,
}

/// A call as its peer knows it.
#[derive(Debug)]
pub struct Leg {
    /// The dialog.
    pub party: Party,
    /// Where it stands.
    pub stage: Stage,
    /// The script of its caller, or of its called side.
    pub script: Script,
    /// The peer answers nothing any more.
    pub dead: bool,
    /// It began.
    pub began: Instant,
    /// It was answered.
    pub answered: Option<Instant>,
    /// It was over.
    pub ended: Option<Instant>,
    /// The last status of the INVITE that was sent (called side) or received (caller).
    pub status: u16,
    /// Who ended it.
    pub ender: Option<Ender>,
    end: sdp::End,
    direction: &'static str,
    /// The offer that waits for its answer.
    offered: Option<String>,
    /// Key of the transaction of the caller's INVITE at the called side.
    invite: Option<Sip>,
    branch: Option<Branch>,
    /// A re-INVITE of the switch's that waits for its answer.
    asked: Option<Sip>,
    /// A re-INVITE of this side is under way.
    pending: bool,
    cancelled: bool,
    wants_cancel: bool,
    challenged: bool,
    copies: u32,
    remote_cseq: u32,
    said: usize,
}

/// Another branch of a fork that has answered.
#[derive(Debug)]
struct Branch {
    party: Party,
    acked: bool,
    over: bool,
}

/// What a leg goes by.
#[derive(Clone, Debug)]
pub enum Script {
    /// The caller's.
    Calling(Calling),
    /// The called side's.
    Called(Called),
}

impl Leg {
    /// It has not said anything to its INVITE, and never will.
    fn is_mute(&self) -> bool {
        let says_nothing = matches!(&self.script, Script::Called(script) if script.says.is_empty());
        self.stage == Stage::Setup && (says_nothing || self.challenged)
    }

    /// A branch that was taken up and never hung up.
    fn has_ghost_branch(&self) -> bool {
        self.branch
            .as_ref()
            .is_some_and(|branch| branch.acked && !branch.over)
    }

    fn manners(&self) -> &Manners {
        match &self.script {
            Script::Calling(script) => &script.manners,
            Script::Called(script) => &script.manners,
        }
    }
}

type Chooser = Box<dyn FnMut(&mut Rng, &Sip) -> Called>;

/// A peer.
pub struct Ua {
    /// Where it signals from.
    pub addr: SocketAddr,
    /// Its calls, by Call-ID.
    pub legs: BTreeMap<String, Leg>,
    /// What the switch did against the rules.
    pub faults: Vec<String>,
    rng: Rng,
    choose: Chooser,
    clients: BTreeMap<String, Client>,
    servers: BTreeMap<String, Server>,
    next_rtp: u16,
}

impl Ua {
    /// A peer at this address that takes calls as `choose` says.
    #[must_use]
    pub fn new(addr: SocketAddr, rng: Rng, choose: impl FnMut(&mut Rng, &Sip) -> Called + 'static) -> Self {
        Self {
            addr,
            legs: BTreeMap::new(),
            faults: Vec::new(),
            rng,
            choose: Box::new(choose),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            next_rtp: 20_000,
        }
    }

    fn fault(&mut self, cx: &Cx<'_>, text: &str, sip: Option<&Sip>) {
        if self.faults.len() < 20 {
            let message = sip.map(Sip::write).unwrap_or_default();
            self.faults
                .push(format!("{:.3}: {text}\n{message}", cx.at.as_secs_f64()));
        }
    }

    fn rtp(&mut self) -> SocketAddr {
        self.next_rtp = if self.next_rtp >= 60_000 {
            20_000
        } else {
            self.next_rtp + 2
        };
        SocketAddr::new(self.addr.ip(), self.next_rtp)
    }

    fn leg(&self, party: Party, script: Script, end: sdp::End, now: Instant) -> Leg {
        Leg {
            party,
            stage: Stage::Setup,
            script,
            dead: false,
            began: now,
            answered: None,
            ended: None,
            status: 0,
            ender: None,
            end,
            direction: "sendrecv",
            offered: None,
            invite: None,
            branch: None,
            asked: None,
            pending: false,
            cancelled: false,
            wants_cancel: false,
            challenged: false,
            copies: 0,
            remote_cseq: 0,
            said: 0,
        }
    }

    /// Its process is gone, and the next one knows of no call.
    pub fn restart(&mut self, cx: &mut Cx<'_>) {
        self.clients.clear();
        self.servers.clear();
        for leg in self.legs.values_mut() {
            // Of those that are over, too: what is still on its way about them finds nobody who knows.
            leg.dead = true;
            cx.media.goes_quiet(cx.now, leg.end.rtp, cx.agenda);
        }
    }

    /// The switch has crashed. What was not answered is nobody's call any more, and neither is what has its final record,
    /// though its BYE may not have arrived.
    pub fn loses(&mut self, finished: &BTreeSet<String>) {
        for (call_id, leg) in &mut self.legs {
            if leg.stage == Stage::Setup || (leg.stage == Stage::Up && finished.contains(call_id)) {
                leg.dead = true;
            }
        }
    }

    /// Makes a call. Gives its Call-ID.
    pub fn call(&mut self, cx: &mut Cx<'_>, script: Calling) -> String {
        let rng = self.rng.fork();
        let mut party = Party::caller(self.addr, cx.switch, "+4930111", &script.number, rng);
        let mut end = sdp::End::new(self.rtp());
        let mut offer = (script.offering != Offering::Delayed).then(|| end.offer("sendrecv"));
        if let (Offering::AudioAndVideo, Some(offer)) = (script.offering, &mut offer) {
            offer.push_str("m=video 30000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
            end.refused.push("m=video 0 RTP/AVP 96".into());
        }
        let invite = party.invite(offer.as_deref());
        let call_id = party.call_id.clone();
        if let Some(after) = script.gives_up {
            cx.wake(after, UaTimer::Call(call_id.clone(), Due::GiveUp));
        }
        if let Some(after) = script.manners.dies {
            cx.wake(after, UaTimer::Call(call_id.clone(), Due::Die));
        }
        cx.wake(PATIENCE, UaTimer::Call(call_id.clone(), Due::Patience));
        let mut leg = self.leg(party, Script::Calling(script), end, cx.now);
        leg.offered = offer;
        self.legs.insert(call_id.clone(), leg);
        self.start_client(cx, invite);
        call_id
    }

    /// A message has come.
    pub(crate) fn on_message(&mut self, cx: &mut Cx<'_>, sip: Sip) {
        if self.legs.get(sip.call_id()).is_some_and(|leg| leg.dead) {
            return;
        }
        if !sip.is_request() {
            return self.on_client_response(cx, &sip);
        }
        match sip.method() {
            "ACK" if self.on_branch(cx, &sip) => {}
            "ACK" => self.on_ack(cx, &sip),
            _ if self.absorb(cx, &sip) => {}
            _ if self.on_branch(cx, &sip) => {}
            "CANCEL" => self.on_cancel(cx, &sip),
            "INVITE" => self.on_invite(cx, sip),
            "BYE" => self.on_bye(cx, &sip),
            _ => self.on_other(cx, &sip),
        }
    }

    /// A timer is due.
    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>, timer: UaTimer) {
        match timer {
            UaTimer::Client(key) => self.on_client_timer(cx, &key),
            UaTimer::Server(key) => self.on_server_timer(cx, &key),
            UaTimer::Call(call_id, due) => {
                if self.legs.get(&call_id).is_some_and(|leg| !leg.dead) {
                    self.on_due(cx, &call_id, due);
                }
            }
        }
    }

    /// The called side's script for a new call.
    fn choose(&mut self, invite: &Sip) -> Called {
        let mut rng = self.rng.fork();
        (self.choose)(&mut rng, invite)
    }

    /// Calls that are not over, though nothing keeps their peer from hearing so: Call-ID, and where they stand.
    #[must_use]
    pub fn ghosts(&self) -> Vec<(String, String)> {
        self.legs
            .values()
            .filter(|leg| !leg.dead)
            .filter(|leg| (leg.stage != Stage::Over && !leg.is_mute()) || leg.has_ghost_branch())
            .map(|leg| {
                let stage = format!("still {:?} with {}", leg.stage, leg.status);
                let call_id = leg.party.call_id.clone();
                (call_id.clone(), format!("{stage}: {call_id}\n{:?}", leg.script))
            })
            .collect()
    }
}
