//! What a user agent server looks at before anything else (RFC 3261 §8.2): refusals that need no transaction.

use sip_msg::{HeaderId, Message, Method, Uri};

use super::drops::DropReason;
use crate::EndpointConfig;

/// What a URN of emergency services has behind its scheme.
const SOS: &[u8] = b"service:sos";

/// A request that is answered statelessly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) why: DropReason,
    /// Header lines that say what would be right.
    pub(super) hints: Vec<(HeaderId, Vec<u8>)>,
}

impl Refusal {
    pub(super) fn plain(status: u16, why: DropReason) -> Self {
        Self {
            status,
            why,
            hints: Vec::new(),
        }
    }
}

/// Looks at a new request that is neither ACK nor CANCEL. Max-Forwards matters outside of a dialog only, where the request would go
/// on to somebody else; OPTIONS is for us, and within a dialog we are the end (RFC 3261 §16.3 step 3, §11).
pub(super) fn screen(request: &Message, config: &EndpointConfig) -> Result<(), Refusal> {
    let method = request.method().unwrap_or(&Method::Ack);
    if !config.methods.contains(method) {
        let status = if matches!(method, Method::Other(_)) {
            501
        } else {
            405
        };
        let hints = vec![(HeaderId::Allow, allow(config))];
        return Err(Refusal {
            status,
            why: DropReason::MethodRefused,
            hints,
        });
    }
    match Uri::parse(request.uri()) {
        Ok(Uri::Sip(_) | Uri::Tel(_)) => {}
        Ok(Uri::Other { scheme, rest }) if *method == Method::Invite && is_sos(scheme, rest) => {}
        Ok(Uri::Other { .. }) => return Err(Refusal::plain(416, DropReason::SchemeRefused)),
        Err(_) => return Err(Refusal::plain(400, DropReason::MalformedRefused)),
    }
    let elsewhere = request.to_tag().is_none() && *method != Method::Options;
    if elsewhere && request.number(HeaderId::MaxForwards) == Some(0) {
        return Err(Refusal::plain(483, DropReason::TooManyHops));
    }
    let unknown = unsupported(request, &config.extensions);
    if !unknown.is_empty() {
        let hints = vec![(HeaderId::Unsupported, unknown)];
        return Err(Refusal {
            status: 420,
            why: DropReason::ExtensionRefused,
            hints,
        });
    }
    Ok(())
}

/// Whether a URI names emergency services (RFC 5031): `urn:service:sos`, or one of them behind a dot.
fn is_sos(scheme: &[u8], rest: &[u8]) -> bool {
    let Some((service, kind)) = rest.split_at_checked(SOS.len()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"urn")
        && service.eq_ignore_ascii_case(SOS)
        && (kind.is_empty() || kind.starts_with(b"."))
}

/// Our methods as an Allow value. CANCEL and ACK go with INVITE.
pub(super) fn allow(config: &EndpointConfig) -> Vec<u8> {
    config
        .methods
        .iter()
        .map(Method::as_bytes)
        .collect::<Vec<_>>()
        .join(b", ".as_slice())
}

/// The option tags in Require that we don't know, as an Unsupported value.
fn unsupported(request: &Message, known: &[String]) -> Vec<u8> {
    let mut unknown = Vec::new();
    for tag in request.values(HeaderId::Require) {
        if known.iter().any(|k| k.as_bytes().eq_ignore_ascii_case(tag)) {
            continue;
        }
        if !unknown.is_empty() {
            unknown.extend_from_slice(b", ");
        }
        unknown.extend_from_slice(tag);
    }
    unknown
}
