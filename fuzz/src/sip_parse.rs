//! One datagram: nothing panics, what is taken can be read, and leaves as it came.

use bytes::Bytes;
use sip_msg::{Edits, HeaderId, Limits, Message, NameAddr, Uri, Values, Via, multipart};

/// Parses `input` and reads everything in it.
///
/// # Panics
/// When the parser breaks a promise.
pub fn check(input: &[u8]) {
    match sip_msg::parse(Bytes::copy_from_slice(input), &Limits::default()) {
        Ok(message) => {
            read(&message);
            assert_eq!(
                message.write(&Edits::new()),
                *message.raw(),
                "untouched, so the same octets"
            );
            let Ok(again) = sip_msg::parse(message.raw().clone(), &Limits::default()) else {
                unreachable!("what was taken is taken again")
            };
            assert_eq!(again.raw(), message.raw(), "parsing is stable");
        }
        Err(error) => {
            if let Some((message, status)) = error.answer() {
                assert!(
                    (400..700).contains(&status) && message.is_request(),
                    "only requests are answered"
                );
                read(message);
            }
        }
    }
}

/// Reads every view of a message.
pub fn read(message: &Message) {
    for header in message.headers() {
        for value in Values::of(header.value) {
            if let Ok(address) = NameAddr::parse(value) {
                let _ = (
                    Uri::parse(address.uri),
                    address.tag(),
                    address.display_unescaped(),
                );
            }
            if let Ok(via) = Via::parse(value) {
                let _ = (via.branch(), via.rport(), via.received_ip(), via.ip());
            }
        }
    }
    let _ = (
        message.top_via(),
        message.call_id(),
        message.cseq(),
        message.from(),
        message.to(),
    );
    let _ = (
        message.contact(),
        message.from_tag(),
        message.to_tag(),
        message.uri(),
        message.reason(),
    );
    let _ = message.values(HeaderId::Via).count() + message.values(HeaderId::Contact).count();
    let body = message.body();
    let _ = multipart::parts(&body, message.content_type().unwrap_or_default());
}
