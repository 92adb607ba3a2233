//! Prices that stand in the configuration.

use super::Sheet;
use crate::deck::{Field, Format, Layout, RowError, read};
use config::DeckRow;

/// The columns of the text that rows of a configuration make.
const COLUMNS: [Field; 15] = [
    Field::Prefix,
    Field::Rate,
    Field::FirstInterval,
    Field::Increment,
    Field::Fee,
    Field::MinimumCharge,
    Field::Currency,
    Field::EffectiveFrom,
    Field::EffectiveTo,
    Field::Blocked,
    Field::Jurisdiction,
    Field::Origin,
    Field::Surcharge,
    Field::Hours,
    Field::Timezone,
];

impl Sheet {
    /// Of the rows of a trunk's `rates` or `sell_rates`: they are read as a file with our own columns is. Lines count the rows, from 1.
    ///
    /// # Errors
    /// Every row that can't be used.
    pub fn inline(rows: &[DeckRow], format: &Format) -> Result<Self, Vec<RowError>> {
        let names = COLUMNS.map(Field::name);
        let text: String = rows.iter().map(|row| line(&cells(row))).collect();
        let own = Format {
            layout: Layout::International,
            columns: Vec::new(),
            dates: None,
            decimal: Some(b'.'),
            ..format.clone()
        };
        // The header is no row.
        let from_one = |errors: Vec<RowError>| {
            let counted = |error: RowError| RowError {
                line: error.line.saturating_sub(1).max(1),
                message: counted_from_one(&error.message),
                ..error
            };
            errors.into_iter().map(counted).collect::<Vec<_>>()
        };
        let mut sheet = read(&(line(&names.map(str::to_owned)) + &text), &own).map_err(from_one)?;
        for line in sheet.lines.iter_mut().chain(&mut sheet.surcharges) {
            line.row.line = line.row.line.saturating_sub(1);
        }
        sheet.notes.clear();
        Ok(sheet)
    }
}

/// A message in which another row is named, as `line 3 has`.
fn counted_from_one(message: &str) -> String {
    let Some((before, (line, after))) = message
        .split_once("line ")
        .and_then(|(before, rest)| Some((before, rest.split_once(" has")?)))
    else {
        return message.to_owned();
    };
    match line.parse::<u32>() {
        Ok(line) => format!("{before}row {} has{after}", line.saturating_sub(1)),
        Err(_) => message.to_owned(),
    }
}

fn cells(row: &DeckRow) -> [String; 15] {
    let amount = |amount: Option<f64>| amount.map(|amount| amount.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        row.prefix.join(","),
        amount(row.rate),
        row.first_interval.to_string(),
        row.increment.to_string(),
        amount(Some(row.fee)),
        amount(Some(row.minimum_charge)),
        text(&row.currency),
        text(&row.effective_from),
        text(&row.effective_to),
        row.blocked.to_string(),
        row.jurisdiction
            .map(|jurisdiction| jurisdiction.to_string())
            .unwrap_or_default(),
        row.origin.as_deref().unwrap_or_default().join(","),
        amount(row.surcharge),
        text(&row.hours),
        text(&row.timezone),
    ]
}

/// A line of text, every cell in quotes.
fn line(cells: &[String; 15]) -> String {
    let quoted = cells
        .each_ref()
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    quoted.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::{Exchange, Places};

    fn rows(toml: &str) -> Vec<DeckRow> {
        let text = format!(
            "[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n\
             [[trunk]]\nname = \"a\"\nrole = \"carrier\"\ntargets = [{{ uri = \"sip:192.0.2.1\" }}]\nrates = [\n{toml}\n]\n"
        );
        let config = config::parse(&text, "t").unwrap_or_else(|report| panic!("{report}"));
        config.trunks[0].rates.clone()
    }

    #[test]
    fn rows_of_a_configuration_are_rows_of_a_deck() {
        let rows = rows(
            "{ prefix = \"+44\", rate = 0.0125 },
             { prefix = [\"447\", \"4420\"], rate = 0.02, first_interval = 30, increment = 6, fee = 0.1, minimum_charge = 0.2,
               currency = \"USD\", effective_from = 2026-02-01, effective_to = \"2026-12-31\", hours = \"Mon-Fri 08:00-18:00\",
               timezone = \"Europe/London\" },
             { prefix = \"881\", blocked = true },
             { prefix = \"1\", rate = 0.0000001, jurisdiction = \"intrastate\" },
             { prefix = \"32\", origin = [\"7\", \"8\"], surcharge = 0.5 },",
        );
        let sheet = Sheet::inline(&rows, &Format::default()).unwrap();
        assert_eq!(
            sheet.to_csv(),
            "prefix,rate,first_interval,increment,fee,minimum_charge,currency,effective_from,effective_to,blocked,jurisdiction,\
             origin,surcharge,hours,timezone\n\
             1,0.0000001,1,1,,,,,,,intrastate,,,,\n\
             44,0.0125,1,1,,,,,,,,,,,\n\
             4420,0.02,30,6,0.1,0.2,USD,2026-02-01,2026-12-31,,,,,Mon-Fri 08:00-18:00,Europe/London\n\
             447,0.02,30,6,0.1,0.2,USD,2026-02-01,2026-12-31,,,,,Mon-Fri 08:00-18:00,Europe/London\n\
             881,,1,1,,,,,,true,,,,,\n\
             32,,1,1,,,,,,,,7,0.5,,\n\
             32,,1,1,,,,,,,,8,0.5,,\n"
        );
        assert_eq!(sheet.lines().next().unwrap().row.line, 4);
        assert!(sheet.deck(&Exchange::default(), Places::default()).is_ok());
    }

    #[test]
    fn a_fault_names_its_row() {
        let rows = rows(
            "{ prefix = \"44\", rate = 1 },
             { prefix = \"45\", rate = 1, hours = \"Mon-Fry\" },
             { prefix = \"44\", rate = 2 },",
        );
        let errors = Sheet::inline(&rows, &Format::default()).unwrap_err();
        let places: Vec<_> = errors
            .iter()
            .map(|error| (error.line, error.column.as_str()))
            .collect();
        assert_eq!(places, [(2, "hours"), (3, "prefix")]);
    }
}
