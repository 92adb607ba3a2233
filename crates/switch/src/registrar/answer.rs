//! A REGISTER: whose it is, what it changes, what it is answered (RFC 3261 §10.3).

use std::sync::Arc;
use std::time::Duration;

use config::Registrar as Keys;
use route::{SourceMatch, UserIx};
use sip_msg::{HeaderId, Message, SipUri};
use sip_proto::reply;

use super::contact::{Update, Wanted, path, wanted};
use super::{Binding, keep, store};
use crate::auth::{self, Refused};
use crate::core::{Asked, Core};
use crate::io::Now;

/// Seconds after which a phone that found the registrar full may ask again.
const RETRY_AFTER: u32 = 60;

/// Answers a REGISTER.
pub(crate) fn on_register(core: &mut Core, now: Now, asked: &Asked) {
    if !core.snapshot.tables.has_users() {
        return core.answer(now, asked, 405, None);
    }
    let user = match whose(core, now, asked) {
        Ok(user) => user,
        Err(refused) => return auth::refuse(core, now, asked, refused),
    };
    let snapshot = Arc::clone(&core.snapshot);
    let Some(username) = snapshot.tables.user_at(user).map(|user| user.username.as_str()) else {
        return;
    };
    match register(core, now, asked, username) {
        Ok(()) => accept(core, now, asked, username),
        Err(status) => refuse(core, now, asked, status),
    }
}

/// The user whose registration this is: the one that has authenticated, or, where the source is enough, the one that is named.
fn whose(core: &mut Core, now: Now, asked: &Asked) -> Result<UserIx, Refused> {
    let snapshot = Arc::clone(&core.snapshot);
    let tables = &snapshot.tables;
    let to = SipUri::parse(asked.message.to().uri).ok();
    let to = to
        .map(|uri| uri.user_unescaped().into_owned())
        .unwrap_or_default();
    let named = String::from_utf8_lossy(&to);
    let source = core.source(&asked.flow, &named);
    if matches!(source, SourceMatch::None { .. }) && !tables.has_roaming_users() {
        core.counters.refused_source += 1;
        return Err(Refused::Status(403));
    }
    let trusted = match source {
        SourceMatch::Trunk(ix) if auth::is_enough(tables.trunk(ix)) && !tables.trunk(ix).users.is_empty() => {
            Some(ix)
        }
        SourceMatch::Trunk(_) | SourceMatch::None { .. } => None,
    };
    if let Some(trunk) = trusted {
        let found = tables.user(&named).filter(|user| user.trunk == trunk);
        return found.ok_or(Refused::Status(404));
    }
    let ix = auth::user(core, now, asked)?;
    let own = tables.user_at(ix).is_some_and(|user| {
        let digits = named.strip_prefix('+').unwrap_or(&named);
        let number = |pattern: &config::Pattern| !pattern.prefix && pattern.digits == digits;
        *user.username == *named || user.numbers.iter().any(number)
    });
    // RFC 3261 §10.3 step 4: nobody registers for somebody else.
    if own { Ok(ix) } else { Err(Refused::Status(403)) }
}

/// Makes the changes that are asked for, all or none.
fn register(core: &mut Core, now: Now, asked: &Asked, user: &str) -> Result<(), u16> {
    let message = &asked.message;
    let snapshot = Arc::clone(&core.snapshot);
    let keys = &snapshot.config.registrar;
    let updates = match wanted(message)? {
        Wanted::Fetch => return Ok(()),
        Wanted::RemoveAll => {
            let mine = core.registrar.users.get(user);
            in_order(mine.into_iter().flatten(), message)?;
            for binding in core.registrar.users.remove(user).unwrap_or_default() {
                keep::forget(core, binding);
            }
            told(user, false);
            store::changed(core, now);
            return Ok(());
        }
        Wanted::Update(updates) => updates,
    };
    let path = path(message).ok_or(400_u16)?;
    let kept = updates.iter().filter(|update| update.expires != Some(0));
    if kept.count() > usize::from(keys.max_contacts) {
        return Err(403);
    }
    let mine = core
        .registrar
        .users
        .get(user)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let affected = |update: &Update<'_>| mine.iter().find(|binding| binding.is(update));
    in_order(updates.iter().filter_map(affected), message)?;
    let least = seconds(keys.min_expires);
    let too_brief = |expires: u32| expires > 0 && expires < least && expires < 3600;
    if updates.iter().any(|update| update.expires.is_some_and(too_brief)) {
        return Err(423);
    }
    let new = updates
        .iter()
        .filter(|update| update.expires != Some(0) && affected(update).is_none());
    let most = usize::try_from(keys.max_bindings).unwrap_or(usize::MAX);
    if core.registrar.len() + new.count() > most {
        tracing::debug!(user, "the registrar is full");
        return Err(503);
    }
    let was = !mine.is_empty();
    for update in &updates {
        change(core, now, asked, user, update, &path, keys);
    }
    let is = core
        .registrar
        .users
        .get(user)
        .is_some_and(|mine| !mine.is_empty());
    if was != is {
        told(user, is);
    }
    store::changed(core, now);
    Ok(())
}

fn told(user: &str, registered: bool) {
    if registered {
        tracing::info!(user, "registered");
    } else {
        tracing::info!(user, "no longer registered");
    }
}

/// RFC 3261 §10.3 step 7: what came with the same Call-ID before this and was sent after it holds.
fn in_order<'b>(mut bindings: impl Iterator<Item = &'b Binding>, message: &Message) -> Result<(), u16> {
    let late = |binding: &Binding| *binding.call_id == *message.call_id() && message.cseq().0 <= binding.cseq;
    if bindings.any(late) { Err(500) } else { Ok(()) }
}

fn change(
    core: &mut Core,
    now: Now,
    asked: &Asked,
    user: &str,
    update: &Update<'_>,
    path: &[Box<[u8]>],
    keys: &Keys,
) {
    let mut since_ms = now.unix_ms;
    let mine = core.registrar.users.entry(user.into()).or_default();
    if let Some(at) = mine.iter().position(|binding| binding.is(update)) {
        let old = mine.swap_remove(at);
        since_ms = old.since_ms;
        keep::forget(core, old);
    }
    let (least, most) = (seconds(keys.min_expires), seconds(keys.max_expires));
    let expires = match update.expires {
        Some(0) => {
            if core.registrar.users.get(user).is_some_and(Vec::is_empty) {
                core.registrar.users.remove(user);
            }
            return;
        }
        Some(expires) => expires,
        None => seconds(keys.default_expires),
    };
    let expires = expires.clamp(least.min(3600).min(most), most);
    make_room(core, user, usize::from(keys.max_contacts));
    let message = &asked.message;
    let agent = message.header(HeaderId::UserAgent).map(String::from_utf8_lossy);
    let binding = Binding {
        id: 0,
        uri: Box::from(update.uri),
        params: Box::from(update.params.as_slice()),
        q: update.q,
        instance: update
            .instance
            .clone()
            .map(|(instance, reg)| (instance.into_boxed_slice(), reg)),
        call_id: Box::from(message.call_id()),
        cseq: message.cseq().0,
        path: path.into(),
        agent: agent.map(|agent| agent.chars().take(128).collect::<String>().into_boxed_str()),
        flow: asked.flow,
        since_ms,
        refreshed: now.at,
        expires: now.at + Duration::from_secs(expires.into()),
        timer: None,
        asked: None,
        missed: 0,
    };
    keep::keep(core, now, user, binding);
}

/// One contact too many: the one that was refreshed longest ago gives way. A phone that comes from another port after each start
/// leaves contacts behind that nobody will ever remove.
fn make_room(core: &mut Core, user: &str, most: usize) {
    while let Some(mine) = core
        .registrar
        .users
        .get_mut(user)
        .filter(|mine| mine.len() >= most)
    {
        let oldest = mine
            .iter()
            .enumerate()
            .min_by_key(|(_, binding)| binding.refreshed);
        let Some(at) = oldest.map(|(at, _)| at) else {
            return;
        };
        let old = mine.swap_remove(at);
        keep::forget(core, old);
    }
}

impl Binding {
    /// Whether it is what the update is about: the same instance of a user agent on the same flow (RFC 5626 §6), or else the same
    /// URI (RFC 3261 §19.1.4).
    fn is(&self, update: &Update<'_>) -> bool {
        if let (Some((instance, id)), Some((other, other_id))) = (&self.instance, &update.instance)
            && *id != 0
        {
            return **instance == **other && id == other_id;
        }
        match (SipUri::parse(&self.uri), SipUri::parse(update.uri)) {
            (Ok(a), Ok(b)) => a.equivalent(&b),
            _ => *self.uri == *update.uri,
        }
    }
}

/// 200 with everything that is registered now (RFC 3261 §10.3 step 8, RFC 3327 §5.3).
fn accept(core: &mut Core, now: Now, asked: &Asked, user: &str) {
    let tag = core.tag();
    let mut writer = reply(&asked.message, &asked.flow, 200, None, Some(&tag));
    for binding in core.registrar.users.get(user).into_iter().flatten() {
        // Rounded up, as the phone counts from now.
        let left = binding
            .expires
            .saturating_duration_since(now.at)
            .as_millis()
            .div_ceil(1000);
        writer.parts(HeaderId::Contact, |value| {
            value.text("<").text(&binding.uri).text(">").text(&binding.params);
            value.text(";expires=").number(u64::try_from(left).unwrap_or(0));
        });
    }
    writer.copy(&asked.message, HeaderId::Path);
    writer.header(HeaderId::Supported, b"path");
    finish(core, now, asked, writer);
}

fn refuse(core: &mut Core, now: Now, asked: &Asked, status: u16) {
    let tag = core.tag();
    let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
    match status {
        423 => {
            let least = seconds(core.snapshot.config.registrar.min_expires);
            writer.header_fmt(HeaderId::MinExpires, format_args!("{least}"));
        }
        503 => {
            writer.header_fmt(HeaderId::RetryAfter, format_args!("{RETRY_AFTER}"));
        }
        _ => {}
    }
    finish(core, now, asked, writer);
}

fn finish(core: &mut Core, now: Now, asked: &Asked, mut writer: sip_msg::Writer) {
    if let Some(agent) = &core.snapshot.config.sip.user_agent {
        writer.header(HeaderId::Server, agent.as_bytes());
    }
    core.respond(now, asked.id, writer.finish());
}

/// Whole seconds, one at least.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}
