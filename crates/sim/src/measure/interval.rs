//! Ratios with what is known of them.

use std::fmt;

/// A ratio with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The ratio.
    pub mean: f64,
    /// Half the width of the interval; infinite where there is one value only.
    pub half: f64,
}

impl Interval {
    /// Of the ratio of two sums over samples that are independent of each other, numerator and denominator of each: the ratio estimator with
    /// its linearised variance (Cochran, Sampling Techniques, §6.4) and Student's t. It weighs each sample by what it has to gain, where
    /// a mean of ratios would make the most of those that have hardly any.
    pub fn of_ratio(samples: &[(f64, f64)]) -> Self {
        let n = samples.len() as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>();
        let (numerator, denominator) = (sum(|sample| sample.0), sum(|sample| sample.1));
        let mean = numerator / denominator;
        if samples.len() < 2 {
            let half = f64::INFINITY;
            return Self { mean, half };
        }
        let squares: f64 = samples.iter().map(|(y, x)| (y - mean * x).powi(2)).sum();
        let error = (squares / (n - 1.0) / n).sqrt() / (denominator / n);
        Self {
            mean,
            half: t975(n - 1.0) * error,
        }
    }
}

impl fmt::Display for Interval {
    /// In percent: `93.1 ± 0.4 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ± {:.1} %", self.mean * 100.0, self.half * 100.0)
    }
}

/// The 97.5 % quantile of Student's t, by Hill's expansion (Abramowitz and Stegun 26.7.5): within 0.5 % from three degrees of freedom on.
fn t975(freedom: f64) -> f64 {
    const Z: f64 = 1.959_964;
    let terms = [
        (Z.powi(3) + Z) / 4.0,
        (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0,
        (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0,
        (79.0 * Z.powi(9) + 776.0 * Z.powi(7) + 1482.0 * Z.powi(5) - 1920.0 * Z.powi(3) - 945.0 * Z)
            / 92_160.0,
    ];
    let mut power = 1.0;
    let mut t = Z;
    for term in terms {
        power *= freedom;
        t += term / power;
    }
    t
}

/// The value below which this part of the others is; `None` of none.
pub fn percentile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied()
}

/// The one in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_t_are_those_of_the_tables() {
        for (freedom, expected) in [(3.0, 3.182), (9.0, 2.262), (29.0, 2.045), (1000.0, 1.962)] {
            let t = t975(freedom);
            assert!((t / expected - 1.0).abs() < 0.005, "{freedom}: {t}");
        }
    }

    #[test]
    fn an_interval_has_the_ratio_in_its_middle() {
        let ones = [0.9, 0.92, 0.94, 0.96].map(|value| (value, 1.0));
        let interval = Interval::of_ratio(&ones);
        assert!((interval.mean - 0.93).abs() < 1e-9);
        // s = 0.02582, t(3) = 3.182, n = 4.
        assert!((interval.half - 0.0411).abs() < 0.0003, "{interval:?}");
        assert!(Interval::of_ratio(&[(1.0, 2.0)]).half.is_infinite());
        // What has hardly anything to gain hardly counts.
        let odd = Interval::of_ratio(&[(0.9, 1.0), (0.9, 1.0), (-0.01, 0.001)]);
        assert!((odd.mean - 0.8945).abs() < 0.0005, "{odd:?}");
        // However many samples there are, all alike, the ratio is known.
        assert!(Interval::of_ratio(&[(1.0, 2.0), (2.0, 4.0)]).half < 1e-12);
    }

    #[test]
    fn percentiles_are_values_that_there_were() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(median(&values), Some(3.0));
        assert_eq!(percentile(&values, 0.9), Some(5.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
