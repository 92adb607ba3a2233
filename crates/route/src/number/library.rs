//! libphonenumber, as far as it is used: what its data say of the lengths of numbers, and how national numbers are read. Nothing else
//! knows it.
//!
//! It works with regular expressions that are compiled when they are first needed, some milliseconds each. So it is asked only about
//! national numbers of countries that have been [warmed](warm) while tables are built; numbers with a country's code, which may be of
//! any country, are read without it.

use std::sync::LazyLock;

use config::Region;
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat, Region as Theirs,
    ValidationError,
};

/// One more than any calling code has.
const CODES_END: usize = 1000;

/// Digits of a national number at most that the library looks at.
const LONGEST: usize = 17;

/// Which lengths national numbers have, by calling code: a bit for each.
static LENGTHS: LazyLock<Vec<Lengths>> = LazyLock::new(|| {
    let code = |code: usize| i32::try_from(code).map(Lengths::of).unwrap_or_default();
    (0..CODES_END).map(code).collect()
});

/// Bits by number of digits.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    possible: u32,
    local: u32,
}

impl Lengths {
    fn of(code: i32) -> Self {
        let mut lengths = Self::default();
        let mut national_number = 1;
        for digits in 1..=LONGEST {
            let number = PhoneNumber {
                country_code: code,
                national_number,
                ..PhoneNumber::default()
            };
            match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) {
                Ok(NumberLengthType::IsPossible) => lengths.possible |= 1 << digits,
                Ok(NumberLengthType::IsPossibleLocalOnly) => lengths.local |= 1 << digits,
                Err(ValidationError::InvalidCountryCode) => return Self::default(),
                Err(
                    ValidationError::TooShort | ValidationError::TooLong | ValidationError::InvalidLength,
                ) => {}
            }
            national_number *= 10;
        }
        lengths
    }
}

/// What the number of digits says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Numbers there have so many.
    Possible,
    /// It is one without its area code.
    Local,
    /// Fewer than any.
    Short,
    /// More than any.
    Long,
    /// Some have more and some fewer.
    Odd,
}

/// What a national number's number of digits says of it, by its country's calling code.
pub(super) fn length(code: u16, digits: usize) -> Length {
    let lengths = LENGTHS.get(usize::from(code)).copied().unwrap_or_default();
    let bit = u32::try_from(digits)
        .ok()
        .and_then(|digits| 1_u32.checked_shl(digits));
    let Some(bit) = bit else { return Length::Long };
    if lengths.possible & bit != 0 {
        Length::Possible
    } else if lengths.local & bit != 0 {
        Length::Local
    } else if lengths.possible < bit {
        Length::Long
    } else if lengths.possible & (bit - 1) == 0 {
        Length::Short
    } else {
        Length::Odd
    }
}

/// Why digits are no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// They begin with the code of no country.
    Country,
    /// They are too few.
    Short,
    /// They are too many.
    Long,
    /// They are no number at all.
    Nothing,
}

/// A number as it is dialled within a country, in E.164. Its length is not looked at.
///
/// # Errors
/// It is none.
pub(super) fn national(number: &str, region: Region) -> Result<String, Unreadable> {
    let region = theirs(region).ok_or(Unreadable::Country)?;
    let parsed = PHONE_NUMBER_UTIL.parse(number, Some(region));
    let parsed = parsed.map_err(|error| match error {
        ParseError::InvalidCountryCode => Unreadable::Country,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Unreadable::Short,
        ParseError::TooLongNsn => Unreadable::Long,
        ParseError::NotANumber(_) => Unreadable::Nothing,
    })?;
    Ok(PHONE_NUMBER_UTIL
        .format(&parsed, PhoneNumberFormat::E164)
        .into_owned())
}

/// Their name for a country.
fn theirs(region: Region) -> Option<Theirs> {
    Theirs::from_code(region.as_str()).ok()
}

/// Has the library compile what it takes to read national numbers of a country: some milliseconds, once.
pub(super) fn warm(region: Region) {
    let code = region.calling_code();
    LazyLock::force(&LENGTHS);
    let samples = (4..=13).map(|digits| "2345678923456".get(..digits).unwrap_or_default());
    for sample in samples {
        // With the code in front it is looked at both ways.
        let _ = national(sample, region);
        let _ = national(&format!("{code}{sample}"), region);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_those_of_the_country() {
        for (code, digits, said) in [
            (44, 10, Length::Possible),
            (44, 9, Length::Possible),
            (44, 6, Length::Local),
            (44, 8, Length::Local),
            (44, 3, Length::Short),
            (44, 11, Length::Long),
            (44, 1000, Length::Long),
            (1, 10, Length::Possible),
            (1, 7, Length::Local),
            (1, 9, Length::Short),
            (49, 4, Length::Possible),
            (870, 9, Length::Possible),
            (999, 9, Length::Long),
            (9999, 9, Length::Long),
        ] {
            assert_eq!(length(code, digits), said, "{code} {digits}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        /// It has no digits that it breaks at, in no country; and what it makes of them is a number with the country's code.
        #[test]
        fn no_digits_are_any_harm(country in 0_usize..245, digits in "[0-9]{0,32}|[0-9]{1,3}0{0,29}") {
            let region = Region::all().nth(country).unwrap();
            if let Ok(read) = national(&digits, region) {
                let global = read.strip_prefix('+').unwrap_or("x");
                prop_assert!(global.bytes().all(|byte| byte.is_ascii_digit()), "{}", read);
            }
        }
    }
}
