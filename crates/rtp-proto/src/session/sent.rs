//! What is sent to a leg's peer, and counted. Bytes are those of the packet proper, without what protects it.

use super::secure::Form;
use super::{Channel, Half};
use crate::control::{DropReason, StreamKind};
use crate::rtp::{self, Kind};
use std::net::SocketAddr;

impl Half {
    /// A packet for this peer was counted as sent, and was not; `sealed`: as it stands, what protects it included.
    pub(super) fn unsent(&mut self, channel: Channel, packet: &[u8], sealed: bool) {
        if self.kind == StreamKind::Rtp && rtp::classify(packet, true) == Kind::Other {
            // A check's answer, or part of a handshake: such are not counted.
            return;
        }
        let is_rtcp = channel == Channel::Rtcp || (self.mux && rtp::classify(packet, true) == Kind::Rtcp);
        let overhead = if sealed { self.overhead(Form::Rtp) } else { 0 };
        let stats = &mut self.stats;
        if is_rtcp {
            stats.sent_rtcp = stats.sent_rtcp.saturating_sub(1);
        } else {
            let length = packet.len().saturating_sub(overhead);
            stats.sent_packets = stats.sent_packets.saturating_sub(1);
            stats.sent_bytes = stats.sent_bytes.saturating_sub(length as u64);
        }
    }

    /// Where a packet for this peer goes.
    pub(super) fn destination(&self) -> Result<SocketAddr, DropReason> {
        if !self.may_send {
            return Err(DropReason::Hold);
        }
        self.address.rtp_destination().ok_or(DropReason::NoRemote)
    }

    /// Whether what is sent to this peer's destination would reach it, and mean something to it.
    pub(super) fn can_hear(&self) -> bool {
        self.address.is_reachable() && self.has_key()
    }

    /// A packet of this many bytes goes to this peer.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.stats.sent_packets += 1;
        self.stats.sent_bytes += bytes as u64;
    }
}
