//! Carries out what calls have for each other ([`Handoff`]): transfers, and parties that take another's place.

use rtp_proto::control::Side;
use sip_msg::{Message, Method};
use sip_proto::Mint;

use super::Switch;
use crate::admit;
use crate::call::{Fetched, Phase};
use crate::core::Asked;
use crate::handoff::{Handoff, Replaces};
use crate::ident::CallKey;
use crate::io::Now;
use crate::orphan;
use route::TrunkIx;

impl Switch {
    /// Carries out what calls have for each other.
    pub(super) fn hand_over(&mut self, now: Now) {
        while let Some(handoff) = self.core.handoffs.pop_front() {
            match handoff {
                Handoff::Begin(call) => self.keep(*call),
                Handoff::Progress { of, status } => {
                    self.with_call(of, |call, core| {
                        call.on_transfer_progress(core, now, status);
                        call.on_branch_progress(core, now, status);
                    });
                }
                Handoff::Answered { of, won } => {
                    if self.calls.contains_key(&of) {
                        self.with_call(of, |call, core| call.on_transferred(core, now, *won));
                    } else {
                        won.not_wanted(&mut self.core, now);
                    }
                }
                Handoff::Picked { of, picked } => {
                    if self.calls.contains_key(&of) {
                        self.with_call(of, |call, core| call.on_picked(core, now, *picked));
                    } else {
                        picked.not_wanted(&mut self.core, now);
                    }
                }
                Handoff::Failed {
                    of,
                    errand,
                    said,
                    tale,
                } => self.with_call(of, |call, core| {
                    if call.is_racing() {
                        call.on_rival_failed(core, now, errand, *tale);
                    } else if call.rings_at_once() {
                        call.on_branch_failed(core, now, errand, said, *tale);
                    } else if !call.looks_for(errand) {
                        call.add_tale(core, errand, *tale);
                    } else {
                        call.on_errand_failed(core, now, said.0, *tale);
                    }
                }),
                Handoff::Cancel { branch, why } => {
                    self.with_call(branch, |call, core| call.cancel_errand(core, now, why));
                }
                Handoff::Fetch {
                    of,
                    by,
                    replaces,
                    refer,
                } => {
                    let fetched = self.fetch(now, of, by, &replaces);
                    self.with_call(of, |call, core| call.on_fetched(core, now, by, fetched, &refer));
                }
                Handoff::Replace {
                    asked,
                    trunk,
                    called,
                    replaces,
                } => self.replace(now, *asked, trunk, called, &replaces),
            }
        }
    }

    /// Which side of which call has this dialog.
    fn named(&self, replaces: &Replaces) -> Option<(CallKey, Side)> {
        let (key, side) = self.owner(&replaces.local)?;
        let leg = self.calls.get(&key)?.leg(side)?;
        replaces.names(leg).then_some((key, side))
    }

    /// The far leg of the call that a transferor has in the dialog that it names.
    fn fetch(&mut self, now: Now, of: CallKey, by: Side, replaces: &Replaces) -> Fetched {
        let found = self.named(replaces).or_else(|| self.named(&replaces.turned()));
        let Some((key, side)) = found.filter(|(key, _)| *key != of) else {
            return if is_ours(replaces) {
                Fetched::Refused(481)
            } else {
                Fetched::Foreign
            };
        };
        let (Some(call), Some(other)) = (self.calls.get(&key), self.calls.get(&of)) else {
            return Fetched::Refused(481);
        };
        if call.phase != Phase::Answered {
            return Fetched::Refused(481);
        }
        // Nobody's calls are another's to join.
        if call.trunk_name(side) != other.trunk_name(by) {
            return Fetched::Refused(403);
        }
        // Trunks are numbered by the configuration that a call began with.
        let name = call.trunk_name(side.other()).unwrap_or_default();
        let Some(trunk) = other.snapshot.tables.trunk_named(name) else {
            return Fetched::Refused(500);
        };
        let mut fetched = Fetched::Refused(481);
        self.with_call(key, |call, core| {
            fetched = call.give_away(core, now, side.other(), trunk)
        });
        fetched
    }

    /// An INVITE comes to take a party's place: in one of our calls, in one of somebody else's, or in none that there is.
    fn replace(&mut self, now: Now, asked: Asked, trunk: TrunkIx, called: String, replaces: &Replaces) {
        let Some((key, side)) = self.named(replaces) else {
            if let Some((key, at)) = self.rings_elsewhere(replaces) {
                return self.pick_up(now, asked, (trunk, &called), (key, &at));
            }
            if is_ours(replaces) {
                return self.core.answer(now, &asked, 481, None);
            }
            if let Some(call) = admit::admitted(&mut self.core, now, trunk, called, asked) {
                self.keep(call);
            }
            return;
        };
        let name = self.core.snapshot.trunk(trunk).name.clone();
        let granted = || self.calls.values().any(|call| call.has_granted(replaces, &name));
        let call = self.calls.get(&key);
        let own = call.is_some_and(|call| call.trunk_name(side) == Some(name.as_str()));
        if !own && !granted() {
            return self.core.answer(now, &asked, 403, None);
        }
        if replaces.early_only {
            // RFC 3891 §3: it has been answered.
            let answered = call.is_some_and(|call| call.phase == Phase::Answered);
            return self
                .core
                .answer(now, &asked, if answered { 486 } else { 481 }, None);
        }
        self.with_call(key, |call, core| {
            call.on_replacing(core, now, side, (&name, &called), asked);
        });
    }

    /// Which call rings in this dialog, which we have begun, and at which trunk.
    fn rings_elsewhere(&self, replaces: &Replaces) -> Option<(CallKey, String)> {
        let (key, side) = self.owner(&replaces.local)?;
        let call = self.calls.get(&key).filter(|_| side == Side::B)?;
        Some((call.rings_in(replaces)?, call.trunk_name(side)?.to_owned()))
    }

    /// An INVITE comes to take a call that rings at the trunk of this name.
    fn pick_up(
        &mut self,
        now: Now,
        asked: Asked,
        (trunk, called): (TrunkIx, &str),
        (key, at): (CallKey, &str),
    ) {
        let name = self.core.snapshot.trunk(trunk).name.clone();
        if name != at {
            return self.core.answer(now, &asked, 403, None);
        }
        self.with_call(key, |call, core| {
            call.on_picking_up(core, now, &name, called, asked);
        });
    }

    /// A request within a dialog that no leg has any more. A BYE may cross one of ours.
    pub(super) fn on_stray(&mut self, now: Now, asked: &Asked) {
        let message = &asked.message;
        if message.method() == Some(&Method::Bye)
            && let Some(tag) = message.to_tag()
            && (orphan::is_hung_up(&self.core, message) || self.leaves_behind(tag, message))
        {
            return self.core.answer(now, asked, 200, Some(tag));
        }
        admit::stray(&mut self.core, now, asked);
    }

    /// Whether this BYE is of a party in whose place another is just being put.
    fn leaves_behind(&mut self, tag: &[u8], bye: &Message) -> bool {
        let Some((key, _)) = self.core.tags.get(tag) else {
            return false;
        };
        self.calls
            .get_mut(&key)
            .is_some_and(|call| call.replaced_leaves(bye))
    }
}

/// Whether a dialog is one that we have, or had, a part in: one of its tags is of our making.
fn is_ours(replaces: &Replaces) -> bool {
    [&replaces.local, &replaces.remote]
        .into_iter()
        .any(|tag| Mint::shard_of(tag).is_some())
}
