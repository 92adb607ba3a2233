//! Surcharges for calls from certain numbers: each becomes rows of its own, so that nobody who looks a price up has to add.

use super::{Line, RowError};
use crate::deck::{Field, Key, Money, Row};
use std::collections::HashSet;

/// Adds to `rows`, which are in their order, what the surcharges make of them: for every row that a surcharge's prefix begins one with
/// its origin and the sum of both prices, in force while both are; and where no row has the prefix itself, the same for the next
/// shorter one that has. Of several surcharges for one row and origin that with the longest prefix holds. Rows with an origin of their
/// own stay as they are.
///
/// # Errors
/// More than `most` rows.
pub(super) fn add(rows: &mut Vec<Row>, surcharges: &[Line], most: usize) -> Result<(), RowError> {
    let mut longest_first: Vec<&Row> = surcharges.iter().map(|line| &line.row).collect();
    longest_first.sort_by_key(|row| std::cmp::Reverse(row.key.digits()));
    let mut added = Vec::new();
    // Prefix, origin and how long the surcharge's own was: those of one length are versions of one another.
    let mut done: HashSet<(Key, Key, usize)> = HashSet::new();
    for surcharge in longest_first {
        let digits = surcharge.key.digits();
        let start = rows.partition_point(|row| row.key < surcharge.key);
        let below = rows.iter().skip(start).take_while(|row| surcharge.key.begins(row.key));
        let covering = if below.clone().next().is_none_or(|row| row.key != surcharge.key) {
            covering(rows, surcharge.key)
        } else {
            &[]
        };
        for row in below.chain(covering).filter(|row| row.condition.origin == Key::EMPTY) {
            let key = if row.key.digits() < digits { surcharge.key } else { row.key };
            let origin = surcharge.condition.origin;
            let longer = (digits + 1..=key.digits()).any(|length| done.contains(&(key, origin, length)));
            let (from, until) = (row.from.max(surcharge.from), row.until.min(surcharge.until));
            if longer || from >= until || replaced(rows, row, from, until) {
                continue;
            }
            done.insert((key, origin, digits));
            added.push(with(row, surcharge, key, from, until));
            if rows.len() + added.len() > most {
                return Err(RowError {
                    line: surcharge.line,
                    column: Field::Surcharge.name().to_owned(),
                    message: format!("with its surcharges the deck has more than {most} rows; name fewer prefixes or origins"),
                });
            }
        }
    }
    rows.append(&mut added);
    rows.sort_unstable_by(Row::order);
    Ok(())
}

fn with(row: &Row, surcharge: &Row, key: Key, from: u32, until: u32) -> Row {
    let mut sum = *row;
    sum.key = key;
    sum.rate.prefix_len = key.digits() as u8;
    let price = row.rate.per_minute.0.saturating_add(surcharge.rate.per_minute.0);
    sum.rate.per_minute = Money(price);
    sum.condition.origin = surcharge.condition.origin;
    (sum.from, sum.until) = (from, until);
    sum
}

/// The rows of the longest prefix that begins `key` and is shorter.
fn covering(rows: &[Row], key: Key) -> &[Row] {
    for digits in (1..key.digits()).rev() {
        let shorter = key.first(digits);
        let start = rows.partition_point(|row| row.key < shorter);
        let length = rows.iter().skip(start).take_while(|row| row.key == shorter).count();
        if length > 0 {
            return rows.get(start..start + length).unwrap_or_default();
        }
    }
    &[]
}

/// Whether a later version of the same row holds for all of the time.
fn replaced(rows: &[Row], row: &Row, from: u32, until: u32) -> bool {
    let start = rows.partition_point(|other| other.key < row.key);
    let versions = rows.iter().skip(start).take_while(|other| other.key == row.key);
    let mut later = versions.filter(|other| other.condition == row.condition && other.from > row.from);
    later.any(|other| other.from <= from && other.until >= until)
}
