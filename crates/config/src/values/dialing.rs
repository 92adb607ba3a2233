//! Countries, and patterns over what is dialled.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// A country by its two letters (ISO 3166-1, and XK): one that has a numbering plan of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 2]);

/// Every country with its calling code, and whether the code is its own by itself where several share it.
static REGIONS: LazyLock<Vec<(Region, u16, bool)>> = LazyLock::new(|| {
    let lines = include_str!("../regions.txt").lines();
    lines.filter_map(region).collect()
});

/// A line of the list: `GB 44+`.
fn region(line: &str) -> Option<(Region, u16, bool)> {
    let (letters, code) = line.split_once(' ')?;
    let &[a, b] = letters.as_bytes() else { return None };
    let (digits, main) = code
        .strip_suffix('+')
        .map_or((code, false), |digits| (digits, true));
    Some((Region([a, b]), digits.parse().ok()?, main))
}

impl Region {
    /// Its two letters, such as `GB`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Every one, in the order of their letters.
    pub fn all() -> impl Iterator<Item = Self> {
        REGIONS.iter().map(|(region, ..)| *region)
    }

    /// Its calling code (ITU-T E.164).
    pub fn calling_code(self) -> u16 {
        let of = REGIONS.binary_search_by_key(&self, |(region, ..)| *region);
        of.ok()
            .and_then(|at| REGIONS.get(at))
            .map_or(0, |(_, code, _)| *code)
    }

    /// The country that has this calling code; of several the one that the code is by itself: `US` for 1, `GB` for 44.
    pub fn of_calling_code(code: u16) -> Option<Self> {
        let having = || REGIONS.iter().filter(move |(_, other, _)| *other == code);
        let main = having().find(|(.., main)| *main).or_else(|| having().next());
        main.map(|(region, ..)| *region)
    }
}

impl FromStr for Region {
    type Err = NotARegion;

    fn from_str(text: &str) -> Result<Self, NotARegion> {
        let &[a, b] = text.as_bytes() else {
            return Err(NotARegion);
        };
        let region = Self([a, b]);
        let known = REGIONS.binary_search_by_key(&region, |(region, ..)| *region);
        known.map(|_| region).map_err(|_| NotARegion)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no country's letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotARegion;

/// A pattern over what is dialled: digits, `X` for any digit, `Z` for 1 to 9, `N` for 2 to 9, and `*` at its end where more may
/// follow. With a `+` in front it fits numbers with `+` only, and without one none of those.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DialPattern {
    /// As it was written.
    pub text: String,
    /// The digits and letters, without `+` and `*`.
    pub shape: String,
    /// Whether it is for numbers with `+`.
    pub plus: bool,
    /// Whether more digits may follow.
    pub prefix: bool,
}

/// Digits and letters of a pattern at most.
const LONGEST: usize = 32;

impl DialPattern {
    /// Whether a number is one of these.
    pub fn fits(&self, number: &str) -> bool {
        let (plus, digits) = number
            .strip_prefix('+')
            .map_or((false, number), |digits| (true, digits));
        let length = match self.prefix {
            true => digits.len() >= self.shape.len(),
            false => digits.len() == self.shape.len(),
        };
        let fits = |(shape, digit): (u8, u8)| match shape {
            b'X' => digit.is_ascii_digit(),
            b'Z' => (b'1'..=b'9').contains(&digit),
            b'N' => (b'2'..=b'9').contains(&digit),
            _ => shape == digit,
        };
        plus == self.plus
            && length
            && self.shape.bytes().zip(digits.bytes()).all(fits)
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl FromStr for DialPattern {
    type Err = super::NotAPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, prefix) = text.strip_suffix('*').map_or((text, false), |rest| (rest, true));
        let (shape, plus) = rest.strip_prefix('+').map_or((rest, false), |rest| (rest, true));
        let known = |byte: u8| byte.is_ascii_digit() || b"XZN".contains(&byte);
        if shape.len() > LONGEST || !shape.bytes().all(known) || (shape.is_empty() && !prefix) {
            return Err(super::NotAPattern);
        }
        Ok(Self {
            text: text.to_owned(),
            shape: shape.to_owned(),
            plus,
            prefix,
        })
    }
}

impl fmt::Display for DialPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_its_letters_once_and_its_code() {
        let mut before = None;
        for region in Region::all() {
            assert!(before < Some(region), "{region} is out of order");
            assert_eq!(region.as_str().parse(), Ok(region));
            assert!((1..=999).contains(&region.calling_code()), "{region}");
            let main = Region::of_calling_code(region.calling_code());
            assert!(main.is_some_and(|main| main.calling_code() == region.calling_code()));
            before = Some(region);
        }
        assert_eq!(Region::all().count(), 245);
        for (code, letters) in [
            (1, "US"),
            (44, "GB"),
            (7, "RU"),
            (39, "IT"),
            (49, "DE"),
            (262, "RE"),
        ] {
            let region = Region::of_calling_code(code);
            assert_eq!(region.map(|region| region.to_string()).as_deref(), Some(letters));
        }
        assert_eq!(Region::of_calling_code(888), None);
        for text in ["", "G", "gb", "UK", "GBR", "é"] {
            assert_eq!(text.parse::<Region>(), Err(NotARegion), "{text}");
        }
    }

    #[test]
    fn a_dial_pattern_fits_what_it_says() {
        for (pattern, number, fits) in [
            ("9*", "902071838750", true),
            ("9*", "9", true),
            ("9*", "+9020", false),
            ("+44*", "+4420", true),
            ("+44*", "4420", false),
            ("2XXX", "2001", true),
            ("2XXX", "200", false),
            ("2XXX", "20011", false),
            ("ZX", "10", true),
            ("ZX", "01", false),
            ("NXXNXXXXXX", "2125550123", true),
            ("NXXNXXXXXX", "2121550123", false),
            ("112", "112", true),
            ("*", "12", true),
            ("*", "alice", false),
            ("*", "+12", false),
            ("+*", "+12", true),
            ("X*", "1a", false),
        ] {
            let pattern: DialPattern = pattern.parse().unwrap();
            assert_eq!(pattern.fits(number), fits, "{pattern} {number}");
        }
        for text in ["", "+", "1x", "**", "1*1", "1 2", "++1", "A"] {
            assert!(text.parse::<DialPattern>().is_err(), "{text}");
        }
    }
}
