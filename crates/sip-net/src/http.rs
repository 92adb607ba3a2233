//! Questions to a server of the operator's own, over HTTP or HTTPS, in the background: who serves a number.
//!
//! The server is one that the configuration names, so its address may be any. Connections are kept for the next question; each
//! question has its time, from the name to the last octet, and each answer a size.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsConnector;

use crate::fetch::{FetchError, client_with};

/// Questions that may wait.
const QUEUE: usize = 256;
/// Questions at once.
const PARALLEL: usize = 64;
/// Connections that are kept while there is nothing to ask.
const IDLE: usize = 16;
/// For how long one is kept.
const IDLE_TIME: Duration = Duration::from_secs(20);
/// Octets that an answer may have.
const LONGEST: usize = 64 * 1024;
/// Addresses of a name that are tried.
const ADDRESSES: usize = 4;

/// Who is asked, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct AskRules {
    /// The Authorization header.
    pub authorization: Option<String>,
    /// Who vouches for the server, each in DER; `None`: the system's list.
    pub roots: Option<Arc<Vec<Vec<u8>>>>,
}

impl fmt::Debug for AskRules {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskRules")
            .field("authorization", &self.authorization.is_some())
            .field("roots", &self.roots.as_ref().map(|roots| roots.len()))
            .finish()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The URL is none that a request can be made of.
    #[error("no request can be made of the URL")]
    Url,
    /// The name has no address.
    #[error("the host has no address")]
    Address,
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server's certificate is not good, or nobody vouches for anybody.
    #[error("{0}")]
    Tls(#[from] FetchError),
    /// Not HTTP, or not to the end.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// More octets than an answer may have.
    #[error("more than {LONGEST} octets, or an end before the end")]
    Body,
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
}

/// What came of one question.
#[derive(Debug)]
pub struct Answered {
    /// What the caller gave to know it again.
    pub token: u64,
    /// The status and the body.
    pub result: Result<(u16, Vec<u8>), AskError>,
}

/// Takes what an [`Asker`] was answered. Called on its tasks; must not block.
pub trait AnswerSink: Send + Sync + 'static {
    /// One outcome per question that was taken.
    fn deliver(&self, answered: Answered);
}

impl<F: Fn(Answered) + Send + Sync + 'static> AnswerSink for F {
    fn deliver(&self, answered: Answered) {
        self(answered);
    }
}

struct Job {
    token: u64,
    url: Box<str>,
    within: Duration,
    since: Instant,
    rules: Arc<AskRules>,
}

/// Asks on a thread of its own. Dropping it ends the thread.
pub struct Asker {
    queue: mpsc::Sender<Job>,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker")
            .field("free", &self.queue.capacity())
            .finish()
    }
}

impl Asker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn start(sink: Arc<dyn AnswerSink>) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("lookups".to_owned());
        thread.spawn(move || runtime.block_on(serve(jobs, sink)))?;
        Ok(Self { queue })
    }

    /// Asks for a URL with `GET`; no answer is wanted after `within`. Never blocks; `false`: there is no room, and nothing will be
    /// delivered.
    #[must_use]
    pub fn ask(&self, token: u64, url: Box<str>, within: Duration, rules: Arc<AskRules>) -> bool {
        let since = Instant::now();
        let job = Job {
            token,
            url,
            within,
            since,
            rules,
        };
        self.queue.try_send(job).is_ok()
    }
}

async fn serve(mut jobs: mpsc::Receiver<Job>, sink: Arc<dyn AnswerSink>) {
    let room = Arc::new(Semaphore::new(PARALLEL));
    // Connections and roots serve for as long as the same rules hold.
    let mut server: Option<Arc<Server>> = None;
    while let Some(job) = jobs.recv().await {
        let known = server
            .take()
            .filter(|known| Arc::ptr_eq(&known.rules, &job.rules));
        let of = known.unwrap_or_else(|| Arc::new(Server::new(Arc::clone(&job.rules))));
        server = Some(Arc::clone(&of));
        let (room, sink) = (Arc::clone(&room), Arc::clone(&sink));
        tokio::spawn(async move {
            // The wait for room is part of its time.
            let left = job.within.saturating_sub(job.since.elapsed());
            let answer = async {
                let _permit = room.acquire().await.ok()?;
                Some(of.ask(&job.url).await)
            };
            let answer = tokio::time::timeout(left, answer).await;
            let result = answer.ok().flatten().unwrap_or(Err(AskError::Timeout));
            let token = job.token;
            sink.deliver(Answered { token, result });
        });
    }
}

type Sender = SendRequest<Empty<Bytes>>;

/// A connection that is kept, to where it leads, and since when.
struct Kept {
    origin: Box<str>,
    sender: Sender,
    since: Instant,
}

/// What there is of the server that is asked.
struct Server {
    rules: Arc<AskRules>,
    tls: tokio::sync::OnceCell<Arc<ClientConfig>>,
    idle: Mutex<Vec<Kept>>,
}

/// A URL as a request needs it.
struct Place {
    secure: bool,
    host: String,
    port: u16,
    /// As the Host header has it; with the scheme it says where a connection leads.
    authority: String,
    path: String,
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?.as_str().to_owned();
        let host = uri
            .host()?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let said = uri.authority()?.as_str().rsplit([']', '@']).next()?.contains(':');
        let port = match uri.port_u16() {
            None if said => return None,
            port => port.unwrap_or(if secure { 443 } else { 80 }),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self {
            secure,
            host,
            port,
            authority,
            path,
        })
    }

    fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

impl Server {
    fn new(rules: Arc<AskRules>) -> Self {
        Self {
            rules,
            tls: tokio::sync::OnceCell::new(),
            idle: Mutex::default(),
        }
    }

    async fn ask(&self, url: &str) -> Result<(u16, Vec<u8>), AskError> {
        let place = Place::of(url).ok_or(AskError::Url)?;
        // A connection that was kept may have been closed meanwhile: another one then.
        while let Some(sender) = self.kept(&place) {
            if let Ok(answer) = self.ask_over(sender, &place).await {
                return Ok(answer);
            }
        }
        let sender = self.connect(&place).await?;
        self.ask_over(sender, &place).await
    }

    /// A connection that is kept to this place.
    fn kept(&self, place: &Place) -> Option<Sender> {
        let origin = place.origin();
        let mut idle = self.idle.lock().ok()?;
        idle.retain(|kept| kept.since.elapsed() < IDLE_TIME && !kept.sender.is_closed());
        let at = idle.iter().position(|kept| *kept.origin == *origin)?;
        Some(idle.swap_remove(at).sender)
    }

    fn keep(&self, place: &Place, sender: Sender) {
        let Ok(mut idle) = self.idle.lock() else { return };
        if idle.len() < IDLE && !sender.is_closed() {
            idle.push(Kept {
                origin: place.origin().into(),
                sender,
                since: Instant::now(),
            });
        }
    }

    async fn ask_over(&self, mut sender: Sender, place: &Place) -> Result<(u16, Vec<u8>), AskError> {
        sender.ready().await?;
        let mut request = Request::get(&place.path)
            .header(HOST, &place.authority)
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.rules.authorization {
            let mut value = HeaderValue::from_str(authorization).map_err(|_| AskError::Url)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Empty::new()).map_err(|_| AskError::Url)?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        // What is too long is not waited for.
        let said = response.headers().get(CONTENT_LENGTH);
        let said = said.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if said.is_some_and(|length| length > LONGEST) {
            return Err(AskError::Body);
        }
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let bytes = body.map_err(|_| AskError::Body)?.to_bytes().to_vec();
        self.keep(place, sender);
        Ok((status, bytes))
    }

    async fn connect(&self, place: &Place) -> Result<Sender, AskError> {
        let stream = open(&place.host, place.port).await?;
        if !place.secure {
            return handshake(stream).await;
        }
        let client = self.client().await?;
        let name = ServerName::try_from(place.host.clone()).map_err(|_| AskError::Url)?;
        let stream = TlsConnector::from(client).connect(name, stream).await?;
        handshake(stream).await
    }

    async fn client(&self) -> Result<Arc<ClientConfig>, AskError> {
        let roots = self.rules.roots.clone();
        let made = self.tls.get_or_try_init(|| async {
            // The system's are read from files.
            let made = tokio::task::spawn_blocking(move || client_with(roots.as_deref())).await;
            made.unwrap_or_else(|gone| Err(FetchError::Roots(gone.to_string())))
        });
        Ok(Arc::clone(made.await?))
    }
}

async fn handshake<S>(stream: S) -> Result<Sender, AskError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection for look-ups broke");
        }
    });
    Ok(sender)
}

/// A connection to the first of the host's addresses that takes one.
async fn open(host: &str, port: u16) -> Result<TcpStream, AskError> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await?
        .take(ADDRESSES)
        .collect();
    let mut last = AskError::Address;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests;
