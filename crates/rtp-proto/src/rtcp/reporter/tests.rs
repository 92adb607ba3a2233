//! What the reports say, as another implementation reads them.

use super::super::{Item, for_each, is_valid};
use super::*;
use rtcp_types::{Compound, Packet as Theirs};

const FRAME: Duration = Duration::from_millis(20);

struct Bed {
    now: Instant,
    reporter: Reporter,
}

impl Bed {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            reporter: Reporter::new(now, 42),
        }
    }

    fn sending(&self, packets: u64) -> Sending {
        Sending {
            ssrc: 0xb0,
            timestamp: 160 * packets as u32,
            at: self.now - FRAME / 2,
            clock: 8000,
            packets,
            bytes: packets * 172,
        }
    }

    fn report(
        &mut self,
        sending: Option<Sending>,
        hearing: Option<Hearing>,
        farewell: bool,
    ) -> (Vec<u8>, Option<u32>) {
        let mut buffer = [0; 1500];
        let mut packet = Packet::new(&mut buffer, 0);
        let mark = self
            .reporter
            .report(self.now, sending, hearing, farewell, &mut packet);
        assert!(is_valid(packet.bytes()));
        (packet.bytes().to_vec(), mark)
    }
}

fn hearing(expected: u64, received: u64) -> Hearing {
    Hearing {
        ssrc: 0xa0,
        expected,
        received,
        highest: 0x0001_0005,
        jitter: 33,
        sender_report: None,
    }
}

fn parsed(bytes: &[u8]) -> Vec<Theirs<'_>> {
    Compound::parse(bytes).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_sender_report_counts_payload_and_knows_the_time() {
    let mut bed = Bed::new();
    bed.now += Duration::from_secs(4);
    let mut heard = hearing(100, 90);
    heard.sender_report = Some((0xaabb_ccdd, bed.now - Duration::from_millis(1500)));
    let (bytes, mark) = bed.report(Some(bed.sending(200)), Some(heard), false);
    let packets = parsed(&bytes);
    let [Theirs::Sr(sr), Theirs::Sdes(name)] = &packets[..] else {
        panic!("{packets:?}")
    };
    assert_eq!(
        (sr.ssrc(), sr.packet_count(), sr.octet_count()),
        (0xb0, 200, 32_000)
    );
    // Ten milliseconds have passed since the newest packet.
    assert_eq!(sr.rtp_timestamp(), 160 * 200 + 80);
    assert_eq!(mark, Some((sr.ntp_timestamp() >> 16) as u32));
    assert_ne!(mark, Some(0));
    let blocks: Vec<_> = sr.report_blocks().collect();
    let [block] = &blocks[..] else { panic!("one block") };
    assert_eq!(
        (block.ssrc(), block.fraction_lost(), block.cumulative_lost()),
        (0xa0, 25, 10)
    );
    assert_eq!(
        (block.extended_sequence_number(), block.interarrival_jitter()),
        (0x0001_0005, 33)
    );
    assert_eq!(block.last_sender_report_timestamp(), 0xaabb_ccdd);
    assert_eq!(block.delay_since_last_sender_report_timestamp(), 98_304);
    let chunk = name.chunks().next().unwrap();
    let item = chunk.items().next().unwrap();
    assert_eq!((chunk.ssrc(), item.type_(), item.value().len()), (0xb0, 1, 16));
}

#[test]
fn who_sends_nothing_gives_a_receiver_report() {
    let mut bed = Bed::new();
    let (bytes, mark) = bed.report(None, Some(hearing(50, 50)), false);
    assert_eq!(mark, None);
    let packets = parsed(&bytes);
    let [Theirs::Rr(rr), Theirs::Sdes(_)] = &packets[..] else {
        panic!("{packets:?}")
    };
    assert_eq!(rr.report_blocks().count(), 1);
    let own = rr.ssrc();
    // Nothing new came, nothing was sent: an empty one, under the same name.
    let (bytes, _) = bed.report(None, Some(hearing(50, 50)), false);
    let packets = parsed(&bytes);
    let [Theirs::Rr(rr), Theirs::Sdes(_)] = &packets[..] else {
        panic!("{packets:?}")
    };
    assert_eq!((rr.ssrc(), rr.report_blocks().count()), (own, 0));
    // As soon as there is a stream, the reports are its sender's; when it rests they still are.
    let sending = bed.sending(10);
    let (bytes, _) = bed.report(Some(sending), None, false);
    assert!(matches!(&parsed(&bytes)[0], Theirs::Sr(sr) if sr.ssrc() == 0xb0));
    let (bytes, _) = bed.report(Some(sending), None, false);
    assert!(matches!(&parsed(&bytes)[0], Theirs::Rr(rr) if rr.ssrc() == 0xb0));
}

/// §A.3: the fraction is of the interval, the total of the whole; duplicates and another source are no negative loss.
#[test]
fn fractions_are_of_the_interval() {
    let mut bed = Bed::new();
    for (expected, received, ssrc, fraction, lost) in [
        (100, 100, 0xa0, 0, 0),
        (200, 150, 0xa0, 128, 50),
        (300, 250, 0xa0, 0, 50),
        (301, 300, 0xa0, 0, 1),
        (40, 30, 0xa1, 64, 10),
    ] {
        let heard = Hearing {
            ssrc,
            ..hearing(expected, received)
        };
        let (bytes, _) = bed.report(None, Some(heard), false);
        let mut found = None;
        for_each(&bytes, |item| {
            if let Item::Block(block) = item {
                found = Some((block.ssrc, block.fraction, block.lost));
            }
        });
        assert_eq!(found, Some((ssrc, fraction, lost)));
    }
}

#[test]
fn another_ssrc_begins_its_counts_anew() {
    let mut bed = Bed::new();
    bed.report(Some(bed.sending(100)), None, false);
    let next = Sending {
        ssrc: 0xb9,
        ..bed.sending(130)
    };
    let (bytes, _) = bed.report(Some(next), None, false);
    let packets = parsed(&bytes);
    let Theirs::Sr(sr) = &packets[0] else {
        panic!("{packets:?}")
    };
    assert_eq!((sr.ssrc(), sr.packet_count(), sr.octet_count()), (0xb9, 30, 4800));
}

#[test]
fn the_last_one_says_farewell() {
    let mut bed = Bed::new();
    let (bytes, _) = bed.report(Some(bed.sending(3)), None, true);
    let packets = parsed(&bytes);
    let [Theirs::Sr(_), Theirs::Sdes(_), Theirs::Bye(bye)] = &packets[..] else {
        panic!("{packets:?}")
    };
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [0xb0]);
}

#[test]
fn no_room_is_no_report() {
    let mut bed = Bed::new();
    for room in 0..52 {
        let mut buffer = vec![0; room];
        let mut packet = Packet::new(&mut buffer, 0);
        let sending = bed.sending(room as u64 + 1);
        let mark = bed
            .reporter
            .report(bed.now, Some(sending), None, false, &mut packet);
        assert_eq!((mark, packet.len()), (None, 0), "{room}");
    }
}

#[test]
fn intervals_are_five_seconds_spread_by_half() {
    let mut reporter = Bed::new().reporter;
    let all: Vec<_> = (0..1000).map(|_| reporter.interval().as_millis()).collect();
    assert!(all.iter().all(|ms| (2500..=7500).contains(ms)));
    let mean = all.iter().sum::<u128>() / 1000;
    assert!((4850..=5150).contains(&mean), "{mean}");
    assert!(all.iter().any(|ms| *ms < 2800) && all.iter().any(|ms| *ms > 7200));
    let mut other = Reporter::new(Instant::now(), 43);
    assert_ne!(
        all[0],
        other.interval().as_millis(),
        "another seed, another spread"
    );
    assert_ne!(other.name, reporter.name);
}
