//! Which country a number is of.

use std::sync::LazyLock;

use config::Region;

/// A country: its two letters (ISO 3166-1).
pub use config::Region as Country;

/// Calling codes of no country: freephone, satellites, networks (ITU-T E.164.1, annex D).
const NOWHERE: [u16; 9] = [800, 808, 870, 878, 881, 882, 883, 888, 979];

/// Calling codes have no more digits.
const LONGEST_CODE: usize = 3;

static CODES: LazyLock<Codes> = LazyLock::new(Codes::new);

/// What there is of countries, by calling code.
struct Codes {
    /// The country of each code, or the first of those that share it.
    of_code: Vec<Option<Country>>,
    /// Countries of North America by their area codes (+1).
    of_area: Vec<Option<Country>>,
    /// Prefixes of the others that share a code, with their countries.
    shared: Vec<(&'static str, Country)>,
    /// Whether some of `shared` begin with a code.
    is_shared: Vec<bool>,
}

/// One more than any code has.
const CODES_END: usize = 1000;

impl Codes {
    fn new() -> Self {
        let mut codes = Self {
            of_code: vec![None; CODES_END],
            of_area: vec![None; CODES_END],
            shared: Vec::new(),
            is_shared: vec![false; CODES_END],
        };
        for region in Region::all() {
            let code = region.calling_code();
            if let Some(place) = codes.of_code.get_mut(usize::from(code)) {
                *place = Region::of_calling_code(code);
            }
        }
        let lines = include_str!("shared.txt").lines();
        for (prefix, letters) in lines.filter_map(|line| line.split_once(' ')) {
            let Ok(region) = letters.parse::<Region>() else {
                continue;
            };
            let area = prefix
                .strip_prefix('1')
                .and_then(|area| area.parse::<usize>().ok());
            if let Some(place) = area.and_then(|area| codes.of_area.get_mut(area)) {
                *place = Some(region);
                continue;
            }
            codes.shared.push((prefix, region));
            if let Some(shared) = codes.is_shared.get_mut(usize::from(region.calling_code())) {
                *shared = true;
            }
        }
        codes
    }

    /// The code that the digits begin with, and how many digits it has.
    fn code(&self, digits: &str) -> Option<(u16, usize)> {
        let mut code = 0;
        for (length, byte) in (1..).zip(digits.bytes().take(LONGEST_CODE)) {
            let digit = u16::from(byte.wrapping_sub(b'0'));
            if digit > 9 || (length == 1 && digit == 0) {
                return None;
            }
            code = code * 10 + digit;
            if self.of_code.get(usize::from(code))?.is_some() {
                return Some((code, length));
            }
        }
        NOWHERE.contains(&code).then_some((code, LONGEST_CODE))
    }

    fn country(&self, digits: &str) -> Option<Country> {
        let (code, length) = self.code(digits)?;
        let main = self.of_code.get(usize::from(code)).copied().flatten()?;
        if code == 1 {
            let area = digits
                .get(length..length + 3)
                .and_then(|area| area.parse::<usize>().ok());
            let own = area.and_then(|area| self.of_area.get(area).copied().flatten());
            return Some(own.unwrap_or(main));
        }
        if !self
            .is_shared
            .get(usize::from(code))
            .is_some_and(|shared| *shared)
        {
            return Some(main);
        }
        let own = self.shared.iter().find(|(prefix, _)| digits.starts_with(prefix));
        Some(own.map_or(main, |(_, region)| *region))
    }
}

/// A number in E.164: with `+`, digits behind it. Others may mean anything.
fn global(number: &str) -> Option<&str> {
    number.strip_prefix('+')
}

/// The calling code that digits begin with, and what stands behind it.
pub(super) fn split_code(digits: &str) -> Option<(u16, &str)> {
    let (code, length) = CODES.code(digits)?;
    Some((code, digits.get(length..)?))
}

/// The calling code of a number in E.164 (with `+`), such as 44; also of those that no country has, such as 870.
pub fn calling_code(e164: &str) -> Option<u16> {
    CODES.code(global(e164)?).map(|(code, _)| code)
}

/// The country of a number in E.164 (with `+`): some nanoseconds, no allocation. Where several countries share a code its area decides,
/// and what is nobody's of them is the greatest's: `US` for +1, `GB` for +44. `None`: it has no `+`, or the code of no country.
pub fn country(e164: &str) -> Option<Country> {
    CODES.country(global(e164)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_country_of_its_code_and_area() {
        for (number, letters) in [
            ("+442071838750", Some("GB")),
            ("+441481960194", Some("GG")),
            ("+447400123456", Some("GB")),
            ("+447911712345", Some("GG")),
            ("+441534456789", Some("JE")),
            ("+447624123456", Some("IM")),
            ("+493012345678", Some("DE")),
            ("+12125550123", Some("US")),
            ("+14165550123", Some("CA")),
            ("+18095550123", Some("DO")),
            ("+18765550123", Some("JM")),
            ("+1", Some("US")),
            ("+18005550123", Some("US")),
            ("+390669812345", Some("VA")),
            ("+390612345678", Some("IT")),
            ("+77123456789", Some("KZ")),
            ("+79123456789", Some("RU")),
            ("+61299999999", Some("AU")),
            ("+61891621234", Some("CC")),
            ("+35818123456", Some("AX")),
            ("+358401234567", Some("FI")),
            ("+38344123456", Some("XK")),
            ("+919876543210", Some("IN")),
            ("+5511987654321", Some("BR")),
            // No country's.
            ("+870773123456", None),
            ("+80012345678", None),
            ("+999123", None),
            ("+0441234", None),
            ("442071838750", None),
            ("112", None),
            ("+", None),
            ("", None),
            ("+4é", None),
            ("alice", None),
        ] {
            let found = country(number).map(|country| country.to_string());
            assert_eq!(found.as_deref(), letters, "{number}");
        }
        assert_eq!(calling_code("+870773123456"), Some(870));
        assert_eq!(calling_code("+3531234567"), Some(353));
        assert_eq!(calling_code("+210"), None);
    }

    #[test]
    fn every_shared_prefix_is_of_a_country_that_has_its_code() {
        let lines = include_str!("shared.txt")
            .lines()
            .filter(|line| !line.starts_with('#'));
        for line in lines {
            let (prefix, letters) = line.split_once(' ').unwrap();
            let region: Region = letters.parse().unwrap();
            let code = region.calling_code().to_string();
            assert!(prefix.len() > code.len() && prefix.starts_with(&code), "{line}");
            assert_eq!(country(&format!("+{prefix}")), Some(region), "{line}");
        }
    }
}
