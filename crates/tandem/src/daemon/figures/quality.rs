//! What was learned of trunks as Prometheus text: the overall figures only, so that there are as many series as trunks, not as destinations.

use super::heading;
use crate::daemon::shard::TrunkState;
use metrics_exporter_prometheus::formatting::sanitize_label_value;
use switch::{Bounds, Figures};

type Series = (&'static str, &'static str, fn(&Figures) -> Option<f32>);

fn mean(bounds: Option<Bounds>) -> Option<f32> {
    bounds.map(|bounds| bounds.mean)
}

const SERIES: [Series; 15] = [
    (
        "tandem_trunk_attempts",
        "Attempts that a trunk's figures are of, the older counting less",
        |f| Some(f.attempts),
    ),
    (
        "tandem_trunk_asr",
        "Answer-seizure ratio of late, by trunk, 0 to 1",
        |f| mean(f.asr),
    ),
    (
        "tandem_trunk_ner",
        "Network effectiveness ratio of late, by trunk, 0 to 1",
        |f| mean(f.ner),
    ),
    (
        "tandem_trunk_seer",
        "Session establishment effectiveness ratio of late, by trunk, 0 to 1",
        |f| mean(f.seer),
    ),
    (
        "tandem_trunk_pdd_seconds",
        "Mean post-dial delay of late, by trunk",
        |f| mean(f.pdd_s),
    ),
    (
        "tandem_trunk_acd_seconds",
        "Mean length of answered calls of late, by trunk",
        |f| f.acd_s,
    ),
    (
        "tandem_trunk_mos",
        "Mean opinion score of what a trunk sent of late",
        |f| mean(f.mos),
    ),
    (
        "tandem_trunk_loss",
        "Share of a trunk's media packets that was lost of late",
        |f| f.loss,
    ),
    (
        "tandem_trunk_jitter_seconds",
        "Mean jitter of a trunk's media of late",
        |f| f.jitter_ms.map(|ms| ms / 1000.0),
    ),
    (
        "tandem_trunk_short",
        "Share of answered calls shorter than ten seconds of late, by trunk",
        |f| mean(f.short),
    ),
    (
        "tandem_trunk_false_answers",
        "Share of answered calls that somebody else answered of late, by trunk",
        |f| mean(f.false_answers),
    ),
    (
        "tandem_trunk_dead_air",
        "Share of answered calls on which nothing was heard of late, by trunk",
        |f| mean(f.dead_air),
    ),
    (
        "tandem_trunk_score",
        "Mean score from 1 to 5 that applications gave a trunk's calls of late",
        |f| f.score,
    ),
    (
        "tandem_trunk_issues",
        "Share of applications' feedback that named something wrong of late, by trunk",
        |f| mean(f.issues),
    ),
    (
        "tandem_trunk_tests",
        "Share of scheduled test calls that passed of late, by trunk",
        |f| mean(f.tests),
    ),
];

/// The series of what was learned of trunks. What is not known has none.
pub(crate) fn of_quality(trunks: &[TrunkState]) -> String {
    let mut text = String::new();
    for (name, about, value) in SERIES {
        let mut begun = false;
        for trunk in trunks {
            let Some(value) = trunk.figures.as_ref().and_then(value) else {
                continue;
            };
            if !begun {
                heading(&mut text, name, about);
                begun = true;
            }
            let trunk = sanitize_label_value(&trunk.name);
            text.push_str(&format!("{name}{{trunk=\"{trunk}\"}} {value}\n"));
        }
        if begun {
            text.push('\n');
        }
    }
    text
}
