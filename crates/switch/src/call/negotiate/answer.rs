//! Our answer to one side's offer: what the other side answered, or one of our own.

use std::sync::Arc;

use bytes::Bytes;
use config::Trunk;
use route::TrunkIx;
use rtp_proto::control::Audio;
use sdp::{Codec, CodecFilter, Direction, Media, PtMapping, RtcpPlan, Sdp, Transport};
use sip_proto::Mint;
use smallvec::SmallVec;

use super::body::{self, Live};
use super::codecs::{self, Spoken};
use super::{NOT_ACCEPTABLE, convert, events, live_media, security};
use crate::call::leg::{Leg, Line, Session};
use crate::snapshot::Snapshot;

/// What a leg was offered, and on which trunk.
pub(crate) fn asked(y: &Leg) -> Option<(Media, TrunkIx)> {
    Some((body::offered(&y.session)?, y.trunk))
}

/// Our own answer to X's offer, for a sound of ours, and what X then hears. `y`: what whoever may still answer [was
/// offered](asked).
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when there is nothing in the offer that we can speak, or nothing that would agree with each answer of Y's.
pub(crate) fn own_answer(
    snapshot: &Snapshot,
    x: &mut Leg,
    y: Option<&(Media, TrunkIx)>,
) -> Result<(Bytes, Arc<Audio>), u16> {
    let (offer, media) = live_media(&x.session).ok_or(NOT_ACCEPTABLE)?;
    let to_y = y.map(|(media, trunk)| (media, &**snapshot.trunk(*trunk)));
    let own = convert::alone(&media, snapshot.trunk(x.trunk), to_y, &x.session.own).ok_or(NOT_ACCEPTABLE)?;
    let mux = media.rtcp_mux();
    let at = body::receives(snapshot, x)?;
    let written = security::accept(&mut x.session, snapshot, at);
    let live = Live {
        media: &media,
        rtcp: if mux { RtcpPlan::Mux } else { RtcpPlan::Pair },
        codecs: CodecFilter::Own(&own.answer),
        direction: Some(Direction::SendRecv.answer_to(sdp::hold_direction(&offer, &media))),
        transport: written.transport(),
        session: &written.session,
    };
    let body = body::write(snapshot, x, &offer, &live)?;
    x.mux = mux;
    x.session.answered = true;
    x.session.codec = Some(own.name);
    x.session.own = own.answer.into_boxed_slice();
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
    let trunks: [&Trunk; 2] = [snapshot.trunk(x.trunk), snapshot.trunk(y.trunk)];
    let (offer, own) = live_media(&x.session).ok_or(NOT_ACCEPTABLE)?;
    let media = accepted(&y.session, &answer, &own)?;
    security::conclude(
        &mut y.session,
        security::Stream::new(snapshot, trunks[1], &answer, media),
    )?;
    let y_muxes = media.rtcp_mux();
    // What the offerer cannot do, the answer does not promise (RFC 3264 §6.1).
    let wanted = sdp::hold_direction(&offer, &own);
    let mut direction = sdp::hold_direction(&answer, media).answer_to(wanted);
    let ours = || body::offered(&y.session);
    let spoken = codecs::spoken([&own, media], &ours, &x.session.own, trunks)?;
    // Y sends nothing to X, but X may hear our music: as in offers.
    let music = trunks[0].hold_music.is_some() && spoken.can_be_played(&own);
    if !direction.sends() && wanted.receives() && music {
        direction = Direction::new(true, direction.receives());
    }
    let said = Some(x.session.own.clone()).filter(|said| spoken.agrees(said));
    let added = added(&own, &spoken, said.as_deref(), trunks);
    let mut events = events::agreed(&own, media, &spoken, added.first().copied(), trunks);
    if let Some(arriving) = events::arriving(&events[1], &ours, media, &spoken) {
        events[1].heard = arriving;
    }
    let at = body::receives(snapshot, x)?;
    let written = security::accept(&mut x.session, snapshot, at);
    let mux = own.rtcp_mux();
    let is_rtp = own.proto().is_rtp();
    let of_y = |codecs| (&answer, media, codecs);
    let (source, media, codecs) = match (&spoken, &said) {
        (Spoken::Facsimile, _) => of_y(CodecFilter::All),
        // What it was told already, in the same words.
        (Spoken::Same { .. } | Spoken::Converted(_), Some(said)) => (&offer, &own, CodecFilter::Own(said)),
        (Spoken::Converted(converted), None) => (&offer, &own, CodecFilter::Own(&converted.answer)),
        (Spoken::Same { mapping, .. }, None) if added.is_empty() => of_y(CodecFilter::Answer(mapping)),
        (Spoken::Same { mapping, .. }, None) => of_y(CodecFilter::AnswerExtended {
            mapping,
            added: &added,
        }),
    };
    let live = Live {
        media,
        rtcp: if mux { RtcpPlan::Mux } else { RtcpPlan::Pair },
        codecs,
        direction: Some(direction),
        transport: if is_rtp {
            written.transport()
        } else {
            Transport::default()
        },
        session: &written.session,
    };
    let body = body::write(snapshot, x, source, &live)?;
    y.mux = y.session.mux_offered && y_muxes;
    x.mux = mux;
    x.session.answered = true;
    y.session.remote = Some(Box::from(&**answer.raw()));
    [x.session.events, y.session.events] = events;
    Ok((body, spoken.remember(&mut x.session, &mut y.session)))
}

/// Answers X's offer with Y's and Y's with X's, as far as they say the same. The bodies for X and for Y, and X's payload types in Y's.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when they have nothing in common, or when one would have to be converted or encrypted.
pub(crate) fn join(
    snapshot: &Snapshot,
    mint: &mut Mint,
    [x, y]: [&mut Leg; 2],
    [of_x, of_y]: [Sdp; 2],
) -> Result<(Bytes, Bytes, PtMapping), u16> {
    super::offer(snapshot, mint, x, y, of_x)?;
    let (to_x, mapping) = answer(snapshot, x, y, of_y.clone())?;
    let (_, media) = live_media(&y.session).ok_or(NOT_ACCEPTABLE)?;
    if y.session.security.is_some() || y.session.converted.is_some() || !media.proto().is_rtp() {
        return Err(NOT_ACCEPTABLE);
    }
    let common = |pt: &u8| mapping.pairs().iter().any(|pair| pair.b == *pt);
    let formats: Vec<u8> = media.codecs().map(|codec| codec.pt).filter(common).collect();
    let direction = super::direction(&x.session).ok_or(NOT_ACCEPTABLE)?;
    let mux = media.rtcp_mux();
    y.session.lines = super::lines_of(&of_y, 0);
    // What it would have been offered was never sent.
    y.session.sent = None;
    let live = Live {
        media: &media,
        rtcp: if mux { RtcpPlan::Mux } else { RtcpPlan::Pair },
        codecs: CodecFilter::Own(&formats),
        direction: Some(direction.answer_to(sdp::hold_direction(&of_y, &media))),
        transport: Transport::default(),
        session: &[],
    };
    let to_y = body::write(snapshot, y, &of_y, &live)?;
    y.mux = mux;
    y.session.answered = true;
    Ok((to_x, to_y, mapping))
}

/// Events of the offerer that the answerer does not have: they were answered already, or are because the answerer's digits are
/// written otherwise.
fn added<'a>(
    own: &'a Media,
    spoken: &Spoken,
    said: Option<&[u8]>,
    trunks: [&Trunk; 2],
) -> SmallVec<[Codec<'a>; 1]> {
    match (spoken, said) {
        (Spoken::Same { .. }, Some(said)) => {
            let is_said = |codec: &Codec<'_>| codec.is_event() && said.contains(&codec.pt);
            own.codecs().filter(is_said).collect()
        }
        (Spoken::Same { mapping, .. }, None) => events::answer(own, mapping, trunks),
        (Spoken::Converted(_) | Spoken::Facsimile, _) => SmallVec::new(),
    }
}

/// The stream of Y's answer that answers this one of X's offer.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when Y has refused it, made another of it, or has no address.
fn accepted<'a>(y: &Session, answer: &'a Sdp, offered: &Media) -> Result<&'a Media, u16> {
    let index = y.lines.iter().position(|line| *line == Line::Live);
    let same =
        |media: &&Media| media.kind() == offered.kind() && media.proto().is_rtp() == offered.proto().is_rtp();
    index
        .and_then(|index| answer.media().get(index))
        .filter(|media| media.port() != 0 && answer.connection(media).is_some())
        .filter(same)
        .ok_or(NOT_ACCEPTABLE)
}
