//! Who gets calls to certain numbers, and who gets them then.

use crate::form::compound::{BackupForm, OneOrList, Opt};
use crate::form::scalar::Time;
use crate::form::text::{Dialled, Name, NumberPattern};
use crate::section::section;
use crate::values::Pattern;
use std::time::Duration;

section! {
    /// Who gets calls to certain numbers. The longest pattern that fits decides. When nobody has answered, the call goes on to the backups
    /// for that case, in their order, until one of them answers: each a trunk, by its name; a number (`"+44…"`), which is
    /// called as a call of the first customer in `to` would be; or a number at a trunk, `{ trunk = "vm", number = "200" }`.
    NumberRule, label Some("match"), later [],
    {
        /// The numbers.
        live pattern named "match": Pattern = NumberPattern, required;
        /// The trunk that gets the call, or several to be tried in this order.
        live to: Vec<String> = OneOrList<Name>, required;
        /// How long it may ring there before that is no answer.
        live ring: Option<Duration> = Opt<Time<1_000, 3_600_000>>, derived(None, "`failover.answer` of the trunk that rings");
        /// Backups for when the called party is busy, or declines (486, 600, 603, or cause 17).
        live on_busy: Vec<Backup> = OneOrList<BackupForm>, derived(Vec::new(), "nobody");
        /// Backups for when it has rung and nobody has answered.
        live on_no_answer: Vec<Backup> = OneOrList<BackupForm>, derived(Vec::new(), "nobody");
        /// Backups for when the call has failed on its way: nothing has answered, or said that it can't be done.
        live on_failure: Vec<Backup> = OneOrList<BackupForm>, derived(Vec::new(), "nobody");
        /// Backups for when the user is not registered.
        live on_unregistered: Vec<Backup> = OneOrList<BackupForm>, derived(Vec::new(), "`on_failure`");
    }
}

section! {
    /// Who gets a call when those that it was for have not answered.
    Backup, label None, later [],
    {
        /// The trunk that gets it.
        live trunk: Option<String> = Opt<Name>, derived(None, "whoever gets calls to `number`");
        /// The number or name that is called.
        live number: Option<String> = Opt<Dialled>, derived(None, "the number that was called");
    }
}
