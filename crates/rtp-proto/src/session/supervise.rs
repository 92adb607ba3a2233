//! One leg's peer is listened to from the answer on, for a while. Nothing of the relay is another for it, but that the kernel does not
//! get what comes from there meanwhile.

use super::{Half, Notice, Session};
use crate::answer::Supervisor;
use crate::control::{Audio, Side, StreamKind};
use crate::packet::Packet;
use crate::rtp::{self, Header};
use std::time::{Duration, Instant};

impl Session {
    /// Listens for `time` to a side's peer, which speaks this. Of a side that nothing is expected from nothing is to be learned.
    pub fn supervise(&mut self, now: Instant, side: Side, spoken: &Audio, time: Duration) {
        let (here, _) = self.halves(side);
        if here.kind == StreamKind::Rtp && here.expects {
            let supervisor = Supervisor::new(now, spoken, time);
            (here.monitor.supervisor, here.monitor.after_answer) = (Some(Box::new(supervisor)), None);
            self.rerouted = true;
        }
    }

    /// Ends what has been listened to for long enough, or is no use.
    pub(super) fn supervise_timeout(&mut self, now: Instant) {
        for side in Side::BOTH {
            let (here, _) = self.halves(side);
            let supervisor = here.monitor.supervisor.as_ref();
            if !supervisor.is_some_and(|supervisor| now >= supervisor.until() || supervisor.is_deaf()) {
                continue;
            }
            here.monitor.stop_listening(now);
            if let Some(after) = here.monitor.after_answer.as_deref().copied() {
                self.notices.push_back(Notice::Supervised { side, after });
            }
            self.rerouted = true;
        }
    }
}

impl Half {
    /// Until when the peer is listened to.
    pub(super) fn supervised_until(&self) -> Option<Instant> {
        let supervisor = self.monitor.supervisor.as_ref()?;
        Some(supervisor.until())
    }

    /// A packet of this peer's, counted already.
    pub(super) fn supervised(&mut self, now: Instant, header: &Header, packet: &Packet<'_>) {
        if let Some(supervisor) = &mut self.monitor.supervisor {
            supervisor.packet(now, header, rtp::payload(packet.bytes()));
        }
    }
}
