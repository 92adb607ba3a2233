//! Legs that send silence, where somebody decodes it.

use super::*;

/// µ-law for nothing at all, A-law's for the least that it has, and something loud.
const NOTHING: u8 = 0xff;
const LEAST: u8 = 0xd5;
const LOUD: u8 = 0x90;

/// In which seconds A, whose audio is converted for B, is told of as silent (`true`) or as heard again. In each second it sends packets
/// of this octet, or none; B speaks all the time. `from`: A's codec, of G.711.
fn told((payload_type, from): (u8, Codec), said: impl Fn(u16) -> Option<u8>) -> Vec<(u16, bool)> {
    let legs = [
        converted(A, &speaks(&[(payload_type, from)], None, None)),
        converted(B, &speaks(&[(97, Codec::l16(16_000))], None, None)),
    ];
    let now = Instant::now();
    let patience = Patience {
        one_way: Some(Duration::from_secs(4)),
        ..Patience::default()
    };
    let mut relay = Relay {
        now,
        session: Session::new(now, &legs, patience, SEED),
    };
    let (mut told, mut buffer) = (Vec::new(), [0; 1_600]);
    for n in 0..60 * 50 {
        if let Some(octet) = said(n / 50) {
            let mut packet = rtp(payload_type, 0xa, n);
            packet[12..].fill(octet);
            relay.receive(Side::A, Channel::Rtp, A, packet);
        }
        relay.receive(Side::B, Channel::Rtp, B, rtp(97, 0xb, n));
        for notice in relay.pass(20) {
            if let Notice::OneWay { side, quiet } = notice {
                assert_eq!(side, Side::A);
                told.push((n / 50, quiet.is_some()));
            }
        }
        let now = relay.now;
        while relay
            .session
            .poll_transmit(now, &mut Packet::new(&mut buffer, 0))
            .is_some()
        {}
    }
    told
}

#[test]
fn packets_of_silence_are_noticed_as_none_would_be_but_later() {
    let pcmu = (0, Codec::Pcmu);
    assert_eq!(told(pcmu, |_| Some(LOUD)), []);
    assert_eq!(told(pcmu, |s| Some(LOUD).filter(|_| s < 10)), [(13, true)]);
    assert_eq!(told(pcmu, |_| Some(NOTHING)), [(19, true)], "five times 4 s");
    assert_eq!(told((8, Codec::Pcma), |_| Some(LEAST)), [(19, true)]);
    let muted = |s| Some(if (10..40).contains(&s) { NOTHING } else { LOUD });
    assert_eq!(told(pcmu, muted), [(30, true), (40, false)]);
    let pauses = |s: u16| Some(if s.is_multiple_of(15) { LOUD } else { NOTHING });
    assert_eq!(told(pcmu, pauses), [], "somebody who listens most of the time");
}
