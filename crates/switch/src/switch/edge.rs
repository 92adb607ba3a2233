//! What drivers and operators have to do with the edge.

use std::net::IpAddr;
use std::time::Duration;

use sip_proto::{DropReason, Flow};

use super::Switch;
use crate::edge::{BanOutcome, BanView};
use crate::io::Now;

impl Switch {
    /// What was read last had waited for so long: while that is too long, new requests are turned away. To be told once for each look
    /// at the sockets, of what had waited longest, before what was read is handled.
    pub fn waited(&mut self, now: Now, wait: Duration) {
        self.core.endpoint.overload().waited(now.at, wait);
    }

    /// Brings what [`Gauges`](crate::Gauges) say of the overload up to this moment.
    pub fn settle_overload(&mut self, now: Now) {
        self.core.endpoint.overload().settle(now.at);
    }

    /// Whether new requests are turned away now.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.core.endpoint.loss() > 0.0
    }

    /// Requests that were turned away, and what belonged to such.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        let reasons = [DropReason::Overload, DropReason::AckOfStateless];
        reasons.iter().map(|why| self.core.endpoint.dropped(*why)).sum()
    }

    /// Whether what comes by this flow is dropped before it is read. It is counted if so.
    pub fn is_barred(&mut self, now: Now, flow: &Flow) -> bool {
        self.core.is_barred(now, flow)
    }

    /// The bans in force, the latest first.
    #[must_use]
    pub fn bans(&self, now: Now) -> Vec<BanView> {
        self.core.bans(now)
    }

    /// Bans an address for so long.
    pub fn ban(&mut self, now: Now, address: IpAddr, time: Duration) -> BanOutcome {
        self.core.ban_by_hand(now, address, time)
    }

    /// Lifts the bans of an address; whether there were any.
    pub fn unban(&mut self, address: IpAddr) -> bool {
        self.core.unban(address)
    }
}
