//! Who may call, and how much: the step between an INVITE and a call.

mod test;

use std::net::SocketAddr;
use std::sync::Arc;

use config::{Role, Transfer};
use route::number::Misdialled;
use route::{TrunkIx, Wish, destinations};
use rtp_proto::control::Side;
use sip_msg::HeaderId;
use sip_proto::{DropReason, Flow, Transport, reply};

use crate::auth;
use crate::call::{self, Call, Ending, Invite, NewCall, Story, bill, sdp_of};
use crate::core::{Asked, Core};
use crate::dip::Routing;
use crate::guard;
use crate::handoff::{Handoff, Replaces};
use crate::headers;
use crate::ident::{self, CallKey};
use crate::identity;
use crate::io::{Command, Now};
use crate::numbers;
use crate::rules::{self, Facts};
use crate::snapshot::Snapshot;
use crate::trial::TRIAL_LISTENER;
use test::{returned, test_call};

/// Seconds after which a caller that met a limit may try again (RFC 3261 §20.33).
const RETRY_AFTER: u32 = 5;

/// Q.850: the network does not want it.
const CALL_REJECTED: u8 = 21;

/// Pairs of media ports that a call takes.
const PAIRS: usize = 2;

/// Makes a call of an INVITE, or answers it. A call that comes back may be over already; it still has its record to write.
pub(crate) fn invite(core: &mut Core, now: Now, asked: Asked) -> Option<Call> {
    if asked.flow.listener == TRIAL_LISTENER {
        return test_call(core, now, asked);
    }
    let mut called = numbers::called_in(asked.message.uri());
    let trunk = match auth::caller(core, now, &asked, &called) {
        Ok(trunk) => trunk,
        Err(refused) => {
            auth::refuse(core, now, &asked, refused);
            return None;
        }
    };
    let peer = core.snapshot.peer(trunk, None);
    core.endpoint.sender_is(asked.id, peer);
    if let Some(snapshot) = core.trials.awaits(&core.snapshot, trunk, &called) {
        return returned(core, now, (snapshot, trunk), called, asked);
    }
    if core
        .registrations
        .is_contact(&core.snapshot.trunk(trunk).name, &called)
    {
        // It came to what we have registered: the number that was dialled is the To's, if it is one of ours.
        let to = headers::user_of(asked.message.to().uri);
        if core.snapshot.tables.number(&to).is_some() {
            called = to;
        }
    }
    if asked.message.contact().is_none() {
        // RFC 3261 §8.1.1.8: there would be nobody to hang up.
        core.answer(now, &asked, 400, None);
        return None;
    }
    if let Some(value) = asked.message.header(HeaderId::Replaces)
        && core.snapshot.transfer(trunk) != Transfer::Refuse
    {
        let Some(replaces) = Replaces::parse(value).map(Box::new) else {
            core.answer(now, &asked, 400, None);
            return None;
        };
        core.handoffs.push_back(Handoff::Replace {
            asked: Box::new(asked),
            trunk,
            called,
            replaces,
        });
        return None;
    }
    admitted(core, now, trunk, called, asked)
}

/// Makes a call of an INVITE whose trunk is known.
pub(crate) fn admitted(
    core: &mut Core,
    now: Now,
    trunk: TrunkIx,
    called: String,
    asked: Asked,
) -> Option<Call> {
    let mut invite = Invite {
        asked,
        offer: None,
        carried: None,
    };
    // Connections back to it are for it.
    invite.asked.flow.peer = core.snapshot.peer(trunk, None);
    if invite.asked.flow.conn.is_some() {
        alias(core, trunk, &invite.asked);
    }
    let snapshot = core.snapshot_for(trunk, &called);
    let on_trial = !Arc::ptr_eq(&snapshot, &core.snapshot);
    let Begun {
        mut call,
        refused,
        misdialled,
    } = begin(core, now, snapshot, trunk, invite, called);
    if on_trial {
        call.story
            .remark("by the configuration on trial (canary)".to_owned());
    }
    let emergency = call.is_emergency();
    if core.draining && !emergency {
        core.counters.refused_limit += 1;
        call.end(
            core,
            now,
            Ending {
                retry_after: Some(RETRY_AFTER),
                ..Ending::failed("draining", 503)
            },
        );
        return Some(call);
    }
    if let Some(refused) = refused.filter(|_| !emergency) {
        let who = call.snapshot.trunk(trunk).name.clone();
        tracing::debug!(call = %call.id, trunk = %who, why = %refused, "refused for its caller");
        call.story.remark(format!("{who}: {refused}"));
        call.fail(core, now, Ending::failed(refused.kind(), refused.status()));
        return Some(call);
    }
    if let Some(misdialled) = misdialled {
        core.counters.refused_number += 1;
        tracing::debug!(call = %call.id, why = %misdialled, "refused for what was dialled");
        call.story.remark(misdialled.to_string());
        call.fail(core, now, Ending::failed("misdialled", misdialled.status()));
        return Some(call);
    }
    if let Some(ending) = kept_from(core, &mut call) {
        call.fail(core, now, ending);
        return Some(call);
    }
    if emergency {
        call.alert(core, now);
    } else if let Err(ending) = guard::asked(core, now, &mut call, false) {
        call.end(core, now, ending);
        return Some(call);
    }
    let snapshot = Arc::clone(&call.snapshot);
    let wish = Wish {
        called: Some(&call.story.called),
        priority: snapshot.tables.has_priority(trunk),
    };
    // Whether a trunk whose lines are all taken may say so: at its pace. Who calls too fast, or meets a limit of the switch itself,
    // is sent away at once.
    let mut may_say = false;
    let permit = if core.calls >= core.most_calls(emergency, wish.priority) {
        Err("switch-full")
    } else if core.ports.available() < PAIRS {
        Err("no-ports")
    } else if emergency {
        let place = core.live.admit_emergency(now.at, &snapshot.tables, trunk);
        place.ok_or("trunk-disabled")
    } else {
        let admitted = core.live.try_admit_as(now.at, &snapshot.tables, trunk, wish);
        may_say =
            admitted == Err(route::Refusal::Calls) && core.live.try_pace(now.at, &snapshot.tables, trunk);
        admitted.map_err(|refusal| match refusal {
            route::Refusal::Calls => "max-calls",
            route::Refusal::Cps => "max-cps",
            route::Refusal::DestinationCalls | route::Refusal::DestinationCps => "destination-full",
            route::Refusal::Disabled | route::Refusal::Unregistered => "trunk-disabled",
            route::Refusal::Draining => "trunk-draining",
        })
    };
    match permit {
        Ok(permit) => call.a.permit = Some(permit),
        Err(kind) => {
            core.counters.refused_limit += 1;
            let ending = Ending {
                retry_after: Some(RETRY_AFTER),
                ..Ending::failed(kind, 503)
            };
            if may_say {
                if let Some(invite) = &mut call.invite {
                    invite.offer = sdp_of(&invite.asked.message).ok().flatten();
                }
                call.fail(core, now, ending);
            } else {
                call.end(core, now, ending);
            }
            return Some(call);
        }
    }
    core.counters.calls_admitted += 1;
    if emergency || call.identify(core, now) {
        onward(core, now, &mut call);
    }
    Some(call)
}

/// A trunk has connected, and this connection stands for later ones to it if it wants that and may (RFC 5923 §5): over TLS who has
/// shown a certificate for the name that would be asked for, over TCP who has the operator's leave.
pub(crate) fn alias(core: &mut Core, trunk: TrunkIx, asked: &Asked) {
    let snapshot = Arc::clone(&core.snapshot);
    let (Some(conn), true) = (asked.flow.conn, asked.flow.transport.connects()) else {
        return;
    };
    let via = asked.message.top_via();
    if via.params.get("alias").is_none() {
        return;
    }
    let port = via.port.unwrap_or(asked.flow.transport.default_port());
    let names = core.names_of(conn);
    let trunk_of = snapshot.trunk(trunk);
    let mut aliases = Vec::new();
    for (index, target) in trunk_of.targets.iter().enumerate() {
        let may = match asked.flow.transport {
            Transport::Tls => names.iter().any(|name| **name == *tls_name(trunk_of, target)),
            Transport::Tcp => trunk_of.alias,
            Transport::Udp | Transport::Ws | Transport::Wss => false,
        };
        if may {
            let flow = Flow {
                remote: SocketAddr::new(asked.flow.remote.ip(), port),
                peer: snapshot.peer(trunk, Some(index)),
                ..asked.flow
            };
            aliases.push(Command::Alias { flow });
        }
    }
    core.commands.append(&mut aliases);
}

/// The name that a target's certificate has to be for.
fn tls_name(trunk: &config::Trunk, target: &config::Target) -> String {
    let name = trunk.tls.as_ref().and_then(|tls| tls.name.clone());
    name.unwrap_or_else(|| target.host.to_string())
        .to_ascii_lowercase()
}

/// A call with nothing reserved for it yet.
struct Begun {
    call: Call,
    /// Why it may not go on for who calls.
    refused: Option<identity::Refused>,
    /// Why it may not for what was dialled.
    misdialled: Option<Misdialled>,
}

fn begin(
    core: &mut Core,
    now: Now,
    snapshot: Arc<Snapshot>,
    trunk: TrunkIx,
    mut invite: Invite,
    called: String,
) -> Begun {
    let key = CallKey(core.next_id());
    let id = ident::call_id(now.unix_ms, [core.random(), core.random()]);
    let tag = core.tag();
    core.tags.insert(&tag, (key, Side::A));
    core.servers.insert(invite.asked.id, (key, Side::A));
    core.name_leg(invite.asked.message.call_id(), &id);
    let session_id = core.random();
    let from = snapshot.trunk(trunk);
    if !from.headers.is_empty() {
        let facts = Facts {
            caller: &headers::user_of(invite.asked.message.from().uri),
            called: &called,
            call_id: &id,
        };
        if let Some(changed) = rules::received(from, facts, &invite.asked.message) {
            invite.asked.message = changed;
        }
    }
    let message = &invite.asked.message;
    let (caller, refused) = match identity::number(&snapshot, trunk, message) {
        Ok(caller) => (caller, None),
        Err(refused) => (headers::user_of(message.from().uri), Some(refused)),
    };
    let read = numbers::read(&snapshot, trunk, called);
    let screened = from.screening.is_some() && number_said(&snapshot, from, message) != caller;
    let remark = screened.then(|| format!("{}: another number than it says", from.name));
    let mut story = Story::new(now, caller, read.number, invite.asked.flow.remote);
    story.numbers = read.numbers;
    if let Some(remark) = remark.filter(|_| refused.is_none()) {
        story.remark(remark);
    }
    let call = Call::new(NewCall {
        key,
        id,
        snapshot,
        trunk,
        tag,
        flow: invite.asked.flow,
        call_id: Box::from(invite.asked.message.call_id()),
        session_id,
        invite: Some(invite),
        story,
    });
    Begun {
        call,
        refused,
        misdialled: read.misdialled,
    }
}

/// Whether calls of this trunk may go to this number.
pub(crate) fn may_call(
    snapshot: &Snapshot,
    trunk: TrunkIx,
    called: &str,
) -> Result<(), destinations::Denied> {
    let from = snapshot.trunk(trunk);
    if from.role != Role::Customer {
        return Ok(());
    }
    let rules = from
        .destinations
        .as_ref()
        .unwrap_or(&snapshot.config.destinations);
    destinations::check(rules, called)
}

/// Why a call may not go where it wants to: it has been here before, or it is a customer's to a number that costs too much.
fn kept_from(core: &mut Core, call: &mut Call) -> Option<Ending> {
    let snapshot = Arc::clone(&call.snapshot);
    let from = snapshot.trunk(call.a.trunk);
    let (caller, called) = (&call.story.caller, &call.story.called);
    if let Some(invite) = &call.invite {
        let came = (call.key, &invite.asked.message);
        let most = snapshot.config.sip.max_spirals;
        if core
            .loops
            .comes_back(&core.tags, most, came, caller, called, &from.name)
        {
            core.endpoint.count(DropReason::Loop);
            tracing::debug!(call = %call.id, trunk = %from.name, "a call has come back");
            call.story
                .remark(format!("{}: the call was here before", from.name));
            return Some(Ending::failed("loop", 482));
        }
    }
    if call.is_emergency() {
        return None;
    }
    let denied = may_call(&snapshot, call.a.trunk, called).err()?;
    core.counters.refused_destination += 1;
    tracing::debug!(call = %call.id, trunk = %from.name, why = %denied, "refused for its destination");
    call.story.remark(format!("{}: {denied}", from.name));
    Some(Ending {
        q850: Some(CALL_REJECTED),
        ..Ending::failed("destination-denied", 403)
    })
}

/// The number in From, as the trunk's others are read.
fn number_said(snapshot: &Snapshot, from: &config::Trunk, message: &sip_msg::Message) -> String {
    let user = headers::user_of(message.from().uri);
    snapshot.tables.read_number(from, &user).into_owned()
}

/// A call's wait for a certificate may be over: it is there, or `late`.
pub(crate) fn on_certificate(call: &mut Call, core: &mut Core, now: Now, late: bool) {
    let goes_on = if late {
        call.on_certificate_late(core, now)
    } else {
        call.on_certificate(core, now)
    };
    if goes_on {
        onward(core, now, call);
    }
}

/// Word of who serves the called number has come, or will not.
pub(crate) fn on_dip(call: &mut Call, core: &mut Core, now: Now, found: Option<Routing>) {
    if call.on_dip(core, found) {
        route(core, now, call);
    }
}

/// It is late.
pub(crate) fn on_dip_late(call: &mut Call, core: &mut Core, now: Now) {
    if call.on_dip_late(core, now) {
        route(core, now, call);
    }
}

/// Goes on with a call whose caller is known to be right: to whoever serves the number, once that is known.
fn onward(core: &mut Core, now: Now, call: &mut Call) {
    if call.dip(core, now) {
        route(core, now, call);
    }
}

/// Reads the offer, asks for a plan and begins to dial.
fn route(core: &mut Core, now: Now, call: &mut Call) {
    let Some(invite) = call.invite.as_mut() else {
        return;
    };
    if let Some(refusal) = call::refusal(&call.snapshot, call.a.trunk, &invite.asked.message) {
        return call.end(core, now, refusal);
    }
    if call::insists(&invite.asked.message, call.snapshot.trunk(call.a.trunk)) {
        return call.end(core, now, Ending::failed("unusable-body", 415));
    }
    match sdp_of(&invite.asked.message) {
        Ok(offer) => invite.offer = offer,
        Err(status) => return call.end(core, now, Ending::failed("unusable-offer", status)),
    }
    let draw = core.random();
    let (caller, called) = (call.story.caller.clone(), call.story.called.clone());
    let at_unix_s = now.unix_ms / 1000;
    let mut sale = bill::sale(&call.snapshot, call.a.trunk, at_unix_s, (&caller, &called));
    if call.is_emergency() {
        sale = route::Sale::Unsaid;
    }
    if let Err((ending, why)) = call.sell(core, now, call.a.trunk, sale) {
        call.story.remark(why);
        tracing::debug!(call = %call.id, kind = ending.kind, "refused for its price");
        return call.fail(core, now, ending);
    }
    let routed = call
        .story
        .numbers
        .as_ref()
        .and_then(|numbers| numbers.routed.clone());
    let request = route::Request {
        from: call.a.trunk,
        caller: &caller,
        called: &called,
        class: None,
        sell: sale.rate(),
        routed: routed.as_deref(),
        emergency: call.is_emergency(),
        at_unix_s,
        draw,
    };
    let snapshot = Arc::clone(&call.snapshot);
    let fit = call.offer_fits();
    let planned = route::plan(&snapshot.tables, &core.live, now.at, &request);
    core.shadowed(now, call, draw, planned.as_ref().ok());
    match (planned, fit) {
        (Ok(mut plan), Ok(())) => {
            let rate = plan.attempts.first().and_then(|attempt| attempt.rate);
            match guard::priced(core, now, call, rate) {
                Ok(()) => {
                    call.chosen(core, now, &mut plan);
                    call.start(core, now, plan);
                }
                Err(ending) => call.end(core, now, ending),
            }
        }
        // Whoever is asked, this can't be passed on.
        (Ok(plan), Err(unfit)) => {
            tracing::debug!(call = %call.id, reason = %unfit, "unusable offer");
            call.story.decision(plan.trace);
            call.story
                .remark(format!("{}: refused: {unfit}", snapshot.trunk(call.a.trunk).name));
            call.end(core, now, Ending::failed("unusable-offer", unfit.status()));
        }
        (Err(none), _) => {
            tracing::debug!(call = %call.id, reason = %none.reason, "no route");
            let status = none.status;
            call.story.decision(*none.trace);
            // Whoever the number is for can't be asked: that is a failure on the way.
            if !call.goes_on(core, now, route::AttemptOutcome::Unreachable) {
                call.fail(core, now, Ending::failed("no-route", status));
            }
        }
    }
}

/// Answers a request that no dialog or call wants.
pub(crate) fn stray(core: &mut Core, now: Now, asked: &Asked) {
    core.counters.unknown_dialog += 1;
    let tag = core.tag();
    let mut writer = reply(&asked.message, &asked.flow, 481, None, Some(&tag));
    if let Some(agent) = &core.snapshot.config.sip.user_agent {
        writer.header(HeaderId::Server, agent.as_bytes());
    }
    core.respond(now, asked.id, writer.finish());
}
