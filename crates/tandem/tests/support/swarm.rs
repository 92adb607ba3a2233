//! Many calls of many kinds at once: a caller and two carriers that do to each call what its number says.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Limits, Message};
use testbed::rtp::RtpPeer;
use testbed::{Bed, sdp};

use super::secure::packets;
use super::{method_of, ms, reply_text, request, text};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Answered, some packets, hung up by the caller.
    Answered,
    /// Given up while it rings.
    Cancelled,
    /// Refused by the first carrier with 503, answered by the second.
    FailedOver,
    /// Answered, and the answer never acknowledged.
    Unacknowledged,
    /// Answered, and both ends vanish.
    Vanished,
    /// Answered and hung up, each message three times.
    Stormy,
    /// Answered, put on hold, hung up.
    Held,
}

/// Of each twenty calls: half are answered, a fifth cancelled, a tenth fails over, and one is each of the others.
const MIX: [(Kind, usize); 7] = [
    (Kind::Answered, 10),
    (Kind::Cancelled, 4),
    (Kind::FailedOver, 2),
    (Kind::Unacknowledged, 1),
    (Kind::Vanished, 1),
    (Kind::Stormy, 1),
    (Kind::Held, 1),
];

impl Kind {
    fn of(n: usize) -> Self {
        let all: Vec<Self> = MIX
            .into_iter()
            .flat_map(|(kind, share)| vec![kind; share])
            .collect();
        all[n % all.len()]
    }

    fn digit(self) -> usize {
        MIX.iter().position(|(kind, _)| *kind == self).unwrap_or(0)
    }

    /// What a URI's user says: `+44207946KNNNNN` or `kK`.
    fn said(user: &str) -> Option<Self> {
        let digit = user
            .strip_prefix("+44207946")
            .or_else(|| user.strip_prefix('k'))
            .and_then(|rest| rest.get(..1)?.parse::<usize>().ok())?;
        Some(MIX.get(digit)?.0)
    }

    /// Whether an INVITE of the switch's is refused, whose transaction then stays for a while.
    fn is_refused(self) -> bool {
        matches!(self, Self::Cancelled | Self::FailedOver)
    }
}

/// How it went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Calls made.
    pub calls: usize,
    /// Of those that were to be answered, the ones that were, and have ended as they should.
    pub answered: usize,
    /// Calls whose end was as it should be.
    pub good: usize,
    /// INVITEs of the switch's that were refused.
    pub refused: usize,
    /// What went wrong, per call.
    pub wrong: Vec<String>,
}

/// A socket that says things once or three times.
struct Mouth {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Mouth {
    fn new(at: SocketAddr, to: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.set_recv_buffer_size(4 << 20).unwrap();
        socket.bind(&at.into()).unwrap();
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(ms(2))).unwrap();
        Self { socket, to }
    }

    fn say(&self, kind: Kind, words: &str) {
        for _ in 0..if kind == Kind::Stormy { 3 } else { 1 } {
            self.socket.send_to(words.as_bytes(), self.to).unwrap();
        }
    }

    fn hear(&self) -> Option<Message> {
        let mut buffer = vec![0; 65_536];
        match self.socket.recv(&mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                Some(sip_msg::parse(buffer.into(), &Limits::default()).unwrap())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            // A datagram of ours came back: its receiver has gone.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Makes `count` calls, `rate` a second, and waits until each is over.
pub fn run(bed: &Bed, count: usize, rate: usize) -> Outcome {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for at in [bed.places.b1, bed.places.b2] {
            let over = &over;
            scope.spawn(move || carrier(bed, at, over));
        }
        let outcome = Caller::new(bed, count).run(rate);
        over.store(true, Ordering::Relaxed);
        outcome
    })
}

/// A carrier until it is over.
fn carrier(bed: &Bed, at: SocketAddr, over: &AtomicBool) {
    let mouth = Mouth::new(at, bed.places.sut);
    let rtp = if at == bed.places.b1 {
        bed.places.rtp_b1
    } else {
        bed.places.rtp_b2
    };
    let body = sdp::offer(rtp);
    let mut ringing: HashMap<String, Message> = HashMap::new();
    while !over.load(Ordering::Relaxed) {
        let Some(message) = mouth.hear() else { continue };
        let user = text(message.uri());
        let user = user
            .trim_start_matches("sip:")
            .split('@')
            .next()
            .unwrap_or_default();
        let kind = Kind::said(user).unwrap_or(Kind::Answered);
        let (contact, call_id) = (format!("<sip:k{}@{at}>", kind.digit()), text(message.call_id()));
        let answer = |message: &Message, status: u16, body: Option<&str>| {
            let headers = [("Contact", contact.as_str())];
            mouth.say(kind, &reply_text(message, status, "carrier", &headers, body));
        };
        match (method_of(&message).as_str(), kind) {
            ("INVITE", _) if message.to_tag().is_some() => answer(&message, 200, Some(&body)),
            ("INVITE", Kind::Cancelled) => {
                answer(&message, 180, None);
                ringing.insert(call_id, message);
            }
            ("INVITE", Kind::FailedOver) if at == bed.places.b1 => answer(&message, 503, None),
            ("INVITE", _) => answer(&message, 200, Some(&body)),
            ("CANCEL", _) => {
                answer(&message, 200, None);
                if let Some(invite) = ringing.remove(&call_id) {
                    answer(&invite, 487, None);
                }
            }
            ("BYE", Kind::Vanished) | ("ACK" | "", _) => {}
            _ => answer(&message, 200, None),
        }
    }
}

/// A call of the caller's.
struct Out {
    kind: Kind,
    number: String,
    branch: String,
    /// To, with the tag once there is one.
    to: String,
    cseq: u32,
    /// When the next thing is done.
    due: Option<Instant>,
    /// On hold already.
    held: bool,
    answered: bool,
    /// What it was refused with, when it was not to be.
    refused: Option<u16>,
    over: bool,
}

struct Caller<'b> {
    bed: &'b Bed,
    mouth: Mouth,
    media: RtpPeer,
    packets: Vec<Vec<u8>>,
    count: usize,
    calls: HashMap<String, Out>,
    outcome: Outcome,
}

impl<'b> Caller<'b> {
    fn new(bed: &'b Bed, count: usize) -> Self {
        Self {
            bed,
            mouth: Mouth::new(bed.places.a, bed.places.sut),
            media: RtpPeer::bind(bed.places.rtp_a),
            packets: packets(7, 1, 5, 0x55),
            count,
            calls: HashMap::new(),
            outcome: Outcome::default(),
        }
    }

    fn run(mut self, rate: usize) -> Outcome {
        let start = Instant::now();
        let last = start + Duration::from_secs_f64(self.count as f64 / rate as f64) + Duration::from_secs(30);
        while self.outcome.calls < self.count
            || self
                .calls
                .values()
                .any(|call| !call.over && call.refused.is_none())
        {
            let now = Instant::now();
            if now > last {
                break;
            }
            let begun = (now - start).as_secs_f64() * rate as f64;
            while self.outcome.calls < self.count.min(begun as usize) {
                self.begin();
            }
            // The switch repeats what is not answered: it is never silent for long.
            for _ in 0..64 {
                let Some(message) = self.mouth.hear() else { break };
                self.heard(&message);
            }
            self.act();
        }
        self.verdict()
    }

    fn verdict(mut self) -> Outcome {
        for (call_id, call) in &self.calls {
            let good = call.over;
            self.outcome.good += usize::from(good);
            let wanted = !matches!(call.kind, Kind::Cancelled);
            self.outcome.answered += usize::from(good && wanted && call.answered);
            if !good {
                self.outcome.wrong.push(format!(
                    "{call_id}: {:?} has not ended well, {:?}",
                    call.kind, call.refused
                ));
            }
        }
        self.outcome
    }

    fn begin(&mut self) {
        let n = self.outcome.calls;
        let kind = Kind::of(n);
        let (call_id, number) = (
            format!("swarm-{}-{n}", self.bed.pid()),
            format!("+44207946{}{n:05}", kind.digit()),
        );
        let call = Out {
            kind,
            branch: format!("z9hG4bKs{n}"),
            to: format!("<sip:{number}@{}>", self.bed.places.sut),
            number,
            cseq: 1,
            due: None,
            held: false,
            answered: false,
            refused: None,
            over: false,
        };
        self.outcome.calls += 1;
        self.outcome.refused += usize::from(kind.is_refused());
        let body = sdp::offer(self.bed.places.rtp_a);
        self.send(&call, &call_id, "INVITE", &call.branch, 1, Some(&body));
        self.calls.insert(call_id, call);
    }

    fn send(&self, call: &Out, call_id: &str, method: &str, branch: &str, cseq: u32, body: Option<&str>) {
        let (local, sut) = (self.bed.places.a, self.bed.places.sut);
        let lines = [
            format!("Via: SIP/2.0/UDP {local};branch={branch}"),
            format!("From: <sip:+442071838750@{local}>;tag=swarm"),
            format!("To: {}", call.to),
            format!("Call-ID: {call_id}"),
            format!("CSeq: {cseq} {method}"),
            format!("Contact: <sip:alice@{local}>"),
            "Max-Forwards: 70".to_owned(),
        ];
        let uri = format!("sip:{}@{sut}", call.number);
        self.mouth.say(call.kind, &request(method, &uri, &lines, body));
    }

    fn heard(&mut self, message: &Message) {
        let call_id = text(message.call_id());
        let Some(mut call) = self.calls.remove(&call_id) else {
            return;
        };
        match message.status() {
            Some(status) => self.answered(&mut call, &call_id, status, message),
            None => self.asked(&mut call, message),
        }
        self.calls.insert(call_id, call);
    }

    fn answered(&self, call: &mut Out, call_id: &str, status: u16, message: &Message) {
        let (cseq, method) = message.cseq();
        match (text(method.as_str().as_bytes()).as_str(), status) {
            ("INVITE", 180) if call.kind == Kind::Cancelled && call.cseq == 1 => {
                call.due = call.due.or(Some(Instant::now() + ms(30)));
            }
            ("INVITE", 200) => {
                call.to = message.header(HeaderId::To).map(text).unwrap_or_default();
                if call.kind != Kind::Unacknowledged {
                    self.send(
                        call,
                        call_id,
                        "ACK",
                        &format!("{}a{cseq}", call.branch),
                        cseq,
                        None,
                    );
                }
                if !call.answered || cseq == 2 && !call.held {
                    call.held = cseq == 2;
                    self.talk(message);
                    call.due = Some(Instant::now() + ms(200));
                }
                call.answered = true;
            }
            ("INVITE", 300..) => {
                call.to = message.header(HeaderId::To).map(text).unwrap_or_default();
                self.send(call, call_id, "ACK", &call.branch, cseq, None);
                if call.kind == Kind::Cancelled && status == 487 {
                    call.over = true;
                } else {
                    call.refused = Some(status);
                }
            }
            ("BYE", 200) => call.over = true,
            _ => {}
        }
    }

    /// The switch asks: it can only be a BYE.
    fn asked(&self, call: &mut Out, message: &Message) {
        if method_of(message) != "BYE" {
            return;
        }
        if call.kind != Kind::Vanished {
            self.mouth
                .say(call.kind, &reply_text(message, 200, "swarm", &[], None));
        }
        call.over |= matches!(call.kind, Kind::Vanished | Kind::Unacknowledged);
    }

    /// A few packets, to take the ports into use.
    fn talk(&self, message: &Message) {
        let to = sdp::audio(&message.body());
        for packet in &self.packets {
            self.media.send(to, packet);
        }
    }

    fn act(&mut self) {
        let now = Instant::now();
        let due: HashSet<String> = self
            .calls
            .iter()
            .filter(|(_, call)| call.due.is_some_and(|due| due <= now))
            .map(|(call_id, _)| call_id.clone())
            .collect();
        for call_id in due {
            let Some(mut call) = self.calls.remove(&call_id) else {
                continue;
            };
            call.due = None;
            match call.kind {
                Kind::Cancelled => self.send(&call, &call_id, "CANCEL", &call.branch, 1, None),
                Kind::Held if !call.held => {
                    let body = sdp::session(self.bed.places.rtp_a, 1, "sendonly");
                    self.next(&mut call, &call_id, "INVITE", Some(&body));
                }
                Kind::Vanished | Kind::Unacknowledged => {}
                Kind::Answered | Kind::FailedOver | Kind::Stormy | Kind::Held => {
                    self.next(&mut call, &call_id, "BYE", None);
                }
            }
            self.calls.insert(call_id, call);
        }
    }

    fn next(&self, call: &mut Out, call_id: &str, method: &str, body: Option<&str>) {
        call.cseq += 1;
        let branch = format!("{}n{}", call.branch, call.cseq);
        self.send(call, call_id, method, &branch, call.cseq, body);
    }
}
