//! The order among the servers of a service (RFC 2782), with chance from outside.

use super::find::Srv;

/// By priority; of one priority at random, each first as often as its weight says. Those without weight come first now and then only.
pub(super) fn order(services: &mut Vec<Srv>, random: &mut dyn FnMut() -> u64) {
    // Those of weight 0 stand first in each sum, so that they have a small chance (RFC 2782, "running sum").
    services.sort_by_key(|srv| (srv.priority, srv.weight != 0));
    let mut rest = std::mem::take(services);
    while let Some(priority) = rest.first().map(|srv| srv.priority) {
        let equals = rest.iter().take_while(|srv| srv.priority == priority);
        let total: u64 = equals.clone().map(|srv| u64::from(srv.weight)).sum();
        // From 1 on, for their weights to be their shares; 0 is for those without.
        let least = u64::from(rest.first().is_some_and(|srv| srv.weight != 0));
        let drawn = least + random() % (total + 1 - least);
        let mut sum = 0;
        let at = equals.take_while(|srv| {
            sum += u64::from(srv.weight);
            sum < drawn
        });
        let at = at.count();
        services.push(rest.remove(at));
    }
}

/// Any order.
pub(super) fn shuffle<T>(list: &mut [T], random: &mut dyn FnMut() -> u64) {
    for last in (1..list.len()).rev() {
        let other = random() % (last as u64 + 1);
        list.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5060,
            target: target.into(),
        }
    }

    /// A generator that is even enough for counts (SplitMix64).
    fn chance() -> impl FnMut() -> u64 {
        let mut state = 7u64;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        }
    }

    #[test]
    fn priority_before_weight_and_nobody_is_left_out() {
        let mut random = chance();
        for _ in 0..100 {
            let mut list = vec![
                srv(20, 9, "c"),
                srv(10, 0, "a"),
                srv(10, 60, "b"),
                srv(20, 0, "d"),
            ];
            order(&mut list, &mut random);
            let priorities: Vec<u16> = list.iter().map(|srv| srv.priority).collect();
            assert_eq!(priorities, [10, 10, 20, 20]);
            let mut names: Vec<&str> = list.iter().map(|srv| &*srv.target).collect();
            names.sort_unstable();
            assert_eq!(names, ["a", "b", "c", "d"]);
        }
    }

    #[test]
    fn each_comes_first_as_often_as_its_weight_says() {
        let mut random = chance();
        let mut firsts = std::collections::BTreeMap::new();
        for _ in 0..10_000 {
            let mut list = vec![srv(1, 10, "a"), srv(1, 30, "b"), srv(1, 60, "c"), srv(1, 0, "z")];
            order(&mut list, &mut random);
            *firsts.entry(list.remove(0).target.to_string()).or_insert(0u32) += 1;
        }
        let share = |name: &str| firsts.get(name).copied().unwrap_or(0);
        for (name, percent) in [("a", 10), ("b", 30), ("c", 60)] {
            assert!(share(name).abs_diff(percent * 100) < 250, "{firsts:?}");
        }
        // One in 101.
        assert!((20..250).contains(&share("z")), "{firsts:?}");
    }

    #[test]
    fn shares_are_exact_where_all_have_weight() {
        let (mut random, mut firsts) = (chance(), 0u32);
        for _ in 0..10_000 {
            let mut list = vec![srv(1, 1, "a"), srv(1, 3, "b")];
            order(&mut list, &mut random);
            firsts += u32::from(&*list[0].target == "a");
        }
        assert!(firsts.abs_diff(2500) < 220, "{firsts}");
    }

    #[test]
    fn any_order_is_as_likely() {
        let mut random = chance();
        let mut firsts = [0u32; 3];
        for _ in 0..3000 {
            let mut list = [0usize, 1, 2];
            shuffle(&mut list, &mut random);
            firsts[list[0]] += 1;
        }
        assert!(firsts.iter().all(|n| n.abs_diff(1000) < 150), "{firsts:?}");
    }
}
