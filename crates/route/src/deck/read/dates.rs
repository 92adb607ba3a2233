//! The dates of one file: read once each, and put in order when the whole file has shown how it writes them.

use super::DateOrder;
use crate::deck::date::{self, Moment, Shows};
use crate::deck::hours::Zone;

/// A date of the file; [`Dates::ABSENT`]: none.
pub(super) type DateIx = u32;

/// The dates that were read so far.
pub(super) struct Dates {
    known: Vec<Moment>,
    /// The text that was read last, and what it was: most rows have the same one.
    last: [(String, DateIx); 2],
    day_first: Option<u32>,
    month_first: Option<u32>,
    /// The first line whose date could be read either way.
    either: Option<u32>,
    order: Option<DateOrder>,
}

/// Words for no date in particular.
const NO_DATE: &[&str] = &[
    "-",
    "n/a",
    "na",
    "none",
    "immediate",
    "immediately",
    "now",
    "asap",
    "open",
    "unlimited",
];

impl Dates {
    pub(super) const ABSENT: DateIx = u32::MAX;

    pub(super) fn new(order: Option<DateOrder>) -> Self {
        Self {
            known: Vec::new(),
            last: Default::default(),
            day_first: None,
            month_first: None,
            either: None,
            order,
        }
    }

    /// Reads a cell; `which`: 0 for beginnings, 1 for ends.
    pub(super) fn read(&mut self, text: &str, which: usize, line: u32) -> Result<DateIx, String> {
        if text.is_empty() {
            return Ok(Self::ABSENT);
        }
        if let Some((last, index)) = self.last.get(which)
            && last == text
        {
            return Ok(*index);
        }
        if NO_DATE.iter().any(|word| word.eq_ignore_ascii_case(text)) {
            return Ok(Self::ABSENT);
        }
        let moment = date::read(text)?;
        match moment.shows() {
            Shows::Nothing => {}
            Shows::Only(DateOrder::DayFirst) => {
                self.day_first.get_or_insert(line);
            }
            Shows::Only(DateOrder::MonthFirst) => {
                self.month_first.get_or_insert(line);
            }
            Shows::Either => {
                self.either.get_or_insert(line);
            }
        }
        let index = self.known.len() as DateIx;
        self.known.push(moment);
        if let Some(last) = self.last.get_mut(which) {
            *last = (text.to_owned(), index);
        }
        Ok(index)
    }

    /// The order in which the file writes day and month, and the line that shows it.
    ///
    /// # Errors
    /// The line to report, and what to write.
    pub(super) fn order(&self) -> Result<(DateOrder, Option<u32>), (u32, String)> {
        const SAY: &str = "say dates = \"day-first\" or dates = \"month-first\"";
        match (self.order, self.day_first, self.month_first) {
            (Some(DateOrder::DayFirst), _, Some(line)) => Err((
                line,
                "the month comes first here, and the day was said to; write 2026-12-31".into(),
            )),
            (Some(DateOrder::MonthFirst), Some(line), _) => Err((
                line,
                "the day comes first here, and the month was said to; write 2026-12-31".into(),
            )),
            (Some(order), ..) => Ok((order, None)),
            (None, Some(day), Some(month)) => Err((
                day.max(month),
                format!(
                    "the day comes first in line {day} and the month in line {month}; write all as 2026-12-31"
                ),
            )),
            (None, Some(line), None) => Ok((DateOrder::DayFirst, Some(line))),
            (None, None, Some(line)) => Ok((DateOrder::MonthFirst, Some(line))),
            (None, None, None) => match self.either {
                Some(line) => Err((
                    line,
                    format!(
                        "the file does not show whether the day or the month comes first; write 2026-12-31, or {SAY}"
                    ),
                )),
                None => Ok((DateOrder::DayFirst, None)),
            },
        }
    }

    /// All dates as seconds since 1970, as beginnings and as ends.
    pub(super) fn resolve(&self, order: DateOrder, zone: Zone) -> Vec<[Option<u32>; 2]> {
        let both = |moment: &Moment| [false, true].map(|last| moment.unix_s(order, zone, last));
        self.known.iter().map(both).collect()
    }
}
