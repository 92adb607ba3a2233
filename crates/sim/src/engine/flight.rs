//! A call under way.

use super::{LISTENS, TAKEN_FOR_BAD, TELLS_DEAD, TELLS_RECORDING};
use crate::policy::{Measured, Outcome};
use crate::rng::Rng;
use crate::world::{Fate, Ms, Party, worth};

/// Carriers that are kept for a call's hunt: those that have no room are passed over.
const KEPT: usize = 8;

/// A call under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    /// Index into the calls.
    pub(super) call: usize,
    /// The lowest price that anybody sells it at.
    pub(super) cheapest: f64,
    /// Who would have been first, if the first was picked to learn of it.
    pub(super) instead_of: Option<usize>,
    /// Attempts so far.
    pub(super) made: usize,
    /// When the last one began.
    pub(super) began: Ms,
    /// What becomes of it; `None`: the caller gives up.
    pub(super) fate: Option<Fate>,
    /// What there is to be known of it once it is answered, and whether that was told of.
    pub(super) result: Measured,
    pub(super) told: bool,
    order: [u16; KEPT],
    kept: usize,
    next: usize,
}

impl Flight {
    pub(super) fn new(call: usize, cheapest: f64, order: &[usize], instead_of: Option<usize>) -> Self {
        let mut kept = [0; KEPT];
        for (place, &carrier) in kept.iter_mut().zip(order) {
            *place = carrier as u16;
        }
        Self {
            call,
            cheapest,
            instead_of,
            made: 0,
            began: 0,
            fate: None,
            result: Measured::default(),
            told: false,
            order: kept,
            kept: order.len().min(KEPT),
            next: 0,
        }
    }

    /// The next carrier that has room.
    pub(super) fn next(&mut self, has_room: impl Fn(usize) -> bool) -> Option<usize> {
        while self.next < self.kept {
            let carrier = usize::from(self.order[self.next]);
            self.next += 1;
            if has_room(carrier) {
                return Some(carrier);
            }
        }
        None
    }

    /// Where it is.
    pub(super) fn carrier(&self) -> Option<usize> {
        let at = self.next.checked_sub(1)?;
        Some(usize::from(self.order[at]))
    }
}

/// Calls under way, by number.
#[derive(Debug, Default)]
pub(super) struct Flights {
    all: Vec<Option<Flight>>,
    free: Vec<u32>,
}

impl Flights {
    pub(super) fn begin(&mut self, flight: Flight) -> u32 {
        let index = self.free.pop().unwrap_or(self.all.len() as u32);
        if index as usize == self.all.len() {
            self.all.push(None);
        }
        self.all[index as usize] = Some(flight);
        index
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Flight> {
        self.all.get_mut(index as usize)?.as_mut()
    }

    pub(super) fn end(&mut self, index: u32) {
        self.all[index as usize] = None;
        self.free.push(index);
    }
}

/// What becomes of an attempt when the caller waits so long for it to ring; `None`: the caller gives up before.
pub(super) fn patient(fate: Fate, waits: Ms) -> Option<Fate> {
    let known = match fate {
        Fate::Refused { after, .. } | Fate::Silent { after } => after,
        Fate::Unanswered { told, .. } | Fate::Answered { told, .. } => told,
    };
    (known <= waits).then_some(fate)
}

/// When it ends.
pub(super) fn ends_after(fate: Option<Fate>, waits: Ms) -> Ms {
    match fate {
        None => waits,
        Some(
            Fate::Refused { after, .. }
            | Fate::Silent { after }
            | Fate::Unanswered { after, .. }
            | Fate::Answered { after, .. },
        ) => after,
    }
}

/// What a switch sees of it.
pub(super) fn seen(fate: Option<Fate>) -> (Outcome, Option<Ms>) {
    match fate {
        None => (Outcome::Cancelled, None),
        Some(Fate::Refused { status, .. }) => (Outcome::Final { status, rang: false }, None),
        Some(Fate::Silent { .. }) => (Outcome::Timeout, None),
        Some(Fate::Unanswered {
            status, told, rang, ..
        }) => (Outcome::Final { status, rang }, Some(told)),
        Some(Fate::Answered { told, .. }) => (Outcome::Answered, Some(told)),
    }
}

/// What a switch gets to know of an answered call.
pub(super) fn result(rng: &mut Rng, fate: Option<Fate>, closer: bool) -> Measured {
    let Some(Fate::Answered { by, talks, mos, .. }) = fate else {
        return Measured::default();
    };
    let recording = by == Party::Recording;
    let silent = mos.is_none();
    let measured = mos.map(|mos| (mos + 0.15 * rng.normal()).clamp(1.0, 4.41));
    let lost = measured.map_or(0.0, |mos| ((4.41 - mos) / 3.4).powi(2) * 0.2);
    let listens = rng.chance(LISTENS) || closer;
    let is_false = rng.chance(if recording { TELLS_RECORDING } else { TAKEN_FOR_BAD });
    let is_dead = rng.chance(if silent { TELLS_DEAD } else { TAKEN_FOR_BAD });
    Measured {
        talked: talks,
        mos: measured,
        loss: lost,
        jitter_ms: 2.0 + 100.0 * lost,
        false_answer: listens.then_some(is_false),
        // That nothing comes at all is seen without listening.
        dead_air: (listens || silent && is_dead).then_some(is_dead),
    }
}

/// What an application says of a call.
pub(super) fn opinion(rng: &mut Rng, fate: Option<Fate>) -> u8 {
    let sound = match fate {
        Some(Fate::Answered {
            by: Party::Called,
            mos: Some(mos),
            ..
        }) => worth::of_sound(mos),
        Some(_) | None => 0.0,
    };
    (1.0 + 4.0 * sound + 0.7 * rng.normal()).round().clamp(1.0, 5.0) as u8
}
