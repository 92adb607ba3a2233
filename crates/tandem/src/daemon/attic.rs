//! Where configurations go that are no longer in force.
//!
//! Calls keep the one that they began with. Whoever is the last to have it would have to free all of it, which takes milliseconds, and
//! that would be the shard, between two packets. So one more has it: a task for which nobody waits.

use std::sync::Arc;
use std::time::Duration;

use switch::Snapshot;

/// How often it is looked whether a configuration is still some call's.
const ROUND: Duration = Duration::from_secs(10);

/// Takes a configuration that has been replaced everywhere. Its table of prices goes at once, the rest when nobody else has it any more:
/// the one that the process began with never does.
pub(super) fn put(old: Arc<Snapshot>) {
    tokio::spawn(async move {
        let tables = Arc::clone(&old);
        let freed = tokio::task::spawn_blocking(move || drop(tables.tables.retire()));
        if freed.await.is_err() {
            tracing::warn!("prices that are no longer in force were not freed");
        }
        while Arc::strong_count(&old) > 1 {
            tokio::time::sleep(ROUND).await;
        }
        drop(tokio::task::spawn_blocking(move || drop(old)));
    });
}
