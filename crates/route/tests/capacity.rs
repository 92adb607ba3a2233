//! Target load, alerts, reserves, and limits per destination.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/tables.rs"]
mod support;

use proptest::prelude::*;
use route::{Late, Live, Permit, Place, Refusal, Request, Tables, Wish, plan};
use std::time::{Duration, Instant};
use support::{carrier, ix, number, pbx, tables};

fn live(tables: &Tables) -> Live {
    let mut live = Live::new();
    live.install(tables);
    live
}

struct Bed {
    tables: Tables,
    live: Live,
    now: Instant,
}

impl Bed {
    fn new(text: &str) -> Self {
        let tables = tables(text);
        Self {
            live: live(&tables),
            tables,
            now: Instant::now(),
        }
    }

    fn admit(&mut self, trunk: &str) -> Result<Permit, Refusal> {
        self.live
            .try_admit(self.now, &self.tables, ix(&self.tables, trunk))
    }

    fn admit_as(&mut self, trunk: &str, called: Option<&str>, priority: bool) -> Result<Permit, Refusal> {
        let trunk = ix(&self.tables, trunk);
        let wish = Wish { called, priority };
        self.live.try_admit_as(self.now, &self.tables, trunk, wish)
    }

    fn occupy(&mut self, trunk: &str, calls: usize) -> Vec<Permit> {
        (0..calls).map(|_| self.admit(trunk).unwrap()).collect()
    }

    /// The trunks of a call from `pbx`, in order, each with why it is late.
    fn order(&self) -> Vec<(String, Option<Late>)> {
        let request = Request {
            from: ix(&self.tables, "pbx"),
            caller: "+441632960000",
            called: "+442071838750",
            class: None,
            sell: None,
            routed: None,
            emergency: false,
            at_unix_s: 1_769_904_000,
            draw: 1,
        };
        let plan = plan(&self.tables, &self.live, self.now, &request).unwrap();
        let candidates = plan.trace.candidates();
        let late = |candidate: &route::Candidate| match candidate.place {
            Place::InOrder => None,
            Place::Last(late) => Some(late),
            Place::Dropped(why) => panic!("{why}"),
        };
        candidates
            .iter()
            .map(|c| (self.tables.trunk(c.trunk).name.clone(), late(c)))
            .collect()
    }
}

fn names(order: &[(String, Option<Late>)]) -> Vec<&str> {
    order.iter().map(|(name, _)| name.as_str()).collect()
}

/// Which of the levels are crossed, as `trunk above` and `trunk below`.
fn changes(live: &mut Live) -> Vec<String> {
    let word = |change: route::LoadChange| {
        let above = if change.above { "above" } else { "below" };
        format!("{} {above}", change.what)
    };
    live.take_load_changes().into_iter().map(word).collect()
}

#[test]
fn a_carrier_at_its_target_stands_behind_the_others_and_before_full_ones() {
    let text = [
        pbx(""),
        carrier("a", "priority = 1\nmax_calls = 10"),
        carrier("b", "priority = 2\nmax_calls = 2"),
        carrier("c", "priority = 3"),
    ]
    .concat();
    let mut bed = Bed::new(&text);
    let four = bed.occupy("a", 4);
    assert_eq!(names(&bed.order()), ["a", "b", "c"]);
    let fifth = bed.admit("a").unwrap();
    let full = bed.occupy("b", 2);
    assert_eq!(
        bed.order(),
        [
            ("c".into(), None),
            ("a".into(), Some(Late::AboveTarget)),
            ("b".into(), Some(Late::Calls))
        ]
    );
    bed.live.release(fifth);
    assert_eq!(names(&bed.order()), ["a", "c", "b"]);
    for permit in four.into_iter().chain(full) {
        bed.live.release(permit);
    }
    assert_eq!(names(&bed.order()), ["a", "b", "c"]);
}

#[test]
fn calls_per_second_are_a_load_too() {
    let text = pbx("") + &carrier("a", "priority = 1\nmax_cps = 10") + &carrier("b", "priority = 2");
    let mut bed = Bed::new(&text);
    let held = bed.occupy("a", 5);
    for permit in held {
        bed.live.release(permit);
    }
    assert_eq!(names(&bed.order()), ["b", "a"]);
    bed.now += Duration::from_secs(1);
    assert_eq!(names(&bed.order()), ["a", "b"]);
}

#[test]
fn where_all_are_at_their_target_the_order_is_as_ever() {
    let text = [
        pbx(""),
        carrier("a", "priority = 1\nmax_calls = 2"),
        carrier("b", "priority = 2\nmax_calls = 2"),
    ]
    .concat();
    let mut bed = Bed::new(&text);
    let _held = [bed.admit("a").unwrap(), bed.admit("b").unwrap()];
    let late = Some(Late::AboveTarget);
    assert_eq!(bed.order(), [("a".into(), late), ("b".into(), late)]);
}

#[test]
fn the_order_of_a_number_rule_is_its_own() {
    let text = [
        pbx(""),
        carrier("a", "max_calls = 2"),
        carrier("b", ""),
        number("+4420*", &["a", "b"]),
    ]
    .concat();
    let mut bed = Bed::new(&text);
    let _held = bed.admit("a").unwrap();
    assert_eq!(bed.order(), [("a".into(), None), ("b".into(), None)]);
}

#[test]
fn a_trunk_may_have_levels_of_its_own() {
    let own = "max_calls = 10\ncapacity = { target = 0.9, alert = 1 }";
    let text = format!(
        "[capacity]\ntarget = 0.2\nalert = 0.3\n{}{}{}",
        pbx(""),
        carrier("a", &format!("priority = 1\n{own}")),
        carrier("b", "priority = 2\nmax_calls = 10")
    );
    let mut bed = Bed::new(&text);
    let _a = bed.occupy("a", 8);
    assert_eq!(names(&bed.order()), ["a", "b"]);
    let _b = bed.occupy("b", 3);
    assert_eq!(changes(&mut bed.live), ["b above"]);
    let _more = bed.occupy("a", 2);
    assert_eq!(changes(&mut bed.live), ["a above"]);
}

#[test]
fn a_high_load_is_told_of_once_until_it_has_been_low() {
    let mut bed = Bed::new(&(pbx("") + &carrier("a", "max_calls = 100\nmax_cps = 1000")));
    let mut held = bed.occupy("a", 59);
    assert_eq!(changes(&mut bed.live), [""; 0]);
    assert!(!bed.live.is_above_alert("a"));
    held.push(bed.admit("a").unwrap());
    assert!(bed.live.is_above_alert("a"));
    for _ in 0..5 {
        bed.live.release(held.pop().unwrap());
        held.push(bed.admit("a").unwrap());
    }
    assert_eq!(changes(&mut bed.live), ["a above"]);
    while held.len() >= 54 {
        bed.live.release(held.pop().unwrap());
    }
    assert_eq!(changes(&mut bed.live), ["a below"]);
    assert!(!bed.live.is_above_alert("a"));
}

#[test]
fn what_is_reserved_is_for_calls_with_priority() {
    let text = format!(
        "[capacity]\nreserve = 0.2\n{}{}",
        pbx("max_calls = 10"),
        carrier("a", "max_calls = 10\nmax_cps = 20")
    );
    let mut bed = Bed::new(&text);
    let mut held: Vec<Permit> = (0..8).map(|_| bed.admit("a").unwrap()).collect();
    assert_eq!(bed.admit("a"), Err(Refusal::Calls));
    held.extend((0..2).map(|_| bed.admit_as("a", None, true).unwrap()));
    assert_eq!(bed.admit_as("a", None, true), Err(Refusal::Calls));
    for permit in held.drain(..) {
        bed.live.release(permit);
    }
    // Calls per second likewise: ten have begun, sixteen are for everybody.
    for _ in 0..6 {
        let permit = bed.admit("a").unwrap();
        bed.live.release(permit);
    }
    assert_eq!(bed.admit("a"), Err(Refusal::Cps));
    for _ in 0..4 {
        let permit = bed.admit_as("a", None, true).unwrap();
        bed.live.release(permit);
    }
    assert_eq!(bed.admit_as("a", None, true), Err(Refusal::Cps));
    // A customer's calls are all of one class.
    let customers = bed.occupy("pbx", 10);
    assert_eq!(bed.admit("pbx"), Err(Refusal::Calls));
    customers.into_iter().for_each(|permit| bed.live.release(permit));
}

#[test]
fn without_a_reserve_everything_is_as_it_was() {
    let mut bed = Bed::new(&(pbx("") + &carrier("a", "max_calls = 3")));
    let _held = bed.occupy("a", 3);
    assert_eq!(bed.admit("a"), Err(Refusal::Calls));
    assert_eq!(bed.admit_as("a", None, true), Err(Refusal::Calls));
}

const LIMITS: &str = r#"
[[limit]]
match = "+44*"
max_calls = 3

[[limit]]
match = "+4420*"
max_calls = 1

[[limit]]
match = "+44*"
customer = "pbx"
max_calls = 2

[[limit]]
match = "+442071838750"
max_cps = 1
"#;

fn limited() -> String {
    format!(
        "{LIMITS}{}{}",
        pbx(""),
        pbx("").replace("\"pbx\"", "\"other\"").replace(".10", ".11")
    )
}

#[test]
fn the_longest_limit_for_a_number_counts_and_the_customers_own_with_it() {
    let mut bed = Bed::new(&limited());
    let london = bed.admit_as("other", Some("+442070000000"), false).unwrap();
    assert_eq!(
        bed.admit_as("other", Some("442079999999"), false),
        Err(Refusal::DestinationCalls)
    );
    let first = bed.admit_as("pbx", Some("+441610000000"), false).unwrap();
    let second = bed.admit_as("pbx", Some("+441610000000"), false).unwrap();
    assert_eq!(
        bed.admit_as("pbx", Some("+441610000000"), false),
        Err(Refusal::DestinationCalls),
        "its own"
    );
    let third = bed.admit_as("other", Some("+441610000000"), false).unwrap();
    assert_eq!(
        bed.admit_as("other", Some("+441610000000"), false),
        Err(Refusal::DestinationCalls),
        "everybody's"
    );
    let elsewhere = bed.admit_as("pbx", Some("+33140000000"), false).unwrap();
    let exact = bed.admit_as("other", Some("+442071838750"), false).unwrap();
    assert_eq!(
        bed.admit_as("other", Some("+442071838750"), false),
        Err(Refusal::DestinationCps)
    );
    // Two of `pbx` twice each, one of `other`, London, and the one number.
    assert_eq!(bed.live.limited(), 7);
    let held = [london, first, second, third, elsewhere, exact];
    held.into_iter().for_each(|permit| bed.live.release(permit));
    assert_eq!((bed.live.limited(), bed.live.permits()), (0, 0));
}

#[test]
fn a_refused_call_takes_no_place_of_any_limit() {
    let mut bed = Bed::new(&format!("{LIMITS}{}", pbx("max_calls = 1")));
    let held = bed.admit_as("pbx", Some("+44161"), false).unwrap();
    assert_eq!(bed.admit_as("pbx", Some("+44161"), false), Err(Refusal::Calls));
    assert_eq!(bed.live.limited(), 2);
    bed.live.release(held);
    let london = bed.admit_as("pbx", Some("+44207"), false).unwrap();
    assert_eq!(bed.live.limited(), 2);
    bed.live.release(london);
    assert_eq!(bed.live.limited(), 0);
}

#[test]
fn limits_keep_their_calls_over_a_reload_and_go_with_the_last_of_them() {
    let mut bed = Bed::new(&limited());
    let before = bed.admit_as("other", Some("+442070000000"), false).unwrap();
    let gone = bed.admit_as("pbx", Some("+44161"), false).unwrap();
    let reordered = format!(
        "[[limit]]\nmatch = \"+33*\"\nmax_calls = 1\n\n[[limit]]\nmatch = \"+4420*\"\nmax_calls = 1\n{}{}",
        pbx(""),
        pbx("").replace("\"pbx\"", "\"other\"").replace(".10", ".11")
    );
    bed.tables = tables(&reordered);
    bed.live.install(&bed.tables);
    assert_eq!(
        bed.admit_as("other", Some("+442070000000"), false),
        Err(Refusal::DestinationCalls)
    );
    let named = |live: &Live| -> Vec<(String, u32)> {
        let views = live.limits().into_iter();
        views.map(|limit| (limit.pattern, limit.calls)).collect()
    };
    assert_eq!(named(&bed.live), [("+33*".into(), 0), ("+4420*".into(), 1)]);
    bed.live.release(before);
    bed.live.release(gone);
    assert_eq!((bed.live.limited(), bed.live.permits()), (0, 0));
    bed.tables = tables(&pbx(""));
    bed.live.install(&bed.tables);
    assert_eq!(named(&bed.live), []);
}

proptest! {
    /// Whatever is asked, released and reloaded: no limit has more calls than it may, and none is left over.
    #[test]
    fn limits_hold_and_leave_nothing(
        steps in proptest::collection::vec((0_u8..8, 0_usize..5, any::<bool>()), 1..120),
    ) {
        let numbers = ["+44161", "+442079", "+442071838750", "+33140", "+4420"];
        let other = limited().replace("max_calls = 3", "max_calls = 4");
        let texts = [limited(), other, pbx("")];
        let mut bed = Bed::new(&texts[0]);
        let mut held: Vec<Permit> = Vec::new();
        for (step, number, priority) in steps {
            bed.now += Duration::from_millis(200);
            match step {
                0 if !held.is_empty() => {
                    let place = number % held.len();
                    bed.live.release(held.swap_remove(place));
                }
                1 => {
                    bed.tables = tables(&texts[number % 3]);
                    bed.live.install(&bed.tables);
                }
                2 => held.extend(bed.tables.trunk_named("other").and_then(|_| {
                    bed.admit_as("other", Some(numbers[number]), priority).ok()
                })),
                _ => held.extend(bed.admit_as("pbx", Some(numbers[number]), priority).ok()),
            }
            // Below the largest of what the configs allow; one may have been lowered under its calls.
            for limit in bed.live.limits().iter().filter(|limit| limit.max_calls.is_some()) {
                prop_assert!(limit.calls <= 4, "{limit:?}");
            }
            bed.live.take_load_changes();
        }
        held.into_iter().for_each(|permit| bed.live.release(permit));
        prop_assert_eq!((bed.live.limited(), bed.live.permits()), (0, 0));
    }
}
