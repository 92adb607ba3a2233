//! Messages that try to hurt: those of RFC 4475 and RFC 5118, and a hundred thousand spoilt copies of them. The switch answers what
//! the RFCs want answered, stays the same process, answers OPTIONS within 50 ms, and keeps nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::torture::{self, Case};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use support::{calls_had, is_acceptance, ms, options_within_50_ms, quick};
use testbed::{Bed, Setup, SipPeer, proc};

/// Ports that the messages' Via headers name: their answers go there (RFC 3261 §18.2.2).
const VIA_PORTS: [u16; 5] = [5060, 5061, 5050, 6050, 19_823];

/// Somebody who sends bytes as they are and hears answers at every port that his messages name.
struct Source {
    mouth: UdpSocket,
    ears: Vec<UdpSocket>,
    sut: SocketAddr,
    answers: usize,
}

/// What a message's answer can be known by: its Call-ID, however it is written, else its branch.
fn mark(message: &[u8]) -> Vec<u8> {
    let mut lines = message.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line[..colon].trim_ascii().to_ascii_lowercase();
        (name == b"call-id" || name == b"i").then(|| line[colon + 1..].trim_ascii())
    });
    let branch = || {
        let at = message.windows(7).position(|window| window == b"branch=")?;
        message[at + 7..]
            .split(|byte| byte.is_ascii_whitespace() || *byte == b';')
            .next()
    };
    value.or_else(branch).unwrap_or_default().to_vec()
}

impl Source {
    fn new(at: SocketAddr, sut: SocketAddr) -> Self {
        let bind = |port| {
            let socket = UdpSocket::bind(SocketAddr::new(at.ip(), port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            mouth: bind(at.port()),
            ears: VIA_PORTS.into_iter().map(bind).collect(),
            sut,
            answers: 0,
        }
    }

    fn send(&self, bytes: &[u8]) {
        // What doesn't fit into a datagram can't be sent by anybody.
        let _ = self.mouth.send_to(bytes, self.sut);
    }

    /// Final statuses among what has come, of answers in which `mark` stands.
    fn finals(&mut self, mark: &[u8]) -> Vec<u16> {
        let mut buffer = [0; 65_535];
        let mut finals = Vec::new();
        for socket in self.ears.iter().chain([&self.mouth]) {
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                self.answers += 1;
                let answer = &buffer[..length];
                let status = answer
                    .strip_prefix(b"SIP/2.0 ")
                    .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok());
                let ours = mark.is_empty() || answer.windows(mark.len()).any(|window| window == mark);
                finals.extend(status.filter(|status: &u16| *status >= 200 && ours));
            }
        }
        finals
    }

    /// Waits for an answer to the message with this mark that is as wanted. Some messages share their Call-ID, and answers to earlier
    /// ones are repeated; so others may come before it, and are given when none is right.
    fn wait_final(&mut self, mark: &[u8], wanted: impl Fn(u16) -> bool) -> Result<(), Vec<u16>> {
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut others = Vec::new();
        while Instant::now() < deadline {
            others.extend(self.finals(mark));
            if others.iter().any(|status| wanted(*status)) {
                return Ok(());
            }
            std::thread::sleep(ms(1));
        }
        Err(others)
    }
}

/// The stranger is one of the operator's, who is heard however much it sends.
fn known(setup: Setup) -> Setup {
    setup.extra("[edge]\nallow = [\"{x.ip}\"]")
}

fn probe(bed: &Bed) -> SipPeer {
    bed.peer("probe", SocketAddr::new(bed.places.x.ip(), 5099))
}

/// Every message of both RFCs. No carrier listens, so that calls that some of them begin end at once.
fn torture(from: impl Fn(&Bed) -> SocketAddr, stranger: bool) {
    let bed = quick(known);
    let mut source = Source::new(from(&bed), bed.places.sut);
    let probe = probe(&bed);
    let (before, pid) = (proc::private_kb(bed.pid()), bed.pid());
    for Case {
        name,
        section,
        bytes,
        answers,
        ..
    } in torture::all()
    {
        source.finals(b"");
        source.send(bytes);
        if !answers.is_empty() {
            // "An endpoint should process the request as if the Max-Forwards field value were still positive", and for OPTIONS
            // the switch is the endpoint.
            let right = |status| {
                answers.contains(&status)
                    || (stranger && status == 403)
                    || (*name == "zeromf" && status == 200)
            };
            let answered = source.wait_final(&mark(bytes), right);
            assert!(
                answered.is_ok(),
                "{section} {name}: {answered:?}, none of {answers:?}"
            );
        }
        assert_eq!(options_within_50_ms(&probe), 200, "after {name}");
    }
    assert_eq!(pid, bed.pid());
    let calls = calls_had(&bed);
    assert_eq!(calls == 0, stranger, "a stranger begins no call");
    bed.assert_quiet(calls);
    let after = proc::private_kb(bed.pid());
    assert!(after < before + 10_000, "{before} kB before, {after} kB after");
    bed.finish(calls);
}

#[test]
fn px_04_every_torture_message_from_a_trunk() {
    torture(|bed| bed.places.a, false);
}

#[test]
fn px_04_every_torture_message_from_a_stranger() {
    torture(|bed| bed.places.x, true);
}

/// Datagrams that are no messages at all: nothing, keep-alives, other protocols, as much as fits.
#[test]
fn px_04_datagrams_that_are_no_messages() {
    let bed = quick(known);
    let mut sources = [bed.places.a, bed.places.x].map(|at| Source::new(at, bed.places.sut));
    let probe = probe(&bed);
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let head = b"INVITE sip:1@127.0.0.1 SIP/2.0\r\n";
    let datagrams: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\r\n\r\n".to_vec(),
        b"\0".to_vec(),
        b"\0\0\0\0".to_vec(),
        stun,
        vec![b'A'; 65_507],
        b"\r\n".repeat(30_000),
        [&head[..], &b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n".repeat(1700)].concat(),
        [&head[..], &b"X: ,\r\n ".repeat(9000)].concat(),
        [&head[..], b"To: <sip:", &b"a".repeat(60_000), b">\r\n\r\n"].concat(),
        [&head[..], b"v: ", &b"\"\\".repeat(30_000)].concat(),
    ];
    for datagram in &datagrams {
        for source in &mut sources {
            source.send(datagram);
            assert_eq!(
                options_within_50_ms(&probe),
                200,
                "after {} bytes",
                datagram.len()
            );
            // What can't be read is answered once at most, and never with more than came.
            source.finals(b"");
        }
    }
    let answers: usize = sources.iter().map(|source| source.answers).sum();
    assert!(answers <= 2 * datagrams.len(), "{answers} answers");
    bed.finish(0);
}

/// A small generator (xorshift64*), so that a seed gives the same run everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below((length - start).min(40) + 1)
    }
}

const WORDS: [&[u8]; 12] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b":",
    b";",
    b"\"",
    b"<",
    b"%00",
    b"4294967296",
    b"-1",
    b"\0",
    b"\xff\xfe",
];

/// A message with one to four things wrong with it.
fn spoilt(messages: &[&'static [u8]], random: &mut Random) -> Vec<u8> {
    let mut message = messages[random.below(messages.len())].to_vec();
    for _ in 0..=random.below(4) {
        let range = random.range(message.len());
        match random.below(8) {
            0 if !message.is_empty() => {
                let at = random.below(message.len());
                message[at] ^= 1 << random.below(8);
            }
            1 => drop(message.drain(range)),
            2 => {
                let copy = message[range.clone()].repeat(1 + random.below(30));
                message.splice(range, copy);
            }
            3 => message.truncate(range.start),
            4 => {
                let other = messages[random.below(messages.len())];
                let piece = other[random.range(other.len())].to_vec();
                message.splice(range, piece);
            }
            5 => {
                let lines: Vec<&[u8]> = message.split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines[random
                    .below(lines.len().max(1))
                    .min(lines.len().saturating_sub(1))..]
                    .first()
                    .map(|line| line.to_vec());
                message.splice(range.start..range.start, line.unwrap_or_default());
            }
            _ => {
                let word = WORDS[random.below(WORDS.len())];
                message.splice(range.start..range.start, word.iter().copied());
            }
        }
        if message.is_empty() {
            return message;
        }
    }
    message.truncate(60_000);
    message
}

/// The message as one that has not been sent before: its branch and its Call-ID are its own.
fn fresh(message: &mut Vec<u8>, n: usize) {
    for mark in [&b"z9hG4bK"[..], b"Call-ID: "] {
        let at = message.windows(mark.len()).position(|window| window == mark);
        if let Some(at) = at.map(|at| at + mark.len()) {
            message.splice(at..at, n.to_string().into_bytes());
        }
    }
}

/// 100,000 spoilt messages (with `TANDEM_ACCEPT` in the environment a million), most from a stranger, every fifth from a trunk. After each 50 the switch is asked whether it has
/// dealt with them, so that none is lost on the way; its memory after the second half is that after the first.
#[test]
fn px_04_a_hundred_thousand_spoilt_messages() {
    const SEED: u64 = 0x7a9d_e31c_0451_1859;
    const BURST: usize = 50;
    let half = if is_acceptance() { 500_000 } else { 50_000 } / BURST;
    let bed = quick(known);
    let mut sources = [bed.places.a, bed.places.x].map(|at| Source::new(at, bed.places.sut));
    let probe = probe(&bed);
    let messages: Vec<&'static [u8]> = torture::all().map(|case| case.bytes).collect();
    let mut random = Random(SEED);
    let mut memory = Vec::new();
    let mut sent = 0;
    for _ in 0..2 {
        for _ in 0..half {
            for n in 0..BURST {
                let mut message = spoilt(&messages, &mut random);
                if random.below(2) == 0 && message.len() < 50_000 {
                    fresh(&mut message, sent);
                }
                sent += usize::from(!message.is_empty());
                sources[usize::from(n % 5 != 0)].send(&message);
            }
            assert_eq!(
                options_within_50_ms(&probe),
                200,
                "seed {SEED:#x}, after {sent} messages"
            );
            sources.iter_mut().for_each(|source| drop(source.finals(b"")));
        }
        bed.assert_quiet(calls_had(&bed));
        memory.push(proc::private_kb(bed.pid()));
    }
    let (answers, calls) = (
        sources.iter().map(|source| source.answers).sum::<usize>(),
        calls_had(&bed),
    );
    let received = bed
        .metrics()
        .sum_where("tandem_sip_datagrams_total", "fate=\"received\"");
    assert!(
        received.unwrap_or_default() as usize >= sent,
        "{received:?} of {sent} arrived"
    );
    assert!(answers > sent / 10, "{answers} answers to {sent} messages");
    assert!(calls > 100, "{calls} of them were calls");
    assert!(memory[1] < memory[0] + memory[0] / 5 + 4000, "kB: {memory:?}");
    bed.finish(calls);
}
