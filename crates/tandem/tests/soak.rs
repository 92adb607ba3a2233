//! Load of every kind, and what is left of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod support;

use support::{bed, is_acceptance, swarm};
use testbed::{Bed, proc};

fn descriptors(bed: &Bed) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", bed.pid()))
        .unwrap()
        .count()
}

/// OP-07: answered, cancelled and refused calls, lost ACKs and BYEs, storms and holds, over and over: what there is after it is what
/// there was after the first of it.
#[test]
fn op_07_calls_of_every_kind_leave_nothing_behind() {
    let (rounds, calls, rate) = if is_acceptance() {
        (10, 6000, 100)
    } else {
        (3, 200, 50)
    };
    // Ladders fill their memory first. T1 is for a busy machine: what a peer does not come to at once is not lost.
    let bed = bed(|setup| {
        setup
            .t1_ms(100)
            .sip("max_call_duration = \"8s\"")
            .extra("[capture]\nmemory = \"off\"")
    });
    let (mut made, mut refused) = (0, 0);
    let mut first = None;
    for round in 0..rounds {
        let outcome = swarm::run(&bed, calls, rate);
        assert_eq!(outcome.good, outcome.calls, "round {round}: {:?}", outcome.wrong);
        made += outcome.calls;
        refused += outcome.refused;
        bed.assert_lingering(made, refused);
        let now = (proc::private_kb(bed.pid()), descriptors(&bed));
        eprintln!(
            "round {round}: {made} calls so far, {} kB, {} open files",
            now.0, now.1
        );
        let (memory, files) = *first.get_or_insert(now);
        assert!(
            now.0 <= memory + memory / 10,
            "round {round}: {memory} kB, then {} kB",
            now.0
        );
        // A question of ours may still be one.
        assert!(
            now.1 <= files + 1,
            "round {round}: {files} open files, then {}",
            now.1
        );
    }
    assert!(!bed.log().contains("panicked"), "{}", bed.log());
    bed.finish_lingering(made, refused);
}
