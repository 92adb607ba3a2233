//! Telephone events (RFC 4733): who is offered them, who is answered them, and how each side's digits are written.

use std::sync::Arc;

use config::{Dtmf, Trunk};
use rtp_proto::control::{Audio, Digits, Said};
use sdp::{Codec, Media, PtMapping};
use smallvec::SmallVec;

use super::codecs::Spoken;
use super::convert::{self, Numbers};
use crate::call::leg::Leg;
use crate::snapshot::Snapshot;

/// Names of formats that a trunk is not written.
pub(super) fn hidden(trunk: &Trunk) -> &'static [&'static [u8]] {
    if takes(trunk) { &[] } else { &[b"telephone-event"] }
}

/// Whether a trunk writes digits as events, if it can.
fn takes(trunk: &Trunk) -> bool {
    match trunk.dtmf {
        Dtmf::Auto | Dtmf::Rfc4733 => true,
        Dtmf::Info | Dtmf::Inband => false,
    }
}

/// Events for an offer to `y` of an offerer whose digits come by other means: on each clock that is offered.
pub(super) fn offer(offered: &Media, x: &Trunk, y: &Trunk, added: &mut SmallVec<[Codec<'static>; 4]>) {
    if takes(x) || !takes(y) || offered.kind() != sdp::Kind::Audio {
        return;
    }
    let mut numbers = Numbers::beside(offered);
    added.iter().for_each(|codec| numbers.leave(codec.pt));
    for clock in [8_000, 48_000] {
        let spoken = |codec: &Codec<'_>| !codec.is_auxiliary() && codec.clock == clock;
        let has = |codec: &Codec<'_>| codec.is_event() && codec.clock == clock;
        let wanted = offered.codecs().any(|codec| spoken(&codec)) || added.iter().any(spoken);
        if wanted
            && !offered.codecs().any(|codec| has(&codec))
            && !added.iter().any(has)
            && let Some(pt) = numbers.take(u8::MAX)
        {
            added.push(Codec {
                pt,
                name: "telephone-event",
                clock,
                channels: 1,
                fmtp: Some("0-15"),
            });
        }
    }
}

/// The offerer's events, which are answered although the answerer was not offered any: its digits are written otherwise.
pub(super) fn answer<'a>(
    offered: &'a Media,
    mapping: &PtMapping,
    [x, y]: [&Trunk; 2],
) -> SmallVec<[Codec<'a>; 1]> {
    if !takes(x) || takes(y) {
        return SmallVec::new();
    }
    let spoken =
        |codec: &Codec<'_>| !codec.is_auxiliary() && mapping.pairs().iter().any(|pair| pair.a == codec.pt);
    let clock = offered.codecs().find(spoken).map_or(8_000, |codec| codec.clock);
    let event = |clock| {
        offered
            .codecs()
            .find(|codec| codec.is_event() && codec.clock == clock)
    };
    event(clock).or_else(|| event(8_000)).into_iter().collect()
}

/// Whether the answerer's digits are heard by us alone, so that the offerer's events are answered in any case.
pub(super) fn apart(y: &Trunk) -> bool {
    !takes(y)
}

/// The events of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// The payload type that it takes them with, and their clock.
    pub(crate) taken: Option<(u8, u32)>,
    /// With which they come from it.
    pub(crate) heard: SmallVec<[u8; 2]>,
}

impl Events {
    /// Of a side whose codec is converted.
    pub(super) fn of(audio: &Audio) -> Self {
        Self {
            taken: audio.events,
            heard: audio.events.iter().map(|(pt, _)| *pt).collect(),
        }
    }
}

/// The events of the offerer and of the answerer after an answer; `own`: events that only the offerer has.
pub(super) fn agreed(
    offered: &Media,
    answered: &Media,
    spoken: &Spoken,
    own: Option<Codec<'_>>,
    trunks: [&Trunk; 2],
) -> [Events; 2] {
    let mut events = match spoken {
        Spoken::Same { mapping, .. } => shared(offered, answered, mapping, own),
        Spoken::Converted(converted) => [Events::of(&converted.x), Events::of(&converted.y)],
        Spoken::Facsimile => Default::default(),
    };
    for (events, trunk) in events.iter_mut().zip(trunks) {
        if !takes(trunk) {
            *events = Events::default();
        }
    }
    events
}

/// The same where both speak one codec.
fn shared(offered: &Media, answered: &Media, mapping: &PtMapping, own: Option<Codec<'_>>) -> [Events; 2] {
    let clock = mapping
        .pairs()
        .iter()
        .filter_map(|pair| offered.codec_of(pair.a))
        .find(|codec| !codec.is_auxiliary())
        .map(|codec| codec.clock);
    let event = |pair: &&sdp::PtPair| offered.codec_of(pair.a).is_some_and(|codec| codec.is_event());
    let on_clock = |pair: &&sdp::PtPair| offered.codec_of(pair.a).map(|codec| codec.clock) == clock;
    let pairs = mapping.pairs();
    let pair = pairs
        .iter()
        .filter(event)
        .find(on_clock)
        .or_else(|| pairs.iter().find(event));
    let Some(pair) = pair else {
        let taken = own.map(|codec| (codec.pt, codec.clock));
        let of_x = Events {
            taken,
            heard: taken.iter().map(|(pt, _)| *pt).collect(),
        };
        return [of_x, added(offered, answered)];
    };
    let clock = offered.codec_of(pair.a).map_or(8_000, |codec| codec.clock);
    let heard = |crossing: &mut dyn Iterator<Item = (u8, u8)>, to: u8| {
        crossing
            .filter(|(_, leaves)| *leaves == to)
            .map(|(arrives, _)| arrives)
            .collect()
    };
    let of_y = Events {
        taken: Some((pair.b, clock)),
        heard: heard(&mut mapping.from_b(), pair.a),
    };
    let of_x = Events {
        taken: Some((pair.a, clock)),
        heard: heard(&mut mapping.from_a(), pair.b),
    };
    [of_x, of_y]
}

/// The events of an answerer that the offerer has not: they were added to the offer.
fn added(offered: &Media, answered: &Media) -> Events {
    let clock = answered
        .codecs()
        .find(|codec| !codec.is_auxiliary())
        .map(|codec| codec.clock);
    let new = |codec: &Codec<'_>| {
        let known = |other: Codec<'_>| other.is_event() && other.clock == codec.clock;
        codec.is_event() && !offered.codecs().any(known)
    };
    let event = answered
        .codecs()
        .filter(new)
        .find(|codec| Some(codec.clock) == clock)
        .or_else(|| answered.codecs().find(new));
    let taken = event.map(|codec| (codec.pt, codec.clock));
    Events {
        taken,
        heard: taken.iter().map(|(pt, _)| *pt).collect(),
    }
}

/// With which numbers the answerer's events come, where we have added them to what it was offered (`ours`); `None`: they are the
/// offerer's as well.
pub(super) fn arriving(
    of_y: &Events,
    ours: &dyn Fn() -> Option<Media>,
    answered: &Media,
    spoken: &Spoken,
) -> Option<SmallVec<[u8; 2]>> {
    let (taken, clock) = of_y.taken?;
    let crosses = match spoken {
        Spoken::Same { mapping, .. } => mapping.pairs().iter().any(|pair| pair.b == taken),
        Spoken::Converted(_) | Spoken::Facsimile => false,
    };
    let event = |codec: &Codec<'_>| codec.is_event() && codec.clock == clock;
    (!crosses).then(|| {
        let ours = ours();
        let arriving = convert::arriving(ours.as_ref(), answered);
        arriving
            .iter()
            .filter(|codec| event(codec))
            .map(|codec| codec.pt)
            .collect()
    })
}

/// How digits are written to a leg, if those of `other` come otherwise.
pub(crate) fn said(snapshot: &Snapshot, leg: &Leg, other: &Leg) -> Said {
    match snapshot.trunk(leg.trunk).dtmf {
        Dtmf::Auto if leg.session.events.taken.is_none() => match snapshot.trunk(other.trunk).dtmf {
            // The tones are heard as they are.
            Dtmf::Inband => Said::Tones,
            Dtmf::Auto | Dtmf::Rfc4733 | Dtmf::Info => Said::Signalled,
        },
        Dtmf::Auto | Dtmf::Rfc4733 => Said::Events,
        Dtmf::Inband if spoken(leg).is_some() => Said::Tones,
        Dtmf::Info | Dtmf::Inband => Said::Signalled,
    }
}

/// Whether the media plane can say digits to a leg that come otherwise from `other`.
pub(crate) fn says(snapshot: &Snapshot, leg: &Leg, other: &Leg) -> bool {
    match said(snapshot, leg, other) {
        Said::Events => leg.session.events.taken.is_some(),
        Said::Tones => tones(snapshot, leg, other).is_some(),
        Said::Signalled => false,
    }
}

/// Whether the media plane hears the digits that a leg writes, as events or as tones.
pub(crate) fn hears(snapshot: &Snapshot, leg: &Leg, other: &Leg) -> bool {
    leg.session.events.taken.is_some() || tones(snapshot, leg, other).is_some()
}

/// What is spoken on a leg whose digits are tones in it, where those of `other` are something else.
fn tones(snapshot: &Snapshot, leg: &Leg, other: &Leg) -> Option<Audio> {
    let differ = match said(snapshot, other, leg) {
        Said::Events => other.session.events.taken.is_some(),
        Said::Signalled => true,
        Said::Tones => false,
    };
    if differ && said(snapshot, leg, other) == Said::Tones {
        spoken(leg)
    } else {
        None
    }
}

/// What is spoken on a leg, if we can speak it.
fn spoken(leg: &Leg) -> Option<Audio> {
    let (_, media) = super::live_media(&leg.session)?;
    convert::spoken_with(&media, leg.session.codec.as_deref()?)
}

/// What the media plane has to know of a leg's digits, and what is spoken there if they are tones; `None`: there is nothing that it
/// could hear or say.
pub(super) fn digits(
    snapshot: &Snapshot,
    leg: &Leg,
    other: Option<&Leg>,
) -> Option<(Arc<Digits>, Option<Arc<Audio>>)> {
    let other = other?;
    let has_events = |leg: &Leg| leg.session.events.taken.is_some();
    let in_band = tones(snapshot, leg, other);
    let any =
        in_band.is_some() || has_events(leg) || has_events(other) || tones(snapshot, other, leg).is_some();
    any.then(|| {
        let digits = Digits {
            said: said(snapshot, leg, other),
            events: leg.session.events.taken,
            heard: leg.session.events.heard.clone(),
        };
        (Arc::new(digits), in_band.map(Arc::new))
    })
}
