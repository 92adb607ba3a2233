//! As much of a SIP user agent as the demo needs: one socket, calls told apart by Call-ID, requests repeated until answered.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use sdp::{CodecFilter, NewOrigin, RtcpPlan};
use sip_msg::{HeaderId, Limits, Message, Method, Writer};
use sip_proto::{Flow, ListenerId, PeerId, Transport};

/// T1 of RFC 3261 §17: first interval of repetition; it doubles from there.
const T1: Duration = Duration::from_millis(500);
/// The longest interval of repetition, T2.
const T2: Duration = Duration::from_secs(4);
/// How long the socket is waited on before anything else is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Messages of one call that may wait.
const INBOX: usize = 32;

/// A user agent that knows one other: the switch.
pub(super) struct Agent {
    /// The trunk's name.
    pub(super) name: &'static str,
    /// Where it is.
    pub(super) local: SocketAddr,
    switch: SocketAddr,
    socket: UdpSocket,
    legs: Mutex<HashMap<Vec<u8>, SyncSender<Message>>>,
    tokens: AtomicU64,
}

impl Agent {
    /// # Errors
    /// The address is in use.
    pub(super) fn bind(name: &'static str, local: SocketAddr, switch: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind(local).with_context(|| super::in_use(name, "UDP", local))?;
        socket.set_read_timeout(Some(TICK))?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let tokens = AtomicU64::new(since_1970.as_micros() as u64);
        Ok(Self {
            name,
            local,
            switch,
            socket,
            legs: Mutex::default(),
            tokens,
        })
    }

    /// Takes messages until `over`; a call that comes in goes to `answer`.
    pub(super) fn serve<'a>(&'a self, over: &AtomicBool, answer: impl Fn(Message, Leg<'a>)) {
        let mut buffer = vec![0; 65_535];
        while !over.load(Ordering::Relaxed) {
            let datagram = match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) if from == self.switch => buffer.get(..length).unwrap_or_default(),
                // A stranger's, or nothing within the tick.
                Ok(_) | Err(_) => continue,
            };
            if let Ok(message) = sip_msg::parse(Bytes::copy_from_slice(datagram), &Limits::default()) {
                self.take(message, &answer);
            }
        }
    }

    fn take<'a>(&'a self, message: Message, answer: &impl Fn(Message, Leg<'a>)) {
        let inbox = self
            .legs
            .lock()
            .ok()
            .and_then(|legs| legs.get(message.call_id()).cloned());
        if let Some(inbox) = inbox {
            // A full inbox is a lost datagram: whoever sent it repeats it.
            let _ = inbox.try_send(message);
            return;
        }
        match message.method() {
            Some(Method::Invite) if message.to_tag().is_none() => {
                let leg = self.leg(message.call_id().to_vec());
                answer(message, leg);
            }
            Some(Method::Options) => self.send(&self.reply(&message, 200, &self.token()).finish()),
            Some(Method::Ack) | None => {}
            Some(_) => self.send(&self.reply(&message, 481, &self.token()).finish()),
        }
    }

    /// A call's way in: what comes with this Call-ID.
    pub(super) fn leg(&self, call_id: Vec<u8>) -> Leg<'_> {
        let (inbox, messages) = sync_channel(INBOX);
        if let Ok(mut legs) = self.legs.lock() {
            legs.insert(call_id.clone(), inbox);
        }
        Leg {
            agent: self,
            call_id,
            messages,
        }
    }

    /// Sends to the switch. What the network says against it shows when no answer comes.
    pub(super) fn send(&self, bytes: &Bytes) {
        let _ = self.socket.send_to(bytes, self.switch);
    }

    /// The start of an answer.
    pub(super) fn reply(&self, request: &Message, status: u16, tag: &str) -> Writer {
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote: self.switch,
            conn: None,
            peer: PeerId::default(),
        };
        let mut writer = sip_proto::reply(request, &flow, status, None, Some(tag.as_bytes()));
        writer.header_fmt(HeaderId::Contact, format_args!("{}", self.contact()));
        writer
    }

    /// Where the switch is.
    pub(super) fn switch(&self) -> SocketAddr {
        self.switch
    }

    /// Our Contact value.
    pub(super) fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.name, self.local)
    }

    /// A Via value with a branch of its own.
    pub(super) fn via(&self) -> String {
        format!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", self.local, self.token())
    }

    /// A word that is used once.
    pub(super) fn token(&self) -> String {
        format!("demo{:x}", self.tokens.fetch_add(1, Ordering::Relaxed))
    }
}

/// One call of an agent.
pub(super) struct Leg<'a> {
    pub(super) agent: &'a Agent,
    call_id: Vec<u8>,
    messages: Receiver<Message>,
}

/// What a message means to whoever repeats something until it comes.
pub(super) enum Answered {
    /// Nothing: go on repeating.
    No,
    /// It has arrived there, but the end is not known: wait.
    Heard,
    /// This is what was waited for.
    Yes,
}

impl Leg<'_> {
    pub(super) fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// The next message, should one come in this time.
    pub(super) fn next(&self, patience: Duration) -> Option<Message> {
        self.messages.recv_timeout(patience).ok()
    }

    /// Sends `bytes`, again and again as UDP wants it, until a message comes that is the answer. Between messages `idle` is asked
    /// about ten times a second; it ends the wait by `true`.
    pub(super) fn exchange(
        &self,
        bytes: &Bytes,
        patience: Duration,
        mut judge: impl FnMut(&Message) -> Answered,
        mut idle: impl FnMut() -> bool,
    ) -> Option<Message> {
        self.agent.send(bytes);
        let start = Instant::now();
        let (mut interval, mut repeat_at) = (T1, Some(start + T1));
        while start.elapsed() < patience && !idle() {
            let Some(message) = self.next(TICK) else {
                if repeat_at.is_some_and(|at| at <= Instant::now()) {
                    self.agent.send(bytes);
                    interval = (interval * 2).min(T2);
                    repeat_at = Some(Instant::now() + interval);
                }
                continue;
            };
            match judge(&message) {
                Answered::No => {}
                Answered::Heard => repeat_at = None,
                Answered::Yes => return Some(message),
            }
        }
        None
    }
}

impl Drop for Leg<'_> {
    fn drop(&mut self) {
        if let Ok(mut legs) = self.agent.legs.lock() {
            legs.remove(&self.call_id);
        }
    }
}

/// An SDP body that takes G.711 µ-law at this address.
pub(super) fn describe(rtp: SocketAddr) -> Result<Vec<u8>> {
    let origin = NewOrigin {
        username: "-",
        id: u64::from(rtp.port()),
        version: 1,
        address: rtp.ip(),
    };
    let codecs = ["PCMU".to_owned()];
    let codecs = CodecFilter::Only(&codecs);
    Ok(sdp::basic_offer(
        origin,
        rtp.ip(),
        rtp.port(),
        RtcpPlan::Pair,
        codecs,
    )?)
}

/// Where a body wants its audio.
pub(super) fn audio_address(message: &Message) -> Result<SocketAddr> {
    let sdp = sdp::parse(&message.body(), &sdp::Limits::default())?;
    let media = sdp.media().first().context("the SDP has no media")?;
    let ip = sdp.connection(media).context("the SDP has no address")?;
    Ok(SocketAddr::new(ip, media.port()))
}
