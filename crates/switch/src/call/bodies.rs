//! What messages carry beside a session description: ISUP (RFC 3204), a location (RFC 6442), in multipart/mixed or alone.
//!
//! Parts of the types that both trunks have in `pass_bodies` cross as they are, beside our own SDP. Of other parts only those matter that
//! whoever sent them insists on (`handling=required`, RFC 3261 §20.11): nothing is made of the message then.

use bytes::Bytes;
use config::Trunk;
use sip_msg::{Edits, HeaderId, Limits, Message, multipart};

/// One part that is no session description.
struct Part<'m> {
    content_type: &'m [u8],
    disposition: Option<&'m [u8]>,
    id: Option<&'m [u8]>,
    encoding: Option<&'m [u8]>,
    body: &'m [u8],
}

/// What is before the parameters of a Content-Type.
pub(super) fn media_type(content_type: &[u8]) -> &[u8] {
    let end = content_type.iter().position(|c| *c == b';');
    content_type
        .get(..end.unwrap_or(content_type.len()))
        .unwrap_or_default()
        .trim_ascii()
}

/// Whether this is the Content-Type of a session description. There may be blanks around the slash (RFC 3261 §25.1 `SLASH`).
pub(super) fn is_sdp(content_type: &[u8]) -> bool {
    const SDP: &[u8] = b"application/sdp";
    let name = media_type(content_type);
    let plain = || name.iter().filter(|c| !c.is_ascii_whitespace());
    name.eq_ignore_ascii_case(SDP) || plain().map(u8::to_ascii_lowercase).eq(SDP.iter().copied())
}

/// Whether a body is written in a way that we can't read (RFC 3261 §8.2.3).
pub(super) fn is_encoded(message: &Message) -> bool {
    let encoding = message.header(HeaderId::ContentEncoding).unwrap_or_default();
    !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")
}

/// Whether this is the Content-Type of a body in parts.
pub(super) fn is_multipart(content_type: &[u8]) -> bool {
    let media_type = media_type(content_type).get(..10);
    media_type.is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
}

/// Whether a body may be more than a session description, at a glance.
pub(super) fn is_more(message: &Message) -> bool {
    let body = message.body();
    !body.is_empty() && !body.starts_with(b"v=")
}

/// Calls `each` for every part of a body that is no session description.
fn for_each<'m>(message: &'m Message, body: &'m Bytes, mut each: impl FnMut(Part<'m>)) {
    let Some(content_type) = message.content_type() else {
        return;
    };
    if is_multipart(content_type) {
        for part in multipart::parts(body, content_type).into_iter().flatten() {
            let content_type = part.content_type().unwrap_or(b"text/plain");
            if !is_sdp(content_type) {
                each(Part {
                    content_type,
                    disposition: part.header("Content-Disposition"),
                    id: part.header("Content-ID"),
                    encoding: part.header("Content-Transfer-Encoding"),
                    body: part.body,
                });
            }
        }
    } else if !is_sdp(content_type) {
        each(Part {
            content_type,
            disposition: message.header(HeaderId::ContentDisposition),
            id: None,
            encoding: None,
            body,
        });
    }
}

impl Part<'_> {
    /// Whether all of these trunks let it cross.
    fn crosses(&self, trunks: &[&Trunk]) -> bool {
        let name = media_type(self.content_type);
        let lets = |trunk: &&Trunk| {
            let mut types = trunk.pass_bodies.iter();
            types.any(|one| one.as_bytes().eq_ignore_ascii_case(name))
        };
        trunks.iter().all(lets)
    }

    /// Whether it has to be understood, in so many words. Without any it would have to be, too, but senders who mean that say so.
    fn is_required(&self) -> bool {
        let Some(disposition) = self.disposition else {
            return false;
        };
        disposition.split(|c| *c == b';').skip(1).any(|param| {
            let mut halves = param.splitn(2, |c| *c == b'=');
            let mut next = || halves.next().unwrap_or_default().trim_ascii();
            next().eq_ignore_ascii_case(b"handling") && next().eq_ignore_ascii_case(b"required")
        })
    }
}

/// Whether a message has a part that has to be understood and can't cross between these trunks: 415.
pub(super) fn insists(message: &Message, trunks: &[&Trunk]) -> bool {
    if !is_more(message) || !message.content_type().is_some_and(is_multipart) {
        return false;
    }
    let (body, mut insists) = (message.body(), false);
    for_each(message, &body, |part| {
        insists |= part.is_required() && !part.crosses(trunks)
    });
    insists
}

/// Whether a body in parts has something for somebody, though there is no session description in it.
pub(super) fn is_something(parts: &[multipart::Part<'_>]) -> bool {
    let known = [
        &b"application/isup"[..],
        b"application/qsig",
        b"application/pidf+xml",
    ];
    parts.iter().any(|part| {
        let name = media_type(part.content_type().unwrap_or_default());
        known.iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// The session description in a message of ours.
pub(super) fn session_in(message: &Message) -> Option<Bytes> {
    let body = message.body();
    let content_type = message.content_type()?;
    if is_sdp(content_type) {
        return Some(body);
    }
    let parts = multipart::parts(&body, content_type)?;
    let sdp = parts
        .iter()
        .find(|part| part.content_type().is_some_and(is_sdp))?;
    Some(body.slice_ref(sdp.body))
}

/// Puts beside the body of a message of ours what `source` has for the other side. `mark` has no place in any of it: a token of ours.
pub(super) fn with_parts(ours: Bytes, source: &Message, trunks: [&Trunk; 2], mark: &[u8]) -> Bytes {
    if !is_more(source) {
        return ours;
    }
    let (body, mut parts) = (source.body(), Vec::new());
    for_each(source, &body, |part| {
        if part.crosses(&trunks) {
            parts.push(part);
        }
    });
    let Ok(message) = sip_msg::parse(ours.clone(), &Limits::default()) else {
        return ours;
    };
    let session = message.body();
    let mut edits = Edits::new();
    match parts.as_slice() {
        [] => return ours,
        [alone] if session.is_empty() => {
            edits.body(alone.content_type, alone.body);
            if let Some(disposition) = alone.disposition {
                edits.replace(HeaderId::ContentDisposition, disposition);
            }
        }
        all => {
            let kind = [b"multipart/mixed;boundary=", mark].concat();
            edits.body(&kind, &compose(&session, all, mark));
            edits.replace(HeaderId::MimeVersion, b"1.0");
        }
    }
    // Whoever speaks of a part by its Content-ID (RFC 6442 §4.1).
    if parts.iter().any(|part| part.id.is_some()) {
        for value in source.values(HeaderId::Geolocation) {
            if value.starts_with(b"<cid:") {
                edits.append(HeaderId::Geolocation, value);
            }
        }
    }
    message.write(&edits)
}

fn compose(session: &[u8], parts: &[Part<'_>], mark: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let begin = |out: &mut Vec<u8>, content_type: &[u8]| {
        for piece in [b"--", mark, b"\r\nContent-Type: ", content_type, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    };
    if !session.is_empty() {
        begin(&mut out, b"application/sdp");
        for piece in [b"\r\n", session, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    }
    for part in parts {
        begin(&mut out, part.content_type);
        for (name, value) in [
            (&b"Content-Disposition: "[..], part.disposition),
            (b"Content-ID: ", part.id),
            (b"Content-Transfer-Encoding: ", part.encoding),
        ] {
            if let Some(value) = value {
                for piece in [name, value, b"\r\n"] {
                    out.extend_from_slice(piece);
                }
            }
        }
        for piece in [b"\r\n", part.body, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    }
    for piece in [b"--", mark, b"--\r\n"] {
        out.extend_from_slice(piece);
    }
    out
}
