//! Trunks as an operator sees them: what is held of each target, and of each place that it leads to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use config::{Host, Target};
use route::{HopFailure, HopView, NetworkIx, TargetState, TrunkIx};
use serde::Serialize;
use sip_proto::Hop;

use crate::event::EventKind;
use crate::io::{Command, Now};
use crate::locate::Address;
use crate::switch::Switch;

/// A target of a trunk.
#[derive(Debug, Clone, Serialize)]
pub struct TargetView {
    /// Its SIP URI.
    pub uri: String,
    /// Held to be alive.
    pub up: bool,
    /// `up`, `down`, `recovering` (it gets a share of its calls) or `backing-off` (it has asked to be left alone).
    pub state: &'static str,
    /// Since when it is up or down, milliseconds since 1970; absent when that has not changed since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Why it is not plainly up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// Until when it has asked to be left alone, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Where it leads to, as far as that is known.
    pub places: Vec<PlaceView>,
}

/// A place that a target leads to.
#[derive(Debug, Clone, Serialize)]
pub struct PlaceView {
    /// Its address.
    pub address: SocketAddr,
    /// The transport, as in a Via.
    pub transport: &'static str,
    /// `up`, `failed` (it is left for last), `trial` (it has rested, and the next request tries it) or `unknown`.
    pub state: &'static str,
    /// Since when, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Until when it rests, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// What has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The last status that came from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<u16>,
    /// How long the last answered ping took, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_ms: Option<f64>,
}

impl Switch {
    /// The targets of a trunk.
    #[must_use]
    pub fn targets(&self, now: Now, trunk: &str) -> Vec<TargetView> {
        let core = self.core();
        let snapshot = &core.snapshot;
        let Some(ix) = snapshot.tables.trunk_named(trunk) else {
            return Vec::new();
        };
        let targets = snapshot.trunk(ix).targets.iter().enumerate();
        targets
            .map(|(index, target)| self.target(now, ix, index, target))
            .collect()
    }

    /// Whether a trunk takes no new calls, by its configuration or by command.
    #[must_use]
    pub fn trunk_drains(&self, trunk: &str) -> bool {
        let core = self.core();
        let tables = &core.snapshot.tables;
        tables
            .trunk_named(trunk)
            .is_some_and(|ix| core.live.drains(tables, ix))
    }

    /// Takes no new calls to and from a trunk, or does again. Says whether there is such a trunk.
    pub fn drain_trunk(&mut self, now: Now, trunk: &str, drained: bool, commands: &mut Vec<Command>) -> bool {
        let known = self.core_mut().live.drain(trunk, drained);
        if known {
            let (kind, text) = if drained {
                (EventKind::Draining, "no new calls, by an operator's word")
            } else {
                (EventKind::Resumed, "new calls again, by an operator's word")
            };
            self.core_mut().tell(now, kind, trunk, text.to_owned());
            self.flush(now, commands);
        }
        known
    }

    fn target(&self, now: Now, ix: TrunkIx, index: usize, target: &Target) -> TargetView {
        let core = self.core();
        let tables = &core.snapshot.tables;
        let (state, since) = core.live.target_state(now.at, tables, ix, index);
        let (word, why, until) = match state {
            TargetState::Up => ("up", None, None),
            TargetState::Down { said: true } => ("down", Some("it says so in answer to OPTIONS"), None),
            TargetState::Down { said: false } => ("down", Some("no answer, or nobody to be reached"), None),
            TargetState::Recovering => ("recovering", Some("it has come back lately"), None),
            TargetState::BackingOff(until) => ("backing-off", Some("Retry-After"), Some(until)),
        };
        let network = core.snapshot.network_of(ix);
        let places: Vec<Hop> = match &target.host {
            Host::Ip(_) => {
                let here = Address::of(target).literal(&core.snapshot, network);
                here.into_iter().collect()
            }
            Host::Name(_) => core.live.places(tables, ix, index).to_vec(),
        };
        TargetView {
            uri: target.uri.clone(),
            up: core.live.is_up(tables, ix, index),
            state: word,
            since_ms: since.map(|at| unix(now, at)),
            why,
            until_ms: until.map(|at| unix(now, at)),
            places: places
                .into_iter()
                .map(|hop| self.place(now, network, hop))
                .collect(),
        }
    }

    fn place(&self, now: Now, network: NetworkIx, hop: Hop) -> PlaceView {
        let known: Option<HopView> = self.core().live.hop(now.at, network, hop);
        let failure = known.and_then(|known| known.failure);
        let until = known.and_then(|known| known.until);
        PlaceView {
            address: hop.remote,
            transport: hop.transport.via_name(),
            state: match (known, failure, until) {
                (None, _, _) => "unknown",
                (Some(_), None, _) => "up",
                (Some(_), Some(_), Some(_)) => "failed",
                (Some(_), Some(_), None) => "trial",
            },
            since_ms: known.map(|known| unix(now, known.since)),
            until_ms: until.map(|at| unix(now, at)),
            why: failure.map(|failure| match failure {
                HopFailure::Unreachable => "nobody to be reached".to_owned(),
                HopFailure::Silent => "no answer".to_owned(),
                HopFailure::Refused(status) => format!("it answered {status}"),
            }),
            last_answer: known.and_then(|known| known.last_answer),
            ping_ms: known.and_then(|known| known.round_trip).map(ms),
        }
    }
}

/// Milliseconds, to three digits behind the point.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// A moment of the monotonic clock by the wall clock.
fn unix(now: Now, at: Instant) -> u64 {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let past = ms(now.at.saturating_duration_since(at));
    now.unix_ms
        .saturating_sub(past)
        .saturating_add(ms(at.saturating_duration_since(now.at)))
}
