//! SIP over WebSocket (RFC 7118): one message in each WebSocket message, text or binary.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sip_msg::Limits;
use sip_proto::Flow;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::pump::{KeepAlive, Next, PING_TEXT, PONG_TEXT, Patience, Pulse, Pump, Talking, tell};
use super::{Ended, Out, Shared};

/// The subprotocol (RFC 7118 §4).
const SUBPROTOCOL: &str = "sip";
/// Buffers of a connection; the library's own are 128 kB each.
const BUFFER: usize = 4096;

/// A stream that notices when something was read from it.
pub(super) struct Noticed<S> {
    stream: S,
    read: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noticed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.read.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noticed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A WebSocket, and whether something was read from it.
pub(super) struct Socket<S> {
    socket: WebSocketStream<Noticed<S>>,
    read: Arc<AtomicBool>,
}

/// The HTTP half of a WebSocket's beginning. `None`: it is no WebSocket, or not for SIP.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Option<Socket<S>> {
    let read = Arc::new(AtomicBool::new(false));
    let stream = Noticed {
        stream,
        read: Arc::clone(&read),
    };
    let most = Limits::default().message;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * most)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let socket = tokio_tungstenite::accept_hdr_async_with_config(stream, for_sip, Some(config)).await;
    Some(Socket {
        socket: socket.ok()?,
        read,
    })
}

#[allow(
    clippy::result_large_err,
    reason = "the library's callback; once for each connection"
)]
fn for_sip(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut words = offered
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if words.any(|word| word.trim().eq_ignore_ascii_case(SUBPROTOCOL)) {
        let ours = HeaderValue::from_static(SUBPROTOCOL);
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, ours);
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some("the subprotocol is sip".to_owned()));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

/// The connection's life.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(pump: Pump, socket: Socket<S>) -> Ended {
    let Pump {
        flow,
        side,
        mut out,
        waiting,
        pongs,
        shared,
    } = pump;
    let Socket { socket, read } = socket;
    let (mut sink, stream) = socket.split();
    let (pulse, limits) = (Pulse::new(), shared.limits());
    let listening = Listening {
        flow,
        patience: Patience::new(side, limits),
        pongs,
        shared: &shared,
        pulse: &pulse,
        read: &read,
    };
    let talking = Talking {
        keepalive: KeepAlive::new(side, &limits),
        waiting: &waiting,
        shared: &shared,
        pulse: &pulse,
    };
    let why = tokio::select! {
        why = listening.run(stream) => why,
        why = talk(talking, &mut sink, &mut out) => why,
    };
    // What comes now takes another connection.
    out.close();
    let _ = timeout(limits.write.min(Duration::from_secs(1)), sink.close()).await;
    why
}

struct Listening<'a> {
    flow: Flow,
    patience: Patience,
    pongs: mpsc::WeakSender<Out>,
    shared: &'a Shared,
    pulse: &'a Pulse,
    /// Something was read.
    read: &'a AtomicBool,
}

impl Listening<'_> {
    async fn run(mut self, mut stream: impl Stream<Item = Result<Message, Error>> + Unpin) -> Ended {
        let frame = self.shared.limits().frame;
        loop {
            let (deadline, what) = self.patience.deadline(self.pulse);
            // A piece of a message shows in the octets only, so it is looked at more often.
            let look = Instant::now() + frame / 2;
            let message = match timeout_at(deadline.min(look), stream.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(_)) | None) => return Ended::Closed,
                Err(_) => {
                    if self.read.swap(false, Ordering::Relaxed) && self.patience.begun.is_none() {
                        self.patience.begun = Some(Instant::now());
                    }
                    if self.patience.deadline(self.pulse).0 <= Instant::now() {
                        return Ended::Late(what);
                    }
                    continue;
                }
            };
            self.pulse.heard();
            self.read.store(false, Ordering::Relaxed);
            self.patience.begun = None;
            if let Err(why) = self.take(message).await {
                return why;
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), Ended> {
        let bytes = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            // The library has answered a ping, and will answer a close.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
            Message::Close(_) => return Err(Ended::Closed),
        };
        if *bytes == *PING_TEXT {
            // Some browsers' libraries do as they would over TCP.
            if let Some(queue) = self.pongs.upgrade() {
                let _ = queue.try_send(Out::Pong);
            }
            return Ok(());
        }
        let message = sip_msg::parse(bytes, &Limits::default());
        self.patience.proved |= message.is_ok();
        tell(self.flow, message, self.shared).await
    }
}

async fn talk(
    mut talking: Talking<'_>,
    sink: &mut (impl Sink<Message> + Unpin),
    out: &mut mpsc::Receiver<Out>,
) -> Ended {
    loop {
        let (message, sent) = match talking.next(out).await {
            Next::Message(bytes) => (frame(bytes), 1),
            Next::Pong => (frame(Bytes::from_static(PONG_TEXT)), 0),
            Next::Ping => (Message::Ping(Bytes::new()), 0),
            Next::End => return Ended::Done,
            Next::Dead => return Ended::Late("the answer to a keep-alive"),
        };
        match timeout(talking.shared.limits().write, sink.send(message)).await {
            Ok(Ok(())) => {
                talking.shared.counters.sent.fetch_add(sent, Ordering::Relaxed);
                talking.pulse.beat();
            }
            Ok(Err(_)) => return Ended::Closed,
            Err(_) => return Ended::Late("room to write"),
        }
    }
}

/// Text, unless it is none: browsers take both (RFC 7118 §4.2).
fn frame(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}
