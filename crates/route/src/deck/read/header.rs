//! The line that names the columns: what carriers call them.

use super::cell;
use crate::deck::Currency;

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

use Field as F;

/// A field, its name in our own decks, and what carriers call it, each with its rank.
type Called = (Field, &'static str, &'static [(&'static str, u8)]);

/// Every field with its name in our own decks and what carriers call it, each with its rank: where several columns could be the field,
/// the lowest is. Names are in lower case, signs as blanks, without a currency.
const NAMES: &[Called] = &[
    (
        F::Prefix,
        "prefix",
        &[
            ("prefix", 0),
            ("prefixes", 0),
            ("dial code", 0),
            ("dial codes", 0),
            ("dialcode", 0),
            ("dialcodes", 0),
            ("dialing code", 0),
            ("dialing codes", 0),
            ("dialling code", 0),
            ("dialling codes", 0),
            ("dial prefix", 0),
            ("dialed prefix", 0),
            ("number prefix", 0),
            ("full code", 0),
            ("e164", 0),
            ("e 164", 0),
            ("destination code", 1),
            ("destination codes", 1),
            ("destination prefix", 1),
            ("dest code", 1),
            ("dst code", 1),
            ("dst prefix", 1),
            ("code", 2),
            ("codes", 2),
            ("area prefix", 2),
            ("digits", 2),
            ("breakout code", 2),
            ("breakout codes", 2),
            ("breakout", 3),
            ("breakouts", 3),
            ("called prefix", 1),
            ("b number", 1),
            ("npanxx", 1),
            ("npa nxx", 1),
            ("npanxxx", 1),
            ("npa nxx x", 1),
            ("lrn", 4),
        ],
    ),
    (
        F::Country,
        "country_code",
        &[
            ("country code", 0),
            ("country codes", 0),
            ("countrycode", 0),
            ("cc", 1),
            ("country dial code", 0),
            ("country prefix", 0),
            ("idd code", 1),
            ("ctry code", 0),
        ],
    ),
    (
        F::Area,
        "area_code",
        &[
            ("area code", 0),
            ("area codes", 0),
            ("areacode", 0),
            ("areacodes", 0),
            ("city code", 0),
            ("city codes", 0),
            ("citycode", 0),
            ("region code", 1),
            ("ndc", 1),
            ("national code", 1),
            ("national codes", 1),
        ],
    ),
    (F::Npa, "npa", &[("npa", 0)]),
    (F::Nxx, "nxx", &[("nxx", 0), ("nxxx", 1)]),
    (
        F::Rate,
        "rate",
        &[
            ("new rate", 0),
            ("new price", 0),
            ("rate", 1),
            ("rates", 1),
            ("rate per minute", 1),
            ("rate per min", 1),
            ("rate min", 1),
            ("rate minute", 1),
            ("price", 1),
            ("prices", 1),
            ("price per minute", 1),
            ("price per min", 1),
            ("price min", 1),
            ("price minute", 1),
            ("per minute", 1),
            ("per min", 1),
            ("minute rate", 1),
            ("minute price", 1),
            ("min rate", 1),
            ("call rate", 1),
            ("voice rate", 1),
            ("termination rate", 1),
            ("tariff", 1),
            ("cost", 1),
            ("cost per minute", 1),
            ("unit price", 1),
            ("unit rate", 1),
            ("charge", 2),
            ("charge per minute", 1),
            ("international rate", 1),
            ("current rate", 2),
            ("current price", 2),
            ("rate flat", 1),
            ("flat rate", 2),
            ("min", 9),
            ("minute", 9),
        ],
    ),
    (
        F::Interstate,
        "interstate",
        &[
            ("interstate", 0),
            ("inter state", 0),
            ("interstate rate", 0),
            ("inter state rate", 0),
            ("inter", 0),
            ("inter rate", 0),
            ("interrate", 0),
            ("interstate price", 0),
            ("rate interstate", 0),
            ("rate inter", 0),
            ("inter ratecost", 0),
            ("price interstate", 0),
        ],
    ),
    (
        F::Intrastate,
        "intrastate",
        &[
            ("intrastate", 0),
            ("intra state", 0),
            ("intrastate rate", 0),
            ("intra state rate", 0),
            ("intra", 0),
            ("intra rate", 0),
            ("intrarate", 0),
            ("intrastate price", 0),
            ("rate intrastate", 0),
            ("rate intra", 0),
            ("price intrastate", 0),
        ],
    ),
    (
        F::Indeterminate,
        "indeterminate",
        &[
            ("indeterminate", 0),
            ("indeterminate rate", 0),
            ("indeterminant", 0),
            ("indeterminant rate", 0),
            ("indeterm", 0),
            ("indet", 0),
            ("indet rate", 0),
            ("ij", 0),
            ("ij rate", 0),
            ("ijrate", 0),
            ("undetermined", 0),
            ("undetermined rate", 0),
            ("unknown rate", 1),
            ("rate indeterminate", 0),
            ("rate ij", 0),
            ("unknown jurisdiction", 0),
            ("price indeterminate", 0),
        ],
    ),
    (
        F::Jurisdiction,
        "jurisdiction",
        &[("jurisdiction", 0), ("juris", 0)],
    ),
    (
        F::FirstInterval,
        "first_interval",
        &[
            ("first interval", 0),
            ("initial interval", 0),
            ("initial increment", 0),
            ("initial period", 0),
            ("1st interval", 0),
            ("1st increment", 0),
            ("first increment", 0),
            ("first period", 0),
            ("interval 1", 0),
            ("interval1", 0),
            ("minimum duration", 0),
            ("min duration", 0),
            ("minimum time", 0),
            ("min time", 0),
            ("minimum interval", 0),
            ("min interval", 0),
            ("minimum increment", 1),
            ("min increment", 1),
            ("minimum billing", 0),
            ("min billing", 0),
            ("minimum period", 0),
            ("initial", 1),
            ("first", 1),
            ("minimum", 2),
            ("min", 8),
            ("initial duration", 0),
            ("minimum call duration", 0),
            ("initial block", 0),
            ("duration", 2),
        ],
    ),
    (
        F::Increment,
        "increment",
        &[
            ("increment", 0),
            ("next interval", 0),
            ("next increment", 0),
            ("next period", 0),
            ("subsequent interval", 0),
            ("subsequent increment", 0),
            ("additional interval", 0),
            ("additional increment", 0),
            ("second interval", 0),
            ("2nd interval", 0),
            ("2nd increment", 0),
            ("interval 2", 0),
            ("interval2", 0),
            ("interval n", 0),
            ("billing step", 0),
            ("step", 1),
            ("rounding", 1),
            ("subsequent", 1),
            ("next", 1),
            ("recurring", 1),
            ("recurring interval", 0),
            ("additional", 1),
            ("sub increment", 0),
            ("subsequent block", 0),
            ("subsequent period", 0),
        ],
    ),
    (
        F::Intervals,
        "intervals",
        &[
            ("billing increment", 0),
            ("billing increments", 0),
            ("increments", 0),
            ("billing terms", 0),
            ("billing term", 0),
            ("billing", 1),
            ("billing rule", 0),
            ("billing rules", 0),
            ("rounding rule", 0),
            ("rounding rules", 0),
            ("billing interval", 0),
            ("billing intervals", 0),
            ("interval", 1),
            ("intervals", 0),
            ("chargeable interval", 0),
            ("billing cycle", 0),
            ("billing unit", 0),
            ("billing units", 0),
            ("billing model", 0),
            ("charging interval", 0),
            ("rate increment", 0),
            ("rate increments", 0),
            ("min incr", 0),
            ("block", 1),
            ("pulse", 1),
            ("minimum incr", 0),
        ],
    ),
    (
        F::Fee,
        "fee",
        &[
            ("fee", 0),
            ("connection fee", 0),
            ("connect fee", 0),
            ("connection charge", 0),
            ("connect charge", 0),
            ("connection cost", 0),
            ("connect cost", 0),
            ("connection price", 0),
            ("conn fee", 0),
            ("setup fee", 0),
            ("set up fee", 0),
            ("setup charge", 0),
            ("call setup", 0),
            ("call setup fee", 0),
            ("setup", 1),
            ("call fee", 0),
            ("call charge", 0),
            ("per call", 1),
            ("fee per call", 0),
            ("access fee", 1),
            ("connection", 1),
            ("connect rate", 0),
            ("setup price", 0),
        ],
    ),
    (
        F::MinimumCharge,
        "minimum_charge",
        &[
            ("minimum charge", 0),
            ("min charge", 0),
            ("minimum price", 0),
            ("minimum cost", 0),
            ("minimum fee", 0),
            ("min cost", 0),
            ("min price", 0),
        ],
    ),
    (
        F::Currency,
        "currency",
        &[
            ("currency", 0),
            ("currency code", 0),
            ("ccy", 0),
            ("cur", 0),
            ("curr", 0),
        ],
    ),
    (
        F::EffectiveFrom,
        "effective_from",
        &[
            ("effective from", 0),
            ("effective date", 0),
            ("effective", 1),
            ("effective since", 0),
            ("eff date", 0),
            ("date effective", 0),
            ("effective start date", 0),
            ("effective date from", 0),
            ("valid from", 0),
            ("valid since", 0),
            ("start date", 0),
            ("date from", 0),
            ("from date", 0),
            ("active from", 0),
            ("activation date", 0),
            ("activation", 1),
            ("begin date", 0),
            ("start", 1),
            ("from", 1),
            ("since", 1),
            ("effective time", 1),
            ("effective datetime", 0),
            ("new effective date", 0),
            ("start time", 1),
            ("effectivedate", 0),
            ("startdate", 0),
            ("validfrom", 0),
        ],
    ),
    (
        F::EffectiveTo,
        "effective_to",
        &[
            ("effective to", 0),
            ("effective till", 0),
            ("effective until", 0),
            ("effective end date", 0),
            ("effective date to", 0),
            ("valid to", 0),
            ("valid until", 0),
            ("valid till", 0),
            ("end date", 0),
            ("date to", 0),
            ("to date", 0),
            ("expiry", 0),
            ("expiry date", 0),
            ("expiration", 0),
            ("expiration date", 0),
            ("expires", 0),
            ("until", 1),
            ("till", 1),
            ("to", 1),
            ("end", 1),
            ("active to", 0),
            ("end time", 1),
            ("enddate", 0),
            ("validto", 0),
            ("effective thru", 0),
        ],
    ),
    (
        F::Blocked,
        "blocked",
        &[
            ("blocked", 0),
            ("block status", 0),
            ("status", 0),
            ("code status", 0),
            ("rate status", 0),
            ("closed", 0),
            ("disabled", 0),
            ("availability", 1),
            ("change", 3),
            ("change type", 2),
            ("type of change", 2),
            ("action", 2),
            ("rate change", 2),
            ("change status", 2),
        ],
    ),
    (
        F::Origin,
        "origin",
        &[
            ("origin", 0),
            ("origins", 0),
            ("origin prefix", 0),
            ("origin code", 0),
            ("origin codes", 0),
            ("ani", 0),
            ("ani prefix", 0),
            ("a number", 0),
            ("a number prefix", 0),
            ("a prefix", 0),
            ("calling prefix", 0),
            ("caller prefix", 0),
            ("calling code", 1),
            ("origination", 0),
            ("origination prefix", 0),
            ("origination code", 0),
            ("originating prefix", 0),
            ("source prefix", 0),
            ("src prefix", 0),
            ("origin dial code", 0),
            ("origin dial codes", 0),
            ("cli prefix", 0),
        ],
    ),
    (
        F::Surcharge,
        "surcharge",
        &[
            ("surcharge", 0),
            ("origin surcharge", 0),
            ("surcharge per minute", 0),
            ("surcharge per min", 0),
            ("surcharge min", 0),
            ("additional charge", 1),
        ],
    ),
    (
        F::Hours,
        "hours",
        &[
            ("hours", 0),
            ("time of day", 0),
            ("time window", 0),
            ("time period", 0),
            ("days and hours", 0),
            ("tod", 0),
        ],
    ),
    (
        F::Timezone,
        "timezone",
        &[("timezone", 0), ("time zone", 0), ("tz", 0)],
    ),
];

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
