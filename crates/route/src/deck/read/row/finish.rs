//! What only a whole file can tell: the order of its dates, its decimals, rows that contradict each other.

use super::Reader;
use crate::deck::hours::Zone;
use crate::deck::read::{DateOrder, Field, MAX_FAULTS, RowError, settle};
use crate::deck::sheet::Sheet;
use std::collections::HashSet;

/// Whether a fault is one row's or makes all of them doubtful.
#[derive(PartialEq, Eq)]
enum Doubt {
    None,
    All,
}

impl Reader<'_> {
    /// Puts everything together. Rows with faults are left out.
    ///
    /// # Errors
    /// All faults, if one of them makes every row doubtful.
    pub(in crate::deck::read) fn finish(mut self) -> Result<(Sheet, Vec<RowError>), Vec<RowError>> {
        let mut notes = self.notes();
        let doubtful = [self.finish_dates(&mut notes), self.finish_decimals()].contains(&Doubt::All);
        if self.lines.is_empty() && self.errors.is_empty() {
            let line = self.columns.line;
            self.fault(
                line,
                Field::Prefix,
                "the deck has no rows below its header".into(),
            );
        }
        let (mut surcharges, mut lines) = (Vec::new(), self.lines);
        if self.columns.of_field(Field::Surcharge).is_some() {
            surcharges = lines.extract_if(.., |line| line.surcharge).collect();
        }
        let errors = &mut self.errors;
        let mut same = settle(&mut lines, |error| errors.push(error));
        same += settle(&mut surcharges, |error| errors.push(error));
        if same > 0 {
            notes.push(format!("{same} rows say the same as another"));
        }
        self.errors.sort_by_key(|error| error.line);
        if doubtful {
            return Err(self.errors);
        }
        if !self.errors.is_empty() {
            let bad: HashSet<u32> = self.errors.iter().map(|error| error.line).collect();
            lines.retain(|line| !bad.contains(&line.row.line));
            surcharges.retain(|line| !bad.contains(&line.row.line));
        }
        let sheet = Sheet {
            lines,
            surcharges,
            currencies: self.currencies,
            columns: self.columns.describe(),
            passed_over: self.columns.passed_over(),
            notes,
            by_utc: self.format.zone == Zone::UTC,
        };
        Ok((sheet, self.errors))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.columns.line > 1 {
            notes.push(format!(
                "the header is line {}; what stands above it is passed over",
                self.columns.line
            ));
        }
        if self.gone > 0 {
            notes.push(format!("{} rows are marked as deleted and left out", self.gone));
        }
        if self.columns.of_field(Field::Interstate).is_some()
            && self.columns.of_field(Field::Indeterminate).is_none()
        {
            notes.push(
                "calls of unknown states cost the dearer of the two prices, since no column has theirs"
                    .into(),
            );
        }
        notes
    }

    /// Makes moments of dates.
    fn finish_dates(&mut self, notes: &mut Vec<String>) -> Doubt {
        let (order, shown) = match self.dates.order() {
            Ok(order) => order,
            Err((line, message)) => {
                let field = if self.columns.of_field(Field::EffectiveFrom).is_some() {
                    Field::EffectiveFrom
                } else {
                    Field::EffectiveTo
                };
                self.fault(line, field, message);
                return Doubt::All;
            }
        };
        if let Some(line) = shown {
            let first = match order {
                DateOrder::DayFirst => "day",
                DateOrder::MonthFirst => "month",
            };
            notes.push(format!("dates have the {first} first, as line {line} shows"));
        }
        let dates = self.dates.resolve(order, self.format.zone);
        let at = |index: u32, last: usize, absent: u32| match dates.get(index as usize) {
            Some(both) => both.get(last).copied().flatten(),
            None => Some(absent),
        };
        let mut wrong = Vec::new();
        let mut zeros = 0;
        for line in &mut self.lines {
            let row = &mut line.row;
            zeros += usize::from(row.key.at(0) == Some(0));
            match (at(row.from, 0, 0), at(row.until, 1, u32::MAX)) {
                (Some(from), Some(until)) if from < until => (row.from, row.until) = (from, until),
                (Some(_), Some(_)) => {
                    wrong.push((row.line, Field::EffectiveTo, "it is not after effective_from"));
                }
                (None, _) | (_, None) => {
                    wrong.push((
                        row.line,
                        Field::EffectiveFrom,
                        "it lies outside the years 1970 to 2105",
                    ));
                }
            }
        }
        if zeros > 0 {
            notes.push(format!(
                "{zeros} prefixes begin with 0, and no number with its country code does"
            ));
        }
        wrong.dedup();
        for (line, field, message) in wrong.into_iter().take(MAX_FAULTS) {
            self.fault(line, field, message.into());
        }
        Doubt::None
    }

    /// Points and commas in one file, or commas that may be anything.
    fn finish_decimals(&mut self) -> Doubt {
        if self.format.decimal.is_some() {
            return Doubt::None;
        }
        let say = "say decimal = \",\" or decimal = \".\"";
        let (line, message) = match (self.marks.point, self.marks.comma) {
            (Some(point), Some(comma)) => (
                point.max(comma),
                format!(
                    "decimals begin with a point in line {point} and with a comma in line {comma}; write one of them, or {say}"
                ),
            ),
            (None, Some(comma)) if !self.marks.decimal_comma => (
                comma,
                format!(
                    "the file does not show whether its commas stand before decimals or between thousands; {say}"
                ),
            ),
            (None | Some(_), None) | (None, Some(_)) => return Doubt::None,
        };
        self.fault(line, Field::Rate, message);
        Doubt::All
    }
}
