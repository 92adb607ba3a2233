//! A look at a place over a connection of its own, to see what it can: TCP or TLS, an OPTIONS request, and the certificate. For tests
//! of trunks; calls go over the connections of [`Streams`](crate::Streams).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::tls::{ClientTls, validity};

/// The most of an answer that is read for its status.
const ANSWER: usize = 4096;

/// What a place has shown.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// The status of its answer to OPTIONS, and after how long; `None`: it took the connection and said nothing.
    pub answer: Option<(u16, Duration)>,
    /// When its certificate ends, from now; negative: it has ended.
    pub days_left: Option<i64>,
}

/// Connects to `remote` from `local`, over TLS where `tls` is given, and asks with OPTIONS; all of it within `patience`.
///
/// # Errors
/// What kept a connection from being there: nobody listens, no time left, or the certificate is not one to be trusted.
pub async fn look(
    remote: SocketAddr,
    local: Option<IpAddr>,
    tls: Option<&ClientTls>,
    patience: Duration,
) -> io::Result<Looked> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
    let end = Instant::now() + patience;
    let opened = async {
        let stream = connect(remote, local).await?;
        let own = stream.local_addr()?;
        let Some(tls) = tls else {
            return Ok((Connection::Tcp(stream), own));
        };
        let name = tls.name.clone().unwrap_or_else(|| ServerName::from(remote.ip()));
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        let stream = connector.connect(name, stream).await?;
        Ok((Connection::Tls(Box::new(stream)), own))
    };
    let opened: io::Result<(Connection, SocketAddr)> = tokio::time::timeout_at(end.into(), opened)
        .await
        .map_err(|_| late())?;
    let (mut connection, own) = opened?;
    let mut looked = Looked::default();
    if let Connection::Tls(stream) = &connection {
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        looked.days_left = leaf.and_then(validity).map(|(_, end)| days_until(end));
    }
    let asked = async {
        match &mut connection {
            Connection::Tcp(stream) => ask(stream, remote, own, "TCP").await,
            Connection::Tls(stream) => ask(stream.as_mut(), remote, own, "TLS").await,
        }
    };
    looked.answer = tokio::time::timeout_at(end.into(), asked).await.ok().flatten();
    Ok(looked)
}

enum Connection {
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

async fn connect(remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(local) = local.filter(|local| !local.is_unspecified() && local.is_ipv4() == remote.is_ipv4())
    {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(remote).await
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    remote: SocketAddr,
    own: SocketAddr,
    transport: &str,
) -> Option<(u16, Duration)> {
    let token = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let parameter = transport.to_ascii_lowercase();
    let request = format!(
        "OPTIONS sip:{remote};transport={parameter} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch=z9hG4bK{token:x};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{own}>;tag={token:x}\r\nTo: <sip:{remote}>\r\nCall-ID: look-{token:x}\r\nCSeq: 1 OPTIONS\r\n\
         Contact: <sip:{own};transport={parameter}>\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = Instant::now();
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while answer.len() < ANSWER {
        let length = stream.read(&mut part).await.ok()?;
        answer.extend_from_slice(part.get(..length).filter(|part| !part.is_empty())?);
        if let Some(status) = status_in(&answer) {
            return Some((status, sent.elapsed()));
        }
    }
    None
}

/// The status of the first response that is there whole as far as its first line goes.
fn status_in(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    let line = text.trim_start().split_once("\r\n")?.0;
    line.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

fn days_until(end: SystemTime) -> i64 {
    let days = |time: Duration| i64::try_from(time.as_secs() / 86_400).unwrap_or(i64::MAX);
    match end.duration_since(SystemTime::now()) {
        Ok(left) => days(left),
        Err(since) => -days(since.duration()) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_once_its_line_is_there() {
        for (answer, status) in [
            ("", None),
            ("SIP/2.0 200", None),
            ("SIP/2.0 200 OK\r\n", Some(200)),
            ("\r\n\r\nSIP/2.0 405 Method Not Allowed\r\nVia: x", Some(405)),
            ("HTTP/1.1 400 Bad Request\r\n", None),
            ("SIP/2.0 xyz\r\n", None),
        ] {
            assert_eq!(status_in(answer.as_bytes()), status, "{answer:?}");
        }
    }
}
