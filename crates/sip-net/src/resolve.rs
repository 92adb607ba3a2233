//! Host names to the places to send to (RFC 3263), in the background.
//!
//! | file | what it is |
//! |---|---|
//! | `resolve/find.rs` | the procedure: NAPTR, SRV, addresses; pure |
//! | `resolve/select.rs` | priority and weight (RFC 2782); pure |
//! | `resolve/cache.rs` | what is known, for how long, and what serves beyond that; pure |
//! | `resolve/dns.rs` | one question to the name servers |
//!
//! What is known is answered at once. All else goes to a thread of its own, and what it finds is delivered through a
//! [`ResolutionSink`]: no call ever waits for a name server, and none is asked twice for the same while it has not answered.
//! A literal address is no name; who has one never comes here.

mod cache;
mod dns;
mod find;
mod select;

pub use find::Query;

use cache::Cache;
use find::{Found, Key, Kind, Known, View};
use hickory_resolver::TokioResolver;
use sip_proto::Hop;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, Semaphore, oneshot};

/// Longest host name there is (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// What has expired is taken, and rules (NAPTR) that nobody tells are done without, when nothing came for so long.
const PATIENCE: Duration = Duration::from_millis(500);

/// Servers and bounds of a resolver.
#[derive(Debug, Clone)]
pub struct ResolverConfig {
    /// The name servers; none: the system's (`/etc/resolv.conf`).
    pub servers: Vec<SocketAddr>,
    /// After this a lookup has failed.
    pub deadline: Duration,
    /// What has expired may be used for so long while the servers do not answer.
    pub stale: Duration,
    /// Questions whose answers are remembered.
    pub remembered: usize,
    /// Lookups that may wait.
    pub waiting: usize,
    /// Questions under way at the same time.
    pub parallel: usize,
}

impl Default for ResolverConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            deadline: Duration::from_secs(3),
            stale: Duration::from_secs(3600),
            remembered: 8192,
            waiting: 1024,
            parallel: 64,
        }
    }
}

/// What [`Resolver::lookup`] says at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It is known: this is the outcome, and nothing will be delivered.
    Known(Result<Vec<Hop>, ResolveError>),
    /// One [`Resolution`] will be delivered.
    Pending,
    /// Too many wait already, or the name cannot be one: nothing will be delivered.
    Refused,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such name, or nothing behind it that our listeners reach.
    #[error("the name leads nowhere")]
    NotFound,
    /// The name servers did not answer, or with an error.
    #[error("no answer from the name servers")]
    NoAnswer,
}

/// The outcome of one lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What the caller gave to know it again.
    pub token: u64,
    /// Where to send to, in the order to be tried; never empty.
    pub result: Result<Vec<Hop>, ResolveError>,
}

/// Takes what a [`Resolver`] found. Called on the resolver's thread; must not block.
pub trait ResolutionSink: Send + Sync + 'static {
    /// One outcome per [`Lookup::Pending`].
    fn deliver(&self, resolution: Resolution);
}

impl<F: Fn(Resolution) + Send + Sync + 'static> ResolutionSink for F {
    fn deliver(&self, resolution: Resolution) {
        self(resolution);
    }
}

/// Questions asked and lookups made since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResolverCounters {
    /// Questions to the name servers.
    pub asked: u64,
    /// Of those, the ones that were not answered.
    pub unanswered: u64,
    /// Lookups that had to wait.
    pub waited: u64,
    /// Lookups that were refused.
    pub refused: u64,
}

#[derive(Default)]
struct Tally {
    asked: AtomicU64,
    unanswered: AtomicU64,
    waited: AtomicU64,
    refused: AtomicU64,
}

/// What the resolver's tasks share.
struct Shared {
    config: ResolverConfig,
    cache: Mutex<Cache>,
    /// Some answer has come.
    news: Notify,
    waiting: AtomicUsize,
    tally: Tally,
    sink: Arc<dyn ResolutionSink>,
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Nothing panics while it holds the lock, and an answer more or less does not spoil the cache.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the procedure gets with what is known.
    fn find(&self, now: Instant, query: &Query, impatient: bool) -> Found {
        let mut known = Remembered {
            cache: &self.cache(),
            now,
            impatient,
        };
        find::find(query, &mut known)
    }
}

struct Remembered<'a> {
    cache: &'a Cache,
    now: Instant,
    impatient: bool,
}

impl Known for Remembered<'_> {
    fn view(&mut self, key: &Key) -> View {
        match self.cache.view(self.now, key, self.impatient) {
            // Some middleboxes swallow what they don't know; without rules there are services still.
            View::Unknown if self.impatient && key.kind == Kind::Naptr => View::Failed,
            view => view,
        }
    }

    fn random(&mut self) -> u64 {
        rand()
    }
}

/// A random number; it has to be even, not secret.
fn rand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0u8)
}

/// Looks names up on a thread of its own, which ends with it.
pub struct Resolver {
    shared: Arc<Shared>,
    dns: Option<Arc<TokioResolver>>,
    room: Arc<Semaphore>,
    runtime: Handle,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("waiting", &self.shared.waiting.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl Resolver {
    /// Starts the resolver's thread. Where the system has no name servers every lookup fails.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(config: ResolverConfig, sink: Arc<dyn ResolutionSink>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let connected = {
            let _inside = handle.enter();
            dns::connect(&config)
        };
        let dns = match connected {
            Ok(dns) => Some(Arc::new(dns)),
            Err(error) => {
                tracing::error!(%error, "there are no name servers to be asked; names lead nowhere");
                None
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name("names".into()).spawn(move || {
            // An error says that the other end is gone: that is the end.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self {
            room: Arc::new(Semaphore::new(config.parallel.max(1))),
            shared: Arc::new(Shared {
                cache: Mutex::new(Cache::new(config.remembered, config.stale)),
                config,
                news: Notify::new(),
                waiting: AtomicUsize::new(0),
                tally: Tally::default(),
                sink,
            }),
            dns,
            runtime: handle,
            _stop: stop,
        })
    }

    /// Locates a name's servers (RFC 3263 §4). Never blocks.
    #[must_use]
    pub fn lookup(&self, token: u64, query: Query) -> Lookup {
        let shared = &self.shared;
        if query.host.is_empty() || query.host.len() > MAX_HOST {
            return Lookup::Refused;
        }
        if let Some(result) = outcome(shared.find(Instant::now(), &query, false)) {
            return Lookup::Known(result);
        }
        let Some(dns) = &self.dns else {
            return Lookup::Known(Err(ResolveError::NoAnswer));
        };
        if shared.waiting.fetch_add(1, Ordering::Relaxed) >= shared.config.waiting {
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
            shared.tally.refused.fetch_add(1, Ordering::Relaxed);
            return Lookup::Refused;
        }
        shared.tally.waited.fetch_add(1, Ordering::Relaxed);
        let (shared, dns, room) = (Arc::clone(shared), Arc::clone(dns), Arc::clone(&self.room));
        self.runtime.spawn(async move {
            let result = wait(&shared, &dns, &room, &query).await;
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
            shared.sink.deliver(Resolution { token, result });
        });
        Lookup::Pending
    }

    /// Totals since the start.
    #[must_use]
    pub fn counters(&self) -> ResolverCounters {
        let tally = &self.shared.tally;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ResolverCounters {
            asked: read(&tally.asked),
            unanswered: read(&tally.unanswered),
            waited: read(&tally.waited),
            refused: read(&tally.refused),
        }
    }
}

fn outcome(found: Found) -> Option<Result<Vec<Hop>, ResolveError>> {
    match found {
        Found::Hops(hops) => Some(Ok(hops)),
        Found::Nothing => Some(Err(ResolveError::NotFound)),
        Found::Failed => Some(Err(ResolveError::NoAnswer)),
        Found::Needs(_) => None,
    }
}

/// Has asked whatever the procedure wants to know, until it is through, or the deadline has passed.
async fn wait(
    shared: &Arc<Shared>,
    dns: &Arc<TokioResolver>,
    room: &Arc<Semaphore>,
    query: &Query,
) -> Result<Vec<Hop>, ResolveError> {
    let began = Instant::now();
    let (deadline, patient) = (began + shared.config.deadline, began + PATIENCE);
    loop {
        // Listening before looking: no answer comes in between.
        let news = shared.news.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        let now = Instant::now();
        let found = shared.find(now, query, now >= patient);
        let keys = match found {
            Found::Needs(keys) if now < deadline => keys,
            Found::Needs(_) => return Err(ResolveError::NoAnswer),
            other => return outcome(other).unwrap_or(Err(ResolveError::NoAnswer)),
        };
        for key in keys {
            if shared.cache().begin(now, &key) {
                tokio::spawn(ask(Arc::clone(shared), Arc::clone(dns), Arc::clone(room), key));
            }
        }
        let next = if now < patient {
            patient.min(deadline)
        } else {
            deadline
        };
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep_until(next.into()) => {}
        }
    }
}

/// Asks one question, to the end: whoever gives up meanwhile leaves the answer to others.
async fn ask(shared: Arc<Shared>, dns: Arc<TokioResolver>, room: Arc<Semaphore>, key: Key) {
    let permit = room.acquire_owned().await;
    shared.tally.asked.fetch_add(1, Ordering::Relaxed);
    let answer = dns::ask(&dns, &key, shared.config.deadline).await;
    drop(permit);
    if matches!(answer, cache::Answer::Failed) {
        shared.tally.unanswered.fetch_add(1, Ordering::Relaxed);
    }
    shared.cache().answered(Instant::now(), &key, answer);
    shared.news.notify_waiters();
}

#[cfg(test)]
mod tests;
