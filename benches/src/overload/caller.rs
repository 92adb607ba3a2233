//! Who calls, at a rate that nothing slows down: INVITE, ACK, a talk of 200 ms, BYE. Only what gets no answer is sent again.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::net::sockopt;
use testbed::{Places, sdp};

use super::called::line;

const TALK: Duration = Duration::from_millis(200);
/// T1.
const AGAIN: Duration = Duration::from_millis(500);
/// After the last call has begun, this long is waited for those that are up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the calls.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Calls begun.
    pub offered: u64,
    /// Served per second, from answer to the BYE's answer, of those that began in the last two thirds.
    pub served_per_s: f64,
    /// Served in all.
    pub served: u64,
    /// Refused in all.
    pub refused: u64,
    /// Taken (a 180 or 200 came) and not finished.
    pub unfinished: u64,
    /// Neither taken nor refused.
    pub silent: u64,
    /// INVITEs sent again.
    pub again: u64,
    /// From an INVITE to its refusal, of those that began in the last two thirds.
    pub refusals: Vec<Duration>,
    /// Refusals that did not say when to come back.
    pub unasked: u64,
}

impl Outcome {
    /// Takes in what came of another time; what is per second adds up as well.
    pub fn add(&mut self, other: Self) {
        self.offered += other.offered;
        self.served_per_s += other.served_per_s;
        self.served += other.served;
        self.refused += other.refused;
        self.unfinished += other.unfinished;
        self.silent += other.silent;
        self.again += other.again;
        self.refusals.extend(other.refusals);
        self.unasked += other.unasked;
    }

    /// How long refusals took: median, 99 of 100, longest, ms.
    pub fn refusal_ms(&self) -> [f64; 3] {
        let mut refusals = self.refusals.clone();
        refusals.sort_unstable();
        [0.5, 0.99, 1.0].map(|share| {
            let index = ((refusals.len() as f64 - 1.0) * share).max(0.0) as usize;
            let time = refusals.get(index).copied().unwrap_or_default();
            time.as_secs_f64() * 1000.0
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Asked,
    Taken,
    Talking,
    Leaving,
    Served,
    Refused,
}

#[derive(Clone, Default)]
struct Call {
    began: Option<Instant>,
    /// After how long it was refused.
    refused: Option<Duration>,
    state: State,
    answered: bool,
    to: String,
    target: String,
    tries: u8,
}

struct Caller {
    socket: UdpSocket,
    sut: SocketAddr,
    local: SocketAddr,
    offer: String,
    run: u32,
    calls: Vec<Call>,
    due: BTreeMap<(Instant, usize), ()>,
    out: Outcome,
}

/// Offers `rate` calls per second for `time`.
///
/// # Errors
/// The caller's address is taken.
pub fn call(places: &Places, rate: f64, time: Duration) -> Result<Outcome> {
    let socket = UdpSocket::bind(places.a)?;
    socket.set_nonblocking(true)?;
    // The daemon answers in bursts; what this side loses would be taken for its doing.
    sockopt::set_socket_recv_buffer_size_force(&socket, 16 << 20)?;
    let mut caller = Caller {
        socket,
        sut: places.sut,
        local: places.a,
        offer: sdp::offer(places.rtp_a),
        run: std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| since.subsec_nanos()),
        calls: Vec::new(),
        due: BTreeMap::new(),
        out: Outcome::default(),
    };
    let start = Instant::now();
    let mut buffer = vec![0; 65_535];
    loop {
        let now = Instant::now();
        let passed = now.duration_since(start);
        let wanted = (passed.min(time).as_secs_f64() * rate) as usize;
        while caller.calls.len() < wanted {
            caller.begin(now);
        }
        caller.act(now);
        let mut heard = false;
        while let Ok((length, _)) = caller.socket.recv_from(&mut buffer) {
            heard = true;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
            caller.hear(Instant::now(), &text);
        }
        let over = |call: &Call| matches!(call.state, State::Served | State::Refused);
        if passed > time + PATIENCE || (passed > time && caller.calls.iter().all(over)) {
            break;
        }
        if !heard {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    Ok(caller.outcome(start, time))
}

impl Caller {
    fn send(&self, text: &str) {
        let _ = self.socket.send_to(text.as_bytes(), self.sut);
    }

    fn common(&self, n: usize, method: &str, branch: &str, to: &str) -> String {
        let (local, run) = (self.local, self.run);
        let cseq = if method == "BYE" { 2 } else { 1 };
        format!(
            "Via: SIP/2.0/UDP {local};branch=z9hG4bK{run}-{n}{branch};rport\r\nFrom: <sip:+442071838750@{local}>;tag=a{run}-{n}\r\n\
             To: {to}\r\nCall-ID: {run}-{n}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
        )
    }

    fn invite(&self, n: usize) {
        let (sut, local) = (self.sut, self.local);
        let to = format!("<sip:+442079460000@{sut}>");
        let common = self.common(n, "INVITE", "", &to);
        let length = self.offer.len();
        let offer = &self.offer;
        self.send(&format!(
            "INVITE sip:+442079460000@{sut} SIP/2.0\r\n{common}Contact: <sip:a@{local}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{offer}"
        ));
    }

    fn begin(&mut self, now: Instant) {
        let n = self.calls.len();
        self.calls.push(Call {
            began: Some(now),
            ..Call::default()
        });
        self.invite(n);
        self.due.insert((now + AGAIN, n), ());
    }

    /// What is due: BYEs, and what has had no answer.
    fn act(&mut self, now: Instant) {
        while let Some((&(at, n), ())) = self.due.first_key_value() {
            if at > now {
                return;
            }
            self.due.pop_first();
            let Some(call) = self.calls.get_mut(n) else {
                continue;
            };
            match call.state {
                State::Asked if !call.answered && call.tries < 6 => {
                    call.tries += 1;
                    let wait = AGAIN * 2_u32.pow(call.tries.into());
                    self.out.again += 1;
                    self.invite(n);
                    self.due.insert((now + wait, n), ());
                }
                State::Talking | State::Leaving if call.tries < 12 => {
                    call.state = State::Leaving;
                    call.tries += 1;
                    let (to, target) = (call.to.clone(), call.target.clone());
                    let common = self.common(n, "BYE", "b", &to);
                    self.send(&format!(
                        "BYE {target} SIP/2.0\r\n{common}Content-Length: 0\r\n\r\n"
                    ));
                    self.due.insert((now + AGAIN, n), ());
                }
                State::Asked
                | State::Taken
                | State::Talking
                | State::Leaving
                | State::Served
                | State::Refused => {}
            }
        }
    }

    fn hear(&mut self, now: Instant, text: &str) {
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        let id = line(text, "Call-ID")
            .rsplit_once('-')
            .and_then(|(_, n)| n.parse::<usize>().ok());
        let (Some(status), Some(n)) = (status.and_then(|status| status.parse::<u16>().ok()), id) else {
            return;
        };
        let invite = line(text, "CSeq").ends_with("INVITE");
        let Some(call) = self.calls.get_mut(n) else { return };
        call.answered = true;
        match (status, invite) {
            (100, _) => {}
            (101..200, true) if call.state == State::Asked => call.state = State::Taken,
            (200, true) => {
                call.to = line(text, "To").to_owned();
                call.target = line(text, "Contact").trim_matches(['<', '>']).to_owned();
                if matches!(call.state, State::Asked | State::Taken) {
                    call.state = State::Talking;
                    call.tries = 0;
                    self.due.insert((now + TALK, n), ());
                }
                self.ack(n, "k");
            }
            (200, false) if call.state == State::Leaving => call.state = State::Served,
            (300.., true) => {
                call.to = line(text, "To").to_owned();
                call.target = format!("sip:+442079460000@{}", self.sut);
                if call.state == State::Asked {
                    call.state = State::Refused;
                    call.refused = call.began.map(|began| now.duration_since(began));
                    self.out.unasked += u64::from(line(text, "Retry-After").is_empty());
                }
                self.ack(n, "");
            }
            _ => {}
        }
    }

    fn ack(&self, n: usize, branch: &str) {
        let Some(call) = self.calls.get(n) else { return };
        let common = self.common(n, "ACK", branch, &call.to);
        self.send(&format!(
            "ACK {} SIP/2.0\r\n{common}Content-Length: 0\r\n\r\n",
            call.target
        ));
    }

    fn outcome(self, start: Instant, time: Duration) -> Outcome {
        let from = start + time / 3;
        let in_state = |states: &[State]| {
            self.calls
                .iter()
                .filter(|call| states.contains(&call.state))
                .count() as u64
        };
        let late =
            |call: &&Call| call.state == State::Served && call.began.is_some_and(|began| began >= from);
        let refused = |call: &Call| {
            call.refused
                .filter(|_| call.began.is_some_and(|began| began >= from))
        };
        Outcome {
            offered: self.calls.len() as u64,
            served_per_s: self.calls.iter().filter(late).count() as f64 / (time.as_secs_f64() * 2.0 / 3.0),
            served: in_state(&[State::Served]),
            refused: in_state(&[State::Refused]),
            unfinished: in_state(&[State::Taken, State::Talking, State::Leaving]),
            silent: in_state(&[State::Asked]),
            refusals: self.calls.iter().filter_map(refused).collect(),
            ..self.out
        }
    }
}
