//! What one side's SDP becomes on the other: which m-line is relayed, with our address, in each leg's own numbering.
//!
//! An offer crosses from its offerer X to Y with X's payload types; Y's answer crosses back in X's payload types
//! (RFC 3264 §6.1), and the relay renumbers where Y chose its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use config::Trunk;
use rtp_proto::control::{self, Latch, Remote, StreamKind};
use rtp_proto::{Cidr, PtMap};
use sdp::{CodecFilter, Compose, Direction, Media, NewOrigin, PtMapping, RtcpPlan, Sdp, Slot};
use smallvec::SmallVec;

use super::leg::{Leg, Line, Session};
use crate::snapshot::Snapshot;

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

/// Makes X's offer into ours to Y. Both sessions remember it.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when nothing in it can be relayed, or no codec passes both trunks' lists.
pub(crate) fn offer(snapshot: &Snapshot, x: &mut Leg, y: &mut Leg, offer: Sdp) -> Result<Bytes, u16> {
    let live = sdp::first_acceptable(&offer).ok_or(NOT_ACCEPTABLE)?;
    x.session.lines = lines_of(&offer, live);
    if y.session.lines.is_empty() {
        y.session.lines.push(Line::Live);
    }
    let media = offer.media().get(live).ok_or(NOT_ACCEPTABLE)?;
    let allowed = codec_policy(&snapshot.trunk(x.trunk).codecs, &snapshot.trunk(y.trunk).codecs);
    let codecs = match &allowed {
        Some(names) => CodecFilter::Only(names),
        None => CodecFilter::All,
    };
    let rtcp = if media.rtcp_mux() {
        RtcpPlan::MuxOffer
    } else {
        RtcpPlan::Pair
    };
    let body = write_body(
        snapshot,
        y,
        &offer,
        &Live {
            media,
            rtcp,
            codecs,
            direction: None,
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
    if offered.kind() != media.kind() || offered.proto() != media.proto() {
        return Err(NOT_ACCEPTABLE);
    }
    let offered_mux = offered.rtcp_mux();
    let rtcp = if offered_mux {
        RtcpPlan::Mux
    } else {
        RtcpPlan::Pair
    };
    // What the offerer cannot do, the answer does not promise (RFC 3264 §6.1).
    let wanted = sdp::hold_direction(offer, offered);
    let direction = Some(sdp::hold_direction(&answer, media).answer_to(wanted));
    let (mapping, codec) = if media.proto().is_rtp() {
        codecs_in_common(offered, media)?
    } else {
        (PtMapping::default(), None)
    };
    let codecs = if media.proto().is_rtp() {
        CodecFilter::Answer(&mapping)
    } else {
        CodecFilter::All
    };
    let body = write_body(
        snapshot,
        x,
        &answer,
        &Live {
            media,
            rtcp,
            codecs,
            direction,
        },
    )?;
    y.mux = offered_mux && media.rtcp_mux();
    x.mux = offered_mux;
    y.session.codec.clone_from(&codec);
    x.session.codec = codec;
    y.session.remote = Some(answer);
    Ok((body, mapping))
}

/// The payload types of both sides, and the name of the codec that will be heard.
fn codecs_in_common(offered: &Media, answered: &Media) -> Result<(PtMapping, Option<Box<str>>), u16> {
    let mapping = sdp::pt_map(offered, answered);
    // A payload type that the answer leaves without rtpmap is what the offer says it is.
    let described = |pair: &sdp::PtPair| answered.codec_of(pair.b).or_else(|| offered.codec_of(pair.a));
    let spoken = mapping
        .pairs()
        .iter()
        .filter_map(described)
        .find(|codec| !codec.is_event());
    let codec = spoken.ok_or(NOT_ACCEPTABLE)?;
    let name = format!("{}/{}", codec.name, codec.clock).into_boxed_str();
    Ok((mapping, Some(name)))
}

/// How the relayed m-line is written.
struct Live<'a> {
    media: &'a Media,
    rtcp: RtcpPlan,
    codecs: CodecFilter<'a>,
    /// `None`: as in the source.
    direction: Option<Direction>,
}

/// Writes the body that goes to `to`: its own m-lines in their order, the live one made of the other side's.
fn write_body(snapshot: &Snapshot, to: &mut Leg, source: &Sdp, live: &Live<'_>) -> Result<Bytes, u16> {
    let port = to.ports.ok_or(NOT_ACCEPTABLE)?.rtp();
    let Live {
        media,
        rtcp,
        codecs,
        direction,
    } = *live;
    let slots: SmallVec<[Slot<'_>; 4]> = to
        .session
        .lines
        .iter()
        .map(|line| match line {
            Line::Live => Slot::Stream {
                media,
                port,
                rtcp,
                codecs,
                direction,
            },
            Line::Rejected(text) => Slot::Rejected { line: text },
        })
        .collect();
    let address = snapshot.media_address();
    let write = |version: u64| {
        sdp::compose(&Compose {
            origin: NewOrigin {
                username: "-",
                id: to.session.id,
                version,
                address,
            },
            address,
            source,
            slots: &slots,
            hide: &[],
        })
        .map(Bytes::from)
        .map_err(|_| NOT_ACCEPTABLE)
    };
    let mut body = write(to.session.version)?;
    if let Some(sent) = &to.session.sent {
        if *sent == body {
            return Ok(body);
        }
        body = write(to.session.version + 1)?;
        to.session.version += 1;
    }
    to.session.sent = Some(body.clone());
    Ok(body)
}

/// The codecs that may go from one trunk to another, in the receiving trunk's order; `None`: all.
fn codec_policy(from: &[String], to: &[String]) -> Option<Vec<String>> {
    match (from.is_empty(), to.is_empty()) {
        (true, true) => None,
        (false, true) => Some(from.to_vec()),
        (true, false) => Some(to.to_vec()),
        (false, false) => {
            let shared = to
                .iter()
                .filter(|name| from.iter().any(|other| other.eq_ignore_ascii_case(name)));
            Some(shared.cloned().collect())
        }
    }
}

/// What the media plane has to know of a leg.
pub(crate) fn media_leg(
    snapshot: &Snapshot,
    leg: &Leg,
    other: &Leg,
    map: PtMap,
    answered: bool,
) -> Option<control::Leg> {
    let trunk = snapshot.trunk(leg.trunk);
    let live = live_media(&leg.session);
    let direction = live.map_or(Direction::SendRecv, |(sdp, media)| {
        sdp::hold_direction(sdp, media)
    });
    let other_receives =
        live_media(&other.session).is_none_or(|(sdp, media)| sdp::hold_direction(sdp, media).receives());
    let udptl = live.is_some_and(|(_, media)| media.proto() == sdp::Proto::Udptl);
    let remote = live
        .and_then(|(sdp, media)| sdp.endpoints(media, leg.mux))
        .map(|endpoints| Remote {
            rtp: endpoints.rtp,
            rtcp: endpoints.rtcp,
        });
    Some(control::Leg {
        bind: snapshot.media_bind(),
        ports: leg.ports?,
        kind: if udptl { StreamKind::Udptl } else { StreamKind::Rtp },
        mux: leg.mux,
        remote,
        may_send: direction.receives(),
        // While one side holds, neither has to send: the held one may be silent, and many a telephone that holds is.
        expects: answered && direction == Direction::SendRecv && other_receives,
        latch: latch(trunk, leg),
        map,
        dscp: snapshot.config.media.dscp,
        party: leg.session.id,
        needs: control::Needs::default(),
    })
}

fn latch(trunk: &Trunk, leg: &Leg) -> Latch {
    // The configuration has checked every prefix already.
    let acl: Vec<Cidr> = trunk
        .media_acl
        .iter()
        .filter_map(|net| Cidr::new(net.addr, net.prefix).ok())
        .collect();
    Latch {
        symmetric: trunk.symmetric_rtp == Some(true),
        // The unspecified address is no source's: the SDP holds.
        signalling: match trunk.symmetric_rtp {
            Some(false) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Some(true) | None => leg.flow.remote.ip(),
        },
        acl: Arc::from(acl),
        rebind_any_address: trunk.rebind_any_address,
    }
}

/// The maps for packets from X and from Y, after X offered and Y answered.
pub(crate) fn pt_maps(x: &Session, y: &Session, mapping: &PtMapping) -> (PtMap, PtMap) {
    if mapping.is_empty() {
        return (PtMap::identity(), PtMap::identity());
    }
    let clock = |session: &Session, pt: u8| {
        live_media(session)
            .and_then(|(_, media)| media.codec_of(pt).map(|c| c.clock))
            .unwrap_or(0)
    };
    let mut from_x = PtMap::only();
    for (arrives, leaves) in mapping.from_a() {
        from_x.set(arrives, leaves, clock(y, leaves));
    }
    let mut from_y = PtMap::only();
    for (arrives, leaves) in mapping.from_b() {
        from_y.set(arrives, leaves, clock(x, leaves));
    }
    (from_x, from_y)
}
