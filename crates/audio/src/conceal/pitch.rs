//! How far back a signal is most like itself.

/// Lags that are looked at, in samples: 5 to 15 ms, a pitch of 66 to 200 Hz (higher ones repeat within it).
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) shortest: usize,
    pub(super) longest: usize,
}

impl Range {
    pub(super) fn of(per_ms: usize) -> Self {
        Self {
            shortest: 5 * per_ms,
            longest: 15 * per_ms,
        }
    }
}

/// The pitch period at the end of a signal, in samples: every fourth of a millisecond's samples first, then all nearby.
pub(super) fn of_end(signal: &[i16], range: Range, per_ms: usize) -> usize {
    let window = (20 * per_ms).min(signal.len().saturating_sub(range.longest));
    let end = signal.len().saturating_sub(window);
    let template = signal.get(end..).unwrap_or_default();
    let at = |lag: usize, step: usize| {
        let before = end
            .checked_sub(lag)
            .and_then(|from| signal.get(from..from + window));
        before.map_or(f32::MIN, |before| likeness(template, before, step))
    };
    let coarse = (per_ms / 4).max(1);
    let rough = best((range.shortest..=range.longest).step_by(coarse), |lag| {
        at(lag, coarse)
    });
    let near = rough.saturating_sub(coarse).max(range.shortest)..=(rough + coarse).min(range.longest);
    // Every second sample is enough for the shape above 16 kHz.
    best(near, |lag| at(lag, (per_ms / 16).max(1)))
}

/// The lag in `range` at which the start of a signal is most like what follows it, and how alike the two are (-1..=1).
pub(crate) fn best_lag(
    signal: &[i16],
    range: std::ops::RangeInclusive<usize>,
    per_ms: usize,
) -> (usize, f32) {
    let at = |lag: usize, step: usize| match (signal.get(..lag), signal.get(lag..2 * lag)) {
        (Some(first), Some(second)) => likeness(first, second, step),
        _ => f32::MIN,
    };
    let coarse = (per_ms / 4).max(1);
    let (shortest, longest) = (*range.start(), *range.end());
    let rough = best(range.step_by(coarse), |lag| at(lag, coarse));
    let near = rough.saturating_sub(coarse).max(shortest)..=(rough + coarse).min(longest);
    let lag = best(near, |lag| at(lag, (per_ms / 16).max(1)));
    (lag, at(lag, 1))
}

fn best(lags: impl Iterator<Item = usize>, score: impl Fn(usize) -> f32) -> usize {
    let mut found = (0, f32::MIN);
    for lag in lags {
        let score = score(lag);
        if found.0 == 0 || score > found.1 {
            found = (lag, score);
        }
    }
    found.0.max(1)
}

/// Normalised correlation over every `step`th sample; 0 when one of them is silent.
fn likeness(left: &[i16], right: &[i16], step: usize) -> f32 {
    let (mut cross, mut left_power, mut right_power) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (x, y) in left.iter().zip(right).step_by(step) {
        let (x, y) = (f32::from(*x), f32::from(*y));
        cross += x * y;
        left_power += x * x;
        right_power += y * y;
    }
    let power = (left_power * right_power).sqrt();
    if power > 0.0 { cross / power } else { 0.0 }
}
