//! Request line and status line (RFC 3261 §7.1, §7.2).

use memchr::{memchr, memrchr};

use super::{Limits, Verdict};
use crate::chars::is_token;
use crate::defect::Defect;
use crate::message::Span;
use crate::method::Method;
use crate::view::Uri;

pub(super) enum StartLine {
    Request { method: Method, uri: Span },
    Response { status: u16, reason: Span },
}

/// `None` if the line is neither a request line nor a status line.
pub(super) fn read(raw: &[u8], limits: &Limits, verdict: &mut Verdict) -> Option<StartLine> {
    let end = memchr(b'\n', raw).unwrap_or(raw.len());
    let line = raw.get(..end)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > limits.start_line {
        verdict.add(Defect::StartLineTooLong);
    }
    let space = memchr(b' ', line)?;
    let (word, rest) = (line.get(..space)?, line.get(space + 1..)?);
    if is_version(word) {
        return Some(status_line(raw, word, rest, verdict));
    }
    if !is_token(word) {
        return None;
    }
    let method = Method::from_bytes(word)?;
    let uri = request_line(rest, verdict);
    Some(StartLine::Request {
        method,
        uri: uri.map(|u| Span::of(raw, u)).unwrap_or_default(),
    })
}

/// Behind the method: URI, one blank, version. A URI that can't be taken gives a defect, and is left out.
fn request_line<'a>(rest: &'a [u8], verdict: &mut Verdict) -> Option<&'a [u8]> {
    let Some(space) = memrchr(b' ', rest) else {
        verdict.add(Defect::StartLine);
        return None;
    };
    let (uri, version) = (rest.get(..space)?, rest.get(space + 1..)?);
    if !is_version(version) {
        verdict.add(Defect::StartLine);
        return None;
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        verdict.add(Defect::Version);
        return Some(uri);
    }
    match Uri::parse(uri) {
        Ok(Uri::Sip(sip)) if sip.headers.is_some() => {
            verdict.add(Defect::RequestUri);
            None
        }
        Ok(Uri::Sip(_) | Uri::Tel(_) | Uri::Other { .. }) => Some(uri),
        Err(_) => {
            verdict.add(Defect::RequestUri);
            None
        }
    }
}

fn status_line(raw: &[u8], version: &[u8], rest: &[u8], verdict: &mut Verdict) -> StartLine {
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        verdict.add(Defect::Version);
    }
    let code = rest.get(..3).unwrap_or_default();
    let status = if let [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] = code {
        u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
    } else {
        0
    };
    // A status line that ends behind the code lacks a blank only (RFC 4475 §3.1.1.13).
    let reason = match rest.get(3..).unwrap_or_default() {
        [b' ', reason @ ..] => Some(reason),
        [] => Some(&[][..]),
        _ => None,
    };
    let (Some(reason), true) = (reason, status != 0) else {
        verdict.add(Defect::StatusCode);
        // Any status but 0, which would make it a request.
        return StartLine::Response {
            status: 699,
            reason: Span::default(),
        };
    };
    StartLine::Response {
        status,
        reason: Span::of(raw, reason),
    }
}

/// `SIP/` digits `.` digits, in any case.
fn is_version(word: &[u8]) -> bool {
    let Some((name, number)) = word.split_at_checked(4) else {
        return false;
    };
    let Some(dot) = memchr(b'.', number) else {
        return false;
    };
    let digits = |s: Option<&[u8]>| s.is_some_and(|s| !s.is_empty() && s.iter().all(u8::is_ascii_digit));
    name.eq_ignore_ascii_case(b"SIP/") && digits(number.get(..dot)) && digits(number.get(dot + 1..))
}
