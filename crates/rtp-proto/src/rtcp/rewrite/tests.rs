//! Each number of each kind of packet.

use super::super::is_valid;
use super::*;

/// The sender is 0xA0, heard as 0xA1; it hears 0xB1, which calls itself 0xB0.
const MAPPING: Mapping = Mapping {
    along: Some(Renumbered {
        from: 0xa0,
        to: 0xa1,
        sequence: 1000,
        timestamp: 50_000,
    }),
    against: Some(Renumbered {
        from: 0xb0,
        to: 0xb1,
        sequence: 300,
        timestamp: 9,
    }),
    sent: Some((17, 2720)),
};

fn words(header: [u8; 2], words: &[u32]) -> Vec<u8> {
    let mut packet = vec![header[0], header[1]];
    packet.extend(u16::try_from(words.len()).unwrap().to_be_bytes());
    words.iter().for_each(|word| packet.extend(word.to_be_bytes()));
    packet
}

fn check(what: &str, before: Vec<u8>, after: &[u8]) {
    assert!(is_valid(&before), "{what}");
    let mut packet = before;
    rewrite(&mut packet, &MAPPING);
    assert_eq!(packet, after, "{what}");
}

#[test]
fn a_sender_report_tells_what_the_receiver_got() {
    check(
        "SR with two blocks, one of another stream",
        words(
            [0x82, SR],
            &[
                0xa0,
                1,
                2,
                160,
                500,
                80_000,
                0xb1,
                0x0500_0003,
                400,
                12,
                7,
                8,
                0xcc,
                1,
                400,
                12,
                7,
                8,
            ],
        ),
        &words(
            [0x82, SR],
            &[
                0xa1,
                1,
                2,
                50_160,
                17,
                2720,
                0xb0,
                0x0500_0003,
                100,
                12,
                7,
                8,
                0xcc,
                1,
                400,
                12,
                7,
                8,
            ],
        ),
    );
    check(
        "SR of a stream that is not mapped",
        words([0x80, SR], &[0xdd, 1, 2, 160, 500, 80_000]),
        &words([0x80, SR], &[0xdd, 1, 2, 160, 500, 80_000]),
    );
}

#[test]
fn highest_sequence_numbers_lose_what_was_added_over_cycles_too() {
    for (seen, sent) in [
        (300, 0),
        (0x0001_0000 + 299, 0xffff),
        (0x0003_0000, 0x0002_0000 + 0x1_0000 - 300),
        // The receiver wrapped before the source did: no cycle of the source's.
        (100, 0x1_0000 - 200),
    ] {
        check(
            "RR",
            words([0x81, RR], &[0xa0, 0xb1, 0, seen, 0, 0, 0]),
            &words([0x81, RR], &[0xa1, 0xb0, 0, sent, 0, 0, 0]),
        );
    }
}

#[test]
fn names_farewells_and_applications_follow_their_sender() {
    let name = u32::from_be_bytes([1, 2, b'x', b'y']);
    check(
        "SDES with two chunks",
        words([0x82, SDES], &[0xa0, name, 0, 0xdd, name, 0]),
        &words([0x82, SDES], &[0xa1, name, 0, 0xdd, name, 0]),
    );
    check(
        "BYE of two",
        words([0x82, BYE], &[0xdd, 0xa0]),
        &words([0x82, BYE], &[0xdd, 0xa1]),
    );
    check(
        "APP",
        words([0x80, APP], &[0xa0, 1]),
        &words([0x80, APP], &[0xa1, 1]),
    );
}

#[test]
fn feedback_names_streams_and_packets_of_the_other() {
    check(
        "generic NACK",
        words([0x81, RTPFB], &[0xa0, 0xb1, 301 << 16 | 0x5555, 299 << 16]),
        &words([0x81, RTPFB], &[0xa1, 0xb0, 1 << 16 | 0x5555, 0xffff << 16]),
    );
    check(
        "FIR",
        words([0x84, PSFB], &[0xa0, 0, 0xb1, 1 << 24]),
        &words([0x84, PSFB], &[0xa1, 0, 0xb0, 1 << 24]),
    );
    check(
        "PLI",
        words([0x81, PSFB], &[0xa0, 0xb1]),
        &words([0x81, PSFB], &[0xa1, 0xb0]),
    );
}

#[test]
fn extended_reports_speak_of_the_source_s_own_numbers() {
    let block = |kind: u32, words: u32| kind << 24 | words;
    check(
        "XR: loss RLE, DLRR, VoIP",
        words(
            [0x80, XR],
            &[
                0xa0,
                block(1, 2),
                0xb1,
                301 << 16 | 310,
                block(5, 3),
                0xb1,
                9,
                9,
                block(7, 8),
                0xb1,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ],
        ),
        &words(
            [0x80, XR],
            &[
                0xa1,
                block(1, 2),
                0xb0,
                1 << 16 | 10,
                block(5, 3),
                0xb0,
                9,
                9,
                block(7, 8),
                0xb0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ],
        ),
    );
}

#[test]
fn a_whole_compound_is_rewritten_and_padding_stays() {
    let mut before = words([0x80, RR], &[0xa0]);
    before.extend(words([0xa1, BYE], &[0xa0, 4]));
    let mut after = words([0x80, RR], &[0xa1]);
    after.extend(words([0xa1, BYE], &[0xa1, 4]));
    check("RR and a padded BYE", before, &after);
}

#[test]
fn what_nothing_is_mapped_in_stays_as_it_is() {
    let before = words([0x81, RR], &[0xa0, 0xb1, 0, 400, 0, 0, 0]);
    let mut packet = before.clone();
    rewrite(&mut packet, &Mapping::default());
    assert_eq!(packet, before);
}
