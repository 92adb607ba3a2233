//! Well-formed and not, and what is read.

use super::*;
use proptest::prelude::*;

fn items(packet: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    for_each(packet, |item| items.push(item));
    items
}

fn rtcp(kind: u8, count: u8, body: &[u8]) -> Vec<u8> {
    assert_eq!(body.len() % 4, 0);
    let mut p = vec![0x80 | count, kind];
    p.extend_from_slice(&(u16::try_from(body.len() / 4).unwrap()).to_be_bytes());
    p.extend_from_slice(body);
    p
}

fn sr(mark: u32) -> Vec<u8> {
    let mut body = vec![0; 24];
    body[6..10].copy_from_slice(&mark.to_be_bytes());
    rtcp(SR, 0, &body)
}

fn rr(mark: u32, delay: u32) -> Vec<u8> {
    let mut body = vec![0; 28];
    body[20..24].copy_from_slice(&mark.to_be_bytes());
    body[24..28].copy_from_slice(&delay.to_be_bytes());
    rtcp(RR, 1, &body)
}

#[test]
fn reports_are_read_out_of_a_compound() {
    let mut compound = sr(0xaabb_ccdd);
    compound.extend(rr(0x0102_0304, 65_536));
    compound.extend(rtcp(SDES, 1, &[0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0]));
    assert!(is_valid(&compound));
    let items = items(&compound);
    assert!(matches!(
        items.first(),
        Some(Item::Sent {
            mark: 0xaabb_ccdd,
            sender: true
        })
    ));
    let Some(Item::Block(block)) = items.get(1) else {
        panic!("{items:?}")
    };
    assert_eq!((block.mark, block.delay), (0x0102_0304, 65_536));
}

#[test]
fn mr_10_rtcp_whose_lengths_or_counts_lie_is_refused() {
    let good = rr(1, 1);
    assert!(is_valid(&good));
    for (what, change) in [
        ("length + 1", (3_usize, 8_u8)),
        ("length - 1", (3, 6)),
        ("two blocks claimed", (0, 0x82)),
        ("31 blocks claimed", (0, 0x9f)),
        ("version 1", (0, 0x41)),
        ("padding of 1", (0, 0xa1)),
        ("not RTCP first", (1, 199)),
    ] {
        let mut bad = good.clone();
        bad[change.0] = change.1;
        assert!(!is_valid(&bad), "{what}");
    }
    for len in 0..good.len() {
        assert!(!is_valid(&good[..len]), "cut to {len}");
    }
    assert!(
        !is_valid(&rtcp(SDES, 1, &[0, 0, 0, 1, 1, 200, b'a', b'b'])),
        "an item longer than the chunk"
    );
    assert!(
        !is_valid(&rtcp(SDES, 1, &[0, 0, 0, 1, 1, 2, b'a', b'b'])),
        "items without an end"
    );
    assert!(
        !is_valid(&rtcp(SDES, 2, &[0, 0, 0, 1, 0, 0, 0, 0])),
        "a chunk too few"
    );
    assert!(
        !is_valid(&rtcp(XR, 0, &[0, 0, 0, 1, 4, 0, 0, 9])),
        "an XR block longer than the packet"
    );
    assert!(is_valid(&rtcp(XR, 0, &[0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0])));
    assert!(!is_valid(&rtcp(BYE, 2, &[0, 0, 0, 1])));
    assert!(is_valid(&rtcp(BYE, 1, &[0, 0, 0, 1])));
    assert!(!is_valid(&rtcp(APP, 0, &[0, 0, 0, 1])));
}

#[test]
fn padding_is_believed_on_the_last_packet_only() {
    let mut padded = rtcp(RR, 0, &[0, 0, 0, 1, 0, 0, 0, 4]);
    padded[0] |= 0x20;
    assert!(is_valid(&padded));
    let mut compound = padded.clone();
    compound.extend(rr(1, 1));
    assert!(!is_valid(&compound));
    padded[11] = 12;
    assert!(!is_valid(&padded), "padding that eats the header");
}

/// An XR packet of SSRC 7 with these blocks (type, type-specific, contents).
fn xr(blocks: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 7];
    for (kind, specific, contents) in blocks {
        body.extend([*kind, *specific]);
        body.extend(u16::try_from(contents.len() / 4).unwrap().to_be_bytes());
        body.extend_from_slice(contents);
    }
    rtcp(XR, 0, &body)
}

#[test]
fn a_block_is_read_with_its_sign() {
    let mut packet = rr(9, 0);
    packet[8..12].copy_from_slice(&0xfeed_u32.to_be_bytes());
    packet[12..16].copy_from_slice(&[0x40, 0xff, 0xff, 0xfe]);
    packet[16..20].copy_from_slice(&0x0001_0002_u32.to_be_bytes());
    packet[20..24].copy_from_slice(&160_u32.to_be_bytes());
    let expected = Block {
        ssrc: 0xfeed,
        fraction: 0x40,
        lost: -2,
        highest: 0x0001_0002,
        jitter: 160,
        mark: 9,
        delay: 0,
    };
    assert_eq!(items(&packet), [Item::Block(expected)]);
}

#[test]
fn voip_metrics_are_read_and_what_is_unavailable_is_none() {
    let mut contents = vec![0, 0, 0, 5, 12, 26, 84, 10];
    contents.extend([0, 120, 2, 8, 0, 250, 0, 40]);
    contents.extend([0, 0, 0, 16, 88, 127, 41, 127]);
    contents.extend([0, 0, 0, 60, 0, 100, 0, 120]);
    let packet = xr(&[(7, 0, &contents)]);
    assert!(is_valid(&packet));
    let metrics = VoipMetrics {
        loss_rate: 12.0 / 256.0,
        discard_rate: 26.0 / 256.0,
        burst_density: 84.0 / 256.0,
        gap_density: 10.0 / 256.0,
        burst_ms: 120,
        gap_ms: 520,
        rtt_ms: 250,
        end_system_ms: 40,
        r_factor: Some(88),
        mos_lq: Some(4.1),
        mos_cq: None,
        buffer_ms: 60,
    };
    assert_eq!(items(&packet), [Item::Voip { ssrc: 5, metrics }]);
    let short = xr(&[(7, 0, &contents[..28])]);
    assert!(is_valid(&short), "well formed, but no such block");
    assert_eq!(items(&short), []);
}

#[test]
fn round_trips_and_summaries_are_read() {
    let mut summary = vec![0, 0, 0, 5, 0, 1, 0, 100];
    for value in [3_u32, 1, 10, 90, 30, 12, 0] {
        summary.extend(value.to_be_bytes());
    }
    let reference = [0, 0, 1, 2, 3, 4, 0, 0];
    let reply = [0, 0, 0, 5, 1, 2, 3, 4, 0, 0, 0x80, 0];
    let packet = xr(&[
        (4, 0, &reference),
        (5, 0, &reply),
        (6, 0xa0, &summary),
        (200, 9, &[]),
    ]);
    assert!(is_valid(&packet));
    let told = Summary {
        lost: Some(3),
        duplicates: None,
        jitter: Some(30),
    };
    let expected = [
        Item::Sent {
            mark: 0x0102_0304,
            sender: false,
        },
        Item::Quoted {
            mark: 0x0102_0304,
            delay: 0x8000,
        },
        Item::Summary {
            ssrc: 5,
            summary: told,
        },
    ];
    assert_eq!(items(&packet), expected);
}

/// A second opinion: whatever another implementation takes for a compound is one, and says the same.
#[test]
fn another_implementation_reads_the_same() {
    use rtcp_types::{Compound, Packet};
    let mut compound = sr(0xaabb_ccdd);
    compound.extend(rr(0x0102_0304, 7));
    compound.extend(rtcp(BYE, 1, &[0, 0, 0, 1]));
    let mut theirs = Vec::new();
    for packet in Compound::parse(&compound).unwrap() {
        match packet.unwrap() {
            Packet::Sr(sr) => theirs.push(((sr.ntp_timestamp() >> 16) as u32, 0)),
            Packet::Rr(rr) => theirs.extend(rr.report_blocks().map(|b| {
                (
                    b.last_sender_report_timestamp(),
                    b.delay_since_last_sender_report_timestamp(),
                )
            })),
            _ => {}
        }
    }
    let ours: Vec<_> = items(&compound)
        .into_iter()
        .filter_map(|item| match item {
            Item::Sent { mark, .. } => Some((mark, 0)),
            Item::Block(block) => Some((block.mark, block.delay)),
            _ => None,
        })
        .collect();
    assert_eq!(ours, theirs);
}

/// One of everything, with what may stand in it.
fn everything() -> Vec<u8> {
    let mut all = sr(1);
    all.extend(rr(1, 1));
    all.extend(rtcp(
        SDES,
        2,
        &[
            0, 0, 0, 1, 1, 1, b'a', 0, 0, 0, 0, 2, 2, 3, b'b', b'c', b'd', 0, 0, 0,
        ],
    ));
    all.extend(rtcp(APP, 0, &[0, 0, 0, 1, b'n', b'a', b'm', b'e']));
    all.extend(rtcp(RTPFB, 1, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 0]));
    all.extend(rtcp(PSFB, 4, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0]));
    all.extend(xr(&[
        (1, 0, &[0, 0, 0, 2, 0, 5, 0, 9, 0, 0, 0, 0]),
        (6, 0xff, &[1; 36]),
        (7, 0, &[2; 32]),
    ]));
    all.extend(rtcp(BYE, 1, &[0, 0, 0, 1]));
    all
}

proptest! {
    /// Bytes that lie: whatever they say, nothing is read or written outside of them, and their length stays.
    #[test]
    fn mr_10_no_bytes_harm_reading_or_rewriting(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in 0_usize..40) {
        let mut packet = everything();
        for (at, value) in &changes {
            let at = at.index(packet.len());
            packet[at] = *value;
        }
        packet.truncate(packet.len() - cut);
        let valid = is_valid(&packet);
        for_each(&packet, |_| {});
        let number = Renumbered { from: 1, to: 2, sequence: 77, timestamp: 1 << 31 };
        let mapping = Mapping { along: Some(number), against: Some(number), sent: Some((1, 1)) };
        let length = packet.len();
        rewrite(&mut packet, &mapping);
        prop_assert_eq!(packet.len(), length);
        prop_assert_eq!(is_valid(&packet), valid);
    }

    #[test]
    fn mr_10_no_random_bytes_harm(packet in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut packet = packet;
        is_valid(&packet);
        for_each(&packet, |_| {});
        rewrite(&mut packet, &Mapping::default());
    }
}

#[test]
fn one_of_everything_is_valid() {
    assert!(is_valid(&everything()));
}
