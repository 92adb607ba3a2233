use super::*;
use crate::learn::Weights;

fn estimate(mean: f32, deviation: f32) -> Estimate {
    Estimate {
        mean,
        bills: 1.0,
        deviation,
        weight: 100.0,
        hope: mean,
        share: 1.0,
    }
}

fn row(estimates: &[Estimate]) -> Row<'_> {
    Row {
        estimates,
        noise: 1.0,
        probe: 0.0,
        min_attempts: 20.0,
    }
}

fn offers(prices: &[f32]) -> Vec<Offer> {
    let offer = |(slot, &relative_price): (usize, &f32)| Offer {
        slot: slot as u32,
        relative_price,
    };
    prices.iter().enumerate().map(offer).collect()
}

fn policy(quality: f64) -> Policy {
    Policy {
        weights: Weights::of(quality, 1.0 - quality),
        ..Policy::default()
    }
}

/// How often each is first, and how often the call explores, in 10,000.
fn firsts(policy: &Policy, row: &Row<'_>, offers: &[Offer]) -> (Vec<u32>, u32) {
    let mut firsts = vec![0; offers.len()];
    let mut explored = 0;
    for draw in 0..10_000 {
        let mut scores = vec![0.0; offers.len()];
        let picked = choose(policy, row, draw, offers, &mut scores).unwrap();
        firsts[picked.first] += 1;
        explored += u32::from(picked.explores());
        let top = (0..offers.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        assert_eq!(top, Some(picked.first), "the first has the highest score");
    }
    (firsts, explored)
}

#[test]
fn the_better_is_first_the_oftener_the_surer_that_is() {
    let offers = offers(&[0.0, 0.0]);
    let first = |deviation: f32| {
        let estimates = [estimate(0.8, deviation), estimate(0.9, deviation)];
        firsts(&policy(0.8), &row(&estimates), &offers).0[1]
    };
    assert_eq!(first(0.001), 10_000);
    let (sure, unsure) = (first(0.05), first(0.3));
    assert!(
        sure > 9_000 && unsure > 5_500 && unsure < 6_500,
        "{sure} {unsure}"
    );
}

#[test]
fn price_is_weighed_as_the_class_says() {
    let estimates = [estimate(0.7, 0.0), estimate(0.9, 0.0)];
    let offers = offers(&[0.0, 0.5]);
    assert_eq!(firsts(&policy(0.8), &row(&estimates), &offers).0, [0, 10_000]);
    assert_eq!(firsts(&policy(0.5), &row(&estimates), &offers).0, [10_000, 0]);
}

#[test]
fn where_too_little_is_known_the_cheapest_is_first() {
    let thin = |mean| Estimate {
        weight: 5.0,
        ..estimate(mean, 0.3)
    };
    let estimates = [thin(0.9), thin(0.1)];
    let (first, explored) = firsts(&policy(0.8), &row(&estimates), &offers(&[0.2, 0.0]));
    assert_eq!((first, explored), (vec![0, 10_000], 0));
    // One that is known is compared with what the other is taken for, without chance.
    let estimates = [estimate(0.5, 0.0), thin(0.8)];
    let (first, _) = firsts(&policy(0.8), &row(&estimates), &offers(&[0.0, 0.0]));
    assert_eq!(first, [0, 10_000]);
}

#[test]
fn where_nothing_is_known_of_anybody_the_cheapest_is_first_in_every_call() {
    let (firsts, explored) = firsts(&policy(0.8), &Row::EMPTY, &offers(&[0.3, 0.0, 0.1]));
    assert_eq!((firsts[1], explored), (10_000, 0));
}

#[test]
fn a_class_that_does_not_learn_goes_by_price() {
    let still = Policy {
        learns: false,
        ..policy(0.9)
    };
    let estimates = [estimate(0.9, 0.1), estimate(0.1, 0.1)];
    assert_eq!(
        firsts(&still, &row(&estimates), &offers(&[0.1, 0.0])).0,
        [0, 10_000]
    );
}

#[test]
fn one_with_a_share_is_first_in_that_part_of_the_calls() {
    let mut estimates = [estimate(0.9, 0.0), estimate(0.5, 0.0)];
    estimates[0].share = 0.25;
    let (first, explored) = firsts(&policy(0.8), &row(&estimates), &offers(&[0.0, 0.0]));
    assert!(first[0].abs_diff(2_500) < 250 && explored == 0, "{first:?}");
    estimates[0].share = 0.0;
    assert_eq!(
        firsts(&policy(0.8), &row(&estimates), &offers(&[0.0, 0.0])).0,
        [0, 10_000]
    );
    // With nobody else it is still there.
    let (first, _) = firsts(&policy(0.8), &row(&estimates), &offers(&[0.0]));
    assert_eq!(first, [10_000]);
}

#[test]
fn one_that_may_be_better_than_it_looks_is_tried_now_and_then() {
    let mut estimates = [estimate(0.9, 0.0), estimate(0.1, 0.0), estimate(0.1, 0.0)];
    estimates[1].hope = 0.95;
    let tried = Row {
        probe: 0.02,
        ..row(&estimates)
    };
    let (first, explored) = firsts(&policy(0.8), &tried, &offers(&[0.0, 0.0, 0.0]));
    assert!(first[1].abs_diff(200) < 60 && first[2] == 0, "{first:?}");
    assert_eq!(explored, first[1]);
    // Not where it would be too dear even so.
    let (first, _) = firsts(&policy(0.8), &tried, &offers(&[0.0, 0.5, 0.0]));
    assert_eq!(first, [10_000, 0, 0]);
    // Nor without a budget.
    let (first, _) = firsts(&policy(0.8), &row(&estimates), &offers(&[0.0, 0.0, 0.0]));
    assert_eq!(first, [10_000, 0, 0]);
}

#[test]
fn to_take_either_of_two_that_are_alike_is_no_exploring() {
    let estimates = [estimate(0.9, 0.05), estimate(0.89, 0.05)];
    let (first, explored) = firsts(&policy(0.8), &row(&estimates), &offers(&[0.0, 0.0]));
    assert!(first[1] > 3_000 && explored == 0, "{first:?} {explored}");
}

#[test]
fn nobody_is_chosen_of_none() {
    assert_eq!(choose(&policy(0.8), &Row::EMPTY, 1, &[], &mut []), None);
}
