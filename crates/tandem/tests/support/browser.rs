//! A peer whose media is as a browser's: one port, ICE if it likes, keys by a DTLS handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{ms, text};
use rtp_net::Identity;
use rtp_proto::dtls::{Association, Engines, Event, Fingerprint, Hash, Role, Setup};
use rtp_proto::ice;
use rtp_proto::srtp::{MAX_OVERHEAD, Receiver, Sender};
use rtp_proto::stun::{Class, Message, Transaction};
use testbed::rtp::RtpPeer;
use testbed::sdp;

const UFRAG: &str = "theirs";
const PASSWORD: &str = "0123456789abcdefghij+/";
const PATIENCE: Duration = Duration::from_secs(20);

/// Before the call is up.
pub struct Browser {
    rtp: RtpPeer,
    identity: Arc<Identity>,
    ice: bool,
}

/// When there are keys.
pub struct Keyed {
    pub rtp: RtpPeer,
    pub sender: Sender,
    pub receiver: Receiver,
    /// Datagrams that it took to get there.
    pub sent: usize,
}

impl Browser {
    pub fn new(at: SocketAddr, ice: bool) -> Self {
        Self {
            rtp: RtpPeer::bind(at),
            identity: Arc::new(Identity::generate().unwrap()),
            ice,
        }
    }

    pub fn offer(&self) -> String {
        let at = self.rtp.local();
        let print = self.identity.fingerprint();
        let plain = sdp::offer(at).replace("RTP/AVP", "UDP/TLS/RTP/SAVPF");
        let ice = format!(
            "a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PASSWORD}\r\na=candidate:1 1 udp 2130706431 {} {} typ host\r\n",
            at.ip(),
            at.port()
        );
        let ice = if self.ice { ice } else { String::new() };
        format!("{plain}a=rtcp-mux\r\na=setup:actpass\r\na=fingerprint:{print}\r\n{ice}")
    }

    /// Checks and shakes hands as the answer says.
    pub fn connect(self, answer: &[u8]) -> Keyed {
        let (to, answer) = (sdp::audio(answer), text(answer));
        let of = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {answer}"))
        };
        let setup = Setup {
            role: Role::Active,
            expected: [fingerprint(of("a=fingerprint:"))].into_iter().collect(),
            settled: true,
        };
        let mut association = Association::new(Instant::now(), self.identity.clone(), setup, true);
        let mut path = Path {
            rtp: &self.rtp,
            to,
            sent: 0,
        };
        if self.ice {
            path.check(&format!("{}:{UFRAG}", of("a=ice-ufrag:")), of("a=ice-pwd:"));
        }
        let (sender, receiver) = path.shake_hands(&mut association);
        let sent = path.sent;
        Keyed {
            rtp: self.rtp,
            sender,
            receiver,
            sent,
        }
    }
}

impl Keyed {
    pub fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buffer = [packet, &[0; MAX_OVERHEAD]].concat();
        let length = self.sender.protect_rtp(&mut buffer, packet.len()).unwrap();
        buffer.truncate(length);
        buffer
    }
}

/// The way to the switch.
struct Path<'a> {
    rtp: &'a RtpPeer,
    to: SocketAddr,
    sent: usize,
}

impl Path<'_> {
    fn send(&mut self, datagram: &[u8]) {
        self.rtp.send(self.to, datagram);
        self.sent += 1;
    }

    /// Nominates this path, and waits for the answer to that.
    fn check(&mut self, name: &str, password: &str) {
        let mut buffer = [0; 300];
        let length = ice::check(&mut buffer, Transaction([7; 12]), name, password, 100, true);
        self.send(&buffer[..length.unwrap()]);
        let heard = self.rtp.collect(1, PATIENCE);
        let answer = heard.first().expect("an answer to the check");
        assert_eq!(Message::parse(&answer.packet).unwrap().class(), Class::Success);
    }

    fn shake_hands(&mut self, association: &mut Association) -> (Sender, Receiver) {
        let begun = Instant::now();
        let mut buffer = [0; 2048];
        association.reach(begun, self.to);
        loop {
            while let Some((length, _)) = association.poll_transmit(&mut buffer) {
                self.send(&buffer[..length]);
            }
            match association.poll_event() {
                Some(Event::Keys { keying, .. }) => {
                    return (Sender::new(keying.local), Receiver::new(keying.remote));
                }
                Some(other) => panic!("{other:?}"),
                None => assert!(begun.elapsed() < PATIENCE, "no keys: {association:?}"),
            }
            thread::sleep(ms(2));
            for heard in self.rtp.waiting() {
                association.receive(Instant::now(), heard.from, &heard.packet);
            }
            association.handle_timeout(Instant::now());
        }
    }
}

/// `sha-256 AB:CD:…`
fn fingerprint(text: &str) -> Fingerprint {
    let (hash, value) = text.split_once(' ').unwrap();
    assert!(hash.eq_ignore_ascii_case(Hash::Sha256.as_str()), "{text}");
    let octets = value.trim().split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Vec<u8> = octets.map(Result::unwrap).collect();
    Fingerprint::new(hash, &octets).unwrap()
}
