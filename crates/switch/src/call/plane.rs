//! What the media plane says of a call: ports that can't be had, keys, silence.

use std::time::Duration;

use rtp_proto::control::{AfterAnswer, Command as MediaCommand, PathChange, Side};

use super::end::Ending;
use super::{Call, Phase, negotiate};
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

    /// The call is answered: one in so many is listened to, by a number that is its own; or each, where the carrier is suspected of bad answers.
    pub(crate) fn supervise(&self, core: &mut Core) {
        let (Some(id), Some(leg)) = (self.media, &self.b) else {
            return;
        };
        let carrier = self.snapshot.trunk(leg.trunk);
        let supervise = &self.snapshot.config.media.supervise;
        let share = carrier.supervise.unwrap_or(supervise.share);
        let Some(of) = self.of(leg.trunk).filter(|_| share > 0.0) else {
            return;
        };
        // It is to be asked of each: what it says is used up.
        if !core.live.looks_closer(&of) && chance(self.a.session.id) >= share {
            return;
        }
        if let Some(audio) = negotiate::spoken(&leg.session) {
            core.media(MediaCommand::Supervise {
                id,
                side: Side::B,
                audio,
                time: supervise.time,
            });
        }
    }

    /// It was listened to what comes from one side behind its answer.
    pub(crate) fn on_supervised(&mut self, core: &mut Core, now: Now, side: Side, after: &AfterAnswer) {
        if side == Side::B && self.phase == Phase::Answered {
            self.learn_answer_heard(core, now, after);
        }
    }

    /// What one side says has sounded bad from its beginning.
    pub(crate) fn on_sounds_bad(&mut self, core: &mut Core, now: Now, side: Side, mos: f32) {
        if side == Side::B && self.phase == Phase::Answered {
            self.learn_sound(core, now, mos);
        }
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

/// A number from 0 to 1, less than that, of a random one.
fn chance(random: u64) -> f64 {
    // The odd constant spreads what is random in any of its bits over the upper ones.
    (random.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_calls_is_that_share() {
        for share in [0.0, 0.05, 0.5, 1.0] {
            let listened =
                (0..20_000_u64).filter(|call| chance(call.wrapping_mul(0xd134_2543_de82_ef95)) < share);
            let part = listened.count() as f64 / 20_000.0;
            assert!((part - share).abs() < 0.01, "{part} of {share}");
        }
        assert!((0.0..1.0).contains(&chance(u64::MAX)));
    }
}
