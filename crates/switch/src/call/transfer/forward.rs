//! REFERs that are not for us: they cross, and so do their NOTIFYs, with nothing of the side that they come from.

use bytes::Bytes;
use config::Transfer as Mode;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method, NameAddr, Writer};
use sip_proto::{Flow, Transport};

use super::{Replaces, Target};
use crate::call::{Call, leg};
use crate::core::{Asked, Core};
use crate::handoff::is_of_refer;
use crate::headers;
use crate::io::Now;

impl Call {
    /// A NOTIFY within the dialog: of a transfer that crosses, it does too; of any other it is nobody's.
    pub(crate) fn on_notify(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        if !is_of_refer(&asked.message) {
            return self.on_relayed(core, now, side, asked);
        }
        let Some((leg, other)) = self.leg(side).zip(self.leg(side.other())) else {
            return;
        };
        if self.snapshot.transfer(other.trunk) == Mode::Forward {
            return self.pass_on(core, now, side, asked);
        }
        let tag = leg.tag.clone();
        core.answer(now, &asked, 481, Some(&tag));
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
