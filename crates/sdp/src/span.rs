//! Ranges into a document.

/// A range of bytes; documents are at most 4 GB (in truth 64 kB, [`crate::Limits`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            start: clamp(start),
            end: clamp(end),
        }
    }

    /// Where `part` lies in `whole`; `part` must have been cut from it.
    pub(crate) fn within(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Span::new(start, start.saturating_add(part.len()))
    }

    pub(crate) fn of(self, raw: &[u8]) -> &[u8] {
        raw.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Empty where the bytes are not UTF-8.
    pub(crate) fn text(self, raw: &[u8]) -> &str {
        std::str::from_utf8(self.of(raw)).unwrap_or_default()
    }
}

/// Splits at the first `at`.
pub(crate) fn split(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, bytes) {
        Some(i) => (bytes.get(..i).unwrap_or_default(), bytes.get(i + 1..)),
        None => (bytes, None),
    }
}

/// Words between spaces and tabs.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty())
}

/// The first word and the rest, trimmed.
pub(crate) fn first_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii();
    match bytes.iter().position(u8::is_ascii_whitespace) {
        Some(i) => (
            bytes.get(..i).unwrap_or_default(),
            bytes.get(i..).unwrap_or_default().trim_ascii(),
        ),
        None => (bytes, &[]),
    }
}

/// Plain digits only: no sign, no spaces, and it fits.
pub(crate) fn number<T: TryFrom<u64>>(bytes: &[u8]) -> Option<T> {
    if bytes.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    T::try_from(number).ok()
}

/// An RTP payload type: 0 to 127.
pub(crate) fn payload_type(bytes: &[u8]) -> Option<u8> {
    number::<u8>(bytes).filter(|pt| *pt < 128)
}
