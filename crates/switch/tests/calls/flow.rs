//! A call that goes well.

use switch::record::HungUpBy;
use testkit::bed::Bed;

#[test]
fn caller_rings_is_answered_and_hangs_up() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    bed.wait(10_000);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(record.hung_up_by, HungUpBy::Caller);
    assert_eq!((record.cause.kind.as_str(), record.cause.sip), ("normal", 200));
    assert!((10_000..10_200).contains(&record.talk_ms), "{}", record.talk_ms);
}
