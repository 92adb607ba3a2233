//! Who calls and who is called, in the form that both ends of a signature compute (RFC 8224 §8.3, §8.5).

use sip_msg::{SipUri, Uri};

/// The longest number or URI that is looked at, in bytes.
const LONGEST: usize = 256;

/// An originating or destination identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// A telephone number: digits, `*` and `#`.
    Tn(String),
    /// Anything else: a normalised URI.
    Uri(String),
}

impl Party {
    /// The text of it, without saying which of the two it is.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Tn(text) | Self::Uri(text) => text,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn tn(&self) -> Option<&str> {
        match self {
            Self::Tn(tn) => Some(tn),
            Self::Uri(_) => None,
        }
    }
}

/// How numbers are written where they are not global.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The country that numbers without `+` are of, such as `1` or `49`; `None`: they are taken as they are.
    pub country_code: Option<String>,
}

/// Fewest digits of a number that a country code belongs in front of: shorter ones are service numbers (911, 112).
const SHORTEST_NATIONAL: usize = 7;

impl Numbering {
    /// The canonical form of a number as it stands in a user part or a `tel:` URI, with or without visual separators; `None`: it
    /// is no number.
    #[must_use]
    pub fn canonical(&self, written: &str) -> Option<String> {
        let global = written.starts_with('+');
        let body = written.strip_prefix('+').unwrap_or(written);
        let mut digits = String::with_capacity(16);
        for letter in body.chars() {
            match letter {
                '0'..='9' | '*' | '#' => digits.push(letter),
                '-' | '.' | '(' | ')' | ' ' => {}
                _ => return None,
            }
        }
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        if global || digits.contains(['*', '#']) {
            return Some(digits);
        }
        Some(self.with_country(digits))
    }

    /// A national or dialled number with its country code.
    fn with_country(&self, digits: String) -> String {
        let Some(country) = self.country_code.as_deref() else {
            return digits;
        };
        // North America dials 011 to go abroad and nothing in front of an area code; nearly all others 00 and 0.
        let (international, trunk) = if country == "1" { ("011", "") } else { ("00", "0") };
        if let Some(abroad) = digits.strip_prefix(international)
            && abroad.len() >= SHORTEST_NATIONAL
        {
            return abroad.to_owned();
        }
        if digits.len() < SHORTEST_NATIONAL {
            return digits;
        }
        let (national, has_trunk) = match digits.strip_prefix(trunk) {
            Some(rest) if !trunk.is_empty() => (rest, true),
            Some(_) | None => (digits.as_str(), false),
        };
        let complete = match country {
            "1" => national.len() == 11 && national.starts_with('1'),
            _ => !has_trunk && national.starts_with(country),
        };
        if complete {
            digits
        } else {
            format!("{country}{national}")
        }
    }

    /// The identity in a SIP, SIPS or `tel:` URI. A user part is a number when it is marked as one (`user=phone`, a `+`) or when
    /// there is nothing else in it (RFC 8224 §8.1).
    #[must_use]
    pub fn party(&self, uri: &[u8]) -> Option<Party> {
        if uri.len() > LONGEST {
            return None;
        }
        match Uri::parse(uri).ok()? {
            Uri::Tel(tel) => {
                let number = std::str::from_utf8(tel.number).ok()?;
                self.canonical(number).map(Party::Tn)
            }
            Uri::Sip(sip) => self.of_sip(&sip),
            Uri::Other { .. } => {
                let text = std::str::from_utf8(uri).ok()?;
                Some(Party::Uri(text.to_owned()))
            }
        }
    }

    fn of_sip(&self, sip: &SipUri<'_>) -> Option<Party> {
        let user = sip.user_unescaped();
        // Parameters of the number (`;npdi`, `;verstat=…`) stand in the user part.
        let number = user.split(|b| *b == b';').next().unwrap_or_default();
        if let Ok(number) = std::str::from_utf8(number)
            && let Some(canonical) = self.canonical(number)
        {
            return Some(Party::Tn(canonical));
        }
        let host = std::str::from_utf8(sip.host).ok()?.to_ascii_lowercase();
        let scheme = if sip.secure { "sips" } else { "sip" };
        // Case and percent encoding are normalised (RFC 3986 §6.2.2); what is no plain text has no canonical form.
        let user = std::str::from_utf8(&user).ok()?.to_lowercase();
        let plain = !user
            .chars()
            .any(|c| c.is_control() || c == '@' || c.is_whitespace());
        if user.is_empty() {
            return Some(Party::Uri(format!("{scheme}:{host}")));
        }
        plain.then(|| Party::Uri(format!("{scheme}:{user}@{host}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(country: Option<&str>) -> Numbering {
        Numbering {
            country_code: country.map(str::to_owned),
        }
    }

    #[test]
    fn a_number_has_one_form() {
        for (country, written, canonical) in [
            (None, "+1-215-555-1212", "12155551212"),
            (None, "+1 (215) 555.1212", "12155551212"),
            (None, "12155551212", "12155551212"),
            (None, "*21#", "*21#"),
            (Some("1"), "2155551212", "12155551212"),
            (Some("1"), "12155551212", "12155551212"),
            (Some("1"), "+442079460000", "442079460000"),
            (Some("1"), "011442079460000", "442079460000"),
            (Some("1"), "911", "911"),
            (Some("49"), "030123456", "4930123456"),
            (Some("49"), "4930123456", "4930123456"),
            (Some("49"), "0049 30 123456", "4930123456"),
            (Some("44"), "020 7946 0000", "442079460000"),
            (Some("44"), "112", "112"),
            (Some("44"), "*21#", "*21#"),
        ] {
            assert_eq!(
                of(country).canonical(written).as_deref(),
                Some(canonical),
                "{written}"
            );
        }
        for written in ["", "+", "alice", "12a", "-", "1;2", "*#"] {
            assert_eq!(of(None).canonical(written), None, "{written}");
        }
    }

    #[test]
    fn a_uri_is_a_number_or_itself() {
        let tn = |text: &str| Some(Party::Tn(text.into()));
        let uri = |text: &str| Some(Party::Uri(text.into()));
        for (written, party) in [
            ("sip:+12155551212@example.com;user=phone", tn("12155551212")),
            ("sip:12155551212@example.com", tn("12155551212")),
            (
                "sip:+12155551212;verstat=TN-Validation-Passed@h",
                tn("12155551212"),
            ),
            ("tel:+1-215-555-1212", tn("12155551212")),
            (
                "sip:Alice:secret@Example.COM:5070;x=y?A=b",
                uri("sip:alice@example.com"),
            ),
            ("sips:%61lice@example.com", uri("sips:alice@example.com")),
            (
                "sip:anonymous@anonymous.invalid",
                uri("sip:anonymous@anonymous.invalid"),
            ),
            ("urn:service:sos", uri("urn:service:sos")),
            ("sip:a%40b@h", None),
        ] {
            assert_eq!(of(None).party(written.as_bytes()), party, "{written}");
        }
    }
}
