//! Between the called side's answer and the caller's: the call is written down first.
//!
//! Only when the journal has it does the called side get its ACK (its 200, if it came to pick the call up) and the caller its 200. Whenever the process dies, a side that
//! takes the call for answered is in the journal, to be hung up by the next process and to have its record. A store that is slow
//! holds an answer up for [`PATIENCE`] at most.

use std::time::Duration;

use bytes::Bytes;
use rtp_proto::control::{SessionStats, Side};
use sip_proto::ClientId;
use sip_proto::timers::TimerKey;

use super::end::Ending;
use super::{Call, Phase};
use crate::core::{Asked, Core, StoreKind, Timer};
use crate::guard;
use crate::io::Now;
use crate::record::HungUpBy;

/// How long an answer waits for the journal: less than a peer's first retransmission of its 2xx takes (T1, RFC 3261 §17.1.1.1).
const PATIENCE: Duration = Duration::from_millis(100);

/// An answer that waits to be passed on.
pub(crate) struct Connecting {
    /// The INVITE that was answered, where the called side gets its ACK now; else there is none, or it waits for the caller's answer
    /// (RFC 3261 §13.2.1).
    ack: Option<ClientId>,
    /// The INVITE that has picked the call up, and the SDP of its 200.
    newcomer: Option<(Asked, Bytes)>,
    /// SDP of the 200 to the caller.
    body: Bytes,
    /// The journal's.
    ticket: Option<u64>,
    deadline: Option<TimerKey>,
    /// The journal has it; what is missing is the caller's PRACK.
    written: bool,
}

impl Call {
    /// The called side has answered. `ack`: the INVITE that it has answered, if its ACK may go.
    pub(crate) fn connect(&mut self, core: &mut Core, now: Now, ack: Option<ClientId>, body: Bytes) {
        self.phase = Phase::Connecting;
        self.story.answered(now);
        self.learn_answer(core, now);
        let cost = self.rate();
        self.hunt = None;
        self.begin_charge(core, now, Side::B, cost);
        guard::answered(core, now, self.key, cost);
        core.loops.settled(self.key);
        self.confirm_caller_dialog();
        let ticket = self.journal(core, now);
        let patience = self.snapshot.config.records.store_deadline.min(PATIENCE);
        self.connecting = Some(Box::new(Connecting {
            ack,
            newcomer: None,
            body,
            ticket,
            deadline: Some(core.arm(now, patience, Timer::StoreDeadline(self.key))),
            written: false,
        }));
    }

    /// The call was picked up by this INVITE, which is answered with `own`.
    pub(crate) fn connect_newcomer(
        &mut self,
        core: &mut Core,
        now: Now,
        body: Bytes,
        asked: Asked,
        own: Bytes,
    ) {
        self.connect(core, now, None, body);
        if let Some(connecting) = &mut self.connecting {
            connecting.newcomer = Some((asked, own));
        }
    }

    /// Whether it is this ticket that the answer waits for.
    pub(crate) fn waits_for(&self, ticket: u64) -> bool {
        self.connecting
            .as_ref()
            .is_some_and(|connecting| connecting.ticket == Some(ticket))
    }

    /// The journal has the call, or has had its time: both sides are told, and the call is up.
    pub(crate) fn connected(&mut self, core: &mut Core, now: Now) {
        if self.awaits_prack()
            && let Some(connecting) = &mut self.connecting
        {
            core.disarm(&mut connecting.deadline);
            connecting.written = true;
            return;
        }
        let Some(Connecting { body, newcomer, .. }) = self.thank_called(core, now) else {
            return;
        };
        self.phase = Phase::Answered;
        core.counters.calls_answered += 1;
        if let Some((asked, own)) = newcomer {
            self.accept_offer(core, now, Side::B, &asked, Some(&own), None);
        }
        self.accept_caller(core, now, &body);
        let sip = &self.snapshot.config.sip;
        self.max_timer = Some(core.arm(now, sip.max_call_duration, Timer::MaxDuration(self.key)));
        if let Some(every) = self.snapshot.config.records.interim_interval {
            self.interim_timer = Some(core.arm(now, every, Timer::Interim(self.key)));
        }
        self.supervise(core);
        // It may be on hold from its first answer on.
        self.hold_music(core);
        tracing::debug!(call = %self.id, "answered");
    }

    /// The caller's PRACK has come.
    pub(crate) fn connect_when_ready(&mut self, core: &mut Core, now: Now) {
        if self
            .connecting
            .as_ref()
            .is_some_and(|connecting| connecting.written)
        {
            self.connected(core, now);
        }
    }

    /// The call ends while its answer waits. A caller that gives up was never answered; everybody else's wish comes after the answer.
    /// Says whether the called side has to be hung up.
    pub(crate) fn end_connecting(&mut self, core: &mut Core, now: Now, ending: &Ending) -> bool {
        if self.phase != Phase::Connecting {
            return false;
        }
        let gave_up = ending.by == HungUpBy::Caller && ending.hung_up.is_none();
        if !gave_up && !self.awaits_prack() {
            self.connected(core, now);
            return true;
        }
        let connecting = self.thank_called(core, now);
        self.story.unanswered();
        self.drop_charge(core, Side::B);
        match connecting.and_then(|connecting| connecting.newcomer) {
            Some((asked, _)) => {
                self.dismiss_newcomer(core, now, &asked);
                false
            }
            None => true,
        }
    }

    /// Sends the called side its ACK, unless that has to wait for the caller's answer; gives what is left to do.
    fn thank_called(&mut self, core: &mut Core, now: Now) -> Option<Connecting> {
        let mut connecting = self.connecting.take()?;
        core.disarm(&mut connecting.deadline);
        if let Some(client) = connecting.ack
            && let Some(leg) = &mut self.b
            && let Some(invite) = leg.uac.as_mut().and_then(|uac| uac.invite.take())
        {
            leg.send_ack(core, now, &self.snapshot, client, &invite, None);
        }
        Some(*connecting)
    }

    /// Writes down how to end both legs should this process die; the ticket that comes back when it is safe.
    pub(crate) fn journal(&mut self, core: &mut Core, now: Now) -> Option<u64> {
        let b = self.b.as_ref()?;
        let dialogs = crate::resume::pack(&self.snapshot, &self.a, b);
        let record = self.interim_record(now, &SessionStats::default());
        Some(core.store(self.key, record, StoreKind::Journal(dialogs)))
    }
}
