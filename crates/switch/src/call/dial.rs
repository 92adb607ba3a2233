//! The next attempt: a place on the trunk, an address, ports, an offer, an INVITE.

mod invite;

use bytes::Bytes;
use config::Host;
use route::{Attempt, AttemptOutcome, Outcome, Permit};
use rtp_proto::PtMap;
use rtp_proto::control::{self, Command as MediaCommand, MediaId, Side};
use sip_msg::{NameAddr, SipUri};
use sip_proto::{Flow, Hop, Transport, digest};

use super::leg::{self, Leg, Uac};
use super::negotiate::{Read, Unfit};
use super::{Call, Errand, ErrandKind, Hunt, Invite, Stage, bodies, negotiate};
use crate::core::{ClientOwner, Core, Waiter};
use crate::io::Now;
use crate::locate::{Address, Located};
use crate::snapshot::Snapshot;

impl Call {
    /// Dials the plan's next attempt that can be dialled; ends the call when there is none.
    pub(crate) fn dial_next(&mut self, core: &mut Core, now: Now) {
        while let Some(attempt) = self.take_attempt(now) {
            if self.is_caller_settled() {
                let why = "no other carrier: the caller has answered the offer of the one before";
                self.story.remark(why.to_owned());
                break;
            }
            if self.races(&attempt) && self.race(core, now, &attempt) {
                return;
            }
            let further = self.rings_with(&attempt);
            if further > 0 {
                if self.ring_all(core, now, &attempt, further) {
                    return;
                }
                // The record has one for all of them.
                self.attempt_begins(now, &attempt);
                let outcome = AttemptOutcome::Unreachable;
                if self.attempt_failed(core, now, outcome, None) == route::Verdict::Stop {
                    return;
                }
                continue;
            }
            match self.try_dial(core, now, &attempt) {
                Ok(()) => return,
                Err(outcome) => {
                    self.drop_b(core, now);
                    if self.attempt_failed(core, now, outcome, None) == route::Verdict::Stop {
                        return;
                    }
                }
            }
        }
        self.fail_exhausted(core, now);
    }

    /// Whether the caller, which made no offer, has answered one in a PRACK (RFC 3262 §5). It has its session then, and the offer that
    /// another carrier would make can't be put to it any more.
    pub(super) fn is_caller_settled(&self) -> bool {
        let made_none = self.invite.as_ref().is_some_and(|invite| invite.offer.is_none());
        made_none && self.a.session.remote.is_some()
    }

    /// Where the attempt goes.
    fn place<'t>(&self, snapshot: &'t Snapshot, attempt: &Attempt) -> Result<Place<'t>, AttemptOutcome> {
        if attempt.target == Attempt::REGISTERED {
            let contact = self.hunt.as_ref().and_then(|hunt| hunt.contact(attempt));
            let contact = contact.ok_or(AttemptOutcome::NotRegistered)?;
            return Ok(Place::Contact(contact.flow));
        }
        let target = snapshot.trunk(attempt.trunk).targets.get(attempt.target);
        target.map(Place::Target).ok_or(AttemptOutcome::Unreachable)
    }

    /// Reserves what the attempt needs and sends its INVITE, or asks for the target's address first.
    fn try_dial(&mut self, core: &mut Core, now: Now, attempt: &Attempt) -> Result<(), AttemptOutcome> {
        let snapshot = self.snapshot.clone();
        let trunk = snapshot.trunk(attempt.trunk);
        let place = self.place(&snapshot, attempt);
        self.attempt_begins(now, attempt);
        let place = place?;
        // Contacts that ring at once have one place among them, which is their call's.
        let shares = self
            .errand()
            .is_some_and(|errand| errand.kind == ErrandKind::Contact);
        let permit = if shares {
            None
        } else {
            let permit = match self.is_emergency() {
                true => core.admit_emergency(now, trunk),
                false => core.admit_attempt_as(now, trunk, self.wish()),
            };
            Some(permit.ok_or(AttemptOutcome::Unreachable)?)
        };
        core.note_tried(now, &self.snapshot, attempt);
        if let Some(hunt) = &mut self.hunt {
            hunt.made += 1;
        }
        self.begin_leg(core, attempt, permit);
        let target = match place {
            Place::Contact(flow) => return self.send_invite_on(core, now, attempt, flow),
            Place::Target(target) => target,
        };
        // RFC 3608 §5: the route that the registrar has named begins with the next hop.
        let route = first_hop(core.registrations.service_route(&trunk.name));
        let address = match &route {
            Some((host, port, transport)) => Address {
                host,
                port: *port,
                transport: transport.or(target.transport.map(crate::snapshot::transport)),
            },
            None => Address::of(target),
        };
        let network = snapshot.network_of(attempt.trunk);
        match core.locate(&snapshot, network, address, Waiter::Call(self.key)) {
            Located::Here(hop) if self.keeps_back(core, now, hop) => Err(self.held_back(attempt)),
            Located::Here(hop) => self.send_invite(core, now, attempt, hop),
            Located::Asked(query) => {
                self.set_stage(core, now, Stage::Resolving(query), trunk.failover.trying);
                Ok(())
            }
        }
    }

    /// A fresh leg for an attempt. Until its address is known it points back at the caller; nothing is sent on it before
    /// [`send_invite`](Self::send_invite).
    fn begin_leg(&mut self, core: &mut Core, attempt: &Attempt, permit: Option<Permit>) {
        let (tag, session_id) = (core.tag(), core.random());
        let mut leg = Leg::new(Side::B, attempt.trunk, tag, self.a.flow, session_id);
        leg.permit = permit;
        self.b = Some(leg);
    }

    /// Goes on to another place of the same target: an INVITE of its own, with a Call-ID and tag of its own, on the same place
    /// of the trunk.
    pub(crate) fn dial_hop(
        &mut self,
        core: &mut Core,
        now: Now,
        hop: Hop,
        permit: Option<Permit>,
    ) -> Result<(), AttemptOutcome> {
        let hunt = self.hunt.as_mut().ok_or(AttemptOutcome::Unreachable)?;
        hunt.begin_anew();
        let attempt = hunt.current().cloned().ok_or(AttemptOutcome::Unreachable)?;
        self.attempt_begins(now, &attempt);
        self.begin_leg(core, &attempt, permit);
        self.send_invite(core, now, &attempt, hop)
    }

    /// The target's name has been looked up.
    pub(crate) fn on_resolved(&mut self, core: &mut Core, now: Now, query: u64, hops: &[Hop]) {
        let waiting = |hunt: &&Hunt| hunt.stage == Stage::Resolving(query);
        let Some(hunt) = self.hunt.as_deref().filter(waiting) else {
            return;
        };
        let Some(attempt) = hunt.current().cloned() else {
            return;
        };
        let network = self.snapshot.network_of(attempt.trunk);
        core.note_places(&self.snapshot, &attempt, hops);
        let mut hops = core.hops(now, &self.snapshot, network, hops);
        let (mut first, mut held) = (hops.next(), false);
        while first.is_some_and(|hop| self.keeps_back(core, now, hop)) {
            (first, held) = (hops.next(), true);
        }
        if let Some(hunt) = self.hunt.as_mut() {
            hunt.hops = hops;
        }
        let outcome = match first {
            Some(hop) => self.send_invite(core, now, &attempt, hop),
            None if held => Err(self.held_back(&attempt)),
            None => {
                core.note_target(now, &self.snapshot, &attempt, Outcome::Miss);
                Err(AttemptOutcome::Unreachable)
            }
        };
        if let Err(outcome) = outcome {
            self.attempt_over(core, now, outcome, None);
        }
    }

    /// Whether the call is kept from a place that has too much to do; emergency calls never are (RFC 7339 §5.10.1).
    fn keeps_back(&self, core: &mut Core, now: Now, hop: Hop) -> bool {
        !self.is_emergency() && core.endpoint.keeps_back(now.at, hop.remote)
    }

    /// Nothing is sent to who has said that it has too much to do.
    fn held_back(&mut self, attempt: &Attempt) -> AttemptOutcome {
        let trunk = &self.snapshot.trunk(attempt.trunk).name;
        tracing::debug!(call = %self.id, %trunk, "held back");
        self.story
            .remark(format!("{trunk}: held back: it says that it has too much to do"));
        AttemptOutcome::HeldBack
    }

    fn send_invite(
        &mut self,
        core: &mut Core,
        now: Now,
        attempt: &Attempt,
        hop: Hop,
    ) -> Result<(), AttemptOutcome> {
        let flow = self
            .snapshot
            .flow_for(attempt.trunk, Some(attempt.target), hop)
            .ok_or(AttemptOutcome::Unreachable)?;
        self.send_invite_on(core, now, attempt, flow)
    }

    fn send_invite_on(
        &mut self,
        core: &mut Core,
        now: Now,
        attempt: &Attempt,
        flow: Flow,
    ) -> Result<(), AttemptOutcome> {
        self.body_fits(attempt)?;
        let prepared = self.prepare_offer(core, now, flow);
        let body = prepared.map_err(|unfit| self.cannot_offer(attempt, unfit))?;
        let call_id: Box<[u8]> = Box::from(core.endpoint.mint().call_id().as_ref());
        let Some(leg) = self.b.as_mut() else {
            return Err(AttemptOutcome::Unreachable);
        };
        core.name_leg(&call_id, &self.id);
        leg.call_id = call_id;
        self.open_media(core);
        if self.snapshot.trunk(attempt.trunk).overload_control {
            core.endpoint.tell(flow.remote);
        }
        let credentials = self.preemptive(core, attempt, body.as_deref().unwrap_or_default());
        let bytes = self.write_invite(core, attempt, flow, body.as_deref(), 1, credentials);
        let named = self.hunt.as_ref().is_some_and(|hunt| hunt.hops.named);
        let bytes = self.vouched(core, now, bytes);
        self.story.attempt_sent(
            now,
            self.b
                .as_ref()
                .map(|leg| leg.call_id.as_ref())
                .unwrap_or_default(),
            named.then_some(flow.remote),
        );
        self.launch(core, now, flow, bytes, digest::Attempt::default())
            .ok_or(AttemptOutcome::Unreachable)?;
        core.counters.attempts += 1;
        if self.errand().is_none_or(Errand::is_rival) {
            let to = self.snapshot.trunk(attempt.trunk);
            core.loops
                .sent(self.key, &self.story.caller, self.called(), &to.name);
        }
        let trying = self.snapshot.trunk(attempt.trunk).failover.trying;
        self.set_stage(core, now, Stage::Trying, trying);
        Ok(())
    }

    /// Starts the INVITE's transaction and takes the leg's tag into use.
    pub(crate) fn launch(
        &mut self,
        core: &mut Core,
        now: Now,
        flow: Flow,
        bytes: Bytes,
        auth: digest::Attempt,
    ) -> Option<()> {
        let (client, invite) = core.request(now, flow, bytes, ClientOwner::Attempt(self.key))?;
        let leg = self.b.as_mut()?;
        core.tags.insert(&leg.tag, (self.key, Side::B));
        leg.uac = Some(Box::new(Uac {
            client,
            invite: Some(Box::new(invite)),
            auth,
        }));
        Some(())
    }

    /// What the caller insists on beside its session has to be for this trunk.
    fn body_fits(&mut self, attempt: &Attempt) -> Result<(), AttemptOutcome> {
        let (from, trunk) = (
            self.snapshot.trunk(self.a.trunk),
            self.snapshot.trunk(attempt.trunk),
        );
        let insists = |invite: &Invite| bodies::insists(&invite.asked.message, &[from, trunk]);
        if !self.invite.as_deref().is_some_and(insists) {
            return Ok(());
        }
        let line = format!(
            "{}: not offered: a part of the body that it does not take",
            trunk.name
        );
        self.story.remark(line);
        Err(AttemptOutcome::Incompatible)
    }

    /// The attempt is over before it has begun: we have nothing for this trunk. The record says why.
    fn cannot_offer(&mut self, attempt: &Attempt, unfit: Unfit) -> AttemptOutcome {
        let trunk = &self.snapshot.trunk(attempt.trunk).name;
        tracing::debug!(call = %self.id, %trunk, reason = %unfit, "not offered");
        self.story.remark(format!("{trunk}: not offered: {unfit}"));
        match unfit {
            Unfit::Stream | Unfit::Codecs | Unfit::Encryption => AttemptOutcome::Incompatible,
            Unfit::Ports => AttemptOutcome::Unreachable,
        }
    }

    /// Reserves ports and makes the caller's offer into ours. `None`: the caller made no offer, neither do we.
    fn prepare_offer(&mut self, core: &mut Core, now: Now, flow: Flow) -> Result<Option<Bytes>, Unfit> {
        if self.a.ports.is_none() {
            self.a.ports = Some(core.ports.reserve(now.at).ok_or(Unfit::Ports)?);
        }
        let offer = match (&self.invite, self.errand()) {
            (Some(invite), _) => invite.offer.clone(),
            (None, Some(errand)) => Some(errand.offer.clone()),
            (None, None) => None,
        };
        let Some(leg) = self.b.as_mut() else {
            return Err(Unfit::Ports);
        };
        leg.flow = flow;
        // Where there is no other, the pair of the attempt before serves once more.
        let ports = core.ports.reserve(now.at).or_else(|| self.parked.pop());
        leg.ports = Some(ports.ok_or(Unfit::Ports)?);
        let Some(offer) = offer else {
            return Ok(None);
        };
        negotiate::offer(&self.snapshot, core.endpoint.mint(), &mut self.a, leg, offer).map(Some)
    }

    /// Opens the media session for the first attempt; gives later ones a fresh B side.
    pub(super) fn open_media(&mut self, core: &mut Core) {
        if self.errand().is_some() {
            // Its leg has media when it is taken into the call that waits for it.
            return;
        }
        let Some(b) = self.b.as_ref() else { return };
        let (a, b) = (Read::of(&self.a), Read::of(b));
        let leg_b = negotiate::media_leg(&self.snapshot, &b, Some(&a), PtMap::identity(), false);
        match self.media {
            Some(id) => {
                if let Some(leg) = leg_b {
                    core.media(MediaCommand::Update {
                        id,
                        side: Side::B,
                        leg,
                        rebind: true,
                    });
                }
            }
            None => {
                let leg_a = negotiate::media_leg(&self.snapshot, &a, Some(&b), PtMap::identity(), false);
                let (Some(leg_a), Some(leg_b)) = (leg_a, leg_b) else {
                    return;
                };
                self.open_stream(core, [leg_a, leg_b]);
            }
        }
    }

    /// Opens the call's media session.
    pub(crate) fn open_stream(&mut self, core: &mut Core, legs: [control::Leg; 2]) -> MediaId {
        let id = core.next_media();
        core.media.insert(id, self.key);
        self.media = Some(id);
        let called = self.b.as_ref().map(|leg| leg.trunk);
        let trunks = [Some(self.a.trunk), called.or_else(|| self.rings_at())];
        let timeout = |trunk| self.snapshot.trunk(trunk).rtp_timeout;
        let trunks = trunks.into_iter().flatten().filter_map(timeout);
        let media = &self.snapshot.config.media;
        core.media(MediaCommand::Open {
            id,
            legs,
            silence: trunks.min().or(media.rtp_timeout),
            hold_silence: media.hold_timeout,
            one_way: media.one_way_after,
        });
        id
    }
}

/// Where an attempt goes.
enum Place<'t> {
    /// To a target of the trunk.
    Target(&'t config::Target),
    /// By the way that a registered contact came.
    Contact(Flow),
}

/// Host and port of the first value of a route.
fn first_hop(route: &[Box<[u8]>]) -> Option<(Host, Option<u16>, Option<Transport>)> {
    let first = NameAddr::parse(route.first()?).ok()?;
    let uri = SipUri::parse(first.uri).ok()?;
    let host = match uri.ip() {
        Some(ip) => Host::Ip(ip),
        None => Host::Name(String::from_utf8_lossy(uri.host).to_ascii_lowercase()),
    };
    Some((host, uri.port, leg::written_transport(&uri)))
}
