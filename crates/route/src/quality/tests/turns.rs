//! How soon a turn for the worse or the better is seen, and by what.

use super::*;

/// Two trunks that are as good as each other, for long.
fn settled() -> Bed {
    let mut bed = Bed::new();
    for _ in 0..300 {
        for slot in [0, 1] {
            bed.attempts(slot, LONDON, 1, 0.6);
            bed.call(slot, LONDON, good_call());
        }
    }
    bed.told();
    bed
}

fn test(bed: &mut Bed, ending: TestEnding, mos: Option<f32>) {
    let result = TestResult {
        ending,
        pdd: Some(Duration::from_secs(2)),
        mos,
    };
    let (now, to) = (bed.now, Destination::of(LONDON));
    bed.quality.note_test(now, 0, to, None, &result);
}

fn is_down(bed: &Bed) -> bool {
    bed.quality.is_down(0, Destination::of(LONDON))
}

/// The trunk 0 gets worse by this, once a second, until it is known.
fn fall(bed: &mut Bed, worse: impl Fn(&mut Bed)) -> u32 {
    for n in 1..=200 {
        bed.pass(1);
        worse(bed);
        if is_down(bed) {
            return n;
        }
    }
    panic!("it does not fall");
}

#[test]
fn sound_that_is_told_of_at_once_is_learned_before_any_call_has_ended() {
    let mut bed = settled();
    let before = bed.estimate(0, LONDON).mean;
    let after = fall(&mut bed, |bed| {
        let (now, to) = (bed.now, Destination::of(LONDON));
        bed.quality.note_sound(now, 0, to, 0, 1.9);
    });
    assert!(after <= 10, "{after}");
    assert!(bed.estimate(0, LONDON).mean < before - 0.3);
    let figures = bed.quality.figures(0, Group::EVERYWHERE, None).unwrap();
    assert!(figures.mos.unwrap().mean < 4.2);
}

#[test]
fn what_began_before_a_fall_does_not_tell_of_how_it_is_since() {
    let mut bed = settled();
    fall(&mut bed, |bed| {
        let (now, to) = (bed.now, Destination::of(LONDON));
        bed.quality.note_sound(now, 0, to, 0, 1.9);
    });
    // Good calls that were answered before it fell end one after the other.
    let fallen = bed.estimate(0, LONDON).mean;
    for _ in 0..40 {
        bed.pass(1);
        bed.call(0, LONDON, good_call());
    }
    assert!(is_down(&bed));
    assert!(bed.estimate(0, LONDON).mean < fallen + 0.05);
    // Those that were answered since do tell.
    bed.pass(100);
    for _ in 0..20 {
        bed.pass(1);
        bed.call(0, LONDON, good_call());
    }
    assert!(!is_down(&bed));
}

#[test]
fn one_that_has_got_worse_in_one_thing_does_not_recover_in_another() {
    let mut bed = settled();
    fall(&mut bed, |bed| {
        let (now, to) = (bed.now, Destination::of(LONDON));
        bed.quality.note_sound(now, 0, to, 0, 1.9);
    });
    bed.told();
    for _ in 0..600 {
        bed.attempts(0, LONDON, 1, 0.6);
        let (now, to) = (bed.now, Destination::of(LONDON));
        bed.quality.note_sound(now, 0, to, 0, 1.9);
    }
    let told = bed.told().join("\n");
    assert!(!told.contains("recovered"), "{told}");
    assert!(is_down(&bed));
}

#[test]
fn tests_that_pass_bring_a_trunk_back_that_failed_them() {
    // At one each 20 s that is ten minutes.
    const WITHIN: u32 = 30;
    for ending in [
        TestEnding::Failed,
        TestEnding::Unanswered,
        TestEnding::FalseAnswer,
    ] {
        let mut bed = settled();
        let before = bed.estimate(0, LONDON).mean;
        let after = fall(&mut bed, |bed| test(bed, ending, None));
        assert!(after <= 12, "{ending:?}: {after}");
        for _ in 0..10 {
            bed.pass(1);
            test(&mut bed, ending, None);
        }
        assert!(bed.estimate(0, LONDON).mean < before - 0.2, "{ending:?}");
        for _ in 0..WITHIN {
            bed.pass(20);
            test(&mut bed, TestEnding::Passed, Some(4.2));
        }
        let after = bed.estimate(0, LONDON).mean;
        assert!(after > before - 0.15, "{ending:?}: {before} {after}");
    }
}

#[test]
fn that_machines_answer_makes_nobody_better_than_his_peers() {
    let mut bed = settled();
    for _ in 0..200 {
        bed.pass(1);
        test(&mut bed, TestEnding::Passed, Some(4.2));
    }
    let [tested, other] = [0, 1].map(|slot| bed.estimate(slot, LONDON));
    assert!((tested.mean - other.mean).abs() < 0.05, "{tested:?} {other:?}");
    assert!(tested.bills < 1.15, "{tested:?}");
}

#[test]
fn the_answers_of_a_liar_are_listened_behind_until_it_is_honest_again() {
    let mut bed = settled();
    let to = Destination::of(LONDON);
    assert!(!bed.quality.looks_closer(0, to));
    let lie = CallResult {
        talk: Duration::from_secs(6),
        false_answer: Some(true),
        ..CallResult::default()
    };
    fall(&mut bed, |bed| bed.call(0, LONDON, lie));
    let closer = (0..500).filter(|_| bed.quality.looks_closer(0, to)).count();
    assert_eq!(closer, 500);
    assert!(!bed.quality.looks_closer(1, to));
    bed.pass(100);
    for _ in 0..60 {
        bed.pass(1);
        bed.call(0, LONDON, good_call());
    }
    assert!((0..500).any(|_| !bed.quality.looks_closer(0, to)));
}

#[test]
fn that_a_trunk_has_got_worse_outlives_a_restart() {
    let mut bed = settled();
    fall(&mut bed, |bed| test(bed, TestEnding::Failed, None));
    let saved = bed.quality.save(bed.now, 1_000);
    let mut next = Bed::new();
    next.quality.load(next.now, 1_060, &saved).unwrap();
    assert!(is_down(&next));
    for _ in 0..60 {
        next.pass(20);
        test(&mut next, TestEnding::Passed, Some(4.2));
    }
    assert!(!is_down(&next));
}
