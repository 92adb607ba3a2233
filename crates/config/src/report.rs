//! What is wrong with a document: every problem at once, each with its place and what to write instead.

use std::fmt;

/// Everything found wrong with a document and its includes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Why it is refused, in the order of the files and lines. Empty: it is accepted.
    pub errors: Vec<Problem>,
    /// What is accepted but can hardly be meant, in the same order.
    pub warnings: Vec<Problem>,
    /// What profiles give to trunks, one line for each trunk that has one. It is said nowhere else.
    pub notes: Vec<String>,
    /// What is missing that most would want, a line each: neither error nor warning. It is said nowhere else.
    pub advice: Vec<String>,
}

impl fmt::Display for Report {
    /// One line per error, then one per warning (marked so).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.errors {
            writeln!(f, "{problem}")?;
        }
        for problem in &self.warnings {
            writeln!(f, "warning: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// One thing wrong, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file, as it was named to [`crate::load`] or found by an include.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// The key as a path (`media.ports`, `trunk.carrier-a.max_cps`); empty for the document itself.
    pub key: String,
    /// What was wrong.
    pub wrong: String,
    /// What was expected instead, where that says more.
    pub expected: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:column: key: what was wrong; expected …; did you mean …?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.wrong)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean {suggestion}?")?;
        }
        Ok(())
    }
}

/// What a reader finds wrong with one value, before its place is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) wrong: String,
    pub(crate) expected: Option<String>,
    pub(crate) suggestion: Option<String>,
}

impl Fault {
    pub(crate) fn new(wrong: impl Into<String>) -> Self {
        Self {
            wrong: wrong.into(),
            expected: None,
            suggestion: None,
        }
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn meant(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }
}

/// A value from the document, quoted for a message: escaped, and cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// The name among `known` that `written` was probably meant to be: few letters differ (optimal string
/// alignment: insert, delete, replace, swap neighbours), at most one in three.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let wanted: Vec<char> = written
        .chars()
        .take(LONGEST + 1)
        .flat_map(char::to_lowercase)
        .collect();
    if wanted.len() > LONGEST {
        return None;
    }
    let near = |name: &'a str| {
        let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
        let allowed = (letters.len().max(wanted.len()) / 3).clamp(1, 3);
        let distance = distance(&wanted, &letters);
        (distance <= allowed).then_some((distance, name))
    };
    known
        .into_iter()
        .filter_map(near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (cell(&row, j) + usize::from(x != y))
                .min(cell(&row, j + 1) + 1)
                .min(cell(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(cell(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        let keys = [
            "ports",
            "bind",
            "engine",
            "max_calls",
            "max_cps",
            "options_interval",
        ];
        for (written, meant) in [
            ("port", Some("ports")),
            ("prots", Some("ports")),
            ("Engine", Some("engine")),
            ("max_call", Some("max_calls")),
            ("maxcps", Some("max_cps")),
            ("option_intervall", Some("options_interval")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
        assert_eq!(nearest(&"x".repeat(10_000), keys), None);
    }

    #[test]
    fn a_quoted_value_is_escaped_and_cut() {
        assert_eq!(quote("a\"b\n"), "\"a\\\"b\\n\"");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
    }
}
