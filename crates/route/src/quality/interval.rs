//! What is known of a proportion or a mean.

use serde::Serialize;

/// The 97.5 % quantile of the normal distribution: intervals hold 95 %.
const Z: f32 = 1.96;

/// Less than this much of one observation is none.
const NOTHING: f32 = 0.05;

/// A figure and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bounds {
    /// As it was seen.
    pub mean: f32,
    /// It is hardly less.
    pub low: f32,
    /// It is hardly more.
    pub high: f32,
}

/// A proportion with Wilson's score interval, which holds near 0 and 1 and for few trials too. `None`: no trials.
pub fn wilson(hits: f32, trials: f32) -> Option<Bounds> {
    if trials <= NOTHING {
        return None;
    }
    let mean = (hits / trials).clamp(0.0, 1.0);
    let z2 = Z * Z / trials;
    let centre = (mean + z2 / 2.0) / (1.0 + z2);
    let half = Z / (1.0 + z2) * (mean * (1.0 - mean) / trials + z2 / (4.0 * trials)).sqrt();
    Some(Bounds {
        mean,
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    })
}

/// A mean with its interval, from the number, the sum and the sum of squares. Of fewer than two the interval is everything.
pub fn mean_bounds(many: f32, sum: f32, squares: f32) -> Option<Bounds> {
    if many <= NOTHING {
        return None;
    }
    let mean = sum / many;
    let half = if many < 2.0 {
        f32::INFINITY
    } else {
        let variance = (squares / many - mean * mean).max(0.0) * many / (many - 1.0);
        Z * (variance / many).sqrt()
    };
    Some(Bounds {
        mean,
        low: mean - half,
        high: mean + half,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_that_of_the_books() {
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (hits, trials, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let bounds = wilson(hits, trials).unwrap();
            assert!((bounds.low - low).abs() < 2e-4, "{bounds:?}");
            assert!((bounds.high - high).abs() < 2e-4, "{bounds:?}");
        }
        assert_eq!(wilson(0.0, 0.0), None);
    }

    #[test]
    fn a_mean_is_surer_the_more_there_is() {
        let few = mean_bounds(4.0, 16.0, 66.0).unwrap();
        let many = mean_bounds(400.0, 1600.0, 6600.0).unwrap();
        assert!((few.mean - 4.0).abs() < 1e-6 && few.high - few.low > 5.0 * (many.high - many.low));
        assert!(mean_bounds(1.0, 4.0, 16.0).unwrap().high.is_infinite());
    }
}
