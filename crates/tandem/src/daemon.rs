//! `tandem run`: configuration, store, media, shard and API, wired together.
//!
//! ```text
//!  signals, file watch ──► control (tokio) ──► api
//!                              │ asks                 media workers ──► rtp-net
//!                              ▼                           ▲ │
//!                            shard (one thread: sockets + Switch) ──► records (writer thread)
//! ```

mod attic;
mod backend;
mod control;
mod feedback;
mod figures;
mod keeper;
mod ladder;
mod news;
mod pace;
mod rounds;
mod shard;
mod trial;
mod watch;
mod whatif;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use config::Engine;
use records::{Accounts, Store, StoreConfig};
use rtp_net::{KernelConfig, KernelPath, Leftovers, MediaPlane, PlaneConfig};
use switch::Snapshot;
use switch::record::Balance;

use crate::snapshot::Loaded;

pub(crate) use self::control::records_path;

/// How long the writer gathers records before it commits them together.
const RECORD_BATCH: Duration = Duration::from_millis(20);
/// The most that a power cut may lose.
const RECORD_SYNC: Duration = Duration::from_secs(1);
/// Inputs that may wait for the shard.
const SHARD_QUEUE: usize = 65_536;

/// Runs the switch until it is told to stop.
///
/// # Errors
/// What kept it from starting: a bad configuration, an address in use, a store that cannot be opened.
pub(crate) fn run(config: Option<PathBuf>, loaded: Loaded) -> Result<()> {
    let snapshot = Arc::new(loaded.snapshot);
    let api_address = snapshot.config.api.bind;
    let api = TcpListener::bind(api_address)
        .with_context(|| format!("the API cannot listen on {api_address} (api.bind)"))?;
    let metrics = figures::install()?;
    let (queue, inputs) = shard::queue(SHARD_QUEUE);
    let (store, unfinished, balances) = open_store(&snapshot, queue.clone())?;
    let (plane, leftovers) = start_media(&snapshot, queue.clone())?;
    let tap = shard::Tap::new(&snapshot.config);
    let news = news::News::new();
    let sockets = shard::bind(&snapshot)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let shard = shard::Parts {
        snapshot: Arc::clone(&snapshot),
        sockets,
        streams: loaded.streams.setup(&snapshot),
        inputs,
        queue: queue.clone(),
        plane,
        leftovers,
        store,
        tap,
        news: news.clone(),
        unfinished,
        balances,
    };
    let thread = std::thread::Builder::new()
        .name("shard-0".into())
        .spawn(move || {
            let outcome = shard::run(shard);
            // Nobody listens any more only when control has ended first.
            let _ = stop.send(());
            outcome
        })?;
    for listener in &snapshot.listeners {
        tracing::info!(transport = listener.transport.via_name(), bind = %listener.bind, "listening");
    }
    tracing::info!(api = %api.local_addr()?, node = %snapshot.config.node.name, "tandem is up");
    let control = control::Control {
        config,
        files: loaded.files,
        snapshot,
        queue,
        news,
        metrics,
        api,
        stopped,
    };
    control::run(control)?;
    thread
        .join()
        .map_err(|_| anyhow!("the signalling thread panicked"))?
}

/// The store, the calls that were never finished, and what customers have.
type Opened = (Store, Vec<records::Journaled>, Vec<(String, Balance)>);

fn open_store(snapshot: &Snapshot, queue: shard::Queue) -> Result<Opened> {
    let config = &snapshot.config;
    let path = records_path(config);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(|| {
            format!(
                "the directory {} cannot be made (node.data_dir)",
                directory.display()
            )
        })?;
    }
    let store = StoreConfig {
        path: path.clone(),
        queue: SHARD_QUEUE,
        spool: usize::try_from(config.records.spool).unwrap_or(usize::MAX),
        batch_delay: RECORD_BATCH,
        sync_every: RECORD_SYNC,
    };
    let opened = Store::open(store, shard::StoreSink(queue));
    let (store, unfinished) = opened.with_context(|| format!("the record store {}", path.display()))?;
    if !unfinished.is_empty() {
        tracing::warn!(
            calls = unfinished.len(),
            "calls were up when the last process ended; they are hung up"
        );
    }
    let balances = Accounts::open(&path)
        .and_then(|accounts| accounts.balances())
        .context("customers' accounts")?;
    Ok((store, unfinished, balances))
}

/// The media workers, and what a process before this one left in the kernel.
fn start_media(snapshot: &Snapshot, queue: shard::Queue) -> Result<(MediaPlane, Leftovers)> {
    let kernel = KernelConfig {
        name: pin_name(&snapshot.config),
        interfaces: snapshot.config.media.interfaces.clone(),
        ..KernelConfig::default()
    };
    let leftovers = Leftovers::find(&kernel);
    let media = &snapshot.config.media;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = media.workers.map_or(cores, usize::from);
    let plane = PlaneConfig {
        workers,
        kernel: kernel_path(media.engine, &kernel)?,
        ..PlaneConfig::default()
    };
    let plane = MediaPlane::start(plane, Arc::new(shard::MediaSink(queue)))
        .context("the media workers cannot be started")?;
    Ok((plane, leftovers))
}

/// The kernel path, where the configuration wants it and the machine has it.
fn kernel_path(engine: Engine, kernel: &KernelConfig) -> Result<Option<Arc<KernelPath>>> {
    if engine == Engine::Userspace {
        return Ok(None);
    }
    match KernelPath::open(kernel) {
        Ok(path) => {
            let interfaces = path.interfaces().join(", ");
            tracing::info!(interfaces, pins = %path.pins().display(), "plain media is relayed in the kernel");
            Ok(Some(Arc::new(path)))
        }
        Err(error) if engine == Engine::Kernel => Err(anyhow!(error)
            .context("media cannot be relayed in the kernel, which media.engine = \"kernel\" asks for")),
        Err(error) => {
            tracing::warn!(%error, "media is relayed in userspace: the kernel path is not to be had");
            Ok(None)
        }
    }
}

/// What a successor finds the pins by: the data directory is one process's at a time, and stays the same over a restart.
fn pin_name(config: &config::Config) -> String {
    let path = records_path(config);
    let path = std::path::absolute(&path).unwrap_or(path);
    // FNV-1a: a few bits that tell two directories apart.
    let hash = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{}-{hash:016x}", config.node.name)
}
