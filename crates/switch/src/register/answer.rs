//! What the registrar's answers mean (RFC 3261 §10.2.4, §10.2.7, §10.2.8).

use std::sync::Arc;
use std::time::Duration;

use route::{Asked, HopFailure};
use sip_msg::{HeaderId, Message, Method, NameAddr, SipUri};
use sip_proto::digest::DigestError;

use super::round::{contact, credentials, network_of, next_hop, request_uri, send_with, wanted_seconds};
use super::wait::{Why, after_failure, fraction, refresh};
use super::{State, gone};
use crate::core::{Core, Timer};
use crate::event::EventKind;
use crate::io::Now;
use crate::locate::retry_after;

/// How often in one round a registrar may find what we ask for too brief.
const MAX_TOO_BRIEF: u8 = 2;
/// The longest Min-Expires that is taken: a week.
const MAX_LEAST: u32 = 604_800;
/// Service-Route values that are kept, and how long one may be.
const MAX_ROUTES: usize = 8;
const LONGEST_ROUTE: usize = 1024;

/// The registrar has answered.
pub(crate) fn on_response(core: &mut Core, now: Now, id: u32, message: &Message) {
    let status = message.status().unwrap_or(500);
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    let mut silent = entry.timer.take();
    let leaves = entry.leaves();
    if status >= 200 {
        entry.client = None;
    }
    core.disarm(&mut silent);
    match status {
        ..200 => {}
        200..=299 if leaves => gone(core, id),
        200..=299 => accepted(core, now, id, message),
        401 | 407 => challenged(core, now, id, message),
        _ if leaves => gone(core, id),
        423 => too_brief(core, now, id, message),
        403 => auth_failed(core, now, id, "the registrar says 403 Forbidden".to_owned()),
        _ => {
            // RFC 3263 §4.3: a server that says 503 is as good as one that is not there.
            let why = HopFailure::Refused(status);
            if matches!(status, 408 | 503) && next_hop(core, now, id, why, retry_after(message)) {
                return;
            }
            let why = match retry_after(message) {
                Some(wait) => Why::Asked(wait),
                None if status == 408 => Why::Silent,
                None => Why::Refused,
            };
            failed(core, now, id, why, format!("the registrar says {status}"));
        }
    }
}

/// It has not answered, or could not be reached.
pub(crate) fn on_no_response(core: &mut Core, now: Now, id: u32, unreachable: bool) {
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    let (mut silent, leaves) = (entry.timer.take(), entry.leaves());
    entry.client = None;
    core.disarm(&mut silent);
    if leaves {
        return gone(core, id);
    }
    let why = if unreachable {
        HopFailure::Unreachable
    } else {
        HopFailure::Silent
    };
    if !next_hop(core, now, id, why, None) {
        failed(
            core,
            now,
            id,
            Why::Silent,
            "the registrar does not answer".to_owned(),
        );
    }
}

fn accepted(core: &mut Core, now: Now, id: u32, message: &Message) {
    let snapshot = Arc::clone(&core.snapshot);
    let chance = fraction(core);
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    let ours = entry.flow.and_then(|flow| contact(&snapshot, entry, &flow));
    let granted = granted(
        message,
        ours.as_deref().unwrap_or_default(),
        wanted_seconds(entry),
    );
    let trunk = entry.trunk.clone();
    core.learn(&trunk, message);
    if granted == 0 {
        let why = "the registrar has not taken our contact".to_owned();
        return failed(core, now, id, Why::Refused, why);
    }
    let granted = Duration::from_secs(granted.into());
    let timer = core.arm(now, refresh(granted, chance), Timer::Register(id));
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    entry.until = Some(now.at + granted);
    entry.failures = 0;
    entry.why = None;
    entry.timer = Some(timer);
    entry.service_route = service_route(message);
    let at = entry.flow.map(|flow| flow.hop());
    let network = network_of(&snapshot, entry);
    let news = entry.state != State::Registered;
    entry.state = State::Registered;
    if news {
        entry.since_ms = Some(now.unix_ms);
        let at = entry
            .flow
            .map_or(String::new(), |flow| format!("at {} ", flow.remote));
        let text = format!("{at}for {} s", granted.as_secs());
        core.tell(now, EventKind::Registered, &trunk, text);
        core.live.set_registered(&trunk, true);
    }
    if let Some(hop) = at {
        core.hop_answered(now, network, hop, 200, Asked::Other);
    }
}

/// What the registrar grants our contact, in seconds: the parameter of that Contact, else Expires, else what was asked for (RFC 3261
/// §10.2.4). The answer may name other contacts of the same address, and ours with other parameters (RFC 5627 `pub-gruu`).
fn granted(message: &Message, ours: &str, wanted: u32) -> u32 {
    let usual = message.number(HeaderId::Expires);
    let contacts: Vec<NameAddr<'_>> = message
        .values(HeaderId::Contact)
        .filter_map(|value| NameAddr::parse(value).ok())
        .collect();
    let Ok(own) = SipUri::parse(ours.as_bytes()) else {
        return usual.unwrap_or(wanted);
    };
    let is = |exact: bool| {
        contacts.iter().find(|contact| {
            SipUri::parse(contact.uri).is_ok_and(|uri| {
                let alike = uri.user_unescaped() == own.user_unescaped()
                    && uri.host.eq_ignore_ascii_case(own.host)
                    && uri.port.unwrap_or(5060) == own.port.unwrap_or(5060);
                if exact { uri.equivalent(&own) } else { alike }
            })
        })
    };
    // A NAT's ALG may have rewritten the only one there is.
    let found = is(true).or_else(|| is(false)).or(match contacts.as_slice() {
        [only] => Some(only),
        _ => None,
    });
    let of = |contact: &NameAddr<'_>| {
        let value = contact.params.get("expires").flatten()?;
        std::str::from_utf8(value).ok()?.parse().ok()
    };
    match found {
        Some(contact) => of(contact).or(usual).unwrap_or(wanted),
        // Some registrars name none.
        None if contacts.is_empty() => usual.unwrap_or(wanted),
        None => 0,
    }
}

fn service_route(message: &Message) -> Vec<Box<[u8]>> {
    let values = message.values(HeaderId::ServiceRoute);
    let fits = |value: &&[u8]| value.len() <= LONGEST_ROUTE && NameAddr::parse(value).is_ok();
    values.filter(fits).take(MAX_ROUTES).map(Box::from).collect()
}

/// RFC 3261 §22.2: once more with credentials; a nonce that is only stale does not count.
fn challenged(core: &mut Core, now: Now, id: u32, message: &Message) {
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    let (trunk, uri, known) = (entry.trunk.clone(), request_uri(entry), credentials(entry));
    let (mut attempt, flow, leaves) = (entry.attempt, entry.flow, entry.leaves());
    let answer = core.answer_challenge(
        &trunk,
        &known,
        &mut attempt,
        message,
        &Method::Register,
        uri.as_bytes(),
        b"",
    );
    if let Some(entry) = core.registrations.get_mut(id) {
        entry.attempt = attempt;
    }
    let (headers, flow) = match (answer, flow) {
        (Ok(headers), Some(flow)) => (headers, flow),
        _ if leaves => return gone(core, id),
        (Err(error), _) => {
            let why = match error {
                DigestError::RejectedAgain => "the registrar does not take our credentials".to_owned(),
                DigestError::NoChallenge
                | DigestError::OtherRealm
                | DigestError::UnknownAlgorithm
                | DigestError::UnknownQop => format!("its challenge cannot be answered: {error}"),
            };
            return auth_failed(core, now, id, why);
        }
        (Ok(_), None) => return,
    };
    if send_with(core, now, id, flow, leaves, Some(headers)) {
        return;
    }
    if leaves {
        gone(core, id);
    } else {
        failed(
            core,
            now,
            id,
            Why::Silent,
            "nothing can be sent to the registrar".to_owned(),
        );
    }
}

/// 423: the shortest that the registrar takes holds from now on.
fn too_brief(core: &mut Core, now: Now, id: u32, message: &Message) {
    let least = message
        .number(HeaderId::MinExpires)
        .filter(|least| *least <= MAX_LEAST);
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    entry.too_brief += 1;
    let longer = least.filter(|least| *least > wanted_seconds(entry));
    let Some(least) = longer.filter(|_| entry.too_brief <= MAX_TOO_BRIEF) else {
        let why = "the registrar finds every time too brief".to_owned();
        return failed(core, now, id, Why::Refused, why);
    };
    entry.least = least;
    // Nothing was wrong with the credentials: another challenge may follow.
    entry.attempt = sip_proto::digest::Attempt::default();
    if !super::round::send(core, now, id, false) {
        failed(
            core,
            now,
            id,
            Why::Silent,
            "nothing can be sent to the registrar".to_owned(),
        );
    }
}

fn auth_failed(core: &mut Core, now: Now, id: u32, why: String) {
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    if entry.state != State::AuthFailed {
        let text = format!("{}: {why}: mend `register` or `auth`", entry.aor());
        let trunk = entry.trunk.clone();
        core.tell(now, EventKind::NotRegistered, &trunk, text);
    }
    settle(core, now, id, State::AuthFailed, Why::Auth, why);
}

/// A round has failed. What the registrar granted before holds until it runs out.
pub(super) fn failed(core: &mut Core, now: Now, id: u32, why: Why, words: String) {
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    // What runs out before the registrar wants to be asked again holds no longer.
    let until = match why {
        Why::Asked(wait) => now.at.checked_add(wait).unwrap_or(now.at),
        Why::Silent | Why::Refused | Why::Auth => now.at,
    };
    let holds = entry.until.is_some_and(|end| end > until);
    let next = if holds { State::Registered } else { State::Failed };
    if entry.why.is_none() || (entry.state != next && entry.state != State::AuthFailed) {
        let still = if holds {
            "; what was granted before still holds"
        } else {
            ""
        };
        let text = format!("{}: {words}{still}", entry.aor());
        let trunk = entry.trunk.clone();
        core.tell(now, EventKind::NotRegistered, &trunk, text);
    }
    settle(core, now, id, next, why, words);
}

fn settle(core: &mut Core, now: Now, id: u32, state: State, why: Why, words: String) {
    let chance = fraction(core);
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    entry.failures = entry.failures.saturating_add(1);
    entry.why = Some(words);
    entry.state = state;
    let mut wait = after_failure(why, entry.failures, chance);
    // At the end of what was granted it is looked at in any case.
    let left = entry.until.map(|until| until.saturating_duration_since(now.at));
    if let (State::Registered, Some(left), Why::Silent | Why::Refused) = (state, left, why) {
        wait = wait.min(left);
    }
    if state != State::Registered {
        entry.until = None;
        entry.since_ms = None;
        entry.service_route.clear();
    }
    let (trunk, required) = (entry.trunk.clone(), entry.wanted.keys.required);
    core.live
        .set_registered(&trunk, state == State::Registered || !required);
    let timer = core.arm(now, wait, Timer::Register(id));
    if let Some(entry) = core.registrations.get_mut(id) {
        entry.timer = Some(timer);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sip_msg::Limits;

    use super::*;

    #[test]
    fn what_is_granted_is_what_stands_at_our_contact() {
        let ours = "sip:me@127.0.0.1:5060";
        for (lines, expected) in [
            ("", 300),
            ("Expires: 120\r\n", 120),
            ("Contact: <sip:me@127.0.0.1:5060>;expires=60\r\n", 60),
            ("Contact: <sip:me@127.0.0.1:5060>\r\nExpires: 120\r\n", 120),
            ("Contact: <sip:me@127.0.0.1:5060>\r\n", 300),
            (
                "Contact: <sip:old@10.0.0.9>;expires=9, <sip:me@127.0.0.1:5060>;expires=60\r\n",
                60,
            ),
            (
                "Contact: <sip:old@10.0.0.9>;expires=9\r\nContact: <sip:me@127.0.0.1>;expires=61\r\n",
                61,
            ),
            (
                "Contact: <sip:me@127.0.0.1:5060;ob;line=x>;expires=62, <sip:o@h>\r\n",
                62,
            ),
            (
                "Contact: <sip:me@127.0.0.1>;pub-gruu=\"sip:me@h;gr=x\";expires=63\r\n",
                63,
            ),
            ("Contact: <sip:me@203.0.113.9:1024>;expires=64\r\n", 64),
            (
                "Contact: <sip:a@10.0.0.9>;expires=9, <sip:b@10.0.0.8>;expires=9\r\n",
                0,
            ),
            ("Contact: <sip:me@127.0.0.1:5060>;expires=0\r\n", 0),
        ] {
            let text = format!(
                "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:a@h>;tag=t\r\n\
                 Call-ID: c\r\nCSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
            );
            let message = sip_msg::parse(Bytes::from(text), &Limits::default()).expect("an answer");
            let said = granted(&message, ours, 300);
            assert_eq!(said, expected, "{lines}");
        }
    }
}
