//! One media description (RFC 8866 §5.14) as a view.

use std::net::IpAddr;

use bytes::Bytes;

use crate::codec::Codec;

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
    /// Whether the formats of the m= line are RTP payload types.
    pub fn is_rtp(self) -> bool {
        todo!()
    }
    /// Whether the profile demands SRTP.
    pub fn is_secure(self) -> bool {
        todo!()
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
    /// From what the owner does.
    pub fn new(sends: bool, receives: bool) -> Self {
        let _ = (sends, receives);
        todo!()
    }
    /// Whether the owner of this direction sends.
    pub fn sends(self) -> bool {
        todo!()
    }
    /// Whether the owner of this direction receives.
    pub fn receives(self) -> bool {
        todo!()
    }
    /// The attribute's name, as in `a=sendonly`.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
    /// What we may answer to `offered` when we would like `self`: never more than the offer allows (RFC 3264 §6.1).
    pub fn answer_to(self, offered: Direction) -> Self {
        let _ = offered;
        todo!()
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

/// One m= section.
#[derive(Clone, Debug)]
pub struct Media {
    raw: Bytes,
}

impl Media {
    /// The m= line with its `m=`, without the line end.
    pub fn line(&self) -> &[u8] {
        &self.raw
    }
    /// Media type.
    pub fn kind(&self) -> Kind {
        todo!()
    }
    /// Port of the m= line; 0: the stream is refused or disabled.
    pub fn port(&self) -> u16 {
        todo!()
    }
    /// Transport profile.
    pub fn proto(&self) -> Proto {
        todo!()
    }
    /// Formats as written, in order (RTP: payload types, valid and unique; other profiles: tokens).
    pub fn formats(&self) -> impl Iterator<Item = &str> + '_ {
        todo!();
        #[allow(unreachable_code)]
        std::iter::empty()
    }
    /// Direction: media level, else session level, else sendrecv.
    pub fn direction(&self) -> Direction {
        todo!()
    }
    /// `a=rtcp` (RFC 3605): port and, if given as a literal, address.
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        todo!()
    }
    /// `a=rtcp-mux` present (RFC 5761 §5.1.1).
    pub fn rtcp_mux(&self) -> bool {
        todo!()
    }
    /// `a=ptime` in milliseconds, 1 to 1000; nonsense is ignored.
    pub fn ptime(&self) -> Option<u32> {
        todo!()
    }
    /// Codecs in m-line order. A dynamic payload type without a usable rtpmap has no codec and is not listed.
    pub fn codecs(&self) -> impl Iterator<Item = Codec<'_>> + '_ {
        todo!();
        #[allow(unreachable_code)]
        std::iter::empty()
    }
    /// Attributes of this section in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> + '_ {
        todo!();
        #[allow(unreachable_code)]
        std::iter::empty()
    }
}
