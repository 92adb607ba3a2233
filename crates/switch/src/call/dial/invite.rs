//! The INVITE of an attempt, as it is written.

use bytes::Bytes;
use config::{NumberIn, Trunk};
use route::Attempt;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method, Value, Writer};
use sip_proto::Flow;

use super::super::leg::{self, finish};
use super::super::{Call, bodies, terms};
use crate::core::{Core, Credentials};
use crate::headers;
use crate::identity::{self, Towards};
use crate::registrar::Contact;

/// Hops an INVITE may still take when the caller did not say (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

impl Call {
    /// Writes the INVITE of an attempt (RFC 3261 §8.1.1): everything in it is ours but the numbers and the display name.
    pub(crate) fn write_invite(
        &mut self,
        core: &mut Core,
        attempt: &Attempt,
        flow: Flow,
        body: Option<&[u8]>,
        cseq: u32,
        credentials: Option<Credentials>,
    ) -> Bytes {
        let snapshot = self.snapshot.clone();
        let trunk = snapshot.trunk(attempt.trunk);
        let contact = self.hunt.as_ref().and_then(|hunt| hunt.contact(attempt));
        let uri = self.target_uri(attempt, trunk, contact);
        let via = core.via(&snapshot, &flow);
        let mut writer = Writer::request(&Method::Invite, &uri);
        writer.header(HeaderId::Via, &via);
        let route = match contact {
            Some(contact) => &*contact.path,
            None => core.registrations.service_route(&trunk.name),
        };
        for value in route {
            writer.header(HeaderId::Route, value);
        }
        let invite = self.invite.as_ref().map(|invite| &invite.asked.message);
        let invite = invite.or(self.errand().map(|errand| &errand.invite));
        let customer = self.customer();
        let from = snapshot.trunk(customer);
        let towards = Towards {
            snapshot: &snapshot,
            trunk,
            flow: &flow,
        };
        let caller = invite
            .filter(|message| !identity::is_plain(from, trunk, message))
            .and_then(|message| identity::caller(&snapshot, customer, message).ok());
        let hops = hops_left(invite);
        writer.parts(HeaderId::MaxForwards, |value| {
            value.number(hops.into());
        });
        if let Some(leg) = &self.b {
            match &caller {
                Some(caller) => towards.write_from(&mut writer, caller, &leg.tag),
                None => {
                    let number = trunk.write_number(NumberIn::From, &self.story.caller).0;
                    towards.write_plain_from(&mut writer, invite, &number, &leg.tag);
                }
            }
            let to = self.to_uri(&towards, attempt, contact.is_some());
            writer.parts(HeaderId::To, |value| {
                value.text("<").text(to.as_deref().unwrap_or(&uri)).text(">");
            });
            writer.header(HeaderId::CallId, &leg.call_id);
        }
        writer.parts(HeaderId::CSeq, |value| {
            value.number(cseq.into()).text(" INVITE");
        });
        self.write_ours(&mut writer, &towards, attempt, credentials);
        if let Some(message) = invite {
            if let Some(caller) = &caller {
                towards.write_identity(&mut writer, caller, message, from, self.whereto());
            }
            // RFC 5393 §5.4.3.
            writer.copy(message, HeaderId::MaxBreadth);
            headers::pass(&mut writer, message, [from, trunk]);
            if self.is_emergency() {
                headers::pass_emergency(&mut writer, message, [from, trunk]);
            }
            self.introduce(&mut writer, message, &towards, attempt.trunk);
        }
        let mut bytes = finish(writer, body);
        if let (Some(message), Some(leg)) = (invite, &self.b) {
            bytes = bodies::with_parts(bytes, message, [from, trunk], &leg.call_id);
        }
        self.ruled(Side::B, bytes)
    }

    /// What we say of ourselves: where we are, what we understand, and who we are if we are asked.
    fn write_ours(
        &self,
        writer: &mut Writer,
        towards: &Towards<'_>,
        attempt: &Attempt,
        credentials: Option<Credentials>,
    ) {
        let Towards {
            snapshot,
            trunk,
            flow,
        } = *towards;
        let secure = trunk
            .targets
            .get(attempt.target)
            .is_some_and(|target| target.sips);
        leg::contact(writer, snapshot, flow, secure);
        leg::allow(writer);
        if let Some(leg) = &self.b {
            terms::ask(writer, snapshot, leg, self.a.trunk, self.asked());
        }
        if let Some(agent) = &snapshot.config.sip.user_agent {
            writer.header(HeaderId::UserAgent, agent.as_bytes());
        }
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
    }

    /// The headers that spare the trunk of an attempt its challenges, once it has challenged before.
    pub(in crate::call) fn preemptive(
        &self,
        core: &mut Core,
        attempt: &Attempt,
        body: &[u8],
    ) -> Option<Credentials> {
        let trunk = self.snapshot.trunk(attempt.trunk);
        trunk.targets.get(attempt.target)?;
        let uri = self.target_uri(attempt, trunk, None);
        core.preemptive(trunk, &uri, body)
    }

    /// The Request-URI of an attempt.
    fn target_uri(&self, attempt: &Attempt, trunk: &Trunk, contact: Option<&Contact>) -> Vec<u8> {
        let named = self.errand().and_then(|errand| errand.uri.clone());
        match (contact, trunk.targets.get(attempt.target)) {
            (_, Some(_)) if named.is_some() => named.unwrap_or_default(),
            (Some(contact), _) => contact.uri.to_vec(),
            (None, Some(target)) if self.is_emergency() => {
                let (tables, caller) = (&self.snapshot.tables, &self.story.caller);
                let (number, style) =
                    tables.emergency_dialled(self.a.trunk, caller, self.called(), attempt.trunk);
                headers::written_uri(&number, style, target)
            }
            (None, Some(target)) => headers::request_uri(self.called(), trunk, target),
            (None, None) => Vec::new(),
        }
    }

    /// The caller's INVITE, and whether it has made an offer.
    fn asked(&self) -> Option<(&Message, bool)> {
        match (&self.invite, self.errand()) {
            (Some(invite), _) => Some((&invite.asked.message, invite.offer.is_some())),
            (None, Some(errand)) if errand.is_rival() => Some((&errand.invite, true)),
            (None, Some(_) | None) => None,
        }
    }

    /// What To says where it is not the Request-URI.
    fn to_uri(&self, towards: &Towards<'_>, attempt: &Attempt, registered: bool) -> Option<Vec<u8>> {
        let (trunk, called) = (towards.trunk, self.called());
        if registered {
            // To whom, and not where it is (RFC 3261 §8.1.1.2).
            return Some(headers::to_uri(called, trunk, &|value| towards.host(value)));
        }
        let formats = &trunk.header_formats;
        let differs = (formats.to.is_some() || formats.request_uri.is_some()) && !self.is_emergency();
        let target = trunk.targets.get(attempt.target).filter(|_| differs)?;
        let host = |value: &mut Value<'_>| headers::target_host(value, target);
        Some(headers::to_uri(called, trunk, &host))
    }
}

/// Hops that an INVITE for this one may still take.
fn hops_left(invite: Option<&Message>) -> u32 {
    let hops = invite.and_then(max_forwards).unwrap_or(MAX_FORWARDS + 1);
    hops.saturating_sub(1).min(MAX_FORWARDS)
}

fn max_forwards(message: &Message) -> Option<u32> {
    std::str::from_utf8(message.header(HeaderId::MaxForwards)?)
        .ok()?
        .trim()
        .parse()
        .ok()
}
