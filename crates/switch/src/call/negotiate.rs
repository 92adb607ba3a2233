//! What one side's SDP becomes on the other: which m-line is relayed, with our address, in each leg's own numbering.
//!
//! An offer crosses from its offerer X to Y with X's payload types; Y's answer crosses back in X's payload types
//! (RFC 3264 §6.1), and the relay renumbers where Y chose its own.

use body::Live;
use bytes::Bytes;
use codecs::Spoken;
use config::Trunk;
use rtp_proto::control::Audio;
use sdp::{CodecFilter, Direction, Media, PtMapping, RtcpPlan, Sdp, Transport};
use sip_proto::Mint;
use smallvec::SmallVec;
use std::sync::Arc;

use super::leg::{Leg, Line, Session};
use crate::snapshot::Snapshot;

mod body;
mod codecs;
mod convert;
mod dtls;
mod events;
mod media;
mod security;

pub(crate) use events::{Events, said};
pub(crate) use media::{leg as media_leg, nobody, pt_maps};
pub(crate) use security::Security;

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

/// The relayed m-line of a peer's last body.
pub(crate) fn live_media(session: &Session) -> Option<(&Sdp, &Media)> {
    let sdp = session.remote.as_ref()?;
    let index = session.lines.iter().position(|line| *line == Line::Live)?;
    Some((sdp, sdp.media().get(index)?))
}

/// Makes X's offer into ours to Y. Both sessions remember it. Keys are made by `mint`.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when nothing in it can be relayed, no codec passes both trunks' lists, or a trunk wants SRTP and can't have it.
pub(crate) fn offer(
    snapshot: &Snapshot,
    mint: &mut Mint,
    x: &mut Leg,
    y: &mut Leg,
    offer: Sdp,
) -> Result<Bytes, u16> {
    let (trunk_x, trunk_y) = (snapshot.trunk(x.trunk), snapshot.trunk(y.trunk));
    let media = choose(snapshot, mint, x, &offer)?;
    if y.session.lines.is_empty() {
        y.session.lines.push(Line::Live);
    }
    let at = body::receives(snapshot, y)?;
    let written = security::offer(&mut y.session, (snapshot, trunk_y), media, at, mint)?;
    let allowed = codecs::policy(&trunk_x.codecs, &trunk_y.codecs);
    let mut added = convert::added(
        media,
        trunk_x,
        trunk_y,
        allowed.as_deref(),
        y.session
            .codec
            .as_deref()
            .filter(|_| y.session.converted.is_some()),
    );
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
    )?;
    x.session.remote = Some(offer.detached());
    Ok(body)
}

/// The m-line of X's offer that can be relayed, and its keys are X's.
fn choose<'a>(snapshot: &Snapshot, mint: &mut Mint, x: &mut Leg, offer: &'a Sdp) -> Result<&'a Media, u16> {
    let trunk = snapshot.trunk(x.trunk);
    let wanted = |media: &Media| security::admits(security::Stream::new(snapshot, trunk, offer, media));
    let live = sdp::first_acceptable(offer, wanted).ok_or(NOT_ACCEPTABLE)?;
    let media = offer.media().get(live).ok_or(NOT_ACCEPTABLE)?;
    let moved = security::has_moved(&x.session, offer, media);
    x.session.lines = lines_of(offer, live);
    let stream = security::Stream::new(snapshot, trunk, offer, media);
    security::take(&mut x.session, stream, moved, mint);
    Ok(media)
}

/// Takes note of X's offer where there is nobody to take it to, for a sound of ours.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when nothing in it can be relayed.
pub(crate) fn note(snapshot: &Snapshot, mint: &mut Mint, x: &mut Leg, offer: Sdp) -> Result<(), u16> {
    choose(snapshot, mint, x, &offer)?;
    x.session.remote = Some(offer.detached());
    Ok(())
}

/// X sends nothing to Y, but Y may hear our music. `None`: as X says.
fn with_music(offer: &Sdp, media: &Media, y: &Trunk) -> Option<Direction> {
    let direction = sdp::hold_direction(offer, media);
    let music = y.hold_music.is_some() && direction == Direction::Inactive;
    music.then_some(Direction::SendOnly)
}

/// What a peer's last body says of its direction.
pub(crate) fn direction(session: &Session) -> Option<Direction> {
    live_media(session).map(|(sdp, media)| sdp::hold_direction(sdp, media))
}

/// What a peer hears in the session as it is; `None`: nothing that we can speak.
pub(crate) fn heard(session: &Session) -> Option<Arc<Audio>> {
    let (_, media) = live_media(session)?;
    session
        .converted
        .clone()
        .or_else(|| convert::heard(media, session.codec.as_deref()?))
}

/// Our own answer to X's offer, for a sound of ours, and what X then hears.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when there is nothing in the offer that we can speak.
pub(crate) fn own_answer(snapshot: &Snapshot, x: &mut Leg) -> Result<(Bytes, Arc<Audio>), u16> {
    let (offer, _) = live_media(&x.session).ok_or(NOT_ACCEPTABLE)?;
    let offer = offer.clone();
    let index = x.session.lines.iter().position(|line| *line == Line::Live);
    let media = index
        .and_then(|index| offer.media().get(index))
        .ok_or(NOT_ACCEPTABLE)?;
    let own = convert::alone(media, snapshot.trunk(x.trunk)).ok_or(NOT_ACCEPTABLE)?;
    let mux = media.rtcp_mux();
    let at = body::receives(snapshot, x)?;
    let written = security::accept(&mut x.session, snapshot, at);
    let live = Live {
        media,
        rtcp: if mux { RtcpPlan::Mux } else { RtcpPlan::Pair },
        codecs: CodecFilter::Pts(&own.answer),
        direction: Some(Direction::SendRecv.answer_to(sdp::hold_direction(&offer, media))),
        transport: written.transport(),
        session: &written.session,
    };
    let body = body::write(snapshot, x, &offer, &live)?;
    x.mux = mux;
    x.session.codec = Some(own.name);
    Ok((body, own.audio))
}

/// Makes Y's answer into ours to X, and says how payload types go from one to the other.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when Y refused the stream, has no codec of the offer, or no address that packets can be sent to.
pub(crate) fn answer(
    snapshot: &Snapshot,
    x: &mut Leg,
    y: &mut Leg,
    answer: Sdp,
) -> Result<(Bytes, PtMapping), u16> {
    let index = y
        .session
        .lines
        .iter()
        .position(|line| *line == Line::Live)
        .ok_or(NOT_ACCEPTABLE)?;
    let media = answer
        .media()
        .get(index)
        .filter(|media| media.port() != 0 && answer.connection(media).is_some())
        .ok_or(NOT_ACCEPTABLE)?;
    let (offer, offered) = live_media(&x.session).ok_or(NOT_ACCEPTABLE)?;
    if offered.kind() != media.kind() || offered.proto().is_rtp() != media.proto().is_rtp() {
        return Err(NOT_ACCEPTABLE);
    }
    let stream = security::Stream::new(snapshot, snapshot.trunk(y.trunk), &answer, media);
    security::conclude(&mut y.session, stream)?;
    let (offered_mux, offered_rtp) = (offered.rtcp_mux(), offered.proto().is_rtp());
    let rtcp = if offered_mux {
        RtcpPlan::Mux
    } else {
        RtcpPlan::Pair
    };
    // What the offerer cannot do, the answer does not promise (RFC 3264 §6.1).
    let wanted = sdp::hold_direction(offer, offered);
    let direction = Some(sdp::hold_direction(&answer, media).answer_to(wanted));
    let trunks: [&Trunk; 2] = [snapshot.trunk(x.trunk), snapshot.trunk(y.trunk)];
    let [of_x, of_y] = trunks;
    let spoken = codecs::spoken(offered, media, of_x, of_y)?;
    let offer = offer.clone();
    let at = body::receives(snapshot, x)?;
    let written = security::accept(&mut x.session, snapshot, at);
    let live = |media, codecs| Live {
        media,
        rtcp,
        codecs,
        direction,
        transport: if offered_rtp {
            written.transport()
        } else {
            Transport::default()
        },
        session: &written.session,
    };
    let own = x.session.lines.iter().position(|line| *line == Line::Live);
    let own = own
        .and_then(|index| offer.media().get(index))
        .ok_or(NOT_ACCEPTABLE)?;
    let added = match &spoken {
        Spoken::Same { mapping, .. } => events::answer(own, mapping, trunks),
        Spoken::Converted(_) | Spoken::Facsimile => SmallVec::new(),
    };
    let events = events::agreed(own, media, &spoken, added.first().copied(), trunks);
    let live = match &spoken {
        Spoken::Same { mapping, .. } if added.is_empty() => live(media, CodecFilter::Answer(mapping)),
        Spoken::Same { mapping, .. } => live(
            media,
            CodecFilter::AnswerExtended {
                mapping,
                added: &added,
            },
        ),
        Spoken::Converted(converted) => live(own, CodecFilter::Pts(&converted.answer)),
        Spoken::Facsimile => live(media, CodecFilter::All),
    };
    let body = body::write(snapshot, x, &answer, &live)?;
    y.mux = y.session.mux_offered && media.rtcp_mux();
    x.mux = offered_mux;
    y.session.remote = Some(answer.detached());
    [x.session.events, y.session.events] = events;
    Ok((body, spoken.remember(&mut x.session, &mut y.session)))
}
