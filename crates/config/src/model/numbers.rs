//! Numbers: as a trunk writes them, and as it wants them written.

use super::Trunk;
use crate::form::compound::{NumberFormatForm, Opt};
use crate::form::scalar::{Choice, Whole, words};
use crate::form::text::{CountryCode, Digits};
use crate::section::section;
use std::borrow::Cow;

section! {
    /// How numbers are written towards a trunk.
    NumberFormat, label None, later [],
    {
        /// With or without a + in front.
        live style: NumberStyle = Choice<NumberStyle>, default("'as-is'");
        /// Digits taken from the front.
        live strip: u8 = Whole<u8, 0, 32>, default("0");
        /// Digits put in front after that.
        live prepend: String = Digits, default("''");
        /// The URI that the number stands in.
        live uri: UriStyle = Choice<UriStyle>, default("'sip'");
    }
}

words! {
    /// With or without a + in front of a number.
    NumberStyle {
        /// As it came.
        AsIs = "as-is",
        /// With +.
        E164 = "e164",
        /// Without +.
        Digits = "digits",
        /// As it is dialled in the trunk's country; needs `numbering`.
        National = "national",
    } later []
}

words! {
    /// What kind of URI a number stands in.
    UriStyle {
        /// `sip:+442071838750@host`.
        Sip = "sip",
        /// The same with `;user=phone` behind it (RFC 3261 §19.1.1).
        Phone = "user-phone",
        /// `tel:+442071838750` (RFC 3966).
        Tel = "tel",
    } later []
}

section! {
    /// Formats for single headers, each as `number_format`; absent: that. Of `number_format` only the style and the URI are for a caller's
    /// number; what is taken off or put in front is for the number to dial.
    HeaderFormats, label None, later [],
    {
        /// The Request-URI.
        live request_uri: Option<NumberFormat> = Opt<NumberFormatForm>, optional;
        /// To.
        live to: Option<NumberFormat> = Opt<NumberFormatForm>, optional;
        /// From.
        live from: Option<NumberFormat> = Opt<NumberFormatForm>, optional;
        /// P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID.
        live identity: Option<NumberFormat> = Opt<NumberFormatForm>, optional;
        /// Diversion and History-Info.
        live diversion: Option<NumberFormat> = Opt<NumberFormatForm>, optional;
    }
}

section! {
    /// The numbering plan of a trunk's country. Numbers that it sends become +E.164 by it, and it has a word in
    /// `style = "national"`. Numbers of fewer than 7 digits, such as those of emergency services, stay as they are.
    Numbering, label None, later [],
    {
        /// The country's code.
        live country_code: String = CountryCode, required;
        /// What stands in front of a national number.
        live national_prefix: String = Digits, default("'0'");
        /// What stands in front of an international one.
        live international_prefix: String = Digits, default("'00'");
        /// What digits are that have none of these in front.
        live plain: PlainDigits = Choice<PlainDigits>, default("'as-is'");
    }
}

words! {
    /// What digits are that have no prefix.
    PlainDigits {
        /// Taken as they are.
        AsIs = "as-is",
        /// A number with its country's code.
        E164 = "e164",
        /// A national number.
        National = "national",
    } later []
}

/// Digits that a number has at least; fewer are a code that means something only where it is dialled.
const SHORTEST: usize = 7;

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands behind a prefix, if there is a prefix and something behind it.
fn behind<'n>(number: &'n str, prefix: &str) -> Option<&'n str> {
    let rest = number.strip_prefix(prefix)?;
    (!prefix.is_empty() && !rest.is_empty()).then_some(rest)
}

impl Numbering {
    /// The number with + and country code, as far as that can be told.
    pub fn read<'n>(&self, number: &'n str) -> Cow<'n, str> {
        if number.len() < SHORTEST || !is_digits(number) {
            return Cow::Borrowed(number);
        }
        if let Some(rest) = behind(number, &self.international_prefix) {
            return Cow::Owned(format!("+{rest}"));
        }
        let national = |rest: &str| Cow::Owned(format!("+{}{rest}", self.country_code));
        if let Some(rest) = behind(number, &self.national_prefix) {
            return national(rest);
        }
        match self.plain {
            PlainDigits::AsIs => Cow::Borrowed(number),
            PlainDigits::E164 => Cow::Owned(format!("+{number}")),
            PlainDigits::National => national(number),
        }
    }

    /// The digits (with their country's code) as they are dialled in this country.
    fn national(&self, digits: &str) -> String {
        match behind(digits, &self.country_code) {
            Some(rest) => format!("{}{rest}", self.national_prefix),
            None => format!("{}{digits}", self.international_prefix),
        }
    }
}

impl NumberFormat {
    /// The number as it is written towards the trunk. What isn't a number (a name, a service code with `*` or `#`)
    /// stays as it is, and so does a number that `strip` would leave nothing of. One without + is made national only where
    /// `numbering` says what it is.
    pub fn apply(&self, number: &str, numbering: Option<&Numbering>) -> String {
        let known = numbering.map_or(Cow::Borrowed(number), |numbering| numbering.read(number));
        // As it came means with what `numbering` would add to it left out.
        let number: &str = if self.style == NumberStyle::AsIs {
            number
        } else {
            &known
        };
        let (plus, digits) = number
            .strip_prefix('+')
            .map_or((false, number), |digits| (true, digits));
        if !is_digits(digits) {
            return number.to_owned();
        }
        let national;
        let (plus, digits) = match (self.style, numbering) {
            (NumberStyle::AsIs, _) => (plus, digits),
            (NumberStyle::E164, _) => (true, digits),
            (NumberStyle::Digits, _) => (false, digits),
            (NumberStyle::National, Some(numbering)) if plus => {
                national = numbering.national(digits);
                (false, national.as_str())
            }
            (NumberStyle::National, _) => (plus, digits),
        };
        let kept = digits.get(usize::from(self.strip)..).unwrap_or("");
        if kept.is_empty() && self.prepend.is_empty() {
            return number.to_owned();
        }
        let mut written = String::with_capacity(1 + self.prepend.len() + kept.len());
        if plus {
            written.push('+');
        }
        written.push_str(&self.prepend);
        written.push_str(kept);
        written
    }

    /// The same without what is taken off the front or put there: a caller's number.
    fn apply_style(&self, number: &str, numbering: Option<&Numbering>) -> String {
        let style = Self {
            style: self.style,
            strip: 0,
            prepend: String::new(),
            uri: self.uri,
        };
        style.apply(number, numbering)
    }
}

/// A place in a request that a number is written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberIn {
    /// The Request-URI.
    RequestUri,
    /// To.
    To,
    /// From.
    From,
    /// P-Asserted-Identity and its kin.
    Identity,
    /// Diversion and History-Info.
    Diversion,
}

impl Trunk {
    /// A number that this trunk sends, with + and country code as far as its `numbering` tells.
    pub fn read_number<'n>(&self, number: &'n str) -> Cow<'n, str> {
        match &self.numbering {
            Some(numbering) => numbering.read(number),
            None => Cow::Borrowed(number),
        }
    }

    /// The URI that a number stands in.
    pub fn write_style(&self, place: NumberIn) -> UriStyle {
        self.format(place).0.uri
    }

    /// The format of a place, and whether it holds whole.
    fn format(&self, place: NumberIn) -> (&NumberFormat, bool) {
        let formats = &self.header_formats;
        let (own, is_dialled) = match place {
            NumberIn::RequestUri => (&formats.request_uri, true),
            NumberIn::To => (&formats.to, true),
            NumberIn::From => (&formats.from, false),
            NumberIn::Identity => (&formats.identity, false),
            NumberIn::Diversion => (&formats.diversion, false),
        };
        let is_whole = is_dialled || own.is_some();
        (own.as_ref().unwrap_or(&self.number_format), is_whole)
    }

    /// A number as it is written to this trunk, and the URI that it stands in.
    pub fn write_number(&self, place: NumberIn, number: &str) -> (String, UriStyle) {
        let (format, is_whole) = self.format(place);
        let numbering = self.numbering.as_ref();
        let written = if is_whole {
            format.apply(number, numbering)
        } else {
            format.apply_style(number, numbering)
        };
        (written, format.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uk(plain: PlainDigits) -> Numbering {
        Numbering {
            country_code: "44".to_owned(),
            national_prefix: "0".to_owned(),
            international_prefix: "00".to_owned(),
            plain,
        }
    }

    #[test]
    fn a_number_is_written_as_the_trunk_wants_it() {
        let format = |style, strip, prepend: &str| NumberFormat {
            style,
            strip,
            prepend: prepend.to_owned(),
            uri: UriStyle::Sip,
        };
        for (style, strip, prepend, number, written) in [
            (NumberStyle::AsIs, 0, "", "+4420", "+4420"),
            (NumberStyle::AsIs, 0, "", "4420", "4420"),
            (NumberStyle::E164, 0, "", "4420", "+4420"),
            (NumberStyle::E164, 0, "", "+4420", "+4420"),
            (NumberStyle::Digits, 0, "", "+4420", "4420"),
            (NumberStyle::Digits, 2, "0", "+4420718", "020718"),
            (NumberStyle::Digits, 0, "9011", "+4420718", "90114420718"),
            (NumberStyle::AsIs, 9, "", "+44", "+44"),
            (NumberStyle::E164, 0, "", "*21#", "*21#"),
            (NumberStyle::E164, 0, "", "alice", "alice"),
            (NumberStyle::E164, 0, "", "", ""),
            (NumberStyle::National, 0, "", "+442071838750", "+442071838750"),
        ] {
            assert_eq!(
                format(style, strip, prepend).apply(number, None),
                written,
                "{style} {strip} {prepend} {number}"
            );
        }
        for (style, number, written) in [
            (NumberStyle::National, "+442071838750", "02071838750"),
            (NumberStyle::National, "02071838750", "02071838750"),
            (NumberStyle::National, "+12125550123", "0012125550123"),
            (NumberStyle::National, "2071838750", "2071838750"),
            (NumberStyle::National, "112", "112"),
            (NumberStyle::E164, "02071838750", "+442071838750"),
            (NumberStyle::AsIs, "02071838750", "02071838750"),
        ] {
            let uk = uk(PlainDigits::AsIs);
            assert_eq!(
                format(style, 0, "").apply(number, Some(&uk)),
                written,
                "{style} {number}"
            );
        }
    }

    #[test]
    fn a_number_is_read_as_the_trunk_writes_it() {
        for (plain, number, read) in [
            (PlainDigits::AsIs, "02071838750", "+442071838750"),
            (PlainDigits::AsIs, "00442071838750", "+442071838750"),
            (PlainDigits::AsIs, "0012125550123", "+12125550123"),
            (PlainDigits::AsIs, "+12125550123", "+12125550123"),
            (PlainDigits::AsIs, "442071838750", "442071838750"),
            (PlainDigits::E164, "442071838750", "+442071838750"),
            (PlainDigits::National, "2071838750", "+442071838750"),
            (PlainDigits::National, "999", "999"),
            (PlainDigits::National, "alice", "alice"),
            (PlainDigits::National, "*21*0207#", "*21*0207#"),
            (PlainDigits::E164, "", ""),
        ] {
            assert_eq!(uk(plain).read(number), read, "{plain} {number}");
        }
        let us = Numbering {
            country_code: "1".to_owned(),
            national_prefix: "1".to_owned(),
            international_prefix: "011".to_owned(),
            plain: PlainDigits::National,
        };
        for (number, read) in [
            ("2125550123", "+12125550123"),
            ("12125550123", "+12125550123"),
            ("011442071838750", "+442071838750"),
            ("911", "911"),
        ] {
            assert_eq!(us.read(number), read, "{number}");
        }
    }
}
