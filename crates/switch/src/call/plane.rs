//! What the media plane says of a call: ports that can't be had, keys, silence.

use std::time::Duration;

use rtp_proto::control::{PathChange, Side};

use super::end::Ending;
use super::{Call, Phase};
use crate::core::Core;
use crate::io::Now;

impl Call {
    /// The media plane could not bind our ports: nobody would hear anything.
    pub(crate) fn on_media_failed(&mut self, core: &mut Core, now: Now) {
        if self.on_played(core, now) {
            return;
        }
        self.end(core, now, Ending::by_switch("media-failed", 503, 47));
    }

    /// Checks or a handshake on a leg have come to something.
    pub(crate) fn on_path(&mut self, core: &mut Core, now: Now, side: Side, change: PathChange) {
        match change {
            PathChange::Secured => tracing::debug!(call = %self.id, ?side, "media has its keys"),
            // Its BYE is most likely on the way; if not, the silence ends the call.
            PathChange::Goodbye => tracing::debug!(call = %self.id, ?side, "the peer has closed its media"),
            PathChange::NotSecured(failure) => {
                if self.on_played(core, now) {
                    return;
                }
                tracing::debug!(call = %self.id, ?side, %failure, "no keys for media: the call is ended");
                self.end(core, now, Ending::by_switch("media-not-secured", 488, 88));
            }
            // A page that is closed says no goodbye, and its checks stop.
            PathChange::NoConsent(_) => self.on_silence(core, now, side),
        }
    }

    /// Ends an answered call for want of media.
    pub(crate) fn on_silence(&mut self, core: &mut Core, now: Now, side: Side) {
        if self.phase != Phase::Answered || self.is_vacant(side) {
            return;
        }
        core.counters.rtp_timeouts += 1;
        tracing::debug!(call = %self.id, ?side, "no media: the call is ended");
        self.end(core, now, Ending::by_switch("rtp-timeout", 200, 102));
    }

    /// Nothing is heard from one side though the other one speaks (`quiet`: for how long), or it is heard again.
    pub(crate) fn on_one_way(&mut self, core: &mut Core, side: Side, quiet: Option<Duration>) {
        let is_news = quiet.is_some() && self.phase == Phase::Answered;
        if let Some(leg) = self.leg_mut(side) {
            leg.unheard = quiet.is_some();
        }
        if is_news {
            core.counters.one_way += 1;
            tracing::debug!(call = %self.id, ?side, ?quiet, "nothing is heard from one side");
        }
    }
}
