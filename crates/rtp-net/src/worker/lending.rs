//! Which directions of a stream the kernel relays, and the moves between it and the session.

use super::tally::Tally;
use crate::kernel::{Installed, KernelPath};
use rtp_proto::Session;
use rtp_proto::control::Side;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A direction that was taken back for a packet's sake stays in userspace for this long, and for twice as long each time it
/// happens again: there is something about its packets that the kernel leaves to us.
const KEEP: Duration = Duration::from_millis(200);
/// So often is it doubled.
const DOUBLINGS: u32 = 8;
/// The same when the kernel would not take it.
const REFUSED: Duration = Duration::from_secs(10);

/// The lent directions of one stream.
#[derive(Debug)]
pub(crate) struct Lending {
    kernel: Option<Arc<KernelPath>>,
    a: Option<Box<Installed>>,
    b: Option<Box<Installed>>,
    /// No direction is lent before.
    not_before: Option<Instant>,
    /// How often a packet took a direction back since the last offer/answer.
    taken: u32,
}

impl Lending {
    pub(crate) fn new(kernel: Option<Arc<KernelPath>>) -> Self {
        Self {
            kernel,
            a: None,
            b: None,
            not_before: None,
            taken: 0,
        }
    }

    /// Whether the kernel has anything of this stream.
    pub(crate) fn is_any(&self) -> bool {
        self.a.is_some() || self.b.is_some()
    }

    /// Whether [`settle`](Self::settle) may have something to do.
    pub(crate) fn is_due(&self, now: Instant, session: &mut Session) -> bool {
        self.kernel.is_some() && (session.rerouted() || self.not_before.is_some_and(|at| now >= at))
    }

    /// Whether a direction is about to be lent.
    pub(crate) fn wants(&self, now: Instant, side: Side, session: &Session) -> bool {
        self.kernel.is_some()
            && self.installed(side).is_none()
            && self.not_before.is_none_or(|at| now >= at)
            && session.flow(side).is_some()
    }

    /// Makes the kernel's flows what the session says that they may be.
    pub(crate) fn settle(&mut self, now: Instant, session: &mut Session, tally: &mut Tally) {
        let Some(kernel) = self.kernel.clone() else {
            return;
        };
        let kept = self.not_before.is_some_and(|at| now < at);
        if !kept {
            self.not_before = None;
        }
        for side in Side::BOTH {
            let flow = session.flow(side);
            let unchanged = match (self.installed(side), &flow) {
                (Some(installed), Some(flow)) => kernel.is(installed, flow),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if unchanged {
                continue;
            }
            self.reclaim(side, session, tally);
            if let Some(flow) = flow.filter(|_| !kept) {
                let ledger = session.lend(side);
                match kernel.install(&flow, &ledger) {
                    Ok(installed) => {
                        *self.place(side) = Some(Box::new(installed));
                        tally.flows(1);
                    }
                    Err(error) => {
                        session.reclaim(side, &ledger);
                        self.not_before = Some(now + REFUSED);
                        tally.refused(&error);
                        kernel.complain(now, &error);
                    }
                }
            }
        }
        // What was done here is no reason to look again.
        let _ = session.rerouted();
    }

    /// Tells the session what the kernel has counted on a side.
    pub(crate) fn look(&mut self, side: Side, session: &mut Session, tally: &mut Tally) {
        if let (Some(kernel), Some(installed)) = (&self.kernel, self.installed(side)) {
            match kernel.read(installed) {
                Ok(ledger) => tally.in_kernel(session.absorb(side, &ledger)),
                Err(error) => tracing::warn!(%error, "a flow's counters cannot be read"),
            }
        }
    }

    /// Takes a direction back for a while.
    pub(crate) fn keep(&mut self, now: Instant, side: Side, session: &mut Session, tally: &mut Tally) {
        if self.installed(side).is_some() {
            self.reclaim(side, session, tally);
            self.not_before = Some(now + KEEP * (1 << self.taken.min(DOUBLINGS)));
            self.taken = self.taken.saturating_add(1);
        }
    }

    /// Takes both directions back: something about the stream changes.
    pub(crate) fn reclaim_all(&mut self, session: &mut Session, tally: &mut Tally) {
        self.taken = 0;
        for side in Side::BOTH {
            self.reclaim(side, session, tally);
        }
    }

    /// Takes back what does not leave the right way any more; whether there was anything.
    pub(crate) fn reroute(&mut self, session: &mut Session, tally: &mut Tally) -> bool {
        let mut any = false;
        for side in Side::BOTH {
            let astray = match (&self.kernel, self.installed(side), session.flow(side)) {
                (Some(kernel), Some(installed), Some(flow)) => !kernel.is_routed(installed, &flow),
                (_, _, None) | (_, None, _) | (None, _, _) => false,
            };
            if astray {
                self.reclaim(side, session, tally);
                any = true;
            }
        }
        any
    }

    /// Takes a direction back; it is lent again as soon as the session wants it.
    pub(crate) fn reclaim(&mut self, side: Side, session: &mut Session, tally: &mut Tally) {
        let (Some(installed), Some(kernel)) = (self.place(side).take(), self.kernel.as_ref()) else {
            return;
        };
        tally.flows(-1);
        match kernel.remove(&installed) {
            Ok(ledger) => tally.in_kernel(session.reclaim(side, &ledger)),
            Err(error) => {
                tracing::error!(%error, "a flow cannot be taken back; what it counted last is lost");
                session.abandon(side);
            }
        }
    }

    fn installed(&self, side: Side) -> Option<&Installed> {
        match side {
            Side::A => self.a.as_deref(),
            Side::B => self.b.as_deref(),
        }
    }

    fn place(&mut self, side: Side) -> &mut Option<Box<Installed>> {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
