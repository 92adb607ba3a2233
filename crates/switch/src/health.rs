//! OPTIONS: the answers we give, and the pings by which we know whether a target is there.
//!
//! Each place that a target leads to is pinged by itself (RFC 3263): the target is up while one of them answers, and calls go
//! first to those that do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Trunk;
use route::{Asked as Kind, HopFailure, Outcome, Setback, SourceMatch, TrunkIx, WhyNot};
use sip_msg::{HeaderId, Message, Method, Writer};
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, Hop, Transport, reply};
use smallvec::SmallVec;

use crate::admit;
use crate::core::{Asked, ClientOwner, Core, Timer, Waiter};
use crate::io::Now;
use crate::locate::{self, Address, Located};

/// Places of one target that are pinged at most.
const MOST_PLACES: usize = 8;

/// One target that is pinged.
struct Pinger {
    trunk: TrunkIx,
    target: usize,
    interval: Duration,
    timer: Option<TimerKey>,
    /// A lookup of its name is under way.
    query: Option<u64>,
    /// Where this round's pings went.
    places: SmallVec<[Pinged; 1]>,
    /// The worst that this round has shown so far of the target's places.
    round: Option<Outcome>,
    /// What the round has shown of the target is noted.
    judged: bool,
}

/// A ping.
struct Pinged {
    hop: Hop,
    client: Option<ClientId>,
    sent: Instant,
}

/// All pings of the configuration in force.
#[derive(Default)]
pub(crate) struct Pingers {
    list: Vec<Pinger>,
}

impl Pingers {
    /// Takes the trunks of the configuration in force; pings of the one before are forgotten.
    pub(crate) fn install(&mut self, core: &mut Core, now: Now) {
        for mut pinger in self.list.drain(..) {
            core.disarm(&mut pinger.timer);
            for client in pinger.places.iter().filter_map(|place| place.client) {
                core.clients.insert(client, ClientOwner::Nobody);
            }
        }
        core.queries
            .retain(|_, waiter| !matches!(waiter, Waiter::Ping(_)));
        let snapshot = Arc::clone(&core.snapshot);
        for (index, trunk) in snapshot.config.trunks.iter().enumerate() {
            let Some(interval) = trunk.options_interval.filter(|_| trunk.enabled) else {
                continue;
            };
            for target in 0..trunk.targets.len() {
                let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
                // Spread over a tenth of the interval, so that not all trunks are pinged in one moment.
                let jitter = interval.mul_f64(f64::from((core.random() % 1000) as u32) / 10_000.0);
                let timer = Some(core.arm(now, jitter, Timer::Ping(number)));
                let trunk = TrunkIx(u32::try_from(index).unwrap_or(u32::MAX));
                self.list.push(Pinger {
                    trunk,
                    target,
                    interval,
                    timer,
                    query: None,
                    places: SmallVec::new(),
                    round: None,
                    judged: false,
                });
            }
        }
    }

    /// Pings armed.
    pub(crate) fn len(&self) -> usize {
        self.list.iter().filter(|pinger| pinger.timer.is_some()).count()
    }

    /// Time for the next pings of one target. Those that are still unanswered count as missed.
    pub(crate) fn on_timer(&mut self, core: &mut Core, now: Now, number: u32) {
        let Some(pinger) = self.list.get_mut(number as usize) else {
            return;
        };
        pinger.end_round(core, now);
        pinger.timer = Some(core.arm(now, pinger.interval, Timer::Ping(number)));
        let snapshot = Arc::clone(&core.snapshot);
        let Some(target) = snapshot.trunk(pinger.trunk).targets.get(pinger.target) else {
            return;
        };
        let network = snapshot.network_of(pinger.trunk);
        match core.locate(&snapshot, network, Address::of(target), Waiter::Ping(number)) {
            Located::Here(hop) => pinger.ping_all(core, now, number, &[hop]),
            Located::Asked(query) => pinger.query = Some(query),
        }
    }

    /// A target's name has been looked up.
    pub(crate) fn on_resolved(&mut self, core: &mut Core, now: Now, number: u32, hops: &[Hop]) {
        let Some(pinger) = self.list.get_mut(number as usize) else {
            return;
        };
        pinger.query = None;
        let reach = core.snapshot.reach(core.snapshot.network_of(pinger.trunk));
        let hops: SmallVec<[Hop; 4]> = hops.iter().copied().filter(|hop| reach.reaches(*hop)).collect();
        let snapshot = Arc::clone(&core.snapshot);
        core.live
            .note_places(&snapshot.tables, pinger.trunk, pinger.target, &hops);
        if hops.is_empty() {
            pinger.say(core, now, Outcome::Miss);
        } else {
            pinger.ping_all(core, now, number, &hops);
        }
    }

    /// A ping was answered: whatever the answer, somebody is there, unless the trunk says otherwise of this status.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        number: u32,
        message: &Message,
    ) {
        let status = message.status().unwrap_or(500);
        if status < 200 {
            return;
        }
        let Some((pinger, hop, sent)) = self.take(number, id) else {
            return;
        };
        let snapshot = Arc::clone(&core.snapshot);
        let trunk = snapshot.trunk(pinger.trunk);
        let network = snapshot.network_of(pinger.trunk);
        if trunk.options_down.contains(&status) {
            let wait = locate::retry_after(message);
            let why = HopFailure::Refused(status);
            core.hop_failed(now, network, hop, setback(trunk, why, wait));
            if let ([_], Some(wait)) = (pinger.places.as_slice(), wait) {
                let (trunk, target) = (pinger.trunk, pinger.target);
                core.live.back_off(now.at, &snapshot.tables, trunk, target, wait);
            }
            pinger.learn(core, now, Outcome::DownCode);
        } else {
            let took = now.at.saturating_duration_since(sent);
            core.hop_answered(now, network, hop, status, Kind::Ping(took));
            if took < snapshot.config.sip.t1 {
                let (trunk, target) = (pinger.trunk, pinger.target);
                core.live
                    .note_round_trip(now.at, &snapshot.tables, trunk, target, took);
            }
            pinger.learn(core, now, Outcome::Alive);
        }
    }

    /// A ping was not answered or could not be sent.
    pub(crate) fn on_no_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        number: u32,
        unreachable: bool,
    ) {
        let Some((pinger, hop, _)) = self.take(number, id) else {
            return;
        };
        let why = if unreachable {
            HopFailure::Unreachable
        } else {
            HopFailure::Silent
        };
        pinger.missed(core, now, hop, why);
    }

    /// The place whose ping this was, which waits for nothing any more.
    fn take(&mut self, number: u32, id: ClientId) -> Option<(&mut Pinger, Hop, Instant)> {
        let pinger = self.list.get_mut(number as usize)?;
        let place = pinger.places.iter_mut().find(|place| place.client == Some(id))?;
        place.client = None;
        let (hop, sent) = (place.hop, place.sent);
        Some((pinger, hop, sent))
    }
}

impl Pinger {
    /// What is still open counts as missed, and the target has had its chance.
    fn end_round(&mut self, core: &mut Core, now: Now) {
        if let Some(query) = self.query.take() {
            // A lookup that was never answered.
            core.queries.remove(&query);
            self.say(core, now, Outcome::Miss);
        }
        let open: SmallVec<[(ClientId, Hop); 4]> = self
            .places
            .iter_mut()
            .filter_map(|place| Some((place.client.take()?, place.hop)))
            .collect();
        for (client, hop) in open {
            core.clients.insert(client, ClientOwner::Nobody);
            self.missed(core, now, hop, HopFailure::Silent);
        }
        self.round = None;
        self.judged = false;
    }

    fn ping_all(&mut self, core: &mut Core, now: Now, number: u32, hops: &[Hop]) {
        let network = core.snapshot.network_of(self.trunk);
        self.places.clear();
        let mut refused = false;
        for hop in hops.iter().copied().take(MOST_PLACES) {
            // Who has asked to be left alone is not pinged either (RFC 3261 §21.5.4).
            let wait = core.live.hop_asked_to_wait(now.at, network, hop);
            let client = if wait {
                None
            } else {
                self.ping(core, now, number, hop)
            };
            self.places.push(Pinged {
                hop,
                client,
                sent: now.at,
            });
            refused |= client.is_none() && !wait;
        }
        if refused && self.places.iter().all(|place| place.client.is_none()) {
            self.say(core, now, Outcome::Miss);
        }
    }

    fn ping(&mut self, core: &mut Core, now: Now, number: u32, hop: Hop) -> Option<ClientId> {
        options(
            core,
            now,
            (self.trunk, self.target),
            hop,
            ClientOwner::Ping(number),
        )
    }

    fn missed(&mut self, core: &mut Core, now: Now, hop: Hop, why: HopFailure) {
        let network = core.snapshot.network_of(self.trunk);
        let setback = setback(core.snapshot.trunk(self.trunk), why, None);
        core.hop_failed(now, network, hop, setback);
        self.learn(core, now, Outcome::Miss);
    }

    /// One place has shown something. The target is alive with the first that is; otherwise it is what the last place says.
    fn learn(&mut self, core: &mut Core, now: Now, outcome: Outcome) {
        if self.judged {
            return;
        }
        let open = self.places.iter().any(|place| place.client.is_some());
        if outcome == Outcome::Alive {
            self.say(core, now, Outcome::Alive);
        } else {
            let worst = worse(self.round, outcome);
            self.round = Some(worst);
            if !open {
                self.say(core, now, worst);
            }
        }
    }

    /// Notes what a round has shown of the target.
    fn say(&mut self, core: &mut Core, now: Now, outcome: Outcome) {
        self.judged = true;
        core.note_ping(now, self.trunk, self.target, outcome);
    }
}

/// Asks a place of a trunk's target with OPTIONS.
pub(crate) fn options(
    core: &mut Core,
    now: Now,
    (trunk, target): (TrunkIx, usize),
    hop: Hop,
    owner: ClientOwner,
) -> Option<ClientId> {
    let snapshot = Arc::clone(&core.snapshot);
    let flow = snapshot.flow_for(trunk, Some(target), hop)?;
    let ours = snapshot.advertised(&flow)?;
    let uri = match hop.transport {
        Transport::Udp => format!("sip:{}", hop.remote),
        other => format!("sip:{};transport={}", hop.remote, other.parameter()),
    };
    let via = core.via(&snapshot, &flow);
    let (tag, call_id) = (core.tag(), core.endpoint.mint().call_id());
    let tag = String::from_utf8_lossy(&tag);
    let mut writer = Writer::request(&Method::Options, uri.as_bytes());
    writer.header(HeaderId::Via, &via);
    writer.header(HeaderId::MaxForwards, b"70");
    writer.header_fmt(HeaderId::From, format_args!("<sip:{ours}>;tag={tag}"));
    writer.header_fmt(HeaderId::To, format_args!("<{uri}>"));
    writer.header(HeaderId::CallId, call_id.as_ref());
    writer.header(HeaderId::CSeq, b"1 OPTIONS");
    crate::call::contact(&mut writer, &snapshot, &flow, false);
    writer.header(HeaderId::Accept, b"application/sdp");
    if let Some(agent) = &snapshot.config.sip.user_agent {
        writer.header(HeaderId::UserAgent, agent.as_bytes());
    }
    core.request(now, flow, writer.finish(), owner)
        .map(|(client, _)| client)
}

/// What a ping that failed means for its place.
fn setback(trunk: &Trunk, why: HopFailure, retry_after: Option<Duration>) -> Setback {
    Setback {
        why,
        rest: trunk.failover.rest,
        retry_after,
        call: false,
    }
}

/// Of two places that are no good: that one said so itself does not take the target down at once while another is only silent.
fn worse(before: Option<Outcome>, outcome: Outcome) -> Outcome {
    match (before, outcome) {
        (Some(Outcome::Miss), Outcome::DownCode) => Outcome::Miss,
        (_, outcome) => outcome,
    }
}

/// Our answer to OPTIONS (RFC 3261 §11.2): what we take, or 503 once no new calls are wanted: from anybody, or from this trunk,
/// which may then take its calls elsewhere. Within a dialog it asks after the call, which goes on.
pub(crate) fn answer_options(core: &mut Core, now: Now, asked: &Asked) {
    let in_dialog = asked.message.to_tag().is_some();
    let unwanted = turned_away(core, asked) || core.draining;
    let status = if unwanted && !in_dialog { 503 } else { 200 };
    let tag = core.tag();
    let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
    writer.header(HeaderId::Allow, crate::call::ALLOW.as_bytes());
    writer.header(HeaderId::Accept, b"application/sdp");
    if let Some(agent) = &core.snapshot.config.sip.user_agent {
        writer.header(HeaderId::Server, agent.as_bytes());
    }
    core.respond(now, asked.id, writer.finish());
}

/// Whether it comes from a trunk that takes no new calls now. A trunk's ping may be the first that it says over a connection.
fn turned_away(core: &mut Core, asked: &Asked) -> bool {
    match core.source(&asked.flow, "") {
        SourceMatch::Trunk(trunk) => {
            admit::alias(core, trunk, asked);
            core.live.drains(&core.snapshot.tables, trunk)
        }
        SourceMatch::None { why } => why == WhyNot::Disabled,
    }
}
