//! What is remembered of sources that we do not know: how much they may still send, and how bad they have been. Of a fixed size,
//! whatever number of sources there is: the most harmless of a few gives way to a new one.

use std::time::{Duration, Instant};

/// Sources that share a place, and places.
const WAYS: usize = 8;
const SETS: usize = 8192;

/// How fast things come and are forgotten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// Requests per second and at once; `None`: any number.
    pub(super) requests: Option<(f32, f32)>,
    /// Half of the points are gone after this long.
    pub(super) half_life: Duration,
}

/// One source.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meter {
    key: u64,
    at: Option<Instant>,
    tokens: f32,
    /// Points.
    pub(super) score: f32,
    /// Bans so far.
    pub(super) bans: u8,
}

impl Meter {
    /// Brings it up to `now`.
    fn touch(&mut self, now: Instant, rates: &Rates) {
        let (rate, burst) = rates.requests.unwrap_or_default();
        let Some(before) = self.at.replace(now) else {
            self.tokens = burst;
            return;
        };
        let passed = now.saturating_duration_since(before).as_secs_f32();
        self.tokens = (self.tokens + passed * rate).min(burst);
        if self.score > 0.0 {
            self.score *= (-passed / rates.half_life.as_secs_f32().max(0.001)).exp2();
        }
    }

    /// Takes one request; whether there was room for it.
    pub(super) fn take(&mut self, rates: &Rates) -> bool {
        if rates.requests.is_none() {
            return true;
        }
        let has_room = self.tokens >= 1.0;
        if has_room {
            self.tokens -= 1.0;
        }
        has_room
    }
}

/// All sources.
#[derive(Debug, Default)]
pub(super) struct Meters {
    entries: Vec<Meter>,
}

impl Meters {
    /// That of the source with this key (of any, a hash that nobody can foresee), as it is now.
    pub(super) fn at(&mut self, now: Instant, key: u64, rates: &Rates) -> Option<&mut Meter> {
        if self.entries.is_empty() {
            self.entries.resize(SETS * WAYS, Meter::default());
        }
        let place = usize::try_from(key % (SETS as u64)).unwrap_or(0);
        let set = self.entries.chunks_mut(WAYS).nth(place)?;
        let known = set
            .iter()
            .position(|meter| meter.key == key && meter.at.is_some());
        let index = known.or_else(|| {
            let harmless = |a: &&Meter, b: &&Meter| a.score.total_cmp(&b.score).then(a.at.cmp(&b.at));
            let least = set.iter().min_by(harmless)?.key;
            let index = set.iter().position(|meter| meter.key == least)?;
            *set.get_mut(index)? = Meter {
                key,
                ..Meter::default()
            };
            Some(index)
        })?;
        let meter = set.get_mut(index)?;
        meter.touch(now, rates);
        Some(meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        requests: Some((10.0, 20.0)),
        half_life: Duration::from_secs(60),
    };

    fn taken(meters: &mut Meters, now: Instant, key: u64, offered: usize) -> usize {
        (0..offered)
            .filter(|_| {
                meters
                    .at(now, key, &RATES)
                    .is_some_and(|meter| meter.take(&RATES))
            })
            .count()
    }

    #[test]
    fn a_source_has_its_burst_and_then_its_rate() {
        let (mut meters, now) = (Meters::default(), Instant::now());
        assert_eq!(taken(&mut meters, now, 7, 100), 20);
        assert_eq!(taken(&mut meters, now + Duration::from_secs(1), 7, 100), 10);
        assert_eq!(taken(&mut meters, now + Duration::from_secs(100), 7, 100), 20);
        assert_eq!(taken(&mut meters, now, 8, 100), 20, "another source");
    }

    #[test]
    fn half_of_the_points_are_forgotten_after_the_half_life() {
        let (mut meters, now) = (Meters::default(), Instant::now());
        if let Some(meter) = meters.at(now, 1, &RATES) {
            meter.score = 80.0;
        }
        let later = meters
            .at(now + Duration::from_secs(120), 1, &RATES)
            .map(|meter| meter.score);
        assert!(
            later.is_some_and(|score| (score - 20.0).abs() < 0.01),
            "{later:?}"
        );
    }

    #[test]
    fn a_million_sources_take_no_more_room_and_do_not_push_out_a_bad_one() {
        let (mut meters, now) = (Meters::default(), Instant::now());
        if let Some(meter) = meters.at(now, 1, &RATES) {
            meter.score = 50.0;
        }
        for key in 2..1_000_000 {
            meters.at(now, key, &RATES);
        }
        assert_eq!(meters.entries.len(), SETS * WAYS);
        assert!(size_of::<Meter>() <= 40);
        assert_eq!(meters.at(now, 1, &RATES).map(|meter| meter.score), Some(50.0));
    }
}
