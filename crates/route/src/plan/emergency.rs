//! Whom an emergency call may go to: neither class nor deck nor price is asked.

use super::Decision;
use super::order::Standing;
use crate::tables::TrunkIx;
use config::NumberIn;

impl Decision<'_> {
    /// The trunks of the routes that fit, of a rule for the number, and all carriers, in this order; those that are full come last.
    pub(super) fn by_emergency(&self) -> Vec<Standing> {
        let request = self.request;
        let trunks = self
            .tables
            .emergency_trunks(request.from, request.caller, request.called);
        let standing = |ix: TrunkIx| self.standing(ix, None, self.usable(ix));
        trunks.into_iter().map(standing).collect()
    }

    /// What is dialled at a trunk. Emergency numbers are written in no trunk's format.
    pub(super) fn emergency_number(&self, to: TrunkIx) -> String {
        let request = self.request;
        let number = self
            .tables
            .emergency_number(request.from, request.caller, request.called, to);
        match number == request.called {
            true => number.to_owned(),
            false => self.tables.trunk(to).write_number(NumberIn::RequestUri, number).0,
        }
    }
}
