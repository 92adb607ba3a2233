//! The line that names the columns: what carriers call them.

mod names;

use super::cell;
use crate::deck::Currency;
use Field as F;
use names::NAMES;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Prefixes of called numbers.
    Prefix,
    /// Country codes, to be put before area codes.
    Country,
    /// Area codes within a country.
    Area,
    /// Area codes of the United States.
    Npa,
    /// Exchanges within those.
    Nxx,
    /// Price of a minute.
    Rate,
    /// The same between two states.
    Interstate,
    /// The same within one.
    Intrastate,
    /// The same where a state is not known.
    Indeterminate,
    /// Which of the three the row's price is.
    Jurisdiction,
    /// Seconds charged at least.
    FirstInterval,
    /// Steps in seconds.
    Increment,
    /// Both, as `60/1`.
    Intervals,
    /// Fee for an answered call.
    Fee,
    /// What an answered call costs at least.
    MinimumCharge,
    /// Currency of the row.
    Currency,
    /// From when on it holds.
    EffectiveFrom,
    /// Until when.
    EffectiveTo,
    /// Whether it is sold.
    Blocked,
    /// Prefixes of calling numbers.
    Origin,
    /// What is added to a minute for calls from there.
    Surcharge,
    /// Days and hours.
    Hours,
    /// By which clock.
    Timezone,
}

/// Names of this rank and above are a price only where they name a currency.
const BY_CURRENCY: u8 = 9;

impl Field {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 23] = [
        F::Prefix,
        F::Country,
        F::Area,
        F::Npa,
        F::Nxx,
        F::Rate,
        F::Interstate,
        F::Intrastate,
        F::Indeterminate,
        F::Jurisdiction,
        F::FirstInterval,
        F::Increment,
        F::Intervals,
        F::Fee,
        F::MinimumCharge,
        F::Currency,
        F::EffectiveFrom,
        F::EffectiveTo,
        F::Blocked,
        F::Origin,
        F::Surcharge,
        F::Hours,
        F::Timezone,
    ];

    /// Its name in our own decks.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(field, ..)| *field == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The field of this name in our own decks.
    pub fn named(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(field, ..)| *field)
    }

    /// Whether it is an amount.
    fn is_money(self) -> bool {
        use Field as F;
        matches!(
            self,
            F::Rate
                | F::Interstate
                | F::Intrastate
                | F::Indeterminate
                | F::Fee
                | F::MinimumCharge
                | F::Surcharge
        )
    }

    /// All names, with commas.
    pub fn names() -> String {
        NAMES
            .iter()
            .map(|(_, name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// What a header cell may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) field: Field,
    pub(super) rank: u8,
    /// It speaks of area codes and exchanges of the United States.
    pub(super) npanxx: bool,
}

/// A header cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Heading {
    /// What it may be.
    pub(super) guesses: Vec<Guess>,
    /// The currency that it names.
    pub(super) currency: Option<Currency>,
    /// First interval and increment that it names: `Rate (60/60)`.
    pub(super) intervals: Option<(u16, u16)>,
}

/// Reads a header cell.
pub(super) fn heading(cell: &str) -> Heading {
    let (name, currency, intervals) = words(cell);
    let mut guesses = Vec::new();
    for (field, _, names) in NAMES {
        let Some((known, rank)) = names.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        // Money has a currency and seconds have none; a minute is a price only with one.
        let fits = match currency {
            Some(_) => field.is_money(),
            None => *rank < BY_CURRENCY || !field.is_money(),
        };
        if fits {
            guesses.push(Guess {
                field: *field,
                rank: *rank,
                npanxx: known.starts_with("npa") && *field == Field::Prefix,
            });
        }
    }
    Heading {
        guesses,
        currency,
        intervals,
    }
}

/// The words of a header cell in lower case, with one blank between them; the currency and the intervals among them.
fn words(cell: &str) -> (String, Option<Currency>, Option<(u16, u16)>) {
    let mut currency = None;
    let mut name = String::new();
    let mut intervals = None;
    let spaced = cell
        .replace('€', " EUR ")
        .replace('£', " GBP ")
        .replace("(s)", "s");
    let parts = spaced.split(|c: char| !c.is_ascii_alphanumeric() && c != '$' && c != '/');
    for part in parts {
        if part.starts_with(|c: char| c.is_ascii_digit())
            && part.contains('/')
            && let Ok(pair) = cell::intervals(part)
        {
            intervals = Some(pair);
            continue;
        }
        for word in part.split('/').filter(|word| !word.is_empty()) {
            let signed = word.contains('$');
            let word = word.replace('$', "");
            if signed {
                currency = Some(Currency::USD);
            }
            if let Some(named) = iso(&word) {
                currency = Some(named);
                continue;
            }
            let unit = ["sec", "secs", "second", "seconds", "in"]
                .iter()
                .any(|unit| word.eq_ignore_ascii_case(unit));
            if word.is_empty() || (word == "US" && signed) || (unit && !name.is_empty()) {
                continue;
            }
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&word.to_ascii_lowercase());
        }
    }
    (name, currency, intervals)
}

/// Currencies that headers name; other words of three letters are words.
fn iso(word: &str) -> Option<Currency> {
    const KNOWN: &[&str] = &[
        "AED", "ARS", "AUD", "BDT", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK",
        "EGP", "EUR", "GBP", "GHS", "HKD", "HUF", "IDR", "ILS", "INR", "JOD", "JPY", "KES", "KRW", "KWD",
        "LKR", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PKR", "PLN", "QAR", "RON",
        "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TND", "TRY", "TWD", "TZS", "UAH", "UGX", "USD", "VND",
        "XAF", "XDR", "XOF", "ZAR",
    ];
    let known = KNOWN.iter().any(|known| known.eq_ignore_ascii_case(word));
    known.then(|| Currency::new(word)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(cell: &str) -> Option<Field> {
        let guesses = heading(cell).guesses;
        guesses
            .iter()
            .min_by_key(|guess| guess.rank)
            .map(|guess| guess.field)
    }

    #[test]
    fn columns_are_known_by_what_carriers_call_them() {
        let table = [
            ("Dial Code", Some(F::Prefix)),
            ("DIALING_CODE", Some(F::Prefix)),
            ("Dial Code(s)", Some(F::Prefix)),
            ("Code", Some(F::Prefix)),
            ("Breakout", Some(F::Prefix)),
            ("NPA-NXX", Some(F::Prefix)),
            ("Country Code", Some(F::Country)),
            ("Area Code(s)", Some(F::Area)),
            ("Rate (USD)", Some(F::Rate)),
            ("USD / min", Some(F::Rate)),
            ("Price € per minute", Some(F::Rate)),
            ("$/Min", Some(F::Rate)),
            ("New Rate", Some(F::Rate)),
            ("Old Rate", None),
            ("Interstate Rate", Some(F::Interstate)),
            ("InterRate", Some(F::Interstate)),
            ("IJ Rate", Some(F::Indeterminate)),
            ("Min/Increment", Some(F::FirstInterval)),
            ("Min/Increment 60/60", Some(F::FirstInterval)),
            ("Billing Increment", Some(F::Intervals)),
            ("Billing Increment (sec)", Some(F::Intervals)),
            ("Second Interval", Some(F::Increment)),
            ("Min", Some(F::FirstInterval)),
            ("Minimum Charge (EUR)", Some(F::MinimumCharge)),
            ("Minimum (EUR)", None),
            ("Connection Fee", Some(F::Fee)),
            ("Effective Date", Some(F::EffectiveFrom)),
            ("Valid Until", Some(F::EffectiveTo)),
            ("Status", Some(F::Blocked)),
            ("ANI Prefix", Some(F::Origin)),
            ("Destination", None),
            ("", None),
        ];
        for (cell, expected) in table {
            assert_eq!(first(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_currency_in_a_header_is_no_word_of_it() {
        for (cell, name, currency) in [
            ("Rate (USD)", "rate", Some("USD")),
            ("US$ rate", "rate", Some("USD")),
            ("Price in €", "price", Some("EUR")),
            ("Rate per min, gbp", "rate per min", Some("GBP")),
            ("New rate", "new rate", None),
        ] {
            let (words, found, _) = words(cell);
            assert_eq!(words, name, "{cell}");
            assert_eq!(found.map(|c| c.to_string()).as_deref(), currency, "{cell}");
        }
        assert_eq!(heading("Rate (60/1)").intervals, Some((60, 1)));
        assert_eq!(heading("Rate/min").intervals, None);
    }

    #[test]
    fn every_name_belongs_to_a_field_of_its_own_or_ranks_differently() {
        let mut seen: Vec<(&str, u8)> = Vec::new();
        for (field, own, names) in NAMES {
            assert_eq!(Field::named(own), Some(*field));
            assert_eq!(field.name(), *own);
            assert_eq!(first(own), Some(*field), "{own}");
            for (name, rank) in *names {
                assert!(!seen.contains(&(name, *rank)), "{name}");
                assert_eq!(words(name).0, *name);
                seen.push((name, *rank));
            }
        }
    }
}
