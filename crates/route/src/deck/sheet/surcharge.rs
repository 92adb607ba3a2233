//! Surcharges for calls from certain numbers: each becomes rows of its own, so that nobody who looks a price up has to add.

use super::{Line, RowError};
use crate::deck::{Field, Key, Money, Row};
use std::cmp::Reverse;
use std::collections::HashSet;

/// Adds to `rows`, which are in their order, what the surcharges make of them: for every row that a surcharge's prefix begins one with
/// its origin and the sum of both prices, in force while both are. Of several surcharges for one row and origin that with the longest
/// prefix holds. Rows with an origin of their own stay as they are.
///
/// # Errors
/// More than `most` rows.
pub(super) fn add(rows: &mut Vec<Row>, surcharges: &[Line], most: usize) -> Result<(), RowError> {
    let mut longest_first: Vec<&Row> = surcharges.iter().map(|line| &line.row).collect();
    longest_first.sort_by_key(|row| Reverse(row.key.digits()));
    spread(rows, &longest_first);
    let mut added = Vec::new();
    // Prefix, origin and how long the surcharge's own was: those of one length are versions of one another.
    let mut done: HashSet<(Key, Key, usize)> = HashSet::new();
    for surcharge in longest_first {
        let digits = surcharge.key.digits();
        let start = rows.partition_point(|row| row.key < surcharge.key);
        let below = rows
            .iter()
            .skip(start)
            .take_while(|row| surcharge.key.begins(row.key));
        for row in below.filter(|row| row.condition.origin == Key::EMPTY) {
            let origin = surcharge.condition.origin;
            let longer =
                (digits + 1..=row.key.digits()).any(|length| done.contains(&(row.key, origin, length)));
            let (from, until) = (row.from.max(surcharge.from), row.until.min(surcharge.until));
            let own = of_key(rows, row.key)
                .iter()
                .any(|other| other.condition.origin == origin);
            if own || longer || from >= until || replaced(rows, row, from, until) {
                continue;
            }
            done.insert((row.key, origin, digits));
            added.push(with(row, surcharge, from, until));
            if rows.len() + added.len() > most {
                return Err(RowError {
                    line: surcharge.line,
                    column: Field::Surcharge.name().to_owned(),
                    message: format!(
                        "with its surcharges the deck has more than {most} rows; name fewer prefixes or origins"
                    ),
                });
            }
        }
    }
    rows.append(&mut added);
    rows.sort_unstable_by(Row::order);
    Ok(())
}

/// Gives every prefix that a surcharge names rows of its own: those of the next shorter one that has some.
fn spread(rows: &mut Vec<Row>, surcharges: &[&Row]) {
    let mut own = Vec::new();
    let mut keys: Vec<Key> = surcharges.iter().map(|row| row.key).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        if of_key(rows, key).is_empty() {
            let shorter = (1..key.digits())
                .rev()
                .map(|digits| of_key(rows, key.first(digits)));
            let covering = shorter
                .into_iter()
                .find(|found| !found.is_empty())
                .unwrap_or_default();
            own.extend(covering.iter().map(|row| {
                let mut row = *row;
                row.key = key;
                row.rate.prefix_len = key.digits() as u8;
                row
            }));
        }
    }
    rows.append(&mut own);
    rows.sort_unstable_by(Row::order);
}

/// The rows of one prefix.
fn of_key(rows: &[Row], key: Key) -> &[Row] {
    let start = rows.partition_point(|row| row.key < key);
    let length = rows.iter().skip(start).take_while(|row| row.key == key).count();
    rows.get(start..start + length).unwrap_or_default()
}

fn with(row: &Row, surcharge: &Row, from: u32, until: u32) -> Row {
    let mut sum = *row;
    let price = row.rate.per_minute.0.saturating_add(surcharge.rate.per_minute.0);
    sum.rate.per_minute = Money(price);
    sum.condition.origin = surcharge.condition.origin;
    (sum.from, sum.until) = (from, until);
    sum
}

/// Whether a later version of the same row holds for all of the time.
fn replaced(rows: &[Row], row: &Row, from: u32, until: u32) -> bool {
    let versions = of_key(rows, row.key).iter();
    let mut later = versions.filter(|other| other.condition == row.condition && other.from > row.from);
    later.any(|other| other.from <= from && other.until >= until)
}
