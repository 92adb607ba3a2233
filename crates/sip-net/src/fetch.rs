//! Certificates of callers' signers, over HTTPS, in the background (RFC 8224 §7.2).
//!
//! A URL in a message names whatever its sender likes. So only HTTPS is spoken, to few ports, to public addresses (those that the name
//! has at that moment: a connection is made to an address that was looked at), no redirection is followed, and a body has a size and
//! the whole a time.

mod public;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::{ACCEPT, CACHE_CONTROL, HOST, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stir::{CertificateUrl, MAX_CHAIN_BYTES};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsConnector;

use public::is_public;

/// Fetches that may wait.
const QUEUE: usize = 256;
/// Fetches at once.
const PARALLEL: usize = 64;
/// Fetches from one host at once: one that hangs keeps nobody waiting who wants another's.
const PER_HOST: usize = 8;
/// Time for one fetch, from the name to the last octet.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one address of several to take a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// What may be fetched from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRules {
    /// Ports.
    pub ports: Vec<u16>,
    /// Whether private, loopback and link-local addresses are asked too.
    pub private: bool,
    /// Who vouches for servers, each in DER; `None`: the system's list.
    pub roots: Option<Vec<Vec<u8>>>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A port that is not asked.
    #[error("port {0} is none that certificates are fetched from")]
    Port(u16),
    /// No address, or none that is asked.
    #[error("the host has no public address")]
    Address,
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server's own certificate is not good.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Not HTTP, or not to the end.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The URL is none that a request can be made of.
    #[error("no request can be made of it")]
    Url,
    /// Another answer than 200.
    #[error("the server answered {0}")]
    Status(u16),
    /// More octets than a chain may have.
    #[error("more than {MAX_CHAIN_BYTES} octets, or an end before the end")]
    Body,
    /// It took too long.
    #[error("no certificate within 5 s")]
    Timeout,
    /// Nobody vouches for anybody.
    #[error("there are no roots for HTTPS: {0}")]
    Roots(String),
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body.
    pub bytes: Vec<u8>,
    /// For how long it may be kept, when the server says; zero: not at all.
    pub max_age: Option<Duration>,
}

/// The outcome of one fetch.
#[derive(Debug)]
pub struct Fetch {
    /// What the caller gave to know it again.
    pub token: u64,
    /// What it is.
    pub result: Result<Fetched, FetchError>,
}

/// Takes what a [`Fetcher`] has fetched. Called on its tasks; must not block.
pub trait FetchSink: Send + Sync + 'static {
    /// One outcome per fetch that was taken.
    fn deliver(&self, fetch: Fetch);
}

impl<F: Fn(Fetch) + Send + Sync + 'static> FetchSink for F {
    fn deliver(&self, fetch: Fetch) {
        self(fetch);
    }
}

struct Job {
    token: u64,
    url: CertificateUrl,
    rules: Arc<FetchRules>,
}

/// Fetches certificates on a thread of its own, so that handshakes cost nobody else's time. Dropping it ends the thread.
pub struct Fetcher {
    queue: mpsc::Sender<Job>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("free", &self.queue.capacity())
            .finish()
    }
}

impl Fetcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn start(sink: Arc<dyn FetchSink>) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("certificates".to_owned());
        thread.spawn(move || runtime.block_on(serve(jobs, sink)))?;
        Ok(Self { queue })
    }

    /// Fetches a URL. Never blocks; `false`: there is no room, and nothing will be delivered.
    #[must_use]
    pub fn fetch(&self, token: u64, url: CertificateUrl, rules: Arc<FetchRules>) -> bool {
        self.queue.try_send(Job { token, url, rules }).is_ok()
    }
}

async fn serve(mut jobs: mpsc::Receiver<Job>, sink: Arc<dyn FetchSink>) {
    let room = Arc::new(Semaphore::new(PARALLEL));
    let mut hosts: HashMap<String, Arc<Semaphore>> = HashMap::new();
    // Roots are read once for as long as the same rules hold.
    let mut tls: Option<(Arc<FetchRules>, Arc<ClientConfig>)> = None;
    while let Some(Job { token, url, rules }) = jobs.recv().await {
        let known = tls.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &rules));
        let client = match known {
            Some((_, client)) => Arc::clone(client),
            None => {
                let of = Arc::clone(&rules);
                let made = tokio::task::spawn_blocking(move || client_with(of.roots.as_ref())).await;
                match made.unwrap_or_else(|gone| Err(FetchError::Roots(gone.to_string()))) {
                    Ok(client) => {
                        tls = Some((Arc::clone(&rules), Arc::clone(&client)));
                        client
                    }
                    Err(error) => {
                        let result = Err(error);
                        sink.deliver(Fetch { token, result });
                        continue;
                    }
                }
            }
        };
        hosts.retain(|_, own| Arc::strong_count(own) > 1);
        let host = hosts.entry(url.host().to_owned());
        let host = Arc::clone(host.or_insert_with(|| Arc::new(Semaphore::new(PER_HOST))));
        let (room, sink) = (Arc::clone(&room), Arc::clone(&sink));
        tokio::spawn(async move {
            // Its host's turn first, so that who waits for that takes nobody's room. The wait is part of its time.
            let fetched = async {
                let _own = host.acquire().await.ok()?;
                let _permit = room.acquire().await.ok()?;
                Some(fetch(&url, &rules, client).await)
            };
            let fetched = tokio::time::timeout(TIMEOUT, fetched).await;
            let result = fetched.ok().flatten().unwrap_or(Err(FetchError::Timeout));
            sink.deliver(Fetch { token, result });
        });
    }
}

/// TLS 1.2 and 1.3, with these roots, each in DER; `None`: the system's.
pub(crate) fn client_with(own: Option<&Vec<Vec<u8>>>) -> Result<Arc<ClientConfig>, FetchError> {
    let mut roots = RootCertStore::empty();
    match own {
        Some(own) => {
            for der in own {
                roots.add(CertificateDer::from(der.clone()))?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            // Single odd ones are no reason to do without all.
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                let why = system.errors.first().map(ToString::to_string);
                return Err(FetchError::Roots(
                    why.unwrap_or_else(|| "the system has none".to_owned()),
                ));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(client))
}

async fn fetch(
    url: &CertificateUrl,
    rules: &FetchRules,
    client: Arc<ClientConfig>,
) -> Result<Fetched, FetchError> {
    if !rules.ports.contains(&url.port()) {
        return Err(FetchError::Port(url.port()));
    }
    let host = url.host();
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let server = ServerName::try_from(name.to_owned()).map_err(|_| FetchError::Url)?;
    let stream = connect(name, url.port(), rules.private).await?;
    let stream = TlsConnector::from(client).connect(server, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(url.path())
        .header(HOST, authority(url))
        .header(
            ACCEPT,
            "application/pem-certificate-chain, application/pkix-cert, */*;q=0.5",
        )
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Url)?;
    let answer = async {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let max_age = max_age(response.headers());
        let body = Limited::new(response.into_body(), MAX_CHAIN_BYTES)
            .collect()
            .await;
        let bytes = body.map_err(|_| FetchError::Body)?.to_bytes().to_vec();
        Ok(Fetched { bytes, max_age })
    };
    tokio::pin!(answer);
    tokio::pin!(connection);
    tokio::select! {
        // The connection goes on beside the request; its own end is seen by that.
        biased;
        answered = &mut answer => answered,
        _ = &mut connection => answer.await,
    }
}

/// Host and port as a Host header has them.
fn authority(url: &CertificateUrl) -> String {
    match url.port() {
        443 => url.host().to_owned(),
        port => format!("{}:{port}", url.host()),
    }
}

/// A connection to the first of the host's addresses that may be asked and takes one.
async fn connect(host: &str, port: u16, private: bool) -> Result<TcpStream, FetchError> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await?
        .filter(|address| private || is_public(address.ip()))
        .take(4)
        .collect();
    let mut last = FetchError::Address;
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = FetchError::Timeout,
        }
    }
    Err(last)
}

/// Cache-Control (RFC 9111 §5.2.2), as far as it is about us.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut age = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") {
                age = value.trim_matches('"').parse().ok().map(Duration::from_secs);
            }
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_server_says_how_long() {
        for (values, age) in [
            (&[][..], None),
            (&["max-age=600"][..], Some(600)),
            (&["public, Max-Age=\"60\""][..], Some(60)),
            (&["private", "max-age=5"][..], Some(5)),
            (&["no-store, max-age=5"][..], Some(0)),
            (&["no-cache"][..], Some(0)),
            (&["max-age=soon"][..], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            assert_eq!(max_age(&headers), age.map(Duration::from_secs), "{values:?}");
        }
    }

    /// No server is needed to see that none is asked.
    #[test]
    fn neither_odd_ports_nor_inner_addresses_are_asked() {
        let (send, outcomes) = std::sync::mpsc::channel();
        let sink = Arc::new(move |fetch: Fetch| send.send(fetch).unwrap());
        let fetcher = Fetcher::start(sink).unwrap();
        let root = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let rules = Arc::new(FetchRules {
            ports: vec![443],
            private: false,
            roots: Some(vec![root.cert.der().to_vec()]),
        });
        let ask = |url: &str| {
            let url = CertificateUrl::parse(url).unwrap();
            assert!(fetcher.fetch(7, url, Arc::clone(&rules)));
            let fetch = outcomes.recv().unwrap();
            assert_eq!(fetch.token, 7);
            fetch.result.unwrap_err()
        };
        assert!(matches!(ask("https://localhost:8080/"), FetchError::Port(8080)));
        for url in [
            "https://localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
        ] {
            let error = ask(url);
            assert!(matches!(error, FetchError::Address), "{url}: {error}");
        }
    }
}
