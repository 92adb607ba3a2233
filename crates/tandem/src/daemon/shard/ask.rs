//! What an operator asks of the shard, answered between two turns.

use std::sync::Arc;
use std::time::Instant;

use switch::{Input, Now, Snapshot};

use super::{Ask, Figures, Shard, Traced, TrunkState};

impl Shard {
    /// Answers an operator. One that has given up waiting is no concern of ours.
    pub(super) fn answer(&mut self, now: Now, ask: Ask) {
        match ask {
            Ask::Calls(reply) => drop(reply.send(self.switch.calls(now))),
            Ask::Call(id, reply) => self.show(now, &id, reply),
            Ask::Trunks(reply) => drop(reply.send(self.trunks(now))),
            Ask::Quality(name, reply) => drop(reply.send(self.switch.trunk_quality(&name))),
            Ask::Registrations(reply) => drop(reply.send(self.switch.bindings(now))),
            Ask::Trace(id, reply) => {
                let traced = self.tap.view().map(|view| Traced {
                    call_ids: self.switch.call_ids(&id),
                    view,
                });
                let _ = reply.send(traced);
            }
            Ask::DrainTrunk(name, drained, reply) => {
                let known = self.switch.drain_trunk(now, &name, drained, &mut self.commands);
                let _ = reply.send(known);
            }
            Ask::Bans(reply) => drop(reply.send(self.switch.bans(now))),
            Ask::Ban(address, time, reply) => drop(reply.send(self.switch.ban(now, address, time))),
            Ask::Unban(address, reply) => drop(reply.send(self.switch.unban(address))),
            Ask::Explain(question, reply) => drop(reply.send(self.switch.explain(now, &question))),
            Ask::TryOut(way, candidate, why, reply) => {
                let candidate = candidate.map(|candidate| *candidate);
                let before = self.switch.try_out(now, way, candidate, &why, &mut self.commands);
                let _ = reply.send(before);
            }
            Ask::Shadow(reply) => drop(reply.send(self.switch.shadow().map(Box::new))),
            Ask::Canary(reply) => drop(reply.send(self.switch.canary().map(Box::new))),
            Ask::Fraud(reply) => drop(reply.send(self.switch.fraud(now))),
            Ask::LiftFraud(id, reply) => drop(reply.send(self.switch.lift_fraud(now, id))),
            Ask::Standing(id, reply) => drop(reply.send(self.switch.standing(&id))),
            Ask::Rated(record, reply) => drop(reply.send(self.switch.rated(&record))),
            Ask::Feedback(rating, reply) => {
                self.switch.note_feedback(now, &rating);
                let _ = reply.send(());
            }
            Ask::TestPrice(trunk, number, talk, reply) => {
                let _ = reply.send(self.switch.price_of(now, &trunk, &number, talk));
            }
            Ask::Down(pairs, reply) => drop(reply.send(self.switch.are_down(&pairs))),
            Ask::Tested(lesson) => self.switch.note_test(now, &lesson),
            Ask::Hangup(id, reply) => {
                let outcome = self.switch.hangup(now, &id, &mut self.commands);
                let _ = reply.send(outcome);
            }
            Ask::Credit(reply) => drop(reply.send(self.switch.credit(now))),
            Ask::Paid(customer, amount, reply) => {
                self.switch.add_credit(now, &customer, amount);
                let _ = reply.send(());
            }
            Ask::Figures(reply) => {
                self.switch.settle_overload(now);
                drop(reply.send(Box::new(self.figures(now))));
            }
            Ask::Reload(snapshot, setup, reply) => {
                let begun = Instant::now();
                if let Some(streams) = self.streams.as_mut() {
                    streams.install(*setup);
                }
                self.retire(&snapshot);
                self.tap.reload(&snapshot.config);
                self.switch
                    .handle(now, Input::Reload(snapshot), &mut self.commands);
                let _ = reply.send(begun.elapsed());
            }
            Ask::Trial(start, reply) => {
                let _ = reply.send(self.begin_trial(now, *start));
            }
            Ask::TrialMessage(id, bytes) => self.trial_message(now, id, bytes),
            Ask::TrialEnd(id) => self.end_trial(now, id),
            Ask::Drain => self.switch.handle(now, Input::Drain, &mut self.commands),
            Ask::Shutdown => {
                self.stopping = true;
                self.switch.handle(now, Input::EndAll, &mut self.commands);
            }
            Ask::Leave => self.leave(),
        }
    }

    /// Nobody's answer is waited for any more.
    fn leave(&mut self) {
        self.leaving = true;
        let gauges = self.switch.gauges();
        if gauges.calls + gauges.ending + gauges.orphans > 0 {
            tracing::warn!("not every BYE was answered; the process ends without");
        } else if gauges.unrecorded > 0 {
            let records = gauges.unrecorded;
            tracing::warn!(records, "the record store is waited for");
        }
    }

    fn trunks(&self, now: Now) -> Vec<TrunkState> {
        let state = |trunk: &Arc<config::Trunk>| TrunkState {
            name: trunk.name.clone(),
            calls: self.switch.trunk_calls(&trunk.name),
            drains: self.switch.trunk_drains(&trunk.name),
            above_alert: self.switch.is_above_alert(&trunk.name),
            targets: self.switch.targets(now, &trunk.name),
            registration: self.switch.registration(now, &trunk.name),
            figures: self.switch.trunk_figures(&trunk.name),
        };
        self.switch.snapshot().config.trunks.iter().map(state).collect()
    }

    fn figures(&mut self, now: Now) -> Figures {
        let mut sockets = sip_net::UdpCounters::default();
        for (_, listener) in &self.listeners {
            let counters = listener.counters();
            sockets.received += counters.received;
            sockets.sent += counters.sent;
            sockets.queued += counters.queued;
            sockets.dropped += counters.dropped;
            sockets.failed += counters.failed;
            sockets.unreachable += counters.unreachable;
        }
        Figures {
            credit: self.switch.credit(now),
            gauges: self.switch.gauges(),
            drops: self.switch.drops().collect(),
            trunks: self
                .trunks(now)
                .into_iter()
                .chain(self.retired_trunks())
                .collect(),
            limits: self.switch.limits(),
            sockets,
            mirrored: self.tap.mirrored(),
            streams: self
                .streams
                .as_ref()
                .map(sip_net::Streams::figures)
                .unwrap_or_default(),
            names: self.resolver.counters(),
            certificate: self.switch.snapshot().stir.validity(),
        }
    }

    /// Remembers the trunks that `next` no longer has: they may have calls still, and their metrics have to come down to zero.
    fn retire(&mut self, next: &Snapshot) {
        let present = self
            .switch
            .snapshot()
            .config
            .trunks
            .iter()
            .map(|trunk| &trunk.name);
        let gone = present.filter(|name| next.config.trunk(name).is_none());
        self.retired.extend(gone.cloned());
        self.retired.retain(|name| next.config.trunk(name).is_none());
    }

    fn retired_trunks(&self) -> impl Iterator<Item = TrunkState> {
        self.retired.iter().map(|name| TrunkState {
            name: name.clone(),
            calls: self.switch.trunk_calls(name),
            drains: false,
            above_alert: false,
            targets: Vec::new(),
            registration: None,
            figures: None,
        })
    }
}
