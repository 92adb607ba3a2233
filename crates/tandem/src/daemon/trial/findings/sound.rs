//! What the call has shown of sound: how soon, in which codec, whether both are heard.

use std::time::Instant;

use api::Check;
use config::Dtmf;
use sip_msg::Message;

use super::{Facts, Leg};
use crate::daemon::trial::ua::session;

/// Post-dial delay and early media.
pub(super) fn delay(leg: &Leg<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let Some(invite) = leg.invites().last() else {
        return checks;
    };
    let since = |at: Instant| at.saturating_duration_since(invite.at).as_millis();
    let first = leg.progress().next().or_else(|| leg.answered());
    if let Some(first) = first {
        let (took, status) = (since(first.at), first.message.status().unwrap_or_default());
        let says = format!("{took} ms to {status}");
        checks.push(if took > 6000 {
            Check::note("pdd", format!("{says}: long")).key("failover.progress")
        } else {
            Check::works("pdd", says)
        });
    }
    let early = leg.progress().find(|p| session(&p.message).is_some());
    checks.push(match early {
        Some(early) => Check::works(
            "early-media",
            format!("with {}", early.message.status().unwrap_or_default()),
        ),
        None => Check::note(
            "early-media",
            "none: callers hear the tone of their own equipment, or `ringback`",
        ),
    });
    checks
}

pub(super) fn codecs(facts: &Facts<'_>, leg: &Leg<'_>) -> Vec<Check> {
    let names = |message: &Message| -> Vec<String> {
        let sdp = session(message);
        let media = sdp.as_ref().and_then(|sdp| sdp.media().first());
        let codecs = media.into_iter().flat_map(|media| media.codecs());
        codecs
            .filter(|codec| !codec.is_auxiliary())
            .map(|codec| codec.name.to_owned())
            .collect()
    };
    let offered = leg
        .invites()
        .last()
        .map(|p| names(&p.message))
        .unwrap_or_default();
    let said = leg.answered().into_iter().chain(leg.progress());
    let taken = said.map(|p| names(&p.message)).find(|names| !names.is_empty());
    let Some(taken) = taken else {
        return vec![
            Check::fails("codecs", "its answer names none that we know").key("codecs = [\"PCMA\", \"PCMU\"]"),
        ];
    };
    let says = format!("offered {}; taken {}", offered.join(", "), taken.join(", "));
    let mut checks = vec![Check::works("codecs", says)];
    if let (Some(theirs), Some(ours)) = (taken.first(), &facts.outcome.codec)
        && !ours
            .to_ascii_lowercase()
            .starts_with(&theirs.to_ascii_lowercase())
    {
        checks.push(Check::note("codecs", format!("{theirs} was converted to {ours}")));
    }
    checks
}

pub(super) fn digits(facts: &Facts<'_>, leg: &Leg<'_>) -> Option<Check> {
    let has = |message: &Message| {
        let sdp = session(message)?;
        let media = sdp.media().first()?;
        Some(media.codecs().any(|codec| codec.is_event()))
    };
    let offered = leg
        .invites()
        .last()
        .and_then(|p| has(&p.message))
        .unwrap_or_default();
    let mut said = leg.answered().into_iter().chain(leg.progress());
    let taken = said.find_map(|p| has(&p.message)).unwrap_or_default();
    match (offered, taken) {
        (_, true) => Some(Check::works("dtmf", "telephone-event")),
        (true, false) if facts.trunk.dtmf == Dtmf::Auto || facts.trunk.dtmf == Dtmf::Rfc4733 => Some(
            Check::fails("dtmf", "peer takes no telephone events")
                .key("dtmf = \"inband\", or \"info\" if it takes that"),
        ),
        (true | false, false) => Some(Check::note("dtmf", "no telephone events were offered, by `dtmf`")),
    }
}

/// Both ways: a tone out, whatever comes in.
pub(super) fn audio(facts: &Facts<'_>) -> Vec<Check> {
    let heard = facts.heard;
    let mut checks = Vec::new();
    let level = heard
        .level()
        .map_or_else(String::new, |level| format!(", level {level:.0} dBov"));
    if heard.packets > 0 {
        let says = format!(
            "{} packets, {} lost, jitter {:.1} ms{level}",
            heard.packets,
            heard.lost(),
            heard.jitter * 1000.0
        );
        let silent = heard.level().is_some_and(|level| level < -60.0);
        checks.push(if silent {
            Check::note("audio-in", format!("{says}: silence"))
        } else {
            Check::works("audio-in", says)
        });
    } else {
        let strange = facts
            .outcome
            .relay
            .is_some_and(|relay| relay.packets == 0 && relay.dropped > 0);
        checks.push(if strange {
            Check::fails(
                "audio-in",
                "its media comes from another address than its SDP says",
            )
            .key("symmetric_rtp = true")
        } else if facts.outcome.relay.is_some_and(|relay| relay.packets > 0) {
            Check::fails("audio-in", "its media came and could not be converted").key("transcode")
        } else {
            Check::fails("audio-in", "nothing came: is its way to our media address open?")
                .key("network, or media.advertise, where NAT stands in front of us")
        });
    }
    let sent = facts.outcome.relay.map_or(heard.sent, |relay| relay.sent);
    checks.push(if sent > 0 {
        Check::works(
            "audio-out",
            format!("{sent} packets of a tone of 1004 Hz were sent to it"),
        )
    } else {
        Check::fails("audio-out", "nothing could be sent to it")
    });
    checks
}
