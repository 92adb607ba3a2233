//! The TN Authorization List of a certificate (RFC 8226 §9), read from its octets.

use crate::der::{self, IA5_STRING, INTEGER, SEQUENCE};

/// Most entries that are read; a certificate with more is none of ours.
const MOST: usize = 4096;

/// What a certificate may sign for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TnAuthList(Vec<TnEntry>);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TnEntry {
    /// A service provider by its code (OCN, SPID): whatever numbers it has.
    Provider(String),
    /// This many numbers from this one on.
    Range(String, u64),
    /// One number.
    One(String),
}

impl TnAuthList {
    /// Reads the extension's value. `None`: it is no TN Authorization List.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let entries = der::all(der::only(value, SEQUENCE)?, MOST)?;
        let entries: Option<Vec<TnEntry>> = entries.into_iter().map(entry).collect();
        entries.filter(|entries| !entries.is_empty()).map(Self)
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[TnEntry] {
        &self.0
    }

    /// Whether a number may be signed for. A provider's code stands for all numbers that it has, which are not listed anywhere that
    /// could be asked, so it covers every number (ATIS-1000074 leaves it at that too).
    #[must_use]
    pub fn covers(&self, number: &str) -> bool {
        self.0.iter().any(|entry| match entry {
            TnEntry::Provider(_) => true,
            TnEntry::One(one) => one == number,
            TnEntry::Range(start, count) => in_range(start, *count, number),
        })
    }
}

fn in_range(start: &str, count: u64, number: &str) -> bool {
    let (Ok(first), Ok(asked)) = (start.parse::<u64>(), number.parse::<u64>()) else {
        return false;
    };
    // The count must not make the number longer (RFC 8226 §9): a range ends where its length does.
    start.len() == number.len() && asked.checked_sub(first).is_some_and(|offset| offset < count)
}

fn entry(element: der::Element<'_>) -> Option<TnEntry> {
    match element.tag {
        // Tags are explicit in the standard's module. Some issuers write them implicitly.
        0xa0 => text(der::only(element.inside, IA5_STRING)?, 64).map(TnEntry::Provider),
        0x80 => text(element.inside, 64).map(TnEntry::Provider),
        0xa1 => {
            let range = der::only(element.inside, SEQUENCE).unwrap_or(element.inside);
            let (start, rest) = der::first(range)?;
            let (count, _) = der::first(rest)?;
            let fits = start.tag == IA5_STRING && count.tag == INTEGER && count.inside.len() <= 8;
            let sum = |sum: u64, octet: &u8| (sum << 8) | u64::from(*octet);
            let count = count.inside.iter().fold(0, sum);
            fits.then_some(())?;
            number(start.inside)
                .filter(|_| (2..=i64::MAX as u64).contains(&count))
                .map(|start| TnEntry::Range(start, count))
        }
        0xa2 => number(der::only(element.inside, IA5_STRING)?).map(TnEntry::One),
        0x82 => number(element.inside).map(TnEntry::One),
        _ => None,
    }
}

fn text(bytes: &[u8], longest: usize) -> Option<String> {
    let plain = (1..=longest).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    plain.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn number(bytes: &[u8]) -> Option<String> {
    text(bytes, 15).filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 .. { [0] "1234" , [1] { "12155551000", 100 }, [2] "12155559999" }
    fn sample() -> Vec<u8> {
        let mut inside = vec![0xa0, 6, 0x16, 4];
        inside.extend(b"1234");
        inside.extend([0xa1, 18, 0x30, 16, 0x16, 11]);
        inside.extend(b"12155551000");
        inside.extend([0x02, 1, 100, 0xa2, 13, 0x16, 11]);
        inside.extend(b"12155559999");
        let mut all = vec![0x30, u8::try_from(inside.len()).unwrap()];
        all.extend(inside);
        all
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let list = TnAuthList::parse(&sample()).unwrap();
        assert_eq!(
            list.entries(),
            [
                TnEntry::Provider("1234".into()),
                TnEntry::Range("12155551000".into(), 100),
                TnEntry::One("12155559999".into()),
            ]
        );
    }

    #[test]
    fn a_range_covers_what_is_in_it() {
        let list = TnAuthList(vec![
            TnEntry::Range("12155551000".into(), 100),
            TnEntry::One("911".into()),
        ]);
        for (number, covered) in [
            ("12155551000", true),
            ("12155551099", true),
            ("12155551100", false),
            ("12155550999", false),
            ("2155551000", false),
            ("911", true),
            ("*21", false),
        ] {
            assert_eq!(list.covers(number), covered, "{number}");
        }
        assert!(TnAuthList::parse(&sample()).unwrap().covers("33123456789"));
    }

    #[test]
    fn what_is_cut_off_or_odd_is_refused() {
        let whole = sample();
        for end in 0..whole.len() {
            assert_eq!(TnAuthList::parse(&whole[..end]), None, "{end}");
        }
        for broken in [
            &b"\x30\x00"[..],
            b"\x30\x80\x00\x00",
            b"\x31\x03\xa0\x01\x30",
            b"\x30\x05\xa2\x03\x16\x01a",
            b"\x30\x84\xff\xff\xff\xff",
        ] {
            assert_eq!(TnAuthList::parse(broken), None, "{broken:?}");
        }
    }
}
