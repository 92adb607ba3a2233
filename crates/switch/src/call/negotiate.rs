//! What one side's SDP becomes on the other: which m-line is relayed, with our address, in each leg's own numbering.
//!
//! An offer crosses from its offerer X to Y with X's payload types; Y's answer crosses back in X's payload types
//! (RFC 3264 §6.1), and the relay renumbers where Y chose its own.

use body::Live;
use bytes::Bytes;
use codecs::Spoken;
use sdp::{CodecFilter, Media, PtMapping, RtcpPlan, Sdp, Transport};
use sip_proto::Mint;
use smallvec::SmallVec;

use super::leg::{Leg, Line, Session};
use crate::snapshot::Snapshot;

mod body;
mod codecs;
mod convert;
mod dtls;
mod media;
mod security;

pub(crate) use media::{leg as media_leg, pt_maps};
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
    let wanted = |media: &Media| security::admits(security::Stream::new(snapshot, trunk_x, &offer, media));
    let live = sdp::first_acceptable(&offer, wanted).ok_or(NOT_ACCEPTABLE)?;
    let media = offer.media().get(live).ok_or(NOT_ACCEPTABLE)?;
    let moved = security::has_moved(&x.session, &offer, media);
    x.session.lines = lines_of(&offer, live);
    if y.session.lines.is_empty() {
        y.session.lines.push(Line::Live);
    }
    let stream = security::Stream::new(snapshot, trunk_x, &offer, media);
    security::take(&mut x.session, stream, moved, mint);
    let at = body::receives(snapshot, y)?;
    let written = security::offer(&mut y.session, (snapshot, trunk_y), media, at, mint)?;
    let allowed = codecs::policy(&trunk_x.codecs, &trunk_y.codecs);
    let added = convert::added(
        media,
        trunk_x,
        trunk_y,
        allowed.as_deref(),
        y.session
            .codec
            .as_deref()
            .filter(|_| y.session.converted.is_some()),
    );
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
            direction: None,
            transport: written.transport(),
            session: &written.session,
        },
    )?;
    x.session.remote = Some(offer);
    Ok(body)
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
    let spoken = codecs::spoken(offered, media, snapshot.trunk(x.trunk))?;
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
    let live = match &spoken {
        Spoken::Same { mapping, .. } => live(media, CodecFilter::Answer(mapping)),
        Spoken::Converted(converted) => live(own, CodecFilter::Pts(&converted.answer)),
        Spoken::Facsimile => live(media, CodecFilter::All),
    };
    let body = body::write(snapshot, x, &answer, &live)?;
    y.mux = y.session.mux_offered && media.rtcp_mux();
    x.mux = offered_mux;
    y.session.remote = Some(answer);
    Ok((body, spoken.remember(&mut x.session, &mut y.session)))
}
