//! What becomes of a request that begins something, before there is a transaction for it.

use std::sync::Arc;
use std::time::Instant;

use config::UnknownSources;
use route::{SourceMatch, TrunkIx, WhyNot};
use sip_msg::{HeaderId, Message, Method, ParseError};
use sip_proto::{DropReason, Flow, digest};

use super::bans::{Place, Why, ground};
use super::{allows, rates};
use crate::auth;
use crate::call::ALLOW;
use crate::core::Core;
use crate::io::Now;
use crate::orphan;
use crate::trial::TRIAL_LISTENER;

/// Seconds after which a trunk that is too fast may go on.
const RETRY_AFTER: &[u8] = b"1";
/// How many of a trunk's requests may come at once, in seconds of its rate.
const BURST: f64 = 4.0;

/// Whose a flow is.
enum Whose {
    /// A trunk's.
    Trunk(TrunkIx),
    /// A trunk's that is switched off, a registrar's of ours, or a test's.
    Ours,
    /// A trunk's address, but another port.
    Beside,
    Nobody,
}

impl Core {
    fn whose(&self, flow: &Flow) -> Whose {
        if flow.listener == TRIAL_LISTENER {
            return Whose::Ours;
        }
        match self.source(flow, "") {
            SourceMatch::Trunk(ix) => Whose::Trunk(ix),
            SourceMatch::None {
                why: WhyNot::Disabled,
            } => Whose::Ours,
            SourceMatch::None { why } => {
                if self.registrations.registrar_at(&self.snapshot, flow).is_some() {
                    Whose::Ours
                } else if why == WhyNot::Port {
                    Whose::Beside
                } else {
                    Whose::Nobody
                }
            }
        }
    }

    /// Whether what comes by this flow is a trunk's.
    pub(super) fn is_known(&self, flow: &Flow) -> bool {
        matches!(self.whose(flow), Whose::Trunk(_) | Whose::Ours)
    }

    /// Whether a message goes on to its transaction. If not, it has had what it gets.
    pub(crate) fn lets_in(&mut self, now: Now, flow: &Flow, message: &Result<Message, ParseError>) -> bool {
        match message {
            Ok(message) if message.is_request() => self.lets_request_in(now, flow, message),
            Ok(_) => true,
            Err(error) => self.lets_malformed_in(now, flow, error),
        }
    }

    /// Whether a request goes on to its transaction. If not, it has had what it gets.
    pub(crate) fn lets_request_in(&mut self, now: Now, flow: &Flow, message: &Message) -> bool {
        match (message.method(), message.to_tag()) {
            // What belongs to a call of ours. Copies of what was said in one that is over find their transactions, too.
            (_, Some(tag)) if self.tags.get(tag).is_some() || self.endpoint.made(tag) => return true,
            // It may cross ours in a call of the process before.
            (Some(Method::Bye), Some(_)) if orphan::is_hung_up(self, message) => return true,
            (Some(Method::Ack | Method::Cancel), _) => {
                return !self.drops_unknown() || self.may_be_users() || self.is_known(flow);
            }
            (Some(_) | None, _) => {}
        }
        match self.whose(flow) {
            Whose::Trunk(ix) => self.has_room_for(now, flow, message, ix),
            Whose::Ours => true,
            Whose::Beside => self.judge(now, flow, message, false),
            Whose::Nobody => self.judge(now, flow, message, true),
        }
    }

    fn drops_unknown(&self) -> bool {
        self.snapshot.config.edge.unknown_sources == UnknownSources::Drop
    }

    /// Whether a stranger may turn out to be a user of ours.
    fn may_be_users(&self) -> bool {
        self.snapshot.tables.has_roaming_users()
    }

    /// The limit of a trunk, where it has one.
    fn has_room_for(&mut self, now: Now, flow: &Flow, message: &Message, ix: TrunkIx) -> bool {
        let Some(rate) = self.snapshot.trunk(ix).max_rps else {
            return true;
        };
        let burst = (rate * BURST).max(1.0);
        let (tokens, at) = self.edge.trunks.entry(ix.0).or_insert((burst, now.at));
        let passed = now.at.saturating_duration_since(*at).as_secs_f64();
        *tokens = (*tokens + passed * rate).min(burst);
        *at = now.at;
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return true;
        }
        if self.is_emergency(now, flow, message) {
            return true;
        }
        if self.endpoint.is_copy(message) {
            // To its sender the refusal would be the answer to what goes on here.
            return true;
        }
        let headers = vec![(HeaderId::RetryAfter, RETRY_AFTER.to_vec())];
        let out = &mut self.outbox;
        self.endpoint
            .refuse_unkept(flow, message, 503, headers, DropReason::RateLimited, out);
        false
    }

    /// A request of somebody whom we do not know by the address.
    fn judge(&mut self, now: Now, flow: &Flow, message: &Message, counts: bool) -> bool {
        let snapshot = Arc::clone(&self.snapshot);
        let keys = &snapshot.config.edge;
        let (ip, weights) = (ground(flow.remote.ip()), keys.ban.weights);
        if allows(keys, flow.remote.ip()) {
            return true;
        }
        if is_scanner(&keys.scanners, message) {
            self.endpoint.count(DropReason::Scanner);
            let points = u16::try_from(weights.scanner).map_or(f32::MAX, f32::from);
            self.edge.count(now, keys, flow.remote, points, Why::Scanner);
            return false;
        }
        let trusted = self.edge.is_trusted(now.at, ip);
        if !trusted && self.endpoint.loss() > 0.0 {
            // Whoever is known to us goes first.
            self.endpoint.count(DropReason::Overload);
            return false;
        }
        if !self.takes(now.at, ip) {
            self.endpoint.count(DropReason::RateLimited);
            return false;
        }
        if message.to_tag().is_some() && message.method() != Some(&Method::Register) {
            return self.lets_stray_in(flow, message);
        }
        if message.method() == Some(&Method::Options) {
            return self.lets_probe_in(flow, message, trusted);
        }
        if self.may_be_users() {
            if message.header(HeaderId::Authorization).is_some() {
                return self.lets_user_in(now, flow, message);
            }
            self.challenge_unkept(now, flow, message);
            return false;
        }
        self.counters.refused_source += 1;
        let is_message = matches!(message.method(), Some(Method::Message | Method::Notify));
        self.counters.messages_refused += u64::from(is_message);
        if counts {
            let points = u16::try_from(weights.unknown).map_or(f32::MAX, f32::from);
            self.edge
                .count(now, keys, flow.remote, points, Why::UnknownSource);
        }
        if self.drops_unknown() {
            self.endpoint.count(DropReason::SourceUnknown);
        } else {
            let unwanted = message.method() == Some(&Method::Register) && !self.snapshot.tables.has_users();
            let (status, headers) = if unwanted {
                (405, vec![(HeaderId::Allow, ALLOW.into())])
            } else {
                (403, Vec::new())
            };
            let (why, out) = (DropReason::SourceUnknown, &mut self.outbox);
            self.endpoint
                .refuse_unkept(flow, message, status, headers, why, out);
        }
        false
    }

    /// A stranger speaks of a dialog that does not exist.
    fn lets_stray_in(&mut self, flow: &Flow, message: &Message) -> bool {
        self.counters.unknown_dialog += 1;
        let (why, out) = (DropReason::SourceUnknown, &mut self.outbox);
        if self.snapshot.config.edge.unknown_sources == UnknownSources::Drop {
            self.endpoint.count(why);
        } else {
            self.endpoint
                .refuse_unkept(flow, message, 481, Vec::new(), why, out);
        }
        false
    }

    /// Whether we live may be asked by everybody, unless strangers are to hear nothing.
    fn lets_probe_in(&mut self, flow: &Flow, message: &Message, trusted: bool) -> bool {
        if trusted {
            return true;
        }
        if self.drops_unknown() {
            self.endpoint.count(DropReason::SourceUnknown);
            return false;
        }
        let status = if self.draining { 503 } else { 200 };
        let headers = vec![
            (HeaderId::Allow, ALLOW.into()),
            (HeaderId::Accept, b"application/sdp".to_vec()),
        ];
        let (why, out) = (DropReason::SourceUnknown, &mut self.outbox);
        self.endpoint
            .refuse_unkept(flow, message, status, headers, why, out);
        false
    }

    fn takes(&mut self, now: Instant, ip: std::net::IpAddr) -> bool {
        let rates = rates(&self.snapshot.config.edge);
        let key = self.edge.key(ip);
        self.edge
            .meters
            .at(now, key, &rates)
            .is_none_or(|meter| meter.take(&rates))
    }

    /// Unless the user that it says it is has been wrong too often from there.
    fn lets_user_in(&mut self, now: Now, flow: &Flow, message: &Message) -> bool {
        if !self.edge.bans.has_users() {
            return true;
        }
        let Some(user) = digest::username(message) else {
            return true;
        };
        let ip = ground(flow.remote.ip());
        let place = Place::User(ip, self.edge.user_key(ip, &user));
        if !self.edge.bans.has(now.at, place) || self.is_emergency(now, flow, message) {
            return true;
        }
        self.edge.bans.dropped(place);
        self.endpoint.count(DropReason::Banned);
        if !self.edge.is_trusted(now.at, ip) {
            let snapshot = Arc::clone(&self.snapshot);
            let keys = &snapshot.config.edge;
            let points = u16::try_from(keys.ban.weights.password).map_or(f32::MAX, f32::from);
            let share = points * super::AGAIN;
            self.edge.count(now, keys, flow.remote, share, Why::WrongPassword);
        }
        false
    }

    /// Asks for credentials; nothing is kept until somebody has some.
    fn challenge_unkept(&mut self, now: Now, flow: &Flow, message: &Message) {
        self.counters.challenges += 1;
        let lines = auth::challenge(self, now, false);
        let headers = lines
            .into_iter()
            .map(|line| (HeaderId::WwwAuthenticate, line.into_bytes()))
            .collect();
        let (why, out) = (DropReason::SourceUnproved, &mut self.outbox);
        self.endpoint.refuse_unkept(flow, message, 401, headers, why, out);
    }

    fn lets_malformed_in(&mut self, now: Now, flow: &Flow, error: &ParseError) -> bool {
        if error.defect == sip_msg::Defect::KeepAlive || self.is_known(flow) {
            return true;
        }
        let snapshot = Arc::clone(&self.snapshot);
        let keys = &snapshot.config.edge;
        let ip = ground(flow.remote.ip());
        let points = u16::try_from(keys.ban.weights.malformed).map_or(f32::MAX, f32::from);
        self.edge.count(now, keys, flow.remote, points, Why::Malformed);
        let answers =
            !self.drops_unknown() || self.edge.is_trusted(now.at, ip) || allows(keys, flow.remote.ip());
        if answers && self.takes(now.at, ip) {
            return true;
        }
        self.endpoint.count(DropReason::Malformed);
        false
    }
}

/// Whether a request says that it is a scanner's: few trouble to say anything else.
fn is_scanner(names: &[String], message: &Message) -> bool {
    let said = [HeaderId::UserAgent, HeaderId::From];
    let mut said = said.iter().filter_map(|id| message.header(*id));
    said.any(|said| names.iter().any(|name| contains(said, name.as_bytes())))
}

/// Whether `name` stands in `text`, in any case of letters.
fn contains(text: &[u8], name: &[u8]) -> bool {
    !name.is_empty()
        && text
            .windows(name.len())
            .any(|part| part.eq_ignore_ascii_case(name))
}
