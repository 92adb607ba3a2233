//! REFERs that are not for us: they cross, and so do their NOTIFYs, with nothing of the side that they come from.
//!
//! Each side numbers its requests by itself, so the `id` by which a NOTIFY says whose it is (RFC 3515 §2.4.6) is another on either side.

use bytes::Bytes;
use config::Transfer as Mode;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method, NameAddr, Writer};
use sip_proto::{Flow, Transport};

use super::{Replaces, Target, is_quiet};
use crate::call::{Call, Leg, leg};
use crate::core::{Asked, Core};
use crate::handoff::is_of_refer;
use crate::headers;
use crate::io::Now;

/// How many subscriptions of a call are kept: where nobody ends any, the oldest has to go.
const MOST_FORWARDED: usize = 16;

/// A REFER that was passed on, until its subscription is over.
pub(super) struct Forwarded {
    to: Side,
    /// Its CSeq number as it came.
    theirs: u32,
    /// As it was sent on.
    ours: u32,
    /// It was not the transferor's first: it is told which one a NOTIFY is about.
    named: bool,
}

impl Call {
    /// A NOTIFY within the dialog: of a transfer that crosses, it does too; of any other it is nobody's.
    pub(crate) fn on_notify(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        if !is_of_refer(&asked.message) {
            return self.on_relayed(core, now, side, asked);
        }
        let Some((leg, other)) = self.leg(side).zip(self.leg(side.other())) else {
            return;
        };
        // RFC 6665 §4.1.3: of a subscription that there is not it is nobody's.
        let known = self.forwarded_of(side, &asked.message).is_some();
        if known && self.snapshot.transfer(other.trunk) == Mode::Forward {
            return self.pass_on(core, now, side, asked);
        }
        let tag = leg.tag.clone();
        core.answer(now, &asked, 481, Some(&tag));
    }

    /// A REFER has come that is to be passed on: only those behind the first in a dialog have to be told apart (RFC 3515 §2.4.6).
    pub(super) fn note_refer(&mut self, side: Side, cseq: u32) {
        let tag = |leg: &Leg| leg.tag.clone();
        let (own, other) = (self.leg(side).map(tag), self.leg(side.other()).map(tag));
        let Some(own) = own else { return };
        let firsts = &mut self.moves_or_new().first_refers;
        firsts.retain(|(tag, _)| *tag == own || Some(tag) == other.as_ref());
        if !firsts.iter().any(|(tag, _)| *tag == own) {
            firsts.push((own, cseq));
        }
    }

    fn is_first_refer(&self, side: Side, cseq: u32) -> bool {
        let (Some(leg), Some(moves)) = (self.leg(side), self.moves()) else {
            return false;
        };
        let mut firsts = moves.first_refers.iter();
        firsts.any(|(tag, first)| *tag == leg.tag && *first == cseq)
    }

    /// A REFER was passed on under this CSeq number, perhaps once more under another (RFC 3261 §22.2).
    pub(crate) fn note_forwarded(&mut self, to: Side, theirs: u32, ours: u32) {
        let named = !self.is_first_refer(to.other(), theirs);
        let all = &mut self.moves_or_new().forwarded;
        if let Some(known) = all.iter_mut().find(|one| (one.to, one.theirs) == (to, theirs)) {
            known.ours = ours;
            return;
        }
        if all.len() == MOST_FORWARDED {
            all.remove(0);
        }
        all.push(Forwarded {
            to,
            theirs,
            ours,
            named,
        });
    }

    /// Which REFER that was passed on to `side` its NOTIFY is about: without an `id` the first.
    fn forwarded_of(&self, side: Side, notify: &Message) -> Option<&Forwarded> {
        let mut all = self.moves()?.forwarded.iter().filter(|one| one.to == side);
        match event_id(notify) {
            Some(id) => {
                let id: u32 = std::str::from_utf8(id).ok()?.parse().ok()?;
                all.find(|one| one.ours == id)
            }
            None => all.next(),
        }
    }

    /// A request about a transfer, which `from` has sent, has been answered by the other side: a subscription that is over, or never was,
    /// is forgotten.
    pub(crate) fn settle_forwarded(
        &mut self,
        from: Side,
        asked: &Message,
        status: u16,
        answer: Option<&Message>,
    ) {
        let over = if asked.method() == Some(&Method::Refer) {
            let silent = !(200..300).contains(&status) || answer.is_some_and(is_quiet);
            silent.then_some((from.other(), asked.cseq().0))
        } else if is_of_refer(asked) && (status == 481 || is_last(asked)) {
            self.forwarded_of(from, asked).map(|one| (one.to, one.theirs))
        } else {
            None
        };
        if let Some((over, moves)) = over.zip(self.moves_mut()) {
            moves.forwarded.retain(|one| (one.to, one.theirs) != over);
        }
    }

    /// One of the dialogs is another from now on, or over, and with it what was subscribed to in it.
    pub(crate) fn forget_forwarded(&mut self) {
        if let Some(moves) = self.moves_mut() {
            moves.forwarded.clear();
        }
    }

    /// The answer to a REFER that was passed on. Whether it was 2xx; others are as any.
    pub(crate) fn answer_forwarded(
        &self,
        core: &mut Core,
        now: Now,
        (side, asked): (Side, &Asked),
        status: u16,
        answer: Option<&Message>,
    ) -> bool {
        let taken = asked.message.method() == Some(&Method::Refer) && (200..300).contains(&status);
        if taken {
            self.answer_refer(core, now, side, asked, (status, answer));
        }
        taken
    }

    /// Writes into a REFER to `to`, or a NOTIFY about one, what `asked` says, with nothing of its side in it. Gives the body; `None`:
    /// it says nothing that can cross.
    pub(crate) fn carry_refer(
        &mut self,
        writer: &mut Writer,
        to: Side,
        flow: &Flow,
        asked: &Message,
    ) -> Option<Bytes> {
        leg::contact(writer, &self.snapshot, flow, self.is_secure(to));
        if asked.method() != Some(&Method::Refer) {
            let one = self.forwarded_of(to.other(), asked)?;
            if one.named || event_id(asked).is_some() {
                writer.header_fmt(HeaderId::Event, format_args!("refer;id={}", one.theirs));
            } else {
                writer.header(HeaderId::Event, b"refer");
            }
            return fragment(&asked.body());
        }
        let target =
            Target::of(asked).filter(|target| !target.user.is_empty() || target.replaces.is_some())?;
        let ours = self.snapshot.advertised(flow)?;
        writer.parts(HeaderId::ReferTo, |value| {
            value.text("<sip:");
            if !target.user.is_empty() {
                value
                    .text(headers::escape_user(&target.user).as_bytes())
                    .text("@");
            }
            value.address(ours);
            if flow.transport != Transport::Udp {
                value.text(";transport=").text(flow.transport.parameter());
            }
            if let Some(replaces) = target.embedded.and_then(raw_replaces) {
                value.text("?").text(replaces);
            }
            value.text(">");
        });
        writer.copy(asked, HeaderId::ReferSub);
        if let Some(user) = referrer(asked) {
            writer.parts(HeaderId::ReferredBy, |value| {
                value.text("<sip:").text(headers::escape_user(&user).as_bytes());
                value.text("@").address(ours).text(">");
            });
        }
        if let Some(replaces) = target.replaces {
            self.moves_or_new().granted = Some((to, replaces));
        }
        Some(Bytes::new())
    }

    /// Whether this dialog was named to a party of this call's that is of this trunk: it may take a place in it.
    pub(crate) fn has_granted(&self, replaces: &Replaces, trunk: &str) -> bool {
        let granted = self.moves().and_then(|transfers| transfers.granted.as_ref());
        granted.is_some_and(|(to, dialog)| {
            dialog.call_id == replaces.call_id
                && [&dialog.local, &dialog.remote].contains(&&replaces.local)
                && self.trunk_name(*to) == Some(trunk)
        })
    }
}

/// The number or name in Referred-By (RFC 3892).
pub(super) fn referrer(refer: &Message) -> Option<String> {
    let name = NameAddr::parse(refer.header(HeaderId::ReferredBy)?).ok()?;
    Some(headers::user_of(name.uri)).filter(|user| !user.is_empty())
}

/// The Replaces of a URI's headers, escaped as it is there.
fn raw_replaces(embedded: &[u8]) -> Option<&[u8]> {
    let mut all = embedded.split(|c| *c == b'&');
    all.find(|header| {
        let name = header.split(|c| *c == b'=').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"replaces")
    })
}

/// The `id` of an Event header.
fn event_id(notify: &Message) -> Option<&[u8]> {
    let mut parameters = notify.header(HeaderId::Event)?.split(|c| *c == b';').skip(1);
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(parameter.iter().position(|c| *c == b'=')?)?;
        let is_id = name.trim_ascii().eq_ignore_ascii_case(b"id");
        is_id.then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

/// Whether a NOTIFY ends its subscription (RFC 6665 §4.1.3).
fn is_last(notify: &Message) -> bool {
    let state = notify.header(HeaderId::SubscriptionState).unwrap_or_default();
    let state = state.split(|c| *c == b';').next().unwrap_or_default();
    state.trim_ascii().eq_ignore_ascii_case(b"terminated")
}

/// The status line of what a NOTIFY tells (RFC 3420), in our words.
fn fragment(body: &Bytes) -> Option<Bytes> {
    let line = body
        .split(|c| *c == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let status = line.strip_prefix(b"SIP/2.0 ")?.first_chunk::<3>()?;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    let line = format!("SIP/2.0 {status} {}\r\n", sip_msg::status_reason(status));
    Some(Bytes::from(line))
}
