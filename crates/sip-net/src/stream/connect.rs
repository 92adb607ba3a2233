//! Connections that we make.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use sip_proto::{ConnId, Flow, Transport};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::accept::closed;
use super::census::Seat;
use super::pump::{Pump, Side};
use super::{Ended, Out, Shared, StreamLimits, mark, tune};
use crate::tls::ClientTls;

/// A connection to be made.
pub(super) struct Outgoing {
    pub(super) flow: Flow,
    pub(super) conn: ConnId,
    /// Our listener's address: what we send comes from where we say that we are.
    pub(super) local: IpAddr,
    pub(super) tls: Option<ClientTls>,
    pub(super) out: mpsc::Receiver<Out>,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) pongs: mpsc::WeakSender<Out>,
    pub(super) seat: Seat,
}

/// Makes it, and lives its life.
pub(super) async fn run(outgoing: Outgoing, shared: Shared) {
    let Outgoing {
        flow,
        conn,
        local,
        tls,
        out,
        waiting,
        pongs,
        seat,
    } = outgoing;
    let _seat = seat;
    let pump = Pump {
        flow,
        side: Side::Ours,
        out,
        waiting,
        pongs,
        shared: shared.clone(),
    };
    let deadline = Instant::now() + shared.limits().connect;
    let made = match timeout_at(deadline, connect(local, flow.remote, &shared.limits())).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Ended::Failed(error.kind())),
        Err(_) => Err(Ended::Late("connecting")),
    };
    let why = match (made, flow.transport, tls) {
        (Ok(stream), Transport::Tls, Some(tls)) => match shake(tls, flow.remote, stream, deadline).await {
            Ok(stream) => live(pump, stream, &shared).await,
            Err(why) => why,
        },
        (Ok(stream), Transport::Tcp, _) => live(pump, stream, &shared).await,
        // Nobody is connected to by WebSocket, or by TLS without a certificate to expect, and UDP has no connections.
        (Ok(_), Transport::Udp | Transport::Tls | Transport::Ws | Transport::Wss, _) => Ended::Done,
        (Err(why), ..) => why,
    };
    if matches!(
        why,
        Ended::Handshake | Ended::Failed(_) | Ended::Late("connecting")
    ) {
        shared.counters.failed.fetch_add(1, Ordering::Relaxed);
    }
    closed(conn, why, &shared).await;
}

async fn live<S: AsyncRead + AsyncWrite>(pump: Pump, stream: S, shared: &Shared) -> Ended {
    shared.counters.connected.fetch_add(1, Ordering::Relaxed);
    pump.run(stream).await
}

async fn connect(local: IpAddr, remote: SocketAddr, limits: &StreamLimits) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // The port is chosen with the destination known: as many connections as there are ports, to each.
    let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
    let _ = mark(&SockRef::from(&socket), remote, limits.dscp);
    if !local.is_unspecified() {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(remote).await?;
    tune(&stream, limits);
    Ok(stream)
}

async fn shake(
    tls: ClientTls,
    remote: SocketAddr,
    stream: TcpStream,
    deadline: Instant,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Ended> {
    let name = tls.name.unwrap_or(ServerName::IpAddress(remote.ip().into()));
    let connector = TlsConnector::from(tls.config);
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            if may_warn() {
                tracing::warn!(%remote, %error, "a TLS handshake failed");
            } else {
                tracing::debug!(%remote, %error, "a TLS handshake failed");
            }
            Err(Ended::Handshake)
        }
        Err(_) => Err(Ended::Late("connecting")),
    }
}

/// Whether this second has had no such warning: each call to a carrier whose certificate is wrong would bring one.
fn may_warn() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let may = last.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(1));
    if may {
        *last = Some(now);
    }
    may
}
