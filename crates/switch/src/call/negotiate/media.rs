//! What the media plane is told of a leg.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use config::Trunk;
use route::TrunkIx;
use rtp_proto::control::{self, Latch, Remote, StreamKind};
use rtp_proto::emodel;
use rtp_proto::{Cidr, PortPair, PtMap};
use sdp::{Direction, PtMapping};

use super::{Read, events, security};
use crate::call::leg::Leg;
use crate::snapshot::Snapshot;

/// What the media plane has to know of a leg.
pub(crate) fn leg(
    snapshot: &Snapshot,
    read: &Read<'_>,
    other: Option<&Read<'_>>,
    map: PtMap,
    answered: bool,
) -> Option<control::Leg> {
    let leg = read.leg;
    let trunk = snapshot.trunk(leg.trunk);
    let direction = read.direction().unwrap_or(Direction::SendRecv);
    let other_receives = other.and_then(Read::direction).is_none_or(Direction::receives);
    let udptl = read
        .media()
        .is_some_and(|media| media.proto() == sdp::Proto::Udptl);
    let remote = read
        .live
        .as_ref()
        .and_then(|(sdp, media)| sdp.endpoints(media, leg.mux))
        .map(|endpoints| Remote {
            rtp: endpoints.rtp,
            rtcp: endpoints.rtcp,
        });
    let (digits, in_band) = events::digits(snapshot, leg, other.map(|other| other.leg))
        .map_or((None, None), |(digits, in_band)| (Some(digits), in_band));
    let (security, ice) = security::plane(&leg.session, snapshot, answered);
    Some(control::Leg {
        bind: snapshot.media_bind(leg.trunk),
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
        rtcp: match trunk.rtcp {
            config::Rtcp::Auto => control::Rtcp::Auto,
            config::Rtcp::Relay => control::Rtcp::Relay,
            config::Rtcp::Generate => control::Rtcp::Generate,
            config::Rtcp::Off => control::Rtcp::Off,
        },
        codec: codec(leg),
        party: leg.session.id,
        needs: control::Needs {
            transcode: leg.session.converted.clone(),
            digits,
            in_band,
            security,
            ice,
        },
    })
}

/// A leg with nobody at its end, on these ports: what arrives there is nobody's, and nothing is sent from there.
pub(crate) fn nobody(snapshot: &Snapshot, trunk: TrunkIx, ports: PortPair) -> control::Leg {
    control::Leg {
        bind: snapshot.media_bind(trunk),
        ports,
        kind: StreamKind::Rtp,
        mux: false,
        remote: None,
        may_send: false,
        expects: false,
        latch: Latch {
            symmetric: false,
            signalling: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            acl: Arc::default(),
            rebind_any_address: false,
        },
        map: PtMap::identity(),
        dscp: snapshot.config.media.dscp,
        rtcp: control::Rtcp::Off,
        codec: None,
        party: 0,
        needs: control::Needs::default(),
    }
}

/// The codec of a leg (`name/clock`), as far as its quality can be told.
fn codec(leg: &Leg) -> Option<emodel::Codec> {
    let (name, _) = leg.session.codec.as_deref()?.split_once('/')?;
    emodel::Codec::named(name)
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
pub(crate) fn pt_maps(x: &Read<'_>, y: &Read<'_>, mapping: &PtMapping) -> (PtMap, PtMap) {
    if x.leg.session.converted.is_some() {
        return (PtMap::only(), PtMap::only());
    }
    if mapping.is_empty() {
        return (PtMap::identity(), PtMap::identity());
    }
    let clock = |read: &Read<'_>, pt: u8| {
        let codec = read.media().and_then(|media| media.codec_of(pt));
        codec.map_or(0, |codec| codec.clock)
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
