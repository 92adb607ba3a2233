//! Who a request is from: by the address it comes from, by a registration of ours, or by a password.
//!
//! `sources` and `users` of a trunk are what it may be known by; its `auth` is what we are known by there, and never makes us challenge.
//! Requests within a dialog are not challenged: whoever knows our tag, a hundred random bits, was there when it was made.

use std::sync::Arc;
use std::time::Instant;

use config::{Challenge, Config, DigestAlgorithm};
use route::{SourceMatch, TrunkIx, UserIx};
use sip_msg::HeaderId;
use sip_proto::digest::{Algorithm, Name, Policy, Secret, Server, Verdict};
use sip_proto::{Flow, Mint, reply};

use crate::core::{Asked, Core};
use crate::io::Now;

/// Users that a hashed name is looked for among. We never ask for one, so nearly nobody sends any.
const HASHED: usize = 100;

/// Our challenges.
pub(crate) struct Access {
    server: Server,
    algorithms: Vec<Algorithm>,
}

impl Access {
    pub(crate) fn new(now: Instant, mint: &mut Mint, config: &Config) -> Self {
        Self {
            server: Server::new(now, mint),
            algorithms: algorithms(config),
        }
    }

    /// Takes a new configuration's keys. Nonces stay good.
    pub(crate) fn install(&mut self, config: &Config) {
        self.algorithms = algorithms(config);
    }
}

fn algorithms(config: &Config) -> Vec<Algorithm> {
    let one = |algorithm: &DigestAlgorithm| match algorithm {
        DigestAlgorithm::Md5 => Algorithm::Md5,
        DigestAlgorithm::Sha256 => Algorithm::Sha256,
        DigestAlgorithm::Sha512Cut => Algorithm::Sha512Cut,
    };
    config.digest.algorithms.iter().map(one).collect()
}

fn policy<'a>(config: &'a Config, algorithms: &'a [Algorithm]) -> Policy<'a> {
    Policy {
        realm: config.digest.realm.as_deref().unwrap_or(&config.node.name),
        algorithms,
        integrity: config.digest.integrity,
        lifetime: config.digest.nonce_lifetime,
    }
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has no credentials that are right: it is told how to prove itself.
    Challenged {
        /// They were right but for their nonce.
        stale: bool,
    },
    /// It gets this status.
    Status(u16),
}

/// The trunk that a request to `called` is from.
pub(crate) fn caller(core: &mut Core, now: Now, asked: &Asked, called: &str) -> Result<TrunkIx, Refused> {
    let snapshot = Arc::clone(&core.snapshot);
    let tables = &snapshot.tables;
    let remote = asked.flow.remote;
    if let Some(ix) = core.registrations.called_at(&snapshot, &asked.flow, called) {
        return Ok(ix);
    }
    match core.source(&asked.flow, called) {
        SourceMatch::Trunk(ix) if is_enough(tables.trunk(ix)) || is_proved(core, &asked.flow, ix) => Ok(ix),
        SourceMatch::Trunk(_) => user(core, now, asked).map(|user| user.trunk),
        SourceMatch::None { why } => {
            if let Some(ix) = core.registrations.registrar_at(&snapshot, &asked.flow) {
                return Ok(ix);
            }
            if tables.has_roaming_users() {
                return user(core, now, asked).map(|user| user.trunk);
            }
            core.counters.refused_source += 1;
            tracing::debug!(source = %remote, %why, "a request from nobody we know");
            Err(Refused::Status(403))
        }
    }
}

/// Whether the peer has shown a certificate for one of the trunk's names: it need not know a password on top.
fn is_proved(core: &Core, flow: &Flow, ix: TrunkIx) -> bool {
    let names = flow.conn.map_or(&[] as &[_], |conn| core.names_of(conn));
    let own = &core.snapshot.trunk(ix).tls_names;
    names
        .iter()
        .any(|name| own.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

/// Whether it is enough for a request of this trunk to come from one of its sources.
pub(crate) fn is_enough(trunk: &config::Trunk) -> bool {
    trunk.users.is_empty() || trunk.challenge == Challenge::Elsewhere
}

/// The user whose credentials a request has.
pub(crate) fn user(core: &mut Core, now: Now, asked: &Asked) -> Result<UserIx, Refused> {
    let snapshot = Arc::clone(&core.snapshot);
    let tables = &snapshot.tables;
    let network = snapshot.network_at(&asked.flow);
    let policy = policy(&snapshot.config, &core.access.algorithms);
    let (mut named, mut exists) = (String::new(), false);
    let verdict = core.access.server.check(now.at, &policy, &asked.message, |name| {
        let ix = match name {
            Name::Plain(name) => {
                named.push_str(name);
                tables.user(name)
            }
            Name::Hashed { .. } => {
                let mut users = tables.users().take(HASHED);
                users.find(|(_, user)| name.is(&user.username)).map(|(ix, _)| ix)
            }
        };
        let user = tables.user_at(ix?)?;
        exists = true;
        Some(Secret {
            key: ix?,
            username: &user.username,
            password: user.password.expose(),
        })
    });
    match verdict {
        Verdict::Known(ix) if tables.may_come_from(ix.trunk, network, asked.flow.remote) => {
            core.note_proved(now, &asked.flow);
            Ok(ix)
        }
        Verdict::Known(_) => {
            core.counters.refused_source += 1;
            tracing::debug!(source = %asked.flow.remote, "a user calls from where it may not");
            Err(Refused::Status(403))
        }
        Verdict::Absent => Err(Refused::Challenged { stale: false }),
        Verdict::Stale => Err(Refused::Challenged { stale: true }),
        Verdict::Wrong => {
            failed(core, now, asked, &named, exists);
            Err(Refused::Challenged { stale: false })
        }
        Verdict::Unusable => Err(Refused::Status(400)),
    }
}

/// Somebody does not know a password. What counts against a source is this, and no request without credentials.
fn failed(core: &mut Core, now: Now, asked: &Asked, user: &str, exists: bool) {
    core.counters.auth_failed += 1;
    core.note_failed(now, &asked.flow, user, exists);
    tracing::debug!(source = %asked.flow.remote, method = ?asked.message.method(), "wrong credentials");
}

/// The values of WWW-Authenticate for a fresh challenge.
pub(crate) fn challenge(core: &mut Core, now: Now, stale: bool) -> Vec<String> {
    let snapshot = Arc::clone(&core.snapshot);
    let policy = policy(&snapshot.config, &core.access.algorithms);
    let mint = core.endpoint.mint();
    core.access.server.challenge(now.at, &policy, stale, mint)
}

/// Says no. The answer to a wrong password is that to a first request: nobody learns which names there are.
pub(crate) fn refuse(core: &mut Core, now: Now, asked: &Asked, refused: Refused) {
    let stale = match refused {
        Refused::Status(status) => return core.answer(now, asked, status, None),
        Refused::Challenged { stale } => stale,
    };
    core.counters.challenges += 1;
    let lines = challenge(core, now, stale);
    let tag = core.tag();
    let mut writer = reply(&asked.message, &asked.flow, 401, None, Some(&tag));
    for line in lines {
        writer.header(HeaderId::WwwAuthenticate, line.as_bytes());
    }
    if let Some(agent) = &core.snapshot.config.sip.user_agent {
        writer.header(HeaderId::Server, agent.as_bytes());
    }
    core.respond(now, asked.id, writer.finish());
}
