//! Whether the hunt goes on after an attempt has failed, and what the caller hears when it does not.

use route::{Attempt, AttemptOutcome, HopFailure, Outcome, Redirection, Setback, TrunkIx, Verdict};
use sip_msg::Message;
use sip_proto::Hop;

use super::end::Ending;
use super::{Call, Errand, Phase, Stage, registered};
use crate::core::Core;
use crate::handoff::Dropped;
use crate::headers;
use crate::io::Now;
use crate::locate;
use crate::record::HungUpBy;

/// What comes after an attempt that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another attempt, if there is one.
    Attempt,
    /// Whom it has named, if the call can go there; it had rung before, or not.
    Follow(bool),
    /// The caller hears whom it has named.
    Tell,
    /// The caller hears how it has failed.
    Stop,
}

impl Call {
    /// What the caller hears when the present attempt has rung for as long as it may.
    fn no_answer(&self) -> u16 {
        let attempt = self.hunt.as_ref().and_then(|hunt| hunt.current());
        attempt.map_or(480, |attempt| {
            self.snapshot.trunk(attempt.trunk).failover.no_answer
        })
    }

    /// The current attempt is over without an answer: note it, and dial the next or end the call.
    pub(crate) fn attempt_over(
        &mut self,
        core: &mut Core,
        now: Now,
        outcome: AttemptOutcome,
        answer: Option<&Message>,
    ) {
        let (mut outcome, mut answer) = (outcome, answer);
        self.drop_fork(core, Dropped::GivenUp);
        let next = self.next_hop(core, now, outcome, answer);
        if let Some(hop) = next.filter(|_| !self.is_caller_settled()) {
            core.disarm(&mut self.stage_timer);
            self.learn_failure(core, now, outcome);
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
        let goes_on = advances && !hunt.is_over(now);
        hunt.hops.next().filter(|_| goes_on)
    }

    /// Notes how the attempt failed. When the hunt stops here, the call is ended, or goes on elsewhere.
    pub(crate) fn attempt_failed(
        &mut self,
        core: &mut Core,
        now: Now,
        outcome: AttemptOutcome,
        answer: Option<&Message>,
    ) -> Verdict {
        core.disarm(&mut self.stage_timer);
        let q850 = answer.and_then(headers::q850);
        self.learn_failure(core, now, outcome);
        self.story.attempt_failed(now, outcome, q850);
        if self.errand().is_some_and(Errand::is_rival) {
            self.lose(core, outcome, answer);
            return Verdict::Stop;
        }
        let attempt = self.hunt.as_ref().and_then(|hunt| hunt.current().cloned());
        self.weigh(core, now, attempt.as_ref(), outcome, answer)
    }

    /// What follows from how an attempt of this hunt has failed. When the hunt stops here, the call is ended, or goes on elsewhere.
    pub(super) fn weigh(
        &mut self,
        core: &mut Core,
        now: Now,
        attempt: Option<&Attempt>,
        outcome: AttemptOutcome,
        answer: Option<&Message>,
    ) -> Verdict {
        let emergency = self.is_emergency();
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
        let next = match attempt {
            None => Next::Stop,
            // Whatever it says, somebody else may answer.
            Some(_) if emergency => Next::Attempt,
            Some(attempt) => self.next(now, attempt, outcome),
        };
        tracing::debug!(call = %self.id, ?outcome, ?next, "attempt failed");
        let next = match (next, attempt) {
            (Next::Follow(rang), Some(attempt)) => {
                if self.redirected(core, now, attempt.trunk, answer, rang) {
                    return Verdict::Stop;
                }
                Next::Attempt
            }
            (other, _) => other,
        };
        match next {
            // Who was passed over was not dialled.
            Next::Attempt if unasked => Verdict::Advance,
            Next::Attempt => {
                core.counters.failovers += 1;
                Verdict::Advance
            }
            Next::Stop | Next::Tell | Next::Follow(_) => {
                self.stop(core, now, outcome, answer.filter(|_| next == Next::Tell));
                Verdict::Stop
            }
        }
    }

    /// What comes after an attempt that has failed so.
    fn next(&self, now: Now, attempt: &Attempt, outcome: AttemptOutcome) -> Next {
        let keys = &self.snapshot.trunk(attempt.trunk).failover;
        let redirection = match outcome {
            AttemptOutcome::Final {
                status: status @ 300..400,
                q850,
                ..
            } => {
                let redirects = self.snapshot.redirects(attempt.trunk);
                Some(route::redirection(keys, redirects, status, q850))
            }
            AttemptOutcome::Final { .. }
            | AttemptOutcome::TimeoutTrying
            | AttemptOutcome::TimeoutProgress
            | AttemptOutcome::TimeoutAnswer { .. }
            | AttemptOutcome::Unreachable
            | AttemptOutcome::Incompatible
            | AttemptOutcome::NotRegistered
            | AttemptOutcome::HeldBack => None,
        };
        let hunt = self.hunt.as_deref();
        if redirection == Some(Redirection::Follow) {
            return Next::Follow(hunt.is_some_and(|hunt| hunt.rang));
        }
        let further = hunt.is_some_and(|hunt| hunt.has_further_contact() && !hunt.has_rung_out(now));
        if further && registered::goes_on(outcome) {
            return Next::Attempt;
        }
        let verdict = match redirection {
            Some(Redirection::Tell) => return Next::Tell,
            Some(Redirection::Fail(verdict)) => verdict,
            Some(Redirection::Follow) | None => route::verdict(keys, outcome),
        };
        match verdict {
            Verdict::Advance => Next::Attempt,
            Verdict::Stop => Next::Stop,
        }
    }

    /// The called side has redirected the call. Whether that is the end of this hunt: it goes on to whom it names, or the call that
    /// waits for this branch will see to it.
    fn redirected(
        &mut self,
        core: &mut Core,
        now: Now,
        by: TrunkIx,
        answer: Option<&Message>,
        rang: bool,
    ) -> bool {
        let branch = self
            .aside
            .as_mut()
            .and_then(|aside| aside.errand.as_deref_mut())
            .filter(|errand| errand.is_branch());
        if let Some(branch) = branch {
            branch.moved = answer.cloned();
            return false;
        }
        self.drop_fork(core, Dropped::GivenUp);
        self.follow(core, now, by, answer, rang)
    }

    /// The hunt ends with this. `tells`: the redirection that the caller hears of.
    fn stop(&mut self, core: &mut Core, now: Now, outcome: AttemptOutcome, tells: Option<&Message>) {
        self.drop_fork(core, Dropped::GivenUp);
        if self.goes_on(core, now, outcome) {
            return;
        }
        if !self.ended_before().is_empty() {
            // What those have said whom the call was for before may tell more.
            return self.fail_telling(core, now);
        }
        let (status, by) = match outcome {
            AttemptOutcome::Final { status, .. } => (caller_status(status), HungUpBy::Called),
            other => (other.status(), HungUpBy::Switch),
        };
        let redirect = tells.and_then(contact_user);
        let status = match status {
            300..400 if tells.is_none() => 480,
            other => other,
        };
        self.fail(
            core,
            now,
            Ending {
                by,
                q850: outcome.q850(),
                redirect,
                ..Ending::failed(outcome_kind(outcome), status)
            },
        );
    }

    /// Every attempt has failed, or none could be made.
    pub(crate) fn fail_exhausted(&mut self, core: &mut Core, now: Now) {
        if self.phase != Phase::Dialing {
            return;
        }
        let own = self.hunt.as_ref().map_or(&[][..], |hunt| &hunt.outcomes);
        let most = telling(own).unwrap_or(AttemptOutcome::Unreachable);
        if !self.goes_on(core, now, most) {
            self.fail_telling(core, now);
        }
    }

    /// The call fails with what tells most of all that was said.
    fn fail_telling(&mut self, core: &mut Core, now: Now) {
        let own = self.hunt.as_ref().map_or(&[][..], |hunt| &hunt.outcomes);
        let before = self.ended_before();
        let all: Vec<AttemptOutcome> = before.iter().chain(own).copied().collect();
        let unfit = !all.is_empty() && all.iter().all(|outcome| *outcome == AttemptOutcome::Incompatible);
        let most = telling(&all);
        let kind = match (all.as_slice(), most) {
            ([AttemptOutcome::NotRegistered], _) => "not-registered",
            _ if unfit => "incompatible",
            (_, Some(most)) if !before.is_empty() => outcome_kind(most),
            (_, _) => "no-carrier",
        };
        let status = most.map_or(503, |most| match caller_status(most.status()) {
            300..400 => 480,
            status => status,
        });
        self.fail(
            core,
            now,
            Ending {
                q850: most.and_then(AttemptOutcome::q850),
                ..Ending::failed(kind, status)
            },
        );
    }

    /// The stage's time is up: no 100, no progress, or no answer.
    pub(crate) fn on_stage_timeout(&mut self, core: &mut Core, now: Now) {
        if self.on_played(core, now) {
            return;
        }
        if self.phase == Phase::Dialing && self.is_racing() {
            return self.ask_more(core, now, true);
        }
        let Some(hunt) = self.hunt.as_ref().filter(|_| self.phase == Phase::Dialing) else {
            return;
        };
        // Where the hunt's time is up, and not the attempt's own, nobody is to blame.
        let over = hunt.is_over(now);
        let outcome = match hunt.stage {
            Stage::Resolving(_) | Stage::Trying if over => AttemptOutcome::TimeoutProgress,
            Stage::Resolving(_) => AttemptOutcome::Unreachable,
            Stage::Trying => AttemptOutcome::TimeoutTrying,
            Stage::Progress => AttemptOutcome::TimeoutProgress,
            Stage::Ringing => AttemptOutcome::TimeoutAnswer {
                status: self.no_answer(),
            },
        };
        if matches!(hunt.stage, Stage::Resolving(_) | Stage::Trying)
            && !over
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

/// The most telling of these; `None`: there are none. What somebody has said, or was silent about, tells more than what nobody was asked.
fn telling(all: &[AttemptOutcome]) -> Option<AttemptOutcome> {
    let asked = |outcome: &&AttemptOutcome| **outcome != AttemptOutcome::Incompatible;
    let moved = |outcome: &&AttemptOutcome| (300..400).contains(&outcome.status());
    // Where somebody has sent the call tells nothing once it was there.
    let mut some: Vec<AttemptOutcome> = all.iter().filter(asked).filter(|o| !moved(o)).copied().collect();
    if some.is_empty() {
        some = all.iter().filter(asked).copied().collect();
    }
    if some.is_empty() {
        some = all.to_vec();
    }
    let said: Vec<(u16, Option<u8>)> = some
        .iter()
        .map(|outcome| (outcome.status(), outcome.q850()))
        .collect();
    let most = route::most_telling(&said);
    let found = some.iter().find(|outcome| outcome.status() == most);
    found.or(some.first()).copied()
}

fn outcome_kind(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Final {
            status: 486 | 600, ..
        } => "busy",
        AttemptOutcome::Final { status: 300..400, .. } => "redirected",
        AttemptOutcome::Final { .. } => "refused",
        AttemptOutcome::TimeoutTrying | AttemptOutcome::TimeoutProgress => "timeout",
        AttemptOutcome::TimeoutAnswer { .. } => "no-answer",
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
