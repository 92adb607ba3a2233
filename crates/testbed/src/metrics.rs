//! A scrape of `/metrics`: the Prometheus text format, as far as tests need it.

/// What a scrape said.
#[derive(Debug, Clone)]
pub struct Metrics {
    samples: Vec<(String, String, f64)>,
}

impl Metrics {
    /// Reads the text format; comments and lines that aren't samples are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            Some((
                name.to_owned(),
                labels.trim_end_matches('}').to_owned(),
                value.parse().ok()?,
            ))
        };
        Self {
            samples: text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(sample)
                .collect(),
        }
    }

    /// The sum over all label sets of `name`; `None` when there is no such metric.
    #[must_use]
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.sum_where(name, "")
    }

    /// The sum over the label sets of `name` that contain `label`, e.g. `trunk="b1"`.
    #[must_use]
    pub fn sum_where(&self, name: &str, label: &str) -> Option<f64> {
        let values = self
            .samples
            .iter()
            .filter(|(n, l, _)| n == name && l.contains(label));
        values.map(|(_, _, value)| *value).reduce(|a, b| a + b)
    }

    /// All samples as lines, for a failure's text.
    #[must_use]
    pub fn dump(&self) -> String {
        let line = |(name, labels, value): &(String, String, f64)| format!("{name}{{{labels}}} {value}");
        self.samples.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let text = "# TYPE calls gauge\ncalls{trunk=\"a\"} 2\ncalls{trunk=\"b\"} 3\nup 1\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("calls"), Some(5.0));
        assert_eq!(metrics.sum_where("calls", "trunk=\"b\""), Some(3.0));
        assert_eq!((metrics.sum("up"), metrics.sum("down")), (Some(1.0), None));
    }
}
