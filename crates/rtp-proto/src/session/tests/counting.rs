//! What the statistics say.

use super::*;

#[test]
fn both_directions_are_counted_where_they_arrive_and_where_they_leave() {
    let mut relay = Relay::plain();
    relay.talk(Side::A, A, 1, 1, 10, B);
    relay.talk(Side::B, B, 2, 1, 4, A);
    relay.rtcp(Side::A, "127.0.0.10:20001");
    let (a, b) = (relay.leg_stats(Side::A), relay.leg_stats(Side::B));
    assert_eq!(
        (a.packets, a.bytes, a.sent_packets, a.sent_bytes),
        (10, 1_720, 4, 688)
    );
    assert_eq!(
        (b.packets, b.bytes, b.sent_packets, b.sent_bytes),
        (4, 688, 10, 1_720)
    );
    assert_eq!((a.rtcp_packets, a.sent_rtcp, b.sent_rtcp), (1, 0, 1));
    assert_eq!(
        (a.payload_type, a.ssrc, a.ssrcs, a.dropped.total()),
        (Some(0), Some(1), 1, 0)
    );
}

#[test]
fn a_packet_that_the_socket_refused_is_dropped_not_sent() {
    let mut relay = Relay::plain();
    relay.talk(Side::A, A, 1, 1, 2, B);
    relay.session.send_failed(Side::A, Channel::Rtp, &rtp(0, 1, 2));
    relay.rtcp(Side::A, "127.0.0.10:20001");
    relay
        .session
        .send_failed(Side::A, Channel::Rtcp, &receiver_report(0, 0));
    let (a, b) = (relay.leg_stats(Side::A), relay.leg_stats(Side::B));
    assert_eq!((a.packets, a.dropped.send), (2, 2));
    assert_eq!((b.sent_packets, b.sent_bytes, b.sent_rtcp), (1, 172, 0));
}

#[test]
fn the_round_trip_is_read_from_the_reports_that_pass() {
    let mut relay = Relay::plain();
    let report = relay.receive(
        Side::A,
        Channel::Rtcp,
        "127.0.0.10:20001",
        sender_report(0xabcd_1234),
    );
    assert_eq!(report, rtcp_to("127.0.0.20:30001"));
    relay.pass(1_130);
    // B held it for exactly one second: 130 ms were the way to B and back.
    relay.receive(
        Side::B,
        Channel::Rtcp,
        "127.0.0.20:30001",
        receiver_report(0xabcd_1234, 65_536),
    );
    assert_eq!(relay.leg_stats(Side::B).rtt_us, Some(130_000));
    assert_eq!(relay.leg_stats(Side::A).rtt_us, None);
    relay.receive(
        Side::B,
        Channel::Rtcp,
        "127.0.0.20:30001",
        receiver_report(0xabcd_1234, 65_536 * 60),
    );
    assert_eq!(
        relay.leg_stats(Side::B).rtt_us,
        Some(130_000),
        "a delay longer than the time passed is a lie"
    );
}

#[test]
fn media_outside_the_access_list_is_neither_heard_nor_sent_to() {
    let narrow =
        |media: &str, net: &str| with(leg(media), |l| l.latch.acl = Arc::from([net.parse().unwrap()]));
    let mut relay = Relay::between(narrow(A, "127.0.0.0/28"), narrow(B, "192.0.2.0/24"));
    assert_eq!(
        relay.rtp(Side::A, A, 1, 1),
        dropped(DropReason::NoRemote),
        "B signalled an address outside its list"
    );
    assert_eq!(relay.rtp(Side::B, B, 2, 1), dropped(DropReason::Acl));
    assert_eq!(relay.rtcp(Side::B, "127.0.0.20:30001"), dropped(DropReason::Acl));
    assert_eq!(relay.rtp(Side::A, "127.0.0.66:1", 1, 2), dropped(DropReason::Acl));
}

#[test]
fn statistics_survive_an_update_and_a_trip_through_json() {
    let mut relay = Relay::plain();
    relay.talk(Side::A, A, 1, 1, 5, B);
    relay.update(Side::A, &leg(A));
    relay.rtp(Side::A, "127.0.0.66:1", 1, 6);
    let stats = relay.session.stats();
    assert_eq!(stats.legs[0].packets, 5);
    let text = serde_json::to_string(&stats).unwrap();
    assert!(text.contains(r#""source":1"#), "{text}");
    assert_eq!(serde_json::from_str::<SessionStats>(&text).unwrap(), stats);
    assert_eq!(
        serde_json::from_str::<SessionStats>("{}").unwrap(),
        SessionStats::default()
    );
}

#[test]
fn every_reason_has_its_own_label_and_counter() {
    let mut counts = crate::control::DropCounts::default();
    let labels: std::collections::HashSet<_> = DropReason::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(labels.len(), DropReason::ALL.len());
    for reason in DropReason::ALL {
        counts.add(*reason);
        assert_eq!(counts.get(*reason), 1);
    }
    assert_eq!(counts.total(), DropReason::ALL.len() as u64);
}
