//! Calls whose two sides speak different codecs: what is offered beyond what the offerer has, and who then speaks what.

use std::sync::Arc;

use config::{Transcode, Trunk};
use rtp_proto::control::{self, Audio, AudioFormat, Format, OpusParameters};
use sdp::{Codec, Media};
use smallvec::SmallVec;

/// Milliseconds of audio per packet where nobody says anything.
const PACKET_TIME: u32 = 20;
/// The longest that a packet may be.
const LONGEST: u32 = 120;

/// What can be converted, as we describe it ourselves: the payload type is the static one, or to be chosen.
const CONVERTED: [Codec<'static>; 5] = [
    described(0, "PCMU", 8_000, 1, None),
    described(8, "PCMA", 8_000, 1, None),
    described(9, "G722", 8_000, 1, None),
    described(DYNAMIC, "opus", 48_000, 2, Some("useinbandfec=1")),
    described(DYNAMIC, "L16", 16_000, 1, None),
];

/// A payload type that is still to be chosen.
const DYNAMIC: u8 = u8::MAX;

const fn described(
    pt: u8,
    name: &'static str,
    clock: u32,
    channels: u8,
    fmtp: Option<&'static str>,
) -> Codec<'static> {
    Codec {
        pt,
        name,
        clock,
        channels,
        fmtp,
    }
}

/// Formats that are added to an offer from `x` on its way to `y`; `passing`: the names that may cross (`None`: all),
/// `spoken`: what `y` speaks, if the call is converted already.
pub(super) fn added(
    offered: &Media,
    x: &Trunk,
    y: &Trunk,
    passing: Option<&[String]>,
    spoken: Option<&str>,
) -> SmallVec<[Codec<'static>; 4]> {
    let mut added = SmallVec::new();
    let off = x.transcode == Transcode::Off || y.transcode == Transcode::Off;
    if off || source(offered, x).is_none() {
        return added;
    }
    let passes = |codec: &Codec<'_>| {
        !codec.is_auxiliary() && passing.is_none_or(|names| names.iter().any(|name| codec.is_named(name)))
    };
    let wanted = y.transcode == Transcode::Offer || !offered.codecs().any(|codec| passes(&codec));
    let mut numbers = Numbers::beside(offered);
    let of_policy = y.codecs.iter().filter(|_| wanted).map(String::as_str);
    for word in spoken.into_iter().chain(of_policy) {
        let known = CONVERTED.iter().find(|codec| codec.is_named(word));
        let new = known.filter(|codec| {
            let same = |other: &Codec<'_>| other.name.eq_ignore_ascii_case(codec.name);
            !added.iter().any(same) && !offered.codecs().any(|other| same(&other) && passes(&other))
        });
        if let Some(codec) = new
            && let Some(pt) = numbers.take(codec.pt)
        {
            added.push(Codec { pt, ..*codec });
        }
    }
    events(offered, y, &mut numbers, &mut added);
    added
}

/// Telephone events on the clocks of what was added (RFC 4733 §2.1), if the offerer has events at all.
fn events(offered: &Media, y: &Trunk, numbers: &mut Numbers, added: &mut SmallVec<[Codec<'static>; 4]>) {
    let named = y.codecs.is_empty() || y.codecs.iter().any(|name| name == "telephone-event");
    if !named || !offered.codecs().any(|codec| codec.is_event()) {
        return;
    }
    for clock in [8_000, 48_000] {
        let has = |codec: Codec<'_>| codec.is_event() && codec.clock == clock;
        if added.iter().any(|codec| codec.clock == clock)
            && !offered.codecs().any(has)
            && let Some(pt) = numbers.take(DYNAMIC)
        {
            added.push(described(pt, "telephone-event", clock, 1, Some("0-15")));
        }
    }
}

/// Payload types that an offer leaves free.
pub(super) struct Numbers(u128);

impl Numbers {
    pub(super) fn beside(offered: &Media) -> Self {
        Self(offered.payload_types().fold(0, |set, pt| set | 1 << pt))
    }

    /// This one is not free either.
    pub(super) fn leave(&mut self, pt: u8) {
        self.0 |= 1 << (pt & 127);
    }

    /// This one if it is free, or else a dynamic one (RFC 3551 §6).
    pub(super) fn take(&mut self, pt: u8) -> Option<u8> {
        let free = |pt: &u8| *pt < 128 && self.0 & (1 << pt) == 0;
        let pt = Some(pt).filter(free).or_else(|| (96..128).find(free))?;
        self.0 |= 1 << pt;
        Some(pt)
    }
}

/// Whether who speaks `own` and who speaks `other` can be brought together.
pub(super) fn meets(own: &Codec<'_>, other: &Codec<'_>, trunks: [&Trunk; 2]) -> bool {
    let off = trunks.iter().any(|trunk| trunk.transcode == Transcode::Off);
    sdp::same_codec(own, other) || (!off && spoken(other).is_some())
}

/// The codecs of an offer that can be converted, and that the offerer's own policy lets it speak.
fn sources<'a>(offered: &'a Media, x: &Trunk) -> impl Iterator<Item = Codec<'a>> {
    let may = |codec: &Codec<'_>| x.codecs.is_empty() || x.codecs.iter().any(|name| codec.is_named(name));
    offered
        .codecs()
        .filter(move |codec| spoken(codec).is_some() && may(codec))
}

/// The first of them.
fn source<'a>(offered: &'a Media, x: &Trunk) -> Option<Codec<'a>> {
    sources(offered, x).next()
}

/// A codec as the media plane knows it, if it can be converted.
fn spoken(codec: &Codec<'_>) -> Option<control::Codec> {
    // G.722's clock is 8000 by an old mistake that some devices do not make (RFC 3551 §4.5.2).
    let clock = match codec.name {
        name if name.eq_ignore_ascii_case("G722") => 8_000,
        _ => codec.clock,
    };
    control::Codec::parse(codec.name, clock, codec.channels.into())
}

/// Both sides of a converted call.
pub(super) struct Converted {
    /// What is spoken with the offerer.
    pub(super) x: Arc<Audio>,
    /// What is spoken with the answerer.
    pub(super) y: Arc<Audio>,
    /// The formats of the answer to the offerer.
    pub(super) answer: SmallVec<[u8; 4]>,
    /// Names of the codecs, the offerer's and the answerer's.
    pub(super) names: [Box<str>; 2],
}

/// What may arrive from a side that has answered our offer, in the order of its answer. It sends with our numbers and receives with
/// its own (RFC 3264 §5.1, §6.1); its own are tolerated, too, where they are not ours of something else that it has taken.
pub(super) fn arriving<'a>(ours: Option<&'a Media>, answered: &'a Media) -> SmallVec<[Codec<'a>; 8]> {
    let offered = || ours.into_iter().flat_map(Media::codecs);
    let taken = |pt| {
        let mut numbered = offered().filter(|other| other.pt == pt);
        numbered.any(|other| answered.codecs().any(|codec| sdp::same_codec(&codec, &other)))
    };
    let mut arriving: SmallVec<[Codec<'a>; 8]> = SmallVec::new();
    for codec in answered.codecs() {
        let as_offered = offered().filter(|other| sdp::same_codec(&codec, other));
        let numbers = as_offered
            .map(|other| other.pt)
            .chain(Some(codec.pt).filter(|pt| !taken(*pt)));
        for pt in numbers {
            if arriving.iter().all(|known| known.pt != pt) {
                arriving.push(Codec { pt, ..codec });
            }
        }
    }
    arriving
}

/// What becomes of an answer whose first codec the offerer does not have; `None`: nothing can. `ours`: what was offered to the
/// answerer; `apart`: the offerer has its events whatever the answerer has; `said`: the formats that it was answered already.
pub(super) fn converted(
    offered: &Media,
    (answered, ours): (&Media, Option<&Media>),
    x: &Trunk,
    apart: bool,
    said: &[u8],
) -> Option<Converted> {
    let primary = |codec: &Codec<'_>| !codec.is_auxiliary();
    let of_y = answered.codecs().find(primary)?;
    let known = said.first().and_then(|pt| offered.codec_of(*pt));
    let of_x = known.or_else(|| source(offered, x))?;
    let has_events = apart || known.is_some() || answered.codecs().any(|codec| codec.is_event());
    let mut audio_x = audio(offered, of_x, has_events, &[of_x])?;
    if known.is_some() {
        audio_x.comfort_noise = audio_x.comfort_noise.filter(|pt| said.contains(pt));
    }
    let audio_y = audio(answered, of_y, has_events, &arriving(ours, answered))?;
    let answer = [
        Some(of_x.pt),
        audio_x.events.map(|(pt, _)| pt),
        audio_x.comfort_noise,
    ];
    Some(Converted {
        answer: answer.into_iter().flatten().collect(),
        names: [name(&of_x), name(&of_y)],
        x: Arc::new(audio_x),
        y: Arc::new(audio_y),
    })
}

/// A side that hears only us.
pub(super) struct Alone {
    /// What it hears.
    pub(super) audio: Arc<Audio>,
    /// The formats of our answer.
    pub(super) answer: SmallVec<[u8; 4]>,
    /// Name of the codec.
    pub(super) name: Box<str>,
}

/// How an offer is answered where we speak alone; `None`: it has nothing that we can speak. `to_y`: what was offered to a side that
/// may still answer; if it can choose what we could not convert, we have to be silent. `said`: the formats of an answer before.
pub(super) fn alone(
    offered: &Media,
    x: &Trunk,
    to_y: Option<(&Media, &Trunk)>,
    said: &[u8],
) -> Option<Alone> {
    let primary = |codec: &Codec<'_>| !codec.is_auxiliary();
    let known = said.first().and_then(|pt| offered.codec_of(*pt));
    let shared = || {
        let (to_y, _) = to_y?;
        sources(offered, x).find(|codec| to_y.codecs().any(|other| sdp::same_codec(codec, &other)))
    };
    let codec = known.or_else(shared).or_else(|| source(offered, x))?;
    let agrees = to_y.is_none_or(|(to_y, y)| {
        let mut choices = to_y.codecs().filter(primary);
        choices.all(|other| meets(&codec, &other, [x, y]))
    });
    if !agrees {
        return None;
    }
    let audio = audio(offered, codec, true, &[codec])?;
    let answer = [Some(codec.pt), audio.events.map(|(pt, _)| pt)];
    Some(Alone {
        audio: Arc::new(audio),
        answer: answer.into_iter().flatten().collect(),
        name: name(&codec),
    })
}

/// What is spoken with a side that has this codec (`name/clock`) in use, if we can speak it; any other that it has may arrive too.
pub(super) fn spoken_with(media: &Media, codec: &str) -> Option<Audio> {
    let codec = media.codecs().find(|listed| listed.is_named(codec))?;
    let others = media.codecs().filter(|other| other.pt != codec.pt);
    let arriving: SmallVec<[Codec<'_>; 8]> = std::iter::once(codec).chain(others).collect();
    audio(media, codec, true, &arriving)
}

/// What a side hears that has this codec (`name/clock`) in use.
pub(super) fn heard(media: &Media, codec: &str) -> Option<Arc<Audio>> {
    let codec = media.codecs().find(|listed| listed.is_named(codec))?;
    audio(media, codec, true, &[codec]).map(Arc::new)
}

fn name(codec: &Codec<'_>) -> Box<str> {
    format!("{}/{}", codec.name, codec.clock).into_boxed_str()
}

/// What is spoken with one side: `codec` to it, `arriving` from it.
fn audio(media: &Media, codec: Codec<'_>, events: bool, arriving: &[Codec<'_>]) -> Option<Audio> {
    let packet_time = media.ptime().filter(|ms| (1..=LONGEST).contains(ms));
    let format = |codec: &Codec<'_>| {
        spoken(codec).map(|known| Format {
            payload_type: codec.pt,
            audio: AudioFormat {
                codec: known,
                ptime: packet_time.unwrap_or(PACKET_TIME),
                opus: OpusParameters::from_fmtp(codec.fmtp.unwrap_or_default()),
            },
        })
    };
    let send = format(&codec)?;
    // Beside the codec's own clock, events of 8000 Hz are common and understood.
    let event = |clock| media.codecs().find(|c| c.is_event() && c.clock == clock);
    let events = events
        .then(|| event(send.audio.codec.clock()).or_else(|| event(8_000)))
        .flatten();
    let noise = media
        .codecs()
        .find(|c| c.name.eq_ignore_ascii_case("CN") && c.clock == 8_000 && send.audio.codec.clock() == 8_000);
    Some(Audio {
        send,
        accepts: arriving.iter().filter_map(format).collect(),
        events: events.map(|codec| (codec.pt, codec.clock)),
        comfort_noise: noise.map(|codec| codec.pt),
    })
}
