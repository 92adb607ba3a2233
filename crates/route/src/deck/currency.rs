//! Currencies of decks, and what they are worth in the base currency.

use super::Money;
use std::fmt;

/// A currency by its three letters (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The United States' dollar.
    pub const USD: Self = Self(*b"USD");

    /// Of three letters, or of a sign that only one currency has (`€`, `£`) or mostly one (`$`).
    pub fn new(text: &str) -> Option<Self> {
        match text {
            "$" | "US$" => return Some(Self::USD),
            "€" => return Some(Self(*b"EUR")),
            "£" => return Some(Self(*b"GBP")),
            _ => {}
        }
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|letter| letter.is_ascii_alphabetic()) => Some(Self([
                a.to_ascii_uppercase(),
                b.to_ascii_uppercase(),
                c.to_ascii_uppercase(),
            ])),
            _ => None,
        }
    }

    /// Its letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The base currency, and what others are worth in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    base: Currency,
    /// The price of one unit in the base currency.
    rates: Vec<(Currency, Money)>,
}

impl Default for Exchange {
    /// Dollars and nothing else.
    fn default() -> Self {
        Self::new(Currency::USD, Vec::new())
    }
}

impl Exchange {
    /// `rates`: the price of one unit in the base currency.
    pub fn new(base: Currency, rates: Vec<(Currency, Money)>) -> Self {
        Self { base, rates }
    }

    /// What `[billing]` says.
    pub fn of(billing: &config::Billing) -> Self {
        let rates = billing.rates.iter();
        let known = |(name, price): (&String, &f64)| Some((Currency::new(name)?, Money::from_units(*price)));
        Self::new(
            Currency::new(&billing.currency).unwrap_or(Currency::USD),
            rates.filter_map(known).collect(),
        )
    }

    /// The currency of everything that was loaded.
    pub fn base(&self) -> Currency {
        self.base
    }

    /// The price of one unit of a currency in the base currency; `None`: nobody has set it.
    pub fn price(&self, currency: Currency) -> Option<Money> {
        if currency == self.base {
            return Some(Money(Money::UNIT));
        }
        let known = self.rates.iter().find(|(known, _)| *known == currency);
        known.map(|(_, price)| *price)
    }
}

/// An amount of a currency whose unit has this price: half a billionth and more is one.
pub(super) fn convert(amount: Money, price: Money) -> Money {
    if price.0 == Money::UNIT {
        return amount;
    }
    let exact = u128::from(amount.0) * u128::from(price.0);
    let unit = u128::from(Money::UNIT);
    Money(u64::try_from((exact + unit / 2) / unit).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_converted_to_the_nearest_billionth() {
        let price = |units: f64| Money::from_units(units);
        let table = [
            (10_000_000, 1.08, 10_800_000),
            (1, 1.5, 2),
            (1, 1.4, 1),
            (3, 0.5, 2),
            (12_345, 1.0, 12_345),
            (u64::MAX, 2.0, u64::MAX),
        ];
        for (amount, rate, expected) in table {
            assert_eq!(
                convert(Money(amount), price(rate)),
                Money(expected),
                "{amount} at {rate}"
            );
        }
    }

    #[test]
    fn currencies_are_three_letters_or_a_sign() {
        for (text, name) in [("eur", "EUR"), ("$", "USD"), ("€", "EUR"), ("£", "GBP")] {
            assert_eq!(Currency::new(text).map(|c| c.to_string()).as_deref(), Some(name));
        }
        for text in ["", "EU", "EURO", "E1R", "¥"] {
            assert_eq!(Currency::new(text), None, "{text}");
        }
        let (euro, pound) = (Currency::new("EUR").unwrap(), Currency::new("GBP").unwrap());
        let exchange = Exchange::new(euro, vec![(Currency::USD, Money(920_000_000))]);
        assert_eq!(exchange.price(euro), Some(Money(Money::UNIT)));
        assert_eq!(exchange.price(Currency::USD), Some(Money(920_000_000)));
        assert_eq!(exchange.price(pound), None);
    }
}
