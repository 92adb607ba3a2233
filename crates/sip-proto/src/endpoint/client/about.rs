//! Requests about an INVITE of ours, made from it: CANCEL, and ACK to a refusal.

use bytes::Bytes;
use sip_msg::{HeaderId, Message, Method, Writer};

use crate::reply::unfold;

/// The CANCEL for an INVITE (RFC 3261 §9.1): its Request-URI, top Via, Route, From, To, Call-ID and CSeq number.
pub(super) fn cancel_of(invite: &Message, reason: Option<&[u8]>) -> Bytes {
    let mut cancel = about(invite, &Method::Cancel);
    cancel.copy(invite, HeaderId::To);
    if let Some(reason) = reason {
        cancel.header(HeaderId::Reason, reason);
    }
    cancel.finish()
}

/// The ACK to a refusal (RFC 3261 §17.1.1.3): as CANCEL, but To is the response's, and the INVITE's credentials go along (§22.1).
pub(super) fn ack_to(invite: &Message, response: &Message) -> Bytes {
    let mut ack = about(invite, &Method::Ack);
    ack.copy(response, HeaderId::To)
        .copy(invite, HeaderId::Authorization)
        .copy(invite, HeaderId::ProxyAuthorization);
    ack.finish()
}

fn about(invite: &Message, method: &Method) -> Writer {
    let mut writer = Writer::request(method, invite.uri());
    writer.header(
        HeaderId::Via,
        &unfold(invite.values(HeaderId::Via).next().unwrap_or_default()),
    );
    writer
        .header(HeaderId::MaxForwards, b"70")
        .copy(invite, HeaderId::Route);
    writer.copy(invite, HeaderId::From).copy(invite, HeaderId::CallId);
    writer.parts(HeaderId::CSeq, |value| {
        let number = invite.cseq().0;
        value.number(number.into()).text(" ").text(method.as_bytes());
    });
    writer
}
