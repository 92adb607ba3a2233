//! Connections that others make.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sip_proto::{ConnId, Flow, ListenerId, PeerId, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::census::Seat;
use super::pump::{Pump, Side};
use super::{Ended, Line, Shared, StreamEvent, StreamListener, tune, web};
use crate::tls::Names;

/// How long nobody is accepted when the system has no more descriptors: it will not have any a moment later either.
const BREATH: Duration = Duration::from_millis(100);

/// Accepts until the shard is gone.
pub(super) async fn serve(listener: StreamListener, shared: Shared) {
    let StreamListener {
        id,
        transport,
        socket,
    } = listener;
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "cannot listen for connections"),
    };
    loop {
        let (stream, remote) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_peers(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(seat) = shared.seat(Some(remote.ip())) else {
            continue;
        };
        tokio::spawn(greet(id, transport, stream, remote, seat, shared.clone()));
    }
}

/// The connection broke before it was accepted.
fn is_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// The handshakes, then the connection's life.
async fn greet(
    listener: ListenerId,
    transport: Transport,
    stream: TcpStream,
    remote: SocketAddr,
    seat: Seat,
    shared: Shared,
) {
    let limits = shared.limits();
    tune(&stream, &limits);
    let flow = Flow {
        transport,
        listener,
        remote: SocketAddr::new(remote.ip().to_canonical(), remote.port()),
        conn: Some(shared.next_id()),
        peer: PeerId::default(),
    };
    let deadline = Instant::now() + limits.first_message;
    let _seat = seat;
    match transport {
        Transport::Tcp => plain(flow, stream, Vec::new(), deadline, shared).await,
        Transport::Ws => websocket(flow, stream, Vec::new(), deadline, shared).await,
        Transport::Tls | Transport::Wss => {
            let Some(tls) = shared.setup.borrow().servers.get(&listener).cloned() else {
                return;
            };
            let acceptor = TlsAcceptor::from(tls.config);
            let made = timeout_at(deadline, acceptor.accept(stream)).await;
            let stream = match made.unwrap_or_else(|late| Err(late.into())) {
                Ok(stream) => stream,
                Err(error) => {
                    shared.counters.failed.fetch_add(1, Ordering::Relaxed);
                    return tracing::debug!(%remote, %error, "a TLS handshake failed");
                }
            };
            let shown = stream.get_ref().1.peer_certificates();
            let leaf = shown.and_then(|chain| chain.first());
            let names = leaf.map(|leaf| Names::of(leaf).all()).unwrap_or_default();
            if transport == Transport::Wss {
                websocket(flow, stream, names, deadline, shared).await;
            } else {
                plain(flow, stream, names, deadline, shared).await;
            }
        }
        Transport::Udp => {}
    }
}

async fn plain<S>(flow: Flow, stream: S, names: Vec<Box<str>>, deadline: Instant, shared: Shared)
where
    S: AsyncRead + AsyncWrite,
{
    let Some((conn, pump)) = open(flow, names, deadline, &shared).await else {
        return;
    };
    let why = pump.run(stream).await;
    closed(conn, why, &shared).await;
}

async fn websocket<S>(flow: Flow, stream: S, names: Vec<Box<str>>, deadline: Instant, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(Some(socket)) = timeout_at(deadline, web::upgrade(stream)).await else {
        shared.counters.failed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let Some((conn, pump)) = open(flow, names, deadline, &shared).await else {
        return;
    };
    let why = web::run(pump, socket).await;
    closed(conn, why, &shared).await;
}

/// Tells the shard of the connection.
async fn open(
    flow: Flow,
    names: Vec<Box<str>>,
    deadline: Instant,
    shared: &Shared,
) -> Option<(ConnId, Pump)> {
    let conn = flow.conn?;
    let (line, out) = Line::new();
    let pump = Pump {
        flow,
        side: Side::Theirs { deadline },
        out,
        waiting: line.waiting.clone(),
        pongs: line.queue.downgrade(),
        shared: shared.clone(),
    };
    shared.counters.accepted.fetch_add(1, Ordering::Relaxed);
    let opened = StreamEvent::Opened { flow, names, line };
    shared.events.send(opened).await.ok()?;
    Some((conn, pump))
}

/// Tells the shard that it is over.
pub(super) async fn closed(conn: ConnId, why: Ended, shared: &Shared) {
    if matches!(why, Ended::Late(_)) {
        shared.counters.late.fetch_add(1, Ordering::Relaxed);
    }
    let _ = shared.events.send(StreamEvent::Closed { conn, why }).await;
}
