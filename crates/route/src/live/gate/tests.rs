use super::*;
use crate::live::Outcome;
use crate::tables::TrunkIx;
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::Duration;

/// Trunks with every limit and rule that there is, and `more`.
fn tables(more: &str) -> Tables {
    let text = format!(
        "[[listen]]\nbind = \"127.0.0.1:5060\"\n\
         [[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]\n\
         [[trunk]]\nname = \"full\"\nrole = \"carrier\"\nmax_calls = 2\ntargets = [{{ uri = \"sip:192.0.2.1\" }}]\n\
         [[trunk]]\nname = \"fast\"\nrole = \"carrier\"\nmax_cps = 2\ntargets = [{{ uri = \"sip:192.0.2.2\" }}]\n\
         [[trunk]]\nname = \"slow\"\nrole = \"carrier\"\nhealth = {{ slow_start = \"2s\" }}\n\
         targets = [{{ uri = \"sip:192.0.2.3\" }}, {{ uri = \"sip:192.0.2.4\" }}]\n\
         [[trunk]]\nname = \"quiet\"\nrole = \"carrier\"\noptions_interval = \"30s\"\ntargets = [{{ uri = \"sip:192.0.2.5\" }}]\n\
         [[trunk]]\nname = \"needs\"\nrole = \"carrier\"\ntargets = [{{ uri = \"sip:192.0.2.6\" }}]\n\
         register = {{ uri = \"sip:192.0.2.6\", username = \"a\", password = \"b\", required = true }}\n{more}"
    );
    let config = config::parse(&text, "test.toml").unwrap_or_else(|report| panic!("{report}"));
    Tables::build(&config, Vec::new()).unwrap()
}

/// Those, and the same with one more.
static TABLES: LazyLock<(Tables, Tables)> = LazyLock::new(|| {
    let other = "[[trunk]]\nname = \"new\"\nrole = \"carrier\"\ntargets = [{ uri = \"sip:192.0.2.9\" }]\n";
    (tables(""), tables(other))
});

const NAMES: [&str; 6] = ["pbx", "full", "fast", "slow", "quiet", "needs"];

#[derive(Debug, Clone)]
enum Event {
    Admit(usize),
    Release,
    Pace(usize),
    Note(usize, usize, Outcome),
    BackOff(usize, u64),
    Tried(usize),
    Registered(bool),
    Drain(usize, bool),
    Install(bool),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let trunk = || 0..NAMES.len();
    let outcome = prop_oneof![Just(Outcome::Alive), Just(Outcome::Miss), Just(Outcome::DownCode)];
    prop_oneof![
        4 => trunk().prop_map(Event::Admit),
        3 => Just(Event::Release),
        1 => trunk().prop_map(Event::Pace),
        4 => (trunk(), 0usize..2, outcome).prop_map(|(trunk, target, outcome)| Event::Note(trunk, target, outcome)),
        1 => (trunk(), 0u64..4).prop_map(|(trunk, seconds)| Event::BackOff(trunk, seconds)),
        1 => trunk().prop_map(Event::Tried),
        1 => proptest::bool::ANY.prop_map(Event::Registered),
        1 => (trunk(), proptest::bool::ANY).prop_map(|(trunk, drained)| Event::Drain(trunk, drained)),
        1 => proptest::bool::ANY.prop_map(Event::Install),
        4 => (0u64..1500).prop_map(Event::Pass),
    ]
}

proptest! {
    #[test]
    fn whoever_is_said_to_be_well_is_refused_nothing_and_has_no_target_to_be_spared(
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let (first, second) = &*TABLES;
        let (mut live, mut in_force, mut permits) = (Live::new(), first, Vec::new());
        live.install(in_force);
        let (mut now, mut was_well) = (Instant::now(), 0);
        for event in events {
            let ix = |trunk: usize| in_force.trunk_named(NAMES[trunk]).unwrap();
            match event {
                Event::Admit(trunk) => permits.extend(live.try_admit(now, in_force, ix(trunk))),
                Event::Release => permits.pop().into_iter().for_each(|permit| live.release(permit)),
                Event::Pace(trunk) => drop(live.try_pace(now, in_force, ix(trunk))),
                Event::Note(trunk, target, outcome) => drop(live.note_target(now, in_force, ix(trunk), target, outcome)),
                Event::BackOff(trunk, seconds) => live.back_off(now, in_force, ix(trunk), 0, Duration::from_secs(seconds)),
                Event::Tried(trunk) => live.note_tried(now, in_force, ix(trunk), 0),
                Event::Registered(is) => live.set_registered("needs", is),
                Event::Drain(trunk, drained) => drop(live.drain(NAMES[trunk], drained)),
                Event::Install(is_second) => {
                    in_force = if is_second { second } else { first };
                    live.install(in_force);
                }
                Event::Pass(milliseconds) => now += Duration::from_millis(milliseconds),
            }
            let well = live.well(now, in_force).unwrap();
            for (standing, said) in in_force.carriers().all().iter().zip(well) {
                let ix: TrunkIx = standing.trunk;
                let unspoilt = (0..in_force.trunk(ix).targets.len()).all(|target| {
                    !live.is_shunned(now, in_force, ix, target) && !live.is_spared(now, in_force, ix, target, || 1.0)
                });
                let has_room = live.check(now, in_force, ix, false).is_ok() && !live.is_above_target(now, in_force, ix);
                let is_well = has_room && unspoilt;
                prop_assert!(is_well || !said, "{} after {:?}", in_force.trunk(ix).name, event);
                // A look is spared wherever it can be: one that is down has to be looked at, though it may be due for a trial.
                let down = (0..in_force.trunk(ix).targets.len()).any(|target| !live.is_up(in_force, ix, target));
                prop_assert!(said || down || !is_well, "{} after {:?}", in_force.trunk(ix).name, event);
                was_well += usize::from(is_well);
            }
        }
        prop_assert!(was_well > 0);
    }
}

#[test]
fn of_tables_that_are_not_in_force_nothing_is_known() {
    let (first, second) = (tables(""), tables(""));
    let mut live = Live::new();
    live.install(&first);
    let now = Instant::now();
    let is_well = |tables| {
        live.well(now, tables)
            .map(|well| well.filter(|well| *well).count())
    };
    assert_eq!(is_well(&first), Some(5));
    assert_eq!(is_well(&second), None);
}
