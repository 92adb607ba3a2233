//! RTCP: what passes, what is ours, and that both are about the stream that is heard.

use super::*;
use crate::rtcp::{Block, Item, for_each};
use crate::session::Egress;

const RTCP_A: &str = "127.0.0.10:20001";
const RTCP_B: &str = "127.0.0.20:30001";

fn policy(policy: Rtcp) -> impl Fn(&str) -> Leg {
    move |media| with(leg(media), |l| l.rtcp = policy)
}

fn relay(rtcp: Rtcp) -> Relay {
    let leg = policy(rtcp);
    Relay::between(leg(A), leg(B))
}

/// One report of our own.
#[derive(Debug)]
struct Ours {
    side: Side,
    channel: Channel,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Ours {
    fn kinds(&self) -> Vec<u8> {
        let mut rest = &self.bytes[..];
        let mut kinds = Vec::new();
        while let [_, kind, high, low, ..] = rest {
            kinds.push(*kind);
            rest = &rest[4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1)..];
        }
        kinds
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    fn block(&self) -> Option<Block> {
        let mut found = None;
        for_each(&self.bytes, |item| {
            if let Item::Block(block) = item {
                found = Some(block);
            }
        });
        found
    }
}

impl Relay {
    fn transmits(&mut self) -> Vec<Ours> {
        let mut buffer = [0; 1500];
        let mut all = Vec::new();
        let mut packet = Packet::new(&mut buffer, 0);
        while let Some(Transmit { side, channel, to }) = self.session.poll_transmit(self.now, &mut packet) {
            let bytes = packet.bytes().to_vec();
            all.push(Ours {
                side,
                channel,
                to,
                bytes,
            });
        }
        all
    }

    /// Both sides speak for so many seconds; what we said meanwhile, with the second it was said in.
    fn converse(&mut self, seconds: u16, first: u16) -> Vec<(u16, Ours)> {
        let mut said = Vec::new();
        for n in 0..seconds * 50 {
            self.rtp(Side::A, A, 0xa, first.wrapping_add(n));
            self.rtp(Side::B, B, 0xb, first.wrapping_add(n));
            self.pass(20);
            said.extend(self.transmits().into_iter().map(|ours| (n / 50, ours)));
        }
        said
    }
}

#[test]
fn mr_06_generated_reports_tell_each_peer_of_its_own_leg() {
    let mut relay = relay(Rtcp::Generate);
    let said = relay.converse(30, 1);
    for (side, to, peer, other) in [(Side::A, RTCP_A, 0xa, 0xb), (Side::B, RTCP_B, 0xb, 0xa)] {
        let ours: Vec<_> = said.iter().filter(|(_, ours)| ours.side == side).collect();
        assert!((4..=12).contains(&ours.len()), "{} in 30 s", ours.len());
        assert!(
            ours.iter()
                .all(|(_, ours)| (ours.channel, ours.to) == (Channel::Rtcp, at(to)))
        );
        let (second, last) = ours.last().unwrap();
        assert_eq!(last.kinds(), [200, 202]);
        assert_eq!(last.word(4), other, "the SSRC that it hears");
        let packets = last.word(20);
        assert!(
            (u32::from(*second) * 50..=u32::from(*second + 1) * 50).contains(&packets),
            "{packets}"
        );
        assert_eq!(last.word(24), packets * 160, "payload only");
        assert_eq!(
            last.word(16),
            packets * 160 + 160,
            "the timestamp of the moment: 20 ms after the last packet"
        );
        let block = last.block().unwrap();
        assert_eq!(
            (block.ssrc, block.fraction, block.lost, block.highest),
            (peer, 0, 0, packets)
        );
    }
    assert_eq!(
        relay.receive(Side::A, Channel::Rtcp, RTCP_A, sender_report(7)),
        Verdict::Kept
    );
    let (a, b) = (relay.leg_stats(Side::A), relay.leg_stats(Side::B));
    assert_eq!(a.rtcp_packets, 1);
    assert_eq!(usize::try_from(a.sent_rtcp + b.sent_rtcp).unwrap(), said.len());
}

#[test]
fn mr_06_our_reports_are_answered_and_answer() {
    let mut relay = relay(Rtcp::Generate);
    let mut report = Vec::new();
    let mut second = 0;
    while report.is_empty() {
        report = relay
            .converse(1, second * 50 + 1)
            .into_iter()
            .filter(|(_, ours)| ours.side == Side::A)
            .collect();
        second += 1;
    }
    let mark = report[0].1.word(10);
    let began = relay.now;
    relay.receive(Side::A, Channel::Rtcp, RTCP_A, sender_report(0x1234_5678));
    relay.pass(500);
    // Held for the time since it left, but for 80 ms or less.
    relay.receive(Side::A, Channel::Rtcp, RTCP_A, receiver_report(mark, 65_536 / 2));
    let rtt = relay.leg_stats(Side::A).rtt_us.unwrap();
    assert!(rtt < 1_000_000, "{rtt}");
    assert_eq!(relay.leg_stats(Side::B).rtt_us, None);
    let mut later = Vec::new();
    while later.is_empty() {
        later = relay
            .converse(1, second * 50 + 1)
            .into_iter()
            .filter(|(_, ours)| ours.side == Side::A)
            .collect();
        second += 1;
    }
    let block = later[0].1.block().unwrap();
    assert_eq!(block.mark, 0x1234_5678);
    let held = Duration::from_secs(u64::from(block.delay)) / 65_536;
    assert!(
        held <= relay.now - began && held + Duration::from_secs(1) >= relay.now - began,
        "{held:?}"
    );
}

#[test]
fn mr_06_who_gets_no_reports_gets_ours_until_they_come() {
    let mut relay = relay(Rtcp::Auto);
    let mut second = 0;
    let mut said = Vec::new();
    // A sends reports, B does not.
    while second < 40 {
        if second % 5 == 0 {
            let verdict = relay.receive(Side::A, Channel::Rtcp, RTCP_A, sender_report(1));
            assert_eq!(verdict, rtcp_to(RTCP_B));
        }
        said.extend(
            relay
                .converse(1, second * 50 + 1)
                .into_iter()
                .map(|(_, ours)| (second, ours.side)),
        );
        second += 1;
    }
    assert!(said.iter().all(|(_, side)| *side == Side::A), "{said:?}");
    assert!((15..=17).contains(&said[0].0), "{said:?}");
    assert!(said.len() >= 3, "and goes on: {said:?}");
    // B begins.
    let verdict = relay.receive(Side::B, Channel::Rtcp, RTCP_B, sender_report(2));
    assert_eq!(verdict, rtcp_to(RTCP_A));
    let quiet = relay.converse(14, second * 50 + 1);
    assert!(quiet.iter().all(|(_, ours)| ours.side == Side::B), "{quiet:?}");
}

#[test]
fn mr_06_a_held_peer_gets_reports_too() {
    let hold = |media: &str| with(leg(media), |l| (l.may_send, l.expects) = (false, false));
    let mut relay = relay(Rtcp::Auto);
    relay.converse(1, 1);
    relay.update(Side::A, &hold(A));
    relay.update(Side::B, &hold(B));
    let mut kinds = Vec::new();
    for _ in 0..600 {
        relay.pass(100);
        kinds.extend(relay.transmits().iter().map(|ours| (ours.side, ours.kinds())));
    }
    for side in Side::BOTH {
        let of: Vec<_> = kinds
            .iter()
            .filter(|(of, _)| *of == side)
            .map(|(_, kinds)| kinds)
            .collect();
        assert!(of.len() >= 6, "{of:?}");
        assert_eq!(*of[0], [200, 202], "what was sent before the hold");
        assert!(of[1..].iter().all(|kinds| **kinds == [201, 202]), "{of:?}");
    }
}

#[test]
fn mr_06_relay_and_off_say_nothing_of_their_own() {
    let mut plain = relay(Rtcp::Relay);
    assert!(plain.converse(40, 1).is_empty());
    assert_eq!(
        plain.receive(Side::A, Channel::Rtcp, RTCP_A, sender_report(1)),
        rtcp_to(RTCP_B)
    );
    let mut off = relay(Rtcp::Off);
    assert!(off.converse(40, 1).is_empty());
    assert_eq!(
        off.receive(Side::A, Channel::Rtcp, RTCP_A, sender_report(1)),
        Verdict::Kept
    );
    assert_eq!(off.leg_stats(Side::A).rtcp_packets, 1);
}

#[test]
fn mr_06_each_leg_has_its_own_policy_and_its_own_port() {
    let mut relay = Relay::between(
        with(policy(Rtcp::Generate)(A), |l| l.mux = true),
        policy(Rtcp::Relay)(B),
    );
    let said = relay.converse(10, 1);
    assert!(!said.is_empty());
    assert!(
        said.iter()
            .all(|(_, ours)| (ours.side, ours.channel, ours.to) == (Side::A, Channel::Rtp, at(A)))
    );
    assert_eq!(
        relay.receive(Side::A, Channel::Rtp, A, sender_report(1)),
        rtcp_to(RTCP_B)
    );
    assert_eq!(
        relay.receive(Side::B, Channel::Rtcp, RTCP_B, sender_report(1)),
        Verdict::Kept
    );
}

#[test]
fn mr_06_the_end_is_told_to_whom_we_reported() {
    let mut relay = Relay::between(policy(Rtcp::Generate)(A), policy(Rtcp::Relay)(B));
    relay.converse(10, 1);
    relay.session.end(relay.now);
    let said = relay.transmits();
    let [farewell] = &said[..] else { panic!("{said:?}") };
    assert_eq!((farewell.side, farewell.kinds()), (Side::A, vec![200, 202, 203]));
    relay.pass(60_000);
    assert!(relay.transmits().is_empty());
}

#[test]
fn nobody_is_reported_to_before_anything_was_heard() {
    let mut relay = relay(Rtcp::Generate);
    for _ in 0..300 {
        relay.pass(100);
        assert!(relay.transmits().is_empty());
    }
}

/// RFC 3550 §7.2: where numbers are ours, reports that pass have the receiver's numbers in them.
#[test]
fn reports_that_pass_speak_of_the_stream_that_is_heard() {
    let mut relay = relay(Rtcp::Auto);
    relay.converse(1, 1);
    // Another party takes A's place: B goes on hearing one stream.
    let next = with(leg("127.0.0.11:22000"), |l| l.party = 2);
    relay.update(Side::A, &next);
    let mut packet = rtp(0, 0xc, 40_000);
    let verdict = relay.receive(Side::A, Channel::Rtp, "127.0.0.11:22000", packet.clone());
    assert_eq!(verdict, rtp_to(B));
    let change = relay
        .session
        .b
        .egress
        .as_deref()
        .and_then(Egress::change)
        .unwrap();
    assert_eq!((change.of, change.ssrc), (0xc, 0xa));
    packet[8..12].copy_from_slice(&0xa_u32.to_be_bytes());

    let mut report = sender_report(9);
    report[4..8].copy_from_slice(&0xc_u32.to_be_bytes());
    report[16..20].copy_from_slice(&(40_000_u32 * 160).to_be_bytes());
    let forwarded = relay.forwarded(Side::A, "127.0.0.11:22001", report);
    let word = |at: usize| u32::from_be_bytes(forwarded[at..at + 4].try_into().unwrap());
    assert_eq!(word(4), 0xa);
    assert_eq!(word(16), (40_000_u32 * 160).wrapping_add(change.timestamp));
    assert_eq!(
        (word(20), word(24)),
        (51, 51 * 160),
        "what B was sent under that name"
    );

    let mut receiver = receiver_report(0, 0);
    receiver[4..8].copy_from_slice(&0xb_u32.to_be_bytes());
    receiver[8..12].copy_from_slice(&0xa_u32.to_be_bytes());
    let highest = 40_000_u16.wrapping_add(change.sequence);
    receiver[16..20].copy_from_slice(&u32::from(highest).to_be_bytes());
    let forwarded = relay.forwarded(Side::B, RTCP_B, receiver);
    let word = |at: usize| u32::from_be_bytes(forwarded[at..at + 4].try_into().unwrap());
    assert_eq!((word(4), word(8)), (0xb, 0xc));
    assert_eq!(word(16) & 0xffff, 40_000);
}

/// What B hears is not A's any more (a tone, say): A's reports say nothing about it.
#[test]
fn while_we_speak_ourselves_the_reports_are_ours() {
    for rtcp in [Rtcp::Auto, Rtcp::Relay] {
        let mut relay = relay(rtcp);
        relay.converse(2, 1);
        let now = relay.now;
        let (header, at) = relay.session.a.reception.newest().unwrap();
        let mut egress = Box::new(Egress::after(at, &header));
        let numbers = egress.own(now, 8000, true, 160);
        relay.session.b.egress = Some(egress);
        assert_eq!(
            relay.receive(Side::A, Channel::Rtcp, RTCP_A, sender_report(1)),
            Verdict::Kept
        );
        let mut said = Vec::new();
        for _ in 0..100 {
            relay.session.b.stats.sent_packets += 5;
            relay.pass(100);
            said.extend(relay.transmits());
        }
        assert!(
            !said.is_empty() && said.iter().all(|ours| ours.side == Side::B),
            "{said:?}"
        );
        assert_eq!((said[0].kinds(), said[0].word(4)), (vec![200, 202], 0xa));
        let since = said[0].word(16).wrapping_sub(numbers.timestamp);
        assert!(
            (800..=80_000).contains(&since) && since.is_multiple_of(800),
            "{since}"
        );
    }
}

impl Relay {
    /// RTCP as it leaves.
    fn forwarded(&mut self, side: Side, from: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = bytes.len();
        let mut packet = Packet::new(&mut bytes, length);
        let verdict = self
            .session
            .receive(self.now, side, Channel::Rtcp, at(from), &mut packet);
        assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
        bytes
    }
}
