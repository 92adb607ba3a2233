use super::*;
use proptest::prelude::*;
use std::net::SocketAddr;

/// RFC 5769 §2.1 to §2.3: a check with its answers over IPv4 and IPv6.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
    002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676592020200008001\
    49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200008\
    0001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200014\
    0002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| char::from(b).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] * 16 + pair[1])
        .collect()
}

#[test]
fn the_sample_request_of_rfc_5769_is_read() {
    let bytes = hex(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, BINDING));
    assert_eq!(message.transaction().0[..4], [0xb7, 0xe7, 0xa7, 0x01]);
    assert_eq!(message.get(attribute::USERNAME), Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.word(attribute::PRIORITY), Some(0x6e00_01ff));
    assert!(message.get(attribute::ICE_CONTROLLED).is_some());
    assert!(message.get(attribute::USE_CANDIDATE).is_none());
    assert_eq!(message.integrity(PASSWORD), Integrity::Right);
    assert_eq!(message.integrity(b"another"), Integrity::Wrong);
    assert_eq!(message.not_understood().count(), 0);
}

#[test]
fn the_sample_responses_of_rfc_5769_are_read() {
    for (text, mapped) in [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = hex(text);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert_eq!(message.xor_mapped_address(), Some(mapped.parse().unwrap()));
        assert_eq!(message.integrity(PASSWORD), Integrity::Right);
    }
}

#[test]
fn a_response_is_written_as_another_library_reads_it() {
    for address in ["192.0.2.1:32853", "[2001:db8::7]:1", "255.255.255.255:65535"] {
        let address: SocketAddr = address.parse().unwrap();
        let mut buffer = [0; 200];
        let length = Writer::new(&mut buffer, Class::Success, BINDING, Transaction([7; 12]))
            .xor_mapped_address(address)
            .integrity(PASSWORD)
            .finish()
            .unwrap();
        let ours = Message::parse(&buffer[..length]).unwrap();
        assert_eq!(ours.xor_mapped_address(), Some(address));
        assert_eq!(ours.integrity(PASSWORD), Integrity::Right);

        let theirs = stun_types::message::Message::from_bytes(&buffer[..length]).unwrap();
        let credentials =
            stun_types::message::ShortTermCredentials::new(String::from_utf8(PASSWORD.to_vec()).unwrap());
        theirs
            .validate_integrity(&stun_types::message::MessageIntegrityCredentials::ShortTerm(
                credentials,
            ))
            .unwrap();
        let mapped = theirs
            .attribute::<stun_types::attribute::XorMappedAddress>()
            .unwrap();
        let transaction = theirs.transaction_id();
        assert_eq!(mapped.addr(transaction), address);
    }
}

#[test]
fn an_error_says_its_code() {
    let mut buffer = [0; 100];
    let length = Writer::new(&mut buffer, Class::Error, BINDING, Transaction([1; 12]))
        .error(487, "Role Conflict")
        .integrity(b"key")
        .finish()
        .unwrap();
    let message = Message::parse(&buffer[..length]).unwrap();
    assert_eq!((message.class(), message.error_code()), (Class::Error, Some(487)));
    let theirs = stun_types::message::Message::from_bytes(&buffer[..length]).unwrap();
    let error = theirs.attribute::<stun_types::attribute::ErrorCode>().unwrap();
    assert_eq!((error.code(), error.reason()), (487, "Role Conflict"));
}

#[test]
fn what_does_not_fit_the_buffer_is_not_sent() {
    let write = |room: usize| {
        let mut buffer = vec![0; room];
        Writer::new(&mut buffer, Class::Success, BINDING, Transaction([1; 12]))
            .xor_mapped_address("192.0.2.1:5".parse().unwrap())
            .integrity(b"key")
            .finish()
    };
    assert_eq!(write(64), Some(64));
    assert!((0..64).all(|room| write(room).is_none()));
}

#[test]
fn what_lies_about_its_lengths_is_refused() {
    let good = hex(REQUEST);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    for (what, bytes, error) in [
        ("RTP's first bits", with(0, 0x80), Malformed::Header),
        ("another cookie", with(4, 0x20), Malformed::Header),
        ("longer than it is", with(3, 0x5c), Malformed::Length),
        ("shorter than it is", with(3, 0x54), Malformed::Length),
        ("no whole words", with(3, 0x59), Malformed::Length),
        (
            "an attribute beyond the end",
            with(23, 0xff),
            Malformed::Attribute,
        ),
        ("another fingerprint", with(107, 0), Malformed::Fingerprint),
        ("a changed byte", with(30, 0), Malformed::Fingerprint),
    ] {
        assert_eq!(Message::parse(&bytes).err(), Some(error), "{what}");
    }
    for length in 0..good.len() {
        assert!(Message::parse(&good[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn what_follows_the_integrity_is_not_believed() {
    let mut buffer = [0; 200];
    let length = Writer::new(&mut buffer, Class::Request, BINDING, Transaction([1; 12]))
        .attribute(attribute::USERNAME, b"a:b")
        .integrity(b"key")
        .attribute(attribute::USE_CANDIDATE, b"")
        .finish()
        .unwrap();
    let message = Message::parse(&buffer[..length]).unwrap();
    assert_eq!(message.integrity(b"key"), Integrity::Right);
    assert_eq!(message.get(attribute::USE_CANDIDATE), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::parse(&bytes) {
            let _ = (message.integrity(b"key"), message.xor_mapped_address(), message.error_code());
        }
    }

    #[test]
    fn a_changed_request_is_never_taken_for_whole(at in 0usize..100, bit in 0u8..8) {
        let mut bytes = hex(REQUEST);
        bytes[at] ^= 1 << bit;
        // The fingerprint finds them, or the integrity where the change hides the fingerprint.
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert!(message.integrity(PASSWORD) != Integrity::Right);
        }
        let mut short = hex(REQUEST);
        short[at] ^= 1 << bit;
        short.truncate(100);
        short[3] = 0x50;
        if !(2..4).contains(&at) && let Ok(message) = Message::parse(&short) {
            prop_assert!(message.integrity(PASSWORD) != Integrity::Right);
        }
    }
}
