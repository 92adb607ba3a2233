//! From records to rows.

mod finish;
mod money;

use super::cell::{self, Status};
use super::columns::{Codes, Columns};
use super::cut::Record;
use super::dates::{DateIx, Dates};
use super::{Field, Format, MAX_FAULTS, MAX_ROWS, RowError};
use crate::deck::hours::{Hours, Zone};
use crate::deck::key::Key;
use crate::deck::sheet::Line;
use crate::deck::{Condition, Currency, Jurisdiction, Money, Rate, Row};
use money::Marks;

/// A file on its way to a sheet.
pub(super) struct Reader<'f> {
    format: &'f Format,
    columns: Columns,
    errors: Vec<RowError>,
    lines: Vec<Line>,
    dates: Dates,
    marks: Marks,
    currencies: Vec<Currency>,
    /// The zone that was read last, and how it was written.
    zone: (String, Zone),
    /// Room for what one record names.
    keys: Vec<Key>,
    origins: Vec<Key>,
    windows: Vec<Option<Hours>>,
    /// Rows that are marked as deleted.
    gone: usize,
}

/// Prices of a record, each with the calls that it is for.
type Prices = [Option<(Option<Jurisdiction>, Money)>; 3];

/// What a record says beside its codes.
struct Said {
    prices: Prices,
    rate: Rate,
    currency: u16,
    span: [u32; 2],
    jurisdiction: Option<Jurisdiction>,
    surcharge: bool,
}

impl<'f> Reader<'f> {
    /// `lines`: how many the file has.
    pub(super) fn new(columns: Columns, format: &'f Format, lines: usize) -> Self {
        Self {
            format,
            errors: Vec::new(),
            lines: Vec::with_capacity(lines.min(MAX_ROWS) + 1),
            dates: Dates::new(format.dates),
            marks: Marks::default(),
            currencies: columns.currency.or(format.currency).into_iter().collect(),
            columns,
            zone: (String::new(), format.zone),
            keys: Vec::new(),
            origins: Vec::new(),
            windows: Vec::new(),
            gone: 0,
        }
    }

    /// Takes a record; false: no more of them.
    pub(super) fn take(&mut self, record: Record<'_, '_>) -> bool {
        let before = self.errors.len();
        match self.status(record) {
            Some(Status::Gone) => self.gone += 1,
            status => {
                self.codes(record);
                let said = self.said(record, status == Some(Status::Blocked));
                self.windows(record);
                if let Some(said) = said.filter(|_| self.errors.len() == before) {
                    self.put(record.line, &said);
                }
            }
        }
        if self.lines.len() > MAX_ROWS {
            self.fault(
                record.line,
                Field::Prefix,
                format!("a deck has at most {MAX_ROWS} rows"),
            );
            return false;
        }
        if self.errors.len() >= MAX_FAULTS {
            self.fault(
                record.line,
                Field::Prefix,
                "there are more faults than are worth listing".into(),
            );
            return false;
        }
        true
    }

    fn fault(&mut self, line: u32, field: Field, message: String) {
        let column = self.columns.name_of(field).to_owned();
        self.errors.push(RowError {
            line,
            column,
            message,
        });
    }

    /// The text of a field; nothing where there is no such column.
    fn text<'r>(&self, record: Record<'r, '_>, field: Field) -> &'r str {
        match self.columns.of_field(field) {
            Some(place) => record.cell(place),
            None => "",
        }
    }

    fn has(&self, record: Record<'_, '_>, field: Field) -> bool {
        !self.text(record, field).is_empty()
    }

    /// What a cell says, if its column is there; what is wrong with it is noted.
    fn cell<T>(
        &mut self,
        record: Record<'_, '_>,
        field: Field,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = record.cell(self.columns.of_field(field)?);
        match read(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(record.line, field, message);
                None
            }
        }
    }

    fn status(&mut self, record: Record<'_, '_>) -> Option<Status> {
        self.columns.of_field(Field::Blocked)?;
        self.cell(record, Field::Blocked, cell::status)
    }

    /// The prefixes of a record, into `keys`.
    fn codes(&mut self, record: Record<'_, '_>) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        let mut put = |key| keys.push(key);
        let (place, read) = match self.columns.codes {
            Codes::Whole(place) => (place, cell::codes("", record.cell(place), put)),
            Codes::Unsettled(country, place) | Codes::Behind(country, place) => {
                let code = record.cell(country).trim_start_matches('+');
                if code.is_empty() || !code.bytes().all(|b| b.is_ascii_digit()) {
                    let message = format!("{code:?} is no country code; write it in every row, e.g. 44");
                    (country, Err(message))
                } else {
                    (place, cell::codes(code, record.cell(place), put))
                }
            }
            Codes::Us(place) => (place, us_codes(record.cell(place), &mut put)),
            Codes::NpaNxx(npa, nxx) => {
                let both = format!("{}{}", record.cell(npa), record.cell(nxx));
                (npa, us_codes(&both, &mut put))
            }
        };
        self.keys = keys;
        if let Err(message) = read {
            self.errors.push(RowError {
                line: record.line,
                column: self.columns.name(place).to_owned(),
                message,
            });
        }
    }

    fn said(&mut self, record: Record<'_, '_>, blocked: bool) -> Option<Said> {
        let mut rate = Rate {
            blocked,
            ..Row::BLANK.rate
        };
        (rate.first_interval, rate.increment) = self.intervals(record);
        let mut currency = None;
        let surcharge = self.surcharge(record, &mut currency);
        let prices = match surcharge {
            Some(price) => [Some((None, price)), None, None],
            None => self.prices(record, &mut rate.blocked, &mut currency),
        };
        rate.fee = self.money(record, Field::Fee, &mut currency).unwrap_or_default();
        rate.minimum = self
            .money(record, Field::MinimumCharge, &mut currency)
            .unwrap_or_default();
        let currency = self.currency(record, currency)?;
        let span = [
            self.date(record, 0, Field::EffectiveFrom),
            self.date(record, 1, Field::EffectiveTo),
        ];
        let jurisdiction = self.cell(record, Field::Jurisdiction, jurisdiction).flatten();
        self.origins(record, surcharge.is_some());
        Some(Said {
            prices,
            rate,
            currency,
            span,
            jurisdiction,
            surcharge: surcharge.is_some(),
        })
    }

    fn date(&mut self, record: Record<'_, '_>, which: usize, field: Field) -> DateIx {
        let text = self.text(record, field);
        match self.dates.read(text, which, record.line) {
            Ok(index) => index,
            Err(message) => {
                self.fault(record.line, field, message);
                Dates::ABSENT
            }
        }
    }

    fn intervals(&mut self, record: Record<'_, '_>) -> (u16, u16) {
        let usual = self.columns.intervals.unwrap_or((1, 1));
        if self.has(record, Field::Intervals) {
            return self
                .cell(record, Field::Intervals, cell::intervals)
                .unwrap_or(usual);
        }
        let both = |text: &str| text.contains(['/', '-', '+', ':', ';']) && !text.starts_with('-');
        for field in [Field::FirstInterval, Field::Increment] {
            if both(self.text(record, field)) {
                return self.cell(record, field, cell::intervals).unwrap_or(usual);
            }
        }
        let read = |least: u16, usual: u16| {
            move |text: &str| {
                if text.is_empty() {
                    Ok(usual)
                } else {
                    cell::interval(text, least)
                }
            }
        };
        let first = self.cell(record, Field::FirstInterval, read(0, usual.0));
        let increment = self.cell(record, Field::Increment, read(1, usual.1));
        (first.unwrap_or(usual.0), increment.unwrap_or(usual.1))
    }

    fn origins(&mut self, record: Record<'_, '_>, needed: bool) {
        self.origins.clear();
        let text = self.text(record, Field::Origin);
        let any = ["", "*", "any", "all", "default", "other", "others", "rest"];
        if any.iter().any(|word| word.eq_ignore_ascii_case(text)) {
            if needed {
                self.fault(
                    record.line,
                    Field::Origin,
                    "a surcharge needs the prefix of the numbers that it is for".into(),
                );
            }
            self.origins.push(Key::EMPTY);
            return;
        }
        let mut origins = std::mem::take(&mut self.origins);
        let read = cell::codes("", text, |key| origins.push(key));
        self.origins = origins;
        if let Err(message) = read {
            self.fault(record.line, Field::Origin, message);
        }
    }

    /// The spans of hours of a record, into `windows`; one `None`: always.
    fn windows(&mut self, record: Record<'_, '_>) {
        self.windows.clear();
        if !self.has(record, Field::Hours) {
            self.windows.push(None);
            return;
        }
        let text = self.text(record, Field::Timezone);
        if self.zone.0 != text {
            let zone = if text.is_empty() {
                Ok(self.format.zone)
            } else {
                Zone::parse(text)
            };
            match zone {
                Ok(zone) => self.zone = (text.to_owned(), zone),
                Err(message) => return self.fault(record.line, Field::Timezone, message),
            }
        }
        let zone = self.zone.1;
        let windows = self.cell(record, Field::Hours, |text| Hours::parse(text, zone));
        self.windows.extend(windows.into_iter().flatten().map(Some));
    }

    fn put(&mut self, line: u32, said: &Said) {
        for key in &self.keys {
            for (jurisdiction, price) in said.prices.iter().flatten() {
                for origin in &self.origins {
                    for hours in &self.windows {
                        if self.lines.len() > MAX_ROWS {
                            return;
                        }
                        let rate = Rate {
                            per_minute: *price,
                            prefix_len: key.digits() as u8,
                            ..said.rate
                        };
                        let condition = Condition {
                            jurisdiction: jurisdiction.or(said.jurisdiction),
                            origin: *origin,
                            hours: *hours,
                        };
                        // Until the order of dates is known these are where they stand in the list.
                        let row = Row {
                            key: *key,
                            rate,
                            from: said.span[0],
                            until: said.span[1],
                            condition,
                            line,
                        };
                        self.lines.push(Line {
                            row,
                            currency: said.currency,
                            surcharge: said.surcharge,
                        });
                    }
                }
            }
        }
    }
}

fn jurisdiction(text: &str) -> Result<Option<Jurisdiction>, String> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["", "any", "all", "*"]) {
        Ok(None)
    } else if is(&["interstate", "inter"]) {
        Ok(Some(Jurisdiction::Interstate))
    } else if is(&["intrastate", "intra"]) {
        Ok(Some(Jurisdiction::Intrastate))
    } else if is(&["indeterminate", "ij", "unknown"]) {
        Ok(Some(Jurisdiction::Indeterminate))
    } else {
        Err(format!(
            "{text:?} is neither interstate, intrastate nor indeterminate"
        ))
    }
}

/// Area codes and exchanges of the United States, to which the country's 1 is added where it is not there: no area code begins with it.
fn us_codes(text: &str, put: &mut impl FnMut(Key)) -> Result<(), String> {
    let mut wrong = None;
    let one = Key::EMPTY.with(1);
    let read = cell::codes("", text, |key| match key.at(0) {
        Some(1) => put(key),
        Some(0) | None => wrong = Some(key),
        Some(_) => {
            let digits = key.digits();
            put((0..digits).filter_map(|place| key.at(place)).fold(one, Key::with));
        }
    });
    match (read, wrong) {
        (Err(message), _) => Err(message),
        (Ok(()), Some(key)) => Err(format!("no area code of the United States begins like \"{key}\"")),
        (Ok(()), None) => Ok(()),
    }
}
