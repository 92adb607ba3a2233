//! Text into records and cells (RFC 4180): a separator, line ends, quotes.

use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

/// Cells that a record may have at most; those beyond are passed over.
pub(super) const MAX_CELLS: usize = 256;

/// One record and the line that it began on.
#[derive(Clone, Copy)]
pub(super) struct Record<'a, 't> {
    pub(super) cells: &'a [Cow<'t, str>],
    pub(super) line: u32,
}

impl<'a> Record<'a, '_> {
    /// A cell without the blanks around it; nothing where there is none.
    pub(super) fn cell(&self, column: usize) -> &'a str {
        self.cells.get(column).map_or("", |cell| cell.trim_ascii())
    }
}

/// Cuts text into records; blank lines are passed over.
pub(super) struct Records<'t> {
    rest: &'t str,
    line: u32,
    separator: u8,
    cells: Vec<Cow<'t, str>>,
}

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t str, separator: u8) -> Self {
        Self {
            rest: text,
            line: 1,
            separator,
            cells: Vec::new(),
        }
    }

    pub(super) fn next_record(&mut self) -> Option<Record<'_, 't>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let line = self.line;
            self.cells.clear();
            self.take();
            if self.cells.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                return Some(Record {
                    cells: &self.cells,
                    line,
                });
            }
        }
    }

    fn take(&mut self) {
        let bytes = self.rest.as_bytes();
        let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
        let (text, rest) = self.rest.split_at(end);
        if memchr(b'"', text.as_bytes()).is_some() {
            while !self.take_cell() {}
            return;
        }
        let text = text.strip_suffix('\r').unwrap_or(text);
        let mut start = 0;
        for at in memchr_iter(self.separator, text.as_bytes()).take(MAX_CELLS) {
            self.cells
                .push(Cow::Borrowed(text.get(start..at).unwrap_or_default()));
            start = at + 1;
        }
        if self.cells.len() < MAX_CELLS {
            self.cells
                .push(Cow::Borrowed(text.get(start..).unwrap_or_default()));
        }
        self.rest = rest.get(1..).unwrap_or_default();
        self.line += 1;
    }

    /// Takes one cell, quoted or not; true if it was the record's last.
    fn take_cell(&mut self) -> bool {
        let mut quoted = String::new();
        let mut was_quoted = false;
        while self.rest.starts_with('"') {
            // Up to the closing quote; a doubled quote is a quote, and the cell goes on.
            let inner = self.rest.get(1..).unwrap_or_default();
            let (text, after) = inner.split_once('"').unwrap_or((inner, ""));
            self.line += memchr_iter(b'\n', text.as_bytes()).count() as u32;
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
        let last = after.as_bytes().first().is_none_or(|&b| b != self.separator);
        let plain = if last {
            plain.strip_suffix('\r').unwrap_or(plain)
        } else {
            plain
        };
        let cell = if was_quoted {
            Cow::Owned(quoted + plain)
        } else {
            Cow::Borrowed(plain)
        };
        if self.cells.len() < MAX_CELLS {
            self.cells.push(cell);
        }
        self.rest = after.get(1..).unwrap_or_default();
        self.line += u32::from(last);
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, separator: u8) -> Vec<(u32, Vec<String>)> {
        let mut records = Records::new(text, separator);
        let mut all = Vec::new();
        while let Some(record) = records.next_record() {
            all.push((
                record.line,
                record.cells.iter().map(ToString::to_string).collect(),
            ));
        }
        all
    }

    fn row(line: u32, cells: &[&str]) -> (u32, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn records_are_cut_at_line_ends_and_separators() {
        assert_eq!(
            cut("a,b\r\nc,,d\n\n , \ne", b','),
            [row(1, &["a", "b"]), row(2, &["c", "", "d"]), row(5, &["e"]),]
        );
        assert_eq!(cut("a;b,c\n", b';'), [row(1, &["a", "b,c"])]);
        assert_eq!(cut("", b','), []);
    }

    #[test]
    fn quotes_hold_separators_line_ends_and_quotes() {
        assert_eq!(
            cut("\"a,b\",c\r\n\"d\n\"\"e\"\"\",f\r\ng", b','),
            [row(1, &["a,b", "c"]), row(2, &["d\n\"e\"", "f"]), row(4, &["g"]),]
        );
        // One that is never closed takes the rest; one in mid-cell is a character.
        assert_eq!(cut("x\n\"a,b\nc", b','), [row(1, &["x"]), row(2, &["a,b\nc"])]);
        assert_eq!(cut("5\" pipe,b", b','), [row(1, &["5\" pipe", "b"])]);
    }

    #[test]
    fn a_record_has_an_end() {
        let all = cut(&",".repeat(10 * MAX_CELLS), b',');
        assert!(all.is_empty());
        let all = cut(&"x,".repeat(10 * MAX_CELLS), b',');
        assert_eq!(all[0].1.len(), MAX_CELLS);
        let all = cut(&"\"x\",".repeat(10 * MAX_CELLS), b',');
        assert_eq!(all[0].1.len(), MAX_CELLS);
    }
}
