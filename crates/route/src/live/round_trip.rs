//! How far away targets are, by the time that they take to answer.

use super::Live;
use crate::tables::{Tables, TrunkIx};
use std::time::{Duration, Instant};

/// What was measured longer ago says nothing any more: who is put behind others for it would never be measured again otherwise.
const KEPT: Duration = Duration::from_secs(600);

/// A longer time counts an eighth, as in RFC 6298 §2, and no more than this at once: a lost packet is no distance.
const STEP: Duration = Duration::from_millis(20);

/// Round trips to one target. A shorter one counts at once, a longer one by and by: what is looked for is the way there and back, and
/// not how busy it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundTrip {
    took: Duration,
    at: Instant,
}

impl RoundTrip {
    /// One more was measured.
    pub(super) fn note(known: &mut Option<Self>, now: Instant, took: Duration) {
        let took = match known.and_then(|known| known.told(now)) {
            Some(known) if took > known => known + ((took - known) / 8).min(STEP),
            Some(_) | None => took,
        };
        *known = Some(Self { took, at: now });
    }

    /// What is known now.
    pub(super) fn told(self, now: Instant) -> Option<Duration> {
        (now.saturating_duration_since(self.at) < KEPT).then_some(self.took)
    }
}

impl Live {
    /// Notes how long a target took to answer a request that was sent once.
    pub fn note_round_trip(
        &mut self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
        took: Duration,
    ) {
        if let Some((health, _)) = self.health_mut(tables, trunk, target) {
            RoundTrip::note(&mut health.round_trip, now, took);
        }
    }

    /// How long it takes to hear of a target, as far as that was measured within ten minutes.
    pub fn round_trip(
        &self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
    ) -> Option<Duration> {
        let (health, _) = self.health(tables, trunk, target)?;
        health.round_trip?.told(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after these measurements (milliseconds), ten seconds apart.
    fn known(measured: &[u64]) -> u128 {
        let (t0, mut known) = (Instant::now(), None);
        for (took, turn) in measured.iter().zip(0..) {
            let now = t0 + Duration::from_secs(10) * turn;
            RoundTrip::note(&mut known, now, Duration::from_millis(*took));
        }
        known.unwrap().took.as_millis()
    }

    #[test]
    fn a_shorter_way_counts_at_once_and_a_longer_one_by_and_by() {
        for (measured, expected) in [
            (&[40][..], 40),
            (&[40, 10], 10),
            (&[40, 48], 41),
            // A packet was lost.
            (&[40, 540], 60),
            (&[40, 540, 40], 40),
        ] {
            assert_eq!(known(measured), expected, "{measured:?}");
        }
        let longer: Vec<u64> = [40].into_iter().chain([100; 30]).collect();
        assert!((95..=100).contains(&known(&longer)), "{}", known(&longer));
    }

    #[test]
    fn what_was_measured_long_ago_says_nothing() {
        let (t0, mut known) = (Instant::now(), None);
        RoundTrip::note(&mut known, t0, Duration::from_millis(200));
        let told = |known: Option<RoundTrip>, after| known.and_then(|known| known.told(t0 + after));
        assert_eq!(
            told(known, KEPT - Duration::from_secs(1)),
            Some(Duration::from_millis(200))
        );
        assert_eq!(told(known, KEPT), None);
        RoundTrip::note(&mut known, t0 + KEPT, Duration::from_millis(300));
        assert_eq!(told(known, KEPT), Some(Duration::from_millis(300)), "begins anew");
    }
}
