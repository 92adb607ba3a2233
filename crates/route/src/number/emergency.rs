//! Emergency numbers by country.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::bare;
use super::country::Country;

/// Each country's numbers, the one for everything first.
static NUMBERS: LazyLock<HashMap<Country, Box<[&'static str]>>> = LazyLock::new(|| {
    let lines = include_str!("emergency.txt").lines();
    let line = |line: &'static str| {
        let mut words = line.split(' ');
        let country = words.next()?.parse().ok()?;
        Some((country, words.collect()))
    };
    lines.filter_map(line).collect()
});

/// Digits that an emergency number has at most.
const LONGEST: usize = 5;

/// What a URN of emergency services begins with (RFC 5031).
const SOS: &str = "urn:service:sos";

/// The emergency numbers of a country, the one for everything first; empty: none is known.
pub fn emergency_numbers(country: Country) -> &'static [&'static str] {
    NUMBERS.get(&country).map_or(&[], |numbers| numbers)
}

/// The emergency number that `number` is for who calls from `country`: as it is, with a `+` that does not belong there, or behind the
/// country's code, as some equipment makes it. Aliases that hold everywhere are the configuration's
/// ([`Tables::emergency`](crate::Tables::emergency) knows those).
pub fn emergency(country: Country, number: &str) -> Option<&'static str> {
    let digits = bare(number);
    let behind = (number.len() > digits.len())
        .then(|| behind_code(country, digits))
        .flatten();
    let numbers = emergency_numbers(country).iter().copied();
    let is_it = |known: &&str| *known == digits || behind == Some(*known);
    numbers
        .filter(|known| known.len() <= LONGEST)
        .find(|known| is_it(known))
}

/// What stands behind the country's code, where that makes no number of its own.
pub(crate) fn behind_code(country: Country, digits: &str) -> Option<&str> {
    let mut buffer = [0_u8; 5];
    let code = decimal(country.calling_code(), &mut buffer);
    digits.strip_prefix(code)
}

/// A number in decimal, without the heap.
fn decimal(mut number: u16, buffer: &mut [u8; 5]) -> &str {
    let mut start = buffer.len();
    while number > 0 {
        start -= 1;
        if let Some(place) = buffer.get_mut(start) {
            *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        }
        number /= 10;
    }
    buffer
        .get(start..)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .unwrap_or_default()
}

/// Whether a Request-URI's text is a URN of emergency services: `urn:service:sos`, `urn:service:sos.fire`, in any case of letters.
pub fn is_sos(text: &str) -> bool {
    let Some((start, rest)) = text.split_at_checked(SOS.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(SOS) && (rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(letters: &str) -> Country {
        letters.parse().unwrap()
    }

    #[test]
    fn every_line_is_a_country_and_its_numbers() {
        let lines = include_str!("emergency.txt")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for line in lines {
            let numbers = emergency_numbers(of(line.split(' ').next().unwrap()));
            assert!(!numbers.is_empty(), "{line}");
            for number in numbers {
                let digits = number.bytes().all(|byte| byte.is_ascii_digit());
                assert!(digits && (2..=LONGEST).contains(&number.len()), "{line}");
            }
            count += 1;
        }
        assert_eq!(count, NUMBERS.len(), "a country twice");
    }

    #[test]
    fn a_country_knows_its_own() {
        for (country, number, is) in [
            ("GB", "999", Some("999")),
            ("GB", "112", Some("112")),
            ("GB", "+999", Some("999")),
            ("GB", "+44999", Some("999")),
            ("GB", "+44112", Some("112")),
            ("GB", "44999", None),
            ("GB", "9999", None),
            ("GB", "110", None),
            ("GB", "+442071838750", None),
            ("US", "911", Some("911")),
            ("US", "+1911", Some("911")),
            ("DE", "110", Some("110")),
            ("FR", "15", Some("15")),
            ("IT", "118", Some("118")),
            ("AU", "000", Some("000")),
            ("IN", "108", Some("108")),
            ("BR", "190", Some("190")),
            ("BR", "", None),
            ("BR", "+", None),
        ] {
            assert_eq!(emergency(of(country), number), is, "{country} {number}");
        }
        for (country, first) in [
            ("GB", "999"),
            ("US", "911"),
            ("DE", "112"),
            ("AU", "000"),
            ("NZ", "111"),
        ] {
            assert_eq!(emergency_numbers(of(country)).first(), Some(&first), "{country}");
        }
    }

    #[test]
    fn the_urn_is_known_with_its_services() {
        for (text, is) in [
            ("urn:service:sos", true),
            ("URN:service:SOS.fire", true),
            ("urn:service:sos.police", true),
            ("urn:service:sosa", false),
            ("urn:service:counseling", false),
            ("sos", false),
            ("urn:service:soé", false),
            ("", false),
        ] {
            assert_eq!(is_sos(text), is, "{text}");
        }
    }
}
