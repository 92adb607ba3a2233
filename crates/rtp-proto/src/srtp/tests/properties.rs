//! Whatever the network does to a stream, exactly what was sent comes out, each packet once.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// What happens to a packet on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    /// Arrives again this many packets later.
    Copied(usize),
    /// Arrives this many packets late.
    Late(usize),
    /// Arrives with this bit flipped, and then whole.
    Forged(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => (0..100_usize).prop_map(Fate::Copied),
        1 => (1..100_usize).prop_map(Fate::Late),
        1 => any::<usize>().prop_map(Fate::Forged),
    ]
}

fn suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

/// (when, packet, whether it is what was sent)
fn schedule(sealed: &[Vec<u8>], fates: &[Fate]) -> Vec<(usize, Vec<u8>, Option<usize>)> {
    let mut arrivals = Vec::new();
    for (at, (packet, fate)) in sealed.iter().zip(fates).enumerate() {
        let whole = |when| (when, packet.clone(), Some(at));
        match *fate {
            Fate::Arrives => arrivals.push(whole(at)),
            Fate::Lost => {}
            Fate::Copied(later) => arrivals.extend([whole(at), whole(at + later)]),
            Fate::Late(later) => arrivals.push(whole(at + later)),
            Fate::Forged(bit) => {
                let mut forged = packet.clone();
                let bit = bit % (8 * forged.len());
                forged[bit / 8] ^= 1 << (bit % 8);
                arrivals.extend([(at, forged, None), whole(at)]);
            }
        }
    }
    arrivals.sort_by_key(|(when, _, _)| *when);
    arrivals
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rtp_survives_the_network(
        suite in suite(),
        start in prop_oneof![Just(65_400_u16), Just(0), Just(0x7fc0), any::<u16>()],
        fates in prop::collection::vec(fate(), 1..400),
    ) {
        let (mut sender, mut receiver) = pair(suite);
        let plain: Vec<_> = (0..fates.len())
            .map(|n| rtp(SSRC, start.wrapping_add(u16::try_from(n).unwrap())))
            .collect();
        let sealed: Vec<_> = plain.iter().map(|p| protect(&mut sender, p).unwrap()).collect();
        let mut heard = HashSet::new();
        for (_, packet, origin) in schedule(&sealed, &fates) {
            match (unprotect(&mut receiver, &packet), origin) {
                (Ok(got), Some(at)) => {
                    prop_assert_eq!(&got, &plain[at]);
                    prop_assert!(heard.insert(at), "packet {} was heard twice", at);
                }
                (Ok(_), None) => prop_assert!(false, "a forgery was believed"),
                (Err(_), Some(at)) => prop_assert!(heard.contains(&at), "packet {} was refused", at),
                (Err(_), None) => {}
            }
        }
    }

    #[test]
    fn rtcp_survives_the_network(
        suite in suite(),
        fates in prop::collection::vec(fate(), 1..200),
    ) {
        let (mut sender, mut receiver) = pair(suite);
        let sealed: Vec<_> = fates.iter().map(|_| protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap()).collect();
        let mut heard = HashSet::new();
        for (_, packet, origin) in schedule(&sealed, &fates) {
            match (unprotect_rtcp(&mut receiver, &packet), origin) {
                (Ok(got), Some(at)) => {
                    prop_assert_eq!(got, rtcp(SSRC));
                    prop_assert!(heard.insert(at), "report {} was heard twice", at);
                }
                (Ok(_), None) => prop_assert!(false, "a forgery was believed"),
                (Err(_), Some(at)) => prop_assert!(heard.contains(&at), "report {} was refused", at),
                (Err(_), None) => {}
            }
        }
    }

    #[test]
    fn nothing_makes_a_receiver_panic_or_believe(
        suite in suite(),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        mki in 0..9_usize,
    ) {
        let mki = Mki::new(&vec![7; mki]).ok();
        let key = MasterKey::new(suite, &material(suite, 1), mki, None).unwrap();
        let mut receiver = Receiver::new(Keys::new(suite, vec![key]).unwrap());
        let mut version_2 = bytes.clone();
        if let Some(first) = version_2.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        for packet in [bytes, version_2] {
            prop_assert!(unprotect(&mut receiver, &packet).is_err());
            prop_assert!(unprotect_rtcp(&mut receiver, &packet).is_err());
        }
        prop_assert_eq!(receiver.sources(), (0, 0));
    }

    #[test]
    fn no_index_is_used_twice_whatever_the_source_does(
        sequences in prop::collection::vec(prop_oneof![any::<u16>(), 0..200_u16, 65_400..=65_535_u16], 1..400),
    ) {
        // The ciphertext of zeros is the key stream: the same one twice would be the same index twice.
        let (mut sender, _) = pair(Suite::AesCm128Sha80);
        let mut streams = HashSet::new();
        for sequence in sequences {
            let mut plain = rtp(SSRC, sequence);
            plain[12..].fill(0);
            if let Ok(sealed) = protect(&mut sender, &plain) {
                prop_assert!(streams.insert(sealed[12..172].to_vec()), "{} again", sequence);
            }
        }
    }
}
