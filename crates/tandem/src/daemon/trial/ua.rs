//! The calling side of a test call: as much of a user agent as it takes to call, listen and hang up.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use audio::Codec;
use bytes::Bytes;
use sdp::{Kind, Media, Sdp};
use sip_msg::{HeaderId, Message, Method, Writer};
use sip_proto::reply;
use switch::trial_flow;

use super::line::Line;
use super::seat::Seat;
use super::voice::{Far, Voice};

/// How long the called side may take to answer; longer than a trunk is waited for, so that what the caller hears is the switch's word.
const ANSWER: Duration = Duration::from_secs(60);
/// How long the switch may take over anything else.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keys of [`CALLER_KEYS`](super::CALLER_KEYS), by their events.
pub(super) const KEYS: &[u8] = &[1, 5];

/// What a call is to be.
pub(super) struct Plan {
    pub(super) number: String,
    pub(super) caller: String,
    /// Codecs that are offered, by payload type, as `a=rtpmap` has them.
    pub(super) codecs: Vec<(u8, String)>,
    /// How long it talks.
    pub(super) talk: Duration,
    /// Where the switch's media sockets towards the caller are bound.
    pub(super) relay: IpAddr,
    /// Keys that the caller presses, by their events.
    pub(super) keys: &'static [u8],
}

/// What the caller saw of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The final status, with its phrase.
    pub(super) status: Option<(u16, String)>,
    pub(super) answered: bool,
    /// The called side hung up while we talked.
    pub(super) cut_off: bool,
    /// The switch's answer to our BYE.
    pub(super) bye: Option<u16>,
    /// The codec on the caller's leg.
    pub(super) codec: Option<String>,
    /// What our relay has to say of the called leg.
    pub(super) relay: Option<Relay>,
}

/// The relay's side of the called leg.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relay {
    /// Packets that came.
    pub(super) packets: u64,
    /// Packets that were not let through.
    pub(super) dropped: u64,
    /// Packets sent.
    pub(super) sent: u64,
}

/// The dialog.
struct Dialog<'l> {
    line: &'l mut Line,
    /// Who answers the call where it comes back to us.
    seat: Option<&'l mut Seat>,
    call_id: String,
    /// Who calls, with our tag; who is called, with the other tag once there is one.
    us: String,
    them: String,
    target: String,
    body: String,
    invite_branch: String,
    cseq: u32,
}

/// Makes the call, talks and hangs up.
pub(super) async fn call(line: &mut Line, seat: Option<&mut Seat>, plan: &Plan, voice: &Voice) -> Outcome {
    let (number, caller) = (&plan.number, &plan.caller);
    let token = format!("{:x}-{}", line.id.0, stamp());
    let at = trial_flow(line.id).remote;
    let mut dialog = Dialog {
        line,
        seat,
        call_id: format!("test-{token}"),
        us: format!("<sip:{caller}@{at}>;tag={token}"),
        them: format!("<sip:{number}@{at}>"),
        target: format!("sip:{number}@{at}"),
        body: offer(voice.local, &plan.codecs),
        invite_branch: format!("z9hG4bK{token}-1"),
        cseq: 1,
    };
    let mut outcome = Outcome::default();
    dialog.request(&Method::Invite, 1, true).await;
    dialog.wait_for_answer(plan, voice, &mut outcome).await;
    if outcome.answered {
        outcome.cut_off = dialog.talk(plan, voice).await;
        outcome.relay = dialog.relay().await;
        if !outcome.cut_off {
            outcome.bye = dialog.hang_up(plan, voice).await;
        }
    }
    dialog.leave(plan, voice).await;
    outcome
}

impl Dialog<'_> {
    /// Talks, and presses its keys; whether the called side hangs up meanwhile.
    async fn talk(&mut self, plan: &Plan, voice: &Voice) -> bool {
        let until = Instant::now() + plan.talk;
        // The way there is open by then, and the tone was heard by itself.
        let mut keys_at = Some(Instant::now() + plan.talk / 4).filter(|_| !plan.keys.is_empty());
        loop {
            let next = keys_at.map_or(until, |keys_at| keys_at.min(until));
            match self.line.next(next).await {
                Some(message) => {
                    let over = self.is_ours(&message) && message.method() == Some(&Method::Bye);
                    self.serve(&message, plan, voice).await;
                    if over {
                        return true;
                    }
                }
                None if keys_at.take().is_some() => {
                    plan.keys.iter().for_each(|key| voice.press(*key));
                    if let Some(seat) = self.seat.as_deref() {
                        seat.press();
                    }
                }
                None => return false,
            }
        }
    }

    /// What came back to us is over as well, or has a moment to be.
    async fn leave(&mut self, plan: &Plan, voice: &Voice) {
        let until = Instant::now() + PATIENCE;
        while self.seat.as_deref().is_some_and(Seat::is_up) {
            let Some(message) = self.line.next(until).await else {
                return;
            };
            self.serve(&message, plan, voice).await;
        }
    }

    fn is_ours(&self, message: &Message) -> bool {
        message.call_id() == self.call_id.as_bytes()
    }

    async fn wait_for_answer(&mut self, plan: &Plan, voice: &Voice, outcome: &mut Outcome) {
        let mut until = Instant::now() + ANSWER;
        let mut cancelled = false;
        loop {
            let Some(message) = self.line.next(until).await else {
                if cancelled {
                    return;
                }
                cancelled = true;
                until = Instant::now() + PATIENCE;
                self.request(&Method::Cancel, 1, false).await;
                continue;
            };
            let Some(status) = message.status() else {
                self.serve(&message, plan, voice).await;
                continue;
            };
            if *message.cseq().1 != Method::Invite {
                continue;
            }
            self.hear(&message, plan, voice, outcome);
            if status < 200 {
                continue;
            }
            self.learn(&message);
            outcome.status = Some((status, String::from_utf8_lossy(message.reason()).into_owned()));
            outcome.answered = status < 300 && !cancelled;
            self.request(&Method::Ack, 1, false).await;
            if status < 300 && cancelled {
                let _ = self.hang_up(plan, voice).await;
            }
            return;
        }
    }

    async fn relay(&self) -> Option<Relay> {
        let media = self.line.figures().await?.to?.media?;
        Some(Relay {
            packets: media.packets,
            dropped: media.dropped.total(),
            sent: media.sent_packets,
        })
    }

    /// Says BYE; the status of its answer.
    async fn hang_up(&mut self, plan: &Plan, voice: &Voice) -> Option<u16> {
        self.cseq += 1;
        self.request(&Method::Bye, self.cseq, false).await;
        let until = Instant::now() + PATIENCE;
        while let Some(message) = self.line.next(until).await {
            match message.status() {
                Some(status) if *message.cseq().1 == Method::Bye && status >= 200 => return Some(status),
                Some(_) => {}
                None => self.serve(&message, plan, voice).await,
            }
        }
        None
    }

    /// Where the other side wants to hear us, if a message says that.
    fn hear(&self, message: &Message, plan: &Plan, voice: &Voice, outcome: &mut Outcome) {
        if let Some((far, name)) = far_of(message) {
            voice.aim(far, plan.relay);
            outcome.codec = Some(name);
        }
    }

    fn learn(&mut self, message: &Message) {
        if let Some(to) = message.header(HeaderId::To) {
            self.them = String::from_utf8_lossy(to).into_owned();
        }
        if let Some(contact) = message.contact() {
            self.target = String::from_utf8_lossy(contact.uri).into_owned();
        }
    }

    /// Answers a request of the switch: what crosses from the called side is taken, offers are answered with what was offered.
    async fn serve(&mut self, request: &Message, plan: &Plan, voice: &Voice) {
        if !self.is_ours(request) {
            if let Some(seat) = self.seat.as_deref_mut() {
                seat.serve(self.line, request, plan.relay).await;
            }
            return;
        }
        let status = match request.method() {
            Some(Method::Ack) | None => return,
            Some(
                Method::Invite
                | Method::Update
                | Method::Bye
                | Method::Options
                | Method::Info
                | Method::Notify,
            ) => 200,
            Some(_) => 405,
        };
        if let Some((far, _)) = far_of(request) {
            voice.aim(far, plan.relay);
        }
        let mut writer = reply(request, &trial_flow(self.line.id), status, None, None);
        writer.header_fmt(HeaderId::Contact, format_args!("{}", self.contact()));
        let offers = matches!(request.method(), Some(Method::Invite | Method::Update));
        let bytes = if offers && (!request.body().is_empty() || request.method() == Some(&Method::Invite)) {
            writer.finish_with(b"application/sdp", self.body.as_bytes())
        } else {
            writer.finish()
        };
        self.line.send(bytes).await;
    }

    fn contact(&self) -> String {
        contact(self.line)
    }

    async fn request(&mut self, method: &Method, cseq: u32, body: bool) {
        let mut writer = Writer::request(method, self.target.as_bytes());
        let branch = match method {
            Method::Invite | Method::Cancel => self.invite_branch.clone(),
            _ => format!("{}-{}{cseq}", self.invite_branch, method.as_str()),
        };
        let at = trial_flow(self.line.id).remote;
        writer.header_fmt(HeaderId::Via, format_args!("SIP/2.0/WS {at};branch={branch}"));
        writer.header(HeaderId::MaxForwards, b"70");
        writer.header(HeaderId::From, self.us.as_bytes());
        writer.header(HeaderId::To, self.them.as_bytes());
        writer.header(HeaderId::CallId, self.call_id.as_bytes());
        writer.header_fmt(HeaderId::CSeq, format_args!("{cseq} {}", method.as_str()));
        if *method == Method::Invite {
            writer.header_fmt(HeaderId::Contact, format_args!("{}", self.contact()));
            writer.header(HeaderId::Allow, b"INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE");
        }
        let bytes: Bytes = if body {
            writer.finish_with(b"application/sdp", self.body.as_bytes())
        } else {
            writer.finish()
        };
        self.line.send(bytes).await;
    }
}

/// Where the tester is, for a Contact.
pub(super) fn contact(line: &Line) -> String {
    format!("<sip:test@{};transport=ws>", trial_flow(line.id).remote)
}

/// A word that no other call has.
pub(super) fn stamp() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
}

/// Where and in what a message's session wants to be spoken to.
pub(super) fn far_of(message: &Message) -> Option<(Far, String)> {
    let sdp = session(message)?;
    let audio = |media: &&Media| media.kind() == Kind::Audio && media.port() != 0;
    let media = sdp.media().iter().find(audio)?;
    let address = SocketAddr::new(sdp.connection(media)?, media.port());
    let spoken = media.codecs().find(|codec| !codec.is_auxiliary())?;
    let far = Far {
        address,
        payload: spoken.pt,
        codec: Codec::parse(spoken.name, spoken.clock, spoken.channels.into()),
        events: media
            .codecs()
            .find(|codec| codec.is_event())
            .map(|codec| codec.pt),
    };
    Some((far, format!("{}/{}", spoken.name, spoken.clock)))
}

/// The session description that a message carries.
pub(super) fn session(message: &Message) -> Option<Sdp> {
    let body = message.body();
    let kind = message.content_type()?;
    let body = match sip_msg::multipart::parts(&body, kind) {
        Some(parts) => {
            let part = parts.iter().find(|part| is_sdp(part.content_type()));
            Bytes::copy_from_slice(part?.body)
        }
        None if is_sdp(Some(kind)) => body,
        None => return None,
    };
    sdp::parse_bytes(body, &sdp::Limits::default()).ok()
}

fn is_sdp(kind: Option<&[u8]>) -> bool {
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"application/sdp"))
}

/// An offer of these codecs, and of telephone events.
fn offer(local: SocketAddr, codecs: &[(u8, String)]) -> String {
    body(local, codecs, Some(101))
}

/// A session description of these codecs, with telephone events as this payload type.
pub(super) fn body(local: SocketAddr, codecs: &[(u8, String)], events: Option<u8>) -> String {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (local.ip(), local.port());
    let numbers = codecs.iter().map(|(number, _)| *number).chain(events);
    let types: String = numbers.map(|number| format!(" {number}")).collect();
    let maps: String = codecs
        .iter()
        .map(|(number, map)| format!("a=rtpmap:{number} {map}\r\n"))
        .collect();
    let events = events.map_or(String::new(), |pt| {
        format!("a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n")
    });
    format!(
        "v=0\r\no=test 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP{types}\r\n{maps}{events}a=ptime:20\r\na=sendrecv\r\n"
    )
}
