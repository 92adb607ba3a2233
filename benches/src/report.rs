//! Figures of several rounds, as a table.

/// The median, of an even number the mean of the middle two; 0 of nothing.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let from = middle - usize::from(middle > 0 && values.len().is_multiple_of(2));
    let middle = values.get(from..=middle).unwrap_or_default();
    middle.iter().sum::<f64>() / middle.len().max(1) as f64
}

/// One figure to the other; 0 is what no round that counts gives.
#[must_use]
pub fn ratio(ours: f64, theirs: f64) -> String {
    if ours > 0.0 && theirs > 0.0 {
        format!("{:.3}", ours / theirs)
    } else {
        "not measured, no round counts".to_owned()
    }
}

/// Prints rows of equal length in columns as wide as they need; the first row is the head.
pub fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let line: Vec<String> = cells
            .map(|(at, (cell, width))| {
                if at == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        println!("{}", line.join("  "));
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!(median([]).abs() < 1e-9);
    }
}
