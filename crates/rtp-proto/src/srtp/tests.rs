use super::cipher::Session;
use super::*;

mod abuse;
mod indices;
mod lifetimes;
mod properties;
mod rekeying;
mod vectors;

const SSRC: u32 = 0xcafe_babe;

/// Distinct material for each number.
fn keys(suite: Suite, seed: u8) -> Keys {
    Keys::single(suite, &material(suite, seed)).unwrap()
}

fn material(suite: Suite, seed: u8) -> Vec<u8> {
    (0..suite.material_len())
        .map(|at| u8::try_from(at).unwrap().wrapping_mul(7) ^ seed)
        .collect()
}

fn pair(suite: Suite) -> (Sender, Receiver) {
    (Sender::new(keys(suite, 1)), Receiver::new(keys(suite, 1)))
}

/// An RTP packet of 160 bytes of payload, which tell its SSRC and sequence number.
fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|at: u8| at ^ sequence.to_be_bytes()[1] ^ ssrc.to_be_bytes()[3]));
    packet
}

/// A receiver report of one block.
fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(0..24);
    packet
}

fn protect(sender: &mut Sender, plain: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_OVERHEAD, 0xaa);
    let len = sender.protect_rtp(&mut buffer, plain.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn protect_rtcp(sender: &mut Sender, plain: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_OVERHEAD, 0xaa);
    let len = sender.protect_rtcp(&mut buffer, plain.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn unprotect(receiver: &mut Receiver, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut packet = sealed.to_vec();
    let len = receiver.unprotect_rtp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

fn unprotect_rtcp(receiver: &mut Receiver, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut packet = sealed.to_vec();
    let len = receiver.unprotect_rtcp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

#[test]
fn every_suite_carries_rtp_and_rtcp_there_and_grows_them_by_what_it_says() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        for sequence in 0..3 {
            let plain = rtp(SSRC, sequence);
            let sealed = protect(&mut sender, &plain).unwrap();
            assert_eq!(sealed.len(), plain.len() + suite.rtp_tag_len(), "{suite:?}");
            assert_eq!(sealed[..12], plain[..12], "{suite:?}: the header stays readable");
            assert_ne!(sealed[12..172], plain[12..172], "{suite:?}");
            assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), plain, "{suite:?}");

            let plain = rtcp(SSRC);
            let sealed = protect_rtcp(&mut sender, &plain).unwrap();
            assert_eq!(sealed.len(), plain.len() + suite.rtcp_tag_len() + 4, "{suite:?}");
            assert_eq!(sealed[..8], plain[..8], "{suite:?}");
            assert_eq!(
                unprotect_rtcp(&mut receiver, &sealed).unwrap(),
                plain,
                "{suite:?}"
            );
        }
    }
}

#[test]
fn csrcs_extensions_and_padding_pass() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut plain = rtp(SSRC, 9);
        plain[0] = 0xb2;
        plain.splice(
            12..12,
            [
                1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 2, 0x10, 5, 0, 0, 6, 6, 6, 6,
            ],
        );
        *plain.last_mut().unwrap() = 4;
        let sealed = protect(&mut sender, &plain).unwrap();
        assert_eq!(
            sealed[..32],
            plain[..32],
            "{suite:?}: all of the header stays readable"
        );
        assert_ne!(sealed[32..plain.len()], plain[32..], "{suite:?}");
        assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), plain, "{suite:?}");
        // Neither payload nor anything to encrypt.
        let empty = rtp(SSRC, 10)[..12].to_vec();
        let sealed = protect(&mut sender, &empty).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), empty, "{suite:?}");
    }
}

#[test]
fn the_two_directions_and_rtp_and_rtcp_have_keys_of_their_own() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let sealed = protect(&mut sender, &rtp(SSRC, 1)).unwrap();
        assert_eq!(
            unprotect_rtcp(&mut receiver, &sealed),
            Err(Refusal::Unauthentic),
            "{suite:?}"
        );
        let mut other = Receiver::new(keys(suite, 2));
        assert_eq!(
            unprotect(&mut other, &sealed),
            Err(Refusal::Unauthentic),
            "{suite:?}"
        );
    }
}

#[test]
fn an_mki_goes_with_each_packet_and_picks_the_key() {
    for suite in Suite::ALL {
        for length in [1, 4, Mki::MAX] {
            let key = |seed: u8| {
                let mki = Mki::new(&vec![seed; length]).unwrap();
                MasterKey::new(suite, &material(suite, seed), Some(mki), None).unwrap()
            };
            let mut receiver = Receiver::new(Keys::new(suite, vec![key(1), key(2)]).unwrap());
            // The rollover counter goes on from one key to the next.
            for (seed, sequence) in [(1, 65_535), (2, 0), (1, 1)] {
                let mut sender = Sender::new(Keys::new(suite, vec![key(seed)]).unwrap());
                if sequence != 65_535 {
                    sender.pretend_index(SSRC, 65_535, u64::from(sequence));
                }
                let plain = rtp(SSRC, sequence);
                let sealed = protect(&mut sender, &plain).unwrap();
                assert_eq!(sealed.len(), plain.len() + suite.rtp_tag_len() + length);
                assert_eq!(
                    unprotect(&mut receiver, &sealed).unwrap(),
                    plain,
                    "{suite:?} {length}"
                );
                let sealed = protect_rtcp(&mut sender, &rtcp(u32::from(sequence))).unwrap();
                assert_eq!(sealed.len(), 32 + suite.rtcp_tag_len() + 4 + length);
                unprotect_rtcp(&mut receiver, &sealed).unwrap();
                if sequence == 0 {
                    let mut unknown = Sender::new(Keys::new(suite, vec![key(3)]).unwrap());
                    let sealed = protect(&mut unknown, &rtp(SSRC, 5)).unwrap();
                    assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::UnknownKey));
                }
            }
        }
    }
}

#[test]
fn keys_that_cannot_be_told_apart_are_refused() {
    let suite = Suite::AesCm128Sha80;
    let key = |mki: Option<&[u8]>| {
        let mki = mki.map(|bytes| Mki::new(bytes).unwrap());
        MasterKey::new(suite, &material(suite, 0), mki, None).unwrap()
    };
    let new = |keys: Vec<MasterKey>| Keys::new(suite, keys).map(|_| ());
    assert_eq!(new(vec![]), Err(KeyError::None));
    assert_eq!(new(vec![key(None), key(None)]), Err(KeyError::Ambiguous));
    assert_eq!(new(vec![key(Some(&[1])), key(None)]), Err(KeyError::Ambiguous));
    assert_eq!(
        new(vec![key(Some(&[1])), key(Some(&[0, 1]))]),
        Err(KeyError::Ambiguous)
    );
    assert_eq!(
        new(vec![key(Some(&[1])), key(Some(&[1]))]),
        Err(KeyError::Ambiguous)
    );
    assert_eq!(new(vec![key(Some(&[1])), key(Some(&[2]))]), Ok(()));
    assert_eq!(Mki::new(&[]), Err(KeyError::MkiLength));
    assert_eq!(Mki::new(&[0; 129]), Err(KeyError::MkiLength));
    for length in [0, 29, 31, 46] {
        let made = MasterKey::new(suite, &vec![0; length], None, None);
        assert_eq!(made.map(|_| ()), Err(KeyError::Length));
    }
    for lifetime in [0, (1 << 48) + 1] {
        let made = MasterKey::new(suite, &material(suite, 0), None, Some(lifetime));
        assert_eq!(made.map(|_| ()), Err(KeyError::Lifetime));
    }
    let other = MasterKey::new(
        Suite::AesCm256Sha80,
        &material(Suite::AesCm256Sha80, 0),
        None,
        None,
    );
    assert_eq!(new(vec![other.unwrap()]), Err(KeyError::Length));
}

#[test]
fn keys_are_never_shown() {
    let shown = format!(
        "{:?} {:?} {:?}",
        keys(Suite::AesCm128Sha80, 0x41),
        Sender::new(keys(Suite::AesGcm128, 0x41)),
        Receiver::new(keys(Suite::AesCm128Sha80, 0x41))
    );
    for secret in material(Suite::AesCm128Sha80, 0x41).windows(3) {
        assert!(!shown.contains(&format!("{}, {}, {}", secret[0], secret[1], secret[2])));
    }
    assert!(shown.contains("MasterKey"), "{shown}");
}
