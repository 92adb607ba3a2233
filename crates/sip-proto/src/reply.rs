//! Answers to requests (RFC 3261 §8.2.6) and where they go (§18.2.2, RFC 3581).

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use sip_msg::{HeaderId, Message, Method, Value, Via, Writer, status_reason};

use crate::Flow;

/// The start of an answer to `request`, which came by `flow`: status line, Via lines with `received` and `rport` filled in
/// (§18.2.1, RFC 3581 §4), From, To, Call-ID, CSeq; Timestamp for a 100; Record-Route for an answer that makes a dialog.
/// `reason` defaults to the status' own phrase. `to_tag` is added to a To that has none. Header lines that the
/// request lacks are left out.
pub fn reply(
    request: &Message,
    flow: &Flow,
    status: u16,
    reason: Option<&str>,
    to_tag: Option<&[u8]>,
) -> Writer {
    let mut writer = Writer::response(status, reason.unwrap_or_else(|| status_reason(status)));
    let mut first = true;
    for line in request.lines(HeaderId::Via) {
        if std::mem::take(&mut first) {
            let value = unfold(line);
            writer.parts(HeaderId::Via, |via| {
                stamp(via, &value, &request.top_via(), flow.remote);
            });
        } else {
            writer.header(HeaderId::Via, &unfold(line));
        }
    }
    if makes_dialog(request, status) {
        writer.copy(request, HeaderId::RecordRoute);
    }
    writer.copy(request, HeaderId::From);
    match to_tag
        .filter(|_| request.to_tag().is_none())
        .zip(request.header(HeaderId::To))
    {
        Some((tag, to)) => writer.parts(HeaderId::To, |value| {
            value.text(unfold(to)).text(";tag=").text(tag);
        }),
        None => writer.copy(request, HeaderId::To),
    };
    writer
        .copy(request, HeaderId::CallId)
        .copy(request, HeaderId::CSeq);
    if status == 100 {
        writer.copy(request, HeaderId::Timestamp);
    }
    writer
}

/// RFC 3261 §12.1.1: every answer that makes or may make a dialog carries the request's Record-Route.
fn makes_dialog(request: &Message, status: u16) -> bool {
    let creates = match request.method() {
        Some(Method::Invite | Method::Subscribe | Method::Notify | Method::Refer) => true,
        Some(
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Message
            | Method::Publish
            | Method::Other(_),
        )
        | None => false,
    };
    creates && (101..=299).contains(&status)
}

/// Where the answer to a request with this top Via goes when the request came from `flow`: over a stream back the same way, and
/// should the connection be gone to the source address and the sent-by port (§18.2.2); over datagrams to the source when `rport`
/// asks for it (RFC 3581 §4), else to the source address and the sent-by port. What the Via claims to have been received from is not believed.
pub(crate) fn target(via: &Via<'_>, flow: &Flow) -> SocketAddr {
    if !flow.transport.reliable() && (via.rport().is_some() || via.host.is_empty()) {
        return flow.remote;
    }
    SocketAddr::new(flow.remote.ip(), port(via, flow))
}

/// Where the Via's `maddr` has an answer over datagrams go (§18.2.2), if that is an address. It needs no forged source to have us
/// send to anybody, so only those are obeyed whom we know.
pub(crate) fn elsewhere(via: &Via<'_>, flow: &Flow) -> Option<SocketAddr> {
    if flow.transport.reliable() {
        return None;
    }
    let maddr = via.params.get("maddr").flatten().and_then(address)?;
    Some(SocketAddr::new(maddr, port(via, flow)))
}

fn port(via: &Via<'_>, flow: &Flow) -> u16 {
    via.port
        .filter(|&port| port != 0)
        .unwrap_or(flow.transport.default_port())
}

/// The first Via line with what we know about the sender put into its first value: `received` when sent-by isn't the source
/// address or `rport` is asked for, `rport` with the source port. A `received` that came along is not kept.
fn stamp(out: &mut Value<'_>, line: &[u8], via: &Via<'_>, source: SocketAddr) {
    let ip = source.ip().to_canonical();
    let wants_rport = via.rport().is_some();
    let end = value_end(line);
    let (value, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    for (i, part) in Parts(Some(value)).enumerate() {
        let name = part.split(|&c| c == b'=').next().unwrap_or_default().trim_ascii();
        if i > 0 && (name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport")) {
            continue;
        }
        if i > 0 {
            out.text(";");
        }
        out.text(part.trim_ascii());
    }
    if wants_rport || address(via.host) != Some(ip) {
        out.text(";received=").ip(ip);
    }
    if wants_rport {
        out.text(";rport=").number(source.port().into());
    }
    out.text(rest);
}

/// An IP address, with or without brackets; a name is none.
fn address(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// The pieces between the semicolons of one value.
pub(crate) fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    Parts(Some(value))
}

/// The pieces between the semicolons of one value, quoted strings respected.
struct Parts<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        match unquoted(rest, b';') {
            Some(at) => {
                let (part, more) = rest.split_at_checked(at)?;
                self.0 = more.get(1..);
                Some(part)
            }
            None => self.0.take(),
        }
    }
}

pub(crate) fn value_end(line: &[u8]) -> usize {
    unquoted(line, b',').unwrap_or(line.len())
}

/// Where `wanted` first stands outside of a quoted string.
fn unquoted(text: &[u8], wanted: u8) -> Option<usize> {
    let first = memchr::memchr2(wanted, b'"', text)?;
    if text.get(first) == Some(&wanted) {
        return Some(first);
    }
    let mut quoted = false;
    let mut escaped = false;
    for (i, &c) in text.iter().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if c == wanted && !quoted => return Some(i),
            _ => {}
        }
    }
    None
}

/// A header value on one line: folds (RFC 3261 §7.3.1) become blanks.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let words = value.split(|&c| c == b'\r' || c == b'\n').map(<[u8]>::trim_ascii);
    Cow::Owned(
        words
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(&b' '),
    )
}

#[cfg(test)]
mod tests;
