//! Building messages.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::chars::{is_token, is_token_char};
use crate::header::HeaderId;
use crate::message::Message;
use crate::method::Method;

/// Octets that most messages fit into.
const USUAL: usize = 1024;

/// Builds a message line by line. A value with a CR or LF that is no fold is refused: the line is left out and counted, so that
/// nobody's value becomes a header of ours. Folds become one blank. Content-Length is written by `finish`; setting it is ignored.
#[derive(Clone, Debug)]
pub struct Writer {
    buffer: Vec<u8>,
    refused: usize,
}

impl Writer {
    /// A request line. Blanks and controls in `uri` are escaped (`%20`).
    pub fn request(method: &Method, uri: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(USUAL);
        request_line(&mut buffer, method, uri);
        Self { buffer, refused: 0 }
    }

    /// A status line; `status` is 100..=699. CR and LF in the reason become blanks.
    pub fn response(status: u16, reason: &str) -> Self {
        let mut buffer = Vec::with_capacity(USUAL);
        status_line(&mut buffer, status, reason);
        Self { buffer, refused: 0 }
    }

    /// A header line.
    pub fn header(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        if id == HeaderId::ContentLength {
            return self;
        }
        // Our own names are tokens; `Other` has none.
        if id == HeaderId::Other || !value_line(&mut self.buffer, id.name().as_bytes(), value) {
            self.refused += 1;
        }
        self
    }

    /// A header line whose value is put together in place.
    pub fn parts(&mut self, id: HeaderId, write: impl FnOnce(&mut Value<'_>)) -> &mut Self {
        if id == HeaderId::ContentLength {
            return self;
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(id.name().as_bytes());
        self.buffer.extend_from_slice(b": ");
        let from = self.buffer.len();
        write(&mut Value(&mut self.buffer));
        let plain = memchr::memchr2(b'\r', b'\n', self.buffer.get(from..).unwrap_or_default()).is_none();
        if plain && id != HeaderId::Other {
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.buffer.truncate(start);
            self.refused += 1;
        }
        self
    }

    /// A header line from format arguments, without a copy between.
    pub fn header_fmt(&mut self, id: HeaderId, value: std::fmt::Arguments<'_>) -> &mut Self {
        self.parts(id, |line| line.format(value))
    }

    /// A header line by name; a name that is no token is refused.
    pub fn named(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        if HeaderId::from_name(name) != HeaderId::ContentLength && !header_line(&mut self.buffer, name, value)
        {
            self.refused += 1;
        }
        self
    }

    /// Every line of `id` in `from`: the value byte for byte, the name in its long form; folds become blanks.
    pub fn copy(&mut self, from: &Message, id: HeaderId) -> &mut Self {
        for entry in from
            .entries
            .iter()
            .filter(|e| e.id == id && id != HeaderId::Other)
        {
            self.header(id, from.value_of(entry));
        }
        self
    }

    /// Lines that were refused.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The message without a body.
    pub fn finish(mut self) -> Bytes {
        self.buffer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.exact()
    }

    /// The message with a body; no Content-Type line when `content_type` is empty.
    pub fn finish_with(mut self, content_type: &[u8], body: &[u8]) -> Bytes {
        self.buffer.reserve(body.len() + content_type.len() + 48);
        if !content_type.is_empty() {
            self.header(HeaderId::ContentType, content_type);
        }
        self.buffer.extend_from_slice(b"Content-Length: ");
        Value(&mut self.buffer).number(body.len() as u64);
        self.buffer.extend_from_slice(b"\r\n\r\n");
        self.buffer.extend_from_slice(body);
        self.exact()
    }

    /// In a buffer of just its size: many a message is kept for 32 s, while the roomy one is the next writer's, still warm.
    fn exact(self) -> Bytes {
        Bytes::copy_from_slice(&self.buffer)
    }
}

/// The value of a header line that is being written.
#[derive(Debug)]
pub struct Value<'a>(&'a mut Vec<u8>);

impl<'a> From<&'a mut Vec<u8>> for Value<'a> {
    fn from(end: &'a mut Vec<u8>) -> Self {
        Self(end)
    }
}

impl Value<'_> {
    /// These octets.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    /// A decimal number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.text(itoa::Buffer::new().format(number))
    }

    /// An address without a port; an IPv6 one without brackets.
    pub fn ip(&mut self, ip: IpAddr) -> &mut Self {
        let IpAddr::V4(ip) = ip else {
            self.format(format_args!("{ip}"));
            return self;
        };
        for (i, octet) in ip.octets().into_iter().enumerate() {
            if i > 0 {
                self.0.push(b'.');
            }
            self.number(octet.into());
        }
        self
    }

    /// Address and port; an IPv6 address in brackets.
    pub fn address(&mut self, address: SocketAddr) -> &mut Self {
        match address {
            SocketAddr::V4(v4) => self.ip((*v4.ip()).into()),
            SocketAddr::V6(v6) => self.text("[").ip((*v6.ip()).into()).text("]"),
        };
        self.text(":").number(address.port().into())
    }

    /// Whatever else there is to write.
    pub fn format(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a Vec can't fail.
        let _ = self.0.write_fmt(text);
    }
}

pub(crate) fn request_line(out: &mut Vec<u8>, method: &Method, uri: &[u8]) {
    out.extend(method.as_bytes().iter().copied().filter(|&b| is_token_char(b)));
    out.push(b' ');
    let plain = |b: &u8| *b > b' ' && *b != 0x7f;
    let mut rest = uri;
    while let Some(at) = rest.iter().position(|b| !plain(b)) {
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        let Some((odd, more)) = behind.split_first() else {
            break;
        };
        let _ = write!(out, "%{odd:02X}");
        rest = more;
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b" SIP/2.0\r\n");
}

pub(crate) fn status_line(out: &mut Vec<u8>, status: u16, reason: &str) {
    out.extend_from_slice(b"SIP/2.0 ");
    if status < 100 {
        out.extend_from_slice(if status < 10 { b"00" } else { b"0" });
    }
    Value(out).number(status.into());
    out.push(b' ');
    let from = out.len();
    out.extend_from_slice(reason.as_bytes());
    for byte in out.iter_mut().skip(from) {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// `Name: value` CRLF; nothing and `false` if the name is no token or the value has CR or LF outside of folds.
pub(crate) fn header_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    is_token(name) && value_line(out, name, value)
}

/// The same with a name that is a token for sure.
fn value_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    let start = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    if unfold(out, value) {
        out.extend_from_slice(b"\r\n");
        true
    } else {
        out.truncate(start);
        false
    }
}

/// Appends a value with each fold as one blank (RFC 3261 §7.3.1); `false` for CR or LF that is no fold.
pub(crate) fn unfold(out: &mut Vec<u8>, value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        let Some(folded) = behind
            .strip_prefix(b"\r\n")
            .filter(|b| matches!(b.first(), Some(b' ' | b'\t')))
        else {
            return false;
        };
        out.extend_from_slice(before);
        out.push(b' ');
        rest = crate::chars::trim_blanks(folded);
    }
    out.extend_from_slice(rest);
    true
}
