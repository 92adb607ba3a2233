//! How figures are written: with as many digits as mean something, so that whoever reads one, in whatever type, prints the same.

use serde::Serializer;

/// A score or rating: two decimals.
///
/// # Errors
/// The serializer's.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub fn score<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*value, 100.0))
}

/// A score that may not be known.
///
/// # Errors
/// The serializer's.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "serde asks for it"
)]
pub fn score_if_known<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => score(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// A fraction, 0 to 1: four decimals.
///
/// # Errors
/// The serializer's.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub fn fraction<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*value, 10_000.0))
}

/// The value as so many parts of one; the shortest text of what comes back has no more digits.
fn rounded(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use crate::losses::LossStructure;
    use crate::quality::Quality;
    use crate::rtcp::VoipMetrics;
    use crate::stats::Heard;
    use serde_json::{Value, json, to_value};

    /// What serialises to these figures, which stay as they are.
    fn is_written(value: &Value, expected: &Value) {
        for (key, figure) in expected.as_object().unwrap() {
            assert_eq!(value[key], *figure, "{key}");
        }
        // As text, and as text of a value that went through a wider type.
        for text in [serde_json::to_string(value).unwrap(), value.to_string()] {
            assert!(!text.contains("000000") && !text.contains("999999"), "{text}");
        }
    }

    #[test]
    fn scores_have_two_decimals_and_fractions_four() {
        let quality = Quality {
            r_factor: 91.87654,
            mos: 4.38,
            mos_min: 3.999_99,
            mos_last: 1.0,
            delay_ms: 40,
        };
        is_written(
            &to_value(quality).unwrap(),
            &json!({"r_factor": 91.88, "mos": 4.38, "mos_min": 4.0, "mos_last": 1.0}),
        );
        let loss = LossStructure {
            burst_density: 1.0 / 3.0,
            gap_density: 0.000_06,
            ..LossStructure::default()
        };
        is_written(
            &to_value(loss).unwrap(),
            &json!({"burst_density": 0.3333, "gap_density": 0.0001}),
        );
        let voip = VoipMetrics {
            loss_rate: 12.0 / 256.0,
            discard_rate: 1.0 / 256.0,
            burst_density: 2.0 / 3.0,
            gap_density: 0.0,
            mos_lq: Some(4.1),
            mos_cq: None,
            ..VoipMetrics::default()
        };
        is_written(
            &to_value(voip).unwrap(),
            &json!({"loss_rate": 0.0469, "discard_rate": 0.0039, "burst_density": 0.6667, "gap_density": 0.0,
                "mos_lq": 4.1, "mos_cq": null}),
        );
        let heard = Heard {
            fraction_lost: 0.25,
            fraction_lost_max: 77.0 / 256.0,
            ..Heard::default()
        };
        is_written(
            &to_value(heard).unwrap(),
            &json!({"fraction_lost": 0.25, "fraction_lost_max": 0.3008}),
        );
    }
}
