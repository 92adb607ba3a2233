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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn prices_go_though_a_call_still_has_their_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tandem.toml");
        let text = "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"a\"\nrole = \"carrier\"\ndeck = \"a.csv\"\n\
                    targets = [{ uri = \"sip:127.0.0.2\" }]\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(directory.path().join("a.csv"), "prefix,rate\n44,0.01\n").unwrap();
        let loaded = crate::snapshot::load(Some(&file));
        let snapshot = Arc::new(loaded.map_err(|refused| refused.errors).unwrap().snapshot);
        assert!(snapshot.tables.price_bytes() > 0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let of_call = Arc::clone(&snapshot);
        runtime.block_on(async {
            put(snapshot);
            let begun = Instant::now();
            while of_call.tables.price_bytes() > 0 && begun.elapsed() < Duration::from_secs(10) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert_eq!(of_call.tables.price_bytes(), 0);
        assert!(of_call.config.trunk("a").is_some());
    }
}
