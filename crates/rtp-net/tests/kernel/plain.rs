//! What is relayed in the kernel, and what is not.

use crate::kernel_support::Bench;

#[test]
fn plain_rtp_is_relayed_in_the_kernel_and_counted() {
    let mut bench = Bench::start();
    bench.settle();
    bench.a_talks(500);
    bench.b_talks(300);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    assert_eq!((a.packets, a.sent_packets, a.bytes), (525, 325, 525 * 172));
    assert_eq!((b.packets, b.sent_packets, b.sent_bytes), (325, 525, 525 * 172));
    assert_eq!(
        (a.lost, a.reordered, a.duplicates, a.ssrcs, a.ssrc),
        (0, 0, 0, 1, Some(1))
    );
    assert_eq!(stats.legs.iter().map(|leg| leg.dropped.total()).sum::<u64>(), 0);
    assert_eq!(bench.kernel.flows(), 0);
}
