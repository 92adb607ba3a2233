//! Connections of a raw SIP peer: TCP, TLS, WebSocket; blocking for the test, polling underneath.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use sip_msg::Limits;
use sip_msg::stream::{Frame, Framer};
use socket2::{Domain, Socket, Type};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// How often sockets are looked at.
const LOOK: Duration = Duration::from_millis(1);
/// For handshakes and writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a peer speaks.
#[derive(Debug, Clone)]
pub enum Kind {
    /// TCP.
    Tcp,
    /// TLS: with what it is connected to, and with what it connects and to which name.
    Tls {
        /// For connections that come; `None`: it does not listen.
        server: Option<Arc<ServerConfig>>,
        /// For connections that it makes, and the name that it asks for.
        client: Option<(Arc<ClientConfig>, String)>,
    },
    /// WebSocket, as a browser has it: it connects only.
    Ws,
    /// The same over TLS.
    Wss {
        /// Whom it trusts.
        client: Arc<ClientConfig>,
        /// The name that it asks for.
        name: String,
    },
}

/// All connections of one peer.
#[derive(Debug)]
pub struct Connections {
    kind: Kind,
    local: SocketAddr,
    listener: RefCell<Option<TcpListener>>,
    lines: RefCell<Vec<Line>>,
    /// Messages that have been cut out of what was read.
    inbox: RefCell<VecDeque<(Bytes, SocketAddr)>>,
    /// The connection that is written to.
    current: Cell<usize>,
    accepted: Cell<usize>,
    refused: Cell<usize>,
    pongs: Cell<usize>,
    /// The name that the last client asked for, and the certificates that the last handshake showed.
    asked: RefCell<Option<String>>,
    shown: RefCell<Vec<u8>>,
}

#[derive(Debug)]
struct Line {
    stream: Stream,
    remote: SocketAddr,
    framer: Framer,
    open: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Web(Box<WebSocket<TcpStream>>),
    SecureWeb(Box<WebSocket<StreamOwned<ClientConnection, TcpStream>>>),
}

impl Connections {
    /// A peer at `local` that listens there, where its kind does.
    ///
    /// # Errors
    /// The address can't be had.
    pub fn new(local: SocketAddr, kind: Kind) -> io::Result<Self> {
        let listens = match &kind {
            Kind::Tcp => true,
            Kind::Tls { server, .. } => server.is_some(),
            Kind::Ws | Kind::Wss { .. } => false,
        };
        let listener = listens.then(|| listen(local)).transpose()?;
        Ok(Self {
            kind,
            local,
            listener: RefCell::new(listener),
            lines: RefCell::default(),
            inbox: RefCell::default(),
            current: Cell::new(0),
            accepted: Cell::new(0),
            refused: Cell::new(0),
            pongs: Cell::new(0),
            asked: RefCell::default(),
            shown: RefCell::default(),
        })
    }

    /// The name of the transport in a Via.
    #[must_use]
    pub fn via(&self) -> &'static str {
        match self.kind {
            Kind::Tcp => "TCP",
            Kind::Tls { .. } => "TLS",
            Kind::Ws => "WS",
            Kind::Wss { .. } => "WSS",
        }
    }

    /// Connections that have come so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.get()
    }

    /// Keep-alives answered so far.
    #[must_use]
    pub fn pongs(&self) -> usize {
        self.pongs.get()
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lines.borrow().iter().filter(|line| line.open).count()
    }

    /// The name that the last client that connected asked for (SNI).
    #[must_use]
    pub fn asked(&self) -> Option<String> {
        self.asked.borrow().clone()
    }

    /// The certificate that the other side showed last.
    #[must_use]
    pub fn shown(&self) -> Vec<u8> {
        self.shown.borrow().clone()
    }

    /// Takes no more connections: the port is closed.
    pub fn stop_listening(&self) {
        self.listener.borrow_mut().take();
    }

    /// Closes every connection.
    pub fn close(&self) {
        for line in self.lines.borrow_mut().iter_mut() {
            line.close();
        }
    }

    /// What a certificate is from now on when others connect.
    pub fn serve(&mut self, server: Arc<ServerConfig>) {
        if let Kind::Tls { server: own, .. } = &mut self.kind {
            *own = Some(server);
        }
    }

    /// Connects to `remote`; what is sent from now on goes there.
    ///
    /// # Errors
    /// It doesn't come about.
    pub fn connect(&self, remote: SocketAddr) -> io::Result<()> {
        let stream = dial(self.local, remote)?;
        let stream = match &self.kind {
            Kind::Tcp => Stream::Plain(stream),
            Kind::Tls { client, .. } => {
                let (config, name) = client
                    .clone()
                    .ok_or_else(|| io::Error::other("it is no client"))?;
                let stream = shake(config, name, stream)?;
                let shown = stream.conn.peer_certificates().and_then(|chain| chain.first());
                *self.shown.borrow_mut() = shown.map(|der| der.to_vec()).unwrap_or_default();
                Stream::Client(Box::new(stream))
            }
            Kind::Ws => Stream::Web(Box::new(upgrade(stream, remote, "sip")?)),
            Kind::Wss { client, name } => {
                let stream = shake(Arc::clone(client), name.clone(), stream)?;
                Stream::SecureWeb(Box::new(upgrade(stream, remote, "sip")?))
            }
        };
        self.add(stream, remote)
    }

    fn add(&self, stream: Stream, remote: SocketAddr) -> io::Result<()> {
        stream.socket().set_nonblocking(true)?;
        let mut lines = self.lines.borrow_mut();
        self.current.set(lines.len());
        lines.push(Line {
            stream,
            remote,
            framer: Framer::new(Limits::default()),
            open: true,
        });
        Ok(())
    }

    /// Sends over the connection that was last heard from or made; makes one to `to` if there is none.
    ///
    /// # Errors
    /// It can't be sent.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.look();
        let is_open = self
            .lines
            .borrow()
            .get(self.current.get())
            .is_some_and(|line| line.open);
        if !is_open {
            self.connect(to)?;
        }
        let mut lines = self.lines.borrow_mut();
        let line = lines.get_mut(self.current.get()).ok_or(ErrorKind::NotConnected)?;
        line.write(bytes)
    }

    /// The next message, with the far end of its connection.
    pub(crate) fn read(&self, patience: Duration) -> Option<(Bytes, SocketAddr)> {
        let deadline = Instant::now() + patience;
        loop {
            self.look();
            if let Some(next) = self.inbox.borrow_mut().pop_front() {
                return Some(next);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(LOOK);
        }
    }

    /// Accepts who has come and reads what is there.
    pub fn look(&self) {
        self.accept();
        for (index, line) in self.lines.borrow_mut().iter_mut().enumerate() {
            for bytes in line.read(&self.pongs) {
                self.current.set(index);
                self.inbox.borrow_mut().push_back((bytes, line.remote));
            }
        }
    }

    fn accept(&self) {
        let Some(Ok((stream, remote))) = self.listener.borrow().as_ref().map(TcpListener::accept) else {
            return;
        };
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(PATIENCE));
        self.accepted.set(self.accepted.get() + 1);
        let stream = match &self.kind {
            Kind::Tcp | Kind::Ws | Kind::Wss { .. } => Stream::Plain(stream),
            Kind::Tls { server, .. } => {
                let Some(server) = server.clone() else { return };
                let mut stream = StreamOwned::new(ServerConnection::new(server).unwrap(), stream);
                while stream.conn.is_handshaking() {
                    if stream.conn.complete_io(&mut stream.sock).is_err() {
                        self.refused.set(self.refused.get() + 1);
                        return;
                    }
                }
                *self.asked.borrow_mut() = stream.conn.server_name().map(str::to_owned);
                let shown = stream.conn.peer_certificates().and_then(|chain| chain.first());
                *self.shown.borrow_mut() = shown.map(|der| der.to_vec()).unwrap_or_default();
                Stream::Server(Box::new(stream))
            }
        };
        let _ = self.add(stream, remote);
    }

    /// Handshakes with those that came which have failed.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.get()
    }
}

/// A WebSocket over a fresh connection, with this subprotocol.
///
/// # Errors
/// The other side refuses it.
pub fn upgrade<S: Read + Write>(
    stream: S,
    remote: SocketAddr,
    subprotocol: &str,
) -> io::Result<WebSocket<S>> {
    let mut request = format!("ws://{remote}/")
        .into_client_request()
        .map_err(io::Error::other)?;
    let value = subprotocol.parse().map_err(io::Error::other)?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", value);
    let (socket, response) =
        tungstenite::client::client(request, stream).map_err(|error| io::Error::other(error.to_string()))?;
    let agreed = response.headers().get("Sec-WebSocket-Protocol");
    if agreed.is_none_or(|agreed| agreed.as_bytes() != subprotocol.as_bytes()) {
        return Err(io::Error::other("another subprotocol"));
    }
    Ok(socket)
}

/// The client side of a TLS handshake.
fn shake(
    config: Arc<ClientConfig>,
    name: String,
    stream: TcpStream,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let client = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(client, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn listen(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&local.into())?;
    socket.listen(64)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A connection to `remote` from `local`'s address.
///
/// # Errors
/// It doesn't come about.
pub fn dial(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(local.ip(), 0).into())?;
    socket.connect_timeout(&remote.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Server(stream) => &stream.sock,
            Self::Client(stream) => &stream.sock,
            Self::Web(socket) => socket.get_ref(),
            Self::SecureWeb(socket) => &socket.get_ref().sock,
        }
    }
}

impl Line {
    fn close(&mut self) {
        if self.open {
            self.open = false;
            let _ = self.stream.socket().shutdown(std::net::Shutdown::Both);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.socket().set_nonblocking(false)?;
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Server(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Stream::Client(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Stream::Web(socket) => say(socket, bytes),
            Stream::SecureWeb(socket) => say(socket, bytes),
        };
        self.stream.socket().set_nonblocking(true)?;
        written
    }

    fn read(&mut self, pongs: &Cell<usize>) -> Vec<Bytes> {
        let mut found = Vec::new();
        let mut buffer = [0; 65_536];
        while self.open {
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut buffer),
                Stream::Server(stream) => stream.read(&mut buffer),
                Stream::Client(stream) => stream.read(&mut buffer),
                Stream::Web(socket) => {
                    if !hear(socket, &mut found) {
                        self.close();
                    }
                    return found;
                }
                Stream::SecureWeb(socket) => {
                    if !hear(socket, &mut found) {
                        self.close();
                    }
                    return found;
                }
            };
            match read {
                Ok(0) => self.close(),
                Ok(count) => {
                    self.framer.push(&buffer[..count]);
                    while let Some(frame) = self.framer.next() {
                        match frame {
                            Frame::Message(Ok(message)) => found.push(message.raw().clone()),
                            Frame::Message(Err(error)) => panic!("not SIP: {error:?}"),
                            Frame::KeepAlive => {
                                pongs.set(pongs.get() + 1);
                                let _ = self.write(b"\r\n");
                            }
                            Frame::Pong => pongs.set(pongs.get() + 1),
                            Frame::Broken(defect) => panic!("a broken stream: {defect:?}"),
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return found,
                Err(_) => self.close(),
            }
        }
        found
    }
}

/// One message in a WebSocket message.
fn say<S: Read + Write>(socket: &mut WebSocket<S>, bytes: &[u8]) -> io::Result<()> {
    socket
        .send(Message::text(String::from_utf8_lossy(bytes).into_owned()))
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Takes what has come; whether the connection is still there.
fn hear<S: Read + Write>(socket: &mut WebSocket<S>, found: &mut Vec<Bytes>) -> bool {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => found.push(Bytes::from(text)),
            Ok(Message::Binary(bytes)) => found.push(bytes),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
}
