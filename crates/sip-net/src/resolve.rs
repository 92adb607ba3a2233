//! Host names to addresses, in the background.
//!
//! A literal address is never looked up. Everything else goes through a bounded queue to tasks beside the shard;
//! what they find is delivered through a [`ResolutionSink`], so that no call ever waits for a name server.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

/// Longest host name there is (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// Bounds of a resolver.
#[derive(Debug, Clone, Copy)]
pub struct ResolverLimits {
    /// Names that may wait.
    pub queue: usize,
    /// Lookups at the same time; each holds one of the runtime's blocking threads.
    pub parallel: usize,
    /// After this a lookup is given up; its thread stays counted until the system lets it go.
    pub timeout: Duration,
}

impl Default for ResolverLimits {
    fn default() -> Self {
        Self {
            queue: 1024,
            parallel: 16,
            timeout: Duration::from_secs(5),
        }
    }
}

/// What [`Resolver::lookup`] says at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// A literal address: no lookup is needed and nothing will be delivered.
    Literal(SocketAddr),
    /// One [`Resolution`] will be delivered.
    Pending,
    /// The queue is full or the resolver is gone: nothing will be delivered.
    Refused,
}

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name service gave no address.
    #[error("no address: {0}")]
    NotFound(String),
    /// The name service didn't answer in time.
    #[error("no answer from the name service in time")]
    Timeout,
}

/// The outcome of one lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What the caller gave to know it again.
    pub token: u64,
    /// The name that was looked up.
    pub host: String,
    /// Its addresses with the port asked for, in the order of the system's preference; never empty.
    pub result: Result<Vec<SocketAddr>, ResolveError>,
}

/// Takes what a [`Resolver`] found. Called on the resolver's tasks; must not block.
pub trait ResolutionSink: Send + Sync + 'static {
    /// One outcome per [`Lookup::Pending`].
    fn deliver(&self, resolution: Resolution);
}

impl<F: Fn(Resolution) + Send + Sync + 'static> ResolutionSink for F {
    fn deliver(&self, resolution: Resolution) {
        self(resolution);
    }
}

struct Request {
    token: u64,
    host: String,
    port: u16,
}

/// Looks names up on a tokio runtime. Dropping it ends its task; lookups under way still deliver.
pub struct Resolver {
    queue: mpsc::Sender<Request>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("free", &self.queue.capacity())
            .finish()
    }
}

impl Resolver {
    /// Starts the resolver's task on `runtime`.
    pub fn start(runtime: &Handle, limits: ResolverLimits, sink: Arc<dyn ResolutionSink>) -> Self {
        let (queue, requests) = mpsc::channel(limits.queue.max(1));
        runtime.spawn(serve(requests, limits, sink));
        Self { queue }
    }

    /// Resolves `host` (a name, or an IPv4 or IPv6 literal, the latter with or without brackets). Never blocks.
    #[must_use]
    pub fn lookup(&self, token: u64, host: &str, port: u16) -> Lookup {
        if let Some(address) = literal(host) {
            return Lookup::Literal(SocketAddr::new(address, port));
        }
        if host.is_empty() || host.len() > MAX_HOST {
            return Lookup::Refused;
        }
        match self.queue.try_send(Request {
            token,
            host: host.to_owned(),
            port,
        }) {
            Ok(()) => Lookup::Pending,
            Err(_) => Lookup::Refused,
        }
    }
}

/// The address that a URI's host part spells out, if it does (RFC 3261 §25.1 `IPv4address / IPv6reference`).
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

async fn serve(mut requests: mpsc::Receiver<Request>, limits: ResolverLimits, sink: Arc<dyn ResolutionSink>) {
    let room = Arc::new(Semaphore::new(limits.parallel.max(1)));
    while let Some(request) = requests.recv().await {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let sink = Arc::clone(&sink);
        tokio::spawn(async move {
            let Request { token, host, port } = request;
            let name = host.clone();
            // The permit goes with the lookup and not with its time-out: a hung name service can't pile up threads.
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), port)).await;
                drop(permit);
                found.map(Iterator::collect::<Vec<_>>)
            });
            let result = match tokio::time::timeout(limits.timeout, lookup).await {
                Err(_) => Err(ResolveError::Timeout),
                Ok(Err(gone)) => Err(ResolveError::NotFound(gone.to_string())),
                Ok(Ok(found)) => outcome(found),
            };
            sink.deliver(Resolution { token, host, result });
        });
    }
}

fn outcome(found: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>, ResolveError> {
    match found {
        Ok(addresses) if addresses.is_empty() => Err(ResolveError::NotFound("empty answer".to_owned())),
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(ResolveError::NotFound(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::{Builder, Runtime};

    /// A resolver on a runtime of its own, and what it delivers.
    struct Bed {
        runtime: Runtime,
        resolver: Resolver,
        results: mpsc::Receiver<Resolution>,
    }

    impl Bed {
        fn new() -> Self {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let (sink, results) = mpsc::channel(8);
            let sink = Arc::new(move |resolution| sink.try_send(resolution).unwrap());
            let resolver = Resolver::start(runtime.handle(), ResolverLimits::default(), sink);
            Self {
                runtime,
                resolver,
                results,
            }
        }

        fn next(&mut self) -> Resolution {
            self.runtime.block_on(self.results.recv()).unwrap()
        }
    }

    #[test]
    fn literals_are_never_looked_up() {
        let mut bed = Bed::new();
        for (host, address) in [
            ("192.0.2.1", "192.0.2.1:5060"),
            ("[2001:db8::1]", "[2001:db8::1]:5060"),
            ("2001:db8::1", "[2001:db8::1]:5060"),
        ] {
            assert_eq!(
                bed.resolver.lookup(1, host, 5060),
                Lookup::Literal(address.parse().unwrap())
            );
        }
        // The first thing delivered is the answer about the name that follows.
        assert_eq!(bed.resolver.lookup(2, "localhost", 5060), Lookup::Pending);
        assert_eq!(bed.next().token, 2);
    }

    #[test]
    fn a_name_is_delivered_with_its_token_and_port() {
        let mut bed = Bed::new();
        assert_eq!(bed.resolver.lookup(7, "localhost", 5080), Lookup::Pending);
        let resolution = bed.next();
        assert_eq!((resolution.token, resolution.host.as_str()), (7, "localhost"));
        let addresses = resolution.result.unwrap();
        assert!(
            addresses
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 5080)
        );
        assert!(!addresses.is_empty());
    }

    #[test]
    fn a_name_that_cannot_be_is_refused_or_fails() {
        let mut bed = Bed::new();
        assert_eq!(bed.resolver.lookup(1, "", 5060), Lookup::Refused);
        assert_eq!(bed.resolver.lookup(2, &"x".repeat(256), 5060), Lookup::Refused);
        assert_eq!(bed.resolver.lookup(3, "not a host name", 5060), Lookup::Pending);
        let resolution = bed.next();
        assert!(resolution.result.is_err(), "{resolution:?}");
    }

    #[test]
    fn over_its_bound_the_queue_refuses() {
        // A current-thread runtime that nobody drives: nothing is taken off the queue.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let limits = ResolverLimits {
            queue: 2,
            ..ResolverLimits::default()
        };
        let resolver = Resolver::start(runtime.handle(), limits, Arc::new(|_| {}));
        let results = [(); 3].map(|()| resolver.lookup(1, "localhost", 5060));
        assert_eq!(results, [Lookup::Pending, Lookup::Pending, Lookup::Refused]);
    }
}
