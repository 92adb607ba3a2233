//! Where a call goes, as coarsely as frauds are told apart: a country, and whether its number is in a range of high risk.

use crate::destinations;
use std::fmt;

/// Country codes of two digits (ITU-T E.164, list of assigned codes); 1 and 7 have one digit, all others three.
const TWO_DIGITS: [u8; 44] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// Area codes of +1 that are countries and islands of their own, with prices of their own.
const ISLANDS: [u16; 27] = [
    242, 246, 264, 268, 284, 340, 345, 441, 473, 649, 658, 664, 670, 671, 684, 721, 758, 767, 784, 787, 809,
    829, 849, 868, 869, 876, 939,
];

/// A country, by its code, and whether it is its numbers of high risk that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The country's code: 44, 252, or 1876 of those islands that share +1. 0: a number that is not written in the international way.
    code: u16,
    high_risk: bool,
}

impl Place {
    /// Names, and what is no number.
    const NAMES: u16 = u16::MAX;

    /// Where a number is, and its digits as a number, without what is dialled in front of a country code.
    pub(super) fn of(number: &str) -> (Self, u64) {
        let all = destinations::digits(number);
        let plain = |code| Self {
            code,
            high_risk: false,
        };
        if all.is_empty() {
            return (plain(Self::NAMES), fingerprint(number));
        }
        match destinations::international(number, &all) {
            Some(digits) => {
                let place = Self {
                    code: country(digits),
                    high_risk: destinations::is_high_risk(digits),
                };
                (place, value(digits))
            }
            None => (plain(0), value(&all)),
        }
    }

    /// Code, and whether its numbers of high risk are meant.
    pub(super) fn parts(self) -> (u16, bool) {
        (self.code, self.high_risk)
    }

    /// As it was taken apart.
    pub(super) fn of_parts((code, high_risk): (u16, bool)) -> Self {
        Self { code, high_risk }
    }

    /// The country's code.
    pub(super) fn code(self) -> u16 {
        self.code
    }

    /// Whether its numbers of high risk are meant.
    pub(super) fn is_high_risk(self) -> bool {
        self.high_risk
    }

    /// Whether it is a country at all.
    pub(super) fn is_country(self) -> bool {
        self.code != 0 && self.code != Self::NAMES
    }

    /// What a number there is written like, from its digits as a number.
    pub(super) fn write(self, digits: u64) -> Option<String> {
        match self.code {
            Self::NAMES => None,
            0 => Some(digits.to_string()),
            _ => Some(format!("+{digits}")),
        }
    }
}

impl fmt::Display for Place {
    /// `+252`; `+44 (high risk)`; `national numbers`; `names`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            0 => f.write_str("national numbers"),
            Self::NAMES => f.write_str("names"),
            code if self.high_risk => write!(f, "+{code} (high risk)"),
            code => write!(f, "+{code}"),
        }
    }
}

/// The code that digits begin with.
fn country(digits: &str) -> u16 {
    let first = |count: usize| {
        let part = digits.get(..count.min(digits.len())).unwrap_or_default();
        part.parse::<u16>().unwrap_or_default()
    };
    match first(1) {
        1 => {
            let area = digits.get(1..4).and_then(|area| area.parse::<u16>().ok());
            match area.filter(|area| ISLANDS.contains(area)) {
                Some(area) => 1_000 + area,
                None => 1,
            }
        }
        7 => 7,
        _ => match u8::try_from(first(2)) {
            Ok(two) if TWO_DIGITS.contains(&two) => u16::from(two),
            Ok(_) | Err(_) => first(3),
        },
    }
}

/// Digits as a number; of very long ones the first nineteen.
fn value(digits: &str) -> u64 {
    let digits = digits.get(..digits.len().min(19)).unwrap_or_default();
    digits.parse().unwrap_or_default()
}

/// FNV-1a, for telling names apart.
pub(super) fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_where_their_code_says() {
        for (number, place, digits) in [
            ("+442079460000", "+44", 442_079_460_000),
            ("442079460000", "+44", 442_079_460_000),
            ("00442079460000", "+44", 442_079_460_000),
            ("011442079460000", "+44", 442_079_460_000),
            ("+447012345678", "+44 (high risk)", 447_012_345_678),
            ("+252612345678", "+252 (high risk)", 252_612_345_678),
            ("+12125551234", "+1", 12_125_551_234),
            ("+18765551234", "+1876", 18_765_551_234),
            ("+74951234567", "+7", 74_951_234_567),
            ("+371123", "+371", 371_123),
            ("+44 20 7946-0000#", "+44", 442_079_460_000),
            ("2079460000", "national numbers", 2_079_460_000),
            ("112", "national numbers", 112),
            ("+4", "+4", 4),
        ] {
            let (found, value) = Place::of(number);
            assert_eq!((found.to_string().as_str(), value), (place, digits), "{number}");
        }
        for name in ["alice", "", "+", "alice881"] {
            assert_eq!(Place::of(name).0.to_string(), "names", "{name}");
        }
        assert_ne!(Place::of("alice").1, Place::of("bob").1);
        let long = "+99999999999999999999999999999999999999";
        assert_eq!(Place::of(long).1, 9_999_999_999_999_999_999);
    }
}
