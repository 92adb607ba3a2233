//! The body that goes to one side.

use bytes::Bytes;
use sdp::{CodecFilter, Compose, Direction, Media, NewOrigin, RtcpPlan, Sdp, Slot};
use smallvec::SmallVec;

use super::{NOT_ACCEPTABLE, events};
use crate::call::leg::{Leg, Line};
use crate::snapshot::Snapshot;

/// How the relayed m-line is written.
pub(super) struct Live<'a> {
    pub(super) media: &'a Media,
    pub(super) rtcp: RtcpPlan,
    pub(super) codecs: CodecFilter<'a>,
    /// `None`: as in the source.
    pub(super) direction: Option<Direction>,
}

/// Writes the body that goes to `to`: its own m-lines in their order, the live one made of the other side's.
pub(super) fn write(snapshot: &Snapshot, to: &mut Leg, source: &Sdp, live: &Live<'_>) -> Result<Bytes, u16> {
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
                transport: sdp::Transport::default(),
            },
            Line::Rejected(text) => Slot::Rejected { line: text },
        })
        .collect();
    let address = snapshot.media_address();
    let hide = events::hidden(snapshot.trunk(to.trunk));
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
            lines: &[],
        })
        .map(Bytes::from)
        .map_err(|_| NOT_ACCEPTABLE)
    };
    let mut body = compose(to.session.version)?;
    if let Some(sent) = &to.session.sent {
        if *sent == body {
            return Ok(body);
        }
        body = compose(to.session.version + 1)?;
        to.session.version += 1;
    }
    to.session.sent = Some(body.clone());
    Ok(body)
}
