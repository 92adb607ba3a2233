use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const REST: Duration = Duration::from_secs(5);

fn drain(pool: &mut PortPool, now: Instant) -> Vec<u16> {
    std::iter::from_fn(|| pool.reserve(now)).map(|p| p.0).collect()
}

#[test]
fn only_whole_even_pairs_of_the_range_are_given_out() {
    for (range, pairs) in [
        (10_000..=10_005, &[10_000, 10_002, 10_004][..]),
        (10_001..=10_006, &[10_002, 10_004]),
        (10_000..=10_000, &[]),
        (0..=3, &[2]),
        (65_534..=65_535, &[65_534]),
        #[allow(
            clippy::reversed_empty_ranges,
            reason = "what a wrong configuration would give"
        )]
        (10..=9, &[]),
    ] {
        assert_eq!(drain(&mut PortPool::new(range, REST), Instant::now()), pairs);
    }
}

#[test]
fn a_returned_pair_rests_while_there_are_others() {
    let now = Instant::now();
    let mut pool = PortPool::new(100..=105, REST);
    let first = pool.reserve(now).unwrap();
    pool.release(now, first);
    assert_eq!(drain(&mut pool, now), [102, 104, 100], "the rested ones first");
    assert_eq!((pool.early_reuses(), pool.in_use()), (1, 3));
    for port in [104, 100, 102] {
        pool.release(now, PortPair(port));
    }
    assert_eq!(
        drain(&mut pool, now + REST),
        [104, 100, 102],
        "then in the order in which they came back"
    );
    assert_eq!(pool.early_reuses(), 1, "all had rested");
}

#[test]
fn what_is_not_in_use_cannot_be_given_back() {
    let now = Instant::now();
    let mut pool = PortPool::new(100..=103, REST);
    let pair = pool.reserve(now).unwrap();
    for stranger in [pair, pair, PortPair(102), PortPair(5_000), PortPair(101)] {
        pool.release(now, stranger);
    }
    assert_eq!((pool.in_use(), pool.available()), (0, 2));
}

#[test]
fn a_reload_gives_new_ports_while_old_ones_drain() {
    let now = Instant::now();
    let mut pool = PortPool::new(100..=105, REST);
    let (kept, gone) = (pool.reserve(now).unwrap(), PortPair(102));
    pool.set_range(200..=203);
    assert_eq!(pool.in_use(), 1);
    pool.release(now, kept);
    assert_eq!(
        drain(&mut pool, now),
        [200, 202],
        "the old range is not given out again"
    );
    pool.release(now, gone);
    assert_eq!(pool.in_use(), 2);
}

#[test]
fn an_overlapping_reload_gives_no_port_twice() {
    let now = Instant::now();
    let mut pool = PortPool::new(100..=105, REST);
    let (a, b) = (pool.reserve(now).unwrap(), pool.reserve(now).unwrap());
    pool.release(now, b);
    pool.set_range(100..=109);
    assert_eq!(
        drain(&mut pool, now),
        [104, 106, 108, 102],
        "100 is in use, 102 rests"
    );
    pool.release(now, a);
    assert_eq!(drain(&mut pool, now), [100], "which is in the new range too");
}

proptest! {
    #[test]
    fn no_pair_is_ever_out_twice_and_none_is_lost(steps in prop::collection::vec((0_u8..10, any::<prop::sample::Index>(), 0_u64..8), 1..300)) {
        let mut now = Instant::now();
        let mut pool = PortPool::new(1_000..=1_019, REST);
        let ranges = [1_000..=1_019, 1_010..=1_029, 2_000..=2_003];
        let mut range = &ranges[0];
        let mut out: Vec<PortPair> = Vec::new();
        for (what, which, seconds) in steps {
            now += Duration::from_secs(seconds);
            match what {
                0 => { range = which.get(&ranges); pool.set_range(range.clone()); }
                1..=5 => if let Some(pair) = pool.reserve(now) {
                    prop_assert!(inside(range, pair) && !out.contains(&pair));
                    out.push(pair);
                },
                _ => if !out.is_empty() {
                    let pair = out.swap_remove(which.index(out.len()));
                    pool.release(now, pair);
                },
            }
            prop_assert_eq!(pool.in_use(), out.len());
            let held: HashSet<_> = out.iter().filter(|p| inside(range, **p)).collect();
            prop_assert_eq!(pool.available() + held.len(), pairs(range).count());
        }
    }
}
