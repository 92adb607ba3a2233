//! Whom a redirection names, as far as that is ours to call.
//!
//! A stranger's word makes us send nothing to an address. What it names is a number, and that is routed; or a place, and that is called
//! only if it is the redirecting trunk's own.

use std::cmp::Reverse;

use config::{Host, Target, Trunk};
use route::TrunkIx;
use sip_msg::{HeaderId, Message, NameAddr, SipUri, Uri};

use super::To;
use crate::headers;
use crate::snapshot::Snapshot;

/// Contacts that are read, and those of them that are followed.
const MOST_READ: usize = 16;
const MOST: usize = 5;

/// Length of what is repeated of a URI in a record.
const SHOWN: usize = 128;

/// The contacts of a redirection by the trunk `by`, asked for `called`, the most preferred one first: whom each means, with the number
/// to be called. `Err`: it means nobody that may be called, in words.
pub(super) fn read(
    snapshot: &Snapshot,
    by: TrunkIx,
    called: &str,
    answer: &Message,
) -> Vec<Result<(To, Box<str>), String>> {
    let contacts = answer.values(HeaderId::Contact).take(MOST_READ);
    let mut named: Vec<(u16, NameAddr<'_>)> = contacts
        .filter_map(|value| NameAddr::parse(value).ok())
        .map(|contact| (preference(&contact), contact))
        .collect();
    named.sort_by_key(|(q, _)| Reverse(*q));
    let means = |(_, contact): (u16, NameAddr<'_>)| {
        means(snapshot, by, called, contact.uri).ok_or_else(|| {
            let uri = contact.uri.get(..SHOWN).unwrap_or(contact.uri);
            format!("{} is not ours to call", String::from_utf8_lossy(uri))
        })
    };
    named.into_iter().take(MOST).map(means).collect()
}

/// In thousandths; 1000 where nothing is said (RFC 3261 §20.10 leaves it open).
fn preference(contact: &NameAddr<'_>) -> u16 {
    let Some(value) = contact.params.get("q").flatten() else {
        return 1000;
    };
    let value = std::str::from_utf8(value).unwrap_or_default();
    let q: f32 = value.trim().parse().unwrap_or(0.0);
    // Whatever is written: it is between 0 and 1 (RFC 3261 §25.1).
    (q.clamp(0.0, 1.0) * 1000.0) as u16
}

fn means(snapshot: &Snapshot, by: TrunkIx, called: &str, uri: &[u8]) -> Option<(To, Box<str>)> {
    let user = headers::user_of(uri);
    let trunk = snapshot.trunk(by);
    let number: Box<str> = snapshot.tables.read_number(trunk, &user).into();
    let sip = match Uri::parse(uri).ok()? {
        Uri::Sip(sip) => sip,
        Uri::Tel(_) if is_number(&number) => return Some((To::Number(by), number)),
        Uri::Tel(_) | Uri::Other { .. } => return None,
    };
    let method = sip.params.get("method").flatten();
    if method.is_some_and(|method| !method.eq_ignore_ascii_case(b"INVITE")) {
        return None;
    }
    let own = trunk.targets.iter().position(|target| is_at(target, &sip));
    let stays =
        user.is_empty() || *number == *called || !is_number(&number) || snapshot.tables.owns(by, &number);
    if let (Some(target), true) = (own, stays) {
        let number = if user.is_empty() { called.into() } else { number };
        return Some((To::Only(by, Some(target)), number));
    }
    let phone = sip.params.get("user").flatten();
    let is_phone = phone.is_some_and(|phone| phone.eq_ignore_ascii_case(b"phone"));
    let anywhere = number.starts_with('+') || is_phone || own.is_some() || is_here(snapshot, trunk, &sip);
    let known = snapshot.tables.number(&number).is_some();
    let may = !number.is_empty() && ((anywhere && is_number(&number)) || known);
    may.then_some((To::Number(by), number))
}

fn is_number(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a URI is of this target's place.
fn is_at(target: &Target, uri: &SipUri<'_>) -> bool {
    let usual = |secure: bool| if secure { 5061 } else { 5060 };
    let by_tls = target.sips || target.transport == Some(config::Transport::Tls);
    let port = target.port.unwrap_or(usual(by_tls));
    let host = match &target.host {
        Host::Ip(ip) => uri.ip() == Some(*ip),
        Host::Name(name) => uri.host.eq_ignore_ascii_case(name.as_bytes()),
    };
    host && uri.port.unwrap_or(usual(uri.secure || by_tls)) == port
}

/// Whether a URI is of our own address, or of a name that we have towards this trunk.
fn is_here(snapshot: &Snapshot, trunk: &Trunk, uri: &SipUri<'_>) -> bool {
    let Some(ip) = uri.ip() else {
        let names = [&trunk.from_domain, &trunk.contact_host];
        let is = |name: &String| uri.host.eq_ignore_ascii_case(name.as_bytes());
        return names.into_iter().flatten().any(is);
    };
    let ours = |listener: &crate::snapshot::Listener| {
        [listener.advertise, listener.bind]
            .iter()
            .any(|own| own.ip() == ip)
    };
    snapshot.listeners.iter().any(ours)
}
