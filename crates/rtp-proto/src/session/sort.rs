//! What a datagram is.

use super::{Channel, Half};
use crate::control::{DropReason, StreamKind};
use crate::rtp::{self, Kind};

/// What a datagram is on the socket it came in by.
pub(super) enum Sorted {
    Rtp,
    Rtcp,
    Udptl,
    Beside,
}

impl Half {
    pub(super) fn sort(&self, channel: Channel, packet: &[u8]) -> Result<Sorted, DropReason> {
        if self.kind == StreamKind::Udptl {
            return match channel {
                Channel::Rtp => Ok(Sorted::Udptl),
                Channel::Rtcp => Err(DropReason::Misplaced),
            };
        }
        let shared = self.mux || channel == Channel::Rtcp;
        match (rtp::classify(packet, shared), channel) {
            (Kind::Rtp, Channel::Rtp) => Ok(Sorted::Rtp),
            (Kind::Rtcp, Channel::Rtcp) => Ok(Sorted::Rtcp),
            (Kind::Rtcp, Channel::Rtp) if self.mux => Ok(Sorted::Rtcp),
            (Kind::Rtcp, Channel::Rtp) | (Kind::Rtp, Channel::Rtcp) => Err(DropReason::Misplaced),
            (Kind::Other, Channel::Rtp) if self.beside.is_some() => Ok(Sorted::Beside),
            (Kind::Other, _) => Err(DropReason::Invalid),
        }
    }
}
