//! What is believed, of what was seen.

use super::*;

#[test]
fn a_trunk_that_dies_is_down_in_some_attempts_and_comes_back_by_a_growing_share() {
    let mut bed = Bed::new();
    for slot in [0, 1] {
        bed.attempts(slot, LONDON, 300, 0.6);
    }
    assert!(
        bed.estimate(0, LONDON).mean > 0.75,
        "{:?}",
        bed.estimate(0, LONDON)
    );
    bed.told();
    let mut failed = 0;
    while bed.estimate(0, LONDON).mean > 0.3 {
        bed.pass(1);
        bed.attempt(0, LONDON, Ending::Network(503));
        failed += 1;
        assert!(failed <= 30, "{:?}", bed.estimate(0, LONDON));
    }
    let told = bed.told().join("\n");
    assert!(told.contains("carrier-a to "), "{told}");
    assert!(
        told.contains("demoted: attempts failed by the network 100 % over the last"),
        "{told}"
    );
    assert!(bed.estimate(1, LONDON).mean > 0.75);
    let down = bed.estimate(0, LONDON);
    assert!(down.hope > 0.7, "it is worth a try: {down:?}");
    for _ in 0..50 {
        bed.pass(10);
        bed.attempt(0, LONDON, Ending::Silent);
    }
    assert!(bed.estimate(0, LONDON).mean < 0.05);
    let mut tried = 0;
    while bed.estimate(0, LONDON).mean < 0.6 {
        bed.attempts(0, LONDON, 1, 0.6);
        tried += 1;
        assert!(tried <= 10, "{:?}", bed.estimate(0, LONDON));
    }
    let back = bed.estimate(0, LONDON);
    assert!(back.share < 0.5, "{back:?}");
    let told = bed.told().join("\n");
    assert!(told.contains("recovered, share grows from now on"), "{told}");
    bed.attempts(0, LONDON, 30, 0.6);
    assert_eq!(bed.estimate(0, LONDON).share, 1.0);
    assert!(bed.told().join("\n").contains("has grown into its whole share"));
}

#[test]
fn half_of_the_answers_gone_is_seen_in_some_tens_of_attempts() {
    let mut bed = Bed::new();
    for _ in 0..300 {
        bed.attempts(0, LONDON, 1, 0.65);
        bed.attempts(1, LONDON, 1, 0.65);
    }
    let before = bed.estimate(0, LONDON).mean;
    bed.attempts(0, LONDON, 100, 0.3);
    let after = bed.estimate(0, LONDON).mean;
    assert!(after < 0.75 * before, "{before} {after}");
    assert!(bed.estimate(1, LONDON).mean > 0.9 * before);
}

#[test]
fn one_destination_that_fails_does_not_tell_of_the_trunk() {
    let mut bed = Bed::new();
    for _ in 0..150 {
        for slot in [0, 1] {
            bed.attempts(slot, LONDON, 1, 0.6);
            bed.attempts(slot, BERLIN, 1, 0.6);
        }
    }
    for _ in 0..40 {
        bed.attempt(0, LONDON, Ending::Network(503));
        bed.attempts(0, BERLIN, 1, 0.6);
    }
    assert!(
        bed.estimate(0, LONDON).mean < 0.1,
        "{:?}",
        bed.estimate(0, LONDON)
    );
    assert!(
        bed.estimate(0, BERLIN).mean > 0.7,
        "{:?}",
        bed.estimate(0, BERLIN)
    );
}

#[test]
fn a_trunk_that_fails_everywhere_is_believed_to_fail_where_it_was_not_tried() {
    let mut bed = Bed::new();
    let others = ["+33142345678", "+34912345678", "+351211234567", "+35316123456"];
    for _ in 0..60 {
        for number in others {
            bed.attempts(0, number, 1, 0.6);
            bed.attempts(1, number, 1, 0.6);
            bed.attempt(2, number, Ending::Network(503));
        }
        bed.attempts(0, LONDON, 1, 0.6);
    }
    let (good, bad) = (bed.estimate(1, LONDON), bed.estimate(2, LONDON));
    assert!(good.mean > 0.7 && bad.mean < good.mean - 0.2, "{good:?} {bad:?}");
}

#[test]
fn busy_subscribers_condemn_nobody() {
    let mut bed = Bed::new();
    for _ in 0..200 {
        for slot in [0, 1] {
            bed.attempts(slot, LONDON, 1, 0.2);
            bed.attempts(slot, BERLIN, 1, 0.7);
        }
    }
    // Of both trunks, since one of them is a little better by chance.
    let mean = |number| (bed.estimate(0, number).mean + bed.estimate(1, number).mean) / 2.0;
    let (few, many) = (mean(LONDON), mean(BERLIN));
    assert!(few > 0.75 && (few - many).abs() < 0.15, "{few} {many}");
}

#[test]
fn one_that_turns_answers_into_busy_is_found_by_comparison_with_its_peers() {
    let mut bed = Bed::new();
    for _ in 0..200 {
        bed.attempts(0, LONDON, 1, 0.6);
        bed.attempts(1, LONDON, 1, 0.6);
        bed.attempts(2, LONDON, 1, 0.2);
    }
    let (peer, it) = (bed.estimate(1, LONDON).mean, bed.estimate(2, LONDON).mean);
    assert!(it < 0.6 * peer, "{peer} {it}");
}

#[test]
fn a_liar_is_not_taken_for_good_though_it_answers_the_most() {
    let mut bed = Bed::new();
    for _ in 0..150 {
        bed.attempts(0, LONDON, 1, 0.6);
        bed.attempts(1, LONDON, 1, 0.95);
        let lie = bed.chance(0.5);
        let result = CallResult {
            talk: Duration::from_secs(if lie { 6 } else { 90 }),
            false_answer: Some(lie && bed.chance(0.5)),
            ..good_call()
        };
        bed.call(1, LONDON, result);
        bed.call(0, LONDON, good_call());
    }
    let group = Destination::of(LONDON).country;
    let asr = |slot| bed.quality.figures(slot, group, None).unwrap().asr.unwrap().mean;
    assert!(asr(1) > asr(0) + 0.2);
    let (honest, liar) = (bed.estimate(0, LONDON).mean, bed.estimate(1, LONDON).mean);
    assert!(liar < honest - 0.15, "{honest} {liar}");
}

#[test]
fn a_liar_that_has_most_of_the_calls_is_not_the_measure_of_others() {
    let mut bed = Bed::new();
    for n in 0..600 {
        bed.attempts(1, LONDON, 1, 0.8);
        let lie = bed.chance(0.6);
        let result = CallResult {
            talk: Duration::from_secs(if lie { 6 } else { 90 }),
            false_answer: Some(lie && bed.chance(0.5)),
            ..good_call()
        };
        bed.call(1, LONDON, result);
        if n % 10 == 0 {
            bed.attempts(0, LONDON, 1, 0.6);
        }
    }
    let (honest, liar, unknown) = (
        bed.estimate(0, LONDON),
        bed.estimate(1, LONDON),
        bed.estimate(2, LONDON),
    );
    assert!(liar.mean < honest.mean - 0.2, "{honest:?} {liar:?}");
    // Who was not seen to cheat is not believed to, though those do that get the calls.
    assert!(unknown.mean > liar.mean + 0.1, "{unknown:?} {liar:?}");
    // A lie has to be paid.
    assert!(liar.bills > 1.1 * liar.mean, "{liar:?}");
}

/// What is believed of a liar of which `share` of the calls are listened to: an honest trunk's estimate, and its own.
fn believed_of_a_liar(share: f32) -> (crate::learn::Estimate, crate::learn::Estimate) {
    let mut bed = Bed::new();
    for _ in 0..600 {
        bed.attempts(0, LONDON, 1, 0.6);
        bed.attempts(1, LONDON, 1, 0.6);
        for slot in [0, 1] {
            let known = bed.chance(share);
            let lie = slot == 1 && bed.chance(0.5);
            let result = CallResult {
                false_answer: known.then_some(lie),
                dead_air: known.then_some(false),
                ..good_call()
            };
            bed.call(slot, LONDON, result);
        }
    }
    (bed.estimate(0, LONDON), bed.estimate(1, LONDON))
}

#[test]
fn calls_that_nobody_listened_to_do_not_whitewash_a_liar() {
    let (honest, all) = believed_of_a_liar(1.0);
    assert!(all.mean < 0.7 * honest.mean, "{honest:?} {all:?}");
    // With a share of them heard it is less sure, but no better.
    let (honest, sampled) = believed_of_a_liar(0.15);
    assert!(sampled.mean < 0.8 * honest.mean, "{honest:?} {sampled:?}");
    let (honest, unheard) = believed_of_a_liar(0.0);
    assert!(
        (unheard.mean / honest.mean - 1.0).abs() < 0.1,
        "{honest:?} {unheard:?}"
    );
}

#[test]
fn dead_air_that_nobody_listened_for_tells_but_does_not_condemn_by_the_number_of_calls() {
    let mut bed = Bed::new();
    let unheard = |dead: bool| CallResult {
        false_answer: None,
        dead_air: dead.then_some(true),
        ..good_call()
    };
    for n in 0..1_000 {
        for slot in [0, 1] {
            bed.attempts(slot, LONDON, 1, 0.6);
            bed.call(slot, LONDON, unheard(slot == 0 && n % 200 == 0));
        }
    }
    let (it, peer) = (bed.estimate(0, LONDON), bed.estimate(1, LONDON));
    assert!((it.mean / peer.mean - 1.0).abs() < 0.1, "{it:?} {peer:?}");
    assert!((it.bills / peer.bills - 1.0).abs() < 0.1, "{it:?} {peer:?}");
    for _ in 0..150 {
        bed.attempt(0, LONDON, Ending::Answered);
        bed.call(0, LONDON, unheard(true));
        bed.attempts(1, LONDON, 1, 0.6);
        bed.call(1, LONDON, unheard(false));
    }
    let (it, peer) = (bed.estimate(0, LONDON), bed.estimate(1, LONDON));
    assert!(it.mean < 0.85 * peer.mean, "{it:?} {peer:?}");
    let group = Destination::of(LONDON).country;
    let figures = bed.quality.figures(0, group, None).unwrap();
    assert!(figures.false_answers.is_none() && figures.dead_air.is_some());
}

#[test]
fn who_turns_answers_away_has_to_be_paid_for_less_of_them() {
    let mut bed = Bed::new();
    for _ in 0..300 {
        bed.attempts(0, LONDON, 1, 0.6);
        bed.attempts(1, LONDON, 1, 0.6);
        bed.attempts(2, LONDON, 1, 0.3);
    }
    let bills = |slot| bed.estimate(slot, LONDON).bills;
    assert!((bills(0) - 1.0).abs() < 0.15, "{}", bills(0));
    assert!(bills(2) < 0.75 * bills(0), "{}", bills(2));
}

#[test]
fn one_that_has_recovered_is_believed_to_be_what_it_was() {
    let mut bed = Bed::new();
    for _ in 0..300 {
        bed.attempts(0, LONDON, 1, 0.6);
        bed.attempts(1, LONDON, 1, 0.6);
    }
    let before = bed.estimate(0, LONDON).mean;
    for _ in 0..40 {
        bed.pass(30);
        bed.attempt(0, LONDON, Ending::Network(503));
    }
    assert!(bed.estimate(0, LONDON).mean < 0.1);
    bed.attempts(0, LONDON, 6, 0.6);
    let after = bed.estimate(0, LONDON);
    assert!(after.mean > 0.85 * before, "{before} {after:?}");
    assert!(after.share < 0.5, "its share grows: {after:?}");
}

#[test]
fn bad_sound_bad_opinions_and_long_waits_count() {
    type Worse = fn(&mut Bed);
    let sounds: Worse = |bed| {
        let mos = Some(2.5);
        bed.call(0, LONDON, CallResult { mos, ..good_call() });
    };
    let opinions: Worse = |bed| {
        let feedback = Feedback {
            score: Some(1),
            issue: true,
        };
        let to = Destination::of(LONDON);
        bed.quality.note_feedback(bed.now, 0, to, 0, &feedback);
    };
    let waits: Worse = |bed| {
        let ending = if bed.chance(0.6) {
            Ending::Answered
        } else {
            Ending::User(486)
        };
        let result = AttemptResult {
            ending,
            pdd: Some(Duration::from_secs(11)),
        };
        let to = Destination::of(LONDON);
        bed.quality.note_attempt(bed.now, 0, to, 0, &result);
    };
    let tests: Worse = |bed| {
        let result = TestResult {
            ending: TestEnding::Failed,
            pdd: None,
            mos: None,
        };
        let to = Destination::of(LONDON);
        bed.quality.note_test(bed.now, 0, to, Some(0), &result);
    };
    for (what, worse) in [
        ("sounds", sounds),
        ("opinions", opinions),
        ("waits", waits),
        ("tests", tests),
    ] {
        let mut bed = Bed::new();
        for _ in 0..100 {
            for slot in [0, 1] {
                bed.attempts(slot, LONDON, 1, 0.6);
                bed.call(slot, LONDON, good_call());
            }
        }
        let before = bed.estimate(0, LONDON).mean;
        for _ in 0..60 {
            bed.pass(1);
            worse(&mut bed);
        }
        let after = bed.estimate(0, LONDON).mean;
        assert!(after < before - 0.15, "{what}: {before} {after}");
        let other = bed.estimate(1, LONDON);
        assert!(other.mean > after + 0.1, "{what}: {before} {after} {other:?}");
    }
}

#[test]
fn a_new_trunk_begins_with_a_small_share() {
    let mut bed = Bed::new();
    bed.attempts(0, LONDON, 100, 0.6);
    bed.told();
    assert!(
        bed.estimate(1, LONDON).share < 0.2,
        "{:?}",
        bed.estimate(1, LONDON)
    );
    bed.attempts(1, LONDON, 3, 0.6);
    assert!(bed.estimate(1, LONDON).share < 0.5);
    let told = bed.told().join("\n");
    assert!(told.contains("carrier-b to everywhere: new here"), "{told}");
    bed.attempts(1, LONDON, 30, 0.6);
    assert_eq!(bed.estimate(1, LONDON).share, 1.0);
}

#[test]
fn what_is_unsure_has_a_wide_deviation_and_less_with_every_call() {
    let mut bed = Bed::new();
    let calls = |bed: &mut Bed, many| {
        for _ in 0..many {
            bed.attempts(0, LONDON, 1, 0.6);
            bed.call(0, LONDON, good_call());
        }
    };
    calls(&mut bed, 40);
    let few = bed.estimate(0, LONDON);
    calls(&mut bed, 400);
    let many = bed.estimate(0, LONDON);
    assert!(many.deviation < 0.7 * few.deviation, "{few:?} {many:?}");
    assert!(many.weight > few.weight);
    // What is known fades.
    bed.pass(8 * 3600);
    let faded = bed.estimate(0, LONDON);
    assert!(faded.weight < many.weight / 4.0, "{many:?} {faded:?}");
}

#[test]
fn a_trunk_below_a_floor_comes_last_until_it_no_longer_is() {
    let floors = Floors {
        ner: Some(0.9),
        pdd_s: Some(6.0),
        ..Floors::default()
    };
    let mut bed = Bed::with(&[("talk", Policy { floors, ..policy() })]);
    bed.attempts(0, LONDON, 100, 0.6);
    assert!(bed.estimate(0, LONDON).share > 0.9);
    for n in 0..100 {
        bed.pass(1);
        let ending = if n % 3 == 0 {
            Ending::Network(500)
        } else {
            Ending::Answered
        };
        bed.attempt(0, LONDON, ending);
    }
    assert_eq!(bed.estimate(0, LONDON).share, 0.0);
    let events: Vec<LearnEvent> = bed.quality.events().collect();
    let broken = |event: &LearnEvent| {
        matches!(
            event.what,
            Change::FloorBroken {
                floor: Floor::Ner,
                ..
            }
        )
    };
    let event = events.iter().find(|event| broken(event)).unwrap();
    assert_eq!(event.class, Some(0));
    assert!(event.to_string().contains("comes last: NER 0."), "{event}");
    bed.attempts(0, LONDON, 1_500, 0.6);
    assert!(bed.estimate(0, LONDON).share > 0.0);
    assert!(bed.told().join("\n").contains("below no floor any more"));
}
