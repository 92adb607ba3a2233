//! Answers to requests.

use sip_msg::{Message, Writer};

use crate::Flow;

/// The start of an answer to `request` that came by `flow`, following RFC 3261 §8.2.6.
pub fn reply(
    request: &Message,
    flow: &Flow,
    status: u16,
    reason: Option<&str>,
    to_tag: Option<&[u8]>,
) -> Writer {
    let _ = (request, flow, status, reason, to_tag);
    todo!()
}
