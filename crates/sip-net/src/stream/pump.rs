//! A connection's life: octets to messages, messages to octets, and the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sip_msg::Limits;
use sip_msg::stream::{Frame, Framer};
use sip_proto::Flow;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::{Ended, Out, Shared, StreamEvent, StreamLimits};

/// Octets read at once.
const READ: usize = 4096;
/// The answer to a keep-alive has to come in this time (RFC 5626 §4.4.1).
const PONG: Duration = Duration::from_secs(10);
/// A keep-alive, and the answer to it (RFC 5626 §3.5.1).
pub(super) const PING_TEXT: &[u8] = b"\r\n\r\n";
pub(super) const PONG_TEXT: &[u8] = b"\r\n";

/// Who has made a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// The peer; its first message has to be there by then.
    Theirs { deadline: Instant },
    /// We.
    Ours,
}

/// What a connection's two directions work with.
pub(super) struct Pump {
    pub(super) flow: Flow,
    pub(super) side: Side,
    pub(super) out: mpsc::Receiver<Out>,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) pongs: mpsc::WeakSender<Out>,
    pub(super) shared: Shared,
}

/// What the directions know of each other.
pub(super) struct Pulse {
    born: Instant,
    /// When something last went either way, milliseconds since then.
    last: AtomicU64,
    /// A keep-alive waits for its answer.
    pinged: AtomicBool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            last: AtomicU64::new(0),
            pinged: AtomicBool::new(false),
        }
    }

    pub(super) fn beat(&self) {
        let age = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(age, Ordering::Relaxed);
    }

    /// Something came: the peer is there.
    pub(super) fn heard(&self) {
        self.beat();
        self.pinged.store(false, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.born + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// How long a connection may still be silent, and what it is called when it was for longer.
pub(super) struct Patience {
    side: Side,
    limits: StreamLimits,
    /// A message has come.
    pub(super) proved: bool,
    /// When the message began that isn't whole.
    pub(super) begun: Option<Instant>,
}

impl Patience {
    pub(super) fn new(side: Side, limits: StreamLimits) -> Self {
        Self {
            side,
            limits,
            proved: false,
            begun: None,
        }
    }

    pub(super) fn deadline(&self, pulse: &Pulse) -> (Instant, &'static str) {
        let (by, what) = match self.side {
            Side::Theirs { deadline } if !self.proved => (deadline, "a first message"),
            Side::Theirs { .. } | Side::Ours => (pulse.last() + self.limits.idle, "a word"),
        };
        match self.begun.map(|begun| begun + self.limits.frame) {
            Some(end) if end < by => (end, "the rest of a message"),
            Some(_) | None => (by, what),
        }
    }
}

impl Pump {
    /// Runs until one of the directions is over.
    pub(super) async fn run<S: AsyncRead + AsyncWrite>(self, stream: S) -> Ended {
        let Self {
            flow,
            side,
            mut out,
            waiting,
            pongs,
            shared,
        } = self;
        let (reader, mut writer) = tokio::io::split(stream);
        let pulse = Pulse::new();
        let limits = shared.limits();
        let listening = Listening {
            flow,
            patience: Patience::new(side, limits),
            pongs,
            shared: &shared,
            pulse: &pulse,
        };
        let talking = Talking {
            keepalive: KeepAlive::new(side, &limits),
            waiting: &waiting,
            shared: &shared,
            pulse: &pulse,
        };
        let why = tokio::select! {
            why = listening.run(reader) => why,
            why = talking.run(&mut writer, &mut out) => why,
        };
        // What comes now takes another connection.
        out.close();
        // A last word to the peer (TLS: close_notify), if it takes one.
        let _ = timeout(limits.write.min(Duration::from_secs(1)), writer.shutdown()).await;
        why
    }
}

struct Listening<'a> {
    flow: Flow,
    patience: Patience,
    pongs: mpsc::WeakSender<Out>,
    shared: &'a Shared,
    pulse: &'a Pulse,
}

impl Listening<'_> {
    async fn run(mut self, mut reader: impl AsyncRead + Unpin) -> Ended {
        let mut framer = Framer::new(Limits::default());
        let mut buffer = vec![0; READ].into_boxed_slice();
        loop {
            let (deadline, what) = self.patience.deadline(self.pulse);
            let count = match timeout_at(deadline, reader.read(&mut buffer)).await {
                Ok(Ok(0)) => return Ended::Closed,
                Ok(Ok(count)) => count,
                Ok(Err(error)) => return Ended::Failed(error.kind()),
                // What was written meanwhile counts, too.
                Err(_) if self.patience.deadline(self.pulse).0 > Instant::now() => continue,
                Err(_) => return Ended::Late(what),
            };
            self.pulse.heard();
            framer.push(buffer.get(..count).unwrap_or_default());
            let mut whole = false;
            while let Some(frame) = framer.next() {
                whole = true;
                if let Err(why) = self.take(frame).await {
                    return why;
                }
            }
            self.patience.begun = match (framer.buffered(), whole) {
                (0, _) => None,
                (_, true) => Some(Instant::now()),
                (_, false) => self.patience.begun.or_else(|| Some(Instant::now())),
            };
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), Ended> {
        match frame {
            Frame::Message(message) => {
                self.patience.proved |= message.is_ok();
                tell(self.flow, message, self.shared).await
            }
            Frame::KeepAlive => {
                // Where so much waits already, it is no news that we are here.
                if let Some(queue) = self.pongs.upgrade() {
                    let _ = queue.try_send(Out::Pong);
                }
                Ok(())
            }
            Frame::Pong => Ok(()),
            Frame::Broken(defect) => {
                tracing::debug!(remote = %self.flow.remote, ?defect, "a connection's stream is broken");
                let Some(conn) = self.flow.conn else {
                    return Err(Ended::Broken);
                };
                let _ = self.shared.events.send(StreamEvent::Broken { conn }).await;
                // The other direction ends it, once the shard has answered.
                sleep(self.shared.limits().write).await;
                Err(Ended::Broken)
            }
        }
    }
}

/// Hands a message to the shard, and waits for it to have room.
pub(super) async fn tell(
    flow: Flow,
    message: Result<sip_msg::Message, sip_msg::ParseError>,
    shared: &Shared,
) -> Result<(), Ended> {
    shared.counters.received.fetch_add(1, Ordering::Relaxed);
    let event = StreamEvent::Message {
        flow,
        message: Box::new(message),
    };
    shared.events.send(event).await.map_err(|_| Ended::Done)
}

/// When the next keep-alive of ours is due (RFC 5626 §4.4.1).
pub(super) struct KeepAlive {
    every: Option<Duration>,
    due: Option<Instant>,
    /// One is out.
    sent: bool,
}

impl KeepAlive {
    pub(super) fn new(side: Side, limits: &StreamLimits) -> Self {
        let every = match side {
            Side::Ours => limits.keepalive,
            // Whoever has connected keeps the connection up.
            Side::Theirs { .. } => None,
        };
        Self {
            every,
            due: every.map(|every| Instant::now() + every),
            sent: false,
        }
    }

    async fn tick(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// It is time: for another, or for the answer to the last.
    fn next(&mut self, pulse: &Pulse) -> Option<Next> {
        let every = self.every?;
        if !self.sent {
            pulse.pinged.store(true, Ordering::Relaxed);
            self.sent = true;
            self.due = Some(Instant::now() + PONG);
            return Some(Next::Ping);
        }
        if pulse.pinged.load(Ordering::Relaxed) {
            return Some(Next::Dead);
        }
        self.sent = false;
        self.due = Some(Instant::now() + every);
        None
    }
}

pub(super) struct Talking<'a> {
    pub(super) keepalive: KeepAlive,
    pub(super) waiting: &'a AtomicUsize,
    pub(super) shared: &'a Shared,
    pub(super) pulse: &'a Pulse,
}

/// What is to be written next.
pub(super) enum Next {
    Message(Bytes),
    Pong,
    Ping,
    /// Nothing more will come.
    End,
    /// The peer has not answered a keep-alive.
    Dead,
}

impl Talking<'_> {
    pub(super) async fn next(&mut self, out: &mut mpsc::Receiver<Out>) -> Next {
        loop {
            tokio::select! {
                next = out.recv() => return match next {
                    Some(Out::Message(bytes)) => {
                        self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
                        Next::Message(bytes)
                    }
                    Some(Out::Pong) => Next::Pong,
                    None => Next::End,
                },
                () = self.keepalive.tick() => {
                    if let Some(next) = self.keepalive.next(self.pulse) {
                        return next;
                    }
                }
            }
        }
    }

    async fn run(mut self, writer: &mut (impl AsyncWrite + Unpin), out: &mut mpsc::Receiver<Out>) -> Ended {
        loop {
            let (bytes, sent) = match self.next(out).await {
                Next::Message(bytes) => (bytes, 1),
                Next::Pong => (Bytes::from_static(PONG_TEXT), 0),
                Next::Ping => (Bytes::from_static(PING_TEXT), 0),
                Next::End => return Ended::Done,
                Next::Dead => return Ended::Late("the answer to a keep-alive"),
            };
            let write = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            match timeout(self.shared.limits().write, write).await {
                Ok(Ok(())) => {
                    self.shared.counters.sent.fetch_add(sent, Ordering::Relaxed);
                    self.pulse.beat();
                }
                Ok(Err(error)) => return Ended::Failed(error.kind()),
                Err(_) => return Ended::Late("room to write"),
            }
        }
    }
}
