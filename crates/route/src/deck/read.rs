//! Reading a deck: comma, semicolon, tab or bar separated values whose header line says what is in them.

mod cell;
mod columns;
mod cut;
mod dates;
mod header;
mod places;
mod row;

pub use header::Field;
pub use places::read_places;

use super::hours::Zone;
use super::sheet::{Line, Sheet};
use super::{Currency, Deck, Exchange, Key, Places, Row};
use columns::Columns;
use cut::Records;
use row::Reader;
use std::borrow::Cow;

pub use super::date::DateOrder;

/// Rows that a deck may have at most.
pub const MAX_ROWS: usize = 2_000_000;

/// Faults that are reported of one deck at most; the last says that there are more.
pub const MAX_FAULTS: usize = 100_000;

/// A row of a deck that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {column}: {message}")]
pub struct RowError {
    /// Line in the file where the row begins, from 1.
    pub line: u32,
    /// Name of the column, as the file has it.
    pub column: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// What the codes of a deck are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// What the header shows.
    #[default]
    Auto,
    /// Prefixes with their country code, as we write them.
    International,
    /// Area codes and exchanges of the United States, with or without the 1.
    UnitedStates,
}

/// How a deck is written, as far as it does not show that itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// What its codes are.
    pub layout: Layout,
    /// Columns that are not known by their header, or wrongly: the field, and what stands over it.
    pub columns: Vec<(Field, String)>,
    /// Whether the day or the month comes first in `03/04/2026`.
    pub dates: Option<DateOrder>,
    /// What stands between units and decimals: `.` or `,`.
    pub decimal: Option<u8>,
    /// The clock that its dates and hours are read by.
    pub zone: Zone,
    /// The currency of amounts that name none.
    pub currency: Option<Currency>,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            layout: Layout::Auto,
            columns: Vec::new(),
            dates: None,
            decimal: None,
            zone: Zone::UTC,
            currency: None,
        }
    }
}

impl Format {
    /// What a trunk's `deck_format` says.
    ///
    /// # Errors
    /// A time zone that there is none of.
    pub fn of(said: &config::DeckFormat) -> Result<Self, String> {
        let column = |(name, over): (&String, &String)| Some((Field::named(name)?, over.clone()));
        Ok(Self {
            layout: match said.layout {
                config::DeckLayout::Auto => Layout::Auto,
                config::DeckLayout::International => Layout::International,
                config::DeckLayout::UnitedStates => Layout::UnitedStates,
            },
            columns: said.columns.iter().filter_map(column).collect(),
            dates: said.dates.map(|order| match order {
                config::DayOrMonth::DayFirst => DateOrder::DayFirst,
                config::DayOrMonth::MonthFirst => DateOrder::MonthFirst,
            }),
            decimal: said.decimal.as_ref().and_then(|mark| mark.bytes().next()),
            zone: Zone::parse(&said.timezone).map_err(|message| format!("timezone: {message}"))?,
            currency: said.currency.as_deref().and_then(Currency::new),
        })
    }
}

/// Reads a deck; every bad row is reported.
///
/// The first line that names a column of prefixes and one of prices is the header; what stands above it is passed over. Columns come
/// in any order and are known by what carriers call them ([`Field`]); others are passed over.
///
/// # Errors
/// Every row that can't be used, by line.
pub fn read(text: &str, format: &Format) -> Result<Sheet, Vec<RowError>> {
    match read_text(text, format)? {
        (sheet, errors) if errors.is_empty() => Ok(sheet),
        (_, errors) => Err(errors),
    }
}

/// As [`read_bytes`]; rows that can't be used are left out, and told.
///
/// # Errors
/// What makes all rows doubtful: there is no header, or the file does not show how its dates or decimals are written.
pub fn read_good(bytes: &[u8], format: &Format) -> Result<(Sheet, Vec<RowError>), Vec<RowError>> {
    read_text(&decode(bytes), format)
}

fn read_text(text: &str, format: &Format) -> Result<(Sheet, Vec<RowError>), Vec<RowError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (separator, columns) = header(text, format)?;
    let mut records = Records::new(text, separator);
    while let Some(record) = records.next_record() {
        if record.line == columns.line {
            break;
        }
    }
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let mut reader = Reader::new(columns, format, lines);
    while let Some(record) = records.next_record() {
        if !reader.take(record) {
            break;
        }
    }
    reader.finish()
}

/// As [`read`], of a file's bytes: UTF-8, or UTF-16 with a byte order mark. Bytes that are neither are read as signs that nothing has:
/// names of destinations may be written in another alphabet.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], format: &Format) -> Result<Sheet, Vec<RowError>> {
    read(&decode(bytes), format)
}

fn decode(bytes: &[u8]) -> Cow<'_, str> {
    type Pair = fn([u8; 2]) -> u16;
    let (rest, pair): (&[u8], Pair) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => (rest, u16::from_be_bytes),
        _ => return String::from_utf8_lossy(bytes),
    };
    let (pairs, _) = rest.as_chunks::<2>();
    let units = pairs.iter().map(|two| pair(*two));
    let decoded = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    Cow::Owned(decoded.collect())
}

/// Reads a deck as it is written by default, in dollars.
///
/// # Errors
/// As [`read`].
pub fn parse_csv(text: &str) -> Result<Deck, Vec<RowError>> {
    read(text, &Format::default())?.deck(&Exchange::default(), Places::default())
}

/// Records among which the header has to be.
const MAX_PREAMBLE: usize = 50;

/// Finds the header: the first line, by whatever separates its cells, that names prefixes and prices.
fn header(text: &str, format: &Format) -> Result<(u8, Columns), Vec<RowError>> {
    let mut nearly: Option<Vec<RowError>> = None;
    for separator in [b',', b';', b'\t', b'|'] {
        let mut records = Records::new(text, separator);
        let mut preamble = 0;
        while let Some(record) = records.next_record() {
            match Columns::of(record, format) {
                columns::Found::Header(columns) => {
                    let columns = columns.settle(text, separator)?;
                    return Ok((separator, columns));
                }
                columns::Found::Faulty(errors) => {
                    nearly.get_or_insert(errors);
                }
                columns::Found::Nothing => {}
            }
            preamble += 1;
            if preamble == MAX_PREAMBLE {
                break;
            }
        }
    }
    Err(nearly.unwrap_or_else(|| vec![no_header(text)]))
}

fn no_header(text: &str) -> RowError {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let message = match first {
        None => "the deck is empty".to_owned(),
        Some(line) => {
            let shown: String = line.chars().take(120).collect();
            format!(
                "no line among the first {MAX_PREAMBLE} says which column has the prefixes and which the prices; write a header \
                 such as \"prefix,rate\", or say what the columns are called (`columns`). The first line is {shown:?}"
            )
        }
    };
    RowError {
        line: 1,
        column: Field::Prefix.name().to_owned(),
        message,
    }
}

/// Orders rows and finds those that contradict each other; rows that say the same again are dropped and counted.
pub(super) fn settle(lines: &mut Vec<Line>, mut fault: impl FnMut(RowError)) -> usize {
    let twice = |lines: &[Line]| {
        lines
            .windows(2)
            .any(|two| matches!(two, [a, b] if a.row.key == b.row.key))
    };
    if lines.is_sorted_by(|a, b| a.row.key < b.row.key) {
        return 0;
    }
    if !lines.is_sorted_by(|a, b| a.row.order(&b.row).is_le()) {
        sort(lines);
        if !twice(lines) {
            return 0;
        }
    }
    let before = lines.len();
    lines.dedup_by(|second, first| second.says_the_same_as(first));
    let same = before - lines.len();
    let alike = |a: &Line, b: &Line| {
        let (a, b) = (&a.row, &b.row);
        (a.key, a.from, a.condition.jurisdiction, a.condition.origin)
            == (b.key, b.from, b.condition.jurisdiction, b.condition.origin)
            && a.condition.hours.is_some() == b.condition.hours.is_some()
    };
    for rows in lines.chunk_by(alike).filter(|rows| rows.len() > 1) {
        contradictions(rows, &mut fault);
    }
    same
}

/// By [`Row::order`]. Rows are large: their places are sorted instead of them.
fn sort(lines: &mut Vec<Line>) {
    let mut places: Vec<(Key, u32)> = lines.iter().map(|line| line.row.key).zip(0..).collect();
    places.sort_unstable();
    let mut sorted: Vec<Line> = places
        .iter()
        .filter_map(|(_, place)| lines.get(*place as usize).copied())
        .collect();
    for rows in sorted
        .chunk_by_mut(|a, b| a.row.key == b.row.key)
        .filter(|rows| rows.len() > 1)
    {
        rows.sort_unstable_by(|a, b| a.row.order(&b.row));
    }
    *lines = sorted;
}

/// Spans of hours that one prefix may have.
const MAX_WINDOWS: usize = 64;

/// Rows for one prefix, origin, jurisdiction and beginning: they may differ in their hours only.
fn contradictions(rows: &[Line], fault: &mut impl FnMut(RowError)) {
    for (index, line) in rows.iter().enumerate().skip(1) {
        let overlaps = |other: &&Line| match (line.row.condition.hours, other.row.condition.hours) {
            // Which of two spans an hour is in is no matter where both cost the same.
            (Some(a), Some(b)) => a.overlaps(b) && !line.costs_the_same_as(other),
            (None, _) | (_, None) => true,
        };
        let message = if index > MAX_WINDOWS {
            format!("one prefix has more than {MAX_WINDOWS} spans of hours")
        } else if let Some(other) = rows.iter().take(index).find(overlaps) {
            let hours = if line.row.condition.hours.is_some() {
                ", and its hours overlap"
            } else {
                ""
            };
            format!(
                "line {} has the same prefix and effective_from{hours}; keep one",
                other.row.line
            )
        } else {
            continue;
        };
        fault(RowError {
            line: line.row.line,
            column: Field::Prefix.name().to_owned(),
            message: format!("{}: {message}", line.row.key),
        });
        if index > MAX_WINDOWS {
            return;
        }
    }
}

impl Row {
    /// A row without its price, by what it is for.
    pub(super) const BLANK: Self = Self::NOTHING;
}

#[cfg(test)]
mod tests;
