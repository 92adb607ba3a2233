//! The body that goes to one side.

use std::net::SocketAddr;

use bytes::Bytes;
use sdp::{CodecFilter, Compose, Direction, Media, NewOrigin, RtcpPlan, Sdp, Slot, Transport};
use smallvec::SmallVec;

use super::{NOT_ACCEPTABLE, changes, events};
use crate::call::leg::{Leg, Line, Session};
use crate::snapshot::Snapshot;

/// How the relayed m-line is written.
pub(super) struct Live<'a> {
    pub(super) media: &'a Media,
    pub(super) rtcp: RtcpPlan,
    pub(super) codecs: CodecFilter<'a>,
    /// `None`: as in the source.
    pub(super) direction: Option<Direction>,
    /// Its profile, and the lines that belong to it.
    pub(super) transport: Transport<'a>,
    /// Lines of ours for the session part.
    pub(super) session: &'a [String],
}

/// Where a leg receives, as our SDP says it.
pub(super) fn receives(snapshot: &Snapshot, leg: &Leg) -> Result<SocketAddr, u16> {
    let port = leg.ports.ok_or(NOT_ACCEPTABLE)?.rtp();
    Ok(SocketAddr::new(snapshot.media_address(leg.trunk), port))
}

/// The relayed stream of our last body: what a side was offered whose answer has come.
pub(super) fn offered(session: &Session) -> Option<Media> {
    let index = session.lines.iter().position(|line| *line == Line::Live)?;
    let ours = sdp::parse(session.sent.as_deref()?, &sdp::Limits::default()).ok()?;
    ours.media().get(index).cloned()
}

/// Writes the body that goes to `to`: its own m-lines in their order, the live one made of the other side's.
pub(super) fn write(snapshot: &Snapshot, to: &mut Leg, source: &Sdp, live: &Live<'_>) -> Result<Bytes, u16> {
    let port = receives(snapshot, to)?.port();
    let Live {
        media,
        rtcp,
        codecs,
        direction,
        transport,
        session,
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
                transport,
            },
            Line::Rejected(text) => Slot::Rejected { line: text },
        })
        .collect();
    let address = snapshot.media_address(to.trunk);
    let trunk = snapshot.trunk(to.trunk);
    let hide = events::hidden(trunk);
    let compose = |version: u64| {
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
            hide,
            lines: session,
        })
        .map(|body| Bytes::from(changes::apply(&trunk.sdp, body)))
        .map_err(|_| NOT_ACCEPTABLE)
    };
    let mut body = compose(to.session.version)?;
    let unsent = std::mem::take(&mut to.session.unsent);
    if let Some(sent) = to.session.sent.as_ref().filter(|_| !unsent) {
        if **sent == *body {
            return Ok(body);
        }
        body = compose(to.session.version + 1)?;
        to.session.version += 1;
    }
    to.session.sent = Some(Box::from(&*body));
    Ok(body)
}

/// The same body under another version of its o= line (RFC 8866 §5.2).
pub(crate) fn with_version(body: &[u8], version: u64) -> Option<Box<[u8]>> {
    let text = std::str::from_utf8(body).ok()?;
    let at = text.find("o=")?;
    let (before, origin) = text.split_at_checked(at)?;
    let (user, rest) = origin.split_once(' ')?;
    let (id, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once(' ')?;
    Some(
        format!("{before}{user} {id} {version} {rest}")
            .into_bytes()
            .into(),
    )
}
