//! OPTIONS: the answers we give, and the pings by which we know whether a target is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use config::Host;
use route::{Outcome, TrunkIx};
use sip_msg::{HeaderId, Method, Writer};
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, Hop, Transport, reply};

use crate::core::{Asked, ClientOwner, Core, Timer, Waiter};
use crate::io::{Command, Now};

/// One target that is pinged.
struct Pinger {
    trunk: TrunkIx,
    target: usize,
    interval: Duration,
    timer: Option<TimerKey>,
    pending: Option<ClientId>,
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
            if let Some(client) = pinger.pending {
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
                    pending: None,
                });
            }
        }
    }

    /// Pings armed.
    pub(crate) fn len(&self) -> usize {
        self.list.iter().filter(|pinger| pinger.timer.is_some()).count()
    }

    /// Time for the next ping of one target. One that is still unanswered counts as missed.
    pub(crate) fn on_timer(&mut self, core: &mut Core, now: Now, number: u32) {
        let Some(pinger) = self.list.get_mut(number as usize) else {
            return;
        };
        if let Some(client) = pinger.pending.take() {
            core.clients.insert(client, ClientOwner::Nobody);
            note(core, now, pinger, Outcome::Miss);
        }
        pinger.timer = Some(core.arm(now, pinger.interval, Timer::Ping(number)));
        let snapshot = Arc::clone(&core.snapshot);
        let Some(target) = snapshot.trunk(pinger.trunk).targets.get(pinger.target) else {
            return;
        };
        match &target.host {
            Host::Ip(ip) => {
                let remote = SocketAddr::new(*ip, target.port.unwrap_or(5060));
                self.ping(core, now, number, Hop::udp(remote));
            }
            Host::Name(name) => {
                // A lookup that was never answered is forgotten with the next.
                core.queries.retain(|_, waiter| *waiter != Waiter::Ping(number));
                let query = core.next_id();
                core.queries.insert(query, Waiter::Ping(number));
                core.commands.push(Command::Resolve {
                    query,
                    host: name.clone(),
                    port: target.port,
                    transport: Some(Transport::Udp),
                });
            }
        }
    }

    /// A target's name has been looked up.
    pub(crate) fn on_resolved(&mut self, core: &mut Core, now: Now, number: u32, hops: &[Hop]) {
        let Some(pinger) = self.list.get(number as usize) else {
            return;
        };
        let network = core.snapshot.network_of(pinger.trunk);
        let usable = hops
            .iter()
            .copied()
            .find(|hop| core.snapshot.flow_to(network, *hop).is_some());
        match usable {
            Some(hop) => self.ping(core, now, number, hop),
            None => note(core, now, pinger, Outcome::Miss),
        }
    }

    fn ping(&mut self, core: &mut Core, now: Now, number: u32, hop: Hop) {
        let snapshot = Arc::clone(&core.snapshot);
        let Some(pinger) = self.list.get_mut(number as usize) else {
            return;
        };
        let Some(flow) = snapshot.flow_to(snapshot.network_of(pinger.trunk), hop) else {
            return;
        };
        let Some(ours) = snapshot.advertised(&flow) else {
            return;
        };
        let uri = format!("sip:{}", hop.remote);
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
        writer.header_fmt(HeaderId::Contact, format_args!("<sip:{ours}>"));
        writer.header(HeaderId::Accept, b"application/sdp");
        if let Some(agent) = &snapshot.config.sip.user_agent {
            writer.header(HeaderId::UserAgent, agent.as_bytes());
        }
        pinger.pending = core
            .request(now, flow, writer.finish(), ClientOwner::Ping(number))
            .map(|(client, _)| client);
    }

    /// A ping was answered: whatever the answer, somebody is there, unless the trunk says otherwise of this status.
    pub(crate) fn on_response(&mut self, core: &mut Core, now: Now, number: u32, status: u16) {
        if status < 200 {
            return;
        }
        let Some(pinger) = self.list.get_mut(number as usize) else {
            return;
        };
        pinger.pending = None;
        let down = core.snapshot.trunk(pinger.trunk).options_down.contains(&status);
        note(
            core,
            now,
            pinger,
            if down { Outcome::DownCode } else { Outcome::Alive },
        );
    }

    /// A ping was not answered or could not be sent.
    pub(crate) fn on_no_response(&mut self, core: &mut Core, now: Now, number: u32) {
        let Some(pinger) = self.list.get_mut(number as usize) else {
            return;
        };
        pinger.pending = None;
        note(core, now, pinger, Outcome::Miss);
    }
}

fn note(core: &mut Core, now: Now, pinger: &Pinger, outcome: Outcome) {
    let snapshot = Arc::clone(&core.snapshot);
    let change = core
        .live
        .note_target(now.at, &snapshot.tables, pinger.trunk, pinger.target, outcome);
    if let Some(change) = change {
        let trunk = snapshot.trunk(pinger.trunk);
        let target = trunk
            .targets
            .get(pinger.target)
            .map(|t| t.uri.as_str())
            .unwrap_or_default();
        tracing::warn!(trunk = %trunk.name, target, ?change, "a target's health has changed");
    }
}

/// Our answer to OPTIONS (RFC 3261 §11.2): what we take, or 503 once no new calls are wanted. Within a dialog it asks
/// after the call, which goes on.
pub(crate) fn answer_options(core: &mut Core, now: Now, asked: &Asked) {
    let in_dialog = asked.message.to_tag().is_some();
    let status = if core.draining && !in_dialog { 503 } else { 200 };
    let tag = core.tag();
    let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
    writer.header(HeaderId::Allow, crate::call::ALLOW.as_bytes());
    writer.header(HeaderId::Accept, b"application/sdp");
    if let Some(agent) = &core.snapshot.config.sip.user_agent {
        writer.header(HeaderId::Server, agent.as_bytes());
    }
    core.respond(now, asked.id, writer.finish());
}
