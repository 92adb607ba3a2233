//! Everything beside the shard that may take its time: API, signals, reloads, the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use metrics_exporter_prometheus::PrometheusHandle;
use switch::Snapshot;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, Notify, oneshot, watch};

use super::backend::Daemon;
use super::news::News;
use super::rounds;
use super::shard::{Ask, Queue, ShardInput};
use super::trial::Bench;
use super::watch::Watcher;

/// How often what metrics gather is tidied, whether or not anybody reads it.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long the last calls' BYEs may wait for an answer. Three are sent in that time (RFC 3261 §17.1.2.2, T1 = 500 ms).
const GOODBYE: Duration = Duration::from_secs(2);

/// What control is made of.
pub(crate) struct Control {
    pub(crate) config: Option<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) queue: Queue,
    pub(crate) news: News,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) api: std::net::TcpListener,
    /// Resolves when the shard has ended.
    pub(crate) stopped: oneshot::Receiver<()>,
}

/// Where the records of this configuration are.
pub(crate) fn records_path(config: &config::Config) -> PathBuf {
    config
        .records
        .path
        .clone()
        .unwrap_or_else(|| config.node.data_dir.join("records.db"))
}

/// Serves until the shard has ended.
pub(crate) fn run(control: Control) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(serve(control))
}

async fn serve(control: Control) -> Result<()> {
    control.api.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(control.api)?;
    let daemon = Arc::new(Daemon {
        records: records_path(&control.snapshot.config),
        config: control.config.clone(),
        running: Mutex::new(Arc::clone(&control.snapshot)),
        started: control.snapshot,
        files: std::sync::Mutex::new(control.files),
        queue: control.queue.clone(),
        news: control.news,
        metrics: control.metrics.clone(),
        ready: AtomicBool::new(true),
        bench: Bench::default(),
        rounds: Arc::default(),
        beside: Mutex::default(),
        rewatch: Notify::new(),
    });
    // Before anybody can be told that the switch is up: a signal would end the process, a change of a file be missed.
    let reloads = reloads(
        daemon.clone(),
        signal(SignalKind::hangup())?,
        Watcher::start(&daemon.watched()),
    );
    let stops = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let (ended, mut end) = watch::channel(false);
    let api = tokio::spawn(api::serve(listener, daemon.clone(), async move {
        // An error says that the sender is gone: the end as well.
        let _ = end.changed().await;
    }));
    let metrics = control.metrics;
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            metrics.run_upkeep();
        }
    });
    let reloads = tokio::spawn(reloads);
    let rounds = tokio::spawn(rounds::run(daemon.clone()));
    let signals = tokio::spawn(signals(daemon, control.queue, stops));
    let _ = control.stopped.await;
    reloads.abort();
    rounds.abort();
    signals.abort();
    // Those who are still connected to the API have a moment to read their answer.
    let _ = ended.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(1), api).await;
    Ok(())
}

/// SIGHUP, and changes of the files that the configuration was read from.
async fn reloads(daemon: Arc<Daemon>, mut hangup: Signal, mut watcher: Watcher) {
    loop {
        tokio::select! {
            _ = hangup.recv() => tracing::info!("SIGHUP: the configuration is read again"),
            () = watcher.changed() => tracing::info!("a configuration file has changed"),
            () = daemon.rewatch.notified() => {
                watcher = Watcher::start(&daemon.watched());
                continue;
            }
        }
        loop {
            // The outcome is in the log; there is nobody else to tell.
            let _ = daemon.reload_now().await;
            let before = std::mem::replace(&mut watcher, Watcher::start(&daemon.watched()));
            // A file that changed while it was being read may have been read too early.
            if !before.noticed() {
                break;
            }
            watcher.settled().await;
        }
    }
}

/// SIGTERM and SIGINT: no new calls; the end when the last call has ended, at the deadline, or at the second
/// signal. Who does not answer a BYE then keeps the process up for a moment only.
async fn signals(daemon: Arc<Daemon>, queue: Queue, [mut terminate, mut interrupt]: [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let drain = daemon.running.lock().await.config.sip.drain;
    tracing::info!(
        seconds = drain.as_secs(),
        "draining: no new calls, those that are up may go on"
    );
    daemon.ready.store(false, Ordering::Relaxed);
    let _ = queue.send(ShardInput::Ask(Ask::Drain)).await;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("second signal"),
        _ = interrupt.recv() => tracing::info!("second signal"),
        () = daemon.no_calls() => tracing::info!("the last call has ended"),
        () = tokio::time::sleep(drain) => tracing::info!("the drain's time is up"),
    }
    let _ = queue.send(ShardInput::Ask(Ask::Shutdown)).await;
    tokio::time::sleep(GOODBYE).await;
    let _ = queue.send(ShardInput::Ask(Ask::Leave)).await;
}
