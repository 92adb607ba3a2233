//! One media description (RFC 8866 §5.14) as a view.

use std::net::IpAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::codec::{Codec, static_codec};
use crate::fields::{Connection, LineError, MLine, parse_ptime, parse_rtcp, parse_rtpmap};
use crate::span::{Span, first_word, payload_type, split, words};

/// Media type of an m= line (RFC 8866 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `image` (T.38)
    Image,
    /// `application`
    Application,
    /// `message` (MSRP)
    Message,
    /// `text` (RFC 4103)
    Text,
    /// Anything else.
    Other,
}

impl Kind {
    pub(crate) fn from_token(token: &[u8]) -> Self {
        const NAMES: [(&str, Kind); 6] = [
            ("audio", Kind::Audio),
            ("video", Kind::Video),
            ("image", Kind::Image),
            ("application", Kind::Application),
            ("message", Kind::Message),
            ("text", Kind::Text),
        ];
        let known = NAMES
            .iter()
            .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()));
        known.map_or(Kind::Other, |(_, kind)| *kind)
    }
}

/// Transport profile of an m= line; compared without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proto {
    /// `RTP/AVP`
    RtpAvp,
    /// `RTP/AVPF`
    RtpAvpf,
    /// `RTP/SAVP`
    RtpSavp,
    /// `RTP/SAVPF`
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP`
    UdpTlsSavp,
    /// `UDP/TLS/RTP/SAVPF`
    UdpTlsSavpf,
    /// `udptl` (T.38)
    Udptl,
    /// Anything else.
    Other,
}

impl Proto {
    const NAMES: [(&'static str, Proto); 7] = [
        ("RTP/AVP", Proto::RtpAvp),
        ("RTP/AVPF", Proto::RtpAvpf),
        ("RTP/SAVP", Proto::RtpSavp),
        ("RTP/SAVPF", Proto::RtpSavpf),
        ("UDP/TLS/RTP/SAVP", Proto::UdpTlsSavp),
        ("UDP/TLS/RTP/SAVPF", Proto::UdpTlsSavpf),
        ("udptl", Proto::Udptl),
    ];

    /// As an m= line names it; `None` for what isn't known.
    pub fn name(self) -> Option<&'static str> {
        let known = Self::NAMES.iter().find(|(_, proto)| *proto == self);
        known.map(|(name, _)| *name)
    }

    /// Of RTP, with or without SRTP (RFC 3711), with or without early feedback (RFC 4585, RFC 5124).
    pub fn rtp(secure: bool, feedback: bool) -> Self {
        match (secure, feedback) {
            (false, false) => Proto::RtpAvp,
            (false, true) => Proto::RtpAvpf,
            (true, false) => Proto::RtpSavp,
            (true, true) => Proto::RtpSavpf,
        }
    }

    /// Of SRTP with keys from a DTLS handshake (RFC 5764).
    pub fn dtls(feedback: bool) -> Self {
        if feedback {
            Proto::UdpTlsSavpf
        } else {
            Proto::UdpTlsSavp
        }
    }

    /// Whether the profile has early feedback.
    pub fn is_feedback(self) -> bool {
        match self {
            Proto::RtpAvpf | Proto::RtpSavpf | Proto::UdpTlsSavpf => true,
            Proto::RtpAvp | Proto::RtpSavp | Proto::UdpTlsSavp | Proto::Udptl | Proto::Other => false,
        }
    }

    pub(crate) fn from_token(token: &[u8]) -> Self {
        let known = Self::NAMES
            .iter()
            .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()));
        known.map_or(Proto::Other, |(_, proto)| *proto)
    }

    /// Whether the formats of the m= line are RTP payload types.
    pub fn is_rtp(self) -> bool {
        match self {
            Proto::RtpAvp | Proto::RtpAvpf => true,
            Proto::Udptl | Proto::Other => false,
            Proto::RtpSavp | Proto::RtpSavpf | Proto::UdpTlsSavp | Proto::UdpTlsSavpf => true,
        }
    }

    /// Whether keys come from a DTLS handshake (RFC 5764).
    pub fn is_dtls(self) -> bool {
        match self {
            Proto::UdpTlsSavp | Proto::UdpTlsSavpf => true,
            Proto::RtpAvp | Proto::RtpAvpf | Proto::RtpSavp | Proto::RtpSavpf => false,
            Proto::Udptl | Proto::Other => false,
        }
    }

    /// Whether the profile demands SRTP.
    pub fn is_secure(self) -> bool {
        match self {
            Proto::RtpSavp | Proto::RtpSavpf | Proto::UdpTlsSavp | Proto::UdpTlsSavpf => true,
            Proto::RtpAvp | Proto::RtpAvpf | Proto::Udptl | Proto::Other => false,
        }
    }
}

/// Direction of a stream as its owner sees it (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Sends and receives: the default.
    #[default]
    SendRecv,
    /// Only sends.
    SendOnly,
    /// Only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    const ALL: [Direction; 4] = [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ];

    /// From what the owner does.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether the owner of this direction sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the owner of this direction receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The attribute's name, as in `a=sendonly`.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// What may be answered to `offered` when `self` is wanted: never more than the offer allows (RFC 3264 §6.1).
    pub fn answer_to(self, offered: Direction) -> Self {
        Direction::new(
            self.sends() && offered.receives(),
            self.receives() && offered.sends(),
        )
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|d| name.eq_ignore_ascii_case(d.as_str().as_bytes()))
    }
}

/// An `a=` line: `a=name` or `a=name:value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Before the colon.
    pub name: &'a [u8],
    /// After the colon, trimmed.
    pub value: Option<&'a [u8]>,
}

impl<'a> Attribute<'a> {
    /// `line` with its `a=`.
    pub(crate) fn from_line(line: &'a [u8]) -> Option<Self> {
        let (name, value) = split(line.strip_prefix(b"a=")?, b':');
        Some(Attribute {
            name: name.trim_ascii(),
            value: value.map(<[u8]>::trim_ascii),
        })
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// One payload type of an RTP m= line. A clock of 0 means that nothing says what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) pt: u8,
    channels: u8,
    clock: u32,
    /// `None`: the static table's name.
    name: Option<Span>,
    fmtp: Option<Span>,
}

impl Entry {
    fn new(pt: u8) -> Self {
        let (clock, channels) = static_codec(pt).map_or((0, 1), |(_, clock, channels)| (clock, channels));
        Entry {
            pt,
            channels,
            clock,
            name: None,
            fmtp: None,
        }
    }
}

/// One m= section.
#[derive(Clone, Debug)]
pub struct Media {
    raw: Bytes,
    line: Span,
    kind: Kind,
    proto: Proto,
    port: u16,
    entries: SmallVec<[Entry; 6]>,
    lines: Vec<Span>,
    pub(crate) connection: Connection,
    pub(crate) direction: Option<Direction>,
    rtcp: Option<(u16, Option<IpAddr>)>,
    rtcp_mux: bool,
    ptime: Option<u32>,
}

impl Media {
    pub(crate) fn new(raw: &Bytes, line: &[u8], max_formats: usize) -> Result<Self, LineError> {
        let m = MLine::parse(line)?;
        let proto = Proto::from_token(m.proto);
        let mut entries: SmallVec<[Entry; 6]> = SmallVec::new();
        for (count, word) in words(m.formats).enumerate() {
            if count >= max_formats {
                return Err(LineError::TooManyFormats);
            }
            if let Some(pt) = payload_type(word).filter(|_| proto.is_rtp())
                && !entries.iter().any(|e| e.pt == pt)
            {
                entries.push(Entry::new(pt));
            }
        }
        Ok(Media {
            raw: raw.clone(),
            line: Span::within(raw, line),
            kind: Kind::from_token(m.kind),
            proto,
            port: m.port,
            entries,
            lines: Vec::new(),
            connection: Connection::Absent,
            direction: None,
            rtcp: None,
            rtcp_mux: false,
            ptime: None,
        })
    }

    /// Takes a line of this section other than m= and c=.
    pub(crate) fn push(&mut self, line: &[u8]) {
        if self.lines.is_empty() {
            self.lines.reserve(8);
        }
        self.lines.push(Span::within(&self.raw, line));
        let Some(attribute) = Attribute::from_line(line) else {
            return;
        };
        let Some(value) = attribute.value else {
            if attribute.is("rtcp-mux") {
                self.rtcp_mux = true;
            } else if self.direction.is_none() {
                self.direction = Direction::from_name(attribute.name);
            }
            return;
        };
        if attribute.is("rtpmap") {
            self.rtpmap(value);
        } else if attribute.is("fmtp") {
            self.fmtp(value);
        } else if attribute.is("rtcp") {
            self.rtcp = self.rtcp.or_else(|| parse_rtcp(value));
        } else if attribute.is("ptime") {
            self.ptime = self.ptime.or_else(|| parse_ptime(value));
        }
    }

    /// Unusable ones are ignored, the first usable one of a payload type counts.
    fn rtpmap(&mut self, value: &[u8]) {
        let Some(map) = parse_rtpmap(value) else { return };
        let name = Span::within(&self.raw, map.name);
        if let Some(entry) = self
            .entries
            .iter_mut()
            .find(|e| e.pt == map.pt && e.name.is_none())
        {
            (entry.name, entry.clock, entry.channels) = (Some(name), map.clock, map.channels);
        }
    }

    fn fmtp(&mut self, value: &[u8]) {
        let (pt, parameters) = first_word(value);
        if parameters.is_empty() || std::str::from_utf8(parameters).is_err() {
            return;
        }
        let span = Span::within(&self.raw, parameters);
        if let Some(pt) = payload_type(pt)
            && let Some(entry) = self.entries.iter_mut().find(|e| e.pt == pt && e.fmtp.is_none())
        {
            entry.fmtp = Some(span);
        }
    }

    /// The m= line with its `m=`, without the line end.
    pub fn line(&self) -> &[u8] {
        self.line.of(&self.raw)
    }

    /// Media type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Port of the m= line; 0: the stream is refused or disabled.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Transport profile.
    pub fn proto(&self) -> Proto {
        self.proto
    }

    /// Formats as written, in order. For RTP profiles only valid payload types, each once.
    pub fn formats(&self) -> impl Iterator<Item = &str> + '_ {
        let formats = MLine::parse(self.line()).map_or(&[][..], |m| m.formats);
        let mut seen = 0u128;
        words(formats).filter_map(move |word| {
            if self.proto.is_rtp() {
                let bit = 1u128 << payload_type(word)?;
                if seen & bit != 0 {
                    return None;
                }
                seen |= bit;
            }
            std::str::from_utf8(word).ok()
        })
    }

    /// Payload types of an RTP m= line, in order, valid and unique; empty for other profiles.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.entries.iter().map(|e| e.pt)
    }

    /// Direction: media level, else session level, else sendrecv.
    pub fn direction(&self) -> Direction {
        self.direction.unwrap_or_default()
    }

    /// `a=rtcp` (RFC 3605): port and, if given as a usable literal, address.
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        self.rtcp
    }

    /// `a=rtcp-mux` present (RFC 5761 §5.1.1).
    pub fn rtcp_mux(&self) -> bool {
        self.rtcp_mux
    }

    /// `a=ptime` in milliseconds, 1 to 1000; nonsense is ignored.
    pub fn ptime(&self) -> Option<u32> {
        self.ptime
    }

    /// Codecs in m-line order. A dynamic payload type without a usable rtpmap has no codec and is not listed.
    pub fn codecs(&self) -> impl Iterator<Item = Codec<'_>> + '_ {
        self.entries.iter().filter_map(|e| self.codec(e))
    }

    /// The codec with this payload type, if it is listed and known.
    pub fn codec_of(&self, pt: u8) -> Option<Codec<'_>> {
        self.codec(self.entries.iter().find(|e| e.pt == pt)?)
    }

    /// Attributes of this section in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> + '_ {
        self.lines().filter_map(Attribute::from_line)
    }

    /// Lines of this section but m= and c=, in order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> + '_ {
        self.lines.iter().map(|s| s.of(&self.raw))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// `None` where nothing says what the payload type is.
    pub(crate) fn codec(&self, e: &Entry) -> Option<Codec<'_>> {
        if e.clock == 0 {
            return None;
        }
        let name = match e.name {
            Some(span) => span.text(&self.raw),
            None => static_codec(e.pt)?.0,
        };
        let fmtp = e.fmtp.map(|span| span.text(&self.raw));
        Some(Codec {
            pt: e.pt,
            name,
            clock: e.clock,
            channels: e.channels,
            fmtp,
        })
    }
}
