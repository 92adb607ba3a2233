//! A sheet as a file of ours.

use super::{Line, Sheet};
use crate::deck::calendar::DAY;
use crate::deck::{Field, Key, date};
use std::fmt::Write;

/// A column of ours: its field, and what a row has there.
type Column = (Field, fn(&Sheet, &Line) -> String);

/// All columns, in their order.
const COLUMNS: &[Column] = &[
    (Field::Prefix, |_, line| line.row.key.to_string()),
    (Field::Rate, |_, line| {
        let empty = line.surcharge || (line.row.rate.blocked && line.row.rate.per_minute.0 == 0);
        if empty {
            String::new()
        } else {
            line.row.rate.per_minute.to_string()
        }
    }),
    (Field::FirstInterval, |_, line| {
        line.row.rate.first_interval.to_string()
    }),
    (Field::Increment, |_, line| line.row.rate.increment.to_string()),
    (Field::Fee, |_, line| {
        unless(line.row.rate.fee.0 == 0, || line.row.rate.fee.to_string())
    }),
    (Field::MinimumCharge, |_, line| {
        unless(line.row.rate.minimum.0 == 0, || line.row.rate.minimum.to_string())
    }),
    (Field::Currency, |sheet, line| {
        sheet
            .currency(line)
            .map(|currency| currency.to_string())
            .unwrap_or_default()
    }),
    (Field::EffectiveFrom, |sheet, line| {
        unless(line.row.from == 0, || sheet.beginning(line.row.from))
    }),
    (Field::EffectiveTo, |sheet, line| {
        unless(line.row.until == u32::MAX, || sheet.end(line.row.until))
    }),
    (Field::Blocked, |_, line| {
        unless(!line.row.rate.blocked, || "true".into())
    }),
    (Field::Jurisdiction, |_, line| {
        line.row
            .condition
            .jurisdiction
            .map(|jurisdiction| jurisdiction.to_string())
            .unwrap_or_default()
    }),
    (Field::Origin, |_, line| {
        unless(line.row.condition.origin == Key::EMPTY, || {
            line.row.condition.origin.to_string()
        })
    }),
    (Field::Surcharge, |_, line| {
        unless(!line.surcharge, || line.row.rate.per_minute.to_string())
    }),
    (Field::Hours, |_, line| {
        line.row
            .condition
            .hours
            .map(|hours| hours.window())
            .unwrap_or_default()
    }),
    (Field::Timezone, |_, line| {
        line.row
            .condition
            .hours
            .map(|hours| hours.zone().to_string())
            .unwrap_or_default()
    }),
];

fn unless(absent: bool, text: impl FnOnce() -> String) -> String {
    if absent { String::new() } else { text() }
}

impl Sheet {
    fn beginning(&self, from: u32) -> String {
        if self.by_utc {
            date::write(from)
        } else {
            date::write_moment(from)
        }
    }

    /// An end as its last day where it is one, else the moment. Days of another clock are moments of ours.
    fn end(&self, until: u32) -> String {
        let last_day = self.by_utc && until.is_multiple_of(DAY) && until > 0;
        if last_day {
            date::write(until - DAY)
        } else {
            date::write_moment(until)
        }
    }

    /// The sheet as CSV with our own columns, one prefix a line; read again it is the same.
    pub fn to_csv(&self) -> String {
        let used = |column: &&Column| {
            let always = matches!(
                column.0,
                Field::Prefix | Field::Rate | Field::FirstInterval | Field::Increment
            );
            always || self.lines().any(|line| !column.1(self, line).is_empty())
        };
        let columns: Vec<&Column> = COLUMNS.iter().filter(used).collect();
        let names: Vec<&str> = columns.iter().map(|(field, _)| field.name()).collect();
        let mut text = names.join(",");
        text.push('\n');
        for line in self.lines() {
            for (index, (_, cell)) in columns.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                // Hours of several days have commas.
                let cell = cell(self, line);
                let quote = if cell.contains(',') { "\"" } else { "" };
                // Writing to a string can't fail.
                let _ = write!(text, "{comma}{quote}{cell}{quote}");
            }
            text.push('\n');
        }
        text
    }
}
