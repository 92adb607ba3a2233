//! The called side of a test call that comes back to us: it answers, says a tone of its own and listens.

use std::net::{IpAddr, SocketAddr};

use audio::Codec;
use bytes::Bytes;
use sdp::{Kind, Media};
use sip_msg::{HeaderId, Message, Method};
use sip_proto::reply;
use switch::trial_flow;

use super::line::Line;
use super::ua::{body, contact, far_of, session, stamp};
use super::voice::{Heard, Tone, Voice};

/// Keys that it presses, by their events: 9 and 0.
pub(super) const KEYS: [u8; 2] = [9, 0];

/// Whoever answers.
pub(super) struct Seat {
    voice: Voice,
    call: Option<Leg>,
    /// Whether its keys are to be pressed.
    presses: bool,
    came: bool,
}

/// The call that has come back.
struct Leg {
    call_id: Box<[u8]>,
    tag: String,
    body: String,
}

impl Seat {
    /// Waits beside the media address of the trunk's network.
    ///
    /// # Errors
    /// The system has no socket there.
    pub(super) async fn take(beside: IpAddr, presses: bool) -> std::io::Result<Self> {
        Ok(Self {
            voice: Voice::start(beside, Tone::Called).await?,
            call: None,
            presses,
            came: false,
        })
    }

    /// Whether a call has come back.
    pub(super) fn came(&self) -> bool {
        self.came
    }

    /// Whether it is still there.
    pub(super) fn is_up(&self) -> bool {
        self.call.is_some()
    }

    /// What was heard of the caller.
    pub(super) fn heard(&self) -> Heard {
        self.voice.heard()
    }

    pub(super) fn press(&self) {
        if self.presses && self.call.is_some() {
            KEYS.iter().for_each(|key| self.voice.press(*key));
        }
    }

    /// Deals with a message that is not the calling side's.
    pub(super) async fn serve(&mut self, line: &Line, message: &Message, relay: IpAddr) {
        let Some(method) = message.method() else { return };
        let ours = self
            .call
            .as_ref()
            .is_some_and(|leg| *leg.call_id == *message.call_id());
        match method {
            Method::Invite if message.to_tag().is_none() && self.call.is_none() => {
                self.answer(line, message, relay).await;
            }
            Method::Invite if !ours => self.reply(line, message, 486, false).await,
            Method::Ack => {}
            Method::Invite | Method::Update => {
                self.aim(message, relay);
                let offers = !message.body().is_empty() || *method == Method::Invite;
                self.reply(line, message, 200, offers).await;
            }
            Method::Bye | Method::Cancel => {
                self.reply(line, message, 200, false).await;
                if ours {
                    self.call = None;
                }
            }
            Method::Options | Method::Info | Method::Notify => self.reply(line, message, 200, false).await,
            _ => self.reply(line, message, 405, false).await,
        }
    }

    async fn answer(&mut self, line: &Line, invite: &Message, relay: IpAddr) {
        let Some(body) = answer_to(invite, self.voice.local) else {
            return self.reply(line, invite, 488, false).await;
        };
        self.came = true;
        self.call = Some(Leg {
            call_id: invite.call_id().into(),
            tag: format!("s{:x}", stamp()),
            body,
        });
        self.aim(invite, relay);
        self.reply(line, invite, 180, false).await;
        self.reply(line, invite, 200, true).await;
    }

    fn aim(&self, message: &Message, relay: IpAddr) {
        if let Some((far, _)) = far_of(message) {
            self.voice.aim(far, relay);
        }
    }

    async fn reply(&self, line: &Line, request: &Message, status: u16, with_body: bool) {
        let tag = self.call.as_ref().map_or("none", |leg| leg.tag.as_str());
        let mut writer = reply(request, &trial_flow(line.id), status, None, Some(tag.as_bytes()));
        writer.header_fmt(HeaderId::Contact, format_args!("{}", contact(line)));
        let body = self.call.as_ref().map(|leg| leg.body.as_str());
        let bytes: Bytes = match body.filter(|_| with_body) {
            Some(body) => writer.finish_with(b"application/sdp", body.as_bytes()),
            None => writer.finish(),
        };
        line.send(bytes).await;
    }
}

/// The first codec of an offer that we can speak, and its telephone events.
fn answer_to(invite: &Message, local: SocketAddr) -> Option<String> {
    let offer = session(invite)?;
    let audio = |media: &&Media| media.kind() == Kind::Audio && media.port() != 0;
    let media = offer.media().iter().find(audio)?;
    let spoken = media.codecs().find(|codec| {
        !codec.is_auxiliary() && Codec::parse(codec.name, codec.clock, codec.channels.into()).is_some()
    })?;
    let channels = if spoken.channels > 1 {
        format!("/{}", spoken.channels)
    } else {
        String::new()
    };
    let map = format!("{}/{}{channels}", spoken.name, spoken.clock);
    let events = media
        .codecs()
        .find(|codec| codec.is_event())
        .map(|codec| codec.pt);
    Some(body(local, &[(spoken.pt, map)], events))
}
