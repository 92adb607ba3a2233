//! A request outside of any dialog, written for the next target.

use bytes::Bytes;
use route::Attempt;
use sip_msg::{HeaderId, Method, Value, Writer};
use sip_proto::Flow;

use super::Page;
use crate::core::{Core, Credentials};
use crate::headers;
use crate::identity::{self, Towards, Whereto};
use crate::rules;

/// Hops a request may still take where it does not say (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

impl Page {
    /// The request of an attempt; `None`: there is nowhere for it to go.
    pub(super) fn write(
        &self,
        core: &mut Core,
        attempt: &Attempt,
        flow: &Flow,
        cseq: u32,
        credentials: Option<Credentials>,
    ) -> Option<Bytes> {
        let snapshot = &self.snapshot;
        let (from, trunk) = (snapshot.trunk(self.from), snapshot.trunk(attempt.trunk));
        let message = &self.asked.message;
        let method = message.method()?;
        let caller = identity::caller(snapshot, self.from, message).ok()?;
        let towards = Towards {
            snapshot,
            trunk,
            flow,
        };
        let (uri, to) = self.whither(attempt, &towards)?;
        let (via, tag, call_id) = (
            core.via(snapshot, flow),
            core.tag(),
            core.endpoint.mint().call_id(),
        );
        let mut writer = Writer::request(method, &uri);
        writer.header(HeaderId::Via, &via);
        for value in self
            .contact(attempt)
            .into_iter()
            .flat_map(|contact| &contact.path)
        {
            writer.header(HeaderId::Route, value);
        }
        let hops = message.number(HeaderId::MaxForwards).unwrap_or(MAX_FORWARDS + 1);
        writer.parts(HeaderId::MaxForwards, |value| {
            value.number(hops.saturating_sub(1).min(MAX_FORWARDS).into());
        });
        towards.write_from(&mut writer, &caller, &tag);
        writer.parts(HeaderId::To, |value| {
            value.text("<").text(&to).text(">");
        });
        writer.header(HeaderId::CallId, call_id.as_ref());
        writer.parts(HeaderId::CSeq, |value| {
            value.number(cseq.into()).text(" ").text(method.as_bytes());
        });
        if *method == Method::Notify {
            crate::call::contact(&mut writer, snapshot, flow, false);
            writer.copy(message, HeaderId::Event);
            writer.copy(message, HeaderId::SubscriptionState);
        }
        if let Some(agent) = &snapshot.config.sip.user_agent {
            writer.header(HeaderId::UserAgent, agent.as_bytes());
        }
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let whereto = Whereto::undiverted(&self.called);
        towards.write_identity(&mut writer, &caller, message, from, whereto);
        headers::pass(&mut writer, message, [from, trunk]);
        for id in [
            HeaderId::ContentDisposition,
            HeaderId::ContentEncoding,
            HeaderId::ContentLanguage,
        ] {
            writer.copy(message, id);
        }
        let content_type = message.content_type().unwrap_or_default();
        let body = message.body();
        let bytes = match account_hidden(content_type, &body, &to) {
            Some(body) => writer.finish_with(content_type, &body),
            None if body.is_empty() => writer.finish(),
            None => writer.finish_with(content_type, &body),
        };
        Some(rules::sent(trunk, self.facts(), bytes))
    }

    /// The Request-URI and the URI in To.
    fn whither(&self, attempt: &Attempt, towards: &Towards<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
        let trunk = towards.trunk;
        if let Some(contact) = self.contact(attempt) {
            let to = headers::to_uri(&self.called, trunk, &|value| towards.host(value));
            return Some((contact.uri.to_vec(), to));
        }
        let target = trunk.targets.get(attempt.target)?;
        let host = |value: &mut Value<'_>| headers::target_host(value, target);
        let to = headers::to_uri(&self.called, trunk, &host);
        Some((headers::request_uri(&self.called, trunk, target), to))
    }
}

/// A message summary names the account that has messages, with its host (RFC 3842 §5.2): whose they are stands in To.
fn account_hidden(content_type: &[u8], body: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let media_type = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    if !media_type
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/simple-message-summary")
    {
        return None;
    }
    const NAME: &[u8] = b"Message-Account";
    let mut out = Vec::with_capacity(body.len() + to.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line
            .get(..NAME.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(NAME))
        {
            out.extend_from_slice(NAME);
            out.extend_from_slice(b": ");
            out.extend_from_slice(to);
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(line);
        }
    }
    Some(out)
}
