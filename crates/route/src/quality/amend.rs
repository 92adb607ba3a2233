//! What somebody has said of a call, and says otherwise later.

use super::believe::Bases;
use super::group::Destination;
use super::result::Feedback;
use super::sample::Sample;
use super::{MAX_SLOTS, Quality, class_key};
use crate::learn::{Aspect, Track};
use std::time::{Duration, Instant};

impl Quality {
    /// The application says otherwise than it did so long ago: what it said then is taken back, and this stands in its place and weighs as much. No
    /// sudden change is looked for: it is no news of how calls are now.
    pub fn replace_feedback(
        &mut self,
        now: Instant,
        slot: u32,
        destination: Destination,
        class: usize,
        (before, ago): (&Feedback, Duration),
        feedback: &Feedback,
    ) {
        if slot >= MAX_SLOTS {
            return;
        }
        self.advance(now);
        let weight = self.back(ago);
        let path = self.places.path(destination, class_key(class));
        let bases = Bases::of(&self.places, &path, self.weight());
        let usual = *bases.last().of(Aspect::Sounds);
        let (new, old) = (Sample::of_feedback(feedback), Sample::of_feedback(before));
        let seen = |sample: &Sample| sample.each.of(Aspect::Sounds).unwrap_or_default();
        let ((new_hits, new_trials), (old_hits, old_trials)) = (seen(&new), seen(&old));
        for index in path.pairs().flat_map(|(any, class)| [any, class]) {
            let Some(known) = self.places.get_mut(index).and_then(|place| place.known_mut(slot)) else {
                continue;
            };
            known.sums.add(&new.sums, weight);
            known.sums.add(&old.sums, -weight);
            // What was said before may have been forgotten meanwhile.
            known.sums.at_least_nothing();
            let track = known.tracks.of_mut(Aspect::Sounds);
            let trials = new_trials - old_trials;
            let change = Track {
                hits: new_hits - old_hits,
                trials,
                expected: trials * usual,
            };
            track.add(&change, weight);
            track.trials = track.trials.max(0.0);
            track.expected = track.expected.max(0.0);
        }
        self.believe(&path, slot, &bases, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Policy;
    use crate::quality::{Group, Settings};

    fn said(score: Option<u8>, issue: bool) -> Feedback {
        Feedback { score, issue }
    }

    #[test]
    fn what_is_said_otherwise_does_not_count_twice() {
        let start = Instant::now();
        let mut quality = Quality::new(start);
        quality.configure(start, Settings::default(), &[("", Policy::default())]);
        quality.set_trunk(0, "a");
        let destination = Destination::of("+442079460000");
        let note = |quality: &mut Quality, at: Instant, feedback: &Feedback| {
            quality.note_feedback(at, 0, destination, 0, feedback);
        };
        note(&mut quality, start, &said(Some(5), false));
        note(&mut quality, start, &said(Some(1), true));
        let later = Duration::from_secs(600);
        let before = (&said(Some(1), true), later);
        quality.replace_feedback(start + later, 0, destination, 0, before, &said(Some(3), false));
        let figures = quality.figures(0, Group::EVERYWHERE, None).unwrap();
        assert!((figures.score.unwrap() - 4.0).abs() < 1e-3, "{figures:?}");
        assert!(figures.issues.unwrap().mean < 1e-3, "{figures:?}");
        // Of one that is not known any more nothing is left below nothing.
        let before = (&said(Some(5), true), Duration::ZERO);
        for _ in 0..4 {
            quality.replace_feedback(start + later, 0, destination, 0, before, &said(None, false));
        }
        let figures = quality.figures(0, Group::EVERYWHERE, None).unwrap();
        assert_eq!(figures.score, None);
        assert!(figures.issues.unwrap().mean < 1e-3, "{figures:?}");
    }
}
