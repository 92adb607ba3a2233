//! The amounts of a record.

use super::{Prices, Reader};
use crate::deck::read::Field;
use crate::deck::read::cell::{self, Amount, Status};
use crate::deck::read::cut::Record;
use crate::deck::{Currency, Jurisdiction, Money};

/// What the file shows of its decimals: the first lines of each kind.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) point: Option<u32>,
    pub(super) comma: Option<u32>,
    /// A comma that can't stand between thousands.
    pub(super) decimal_comma: bool,
}

impl Reader<'_> {
    /// What is added to other rows' prices, if that is what the record is about.
    pub(super) fn surcharge(
        &mut self,
        record: Record<'_, '_>,
        currency: &mut Option<Currency>,
    ) -> Option<Money> {
        if !self.has(record, Field::Surcharge) {
            return None;
        }
        let priced = [Field::Rate, Field::Interstate, Field::Hours, Field::Jurisdiction];
        if let Some(field) = priced.into_iter().find(|field| self.has(record, *field)) {
            let message = format!(
                "a row with a surcharge is about that alone; leave {:?} empty",
                field.name()
            );
            self.fault(record.line, field, message);
        }
        self.money(record, Field::Surcharge, currency)
    }

    pub(super) fn prices(
        &mut self,
        record: Record<'_, '_>,
        blocked: &mut bool,
        currency: &mut Option<Currency>,
    ) -> Prices {
        if !self.has(record, Field::Interstate) && !self.has(record, Field::Intrastate) {
            if self.columns.of_field(Field::Rate).is_none() && !*blocked {
                self.fault(
                    record.line,
                    Field::Interstate,
                    "a price is needed, e.g. 0.0125".into(),
                );
                return [None; 3];
            }
            let text = self.text(record, Field::Rate);
            // Some have the word in place of the price.
            if text.len() > "false".len() && cell::status(text) == Ok(Status::Blocked) {
                *blocked = true;
            }
            if *blocked && cell::amount(text).is_err() {
                return [Some((None, Money(0))), None, None];
            }
            let price = self.needed(record, Field::Rate, currency);
            return [price.map(|price| (None, price)), None, None];
        }
        let inter = self.needed(record, Field::Interstate, currency);
        let intra = self.needed(record, Field::Intrastate, currency);
        // Who does not say what a call of unknown states costs means the dearer.
        let other = if self.has(record, Field::Indeterminate) {
            self.needed(record, Field::Indeterminate, currency)
        } else {
            inter.max(intra)
        };
        if inter == intra && intra == other {
            return [inter.map(|price| (None, price)), None, None];
        }
        [
            inter.map(|price| (Some(Jurisdiction::Interstate), price)),
            intra.map(|price| (Some(Jurisdiction::Intrastate), price)),
            other.map(|price| (Some(Jurisdiction::Indeterminate), price)),
        ]
    }

    /// An amount that has to be there.
    fn needed(
        &mut self,
        record: Record<'_, '_>,
        field: Field,
        currency: &mut Option<Currency>,
    ) -> Option<Money> {
        if !self.has(record, field) {
            self.fault(record.line, field, "a price is needed, e.g. 0.0125".into());
            return None;
        }
        self.money(record, field, currency)
    }

    /// An amount; `None` for an empty cell.
    pub(super) fn money(
        &mut self,
        record: Record<'_, '_>,
        field: Field,
        currency: &mut Option<Currency>,
    ) -> Option<Money> {
        let text = self.text(record, field);
        if text.is_empty() {
            return None;
        }
        let decimal = self.format.decimal;
        let read = cell::amount(text).and_then(|amount| match (amount.mark, decimal) {
            (Some(mark), Some(decimal)) if mark != decimal => Err(format!(
                "{text:?} has a {:?} where decimals begin with a {:?} (`decimal`)",
                char::from(mark),
                char::from(decimal)
            )),
            _ => Ok(amount),
        });
        let amount = match read {
            Ok(amount) => amount,
            Err(message) => {
                self.fault(record.line, field, message);
                return None;
            }
        };
        self.marks.note(&amount, text, record.line);
        match (amount.currency, *currency) {
            (Some(own), Some(other)) if own != other => {
                self.fault(
                    record.line,
                    field,
                    format!("one row has amounts in {own} and {other}"),
                );
            }
            (Some(own), _) => *currency = Some(own),
            (None, _) => {}
        }
        Some(Money(amount.billionths))
    }

    /// The place of a row's currency among those of the file, 1 being the first; 0: none is named.
    pub(super) fn currency(&mut self, record: Record<'_, '_>, in_amounts: Option<Currency>) -> Option<u16> {
        let text = self.text(record, Field::Currency);
        let own = if text.is_empty() {
            None
        } else {
            match Currency::new(text) {
                Some(currency) => Some(currency),
                None => {
                    let message = format!("{text:?} is no currency; write its three letters, e.g. EUR");
                    self.fault(record.line, Field::Currency, message);
                    return None;
                }
            }
        };
        let Some(currency) = in_amounts.or(own) else {
            // That of the header or of the format is the first.
            return Some(u16::from(
                self.columns.currency.or(self.format.currency).is_some(),
            ));
        };
        if own.is_some_and(|own| own != currency) {
            self.fault(
                record.line,
                Field::Currency,
                format!("the amounts of this row are in {currency}"),
            );
        }
        let known = self.currencies.iter().position(|known| *known == currency);
        let index = known.unwrap_or_else(|| {
            self.currencies.push(currency);
            self.currencies.len() - 1
        });
        Some(u16::try_from(index + 1).unwrap_or(u16::MAX))
    }
}

impl Marks {
    fn note(&mut self, amount: &Amount, text: &str, line: u32) {
        match amount.mark {
            Some(b'.') => {
                self.point.get_or_insert(line);
            }
            Some(b',') => {
                self.comma.get_or_insert(line);
                let decimals = text
                    .bytes()
                    .rev()
                    .take_while(|b| *b != b',')
                    .filter(u8::is_ascii_digit)
                    .count();
                self.decimal_comma |= decimals != 3 || amount.billionths < Money::UNIT;
            }
            Some(_) | None => {}
        }
    }
}
