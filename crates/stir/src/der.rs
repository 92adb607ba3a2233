//! As much of a DER reader as the extensions of RFC 8226 take: one element after the other, definite lengths only.

/// An element: its tag's octet, what is inside, and the whole of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) inside: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// The first element of `bytes`, and what follows it. `None`: there is none, or it is cut off.
pub(crate) fn first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // Tags above 30 take more octets; there are none here.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            let length = octets
                .iter()
                .fold(0, |sum, octet| (sum << 8) | usize::from(*octet));
            (length, rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - after.len())?;
    Some((Element { tag, inside, whole }, after))
}

/// Every element of `bytes`. `None`: what is there is no row of whole elements, or more than `most`.
pub(crate) fn all(mut bytes: &[u8], most: usize) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (element, rest) = first(bytes)?;
        if elements.len() == most {
            return None;
        }
        elements.push(element);
        bytes = rest;
    }
    Some(elements)
}

/// The one element that `bytes` are, with this tag.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (element, rest) = first(bytes)?;
    (element.tag == tag && rest.is_empty()).then_some(element.inside)
}

/// Tags.
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTF8_STRING: u8 = 0x0c;
