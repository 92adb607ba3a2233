//! Digits that one side writes otherwise than the other takes them: INFO into the stream, and what was heard there into INFO.

use std::collections::VecDeque;
use std::time::Duration;

use rtp_proto::control::{Command as MediaCommand, Digit, Said, Side};
use sip_msg::{Message, Method};
use sip_proto::{ClientId, digest};

use super::info::{self, Read};
use super::leg::Outgoing;
use super::{Call, Phase, negotiate};
use crate::core::{Asked, ClientOwner, Core, Credentials};
use crate::io::Now;

/// Digits that may wait for the INFO before to be answered.
const WAITING: usize = 64;

/// The digits that are told by INFO, one after the other, so that they come in order.
#[derive(Default)]
pub(crate) struct Telling {
    waiting: VecDeque<Pressed>,
    now: Option<Told>,
}

struct Pressed {
    to: Side,
    digit: Digit,
    duration: Duration,
}

/// An INFO that waits for its answer.
struct Told {
    client: ClientId,
    pressed: Pressed,
    request: Message,
    auth: digest::Attempt,
}

impl Call {
    /// An INFO: a digit for a side that takes digits in its stream is said there, if it comes from one whose own stream has none:
    /// whoever does both would be heard twice. Anything else crosses.
    pub(crate) fn on_info(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let legs = self.leg(side).zip(self.leg(side.other()));
        let heard = legs.is_some_and(|(leg, other)| negotiate::hears(&self.snapshot, leg, other));
        let converts = !heard && self.says_digits(side.other());
        let Some(id) = self.media.filter(|_| converts) else {
            return self.on_relayed(core, now, side, asked);
        };
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        match info::read(asked.message.content_type(), &asked.message.body()) {
            Read::Digit(digit, duration) => {
                core.answer(now, &asked, 200, Some(&tag));
                core.media(MediaCommand::Press {
                    id,
                    side: side.other(),
                    digit,
                    duration,
                });
            }
            Read::Garbled => core.answer(now, &asked, 400, Some(&tag)),
            Read::Other => self.on_relayed(core, now, side, asked),
        }
    }

    /// Whether a side's digits are said in its stream: also in early media (RFC 3960), where many an announcement asks for some.
    fn says_digits(&self, side: Side) -> bool {
        let legs = self.leg(side).zip(self.leg(side.other()));
        let says = legs.is_some_and(|(leg, other)| negotiate::says(&self.snapshot, leg, other));
        says && self.phase != Phase::Ending
    }

    /// Whether this request is one of ours that tells of a digit.
    pub(crate) fn tells_by(&self, id: ClientId) -> bool {
        let told = self.telling.as_ref().and_then(|telling| telling.now.as_ref());
        told.is_some_and(|told| told.client == id)
    }

    /// A digit was heard in a side's stream: the other is told, if it takes digits so.
    pub(crate) fn on_digit(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        digit: Digit,
        duration: Duration,
    ) {
        let to = side.other();
        let legs = self.leg(to).zip(self.leg(side));
        let told =
            legs.is_some_and(|(leg, other)| negotiate::said(&self.snapshot, leg, other) == Said::Signalled);
        if !told || self.phase == Phase::Ending {
            return;
        }
        let telling = self.telling.get_or_insert_default();
        if telling.waiting.len() < WAITING {
            telling.waiting.push_back(Pressed { to, digit, duration });
        }
        if telling.now.is_none() {
            self.tell_next(core, now);
        }
    }

    /// The INFO before is done with, or there was none.
    pub(crate) fn tell_next(&mut self, core: &mut Core, now: Now) {
        let Some(mut telling) = self.telling.take().filter(|_| self.phase != Phase::Ending) else {
            return;
        };
        telling.now = None;
        while let Some(pressed) = telling.waiting.pop_front() {
            if let Some((client, request)) = self.tell(core, now, &pressed, None) {
                telling.now = Some(Told {
                    client,
                    pressed,
                    request,
                    auth: digest::Attempt::default(),
                });
                self.telling = Some(telling);
                return;
            }
        }
    }

    /// The called side is another one from now on: digits that were for the one before, or from it, are nobody's.
    pub(crate) fn forget_telling(&mut self) {
        self.telling = None;
    }

    fn tell(
        &mut self,
        core: &mut Core,
        now: Now,
        pressed: &Pressed,
        credentials: Option<Credentials>,
    ) -> Option<(ClientId, Message)> {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let leg = self.leg_mut(pressed.to)?;
        let Outgoing { flow, mut writer } = leg.request(core, &snapshot, &Method::Info)?;
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let body = info::write(pressed.digit, pressed.duration);
        let bytes = writer.finish_with(info::RELAY, body.as_bytes());
        core.request(now, flow, bytes, ClientOwner::Relayed(key, pressed.to))
    }

    /// The INFO has an answer. Whatever it is, the next digit follows; a challenge is met first (RFC 3261 §22.2).
    pub(crate) fn on_told(&mut self, core: &mut Core, now: Now, message: &Message) {
        let status = message.status().unwrap_or(500);
        if status < 200 {
            return;
        }
        let Some(mut told) = self.telling.as_mut().and_then(|telling| telling.now.take()) else {
            return;
        };
        if matches!(status, 401 | 407) && self.phase != Phase::Ending {
            let (uri, body) = (told.request.uri().to_vec(), told.request.body());
            let to = told.pressed.to;
            let header = self.credentials(core, to, &mut told.auth, message, &Method::Info, &uri, &body);
            let again = header.and_then(|header| self.tell(core, now, &told.pressed, Some(header)));
            if let Some((client, request)) = again {
                (told.client, told.request) = (client, request);
                self.telling.get_or_insert_default().now = Some(told);
                return;
            }
        }
        self.tell_next(core, now);
    }
}
