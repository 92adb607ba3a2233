//! Reading a deck: comma, semicolon or tab separated values with a header line (RFC 4180 quoting).

use super::calendar::DAY;
use super::date;
use super::key::{Key, MAX_PREFIX};
use super::places::Places;
use super::{Condition, Deck, Money, Rate, Row};
use std::borrow::Cow;

/// Rows that a deck may have at most.
pub const MAX_ROWS: usize = 2_000_000;

/// Highest price or fee, in units: above it somebody has swapped columns.
const MAX_UNITS: u64 = 1_000_000;

/// A row of a deck that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {column}: {message}")]
pub struct RowError {
    /// Line in the file where the row begins, from 1.
    pub line: u32,
    /// Name of the column.
    pub column: &'static str,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// Reads a deck from CSV; every bad row is reported.
///
/// The first line names the columns, in any order and case: `prefix` (digits, `+` tolerated), `rate` (per
/// minute), and if wanted
/// `first_interval` and `increment` (seconds, 1 where not given), `fee` (per answered call), `minimum` (that an answered call costs
/// at least),
/// `effective_from` and `effective_to`
/// (`YYYY-MM-DD`, with `THH:MM:SSZ` if wanted, UTC, or seconds since 1970; a bare date in `effective_to` is
/// the last day),
/// `blocked` (`true` or `false`; such a row needs no rate). Other columns are passed over. One prefix may
/// have several rows that begin
/// at different times: the one that began last is in force. A row that has ended leaves the number to the
/// next shorter prefix.
pub fn parse_csv(text: &str) -> Result<Deck, Vec<RowError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let separator = separator(text.lines().next().unwrap_or_default());
    let mut records = Records {
        rest: text,
        line: 1,
        separator,
        cells: Vec::new(),
    };
    let Some(first) = records.next_record() else {
        return Err(vec![RowError {
            line: 1,
            column: "prefix",
            message: "the deck is empty".into(),
        }]);
    };
    let columns = Columns::of(first)?;
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    while let Some(record) = records.next_record() {
        if rows.len() == MAX_ROWS {
            errors.push(record.fault("prefix", format!("a deck has at most {MAX_ROWS} rows")));
            break;
        }
        if let Some(row) = columns.row(record, &mut errors) {
            rows.push(row);
        }
    }
    if rows.is_empty() && errors.is_empty() {
        errors.push(RowError {
            line: 1,
            column: "prefix",
            message: "the deck has no rows below its header".into(),
        });
    }
    rows.sort_unstable_by_key(Row::order);
    for pair in rows.windows(2) {
        if let [first, second] = pair
            && (first.key, first.from) == (second.key, second.from)
        {
            let message = format!(
                "line {} has the same prefix and effective_from; keep one",
                first.line
            );
            errors.push(RowError {
                line: second.line,
                column: "prefix",
                message,
            });
        }
    }
    if errors.is_empty() {
        Ok(Deck::of_sorted(&rows, Places::default()))
    } else {
        errors.sort_by_key(|error| error.line);
        Err(errors)
    }
}

/// What separates the cells, going by the header.
fn separator(header: &str) -> u8 {
    [b',', b';', b'\t']
        .into_iter()
        .find(|&s| header.bytes().any(|b| b == s))
        .unwrap_or(b',')
}

/// One record and the line that it began on.
#[derive(Clone, Copy)]
struct Record<'a, 't> {
    cells: &'a [Cow<'t, str>],
    line: u32,
}

impl Record<'_, '_> {
    fn fault(&self, column: &'static str, message: String) -> RowError {
        RowError {
            line: self.line,
            column,
            message,
        }
    }

    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }
}

/// Cuts text into records; blank lines are passed over.
struct Records<'t> {
    rest: &'t str,
    line: u32,
    separator: u8,
    cells: Vec<Cow<'t, str>>,
}

impl<'t> Records<'t> {
    fn next_record(&mut self) -> Option<Record<'_, 't>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let line = self.line;
            self.cells.clear();
            while !self.next_cell() {}
            if self.cells.iter().any(|cell| !cell.trim().is_empty()) {
                return Some(Record {
                    cells: &self.cells,
                    line,
                });
            }
        }
    }

    /// Takes one cell; true if it was the record's last.
    fn next_cell(&mut self) -> bool {
        let mut quoted = String::new();
        let mut was_quoted = false;
        while self.rest.starts_with('"') {
            // Up to the closing quote; a doubled quote is a quote, and the cell goes on.
            let inner = self.rest.get(1..).unwrap_or_default();
            let (text, after) = inner.split_once('"').unwrap_or((inner, ""));
            self.line += text.bytes().filter(|&b| b == b'\n').count() as u32;
            if was_quoted {
                quoted.push('"');
            }
            was_quoted = true;
            quoted.push_str(text);
            self.rest = after;
        }
        let end = self
            .rest
            .bytes()
            .position(|b| b == b'\n' || b == self.separator)
            .unwrap_or(self.rest.len());
        let (plain, after) = self.rest.split_at(end);
        let plain = plain.strip_suffix('\r').unwrap_or(plain);
        self.cells.push(if was_quoted {
            Cow::Owned(quoted + plain)
        } else {
            Cow::Borrowed(plain)
        });
        let last = after.as_bytes().first().is_none_or(|&b| b != self.separator);
        self.rest = after.get(1..).unwrap_or_default();
        self.line += u32::from(last);
        last
    }
}

/// Where each column stands.
struct Columns {
    prefix: usize,
    rate: usize,
    first_interval: Option<usize>,
    increment: Option<usize>,
    fee: Option<usize>,
    minimum: Option<usize>,
    effective_from: Option<usize>,
    effective_to: Option<usize>,
    blocked: Option<usize>,
}

impl Columns {
    fn of(header: Record<'_, '_>) -> Result<Self, Vec<RowError>> {
        let names: Vec<String> = header
            .cells
            .iter()
            .map(|cell| cell.trim().to_ascii_lowercase().replace([' ', '-'], "_"))
            .collect();
        let mut errors = Vec::new();
        let mut find = |name: &'static str| {
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, n)| *n == name)
                .map(|(place, _)| place);
            let place = places.next();
            if places.next().is_some() {
                errors.push(header.fault(name, "the header names this column twice".into()));
            }
            place
        };
        let prefix = find("prefix");
        let rate = find("rate");
        let columns = Self {
            prefix: prefix.unwrap_or_default(),
            rate: rate.unwrap_or_default(),
            first_interval: find("first_interval"),
            increment: find("increment"),
            fee: find("fee"),
            minimum: find("minimum"),
            effective_from: find("effective_from"),
            effective_to: find("effective_to"),
            blocked: find("blocked"),
        };
        for (name, place) in [("prefix", prefix), ("rate", rate)] {
            if place.is_none() {
                errors.push(header.fault(name, format!("the header line has no column {name:?}")));
            }
        }
        if errors.is_empty() {
            Ok(columns)
        } else {
            Err(errors)
        }
    }

    /// The record as a row; everything wrong with it goes to `errors`.
    fn row(&self, record: Record<'_, '_>, errors: &mut Vec<RowError>) -> Option<Row> {
        let before = errors.len();
        let mut note = |column, result: Result<_, String>| match result {
            Ok(value) => value,
            Err(message) => {
                errors.push(record.fault(column, message));
                0
            }
        };
        let cell = |place: Option<usize>| place.map_or("", |place| record.cell(place));
        let blocked = note("blocked", flag(cell(self.blocked)).map(u64::from)) == 1;
        let rate = record.cell(self.rate);
        let per_minute = note(
            "rate",
            if blocked && rate.is_empty() {
                Ok(0)
            } else {
                amount(rate)
            },
        );
        let fee = cell(self.fee);
        let fee = note("fee", if fee.is_empty() { Ok(0) } else { amount(fee) });
        let minimum = cell(self.minimum);
        let minimum = note(
            "minimum",
            if minimum.is_empty() {
                Ok(0)
            } else {
                amount(minimum)
            },
        );
        let first_interval = note(
            "first_interval",
            interval(cell(self.first_interval), 0).map(u64::from),
        );
        let increment = note("increment", interval(cell(self.increment), 1).map(u64::from));
        let from = note(
            "effective_from",
            moment(cell(self.effective_from), 0, 0).map(u64::from),
        );
        let until = note(
            "effective_to",
            moment(cell(self.effective_to), u32::MAX, DAY).map(u64::from),
        );
        let key =
            key(record.cell(self.prefix)).map_err(|message| errors.push(record.fault("prefix", message)));
        if errors.len() == before && from >= until {
            errors.push(record.fault("effective_to", "it is not after effective_from".into()));
        }
        if errors.len() > before {
            return None;
        }
        let key = key.ok()?;
        let rate = Rate {
            per_minute: Money(per_minute),
            fee: Money(fee),
            minimum: Money(minimum),
            first_interval: first_interval as u16,
            increment: increment as u16,
            blocked,
            prefix_len: key.digits() as u8,
        };
        Some(Row {
            key,
            rate,
            from: from as u32,
            until: until as u32,
            condition: Condition::ALWAYS,
            line: record.line,
        })
    }
}

fn key(text: &str) -> Result<Key, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() {
        return Err("a prefix is needed, e.g. 4420".into());
    }
    Key::new(digits).ok_or_else(|| format!("{text:?} is not a prefix of 1 to {MAX_PREFIX} digits"))
}

/// Money in billionths; decimals beyond the ninth are rounded.
fn amount(text: &str) -> Result<u64, String> {
    let fault = || format!("{text:?} is not an amount like 0.0125");
    let (units, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (units.is_empty() && decimals.is_empty()) || !digits(units) || !digits(decimals) {
        return Err(fault());
    }
    let units: u64 = if units.is_empty() {
        0
    } else {
        units.parse().map_err(|_| fault())?
    };
    if units > MAX_UNITS {
        return Err(format!("{text:?} is above {MAX_UNITS}"));
    }
    let mut places = decimals.bytes().map(|b| u64::from(b - b'0'));
    let billionths = (0..9).fold(0, |sum, _| sum * 10 + places.next().unwrap_or(0));
    let up = u64::from(places.next().unwrap_or(0) >= 5);
    Ok(units * Money::UNIT + billionths + up)
}

fn interval(text: &str, least: u16) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(1);
    }
    match text.parse::<u16>() {
        Ok(seconds) if (least..=3600).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err(format!(
            "{text:?} is not a number of seconds from {least} to 3600"
        )),
    }
}

/// A moment, `absent` for an empty cell; `day` is added to a bare date.
fn moment(text: &str, absent: u32, day: u32) -> Result<u32, String> {
    if text.is_empty() {
        return Ok(absent);
    }
    let moment = date::parse(text).ok_or_else(|| {
        format!("{text:?} is not a date like 2026-02-01 or 2026-02-01T12:00:00Z, from 1970 to 2105")
    })?;
    Ok(if moment.whole_day {
        moment.unix_s.saturating_add(day)
    } else {
        moment.unix_s
    })
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "false" | "no" | "n" | "0" => Ok(false),
        "true" | "yes" | "y" | "1" => Ok(true),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests;
