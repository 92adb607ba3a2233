//! The far leg's body.

use std::io::Write;
use std::net::IpAddr;

use crate::codec::Codec;
use crate::fields::{MLine, parse_rtpmap};
use crate::media::{Attribute, Direction, Media, Proto};
use crate::offer::hold_direction;
use crate::parse::{Limits, Sdp, parse};
use crate::span::{first_word, payload_type, words};
pub use formats::CodecFilter;
use formats::Formats;
use hidden::Hidden;

mod formats;
mod hidden;
pub mod rules;

/// Our o= line.
#[derive(Clone, Copy, Debug)]
pub struct NewOrigin<'a> {
    /// User name; `-` is written if it is empty or not a token.
    pub username: &'a str,
    /// Session id: the same for the life of the dialog.
    pub id: u64,
    /// Version: grows by one with each changed body (RFC 3264 §8).
    pub version: u64,
    /// Our address.
    pub address: IpAddr,
}

/// What to write.
#[derive(Clone, Copy, Debug)]
pub struct Compose<'a> {
    /// Our o= line.
    pub origin: NewOrigin<'a>,
    /// Our media address: the session's c= line.
    pub address: IpAddr,
    /// Whose session-level lines (t=, b=, kept a=) are taken.
    pub source: &'a Sdp,
    /// m= sections to write, in order.
    pub slots: &'a [Slot<'a>],
    /// A kept line that contains one of these (any case) is dropped.
    pub hide: &'a [&'a [u8]],
    /// Attributes of our own for the session part, without line ends: `a=ice-lite`.
    pub lines: &'a [String],
}

/// One m= section to write.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    /// A live stream.
    Stream {
        /// The peer's section that is rewritten.
        media: &'a Media,
        /// Our port; 0 disables the stream.
        port: u16,
        /// How RTCP is announced.
        rtcp: RtcpPlan,
        /// Which formats.
        codecs: CodecFilter<'a>,
        /// `None`: the source's, with its hold by address made explicit.
        direction: Option<Direction>,
        /// Its profile and what goes with that.
        transport: Transport<'a>,
    },
    /// A refused stream (RFC 3264 §6): the peer's m= line with port 0.
    Rejected {
        /// The m= line, with or without `m=`.
        line: &'a [u8],
    },
}

impl Slot<'_> {
    fn is_own(&self) -> bool {
        matches!(self, Slot::Stream { codecs, .. } if codecs.is_own())
    }
}

/// The profile under which a stream is written, and the attributes that belong to it: keys, fingerprints, candidates, which
/// are each leg's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transport<'a> {
    /// `None`: the source's.
    pub proto: Option<Proto>,
    /// Whole attribute lines (`a=crypto:1 …`), written as they are at the end of the section. The source's of the same names are
    /// dropped.
    pub attributes: &'a [String],
}

/// How RTCP is announced (RFC 3605, RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpPlan {
    /// RTCP on port + 1, nothing written.
    Pair,
    /// `a=rtcp-mux`: an answer that accepts it.
    Mux,
    /// `a=rtcp:port+1` and `a=rtcp-mux`: an offer.
    MuxOffer,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No codec of this slot (index) is left: 488.
    #[error("no codec left in media description {0}")]
    NoCodec(usize),
    /// The m= line of this rejected slot (index) is malformed.
    #[error("malformed media line in slot {0}")]
    Line(usize),
    /// The media type or profile of this slot (index) contains a hidden string.
    #[error("media line of slot {0} cannot be hidden")]
    Hidden(usize),
}

/// Writes the body: `v= o= s= c= b= t= a=`, then one m= section per slot, in the order of the slots (RFC 3264 §6: an
/// answer has the offer's m-lines, all of them, in order). What stays of the source's lines, and where: [`rules`].
pub fn compose(c: &Compose<'_>) -> Result<Vec<u8>, ComposeError> {
    let mut writer = Writer {
        out: Vec::with_capacity(c.source.raw().len() + 256),
        hidden: Hidden::new(c.hide, c.source),
        source: c.source,
    };
    writer.session(c);
    for (index, slot) in c.slots.iter().enumerate() {
        match *slot {
            Slot::Rejected { line } => writer.rejected(index, line)?,
            Slot::Stream { media, port: 0, .. } => writer.rejected(index, media.line())?,
            Slot::Stream {
                media,
                port,
                rtcp,
                codecs,
                direction,
                transport,
            } => {
                writer.stream(
                    index,
                    &Stream {
                        media,
                        port,
                        rtcp,
                        codecs,
                        direction,
                        transport,
                    },
                )?;
            }
        }
    }
    // It is kept for as long as the session lasts.
    writer.out.shrink_to_fit();
    Ok(writer.out)
}

impl Transport<'_> {
    /// Whether a line of the source goes because of what we say ourselves.
    fn replaces(&self, attribute: &Attribute<'_>) -> bool {
        let ours = |line: &String| {
            let own = Attribute::from_line(line.as_bytes());
            own.is_some_and(|own| own.name.eq_ignore_ascii_case(attribute.name))
        };
        self.attributes.iter().any(ours)
    }
}

/// [`Slot::Stream`]'s fields.
struct Stream<'a> {
    media: &'a Media,
    port: u16,
    rtcp: RtcpPlan,
    codecs: CodecFilter<'a>,
    direction: Option<Direction>,
    transport: Transport<'a>,
}

impl Stream<'_> {
    /// `a=rtcp-fb` means nothing to a profile without feedback (RFC 4585 §4.2), if it meant something before.
    fn loses_feedback(&self) -> bool {
        let written = self.transport.proto.unwrap_or(self.media.proto());
        self.media.proto().is_feedback() && !written.is_feedback()
    }
}

struct Writer<'a> {
    out: Vec<u8>,
    hidden: Hidden<'a>,
    source: &'a Sdp,
}

impl Writer<'_> {
    fn line(&mut self, line: &[u8]) {
        self.out.extend_from_slice(line);
        self.out.extend_from_slice(b"\r\n");
    }

    fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.out.extend_from_slice(text.as_ref());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.text(itoa::Buffer::new().format(number))
    }

    /// `IN IP4 192.0.2.1`, and the line's end.
    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(ip) => {
                self.text("IN IP4 ");
                for (i, octet) in ip.octets().into_iter().enumerate() {
                    self.text(if i > 0 { "." } else { "" }).number(octet.into());
                }
            }
            // A Vec takes every write.
            IpAddr::V6(ip) => drop(write!(self.out, "IN IP6 {ip}")),
        }
        self.line(b"");
    }

    /// A line of the source, unless it gives something away.
    fn foreign(&mut self, line: &[u8]) {
        if !self.hidden.is_in(line) {
            self.line(line);
        }
    }

    fn session(&mut self, c: &Compose<'_>) {
        let o = &c.origin;
        let token = !o.username.is_empty() && o.username.bytes().all(|b| b.is_ascii_graphic());
        let username = if token { o.username } else { "-" };
        self.line(b"v=0");
        self.text("o=").text(username).text(" ").number(o.id);
        self.text(" ").number(o.version).text(" ").address(o.address);
        self.line(b"s=-");
        self.text("c=").address(c.address);
        let own = c.slots.iter().any(Slot::is_own);
        for line in c.source.lines().filter(|l| !own && rules::valid_bandwidth(l)) {
            self.foreign(line);
        }
        let time = c
            .source
            .lines()
            .find(|l| rules::valid_time(l) && !self.hidden.is_in(l));
        self.line(time.unwrap_or(b"t=0 0"));
        for line in c.source.lines() {
            let Some(attribute) = Attribute::from_line(line) else {
                continue;
            };
            if !own && rules::fate(&attribute) == rules::Fate::Keep {
                self.foreign(line);
            }
        }
        for line in c.lines {
            self.line(line.as_bytes());
        }
    }

    /// `m=type 0 profile formats`: at least one format, whatever it is (RFC 3264 §6).
    fn rejected(&mut self, index: usize, line: &[u8]) -> Result<(), ComposeError> {
        let m = MLine::parse(line).map_err(|_| ComposeError::Line(index))?;
        self.m_line(index, &m, 0)?;
        let proto = Proto::from_token(m.proto);
        let before = self.out.len();
        for word in words(m.formats).take(Limits::default().formats) {
            if !proto.is_rtp() || payload_type(word).is_some() {
                self.format(word);
            }
        }
        if self.out.len() == before {
            self.out.extend_from_slice(match proto {
                Proto::Udptl => b" t38",
                Proto::Other => b" *",
                Proto::RtpAvp | Proto::RtpAvpf | Proto::RtpSavp | Proto::RtpSavpf => b" 0",
                Proto::UdpTlsSavp | Proto::UdpTlsSavpf => b" 0",
            });
        }
        self.line(b"");
        Ok(())
    }

    /// All but the formats and the line end.
    fn m_line(&mut self, index: usize, m: &MLine<'_>, port: u16) -> Result<(), ComposeError> {
        if self.hidden.is_in(m.kind) || self.hidden.is_in(m.proto) {
            return Err(ComposeError::Hidden(index));
        }
        self.out.extend_from_slice(b"m=");
        self.out.extend_from_slice(m.kind);
        self.text(" ").number(port.into()).text(" ").text(m.proto);
        Ok(())
    }

    fn format(&mut self, word: &[u8]) {
        if !self.hidden.is_in(word) {
            self.out.push(b' ');
            self.out.extend_from_slice(word);
        }
    }

    fn stream(&mut self, index: usize, s: &Stream<'_>) -> Result<(), ComposeError> {
        let m = MLine::parse(s.media.line()).map_err(|_| ComposeError::Line(index))?;
        let rtp = s.media.proto().is_rtp();
        let proto = s
            .transport
            .proto
            .and_then(Proto::name)
            .map_or(m.proto, str::as_bytes);
        self.m_line(index, &MLine { proto, ..m }, s.port)?;
        let mut formats = Formats::default();
        if rtp {
            let left = Formats::select(s.media, s.codecs, &self.hidden);
            formats = left.ok_or(ComposeError::NoCodec(index))?;
            for pt in formats.numbers() {
                self.text(" ").number(pt.into());
            }
        } else {
            let before = self.out.len();
            words(m.formats).for_each(|word| self.format(word));
            if self.out.len() == before {
                return Err(ComposeError::NoCodec(index));
            }
        }
        self.line(b"");
        let own = s.codecs.is_own();
        for line in s.media.lines().filter(|l| !own && rules::valid_bandwidth(l)) {
            self.foreign(line);
        }
        self.attributes(s, &formats);
        if rtp {
            self.rtcp(s.port, s.rtcp);
        }
        for attribute in s.transport.attributes {
            self.line(attribute.as_bytes());
        }
        Ok(())
    }

    fn attributes(&mut self, s: &Stream<'_>, formats: &Formats<'_>) {
        let mut direction = Some(
            s.direction
                .unwrap_or_else(|| hold_direction(self.source, s.media)),
        );
        let mut mapped = 0u128;
        for line in s.media.lines() {
            let Some(attribute) = Attribute::from_line(line) else {
                continue;
            };
            if s.transport.replaces(&attribute) {
                continue;
            }
            let fate = if s.codecs.is_own() {
                rules::own_fate(&attribute)
            } else {
                rules::fate(&attribute)
            };
            match fate {
                rules::Fate::Drop | rules::Fate::IfValid => {}
                rules::Fate::Keep => self.foreign(line),
                rules::Fate::Ours if Direction::from_name(attribute.name).is_some() => {
                    if let Some(direction) = direction.take() {
                        self.text("a=").line(direction.as_str().as_bytes());
                    }
                }
                rules::Fate::Ours => {}
                rules::Fate::WithFormat if attribute.is("rtcp-fb") && s.loses_feedback() => {}
                rules::Fate::WithFormat if s.media.proto().is_rtp() => {
                    self.with_format(s.media, line, &attribute, formats, &mut mapped);
                }
                rules::Fate::WithFormat => self.foreign(line),
            }
        }
        for codec in formats.added() {
            self.added(codec);
        }
        for (_, pt) in formats.annex_b_answers() {
            self.text("a=fmtp:").number(pt.into()).line(b" annexb=no");
        }
        // sendrecv is what its absence means.
        if let Some(direction) = direction.filter(|d| *d != Direction::SendRecv) {
            self.text("a=").line(direction.as_str().as_bytes());
        }
    }

    /// rtpmap and fmtp of a format that the source does not have.
    fn added(&mut self, codec: &Codec<'_>) {
        self.text("a=rtpmap:").number(codec.pt.into()).text(" ");
        self.text(codec.name).text("/").number(codec.clock.into());
        if codec.channels > 1 {
            self.text("/").number(codec.channels.into());
        }
        self.line(b"");
        if let Some(fmtp) = codec.fmtp {
            self.text("a=fmtp:").number(codec.pt.into());
            self.text(" ").line(fmtp.as_bytes());
        }
    }

    /// rtpmap, fmtp and rtcp-fb of a format that is written. `mapped`: payload types whose rtpmap has been seen.
    fn with_format(
        &mut self,
        media: &Media,
        line: &[u8],
        attribute: &Attribute<'_>,
        formats: &Formats<'_>,
        mapped: &mut u128,
    ) {
        let (word, rest) = first_word(attribute.value.unwrap_or_default());
        if word == b"*" && attribute.is("rtcp-fb") {
            return self.foreign(line);
        }
        let Some(from) = payload_type(word) else { return };
        let Some(to) = formats.out(from) else { return };
        if attribute.is("rtpmap") {
            let bit = 1u128 << from;
            if *mapped & bit != 0 || attribute.value.and_then(parse_rtpmap).is_none() {
                return;
            }
            *mapped |= bit;
        }
        let mut renumbered = None;
        if attribute.is("fmtp") {
            if formats.forbids_annex_b(from) {
                return;
            }
            renumbered = formats.renumbered_fmtp(media, from);
        }
        if from == to && renumbered.is_none() {
            return self.foreign(line);
        }
        let value = renumbered.as_ref().map_or(rest, |v| v.as_bytes());
        if !self.hidden.is_in(value) {
            self.text("a=").text(attribute.name).text(":");
            self.number(to.into()).text(" ").line(value);
        }
    }

    fn rtcp(&mut self, port: u16, plan: RtcpPlan) {
        match (plan, port.checked_add(1)) {
            (RtcpPlan::Pair, _) => {}
            (RtcpPlan::Mux, _) | (RtcpPlan::MuxOffer, None) => self.line(b"a=rtcp-mux"),
            (RtcpPlan::MuxOffer, Some(next)) => {
                self.text("a=rtcp:").number(next.into()).line(b"");
                self.line(b"a=rtcp-mux");
            }
        }
    }
}

/// What we offer when nobody has given us anything to pass on.
const BASIC: &[u8] = b"v=0\r\nm=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n";

/// An offer of our own: PCMU, PCMA, telephone-event 101, 20 ms. `codecs` narrows or orders it (a trunk's policy).
///
/// # Errors
/// [`ComposeError::NoCodec`] if `codecs` leaves nothing.
pub fn basic_offer(
    origin: NewOrigin<'_>,
    address: IpAddr,
    port: u16,
    rtcp: RtcpPlan,
    codecs: CodecFilter<'_>,
) -> Result<Vec<u8>, ComposeError> {
    let source = parse(BASIC, &Limits::default()).map_err(|_| ComposeError::Line(0))?;
    let media = source.media().first().ok_or(ComposeError::Line(0))?;
    let slots = [Slot::Stream {
        media,
        port,
        rtcp,
        codecs,
        direction: None,
        transport: Transport::default(),
    }];
    compose(&Compose {
        origin,
        address,
        source: &source,
        slots: &slots,
        hide: &[],
        lines: &[],
    })
}
