//! Several carriers are asked at once (`parallel` of a class), so that a slow one holds nobody up.
//!
//! Each is a *branch*, as a contact that rings with others is ([`fork`](super::fork)), with a place on its trunk and timers of its own.
//! The first is asked at once, the next when those under way have shown no progress for a while, or one of them has failed. The branch
//! that first makes progress, or answers, gives its leg to the call with that very response, and from there on the call is as if it
//! had asked no other. So the caller hears of one carrier only, and only one has media. The others are cancelled; one that
//! answers all the same is thanked and hung up ([`orphan`](crate::orphan)).
//!
//! A failure that would end a hunt ends it here too, however many are still being asked: they would all ring the same person.

use std::time::Instant;

use config::{Parallel, Role, Until};
use route::{Attempt, AttemptOutcome, Verdict};
use rtp_proto::control::Side;
use sdp::Sdp;
use sip_msg::Message;
use sip_proto::ClientId;
use smallvec::SmallVec;

use super::fork::{Fork, Picked};
use super::{Call, ErrandKind, Phase, Stage, Tale};
use crate::core::{ClientOwner, Core};
use crate::handoff::{Dropped, Handoff};
use crate::ident::CallKey;
use crate::io::Now;
use crate::locate::Hops;
use crate::orphan;

/// What makes branches rivals.
pub(super) struct Race {
    parallel: Parallel,
    /// Which of the hunt's attempts each branch is, in the order of the branches.
    at: SmallVec<[(CallKey, usize); 4]>,
}

/// Where a rival's attempt stands when its call takes it over.
pub(super) struct Standing {
    stage: Stage,
    hops: Hops,
    /// What was answered early, by tags.
    early: SmallVec<[(Box<[u8]>, Sdp); 1]>,
    /// When its INVITE was sent.
    since: Option<Instant>,
}

impl Picked {
    /// There is no call any more that waits for it: it is given up, or hung up if it has answered.
    pub(super) fn let_go(self, core: &mut Core, now: Now) {
        let Self {
            mut leg,
            client,
            response,
            snapshot,
            ..
        } = self;
        core.tags.remove(&leg.tag);
        if let Some(ports) = leg.ports.take() {
            core.ports.release(now.at, ports);
        }
        let permit = leg.permit.take();
        let Some(uac) = leg.uac.take() else { return };
        if response.status().is_some_and(|status| status < 200) {
            return orphan::abandon(core, now, &snapshot, leg, *uac, permit, None);
        }
        core.clients.remove(&client);
        if let Some(invite) = &uac.invite {
            orphan::answered_late(core, now, &snapshot, client, invite, &leg, &response);
        }
        if let Some(permit) = permit {
            core.live.release(permit);
        }
    }
}

impl Call {
    /// Whether carriers are being asked at once.
    pub(crate) fn is_racing(&self) -> bool {
        let fork = self.aside.as_ref().and_then(|aside| aside.fork.as_ref());
        fork.is_some_and(|fork| fork.race.is_some())
    }

    fn race_mut(&mut self) -> Option<(&mut Race, &mut SmallVec<[CallKey; 4]>)> {
        let fork = self.fork_mut()?;
        Some((fork.race.as_mut()?, &mut fork.branches))
    }

    /// How several are asked at once for this call, if they are.
    fn parallel(&self) -> Option<Parallel> {
        let offers = self.invite.as_ref().is_some_and(|invite| invite.offer.is_some());
        let may = offers && self.errand().is_none();
        self.snapshot.parallel(self.payer()).filter(|_| may)
    }

    /// Whether an attempt may be made beside others.
    fn is_racer(&self, attempt: &Attempt) -> bool {
        attempt.target != Attempt::REGISTERED && self.snapshot.trunk(attempt.trunk).role == Role::Carrier
    }

    /// Whether this attempt, and another that may follow it, are made beside each other.
    pub(super) fn races(&self, attempt: &Attempt) -> bool {
        let hunt = self.hunt.as_deref();
        // This one is not counted yet.
        let another = hunt.filter(|hunt| hunt.made + 1 < hunt.limit);
        let another = another.and_then(|hunt| hunt.upcoming());
        self.parallel().is_some()
            && self.is_racer(attempt)
            && another.is_some_and(|another| self.is_racer(another))
    }

    /// Makes this attempt as the first of several. `false`: there is no room for that.
    pub(super) fn race(&mut self, core: &mut Core, now: Now, attempt: &Attempt) -> bool {
        let Some(parallel) = self.parallel() else {
            return false;
        };
        if self.prepare_fork(core, now).is_none() {
            return false;
        }
        if let Some(hunt) = self.hunt.as_mut() {
            hunt.stage = Stage::Progress;
        }
        let race = Race {
            parallel,
            at: SmallVec::new(),
        };
        self.aside().fork = Some(Box::new(Fork::of(race)));
        self.ask(core, now, attempt);
        self.ask_more(core, now, false);
        true
    }

    /// One more carrier is asked.
    fn ask(&mut self, core: &mut Core, now: Now, attempt: &Attempt) {
        let Some(at) = self.hunt.as_mut().and_then(|hunt| {
            hunt.made += 1;
            hunt.at
        }) else {
            return;
        };
        let kind = self
            .fork_mut()
            .and_then(|fork| Some(fork.race.as_ref()?.parallel.until));
        let Some(mut branch) =
            kind.and_then(|until| self.branch(core, now, attempt, ErrandKind::Rival(until)))
        else {
            return;
        };
        if let Some((race, branches)) = self.race_mut() {
            race.at.push((branch.key, at));
            branches.push(branch.key);
        }
        branch.dial_next(core, now);
        // The next one has the same to say of the caller.
        self.vouch_as(&branch);
        // Before what it has to say already.
        core.handoffs.push_front(Handoff::Begin(Box::new(branch)));
    }

    /// Whether one more may be asked now.
    fn may_ask(&mut self) -> Option<Parallel> {
        let next = self.hunt.as_ref().and_then(|hunt| hunt.upcoming());
        let fits = next.is_some_and(|next| self.is_racer(next));
        let fork = self.fork_mut().filter(|fork| fits && !fork.told)?;
        let under_way = fork.branches.len();
        let parallel = fork.race.as_ref()?.parallel;
        (under_way < usize::from(parallel.attempts)).then_some(parallel)
    }

    /// More are asked, the first `at_once`, or when those under way have had their time.
    pub(super) fn ask_more(&mut self, core: &mut Core, now: Now, at_once: bool) {
        let mut at_once = at_once;
        core.disarm(&mut self.stage_timer);
        while let Some(parallel) = self.may_ask() {
            if !at_once && !parallel.after.is_zero() {
                return self.arm_stage(core, now, parallel.after);
            }
            at_once = false;
            let Some(attempt) = self.take_attempt(now) else {
                return;
            };
            self.ask(core, now, &attempt);
        }
    }

    /// A rival has come to nothing.
    pub(crate) fn on_rival_failed(&mut self, core: &mut Core, now: Now, rival: CallKey, mut tale: Tale) {
        let left = self.race_mut().and_then(|(race, branches)| {
            let at = race.at.iter().position(|(key, _)| *key == rival)?;
            let (_, at) = race.at.remove(at);
            branches.retain(|key| *key != rival);
            Some((at, branches.is_empty()))
        });
        let Some((at, alone)) = left else {
            return self.add_tale(core, rival, tale);
        };
        let (lost, answer) = (tale.lost.take(), tale.answer.take());
        self.story.add_tried(tale.tried);
        for line in tale.remarks {
            self.story.remark(line);
        }
        if self.phase != Phase::Dialing {
            return;
        }
        let attempt = self.hunt.as_ref().and_then(|hunt| hunt.attempts.get(at).cloned());
        let outcome = lost.unwrap_or(AttemptOutcome::Unreachable);
        if self.weigh(core, now, attempt.as_ref(), outcome, answer.as_ref()) == Verdict::Stop {
            return;
        }
        if alone {
            self.drop_fork(core, Dropped::GivenUp);
            self.dial_next(core, now);
        } else {
            self.ask_more(core, now, true);
        }
    }

    /// A rival is the first: its leg is the call's, which goes on with what it has said; the others stop.
    pub(super) fn goes_to(&mut self, core: &mut Core, now: Now, picked: Picked) {
        let Picked {
            branch,
            leg,
            client,
            response,
            early: _,
            tale,
            vouch,
            snapshot: _,
            course,
        } = picked;
        let answered = response.status().is_some_and(|status| status >= 200);
        let mut at = None;
        if let Some((race, branches)) = self.race_mut() {
            at = race.at.iter().find(|(key, _)| *key == branch).map(|(_, at)| *at);
            branches.retain(|key| *key != branch);
        }
        let why = if answered {
            Dropped::Answered
        } else {
            Dropped::Overtaken
        };
        self.drop_fork(core, why);
        core.disarm(&mut self.stage_timer);
        for line in tale.remarks {
            self.story.remark(line);
        }
        let since = course.as_ref().and_then(|course| course.since);
        self.story.takes_over(tale.tried, since);
        self.story.vouch = vouch;
        if let (Some(hunt), Some(course)) = (self.hunt.as_mut(), course) {
            hunt.at = at;
            hunt.stage = course.stage;
            hunt.hops = course.hops;
            hunt.early = course.early;
        }
        core.clients.insert(client, ClientOwner::Attempt(self.key));
        core.tags.insert(&leg.tag, (self.key, Side::B));
        let to = self.snapshot.trunk(leg.trunk);
        core.loops
            .sent(self.key, &self.story.caller, self.called(), &to.name);
        self.b = Some(leg);
        self.open_media(core);
        self.on_attempt_response(core, now, client, &response);
    }

    /// Whether this call is a rival, and the response makes it the first.
    pub(super) fn is_won_by(&self, response: &Message) -> bool {
        let Some(ErrandKind::Rival(until)) = self.errand().map(|errand| errand.kind) else {
            return false;
        };
        match (response.status().unwrap_or(500), until) {
            (200..=299, _) => true,
            // 199 says that a branch has failed (RFC 6228).
            (101..=198, Until::Progress) => true,
            (_, Until::Progress | Until::Answer) => false,
        }
    }

    /// The leg goes to the call, with the response that has won it.
    pub(super) fn hand_over_leg(&mut self, core: &mut Core, client: ClientId, response: &Message) {
        let Some(of) = self.errand().map(|errand| errand.of) else {
            return;
        };
        let (Some(leg), Some(hunt)) = (self.b.take(), self.hunt.take()) else {
            return;
        };
        let hunt = *hunt;
        let course = Standing {
            stage: hunt.stage,
            hops: hunt.hops,
            early: hunt.early,
            since: self.story.attempt_since(),
        };
        let picked = Picked {
            branch: self.key,
            leg,
            client,
            response: response.clone(),
            early: None,
            tale: self.tale(),
            vouch: self.story.vouch.take(),
            snapshot: self.snapshot.clone(),
            course: Some(Box::new(course)),
        };
        core.handoffs.push_back(Handoff::Picked {
            of,
            picked: Box::new(picked),
        });
        self.close_errand(core);
    }

    /// A rival tells its call how it has failed.
    pub(super) fn lose(&mut self, core: &mut Core, outcome: AttemptOutcome, answer: Option<&Message>) {
        let Some(of) = self.errand().map(|errand| errand.of) else {
            return;
        };
        let tale = Tale {
            lost: Some(outcome),
            answer: answer.cloned(),
            ..self.tale()
        };
        core.handoffs.push_back(Handoff::Failed {
            of,
            errand: self.key,
            said: (outcome.status(), outcome.q850()),
            tale: Box::new(tale),
        });
        self.close_errand(core);
    }
}
