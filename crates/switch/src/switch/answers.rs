//! What comes back of what we asked for: answers, their absence, media events, stored records, addresses.

use rtp_proto::control;
use sip_msg::Message;
use sip_proto::{ClientId, Hop};

use super::Switch;
use crate::core::{ClientOwner, Waiter};
use crate::io::Now;
use crate::{orphan, pager, register, registrar, trial};

impl Switch {
    pub(super) fn on_response(&mut self, now: Now, id: ClientId, message: &Message) {
        let status = message.status().unwrap_or(500);
        let Some(owner) = self.core.clients.get(&id).copied() else {
            return orphan::answered_unasked(&mut self.core, now, id, message);
        };
        let keeps = matches!(owner, ClientOwner::Attempt(_)) && status < 300;
        if status >= 200 && !keeps {
            self.core.clients.remove(&id);
        }
        match owner {
            ClientOwner::Attempt(key)
            | ClientOwner::Reinvite(key, _)
            | ClientOwner::Bye(key, _)
            | ClientOwner::Refresh(key, _)
            | ClientOwner::Prack(key)
            | ClientOwner::Relayed(key, _) => {
                self.with_call(key, |call, core| call.on_response(core, now, id, owner, message));
            }
            ClientOwner::Orphan => orphan::on_response(&mut self.core, now, id, message),
            ClientOwner::Ping(number) => self.pingers.on_response(&mut self.core, now, id, number, message),
            ClientOwner::Page(key) => pager::on_response(&mut self.core, now, key, id, message),
            ClientOwner::Goodbye => orphan::on_goodbye_response(&mut self.core, now, id, message),
            ClientOwner::Register(number) => register::on_response(&mut self.core, now, number, message),
            ClientOwner::Contact(number) => registrar::on_answer(&mut self.core, number, status),
            ClientOwner::Probe(number) => trial::on_response(&mut self.core, now, id, number, message),
            ClientOwner::Nobody => {}
        }
    }

    pub(super) fn on_no_response(&mut self, now: Now, id: ClientId, unreachable: bool) {
        let Some(owner) = self.core.clients.remove(&id) else {
            return;
        };
        match owner {
            ClientOwner::Attempt(key)
            | ClientOwner::Reinvite(key, _)
            | ClientOwner::Bye(key, _)
            | ClientOwner::Refresh(key, _)
            | ClientOwner::Prack(key)
            | ClientOwner::Relayed(key, _) => {
                self.with_call(key, |call, core| {
                    call.on_no_response(core, now, id, owner, unreachable)
                });
            }
            ClientOwner::Orphan => orphan::on_dead(&mut self.core, id),
            ClientOwner::Ping(number) => {
                self.pingers
                    .on_no_response(&mut self.core, now, id, number, unreachable);
            }
            ClientOwner::Page(key) => pager::on_no_response(&mut self.core, now, key, unreachable),
            ClientOwner::Goodbye => orphan::on_goodbye_dead(&mut self.core, id),
            ClientOwner::Register(number) => {
                register::on_no_response(&mut self.core, now, number, unreachable);
            }
            ClientOwner::Contact(number) => registrar::on_no_answer(&mut self.core, number),
            ClientOwner::Probe(number) => trial::on_no_response(&mut self.core, id, number, unreachable),
            ClientOwner::Nobody => {}
        }
    }

    pub(super) fn on_media(&mut self, now: Now, event: &control::Event) {
        let Some(key) = self.core.media.get(&event.id()).copied() else {
            return;
        };
        self.with_call(key, |call, core| match event {
            control::Event::Failed {
                side, port, error, ..
            } => {
                tracing::error!(call = %call.id, ?side, port, error, "media ports could not be had");
                call.on_media_failed(core, now);
            }
            control::Event::Silent { side, .. } => call.on_silence(core, now, *side),
            control::Event::Path { side, change, .. } => call.on_path(core, now, *side, *change),
            control::Event::Played { .. } => {
                call.on_played(core, now);
            }
            control::Event::Digit {
                side,
                digit,
                duration,
                ..
            } => call.on_digit(core, now, *side, *digit, *duration),
            control::Event::OneWay { side, quiet, .. } => call.on_one_way(core, *side, *quiet),
            control::Event::Supervised { side, after, .. } => call.on_supervised(core, now, *side, after),
            control::Event::SoundsBad { side, mos, .. } => call.on_sounds_bad(core, now, *side, *mos),
            control::Event::Closed { stats, .. } => call.on_media_closed(core, now, Some(stats)),
            control::Event::Report { stats, .. } => call.on_media_report(core, now, stats),
        });
    }

    pub(super) fn on_stored(&mut self, now: Now, ticket: u64, safe: bool) {
        let Some(key) = self.core.tickets.remove(&ticket) else {
            return;
        };
        self.with_call(key, |call, core| call.on_stored(core, now, ticket, safe));
    }

    pub(super) fn on_resolved(&mut self, now: Now, query: u64, hops: &[Hop]) {
        match self.core.queries.remove(&query) {
            Some(Waiter::Call(key)) => {
                self.with_call(key, |call, core| call.on_resolved(core, now, query, hops));
            }
            Some(Waiter::Ping(number)) => self.pingers.on_resolved(&mut self.core, now, number, hops),
            Some(Waiter::Page(key)) => pager::on_resolved(&mut self.core, now, key, hops),
            Some(Waiter::Register(number)) => register::on_resolved(&mut self.core, now, number, hops),
            Some(Waiter::Source(number)) => self.core.on_source_resolved(now, number, hops),
            Some(Waiter::Probe(number)) => trial::on_resolved(&mut self.core, now, number, hops),
            None => {}
        }
    }
}
