//! What we play ourselves: ringback while the called side is silent, music on hold, and announcements before a refusal.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Trunk;
use rtp_proto::PtMap;
use rtp_proto::control::{Audio, Command as MediaCommand, Side, Sound};

use super::end::Ending;
use super::negotiate::{Events, Read};
use super::{Call, Phase, negotiate};
use crate::core::{Core, Timer};
use crate::io::Now;

/// How long an announcement is played that has no end of its own.
const ENDLESS: Duration = Duration::from_secs(10);
/// How long one is waited for that has.
const LONGEST: Duration = Duration::from_secs(120);
/// Session progress: what is played is in the media.
const PROGRESS: u16 = 183;

/// What is being played.
pub(crate) enum Playing {
    /// To the caller, until the called side speaks.
    Ringback,
    /// To this side, in what it speaks, until the other is back.
    HoldMusic(Side, Arc<Audio>),
    /// To the caller, who is then refused so, whatever else goes wrong.
    Announcement(Box<Ending>),
}

impl Call {
    /// The called side rings and sends nothing to hear: the body of our own progress, if its tone is ours to make.
    pub(crate) fn ring_back(&mut self, core: &mut Core, now: Now) -> Option<Bytes> {
        let silent = self.hunt.as_ref().is_some_and(|hunt| hunt.early.is_empty());
        let name = self.snapshot.trunk(self.a.trunk).ringback.clone()?;
        if self.playing.is_some() || !silent {
            return None;
        }
        let seats = self.media.is_none() && self.rings_at_once();
        if seats && self.parked.is_empty() {
            // For the side where nobody is before one of them answers.
            self.parked.push(core.ports.reserve(now.at)?);
        }
        let body = self.play_to_caller(core, &name);
        match body {
            Some(_) => self.playing = Some(Playing::Ringback),
            None if seats => {
                for ports in self.parked.drain(..) {
                    core.ports.release(now.at, ports);
                }
            }
            None => {}
        }
        body
    }

    /// The called side is heard from now on, or nobody is.
    pub(crate) fn hush(&mut self, core: &mut Core) {
        let side = match self.playing.take() {
            Some(Playing::Ringback | Playing::Announcement(_)) => Side::A,
            Some(Playing::HoldMusic(side, _)) => side,
            None => return,
        };
        if let Some(id) = self.media {
            core.media(MediaCommand::Hush { id, side });
        }
    }

    /// The call has failed: the caller is told so, in sound first if there is one for it.
    pub(crate) fn fail(&mut self, core: &mut Core, now: Now, ending: Ending) {
        if self.phase != Phase::Dialing || matches!(self.playing, Some(Playing::Announcement(_))) {
            return self.end(core, now, ending);
        }
        self.story.ring_until(now);
        let snapshot = Arc::clone(&self.snapshot);
        let name = announcement(snapshot.trunk(self.a.trunk), ending.status);
        let sound = name.and_then(|name| snapshot.sounds.get(name));
        let body = name
            .filter(|_| self.seat_caller(core, now).is_some())
            .and_then(|name| self.play_to_caller(core, name));
        let (Some(sound), Some(body)) = (sound, body) else {
            return self.end(core, now, ending);
        };
        self.playing = Some(Playing::Announcement(Box::new(ending)));
        let limit = if sound.times == 0 { ENDLESS } else { LONGEST };
        core.disarm(&mut self.stage_timer);
        self.stage_timer = Some(core.arm(now, limit, Timer::Stage(self.key)));
        self.tell_progress(core, now, PROGRESS, Some(body));
    }

    /// What a caller needs that was never taken anywhere: its offer noted, and ports, for itself and for the side where nobody
    /// is. `None`: there is nothing to answer, or no room to spare.
    fn seat_caller(&mut self, core: &mut Core, now: Now) -> Option<()> {
        if self.media.is_some() {
            return Some(());
        }
        if !core.has_room_to_spare() {
            return None;
        }
        let offer = self.invite.as_ref()?.offer.clone()?;
        negotiate::note(&self.snapshot, core.endpoint.mint(), &mut self.a, &offer).ok()?;
        if self.a.ports.is_none() {
            self.a.ports = Some(core.ports.reserve(now.at)?);
        }
        self.parked.push(core.ports.reserve(now.at)?);
        Some(())
    }

    /// A sound has been played to its end, for long enough, or can't be. Whether that was all there was to wait for.
    pub(crate) fn on_played(&mut self, core: &mut Core, now: Now) -> bool {
        match self.playing.take() {
            Some(Playing::Announcement(ending)) => {
                self.end(core, now, *ending);
                true
            }
            other => {
                self.playing = other;
                false
            }
        }
    }

    /// One side may have been put on hold, be back, or hold in place of the other; what is held may speak another codec. Music
    /// begins, ends or begins anew.
    pub(crate) fn hold_music(&mut self, core: &mut Core) {
        let Some(id) = self.media.filter(|_| self.phase == Phase::Answered) else {
            return;
        };
        let held = self.held();
        match (&held, &self.playing) {
            (Some((side, _, audio)), Some(Playing::HoldMusic(hears, spoken)))
                if side == hears && audio == spoken =>
            {
                return;
            }
            // What is played next to the same side takes its place by itself.
            (Some((side, ..)), Some(Playing::HoldMusic(hears, _))) if side == hears => {}
            (_, Some(Playing::HoldMusic(..))) => self.hush(core),
            (_, Some(Playing::Ringback | Playing::Announcement(_))) => return,
            (_, None) => {}
        }
        if let Some((side, sound, audio)) = held {
            self.playing = Some(Playing::HoldMusic(side, Arc::clone(&audio)));
            core.media(MediaCommand::Play {
                id,
                side,
                sound,
                audio,
            });
        }
    }

    /// Who listens to nobody, though it may hear music: which side, what it is to hear, and in which codec.
    fn held(&self) -> Option<(Side, Arc<Sound>, Arc<Audio>)> {
        Side::BOTH.into_iter().find_map(|side| {
            let (leg, other) = (self.leg(side)?, self.leg(side.other())?);
            let name = self.snapshot.trunk(leg.trunk).hold_music.as_deref()?;
            let sound = self.snapshot.sounds.get(name)?.clone();
            let waits = negotiate::direction(&leg.session)?.receives();
            let gone = !negotiate::direction(&other.session)?.sends();
            let audio = negotiate::heard(&leg.session).filter(|_| waits && gone)?;
            Some((side, sound, audio))
        })
    }

    /// Begins to play to the caller, who has no final answer yet; our own answer to its offer. `None`: there is no such sound, or
    /// the caller would not hear it.
    fn play_to_caller(&mut self, core: &mut Core, name: &str) -> Option<Bytes> {
        self.invite.as_ref()?.offer.as_ref()?;
        let sound: Arc<Sound> = self.snapshot.sounds.get(name)?.clone();
        if !negotiate::direction(&self.a.session)?.receives() {
            return None;
        }
        let alone = self.b.is_none();
        let ports = self.parked.last().copied().filter(|_| alone);
        if self.media.is_none() && ports.is_none() {
            // An answer that is never sent would bind (RFC 3261 §13.2.1).
            return None;
        }
        if alone {
            // Nothing of an attempt that has failed holds any more.
            self.a.session.converted = None;
            self.a.session.events = Events::default();
        }
        let asked = match &self.b {
            Some(b) => negotiate::asked(b),
            None => self.asked_at_once(),
        };
        let (body, audio) = negotiate::own_answer(&self.snapshot, &mut self.a, asked.as_ref()).ok()?;
        let (a, b) = (Read::of(&self.a), self.b.as_ref().map(Read::of));
        let leg = negotiate::media_leg(&self.snapshot, &a, b.as_ref(), PtMap::identity(), false)?;
        let nobody = ports.map(|ports| negotiate::nobody(&self.snapshot, self.a.trunk, ports));
        let id = match (self.media, nobody) {
            (Some(id), nobody) => {
                let of_a = (Side::A, leg.mux, leg);
                let of_b = nobody.map(|leg| (Side::B, true, leg));
                for (side, rebind, leg) in of_b.into_iter().chain([of_a]) {
                    core.media(MediaCommand::Update {
                        id,
                        side,
                        leg,
                        rebind,
                    });
                }
                id
            }
            (None, Some(nobody)) => self.open_stream(core, [leg, nobody]),
            (None, None) => return None,
        };
        core.media(MediaCommand::Play {
            id,
            side: Side::A,
            sound,
            audio,
        });
        Some(body)
    }
}

fn announcement(trunk: &Trunk, status: u16) -> Option<&str> {
    let entry = trunk
        .announcements
        .iter()
        .find(|entry| entry.on.contains(&status))?;
    Some(&entry.sound)
}
