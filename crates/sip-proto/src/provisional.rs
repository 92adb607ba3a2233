//! Reliable provisional responses (RFC 3262): in which order they are taken, and how they are sent until they are acknowledged.
//!
//! Every row of the tables in `docs/specs/sip-session.md` is a test with the row's name.

use std::time::Duration;

use sip_msg::{HeaderId, Message, Method};
use smallvec::SmallVec;

use crate::Timers;

/// The RSeq number of a response that is sent reliably (§4): above 100, with `Require: 100rel`.
pub fn rseq(response: &Message) -> Option<u32> {
    let provisional = response
        .status()
        .is_some_and(|status| (101..200).contains(&status));
    let reliable = provisional && response.has_token(HeaderId::Require, "100rel");
    response.number(HeaderId::RSeq).filter(|_| reliable)
}

/// What a PRACK acknowledges (§7.2): the response's RSeq, and the CSeq number of its INVITE.
pub fn rack(prack: &Message) -> Option<(u32, u32)> {
    let value = std::str::from_utf8(prack.header(HeaderId::RAck)?).ok()?;
    let mut words = value.split_ascii_whitespace();
    let (rseq, cseq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let invite = words.next()?.as_bytes() == Method::Invite.as_bytes();
    (invite && words.next().is_none()).then_some((rseq, cseq))
}

/// What a response that came is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one: acknowledge it.
    Next,
    /// One that is acknowledged already.
    Again,
    /// One before it is missing: not acknowledged, so that it comes again.
    Ahead,
}

/// The order of the reliable responses within one early dialog (§4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    last: Option<u32>,
}

impl Arrivals {
    /// A response with this RSeq has come.
    pub fn on(&mut self, rseq: u32) -> Arrival {
        match self.last {
            Some(last) if rseq <= last => return Arrival::Again,
            Some(last) if rseq - last > 1 => return Arrival::Ahead,
            Some(_) | None => {}
        }
        self.last = Some(rseq);
        Arrival::Next
    }
}

/// What a [`Sender`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A response is to be sent.
    Response,
    /// A PRACK for this RSeq of our INVITE's came.
    Prack(u32),
    /// The timer fired.
    Repeat,
    /// A final response is sent: nothing is repeated any more.
    Final,
}

/// What it wants done, in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the response with this RSeq.
    Send(u32),
    /// Keep the response until its turn.
    Keep,
    /// Send the same again.
    Repeat,
    /// Start the timer.
    Start(Duration),
    /// Stop it.
    Stop,
    /// The response is acknowledged; take the next that was kept, if there is one, as [`Input::Response`].
    Acknowledged,
    /// The PRACK is about nothing that was sent: 481 (§3).
    Unmatched,
    /// It was never acknowledged: refuse the INVITE with 504 (§3: a 5xx).
    GiveUp,
}

/// The responses to one INVITE that are sent reliably, one at a time (§3).
#[derive(Clone, Debug)]
pub struct Sender {
    state: State,
    /// The last RSeq that was used.
    rseq: u32,
    interval: Duration,
    passed: Duration,
}

/// Where a [`Sender`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All that was sent is acknowledged.
    Idle,
    /// One is on its way.
    Waiting,
    /// The INVITE has its final response, and the PRACK of one before may still come (§3).
    Late,
    /// There is nothing to come.
    Over,
}

impl Sender {
    /// Begins to count somewhere in the lower half of the numbers that there are, as §3 wants it.
    pub fn new(random: u64) -> Self {
        Self {
            state: State::Idle,
            rseq: (random as u32) >> 1,
            interval: Duration::ZERO,
            passed: Duration::ZERO,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes an input.
    pub fn on(&mut self, input: Input, timers: &Timers) -> SmallVec<[Action; 3]> {
        let mut actions = SmallVec::new();
        match (self.state, input) {
            (State::Idle, Input::Response) => {
                self.state = State::Waiting;
                self.rseq = self.rseq.saturating_add(1);
                (self.interval, self.passed) = (timers.t1, Duration::ZERO);
                actions.extend([Action::Send(self.rseq), Action::Start(self.interval)]);
            }
            (State::Waiting, Input::Response) => actions.push(Action::Keep),
            (State::Waiting, Input::Prack(rseq)) if rseq == self.rseq => {
                self.state = State::Idle;
                actions.extend([Action::Stop, Action::Acknowledged]);
            }
            (State::Waiting, Input::Repeat) => self.repeat(timers, &mut actions),
            (State::Waiting, Input::Final) => {
                self.state = State::Late;
                actions.push(Action::Stop);
            }
            (State::Late, Input::Prack(rseq)) if rseq == self.rseq => {
                self.state = State::Over;
                actions.push(Action::Acknowledged);
            }
            (State::Idle, Input::Final) => self.state = State::Over,
            (_, Input::Prack(_)) => actions.push(Action::Unmatched),
            (State::Idle, Input::Repeat)
            | (State::Late | State::Over, Input::Response | Input::Repeat | Input::Final) => {}
        }
        actions
    }

    /// The interval doubles without a bound, up to 64·T1 in all.
    fn repeat(&mut self, timers: &Timers, actions: &mut SmallVec<[Action; 3]>) {
        self.passed += self.interval;
        let left = timers.transaction().saturating_sub(self.passed);
        if left.is_zero() {
            self.state = State::Over;
            actions.push(Action::GiveUp);
            return;
        }
        self.interval = (self.interval * 2).min(left);
        actions.extend([Action::Repeat, Action::Start(self.interval)]);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Action::*;
    use super::*;

    const T1: Duration = Duration::from_millis(500);

    fn at(state: State) -> Sender {
        Sender {
            state,
            rseq: 7,
            interval: T1,
            passed: Duration::ZERO,
        }
    }

    /// A test per row: state, input, actions, state after.
    macro_rules! rows {
        ($($name:ident: $state:expr, $input:expr => [$($action:expr),*], $after:expr;)*) => {
            $(
                #[test]
                fn $name() {
                    let mut sender = at($state);
                    let actions = sender.on($input, &Timers::default());
                    let expected: &[Action] = &[$($action),*];
                    assert_eq!(actions.as_slice(), expected);
                    assert_eq!(sender.state(), $after);
                }
            )*
        };
    }

    rows! {
        rp_idle_response: State::Idle, Input::Response => [Send(8), Start(T1)], State::Waiting;
        rp_idle_prack: State::Idle, Input::Prack(7) => [Unmatched], State::Idle;
        rp_idle_final: State::Idle, Input::Final => [], State::Over;
        rp_idle_timer: State::Idle, Input::Repeat => [], State::Idle;
        rp_waiting_response: State::Waiting, Input::Response => [Keep], State::Waiting;
        rp_waiting_prack: State::Waiting, Input::Prack(7) => [Stop, Acknowledged], State::Idle;
        rp_waiting_other_prack: State::Waiting, Input::Prack(6) => [Unmatched], State::Waiting;
        rp_waiting_timer: State::Waiting, Input::Repeat => [Repeat, Start(T1 * 2)], State::Waiting;
        rp_waiting_final: State::Waiting, Input::Final => [Stop], State::Late;
        rp_late_prack: State::Late, Input::Prack(7) => [Acknowledged], State::Over;
        rp_late_other_prack: State::Late, Input::Prack(8) => [Unmatched], State::Late;
        rp_late_response: State::Late, Input::Response => [], State::Late;
        rp_over_response: State::Over, Input::Response => [], State::Over;
        rp_over_prack: State::Over, Input::Prack(7) => [Unmatched], State::Over;
        rp_over_timer: State::Over, Input::Repeat => [], State::Over;
        rp_over_final: State::Over, Input::Final => [], State::Over;
    }

    #[test]
    fn rp_waiting_gives_up_after_64_t1() {
        let timers = Timers::default();
        let mut sender = at(State::Idle);
        let mut actions = sender.on(Input::Response, &timers);
        let (mut passed, mut sent) = (Duration::ZERO, 1);
        while let Some(Start(after)) = actions.last().copied() {
            passed += after;
            actions = sender.on(Input::Repeat, &timers);
            sent += usize::from(actions.contains(&Repeat));
        }
        assert_eq!((passed, sent), (T1 * 64, 7));
        assert_eq!((actions.as_slice(), sender.state()), (&[GiveUp][..], State::Over));
    }

    #[test]
    fn rp_first_number_is_in_the_lower_half() {
        for random in [0, 1, u64::MAX] {
            let mut sender = Sender::new(random);
            let actions = sender.on(Input::Response, &Timers::default());
            assert!(matches!(actions[0], Send(1..=0x8000_0000)), "{actions:?}");
        }
    }

    #[test]
    fn ra_arrivals_are_taken_in_order() {
        let mut arrivals = Arrivals::default();
        for (rseq, arrival) in [
            (4711, Arrival::Next),
            (4711, Arrival::Again),
            (4713, Arrival::Ahead),
            (4712, Arrival::Next),
            (4711, Arrival::Again),
            (4713, Arrival::Next),
            (1, Arrival::Again),
        ] {
            assert_eq!(arrivals.on(rseq), arrival, "{rseq}");
        }
    }

    fn parse(text: &str) -> Message {
        let via = "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\n";
        let text = text.replacen("\r\n", &format!("\r\n{via}"), 1) + "Content-Length: 0\r\n\r\n";
        sip_msg::parse(Bytes::from(text), &sip_msg::Limits::default()).unwrap()
    }

    #[test]
    fn ra_what_is_reliable() {
        for (text, number) in [
            (
                "SIP/2.0 183 X\r\nCSeq: 1 INVITE\r\nRequire: 100rel\r\nRSeq: 4711\r\n",
                Some(4711),
            ),
            ("SIP/2.0 183 X\r\nCSeq: 1 INVITE\r\nRSeq: 4711\r\n", None),
            ("SIP/2.0 183 X\r\nCSeq: 1 INVITE\r\nRequire: 100rel\r\n", None),
            (
                "SIP/2.0 100 X\r\nCSeq: 1 INVITE\r\nRequire: 100rel\r\nRSeq: 1\r\n",
                None,
            ),
            (
                "SIP/2.0 200 X\r\nCSeq: 1 INVITE\r\nRequire: 100rel\r\nRSeq: 1\r\n",
                None,
            ),
        ] {
            assert_eq!(rseq(&parse(text)), number, "{text}");
        }
        for (value, meant) in [
            ("4711 1 INVITE", Some((4711, 1))),
            ("4711  1\tINVITE", Some((4711, 1))),
            ("4711 1 UPDATE", None),
            ("4711 1", None),
            ("4711 INVITE", None),
            ("4711 1 INVITE x", None),
            ("99999999999 1 INVITE", None),
        ] {
            let prack = format!("PRACK sip:b@h SIP/2.0\r\nCSeq: 2 PRACK\r\nRAck: {value}\r\n");
            assert_eq!(rack(&parse(&prack)), meant, "{value}");
        }
    }
}
