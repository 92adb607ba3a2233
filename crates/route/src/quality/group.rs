//! Destinations by the number: country, operator range, prefix.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The numbers that begin with certain digits (E.164, without `+`), eight at most; with none: all numbers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group(u32);

impl Group {
    /// All numbers.
    pub const EVERYWHERE: Self = Self(1);

    /// The digits behind a leading 1, so that `04` and `4` differ.
    fn of(digits: &[u8]) -> Self {
        let packed = digits.iter().fold(1, |packed, digit| {
            packed * 10 + u32::from(digit.wrapping_sub(b'0'))
        });
        Self(packed)
    }

    /// Whether every number of `other` is one of this group.
    pub fn has(self, other: Self) -> bool {
        let mut outer = other.0;
        while outer > self.0 {
            outer /= 10;
        }
        outer == self.0
    }

    /// The digits as a number, with a 1 in front.
    pub(crate) fn packed(self) -> u32 {
        self.0
    }

    /// The group and those around it.
    pub(crate) fn destination(self) -> Destination {
        let mut digits = [0; 10];
        let (mut rest, mut from) = (self.0, digits.len());
        while let Some(place) = digits.get_mut(from.wrapping_sub(1)).filter(|_| rest > 1) {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
            from -= 1;
        }
        Destination::of_digits(digits.get(from..).unwrap_or_default())
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::EVERYWHERE
    }
}

impl fmt::Display for Group {
    /// `+4420`, or `everywhere`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        match digits.get(1..) {
            Some(digits) if !digits.is_empty() => write!(f, "+{digits}"),
            Some(_) | None => f.write_str("everywhere"),
        }
    }
}

/// Where a number is, from far to near. What is learned of one level is believed of the next until that has shown itself to be different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Destination {
    /// Its country: the code of ITU-T E.164. North America is one, Kazakhstan (76, 77) is not Russia.
    pub country: Group,
    /// Operator or region: two digits more; the area code in North America.
    pub range: Group,
    /// Two digits more again; the exchange (NPA-NXX) in North America.
    pub prefix: Group,
}

/// How many levels there are, the whole world being the first.
pub(crate) const LEVELS: usize = 4;

impl Destination {
    /// Of a number in E.164, with or without `+`; it ends at its first byte that is no digit. What is no number is everywhere.
    pub fn of(number: &str) -> Self {
        Self::of_digits(number.strip_prefix('+').unwrap_or(number).as_bytes())
    }

    fn of_digits(number: &[u8]) -> Self {
        let length = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = number.get(..length).unwrap_or_default();
        let code = code_length(digits);
        let north_america = digits.first() == Some(&b'1');
        let (range, prefix) = if north_america {
            (code + 3, code + 6)
        } else {
            (code + 2, code + 4)
        };
        let first = |many: usize| Group::of(digits.get(..many).unwrap_or(digits));
        Self {
            country: first(code),
            range: first(range),
            prefix: first(prefix),
        }
    }

    /// From the world to the prefix.
    pub(crate) fn levels(self) -> [Group; LEVELS] {
        [Group::EVERYWHERE, self.country, self.range, self.prefix]
    }
}

/// Country codes of two digits (ITU-T E.164.D): of each first digit the second ones. 1 and 7 have one digit; whatever is not here has three.
const TWO_DIGITS: [&[u8]; 10] = [
    b"",
    b"",
    b"07",
    b"0123469",
    b"013456789",
    b"12345678",
    b"0123456",
    b"67",
    b"1246",
    b"0123458",
];

fn code_length(digits: &[u8]) -> usize {
    let (Some(&first), second) = (digits.first(), digits.get(1)) else {
        return 0;
    };
    let twos = TWO_DIGITS.get(usize::from(first.wrapping_sub(b'0')));
    let is_two = |second: &u8| twos.is_some_and(|twos| twos.contains(second));
    match first {
        b'1' => 1,
        b'7' if !second.is_some_and(is_two) => 1,
        _ if second.is_some_and(is_two) => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_country_range_and_prefix() {
        for (number, country, range, prefix) in [
            ("+442079460000", "+44", "+4420", "+442079"),
            ("442079460000", "+44", "+4420", "+442079"),
            ("+12125550100", "+1", "+1212", "+1212555"),
            ("+79161234567", "+7", "+791", "+79161"),
            ("+77011234567", "+77", "+7701", "+770112"),
            ("+353871234567", "+353", "+35387", "+3538712"),
            ("+420123456789", "+420", "+42012", "+4201234"),
            ("+59899123456", "+598", "+59899", "+5989912"),
            ("+670123", "+670", "+67012", "+670123"),
            ("+881612345678", "+881", "+88161", "+8816123"),
            ("+4930", "+49", "+4930", "+4930"),
            ("+4", "+4", "+4", "+4"),
            ("+44x20", "+44", "+44", "+44"),
            ("alice", "everywhere", "everywhere", "everywhere"),
            ("", "everywhere", "everywhere", "everywhere"),
        ] {
            let Destination {
                country: c,
                range: r,
                prefix: p,
            } = Destination::of(number);
            let got = [c, r, p].map(|group| group.to_string());
            assert_eq!(got, [country, range, prefix], "{number}");
            assert_eq!(p.destination(), Destination::of(number), "{number}");
        }
    }

    #[test]
    fn a_group_has_what_begins_with_its_digits() {
        let group = |number: &str| Destination::of(number).prefix;
        assert!(Group::EVERYWHERE.has(group("+442079")));
        assert!(group("+44").has(group("+442079")));
        assert!(group("+4420").has(group("+4420")));
        assert!(!group("+4420").has(group("+44")));
        assert!(!group("+4420").has(group("+442179")));
        assert!(!group("+44").has(group("+1442555")));
    }
}
