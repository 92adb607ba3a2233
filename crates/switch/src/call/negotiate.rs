//! What one side's SDP becomes on the other: which m-line is relayed, with our address, in each leg's own numbering.
//!
//! An offer crosses from its offerer X to Y with X's payload types; Y's answer crosses back in X's payload types
//! (RFC 3264 §6.1), and the relay renumbers where Y chose its own.

use body::Live;
use bytes::Bytes;
use config::Trunk;
use route::TrunkIx;
use rtp_proto::control::Audio;
use sdp::{CodecFilter, Direction, Media, RtcpPlan, Sdp};
use sip_proto::Mint;
use smallvec::SmallVec;
use std::sync::Arc;

use super::leg::{Leg, Line, Session};
use crate::snapshot::Snapshot;

mod answer;
mod body;
mod changes;
mod codecs;
mod convert;
mod dtls;
mod events;
mod media;
mod security;
mod unfit;

pub(crate) use answer::{answer, asked, join, own_answer};
pub(crate) use body::with_version;
pub(crate) use events::{Events, hears, said, says};
pub(crate) use media::{leg as media_leg, nobody, pt_maps};
pub(crate) use security::Security;
pub(crate) use unfit::Unfit;

/// Not acceptable here (RFC 3261 §21.4.26): no stream of the offer can be relayed, or the answer has none.
pub(crate) const NOT_ACCEPTABLE: u16 = 488;

fn lines_of(sdp: &Sdp, live: usize) -> SmallVec<[Line; 1]> {
    let line = |(index, media): (usize, &Media)| {
        if index == live {
            Line::Live
        } else {
            Line::Rejected(Box::from(media.line()))
        }
    };
    sdp.media().iter().enumerate().map(line).collect()
}

/// A peer's last body, and its relayed m-line. It is read anew each time: that is seldom, and a call is kept for long.
pub(crate) fn live_media(session: &Session) -> Option<(Sdp, Media)> {
    let sdp = sdp::parse(session.remote.as_deref()?, &sdp::Limits::default()).ok()?;
    let index = session.lines.iter().position(|line| *line == Line::Live)?;
    let media = sdp.media().get(index)?.clone();
    Some((sdp, media))
}

/// A leg, and its peer's last body, which is read but once for all that is told to the media plane.
pub(crate) struct Read<'a> {
    leg: &'a Leg,
    live: Option<(Sdp, Media)>,
}

impl<'a> Read<'a> {
    pub(crate) fn of(leg: &'a Leg) -> Self {
        Self {
            leg,
            live: live_media(&leg.session),
        }
    }

    fn media(&self) -> Option<&Media> {
        self.live.as_ref().map(|(_, media)| media)
    }

    fn direction(&self) -> Option<Direction> {
        let live = self.live.as_ref();
        live.map(|(sdp, media)| sdp::hold_direction(sdp, media))
    }
}

/// Index of the stream of an offer that is relayed: the first that can be, and that its own trunk's keys let it have.
fn relayable(snapshot: &Snapshot, trunk: &Trunk, offer: &Sdp) -> Option<usize> {
    let wanted = |media: &Media| security::admits(security::Stream::new(snapshot, trunk, offer, media));
    sdp::first_acceptable(offer, wanted)
}

/// Whether an offer of this trunk's has anything for anybody.
///
/// # Errors
/// [`Unfit::Stream`] where it has not.
pub(crate) fn admit(snapshot: &Snapshot, trunk: TrunkIx, offer: &Sdp) -> Result<(), Unfit> {
    let live = relayable(snapshot, snapshot.trunk(trunk), offer);
    live.map(|_| ()).ok_or(Unfit::Stream)
}

/// Makes X's offer into ours to Y. Both sessions remember it. Keys are made by `mint`.
///
/// # Errors
/// [`Unfit`] when nothing in it can be relayed, no codec passes both trunks' lists, or a trunk wants SRTP and can't have it.
pub(crate) fn offer(
    snapshot: &Snapshot,
    mint: &mut Mint,
    x: &mut Leg,
    y: &mut Leg,
    offer: Sdp,
) -> Result<Bytes, Unfit> {
    let (trunk_x, trunk_y) = (snapshot.trunk(x.trunk), snapshot.trunk(y.trunk));
    let media = choose(snapshot, mint, x, &offer)?;
    if y.session.lines.is_empty() {
        y.session.lines.push(Line::Live);
    }
    let at = body::receives(snapshot, y).map_err(|_| Unfit::Ports)?;
    let written = security::offer(&mut y.session, (snapshot, trunk_y), media, at, mint)?;
    let mut allowed = codecs::policy(&trunk_x.codecs, &trunk_y.codecs);
    if let Some(said) = x.session.own.first() {
        allowed = codecs::agreeing(allowed, media, *said, [trunk_x, trunk_y]);
    }
    let mut added = convert::added(media, trunk_x, trunk_y, allowed.as_deref(), apart(&y.session));
    events::offer(media, trunk_x, trunk_y, &mut added);
    let codecs = match &allowed {
        names if !added.is_empty() => CodecFilter::Extended {
            names: names.as_deref(),
            added: &added,
        },
        Some(names) => CodecFilter::Only(names),
        None => CodecFilter::All,
    };
    y.session.mux_offered = media.rtcp_mux() || written.mux;
    let rtcp = if y.session.mux_offered {
        RtcpPlan::MuxOffer
    } else {
        RtcpPlan::Pair
    };
    let body = body::write(
        snapshot,
        y,
        &offer,
        &Live {
            media,
            rtcp,
            codecs,
            direction: with_music(&offer, media, trunk_y),
            transport: written.transport(),
            session: &written.session,
        },
    )
    .map_err(|_| Unfit::Codecs)?;
    y.session.answered = false;
    x.session.remote = Some(Box::from(&**offer.raw()));
    Ok(body)
}

/// What is spoken on a leg of a call that is converted, be it that a facsimile has taken its place for now.
fn apart(session: &Session) -> Option<&str> {
    let codec = session.codec.as_deref()?;
    let fax = || body::offered(session).is_some_and(|media| !media.proto().is_rtp());
    (session.converted.is_some() || fax()).then_some(codec)
}

/// The m-line of X's offer that can be relayed, and its keys are X's.
fn choose<'a>(snapshot: &Snapshot, mint: &mut Mint, x: &mut Leg, offer: &'a Sdp) -> Result<&'a Media, Unfit> {
    let trunk = snapshot.trunk(x.trunk);
    let live = relayable(snapshot, trunk, offer).ok_or(Unfit::Stream)?;
    let media = offer.media().get(live).ok_or(Unfit::Stream)?;
    let moved = security::has_moved(&x.session, offer, media);
    x.session.lines = lines_of(offer, live);
    let stream = security::Stream::new(snapshot, trunk, offer, media);
    security::take(&mut x.session, stream, moved, mint);
    Ok(media)
}

/// Takes note of X's offer where there is nobody to take it to, for a sound of ours.
///
/// # Errors
/// [`Unfit::Stream`] when nothing in it can be relayed.
pub(crate) fn note(snapshot: &Snapshot, mint: &mut Mint, x: &mut Leg, offer: &Sdp) -> Result<(), Unfit> {
    choose(snapshot, mint, x, offer)?;
    x.session.remote = Some(Box::from(&**offer.raw()));
    Ok(())
}

/// X sends nothing to Y, but Y may hear our music. `None`: as X says.
fn with_music(offer: &Sdp, media: &Media, y: &Trunk) -> Option<Direction> {
    let direction = sdp::hold_direction(offer, media);
    let music = y.hold_music.is_some() && direction == Direction::Inactive;
    music.then_some(Direction::SendOnly)
}

/// Whether our last body and the peer's name the same formats for the same stream.
pub(crate) fn says_the_same(session: &Session) -> bool {
    let sorted = |media: &Media| {
        let mut formats: Vec<String> = media.formats().map(str::to_owned).collect();
        formats.sort_unstable();
        (media.proto(), formats)
    };
    let (ours, theirs) = (body::offered(session), live_media(session));
    ours.zip(theirs)
        .is_some_and(|(ours, (_, theirs))| sorted(&ours) == sorted(&theirs))
}

/// What a peer's last body says of its direction.
pub(crate) fn direction(session: &Session) -> Option<Direction> {
    live_media(session).map(|(sdp, media)| sdp::hold_direction(&sdp, &media))
}

/// What is spoken with a peer in the session as it is, whatever of it may arrive; `None`: nothing that can be decoded.
pub(crate) fn spoken(session: &Session) -> Option<Arc<Audio>> {
    let (_, media) = live_media(session)?;
    session
        .converted
        .clone()
        .or_else(|| convert::spoken_with(&media, session.codec.as_deref()?).map(Arc::new))
}

/// What a peer hears in the session as it is; `None`: nothing that we can speak.
pub(crate) fn heard(session: &Session) -> Option<Arc<Audio>> {
    let (_, media) = live_media(session)?;
    session
        .converted
        .clone()
        .or_else(|| convert::heard(&media, session.codec.as_deref()?))
}
