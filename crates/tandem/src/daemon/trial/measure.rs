//! What a test call by the clock has shown, in figures.

use std::time::Duration;

use super::findings::{Leg, came_back};
use super::line::Passed;
use super::seat::Seat;
use super::ua::{Outcome, session};
use super::voice::{Heard, Tone};

/// What one side has heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sound {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) jitter_ms: f64,
    /// Mean level in dBov; `None`: nothing that could be decoded.
    pub(crate) level: Option<f64>,
    /// How much of it was the tone of the other side (of an echo: our own), 0 to 1.
    pub(crate) tone: Option<f64>,
    pub(crate) mos: Option<f64>,
    pub(crate) digits: String,
}

impl Sound {
    fn of(heard: &Heard, tone: Tone, codec: &str) -> Self {
        Self {
            packets: heard.packets,
            lost: heard.lost(),
            jitter_ms: heard.jitter * 1000.0,
            level: heard.level(),
            tone: heard.share(tone),
            mos: heard.mos(codec),
            digits: heard.digits.clone(),
        }
    }
}

/// What came back of a call to a number of ours.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Returned {
    /// Where the caller stood, or who stood there; `None`: no call has come.
    pub(crate) caller: Option<Result<String, String>>,
    /// It came to the test, which has answered it.
    pub(crate) answered: bool,
    /// What was heard there.
    pub(crate) sound: Sound,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Measured {
    /// The call's id in records.
    pub(crate) call: Option<String>,
    /// An INVITE has left for the trunk: what became of it is the trunk's.
    pub(crate) sent: bool,
    /// The final status that the caller heard, with its phrase.
    pub(crate) status: Option<(u16, String)>,
    pub(crate) answered: bool,
    /// The called side hung up while we talked.
    pub(crate) cut_off: bool,
    pub(crate) pdd: Option<Duration>,
    /// The codec that the trunk has taken.
    pub(crate) codec: Option<String>,
    /// Telephone events are agreed with it.
    pub(crate) events: bool,
    /// What the caller has heard.
    pub(crate) heard: Sound,
    /// Of numbers of ours.
    pub(crate) returned: Option<Returned>,
}

/// Puts it together.
pub(super) fn measured(
    passed: &[Passed],
    outcome: &Outcome,
    heard: &Heard,
    seat: Option<&Seat>,
    caller: &str,
) -> Measured {
    let leg = Leg::last(passed);
    let agreed = leg.as_ref().and_then(agreed);
    let spoken = outcome.codec.clone().unwrap_or_default();
    let answerer = if seat.is_some() {
        Tone::Called
    } else {
        Tone::Caller
    };
    Measured {
        call: None,
        sent: leg.is_some(),
        status: outcome.status.clone(),
        answered: outcome.answered,
        cut_off: outcome.cut_off,
        pdd: leg.as_ref().and_then(pdd),
        codec: agreed.as_ref().map(|(codec, _)| codec.clone()),
        events: agreed.is_some_and(|(_, events)| events),
        heard: Sound::of(heard, answerer, &spoken),
        returned: seat.map(|seat| Returned {
            caller: came_back(passed, caller),
            answered: seat.came(),
            sound: Sound::of(&seat.heard(), Tone::Caller, &spoken),
        }),
    }
}

/// From our INVITE to the first word of the called side.
fn pdd(leg: &Leg<'_>) -> Option<Duration> {
    let invite = leg.invites().last()?;
    let first = leg.progress().next().or_else(|| leg.answered())?;
    Some(first.at.saturating_duration_since(invite.at))
}

/// The codec of the trunk's answer, and whether it has telephone events.
fn agreed(leg: &Leg<'_>) -> Option<(String, bool)> {
    let answers = leg.answered().into_iter().chain(leg.progress());
    let sdp = answers.filter_map(|p| session(&p.message)).next()?;
    let media = sdp.media().first()?;
    let codec = media.codecs().find(|codec| !codec.is_auxiliary())?;
    let name = format!("{}/{}", codec.name, codec.clock);
    Some((name, media.codecs().any(|codec| codec.is_event())))
}
