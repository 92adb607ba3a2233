//! Datagrams that nobody should send to a media port: no RTP and no RTCP, or RTP and RTCP that lie about themselves, other
//! protocols, and good ones of those who have no say. Whatever carries something carries [`MARK`].

use rtp_proto::ice;
use rtp_proto::stun::{Class, Transaction, Writer};

/// What a hostile packet says, over and over.
pub const MARK: u8 = 0xee;
/// Longest payload of UDP over IPv4.
const LONGEST: usize = 65_507;

/// Numbers that repeat with their seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.roll() as u8
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}

/// A datagram of one kind; no two need be the same.
pub type Kind = Box<dyn Fn(&mut Dice) -> Vec<u8>>;

/// Two octets of a header, numbers, the hostile SSRC.
fn head(dice: &mut Dice, first: u8, second: u8) -> Vec<u8> {
    let mut packet = vec![first, second];
    packet.extend(dice.bytes(6));
    packet.extend([MARK; 4]);
    packet
}

fn marked(mut packet: Vec<u8>, length: usize) -> Vec<u8> {
    packet.resize(packet.len() + length, MARK);
    packet
}

/// RTCP of a type, with this count and this length in words, as many octets long.
fn rtcp(first: u8, kind: u8, words: u16, octets: usize) -> Vec<u8> {
    let mut packet = vec![MARK; octets.max(4)];
    let [high, low] = words.to_be_bytes();
    packet[..4].copy_from_slice(&[first, kind, high, low]);
    packet
}

/// What is neither RTP nor RTCP, whoever sends it.
pub fn never() -> Vec<Kind> {
    let mut kinds = broken_rtp();
    kinds.extend(broken_rtcp());
    kinds.extend(other_protocols());
    kinds
}

fn broken_rtp() -> Vec<Kind> {
    let all: [fn(&mut Dice) -> Vec<u8>; 14] = [
        |_| Vec::new(),
        |dice| {
            let length = 1 + dice.below(1400);
            let mut bytes = dice.bytes(length);
            bytes[0] &= 0x7f;
            bytes
        },
        |dice| {
            let length = 1 + dice.below(11);
            head(dice, 0x80, 0)[..length].to_vec()
        },
        // Versions 0, 1 and 3, also of a telephone event.
        |dice| marked(head(dice, 0x00, 0), 160),
        |dice| marked(head(dice, 0x40, 0), 160),
        |dice| marked(head(dice, 0xc0, 0), 160),
        |dice| marked(head(dice, 0xc0, 101), 4),
        // CSRCs that are not there.
        |dice| {
            let length = dice.below(60);
            marked(head(dice, 0x8f, 0), length)
        },
        // Extensions beyond the end, and cut off.
        |dice| {
            let rest = dice.below(200);
            let mut packet = head(dice, 0x90, 0);
            packet.extend([0xbe, 0xde, 0xff, dice.byte()]);
            marked(packet, rest)
        },
        |dice| {
            let rest = dice.below(4);
            marked(head(dice, 0x90, 0), rest)
        },
        |dice| {
            let mut packet = head(dice, 0x93, 0);
            packet.extend([1; 12]);
            packet.extend([0xbe, 0xde, 0, 41]);
            marked(packet, 160)
        },
        // Padding of nothing, of more than there is, and without an octet that says so.
        |dice| {
            let mut packet = marked(head(dice, 0xa0, 0), 160);
            *packet.last_mut().unwrap() = if dice.below(2) == 0 {
                0
            } else {
                161 + dice.byte() % 95
            };
            packet
        },
        |dice| head(dice, 0xa0, 0),
        |dice| marked(head(dice, 0x40, 0), LONGEST - 12),
    ];
    boxed(all)
}

fn broken_rtcp() -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for kind in 200..=204_u8 {
        // More than there is, less than there is, more reports than fit, padding of an odd length, nothing.
        kinds.push(Box::new(move |dice| {
            rtcp(0x81, kind, 7 + dice.below(0xff00) as u16, 28)
        }));
        kinds.push(Box::new(move |_| rtcp(0x81, kind, 5, 28)));
        kinds.push(Box::new(move |dice| {
            let first = if kind == 204 { 0xa1 } else { 0x9f };
            let mut packet = rtcp(first, kind, 6, 28);
            *packet.last_mut().unwrap() = 3 + dice.byte() % 4 * 4;
            packet
        }));
        kinds.push(Box::new(move |_| rtcp(0xa0, kind, 0, 4)));
        kinds.push(Box::new(move |dice| {
            let length = 4 + dice.below(4);
            rtcp(0x80, kind, 0x0fff, length)
        }));
    }
    // A good report with what is none behind it.
    kinds.push(Box::new(|dice| {
        let mut compound = rtcp(0x80, 201, 1, 8);
        compound.extend(rtcp(dice.byte() & 0x3f, 202, 1, 8));
        compound
    }));
    kinds
}

fn other_protocols() -> Vec<Kind> {
    let all: [fn(&mut Dice) -> Vec<u8>; 18] = [
        // STUN without credentials, with wrong ones, of other methods and classes, cut, and lying about its lengths.
        |dice| stun(dice, Class::Request, 1, &[]),
        |dice| {
            let mut buffer = [0; 300];
            let id = Transaction(std::array::from_fn(|_| dice.byte()));
            let length = ice::check(&mut buffer, id, "who:ever", "a password that is none", 1, true);
            buffer[..length.unwrap()].to_vec()
        },
        |dice| stun(dice, Class::Request, 3, &[MARK; 8]),
        |dice| stun(dice, Class::Indication, 1, &[MARK; 8]),
        |dice| stun(dice, Class::Success, 1, &[MARK; 8]),
        |dice| stun(dice, Class::Error, 1, &[MARK; 8]),
        |dice| {
            let whole = stun(dice, Class::Request, 1, &[MARK; 40]);
            whole[..1 + dice.below(whole.len() - 1)].to_vec()
        },
        |dice| {
            let mut message = stun(dice, Class::Request, 1, &[MARK; 40]);
            let at = [2, 3, 22, 23, message.len() - 1][dice.below(5)];
            message[at] ^= 1 + dice.byte() % 255;
            message
        },
        // DTLS: hellos of noise, cut and in pieces; alerts, application data, a record that is longer than it says.
        |dice| hello(dice, 0, 180, 180),
        |dice| {
            let whole = hello(dice, 0, 180, 180);
            whole[..1 + dice.below(whole.len() - 1)].to_vec()
        },
        |dice| {
            let (offset, part) = (dice.below(400), dice.below(180));
            hello(dice, offset, part, 180)
        },
        |dice| record(dice, 21, 0, &[1, 0]),
        |dice| record(dice, 21, 0, &[2, 40]),
        |dice| record(dice, 20, 0, &[1]),
        |dice| {
            let (content, epoch) = (20 + dice.byte() % 4, 1 + dice.byte() % 3);
            record(dice, content, epoch, &[MARK; 60])
        },
        |dice| marked(record(dice, 22, 0, &[MARK; 30]), 5_000),
        // ZRTP (RFC 6189 §5) and TURN's channels (RFC 8656 §12.4).
        |dice| {
            let mut packet = vec![0x10, 0, dice.byte(), dice.byte()];
            packet.extend(*b"ZRTP");
            marked(packet, 100)
        },
        |dice| {
            let mut packet = vec![0x40 | dice.byte() & 15, dice.byte(), 0, 100];
            packet.extend([MARK; 100]);
            packet
        },
    ];
    boxed(all)
}

/// Good RTP and RTCP of somebody who has no say: of his own, with the SSRC of a peer, with everything that a header may have, of
/// any length, and noise that may happen to be something.
pub fn of_others(ssrc: u32) -> Vec<Kind> {
    let all: [fn(&mut Dice) -> Vec<u8>; 8] = [
        |dice| marked(head(dice, 0x80, 0), 160),
        |dice| marked(head(dice, 0x80, 0x80 | 101), 4),
        |dice| {
            let mut packet = head(dice, 0x92, 0);
            packet.extend([MARK; 8]);
            packet.extend([0xbe, 0xde, 0, 1, 0x10, MARK, 0, 0]);
            marked(packet, 160)
        },
        |dice| {
            let mut packet = marked(head(dice, 0xa0, 0), 160);
            *packet.last_mut().unwrap() = 4;
            packet
        },
        |dice| head(dice, 0x80, 0),
        |dice| marked(head(dice, 0x80, 0), LONGEST - 12),
        |_| rtcp(0x80, 201, 1, 8),
        |dice| {
            let length = dice.below(1400);
            dice.bytes(length)
        },
    ];
    let mut kinds = boxed(all);
    kinds.push(Box::new(move |dice| {
        let mut packet = marked(head(dice, 0x80, 0), 160);
        // Never near where the peer may be, who could have got another port from a NAT.
        packet[2..4].copy_from_slice(&(20_000 + dice.below(20_000) as u16).to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet
    }));
    kinds.push(Box::new(move |_| {
        let mut goodbye = rtcp(0x81, 203, 1, 8);
        goodbye[4..].copy_from_slice(&ssrc.to_be_bytes());
        goodbye
    }));
    kinds.push(Box::new(move |_| {
        let mut report = rtcp(0x80, 200, 6, 28);
        report[4..8].copy_from_slice(&ssrc.to_be_bytes());
        report
    }));
    kinds
}

fn boxed<const N: usize>(all: [fn(&mut Dice) -> Vec<u8>; N]) -> Vec<Kind> {
    all.into_iter().map(|kind| Box::new(kind) as Kind).collect()
}

fn stun(dice: &mut Dice, class: Class, method: u16, value: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 200];
    let id = Transaction(std::array::from_fn(|_| dice.byte()));
    let mut writer = Writer::new(&mut buffer, class, method, id);
    let length = writer.attribute(0x8022, value).finish();
    buffer[..length.unwrap()].to_vec()
}

/// A DTLS record (RFC 6347 §4.1).
fn record(dice: &mut Dice, content: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content, 0xfe, 0xfd, 0, epoch, 0, 0];
    record.extend(dice.bytes(4));
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

/// A ClientHello of noise, or a piece of one.
fn hello(dice: &mut Dice, offset: usize, part: usize, whole: usize) -> Vec<u8> {
    let word = |n: usize| [(n >> 16) as u8, (n >> 8) as u8, n as u8];
    let mut body = vec![1];
    body.extend(word(whole));
    body.extend([0, 0]);
    body.extend(word(offset));
    body.extend(word(part));
    body.extend([0xfe, 0xfd]);
    body.extend(dice.bytes(part.saturating_sub(2)));
    record(dice, 22, 0, &body)
}
