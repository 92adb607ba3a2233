//! Reading which state numbers of the United States belong to, where the operator knows better than this program.

use super::cut::{Record, Records};
use super::{MAX_FAULTS, RowError};
use crate::deck::places::{Places, State};

/// Area codes and exchanges that a file may name.
const MAX_CODES: usize = 500_000;

/// Reads a CSV file with columns `npa_nxx` (three or six digits) and `state` (two letters; nothing: in no known one), on top of what
/// this program comes with.
///
/// # Errors
/// Every row that can't be used.
pub fn read_places(text: &str) -> Result<Places, Vec<RowError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Records::new(
        text,
        if text.lines().next().is_some_and(|line| line.contains(';')) {
            b';'
        } else {
            b','
        },
    );
    let fault = |line: u32, column: &str, message: String| RowError {
        line,
        column: column.to_owned(),
        message,
    };
    let find = |header: Record<'_, '_>, name: &str| {
        let at = (0..header.cells.len()).find(|place| header.cell(*place).eq_ignore_ascii_case(name));
        at.ok_or_else(|| {
            vec![fault(
                header.line,
                name,
                format!("the header line has no column {name:?}"),
            )]
        })
    };
    let Some(header) = records.next_record() else {
        return Err(vec![fault(
            1,
            "npa_nxx",
            "the file is empty; write a header line: npa_nxx,state".into(),
        )]);
    };
    let (code_at, state_at) = (find(header, "npa_nxx")?, find(header, "state")?);
    let mut corrections = Vec::new();
    let mut errors = Vec::new();
    while let Some(record) = records.next_record() {
        match row(record.cell(code_at), record.cell(state_at)) {
            Ok(correction) => corrections.push(correction),
            Err((column, message)) => errors.push(fault(record.line, column, message)),
        }
        if corrections.len() > MAX_CODES || errors.len() >= MAX_FAULTS {
            errors.push(fault(
                record.line,
                "npa_nxx",
                format!("there are more rows than {MAX_CODES}, or too many faults"),
            ));
            break;
        }
    }
    if errors.is_empty() {
        Ok(Places::default().with(&corrections))
    } else {
        Err(errors)
    }
}

fn row(code: &str, state: &str) -> Result<(u32, Option<State>), (&'static str, String)> {
    let digits = code.replace('-', "");
    let plain = matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits
        .parse::<u32>()
        .ok()
        .filter(|_| plain && digits.starts_with(|c: char| ('2'..='9').contains(&c)));
    let Some(number) = number else {
        return Err((
            "npa_nxx",
            format!("{code:?} is neither an area code nor one with an exchange; write 212 or 212555"),
        ));
    };
    let known = if state.is_empty() { None } else { State::new(state) };
    if known.is_none() && !state.is_empty() {
        return Err((
            "state",
            format!("{state:?} is no state; write its two letters, e.g. NY, or nothing"),
        ));
    }
    Ok((number, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::Key;

    #[test]
    fn an_operator_may_know_better_where_numbers_belong() {
        let places = read_places("npa_nxx,state,what\n435-665,nv,Wendover\n999,TX,\n212,,\n").unwrap();
        let state = |number: &str| {
            places
                .state(Key::of_number(number))
                .map(|state| state.to_string())
        };
        assert_eq!(state("14356650100").as_deref(), Some("NV"));
        assert_eq!(state("14356660100").as_deref(), Some("UT"));
        assert_eq!(state("19995550100").as_deref(), Some("TX"));
        assert_eq!(state("12125550100"), None);
    }

    #[test]
    fn every_bad_row_is_told_of() {
        let errors = read_places("npa_nxx;state\n12;NY\n112;NY\n212;New York\n2125550;NY\n").unwrap_err();
        let places: Vec<_> = errors
            .iter()
            .map(|error| (error.line, error.column.as_str()))
            .collect();
        assert_eq!(
            places,
            [(2, "npa_nxx"), (3, "npa_nxx"), (4, "state"), (5, "npa_nxx")]
        );
        assert_eq!(read_places("").unwrap_err().len(), 1);
        assert_eq!(read_places("code,state\n").unwrap_err().len(), 1);
    }
}
