//! SIP over connections: TCP, TLS, WebSocket. The shard has the table and decides what goes where; a task for each connection
//! reads, cuts out messages and writes, on threads of their own.
//!
//! Everything is bounded: connections in all and from one address, messages on their way to the shard (a peer that sends more is
//! read no further), octets on their way to a peer (one that does not take them is disconnected), and the time that a
//! handshake, a message, a write, or nothing at all may take.

mod accept;
mod census;
mod connect;
mod line;
mod pump;
mod table;
mod web;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use sip_msg::{Message, ParseError};
use sip_proto::{ConnId, Flow, ListenerId, PeerId, Transport};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, watch};

use crate::tls::{ClientTls, ServerTls};
use census::{Census, Seat};
pub use line::Line;
use line::{Out, Pushed};
use table::{Table, Way};

/// Events that may wait for the shard; connections wait with what is more.
const EVENTS: usize = 1024;
/// Connections that may wait to be accepted.
const LISTEN_BACKLOG: i32 = 1024;
/// After this long without a segment the system asks whether the peer is still there, and then this often.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// Limits and times; all but `dscp` hold for what comes after they are set.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Connections at once; an eighth of them only of ours.
    pub max: usize,
    /// Connections from one address at once.
    pub per_address: usize,
    /// From the start of a peer's connection to its first message, handshakes included.
    pub first_message: Duration,
    /// From the first octet of a message to its last.
    pub frame: Duration,
    /// Without a word in either direction.
    pub idle: Duration,
    /// For a connection of ours, its handshake included.
    pub connect: Duration,
    /// For a peer to take what waits for it.
    pub write: Duration,
    /// How often a keep-alive is sent on connections of ours.
    pub keepalive: Option<Duration>,
    /// Differentiated-services code point of what we send.
    pub dscp: u8,
}

/// Certificates and limits in force.
#[derive(Debug, Clone)]
pub struct StreamSetup {
    /// What listeners of TLS show.
    pub servers: HashMap<ListenerId, ServerTls>,
    /// What peers have to show, and are shown.
    pub clients: HashMap<PeerId, ClientTls>,
    /// Limits.
    pub limits: StreamLimits,
}

/// A bound socket.
#[derive(Debug)]
pub struct StreamListener {
    /// Its number.
    pub id: ListenerId,
    /// What is spoken on it: never UDP.
    pub transport: Transport,
    /// The socket.
    pub socket: TcpListener,
}

/// Why a message could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The connection is gone and can't be made from here.
    #[error("there is no connection to the peer")]
    NoConnection,
    /// As many connections as there may be.
    #[error("too many connections")]
    Full,
    /// The peer does not take what is sent to it: this connection is to be closed.
    #[error("the peer reads too slowly")]
    Slow(ConnId),
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The peer closed it.
    Closed,
    /// We did, with everything said.
    Done,
    /// The system says so.
    Failed(io::ErrorKind),
    /// The handshake did not come about.
    Handshake,
    /// It took too long: to connect, to say something, to finish a message, to take one, to answer a keep-alive.
    Late(&'static str),
    /// What came is no SIP.
    Broken,
}

/// What connections have to tell.
#[derive(Debug)]
pub enum StreamEvent {
    /// A peer has connected.
    Opened {
        /// Its flow.
        flow: Flow,
        /// The names that it has proved.
        names: Vec<Box<str>>,
        /// The way to it.
        line: Line,
    },
    /// A message has come.
    Message {
        /// From where.
        flow: Flow,
        /// The message.
        message: Box<Result<Message, ParseError>>,
    },
    /// What follows can't be made out: to be closed once the last message is answered.
    Broken {
        /// Which.
        conn: ConnId,
    },
    /// It is over.
    Closed {
        /// Which.
        conn: ConnId,
        /// Why.
        why: Ended,
    },
}

/// A connection that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its far end.
    pub flow: Flow,
    /// The places for which it stood (RFC 5923): requests to them went over it, too.
    pub aliases: Vec<Flow>,
    /// Whether requests of ours did.
    pub asked: bool,
}

/// What all tasks have.
#[derive(Debug, Clone)]
struct Shared {
    events: mpsc::Sender<StreamEvent>,
    census: Arc<Census>,
    setup: watch::Receiver<Arc<StreamSetup>>,
    last_id: Arc<AtomicU64>,
    counters: Arc<Counters>,
}

impl Shared {
    fn limits(&self) -> StreamLimits {
        self.setup.borrow().limits
    }

    fn next_id(&self) -> ConnId {
        ConnId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn seat(&self, from: Option<IpAddr>) -> Option<Seat> {
        let limits = self.limits();
        self.census.seat(from, limits.max, limits.per_address)
    }
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    connected: AtomicU64,
    failed: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    late: AtomicU64,
}

/// Figures for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamFigures {
    /// Connections, those in their handshakes included.
    pub connections: usize,
    /// Connections in the shard's table.
    pub known: usize,
    /// Tasks of connections.
    pub tasks: usize,
    /// Connections that others made.
    pub accepted: u64,
    /// Connections that we made.
    pub connected: u64,
    /// Connections of ours that did not come about, and handshakes that failed.
    pub failed: u64,
    /// Connections turned away at a limit.
    pub refused: u64,
    /// Connections closed because something took too long.
    pub late: u64,
    /// Messages received.
    pub received: u64,
    /// Messages written.
    pub sent: u64,
}

/// All connections of a shard.
pub struct Streams {
    table: Table<Line>,
    shared: Shared,
    setup: watch::Sender<Arc<StreamSetup>>,
    /// Peers' certificates outlive a configuration: calls of a trunk that is gone still go to whom they went to.
    clients: HashMap<PeerId, ClientTls>,
    /// Where connections of ours begin, by listener.
    local: HashMap<ListenerId, SocketAddr>,
    /// `None` once it is being shut down.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("connections", &self.table.len())
            .finish()
    }
}

/// Binds a listening socket without a runtime at hand, as `bind_udp` does.
///
/// # Errors
/// What the system says: address in use, not ours, forbidden.
pub fn bind_stream(address: SocketAddr, dscp: u8) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a process that has just ended linger for a minute.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets have it from this one.
    mark(&SockRef::from(&socket), address, dscp)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

fn mark(socket: &SockRef<'_>, address: SocketAddr, dscp: u8) -> io::Result<()> {
    let tos = u32::from(dscp & 0x3f) << 2;
    match address {
        SocketAddr::V4(_) => socket.set_tos_v4(tos),
        SocketAddr::V6(_) => socket.set_tclass_v6(tos),
    }
}

/// Octets that the system may hold for a peer: as many again as we do.
const SEND_BUFFER: usize = 256 << 10;

/// What holds for every connection: no waiting for more to send, and a dead peer is noticed. Of a connection that is closed with
/// something unsent nothing is kept for longer than twice what a write may take.
fn tune(stream: &tokio::net::TcpStream, limits: &StreamLimits) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE.0)
        .with_interval(KEEPALIVE.1);
    // What the system can't do for a socket it does without.
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let _ = socket.set_tcp_user_timeout(Some(limits.write * 2));
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
}

impl Streams {
    /// Starts to listen, on threads of its own. Events come out of the receiver.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start(
        listeners: Vec<StreamListener>,
        setup: StreamSetup,
    ) -> io::Result<(Self, mpsc::Receiver<StreamEvent>)> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.min(4))
            .thread_name("sip-streams")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let clients = setup.clients.clone();
        let (setup, in_force) = watch::channel(Arc::new(setup));
        let (events, receiver) = mpsc::channel(EVENTS);
        let shared = Shared {
            events,
            census: Arc::default(),
            setup: in_force,
            last_id: Arc::default(),
            counters: Arc::default(),
        };
        let mut local = HashMap::new();
        for listener in listeners {
            local.insert(listener.id, listener.socket.local_addr()?);
            handle.spawn(accept::serve(listener, shared.clone()));
        }
        let streams = Self {
            table: Table::new(),
            shared,
            setup,
            clients,
            local,
            runtime: Some(runtime),
            handle,
        };
        Ok((streams, receiver))
    }

    /// Other certificates and limits, for what comes from now on. Connections stay as they are.
    pub fn install(&mut self, setup: StreamSetup) {
        self.clients
            .extend(setup.clients.iter().map(|(peer, tls)| (*peer, tls.clone())));
        // A listener that the configuration has no more listens on until the restart, with what it had.
        let mut servers = self.setup.borrow().servers.clone();
        servers.extend(setup.servers);
        self.setup
            .send_replace(Arc::new(StreamSetup { servers, ..setup }));
    }

    /// Where a listener listens.
    #[must_use]
    pub fn local(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.local.get(&listener).copied()
    }

    /// Sends a message where `flow` leads, over a new connection if there has to be one: then it waits until that is there. Never
    /// blocks. Gives the far end of the connection that it takes. Of a connection that fails later there is a [`StreamEvent::Closed`]:
    /// one that has ended, and only the event is still on its way, is passed over.
    ///
    /// # Errors
    /// It can't be sent.
    pub fn send(&mut self, flow: &Flow, bytes: &Bytes) -> Result<SocketAddr, StreamError> {
        let answer = bytes.starts_with(b"SIP/2.0 ");
        loop {
            let (conn, is_new) = match self.table.way(flow, answer) {
                Way::Over(conn) => (conn, false),
                Way::Connect => (self.connect(flow)?, true),
                Way::Nowhere => return Err(StreamError::NoConnection),
            };
            let entry = self.table.get_mut(conn).ok_or(StreamError::NoConnection)?;
            match entry.queue.push(bytes) {
                Pushed::Taken => {
                    entry.asked |= !answer;
                    return Ok(entry.flow.remote);
                }
                Pushed::Full => return Err(StreamError::Slow(conn)),
                Pushed::Ended if is_new => return Err(StreamError::NoConnection),
                Pushed::Ended => self.table.retire(conn),
            }
        }
    }

    fn connect(&mut self, flow: &Flow) -> Result<ConnId, StreamError> {
        let local = self.local.get(&flow.listener).ok_or(StreamError::NoConnection)?;
        let tls = self.clients.get(&flow.peer).cloned();
        if flow.transport.is_secure() && tls.is_none() {
            // Nobody says whose certificate is to be there: of a peer that has connected to us we know no more than that it has.
            return Err(StreamError::NoConnection);
        }
        let seat = self.shared.seat(None).ok_or(StreamError::Full)?;
        let conn = self.shared.next_id();
        let (line, out) = Line::new();
        let flow = Flow {
            conn: Some(conn),
            ..*flow
        };
        let client = connect::Outgoing {
            flow,
            conn,
            local: local.ip(),
            tls,
            out,
            waiting: Arc::clone(&line.waiting),
            pongs: line.queue.downgrade(),
            seat,
        };
        self.handle.spawn(connect::run(client, self.shared.clone()));
        self.table.insert(conn, flow, false, line);
        Ok(conn)
    }

    /// A peer has connected.
    pub fn opened(&mut self, flow: Flow, line: Line) {
        if let Some(conn) = flow.conn {
            self.table.insert(conn, flow, true, line);
        }
    }

    /// A connection is over, or is to be: what waits for it is still written.
    pub fn close(&mut self, conn: ConnId) -> Option<Gone> {
        let gone = self.table.remove(conn)?;
        Some(Gone {
            flow: gone.flow,
            aliases: gone.aliases(),
            asked: gone.asked,
        })
    }

    /// Closes all, with what waits for them written.
    pub fn close_all(&mut self) {
        self.table = Table::new();
    }

    /// The connection of `flow` stands for its far end (RFC 5923).
    pub fn alias(&mut self, flow: &Flow) {
        self.table.alias(flow);
    }

    /// Figures for metrics.
    #[must_use]
    pub fn figures(&self) -> StreamFigures {
        let (connections, refused) = self.shared.census.figures();
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        StreamFigures {
            connections,
            known: self.table.len(),
            tasks: self
                .handle
                .metrics()
                .num_alive_tasks()
                .saturating_sub(self.local.len()),
            accepted: get(&counters.accepted),
            connected: get(&counters.connected),
            failed: get(&counters.failed),
            refused,
            late: get(&counters.late),
            received: get(&counters.received),
            sent: get(&counters.sent),
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // From within the shard's own runtime: nobody may wait here.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;
