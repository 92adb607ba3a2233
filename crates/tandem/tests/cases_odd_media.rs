//! MR-10 through the daemon, for calls of every sort: ten thousand datagrams of every kind that is odd, at every port of a call
//! that goes on. None of them is relayed, each is counted by its reason, the talk loses nothing, and nothing is left over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use support::siege::{Outcome, Siege, Talker, has_mark};
use support::{check, engines, quick, talk};
use testbed::rtp::{Comparison, Stream};
use testbed::{Bed, Record};

/// Packets that a side may say: more than there is time for.
const LONG: usize = 3_000;

fn packets(stream: &Stream) -> Vec<Vec<u8>> {
    (0..LONG).map(|n| stream.packet(n)).collect()
}

/// One record, whose drops are all that was sent and not taken.
fn assert_record(bed: Bed, outcome: &Outcome) {
    let reasons = bed.metrics().sum("tandem_media_dropped_total");
    let records: Vec<Record> = bed.finish(1);
    check(&records[0], "normal", 200, "caller", 1);
    let dropped = |side: &str| records[0].number(&format!("{side}_media.dropped"));
    let all = dropped("caller") + dropped("called");
    assert_eq!(all, (outcome.sent - outcome.taken) as u64, "{:#?}", records[0]);
    assert_eq!(reasons, Some(all as f64));
}

/// A plain call: every packet arrives as it was sent, in order, and nothing else does.
fn mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_plain_call() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let (from_a, from_b) = (Stream::speech(0xa1), Stream::speech(0xb2));
    let a = Talker::plain(bed.places.rtp_a, held.a_to, packets(&from_a));
    let b = Talker::plain(bed.places.rtp_b1, held.b_to, packets(&from_b));
    let mut siege = Siege::new(&bed, [a, b], false);
    siege.settle();
    let outcome = siege.besiege();
    siege.lift();
    assert_eq!(outcome.taken, 0);
    let [a, b] = &siege.talkers;
    Comparison::of(&from_b, b.said, &a.heard, a.to).assert_clean();
    Comparison::of(&from_a, a.said, &b.heard, b.to).assert_clean();
    assert!(a.said > 100 && !b.heard.iter().any(|heard| has_mark(&heard.packet)));
    held.hang_up();
    engines::assert_in_kernel(&bed, a.said);
    assert_record(bed, &outcome);
}

on_both_engines! {
    mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_plain_call,
}
