//! A filter as SQL. The text is made of fixed pieces; what a filter holds goes in as bound values.

use super::Filter;
use rusqlite::types::Value;

/// The conditions of a query and the values bound in them, in order.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    clauses: Vec<&'static str>,
    values: Vec<Value>,
}

/// The span of start times, milliseconds since 1970: from, inclusive, and to, exclusive.
pub(super) fn times(filter: &Filter) -> (i64, i64) {
    let bound = |ms: Option<u64>, none| ms.map_or(none, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    (bound(filter.since_ms, i64::MIN), bound(filter.until_ms, i64::MAX))
}

impl Conditions {
    /// What doesn't depend on where one looks.
    pub(super) fn of(filter: &Filter) -> Self {
        let mut conditions = Self::default();
        if let Some(id) = &filter.id {
            conditions.add("id = ?", [text(id)]);
        }
        let (since, until) = times(filter);
        if filter.since_ms.is_some() {
            conditions.add("started >= ?", [Value::Integer(since)]);
        }
        if filter.until_ms.is_some() {
            conditions.add("started < ?", [Value::Integer(until)]);
        }
        if let Some(trunk) = &filter.trunk {
            let tried = Value::Text(format!("\n{trunk}\n"));
            conditions.add(
                "(from_trunk = ? OR to_trunk = ? OR instr(tried, ?) > 0)",
                [text(trunk), text(trunk), tried],
            );
        }
        match filter.cause.as_ref().map(|cause| (cause, cause.parse::<u16>())) {
            Some((_, Ok(status))) => conditions.add("sip = ?", [Value::Integer(status.into())]),
            Some((word, Err(_))) => conditions.add("cause = ?", [text(word)]),
            None => {}
        }
        conditions
    }

    /// Rows from one place to another, both inclusive.
    pub(super) fn within(&mut self, first: i64, last: i64) {
        self.add(
            "seq BETWEEN ? AND ?",
            [Value::Integer(first), Value::Integer(last)],
        );
    }

    /// A number, looked up in the index of a stretch, or compared row by row where there is none.
    pub(super) fn number(&mut self, number: &str, index: Option<i64>) {
        let (from, to) = match number.strip_suffix('*') {
            // No text that begins with the prefix sorts after the prefix followed by the last code point.
            Some(prefix) => (text(prefix), Value::Text(format!("{prefix}\u{10ffff}"))),
            None => (text(number), text(number)),
        };
        match index {
            Some(stretch) => self.add(
                "seq IN (SELECT seq FROM numbers WHERE stretch = ? AND number BETWEEN ? AND ?)",
                [Value::Integer(stretch), from, to],
            ),
            None => self.add(
                "(caller BETWEEN ? AND ? OR called BETWEEN ? AND ?)",
                [from.clone(), to.clone(), from, to],
            ),
        }
    }

    /// The query. All its text is fixed pieces.
    pub(super) fn select(&mut self, limit: usize) -> String {
        self.values
            .push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        format!(
            "SELECT seq, record FROM records WHERE {} ORDER BY seq DESC LIMIT ?",
            self.clauses.join(" AND ")
        )
    }

    /// The values, in the order of their places.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    fn add<const N: usize>(&mut self, clause: &'static str, values: [Value; N]) {
        self.clauses.push(clause);
        self.values.extend(values);
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}
