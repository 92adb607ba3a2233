//! What is dialled in front of numbers, by country.

use std::collections::HashMap;
use std::sync::LazyLock;

use config::Region;

/// Each country's.
static PREFIXES: LazyLock<HashMap<Region, Prefixes>> = LazyLock::new(|| {
    let lines = include_str!("prefixes.txt").lines();
    lines.filter_map(line).collect()
});

/// What is dialled in front of numbers in a country.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// In front of a national number; empty: nothing.
    pub(super) national: &'static str,
    /// Whether national numbers themselves begin so as well.
    pub(super) ambiguous: bool,
    /// In front of a country's code, the longest first; `X` is any digit.
    pub(super) international: Vec<&'static str>,
}

fn line(line: &'static str) -> Option<(Region, Prefixes)> {
    let mut words = line.split(' ');
    let region = words.next()?.parse().ok()?;
    let national = words.next()?;
    let (national, ambiguous) = national
        .strip_suffix('?')
        .map_or((national, false), |national| (national, true));
    let mut international: Vec<&str> = words.collect();
    international.sort_by_key(|code| std::cmp::Reverse(code.len()));
    let national = if national == "-" { "" } else { national };
    Some((
        region,
        Prefixes {
            national,
            ambiguous,
            international,
        },
    ))
}

/// Those of a country.
pub(super) fn prefixes(region: Region) -> Option<&'static Prefixes> {
    PREFIXES.get(&region)
}

/// What stands behind an access code at the front of digits; `X` in the code is any digit.
pub(super) fn behind<'n>(digits: &'n str, code: &str) -> Option<&'n str> {
    let (front, rest) = digits.split_at_checked(code.len())?;
    let fits = |(shape, digit): (u8, u8)| shape == digit || (shape == b'X' && digit.is_ascii_digit());
    code.bytes().zip(front.bytes()).all(fits).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_its_prefixes() {
        for region in Region::all() {
            let prefixes = prefixes(region).unwrap_or_else(|| panic!("{region}"));
            assert!(!prefixes.international.is_empty(), "{region}");
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'X');
            assert!(prefixes.international.iter().all(|code| digits(code)), "{region}");
            assert!(digits(prefixes.national), "{region}");
        }
        assert_eq!(PREFIXES.len(), 245);
    }

    #[test]
    fn what_stands_behind_a_code_is_found() {
        for (digits, code, rest) in [
            ("0044", "00", Some("44")),
            ("00", "00", Some("")),
            ("0", "00", None),
            ("01344", "013X", Some("4")),
            ("014", "013X", None),
            ("é0", "0", None),
        ] {
            assert_eq!(behind(digits, code), rest, "{digits} {code}");
        }
    }
}
