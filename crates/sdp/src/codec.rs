//! Codecs of an m= line and when two of them are the same.

/// A codec as one side describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec<'a> {
    /// RTP payload type, 0 to 127.
    pub pt: u8,
    /// Encoding name as written, or the static table's (RFC 3551 §6).
    pub name: &'a str,
    /// RTP clock rate in Hz, never 0.
    pub clock: u32,
    /// Channels, at least 1.
    pub channels: u8,
    /// Value of `a=fmtp` after the payload type.
    pub fmtp: Option<&'a str>,
}

impl Codec<'_> {
    /// RFC 4733 `telephone-event`.
    pub fn is_event(&self) -> bool {
        todo!()
    }
}

/// Whether two descriptions name the same codec.
pub fn same_codec(a: &Codec<'_>, b: &Codec<'_>) -> bool {
    let _ = (a, b);
    todo!()
}
