//! What is kept, for whom, and within which bounds.

use super::*;

#[test]
fn little_is_told_of_the_nearest_level_that_enough_is_known_of() {
    let mut bed = Bed::new();
    let to = Destination::of(LONDON);
    assert!(bed.quality.row(to, 0).estimates.is_empty());
    bed.attempts(0, BERLIN, 60, 0.6);
    // Nothing was seen in London: what is known of the world holds.
    let world = bed.quality.row(to, 0).estimates.to_vec();
    assert!(!world.is_empty());
    assert_eq!(bed.quality.row(Destination::default(), 0).estimates, world);
    bed.attempts(0, LONDON, 60, 0.6);
    assert_ne!(
        bed.quality.row(to, 0).estimates,
        bed.quality.row(Destination::default(), 0).estimates
    );
    // Of the other class nothing was seen at all.
    assert!(bed.quality.row(to, 1).estimates.is_empty());
    assert!(bed.quality.row(to, 7).estimates.is_empty());
}

#[test]
fn nothing_is_told_while_learning_is_switched_off_but_what_comes_is_kept() {
    let mut bed = Bed::new();
    let off = Settings {
        learns: false,
        ..Settings::default()
    };
    let classes = [("talk", policy()), ("notify", policy())];
    bed.quality.configure(bed.now, off, &classes);
    bed.attempts(0, LONDON, 60, 0.6);
    assert!(bed.quality.row(Destination::of(LONDON), 0).estimates.is_empty());
    bed.quality.configure(bed.now, Settings::default(), &classes);
    assert!(!bed.quality.row(Destination::of(LONDON), 0).estimates.is_empty());
}

#[test]
fn a_class_keeps_what_is_known_when_the_configuration_is_ordered_otherwise() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 60, 0.6);
    let before = bed.quality.row(Destination::of(LONDON), 0).estimates.to_vec();
    let classes = [("new", policy()), ("talk", policy())];
    bed.quality.configure(bed.now, Settings::default(), &classes);
    assert_eq!(bed.quality.row(Destination::of(LONDON), 1).estimates, before);
    assert!(bed.quality.row(Destination::of(LONDON), 0).estimates.is_empty());
}

#[test]
fn a_slot_that_has_another_trunk_is_unknown_again() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 60, 0.6);
    let group = Destination::of(LONDON).country;
    assert!(bed.quality.figures(0, group, Some(0)).is_some());
    bed.quality.set_trunk(0, "carrier-a");
    assert!(bed.quality.figures(0, group, Some(0)).is_some());
    bed.quality.set_trunk(0, "carrier-z");
    assert!(bed.quality.figures(0, group, Some(0)).is_none());
    assert_eq!(bed.estimate(0, LONDON), crate::learn::Estimate::UNKNOWN);
    bed.quality.set_trunk(MAX_SLOTS, "nowhere");
    bed.attempt(MAX_SLOTS, LONDON, Ending::Answered);
}

#[test]
fn what_was_seen_counts_half_after_the_half_life_however_long_it_goes_on() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 60, 0.6);
    let attempts = |bed: &Bed| {
        let figures = bed.quality.figures(0, Group::EVERYWHERE, Some(0));
        figures.map_or(0.0, |figures| figures.attempts)
    };
    let before = attempts(&bed);
    bed.now += Settings::default().half_life;
    bed.quality.tick(bed.now);
    assert!((attempts(&bed) / before - 0.5).abs() < 0.01);
    for _ in 0..60 {
        bed.now += Duration::from_secs(24 * 3600);
        bed.quality.tick(bed.now);
        bed.attempt(0, LONDON, Ending::Answered);
        assert!((0.9..1.1).contains(&attempts(&bed)), "{}", attempts(&bed));
    }
}

#[test]
fn what_is_saved_is_loaded_by_name_and_faded() {
    let mut bed = Bed::new();
    for _ in 0..100 {
        bed.attempts(0, LONDON, 1, 0.6);
        bed.attempts(1, LONDON, 1, 0.2);
        bed.call(0, LONDON, good_call());
    }
    let saved = bed.quality.save(bed.now, 1_000_000);
    let mut other = Quality::new(bed.now);
    // Classes and slots in another order, and one trunk is gone.
    other.configure(
        bed.now,
        Settings::default(),
        &[("notify", policy()), ("talk", policy())],
    );
    other.set_trunk(5, "carrier-a");
    assert_eq!(other.load(bed.now, 1_000_000, &saved), Ok(()));
    let (old, new) = (
        bed.estimate(0, LONDON),
        other.row(Destination::of(LONDON), 1).estimate(5),
    );
    assert!(
        (old.mean - new.mean).abs() < 0.01 && (old.weight / new.weight - 1.0).abs() < 0.02,
        "{old:?} {new:?}"
    );
    assert_eq!((old.share, new.share), (1.0, 1.0));
    let group = Destination::of(LONDON).country;
    let asr =
        |quality: &Quality, slot, class| quality.figures(slot, group, Some(class)).unwrap().asr.unwrap();
    let (a, b) = (asr(&bed.quality, 0, 0), asr(&other, 5, 1));
    assert!((a.mean - b.mean).abs() < 1e-4 && (a.low - b.low).abs() < 1e-3);
    let mut late = Quality::new(bed.now);
    late.configure(bed.now, Settings::default(), &[("talk", policy())]);
    late.set_trunk(0, "carrier-a");
    assert_eq!(late.load(bed.now, 1_014_400, &saved), Ok(()));
    let faded = late.figures(0, group, Some(0)).unwrap().attempts;
    assert!((faded / bed.quality.figures(0, group, Some(0)).unwrap().attempts - 0.25).abs() < 0.01);
}

#[test]
fn what_is_of_another_version_or_damaged_is_left_alone() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 60, 0.6);
    let saved = bed.quality.save(bed.now, 0);
    let mut fresh = Bed::new();
    let newer = saved.clone().of_version(2);
    let error = fresh.quality.load(fresh.now, 0, &newer).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
    let damaged = saved.clone().damaged();
    assert_eq!(
        fresh.quality.load(fresh.now, 0, &damaged),
        Err(LoadError::Damaged)
    );
    assert!(fresh.quality.row(Destination::of(LONDON), 0).estimates.is_empty());
    assert_eq!(fresh.quality.load(fresh.now, 0, &saved), Ok(()));
}

#[test]
fn exploring_ends_when_its_budget_is_spent_and_that_is_told_once() {
    let explore = Explore {
        calls_ppm: 100_000,
        money_per_day: Some(Money(864_000_000)),
    };
    let mut bed = Bed::with(&[("talk", Policy { explore, ..policy() })]);
    bed.attempts(0, LONDON, 60, 0.6);
    let to = Destination::of(LONDON);
    assert_eq!(bed.quality.row(to, 0).probe, 0.0, "nobody has called");
    for _ in 0..50 {
        bed.pass(1);
        bed.quality.note_choice(bed.now, 0, None);
    }
    assert!(bed.quality.row(to, 0).probe > 0.0 && bed.quality.row(to, 0).noise > 0.0);
    bed.quality.note_choice(bed.now, 0, Some(Money(5_000_000_000)));
    bed.quality.note_choice(bed.now, 0, None);
    let row = bed.quality.row(to, 0);
    assert_eq!((row.probe, row.noise), (0.0, 0.0));
    let told = bed.told();
    assert_eq!(
        told.iter()
            .filter(|text| text.contains("spent its budget"))
            .count(),
        1,
        "{told:?}"
    );
    // It had cost less.
    bed.quality.note_cost(0, Money(5_000_000_000), Money(0));
    assert!(bed.quality.row(to, 0).probe > 0.0);
}

#[test]
fn a_trunk_is_told_of_once_in_some_seconds_per_group() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 200, 0.6);
    bed.told();
    for _ in 0..100 {
        for _ in 0..6 {
            bed.attempt(0, LONDON, Ending::Network(503));
        }
        for _ in 0..6 {
            bed.attempt(0, LONDON, Ending::Answered);
        }
    }
    let mut by_group = std::collections::BTreeMap::new();
    for event in bed.quality.events() {
        *by_group.entry((event.trunk, event.group)).or_insert(0) += 1;
    }
    assert!(by_group.values().all(|many| *many == 1), "{by_group:?}");
    for round in 0..10_000_u32 {
        bed.pass(4);
        let ending = if round % 40 < 20 {
            Ending::Network(503)
        } else {
            Ending::Answered
        };
        bed.attempt(round % 3, LONDON, ending);
    }
    assert!(bed.quality.events().count() <= MAX_EVENTS);
}

#[test]
fn many_times_more_numbers_than_places_take_bounded_room_and_drive_nothing_out() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 300, 0.6);
    let before = bed.estimate(0, LONDON).mean;
    for number in 0..50_000_u32 {
        if number % 100 == 0 {
            bed.now += Duration::from_secs(1);
            bed.quality.tick(bed.now);
        }
        let number = format!(
            "+{}{:07}",
            20 + number % 70,
            number.wrapping_mul(2_654_435_761) % 10_000_000
        );
        bed.attempt(2, &number, Ending::User(404));
    }
    assert!(bed.quality.groups().count() <= MAX_PLACES);
    assert!(
        (bed.estimate(0, LONDON).mean - before).abs() < 0.2,
        "{before} {:?}",
        bed.estimate(0, LONDON)
    );
}

#[test]
fn whatever_is_noted_estimates_are_numbers_within_their_bounds() {
    let mut bed = Bed::new();
    for round in 0..30_000_u32 {
        if bed.chance(0.3) {
            bed.pass(u64::from(round % 7));
        }
        let slot = round % 5;
        let number = if bed.chance(0.5) { LONDON } else { BERLIN };
        let ending = match bed.seed >> 61 {
            0 | 1 => Ending::Answered,
            2 => Ending::Silent,
            3 => Ending::GivenUp,
            4 => Ending::Network(407),
            _ => Ending::User(486),
        };
        bed.attempt(slot, number, ending);
        let odd = f32::from_bits((bed.seed >> 20) as u32);
        let result = CallResult {
            talk: Duration::from_millis(bed.seed >> 44),
            mos: Some(odd),
            loss: Some(odd),
            jitter: Some(Duration::MAX),
            false_answer: bed.chance(0.7).then(|| bed.chance(0.2)),
            dead_air: bed.chance(0.7).then(|| bed.chance(0.2)),
        };
        // Of calls too that nobody knows of.
        bed.call(slot, number, result);
        for estimate in bed.quality.row(Destination::of(number), 0).estimates {
            assert!((0.0..=1.0).contains(&estimate.mean), "{estimate:?}");
            assert!((0.0..=0.5).contains(&estimate.deviation), "{estimate:?}");
            assert!((estimate.mean..=1.0).contains(&estimate.hope), "{estimate:?}");
            assert!((0.0..=1.0).contains(&estimate.share), "{estimate:?}");
            assert!(
                estimate.weight.is_finite() && estimate.weight >= 0.0,
                "{estimate:?}"
            );
        }
    }
    assert!(bed.quality.save(bed.now, 0).clone() == bed.quality.save(bed.now, 0));
}
