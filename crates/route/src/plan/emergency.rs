//! Whom an emergency call may go to: neither class nor deck nor price is asked.

use super::decide::Decision;
use super::order::Standing;
use crate::tables::TrunkIx;

impl Decision<'_> {
    /// The trunks of the routes that fit, of a rule for the number, and all carriers, in this order; those that are full come last.
    pub(super) fn by_emergency(&self) -> Vec<Standing> {
        let request = self.request;
        let trunks = self
            .tables
            .emergency_trunks(request.from, request.caller, request.called);
        let standing = |ix: TrunkIx| {
            let mut standing = Standing::new(ix);
            standing.place = self.usable(ix);
            standing
        };
        trunks.into_iter().map(standing).collect()
    }
}
