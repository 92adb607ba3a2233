//! Whether the hunt goes on after an attempt has failed, and what the caller hears when it does not.

use route::{Attempt, AttemptOutcome, HopFailure, Outcome, Setback, Verdict};
use sip_msg::Message;
use sip_proto::Hop;

use super::end::Ending;
use super::{Call, Phase, Stage, registered};
use crate::core::Core;
use crate::headers;
use crate::io::Now;
use crate::locate;
use crate::record::HungUpBy;

impl Call {
    /// The current attempt is over without an answer: note it, and dial the next or end the call.
    pub(crate) fn attempt_over(
        &mut self,
        core: &mut Core,
        now: Now,
        outcome: AttemptOutcome,
        answer: Option<&Message>,
    ) {
        let (mut outcome, mut answer) = (outcome, answer);
        self.drop_fork(core, false);
        let next = self.next_hop(core, now, outcome, answer);
        if let Some(hop) = next.filter(|_| !self.is_caller_settled()) {
            core.disarm(&mut self.stage_timer);
            self.story
                .attempt_failed(now, outcome, answer.and_then(headers::q850));
            if let Some(hunt) = self.hunt.as_mut() {
                hunt.outcomes.push(outcome);
            }
            core.counters.failovers += 1;
            let permit = self.b.as_mut().and_then(|leg| leg.permit.take());
            self.drop_b(core, now);
            match self.dial_hop(core, now, hop, permit) {
                Ok(()) => return,
                // That was our own fault, and no other place is better for it.
                Err(failed) => (outcome, answer) = (failed, None),
            }
        }
        self.drop_b(core, now);
        if self.attempt_failed(core, now, outcome, answer) == Verdict::Advance {
            self.dial_next(core, now);
        }
    }

    /// Notes how the place that was asked has failed. Gives the target's next place, where the failure is the place's: it has
    /// answered 503, could not be reached, or was silent (RFC 3263 §4.3).
    fn next_hop(
        &mut self,
        core: &mut Core,
        now: Now,
        outcome: AttemptOutcome,
        answer: Option<&Message>,
    ) -> Option<Hop> {
        let why = HopFailure::of(outcome)?;
        let hunt = self.hunt.as_mut()?;
        if matches!(hunt.stage, Stage::Resolving(_)) {
            return None;
        }
        let attempt = hunt.current()?;
        if attempt.target == Attempt::REGISTERED {
            return None;
        }
        let trunk = attempt.trunk;
        let failover = &self.snapshot.trunk(trunk).failover;
        let network = self.snapshot.network_of(trunk);
        let failed = self.b.as_ref()?.flow.hop();
        let setback = Setback {
            why,
            rest: failover.rest,
            retry_after: answer.and_then(locate::retry_after),
            call: true,
        };
        core.hop_failed(now, network, failed, setback);
        let advances = route::verdict(failover, outcome) == Verdict::Advance;
        hunt.hops.next().filter(|_| advances)
    }

    /// Notes how the attempt failed. When the hunt stops here, the call is ended.
    pub(crate) fn attempt_failed(
        &mut self,
        core: &mut Core,
        now: Now,
        outcome: AttemptOutcome,
        answer: Option<&Message>,
    ) -> Verdict {
        core.disarm(&mut self.stage_timer);
        let (q850, emergency) = (answer.and_then(headers::q850), self.is_emergency());
        self.story.attempt_failed(now, outcome, q850);
        let Some(hunt) = self.hunt.as_mut() else {
            return Verdict::Stop;
        };
        hunt.outcomes.push(outcome);
        let unasked = matches!(
            outcome,
            AttemptOutcome::Incompatible | AttemptOutcome::NotRegistered | AttemptOutcome::HeldBack
        );
        if unasked {
            // Nobody was asked.
            hunt.made = hunt.made.saturating_sub(1);
        }
        let attempt = hunt.current();
        let verdict = attempt.map_or(Verdict::Stop, |attempt| {
            if hunt.has_further_contact() && registered::goes_on(outcome) {
                return Verdict::Advance;
            }
            if emergency {
                // Whatever it says, somebody else may answer.
                return Verdict::Advance;
            }
            route::verdict(&self.snapshot.trunk(attempt.trunk).failover, outcome)
        });
        tracing::debug!(call = %self.id, ?outcome, ?verdict, "attempt failed");
        match verdict {
            // Who was passed over was not dialled.
            Verdict::Advance if unasked => {}
            Verdict::Advance => core.counters.failovers += 1,
            Verdict::Stop => {
                let (status, by) = match outcome {
                    AttemptOutcome::Final { status, .. } => (caller_status(status), HungUpBy::Called),
                    other => (other.status(), HungUpBy::Switch),
                };
                let redirect = answer
                    .filter(|_| (300..400).contains(&status))
                    .and_then(contact_user);
                self.fail(
                    core,
                    now,
                    Ending {
                        by,
                        q850,
                        redirect,
                        ..Ending::failed(outcome_kind(outcome), status)
                    },
                );
            }
        }
        verdict
    }

    /// Every attempt has failed, or none could be made.
    pub(crate) fn fail_exhausted(&mut self, core: &mut Core, now: Now) {
        if self.phase != Phase::Dialing {
            return;
        }
        let all = self.hunt.as_ref().map_or(&[][..], |hunt| &hunt.outcomes);
        // What somebody has said, or was silent about, tells more than what nobody was asked.
        let asked = |outcome: &&AttemptOutcome| **outcome != AttemptOutcome::Incompatible;
        let unfit = !all.is_empty() && !all.iter().any(|outcome| asked(&outcome));
        let kind = match all {
            [AttemptOutcome::NotRegistered] => "not-registered",
            _ if unfit => "incompatible",
            _ => "no-carrier",
        };
        let outcomes: Vec<(u16, Option<u8>)> = all
            .iter()
            .filter(|outcome| unfit || asked(outcome))
            .map(|outcome| (outcome.status(), outcome_q850(*outcome)))
            .collect();
        let status = caller_status(route::most_telling(&outcomes));
        let q850 = outcomes
            .iter()
            .find(|(s, _)| *s == status)
            .and_then(|(_, q850)| *q850);
        self.fail(
            core,
            now,
            Ending {
                q850,
                ..Ending::failed(kind, status)
            },
        );
    }

    /// The stage's time is up: no 100, no progress, or no answer.
    pub(crate) fn on_stage_timeout(&mut self, core: &mut Core, now: Now) {
        if self.on_played(core, now) {
            return;
        }
        let Some(hunt) = self.hunt.as_ref().filter(|_| self.phase == Phase::Dialing) else {
            return;
        };
        let outcome = match hunt.stage {
            Stage::Resolving(_) => AttemptOutcome::Unreachable,
            Stage::Trying => AttemptOutcome::TimeoutTrying,
            Stage::Progress => AttemptOutcome::TimeoutProgress,
            Stage::Ringing => AttemptOutcome::TimeoutAnswer,
        };
        if matches!(hunt.stage, Stage::Resolving(_) | Stage::Trying)
            && hunt.hops.is_empty()
            && let Some(attempt) = hunt.current().cloned()
        {
            core.note_target(now, &self.snapshot, &attempt, Outcome::Miss);
        }
        self.attempt_over(core, now, outcome, None);
    }
}

/// What the caller hears for a status that is none of its business: a challenge was for us (RFC 3261 §22), and so were
/// complaints about our own request, or about extensions that no one but us has spoken of.
pub(crate) fn caller_status(status: u16) -> u16 {
    match status {
        401 | 407 | 420..=423 | 494 => 503,
        other => other,
    }
}

fn outcome_q850(outcome: AttemptOutcome) -> Option<u8> {
    match outcome {
        AttemptOutcome::Final { q850, .. } => q850,
        AttemptOutcome::TimeoutTrying
        | AttemptOutcome::TimeoutProgress
        | AttemptOutcome::TimeoutAnswer
        | AttemptOutcome::Unreachable
        | AttemptOutcome::Incompatible
        | AttemptOutcome::NotRegistered
        | AttemptOutcome::HeldBack => None,
    }
}

fn outcome_kind(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Final {
            status: 486 | 600, ..
        } => "busy",
        AttemptOutcome::Final { status: 300..400, .. } => "redirected",
        AttemptOutcome::Final { .. } => "refused",
        AttemptOutcome::TimeoutTrying | AttemptOutcome::TimeoutProgress => "timeout",
        AttemptOutcome::TimeoutAnswer => "no-answer",
        AttemptOutcome::Unreachable => "unreachable",
        AttemptOutcome::Incompatible => "incompatible",
        AttemptOutcome::NotRegistered => "not-registered",
        AttemptOutcome::HeldBack => "held-back",
    }
}

/// The user part of a redirection's first Contact, which is all of it that may reach the caller (RFC 3261 §21.3).
fn contact_user(message: &Message) -> Option<Box<str>> {
    let contact = message.contact()?;
    let user = headers::user_of(contact.uri);
    (!user.is_empty()).then(|| user.into_boxed_str())
}
