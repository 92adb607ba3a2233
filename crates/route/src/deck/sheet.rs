//! A deck as its file has it: rows in their own currencies, before they are anybody's prices.

mod inline;
mod surcharge;
mod write;

use super::read::{MAX_ROWS, RowError};
use super::{Currency, Deck, Exchange, Field, Money, Places, Row, currency};

/// One row of a sheet. Its amounts are in its own currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The row.
    pub row: Row,
    /// Place of its currency among [`Sheet::currencies`], from 1; 0: none was named.
    pub(super) currency: u16,
    /// Its price is added to those of other rows, for calls from its origin.
    pub(super) surcharge: bool,
}

impl Line {
    /// Whether it only repeats another.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        let line = other.row.line;
        let own = Self {
            row: Row { line, ..self.row },
            ..*self
        };
        own == *other
    }

    /// Whether it asks for the same, for as long.
    pub(super) fn costs_the_same_as(&self, other: &Self) -> bool {
        let what = |line: &Self| (line.row.rate, line.row.until, line.currency, line.surcharge);
        what(self) == what(other)
    }

    /// The row with its amounts in the base currency. `prices`: of each currency's unit.
    fn converted(&self, prices: &[Money]) -> Row {
        let price = usize::from(self.currency)
            .checked_sub(1)
            .and_then(|index| prices.get(index));
        let Some(price) = price.filter(|price| price.0 != Money::UNIT) else {
            return self.row;
        };
        let mut row = self.row;
        row.rate.per_minute = currency::convert(row.rate.per_minute, *price);
        row.rate.fee = currency::convert(row.rate.fee, *price);
        row.rate.minimum = currency::convert(row.rate.minimum, *price);
        row
    }

    /// Whether its price is a surcharge.
    pub fn is_surcharge(&self) -> bool {
        self.surcharge
    }
}

/// A deck that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Rows, in the order of their prefixes.
    pub(super) lines: Vec<Line>,
    /// Rows whose prices are added to those of others.
    pub(super) surcharges: Vec<Line>,
    pub(super) currencies: Vec<Currency>,
    pub(super) columns: Vec<(&'static str, String)>,
    pub(super) passed_over: Vec<String>,
    pub(super) notes: Vec<String>,
    /// Its dates were days of UTC.
    pub(super) by_utc: bool,
}

impl Sheet {
    /// Its rows, those with surcharges last.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().chain(&self.surcharges)
    }

    /// The currency of a row; `None`: it names none.
    pub fn currency(&self, line: &Line) -> Option<Currency> {
        self.currencies
            .get(usize::from(line.currency).checked_sub(1)?)
            .copied()
    }

    /// Which column was taken for what: our name, and what stands over it.
    pub fn columns(&self) -> &[(&'static str, String)] {
        &self.columns
    }

    /// Columns that nothing was read from.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// What is worth knowing of how it was read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The deck, in the base currency. Amounts that name no currency are in the base currency.
    ///
    /// # Errors
    /// Currencies that nobody has set a rate for, each at its first row; more rows than a deck may have, once surcharges are added.
    pub fn deck(self, exchange: &Exchange, places: Places) -> Result<Deck, Vec<RowError>> {
        if !self.surcharges.is_empty() {
            return Ok(Deck::new(self.rows(exchange)?, places));
        }
        let prices = self.prices(exchange)?;
        Ok(Deck::of_sorted(
            self.lines.iter().map(|line| line.converted(&prices)),
            places,
        ))
    }

    /// The rows of the deck that it makes, as [`Sheet::deck`] has them, with their lines.
    ///
    /// # Errors
    /// As [`Sheet::deck`].
    pub fn rows(mut self, exchange: &Exchange) -> Result<Vec<Row>, Vec<RowError>> {
        let prices = self.prices(exchange)?;
        let mut rows: Vec<Row> = self.lines.iter().map(|line| line.converted(&prices)).collect();
        if !self.surcharges.is_empty() {
            for line in &mut self.surcharges {
                line.row = line.converted(&prices);
            }
            surcharge::add(&mut rows, &self.surcharges, MAX_ROWS).map_err(|error| vec![error])?;
        }
        Ok(rows)
    }

    /// What a unit of each of its currencies is worth.
    fn prices(&self, exchange: &Exchange) -> Result<Vec<Money>, Vec<RowError>> {
        let mut prices = Vec::new();
        let mut errors = Vec::new();
        for (currency, place) in self.currencies.iter().zip(1..) {
            if let Some(price) = exchange.price(*currency) {
                prices.push(price);
                continue;
            }
            prices.push(Money(Money::UNIT));
            let uses = self.lines().filter(|line| line.currency == place);
            if let Some(line) = uses.map(|line| line.row.line).min() {
                errors.push(RowError {
                    line,
                    column: Field::Currency.name().to_owned(),
                    message: format!(
                        "nobody has said what one {currency} is worth in {base}; write rates = {{ {currency} = … }} in [billing]",
                        base = exchange.base()
                    ),
                });
            }
        }
        if errors.is_empty() {
            Ok(prices)
        } else {
            Err(errors)
        }
    }
}
