//! Bytes to an index of lines.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::fields::{Connection, LineError, parse_connection};
use crate::media::{Attribute, Direction, Media};
use crate::span::{Span, split, words};

/// What a document may cost. Over a limit it is refused whole, by a named error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body (65,536).
    pub bytes: usize,
    /// m= lines (64).
    pub media: usize,
    /// Formats per m= line (64).
    pub formats: usize,
    /// Lines (512).
    pub lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 65_536,
            media: 64,
            formats: 64,
            lines: 512,
        }
    }
}

/// Why a document is unusable as a whole. The call that carries it as an offer is answered 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Nothing in it.
    #[error("empty session description")]
    Empty,
    /// Longer than [`Limits::bytes`].
    #[error("session description too long")]
    TooLong,
    /// More lines than [`Limits::lines`].
    #[error("too many lines in session description")]
    TooManyLines,
    /// More m= lines than [`Limits::media`].
    #[error("too many media descriptions")]
    TooManyMedia,
    /// More formats in one m= line than [`Limits::formats`].
    #[error("too many formats in a media description")]
    TooManyFormats,
    /// It does not begin with `v=0`.
    #[error("session description does not begin with v=0")]
    Version,
    /// An m= line without media type, port and profile.
    #[error("malformed media description")]
    MediaLine,
    /// The port of an m= line is not in 0 to 65535.
    #[error("impossible port in a media description")]
    MediaPort,
}

impl SdpError {
    /// Metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            SdpError::Empty => "empty",
            SdpError::TooLong => "too_long",
            SdpError::TooManyLines => "too_many_lines",
            SdpError::TooManyMedia => "too_many_media",
            SdpError::TooManyFormats => "too_many_formats",
            SdpError::Version => "version",
            SdpError::MediaLine => "media_line",
            SdpError::MediaPort => "media_port",
        }
    }
}

impl From<LineError> for SdpError {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Malformed => SdpError::MediaLine,
            LineError::Port => SdpError::MediaPort,
            LineError::TooManyFormats => SdpError::TooManyFormats,
        }
    }
}

/// The o= line (RFC 8866 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, `-` if none.
    pub username: &'a str,
    /// Session id, digits as written.
    pub id: &'a str,
    /// Session version, digits as written.
    pub version: &'a str,
    /// Address or host name as written.
    pub address: &'a str,
}

/// Where a peer wants its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// RTP (or UDPTL).
    pub rtp: SocketAddr,
    /// RTCP; the same as `rtp` with rtcp-mux.
    pub rtcp: SocketAddr,
}

/// A parsed session description: its bytes and an index of their lines. Cheap to clone for one or two m-lines.
#[derive(Clone, Debug)]
pub struct Sdp {
    raw: Bytes,
    lines: SmallVec<[Span; 8]>,
    origin: Option<Span>,
    connection: Connection,
    media: Vec<Media>,
}

impl Sdp {
    /// The body as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The o= line, if it is there and well formed.
    pub fn origin(&self) -> Option<Origin<'_>> {
        let mut fields = self.origin?.text(&self.raw).split_ascii_whitespace();
        let (username, id, version) = (fields.next()?, fields.next()?, fields.next()?);
        let (_net, _family, address) = (fields.next()?, fields.next()?, fields.next()?);
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        (digits(id) && digits(version)).then_some(Origin {
            username,
            id,
            version,
            address,
        })
    }

    /// m= sections in order.
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// Session-level attributes in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> + '_ {
        self.lines().filter_map(Attribute::from_line)
    }

    /// Session-level lines in order, but v=, o= and c=.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> + '_ {
        self.lines.iter().map(|s| s.of(&self.raw))
    }

    /// The address of `m`: its own c= line, else the session's. `None`: no c= line, a host name, multicast, broadcast.
    /// `0.0.0.0` and `::` (hold) are returned as they are. Of several c= lines at one level the first usable counts.
    pub fn connection(&self, m: &Media) -> Option<IpAddr> {
        let effective = if m.connection == Connection::Absent {
            self.connection
        } else {
            m.connection
        };
        match effective {
            Connection::Address(address) => Some(address),
            Connection::Absent | Connection::Unusable => None,
        }
    }

    /// Where to send this stream's packets; `None` for a refused stream, no address or a hold address. With `mux`
    /// (negotiated, RFC 5761 §5.1.1) RTCP goes to the RTP port; else to `a=rtcp`, else to the next port.
    pub fn endpoints(&self, m: &Media, mux: bool) -> Option<Endpoints> {
        let address = self
            .connection(m)
            .filter(|a| !a.is_unspecified() && m.port() != 0)?;
        let rtp = SocketAddr::new(address, m.port());
        let rtcp = match (mux, m.rtcp()) {
            (true, _) => rtp,
            (false, Some((port, own))) => SocketAddr::new(own.unwrap_or(address), port),
            (false, None) => SocketAddr::new(address, m.port().saturating_add(1)),
        };
        Some(Endpoints { rtp, rtcp })
    }

    /// Addresses and host names that the document itself uses, as written.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let origin = self.origin().map(|o| o.address.as_bytes());
        let raw: &[u8] = &self.raw;
        let connections = lines_of(raw)
            .filter_map(|l| words(l.strip_prefix(b"c=")?).nth(2))
            .map(|a| split(a, b'/').0);
        let rtcp = self
            .media
            .iter()
            .flat_map(Media::attributes)
            .filter(|a| a.is("rtcp"));
        origin
            .into_iter()
            .chain(connections)
            .chain(rtcp.filter_map(|a| words(a.value?).nth(3)))
    }
}

/// Lines without their ends; LF and CRLF.
pub(crate) fn lines_of(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|b| *b == b'\n')
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l))
}

/// Parses a body; copies it once. See [`parse_bytes`].
pub fn parse(body: &[u8], limits: &Limits) -> Result<Sdp, SdpError> {
    if body.len() > limits.bytes {
        return Err(SdpError::TooLong);
    }
    parse_bytes(Bytes::copy_from_slice(body), limits)
}

/// Parses a body without copying it (RFC 8866 §5). Tolerated: LF ends, blank lines, any order of lines after `v=0`,
/// missing o=, s=, t= and c=, repeated lines, unknown line types (ignored), lines with NUL or a bare CR (ignored),
/// attributes with nonsense in them (ignored). What makes the whole unusable is a [`SdpError`].
pub fn parse_bytes(body: Bytes, limits: &Limits) -> Result<Sdp, SdpError> {
    if body.len() > limits.bytes {
        return Err(SdpError::TooLong);
    }
    let mut sdp = Sdp {
        raw: body.clone(),
        lines: SmallVec::new(),
        origin: None,
        connection: Connection::Absent,
        media: Vec::new(),
    };
    let mut direction = None;
    let mut count = 0usize;
    for line in lines_of(&body) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        count += 1;
        if count > limits.lines {
            return Err(SdpError::TooManyLines);
        }
        if count == 1 {
            if line.strip_prefix(b"v=").is_none_or(|v| v.trim_ascii() != b"0") {
                return Err(SdpError::Version);
            }
            continue;
        }
        if line.starts_with(b"m=") {
            if sdp.media.len() >= limits.media {
                return Err(SdpError::TooManyMedia);
            }
            if sdp.media.is_empty() {
                // Nearly always the only one.
                sdp.media.reserve_exact(1);
            }
            sdp.media.push(Media::new(&body, line, limits.formats)?);
        } else if well_formed(line) {
            sdp.push(line, &mut direction);
        }
    }
    if count == 0 {
        return Err(SdpError::Empty);
    }
    for m in &mut sdp.media {
        m.direction = m.direction.or(direction);
    }
    Ok(sdp)
}

impl Sdp {
    fn push(&mut self, line: &[u8], direction: &mut Option<Direction>) {
        if let Some(value) = line.strip_prefix(b"c=") {
            let connection = self
                .media
                .last_mut()
                .map_or(&mut self.connection, |m| &mut m.connection);
            match connection {
                Connection::Address(_) => {}
                Connection::Absent | Connection::Unusable => *connection = parse_connection(value),
            }
            return;
        }
        if let Some(m) = self.media.last_mut() {
            m.push(line);
            return;
        }
        if let Some(value) = line.strip_prefix(b"o=") {
            self.origin.get_or_insert(Span::within(&self.raw, value));
            return;
        }
        self.lines.push(Span::within(&self.raw, line));
        if let Some(Attribute { name, value: None }) = Attribute::from_line(line)
            && direction.is_none()
        {
            *direction = Direction::from_name(name);
        }
    }
}

/// `x=…` with a known shape and none of the bytes that RFC 8866 §9 forbids in text.
fn well_formed(line: &[u8]) -> bool {
    matches!(line, [b'a'..=b'z', b'=', ..]) && memchr::memchr2(0, b'\r', line).is_none()
}
