//! What may not appear on the other leg.

use smallvec::SmallVec;

use crate::parse::Sdp;

/// How many of the source's own addresses are looked for: more than any honest body has, and few enough that a body
/// full of addresses can't make its own rewriting slow.
const OWN: usize = 16;

/// Strings that no kept line may contain: the caller's, and the source body's own addresses and domain names.
#[derive(Debug)]
pub(super) struct Hidden<'a> {
    needles: SmallVec<[&'a [u8]; 8]>,
}

impl<'a> Hidden<'a> {
    pub(super) fn new(given: &'a [&'a [u8]], source: &'a Sdp) -> Self {
        let mut needles: SmallVec<[&[u8]; 8]> = given.iter().copied().filter(|n| !n.is_empty()).collect();
        let limit = needles.len() + OWN;
        for address in source.addresses().filter(|a| is_telling(a)) {
            if needles.len() < limit && !needles.contains(&address) {
                needles.push(address);
            }
        }
        Hidden { needles }
    }

    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        self.needles.iter().any(|needle| contains(line, needle))
    }
}

/// An address or a dotted name; not `0.0.0.0`, `::` or a bare word, which say nothing and may occur anywhere.
fn is_telling(address: &[u8]) -> bool {
    let shape = address.len() > 2 && address.iter().any(|b| *b == b'.' || *b == b':');
    shape && address != b"0.0.0.0"
}

/// Regardless of ASCII case.
fn contains(line: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return false };
    let starts = memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), line);
    let mut found = starts.filter_map(|at| line.get(at..at + needle.len()));
    found.any(|candidate| candidate.eq_ignore_ascii_case(needle))
}
