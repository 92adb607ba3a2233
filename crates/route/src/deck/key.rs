//! Prefixes and numbers, packed so that comparing them is comparing integers.

use std::fmt;

/// Longest prefix that a deck may have, in digits: E.164's fifteen and one more. Of longer numbers the digits beyond price nothing.
pub const MAX_PREFIX: usize = 16;

/// Up to [`MAX_PREFIX`] digits, one a nibble from the top, as digit + 1; sorts as its text does, shorter before longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(u64);

impl Key {
    /// No digits: the prefix of every number.
    pub const EMPTY: Self = Self(0);

    /// Of 0 to [`MAX_PREFIX`] digits and nothing else.
    pub fn new(digits: &str) -> Option<Self> {
        if digits.len() > MAX_PREFIX {
            return None;
        }
        let key = Self::of_number(digits);
        (key.digits() == digits.len() && !digits.starts_with('+')).then_some(key)
    }

    /// Of a number as it comes, with or without `+`: its digits up to the first byte that is none, as many as fit.
    pub fn of_number(number: &str) -> Self {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let mut packed = 0u64;
        let mut shift = 64u32;
        for byte in digits.bytes() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 || shift == 0 {
                break;
            }
            shift -= 4;
            packed |= u64::from(digit + 1) << shift;
        }
        Self(packed)
    }

    /// How many digits it has.
    pub const fn digits(self) -> usize {
        MAX_PREFIX - (self.0.trailing_zeros() / 4) as usize
    }

    /// The digit at `place`, from 0, if there are that many.
    pub const fn at(self, place: usize) -> Option<u8> {
        if place >= MAX_PREFIX {
            return None;
        }
        let nibble = (self.0 >> (60 - 4 * place)) as u8 & 15;
        nibble.checked_sub(1)
    }

    /// Its first `digits` digits; all where it has no more.
    #[must_use]
    pub const fn first(self, digits: usize) -> Self {
        if digits >= MAX_PREFIX {
            return self;
        }
        Self(self.0 & !(u64::MAX >> (4 * digits)))
    }

    /// Whether `number` begins with it.
    pub const fn begins(self, number: Self) -> bool {
        number.first(self.digits()).0 == self.0
    }

    /// With one more digit behind; as it is where it is full.
    #[must_use]
    pub const fn with(self, digit: u8) -> Self {
        let digits = self.digits();
        if digits >= MAX_PREFIX || digit > 9 {
            return self;
        }
        Self(self.0 | ((digit as u64 + 1) << (60 - 4 * digits)))
    }

    /// The packed digits: the first in the topmost four bits as digit + 1, zeros behind the last.
    pub const fn packed(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in 0..self.digits() {
            write!(f, "{}", self.at(place).unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_text_does_and_say_it_again() {
        let mut texts = vec![
            "",
            "0",
            "00",
            "01",
            "1",
            "12",
            "120",
            "19",
            "2",
            "9999999999999999",
        ];
        let mut keys: Vec<Key> = texts.iter().rev().map(|text| Key::new(text).unwrap()).collect();
        keys.sort_unstable();
        texts.sort_unstable();
        let said: Vec<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(said, texts);
        for (key, text) in keys.iter().zip(&texts) {
            assert_eq!(key.digits(), text.len());
        }
    }

    #[test]
    fn what_is_no_prefix_makes_no_key() {
        for text in ["+44", "4a", "44 ", "44.0", "12345678901234567"] {
            assert_eq!(Key::new(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_read_up_to_its_first_byte_that_is_no_digit() {
        for (number, digits) in [
            ("+442071838750", "442071838750"),
            ("44alice", "44"),
            ("++44", ""),
            ("", ""),
            ("12345678901234567890", "1234567890123456"),
        ] {
            assert_eq!(Key::of_number(number).to_string(), digits, "{number}");
        }
    }

    #[test]
    fn a_key_begins_the_numbers_that_start_with_its_digits() {
        let table = [
            ("", "", true),
            ("", "4", true),
            ("44", "4420", true),
            ("44", "44", true),
            ("44", "4", false),
            ("45", "4420", false),
            ("9999999999999999", "9999999999999999", true),
        ];
        for (prefix, number, begins) in table {
            let (prefix, number) = (Key::new(prefix).unwrap(), Key::new(number).unwrap());
            assert_eq!(prefix.begins(number), begins, "{prefix} {number}");
        }
        assert_eq!(Key::new("4420").unwrap().first(2), Key::new("44").unwrap());
        assert_eq!(Key::new("44").unwrap().with(2).with(0), Key::new("4420").unwrap());
        assert_eq!(Key::new("44").unwrap().at(1), Some(4));
        assert_eq!(Key::new("44").unwrap().at(2), None);
    }
}
