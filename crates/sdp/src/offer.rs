//! Offer/answer arithmetic (RFC 3264, RFC 6337).

use smallvec::SmallVec;

use crate::codec::{Codec, is_auxiliary, same_codec};
use crate::media::{Direction, Entry, Kind, Media, Proto};
use crate::parse::{Sdp, lines_of};

/// Why a stream cannot be anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Port 0: the peer itself refuses or disables it.
    #[error("stream is disabled (port 0)")]
    Disabled,
    /// No c= line, or one that packets can't be sent to.
    #[error("stream has no usable address")]
    NoAddress,
    /// Not a media type that is relayed.
    #[error("media type is not relayed")]
    Kind,
    /// Not a profile that is relayed.
    #[error("transport profile is not relayed")]
    Proto,
    /// No codec but telephone events and their like.
    #[error("stream has no usable format")]
    NoFormat,
}

/// Whether `m` can be anchored: audio over any profile of RTP, or T.38 over UDPTL, with a port, an address (`0.0.0.0` is
/// one: hold) and a format. For offers: the formats of an answer are judged by [`crate::pt_map`], since an answer may
/// leave to the offer what its payload types are. Whether a profile is wanted is another question.
pub fn acceptable(sdp: &Sdp, m: &Media) -> Result<(), Refusal> {
    if m.port() == 0 {
        return Err(Refusal::Disabled);
    }
    match (m.kind(), m.proto()) {
        (Kind::Audio, proto) if proto.is_rtp() => {}
        (Kind::Image, Proto::Udptl) => {}
        (Kind::Audio | Kind::Image, _) => return Err(Refusal::Proto),
        (Kind::Video | Kind::Application | Kind::Message | Kind::Text | Kind::Other, _) => {
            return Err(Refusal::Kind);
        }
    }
    if sdp.connection(m).is_none() {
        return Err(Refusal::NoAddress);
    }
    let usable = if m.proto().is_rtp() {
        m.codecs().any(|c| !c.is_auxiliary())
    } else {
        m.formats().next().is_some()
    };
    usable.then_some(()).ok_or(Refusal::NoFormat)
}

/// Index of the one stream to anchor: the first acceptable audio, else the first acceptable T.38 stream, of those that are
/// `wanted`.
pub fn first_acceptable(sdp: &Sdp, wanted: impl Fn(&Media) -> bool) -> Option<usize> {
    let of_kind = |kind| {
        sdp.media()
            .iter()
            .position(|m| m.kind() == kind && acceptable(sdp, m).is_ok() && wanted(m))
    };
    of_kind(Kind::Audio).or_else(|| of_kind(Kind::Image))
}

/// The direction seen from the other end: sendonly ↔ recvonly.
pub fn complement(direction: Direction) -> Direction {
    Direction::new(direction.receives(), direction.sends())
}

/// The stream's direction with c=0.0.0.0 (or `::`) read as "I do not receive" (RFC 3264 §8.4): sendrecv becomes
/// sendonly, recvonly becomes inactive. With port 9 and ICE it means that there is no candidate yet (RFC 8840 §4.1.1).
pub fn hold_direction(sdp: &Sdp, m: &Media) -> Direction {
    let nowhere = sdp.connection(m).is_some_and(|a| a.is_unspecified())
        && !(m.port() == 9 && crate::ice::ice(sdp, m).is_some());
    Direction::new(m.direction().sends(), m.direction().receives() && !nowhere)
}

/// Whether this stream puts the other end on hold: it is live, and its owner does not receive.
pub fn is_hold(sdp: &Sdp, m: &Media) -> bool {
    m.port() != 0 && !hold_direction(sdp, m).receives()
}

/// Whether two bodies differ in nothing but the o= line, so that the version need not grow (RFC 3264 §8).
pub fn unchanged(previous: &[u8], next: &[u8]) -> bool {
    let but_origin = |body| lines_of(body).filter(|l| !l.starts_with(b"o="));
    but_origin(previous).eq(but_origin(next))
}

pub(crate) type Matches<'a> = SmallVec<[(&'a Entry, &'a Entry); 8]>;

/// Pairs (offer's, answer's) in the answer's order, each side's format at most once. The same number wins over the same
/// codec under another number, so that a peer that keeps the offer's numbers is never crossed.
pub(crate) fn matches<'a>(offer: &'a Media, answer: &'a Media) -> Matches<'a> {
    // What each format is, looked up once.
    type Described<'a> = SmallVec<[(&'a Entry, Option<Codec<'a>>); 8]>;
    let described = |m: &'a Media| -> Described<'a> { m.entries().iter().map(|e| (e, m.codec(e))).collect() };
    let (offered, answered) = (described(offer), described(answer));
    let same = |(o, x): &(&Entry, Option<Codec<'_>>), (a, y): &(&Entry, Option<Codec<'_>>)| match (x, y) {
        (Some(x), Some(y)) => same_codec(x, y),
        (Some(_), None) | (None, Some(_)) | (None, None) => o.pt == a.pt,
    };
    let by_number = |a: &(&Entry, Option<Codec<'_>>)| offered.iter().find(|o| o.0.pt == a.0.pt && same(o, a));
    let mut taken = 0u128;
    for (o, _) in answered.iter().filter_map(by_number) {
        taken |= 1 << o.pt;
    }
    let mut pairs = Matches::new();
    for a in &answered {
        let found = by_number(a).or_else(|| {
            // A retransmission format is only as good as the number it refers to.
            let movable = a.1.is_some_and(|c| !c.name.eq_ignore_ascii_case("rtx"));
            offered
                .iter()
                .find(|o| movable && taken & (1 << o.0.pt) == 0 && same(o, a))
        });
        if let Some((o, _)) = found {
            taken |= 1 << o.pt;
            pairs.push((*o, a.0));
        }
    }
    drop_orphan_events(offer, &mut pairs);
    pairs
}

/// Leaves out events whose clock none of the codecs in common has: nothing here converts them (RFC 4733 §2.1).
fn drop_orphan_events(offer: &Media, pairs: &mut Matches<'_>) {
    let mut clocks = Clocks::default();
    for (o, _) in pairs.iter() {
        clocks.add(offer.codec(o));
    }
    pairs.retain(|(o, _)| clocks.admit(offer.codec(o)));
}

/// The clocks of a set of formats, to see which events fit among them.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    codecs: SmallVec<[u32; 8]>,
    events: SmallVec<[u32; 4]>,
    unknown: bool,
}

impl Clocks {
    pub(crate) fn add(&mut self, codec: Option<Codec<'_>>) {
        match codec {
            Some(c) if c.is_event() => self.events.push(c.clock),
            Some(c) if is_auxiliary(c.name) => {}
            Some(c) => self.codecs.push(c.clock),
            None => self.unknown = true,
        }
    }

    /// Whether anything but telephone events and their like was added.
    pub(crate) fn has_primary(&self) -> bool {
        self.unknown || !self.codecs.is_empty()
    }

    pub(crate) fn admit(&self, codec: Option<Codec<'_>>) -> bool {
        match codec {
            // The event's clock, whatever the number of channels: beside codecs of unknown clock nothing can be said.
            Some(c) if c.is_event() => {
                (self.unknown && self.codecs.is_empty())
                    || crate::codec::event_fits(c.clock, &self.codecs, &self.events)
            }
            Some(_) | None => true,
        }
    }
}
