//! Contacts of a registered user with the same preference ring at once (RFC 3261 §16.6, §16.7): the first to answer has the call, the
//! others stop.
//!
//! Each is a *branch*: a call without a caller of its own, as an errand is, that rings one contact with the caller's offer. The one that
//! answers gives its leg to the call, which goes on with it as with an answer of its own. A caller without an offer, which has one dialog
//! to answer it in, rings them one after the other.

use std::sync::Arc;

use route::{Attempt, AttemptOutcome, Permit, TrunkIx, Verdict};
use sdp::Media;
use sip_msg::Message;
use sip_proto::ClientId;
use smallvec::SmallVec;

use super::end::Ending;
use super::leg::{Bye, Leg};
use super::race::{Race, Standing};
use super::reliable::Progress;
use super::{Call, Course, Errand, ErrandKind, Hunt, NewCall, Phase, Stage, Story, Tale, negotiate};
use crate::core::Core;
use crate::handoff::{Dropped, Handoff};
use crate::ident::CallKey;
use crate::io::Now;
use crate::snapshot::Snapshot;
use crate::vouch::Vouch;

/// Contacts that ring at once at most; the others come after them.
const MOST: usize = 8;

/// The word for an attempt that was given up because another was faster.
pub(super) const OVERTAKEN: &str = "overtaken";

/// The branches of a call that ring.
#[derive(Default)]
pub(crate) struct Fork {
    /// They are carriers ([`race`](super::race)); `None`: they are a user's contacts.
    pub(super) race: Option<Race>,
    /// Their one place on their trunk, if they are contacts: the leg that answers gets it.
    permit: Option<Permit>,
    pub(super) branches: SmallVec<[CallKey; 4]>,
    /// The caller has heard of ringing.
    pub(super) told: bool,
    /// What they were offered, which is the same for all; `None`: nobody asks.
    asked: Option<(Media, TrunkIx)>,
    /// What those have said that won't have the call.
    failures: Vec<(u16, Option<u8>)>,
    /// A redirection by one of them.
    moved: Option<Message>,
}

impl Fork {
    /// Of carriers, none of which is asked yet.
    pub(super) fn of(race: Race) -> Self {
        Self {
            race: Some(race),
            ..Self::default()
        }
    }
}

/// A branch that has answered, or of several carriers one that is the first: its leg, with the INVITE that was answered.
pub(crate) struct Picked {
    pub(super) branch: CallKey,
    pub(super) leg: Leg,
    pub(super) client: ClientId,
    pub(super) response: Message,
    pub(super) early: Option<sdp::Sdp>,
    pub(super) tale: Tale,
    pub(super) vouch: Option<Box<Vouch>>,
    pub(super) snapshot: Arc<Snapshot>,
    /// Where its attempt stands, if the response is still to be looked at.
    pub(super) course: Option<Box<Standing>>,
}

impl Picked {
    /// There is no call any more that waits for it: as an INVITE that was given up and answered all the same.
    pub(crate) fn not_wanted(self, core: &mut Core, now: Now) {
        if self.course.is_some() {
            return self.let_go(core, now);
        }
        let Self {
            mut leg, snapshot, ..
        } = self;
        core.clients.remove(&self.client);
        core.tags.remove(&leg.tag);
        if let Some(invite) = leg.uac.take().and_then(|uac| uac.invite) {
            leg.send_ack(core, now, &snapshot, self.client, &invite, None);
        }
        if let Some(ports) = leg.ports.take() {
            core.ports.release(now.at, ports);
        }
        crate::orphan::goodbye(core, now, &snapshot, leg);
    }
}

impl Call {
    /// How many further contacts ring with this attempt's.
    pub(super) fn rings_with(&self, attempt: &Attempt) -> usize {
        let Some(hunt) = self.hunt.as_deref() else {
            return 0;
        };
        let offers = self.invite.as_ref().is_some_and(|invite| invite.offer.is_some());
        let rank = hunt.contact(attempt).map(|contact| contact.rank);
        if rank.is_none() || !offers {
            return 0;
        }
        let with = |other: &&Attempt| {
            other.trunk == attempt.trunk && hunt.contact(other).map(|contact| contact.rank) == rank
        };
        let further = hunt.attempts.get(hunt.next..).unwrap_or_default();
        further.iter().take_while(with).count().min(MOST - 1)
    }

    /// Rings the contact of this attempt, and of so many after it. Says whether any rings.
    pub(super) fn ring_all(&mut self, core: &mut Core, now: Now, attempt: &Attempt, further: usize) -> bool {
        let mut attempts: SmallVec<[Attempt; 4]> = SmallVec::new();
        attempts.push(attempt.clone());
        if let Some(hunt) = self.hunt.as_mut() {
            let more = hunt.attempts.iter().skip(hunt.next).take(further);
            attempts.extend(more.cloned());
            hunt.next += further;
        }
        let Some(permit) = core.admit_attempt(now, self.snapshot.trunk(attempt.trunk)) else {
            return false;
        };
        if let Some(hunt) = self.hunt.as_mut() {
            hunt.made += attempts.len();
        }
        if self.prepare_fork(core, now).is_none() {
            core.live.release(permit);
            return false;
        }
        let ring = self.ring_time(now, attempt);
        if let Some(hunt) = self.hunt.as_mut() {
            hunt.stage = Stage::Progress;
        }
        self.arm_stage(core, now, ring);
        self.aside().fork = Some(Box::new(Fork {
            permit: Some(permit),
            ..Fork::default()
        }));
        for attempt in attempts {
            let Some(mut branch) = self.branch(core, now, &attempt, ErrandKind::Contact) else {
                continue;
            };
            if let Some(fork) = self.fork_mut() {
                fork.branches.push(branch.key);
            }
            branch.dial_next(core, now);
            self.note_asked(&branch);
            self.vouch_as(&branch);
            // Before what it has to say already.
            core.handoffs.push_front(Handoff::Begin(Box::new(branch)));
        }
        let rings = self.fork_mut().is_some_and(|fork| !fork.branches.is_empty());
        if !rings {
            self.drop_fork(core, Dropped::GivenUp);
        }
        rings
    }

    /// The place that those have on their trunk who ring at once, for who comes instead of them.
    pub(in crate::call) fn take_fork_permit(&mut self) -> Option<Permit> {
        self.fork_mut()?.permit.take()
    }

    /// Whether several contacts ring at once.
    pub(crate) fn rings_at_once(&self) -> bool {
        let fork = self.aside.as_ref().and_then(|aside| aside.fork.as_ref());
        fork.is_some_and(|fork| fork.race.is_none())
    }

    /// The trunk of the contacts that ring at once.
    pub(super) fn rings_at(&self) -> Option<TrunkIx> {
        self.rang_at().filter(|_| self.rings_at_once())
    }

    /// The trunk of the present attempt.
    fn rang_at(&self) -> Option<TrunkIx> {
        Some(self.hunt.as_ref()?.current()?.trunk)
    }

    pub(super) fn fork_mut(&mut self) -> Option<&mut Fork> {
        self.aside.as_mut()?.fork.as_deref_mut()
    }

    /// What the branches are offered, for a ringback of ours that has to agree with whatever they answer.
    fn note_asked(&mut self, branch: &Self) {
        if self.snapshot.trunk(self.a.trunk).ringback.is_none() {
            return;
        }
        let Some(fork) = self.fork_mut() else { return };
        if fork.asked.is_none() {
            fork.asked = branch.b.as_ref().and_then(negotiate::asked);
        }
    }

    /// What the contacts were offered that ring at once.
    pub(super) fn asked_at_once(&self) -> Option<(Media, TrunkIx)> {
        self.aside.as_ref()?.fork.as_ref()?.asked.clone()
    }

    /// What every branch needs of the caller: its offer noted, and ports.
    pub(super) fn prepare_fork(&mut self, core: &mut Core, now: Now) -> Option<()> {
        let offer = self.invite.as_ref()?.offer.clone()?;
        if self.a.ports.is_none() {
            self.a.ports = Some(core.ports.reserve(now.at)?);
        }
        negotiate::note(&self.snapshot, core.endpoint.mint(), &mut self.a, &offer).ok()
    }

    /// A call that makes this attempt with this call's offer.
    pub(super) fn branch(
        &self,
        core: &mut Core,
        now: Now,
        attempt: &Attempt,
        kind: ErrandKind,
    ) -> Option<Self> {
        let invite = self.invite.as_ref()?;
        let hunt = self.hunt.as_ref()?;
        let contact = hunt.contact(attempt).cloned();
        let (caller, called) = (self.story.caller.to_string(), self.story.called.to_string());
        let mut branch = Self::new(NewCall {
            key: CallKey(core.next_id()),
            id: self.id.clone(),
            snapshot: self.snapshot.clone(),
            trunk: self.a.trunk,
            tag: Box::default(),
            flow: self.a.flow,
            call_id: Box::default(),
            session_id: 0,
            invite: None,
            story: Story::new(now, caller, called, self.story.source),
        });
        // Its attempt is one of this call's.
        branch.story.started = self.story.started;
        branch.vouch_as(self);
        branch.goes_with(self);
        branch.a.session = self.a.session.clone();
        // The caller's own: not the branch's to give back.
        branch.a.ports = self.a.ports;
        branch.a.bye = Bye::Done;
        branch.aside().errand = Some(Box::new(Errand {
            of: self.key,
            customer: self.a.trunk,
            offer: invite.offer.clone()?,
            invite: invite.asked.message.clone(),
            uri: None,
            kind,
            moved: None,
        }));
        let attempt = Attempt {
            contact: contact.as_ref().map(|_| 0),
            ..attempt.clone()
        };
        let course = Course {
            attempts: std::iter::once(attempt).collect(),
            limit: 1,
            by_number: false,
        };
        let mut own = Hunt::new(now, course, contact.into_iter().collect());
        own.clock = hunt.clock;
        branch.hunt = Some(Box::new(own));
        Some(branch)
    }

    /// A branch has answered: its leg goes to the call that waits for it, as it is.
    pub(super) fn branch_answered(
        &mut self,
        core: &mut Core,
        now: Now,
        client: ClientId,
        response: &Message,
    ) {
        let tag = response.to_tag().unwrap_or_default();
        let early = self.hunt.as_ref().and_then(|hunt| hunt.early_answer(tag));
        self.story.answered(now);
        let tale = self.tale();
        let (Some(leg), Some(of)) = (self.b.take(), self.errand().map(|errand| errand.of)) else {
            return;
        };
        let picked = Picked {
            branch: self.key,
            leg,
            client,
            response: response.clone(),
            early,
            tale,
            vouch: self.story.vouch.take(),
            snapshot: self.snapshot.clone(),
            course: None,
        };
        core.handoffs.push_back(Handoff::Picked {
            of,
            picked: Box::new(picked),
        });
        self.close_errand(core);
    }

    /// A branch rings.
    pub(crate) fn on_branch_progress(&mut self, core: &mut Core, now: Now, status: u16) {
        if self.phase != Phase::Dialing {
            return;
        }
        let Some(fork) = self.fork_mut() else { return };
        if std::mem::replace(&mut fork.told, true) {
            return;
        }
        let races = fork.race.is_some();
        if let Some(hunt) = &mut self.hunt {
            hunt.rings(now);
            // Its time goes on.
            hunt.stage = Stage::Ringing;
        }
        if races {
            // Nobody else is asked while somebody rings.
            core.disarm(&mut self.stage_timer);
        }
        self.story.rings(now);
        let body = self.ring_back(core, now);
        let status = if (180..=183).contains(&status) {
            180
        } else {
            status
        };
        let progress = Progress {
            status,
            body,
            source: None,
        };
        self.progress(core, now, progress, false);
    }

    /// A branch has come to nothing. When all have, the call goes on with what they have said, and at once if one of them has spoken for
    /// the user (RFC 3261 §16.7).
    pub(crate) fn on_branch_failed(
        &mut self,
        core: &mut Core,
        now: Now,
        branch: CallKey,
        failure: (u16, Option<u8>),
        tale: Tale,
    ) {
        let of_before = |fork: &mut Fork| !fork.branches.contains(&branch);
        if self.fork_mut().is_none_or(of_before) {
            return self.add_tale(core, branch, tale);
        }
        self.story.tried.extend(tale.tried);
        let Some(fork) = self.fork_mut() else { return };
        fork.branches.retain(|key| *key != branch);
        fork.failures.push(failure);
        fork.moved = fork.moved.take().or(tale.answer);
        if !fork.branches.is_empty() && failure.0 < 600 {
            return;
        }
        let failures = std::mem::take(&mut fork.failures);
        let moved = fork.moved.take();
        let final_word = failures.iter().find(|(status, _)| *status >= 600);
        let status = final_word.map_or_else(|| route::most_telling(&failures), |(status, _)| *status);
        let said = failures.iter().find(|failure| failure.0 == status);
        let rang = self.hunt.as_ref().is_some_and(|hunt| hunt.rang);
        self.drop_fork(core, Dropped::GivenUp);
        if self.phase != Phase::Dialing {
            return;
        }
        let trunk = self.rang_at();
        if let (None, Some(moved), Some(trunk)) = (final_word, moved, trunk)
            && self.follow(core, now, trunk, Some(&moved), rang)
        {
            return;
        }
        let outcome = AttemptOutcome::Final {
            // Nobody is sent where a contact would send the caller and we can't.
            status: if status < 400 { 480 } else { status },
            q850: said.and_then(|(_, q850)| *q850),
            rang,
        };
        if self.attempt_failed(core, now, outcome, None) == Verdict::Advance {
            self.dial_next(core, now);
        }
    }

    /// A branch has answered first: the others stop, and the call has its leg.
    pub(crate) fn on_picked(&mut self, core: &mut Core, now: Now, mut picked: Picked) {
        let waits = self.phase == Phase::Dialing
            && self
                .fork_mut()
                .is_some_and(|fork| fork.branches.contains(&picked.branch));
        if waits && self.is_racing() {
            return self.goes_to(core, now, picked);
        }
        if !waits {
            let (branch, mut tale) = (picked.branch, std::mem::take(&mut picked.tale));
            tale.close();
            picked.not_wanted(core, now);
            return self.add_tale(core, branch, tale);
        }
        if let Some(fork) = self.fork_mut() {
            fork.branches.retain(|key| *key != picked.branch);
        }
        let permit = self.take_fork_permit();
        self.drop_fork(core, Dropped::Answered);
        let Picked {
            branch: _,
            mut leg,
            client,
            response,
            early,
            tale,
            vouch,
            snapshot: _,
            course: _,
        } = picked;
        self.story.tried.extend(tale.tried);
        self.story.vouch = vouch;
        core.clients
            .insert(client, crate::core::ClientOwner::Attempt(self.key));
        core.tags
            .insert(&leg.tag, (self.key, rtp_proto::control::Side::B));
        leg.permit = permit;
        self.b = Some(leg);
        if let (Some(early), Some(hunt)) = (early, &mut self.hunt) {
            hunt.remember_early(response.to_tag().unwrap_or_default(), early);
        }
        self.open_media(core);
        self.carry(&response);
        core.disarm(&mut self.stage_timer);
        let uac = self.b.as_ref().and_then(|leg| leg.uac.as_ref());
        if let Some(invite) = uac.and_then(|uac| uac.invite.clone()) {
            self.take_answer(core, now, client, &invite, &response);
        }
    }

    /// What a branch has left that was told to stop; or an errand, with its transfer. A record that has waited for it is written.
    pub(crate) fn add_tale(&mut self, core: &mut Core, branch: CallKey, tale: Tale) {
        let Some(tale) = self.take_tale(branch, tale) else {
            return;
        };
        self.story.add_tried(tale.tried);
        for line in tale.remarks {
            self.story.remark(line);
        }
        if let Some(aside) = &mut self.aside {
            aside.untold.retain(|key| *key != branch);
        }
        if self.phase == Phase::Ending && self.media.is_none() && !self.awaits_tales() {
            self.write_record(core, None);
        }
    }

    /// Whether branches that were told to stop have still to say what became of them, which they do behind this step.
    pub(super) fn awaits_tales(&self) -> bool {
        let aside = self.aside.as_ref();
        aside.is_some_and(|aside| !aside.untold.is_empty())
    }

    /// The branches that ring stop: the call has been answered by another of them, or goes on without.
    pub(crate) fn drop_fork(&mut self, core: &mut Core, why: Dropped) {
        let Some(aside) = self.aside.as_mut() else { return };
        let Some(fork) = aside.fork.take() else { return };
        if let Some(permit) = fork.permit {
            core.live.release(permit);
        }
        for branch in fork.branches {
            core.handoffs.push_back(Handoff::Cancel { branch, why });
            aside.untold.push(branch);
        }
    }

    /// Ends a branch or an errand that nobody waits for.
    pub(crate) fn cancel_errand(&mut self, core: &mut Core, now: Now, why: Dropped) {
        let (said, kind) = match why {
            Dropped::GivenUp => (None, "cancelled"),
            Dropped::Answered => (Some(200), "cancelled"),
            Dropped::Overtaken => (None, OVERTAKEN),
        };
        let ending = Ending {
            said,
            by: crate::record::HungUpBy::Caller,
            ..Ending::failed(kind, 487)
        };
        self.end(core, now, ending);
    }
}
