//! Captured messages as the API shows them.

use api::MessageView;
use bytes::Bytes;
use sip_msg::{Limits, Method};
use sip_net::capture::Shot;
use switch::record::CallRecord;

/// The Call-IDs of a call that is over, of what transfers have added too.
pub(super) fn call_ids(record: &CallRecord) -> Vec<Box<[u8]>> {
    let transfers = record.transfers.iter();
    let moved = transfers.clone().map(|transfer| &transfer.call_id);
    let attempts = record
        .attempts
        .iter()
        .chain(transfers.flat_map(|transfer| &transfer.attempts));
    let legs = std::iter::once(&record.call_id)
        .chain(attempts.map(|attempt| &attempt.call_id))
        .chain(moved);
    legs.filter(|id| !id.is_empty())
        .map(|id| Box::from(id.as_bytes()))
        .collect()
}

/// One message, with what a ladder says of it.
pub(super) fn message(shot: &Shot) -> MessageView {
    let text = String::from_utf8_lossy(&shot.bytes).into_owned();
    let parsed = sip_msg::parse(Bytes::copy_from_slice(&shot.bytes), &Limits::default()).ok();
    let (mut summary, method) = match &parsed {
        Some(message) => {
            let method = name(message.cseq().1);
            let first = text.lines().next().unwrap_or_default();
            let summary = match message.status() {
                Some(_) => first.split_once(' ').map_or(first, |(_, rest)| rest).to_owned(),
                None => method.clone(),
            };
            (summary, method)
        }
        None => ("unreadable".to_owned(), String::new()),
    };
    let sdp = parsed.as_ref().and_then(sip_msg::Message::content_type);
    if sdp.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"application/sdp")) {
        summary.push_str(" (SDP)");
    }
    let stamp = shot.stamp;
    MessageView {
        at_us: stamp.at_us,
        outgoing: stamp.outgoing,
        local: stamp.local,
        remote: stamp.remote,
        summary,
        method,
        text,
    }
}

fn name(method: &Method) -> String {
    String::from_utf8_lossy(method.as_bytes()).into_owned()
}
