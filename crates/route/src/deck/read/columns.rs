//! Where each column stands, going by the header.

use super::cut::{Record, Records};
use super::header::{self, Field, Guess};
use super::{Format, Layout, RowError};
use crate::deck::Currency;

/// Fields that there are.
const FIELDS: usize = Field::Timezone as usize + 1;

/// How the prefix of a row is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codes {
    /// As it stands in this column.
    Whole(usize),
    /// Country code, then area codes.
    Behind(usize, usize),
    /// Area codes and exchanges of the United States.
    Us(usize),
    /// The same in two columns.
    NpaNxx(usize, usize),
    /// A country code, and codes with or without it: the file has to show which.
    Unsettled(usize, usize),
}

/// Where each column stands.
pub(super) struct Columns {
    at: [Option<usize>; FIELDS],
    pub(super) codes: Codes,
    /// What stands over each column.
    names: Vec<String>,
    /// The currency that the header of the prices names.
    pub(super) currency: Option<Currency>,
    /// First interval and increment that the header names.
    pub(super) intervals: Option<(u16, u16)>,
    /// The header's line.
    pub(super) line: u32,
}

/// What a record is.
pub(super) enum Found {
    Header(Box<Columns>),
    /// It would be the header, but for these.
    Faulty(Vec<RowError>),
    Nothing,
}

/// Which column is which field.
struct Placed {
    at: [Option<usize>; FIELDS],
    /// The codes are of the United States.
    npanxx: bool,
    /// Columns that could be the field of another as well, and what to do about it.
    doubts: Vec<(String, String)>,
}

/// Finds the column of each field: that which the format names, else that whose heading ranks best.
fn place(names: &[String], headings: &[header::Heading], format: &Format) -> Placed {
    let mut placed = Placed {
        at: [None; FIELDS],
        npanxx: false,
        doubts: Vec::new(),
    };
    for (field, name) in &format.columns {
        let place = names
            .iter()
            .position(|other| other.eq_ignore_ascii_case(name.trim()));
        if let (Some(place), Some(slot)) = (place, placed.at.get_mut(*field as usize)) {
            *slot = Some(place);
        }
    }
    let named = placed.at;
    for (index, slot) in placed
        .at
        .iter_mut()
        .enumerate()
        .filter(|(_, slot)| slot.is_none())
    {
        let free = headings
            .iter()
            .enumerate()
            .filter(|(place, _)| !named.contains(&Some(*place)));
        let guesses = free.flat_map(|(place, heading)| {
            let mine = heading
                .guesses
                .iter()
                .filter(|guess| guess.field as usize == index);
            mine.map(move |guess| (guess, place))
        });
        let mut best: Option<(&Guess, usize)> = None;
        let mut rival = None;
        for (guess, place) in guesses {
            match best {
                Some((other, _)) if other.rank < guess.rank => {}
                Some((other, _)) if other.rank == guess.rank => rival = Some(place),
                Some(_) | None => (best, rival) = (Some((guess, place)), None),
            }
        }
        let name = |place: usize| names.get(place).map_or("", String::as_str);
        if let (Some((guess, first)), Some(second)) = (best, rival) {
            let doubt = format!(
                "{:?} and {:?} could both be the column {:?}; rename one, or say which it is (`columns`)",
                name(first),
                name(second),
                guess.field.name(),
            );
            placed.doubts.push((name(second).to_owned(), doubt));
        }
        placed.npanxx |= best.is_some_and(|(guess, _)| guess.npanxx);
        *slot = best.map(|(_, place)| place);
    }
    placed
}

impl Columns {
    /// Reads a record as the header.
    pub(super) fn of(record: Record<'_, '_>, format: &Format) -> Found {
        let names: Vec<String> = record.cells.iter().map(|cell| cell.trim().to_owned()).collect();
        let headings: Vec<header::Heading> = names.iter().map(|name| header::heading(name)).collect();
        let Placed { at, npanxx, doubts } = place(&names, &headings, format);
        let of = |field: Field| at.get(field as usize).copied().flatten();
        let us = match format.layout {
            Layout::UnitedStates => true,
            Layout::International => false,
            // Who prices states and nothing else prices the United States.
            Layout::Auto => npanxx || (of(Field::Interstate).is_some() && of(Field::Rate).is_none()),
        };
        let codes = match (of(Field::Prefix), of(Field::Country), of(Field::Area)) {
            (None, _, _) if of(Field::Npa).is_some() && of(Field::Nxx).is_some() => of(Field::Npa)
                .zip(of(Field::Nxx))
                .map(|(npa, nxx)| Codes::NpaNxx(npa, nxx)),
            (Some(prefix), _, _) if us => Some(Codes::Us(prefix)),
            (Some(prefix), Some(country), _) => Some(Codes::Unsettled(country, prefix)),
            (Some(prefix), None, _) => Some(Codes::Whole(prefix)),
            (None, Some(country), Some(area)) => Some(Codes::Behind(country, area)),
            (None, Some(only), None) | (None, None, Some(only)) => Some(Codes::Whole(only)),
            (None, None, None) => of(Field::Npa).map(Codes::Us),
        };
        let money = [Field::Rate, Field::Interstate, Field::Surcharge]
            .into_iter()
            .find_map(of);
        let (Some(codes), Some(money)) = (codes, money) else {
            return Self::nearly(record, codes.is_some(), money.is_some());
        };
        let fault = |column: &str, message: String| RowError {
            line: record.line,
            column: column.to_owned(),
            message,
        };
        let mut errors: Vec<RowError> = doubts
            .into_iter()
            .map(|(column, doubt)| fault(&column, doubt))
            .collect();
        if of(Field::Interstate).is_some() != of(Field::Intrastate).is_some() {
            let message = "there is a price for calls between states or within one, and none for the other";
            errors.push(fault(Field::Intrastate.name(), message.into()));
        }
        if !errors.is_empty() {
            return Found::Faulty(errors);
        }
        Found::Header(Box::new(Self {
            at,
            codes,
            currency: headings.get(money).and_then(|heading| heading.currency),
            intervals: headings.iter().find_map(|heading| heading.intervals),
            names,
            line: record.line,
        }))
    }

    /// A line that names prefixes or prices and not both, if it looks like a header.
    fn nearly(record: Record<'_, '_>, coded: bool, priced: bool) -> Found {
        let (field, have) = match (coded, priced) {
            (true, false) => (Field::Rate, "prefixes"),
            (false, true) => (Field::Prefix, "prices"),
            (true, true) | (false, false) => return Found::Nothing,
        };
        Found::Faulty(vec![RowError {
            line: record.line,
            column: field.name().to_owned(),
            message: format!(
                "the header line names the column of {have} and none that is known as {:?}; write that over the column, or say \
                 what it is called (`columns`)",
                field.name()
            ),
        }])
    }

    /// Settles what single rows can't: whether codes beside a country code have it in them.
    pub(super) fn settle(mut self, text: &str, separator: u8) -> Result<Self, Vec<RowError>> {
        let Codes::Unsettled(country, code) = self.codes else {
            return Ok(self);
        };
        let (mut with, mut without) = (None, None);
        let mut records = Records::new(text, separator);
        while let Some(record) = records.next_record() {
            let digits = |column: usize| record.cell(column).trim_start_matches('+');
            if record.line <= self.line || digits(country).is_empty() || digits(code).is_empty() {
                continue;
            }
            if digits(code).starts_with(digits(country)) {
                with.get_or_insert(record.line);
            } else {
                without.get_or_insert(record.line);
            }
        }
        self.codes = match (with, without) {
            (Some(with), Some(without)) => {
                return Err(vec![RowError {
                    line: with.max(without),
                    column: self.name(code).to_owned(),
                    message: format!(
                        "the code begins with the country code in line {with} and not in line {without}; write area codes under \
                         \"area_code\", or whole prefixes under \"prefix\" without a column of country codes"
                    ),
                }]);
            }
            (None, Some(_)) => Codes::Behind(country, code),
            (Some(_), None) | (None, None) => Codes::Whole(code),
        };
        Ok(self)
    }

    pub(super) fn of_field(&self, field: Field) -> Option<usize> {
        self.at.get(field as usize).copied().flatten()
    }

    /// What stands over a column.
    pub(super) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// What stands over the column of a field; its own name where there is none.
    pub(super) fn name_of(&self, field: Field) -> &str {
        self.of_field(field)
            .map_or(field.name(), |place| self.name(place))
    }

    /// Which column is what, in words.
    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let known = |index: usize| {
            let place = self.at.get(index).copied().flatten()?;
            let field = Field::ALL.get(index)?;
            Some((field.name(), self.name(place).to_owned()))
        };
        (0..FIELDS).filter_map(known).collect()
    }

    /// Columns that nothing is read from.
    pub(super) fn passed_over(&self) -> Vec<String> {
        let used = |place: usize| self.at.contains(&Some(place));
        let unused = self
            .names
            .iter()
            .enumerate()
            .filter(|(place, name)| !used(*place) && !name.is_empty());
        unused.map(|(_, name)| name.clone()).collect()
    }
}
