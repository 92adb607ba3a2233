//! The parameters of RFC 7339 in a Via, ours to say and to read.

use std::time::Duration;

use bytes::Bytes;
use sip_msg::{Message, Via};

/// Their names.
const NAMES: [&[u8]; 4] = [b"oc", b"oc-algo", b"oc-validity", b"oc-seq"];
/// For how long what we say of our load holds.
const VALIDITY: Duration = Duration::from_millis(1000);
/// For how long what a peer says holds that does not say (RFC 7339 §4.3).
const DEFAULT_VALIDITY: Duration = Duration::from_millis(500);

/// What a peer has said of its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// Requests in a hundred that it does not want.
    pub(super) loss: u8,
    /// For how long; nothing: it is over.
    pub(super) validity: Duration,
    /// Which word of its it is.
    pub(super) seq: u64,
}

/// Whether the sender of this request wants to know of our load, and takes it as a share of loss.
pub(crate) fn asks(request: &Message) -> bool {
    let via = request.top_via();
    if via.params.get("oc").is_none() {
        return false;
    }
    let algorithms = via.params.get("oc-algo").flatten();
    algorithms.is_none_or(|names| memchr::memmem::find(names, b"loss").is_some())
}

/// What a response says of its sender's load; `None`: nothing that could be read.
pub(super) fn said(via: &Via<'_>) -> Option<Said> {
    let number = |name| {
        let value = via.params.get(name).flatten()?;
        std::str::from_utf8(value).ok()?.trim().parse::<u64>().ok()
    };
    let loss = number("oc")?;
    let algorithm = via.params.get("oc-algo").flatten().unwrap_or(b"loss");
    if loss > 100 || memchr::memmem::find(algorithm, b"loss").is_none() {
        return None;
    }
    let validity =
        number("oc-validity").map_or(DEFAULT_VALIDITY, |ms| Duration::from_millis(ms.min(600_000)));
    let seq = via.params.get("oc-seq").flatten().and_then(sequence).unwrap_or(0);
    Some(Said {
        loss: u8::try_from(loss).unwrap_or(100),
        validity,
        seq,
    })
}

/// Digits, a dot, up to five digits (§4.4), as one number.
fn sequence(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok().filter(|whole| *whole < 1_000_000_000_000)?;
    let digits: u64 = format!("{:0<5.5}", rest).parse().ok()?;
    Some(whole * 100_000 + digits)
}

/// A response with our load in the place of what the request's Via asked for it (§5.2).
pub(crate) fn mark(response: &Bytes, loss: f32, at_ms: u64) -> Bytes {
    marked(response, loss, at_ms).map_or_else(|| response.clone(), Bytes::from)
}

fn marked(response: &[u8], loss: f32, at_ms: u64) -> Option<Vec<u8>> {
    let begin = memchr::memmem::find(response, b"\r\nVia: ")? + b"\r\nVia: ".len();
    let (head, rest) = response.split_at_checked(begin)?;
    let end = crate::reply::value_end(rest).min(memchr::memchr(b'\r', rest)?);
    let (value, rest) = rest.split_at_checked(end)?;
    let mut out = Vec::with_capacity(response.len() + 64);
    out.extend_from_slice(head);
    for (n, part) in crate::reply::parts(value).enumerate() {
        let name = part.split(|c| *c == b'=').next().unwrap_or_default().trim_ascii();
        if n > 0 && NAMES.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            continue;
        }
        if n > 0 {
            out.push(b';');
        }
        out.extend_from_slice(part.trim_ascii());
    }
    // Rounded up: some is not none.
    let percent = (loss * 100.0).ceil().clamp(0.0, 100.0) as u8;
    let validity = if percent == 0 { 0 } else { VALIDITY.as_millis() };
    let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
    let said = format!(";oc={percent};oc-algo=\"loss\";oc-validity={validity};oc-seq={seconds}.{ms:03}");
    out.extend_from_slice(said.as_bytes());
    out.extend_from_slice(rest);
    Some(out)
}
