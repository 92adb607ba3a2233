//! What a trunk's calls are worth, of what is believed of its aspects.

use super::each::Each;
use super::known::Known;
use super::sums::Sums;
use crate::learn::{Aspect, Belief};
use smallvec::SmallVec;

/// What a refusal costs of a call's worth, by the delay until the next attempt.
const REFUSED: f32 = 0.13;

/// What silence does, which is found by a timeout.
const SILENT: f32 = 0.28;

/// A trunk that has more conversations than the better ones has no more than this over them: beyond it is chance, or lies that were not seen.
const MOST_TALKS: f32 = 1.05;

/// No estimate is less sure than this.
const MOST_DEVIATION: f32 = 0.25;

/// Attempts' worth of knowledge from which on a quality was seen, and not only hoped for.
const PROVEN: f32 = 25.0;

/// How soon the hope for a quality that was seen fades by half, in seconds.
const HOPE_S: f64 = 43_200.0;

/// Attempts in which the hope for one that was never seen fades to 1/e.
const HOPE_ATTEMPTS: f32 = 12.0;

/// Part of the trunks that are the better ones, by which the others are measured.
const BETTER: f32 = 0.25;

/// Attempts' worth of knowledge with which a trunk counts half among them, and below which it does not.
const COUNTS_HALF: f32 = 30.0;
const COUNTS: f32 = 10.0;

/// The probability of a conversation that the better quarter of trunks has. Each counts once, as far as it is known.
pub(super) fn best_talks(trunks: &[Known], base: &Each<f32>) -> f32 {
    let mut all: SmallVec<[(f32, f32); 32]> = SmallVec::new();
    all.push((base.talks, 0.5));
    let beliefs = trunks.iter().map(|known| known.beliefs.talks);
    all.extend(
        beliefs
            .filter(|belief| belief.known >= COUNTS)
            .map(|belief| (belief.at(base.talks), belief.known / (belief.known + COUNTS_HALF))),
    );
    all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = BETTER * all.iter().map(|(_, weight)| weight).sum::<f32>();
    let found = all.iter().find(|(_, weight)| {
        left -= weight;
        left <= 0.0
    });
    found.map_or(base.talks, |(p, _)| *p)
}

/// Of the failures those without a word.
pub(super) fn silent_part(sums: &Sums) -> f32 {
    if sums.failed > 0.0 {
        (sums.silent / sums.failed).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// The quality, as the module's documentation defines it, and its deviation by the propagation of the parts'.
pub(super) fn quality(beliefs: &Each<Belief>, base: &Each<f32>, top: f32, silent: f32) -> (f32, f32) {
    let is = |aspect: Aspect| beliefs.of(aspect).at(*base.of(aspect));
    let fails = is(Aspect::Fails);
    let honest = 1.0 - is(Aspect::Cheats);
    let talks = (is(Aspect::Talks) / top.max(0.01)).min(MOST_TALKS * honest);
    let sounds = is(Aspect::Sounds);
    let passed = talks * sounds * is(Aspect::Waits);
    let costs = REFUSED + (SILENT - REFUSED) * silent;
    let through = (1.0 - fails).max(0.01);
    let mean = passed - costs * fails / through;
    let variance = |aspect: Aspect| beliefs.of(aspect).variance(*base.of(aspect));
    let relative = |variance: f32, mean: f32| variance / (mean * mean).max(1e-4);
    let of_passed = passed
        * passed
        * (relative(variance(Aspect::Talks), top * talks) + relative(variance(Aspect::Sounds), sounds));
    let of_costs = costs * costs * variance(Aspect::Fails) / through.powi(4);
    (
        mean.clamp(0.0, 1.0),
        (of_passed + of_costs).sqrt().min(MOST_DEVIATION),
    )
}

/// How often a trunk's calls have to be paid, over those of the better ones.
pub(super) fn bills(beliefs: &Each<Belief>, base: &Each<f32>, top: f32) -> f32 {
    let talks = beliefs.talks.at(base.talks) / top.max(0.01);
    let cheats = beliefs.cheats.at(base.cheats).min(0.8);
    (talks / (1.0 - cheats)).clamp(0.2, 2.0)
}

/// What the quality may be after all: what it was before it got worse, for a while; for one that was never seen to be better, what it was taken
/// for, until some attempts have told otherwise.
pub(super) fn hope(known: &mut Known, mean: f32, weight: f32, now_s: f64) -> f32 {
    let passed = (now_s - known.looked_s).max(0.0);
    let doubts = std::mem::take(&mut known.doubts);
    known.looked_s = now_s;
    if mean >= known.former {
        known.former = mean;
        known.proven = weight >= PROVEN;
    } else {
        let kept = if known.proven {
            (-(passed / HOPE_S)).exp2() as f32
        } else {
            (-doubts / HOPE_ATTEMPTS).exp()
        };
        known.former = mean + (known.former - mean) * kept;
    }
    known.former
}
