//! A message and what can be read in it.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::chars::{number, trim};
use crate::edit::Edits;
use crate::header::{Header, HeaderId};
use crate::method::Method;
use crate::view::{NameAddr, Params, Values, Via};

/// Header lines whose index fits into the message itself.
const INLINE: usize = 32;

/// A range of the message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The offsets of `part`, a slice of `whole`; an empty span when it isn't one (an empty literal).
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        match (
            u32::try_from(start),
            u32::try_from(start.wrapping_add(part.len())),
        ) {
            (Ok(start), Ok(end)) if end as usize <= whole.len() => Self { start, end },
            _ => Self::default(),
        }
    }

    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start: offset(start),
            end: offset(end),
        }
    }

    #[inline]
    pub(crate) fn get(self, whole: &[u8]) -> &[u8] {
        whole
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Offsets are below 4 GiB: the parser cuts what is longer.
#[inline]
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// One header line: it begins at `line` and ends where the next begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) line: u32,
    pub(crate) value: u32,
    pub(crate) value_end: u32,
    pub(crate) name: u16,
    pub(crate) id: HeaderId,
}

/// Where a name-addr stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddrIndex {
    display: Option<Span>,
    uri: Span,
    params: Span,
    tag: Option<Span>,
}

impl AddrIndex {
    pub(crate) fn of(raw: &[u8], address: &NameAddr<'_>, tag: Option<&[u8]>) -> Self {
        Self {
            display: address.display.map(|d| Span::of(raw, d)),
            uri: Span::of(raw, address.uri),
            params: Span::of(raw, address.params.raw()),
            tag: tag.map(|t| Span::of(raw, t)),
        }
    }

    fn view(self, raw: &[u8]) -> NameAddr<'_> {
        NameAddr {
            display: self.display.map(|d| d.get(raw)),
            uri: self.uri.get(raw),
            params: Params::unchecked(self.params.get(raw)),
        }
    }
}

/// Where the first Via value's parts stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ViaIndex {
    transport: Span,
    host: Span,
    port: Option<u16>,
    params: Span,
}

impl ViaIndex {
    pub(crate) fn of(raw: &[u8], via: &Via<'_>) -> Self {
        Self {
            transport: Span::of(raw, via.transport),
            host: Span::of(raw, via.host),
            port: via.port,
            params: Span::of(raw, via.params.raw()),
        }
    }
}

/// The values that every message is asked for, read once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hot {
    pub(crate) via: ViaIndex,
    pub(crate) from: AddrIndex,
    pub(crate) to: AddrIndex,
    pub(crate) contact: Option<AddrIndex>,
    pub(crate) call_id: Span,
    pub(crate) cseq: u32,
}

/// A parsed message: its bytes and an index of ranges. Cloning copies the index and counts a reference.
#[derive(Clone)]
pub struct Message {
    pub(crate) raw: Bytes,
    pub(crate) entries: SmallVec<[Entry; INLINE]>,
    /// Of a request its own, of a response that of CSeq.
    pub(crate) method: Method,
    /// Of a response; 0 for a request.
    pub(crate) status: u16,
    /// Request-URI or reason phrase.
    pub(crate) argument: Span,
    /// Behind the last header line, at the blank line.
    pub(crate) headers_end: u32,
    /// Where the body begins.
    pub(crate) body: u32,
    pub(crate) hot: Hot,
}

impl std::fmt::Debug for Message {
    /// Kind and size only: what is in a message is for the log levels that may show it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("method", &self.method.as_str())
            .field("status", &self.status())
            .field("cseq", &self.hot.cseq)
            .field("octets", &self.raw.len())
            .finish()
    }
}

impl Message {
    /// The message as it came, without what stood before or behind it in the datagram. Of a datagram with bare LF line ends: with
    /// CRLF ones.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The body.
    pub fn body(&self) -> Bytes {
        self.raw.slice((self.body as usize).min(self.raw.len())..)
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        self.status == 0
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        self.is_request().then_some(&self.method)
    }

    /// The status of a response, 100..=699.
    pub fn status(&self) -> Option<u16> {
        (self.status != 0).then_some(self.status)
    }

    /// The reason phrase of a response, any octets; empty for a request.
    pub fn reason(&self) -> &[u8] {
        if self.is_request() {
            &[]
        } else {
            self.argument.get(&self.raw)
        }
    }

    /// The Request-URI as sent, empty for a response.
    pub fn uri(&self) -> &[u8] {
        if self.is_request() {
            self.argument.get(&self.raw)
        } else {
            &[]
        }
    }

    /// Every header line in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.entries.iter().enumerate().map(|(i, entry)| {
            let line = self.line_of(i, entry);
            Header {
                id: entry.id,
                name: line.get(..usize::from(entry.name)).unwrap_or_default(),
                value: self.value_of(entry),
                line,
            }
        })
    }

    /// The first line's value, trimmed; folds are still inside.
    pub fn header(&self, id: HeaderId) -> Option<&[u8]> {
        self.entries.iter().find(|e| e.id == id).map(|e| self.value_of(e))
    }

    /// The first line's value by name, in any case, long or compact.
    pub fn header_named(&self, name: &str) -> Option<&[u8]> {
        match HeaderId::from_name(name.as_bytes()) {
            HeaderId::Other => self
                .headers()
                .find(|h| h.name.eq_ignore_ascii_case(name.as_bytes()))
                .map(|h| h.value),
            id => self.header(id),
        }
    }

    /// The value of each line of `id`, trimmed; folds and commas are still inside.
    pub fn lines(&self, id: HeaderId) -> impl Iterator<Item = &[u8]> {
        let entries = self.entries.iter();
        Lined {
            raw: &self.raw,
            entries,
            id,
        }
    }

    /// The comma-separated values over all lines of `id`, quotes and angle brackets respected; empty ones are skipped. For a header
    /// that is no list: one value per line.
    pub fn values(&self, id: HeaderId) -> Values<'_> {
        Values::lines(
            Lined {
                raw: &self.raw,
                entries: self.entries.iter(),
                id,
            },
            id,
        )
    }

    /// The first Via value.
    pub fn top_via(&self) -> Via<'_> {
        let index = self.hot.via;
        Via {
            transport: index.transport.get(&self.raw),
            host: index.host.get(&self.raw),
            port: index.port,
            params: Params::unchecked(index.params.get(&self.raw)),
        }
    }

    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.hot.call_id.get(&self.raw)
    }

    /// CSeq.
    pub fn cseq(&self) -> (u32, &Method) {
        (self.hot.cseq, &self.method)
    }

    /// From.
    pub fn from(&self) -> NameAddr<'_> {
        self.hot.from.view(&self.raw)
    }

    /// To.
    pub fn to(&self) -> NameAddr<'_> {
        self.hot.to.view(&self.raw)
    }

    /// The From tag; `None` from peers of RFC 2543.
    pub fn from_tag(&self) -> Option<&[u8]> {
        self.hot.from.tag.map(|t| t.get(&self.raw))
    }

    /// The To tag.
    pub fn to_tag(&self) -> Option<&[u8]> {
        self.hot.to.tag.map(|t| t.get(&self.raw))
    }

    /// The first Contact value; `None` without Contact and for `*`.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.hot.contact.map(|c| c.view(&self.raw))
    }

    /// Content-Type.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.header(HeaderId::ContentType)
    }

    /// The number in a header such as Max-Forwards, Expires or RSeq; parameters behind `;` are ignored. `None`: not there, or no
    /// number up to 2^32-1.
    pub fn number(&self, id: HeaderId) -> Option<u32> {
        let value = self.header(id)?;
        let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
        number(trim(value.get(..end)?))
    }

    /// Whether a list header (Require, Supported, Allow …) has this token, in any case.
    pub fn has_token(&self, id: HeaderId, token: &str) -> bool {
        self.values(id).any(|v| v.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The message with the edits applied; untouched lines leave byte for byte.
    pub fn write(&self, edits: &Edits) -> Bytes {
        edits.apply(self)
    }

    #[inline]
    pub(crate) fn value_of(&self, entry: &Entry) -> &[u8] {
        self.raw
            .get(entry.value as usize..entry.value_end as usize)
            .unwrap_or_default()
    }

    pub(crate) fn line_of(&self, index: usize, entry: &Entry) -> &[u8] {
        let end = self
            .entries
            .get(index + 1)
            .map_or(self.headers_end, |next| next.line);
        self.raw
            .get(entry.line as usize..end as usize)
            .unwrap_or_default()
    }
}

/// The values of the lines of one header.
#[derive(Clone, Debug)]
pub(crate) struct Lined<'a> {
    raw: &'a [u8],
    entries: std::slice::Iter<'a, Entry>,
    id: HeaderId,
}

impl<'a> Iterator for Lined<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let entry = self.entries.find(|e| e.id == self.id)?;
        Some(
            self.raw
                .get(entry.value as usize..entry.value_end as usize)
                .unwrap_or_default(),
        )
    }
}
