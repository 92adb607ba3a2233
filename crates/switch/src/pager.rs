//! Requests outside of any dialog that are routed like calls: MESSAGE (RFC 3428), and NOTIFY of waiting messages (RFC 3842).
//!
//! Each goes to one target at a time, and on to the next as an INVITE would. No record is written of them: they are counted.

mod write;

use std::sync::Arc;
use std::time::Duration;

use config::OutsideMode;
use route::{Attempt, AttemptOutcome, HopFailure, Outcome, Setback, TrunkIx, Verdict};
use sip_msg::{HeaderId, Message, Method};
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, Flow, Hop, digest, reply};
use smallvec::SmallVec;

use crate::auth;
use crate::call::{caller_status, registered};
use crate::core::{Asked, ClientOwner, Core, Credentials, Timer, Waiter};
use crate::headers;
use crate::ident;
use crate::identity;
use crate::io::Now;
use crate::locate::{self, Address, Hops, Located};
use crate::numbers;
use crate::registrar::Contact;
use crate::rules::{self, Facts};
use crate::snapshot::Snapshot;

/// Names a request on its way through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PageKey(pub(crate) u64);

/// How many may be on their way at once.
const MOST: usize = 2_000;
/// Seconds after which somebody who met that limit may try again (RFC 3261 §20.33).
const RETRY_AFTER: u32 = 5;
/// A request on its way through.
pub(crate) struct Page {
    key: PageKey,
    id: Box<str>,
    asked: Asked,
    snapshot: Arc<Snapshot>,
    from: TrunkIx,
    caller: String,
    called: String,
    attempts: SmallVec<[Attempt; 4]>,
    /// Where the registered users among them are.
    contacts: Vec<Contact>,
    limit: usize,
    next: usize,
    made: usize,
    outcomes: SmallVec<[(u16, Option<u8>); 2]>,
    query: Option<u64>,
    /// Where else the present target is.
    hops: Hops,
    sent: Option<Sent>,
    timer: Option<TimerKey>,
}

/// What waits for an answer.
struct Sent {
    client: ClientId,
    flow: Flow,
    request: Message,
    auth: digest::Attempt,
    cseq: u32,
}

/// Takes a request, or refuses it.
pub(crate) fn begin(core: &mut Core, now: Now, mut asked: Asked) {
    let called = headers::user_of(asked.message.uri());
    let trunk = match auth::caller(core, now, &asked, &called) {
        Ok(trunk) => trunk,
        Err(refused) => {
            core.counters.messages_refused += u64::from(matches!(refused, auth::Refused::Status(_)));
            return auth::refuse(core, now, &asked, refused);
        }
    };
    match admit(core, now, &mut asked, trunk, &called) {
        Ok(way) => {
            let mut page = Box::new(Page::new(core, asked, way));
            page.try_next(core, now);
            keep(core, page);
        }
        Err(status) => {
            core.counters.messages_refused += 1;
            let tag = core.tag();
            let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
            match status {
                489 => writer.header(HeaderId::AllowEvents, b"message-summary"),
                503 => writer.header_fmt(HeaderId::RetryAfter, format_args!("{RETRY_AFTER}")),
                _ => &mut writer,
            };
            core.respond(now, asked.id, writer.finish());
        }
    }
}

fn keep(core: &mut Core, page: Box<Page>) {
    if page.sent.is_some() || page.query.is_some() {
        core.pages.insert(page.key, page);
    }
}

/// Where a request goes that may go on.
struct Way {
    id: Box<str>,
    snapshot: Arc<Snapshot>,
    from: TrunkIx,
    caller: String,
    called: String,
    to: registered::Expanded,
}

/// Whether a request may go on, after its trunk's rules, and where; else the status to refuse it with.
fn admit(core: &mut Core, now: Now, asked: &mut Asked, trunk: TrunkIx, called: &str) -> Result<Way, u16> {
    let snapshot = Arc::clone(&core.snapshot);
    let from = snapshot.trunk(trunk);
    let requests = &from.requests;
    let is_summary = |event: &[u8]| {
        let package = event.split(|byte| *byte == b';').next().unwrap_or_default();
        package.trim_ascii().eq_ignore_ascii_case(b"message-summary")
    };
    let other_event = asked.message.method() == Some(&Method::Notify)
        && !asked.message.header(HeaderId::Event).is_some_and(is_summary);
    let length = usize::try_from(requests.max_body).unwrap_or(usize::MAX);
    let status = match requests.outside {
        OutsideMode::Refuse => Some(403),
        OutsideMode::Route if other_event => Some(489),
        OutsideMode::Route if asked.message.body().len() > length => Some(413),
        OutsideMode::Route if core.draining || core.pages.len() >= MOST => Some(503),
        OutsideMode::Route if !core.live.try_pace(now.at, &snapshot.tables, trunk) => Some(503),
        OutsideMode::Route => None,
    };
    if let Some(status) = status {
        return Err(status);
    }
    let id = ident::call_id(now.unix_ms, [core.random(), core.random()]);
    let facts = Facts {
        caller: &headers::user_of(asked.message.from().uri),
        called,
        call_id: &id,
    };
    if let Some(changed) = rules::received(from, facts, &asked.message) {
        asked.message = changed;
    }
    let caller = match identity::number(&snapshot, trunk, &asked.message) {
        Ok(caller) => caller,
        Err(refused) => return Err(refused.status()),
    };
    let called = numbers::of_request(&snapshot, trunk, called)?;
    let request = route::Request {
        from: trunk,
        caller: &caller,
        called: &called,
        class: None,
        sell: None,
        routed: None,
        emergency: false,
        at_unix_s: now.unix_ms / 1000,
        draw: core.random(),
    };
    let plan = match route::plan(&snapshot.tables, &core.live, now.at, &request) {
        Ok(plan) => plan,
        Err(none) => return Err(none.status),
    };
    let to = registered::expand(core, &snapshot, plan.attempts, plan.limit, &called);
    Ok(Way {
        id,
        snapshot,
        from: trunk,
        caller,
        called,
        to,
    })
}

/// Lets a request act, and forgets it once it has been answered.
fn with(core: &mut Core, key: PageKey, act: impl FnOnce(&mut Page, &mut Core)) {
    if let Some(mut page) = core.pages.remove(&key) {
        act(&mut page, core);
        keep(core, page);
    }
}

/// The far side has answered.
pub(crate) fn on_response(core: &mut Core, now: Now, key: PageKey, id: ClientId, answer: &Message) {
    with(core, key, |page, core| page.on_response(core, now, id, answer));
}

/// It has not, or could not be reached.
pub(crate) fn on_no_response(core: &mut Core, now: Now, key: PageKey, unreachable: bool) {
    with(core, key, |page, core| {
        let at = page.sent.take().map(|sent| sent.flow.hop());
        let outcome = if unreachable {
            AttemptOutcome::Unreachable
        } else {
            AttemptOutcome::TimeoutTrying
        };
        page.failed(core, now, outcome, at, None);
    });
}

/// It takes too long.
pub(crate) fn on_timer(core: &mut Core, now: Now, key: PageKey) {
    with(core, key, |page, core| {
        page.timer = None;
        let sent = page.sent.take();
        if let Some(sent) = &sent {
            core.clients.insert(sent.client, ClientOwner::Nobody);
        }
        let at = sent.map(|sent| sent.flow.hop());
        if let Some(query) = page.query.take() {
            core.queries.remove(&query);
        }
        page.failed(core, now, AttemptOutcome::TimeoutTrying, at, None);
    });
}

/// A target's name has been looked up.
pub(crate) fn on_resolved(core: &mut Core, now: Now, key: PageKey, hops: &[Hop]) {
    with(core, key, |page, core| {
        page.query = None;
        let Some(attempt) = page.current().cloned() else {
            return;
        };
        let network = page.snapshot.network_of(attempt.trunk);
        core.note_places(&page.snapshot, &attempt, hops);
        page.hops = core.hops(now, &page.snapshot, network, hops);
        let first = page.hops.next();
        let sent = first.and_then(|hop| page.send_to(core, now, &attempt, hop));
        if sent.is_none() {
            page.failed(core, now, AttemptOutcome::Unreachable, None, None);
        }
    });
}

impl Page {
    fn new(core: &mut Core, asked: Asked, way: Way) -> Self {
        Self {
            key: PageKey(core.next_id()),
            id: way.id,
            asked,
            snapshot: way.snapshot,
            from: way.from,
            caller: way.caller,
            called: way.called,
            attempts: way.to.attempts,
            contacts: way.to.contacts,
            limit: way.to.limit,
            next: 0,
            made: 0,
            outcomes: SmallVec::new(),
            query: None,
            hops: Hops::default(),
            sent: None,
            timer: None,
        }
    }

    fn current(&self) -> Option<&Attempt> {
        self.attempts.get(self.next.checked_sub(1)?)
    }

    /// The contact that an attempt goes to.
    fn contact(&self, attempt: &Attempt) -> Option<&Contact> {
        self.contacts.get(usize::from(attempt.contact?))
    }

    /// Sends the request to the next target that it can be sent to; answers it when there is none.
    fn try_next(&mut self, core: &mut Core, now: Now) {
        while self.made < self.limit {
            let Some(attempt) = self.attempts.get(self.next).cloned() else {
                break;
            };
            self.next += 1;
            self.made += 1;
            self.hops = Hops::default();
            if self.send(core, now, &attempt).is_some() {
                let limit = self.snapshot.trunk(attempt.trunk).failover.trying;
                self.timer = Some(core.arm(now, limit, Timer::Page(self.key)));
                return;
            }
            let outcome = if attempt.target == Attempt::REGISTERED {
                AttemptOutcome::NotRegistered
            } else {
                AttemptOutcome::Unreachable
            };
            self.outcomes.push((outcome.status(), None));
        }
        let status = caller_status(route::most_telling(&self.outcomes));
        self.answer(core, now, status, None);
    }

    fn send(&mut self, core: &mut Core, now: Now, attempt: &Attempt) -> Option<()> {
        let snapshot = Arc::clone(&self.snapshot);
        if let Some(flow) = self.contact(attempt).map(|contact| contact.flow) {
            return self.launch(core, now, attempt, flow, 1, None, digest::Attempt::default());
        }
        let target = snapshot.trunk(attempt.trunk).targets.get(attempt.target)?;
        let network = snapshot.network_of(attempt.trunk);
        match core.locate(&snapshot, network, Address::of(target), Waiter::Page(self.key)) {
            Located::Here(hop) => self.send_to(core, now, attempt, hop),
            Located::Asked(query) => {
                self.query = Some(query);
                Some(())
            }
        }
    }

    fn send_to(&mut self, core: &mut Core, now: Now, attempt: &Attempt, hop: Hop) -> Option<()> {
        let flow = self.snapshot.flow_for(attempt.trunk, Some(attempt.target), hop)?;
        self.launch(core, now, attempt, flow, 1, None, digest::Attempt::default())
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "a request again with credentials is another in these"
    )]
    fn launch(
        &mut self,
        core: &mut Core,
        now: Now,
        attempt: &Attempt,
        flow: Flow,
        cseq: u32,
        credentials: Option<Credentials>,
        auth: digest::Attempt,
    ) -> Option<()> {
        let bytes = self.write(core, attempt, &flow, cseq, credentials)?;
        let (client, request) = core.request(now, flow, bytes, ClientOwner::Page(self.key))?;
        self.sent = Some(Sent {
            client,
            flow,
            request,
            auth,
            cseq,
        });
        Some(())
    }

    fn on_response(&mut self, core: &mut Core, now: Now, id: ClientId, answer: &Message) {
        let status = answer.status().unwrap_or(500);
        if status < 200 || self.sent.as_ref().is_none_or(|sent| sent.client != id) {
            return;
        }
        let (Some(sent), Some(attempt)) = (self.sent.take(), self.current().cloned()) else {
            return;
        };
        core.note_target(now, &self.snapshot, &attempt, Outcome::Alive);
        let at = sent.flow.hop();
        if status != 503 && attempt.target != Attempt::REGISTERED {
            let network = self.snapshot.network_of(attempt.trunk);
            core.hop_answered(now, network, at, status, route::Asked::Other);
        }
        if status < 300 {
            return self.answer(core, now, status, Some((attempt.trunk, answer)));
        }
        if matches!(status, 401 | 407) && self.meet(core, now, &attempt, sent, answer).is_some() {
            return;
        }
        let q850 = headers::q850(answer);
        let rang = false;
        let outcome = AttemptOutcome::Final { status, q850, rang };
        self.failed(core, now, outcome, Some(at), locate::retry_after(answer));
    }

    /// Sends the request again with credentials.
    fn meet(
        &mut self,
        core: &mut Core,
        now: Now,
        attempt: &Attempt,
        sent: Sent,
        challenge: &Message,
    ) -> Option<()> {
        let Sent {
            flow,
            request,
            mut auth,
            cseq,
            ..
        } = sent;
        let snapshot = Arc::clone(&self.snapshot);
        let trunk = snapshot.trunk(attempt.trunk);
        let method = request.method()?;
        let answer = core.authorize(
            trunk,
            &mut auth,
            challenge,
            method,
            request.uri(),
            &request.body(),
        )?;
        self.launch(core, now, attempt, flow, cseq + 1, Some(answer.ok()?), auth)
    }

    /// Sends the request to another place of the present target, where the one that was asked is to blame (RFC 3263 §4.3). Says whether
    /// it is on its way.
    fn try_hop(
        &mut self,
        core: &mut Core,
        now: Now,
        attempt: &Attempt,
        outcome: AttemptOutcome,
        setback: (Hop, Option<Duration>),
    ) -> bool {
        let Some(why) = HopFailure::of(outcome).filter(|_| attempt.target != Attempt::REGISTERED) else {
            return false;
        };
        let snapshot = Arc::clone(&self.snapshot);
        let (failover, network) = (
            &snapshot.trunk(attempt.trunk).failover,
            snapshot.network_of(attempt.trunk),
        );
        let (hop, retry_after) = setback;
        let setback = Setback {
            why,
            rest: failover.rest,
            retry_after,
            call: false,
        };
        core.hop_failed(now, network, hop, setback);
        let advances = route::verdict(failover, outcome) == Verdict::Advance;
        let next = self.hops.next().filter(|_| advances);
        let sent = next.and_then(|hop| self.send_to(core, now, attempt, hop));
        if sent.is_some() {
            self.timer = Some(core.arm(now, failover.trying, Timer::Page(self.key)));
        }
        sent.is_some()
    }

    /// The attempt is over, at this place if it was sent to one: another place, another attempt, or the answer.
    fn failed(
        &mut self,
        core: &mut Core,
        now: Now,
        outcome: AttemptOutcome,
        at: Option<Hop>,
        retry_after: Option<Duration>,
    ) {
        core.disarm(&mut self.timer);
        let Some(attempt) = self.current().cloned() else {
            return;
        };
        if at.is_some_and(|hop| self.try_hop(core, now, &attempt, outcome, (hop, retry_after))) {
            return;
        }
        let q850 = match outcome {
            AttemptOutcome::Final { q850, .. } => q850,
            AttemptOutcome::TimeoutTrying
            | AttemptOutcome::TimeoutProgress
            | AttemptOutcome::TimeoutAnswer { .. }
            | AttemptOutcome::Unreachable
            | AttemptOutcome::NotRegistered
            | AttemptOutcome::HeldBack
            | AttemptOutcome::Incompatible => {
                core.note_target(now, &self.snapshot, &attempt, Outcome::Miss);
                None
            }
        };
        self.outcomes.push((outcome.status(), q850));
        match route::verdict(&self.snapshot.trunk(attempt.trunk).failover, outcome) {
            Verdict::Advance => self.try_next(core, now),
            Verdict::Stop => self.answer(core, now, caller_status(outcome.status()), None),
        }
    }

    /// Answers whoever has sent it.
    fn answer(&mut self, core: &mut Core, now: Now, status: u16, answer: Option<(TrunkIx, &Message)>) {
        core.disarm(&mut self.timer);
        let counted = if status < 300 {
            &mut core.counters.messages_relayed
        } else {
            &mut core.counters.messages_failed
        };
        *counted += 1;
        let from = self.snapshot.trunk(self.from);
        let tag = core.tag();
        let mut writer = reply(&self.asked.message, &self.asked.flow, status, None, Some(&tag));
        if let Some((trunk, answer)) = answer {
            headers::pass(&mut writer, answer, [from, self.snapshot.trunk(trunk)]);
        }
        let bytes = rules::sent(from, self.facts(), writer.finish());
        core.respond(now, self.asked.id, bytes);
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            caller: &self.caller,
            called: &self.called,
            call_id: &self.id,
        }
    }
}
