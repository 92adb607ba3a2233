use super::*;

fn rate(per_minute: u64, first_interval: u16, increment: u16) -> Rate {
    Rate {
        per_minute: Money(per_minute),
        fee: Money(0),
        minimum: Money(0),
        first_interval,
        increment,
        blocked: false,
        prefix_len: 2,
    }
}

fn credit(amount: f64) -> Credit {
    Credit {
        amount,
        alert: None,
        end_calls: true,
        status: 402,
    }
}

fn account(held: impl IntoIterator<Item = Held>) -> Account {
    Account {
        name: "a".into(),
        balance: Balance(0),
        held: (0..).zip(held).collect(),
        timer: None,
        warned: false,
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }
}

/// Runs an account until none of its calls is left; says when each ended.
fn run(account: &mut Account, credit: &Credit, begun: Instant) -> Vec<(CallKey, Duration)> {
    let mut ended = Vec::new();
    let (mut now, mut turns) = (begun, 0);
    while !account.held.is_empty() {
        turns += 1;
        assert!(turns < 100_000, "it is looked at again and again");
        let Some(due) = account.judge(credit, now, now).0 else {
            return ended;
        };
        now = due.max(now);
        if now - begun > Duration::from_secs(30 * 86_400) {
            // What costs next to nothing lasts for ever.
            return ended;
        }
        assert!(account.left(credit, now).0 >= 0, "more was spent than there was");
        let (_, over) = account.judge(credit, now, now + LEAD);
        for key in over {
            let (id, held) = account
                .held
                .iter()
                .find(|(_, held)| held.call == key)
                .map(|(id, held)| (*id, *held))
                .unwrap();
            let (when, step) = held.step(now).unwrap();
            assert!(when <= now + LEAD, "it had paid for longer");
            // Whoever pays before it goes on with what there is.
            let others = account
                .held
                .values()
                .filter(|other| other.call != key)
                .filter_map(|other| other.step(now));
            let before = others
                .filter(|other| *other <= (when, step))
                .map(|(_, step)| step.0)
                .sum();
            assert!(
                account.left(credit, now).less(step).less(Money(before)).0 < 0,
                "there was money for it"
            );
            account.balance = account.balance.less(held.cost(now));
            account.held.remove(&id);
            ended.push((key, now - begun));
        }
    }
    ended
}

#[test]
fn a_call_ends_just_before_the_interval_that_it_cannot_pay() {
    let begun = Instant::now();
    let table = [
        // A cent a second, by the second: a dollar lasts a hundred of them.
        (rate(600_000_000, 1, 1), 1.0, 100_000),
        (rate(600_000_000, 60, 60), 1.0, 60_000),
        (rate(600_000_000, 60, 1), 1.0, 100_000),
        (rate(600_000_000, 30, 6), 1.0, 96_000),
        (rate(600_000_000, 0, 7), 1.0, 98_000),
    ];
    for (rate, amount, lasts_ms) in table {
        let held = Held {
            call: CallKey(1),
            rate,
            since: Some(begun),
        };
        let ended = run(&mut account([held]), &credit(amount), begun);
        assert_eq!(
            ended,
            [(CallKey(1), Duration::from_millis(lasts_ms) - LEAD)],
            "{rate:?}"
        );
    }
}

#[test]
fn calls_that_cost_nothing_are_never_looked_at() {
    let begun = Instant::now();
    let held = Held {
        call: CallKey(1),
        rate: rate(0, 1, 1),
        since: Some(begun),
    };
    assert_eq!(
        account([held]).judge(&credit(0.0), begun, begun),
        (None, Vec::new())
    );
}

#[test]
fn a_fee_is_paid_at_the_beginning_and_a_minimum_is_talked_off() {
    let begun = Instant::now();
    let fee = Rate {
        fee: Money(500_000_000),
        ..rate(600_000_000, 1, 1)
    };
    let minimum = Rate {
        minimum: Money(500_000_000),
        ..rate(600_000_000, 1, 1)
    };
    let lasts = |rate| {
        let held = Held {
            call: CallKey(1),
            rate,
            since: Some(begun),
        };
        run(&mut account([held]), &credit(0.6), begun)[0].1 + LEAD
    };
    assert_eq!(lasts(fee), Duration::from_secs(10));
    assert_eq!(lasts(minimum), Duration::from_secs(60));
}

#[test]
fn much_credit_is_looked_at_seldom() {
    let begun = Instant::now();
    let held = (0..100).map(|key| Held {
        call: CallKey(key),
        rate: rate(600_000_000, 1, 1),
        since: Some(begun),
    });
    let due = account(held).judge(&credit(3600.0), begun, begun).0.unwrap();
    assert!(due - begun > Duration::from_secs(3500), "{:?}", due - begun);
}

#[test]
fn no_mixture_of_calls_spends_more_than_there_is_or_ends_with_money_for_it() {
    let begun = Instant::now();
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut calls = Vec::new();
        for key in 0..1 + random.below(20) {
            let since = begun - Duration::from_millis(random.below(50_000));
            calls.push(Held {
                call: CallKey(key),
                rate: rate(
                    random.below(3) * 400_000_000 + random.below(1000),
                    random.below(61) as u16,
                    1 + random.below(60) as u16,
                ),
                since: (random.below(10) > 0).then_some(since),
            });
        }
        let mut account = account(calls);
        let spent = account.running(begun).0 as f64 / Money::UNIT as f64;
        let credit = credit(spent + random.below(2000) as f64 / 1000.0);
        run(&mut account, &credit, begun);
        // Those that are still there wait for their answer, or cost next to nothing.
        assert!(
            account
                .held
                .values()
                .all(|held| held.since.is_none() || held.rate.per_minute.0 < 1000),
            "seed {seed}"
        );
    }
}
