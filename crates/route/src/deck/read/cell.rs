//! What single cells say.

use crate::deck::key::{Key, MAX_PREFIX};
use crate::deck::{Currency, Money};

/// Highest price or fee, in units: above it somebody has swapped columns.
const MAX_UNITS: u64 = 1_000_000;

/// Longest interval, in seconds.
const MAX_INTERVAL: u16 = 3600;

/// Prefixes that one cell may name.
pub(super) const MAX_CODES: usize = 10_000;

/// Money in billionths, and how its decimals were separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) billionths: u64,
    /// The sign between units and decimals, where there is one.
    pub(super) mark: Option<u8>,
    /// A currency that stands in the cell.
    pub(super) currency: Option<Currency>,
}

/// An amount: `0.0125`, `0,0125`, `$0.0125`, `0.0125 EUR`. Decimals beyond the ninth are rounded.
///
/// # Errors
/// What to write instead.
pub(super) fn amount(text: &str) -> Result<Amount, String> {
    plain_amount(text.as_bytes()).map_or_else(|| with_currency(text), Ok)
}

/// Digits with at most one point or comma among them.
fn plain_amount(bytes: &[u8]) -> Option<Amount> {
    let (mut units, mut decimals) = (0u64, 0u64);
    let (mut places, mut mark, mut up) = (0u32, None, 0);
    for &byte in bytes {
        match byte.wrapping_sub(b'0') {
            digit @ 0..=9 if mark.is_none() => {
                units = units.checked_mul(10)?.checked_add(u64::from(digit))?;
            }
            digit @ 0..=9 => {
                if places < 9 {
                    decimals = decimals * 10 + u64::from(digit);
                } else if places == 9 {
                    up = u64::from(digit >= 5);
                }
                places += 1;
            }
            _ if (byte == b'.' || byte == b',') && mark.is_none() => mark = Some(byte),
            _ => return None,
        }
    }
    if bytes.len() <= usize::from(mark.is_some()) || units > MAX_UNITS {
        return None;
    }
    decimals *= 10u64.pow(9u32.saturating_sub(places));
    Some(Amount {
        billionths: units * Money::UNIT + decimals + up,
        mark,
        currency: None,
    })
}

fn with_currency(text: &str) -> Result<Amount, String> {
    let fault = || {
        let why = match text.bytes().filter(|b| matches!(b, b'.' | b',')).count() {
            2.. => "; leave out what stands between thousands",
            _ => "",
        };
        format!("{text:?} is not an amount like 0.0125{why}")
    };
    let start = text
        .find(|c: char| c.is_ascii_digit() || c == '.' || c == ',')
        .ok_or_else(fault)?;
    let (before, rest) = text.split_at(start);
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))
        .unwrap_or(rest.len());
    let (number, after) = rest.split_at(end);
    let currency = match (before.trim_ascii(), after.trim_ascii()) {
        ("", "") => None,
        (sign, "") | ("", sign) => Some(Currency::new(sign).ok_or_else(fault)?),
        _ => return Err(fault()),
    };
    match plain_amount(number.as_bytes()) {
        Some(amount) => Ok(Amount { currency, ..amount }),
        None if number.trim_end_matches(|c: char| c.is_ascii_digit()).is_empty() => {
            Err(format!("{text:?} is above {MAX_UNITS}"))
        }
        None => {
            let units = number.split(['.', ',']).next().unwrap_or_default();
            let single = number.bytes().filter(|b| !b.is_ascii_digit()).count() == 1;
            Err(if single && units.len() > 6 {
                format!("{text:?} is above {MAX_UNITS}")
            } else {
                fault()
            })
        }
    }
}

/// A number of seconds: `60`, `60s`, `60 sec`.
///
/// # Errors
/// What to write instead.
pub(super) fn interval(text: &str, least: u16) -> Result<u16, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit = unit.trim_ascii().trim_end_matches('.');
    let known = ["", "s", "sec", "secs", "second", "seconds"];
    let seconds = known.iter().any(|word| unit.eq_ignore_ascii_case(word));
    match number.parse::<u16>() {
        Ok(number) if seconds && (least..=MAX_INTERVAL).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!(
            "{text:?} is not a number of seconds from {least} to {MAX_INTERVAL}"
        )),
    }
}

/// First interval and increment: `60/60`, `30-6`, `1+1`, or one number for both.
///
/// # Errors
/// What to write instead.
pub(super) fn intervals(text: &str) -> Result<(u16, u16), String> {
    let fault = |wrong: String| format!("{wrong}; write first interval and increment, like 60/1");
    match text.split_once(['/', '-', '+', ':', ';']) {
        Some((first, increment)) => {
            let first = interval(first.trim_ascii(), 0).map_err(fault)?;
            let increment = interval(increment.trim_ascii(), 1).map_err(fault)?;
            Ok((first, increment))
        }
        None => interval(text, 1).map(|both| (both, both)).map_err(fault),
    }
}

/// What a row is for, by a word of its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is sold.
    Open,
    /// It is not sold.
    Blocked,
    /// The row is no longer one.
    Gone,
}

/// `true`, `no`, `Open`, `Closed`, `Deleted`.
///
/// # Errors
/// What to write instead.
pub(super) fn status(text: &str) -> Result<Status, String> {
    const OPEN: &[&str] = &[
        "",
        "false",
        "no",
        "n",
        "0",
        "-",
        "open",
        "opened",
        "active",
        "enabled",
        "available",
        "valid",
        "allowed",
        "ok",
        "new",
        "add",
        "added",
        "increase",
        "increased",
        "decrease",
        "decreased",
        "same",
        "unchanged",
        "no change",
        "not changed",
        "current",
        "change",
        "changed",
        "updated",
        "effective",
        "pending",
        "new code",
        "new destination",
        "unblocked",
        "reopened",
    ];
    const BLOCKED: &[&str] = &[
        "true",
        "yes",
        "y",
        "1",
        "x",
        "closed",
        "close",
        "blocked",
        "block",
        "barred",
        "bar",
        "disabled",
        "inactive",
        "unavailable",
        "not available",
        "not offered",
        "no route",
        "forbidden",
        "suspended",
    ];
    const GONE: &[&str] = &[
        "deleted",
        "delete",
        "removed",
        "remove",
        "discontinued",
        "withdrawn",
        "obsolete",
        "expired",
        "deleted code",
        "code deleted",
        "end",
        "ended",
    ];
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(OPEN) {
        Ok(Status::Open)
    } else if is(BLOCKED) {
        Ok(Status::Blocked)
    } else if is(GONE) {
        Ok(Status::Gone)
    } else {
        Err(format!(
            "{text:?} does not say whether it is sold; write open, blocked or deleted"
        ))
    }
}

/// The prefixes that a cell names: one, several (`20, 21; 22`), ranges (`22-25`), each behind `country`.
///
/// # Errors
/// What to write instead.
pub(super) fn codes(country: &str, text: &str, mut put: impl FnMut(Key)) -> Result<(), String> {
    let one = |digits: &str| {
        let whole = || format!("{country}{digits}");
        let key = if country.is_empty() {
            Key::new(digits)
        } else {
            Key::new(&whole())
        };
        key.filter(|key| *key != Key::EMPTY)
            .ok_or_else(|| no_prefix(digits))
    };
    let country_digits = country.strip_prefix('+').unwrap_or(country);
    if country_digits != country {
        return codes(country_digits, text, put);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        put(one(text)?);
        return Ok(());
    }
    let mut any = false;
    let mut count = 0;
    for part in text.split([',', ';', '/', '|', ' ', '\n', '\r', '\t']) {
        let part = part.strip_prefix('+').unwrap_or(part);
        if part.is_empty() {
            continue;
        }
        any = true;
        match part.split_once('-') {
            Some((from, to)) => {
                for digits in range(from, to)? {
                    count += 1;
                    if count > MAX_CODES {
                        return Err(format!("one cell names more than {MAX_CODES} prefixes"));
                    }
                    put(one(&digits)?);
                }
            }
            None => put(one(part)?),
        }
    }
    if any {
        Ok(())
    } else if country.is_empty() {
        Err("a prefix is needed, e.g. 4420".into())
    } else {
        put(one("")?);
        Ok(())
    }
}

fn no_prefix(text: &str) -> String {
    let spreadsheet = text.contains(['.', 'E', 'e']) && text.starts_with(|c: char| c.is_ascii_digit());
    let why = if spreadsheet {
        " (a spreadsheet has made a number of it: format the column as text)"
    } else {
        ""
    };
    format!("{text:?} is not a prefix of 1 to {MAX_PREFIX} digits{why}")
}

/// `22-25`: both ends with the same number of digits.
fn range(from: &str, to: &str) -> Result<impl Iterator<Item = String>, String> {
    let fault = || {
        format!(
            "\"{from}-{to}\" is no range of prefixes; write two of the same length, the smaller one first, like 22-25, or the digits without a dash"
        )
    };
    let digits = |text: &str| {
        let plain = (1..=MAX_PREFIX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last) = (digits(from).ok_or_else(fault)?, digits(to).ok_or_else(fault)?);
    if from.len() != to.len() || first >= last {
        return Err(fault());
    }
    let width = from.len();
    Ok((first..=last).map(move |number| format!("{number:0width$}")))
}

#[cfg(test)]
mod tests;
